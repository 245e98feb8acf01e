"""Where everything stands in a sequence diagram: pure functions of the transcript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mpclab import style
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Record, Transcript

DEALER = "dealer"
_CLIENTS = 3  # more clients than these share one column
_WIDTH = 900.0
_LEFT, _RIGHT = 204.0, 190.0  # columns of text on both sides of the lifelines
_MARGIN = 10.0
_HEAD = 36.0
_PHASE = 30.0  # height of a phase's heading
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',Arial,sans-serif"


def nothing(transcript: Transcript, session: str | None, phase: str | None) -> str:
    """A sentence that says which sessions there are instead."""
    wanted = [f"session {session!r}"] * (session is not None)
    wanted += [f"phase {phase!r}"] * (phase is not None)
    there = dict.fromkeys(f"{r.session!r} ({r.phase})" for r in transcript.records)
    listed = ", ".join([*list(there)[:8], *["..."] * (len(there) > 8)]) or "none yet"
    what = " and ".join(wanted) or "any session"
    return f"there is no message of {what} to draw; the transcript has these sessions: {listed}"


# -- what there is to draw ------------------------------------------------------------------------


class Columns:
    """The parties, from left to right, and where each stands."""

    def __init__(
        self,
        records: Sequence[Record],
        corrupt: frozenset[str],
        others: Iterable[str] = (),
        width: float = _WIDTH,
    ) -> None:
        counts: dict[str, int] = dict.fromkeys(others, 1)
        for r in records:
            for name in (r.sender, r.receiver):
                client = not is_server(name) and name != DEALER
                counts[name] = max(counts.get(name, 1), r.count if client else 1)
        self.corrupt = corrupt
        self.servers = sorted(filter(is_server, counts), key=lambda s: int(s.split()[1]))
        clients = [c for c in counts if not is_server(c) and c != DEALER]
        self.single = clients
        self.crowded = len(clients) > _CLIENTS
        #: columns of clients: name -> how many clients it stands for
        self.clients = (
            {"clients": sum(counts[c] for c in clients)}
            if self.crowded
            else {c: counts[c] for c in clients}
        )
        self.names = [*self.clients, *[DEALER] * (DEALER in counts), *self.servers]
        self._place(width)

    @property
    def everybody(self) -> list[str]:
        """All parties in the order of the columns, clients of a crowd one by one."""
        return [*self.single, *[DEALER] * (DEALER in self.names), *self.servers]

    def of(self, party: str) -> str:
        """The column of a party."""
        if is_server(party) or party == DEALER or not self.crowded:
            return party
        return "clients"

    def role(self, party: str) -> str:
        """What rows are told apart by."""
        return "server" if is_server(party) else self.of(party)

    def heading(self, name: str) -> list[str]:
        """One or two lines for a column's head."""
        count = self.clients.get(name, 1)
        lines = [f"{count:,}", name] if count > 1 else [name]
        return [*lines, "corrupt"] if name in self.corrupt and len(lines) < 2 else lines

    def css(self, name: str) -> str:
        """The class that gives a column its colour."""
        if name == DEALER:
            return "dealer"
        return f"s{int(name.split()[1])}" if is_server(name) else "client"

    def _place(self, wanted: float) -> None:
        widths = {
            name: max(46.0, *(style.text_width(line, 11, bold=True) + 18
                              for line in fitted(self.heading(name), 96)))
            for name in self.names
            if name not in self.servers
        }
        n = len(self.servers)
        room = wanted - _LEFT - _RIGHT - sum(widths.values())
        self.spacing = min(max(room / max(n, 1), 24.0), 140.0)
        self.width = max(wanted, wanted - room + n * self.spacing)
        spare = max(room - n * self.spacing, 0.0)
        gaps = len(widths) + 1
        self.x: dict[str, float] = {}
        at = _LEFT + spare / gaps / 2
        for name, width in widths.items():
            self.x[name] = at + width / 2
            at += width + spare / gaps
        for name in self.servers:
            self.x[name] = at + self.spacing / 2
            at += self.spacing
        self.boxes = widths | dict.fromkeys(self.servers, min(self.spacing, 76.0))
        #: whether servers are headed by their numbers alone, for want of room
        self.short = any(
            style.text_width(name, 11, bold=True) > self.boxes[name] - 10 for name in self.servers
        )


@dataclass
class _Row:
    """The messages of one step that travel together."""

    band: int  # a phase of a session
    session: str
    phase: str
    label: str
    kind: str
    records: list[Record]
    number: int = 0  # of the round within its band, from 1; 0: not between servers

    @property
    def step(self) -> str:
        return self.label.split("/")[0] if "/" in self.label else self.label

    @property
    def detail(self) -> str:
        """What the label says below its step: 'a/x + a/y' is 'x + y' of step 'a'."""
        if "/" not in self.label:
            return ""
        return self.label.replace(f" + {self.step}/", " + ")[len(self.step) + 1 :]

    def lanes(self, columns: Columns) -> dict[str, dict[str, list[Record]]]:
        """Sending column -> receiving column -> messages."""
        found: dict[str, dict[str, list[Record]]] = {}
        for r in self.records:
            lane = found.setdefault(columns.of(r.sender), {})
            lane.setdefault(columns.of(r.receiver), []).append(r)
        return {name: found[name] for name in columns.names if name in found}


def _rows(records: Iterable[Record], columns: Columns) -> list[_Row]:
    rows: list[_Row] = []
    current: dict[object, tuple[_Row, set[tuple[str, str]], int]] = {}
    rounds: dict[int, int] = {}
    band, last = -1, ("", "")
    for r in records:
        if (r.session, r.phase) != last:  # a band holds one phase of one session
            band, last = band + 1, (r.session, r.phase)
            current, rounds = {}, {}
        key = (r.step, r.kind, r.round, columns.role(r.sender), columns.role(r.receiver))
        pair = (r.sender, r.receiver)
        row, pairs, since = current.get(key, (None, set(), 0))
        over = r.round is None and len(rounds) > since + 1  # the servers have gone on since then
        if row is None or over or pair in pairs:  # the same again: it is a later exchange
            row, pairs = _Row(band, r.session, r.phase, r.step, r.kind, []), set()
            rows.append(row)
            current[key] = (row, pairs, len(rounds))
            if r.round is not None and r.between_servers:
                row.number = rounds.setdefault(r.round, len(rounds) + 1)
        row.records.append(r)
        pairs.add(pair)
    return rows


def _first(rows: list[_Row], limit: int) -> tuple[list[_Row], list[_Row]]:
    total = 0
    for i, row in enumerate(rows):
        total += len(row.records)
        if total > limit and i > 0:
            return rows[:i], rows[i:]
    return rows, []


# -- where it stands ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mark:
    """An arrowhead: messages of one row from one column to another, mostly a single one.

    Attributes
    ----------
    sender, receiver : str
        The columns.
    x_from, x_to, y : float
        Where the arrow starts and ends.
    records : list of Record
    start : float
        When the first message of the phase was sent: times are told from there.
    number : int
        Of the round within its band, from 1; 0 for what is not between servers.
    """

    sender: str
    receiver: str
    x_from: float
    x_to: float
    y: float
    records: list[Record]
    start: float
    number: int

    @property
    def sent_at(self) -> float:
        """When the first of the messages was sent."""
        return min(r.sent_at for r in self.records)


@dataclass(frozen=True)
class Lane:
    """One sender's messages of a row."""

    sender: str
    y: float
    marks: list[Mark]


@dataclass(frozen=True)
class PlacedRow:
    """A row with its place; `first` if it is the first of its step."""

    row: _Row
    first: bool
    y: float
    height: float
    lanes: list[Lane]


@dataclass(frozen=True)
class Band:
    """One phase of one session: its place, its rows, and the grounds of its steps (y, height)."""

    top: float
    bottom: float
    start: float
    rows: list[PlacedRow]
    steps: list[tuple[float, float]]


@dataclass(frozen=True)
class Layout:
    """Where everything stands in a sequence diagram, without any drawing.

    Attributes
    ----------
    columns : the parties, from left to right
    bands : list of Band
    left : rows that are not drawn
    gap : float
        Between the lanes of a row.
    heads : float
        The height of the columns' heads.
    top, end, height : float
        Where the lifelines start and end, and how high the picture is.
    """

    columns: Columns
    bands: list[Band]
    left: list[_Row]
    gap: float
    heads: float
    top: float
    end: float
    height: float

    @property
    def marks(self) -> list[Mark]:
        """All arrowheads in the order of time."""
        found = [
            mark
            for band in self.bands
            for row in band.rows
            for lane in row.lanes
            for mark in lane.marks
        ]
        return sorted(found, key=lambda mark: mark.sent_at)

    @property
    def repeats_heads(self) -> bool:
        """Whether the heads stand at the end too, since the picture is high."""
        return self.end > 700


def layout(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    *,
    corrupt: Iterable[str] = (),
    max_messages: int = 2_500,
    width: float = _WIDTH,
) -> Layout:
    """Lay out the messages of a transcript in columns, rows and lanes.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which messages; None takes all.
    corrupt : iterable of str
        Addresses whose columns are marked as corrupt.
    max_messages : int
        How many messages to place at most.
    width : float
        Of the picture, if all columns find room in it.

    Raises
    ------
    InputError
        If there is no such message.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=2, seed=1)
    >>> _ = lab.secret([42]).reveal()
    >>> placed = layout(lab.transcript, phase="online")
    >>> len(placed.bands[0].rows), len(placed.marks), placed.columns.names
    (6, 12, ['server 0', 'server 1'])
    """
    if max_messages < 1:
        raise InputError(f"max_messages is {max_messages}: at least 1 message must be drawn")
    records = list(transcript.select(session, phase))
    if not records:
        raise InputError(nothing(transcript, session, phase))
    columns = Columns(records, frozenset(corrupt), width=width)
    shown, left = _first(_rows(records, columns), max_messages)
    n = len(columns.servers)
    gap = 9.0 if n <= 3 else 7.5 if n <= 6 else 5.2
    heads = _HEAD + (14 if columns.short else 0)
    y = 12.0 + heads
    top, bands = y + 2, []
    for rows in _runs(shown, lambda row: row.band):
        bands.append(_place_band(rows, y + 8, columns, gap))
        y = bands[-1].bottom
    end = y + 4
    y = end + heads if end > 700 else end
    height = y + 8 + (20 if left else 0) + 22
    return Layout(columns, bands, left, gap, heads, top, end, height)


def _place_band(rows: list[_Row], top: float, columns: Columns, gap: float) -> Band:
    y = top + _PHASE
    start = min(r.sent_at for row in rows for r in row.records)
    placed: list[PlacedRow] = []
    steps: list[tuple[float, float]] = []
    for step in _runs(rows, lambda row: (row.step, "/" in row.label)):
        y = at = y + 2
        for i, row in enumerate(step):
            placed.append(_place_row(row, y, i == 0, columns, gap, start))
            y += placed[-1].height
        steps.append((at, y - at))
        y += 2
    return Band(top, y, start, placed, steps)


def _place_row(
    row: _Row, y: float, first: bool, columns: Columns, gap: float, start: float
) -> PlacedRow:
    lanes = row.lanes(columns)
    height = max(36.0, gap * (len(lanes) - 1) + 20)
    at = y + height / 2 - gap * (len(lanes) - 1) / 2
    placed = []
    for sender, receivers in lanes.items():
        x = columns.x[sender]
        marks = [
            Mark(sender, name, x, columns.x[name], at, records, start, row.number)
            for name, records in receivers.items()
        ]
        placed.append(Lane(sender, at, marks))
        at += gap
    return PlacedRow(row, first, y, height, placed)


# -- words ----------------------------------------------------------------------------------------


def fitted(lines: Iterable[str], width: float, points: float = 11, bold: bool = True) -> list[str]:
    """Shorten what is too wide, with an ellipsis."""
    out = []
    for line in lines:
        short = line
        while style.text_width(short, points, bold) > width and len(short) > 1:
            short = short.rstrip("…")[:-1].rstrip() + "…"
        out.append(short)
    return out


def _sizes(row: _Row, times: float | None) -> str:
    """How large one message of a row is, and when the last one was there."""
    low, high = min(r.bytes for r in row.records), max(r.bytes for r in row.records)
    small, large = style.size(low), style.size(high)
    text = large if small == large else f"{small} to {large}"
    if len(row.records) > 1 and small == large:
        text += " each"
    crowd = max(r.count for r in row.records)
    if times is not None:
        return f"{text}, at {style.duration(times)}"
    return f"{text}, {style.size(high / crowd)} a user" if crowd > 1 else text


def _summary(rows: Sequence[_Row]) -> str:
    """A phase in one line: rounds, what a server sent, what went to and from clients and dealer."""
    records = [r for row in rows for r in row.records]
    rounds = max(row.number for row in rows)
    parts = []
    sent: dict[str, int] = {}
    for r in records:
        if r.between_servers:
            sent[r.sender] = sent.get(r.sender, 0) + r.bytes
    if sent:
        each = {style.size(v) for v in sent.values()}
        by = "sent by each server" if len(each) == 1 else "sent by a server at most"
        parts += [f"{style.plural(rounds, 'round')} between servers"]
        parts += [f"{style.size(max(sent.values()))} {by}"]
    dealt = sum(r.bytes for r in records if r.sender == DEALER)
    if dealt:
        parts.append(f"{style.size(dealt)} from the dealer")
    others = sum(r.bytes for r in records if not r.between_servers) - dealt
    if others:
        parts.append(f"{style.size(others)} to and from clients")
    return ", ".join(parts)


def _who(records: Sequence[Record], end: str) -> str:
    names = list(dict.fromkeys(getattr(r, end) for r in records))
    count = max(r.count for r in records)
    if len(names) > 1:
        return f"{len(names):,} clients"
    client = not is_server(names[0]) and names[0] != DEALER
    return f"{count:,} {names[0]}" if client and count > 1 else names[0]


def _tooltip(records: Sequence[Record], start: float) -> str:
    first = records[0]
    sizes = {r.bytes for r in records}
    size = f"{min(sizes):,} bytes" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,} bytes"
    sent = style.duration(min(r.sent_at for r in records) - start)
    there = style.duration(max(r.received_at for r in records) - start)
    return (
        f"{_who(records, 'sender')} → {_who(records, 'receiver')}\n"
        f"{first.step}: {first.kind}, {size}{' each' if len(records) > 1 else ''}\n"
        f"sent at {sent}, received at {there} of this phase"
    )


def _in_words(row: _Row, columns: Columns) -> str:
    lanes = row.lanes(columns)
    to = dict.fromkeys(name for lane in lanes.values() for name in lane)

    def parties(names: Iterable[str]) -> str:
        names = list(names)
        servers = [n for n in names if is_server(n)]
        words = [" ".join(columns.heading(n)) for n in names if not is_server(n)]
        if len(servers) == len(columns.servers) > 1:
            words.append("all servers")
        else:
            words += servers
        return ", ".join(words)

    head = f"Round {row.number}, " if row.number else ""
    return (
        f"{head}{row.label}: {parties(lanes)} to {parties(to)}, {row.kind}, {_sizes(row, None)}."
    )


# -- the picture ----------------------------------------------------------------------------------


def _runs(rows: Iterable[_Row], key: object) -> list[list[_Row]]:
    """Neighbouring rows with the same key, together."""
    out: list[list[_Row]] = []
    last: object = None
    for row in rows:
        now = key(row)  # type: ignore[operator]
        if out and now == last:
            out[-1].append(row)
        else:
            out.append([row])
        last = now
    return out
