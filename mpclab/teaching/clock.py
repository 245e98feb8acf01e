"""The virtual clock taken apart: computing by a declared model, and what the critical path is of.

A recorded transcript is timed again under other conditions, without running anything. What the
computing took on some machine differs from run to run; a figure that is to be the same everywhere
takes it from a model instead, which is as plain as it can be:

    whenever a party goes on after waiting, 50 µs; and 10 ns per byte of the largest message that it
    has read or is about to send.

That is the right order of magnitude for this package on a machine of today, and no measurement.

>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> answer = lab.secret([42]).reveal()
>>> timed = on_network(lab.transcript, "wan", computing="none")
>>> round(timed.seconds(phase="online") / 0.020, 3)  # six rounds of 20 ms, and some bytes
6.006
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as dataclass_field, replace

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.network.conditions import Conditions, conditions
from mpclab.network.transcript import Activity, Record, Transcript

__all__ = ["COMPUTING", "PER_BYTE", "PER_STEP", "Path", "Stretch", "critical_path", "on_network"]

PER_STEP = 50e-6
"""Seconds of computing whenever a party goes on, by the model."""

PER_BYTE = 10e-9
"""Seconds of computing per byte of the largest message read or sent, by the model."""

COMPUTING = ("model", "measured", "none")
"""Where the time of computing comes from."""


def on_network(
    transcript: Transcript,
    network: str | Conditions,
    computing: str = "model",
    slowed: Mapping[str, float] | None = None,
) -> Transcript:
    """The same messages under other conditions, with the computing of a model, or none.

    Parameters
    ----------
    transcript : Transcript
        What was recorded; it stays as it is.
    network : str or Conditions
        "lan", "wan", "ideal" or conditions of one's own.
    computing : {"model", "measured", "none"}
        What every stretch of computing takes: by the model above, as recorded, or no time at all.
    slowed : mapping of str to float
        By party: how many times as long its computing takes.

    Raises
    ------
    InputError
        If there is no such network or computing, or a factor is not above 0.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=2, seed=1)
    >>> _ = lab.secret([6]) * lab.secret([7])
    >>> microseconds = on_network(lab.transcript, "ideal").seconds(phase="online") * 1e6
    >>> round(microseconds, 2)  # 50 to go on; twice 112 bytes
    52.24
    >>> on_network(lab.transcript, "ideal", "none").seconds(phase="online")
    0.0
    """
    weather = conditions(network)
    if computing not in COMPUTING:
        known = ", ".join(map(repr, COMPUTING))
        raise InputError(f"there is no computing {computing!r}: take one of {known}")
    if slowed is not None and not isinstance(slowed, Mapping):
        raise InputError(f"slowed is {slowed!r}: it takes a factor by party, {{'server 0': 10}}")
    factors = dict(slowed or {})
    for party, factor in factors.items():
        real = is_whole(factor) or isinstance(factor, float)
        if not real or not 0 < factor < float("inf"):
            raise InputError(f"{party} is slowed {factor!r} times: it takes a number above 0")
    largest = [0.0] * len(transcript.activities)
    for r in transcript.records:
        if 0 <= r.sent_in < len(largest):
            largest[r.sent_in] = max(largest[r.sent_in], r.bytes / _each(r, r.sender))
    declared = Transcript()
    declared.records = list(transcript.records)
    for number, a in enumerate(transcript.activities):
        took = a.end - a.start
        if computing != "measured":
            read = [transcript.records[k] for k in a.consumed]
            most = max([largest[number], *(r.bytes / _each(r, r.receiver) for r in read)])
            took = (PER_STEP if read else 0.0) + PER_BYTE * most if computing == "model" else 0.0
        end = took * factors.get(a.party, 1.0)
        declared.activities.append(replace(a, start=0.0, end=end))
    return declared.retimed(weather)


def _each(record: Record, party: str) -> int:
    """How many people one end of a message stands for: a crowd's members compute side by side."""
    return record.count if not party.startswith(("server ", "dealer")) else 1


# -- the critical path ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """A stretch of the critical path.

    Attributes
    ----------
    kind : {"computing", "sending", "latency"}
        Somebody computes; bytes leave, one message after another; or a message is on its way.
    start, end : float
        Seconds.
    sender, receiver : str
        Who computes or sends, and who gets the message that is on its way; one and the same
        except for latency.
    """

    kind: str
    start: float
    end: float
    sender: str
    receiver: str


@dataclass(frozen=True)
class Path:
    """What determines how long a phase takes: a chain in which each had to wait for the one before.

    Attributes
    ----------
    stretches : tuple of Stretch
        In the order of time, without a gap within a run.
    """

    stretches: tuple[Stretch, ...] = dataclass_field(repr=False)

    def total(self, kind: str) -> float:
        """Seconds that the path spends in stretches of a kind."""
        return sum(s.end - s.start for s in self.stretches if s.kind == kind)

    @property
    def latency(self) -> float:
        """Seconds in which the awaited message was on its way."""
        return self.total("latency")

    @property
    def sending(self) -> float:
        """Seconds in which bytes left, those of the awaited message or others before it."""
        return self.total("sending")

    @property
    def computing(self) -> float:
        """Seconds in which the awaited party computed."""
        return self.total("computing")

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.latency + self.sending + self.computing


def critical_path(
    transcript: Transcript,
    network: str | Conditions,
    phase: str = "online",
    session: str | None = None,
) -> Path:
    """Follow the waiting back from the end of a phase to its beginning.

    Parameters
    ----------
    transcript : Transcript
        Timed under `network`.
    network : str or Conditions
        The conditions under which it was timed: they say how much of a message's time is latency.
    phase : str
    session : str or None
        None takes all.

    Raises
    ------
    InputError
        If nothing happened in this phase, or the transcript has other conditions' times.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=3, seed=1)
    >>> _ = lab.secret([6]) * lab.secret([7])
    >>> path = critical_path(on_network(lab.transcript, "wan", "none"), "wan")
    >>> round(path.latency, 6), path.computing, 0 < path.sending < 0.0001
    (0.02, 0.0, True)
    """
    weather = conditions(network)
    runs: dict[int, list[int]] = {}
    for number, a in enumerate(transcript.activities):
        if a.phase == phase and session in (None, a.session):
            runs.setdefault(a.run, []).append(number)
    if not runs:
        known = ", ".join(dict.fromkeys(a.phase for a in transcript.activities)) or "none yet"
        raise InputError(f"nothing happened in the phase {phase!r}: the phases are {known}")
    stretches: list[Stretch] = []
    for numbers in runs.values():
        stretches += _path_of_run(transcript, weather, numbers)
    return Path(tuple(stretches))


def _path_of_run(
    transcript: Transcript, weather: Conditions, numbers: Sequence[int]
) -> list[Stretch]:
    """The path of one run, found from its last event backwards."""
    activities, records = transcript.activities, transcript.records
    before: dict[int, int] = {}  # the same party's activity before
    last: dict[str, int] = {}
    for number in numbers:
        party = activities[number].party
        if party in last:
            before[number] = last[party]
        last[party] = number
    at: int | None = max(numbers, key=lambda k: activities[k].end)
    out: list[Stretch] = []
    while at is not None:
        a = activities[at]
        out.append(Stretch("computing", a.start, a.end, a.party, a.party))
        awaited = max(a.consumed, key=lambda k: records[k].received_at, default=None)
        own = before.get(at)
        if awaited is None or _later(activities, own, records[awaited]):
            at = own
            continue
        r = records[awaited]
        left = r.received_at - weather.delay(r.sender, r.receiver, awaited)
        ready = activities[r.sent_in].end
        if left < ready - 1e-9:
            raise InputError(
                f"the message {r.kind!r} of {r.sender} would have left before it was made: the "
                f"transcript was timed under other conditions than {weather!r}"
            )
        out.append(Stretch("latency", left, r.received_at, r.sender, r.receiver))
        out.append(Stretch("sending", min(ready, left), left, r.sender, r.sender))
        at = r.sent_in
    return out[::-1]


def _later(activities: Sequence[Activity], own: int | None, awaited: Record) -> bool:
    """Whether a party was still busy itself when the last message came that it needed."""
    return own is not None and activities[own].end > awaited.received_at
