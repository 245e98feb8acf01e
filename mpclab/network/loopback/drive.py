"""Drive a protocol over a mesh, and put together what all parties noted down.

The coroutine is the one that the simulation runs: `Endpoint.drive` yields turns, whose envelopes
go out over the sockets, and is sent the bytes that it waits for. Every party notes what it sent,
what arrived when, and how long it computed, in seconds since the barrier at the start of the run;
`merged` makes the one transcript of it.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field as dataclass_field, replace
from typing import Any, cast

from mpclab.errors import Deadlock, InputError, MpclabError
from mpclab.network.endpoint import Endpoint, Turn, is_server
from mpclab.network.loopback.mesh import Late, Mesh
from mpclab.network.transcript import Activity, Record, Transcript

__all__ = ["Leg", "drive", "merged"]


@dataclass
class Leg:
    """One party's side of one run; never any content of a message.

    Attributes
    ----------
    party : str
    result : object
        What its protocol returned.
    error : Exception or None
        What stopped it.
    seconds : float
        From the barrier to its end.
    computing : float
        What it computed itself in that time.
    """

    party: str
    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    computing: float = 0.0
    sent: list[Record] = dataclass_field(default_factory=list)
    arrivals: dict[str, list[float]] = dataclass_field(default_factory=dict)
    activities: list[Activity] = dataclass_field(default_factory=list)
    #: for each activity, the messages that it waited for: (sender, how many came before it)
    consumed: list[tuple[tuple[str, int], ...]] = dataclass_field(default_factory=list)
    #: openings that no MAC check has covered yet, where they are to be handed back
    unchecked: Any = ()


def drive(
    mesh: Mesh, endpoint: Endpoint, protocol: Coroutine[Any, Any, Any], timeout: float
) -> Leg:
    """Run one party's protocol, from a barrier of all parties to its end."""
    leg = Leg(endpoint.name)
    deadline = time.perf_counter() + timeout
    run = _Run(mesh, endpoint, leg, deadline)
    try:
        run.start()
        leg.result = run.through(protocol)
    except Late as late:
        leg.error = Deadlock(
            f"{endpoint.name} is at step {run.label!r} and waits for {', '.join(late.peers)}: "
            f"nothing came within {timeout:g} s"
        )
    except Exception as error:
        leg.error = error
    finally:
        protocol.close()
    run.end()
    with contextlib.suppress(Late):  # whoever did not end is the one to complain about
        mesh.finish(deadline + 0.5)
    return leg


class _Run:
    """A run in progress: its label, its clock, its notes."""

    def __init__(self, mesh: Mesh, endpoint: Endpoint, leg: Leg, deadline: float) -> None:
        self.mesh, self.endpoint, self.leg, self.deadline = mesh, endpoint, leg, deadline
        self.label = "start"
        self.origin = time.perf_counter()
        self._own: deque[bytes] = deque()

    def start(self) -> None:
        if not self.mesh.barrier(self.deadline):
            raise self.endpoint.silence(self.label)
        self.origin = time.perf_counter()

    def end(self) -> None:
        self.leg.seconds = time.perf_counter() - self.origin

    def through(self, protocol: Coroutine[Any, Any, Any]) -> Any:
        work = self.endpoint.drive(protocol)
        inbox: Any = None
        consumed: tuple[tuple[str, int], ...] = ()
        try:
            while True:
                begun = time.perf_counter()
                turn, result = None, None
                try:
                    turn = work.send(inbox)
                    self.label = turn.label
                except StopIteration as stop:
                    result = stop.value
                self._note(begun, time.perf_counter(), consumed)
                if turn is None:
                    return result
                inbox, consumed = self._messages(turn)
        finally:
            work.close()

    def _note(self, begun: float, ended: float, consumed: tuple[tuple[str, int], ...]) -> None:
        e, leg = self.endpoint, self.leg
        leg.computing += ended - begun
        leg.consumed.append(consumed)
        leg.activities.append(
            Activity(
                e.session, e.phase, self.label, e.name, begun - self.origin, ended - self.origin
            )
        )

    def _messages(self, turn: Turn) -> tuple[dict[str, Any], tuple[tuple[str, int], ...]]:
        """Send what a turn sends and wait for what it waits for."""
        leg, name = self.leg, self.endpoint.name
        sends = []
        now = time.perf_counter() - self.origin
        for e in turn.envelopes:
            if e.receiver == name:
                self._own.append(e.data)
                continue
            if e.receiver not in self.mesh.peers:
                raise InputError(
                    f"step {e.label!r} sends to {e.receiver!r}, who takes no part in this run: "
                    f"{name} is connected to {', '.join(self.mesh.peers)}"
                )
            sends.append((e.receiver, e.data))
            leg.sent.append(
                Record(
                    e.session, e.phase, e.label, e.round, name, e.receiver, e.kind, len(e.data),
                    e.count, now, now, e.elements, len(leg.activities) - 1,
                )
            )
        others = [s for s in turn.waits_for if s != name and s in self.mesh.peers]
        arrived = self.mesh.exchange(sends, others, self.deadline)
        inbox: dict[str, Any] = {}
        consumed = []
        for sender in turn.waits_for:
            frame = arrived.get(sender)
            if sender == name:
                inbox[sender] = self._own.popleft()
            elif frame is not None:
                times = leg.arrivals.setdefault(sender, [])
                consumed.append((sender, len(times)))
                times.append(frame.at - self.origin)
                inbox[sender] = cast(bytes, frame.data)  # read-only: the codec reads either
            elif self.endpoint.is_server and not is_server(sender):
                inbox[sender] = None  # a client that keeps silent
            else:
                raise self.endpoint.silence(turn.label)
        return inbox, tuple(consumed)


def merged(legs: Sequence[Leg]) -> Transcript:
    """One transcript of all parties' notes, in an order in which causes come first.

    Every party's seconds count from its own passing of the barrier; these differ by less than a
    message takes.
    """
    out = Transcript()
    numbers: dict[tuple[str, str, int], int] = {}  # (sender, receiver, how many before) -> record
    arrivals = {leg.party: leg.arrivals for leg in legs}
    outgoing = {leg.party: _by_activity(leg) for leg in legs}
    at = dict.fromkeys(arrivals, 0)
    progress = True
    while progress:
        progress = False
        for leg in legs:
            while (i := at[leg.party]) < len(leg.activities):
                needs = [(sender, leg.party, k) for sender, k in leg.consumed[i]]
                if not all(key in numbers for key in needs):
                    break
                at[leg.party], progress = i + 1, True
                number = len(out.activities)
                consumed = tuple(numbers[key] for key in needs)
                out.activities.append(replace(leg.activities[i], consumed=consumed, run=1))
                for k, r in outgoing[leg.party].get(i, ()):
                    times = arrivals.get(r.receiver, {}).get(r.sender, [])
                    arrived = max(r.sent_at, times[k]) if k < len(times) else r.sent_at
                    numbers[r.sender, r.receiver, k] = len(out.records)
                    out.records.append(replace(r, received_at=arrived, sent_in=number))
    if any(at[leg.party] < len(leg.activities) for leg in legs):
        raise MpclabError("a message was received that nobody has noted as sent")
    return out


def _by_activity(leg: Leg) -> dict[int, list[tuple[int, Record]]]:
    """What a party sent at the end of each activity; and how many it sent the receiver before."""
    before: Counter[str] = Counter()
    out: dict[int, list[tuple[int, Record]]] = {}
    for record in leg.sent:
        out.setdefault(record.sent_in, []).append((before[record.receiver], record))
        before[record.receiver] += 1
    return out
