"""The picture of a phase map: four phases in numbers, and one of them as a space-time diagram.

In the diagram a lane is a party and time runs to the right. A solid bar is computing; a hollow box
stands for bytes that leave, one message after another; a slanted line is the message that ended a
wait, from its sender's lane to the receiver's; a lane without any of them waits. The grey marker
follows the critical path. The bars of the upper part use the same three marks: slanted, hollow and
solid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mpclab import style
from mpclab.diagram.drawing import css_rules
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Record
from mpclab.style import PHASES
from mpclab.teaching.canvas import Canvas, Drawing

if TYPE_CHECKING:
    from mpclab.teaching.phases import PhaseCost, PhaseMap

__all__ = ["draw", "percents"]

_WIDTH = 900.0
_MARGIN = 14.0
_LOG_LEFT, _LOG_WIDTH, _LOG_LOW, _LOG_HIGH = 112.0, 170.0, -5.0, 2.0
_BAR_LEFT, _BAR_WIDTH = 356.0, 240.0
_ROUNDS, _SENT, _OUTSIDE = 652.0, 764.0, 886.0  # right edges of columns
_ROW_TOP, _ROW = 42.0, 27.0
_LEFT, _RIGHT = 104.0, 688.0  # of the diagram
_SUMS = (752.0, 824.0, 886.0)
_HEAD = _ROW_TOP + _ROW * len(PHASES) + 28  # of the diagram, its upper edge
_LINES, _LINE = 3, 13.0  # for the names of rounds, at most
_SMALL = 1.4  # the narrowest bar
_KINDS = ("latency", "sending", "computing")


def percents(parts: Sequence[float]) -> list[int]:
    """Parts of a whole in whole percents, which add up to 100 (or are all 0).

    >>> percents([0.405, 0.315, 0.28]), percents([1.0, 1.0, 1.0]), percents([0.0, 0.0])
    ([41, 31, 28], [34, 33, 33], [0, 0])
    """
    whole = sum(parts)
    if whole <= 0:
        return [0] * len(parts)
    exact = [100 * part / whole for part in parts]
    out = [math.floor(e) for e in exact]
    most = sorted(range(len(parts)), key=lambda k: (out[k] - exact[k], k))
    for k in most[: 100 - sum(out)]:
        out[k] += 1
    return out


def draw(m: PhaseMap) -> Drawing:
    """The whole picture of a phase map."""
    diagram = _Diagram(m)
    title = f"The phases of a recommendation, {m.phase} in detail"
    sheet = Canvas(_WIDTH, diagram.bottom + 96, title, _told(m))
    _overview(sheet, m)
    diagram.draw(sheet)
    picture = sheet.picture()
    tints = css_rules("auto", (), PHASES)  # of phases, which a canvas has no classes for
    svg = picture.svg.replace("<style>", f"<style>{tints}", 1)
    return Drawing(svg, svg, title=picture.title)


def _told(m: PhaseMap) -> str:
    rows = [
        f"{c.phase}: {style.duration(c.seconds)}, {style.plural(c.rounds, 'round')}, "
        f"{style.size(c.server_bytes)} sent by server 0 to other servers."
        for c in m.costs
    ]
    return " ".join([m.sentence(), *rows])


# -- all phases in numbers ------------------------------------------------------------------------


def _overview(sheet: Canvas, m: PhaseMap) -> None:
    bottom = _ROW_TOP + _ROW * len(PHASES)
    sheet.text(_LOG_LEFT, 20, "duration, in powers of ten", 10.5, "m")
    sheet.text(_BAR_LEFT, 20, "of the critical path", 10.5, "m")
    for x, first, second in (
        (_ROUNDS, "rounds", "between servers"), (_SENT, "a server sends", "to all others"),
        (_OUTSIDE, "to and from users", "or the dealer"),
    ):  # fmt: skip
        sheet.text(x, 20, first, 10.5, "m", "end")
        sheet.text(x, 33, second, 10.5, "m", "end")
    chosen = PHASES.index(m.phase)
    sheet.rect(_MARGIN - 6, _ROW_TOP + chosen * _ROW - 2, _WIDTH - 2 * _MARGIN + 12, _ROW - 2,
               f"h{chosen}", 5)  # fmt: skip
    for k in range(int(_LOG_LOW), int(_LOG_HIGH) + 1):
        x = _log_x(10.0**k)
        sheet.line(x, _ROW_TOP - 4, x, bottom - 2, "rule")
        if k % 2:
            sheet.text(x, bottom + 11, style.duration(10.0**k), 10, "m", "middle")
    for i, cost in enumerate(m.costs):
        _row(sheet, i, cost, cost.phase == m.phase)


def _log_x(seconds: float) -> float:
    power = math.log10(max(seconds, 10.0**_LOG_LOW))
    part = (min(power, _LOG_HIGH) - _LOG_LOW) / (_LOG_HIGH - _LOG_LOW)
    return _LOG_LEFT + _LOG_WIDTH * part


def _row(sheet: Canvas, i: int, c: PhaseCost, chosen: bool) -> None:
    top = _ROW_TOP + i * _ROW
    middle = top + _ROW / 2 - 2
    sheet.rect(_MARGIN, middle - 6, 7, 12, f"p{i}", 2)
    sheet.text(_MARGIN + 13, middle + 4, c.phase, 11.5, "", "start", chosen)
    x = _log_x(c.seconds)
    sheet.line(_LOG_LEFT, middle, x, middle, "ink", ' stroke-width="1.6"')
    sheet.circle(x, middle, 4, "dot")
    sheet.text(_BAR_LEFT - 14, middle + 4, style.duration(c.seconds), 11.5, "", "end",
               chosen)  # fmt: skip
    left, whole = _BAR_LEFT, c.latency + c.sending + c.computing
    shares = percents([getattr(c, kind) for kind in _KINDS])
    for kind, share in zip(_KINDS, shares, strict=True):
        wide = getattr(c, kind) / whole * _BAR_WIDTH if whole > 0 else 0.0
        if wide >= 0.5:
            _marked(sheet, kind, left, middle - 7, wide, 14)
            sheet.tip(f"{c.phase}: {style.duration(getattr(c, kind))} {kind}")
            for text in (f"{kind} {share} %", f"{share} %"):
                if style.text_width(text, 10) + 12 <= wide:
                    _label(sheet, kind, left + wide / 2, middle, text)
                    break
        left += wide
    if c.seconds <= 0:
        sheet.text(_BAR_LEFT, middle + 4, "no time at all", 10.5, "m")
    sheet.text(_ROUNDS, middle + 4, str(c.rounds), 11.5, "", "end")
    sheet.text(_SENT, middle + 4, style.size(c.server_bytes), 11.5, "", "end")
    sheet.text(_OUTSIDE, middle + 4, style.size(c.outside_bytes), 11.5, "", "end")


def _label(sheet: Canvas, kind: str, x: float, middle: float, text: str) -> None:
    half = style.text_width(text, 10) / 2 + 3
    sheet.rect(x - half, middle - 6, 2 * half, 12, "band", 3)
    sheet.text(x, middle + 3.5, text, 10, "", "middle")


def _marked(
    sheet: Canvas, kind: str, x: float, y: float, wide: float, high: float, css: str = ""
) -> None:
    """A stretch of a bar: slanted lines for latency, hollow for sending, solid for computing."""
    if kind == "computing":
        sheet.rect(x, y, max(wide, _SMALL), high, css or "bars")
    elif kind == "sending":
        edge = min(1.2, wide / 2)
        sheet.path(
            f"M{x + edge / 2:.1f} {y + 0.6:.1f}h{max(wide - edge, 0.4):.1f}v{high - 1.2:.1f}"
            f"h-{max(wide - edge, 0.4):.1f}Z",
            css or "axis", f' style="fill:none" stroke-width="{max(edge, 0.8):.1f}"',
        )  # fmt: skip
    else:
        parts = []
        for k in range(int((wide + high) / 6) + 1):
            start = 6.0 * k - high * 0.6
            # a line from the lower left to the upper right, cut off at both ends of the bar
            low, top = max(0.0, -start / 0.6), min(high, (wide - start) / 0.6)
            if top > low:
                parts.append(
                    f"M{x + start + 0.6 * low:.1f} {y + high - low:.1f}"
                    f"L{x + start + 0.6 * top:.1f} {y + high - top:.1f}"
                )
        sheet.path("".join(parts), css or "axis")


# -- one phase in time ----------------------------------------------------------------------------


def _lanes(m: PhaseMap) -> list[str]:
    """The parties of the phase: who is outside first, then the servers."""
    parties = dict.fromkeys(a.party for a in m.transcript.activities if a.phase == m.phase)
    return sorted(parties, key=lambda p: (is_server(p), int(p.split()[1]) if is_server(p) else 0))


def _css(party: str) -> str:
    if is_server(party):
        return f"s{int(party.split()[1]) % 10}"
    return "dealer" if party == "dealer" else "client"


class _Diagram:
    """One phase, party by party."""

    sheet: Canvas

    def __init__(self, m: PhaseMap) -> None:
        self.m, self.lanes = m, _lanes(m)
        self.activities = [a for a in m.transcript.activities if a.phase == m.phase]
        self.start = min(a.start for a in self.activities)
        self.span = max(a.end for a in self.activities) - self.start
        self.scale = (_RIGHT - _LEFT) / max(self.span, 1e-9)
        self.names = list(self._names())
        lines = max((line for *_, line in self.names), default=-1) + 1
        self.top = _HEAD + 34 + _LINE * lines
        self.lane = 38.0 if len(self.lanes) <= 6 else 28.0
        self.bottom = self.top + self.lane * len(self.lanes)

    def x(self, seconds: float) -> float:
        """Where a time of the transcript's clock stands."""
        return _LEFT + (seconds - self.start) * self.scale

    def y(self, party: str) -> float:
        """The middle of a party's lane."""
        return self.top + self.lane * (self.lanes.index(party) + 0.5)

    def draw(self, sheet: Canvas) -> None:
        """Everything below the overview."""
        self.sheet = sheet
        m, i = self.m, PHASES.index(self.m.phase)
        sheet.rect(_MARGIN - 6, _HEAD, _WIDTH - 2 * _MARGIN + 12, 21, f"h{i}", 5)
        sheet.rect(_MARGIN, _HEAD + 4.5, 7, 12, f"p{i}", 2)
        words = f"{m.phase}, {style.duration(m.costs[i].seconds)}: who waits for whom"
        sheet.text(_MARGIN + 13, _HEAD + 15, words, 12, "", "start", True)
        for x, words in zip(_SUMS, ("computes", "bytes leave", "waits"), strict=True):
            sheet.text(x, _HEAD + 15, words, 10.5, "", "end")
        for x, note, *_ in self.names:
            sheet.line(x, self.top - 6, x, self.bottom, "rule", ' stroke-dasharray="2 4"')
            sheet.tip(note)
        for _, _, start, text, line in self.names:
            if line >= 0:
                sheet.text(start, _HEAD + 37 + _LINE * line, text, 10, "m")
        for party in self.lanes:
            sheet.line(_LEFT, self.y(party), _RIGHT, self.y(party), "rule")
        self._critical()
        self._messages()
        for party in self.lanes:
            self._bars(party)
        self._axis()
        self._foot()

    def _names(self) -> Iterator[tuple[float, str, float, str, int]]:
        """Of each round: where it begins, what it is; where its name stands, and on which line."""
        first: dict[int, Record] = {}
        for r in self.m.transcript.select(phase=self.m.phase):
            if r.between_servers and r.round is not None:
                known = first.get(r.round)
                if known is None or r.sent_at < known.sent_at:
                    first[r.round] = r
        free = [0.0] * _LINES
        for k, number in enumerate(sorted(first), start=1):
            x = self.x(first[number].sent_at)
            name = " + ".join(p.split("/")[-1] for p in first[number].step.split(" + "))
            note, last = f"round {k}: {name}", name.split(" + ")[-1]
            for text in (f"{k} {last if len(name) > 24 else name}", str(k), ""):
                wide = style.text_width(text, 10) + 7
                start = min(x, _RIGHT - wide)
                line = next((j for j in range(_LINES) if free[j] <= start), -1)
                if line >= 0 or not text:
                    break
            if line >= 0 and text:
                free[line] = start + wide
            yield x, note, start, text, line if text else -1

    def _critical(self) -> None:
        """A marker behind the critical path."""
        parts, at = [], None
        for s in self.m.paths[self.m.phase].stretches:
            begin = f"{self.x(s.start):.1f} {self.y(s.sender):.1f}"
            end = f"{self.x(s.end):.1f} {self.y(s.receiver):.1f}"
            parts.append(f"L{end}" if at == begin else f"M{begin}L{end}")
            at = end
        self.sheet.path(
            "".join(parts), "ink",
            ' stroke-width="8" stroke-opacity=".2" stroke-linejoin="round" stroke-linecap="round"',
        )  # fmt: skip
        self.sheet.tip("the critical path: each had to wait for the one before")

    def _messages(self) -> None:
        """For every wait, the message that ended it."""
        t = self.m.transcript
        for a in self.activities:
            if not a.consumed:
                continue
            number = max(a.consumed, key=lambda k: t.records[k].received_at)
            r = t.records[number]
            left = r.received_at - self.m.conditions.delay(r.sender, r.receiver, number)
            self._arrow(r, self.x(left), self.x(r.received_at))

    def _arrow(self, r: Record, x1: float, x2: float) -> None:
        y1, y2 = self.y(r.sender), self.y(r.receiver)
        away = 7.0 if y2 > y1 else -7.0
        css = _css(r.sender)
        self.sheet.line(x1, y1, x2, y2 - away, css, ' stroke-width="1.3" stroke-opacity=".75"')
        self.sheet.tip(
            f"{r.receiver} waits for {r.sender}: {r.kind} ({r.step}), {style.size(r.bytes)}, on "
            f"the way until {style.duration(r.received_at - self.start)}"
        )
        self.sheet.path(
            f"M{x2:.1f} {y2 - 0.2 * away:.1f}l-3 {-0.9 * away:.1f}h6Z", css, ' stroke="none"'
        )

    def _leaving(self, party: str) -> list[tuple[float, float]]:
        """When a party's link was busy."""
        t, c = self.m.transcript, self.m.conditions
        spans: list[tuple[float, float]] = []
        mine = [(k, r) for k, r in enumerate(t.records) if r.sender == party]
        for k, r in mine:
            if r.phase == self.m.phase:
                left = r.received_at - c.delay(r.sender, r.receiver, k)
                spans.append((r.sent_at, left))
        spans.sort()
        joined: list[tuple[float, float]] = []
        for start, end in spans:
            if joined and start <= joined[-1][1] + 1e-12:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((start, end))
        end_of_phase = self.start + self.span
        return [(a, min(b, end_of_phase)) for a, b in joined if a < end_of_phase]

    def _bars(self, party: str) -> None:
        sheet, y, css = self.sheet, self.y(party), _css(party)
        sheet.rect(_MARGIN, y - 6, 8, 12, css, 2)
        sheet.text(_MARGIN + 14, y + 4, party, 11, "", "start", True)
        computing = [
            (a.start, a.end) for a in self.activities if a.party == party and a.end > a.start
        ]
        sending = self._leaving(party)
        for start, end in sending:
            wide = (end - start) * self.scale
            if wide >= 0.3:
                _marked(sheet, "sending", self.x(start), y - 4.5, wide, 9, css)
                sheet.tip(f"{party}'s bytes leave: {style.duration(end - start)}")
        for start, end in _joined(computing, _SMALL / self.scale):
            _marked(sheet, "computing", self.x(start), y - 7.5, (end - start) * self.scale, 15, css)
            sheet.tip(
                f"{party} computes from {style.duration(start - self.start)} to "
                f"{style.duration(end - self.start)} of the phase"
            )
        computes = _covered(computing)
        busy = _covered(computing + sending)
        for x, seconds in zip(_SUMS, (computes, busy - computes, self.span - busy), strict=True):
            sheet.text(x, y + 4, style.duration(seconds), 10.5, "", "end")

    def _axis(self) -> None:
        y = self.bottom + 5
        self.sheet.line(_LEFT, y, _RIGHT, y, "axis")
        tick = _round_number(self.span / 7)
        units = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)]
        unit, factor = next((pair for pair in units if self.span >= pair[1]), units[-1])
        for k in range(int(self.span / tick + 1e-6) + 1):
            x = self.x(self.start + k * tick)
            self.sheet.line(x, y, x, y + 4, "axis")
            self.sheet.text(x, y + 16, f"{k * tick / factor:.4g}", 10, "m", "middle")
        self.sheet.text(_RIGHT + 14, y + 16, f"{unit} of the phase", 10, "m")

    def _foot(self) -> None:
        sheet, y = self.sheet, self.bottom + 42
        x = _MARGIN
        for kind, words in (
            ("computing", "computes"),
            ("sending", "its bytes leave"),
            ("message", "the message that ended a wait"),
            ("waiting", "waits"),
            ("path", "critical path"),
        ):
            if kind == "message":
                sheet.line(x, y + 5, x + 24, y - 4, "axis", ' stroke-width="1.3"')
                sheet.path(f"M{x + 27:.1f} {y - 5:.1f}l-7 0l3.5 5Z", "bars")
            elif kind == "waiting":
                sheet.line(x, y, x + 26, y, "rule")
            elif kind == "path":
                sheet.line(x + 3, y, x + 23, y, "ink", ' stroke-width="8" stroke-opacity=".2" '
                           'stroke-linecap="round"')  # fmt: skip
            else:
                high = 12.0 if kind == "computing" else 9.0
                _marked(sheet, kind, x, y - high / 2, 26, high)
            sheet.text(x + 33, y + 4, words, 10.5)
            x += 33 + style.text_width(words, 10.5) + 26
        sheet.text(_MARGIN, y + 23, self.m.note(), 10.5, "m")
        words = "Upper part: slanted, hollow and solid bars say what the critical path is made of."
        sheet.text(_MARGIN, y + 39, words, 10.5, "m")


def _joined(
    spans: list[tuple[float, float]], gap: float
) -> Iterator[tuple[float, float]]:
    """Stretches with so little between them that it could not be seen, as one."""
    last: tuple[float, float] | None = None
    for start, end in sorted(spans):
        if last is not None and start - last[1] <= gap:
            last = last[0], max(last[1], end)
            continue
        if last is not None:
            yield last
        last = start, end
    if last is not None:
        yield last


def _covered(spans: list[tuple[float, float]]) -> float:
    """How much time some stretches cover, which may overlap."""
    return sum(end - start for start, end in _joined(spans, 0.0))


def _round_number(value: float) -> float:
    """The least of 1, 2, 5, 10, 20 .. times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-12)))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= value * (1 - 1e-9))
