"""When each party computed, sent and waited: the transcript's clock as a picture and as numbers.

A lane per party, in the colours of the sequence diagram. A bar is computing, up to the message of
its step or the result; a thin line below it is a message on its way; the light line between is
waiting. Steps and phases stand above, milliseconds below. At any moment a party is in one of three
states, so that its times add up to the span of the phase: it *computes*; or else a message of its
own is on its way, so it *sends*; or else it *waits*, for others or for the end.

>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> answer = lab.secret([42]).reveal()
>>> timeline(lab.transcript, phase="online")
Timeline(3 parties in 1 phase)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from mpclab import style
from mpclab.diagram import Columns, Picture, check_theme, css_rules, fitted, nothing
from mpclab.errors import InputError
from mpclab.network.transcript import Activity, Record, Transcript

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Timeline", "timeline", "timeline_frame"]

_WIDTH = 900.0
_LEFT, _RIGHT = 112.0, 196.0  # names on the left; on the right the three sums
_SUMS = 58.0
_MARGIN = 10.0
_TOP = 80.0  # of the first lane
_LEVELS = (48.0, 60.0, 72.0)  # where the names of steps stand, not to touch each other
_LANE, _BAR = 36.0, 15.0
_BETWEEN = 4.0  # pixels between two phases
_SMALL = 1.2  # the narrowest bar


@dataclass(frozen=True)
class Timeline(Picture):
    """A drawn timeline; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    parties, phases : int
        What is drawn: lanes; and phases, counted anew when one comes back.
    seconds : float
        How much time is drawn.
    """

    parties: int
    phases: int
    seconds: float = field(repr=False)

    _about = "A timeline of computing, sending and waiting"

    def __repr__(self) -> str:
        parties = "1 party" if self.parties == 1 else f"{self.parties} parties"
        return f"Timeline({parties} in {style.plural(self.phases, 'phase')})"


# -- what happened --------------------------------------------------------------------------------


@dataclass
class _Run:
    """What happened between a common start of all parties and the last one's end."""

    session: str
    phase: str
    start: float
    end: float
    activities: dict[str, list[Activity]] = field(default_factory=dict)
    sent: dict[str, list[tuple[int, Record]]] = field(default_factory=dict)  # with its activity


def _runs(transcript: Transcript, session: str | None, phase: str | None) -> list[_Run]:
    """The runs of a session and a phase in the order of time."""
    found: dict[tuple[str, str, int], _Run] = {}
    for a in transcript.activities:
        if session in (None, a.session) and phase in (None, a.phase):
            run = found.setdefault(
                (a.session, a.phase, a.run), _Run(a.session, a.phase, a.start, a.end)
            )
            run.start, run.end = min(run.start, a.start), max(run.end, a.end)
            run.activities.setdefault(a.party, []).append(a)
    for r in transcript.select(session, phase):
        if 0 <= r.sent_in < len(transcript.activities):
            key = (r.session, r.phase, transcript.activities[r.sent_in].run)
            if key in found:
                found[key].sent.setdefault(r.sender, []).append((r.sent_in, r))
    if not found:
        raise InputError(nothing(transcript, session, phase))
    return sorted(found.values(), key=lambda run: run.start)


def _union(spans: Iterable[tuple[float, float]]) -> float:
    """How much time is covered by some stretches, which may overlap."""
    total, last = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(end - max(start, last), 0.0)
        last = max(last, end)
    return total


def _spent(runs: Sequence[_Run]) -> dict[tuple[str, str], list[float]]:
    """(party, phase) -> seconds computing, sending, waiting, and of the runs it took part in."""
    out: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        for party, activities in run.activities.items():
            computing = [(a.start, a.end) for a in activities]
            sending = [(r.sent_at, min(r.received_at, run.end))
                       for _, r in run.sent.get(party, ())]  # fmt: skip
            own, busy = _union(computing), _union(computing + sending)
            sums = out.setdefault((party, run.phase), [0.0] * 4)
            span = run.end - run.start
            for i, seconds in enumerate((own, busy - own, span - busy, span)):
                sums[i] += seconds
    return out


def timeline_frame(
    transcript: Transcript, session: str | None = None, phase: str | None = None
) -> pd.DataFrame:
    """How long each party computed, sent and waited in each phase, in seconds.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which part of it; None takes all.

    Returns
    -------
    DataFrame
        One row per party and phase. `computing`, `sending` (a message of its own is on its way,
        and it does not compute) and `waiting` (neither) add up to `span`: how long the runs took
        in which the party had a part. For a server that is `transcript.seconds(phase=phase)`.

    Raises
    ------
    InputError
        If nothing happened in this session or phase.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=2, seed=1)
    >>> _ = lab.secret([42]).reveal()
    >>> frame = timeline_frame(lab.transcript, phase="online")
    >>> list(frame["party"]), list(frame.columns)[2:]
    (['server 0', 'server 1'], ['computing', 'sending', 'waiting', 'span'])
    >>> sums = frame[["computing", "sending", "waiting"]].sum(axis=1)
    >>> bool((abs(sums - frame["span"]) < 1e-9).all())
    True
    """
    import pandas as pd

    runs = _runs(transcript, session, phase)
    spent = _spent(runs)
    parties = Columns([], frozenset(), dict.fromkeys(p for p, _ in spent)).everybody
    rows = [
        (party, name, *spent[party, name])
        for name in dict.fromkeys(run.phase for run in runs)
        for party in parties
        if (party, name) in spent
    ]
    return pd.DataFrame(
        rows, columns=["party", "phase", "computing", "sending", "waiting", "span"]
    )


# -- the picture ----------------------------------------------------------------------------------


def timeline(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    theme: str = "auto",
) -> Timeline:
    """Draw when each party computed, sent and waited.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which part of it; None takes all. Time that is not drawn is left out of the axis.
    theme : {"auto", "light", "dark"}
        "auto" follows the notebook's theme, or else the reader's system.

    Raises
    ------
    InputError
        If nothing happened in this session or phase, or the theme is none of the three.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=2, seed=1)
    >>> _ = lab.secret([42]).reveal()
    >>> timeline(lab.transcript)
    Timeline(4 parties in 4 phases)
    """
    check_theme(theme)
    runs = _runs(transcript, session, phase)
    drawing = _Drawing(transcript, runs, theme)
    return Timeline(
        svg=drawing.svg(tooltips=True),
        still=drawing.svg(tooltips=False),
        parties=len(drawing.columns.names),
        phases=len(drawing.bands),
        seconds=drawing.total,
    )


@dataclass
class _Band:
    """Neighbouring runs of one phase of one session."""

    runs: list[_Run]
    offset: float  # how much time was drawn before it
    x: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(run.end - run.start for run in self.runs)


class _Drawing:
    def __init__(self, transcript: Transcript, runs: list[_Run], theme: str) -> None:
        self.transcript, self.theme = transcript, theme
        records = [r for run in runs for sent in run.sent.values() for _, r in sent]
        parties = dict.fromkeys(party for run in runs for party in run.activities)
        self.columns = Columns(records, frozenset(), parties)
        self.spent = _spent(runs)
        self.bands: list[_Band] = []
        self.total = 0.0
        for run in runs:
            last = self.bands[-1].runs[-1] if self.bands else None
            if last and (last.session, last.phase) == (run.session, run.phase):
                self.bands[-1].runs.append(run)
            else:
                self.bands.append(_Band([run], self.total))
            self.total += run.end - run.start
        self.phases = list(dict.fromkeys(run.phase for run in runs))
        self._scale()

    def _scale(self) -> None:
        """Where times stand: one scale for all phases, with a little room between them."""
        room = _WIDTH - _LEFT - _RIGHT
        self.between = min(_BETWEEN, 0.2 * room / len(self.bands))
        room -= self.between * (len(self.bands) - 1)
        self.scale = room / max(self.total, 1e-9)  # pixels per second
        self.at: dict[int, float] = {}  # of a run: what to add to time x scale
        for i, band in enumerate(self.bands):
            offset = band.offset
            band.x = _LEFT + i * self.between + offset * self.scale
            for run in band.runs:
                self.at[id(run)] = band.x + (offset - band.offset - run.start) * self.scale
                offset += run.end - run.start

    def _x(self, run: _Run, seconds: float) -> float:
        return self.at[id(run)] + seconds * self.scale

    def svg(self, tooltips: bool) -> str:
        self.tooltips = tooltips
        self.shapes: list[str] = []
        lanes = self.columns.names
        self.used = dict.fromkeys(_LEVELS, 0.0)  # how far each level is written on
        top = _TOP
        bottom = top + _LANE * len(lanes)
        for x, text in zip(self._sum_places(), ("computing", "sending", "waiting"), strict=True):
            self._text(x, 26, text, 10, "m", "end")
        names = [name for band in self.bands for name in self._heading(band, bottom)]
        for step, x in names:  # above all grounds
            self._name(step, x)
        for i, name in enumerate(lanes):
            self._lane(name, top + i * _LANE)
        height = self._foot(self._axis(bottom))
        return self._wrap(height)

    def _wrap(self, height: float) -> str:
        servers = [int(s.split()[1]) for s in self.columns.servers]
        css = css_rules(self.theme, servers, self.phases) + (
            ".mpclab-sd .way{stroke:none;fill-opacity:.6}.mpclab-sd .work{stroke:none}"
            ".mpclab-sd .tick{fill:none;stroke:#808080;stroke-opacity:.45}"
        )
        title = f"Who computed, sent and waited when: {', '.join(self.phases)}"
        words = [
            f"{party} in {phase}: computing {style.duration(own)}, sending {style.duration(away)}, "
            f"waiting {style.duration(idle)}."
            for (party, phase), (own, away, idle, _) in list(self.spent.items())[:80]
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="mpclab-sd mpclab-{self.theme}" '
            f'role="img" aria-label="{escape(title)}" width="{_WIDTH:g}" height="{height:g}" '
            f'viewBox="0 0 {_WIDTH:g} {height:g}">'
            f"<title>{escape(title)}</title><desc>{escape(' '.join(words))}</desc>"
            f"<style>{css}</style>"
            f'<rect class="paper" x=".5" y=".5" width="{_WIDTH - 1:g}" height="{height - 1:g}" '
            f'rx="8"/>{"".join(self.shapes)}</svg>'
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
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{points:g}"{attributes} '
            f'pointer-events="none">{escape(text, quote=False)}</text>'
        )

    def _rect(
        self, css: str, x: float, y: float, w: float, h: float, note: str = "", rx: float = 0
    ) -> None:
        title = f"<title>{escape(note)}</title>" if note and self.tooltips else ""
        corners = f' rx="{rx:g}"' if rx else ""
        self.shapes.append(
            f'<rect class="{css}" x="{x:.2f}" y="{y:.1f}" width="{w:.2f}" height="{h:g}"{corners}'
            + (f">{title}</rect>" if title else "/>")
        )

    @staticmethod
    def _sum_places() -> list[float]:
        return [_WIDTH - _MARGIN - 4 - _SUMS * i for i in (2, 1, 0)]

    def _heading(self, band: _Band, bottom: float) -> list[tuple[str, float]]:
        """A phase's tint and name, and the grounds of its steps; returns their names and places."""
        first, p = band.runs[0], self.phases.index(band.runs[0].phase)
        width = max(band.seconds * self.scale, 0.5)
        note = f"{first.phase} ({first.session}): {style.duration(band.seconds)}"
        self._rect("band", band.x, 36, width, bottom - 36)
        self._rect(f"p{p}", band.x, 10, width, 3)
        self._rect(f"h{p}", band.x, 13, width, 20, note)
        for words in (f"{first.phase}, {style.duration(band.seconds)}", first.phase):
            if style.text_width(words, 11.5, bold=True) + 10 <= width:
                self._text(band.x + 5, 27, words, 11.5, bold=True)
                break
        names: list[tuple[str, float]] = []
        for run in band.runs:
            for k, (step, start, end) in enumerate(_steps(run)):
                x, w = self._x(run, start), (end - start) * self.scale
                if w < 1:
                    continue
                note = f"{step or 'the end'}: until {style.duration(end - band.runs[0].start)}"
                self._rect("step" if k % 2 else "band", x, 36, w, bottom - 36, note)
                names.append((step.split("/")[-1], x))
        return names

    def _name(self, step: str, x: float) -> None:
        """Write a step's name at its start, on the first level that is free there, if one is."""
        width, right = style.text_width(step, 10) + 6, _WIDTH - _RIGHT
        before = x + width > right  # no room to the right of the start: then to the left of it
        start = x - width if before else x
        free = [y for y in _LEVELS if self.used[y] <= start]
        if step and free and start >= _LEFT:
            self.used[free[0]] = start + width + 2
            self.shapes.append(f'<path class="tick" d="M{x:.1f} {free[0] - 9:g}v12"/>')
            self._text(start + 3, free[0], step, 10, "m")

    def _lane(self, name: str, top: float) -> None:
        c = self.columns
        middle = top + _LANE / 2
        lines = fitted([" ".join(c.heading(name))], _LEFT - _MARGIN - 26, 11)
        self._rect(f"{c.css(name)} work", _MARGIN + 4, middle - 6, 8, 12, rx=2)
        self._text(_MARGIN + 18, middle + 4, lines[0], 11, bold=True)
        mine = [party for run in self._all_runs() for party in run.activities
                if c.of(party) == name]  # fmt: skip
        mine = list(dict.fromkeys(mine))
        if len(mine) == 1:
            sums = [sum(v[i] for (p, _), v in self.spent.items() if p == mine[0]) for i in range(3)]
            for x, seconds in zip(self._sum_places(), sums, strict=True):
                self._text(x, middle + 4, style.duration(seconds), 10.5, anchor="end")
        bars: list[_Bar] = []
        ways: list[_Bar] = []
        for run in self._all_runs():
            for party in mine:
                if party in run.activities:
                    bars += self._computing(run, party, middle)
                    ways += self._sending(run, party)
        css = c.css(name)
        for bar in _thinned(ways):
            self._rect(f"{css} way", bar.x, middle + 10, max(bar.w, _SMALL), 3, bar.note, 1)
        for bar in _thinned(bars):
            width = max(bar.w, _SMALL)
            self._rect(f"{css} work", bar.x, middle - 8, width, _BAR, bar.note, min(2, width / 3))
            if bar.label and style.text_width(bar.label, 10) + 6 <= bar.w:
                self._text(bar.x + bar.w / 2, middle + 3, bar.label, 10, f"on-{css}", "middle")

    def _all_runs(self) -> Iterator[_Run]:
        for band in self.bands:
            yield from band.runs

    def _computing(self, run: _Run, party: str, middle: float) -> Iterator[_Bar]:
        """The bars of one party; what lies between is drawn at once, as waiting."""
        last: float | None = None
        for a in sorted(run.activities[party], key=lambda a: a.start):
            if last is not None and a.start > last:
                self._waiting(run, party, last, a.start, a, middle)
            last = a.end if last is None else max(last, a.end)
            took = style.duration(a.end - a.start)
            at = style.duration(a.start - run.start)
            yield _Bar(
                self._x(run, a.start), (a.end - a.start) * self.scale, a.step.split("/")[-1],
                f"{party} computes {took} for {a.step or 'its beginning'}\nfrom {at} of this run",
                a.end - a.start,
            )  # fmt: skip
        if last is not None and last < run.end:
            self._waiting(run, party, last, run.end, None, middle)

    def _waiting(
        self, run: _Run, party: str, start: float, end: float, then: Activity | None, middle: float
    ) -> None:
        w = (end - start) * self.scale
        if w < 0.5:
            return
        note = f"{party} has done its part; the others go on for {style.duration(end - start)}"
        if then is not None:
            awaited = [self.transcript.records[n] for n in then.consumed]
            names = list(dict.fromkeys(r.sender for r in awaited))
            who = ", ".join(names[:12]) or "nobody"
            note = f"{party} waits {style.duration(end - start)} for {who}"
            if awaited:
                late = max(awaited, key=lambda r: r.received_at)
                note += f"\nlast comes {late.sender}'s {late.kind} ({late.step})"
        self._rect("paper wait", self._x(run, start), middle - 3, w, 5, note)

    def _sending(self, run: _Run, party: str) -> Iterator[_Bar]:
        """One bar for all messages that a stretch of computing ended with."""
        together: dict[int, list[Record]] = {}
        for number, r in run.sent.get(party, ()):
            together.setdefault(number, []).append(r)
        for sent in together.values():
            start = min(r.sent_at for r in sent)
            end = min(max(r.received_at for r in sent), run.end)
            to = ", ".join(list(dict.fromkeys(r.receiver for r in sent))[:12])
            size = style.size(sum(r.bytes for r in sent))
            yield _Bar(
                self._x(run, start), (end - start) * self.scale, "",
                f"{party} sends {sent[0].kind} ({sent[0].step}) to {to}\n"
                f"{size}, on the way for {style.duration(end - start)}",
                end - start,
            )  # fmt: skip

    def _axis(self, y: float) -> float:
        """Milliseconds: ticks at round numbers, with their unit."""
        step = _round_step(self.total / 8 * 1e3)
        right = -math.inf
        self.shapes.append(
            f'<path class="tick" d="M{_LEFT:g} {y + 4:.1f}H{_WIDTH - _RIGHT:g}"/>'
        )
        for k in range(int(self.total * 1e3 / step + 1e-9) + 1):
            x = self._x_of_total(k * step / 1e3)
            words = f"{k * step:.9g} ms"
            half = style.text_width(words, 10) / 2
            self.shapes.append(f'<path class="tick" d="M{x:.1f} {y + 4:.1f}v5"/>')
            if x - half > right + 4:
                self._text(x, y + 20, words, 10, "m", "middle")
                right = x + half
        return y + 30

    def _x_of_total(self, seconds: float) -> float:
        band = [b for b in self.bands if b.offset <= seconds][-1]
        return band.x + (seconds - band.offset) * self.scale

    def _foot(self, y: float) -> float:
        x = _MARGIN + 8.0
        for i, phase in enumerate(self.phases):
            seconds = sum(b.seconds for b in self.bands if b.runs[0].phase == phase)
            words = f"{phase} {style.duration(seconds)}"
            wide = style.text_width(words, 10.5) + 34
            if x + wide > _WIDTH - _MARGIN:
                x, y = _MARGIN + 8.0, y + 18
            self._rect(f"p{i}", x, y, 10, 10, rx=2)
            self._text(x + 16, y + 9, words, 10.5)
            x += wide
        pixel = style.duration(_SMALL / self.scale)
        for words in (
            "Bar: computing, up to a message of its step. Thin line below: its messages on their "
            "way. Neither: waiting.",
            f"What takes less than {pixel} is drawn as wide as {pixel}; the sums on the right "
            "are exact."
            + (" Time outside the selection is left out." if self._has_gaps() else ""),
        ):
            y += 18
            self._text(_MARGIN + 8, y + 9, words, 10.5, "m")
        return y + 22

    def _has_gaps(self) -> bool:
        runs = list(self._all_runs())
        return any(b.start - a.end > 1e-9 for a, b in pairwise(runs))


@dataclass
class _Bar:
    x: float
    w: float
    label: str
    note: str
    seconds: float


def _thinned(bars: list[_Bar]) -> Iterator[_Bar]:
    """Bars too narrow to be told apart become one, which says how many they are."""
    group: list[_Bar] = []

    def merged() -> _Bar:
        if len(group) == 1:
            return group[0]
        seconds = sum(b.seconds for b in group)
        note = (
            f"{len(group):,} short ones, {style.duration(seconds)} together\n{group[0].note}"
            f"{chr(10)}and so on"
        )
        end = max(b.x + b.w for b in group)
        return _Bar(group[0].x, end - group[0].x, "", note, seconds)

    for bar in sorted(bars, key=lambda b: b.x):
        if group and not (bar.w < 1 and group[-1].w < 1 and bar.x - group[-1].x < _SMALL):
            yield merged()
            group = []
        group.append(bar)
    if group:
        yield merged()


def _steps(run: _Run) -> Iterator[tuple[str, float, float]]:
    """Steps one after another: each lasts until the last of its messages is there."""
    ends: dict[tuple[str, int | None], float] = {}
    for sent in run.sent.values():
        for _, r in sent:
            key = (r.step, r.round)
            ends[key] = max(ends.get(key, 0.0), min(r.received_at, run.end))
    now = run.start
    for (step, _), end in sorted(ends.items(), key=lambda entry: entry[1]):
        if end > now:
            yield step, now, end
            now = end
    if run.end > now:
        yield "", now, run.end


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-9)))
    return next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= least * (1 - 1e-9))
