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
def _dot(a: Any, b: Any, p: Any, inverse: Any, shift: Any) -> Any:
    """Sum of a[k] * b[k] mod p, reduced once per 64 products."""
    total = uint64(0)
    n = a.shape[0]
    k = 0
    while k < n:
        high = uint64(0)
        low = uint64(0)
        for i in range(k, min(k + _LAZY, n)):
            h, w = _wide(a[i], b[i])
            low += w
            high += h + (uint64(1) if low < w else uint64(0))
        total += _reduce(high, low, p, inverse, shift)
        if total >= p:
            total -= p
        k += _LAZY
    return total


@njit(
    types.void(_READ, _READ, _WRITE, uint64, uint64, uint64),
    cache=True,
    nogil=True,
)
def matmul_transposed(
    a: Any, b: Any, out: Any, p: Any, inverse: Any, shift: Any
) -> None:
    """out[i, j] = sum_k a[i, k] b[j, k] mod p: both operands are read along their rows."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            out[i, j] = _dot(a[i], b[j], p, inverse, shift)
