"""What notebooks let people move: controls around pure functions. ipywidgets lives only here.

Every widget redraws what a pure function returns; a notebook calls that function once with fixed
arguments before it shows the widget, so that a page without a kernel shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import ipywidgets

from mpclab import datasets, style
from mpclab.datasets import Ratings
from mpclab.diagram import Diagram, sequence_diagram
from mpclab.errors import InputError, MpclabError

__all__ = ["Small", "StartHere", "small_recommendation", "start_here"]

_ITEMS, _SEED, _MOST = 60, 7, 1_000


@dataclass(frozen=True)
class Small:
    """A small private recommendation: what it cost, and its messages online.

    Attributes
    ----------
    servers, users : int
    neighbours : int
        How many users were similar enough to the requester.
    matches : bool
        Whether the result equals that of the plaintext computation.
    rounds : int
        Between servers, online.
    sent_per_server, client_bytes : int
        Bytes online: what a server sent to the others; what the requester sent and received.
    diagram : Diagram
        The online messages.
    """

    servers: int
    users: int
    neighbours: int
    matches: bool
    rounds: int
    sent_per_server: int
    client_bytes: int
    diagram: Diagram

    def __repr__(self) -> str:
        return self.sentence()

    def sentence(self) -> str:
        """The numbers in words."""
        verdict = "equal" if self.matches else "NOT EQUAL"
        return (
            f"{self.servers} servers, {self.users:,} users: "
            f"{style.plural(self.neighbours, 'neighbour')}, {style.plural(self.rounds, 'round')}, "
            f"{style.size(self.sent_per_server)} sent by each server, "
            f"{style.size(self.client_bytes)} to and from the requester; "
            f"{verdict} to the plaintext"
        )

    def html(self) -> str:
        """The numbers, announced by screen readers when they change, above the diagram."""
        return f'<p role="status">{escape(self.sentence())}.</p>{self.diagram.svg}'

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.sentence())}.</p>{self.diagram._repr_html_()}"


@lru_cache(maxsize=2)
def _people(users: int) -> Ratings:
    return datasets.synthetic(max(users, _MOST), _ITEMS, _SEED)


def small_recommendation(servers: int = 3, users: int = 200) -> Small:
    """Run a private recommendation among synthetic users, from preprocessing to result.

    The same arguments give the same messages: the lab is seeded. More users are the same people
    and some more.

    Parameters
    ----------
    servers : int
        At least 2.
    users : int
        At least 10.

    Raises
    ------
    InputError
        If there are too few of either.

    Examples
    --------
    >>> small = small_recommendation(servers=3, users=100)
    >>> small.rounds, small.matches, small.diagram
    (8, True, Diagram(54 messages in 10 rows, 8 rounds between 3 servers))
    """
    from mpclab.experiments import recommendation

    if users < 10:
        raise InputError(f"users is {users}: it takes at least 10, so that somebody is similar")
    data = _people(users).select(users=users, items=_ITEMS)
    run = recommendation(data, servers=servers, seed=_SEED)
    lab, online = run.recommender.lab, run.result.session
    return Small(
        servers=servers,
        users=users,
        neighbours=run.result.neighbours,
        matches=bool(run.summary["matches_plaintext"]),
        rounds=lab.transcript.rounds(online, "online"),
        sent_per_server=lab.transcript.bytes_sent("server 0", online, "online"),
        client_bytes=lab.transcript.client_bytes(online, "online"),
        diagram=sequence_diagram(lab.transcript, online, "online"),
    )


class StartHere(ipywidgets.VBox):
    """Two sliders above the messages of a small recommendation, which follow them.

    Attributes
    ----------
    servers, users : IntSlider
    picture : HTML
    """

    def __init__(self, servers: int = 3, users: int = 200) -> None:
        wide = ipywidgets.Layout(width="420px")
        self.servers = ipywidgets.IntSlider(
            servers, min=2, max=10, description="Servers", continuous_update=False, layout=wide,
            tooltip="How many servers compute, 2 to 10",
        )  # fmt: skip
        self.users = ipywidgets.IntSlider(
            users, min=50, max=_MOST, step=50, description="Users", continuous_update=False,
            layout=wide, tooltip="How many users have uploaded ratings, 50 to 1,000",
        )  # fmt: skip
        self.picture = ipywidgets.HTML()
        super().__init__([self.servers, self.users, self.picture])
        for slider in (self.servers, self.users):
            slider.observe(self._redraw, names="value")
        self._redraw()

    def __repr__(self) -> str:
        return "StartHere(sliders for servers and users, and the messages of a recommendation)"

    def _redraw(self, change: Any = None) -> None:
        try:
            small = small_recommendation(self.servers.value, self.users.value)
        except MpclabError as error:  # a sentence in place of the picture, no traceback
            self.picture.value = f'<p role="alert">{escape(str(error))}</p>'
        else:
            self.picture.value = small.html()


def start_here(servers: int = 3, users: int = 200) -> StartHere:
    """Sliders for servers and users; each move runs `small_recommendation` and redraws it.

    Parameters
    ----------
    servers : int
        Where the first slider stands, 2 to 10.
    users : int
        Where the second stands, 50 to 1,000.

    Raises
    ------
    InputError
        If a slider cannot stand there.

    Examples
    --------
    >>> sliders = start_here(servers=2, users=50)
    >>> before = sliders.picture.value
    >>> sliders.servers.value = 4
    >>> sliders.picture.value == before
    False
    """
    for name, value, least, most in (("servers", servers, 2, 10), ("users", users, 50, _MOST)):
        if not least <= value <= most:
            raise InputError(f"{name} is {value}: the slider goes from {least} to {most:,}")
    return StartHere(servers, users)
