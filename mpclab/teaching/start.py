"""Chapter 00: a small recommendation, from preprocessing to result, and its messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from mpclab import datasets, style
from mpclab.arguments import whole
from mpclab.datasets import Ratings
from mpclab.diagram import Diagram, sequence_diagram
from mpclab.network.conditions import LAN
from mpclab.teaching.canvas import Page
from mpclab.teaching.clock import on_network

if TYPE_CHECKING:
    from mpclab.experiments import Run

__all__ = [
    "LEAST_USERS",
    "MOST_SERVERS",
    "MOST_USERS",
    "Small",
    "recommend_among",
    "small_recommendation",
]

LEAST_USERS, MOST_USERS = 10, 1_000  # of so few as 10 somebody is similar
MOST_SERVERS = 10
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


@lru_cache(maxsize=1)
def _people() -> Ratings:
    return datasets.synthetic(MOST_USERS, _ITEMS, _SEED)


def recommend_among(servers: int, users: int) -> Run:
    """A seeded recommendation among the first of 1,000 synthetic users, uploads without proofs.

    >>> recommend_among(2, 20).summary["rounds"]
    8
    """
    from mpclab.experiments import recommendation

    data = _people().select(users=users, items=_ITEMS)
    return recommendation(data, servers=servers, seed=_SEED, validated=False)


def small_recommendation(servers: int = 3, users: int = 200) -> Small:
    """Run a private recommendation among synthetic users, from preprocessing to result.

    The same arguments give the same page: the lab is seeded, and the messages' times are those of
    the network alone, without the time that computing took. Users upload without the proofs of
    chapter 05, which are no part of what is shown. More users are the same people and some more.

    Parameters
    ----------
    servers : int
        2 to 10.
    users : int
        10 to 1,000.

    Raises
    ------
    InputError
        If there are too few or too many of either.

    Examples
    --------
    >>> small = small_recommendation(servers=3, users=100)
    >>> small.rounds, small.matches, small.diagram
    (8, True, Diagram(54 messages in 10 rows, 8 rounds between 3 servers))
    """
    return _recommended(
        whole("servers", servers, 2, MOST_SERVERS), whole("users", users, LEAST_USERS, MOST_USERS)
    )


@lru_cache(maxsize=64)
def _recommended(servers: int, users: int) -> Small:
    run = recommend_among(servers, users)
    lab, online = run.recommender.lab, run.result.session
    return Small(
        servers=servers,
        users=users,
        neighbours=run.result.neighbours,
        matches=bool(run.summary["matches_plaintext"]),
        rounds=lab.transcript.rounds(online, "online"),
        sent_per_server=lab.transcript.bytes_sent("server 0", online, "online"),
        client_bytes=lab.transcript.client_bytes(online, "online"),
        diagram=sequence_diagram(
            on_network(lab.transcript, LAN, computing="none"), online, "online"
        ),
    )


