"""What programs are made of: matrix products, comparisons, choices, maxima and sorting of secrets.

Each is a coroutine over `Share`s of any shape and takes its bit length and its way of comparing
from the party's settings. None of them branches on a secret: all paths are computed, and bits
choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.network.rounds import together
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.protocols.comparison import comparison_material, is_negative
from mpclab.protocols.multiply import multiply
from mpclab.sharing import Share, concatenate

__all__ = [
    "MatrixTriples",
    "argmax",
    "equal",
    "is_zero",
    "less",
    "matmul",
    "maximum",
    "negative",
    "product",
    "sort",
    "where",
]


@dataclass(frozen=True)
class MatrixTriples(Material):
    """A Beaver triple of matrices: <A> (m, k), <B> (k, n), <C = A B>."""

    m: int
    k: int
    n: int

    def layout(self) -> tuple[Entry, ...]:
        return (
            Entry("A", (self.m, self.k), uniform=True),
            Entry("B", (self.k, self.n), uniform=True),
            Entry("C", (self.m, self.n)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        return {"C": field.matmul_transposed(uniform["A"], uniform["B"].T)}


async def matmul(party: Party, x: Share, y: Share) -> Share:
    """<X Y> for secret matrices (m, k) and (k, n).

    As `multiply`, with matrices: open D = X - A and E = Y - B, then C + D B + A E + D E.

    Cost: 1 round; m k + k n elements per server; `MatrixTriples(m, k, n)`.
    """
    (m, k), (k2, n) = x.shape, y.shape
    if k != k2:
        raise InputError(f"matrices of shapes {x.shape} and {y.shape} have no product")
    F = party.field
    triple = party.take(MatrixTriples(m, k, n))
    A, B, C = triple["A"], triple["B"], triple["C"]
    opened = await party.open_masked(concatenate([x - A, y - B]), "X - A, Y - B")
    D, E = opened[: m * k].reshape(m, k), opened[m * k :].reshape(k, n)
    data = np.stack(
        [
            F.add(F.matmul_transposed(D, B.data[i].T), F.matmul_transposed(A.data[i], E.T))
            for i in range(2)
        ]
    )
    return C + Share(data, party.key) + F.matmul_transposed(D, E.T)


async def negative(party: Party, x: Share, extra_bits: int = 0) -> Share:
    """Shared bits [x < 0], elementwise, for x of the settings' bit length (and `extra_bits`).

    Cost: that of `is_negative` in the settings' way.
    """
    if not x.size:
        return x
    bits = party.settings.bits + extra_bits
    spec = comparison_material(party.field, x.size, bits, party.settings.comparison, party.n)
    bit = await is_negative(party, x.reshape(x.size), spec)
    return bit.reshape(*x.shape)


async def less(party: Party, x: Share, y: Any) -> Share:
    """Shared bits [x < y], elementwise; y is secret or public."""
    return await negative(party, x - y, extra_bits=1)


async def equal(party: Party, x: Share, y: Any) -> Share:
    """Shared bits [x = y] = 1 - [x < y] - [y < x]: two comparisons in the rounds of one."""
    return await is_zero(party, x - y, extra_bits=1)


async def is_zero(party: Party, x: Share, extra_bits: int = 0) -> Share:
    """Shared bits [x = 0] = 1 - [x < 0] - [-x < 0]."""
    below, above = await together(
        negative(party, x, extra_bits), negative(party, -x, extra_bits)
    )
    return 1 - below - above


async def product(party: Party, x: Share, y: Share) -> Share:
    """x * y elementwise with NumPy's broadcasting. Cost: one multiplication of the larger shape."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    return await multiply(party, broadcast(x, shape), broadcast(y, shape))


async def where(party: Party, condition: Share, x: Any, y: Any) -> Share:
    """x where the shared bits are 1, else y: y + condition (x - y). Cost: one multiplication."""
    difference = party.key.constant(0) + x - y
    return await product(party, condition, difference) + y


def broadcast(x: Share, shape: tuple[int, ...]) -> Share:
    """x repeated to a larger shape by NumPy's rules."""
    data = x.data.reshape(2, *(1,) * (len(shape) - len(x.shape)), *x.shape)
    return Share(np.ascontiguousarray(np.broadcast_to(data, (2, *shape))), x.key)


async def maximum(party: Party, x: Share) -> Share:
    """The largest entry along the last axis, by a tournament: log2(length) matches."""
    best, _ = await _tournament(party, x, index=False)
    return best


async def argmax(party: Party, x: Share) -> Share:
    """Where the largest entry along the last axis is (the first of equal ones)."""
    _, at = await _tournament(party, x, index=True)
    return at


async def _tournament(party: Party, x: Share, index: bool) -> tuple[Share, Share]:
    length = x.shape[-1]
    if length == 0:
        raise InputError("an empty array has no largest entry")
    places = np.broadcast_to(np.arange(length), x.shape)
    at = party.key.constant(places if index else np.zeros_like(places))
    while x.shape[-1] > 1:
        even = x.shape[-1] // 2 * 2
        left, right = x[..., 0:even:2], x[..., 1:even:2]
        left_at, right_at = at[..., 0:even:2], at[..., 1:even:2]
        right_wins = await less(party, left, right)
        chosen = [(left, right), (left_at, right_at)] if index else [(left, right)]
        winners = await together(*(where(party, right_wins, r, w) for w, r in chosen))
        x = _joined(winners[0], x[..., even:])
        at = _joined(winners[1], at[..., even:]) if index else at[..., : x.shape[-1]]
    return x[..., 0], at[..., 0]


def _joined(a: Share, b: Share) -> Share:
    return Share(np.concatenate([a.data, b.data], axis=-1), a.key)


def sorting_network(length: int) -> list[list[tuple[int, int]]]:
    """Batcher's odd-even merge sort: layers of pairs (i, j), i < j, to be put in order.

    >>> sorting_network(4)
    [[(0, 1), (2, 3)], [(0, 2), (1, 3)], [(1, 2)]]
    """
    layers = []
    p = 1
    while p < length:
        k = p
        while k >= 1:
            layer = [
                (i + j, i + j + k)
                for j in range(k % p, length - k, 2 * k)
                for i in range(min(k, length - j - k))
                if (i + j) // (2 * p) == (i + j + k) // (2 * p)
            ]
            if layer:
                layers.append(layer)
            k //= 2
        p *= 2
    return layers


async def sort(party: Party, x: Share) -> Share:
    """The entries along the last axis in ascending order, by Batcher's oblivious network.

    Which places are compared depends on the length alone. Cost per layer: one comparison and one
    multiplication per pair; about log2(length)^2 / 2 layers.
    """
    for layer in sorting_network(x.shape[-1]):
        i, j = (np.array(side) for side in zip(*layer, strict=True))
        low, high = x[..., i], x[..., j]
        swap = await less(party, high, low)
        moved = await multiply(party, swap, high - low)
        data = x.data.copy()
        data[..., i], data[..., j] = (low + moved).data, (high - moved).data
        x = Share(data, party.key)
    return x
