"""The prime field F_p on NumPy uint64 arrays.

An element is a canonical integer 0 <= x < p in a uint64 array of any shape; negative integers
stand for p - |x|. The default modulus is the Mersenne prime 2^61 - 1; any odd prime up to 61 bits
works, and tiny ones such as p = 101 are there to be cheated. Sums and differences are plain NumPy;
products are the few compiled loops of `_kernels`, which are loaded on first use.

>>> import numpy as np
>>> from mpclab.field import Field
>>> F = Field(101)
>>> F.array([-1, 50, 3])
array([100,  50,   3], dtype=uint64)
>>> F.mul(F.array([-1, 50]), F.array([2, 3]))
array([99, 49], dtype=uint64)
>>> F.signed(F.array([-1, 50, 3])).tolist()
[-1, 50, 3]
"""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole
from mpclab.errors import InputError

if TYPE_CHECKING:
    from mpclab.randomness import Stream

__all__ = ["MERSENNE_61", "Elements", "Field", "is_prime"]

Elements = npt.NDArray[np.uint64]
"""An array of field elements: uint64, every entry below p."""

MERSENNE_61 = 2**61 - 1
_FEW = 16  # terms


def is_prime(n: int) -> bool:
    """Whether n is prime: Miller and Rabin's test, exact below 3.3e24 with the first 13 primes.

    >>> [n for n in range(60, 80) if is_prime(n)]
    [61, 67, 71, 73, 79]
    """
    if not is_whole(n):
        raise InputError(f"is_prime is asked about {n!r}: it must be an integer")
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if n < 2:
        return False
    for base in bases:
        if n % base == 0:
            return n == base
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def _as_integer(modulus: Any) -> int:
    try:
        return operator.index(modulus)
    except TypeError:
        raise InputError(
            f"the modulus {modulus!r} is not an integer: take an odd prime of 2 to 61 bits, such "
            "as 101 or 2**61 - 1"
        ) from None


@lru_cache(maxsize=256)
def _checked_modulus(modulus: int) -> int:
    if modulus.bit_length() > 256:
        raise InputError(
            f"the modulus has {modulus.bit_length()} bits: take an odd prime of 2 to 61 bits"
        )
    if modulus < 3 or modulus.bit_length() > 61:
        raise InputError(
            f"the modulus {modulus} is out of range: take an odd prime of 2 to 61 bits, "
            f"such as 101 or 2**61 - 1 = {MERSENNE_61}"
        )
    if not is_prime(modulus):
        raise InputError(
            f"the modulus {modulus} is not prime, so not every number has an inverse, and a "
            f"MAC could be forged: take a prime, such as 101 or 2**61 - 1 = {MERSENNE_61}"
        )
    return modulus


class Field:
    """Arithmetic modulo a prime p on uint64 arrays.

    Parameters
    ----------
    modulus : int
        An odd prime of at most 61 bits; 2^61 - 1 by default.

    Raises
    ------
    InputError
        If the modulus is not an odd prime or has more than 61 bits.

    Examples
    --------
    >>> F = Field(2**61 - 1)
    >>> int(F.inv(F.array(2)))
    1152921504606846976
    >>> Field(91)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: the modulus 91 is not prime, so not every number has an inverse, ...
    """

    __slots__ = ("_p", "_reduction", "bits", "modulus", "width")

    def __init__(self, modulus: int = MERSENNE_61) -> None:
        self.modulus = _checked_modulus(_as_integer(modulus))
        self.bits = self.modulus.bit_length()
        #: bytes of one element on the wire: 1, 2, 4 or 8
        self.width = next(w for w in (1, 2, 4, 8) if self.bits <= 8 * w)
        self._p = np.uint64(self.modulus)
        shift = 64 - self.bits
        inverse = (2**128 - 1) // (self.modulus << shift) - 2**64
        self._reduction = (self._p, np.uint64(inverse), np.uint64(shift))

    def __repr__(self) -> str:
        name = "2**61 - 1" if self.modulus == MERSENNE_61 else str(self.modulus)
        return f"Field({name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.modulus == other.modulus

    def __hash__(self) -> int:
        return hash(("Field", self.modulus))

    # -- in and out ---------------------------------------------------------------------------

    def array(self, values: npt.ArrayLike) -> Elements:
        """Encode integers with |x| < p as elements; negative x stands for p - |x|.

        Raises InputError for anything that is not an integer, or too large for the field.
        """
        try:
            raw = np.asarray(values)
        except (OverflowError, ValueError) as error:
            raise InputError(f"this cannot become an array of field elements: {error}") from None
        if raw.dtype == bool:
            return raw.astype(np.uint64)
        if raw.dtype.kind in "Of" and raw.size:
            raw = self._exact(values, raw)
        if raw.dtype.kind not in "iu":
            if raw.size == 0:
                return np.zeros(raw.shape, np.uint64)
            raise InputError(
                f"field elements are integers, but these values have dtype {raw.dtype}: "
                "round or scale them first"
            )
        if raw.size and not (
            int(raw.max()) < self.modulus and int(raw.min()) > -self.modulus
        ):
            worst = int(raw.max()) if int(raw.max()) >= self.modulus else int(raw.min())
            raise InputError(self._too_large(worst))
        if raw.dtype.kind == "u":
            return raw.astype(np.uint64)
        out = raw.astype(np.int64)
        return np.where(out < 0, out + np.int64(self.modulus), out).astype(np.uint64)

    def _exact(self, values: npt.ArrayLike, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Integers that NumPy took for objects or floats since they have no common dtype."""
        exact = np.asarray(values, dtype=object)
        if not all(isinstance(v, (int, np.integer)) for v in exact.flat):
            return raw
        worst = int(max(exact.flat, key=abs))
        if abs(worst) >= self.modulus:
            raise InputError(self._too_large(worst))
        return exact.astype(np.int64)

    def _too_large(self, value: int) -> str:
        return (
            f"the value {value} does not fit into {self}: integers between "
            f"{-self.modulus + 1} and {self.modulus - 1} do"
        )

    def signed(self, x: Elements) -> npt.NDArray[np.int64]:
        """Read elements as signed integers in [-(p-1)/2, (p-1)/2]."""
        out = x.astype(np.int64)
        return np.where(out > self.modulus // 2, out - np.int64(self.modulus), out)

    def is_canonical(self, x: Elements) -> bool:
        """Whether every entry is below p."""
        return x.size == 0 or bool(x.max() < self._p)

    def zeros(self, shape: int | Sequence[int] = ()) -> Elements:
        """An array of zeros."""
        return np.zeros(shape, np.uint64)

    def uniform(self, stream: Stream, shape: int | Sequence[int] = ()) -> Elements:
        """Independent uniform elements, drawn from a stream (see `Stream.elements`)."""
        return stream.elements(self.modulus, shape)

    # -- linear -------------------------------------------------------------------------------

    def add(self, a: Elements, b: Elements | np.uint64) -> Elements:
        """a + b mod p, with broadcasting."""
        with np.errstate(over="ignore"):
            total = np.asarray(np.add(a, b))
            return np.asarray(np.minimum(total, total - self._p))  # below p, this wraps: huge

    def sub(self, a: Elements | np.uint64, b: Elements | np.uint64) -> Elements:
        """a - b mod p, with broadcasting."""
        with np.errstate(over="ignore"):
            difference = np.asarray(np.subtract(a, b))  # below 0, this wraps: huge
            return np.asarray(np.minimum(difference, difference + self._p))

    def neg(self, a: Elements) -> Elements:
        """-a mod p."""
        return self.sub(np.uint64(0), a)

    def sum(self, a: Elements, axis: int | None = None) -> Elements:
        """Sum over an axis (all of them by default) mod p, for up to 2^32 terms."""
        if axis is not None and 1 <= a.shape[axis] <= _FEW:  # a pass for each is fastest
            first, *others = np.moveaxis(a, axis, 0)
            total = first.copy()
            for other in others:
                total = self.add(total, other)
            return np.asarray(total)
        low = np.sum(a & np.uint64(0xFFFFFFFF), axis=axis, dtype=np.uint64)
        high = np.sum(a >> np.uint64(32), axis=axis, dtype=np.uint64)
        low, high = np.asarray(low % self._p), np.asarray(high % self._p)
        return self.add(low, self.mul(high, np.uint64(2**32 % self.modulus)))

    def warm_up(self) -> None:
        """Load the compiled loops now, so that no server's computing is charged for it."""
        one = np.ones((1, 1), np.uint64)
        self.matmul_transposed(self.mul(one, one), one)

    # -- products -----------------------------------------------------------------------------

    def mul(self, a: Elements | np.uint64, b: Elements | np.uint64) -> Elements:
        """a * b mod p, elementwise with broadcasting."""
        from mpclab import _kernels

        with np.errstate(over="ignore"):
            out: Elements = np.asarray(_kernels.multiply(a, b, *self._reduction))
        return out

    def matmul_transposed(self, a: Elements, b: Elements) -> Elements:
        """a @ b.T mod p for matrices (m, k) and (n, k), both read along their rows.

        The storage order decides the speed: a large operand should be C-contiguous, so that one
        pass reads it at the speed of memory. Other orders are copied first.
        """
        from mpclab import _kernels

        if a.shape[-1] != b.shape[-1]:
            raise InputError(f"rows of lengths {a.shape[-1]} and {b.shape[-1]} have no product")
        out = np.empty((a.shape[0], b.shape[0]), np.uint64)
        _kernels.matmul_transposed(
            np.ascontiguousarray(a), np.ascontiguousarray(b), out, *self._reduction
        )
        return out

    def dot(self, a: Elements, b: Elements) -> Elements:
        """Sum of a * b over all entries mod p, a zero-dimensional array."""
        return self.matmul_transposed(a.reshape(1, -1), b.reshape(1, -1))[0, 0, ...]

    def combine(self, c: Elements, rows: Elements) -> Elements:
        """Sum over k of c[k] * rows[k] mod p, for rows of shape (k, columns)."""
        from mpclab import _kernels

        if c.shape != rows.shape[:1]:
            raise InputError(f"{c.size} coefficients do not combine {len(rows)} rows")
        out = np.empty(rows.shape[1], np.uint64)
        _kernels.combine(
            np.ascontiguousarray(c), np.ascontiguousarray(rows), out, *self._reduction
        )
        return out

    def sumcheck(self, weights: Elements, table: Elements) -> Elements:
        """The polynomial of one round of a sumcheck, for weights (D, X) and a table (X, columns).

        Both are read between their halves, at t: first + t (second - first), a missing row being
        0. Returns sum_x sum_d W_t[d, x] U_t[x]^(d + 1) at t = 0, 2, 3 .. D + 1: (D + 1, columns).
        """
        from mpclab import _kernels

        nodes = weights.shape[0] + 1
        out = np.empty((-(-nodes // 4) * 4, table.shape[1]), np.uint64)
        columns, read = table.shape[1], np.ascontiguousarray(weights)

        def part(k: int) -> None:
            first, last = columns * k // parts, columns * (k + 1) // parts
            _kernels.sumcheck(read, table, out, first, last, *self._reduction)

        # Columns are clients that prove by themselves: as many at a time as there are cores.
        parts = max(1, min(os.cpu_count() or 1, columns // 512))
        if parts == 1:
            part(0)
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(parts) as threads:
                list(threads.map(part, range(parts)))
        return out[:nodes]

    def fold(self, table: Elements, point: Elements) -> Elements:
        """The table between its halves at `point`: a view of the first rows, written in place."""
        from mpclab import _kernels

        _kernels.fold(table, np.uint64(point), *self._reduction)
        return table[: (table.shape[0] + 1) // 2]

    def pow(self, a: Elements, exponent: int) -> Elements:
        """a to the power of a public non-negative integer, elementwise."""
        if exponent < 0:
            raise InputError(f"the exponent is {exponent}: it must be 0 or more (see `inv`)")
        result = np.ones(np.shape(a), np.uint64)
        square = np.asarray(a)
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            square = self.mul(square, square)
            exponent >>= 1
        return result

    def inv(self, a: Elements) -> Elements:
        """1 / a, elementwise, by Fermat; raises InputError if an entry is 0."""
        if not np.all(a):
            raise InputError("0 has no inverse in a field")
        return self.pow(a, self.modulus - 2)

    def horner(self, columns: Sequence[Elements] | Elements, point: Elements) -> Elements:
        """Sum over k = 1..K of columns[k - 1] * point^k: a polynomial without constant term.

        Every column may be an array; `point` broadcasts against it. Used as a universal hash:
        two different sequences of columns agree at a uniform point with probability <= K / p.
        """
        shape = np.broadcast_shapes(np.shape(columns[0]), point.shape) if len(columns) else ()
        total = self.zeros(shape)
        for column in reversed(columns):
            total = self.mul(self.add(total, column), point)
        return total

