"""Drawing a layout as SVG: colours, themes, arrows and texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from mpclab import style
from mpclab.conclusions import conclusions as told_by
from mpclab.diagram.layout import (
    _FONT,
    _HEAD,
    _LEFT,
    _MARGIN,
    _PHASE,
    _RIGHT,
    Band,
    Lane,
    Layout,
    PlacedRow,
    _in_words,
    _Row,
    _sizes,
    _summary,
    _tooltip,
    fitted,
)
from mpclab.errors import InputError


def check_theme(theme: str) -> None:
    """Raise InputError unless the theme is one of the three."""
    if theme not in ("auto", "light", "dark"):
        raise InputError(f"the theme is {theme!r}: it is 'auto', 'light' or 'dark'")


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
    return shapes + _in_theme(theme, rules)


def _in_theme(theme: str, rules: Callable[[str, str], str]) -> str:
    """Rules for one theme, or for both; made from a theme and the scope in which they hold."""
    if theme != "auto":
        return rules(theme, f".mpclab-{theme}")
    return (
        rules("light", ".mpclab-auto")
        + "@media (prefers-color-scheme:dark){" + rules("dark", ".mpclab-auto") + "}"
        + rules("light", '[data-jp-theme-light="true"] .mpclab-auto')
        + rules("dark", '[data-jp-theme-light="false"] .mpclab-auto')
    )


@dataclass(frozen=True)
class Marker:
    """What to mark in a picture as with a felt pen, and the word that stands beside it.

    Attributes
    ----------
    words : mapping of int to str
        For records of messages, by their `id`: the word, such as "altered".
    silent : frozenset of (str, str, str, str)
        Session, phase, step and sender of messages that were due and never came.
    """

    words: Mapping[int, str] = field(default_factory=dict)
    silent: frozenset[tuple[str, str, str, str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.words or self.silent)

    def word(self, row: _Row) -> str:
        """What stands beside a row; "" if nothing in it is marked."""
        found = [self.words[id(r)] for r in row.records if id(r) in self.words]
        found += ["silent" for s in self.silent if s[:3] == (row.session, row.phase, row.label)]
        return ", ".join(dict.fromkeys(found))


def _marker_rules(which: str, scope: str) -> str:
    pen, ink = {"light": ("#FFD54A", "#7A4B00"), "dark": ("#B98900", "#FFD97A")}[which]
    return (
        f"{scope} .pen{{fill:{pen};fill-opacity:.2}}"
        f"{scope} .halo{{fill:none;stroke:{pen};stroke-opacity:.8}}"
        f"{scope} .cross{{fill:none;stroke:{ink}}}{scope} text.pen-word{{fill:{ink}}}"
    )


class _Drawing:
    """A layout becomes shapes and words; every text stands in a place of its own."""

    def __init__(
        self, placed: Layout, theme: str, times: bool, marker: Marker | None = None
    ) -> None:
        self.placed, self.columns = placed, placed.columns
        self.theme, self.times, self.marker = theme, times, marker or Marker()
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
        if self.marker:
            css += _in_theme(self.theme, _marker_rules)
        sessions = list(dict.fromkeys(row.session for band in bands for row in band))
        where = f"session {sessions[0]}" if len(sessions) == 1 else f"{len(sessions)} sessions"
        title = f"Messages of {where}: {', '.join(self.phases)}"
        words = []
        for band in bands:
            words.append(f"Phase {band[0].phase}: {_summary(band)}.")
            for row in band:
                word = self.marker.word(row)
                words.append(_in_words(row, self.columns) + (f" Marked: {word}." if word else ""))
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
        if self.marker.word(row):
            inner = self.columns.width - 2 * _MARGIN - 12
            self._rect(self.shapes, "pen", _MARGIN + 8, placed.y, inner, placed.height, 5)
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
        for session, phase, step, sender in sorted(self.marker.silent):
            if (session, phase, step) == (row.session, row.phase, row.label):
                x, y = self.columns.x[self.columns.of(sender)], placed.y + placed.height / 2
                self.shapes.append(
                    f'<path class="cross" stroke-width="3" '
                    f'd="M{x - 6:.1f} {y - 6:.1f}l12 12m0-12l-12 12"/>'
                )
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
        word = self.marker.word(row)
        if word:
            (word,) = fitted([word], room, 11)
            self._text(self.text_right, middle + 12, word, 11, "pen-word", bold=True)
        else:
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
        words = self.marker.words
        marked = [m.x_to for m in lane.marks if any(id(r) in words for r in m.records)]
        if marked:
            self.shapes.append(
                f'<path class="halo" stroke-width="9" stroke-linecap="round" '
                f'd="M{min(x, *marked):.1f} {y:.1f}H{max(x, *marked):.1f}"/>'
            )
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
