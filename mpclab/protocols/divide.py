"""Exact division of shared integers by a public divisor, rounded down (floor).

For an integer x with |x| < 2^(k-1) and a divisor d >= 1, with X = x + d * offset made non-negative
by a public multiple of d, 0 <= X < l:

    V1  open e = X + r with r uniform in F_p; perfectly hidden, whatever x is;
    V2  as integers X = e - r*, with r* = r - p if the sum wrapped around p and r* = r if not. A
        sum that wrapped has e < l, and then r >= p - l; so the dealer prepares everything below
        twice: for r, used when e >= l, and for r* = r - p * [r >= p - l], used when e is
        smaller. The choice is public, and no error is left;
    V3  X mod d = e_d - r_d + d [e_d < r_d] with e_d = e mod d public and r_d = r* mod d shared;
    V4  the bit [e_d < r_d] is [D < 0] for the digits' signs D (as in *tables*, T3): open D + r2
        with r2 uniform in F_p and look up the top bit of (D + r2 - r2) mod 2^(m+1);
    V5  floor(x / d) = (X - (X mod d)) / d - offset: a division without rest, in the field.

Only V4 can err, with probability at most 2^(m+1) / p for m digits: below 2^-40 for 2^61 - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.protocols.comparison.tables import LARGEST_ERROR
from mpclab.sharing import Share

__all__ = ["DivisionTables", "floor_divide"]


@dataclass(frozen=True)
class DivisionTables(Material):
    """For `count` divisions by `divisor` of integers of `bits` signed bits.

    >>> spec = DivisionTables(10, 20, 10)
    >>> spec.width, spec.digits
    (2, 2)
    """

    count: int
    bits: int
    divisor: int

    @property
    def limit(self) -> int:
        """X lies in 0 .. limit - 1."""
        return int(2 ** (self.bits - 1)) + self.offset * self.divisor

    @property
    def offset(self) -> int:
        """What is added to the quotient to make it non-negative."""
        return -(-(2 ** (self.bits - 1)) // self.divisor)

    @property
    def width(self) -> int:
        """w: bits per digit of a remainder."""
        low = max((self.divisor - 1).bit_length(), 1)

        def entries(w: int) -> int:
            digits = -(-low // w)
            return 2 * digits * 2**w + 2 ** (digits + 1)

        return min(range(1, min(low, 12) + 1), key=entries)

    @property
    def digits(self) -> int:
        """m: digits of a remainder."""
        return -(-max((self.divisor - 1).bit_length(), 1) // self.width)

    def error(self, field: Field) -> float:
        """The probability that a quotient is wrong, at most: V4 wraps around p."""
        return 2.0 ** (self.digits + 1) / field.modulus

    def layout(self) -> tuple[Entry, ...]:
        n, m, w = self.count, self.digits, self.width
        return (
            Entry("r", (n,), uniform=True),
            Entry("r2", (n,), uniform=True),
            Entry("rest", (n, 2)),
            Entry("signs", (n, 2, m, 2**w)),
            Entry("top", (n, 2 ** (m + 1))),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        m, p, d = self.digits, np.uint64(field.modulus), np.uint64(self.divisor)
        r, r2 = uniform["r"], uniform["r2"] & np.uint64(2 ** (m + 1) - 1)
        high = r >= p - np.uint64(self.limit)
        wrapped = (d - (p - r) % d) % d  # (r - p) mod d
        rest = np.stack([r % d, np.where(high, wrapped, r % d)], axis=1)
        digit = _digits(rest, self)[..., None]
        every = np.arange(2**self.width, dtype=np.uint64)
        weight = np.uint64(1) << np.arange(m, dtype=np.uint64)[:, None]
        signs = np.where(every > digit, weight, p - weight)
        signs = np.where(every == digit, np.uint64(0), signs)
        index = np.arange(2 ** (m + 1), dtype=np.uint64)
        top = ((index - r2[:, None]) >> np.uint64(m)) & np.uint64(1)
        return {"rest": rest, "signs": signs, "top": top}


def _digits(x: Elements, spec: DivisionTables) -> Elements:
    shifts = np.arange(spec.digits, dtype=np.uint64) * np.uint64(spec.width)
    return (x[..., None] >> shifts) & np.uint64(2**spec.width - 1)


async def floor_divide(party: Party, x: Share, divisor: int, bits: int) -> Share:
    """Shares of floor(x / divisor), elementwise and exact, for |x| < 2^(bits-1).

    Cost: 2 rounds; 2 elements per server and number; one `DivisionTables`.
    """
    F = party.field
    if divisor < 1:
        raise InputError(f"the divisor is {divisor}: it must be a positive integer")
    spec = DivisionTables(x.size, bits, divisor)
    if divisor == 1:
        return x
    if 2 * spec.limit >= F.modulus or spec.error(F) > LARGEST_ERROR:
        raise InputError(
            f"{F} is too small to divide {bits}-bit numbers by {divisor}: give the lab fewer "
            "`bits`, make the secret fixed-point, or multiply by the reciprocal (in 2**61 - 1, 59 "
            "bits fit for small divisors)"
        )
    held = party.take(spec)
    X = x.reshape(x.size) + spec.offset * divisor
    e = await party.open_masked(X + held["r"], "X + r")  # V1
    rows = np.arange(x.size)
    case = (e < np.uint64(spec.limit)).astype(np.intp)  # V2
    rest = e % np.uint64(divisor)  # V3
    index = _digits(rest, spec).astype(np.intp)
    picked = held["signs"].data[
        :, rows[:, None], case[:, None], np.arange(spec.digits), index
    ]
    D = Share(F.sum(picked, axis=2), party.key)
    e2 = await party.open_masked(D + held["r2"], "D + r2")  # V4
    at = (e2 & np.uint64(2 ** (spec.digits + 1) - 1)).astype(np.intp)
    borrow: Share = held["top"][rows, at]
    remainder = -held["rest"][rows, case] + rest + borrow * divisor
    inverse = int(F.inv(F.array(divisor % F.modulus)))  # V5
    return ((X - remainder) * inverse - spec.offset).reshape(*x.shape)
