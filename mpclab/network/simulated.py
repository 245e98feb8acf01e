"""The simulated network: all parties in one process, in lockstep, with a virtual clock.

Coroutines are driven with `send()`; there is no event loop, so it works inside Jupyter's, is
deterministic, and sees every party's outgoing messages of a round at once: an adversary is handed
the honest ones before it decides what the corrupt parties send (it may rush).

The clock: each party has its own. Computing advances it by what the computing really took (one
thread); a message leaves when the sender's link is free and arrives as `Conditions` say; a party
that waits resumes at the latest arrival. Nothing sleeps. The last clock is the critical path.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mpclab.errors import Abort, Deadlock, MpclabError, Refused
from mpclab.network.conditions import LAN, Conditions
from mpclab.network.endpoint import Endpoint, Envelope, Turn, is_server
from mpclab.network.transcript import Activity, Record, Transcript

__all__ = ["Adversary", "Flight", "Outcomes", "SimulatedNetwork"]


@dataclass(frozen=True)
class Flight:
    """What an adversary is given once per round, before anything is delivered.

    `honest` are the honest parties' messages that corrupt parties are about to receive; `corrupt`
    are the messages that the corrupt parties would send if they followed the protocol. Copies to
    oneself are among them, since a server's own view follows what it really sent.
    """

    honest: tuple[Envelope, ...]
    corrupt: tuple[Envelope, ...]


Adversary = Callable[[Flight], Iterable[Envelope]]
"""Called once per round; returns what the corrupt parties send."""


class _Actor:
    """A party at work: its generator, its clock, and what it waits for."""

    def __init__(self, endpoint: Endpoint, protocol: Coroutine[Any, Any, Any], clock: float):
        self.endpoint = endpoint
        self.name = endpoint.name
        self.protocol = protocol
        self.work: Generator[Turn, Any, Any] = endpoint.drive(protocol)
        self.clock = clock
        self.link_free_at = clock
        self.turn: Turn | None = None
        self.inbox: Any = None  # what to send next; None starts the generator
        self.consumed: tuple[int, ...] = ()  # the records that the next computing waited for
        self.activity = -1  # the number of its latest computing in the transcript
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def close(self) -> None:
        """End it, wherever it is; what has not begun is closed too."""
        self.work.close()
        self.protocol.close()

    def advance(self) -> tuple[float, float]:
        """Compute up to the next turn; returns when it started and ended."""
        start, begun = self.clock, time.perf_counter()
        try:
            self.turn = self.work.send(self.inbox)
        except StopIteration as stop:
            self.done, self.result = True, stop.value
        except MpclabError as error:
            self.done, self.error = True, error
        self.clock += time.perf_counter() - begun
        return start, self.clock

    @property
    def waits_for(self) -> tuple[str, ...]:
        return self.turn.waits_for if self.turn and not self.done else ()

    @property
    def label(self) -> str:
        return self.turn.label if self.turn else ""


class Outcomes(dict[str, Any]):
    """How a session's run ended: each party's result, or the error that stopped it."""

    def raise_failure(self) -> None:
        """Raise what stopped the servers: a refusal first, and causes before consequences."""
        errors = [v for k, v in self.items() if is_server(k) and isinstance(v, Exception)]
        errors.sort(key=_severity)
        if errors:
            raise errors[0]


def _severity(error: Exception) -> tuple[bool, bool, bool]:
    """Refusals first, then what is no consequence of another's stopping, aborts before others."""
    consequence = getattr(error, "consequence", False)
    return not isinstance(error, Refused), consequence, not isinstance(error, Abort)


class SimulatedNetwork:
    """Carries messages between coroutines of one process and records them.

    Parameters
    ----------
    conditions : Conditions
        What the virtual clock charges for a message.
    adversary : callable or None
        Called once per round with a `Flight`; returns what the corrupt parties send.
    corrupt : iterable of str
        The addresses of the corrupt parties.
    keep_contents : bool
        Whether to keep every message's bytes, for views of what a party received.
    """

    def __init__(
        self,
        conditions: Conditions = LAN,
        adversary: Adversary | None = None,
        corrupt: Iterable[str] = (),
        keep_contents: bool = False,
    ) -> None:
        self.conditions = conditions
        self.adversary = adversary
        self.corrupt = frozenset(corrupt)
        self.keep_contents = keep_contents
        self.transcript = Transcript()
        #: the bytes of every recorded message, by its number in the transcript, if kept
        self.contents: dict[int, bytes] = {}
        self.clock = 0.0
        self._runs = 0

    def run(
        self, phase: str, actors: Iterable[tuple[Endpoint, Coroutine[Any, Any, Any]]]
    ) -> Outcomes:
        """Run all parties' coroutines of one session to their ends.

        Raises
        ------
        Deadlock
            If parties wait for messages that nobody is going to send.
        """
        crew: dict[str, _Actor] = {}
        self._runs += 1
        for endpoint, protocol in actors:
            endpoint.field.warm_up()
            endpoint.phase = phase
            crew[endpoint.name] = _Actor(endpoint, protocol, self.clock)
        queues: dict[tuple[str, str], deque[tuple[float, bytes | None, int]]] = {}
        try:
            while not all(a.done for a in crew.values()):
                sent = self._sweep(crew, queues, phase)
                if sent is None:
                    self._break_silence(crew, queues)
                else:
                    self._deliver(sent, crew, queues)
        except BaseException:  # a deadlock, an interrupt: over for all, begun or not
            for actor in crew.values():
                actor.endpoint.ended = True
            raise
        finally:
            for actor in crew.values():
                actor.close()
            self.clock = max([self.clock, *(a.clock for a in crew.values())])
        return Outcomes({a.name: a.error or a.result for a in crew.values()})

    def _sweep(
        self, crew: Mapping[str, _Actor], queues: dict[Any, Any], phase: str
    ) -> list[tuple[int, Envelope]] | None:
        """Let every party compute until it waits; what they send is a round (None: no one can)."""
        sent: list[tuple[int, Envelope]] = []
        progress = False
        for actor in crew.values():
            while not actor.done and all(queues.get((s, actor.name)) for s in actor.waits_for):
                if actor.turn is not None:
                    taken = {s: queues[s, actor.name].popleft() for s in actor.waits_for}
                    actor.clock = max([actor.clock, *(at for at, _, _ in taken.values())])
                    actor.inbox = {s: data for s, (_, data, _) in taken.items()}
                    actor.consumed = tuple(n for _, _, n in taken.values() if n >= 0)
                progress = True
                start, end = actor.advance()
                actor.activity = number = len(self.transcript.activities)
                self.transcript.activities.append(
                    Activity(
                        actor.endpoint.session, phase, actor.label, actor.name, start, end,
                        actor.consumed, self._runs,
                    )
                )
                if not actor.done and actor.turn is not None:
                    sent += [(number, e) for e in actor.turn.envelopes]
                    if actor.turn.waits_for:
                        break
        return sent if progress else None

    def _deliver(
        self,
        sent: list[tuple[int, Envelope]],
        crew: Mapping[str, _Actor],
        queues: dict[Any, Any],
    ) -> None:
        if self.adversary is not None and self.corrupt:
            honest = [(at, e) for at, e in sent if e.sender not in self.corrupt]
            flight = Flight(
                tuple(e for _, e in honest if e.receiver in self.corrupt),
                tuple(e for _, e in sent if e.sender in self.corrupt),
            )
            mine = self.corrupt & crew.keys()
            chosen = [e for e in self.adversary(flight) if e.sender in mine]
            sent = honest + [(crew[e.sender].activity, e) for e in chosen]
        for activity, e in sent:
            sender = crew[e.sender]
            at = sent_at = arrives = self.transcript.activities[activity].end
            number = -1
            if e.receiver != e.sender:
                # A crowd's clients have a link each; a server's messages share one.
                size = len(e.data) / (e.count if sender.endpoint.crowd > 1 else 1)
                sent_at = max(at, sender.link_free_at)
                number = len(self.transcript.records)
                conditions = self.conditions
                sender.link_free_at = sent_at + conditions.transfer(e.sender, e.receiver, size)
                arrives = sender.link_free_at + conditions.delay(e.sender, e.receiver, number)
                receiver = crew.get(e.receiver)
                count = max(e.count, receiver.endpoint.crowd if receiver else 1)
                self.transcript.records.append(
                    Record(
                        e.session, e.phase, e.label, e.round, e.sender, e.receiver, e.kind,
                        len(e.data), count, sent_at, arrives, e.elements, activity,
                    )
                )
                if self.keep_contents:
                    self.contents[number] = e.data
            queues.setdefault((e.sender, e.receiver), deque()).append((arrives, e.data, number))

    def _break_silence(self, crew: Mapping[str, _Actor], queues: dict[Any, Any]) -> None:
        """Nobody can go on: silent clients are given up, stopped servers abort the others."""
        blocked = [a for a in crew.values() if not a.done]
        missing = {a.name: [s for s in a.waits_for if not queues.get((s, a.name))] for a in blocked}
        for actor in blocked:
            if actor.endpoint.is_server and all(not is_server(s) for s in missing[actor.name]):
                for s in missing[actor.name]:
                    queues.setdefault((s, actor.name), deque()).append((actor.clock, None, -1))
                return
        for actor in blocked:
            if any(s not in crew or crew[s].done for s in missing[actor.name]) or self.adversary:
                actor.done, actor.error = True, actor.endpoint.silence(actor.label)
                actor.close()
                return
        raise Deadlock(
            "nobody can go on: "
            + "; ".join(
                f"{a.name} is at step {a.label!r} and waits for {', '.join(missing[a.name])}"
                for a in blocked
            )
        )
