"""One comparison by hand: what is opened, what is looked up, and where the sign comes from.

The package's own protocol runs between two servers in a seeded lab, on a number of 7 bits in
F_8191 (or in F_101, where one table holds all elements); god looks into both servers, and shows
what nobody else can see: the mask, its digits, the tables in the clear.

>>> look_up(-3, "tables")
LookUp(-3 by tables: 2 rounds, shares 4034 and 4158 of the bit 1)
>>> look_up(23, "fss").bit, look_up(23, "bits").bit, look_up(23, "one table").bit
(0, 0, 0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from mpclab import style
from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.party import Party
from mpclab.preprocessing.material import Memory
from mpclab.protocols.comparison import (
    ComparisonMaterial,
    FullTables,
    SignBits,
    SignKeys,
    SignTables,
    fss,
    is_negative,
)
from mpclab.sharing import Share
from mpclab.teaching.canvas import Drawing, Page

__all__ = ["BITS", "WAYS", "LookUp", "Node", "Visit", "look_up", "reach"]

WAYS = ("tables", "bits", "fss", "one table")
BITS = 7
_LARGE, _SMALL = 8191, 101


def _spec(way: str) -> tuple[int, ComparisonMaterial]:
    """The field and the material of a way."""
    specs: dict[str, tuple[int, ComparisonMaterial]] = {
        "tables": (_LARGE, SignTables(1, BITS)),
        "bits": (_LARGE, SignBits(1, BITS)),
        "fss": (_LARGE, SignKeys(1, BITS)),
        "one table": (_SMALL, FullTables(1, _SMALL)),
    }
    return specs[way]


def reach(way: str) -> tuple[int, int]:
    """The smallest and the largest number that a way can compare here.

    >>> reach("bits"), reach("one table")
    ((-64, 63), (-50, 50))
    """
    if way not in WAYS:
        raise InputError(f"there is no way {way!r} to look up: take one of {', '.join(WAYS)}")
    half = _SMALL // 2
    return (-half, half) if way == "one table" else (-(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1)


@dataclass(frozen=True)
class Node:
    """A borrow that comes in as b goes out as u + v b.

    >>> Node(1, 0).word, Node(0, 1).word, Node(1, -1).word
    ('b → 1', 'b → b', 'b → 1 - b')
    """

    u: int
    v: int

    def over(self, lower: Node) -> Node:
        """This one, fed by a lower one: step B4."""
        return Node(self.u + self.v * lower.u, self.v * lower.v)

    @property
    def word(self) -> str:
        """The map, as it is written."""
        if not self.v:
            return f"b → {self.u}"
        return "b → b" if self.v == 1 else "b → 1 - b"


@dataclass(frozen=True)
class Visit:
    """One node of the tree of seeds, as both servers hold it on the way along z.

    Attributes
    ----------
    depth : int
    seeds : (str, str)
        The first four hexadecimal digits of each server's seed.
    controls : (int, int)
        Each server's control bit.
    together : int
        What both servers' group elements sum to so far, signed.
    on_path : bool
        Whether the node is a prefix of the threshold, so that the servers' seeds differ.
    """

    depth: int
    seeds: tuple[str, str]
    controls: tuple[int, int]
    together: int
    on_path: bool


@dataclass(frozen=True)
class _Run:
    """One comparison that has been run: what was opened, the material, the shares of the bit."""

    opened: tuple[tuple[int, ...], ...]  # by round
    material: Mapping[str, int]  # entries of one number
    shares: tuple[int, int]
    keys: tuple[fss.Key, ...] = dataclass_field(repr=False)


@lru_cache(maxsize=1024)
def _run(x: int, way: str, seed: int) -> _Run:
    modulus, spec = _spec(way)
    lab = Lab(2, modulus=modulus, seed=seed)
    F = lab.field
    lab.preprocess([spec])

    async def noted(party: Party, x: Share) -> tuple[Share, dict[str, Any]]:
        bit = await is_negative(party, x, spec)
        return bit, party.in_use[-1]

    results = lab.each(noted, lab.god.share([x]))
    seen = lab.god.messages()
    seen = seen[(seen["phase"] == "online") & (seen["kind"] == "open")]
    opened = tuple(
        tuple(F.add(*sent.drop_duplicates("sender")["value"]).ravel().tolist())
        for _, sent in seen.groupby("round")
    )
    names = [e.name for e in spec.layout() if e.shape == (1,)]
    both = [held for _, held in results]
    material = {name: int(F.add(*(h[name].value for h in both))[0]) for name in names}
    keys = tuple(
        fss.Key.from_parts(held["private"], 1, BITS - 1) for held in both if "private" in held
    )
    first, second = (int(bit.value[0]) for bit, _ in results)
    return _Run(opened, material, (first, second), keys)


@dataclass(frozen=True)
class LookUp(Page):
    """One comparison, as god sees it.

    Attributes
    ----------
    x : int
    way : str
        One of `WAYS`.
    seed : int
    modulus : int
    r, e : int
        The mask, and what is opened first: x + r.
    shares : (int, int)
        The servers' shares of the answer.
    """

    x: int
    way: str
    seed: int
    modulus: int
    r: int
    e: int
    shares: tuple[int, int]

    @property
    def bit(self) -> int:
        """What the shares sum to: [x < 0], if all is well."""
        return sum(self.shares) % self.modulus

    @property
    def right(self) -> bool:
        """Whether the bit is that of x; x + r may have wrapped around p."""
        return self.bit == int(self.x < 0)

    @property
    def wrapped(self) -> bool:
        """Whether e is not the integer x + r."""
        return self.e != self.x + self.r

    @property
    def run(self) -> _Run:
        """What was run."""
        return _run(self.x, self.way, self.seed)

    @property
    def rounds(self) -> int:
        """Rounds between the servers."""
        return len(self.run.opened)

    # -- tables -----------------------------------------------------------------------------------

    @property
    def spec(self) -> ComparisonMaterial:
        """What the dealer has dealt."""
        return _spec(self.way)[1]

    @cached_property
    def tables(self) -> dict[str, np.ndarray[Any, Any]]:
        """The tables of the material in the clear, as signed numbers, by name."""
        F, spec = Field(self.modulus), self.spec
        uniform = {
            e.name: F.array([self.run.material[e.name]]) for e in spec.layout() if e.uniform
        }
        return {
            name: F.signed(value[0])
            for name, value in spec.derive(F, uniform, _NOTHING).items()
        }

    def digits(self, value: int) -> list[int]:
        """The digits of the lower bits of a number, the lowest first (tables)."""
        assert isinstance(self.spec, SignTables)
        w = self.spec.width
        return [(value >> (w * i)) & (2**w - 1) for i in range(self.spec.digits)]

    @property
    def D(self) -> int:
        """The sum of the looked-up signs, step T3."""
        signs = self.tables["signs"]
        return sum(int(signs[i][d]) for i, d in enumerate(self.digits(self.e)))

    @property
    def t(self) -> int:
        """The top bits' difference, step T2."""
        return ((self.e ^ self.r) >> (BITS - 1)) & 1

    # -- bits -------------------------------------------------------------------------------------

    @property
    def positions(self) -> list[Node]:
        """What each position does to the borrow from below, the lowest first: step B2."""
        nodes = []
        for j in range(BITS):
            e_j, r_j = (self.e >> j) & 1, (self.r >> j) & 1
            s = e_j ^ r_j
            nodes.append(Node(s, 1 - 2 * s) if j == BITS - 1 else Node((1 - e_j) * s, 1 - s))
        return nodes

    @property
    def levels(self) -> list[list[Node]]:
        """The leaves (step B3), and the levels of the tree down to the root (B4)."""
        each = self.positions
        level = [
            each[j + 1].over(each[j]) if j + 1 < len(each) else each[j]
            for j in range(0, len(each), 2)
        ]
        level[0] = Node(level[0].u, 0)  # nothing comes in from below
        out = [level]
        while len(level) > 1:
            merged = [level[j + 1].over(level[j]) for j in range(0, len(level) - 1, 2)]
            level = merged + level[2 * len(merged) :]
            out.append(level)
        return out

    # -- function secret sharing ------------------------------------------------------------------

    @cached_property
    def walk(self) -> list[Visit]:
        """The nodes along z = low(e'), from the root, as both servers see them: K1 to K3."""
        F, z = Field(self.modulus), self.e & (2 ** (BITS - 1) - 1)
        generator, one = fss.Generator(F), np.uint64(1)
        seeds = [key.root.copy() for key in self.run.keys]
        controls = [np.uint64(0), np.uint64(1)]
        totals = [F.zeros((2, 1)), F.zeros((2, 1))]
        out = []
        for depth in range(BITS):
            words = [f"{int(s[0, 0]):016x}"[:4] for s in seeds]
            total = int(F.signed(F.sub(totals[0], totals[1]))[0, 0])
            bits = (int(controls[0]), int(controls[1]))
            on_path = bool((seeds[0] != seeds[1]).any())
            out.append(Visit(depth, (words[0], words[1]), bits, total, on_path))
            if depth == BITS - 1:
                break
            side = (z >> (BITS - 2 - depth)) & 1
            for i, key in enumerate(self.run.keys):
                nodes = fss.on_side(seeds[i], np.uint64(side))
                following, value = generator.seeds(nodes), generator.values(nodes)  # K1
                word = key.values[depth] * controls[i]
                totals[i] = F.add(totals[i], F.add(value, word))  # K2, K3
                t = controls[i]
                seeds[i] = fss.cleared(following) ^ key.seeds[depth] * t
                controls[i] = (following[0, 0] & one) ^ t * key.controls[depth, side, 0]
        return out

    # -- in words ---------------------------------------------------------------------------------

    def __repr__(self) -> str:
        rounds = style.plural(self.rounds, "round")
        return (
            f"LookUp({self.x} by {self.way}: {rounds}, shares {self.shares[0]} and "
            f"{self.shares[1]} of the bit {self.bit})"
        )

    def sentence(self) -> str:
        """What has happened, in words."""
        later = self.run.opened[1:]
        names = [f"e2 = {v[0]}" if self.way == "tables" else f"{len(v)} numbers" for v in later]
        rest = f", then {' and then '.join(names)}" if names else ""
        rounds = style.plural(self.rounds, "round")
        told = (
            f"x = {self.x} in F_{self.modulus}, by {self.way}: the servers open e = {self.e}"
            f"{rest}, in {rounds}. They end up with {self.shares[0]} and {self.shares[1]}, shares "
            f"of {self.bit}: x is {'negative' if self.bit else 'not negative'}."
        )
        if not self.right:
            told += " That is wrong: what was opened had wrapped around p, as is rare."
        return told

    @cached_property
    def picture(self) -> Drawing:
        """The comparison, step by step."""
        from mpclab.teaching.lookup_drawn import draw

        return draw(self)


class _Nothing:
    """A dealer's memory that holds nothing: these materials recall nothing."""

    def recall(self, serial: int) -> Any:
        raise InputError(f"there is no bundle {serial} to recall")


_NOTHING: Memory = _Nothing()


def look_up(x: int = -3, way: str = "tables", seed: int = 1) -> LookUp:
    """Compare one number with 0, and look at every step.

    Parameters
    ----------
    x : int
        -64 to 63; for "one table" -50 to 50.
    way : {"tables", "bits", "fss", "one table"}
    seed : int
        Of the lab: another one brings another mask.

    Raises
    ------
    InputError
        If there is no such way, or x does not fit.

    Examples
    --------
    >>> once, again = look_up(5, seed=1), look_up(5, seed=2)
    >>> once.bit == again.bit, once.e == again.e
    (True, False)
    """
    low, high = reach(way)
    if not is_whole(seed):
        raise InputError(f"the seed is {seed!r}: it must be an integer")
    if not is_whole(x) or not low <= x <= high:
        raise InputError(f"x is {x!r}: by {way} an integer, {low} to {high}, is looked up here")
    modulus, _ = _spec(way)
    run = _run(int(x), way, int(seed))
    return LookUp(
        int(x), way, int(seed), modulus, run.material["r"], run.opened[0][0], run.shares
    )
