r"""Comparison bit by bit, for any number of servers, in about log2 k rounds (DESIGN 3.6, *bits*).

How do servers subtract a shared r' from a public e' as on paper, without waiting for each borrow?
Position j turns the borrow b that comes up from below into u + v b, with two shared bits (u, v)
that do not depend on b. Such maps compose, so a tree finds the last one in log2 k levels (carry
look-ahead; Damgard, Fitzi, Kiltz, Nielsen, Toft, TCC 2006; Catrina, de Hoogh, SCN 2010).

For a k-bit signed x, with r uniform in F_p and all bits r_j of r' = r mod 2^k shared:

    B1  open e = x + r; perfectly hidden, whatever x is. With e' = e mod 2^k, the sign is the top
        bit of x mod 2^k = (e' - r') mod 2^k. Let s_j = e'_j xor r_j, linear as e'_j is public;
    B2  a lower position hands up (1 - e'_j) s_j + (1 - s_j) b: where the bits differ it borrows
        if e'_j = 0, where they are equal it hands b on. The top one yields s xor b = s + (1-2s) b;
    B3  two neighbours make one leaf of the tree, from the preprocessed r_j r_{j+1}: still linear;
    B4  a level of the tree, in one round: (u, v) above (u', v') makes (u + v u', v v'). Both
        products take v, which is opened once, under one mask a: d = v - a, f = u' - b, and
        <v u'> = <c> + d <b> + f <a> + d f with c = a b. Nothing comes in from below position 0,
        so the lowest node takes u' alone;
    B5  the u of the root is [x < 0].

Every map sends bits to bits, so the answer is a bit for every x, also one out of range. Error: B1
wraps around p with probability at most 2^k / p, which for p = 2^61 - 1 moves x one unit away from
0 (harmless for |x| < 2^(k-1) - 1).

Cost, with m = ceil(k / 2) leaves and L = ceil(log2 m) levels, per server: 1 + L rounds; opened per
number 1 + 3 (m - 1) - L elements; held per number k + floor(k / 2) + 5 (m - 1) - 2 L + 1 shares.
For k = 19: 5 rounds, 24 elements, 66 shares. `Bitwise` also serves the exact way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpclab.field import Elements, Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.protocols.comparison.tables import wrap_error
from mpclab.sharing import Share

__all__ = ["Bitwise", "SignBits", "is_negative", "sign_of_difference"]

Held = dict[str, Share]


# -- the tree -----------------------------------------------------------------------------------


def _levels(leaves: int) -> list[int]:
    """Nodes per level of a tree with so many leaves; an odd one out, the highest, moves up.

    >>> _levels(10)
    [5, 2, 1, 1]
    """
    nodes = []
    while leaves > 1:
        nodes.append(leaves // 2)
        leaves -= leaves // 2
    return nodes


def _upper(nodes: int) -> npt.NDArray[np.intp]:
    """Which node's upper v each product of a level takes: all of v u', then v v' but the lowest.

    >>> _upper(3)
    array([0, 1, 2, 1, 2])
    """
    return np.concatenate([np.arange(nodes), np.arange(1, nodes)])


def _stack(*shares: Share) -> Share:
    """Join shares along their first axis."""
    return Share(np.concatenate([s.data for s in shares], axis=1), shares[0].key)


# -- material -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bitwise(Material, ABC):
    """For each of `count` numbers: r, some of its bits, and the triples of the tree.

    A subclass says with `positions` which bits of r the positions of the subtraction take, the
    lowest first; the last of them is the sign's (B3).
    """

    count: int

    @property
    @abstractmethod
    def positions(self) -> tuple[int, ...]:
        """The bits of r that are taken, one per position."""

    @property
    def levels(self) -> list[int]:
        """Nodes per level of the tree."""
        return _levels(-(-len(self.positions) // 2))

    @property
    def products(self) -> int:
        """Multiplications per number."""
        return sum(2 * nodes - 1 for nodes in self.levels)

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return 1 + len(self.levels)

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""
        return self.count * (1 + sum(self.levels) + self.products)

    def layout(self) -> tuple[Entry, ...]:
        """r, the triples, the bits and the products of neighbours."""
        n, pairs = self.count, len(self.positions) // 2
        entries = (
            Entry("r", (n,), uniform=True),
            Entry("a", (sum(self.levels), n), uniform=True),
            Entry("b", (self.products, n), uniform=True),
            Entry("bit", (max(self.positions) + 1, n)),
            Entry("pair", (pairs, n)),
            Entry("c", (self.products, n)),
        )
        return tuple(e for e in entries if 0 not in e.shape)

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The bits of r, the products of neighbours, and c = a b with every node's a."""
        shifts = np.arange(max(self.positions) + 1, dtype=np.uint64)
        bit = (uniform["r"] >> shifts[:, None]) & np.uint64(1)
        upper = bit[list(self.positions[1::2])]
        pair = upper * bit[list(self.positions[0 : 2 * len(upper) : 2])]
        derived = {"bit": bit, "pair": pair}
        if self.levels:
            starts = np.cumsum([0, *self.levels[:-1]])
            rows = [i + _upper(nodes) for i, nodes in zip(starts, self.levels, strict=True)]
            derived["c"] = field.mul(uniform["a"][np.concatenate(rows)], uniform["b"])
        return derived


@dataclass(frozen=True)
class SignBits(Bitwise):
    """For each of `count` numbers of `bits` bits: r, its `bits` lowest bits, and triples.

    >>> spec = SignBits(1, 19)
    >>> spec.rounds, spec.elements, spec.products
    (5, 24, 14)
    """

    bits: int

    @property
    def positions(self) -> tuple[int, ...]:
        """The `bits` lowest bits, the top one of which is the sign's."""
        return tuple(range(self.bits))

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong, at most."""
        return wrap_error(field, self.bits)

    async def run(self, party: Party, x: Share) -> Share:
        """See `is_negative`."""
        return await is_negative(party, x, self)


# -- protocol -----------------------------------------------------------------------------------


async def is_negative(party: Party, x: Share, material: SignBits) -> Share:
    """Shared bits [x < 0] for x of shape (count,).

    Cost: 1 + ceil(log2 m) rounds for m = ceil(bits / 2); `material.elements` elements per server;
    one `SignBits(count, bits)`.
    """
    held = party.take(material)
    e = await party.open_masked(x + held["r"], "x + r")  # B1
    shifts = np.arange(material.bits, dtype=np.uint64)
    public = (e >> shifts[:, None]) & np.uint64(1)
    return await sign_of_difference(party, public, held, material)


async def sign_of_difference(
    party: Party, public: Elements, held: Held, material: Bitwise
) -> Share:
    """The public minus the shared bits, position by position: last bit xor last borrow.

    `public` has shape (positions, count). Cost: as in B4, `len(material.levels)` rounds.
    """
    u, v = _leaves(party.field, public, held, material)  # v has no row for the lowest leaf
    node = product = 0
    for i, nodes in enumerate(material.levels):  # B4
        size = 2 * nodes - 1
        a = held["a"][node : node + nodes]
        b, c = (held[name][product : product + size] for name in "bc")
        node, product, upper = node + nodes, product + size, _upper(nodes)

        lower = _stack(u[0 : 2 * nodes : 2], v[1 : 2 * nodes - 2 : 2])
        masked = _stack(v[0 : 2 * nodes : 2] - a, lower - b)
        opened = await party.open_masked(masked, f"level {i + 1}")
        d, f = opened[:nodes][upper], opened[nodes:]
        products = c + b * d + a[upper] * f + party.field.mul(d, f)

        u = _stack(u[1 : 2 * nodes : 2] + products[:nodes], u[2 * nodes :])
        v = _stack(products[nodes:], v[size:])
    return u[0]  # B5


def _leaves(F: Field, public: Elements, held: Held, material: Bitwise) -> tuple[Share, Share]:
    """B2 and B3: u of every leaf, v of every leaf but the lowest; leaves are pairs of positions."""
    one, last = np.uint64(1), len(public) - 1
    flip = F.sub(one, F.add(public, public))  # c xor r = c + (1 - 2 c) r
    s = held["bit"][list(material.positions)] * flip + public
    hands_up = one - public
    hands_up[last] = one
    weight = np.ones((len(public), 1), np.uint64)  # of s in v: a lower position has 1 - s,
    weight[last] = 2  # and the last one 1 - 2 s
    if last == 0:
        return s, s[:0]

    even = len(public) - len(public) % 2  # B3
    low, high = slice(0, even, 2), slice(1, even, 2)
    weighted = s[high] * weight[high]
    both = (  # s_high s_low with its weight, from r_high r_low
        held["pair"] * F.mul(flip[high], flip[low])
        + s[high] * public[low]
        + (s[low] - public[low]) * public[high]
    ) * weight[high]
    u = s[high] * hands_up[high] + (s[low] - both) * hands_up[low]
    v = 1 + both[1:] - s[low][1:] - weighted[1:]
    if even == len(public):
        return u, v
    return _stack(u, s[last:]), _stack(v, 1 - 2 * s[last:])
