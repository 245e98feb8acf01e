"""A picture of the messages: the transcript as a sequence diagram, in plain self-contained SVG.

Parties are columns: clients on the left (a crowd is one column with its count), then the dealer,
then the servers, each in its own colour. Time runs downwards. A row holds the messages of one
step that travel together; in it every sender has a lane, with a dot at the sender and an arrowhead
at each receiver, so that an exchange between all servers stays one row, with ten servers too.
Rounds between servers carry their number. Whoever points at an arrowhead reads the message's
sender, receiver, kind, bytes and times.

`layout` is a pure function that says where everything stands; the picture, and the widget that
plays the messages (`mpclab.widgets.messages`), both show what it returns.

>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> answer = lab.secret([42]).reveal()
>>> sequence_diagram(lab.transcript, phase="online")
Diagram(36 messages in 6 rows, 6 rounds between 3 servers)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mpclab import style
from mpclab.conclusions import conclusions as told_by
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Record, Transcript

__all__ = ["Diagram", "Layout", "Mark", "Picture", "layout", "sequence_diagram"]

DEALER = "dealer"
_CLIENTS = 3  # more clients than these share one column
_WIDTH = 900.0
_LEFT, _RIGHT = 204.0, 190.0  # columns of text on both sides of the lifelines
_MARGIN = 10.0
_HEAD = 36.0
_PHASE = 30.0  # height of a phase's heading
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',Arial,sans-serif"


@dataclass(frozen=True)
class Picture:
    """A drawn picture; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    still : str
        The same without tooltips.
    """

    svg: str = field(repr=False)
    still: str = field(repr=False)

    _about = "A picture"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # In a notebook that is not trusted yet JupyterLab drops <style> and <svg>: then the live
        # picture stays hidden and the still one, an image without tooltips, is what a reader sees.
        data = base64.b64encode(self.still.encode()).decode()
        return (
            "<style>.mpclab-live{display:block!important}.mpclab-still{display:none!important}"
            f'</style><div class="mpclab-live" hidden="hidden">{self.svg}</div>'
            f'<img class="mpclab-still" alt="{self._about}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )

    def save(self, path: str | Path) -> None:
        """Write the picture to an .svg file.

        Raises
        ------
        InputError
            If the file's name ends in anything else.
        """
        path = Path(path)
        if path.suffix != ".svg":
            raise InputError(f"the file {path.name!r} must end in .svg: the picture is an SVG")
        path.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + self.svg, encoding="utf-8")


@dataclass(frozen=True)
class Diagram(Picture):
    """A drawn sequence diagram; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    messages, rows, rounds, servers : int
        What is drawn.
    """

    messages: int
    rows: int
    rounds: int
    servers: int

    _about = "A sequence diagram of messages"

    def __repr__(self) -> str:
        return (
            f"Diagram({style.plural(self.messages, 'message')} in {style.plural(self.rows, 'row')},"
            f" {style.plural(self.rounds, 'round')} between {self.servers} servers)"
        )


def sequence_diagram(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    *,
    theme: str = "auto",
    corrupt: Iterable[str] = (),
    times: bool = False,
    conclusions: bool = False,
    max_messages: int = 2_500,
) -> Diagram:
    """Draw the messages of a transcript, or of one session or phase of it.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which messages; None takes all.
    theme : {"auto", "light", "dark"}
        "auto" follows the notebook's theme, or else the reader's system.
    corrupt : iterable of str
        Addresses whose columns are marked as corrupt.
    times : bool
        Whether every row says when its last message arrived, counted from the phase's first.
    conclusions : bool
        Whether whoever points at a row reads what a receiver can conclude from its messages.
    max_messages : int
        How many messages to draw at most; a last line counts the others.

    Raises
    ------
    InputError
        If there is no such message, or the theme is none of the three.
    """
    check_theme(theme)
    placed = layout(transcript, session, phase, corrupt=corrupt, max_messages=max_messages)
    return draw(placed, theme, times, conclusions)


def check_theme(theme: str) -> None:
    """Raise InputError unless the theme is one of the three."""
    if theme not in ("auto", "light", "dark"):
        raise InputError(f"the theme is {theme!r}: it is 'auto', 'light' or 'dark'")


def draw(
    placed: Layout, theme: str = "auto", times: bool = False, conclusions: bool = False
) -> Diagram:
    """The static picture of a layout; see `sequence_diagram`."""
    drawing = _Drawing(placed, theme, times)
    rows = [row for band in placed.bands for row in band.rows]
    return Diagram(
        svg=drawing.svg(tooltips=True, conclusions=conclusions),
        still=drawing.svg(tooltips=False),
        messages=sum(len(r.row.records) for r in rows),
        rows=len(rows),
        rounds=len({(r.row.band, r.row.number) for r in rows if r.row.number}),
        servers=len(placed.columns.servers),
    )


def marked_svg(placed: Layout, theme: str = "auto") -> str:
    """The picture of a layout in which a program finds every mark again.

    An arrowhead has the number of its mark (`Layout.marks`) as `data-mark`, and so has its line as
    `data-lane`; a sender's dot has that of its first mark in the lane.
    """
    return _Drawing(placed, theme, False).svg(tooltips=True, conclusions=True, numbered=True)


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
        self, records: Sequence[Record], corrupt: frozenset[str], others: Iterable[str] = ()
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
        self._place()

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

    def _place(self) -> None:
        widths = {
            name: max(46.0, *(style.text_width(line, 11, bold=True) + 18
                              for line in fitted(self.heading(name), 96)))
            for name in self.names
            if name not in self.servers
        }
        n = len(self.servers)
        room = _WIDTH - _LEFT - _RIGHT - sum(widths.values())
        self.spacing = min(max(room / max(n, 1), 24.0), 140.0)
        self.width = max(_WIDTH, _WIDTH - room + n * self.spacing)
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
    current: dict[object, tuple[_Row, set[tuple[str, str]]]] = {}
    rounds: dict[int, int] = {}
    band, last = -1, ("", "")
    for r in records:
        if (r.session, r.phase) != last:  # a band holds one phase of one session
            band, last = band + 1, (r.session, r.phase)
            current, rounds = {}, {}
        key = (r.step, r.kind, r.round, columns.role(r.sender), columns.role(r.receiver))
        pair = (r.sender, r.receiver)
        row, pairs = current.get(key, (None, set()))
        if row is None or pair in pairs:  # the same again: it is a later exchange
            row, pairs = _Row(band, r.session, r.phase, r.step, r.kind, []), set()
            rows.append(row)
            current[key] = (row, pairs)
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
    columns = Columns(records, frozenset(corrupt))
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


def css_rules(theme: str, servers: Sequence[int], phases: Iterable[str]) -> str:
    """Rules for one theme, or for both with the conditions that choose between them."""

    def rules(which: str, scope: str) -> str:
        c = style.theme_colors(which)
        colors = {f"s{i}": style.server_color(i, which) for i in servers}
        colors |= {"client": style.client_color(which), "dealer": style.dealer_color(which)}
        out = [
            f"{scope} .paper{{fill:{c['paper']};stroke:{c['line']}}}",
            f"{scope} text{{fill:{c['ink']}}}",
            f"{scope} text.m{{fill:{c['muted']}}}",
            f"{scope} .band{{fill:{c['band']}}}",
            f"{scope} .step{{fill:{c['step']}}}",
            f"{scope} .badge{{fill:{c['paper']};stroke:{c['muted']}}}",
        ]
        for name, color in colors.items():
            out.append(f"{scope} .{name}{{stroke:{color};fill:{color}}}")
            out.append(f"{scope} text.on-{name}{{fill:{style.text_on(color)}}}")
        for i, name in enumerate(phases):
            tint = style.phase_color(name, which)
            out.append(f"{scope} .p{i}{{fill:{tint}}}")
            out.append(f"{scope} .h{i}{{fill:{style.mix(c['paper'], tint, 0.28)}}}")
        return "".join(out)

    shapes = (
        ".mpclab-sd{display:block;max-width:100%;height:auto}"
        f".mpclab-sd text{{font-family:{_FONT};stroke:none}}"
        ".mpclab-sd .life{fill:none;stroke-opacity:.5}.mpclab-sd .lane{fill:none}"
        ".mpclab-sd .bad{stroke-dasharray:4 3}"
    )
    if theme != "auto":
        return shapes + rules(theme, f".mpclab-{theme}")
    return (
        shapes
        + rules("light", ".mpclab-auto")
        + "@media (prefers-color-scheme:dark){" + rules("dark", ".mpclab-auto") + "}"
        + rules("light", '[data-jp-theme-light="true"] .mpclab-auto')
        + rules("dark", '[data-jp-theme-light="false"] .mpclab-auto')
    )


class _Drawing:
    """A layout becomes shapes and words; every text stands in a place of its own."""

    def __init__(self, placed: Layout, theme: str, times: bool) -> None:
        self.placed, self.columns = placed, placed.columns
        self.theme, self.times = theme, times
        self.phases = list(dict.fromkeys(r.row.phase for b in placed.bands for r in b.rows))
        self.text_right = placed.columns.width - _RIGHT + 8

    def svg(self, tooltips: bool, conclusions: bool = False, numbered: bool = False) -> str:
        self.tooltips, self.conclusions = tooltips, conclusions
        marks = self.placed.marks if numbered else []
        self.numbers = {id(mark): number for number, mark in enumerate(marks)}
        self.lines: list[str] = []  # lifelines, drawn below everything but the bands
        self.grounds: list[str] = []
        self.shapes: list[str] = []
        if numbered:
            self.shapes.append('<g class="heads">')
        self._heads(12.0)
        if numbered:
            self.shapes.append("</g>")
        for band in self.placed.bands:
            self._band(band)
        if self.placed.repeats_heads:
            self._heads(self.placed.end)
        self._foot()
        for name in self.columns.names:
            self._lifeline(name, self.placed.top, self.placed.end)
        return self._wrap(self.placed.height, [[r.row for r in b.rows] for b in self.placed.bands])

    def _wrap(self, height: float, bands: list[list[_Row]]) -> str:
        width = self.columns.width
        css = css_rules(self.theme, [int(s.split()[1]) for s in self.columns.servers], self.phases)
        sessions = list(dict.fromkeys(row.session for band in bands for row in band))
        where = f"session {sessions[0]}" if len(sessions) == 1 else f"{len(sessions)} sessions"
        title = f"Messages of {where}: {', '.join(self.phases)}"
        words = []
        for band in bands:
            words.append(f"Phase {band[0].phase}: {_summary(band)}.")
            words += [_in_words(row, self.columns) for row in band]
        shown = words if len(words) <= 80 else [*words[:80], "And so on."]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="mpclab-sd mpclab-{self.theme}" '
            f'role="img" aria-label="{escape(title)}" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}">'
            f"<title>{escape(title)}</title><desc>{escape(' '.join(shown))}</desc>"
            f"<style>{css}</style>"
            f'<rect class="paper" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" '
            'rx="8"/>'
            + "".join(self.grounds + self.lines + self.shapes)
            + "</svg>"
        )

    # -- pieces -----------------------------------------------------------------------------------

    def _text(
        self, x: float, y: float, text: str, points: float = 11, css: str = "",
        anchor: str = "start", bold: bool = False,
    ) -> None:  # fmt: skip
        attributes = f' class="{css}"' if css else ""
        attributes += f' text-anchor="{anchor}"' if anchor != "start" else ""
        attributes += ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{points:g}"{attributes}>'
            f"{escape(text, quote=False)}</text>"
        )

    def _rect(
        self, where: list[str], css: str, x: float, y: float, w: float, h: float, rx: float = 0
    ) -> None:
        where.append(
            f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'rx="{rx:g}"/>'
        )

    def _heads(self, y: float) -> None:
        c, short = self.columns, self.columns.short
        if short and c.servers:
            middle = (c.x[c.servers[0]] + c.x[c.servers[-1]]) / 2
            self._text(middle, y + 9, "servers", 10.5, "m", "middle")
        y += 14 if short else 0
        for name in c.names:
            w = c.boxes[name] - (6 if c.spacing > 40 or name not in c.servers else 3)
            lines = c.heading(name)
            if name in c.servers and short:
                lines = [name.split()[1], *["!"] * (name in c.corrupt)]
            bad = " bad" if name in c.corrupt else ""
            self._rect(self.shapes, c.css(name) + bad, c.x[name] - w / 2, y, w, _HEAD, 6)
            lines = fitted(lines, w - 8)
            first = y + _HEAD / 2 + 4 - 6.5 * (len(lines) - 1)
            for i, line in enumerate(lines):
                self._text(c.x[name], first + 13 * i, line, 11, f"on-{c.css(name)}", "middle", True)

    def _lifeline(self, name: str, top: float, end: float) -> None:
        c = self.columns
        offsets = (-3, 0, 3) if c.clients.get(name, 1) > 1 else (0,)
        for dx in offsets:
            self.lines.append(
                f'<path class="life {c.css(name)}" d="M{c.x[name] + dx:.1f} {top:.1f}V{end:.1f}"/>'
            )

    def _band(self, band: Band) -> None:
        """One phase of one session: its heading, then its steps."""
        rows = [r.row for r in band.rows]
        y, p = band.top, self.phases.index(rows[0].phase)
        inner = self.columns.width - 2 * _MARGIN
        self.shapes.append(  # above the lifelines, which it interrupts
            f'<rect class="h{p}" x="{_MARGIN:g}" y="{y:.1f}" width="{inner:.1f}" '
            f'height="{_PHASE - 4:g}" rx="4"/>'
        )
        self._text(_MARGIN + 14, y + 17.5, rows[0].phase, 13, bold=True)
        used = style.text_width(rows[0].phase, 13, bold=True)
        (session,) = fitted([rows[0].session], 140, 10.5, bold=False)
        self._text(_MARGIN + 24 + used, y + 17.5, session, 10.5, "m")
        used += style.text_width(session, 10.5) + 60
        (summary,) = fitted([_summary(rows)], inner - used, 10.5, bold=False)
        self._text(self.columns.width - _MARGIN - 10, y + 17.5, summary, 10.5, "m", "end")
        for placed in band.rows:
            self._row(placed, band.start)
        for at, height in band.steps:
            self._rect(self.grounds, "step", _MARGIN + 8, at, inner - 12, height, rx=5)
        height = band.bottom - band.top
        self._rect(self.shapes, f"p{p}", _MARGIN, band.top, 4, height, 2)
        self.grounds.insert(0, f'<rect class="band" x="{_MARGIN:g}" y="{band.top:.1f}" '
                               f'width="{inner:.1f}" height="{height:.1f}" rx="4"/>')  # fmt: skip

    def _row(self, placed: PlacedRow, start: float) -> None:
        row = placed.row
        if self.conclusions:
            told = "\n".join(told_by(row.kind, row.label))
            self.shapes.append(
                f"<g><title>{escape(f'{row.label}: {row.kind}')}\n{escape(told)}</title>"
                f'<rect x="{_MARGIN + 8:g}" y="{placed.y:.1f}" '
                f'width="{self.columns.width - 2 * _MARGIN - 12:.1f}" '
                f'height="{placed.height:.1f}" fill="none" pointer-events="all"/>'
            )
        self._labels(row, placed.y + placed.height / 2, placed.first, start)
        for lane in placed.lanes:
            self._lane(lane)
        if self.conclusions:
            self.shapes.append("</g>")

    def _labels(self, row: _Row, middle: float, first: bool, start: float) -> None:
        x, room = _MARGIN + 18.0, _LEFT - _MARGIN - 18 - 34
        bold, plain = (row.step, row.detail) if first else ("", row.detail or row.step)
        if bold:
            (bold,) = fitted([bold], room, 12)
            self._text(x, middle + (-2.5 if plain else 4), bold, 12, bold=True)
        if plain:
            (plain,) = fitted([plain], room, 11, bold=False)
            self._text(x, middle + (12 if bold else 4), plain, 11, "m" if bold else "")
        if row.number:
            at = _LEFT - 18
            self.shapes.append(f'<circle class="badge" cx="{at:g}" cy="{middle:.1f}" r="10"/>')
            self._text(at, middle + 4, str(row.number), 11, anchor="middle", bold=True)
        room = _RIGHT - 8 - _MARGIN - 10
        arrived = max(r.received_at for r in row.records) - start if self.times else None
        (kind,) = fitted([row.kind], room, 11.5, bold=False)
        (sizes,) = fitted([_sizes(row, arrived)], room, 10.5, bold=False)
        self._text(self.text_right, middle - 2.5, kind, 11.5)
        self._text(self.text_right, middle + 12, sizes, 10.5, "m")

    def _lane(self, lane: Lane) -> None:
        """One sender's messages: a line through all receivers, a dot, and an arrowhead for each."""
        c, y = self.columns, lane.y
        x, ends = c.x[lane.sender], [mark.x_to for mark in lane.marks]
        half = min(self.placed.gap / 2 - 0.4, 3.6)
        css = c.css(lane.sender)
        everyone = [r for mark in lane.marks for r in mark.records]
        width = 2.6 if max(r.count for r in everyone) > 1 or len(everyone) > len(ends) else 1.5
        numbers = [self.numbers[id(mark)] for mark in lane.marks if self.numbers]
        first = f' data-lane="{min(numbers)}"' if numbers else ""
        lines = [(min(x, *ends), max(x, *ends), "")]
        if numbers:  # a line for each mark, to be lit one by one
            lines = [(x, end, f' data-lane="{k}"') for end, k in zip(ends, numbers, strict=True)]
        for start, end, number in lines:
            self.shapes.append(
                f'<path class="lane {css}"{number} stroke-width="{width}" '
                f'd="M{start:.1f} {y:.1f}H{end:.1f}"/>'
            )
        self.shapes.append(
            f'<circle class="{css}"{first} cx="{x:.1f}" cy="{y:.1f}" r="{half + 0.2:.1f}"/>'
        )
        for mark in lane.marks:
            tip = mark.x_to
            back = tip - 8 if tip > x else tip + 8
            note, count = "", ""
            if self.tooltips:
                note = f"<title>{escape(_tooltip(mark.records, mark.start))}</title>"
                count = f' data-messages="{len(mark.records)}"'
            if self.numbers:
                count += f' data-mark="{self.numbers[id(mark)]}"'
            self.shapes.append(
                f'<path class="{css}"{count} '
                f'd="M{tip:.1f} {y:.1f}L{back:.1f} {y - half:.1f}V{y + half:.1f}Z">{note}</path>'
            )

    def _foot(self) -> None:
        left = self.placed.left
        y = self.placed.height - 22 - (20 if left else 0)
        if left:
            messages = sum(len(row.records) for row in left)
            text = (
                f"... and {style.plural(messages, 'more message')} in "
                f"{style.plural(len(left), 'more row')}, not drawn: choose a session or phase"
            )
            self._text(_MARGIN + 14, y + 10, text, 11.5, bold=True)
            y += 20
        text = "A lane per sender, from its dot to each arrowhead."
        if any(r.row.number for band in self.placed.bands for r in band.rows):
            text += " Numbers count the rounds between servers."
        if any(count > 1 for count in self.columns.clients.values()):
            text += " A triple line is a crowd."
        self._text(_MARGIN + 14, y + 10, text, 10.5, "m")


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
