"""The compiled loops: products modulo p, and sums of such products with lazy reduction.

Everything here works on uint64 arrays of canonical elements of F_p with p < 2^61 + 1 odd. A
product of two elements has up to 122 bits, so 64 of them fit into 128 bits before a reduction is
due. Reduction is the division by an invariant of Moller and Granlund ("Improved division by
invariant integers", IEEE Trans. Computers 2011): p is normalised to d = p << shift with its top
bit set, and `inverse` = floor((2^128 - 1) / d) - 2^64. For the Mersenne prime 2^61 - 1 a product
is folded instead. This module is loaded only when the first product is computed: numba takes a
third of a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types, uint64, vectorize
from numba.extending import intrinsic

MERSENNE_61 = np.uint64(2**61 - 1)
_READ = types.Array(types.uint64, 2, "C", readonly=True)  # what arrives is read-only
_WRITE = types.Array(types.uint64, 2, "C")
_LAZY = 64  # products of up to 122 bits that fit into 128 bits


@intrinsic
def _wide(typing_context: Any, a: Any, b: Any) -> Any:
    """(high, low) 64-bit words of a * b: one machine instruction."""
    signature = types.UniTuple(types.uint64, 2)(types.uint64, types.uint64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, double = ir.IntType(64), ir.IntType(128)
        product = builder.mul(builder.zext(args[0], double), builder.zext(args[1], double))
        high = builder.trunc(builder.lshr(product, ir.Constant(double, 64)), word)
        low = builder.trunc(product, word)
        return context.make_tuple(builder, signature.return_type, [high, low])

    return signature, codegen


@njit(inline="always")
def _remainder(high: Any, low: Any, d: Any, inverse: Any) -> Any:
    """(high * 2^64 + low) mod d for high < d, d normalised."""
    q1, q0 = _wide(inverse, high)
    q0 += low
    q1 += high + uint64(1) + (uint64(1) if q0 < low else uint64(0))
    r = low - q1 * d
    if r > q0:
        r += d
    if r >= d:
        r -= d
    return r


@njit(inline="always")
def _reduce(high: Any, low: Any, p: Any, inverse: Any, shift: Any) -> Any:
    """(high * 2^64 + low) mod p, for any 128-bit number."""
    d = p << shift
    top = high >> (uint64(64) - shift)
    middle = (high << shift) | (low >> (uint64(64) - shift))
    r = _remainder(top, middle, d, inverse)
    return _remainder(r, low << shift, d, inverse) >> shift


@njit(inline="always")
def _mul(a: Any, b: Any, p: Any, inverse: Any, shift: Any) -> Any:
    high, low = _wide(a, b)
    if p == MERSENNE_61:
        r = (low & p) + ((high << uint64(3)) | (low >> uint64(61)))
        return r - p if r >= p else r
    d = p << shift
    return _remainder(
        (high << shift) | (low >> (uint64(64) - shift)), low << shift, d, inverse
    ) >> shift


@vectorize(["uint64(uint64,uint64,uint64,uint64,uint64)"], cache=True)
def multiply(a: Any, b: Any, p: Any, inverse: Any, shift: Any) -> Any:
    """a * b mod p, elementwise with NumPy's broadcasting."""
    return _mul(a, b, p, inverse, shift)


@njit(inline="always")
def _gather(high: Any, low: Any, factor: Any, x: Any) -> Any:
    """(high, low) + factor * x."""
    h, w = _wide(factor, x)
    low += w
    return high + h + (uint64(1) if low < w else uint64(0)), low


@njit(inline="always")
def _plus(a: Any, b: Any, p: Any) -> Any:
    total = a + b
    return total - p if total >= p else total


@njit(inline="always")
def _dot(a: Any, b: Any, p: Any, inverse: Any, shift: Any) -> Any:
    """Sum of a[k] * b[k] mod p, reduced once per 64 products."""
    total = uint64(0)
    n = a.shape[0]
    for k in range(0, n, _LAZY):
        high = low = uint64(0)
        for i in range(k, min(k + _LAZY, n)):
            high, low = _gather(high, low, a[i], b[i])
        total = _plus(total, _reduce(high, low, p, inverse, shift), p)
    return total


@njit(inline="always")
def _four_dots(rows: Any, i: Any, b: Any, p: Any, inverse: Any, shift: Any) -> Any:
    """The same for rows i .. i + 3: no product waits for the carry of the one before."""
    a0, a1, a2, a3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
    t0 = t1 = t2 = t3 = uint64(0)
    n = b.shape[0]
    for start in range(0, n, _LAZY):
        h0 = h1 = h2 = h3 = l0 = l1 = l2 = l3 = uint64(0)
        for k in range(start, min(start + _LAZY, n)):
            factor = b[k]
            h0, l0 = _gather(h0, l0, factor, a0[k])
            h1, l1 = _gather(h1, l1, factor, a1[k])
            h2, l2 = _gather(h2, l2, factor, a2[k])
            h3, l3 = _gather(h3, l3, factor, a3[k])
        t0 = _plus(t0, _reduce(h0, l0, p, inverse, shift), p)
        t1 = _plus(t1, _reduce(h1, l1, p, inverse, shift), p)
        t2 = _plus(t2, _reduce(h2, l2, p, inverse, shift), p)
        t3 = _plus(t3, _reduce(h3, l3, p, inverse, shift), p)
    return t0, t1, t2, t3


@njit(
    types.void(_READ, _READ, _WRITE, uint64, uint64, uint64),
    cache=True,
    nogil=True,
)
def matmul_transposed(
    a: Any, b: Any, out: Any, p: Any, inverse: Any, shift: Any
) -> None:
    """out[i, j] = sum_k a[i, k] b[j, k] mod p: both operands are read along their rows.

    Four rows of the longer operand go together, and it is read from memory once.
    """
    m, n = a.shape[0], b.shape[0]
    if m >= n:
        for i in range(0, m - 3, 4):
            for j in range(n):
                out[i, j], out[i + 1, j], out[i + 2, j], out[i + 3, j] = _four_dots(
                    a, i, b[j], p, inverse, shift
                )
        for i in range(m - m % 4, m):
            for j in range(n):
                out[i, j] = _dot(a[i], b[j], p, inverse, shift)
    else:
        for j in range(0, n - 3, 4):
            for i in range(m):
                out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = _four_dots(
                    b, j, a[i], p, inverse, shift
                )
        for j in range(n - n % 4, n):
            for i in range(m):
                out[i, j] = _dot(a[i], b[j], p, inverse, shift)


_VECTOR = types.Array(types.uint64, 1, "C", readonly=True)


@njit(inline="always")
def _into(out: Any, j: Any, first: Any, total: Any, p: Any) -> None:
    """Add a part to a sum, or begin with it."""
    out[j] = total if first == 0 else _plus(out[j], total, p)


@njit(
    types.void(_VECTOR, _READ, types.Array(types.uint64, 1, "C"), uint64, uint64, uint64),
    cache=True,
    nogil=True,
)
def combine(c: Any, rows: Any, out: Any, p: Any, inverse: Any, shift: Any) -> None:
    """out[j] = sum_k c[k] rows[k, j] mod p: four columns of 64 rows at a time stay in registers."""
    size, columns = rows.shape
    if size == 0:
        out[:] = 0
    for first in range(0, size, _LAZY):
        last = min(first + _LAZY, size)
        for j in range(0, columns, 4):
            if j + 4 <= columns:
                h0 = h1 = h2 = h3 = l0 = l1 = l2 = l3 = uint64(0)
                for k in range(first, last):
                    factor = c[k]
                    h0, l0 = _gather(h0, l0, factor, rows[k, j])
                    h1, l1 = _gather(h1, l1, factor, rows[k, j + 1])
                    h2, l2 = _gather(h2, l2, factor, rows[k, j + 2])
                    h3, l3 = _gather(h3, l3, factor, rows[k, j + 3])
                _into(out, j, first, _reduce(h0, l0, p, inverse, shift), p)
                _into(out, j + 1, first, _reduce(h1, l1, p, inverse, shift), p)
                _into(out, j + 2, first, _reduce(h2, l2, p, inverse, shift), p)
                _into(out, j + 3, first, _reduce(h3, l3, p, inverse, shift), p)
            else:
                for i in range(j, columns):
                    high = low = uint64(0)
                    for k in range(first, last):
                        high, low = _gather(high, low, c[k], rows[k, i])
                    _into(out, i, first, _reduce(high, low, p, inverse, shift), p)


@njit(
    types.void(_READ, _READ, _WRITE, types.int64, types.int64, uint64, uint64, uint64),
    cache=True,
    nogil=True,
)
def sumcheck(
    weights: Any, table: Any, out: Any, first: Any, last: Any, p: Any, inverse: Any, shift: Any
) -> None:
    """One round of a sumcheck's prover, for the columns `first` .. `last` - 1 of a table (X, ..).

    out[n, j] = sum_i sum_d W_t[d, i] U_t[i, j]^(d + 1) at the nodes t = 0, 2, 3 .. D + 1, where
    U_t[i] = first[i] + t (second[i] - first[i]) of the table's halves, and W_t likewise. Where
    both halves are 0 nothing is to be added: ratings are mostly absent. Four nodes go together, so
    that no multiplication waits for the one before; rows of `out` beyond D + 1 are scratch.
    """
    degree, size = weights.shape
    half = (size + 1) // 2
    nodes = out.shape[0]
    at = np.empty((half, degree, nodes), np.uint64)
    for i in range(half):
        for d in range(degree):
            w = weights[d, i]
            slope = _plus(weights[d, i + half] if i + half < size else uint64(0), p - w, p)
            for n in range(nodes):
                at[i, d, n] = w
                w = _plus(w, slope, p)
                if n == 0:  # the node 1 is left out: its value follows from the claim
                    w = _plus(w, slope, p)
    out[:, first:last] = 0
    for start in range(first, last, 32):
        stop = min(start + 32, last)
        for i in range(half):
            for j in range(start, stop):
                u = table[i, j]
                other = table[i + half, j] if i + half < size else uint64(0)
                if u == 0 and other == 0:
                    continue
                slope = _plus(other, p - u, p)
                for n in range(0, nodes, 4):
                    u0 = u
                    if n == 0:
                        u = _plus(u, slope, p)
                    u1 = _plus(u, slope, p)
                    u2 = _plus(u1, slope, p)
                    u3 = _plus(u2, slope, p)
                    u = _plus(u3, slope, p)
                    v0 = v1 = v2 = v3 = uint64(0)
                    for d in range(degree - 1, -1, -1):
                        v0 = _mul(_plus(v0, at[i, d, n], p), u0, p, inverse, shift)
                        v1 = _mul(_plus(v1, at[i, d, n + 1], p), u1, p, inverse, shift)
                        v2 = _mul(_plus(v2, at[i, d, n + 2], p), u2, p, inverse, shift)
                        v3 = _mul(_plus(v3, at[i, d, n + 3], p), u3, p, inverse, shift)
                    out[n, j] = _plus(out[n, j], v0, p)
                    out[n + 1, j] = _plus(out[n + 1, j], v1, p)
                    out[n + 2, j] = _plus(out[n + 2, j], v2, p)
                    out[n + 3, j] = _plus(out[n + 3, j], v3, p)


@njit(types.void(_WRITE, uint64, uint64, uint64, uint64), cache=True, nogil=True)
def fold(table: Any, point: Any, p: Any, inverse: Any, shift: Any) -> None:
    """table[i] += point (table[i + half] - table[i]), in place, for the first half of rows."""
    size = table.shape[0]
    half = (size + 1) // 2
    for i in range(half):
        for j in range(table.shape[1]):
            u = table[i, j]
            other = table[i + half, j] if i + half < size else uint64(0)
            if u != other:
                slope = other - u if other >= u else other + p - u
                u += _mul(slope, point, p, inverse, shift)
                table[i, j] = u - p if u >= p else u
