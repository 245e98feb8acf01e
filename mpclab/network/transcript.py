"""The one transcript: a record per message and per stretch of computing, never a payload.

Counts, times, diagrams and tables all come from here. "Round" means server to server; client legs
and the dealer's are counted apart. Bytes are those of the encoded messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from mpclab.errors import InputError
from mpclab.network.conditions import Conditions, conditions
from mpclab.network.endpoint import is_server

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.diagram import Diagram
    from mpclab.timeline import Timeline

__all__ = ["Activity", "Record", "Transcript"]


@dataclass(frozen=True)
class Record:
    """One message: who sent what kind to whom in which step, how large, and when (seconds)."""

    session: str
    phase: str
    step: str
    round: int | None
    sender: str
    receiver: str
    kind: str
    bytes: int
    count: int
    sent_at: float
    received_at: float
    elements: int = 0
    sent_in: int = -1  # which activity ended with it: what a re-timing needs

    @property
    def between_servers(self) -> bool:
        """Whether both ends are servers."""
        return is_server(self.sender) and is_server(self.receiver)


@dataclass(frozen=True)
class Activity:
    """A stretch of one party's computing that ends with a message of `step` or its result."""

    session: str
    phase: str
    step: str
    party: str
    start: float
    end: float
    consumed: tuple[int, ...] = ()  # the messages (records) that it waited for
    run: int = 0  # which run of the network: parties begin a run together


class Transcript:
    """Everything that happened on a network, in order, without contents."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.activities: list[Activity] = []

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        size = sum(r.bytes for r in self.records)
        phases = ", ".join(dict.fromkeys(r.phase for r in self.records)) or "nothing yet"
        return f"Transcript({len(self)} messages, {size:,} bytes; {phases})"

    def select(self, session: str | None = None, phase: str | None = None) -> Iterator[Record]:
        """The records of a session and a phase (None: any)."""
        for r in self.records:
            if session in (None, r.session) and phase in (None, r.phase):
                yield r

    def rounds(self, session: str | None = None, phase: str | None = None) -> int:
        """How many rounds between servers."""
        return len(
            {
                (r.session, r.phase, r.round)
                for r in self.select(session, phase)
                if r.between_servers
            }
        )

    def elements_sent(
        self, sender: str, session: str | None = None, phase: str | None = None
    ) -> int:
        """Field elements that a server sent to other servers."""
        return sum(
            r.elements
            for r in self.select(session, phase)
            if r.sender == sender and r.between_servers
        )

    def bytes_sent(self, sender: str, session: str | None = None, phase: str | None = None) -> int:
        """Bytes that a server sent to other servers."""
        return sum(
            r.bytes for r in self.select(session, phase) if r.sender == sender and r.between_servers
        )

    def client_bytes(self, session: str | None = None, phase: str | None = None) -> int:
        """Bytes that servers and clients exchanged, both directions together."""
        return sum(
            r.bytes
            for r in self.select(session, phase)
            if is_server(r.sender) != is_server(r.receiver)
            and "dealer" not in (r.sender, r.receiver)
        )

    def seconds(self, session: str | None = None, phase: str | None = None) -> float:
        """The critical paths of all runs of a phase, added up: virtual time in seconds."""
        spans: dict[tuple[str, int], tuple[float, float]] = {}
        for a in self.activities:
            if session in (None, a.session) and phase in (None, a.phase):
                key = (a.session, a.run)
                start, end = spans.get(key, (a.start, a.end))
                spans[key] = (min(start, a.start), max(end, a.end))
        return sum(end - start for start, end in spans.values())

    def online_path(self, session: str, phase: str = "online") -> dict[str, float]:
        """Where a query's online time went: step -> seconds on the critical path (DESIGN 4).

        It begins when the query arrives at the servers and ends with the client's verified result.
        Each round between servers ends when its last message arrives; what the servers computed
        to get there counts for the step of that round.
        """
        records = list(self.select(session, phase))
        arrivals = [r.received_at for r in records if not is_server(r.sender)]
        ends: dict[int, tuple[float, str]] = {}
        for r in records:
            if r.between_servers and r.round is not None:
                last = max(ends.get(r.round, (0.0, ""))[0], r.received_at)
                ends[r.round] = (last, r.step.split("/")[0])
        mine = [a for a in self.activities if (a.session, a.phase) == (session, phase)]
        if not mine:
            raise InputError(
                f"nothing happened in the phase {phase!r} of a session {session!r}; there are "
                f"{sorted({a.session for a in self.activities})}"
            )
        path: dict[str, float] = {}
        now = min(arrivals) if arrivals else min(a.start for a in mine)
        finished = max(a.end for a in mine)
        for end, step in [*(ends[k] for k in sorted(ends)), (finished, "result")]:
            path[step] = path.get(step, 0.0) + end - now
            now = end
        return path

    def retimed(self, network: str | Conditions) -> Transcript:
        """The same messages and the same computing under other network conditions.

        Nothing is run again: each stretch of computing keeps its duration, each message its size,
        and whoever waited for a message waits for it now. Parties begin every run together.
        """
        weather = conditions(network)
        out = Transcript()
        sent_by: dict[int, list[int]] = {}
        for number, r in enumerate(self.records):
            sent_by.setdefault(r.sent_in, []).append(number)
        out.records = list(self.records)
        clock: dict[str, float] = {}
        link_free: dict[str, float] = {}
        run, start_of_run = 0, 0.0
        for i, a in enumerate(self.activities):
            if a.run != run:
                start_of_run = max([start_of_run, *clock.values()])
                run, clock, link_free = a.run, {}, {}
            arrivals = (out.records[n].received_at for n in a.consumed)
            start = max([clock.get(a.party, start_of_run), *arrivals])
            end = clock[a.party] = start + a.end - a.start
            out.activities.append(replace(a, start=start, end=end))
            for number in sent_by.get(i, ()):
                r = self.records[number]
                size = r.bytes if is_server(r.sender) else r.bytes / r.count
                sent_at = max(end, link_free.get(r.sender, 0.0))
                left = sent_at + weather.transfer(r.sender, r.receiver, size)
                link_free[r.sender] = left
                received_at = left + weather.delay(r.sender, r.receiver, number)
                out.records[number] = replace(r, sent_at=sent_at, received_at=received_at)
        return out

    def diagram(
        self, session: str | None = None, phase: str | None = None, **options: Any
    ) -> Diagram:
        """The messages as a sequence diagram; options as in `mpclab.diagram.sequence_diagram`.

        Whoever points at a row reads what a receiver can conclude from its messages.
        """
        from mpclab.diagram import sequence_diagram

        return sequence_diagram(self, session, phase, **{"conclusions": True, **options})

    def timeline(
        self, session: str | None = None, phase: str | None = None, theme: str = "auto"
    ) -> Timeline:
        """When each party computed, sent and waited; see `mpclab.timeline.timeline`."""
        from mpclab.timeline import timeline

        return timeline(self, session, phase, theme)

    def to_frame(self) -> pd.DataFrame:
        """All messages as a DataFrame, one row each; times in seconds, sizes in bytes."""
        import pandas as pd

        names = [f.name for f in fields(Record) if f.name != "sent_in"]
        frame = pd.DataFrame([[getattr(r, n) for n in names] for r in self.records], columns=names)
        frame["round"] = frame["round"].astype("Int64")
        return frame
