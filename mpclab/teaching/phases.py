"""A private recommendation's four phases under any conditions: who waits for whom, and what for.

A recommendation runs in a seeded lab, once for each number of servers and users; its transcript is
then timed again under every conditions that are asked for (`mpclab.teaching.clock`), which takes
milliseconds. Nothing is run again when a latency changes.

>>> phases = phase_map(servers=3, users=200, latency_ms=20, bandwidth_mbit=100)
>>> phases
PhaseMap(3 servers, 200 users, 20 ms, 100 Mbit/s: online 202 ms, 8 rounds)
>>> online = phases.cost("online")
>>> online.rounds, online.messages, round(online.latency, 6)  # the query's way, and the result's
(8, 48, 0.2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from mpclab import style
from mpclab.arguments import number, whole
from mpclab.errors import InputError
from mpclab.network.conditions import Conditions
from mpclab.network.transcript import Transcript
from mpclab.style import PHASES
from mpclab.teaching.canvas import Drawing, Page
from mpclab.teaching.clock import COMPUTING, Path, critical_path, on_network
from mpclab.teaching.phase_picture import draw
from mpclab.teaching.start import LEAST_USERS, MOST_SERVERS, MOST_USERS, recommend_among

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MOST_SERVERS", "MOST_USERS", "SLOW_LINK", "SLOW_SERVER", "TROUBLES", "PhaseCost", "PhaseMap",
    "phase_map", "rate", "recorded",
]

TROUBLES = ("", "link", "server")
"""Nothing; the link between servers 0 and 1 is slow; server 0 computes slowly."""

SLOW_LINK, SLOW_SERVER = 10, 100
"""How many times the latency of a slow link, and the computing of a slow server."""

_SLOWEST = 10_000  # milliseconds
_NARROWEST, _FASTEST = 0.001, 1_000_000  # megabits per second


@lru_cache(maxsize=1)
def _warmed_up() -> None:
    """Run once for nothing, so that what is measured later is not the loading of code."""
    recommend_among(servers=2, users=20)


def recorded(servers: int, users: int) -> Transcript:
    """The transcript of a recommendation among the first `users` of 1,000 synthetic users.

    Sixty items, of which 20 serve for similarity; uploads without proofs of validity.

    Parameters
    ----------
    servers : int
        2 to 10.
    users : int
        10 to 1,000.

    Raises
    ------
    InputError
        If there are fewer or more.
    """
    return _recorded(
        whole("servers", servers, 2, MOST_SERVERS), whole("users", users, LEAST_USERS, MOST_USERS)
    )


@lru_cache(maxsize=24)
def _recorded(servers: int, users: int) -> Transcript:
    _warmed_up()
    return recommend_among(servers, users).recommender.lab.transcript


@dataclass(frozen=True)
class PhaseCost:
    """What one phase costs.

    Attributes
    ----------
    phase : str
    seconds : float
        From its beginning until the last party has done its part.
    latency, sending, computing : float
        The same seconds, by what the critical path is made of: an awaited message is on its way,
        bytes leave, an awaited party computes.
    rounds, messages : int
        Between servers.
    server_bytes : int
        What server 0 sends to all other servers together.
    all_bytes : int
        What all servers send to each other.
    outside_bytes : int
        What goes to or from users, the requester and the dealer, all together.
    """

    phase: str
    seconds: float
    latency: float
    sending: float
    computing: float
    rounds: int
    messages: int
    server_bytes: int
    all_bytes: int
    outside_bytes: int


@dataclass(frozen=True)
class PhaseMap(Page):
    """Four phases of a recommendation under some conditions, and one of them in detail.

    Attributes
    ----------
    servers, users : int
    latency_ms, bandwidth_mbit : float
        One way, in milliseconds; in megabits per second.
    phase : str
        Which one is drawn in detail.
    computing : str
        Where the time of computing comes from: "model", "measured" or "none".
    trouble : str
        What is slow: "", "link" or "server".
    conditions : Conditions
    transcript : Transcript
        What was recorded, timed under these conditions.
    """

    servers: int
    users: int
    latency_ms: float
    bandwidth_mbit: float
    phase: str
    computing: str
    trouble: str
    conditions: Conditions = dataclass_field(repr=False)
    transcript: Transcript = dataclass_field(repr=False)

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """The critical path of every phase."""
        return {p: critical_path(self.transcript, self.conditions, p) for p in PHASES}

    @cached_property
    def costs(self) -> tuple[PhaseCost, ...]:
        """What every phase costs, in their order."""
        return tuple(self._cost(phase) for phase in PHASES)

    def _cost(self, phase: str) -> PhaseCost:
        records, path = list(self.transcript.select(phase=phase)), self.paths[phase]
        among = [r for r in records if r.between_servers]
        return PhaseCost(
            phase=phase,
            seconds=self.transcript.seconds(phase=phase),
            latency=path.latency,
            sending=path.sending,
            computing=path.computing,
            rounds=self.transcript.rounds(phase=phase),
            messages=len(among),
            server_bytes=sum(r.bytes for r in among if r.sender == "server 0"),
            all_bytes=sum(r.bytes for r in among),
            outside_bytes=sum(r.bytes for r in records if not r.between_servers),
        )

    def cost(self, phase: str) -> PhaseCost:
        """What one phase costs.

        Raises
        ------
        InputError
            If there is no such phase.
        """
        return self.costs[PHASES.index(_checked("phase", phase, PHASES))]

    def frame(self) -> pd.DataFrame:
        """A row per phase: milliseconds, rounds, messages and bytes, as in `PhaseCost`."""
        import pandas as pd

        rows = [
            {
                "phase": c.phase,
                **{f"{k} ms": round(1e3 * v, 1) for k, v in (
                    ("total", c.seconds), ("latency", c.latency), ("sending", c.sending),
                    ("computing", c.computing))},
                "rounds": c.rounds,
                "messages": c.messages,
                "bytes of server 0": c.server_bytes,
                "bytes of all servers": c.all_bytes,
                "bytes outside": c.outside_bytes,
            }
            for c in self.costs
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index("phase")

    def __repr__(self) -> str:
        online = self.cost("online")
        return (
            f"PhaseMap({self.servers} servers, {self.users:,} users, {self._weather()}: online "
            f"{style.duration(online.seconds)}, {online.rounds} rounds)"
        )

    def _weather(self) -> str:
        return f"{_plain(self.latency_ms)} ms, {rate(self.bandwidth_mbit)}"

    def sentence(self) -> str:
        """The map in words."""
        c = self.cost(self.phase)
        told = (
            f"{self.servers} servers, {style.plural(self.users, 'user')}; {_plain(self.latency_ms)}"
            f" ms one way, {rate(self.bandwidth_mbit)}. {_WAITS[self.phase]} "
            f"{style.duration(c.seconds)}. On the critical path: {style.duration(c.latency)} "
            f"latency, {style.duration(c.sending)} sending, {style.duration(c.computing)} "
            "computing."
        )
        if self.trouble == "link":
            told += (
                f" The link between servers 0 and 1 has {SLOW_LINK} times the latency."
                if self.latency_ms else
                " A slow link between servers 0 and 1 changes nothing: there is no latency."
            )
        elif self.trouble == "server":
            told += (
                f" Server 0 computes {SLOW_SERVER} times as long as the others."
                if self.computing != "none" else
                " A slow server 0 changes nothing: computing takes no time here."
            )
        return told

    def note(self) -> str:
        """Where the time of computing comes from."""
        return {
            "model": "Computing by a fixed model, not measured: 50 µs whenever a party goes on, "
            "and 10 ns per byte of the largest message that it read or sends.",
            "measured": "Computing as it was measured in one run on this machine, with whatever "
            "else the machine did; another run measures something else.",
            "none": "Computing takes no time here: what is left is the network.",
        }[self.computing]

    @cached_property
    def picture(self) -> Drawing:
        """All phases in numbers, and one of them in time."""
        return draw(self)


_WAITS = {
    "preprocess": "Preprocessing, for which nobody waits, takes",
    "upload": "The upload, once for all users together, takes",
    "prepare": "Preparing a query, before it is there, takes",
    "online": "The requester waits",
}


def phase_map(
    servers: int = 3,
    users: int = 200,
    latency_ms: float = 20,
    bandwidth_mbit: float = 100,
    phase: str = "online",
    computing: str = "model",
    trouble: str = "",
) -> PhaseMap:
    """Time a recorded recommendation under some conditions.

    Parameters
    ----------
    servers : int
        2 to 10.
    users : int
        10 to 1,000.
    latency_ms : float
        Milliseconds, one way, of every link; 0 to 10,000.
    bandwidth_mbit : float
        Megabits per second of every party's link; 0.001 to 1,000,000.
    phase : {"preprocess", "upload", "prepare", "online"}
        Which one is drawn in detail.
    computing : {"model", "measured", "none"}
        What computing takes; see `mpclab.teaching.clock`.
    trouble : {"", "link", "server"}
        Nothing; ten times the latency between servers 0 and 1; or a server 0 that computes a
        hundred times as long.

    Raises
    ------
    InputError
        If a number is out of its range, or a name is none of those.

    Examples
    --------
    >>> print(phase_map(latency_ms=0.1, bandwidth_mbit=1000).sentence())
    3 servers, 200 users; 0.1 ms one way, 1 Gbit/s. The requester waits 1.7 ms. On the critical
    path: 1 ms latency, 104 µs sending, 588 µs computing.
    >>> near, far = (phase_map(servers=n, computing="none").cost("online") for n in (2, 10))
    >>> near.rounds, far.rounds, near.messages, far.messages
    (8, 8, 16, 720)
    """
    servers = whole("servers", servers, 2, MOST_SERVERS)
    users = whole("users", users, LEAST_USERS, MOST_USERS)
    latency_ms = number("latency_ms", latency_ms, 0, _SLOWEST)
    bandwidth_mbit = number("bandwidth_mbit", bandwidth_mbit, _NARROWEST, _FASTEST)
    _checked("phase", phase, PHASES)
    _checked("computing", computing, COMPUTING)
    _checked("trouble", trouble, TROUBLES)
    latency, bandwidth = latency_ms / 1e3, bandwidth_mbit * 1e6
    slow = (SLOW_LINK * latency, bandwidth)
    pairs = (("server 0", "server 1"), ("server 1", "server 0")) if trouble == "link" else ()
    network = Conditions("slider", latency, bandwidth, links=dict.fromkeys(pairs, slow))
    timed = on_network(
        recorded(servers, users), network, computing,
        {"server 0": SLOW_SERVER} if trouble == "server" else None,
    )  # fmt: skip
    return PhaseMap(
        servers, users, latency_ms, bandwidth_mbit, phase, computing, trouble, network, timed
    )


def _checked(what: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InputError(f"there is no {what} {value!r}: take one of {', '.join(map(repr, known))}")
    return str(value)


def _plain(value: float) -> str:
    return f"{value:g}"


def rate(megabits: float) -> str:
    """A bandwidth as people write it.

    >>> rate(1), rate(10_000)
    ('1 Mbit/s', '10 Gbit/s')
    """
    return f"{megabits / 1000:g} Gbit/s" if megabits >= 1000 else f"{megabits:g} Mbit/s"
