"""What a comparison costs in each of three ways, as lengths, servers and the network change.

Rounds, elements and material are those that the specs of the package declare, and the envelope of
a message comes from one comparison that is run; tests hold both against what the network counted.
The time is the network's alone, computed from rounds and bytes: it is the same on every machine.

>>> way_cost("tables", bits=19, servers=2, count=1)
WayCost(tables, 19 bits: 2 rounds, 187 B sent, 1.8 kB held, 201 µs of network on lan)
>>> print(compare_ways(bits=19, servers=3).sentence())
1,000 comparisons of 19-bit numbers between 3 servers: bits takes 5 rounds and 385 kB per server,
tables 2 rounds and 32 kB. Function secret sharing (fss) is left out: its keys are made for exactly
2 servers. On lan the network takes 3.6 ms with bits and 459 µs with tables.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from mpclab import style, wire
from mpclab.arguments import whole
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.conditions import conditions
from mpclab.party import Party
from mpclab.protocols.comparison import ComparisonMaterial, comparison_material, is_negative
from mpclab.sharing import Share
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel

__all__ = [
    "COUNTS",
    "LONGEST",
    "NETWORKS",
    "SHORTEST",
    "WAYS",
    "WayCost",
    "Ways",
    "compare_ways",
    "way_cost",
]

WAYS = ("bits", "tables", "fss")
"""The ways to compare that are set side by side."""

NETWORKS = ("lan", "wan")
SHORTEST, LONGEST = 8, 60
"""Bits, sign included; the field has room for 60."""

COUNTS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""How many comparisons at once, on the widget's slider."""

_MOST_SERVERS = 10
_FSS_NEEDS_TWO = (
    "Function secret sharing (fss) is left out: its keys are made for exactly 2 servers."
)


_FIELD = Field()


@lru_cache(maxsize=64)
def _envelope(way: str, rounds: int) -> int:
    """Bytes of messages to one server that are no elements, over all rounds: from one that is run.

    Labels differ by the round alone, so that any length with as many rounds has the same ones.
    """
    bits = next(k for k in range(1, LONGEST + 1) if _spec(way, k, 1).rounds == rounds)
    lab, spec = Lab(2, seed=0, contents=False), _spec(way, bits, 1)
    lab.preprocess([spec])

    async def compare(party: Party, x: Share) -> None:
        await is_negative(party, x, spec)

    lab.each(compare, lab.god.share([0]))
    return lab.transcript.bytes_sent("server 0", phase="online") - _FIELD.width * spec.elements


def _spec(way: str, bits: int, count: int) -> ComparisonMaterial:
    return comparison_material(_FIELD, count, bits, way)


def _held(spec: ComparisonMaterial) -> int:
    """Bytes of material that one server holds: values and MACs, and keys of its own."""
    width, total = _FIELD.width, 0
    for part, times in Counter(getattr(spec, "parts", (spec,))).items():
        for entry in part.layout():
            total += times * math.prod(entry.shape) * width * (2 if entry.authenticated else 1)
        private: Any = getattr(part, "private_expected", None)
        for kind, shape in private(_FIELD) if private is not None else ():
            each = 1 if kind == wire.raw(None)[0] else width
            total += times * math.prod(length or 0 for length in shape) * each
    return total


@lru_cache(maxsize=4096)
def _declared(way: str, bits: int, count: int) -> tuple[int, int, int]:
    """Rounds, elements and bytes of material, which depend on no network and not on servers."""
    spec = _spec(way, bits, count)
    return spec.rounds, spec.elements, _held(spec)


@dataclass(frozen=True, repr=False)
class WayCost:
    """What `count` comparisons at once cost one server.

    Attributes
    ----------
    way : str
    bits : int
    rounds : int
    elements : int
        Field elements that it broadcasts.
    held : int
        Bytes of material that it holds beforehand.
    sent : int
        Bytes that it sends, to all others together.
    seconds : float
        What the network takes: a latency per round, and the bytes at its bandwidth.
    network : str
    """

    way: str
    bits: int
    rounds: int
    elements: int
    held: int
    sent: int
    seconds: float
    network: str

    def __repr__(self) -> str:
        return (
            f"WayCost({self.way}, {self.bits} bits: {style.plural(self.rounds, 'round')}, "
            f"{style.size(self.sent)} sent, {style.size(self.held)} held, "
            f"{style.duration(self.seconds)} of network on {self.network})"
        )


def way_cost(
    way: str, bits: int = 19, servers: int = 2, count: int = 1_000, network: str = "lan"
) -> WayCost:
    """What comparing `count` numbers of `bits` bits costs in one of the `WAYS`; p = 2^61 - 1.

    Raises
    ------
    InputError
        If there is no such way, or it does not serve so many servers.

    Examples
    --------
    >>> way_cost("fss", 60, count=1).rounds, way_cost("bits", 60, count=1).rounds
    (1, 6)
    """
    _check(bits, servers, count, network)
    if way not in WAYS:
        raise InputError(f"there is no way {way!r} here: take one of {', '.join(WAYS)}")
    if way == "fss" and servers != 2:
        comparison_material(_FIELD, 1, bits, way, servers)  # which says why not
    return _way_cost(way, int(bits), int(servers), int(count), network)


@lru_cache(maxsize=1 << 14)
def _way_cost(way: str, bits: int, servers: int, count: int, network: str) -> WayCost:
    rounds, elements, held = _declared(way, bits, count)
    sent = (servers - 1) * (_envelope(way, rounds) + _FIELD.width * elements)
    link = conditions(network)
    seconds = rounds * link.latency + link.transfer("server 0", "server 1", sent)
    return WayCost(way, bits, rounds, elements, held, sent, seconds, network)


def _check(bits: int, servers: int, count: int, network: str) -> None:
    for name, value, low, high in (
        ("bits", bits, SHORTEST, LONGEST), ("servers", servers, 2, _MOST_SERVERS),
        ("count", count, 1, COUNTS[-1]),
    ):  # fmt: skip
        whole(name, value, low, high)
    if network not in NETWORKS:
        raise InputError(f"there is no network {network!r} here: take 'lan' or 'wan'")


@dataclass(frozen=True)
class Ways(Page):
    """The ways to compare, side by side, over all lengths; one length is looked at.

    Attributes
    ----------
    bits, servers, count : int
    network : str
    """

    bits: int
    servers: int
    count: int
    network: str

    @property
    def ways(self) -> tuple[str, ...]:
        """Those that serve so many servers."""
        return WAYS if self.servers == 2 else WAYS[:2]

    def curve(self, way: str) -> list[WayCost]:
        """One way at every length."""
        return [self._cost(way, k) for k in range(SHORTEST, LONGEST + 1)]

    @property
    def costs(self) -> dict[str, WayCost]:
        """All ways at the length that is looked at."""
        return {way: self._cost(way, self.bits) for way in self.ways}

    def _cost(self, way: str, bits: int) -> WayCost:
        return _way_cost(way, bits, self.servers, self.count, self.network)

    def __repr__(self) -> str:
        what = style.plural(self.count, "comparison")
        return (
            f"Ways({what} of {self.bits} bits, {self.servers} servers, {self.network}: "
            f"{' / '.join(f'{c.rounds}' for c in self.costs.values())} rounds by "
            f"{' / '.join(self.ways)})"
        )

    def sentence(self) -> str:
        """What is to be seen, in words."""
        parts = [
            f"{c.way} {'takes ' if i == 0 else ''}{style.plural(c.rounds, 'round')} and "
            f"{style.size(c.sent)}{' per server' if i == 0 else ''}"
            for i, c in enumerate(self.costs.values())
        ]
        times = [f"{style.duration(c.seconds)} with {c.way}" for c in self.costs.values()]
        what = style.plural(self.count, "comparison")
        told = (
            f"{what} of {self.bits}-bit numbers between {self.servers} servers: "
            f"{', '.join(parts)}."
        )
        if len(self.ways) < len(WAYS):
            told += f" {_FSS_NEEDS_TWO}"
        return f"{told} On {self.network} the network takes {_listed(times)}."

    @cached_property
    def picture(self) -> Drawing:
        """Material, rounds, bytes and the network's time against the length."""
        return _draw(self)


def compare_ways(
    bits: int = 19, servers: int = 2, count: int = 1_000, network: str = "lan"
) -> Ways:
    """Set the ways to compare side by side.

    Parameters
    ----------
    bits : int
        The length that is looked at, sign included, 8 to 60.
    servers : int
        2 to 10.
    count : int
        How many comparisons at once, up to 1,000,000.
    network : {"lan", "wan"}

    Raises
    ------
    InputError
        If a number is out of range, or there is no such network.

    Examples
    --------
    >>> compare_ways(bits=40)
    Ways(1,000 comparisons of 40 bits, 2 servers, lan: 6 / 2 / 1 rounds by bits / tables / fss)
    """
    _check(bits, servers, count, network)
    return Ways(int(bits), int(servers), int(count), network)


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


# -- drawing --------------------------------------------------------------------------------------

_WIDE, _TALL = 308.0, 140.0
_DASHES = {"bits": "", "tables": "8 4", "fss": "2 3.5"}
_MARKED = range(SHORTEST, LONGEST + 1, 13)


def _draw(ways: Ways) -> Drawing:
    sheet = Canvas(900, 564, "Three ways to compare", ways.sentence())
    many = style.plural(ways.count, "comparison")
    whom = "one other server" if ways.servers == 2 else f"the {ways.servers - 1} others"
    network = "0.1 ms one way, 1 Gbit/s" if ways.network == "lan" else "20 ms one way, 100 Mbit/s"
    panels: list[tuple[str, str, Any, bool]] = [
        (f"Material held for {many}", "bytes (logarithmic)", lambda c: c.held, True),
        ("Rounds", "rounds", lambda c: c.rounds, False),
        (f"Sent by a server to {whom}", "bytes (logarithmic)", lambda c: c.sent, True),
        (f"Time of the network ({network})", "seconds (logarithmic)", lambda c: c.seconds, True),
    ]
    curves = {way: ways.curve(way) for way in ways.ways}
    for k, (title, label, value, log) in enumerate(panels):
        left, top = 82.0 + 448 * (k % 2), 48.0 + 226 * (k // 2)
        sheet.text(left - 66, top - 20, title, 12, bold=True)
        _panel(sheet, ways, left, top, curves, value, label, log)
    _table(sheet, ways)
    return sheet.picture()


def _panel(
    sheet: Canvas, ways: Ways, left: float, top: float, curves: dict[str, list[WayCost]],
    value: Any, label: str, log: bool,
) -> None:  # fmt: skip
    def height(c: WayCost) -> float:
        return math.log10(value(c)) if log else float(value(c))

    every = [height(c) for curve in curves.values() for c in curve]
    low, high = (math.floor(min(every)), math.ceil(max(every))) if log else (0, 7)
    high = max(high, low + 1)
    write = style.duration if "seconds" in label else style.size
    step = 1 if high - low <= 5 else 2
    ticks = (
        {float(k): write(10.0**k) for k in range(low, high + 1, step)} if log
        else {float(k): str(k) for k in range(0, 7, 2)}
    )  # fmt: skip
    panel = Panel(sheet, left, top, _WIDE, _TALL, (SHORTEST - 1, LONGEST + 1), (low, high))
    panel.axes({float(k): str(k) for k in (8, 20, 30, 40, 50, 60)}, ticks,
               "length k (bits, sign included)", label, 58)  # fmt: skip
    sheet.line(panel.x(ways.bits), top, panel.x(ways.bits), top + _TALL, "axis",
               ' stroke-dasharray="1 3"')  # fmt: skip
    ends = {}
    for way, curve in curves.items():
        points = [f"{panel.x(c.bits):.1f} {panel.y(height(c)):.1f}" for c in curve]
        dash = f' stroke-dasharray="{_DASHES[way]}"' if _DASHES[way] else ""
        sheet.path("M" + "L".join(points), "ink", f' stroke-width="1.6"{dash}')
        for c in curve:
            if c.bits in _MARKED or c.bits == ways.bits:
                here = c.bits == ways.bits
                _mark(sheet, way, panel.x(c.bits), panel.y(height(c)), 6 if here else 3.2)
                told = f"{value(c)} rounds" if not log else write(value(c))
                sheet.tip(f"{way}, {c.bits} bits: {told}")
        ends[way] = panel.y(height(curve[-1]))
    for way, y in _apart(ends, top, top + _TALL).items():
        sheet.text(left + _WIDE + 6, y + 4, way, 11.5, "", "start", True)


def _apart(ends: dict[str, float], top: float, bottom: float, gap: float = 14) -> dict[str, float]:
    """Where the names of the curves stand: near their ends, and not on one another.

    >>> _apart({"a": 10.0, "b": 12.0}, 0, 100)
    {'a': 10.0, 'b': 24.0}
    """
    placed: dict[str, float] = {}
    last = top - gap
    for way, y in sorted(ends.items(), key=lambda each: each[1]):
        last = placed[way] = max(y, last + gap)
    over = max(0.0, last - bottom)
    return {way: y - over for way, y in placed.items()}


def _mark(sheet: Canvas, way: str, x: float, y: float, r: float) -> None:
    """A disc for bits, a square for tables, a triangle for fss."""
    if way == "bits":
        sheet.circle(x, y, r, "dot")
    elif way == "tables":
        sheet.rect(x - r, y - r, 2 * r, 2 * r, "dot")
    else:
        r *= 1.2
        sheet.path(f"M{x:.1f} {y - r:.1f}L{x + r:.1f} {y + r * 0.8:.1f}H{x - r:.1f}Z", "dot")


def _table(sheet: Canvas, ways: Ways) -> None:
    """The numbers at the length that is looked at."""
    top, columns = 490.0, (330.0, 500.0, 690.0, 884.0)
    many = f"{style.plural(ways.count, 'comparison')} of k = {ways.bits} bits"
    sheet.text(16, top, many, 12, bold=True)
    for x, name in zip(columns, ("rounds", "sent", "material", "network"), strict=True):
        sheet.text(x, top, name, 11, "m", "end")
    sheet.line(16, top + 7, 884, top + 7, "rule")
    for k, way in enumerate(WAYS):
        y = top + 24 + 19 * k
        _mark(sheet, way, 22, y - 4, 4.2)
        sheet.text(34, y, way, 11.5, bold=True)
        if way not in ways.ways:
            sheet.text(columns[0], y, f"only between 2 servers, and here are {ways.servers}", 11.5,
                       "m")  # fmt: skip
            continue
        c = ways.costs[way]
        cells = (str(c.rounds), style.size(c.sent), style.size(c.held), style.duration(c.seconds))
        for x, text in zip(columns, cells, strict=True):
            sheet.text(x, y, text, 11.5, "", "end")
