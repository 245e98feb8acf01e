"""The picture of a `RecommendationView`: what the requester learns, and what the servers saw.

>>> from mpclab.teaching.recommendations import recommendation_view
>>> draw(recommendation_view(15, 0.3, 3))
Drawing(A recommendation for user 15)
"""

from __future__ import annotations

import math

import numpy as np

from mpclab import style
from mpclab.teaching.canvas import Canvas, Drawing, Panel
from mpclab.teaching.recommendations import (
    BINS,
    STEPS,
    RecommendationView,
    parameters,
    quality_by_threshold,
)

__all__ = ["draw"]

_WIDTH, _HEIGHT = 900.0, 508.0
_LEFT, _MIDDLE, _RIGHT = 16.0, 486.0, 884.0  # where the columns begin, and the paper ends
_STARS, _LONG = 296.0, 150.0  # where the bars of five stars begin, and how long they are


def draw(v: RecommendationView) -> Drawing:
    """Four panels: titles and similarities on the left, histograms and curves on the right."""
    sheet = Canvas(_WIDTH, _HEIGHT, f"A recommendation for user {v.user}", v.sentence())
    _titles(sheet, v)
    _similarities(sheet, v)
    _seen(sheet, v)
    _quality_panels(sheet, v)
    return sheet.picture()


def _fitted(text: str, width: float, points: float) -> str:
    """A text that is cut where it would be too wide."""
    if style.text_width(text, points) <= width:
        return text
    while style.text_width(text + "…", points) > width:
        text = text[:-1]
    return text.rstrip(" ,(") + "…"


def _titles(sheet: Canvas, v: RecommendationView) -> None:
    """The best ten, with predicted stars and what the requester really gave."""
    sheet.text(_LEFT, 28, f"What user {v.user} learns, and nobody else", 12, bold=True)
    if not v.titles:
        why = "No neighbour: all sums are 0, and no title comes out."
        if v.withheld:
            why = f"Fewer than {v.minimum} neighbours. How many, and what they liked, stays secret."
        elif v.neighbours:
            who = style.plural(v.neighbours, "neighbour")
            why = f"{who}, but without a rating here: all sums are 0, and no title comes out."
        sheet.text(_LEFT, 60, why, 11.5)
        return
    sheet.text(_STARS, 46, "predicted (stars)", 10.5, "m")
    sheet.path(f"M{_STARS + 98:.1f} 37.5l4.5 4.5l-4.5 4.5l-4.5 -4.5Z", "dot")
    sheet.text(_STARS + 106, 46, "really given", 10.5, "m")
    for k, each in enumerate(v.titles):
        y = 66 + 19 * k
        sheet.text(_LEFT, y, _fitted(each.title, _STARS - _LEFT - 10, 11.5), 11.5)
        sheet.tip(f"{each.title}: rated by {style.plural(each.neighbours, 'neighbour')}")
        sheet.line(_STARS, y - 4, _STARS + _LONG, y - 4, "rule")
        sheet.rect(_STARS, y - 9, _LONG * each.stars / 5, 10, "bars", 2)
        sheet.tip(f"predicted {each.stars:.2f} stars")
        if each.given is not None:
            x = _STARS + _LONG * each.given / 5
            sheet.path(f"M{x:.1f} {y - 9.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5Z", "dot",
                       ' stroke-width="1.2"')  # fmt: skip
            sheet.tip(f"user {v.user} gave {each.given:g} stars")


def _similarities(sheet: Canvas, v: RecommendationView) -> None:
    """God's view: who is similar to the requester, and where the threshold lies."""
    top, size = 286.0, 150.0
    sheet.text(_LEFT, top, "What nobody sees: all similarities", 12, bold=True)
    mine = int(np.argmax(v.inside.similarities))  # its own row, which is left out
    s = np.delete(v.inside.similarities, mine) / parameters().scale ** 2
    b = np.delete(v.inside.bits, mine)
    places = np.clip(np.floor((s + 1) * 20).astype(int), 0, 39)
    both = [np.bincount(places[b == bit], minlength=40) for bit in (1, 0)]
    high = float(max((both[0] + both[1]).max(), 1))
    panel = Panel(sheet, 64, top + 20, 390, size, (-1, 1), (0, 1.08 * high))
    step = _step(high)
    panel.axes(
        {k / 2: f"{k / 2:g}" for k in range(-2, 3)},
        {k * step: f"{k * step:g}" for k in range(int(high / step) + 1)},
        f"cosine similarity to user {v.user}", "users (number)", 38,
    )  # fmt: skip
    wide = panel.width / 40
    for k in range(40):
        x, y = panel.x(-1 + k / 20) + 0.5, panel.y(0)
        for counts, css in zip(both, ("dot", "cover"), strict=True):
            if counts[k]:
                tall = panel.y(0) - panel.y(float(counts[k]))
                sheet.rect(x, y - tall, wide - 1, tall, css)
                y -= tall
    at = panel.x(v.threshold)
    sheet.line(at, panel.top + 3, at, panel.y(0), "ink", ' stroke-width="1.5"')
    told = f"threshold {v.threshold:.2f}: {style.plural(v.neighbours, 'neighbour')} (filled)"
    half = style.text_width(told, 11, bold=True) / 2
    x = min(max(at, _LEFT + half), panel.left + panel.width - half)
    sheet.text(x, panel.top - 1, told, 11, "", "middle", True)


def _seen(sheet: Canvas, v: RecommendationView) -> None:
    """What servers saw: a strip each, as wide as the field."""
    sheet.text(_MIDDLE, 28, "What the servers saw meanwhile", 12, bold=True)
    rows = len(v.seen)
    tall = 222.0 / rows
    left, width = 606.0, _RIGHT - 606.0 - 8
    due = len(v.inside.bits) / BINS
    for k, (_, counts) in enumerate(v.seen):
        top = 40 + tall * k
        panel = Panel(sheet, left, top + 3, width, tall - 7, (0, BINS), (0, 2.4 * due))
        css = f"s{k}" if k < v.servers else "bars"
        middle = top + tall / 2
        if k < v.servers:
            sheet.server(k, _MIDDLE, middle, 68, 19)
            sheet.text(_MIDDLE + 74, middle + 4, "shares", 10.5, "m")
        else:
            step, what = (("R4", "s − t + r"), ("R5", "b − d"))[k - v.servers]
            sheet.text(_MIDDLE, middle - 3, f"all of them, {step}", 10.5, "m")
            sheet.text(_MIDDLE, middle + 10, f"opened {what}", 10.5)
        for j, count in enumerate(counts):
            tall_bar = min(panel.y(0) - panel.y(float(count)), panel.height)
            sheet.rect(panel.x(j) + 0.5, panel.y(0) - tall_bar, width / BINS - 1, tall_bar, css)
        sheet.line(left, panel.y(due), left + width, panel.y(due), "ink",
                   ' stroke-dasharray="4 3" opacity=".7"')  # fmt: skip
        sheet.line(left, panel.y(0), left + width, panel.y(0), "axis")
    bottom = 40 + tall * rows - 4
    for x, text in ((left, "0"), (left + width / 2, "p/2"), (left + width, "p")):
        sheet.text(x, bottom + 14, text, 10.5, "", "middle")
    told = f"value (dashed: {due:.0f} of {len(v.inside.bits)} each, even chances)"
    sheet.text(left + width / 2, bottom + 29, told, 10.5, "m", "middle")


def _quality_panels(sheet: Canvas, v: RecommendationView) -> None:
    """The requester's error and hits at every threshold, and where it is now."""
    curve, top = quality_by_threshold(v.user), 326.0
    sheet.text(_MIDDLE, top, f"How good it is for user {v.user}, at every threshold", 12, bold=True)
    known = [error for error, _ in curve if not math.isnan(error)]
    if not known:
        told = (f"None of the ratings of user {v.user} for these films was put aside:",
                "there is nothing to compare predictions with.")  # fmt: skip
        for k, words in enumerate(told):
            sheet.text(_MIDDLE, top + 32 + 17 * k, words, 11.5)
        return
    low, high = 0.2 * math.floor(5 * min(known)), 0.2 * math.ceil(5 * max(known) + 0.01)
    here = not math.isnan(v.error)
    values = {
        "error (RMSE, stars)": ([error for error, _ in curve], v.error, (low, high)),
        "hits among ten titles": ([float(h) for _, h in curve], float(v.hits), (0.0, 10.0)),
    }
    for k, (label, (line, now, ends)) in enumerate(values.items()):
        panel = Panel(sheet, _MIDDLE + 48 + 206 * k, top + 20, 136, 110, (-1, 1), ends)
        step = 0.2 if k == 0 and ends[1] - ends[0] < 0.9 else (0.4, 5)[k]
        count = round((ends[1] - ends[0]) / step)
        ticks = {ends[0] + step * j: f"{ends[0] + step * j:g}" for j in range(count + 1)}
        ticks = {at: text[:4] for at, text in ticks.items() if at <= ends[1] + 1e-9}
        panel.axes({-1: "-1", 0: "0", 1: "1"}, ticks, "threshold", label, 36)
        there = [(t, y) for t, y, (e, _) in zip(STEPS, line, curve, strict=True)
                 if not math.isnan(e)]  # fmt: skip
        path = "L".join(f"{panel.x(t):.1f} {panel.y(y):.1f}" for t, y in there)
        sheet.path("M" + path, "ink", ' stroke-width="1.5"')
        if here:
            sheet.circle(panel.x(v.threshold), panel.y(now), 5, "dot")
            sheet.tip(f"now: {now:.2f}" if k == 0 else f"now: {now:g}")


def _step(high: float) -> float:
    """A round number that fits two to five times below `high`."""
    power = 10.0 ** math.floor(math.log10(max(high, 1)))
    return next(f * power for f in (2, 1, 0.5, 0.2) if high / (f * power) >= 2)
