r"""Comparison by table look-ups, for any number of servers: two openings (DESIGN 3.6, *tables*).

For a k-bit signed x, with r uniform in F_p and r' = r mod 2^k:

    T1  open e = x + r; perfectly hidden, whatever x is;
    T2  let e' = e mod 2^k. Then x mod 2^k = (e' - r') mod 2^k, whose top bit is the sign:
        t xor [low(e') < low(r')], with t = top(e') xor top(r') and low() the k - 1 lower bits;
    T3  cut the lower bits into m digits of w bits. A one-time truth table per digit, looked up
        at the public digit of e', gives 2^i sign(e'_i - r'_i); their sum D has the sign of the
        highest digit that differs, and |D| < 2^m;
    T4  open e2 = D + 2^m t + r2, with r2 uniform in F_p;
    T5  [x < 0] = t xor [D < 0] is the top bit of (e2 - r2) mod 2^(m+1): for t = 0 negative D
        wrap into the upper half, and for t = 1 out of it. It is looked up at e2 mod 2^(m+1) in a
        table of r2; the upper half of that table is one minus the lower, so half is kept.

The answer is a bit for every x, also one out of range. Errors: T1 wraps around p with probability
at most 2^k / p, which for p = 2^61 - 1 moves x one unit away from 0 (harmless for |x| < 2^(k-1) -
1); T4 wraps with probability at most 2^(m+1) / p. One-time truth tables: Ishai, Kushilevitz,
Meldgaard, Orlandi, Paskin-Cherniavsky, TCC 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpclab.field import Elements, Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.sharing import Share

__all__ = ["LARGEST_ERROR", "SignTables", "is_negative", "wrap_error"]

LARGEST_ERROR = 2.0**-20


def wrap_error(field: Field, bits: int) -> float:
    """The probability, at most, that x + r wraps around p (T1) and that this does harm."""
    harmless = (field.modulus + 1) % 2**bits == 0
    return 0.0 if harmless else 2.0**bits / field.modulus


def _entries(bits: int, width: int) -> int:
    digits = -(-bits // width)
    return (digits << width) + (1 << digits)


@dataclass(frozen=True)
class SignTables(Material):
    """For each of `count` numbers of `bits` bits: r, r2, their top bit and their tables.

    >>> SignTables(1, 19).width, SignTables(1, 19).digits
    (4, 5)
    """

    count: int
    bits: int

    @property
    def width(self) -> int:
        """w: bits per digit, chosen so that the tables have the fewest entries, then digits."""
        low = max(self.bits - 1, 1)
        return min(range(1, min(low, 12) + 1), key=lambda w: (_entries(low, w), -w))

    @property
    def digits(self) -> int:
        """m: how many digits."""
        return -(-max(self.bits - 1, 1) // self.width)

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong, at most."""
        return wrap_error(field, self.bits) + 2.0 ** (self.digits + 1) / field.modulus

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return 2

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""
        return 2 * self.count

    async def run(self, party: Party, x: Share) -> Share:
        """See `is_negative`."""
        return await is_negative(party, x, self)

    def layout(self) -> tuple[Entry, ...]:
        """The masks of both openings, the top bit of r, and the tables."""
        n, m, w = self.count, self.digits, self.width
        return (
            Entry("r", (n,), uniform=True),
            Entry("r2", (n,), uniform=True),
            Entry("top", (n,)),
            Entry("signs", (n, m, 2**w)),
            Entry("half", (n, 2**m)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The top bit of r, and the tables of its digits and of r2."""
        m, w = self.digits, self.width
        r, r2 = uniform["r"], uniform["r2"] & np.uint64(2 ** (m + 1) - 1)
        top = (r >> np.uint64(self.bits - 1)) & np.uint64(1)
        digit = _digits(r, self)[:, :, None]
        every = np.arange(2**w, dtype=np.uint64)
        weight = np.uint64(1) << np.arange(m, dtype=np.uint64)[None, :, None]
        signs = np.where(every > digit, weight, np.uint64(field.modulus) - weight)
        signs = np.where(every == digit, np.uint64(0), signs)
        lower = np.arange(2**m, dtype=np.uint64)
        half = (lower - r2[:, None]) >> np.uint64(m)  # mod 2^64, so mod 2^(m+1)
        return {"top": top, "signs": signs, "half": half & np.uint64(1)}


def _digits(x: Elements, spec: SignTables) -> Elements:
    """The digits of the k - 1 lower bits of x, lowest first: shape (count, m)."""
    low = x & np.uint64(2 ** (spec.bits - 1) - 1)
    shifts = np.arange(spec.digits, dtype=np.uint64) * np.uint64(spec.width)
    return (low[:, None] >> shifts) & np.uint64(2**spec.width - 1)


async def is_negative(party: Party, x: Share, material: SignTables) -> Share:
    """Shared bits [x < 0] for x of shape (count,).

    Cost: 2 rounds; 2 elements per server and number; one `SignTables(count, bits)`.
    """
    F, k, m = party.field, material.bits, material.digits
    held = party.take(material)
    e = await party.open_masked(x + held["r"], "x + r")  # T1

    top_e = (e >> np.uint64(k - 1)) & np.uint64(1)  # T2 (a xor b = a + b - 2 a b, a public)
    top = held["top"]
    t = top * F.sub(np.uint64(1), F.add(top_e, top_e)) + top_e

    rows = np.arange(material.count)[:, None]  # T3
    index = _digits(e, material).astype(np.intp)
    looked_up = held["signs"].data[:, rows, np.arange(m), index]
    D = Share(F.sum(looked_up, axis=2), party.key)
    party.done_with(held, "signs")

    e2 = await party.open_masked(D + t * 2**m + held["r2"], "D + 2^m t + r2")  # T4

    index = (e2 & np.uint64(2**m - 1)).astype(np.intp)  # T5
    upper = ((e2 >> np.uint64(m)) & np.uint64(1)).astype(np.int64)
    bit: Share = held["half"][np.arange(material.count), index]
    return bit * (1 - 2 * upper) + upper
