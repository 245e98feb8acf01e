"""A picture of the messages: the transcript as a sequence diagram, in plain self-contained SVG.

Parties are columns: clients on the left (a crowd is one column with its count), then the dealer,
then the servers, each in its own colour. Time runs downwards. A row holds the messages of one
step that travel together; in it every sender has a lane, with a dot at the sender and an arrowhead
at each receiver, so that an exchange between all servers stays one row, with ten servers too.
Rounds between servers carry their number. Whoever points at an arrowhead reads the message's
sender, receiver, kind, bytes and times.

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
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Record, Transcript

__all__ = ["Diagram", "sequence_diagram"]

DEALER = "dealer"
_CLIENTS = 3  # more clients than these share one column
_WIDTH = 900.0
_LEFT, _RIGHT = 204.0, 190.0  # columns of text on both sides of the lifelines
_MARGIN = 10.0
_HEAD = 36.0
_PHASE = 30.0  # height of a phase's heading
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',Arial,sans-serif"


@dataclass(frozen=True)
class Diagram:
    """A drawn sequence diagram; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    messages, rows, rounds, servers : int
        What is drawn.
    """

    svg: str = field(repr=False)
    still: str = field(repr=False)
    messages: int
    rows: int
    rounds: int
    servers: int

    def __repr__(self) -> str:
        return (
            f"Diagram({style.plural(self.messages, 'message')} in {style.plural(self.rows, 'row')},"
            f" {style.plural(self.rounds, 'round')} between {self.servers} servers)"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # In a notebook that is not trusted yet JupyterLab drops <style> and <svg>: then the live
        # picture stays hidden and the still one, an image without tooltips, is what a reader sees.
        data = base64.b64encode(self.still.encode()).decode()
        return (
            "<style>.mpclab-live{display:block!important}.mpclab-still{display:none!important}"
            f'</style><div class="mpclab-live" hidden="hidden">{self.svg}</div>'
            '<img class="mpclab-still" alt="A sequence diagram of messages" '
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
            raise InputError(f"the file {path.name!r} must end in .svg: the diagram is an SVG")
        path.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + self.svg, encoding="utf-8")


def sequence_diagram(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    *,
    theme: str = "auto",
    corrupt: Iterable[str] = (),
    times: bool = False,
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
    max_messages : int
        How many messages to draw at most; a last line counts the others.

    Raises
    ------
    InputError
        If there is no such message, or the theme is none of the three.
    """
    if theme not in ("auto", "light", "dark"):
        raise InputError(f"the theme is {theme!r}: it is 'auto', 'light' or 'dark'")
    if max_messages < 1:
        raise InputError(f"max_messages is {max_messages}: at least 1 message must be drawn")
    records = list(transcript.select(session, phase))
    if not records:
        raise InputError(_nothing(transcript, session, phase))
    columns = _Columns(records, frozenset(corrupt))
    rows = _rows(records, columns)
    shown, left = _first(rows, max_messages)
    drawing = _Drawing(columns, shown, left, theme, times)
    return Diagram(
        svg=drawing.svg(tooltips=True),
        still=drawing.svg(tooltips=False),
        messages=sum(len(r.records) for r in shown),
        rows=len(shown),
        rounds=len({(r.band, r.number) for r in shown if r.number}),
        servers=len(columns.servers),
    )


def _nothing(transcript: Transcript, session: str | None, phase: str | None) -> str:
    wanted = [f"session {session!r}"] * (session is not None)
    wanted += [f"phase {phase!r}"] * (phase is not None)
    there = dict.fromkeys(f"{r.session!r} ({r.phase})" for r in transcript.records)
    listed = ", ".join([*list(there)[:8], *["..."] * (len(there) > 8)]) or "none yet"
    what = " and ".join(wanted) or "any session"
    return f"there is no message of {what} to draw; the transcript has these sessions: {listed}"


# -- what there is to draw ------------------------------------------------------------------------


class _Columns:
    """The parties, from left to right, and where each stands."""

    def __init__(self, records: Sequence[Record], corrupt: frozenset[str]) -> None:
        counts: dict[str, int] = {}
        for r in records:
            for name in (r.sender, r.receiver):
                client = not is_server(name) and name != DEALER
                counts[name] = max(counts.get(name, 1), r.count if client else 1)
        self.corrupt = corrupt
        self.servers = sorted(filter(is_server, counts), key=lambda s: int(s.split()[1]))
        clients = [c for c in counts if not is_server(c) and c != DEALER]
        self.crowded = len(clients) > _CLIENTS
        #: columns of clients: name -> how many clients it stands for
        self.clients = (
            {"clients": sum(counts[c] for c in clients)}
            if self.crowded
            else {c: counts[c] for c in clients}
        )
        self.names = [*self.clients, *[DEALER] * (DEALER in counts), *self.servers]
        self._place()

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
                              for line in _fitted(self.heading(name), 96)))
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

    def lanes(self, columns: _Columns) -> dict[str, dict[str, list[Record]]]:
        """Sending column -> receiving column -> messages."""
        found: dict[str, dict[str, list[Record]]] = {}
        for r in self.records:
            lane = found.setdefault(columns.of(r.sender), {})
            lane.setdefault(columns.of(r.receiver), []).append(r)
        return {name: found[name] for name in columns.names if name in found}


def _rows(records: Iterable[Record], columns: _Columns) -> list[_Row]:
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


# -- words ----------------------------------------------------------------------------------------


def _fitted(lines: Iterable[str], width: float, points: float = 11, bold: bool = True) -> list[str]:
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


def _in_words(row: _Row, columns: _Columns) -> str:
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


def _css(theme: str, servers: Sequence[int], phases: Iterable[str]) -> str:
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
    """Rows become shapes and words; every text stands in a place of its own."""

    def __init__(
        self, columns: _Columns, rows: list[_Row], left: list[_Row], theme: str, times: bool
    ) -> None:
        self.columns, self.rows, self.left = columns, rows, left
        self.theme, self.times = theme, times
        self.phases = list(dict.fromkeys(row.phase for row in rows))
        n = len(columns.servers)
        self.gap = 9.0 if n <= 3 else 7.5 if n <= 6 else 5.2
        self.text_right = columns.width - _RIGHT + 8

    def svg(self, tooltips: bool) -> str:
        self.tooltips = tooltips
        self.lines: list[str] = []  # lifelines, drawn below everything but the bands
        self.grounds: list[str] = []
        self.shapes: list[str] = []
        y = self._heads(12.0)
        top = y + 2
        bands = _runs(self.rows, lambda row: row.band)
        for band in bands:
            y = self._band(band, y + 8)
        end = y + 4
        if end > 700:
            y = self._heads(end)
        y = self._foot(y + 8 if end > 700 else end + 8)
        for name in self.columns.names:
            self._lifeline(name, top, end)
        return self._wrap(y, bands)

    def _wrap(self, height: float, bands: list[list[_Row]]) -> str:
        width = self.columns.width
        css = _css(self.theme, [int(s.split()[1]) for s in self.columns.servers], self.phases)
        sessions = list(dict.fromkeys(row.session for row in self.rows))
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

    def _heads(self, y: float) -> float:
        c = self.columns
        short = any(
            style.text_width(name, 11, bold=True) > c.boxes[name] - 10 for name in c.servers
        )
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
            lines = _fitted(lines, w - 8)
            first = y + _HEAD / 2 + 4 - 6.5 * (len(lines) - 1)
            for i, line in enumerate(lines):
                self._text(c.x[name], first + 13 * i, line, 11, f"on-{c.css(name)}", "middle", True)
        return y + _HEAD

    def _lifeline(self, name: str, top: float, end: float) -> None:
        c = self.columns
        offsets = (-3, 0, 3) if c.clients.get(name, 1) > 1 else (0,)
        for dx in offsets:
            self.lines.append(
                f'<path class="life {c.css(name)}" d="M{c.x[name] + dx:.1f} {top:.1f}V{end:.1f}"/>'
            )

    def _band(self, rows: list[_Row], y: float) -> float:
        """One phase of one session: its heading, then its steps."""
        top, p = y, self.phases.index(rows[0].phase)
        inner = self.columns.width - 2 * _MARGIN
        self.shapes.append(  # above the lifelines, which it interrupts
            f'<rect class="h{p}" x="{_MARGIN:g}" y="{y:.1f}" width="{inner:.1f}" '
            f'height="{_PHASE - 4:g}" rx="4"/>'
        )
        self._text(_MARGIN + 14, y + 17.5, rows[0].phase, 13, bold=True)
        used = style.text_width(rows[0].phase, 13, bold=True)
        (session,) = _fitted([rows[0].session], 140, 10.5, bold=False)
        self._text(_MARGIN + 24 + used, y + 17.5, session, 10.5, "m")
        used += style.text_width(session, 10.5) + 60
        (summary,) = _fitted([_summary(rows)], inner - used, 10.5, bold=False)
        self._text(self.columns.width - _MARGIN - 10, y + 17.5, summary, 10.5, "m", "end")
        y += _PHASE
        start = min(r.sent_at for row in rows for r in row.records)
        for step in _runs(rows, lambda row: (row.step, "/" in row.label)):
            at = y + 2
            y = at
            for i, row in enumerate(step):
                y = self._row(row, y, i == 0, start)
            ground = (_MARGIN + 8, at, inner - 12, y - at)
            self._rect(self.grounds, "step", *ground, rx=5)
            y += 2
        self._rect(self.shapes, f"p{p}", _MARGIN, top, 4, y - top, 2)
        self.grounds.insert(0, f'<rect class="band" x="{_MARGIN:g}" y="{top:.1f}" '
                               f'width="{inner:.1f}" height="{y - top:.1f}" rx="4"/>')  # fmt: skip
        return y

    def _row(self, row: _Row, y: float, first: bool, start: float) -> float:
        lanes = row.lanes(self.columns)
        height = max(36.0, self.gap * (len(lanes) - 1) + 20)
        middle = y + height / 2
        self._labels(row, middle, first, start)
        lane = middle - self.gap * (len(lanes) - 1) / 2
        for sender, receivers in lanes.items():
            self._lane(sender, receivers, lane, start)
            lane += self.gap
        return y + height

    def _labels(self, row: _Row, middle: float, first: bool, start: float) -> None:
        x, room = _MARGIN + 18.0, _LEFT - _MARGIN - 18 - 34
        bold, plain = (row.step, row.detail) if first else ("", row.detail or row.step)
        if bold:
            (bold,) = _fitted([bold], room, 12)
            self._text(x, middle + (-2.5 if plain else 4), bold, 12, bold=True)
        if plain:
            (plain,) = _fitted([plain], room, 11, bold=False)
            self._text(x, middle + (12 if bold else 4), plain, 11, "m" if bold else "")
        if row.number:
            at = _LEFT - 18
            self.shapes.append(f'<circle class="badge" cx="{at:g}" cy="{middle:.1f}" r="10"/>')
            self._text(at, middle + 4, str(row.number), 11, anchor="middle", bold=True)
        room = _RIGHT - 8 - _MARGIN - 10
        arrived = max(r.received_at for r in row.records) - start if self.times else None
        (kind,) = _fitted([row.kind], room, 11.5, bold=False)
        (sizes,) = _fitted([_sizes(row, arrived)], room, 10.5, bold=False)
        self._text(self.text_right, middle - 2.5, kind, 11.5)
        self._text(self.text_right, middle + 12, sizes, 10.5, "m")

    def _lane(
        self, sender: str, receivers: dict[str, list[Record]], y: float, start: float
    ) -> None:
        """One sender's messages: a line through all receivers, a dot, and an arrowhead for each."""
        c = self.columns
        x, ends = c.x[sender], [c.x[name] for name in receivers]
        half = min(self.gap / 2 - 0.4, 3.6)
        css = c.css(sender)
        everyone = [r for records in receivers.values() for r in records]
        width = 2.6 if max(r.count for r in everyone) > 1 or len(everyone) > len(ends) else 1.5
        self.shapes.append(
            f'<path class="lane {css}" stroke-width="{width}" '
            f'd="M{min(x, *ends):.1f} {y:.1f}H{max(x, *ends):.1f}"/>'
            f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{half + 0.2:.1f}"/>'
        )
        for name, records in receivers.items():
            tip = c.x[name]
            back = tip - 8 if tip > x else tip + 8
            note = f"<title>{escape(_tooltip(records, start))}</title>" if self.tooltips else ""
            count = f' data-messages="{len(records)}"' if self.tooltips else ""
            self.shapes.append(
                f'<path class="{css}"{count} '
                f'd="M{tip:.1f} {y:.1f}L{back:.1f} {y - half:.1f}V{y + half:.1f}Z">{note}</path>'
            )

    def _foot(self, y: float) -> float:
        if self.left:
            messages = sum(len(row.records) for row in self.left)
            text = (
                f"... and {style.plural(messages, 'more message')} in "
                f"{style.plural(len(self.left), 'more row')}, not drawn: choose a session or phase"
            )
            self._text(_MARGIN + 14, y + 10, text, 11.5, bold=True)
            y += 20
        text = "A lane per sender, from its dot to each arrowhead."
        if any(row.number for row in self.rows):
            text += " Numbers count the rounds between servers."
        if any(count > 1 for count in self.columns.clients.values()):
            text += " A triple line is a crowd."
        self._text(_MARGIN + 14, y + 10, text, 10.5, "m")
        return y + 22


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
