"""Chapter 00: a small recommendation, from preprocessing to result, and its messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from mpclab import datasets, style
from mpclab.datasets import Ratings
from mpclab.diagram import Diagram, sequence_diagram
from mpclab.errors import InputError
from mpclab.teaching.canvas import Page

__all__ = ["LEAST_USERS", "MOST_USERS", "Small", "small_recommendation"]

LEAST_USERS, MOST_USERS = 10, 1_000
_ITEMS, _SEED = 60, 7


@dataclass(frozen=True)
class Small(Page):
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
            f"{verdict} to the plaintext."
        )

    @cached_property
    def picture(self) -> Diagram:
        """The online messages."""
        return self.diagram


@lru_cache(maxsize=2)
def _people(users: int) -> Ratings:
    return datasets.synthetic(max(users, MOST_USERS), _ITEMS, _SEED)


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

    if users < LEAST_USERS:
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


