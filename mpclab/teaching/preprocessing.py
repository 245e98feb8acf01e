"""What a dealer sends to whom: one bundle of material, weighed as it is dealt.

`dealing` deals one bundle in a lab and reads from the transcript what each server received; beside
it stands what the same shares would take without seeds, encoded by the package's codec.

>>> dealing("triples", count=100, servers=3)
Dealing(Triples(count=100) to 3 servers: 3,369 and 2 x 129 bytes)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from mpclab import style, wire
from mpclab.arguments import truth, whole
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.preprocessing.material import (
    Entry,
    InputMasks,
    Material,
    Memory,
    OutputMask,
    Spec,
    Triples,
    Values,
    ZeroTest,
)
from mpclab.protocols.arithmetic import MatrixTriples
from mpclab.protocols.comparison import comparison_material
from mpclab.randomness import SEED_BYTES
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel

__all__ = ["COUNTS", "MATERIALS", "MOST_SERVERS", "Dealing", "RandomBits", "dealing"]

MOST_SERVERS = 10
COUNTS = (1, 10, 100, 1000)
"""How many are dealt at once; the numbers on the slider."""


@dataclass(frozen=True)
class RandomBits(Material):
    """Shared random bits <b>: the lowest bit of a uniform r, which comes along.

    A bit is not uniform in F_p, so that it cannot come from seeds alone. Of the p values of r, one
    more is even than odd: 0 is more likely than 1 by 1/p.

    >>> [entry.uniform for entry in RandomBits(8).layout()]
    [True, False]
    """

    count: int

    def __post_init__(self) -> None:
        """The count as an int, whatever kind of integer it was: the pool files bundles by it."""
        object.__setattr__(self, "count", whole("count", self.count, 1))

    def layout(self) -> tuple[Entry, ...]:
        """A uniform r, and b."""
        return Entry("r", (self.count,), uniform=True), Entry("b", (self.count,))

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The lowest bit of r."""
        return {"b": uniform["r"] & np.uint64(1)}


def _tables(count: int) -> Spec:
    return comparison_material(Field(), count, 20)


MATERIALS: dict[str, tuple[str, Callable[[int], Spec]]] = {
    "triples": ("Beaver triples", Triples),
    "matrix triple": ("matrix triple, (count x 10)(10 x 10)", lambda k: MatrixTriples(k, 10, 10)),
    "random bits": ("random bits", RandomBits),
    "input mask": ("mask for an input of a client", InputMasks),
    "output mask": ("mask for an output to a client", OutputMask),
    "zero tests": ("triples for zero tests", lambda k: ZeroTest(count=k)),
    "comparison tables": ("tables to compare 20-bit numbers", _tables),
}
"""Name -> what it is, and the declaration for a count."""


@dataclass(frozen=True)
class Dealing(Page):
    """One bundle of material: what each server received, and what it would without seeds.

    Attributes
    ----------
    material : str
        One of `MATERIALS`.
    spec : Spec
        Its declaration.
    count, servers : int
    seeds : bool
        Whether the picture is of dealing with seeds, as the package does, or without.
    received : tuple of int
        Bytes of each server's message, measured.
    corrections : int
        Field elements among them, all of which go to server 0.
    shares : int
        Bytes of a message with all of one server's shares, as it would be without seeds.
    """

    material: str
    spec: Spec
    count: int
    servers: int
    seeds: bool
    received: tuple[int, ...]
    corrections: int
    shares: int

    @property
    def total(self) -> int:
        """Bytes that the dealer sent."""
        return sum(self.received)

    @property
    def without_seeds(self) -> int:
        """Bytes that it would send without seeds."""
        return self.shares * self.servers

    def totals(self, servers: int) -> tuple[int, int]:
        """Bytes in all for another number of servers, with seeds and without.

        The messages have the same sizes whatever the number of servers; tests deal to all of them.
        """
        return self.received[0] + (servers - 1) * self.received[1], servers * self.shares

    def __repr__(self) -> str:
        first, *others = self.received
        return (
            f"Dealing({self.spec!r} to {self.servers} servers: {first:,} and {len(others)} x "
            f"{others[0]:,} bytes)"
        )

    def sentence(self) -> str:
        """What is to be seen, in words."""
        first, others = self.received[:2]
        rest = "the other server" if self.servers == 2 else f"each of the {self.servers - 1} others"
        factor = self.without_seeds / self.total
        if factor < 1.05:  # a message's framing and a seed weigh more than a few numbers
            verdict = f"{self.without_seeds:,} in all, and with seeds it is {self.total:,}"
        else:
            verdict = f"{factor:.1f} times as much in all"
        if not self.seeds:
            return (
                f"Without seeds each of {self.servers} servers would receive its shares as they "
                f"are, {self.shares:,} bytes: {verdict}."
            )
        return (
            f"Server 0 receives {first:,} bytes, {8 * self.corrections:,} of them corrections; "
            f"{rest} receives {others:,}, of which {SEED_BYTES} are a seed. Without seeds it would "
            f"be {self.shares:,} for each server: {verdict}."
        )

    @cached_property
    def picture(self) -> Drawing:
        """The entries, the totals for every number of servers, and a row per server."""
        return _draw(self)


def dealing(
    material: str = "triples", count: int = 100, servers: int = 3, seeds: bool = True
) -> Dealing:
    """Deal one bundle of material in the field of 2^61 - 1, and weigh the messages.

    Parameters
    ----------
    material : str
        One of `MATERIALS`.
    count : int
        How many, 1 to 1,000: triples, numbers under a mask, comparisons and so on.
    servers : int
        2 to 10.
    seeds : bool
        False: the picture shows what it would be without seeds.

    Raises
    ------
    InputError
        If there is no such material, or a number is out of range.

    Examples
    --------
    >>> view = dealing("triples", count=1000, servers=10)
    >>> view.received[:2], view.corrections, view.total, view.without_seeds
    ((32169, 129), 4000, 33330, 481470)
    >>> dealing("comparison tables", count=1).corrections
    228
    """
    if not isinstance(material, str) or material not in MATERIALS:
        raise InputError(
            f"there is no material {material!r} here: take one of "
            f"{', '.join(map(repr, MATERIALS))}"
        )
    count = whole("count", count, 1, COUNTS[-1])
    servers = whole("servers", servers, 2, MOST_SERVERS)
    seeds = truth("seeds", seeds)
    spec = MATERIALS[material][1](count)
    received, corrections, shares = _weighed(material, count, servers)
    return Dealing(material, spec, count, servers, seeds, received, corrections, shares)


@lru_cache(maxsize=256)
def _weighed(material: str, count: int, servers: int) -> tuple[tuple[int, ...], int, int]:
    """Bytes that each server receives, elements among them, and bytes of one server's shares."""
    spec = MATERIALS[material][1](count)
    with Lab(servers=servers, seed=1, contents=False) as lab:
        lab.preprocess([spec])
        records = {r.receiver: r for r in lab.transcript.select(phase="preprocess")}
    received = tuple(records[f"server {i}"].bytes for i in range(servers))
    elements = sum(r.elements for r in records.values())
    arrays = [
        np.zeros(entry.shape, np.uint64)
        for entry in spec.layout()
        for _ in range(1 + entry.authenticated)  # the values and, if there are, their MACs
    ]
    section = wire.Section(type(spec).__name__, "material", (np.array(0, np.int64), *arrays))
    head = wire.Header(bytes(16), 0, bytes(32))
    return received, elements, len(wire.encode(lab.field, head, [section]))


# -- drawing the dealing --------------------------------------------------------------------------

_WIDTH, _BARS, _END, _STEP = 900.0, 104.0, 760.0, 25.0


def _draw(d: Dealing) -> Drawing:
    first = 296.0
    height = first + _STEP * d.servers + 42
    sheet = Canvas(_WIDTH, height, "What the dealer sends", d.sentence())
    _entries(sheet, d)
    _by_servers(sheet, d)
    _legend(sheet, d, first - 26)
    largest = max(d.shares, *d.received)
    panel = Panel(sheet, _BARS, first - 12, _END - _BARS, _STEP * d.servers, (0, largest), (0, 1))
    step = _round(largest / 3.3)
    ticks = {float(k * step): style.size(k * step) for k in range(int(largest / step) + 1)}
    for value in ticks:
        sheet.line(panel.x(value), panel.top, panel.x(value), panel.top + panel.height, "rule")
    panel.axes(ticks, {}, "bytes in the dealer's message to this server", "")
    for i in range(d.servers):
        _row(sheet, panel, d, i, first + _STEP * i)
    return sheet.picture()


def _round(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20 ... that is at least so large."""
    power = 1
    while power * 10 < least:
        power *= 10
    return next(f * power for f in (1, 2, 5, 10) if f * power >= least)


def _entries(sheet: Canvas, d: Dealing) -> None:
    """What the bundle holds, and how each entry gets to the servers (steps 1 to 3)."""
    sheet.text(16, 28, f"One bundle: {d.spec!r}", 12.5, bold=True)
    columns = (16.0, 84.0, 218.0, 402.0)
    for x, name in zip(columns, ("entry", "shape", "its value", "its MAC"), strict=True):
        sheet.text(x, 54, name, 11, "m")
    sheet.line(16, 62, 548, 62, "axis")
    whom = "server 0" if d.seeds else "each server"
    layout = d.spec.layout()
    pitch = min(34, 140 / len(layout))
    for k, entry in enumerate(layout):
        size = style.size(8 * _size(entry))
        value = "1. from the seeds" if entry.uniform else f"2. {size} to {whom}"
        mac = f"3. {size} to {whom}" if entry.authenticated else "no MAC"
        if not d.seeds:  # then it is not the steps of the package
            value, mac = f"{size} to {whom}", mac.removeprefix("3. ")
        shape = " x ".join(f"{length:,}" for length in entry.shape) or "one number"
        for x, text in zip(columns, (entry.name, shape, value, mac), strict=True):
            free = text in ("1. from the seeds", "no MAC")
            sheet.text(x, 82 + pitch * k, text, 11.5, "m" if free else "", bold=x == columns[0])
    y = 82 + pitch * len(layout) + 6
    sheet.line(16, y - 17, 548, y - 17, "rule")
    numbers = d.corrections if d.seeds else _numbers(d.spec)
    told = "corrections, to server 0 alone" if d.seeds else "shares, to each server"
    sheet.text(16, y, f"{style.plural(numbers, 'number')} = {8 * numbers:,} bytes: {told}", 11.5)


def _size(entry: Entry) -> int:
    return int(np.prod(entry.shape, dtype=np.int64))


def _numbers(spec: Spec) -> int:
    """How many numbers one server's shares are, MACs included."""
    return sum(_size(entry) * (1 + entry.authenticated) for entry in spec.layout())


def _by_servers(sheet: Canvas, d: Dealing) -> None:
    """All messages together, for every number of servers: flat with seeds."""
    sheet.text(596, 28, "All messages together", 12.5, bold=True)
    every = range(2, MOST_SERVERS + 1)
    largest = max(max(d.totals(n)) for n in every)
    step = _round(largest / 3.3)
    panel = Panel(sheet, 668, 48, 206, 140, (2, MOST_SERVERS), (0, 1.08 * largest))
    panel.axes(
        {n: str(n) for n in every}, {k * step: style.size(k * step) for k in range(4)
                                     if k * step <= 1.08 * largest},
        "servers", "bytes in all", 60,
    )  # fmt: skip
    for which, more in ((0, ""), (1, ' stroke-dasharray="5 4"')):
        points = (f"{panel.x(n):.1f} {panel.y(d.totals(n)[which]):.1f}" for n in every)
        now = which == (0 if d.seeds else 1)
        width = ' stroke-width="2.5"' if now else ' stroke-width="1.5"'
        sheet.path("M" + "L".join(points), "ink" if now else "axis", width + more)
    shown = d.totals(d.servers)[0 if d.seeds else 1]
    x, y = panel.x(d.servers), panel.y(shown)
    sheet.circle(x, y, 4.5, "dot")
    sheet.tip(f"{shown:,} bytes for {d.servers} servers")
    sheet.text(668, 240, "solid: with seeds; dashed: without", 11, "m")


def _legend(sheet: Canvas, d: Dealing, y: float) -> None:
    y -= 4
    x = 16.0
    sheet.text(x, y, "Who receives what", 12.5, bold=True)
    x = 176.0
    solid, other = ("corrections", "the shares themselves, without seeds") if d.seeds else (
        "shares", "what it is with seeds")  # fmt: skip
    kinds = [("bars", "", "framing: session, step, shapes")]
    if d.seeds:
        kinds.append(("s0", ' fill-opacity=".45"', "seed"))
    kinds += [("s0", "", solid), ("axis", ' stroke-dasharray="4 3"', other)]
    for css, more, text in kinds:
        sheet.rect(x, y - 9, 16, 11, css, 2, more)
        sheet.text(x + 22, y, text, 11)
        x += 22 + style.text_width(text, 11) + 18


def _row(sheet: Canvas, panel: Panel, d: Dealing, i: int, y: float) -> None:
    sheet.server(i, 16, y, 78, 19)
    left = panel.x(0)
    numbers = 8 * d.corrections if i == 0 else 0
    if d.seeds:
        seed, total, other = SEED_BYTES, d.received[i], d.shares
    else:
        total, other, seed = d.shares, d.received[i], 0
        numbers = 8 * _numbers(d.spec)
    framing = total - seed - numbers
    at = left
    for size, css, more, text in (
        (framing, "bars", "", f"framing: {framing} bytes"),
        (seed, f"s{i}", ' fill-opacity=".45"', f"seed: {seed} bytes"),
        (numbers, f"s{i}", "", f"{'corrections' if d.seeds else 'shares'}: {numbers:,} bytes"),
    ):
        if size:
            wide = max(panel.x(size) - left, 0.8)
            sheet.rect(at, y - 7, wide, 14, css, 0, more)
            sheet.tip(f"server {i}, {text}")
            at += wide
    sheet.rect(left, y - 9, panel.x(other) - left, 18, "axis", 2, ' stroke-dasharray="4 3"')
    sheet.text(884, y + 4, f"{total:,} bytes", 11.5, "", "end", True)
