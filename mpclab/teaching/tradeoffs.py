"""What the recommender's sizes and threshold do: quality for all users, and what travels.

Nothing here is measured with a clock. `threshold_effect` computes in the clear, which gives the
same integers as the protocol; `travelling` takes the costs that `mpclab.cost` predicts, which are
those of the transcript.

>>> effect = threshold_effect()
>>> effect.users, effect.thresholds.size
(369, 16)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from mpclab import cost
from mpclab.arguments import number, several, whole
from mpclab.errors import InputError
from mpclab.recommender import Parameters, Recommendation
from mpclab.recommender.encoding import dense_vectors
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel
from mpclab.teaching.recommendations import held_out, parameters

__all__ = ["ThresholdEffect", "Travelling", "threshold_effect", "travelling"]

_MOST_SERVERS, _MOST_ITEMS = 10, 1_000_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdEffect(Page):
    """Neighbours, error and hits against the threshold, as means over users.

    Attributes
    ----------
    thresholds : array, shape (16,)
        -1, and 0 to 0.7.
    users : int
        How many ask: all who have rated 5 dense films, and of whose ratings one of 4 stars or more
        was put aside.
    neighbours, precision : arrays, shape (16,)
        Means over these users. Precision: the part of the ten best titles that was liked.
    error : array, shape (16,)
        Root of the mean squared error over all ratings put aside, in stars.
    without : array, shape (16,)
        The part of the users who have no neighbour at all; they count with no hits, and with no
        error.
    """

    thresholds: Floats = dataclass_field(repr=False)
    users: int
    neighbours: Floats = dataclass_field(repr=False)
    error: Floats = dataclass_field(repr=False)
    precision: Floats = dataclass_field(repr=False)
    without: Floats = dataclass_field(repr=False)

    def at(self, threshold: float) -> dict[str, float]:
        """The four numbers at one of the thresholds.

        Raises
        ------
        InputError
            If it is none of them.
        """
        number("the threshold", threshold)
        where = np.flatnonzero(np.isclose(self.thresholds, threshold))
        if not where.size:
            raise InputError(
                f"there is no threshold {threshold}: it is -1, or 0 to 0.7 in steps of 0.05"
            )
        k = int(where[0])
        return {
            "neighbours": round(float(self.neighbours[k]), 1),
            "error": round(float(self.error[k]), 3),
            "precision": round(float(self.precision[k]), 3),
            "without neighbours": round(float(self.without[k]), 3),
        }

    def sentence(self) -> str:
        """What is to be seen, in words."""
        best = int(np.argmax(self.precision))
        return (
            f"Means over {self.users} users. With everybody as neighbour, {self.precision[0]:.3f} "
            f"of the ten titles are hits; most, {self.precision[best]:.3f}, with the threshold "
            f"{self.thresholds[best]:.2f} and {self.neighbours[best]:.0f} neighbours."
        )

    @cached_property
    def picture(self) -> Drawing:
        """Three panels side by side."""
        sheet = Canvas(900, 250, "What the threshold does", self.sentence())
        low, high = float(self.error.min()), float(self.error.max())
        precise = float(self.precision.max())
        panels = (
            ("neighbours (mean number)", self.neighbours, 0.0, 700.0, 200.0),
            ("error (RMSE, stars)", self.error, 0.02 * math.floor(50 * low),
             0.02 * math.ceil(50 * high), 0.02),
            ("precision at ten", self.precision, 0.0, 0.05 * math.ceil(20 * precise), 0.05),
        )  # fmt: skip
        for k, (label, values, least, most, step) in enumerate(panels):
            panel = Panel(sheet, 70 + 298 * k, 40, 214, 160, (-0.1, 0.75), (least, most))
            count = math.floor((most - least) / step + 1e-9)
            ticks = {least + step * j: f"{round(least + step * j, 3):g}" for j in range(count + 1)}
            panel.axes({0: "0", 0.2: "0.2", 0.4: "0.4", 0.6: "0.6"}, ticks, "threshold", label, 46)
            everybody = panel.y(float(values[0]))
            sheet.line(panel.left, everybody, panel.left + panel.width, everybody, "axis",
                       ' stroke-dasharray="5 3"')  # fmt: skip
            points = "L".join(
                f"{panel.x(float(t)):.1f} {panel.y(float(v)):.1f}"
                for t, v in zip(self.thresholds[1:], values[1:], strict=True)
            )
            sheet.path("M" + points, "ink", ' stroke-width="1.5"')
            for t, v in zip(self.thresholds[1:], values[1:], strict=True):
                sheet.circle(panel.x(float(t)), panel.y(float(v)), 2.6, "dot")
                sheet.tip(f"threshold {t:.2f}: {v:.3g}")
        sheet.text(16, 24, "What the threshold does", 12, bold=True)
        sheet.text(884, 24, "dashed: everybody is a neighbour (threshold -1)", 11, "m", "end")
        return sheet.picture()


@lru_cache(maxsize=1)
def threshold_effect() -> ThresholdEffect:
    """Recommend for all users who can be tested, at 16 thresholds, in the clear.

    The data are those of `mpclab.teaching.recommendations.held_out`.

    Examples
    --------
    >>> effect = threshold_effect()
    >>> effect.at(-1)["neighbours"], effect.at(0.3)["neighbours"] < 300
    (670.0, True)
    """
    _, known, hidden = held_out()
    p = parameters()
    S = p.dense
    able = (known[:, :S] > 0).sum(axis=1) >= p.min_dense
    rows = np.flatnonzero(able & (hidden[:, S:] >= 8).any(axis=1))
    vectors = dense_vectors(known[:, :S], p.scale)
    s = vectors[rows] @ vectors.T
    s[np.arange(len(rows)), rows] = np.iinfo(np.int64).min  # nobody is its own neighbour
    # floats are exact for sums of this size, and their products much faster
    scored, rated = known[:, S:].astype(float), (known[:, S:] > 0).astype(float)
    thresholds = np.array([-1.0, *(k / 20 for k in range(15))])
    table = []
    for threshold in thresholds:
        b = (s >= p.integer_threshold(float(threshold))).astype(float)
        table.append(_means(rows, b.sum(axis=1).astype(int), b @ scored, b @ rated))
    neighbours, error, precision, without = np.array(table).T
    return ThresholdEffect(thresholds, len(rows), neighbours, error, precision, without)


def _means(
    rows: npt.NDArray[np.intp], L: npt.NDArray[np.int64], sums: Floats, counts: Floats
) -> tuple[float, float, float, float]:
    """Neighbours, error, precision and the part without neighbours, of these requesters."""
    _, known, hidden = held_out()
    S = parameters().dense
    errors, hits = [], 0
    for k, row in enumerate(rows):
        if not L[k]:
            continue
        result = Recommendation(sums[k].astype(np.int64), counts[k].astype(np.int64), int(L[k]))
        own, aside = known[row, S:], hidden[row, S:]
        if result.counts.any():  # neighbours who have rated nothing else predict nothing
            errors.append((result.predicted(own) - aside / 2)[aside > 0])
        hits += int((aside[result.ranking(own)[:10]] >= 8).sum())
    off = np.concatenate(errors)
    return (
        float(L.mean()), float(np.sqrt(np.mean(off**2))), hits / 10 / len(rows),
        float((L == 0).mean()),
    )  # fmt: skip


@dataclass(frozen=True)
class Travelling(Page):
    """How many field elements a server sends online, against the number of users.

    Attributes
    ----------
    users : array of int64, shape (K,)
    items : int
    servers : tuple of int
    sent : array of int64, shape (len(servers), K)
        Elements that one server sends to all others in a query, with tables.
    stored : array of int64, shape (K,)
        Elements of all users' rows, which do not travel in a query.
    """

    users: npt.NDArray[np.int64] = dataclass_field(repr=False)
    items: int
    servers: tuple[int, ...]
    sent: npt.NDArray[np.int64] = dataclass_field(repr=False)
    stored: npt.NDArray[np.int64] = dataclass_field(repr=False)

    def sentence(self) -> str:
        """What is to be seen, in words."""
        last = -1
        more = (
            f", each of {self.servers[-1]} servers {int(self.sent[-1, last]):,}"
            if len(self.servers) > 1 else ""
        )  # fmt: skip
        return (
            f"{int(self.users[last]):,} users and {self.items:,} items: each of {self.servers[0]} "
            f"servers sends {int(self.sent[0, last]):,} field elements in a query{more}. The rows "
            f"that it is about have {int(self.stored[last]):,}, and stay where they are."
        )

    @cached_property
    def picture(self) -> Drawing:
        """Lines over the number of users, both axes logarithmic."""
        sheet = Canvas(900, 292, "What travels in a query", self.sentence())
        ends = math.log10(self.users[0]), math.log10(self.users[-1])
        top = max(9, math.ceil(math.log10(max(self.sent.max(), self.stored.max()))))
        panel = Panel(sheet, 112, 40, 560, 204, ends, (2, top))
        low, high = round(ends[0]), round(ends[1])
        panel.axes(
            {k: f"{10**k:,}" for k in range(low, high + 1)},
            {k: text for k, text in _POWERS.items() if k <= top},
            "users (logarithmic)", "field elements (logarithmic)", 92,
        )  # fmt: skip
        lines = [
            (f"sent by each of {n} servers", self.sent[k], "")
            for k, n in enumerate(self.servers)
        ]
        lines.append(("the rows, which stay", self.stored, ' stroke-dasharray="5 3"'))
        ends_at = {label: panel.y(math.log10(values[-1])) for label, values, _ in lines}
        names = _apart(ends_at, panel.top, panel.top + panel.height)
        for label, values, more in lines:
            at = [(panel.x(math.log10(u)), panel.y(math.log10(v)))
                  for u, v in zip(self.users, values, strict=True)]  # fmt: skip
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
            sheet.path("M" + path, "ink", f' stroke-width="1.5"{more}')
            for (x, y), u, v in zip(at, self.users, values, strict=True):
                sheet.circle(x, y, 2.8, "dot")
                sheet.tip(f"{u:,} users: {v:,} elements")
            (x, y), beside = at[-1], abs(names[label] - at[-1][1]) < 1
            if not beside:
                sheet.line(x + 4, y, x + 26, names[label], "rule")
            sheet.text(x + (12 if beside else 28), names[label] + 4, label, 11.5)
        sheet.text(16, 24, f"What travels in a query, with {self.items:,} items", 12, bold=True)
        return sheet.picture()


_POWERS = {
    2: "100", 4: "10 thousand", 6: "1 million", 8: "100 million", 10: "10 billion",
    12: "1 trillion",
}  # fmt: skip


def _apart(ends: dict[str, float], top: float, bottom: float, gap: float = 15) -> dict[str, float]:
    """Where names stand: near these heights, in their order, and not on one another.

    >>> _apart({"a": 12.0, "b": 10.0, "c": 60.0}, 0, 100)
    {'b': 3.5, 'a': 18.5, 'c': 60.0}
    """
    groups: list[tuple[list[str], float]] = []  # names that touch, and the height of the first
    for name, y in sorted(ends.items(), key=lambda each: each[1]):
        names, first = [name], y
        while groups and first < groups[-1][1] + gap * len(groups[-1][0]):
            names = groups.pop()[0] + names
            middle = sum(ends[each] for each in names) / len(names)
            first = middle - gap * (len(names) - 1) / 2
        groups.append((names, min(max(first, top), bottom - gap * (len(names) - 1))))
    return {name: y + gap * k for names, y in groups for k, name in enumerate(names)}


def travelling(items: int = 1_000, servers: Sequence[int] = (2, 10)) -> Travelling:
    """What servers send in a query, for 100 to a million users.

    Parameters
    ----------
    items : int
        21 to 1,000,000: 20 of them are dense.
    servers : sequence of int
        Numbers of servers, each 2 to 10.

    Raises
    ------
    InputError
        If there are too few or too many items or servers.

    Examples
    --------
    >>> travelling().sent[:, 2].tolist()  # 10,000 users: 3 N, the answer, and 1 for the check
    [30492, 274428]
    """
    counts = tuple(dict.fromkeys(several("servers", servers, whole, 2, _MOST_SERVERS)))
    if not counts:
        raise InputError(f"servers is {servers!r}: it takes numbers of servers, such as (2, 10)")
    return _travelling(whole("items", items, 21, _MOST_ITEMS), counts)


@lru_cache(maxsize=8)
def _travelling(items: int, servers: tuple[int, ...]) -> Travelling:
    users = 10 ** np.arange(2, 7)
    chosen = [Parameters(int(n), items) for n in users]
    sent = [[cost.recommendation(n, p, p.users).elements for p in chosen] for n in servers]
    stored = [p.users * (p.dense + p.packed) for p in chosen]
    return Travelling(users, items, servers, np.array(sent), np.array(stored))
