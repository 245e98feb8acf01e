r"""Exact comparison in any field, for any number of servers (DESIGN 3.6).

Where is the sign of x, if not in a top bit? In the lowest bit of 2x: a non-negative x has 2x < p,
which is even; a negative one has 2x - p, which is odd (Nishide, Ohta, PKC 2007). So nothing is
cut off, and no wrap around p is overlooked: the wrap is what is computed.

For any x in F_p, with r uniform in F_p and all bits r_j of r shared:

    E1  open c = 2x + r; perfectly hidden;
    E2  as integers 2x = c - r + p w, where w = [c < r] tells whether the sum has wrapped. As p is
        odd, the lowest bit of 2x is c_0 xor r_0 xor w;
    E3  w is the last borrow of c - r, and the xor is one more position on top of the subtraction:
        steps B2 to B5 of `bits`, over l + 1 positions for a prime of l bits.

Exact for every x and every odd prime, so also a bit for every x. Cost, with m = ceil((l + 1) / 2)
and L = ceil(log2 m), per server: 1 + L rounds; opened per number 1 + 3 (m - 1) - L elements; held
per number l + floor((l + 1) / 2) + 5 (m - 1) - 2 L + 1 shares. For l = 61: 6 rounds, 86 elements,
233 shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpclab.field import Field
from mpclab.party import Party
from mpclab.protocols.comparison.bits import Bitwise, sign_of_difference
from mpclab.sharing import Share

__all__ = ["ExactBits", "is_negative"]


@dataclass(frozen=True)
class ExactBits(Bitwise):
    """For each of `count` numbers: a uniform r below the modulus, all its bits, and triples.

    >>> spec = ExactBits(1, 2**61 - 1)
    >>> spec.rounds, spec.elements
    (6, 86)
    """

    modulus: int

    @property
    def positions(self) -> tuple[int, ...]:
        """All bits of r, and r_0 once more for the xor (E3)."""
        return (*range(self.modulus.bit_length()), 0)

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong: none."""
        return 0.0

    async def run(self, party: Party, x: Share) -> Share:
        """See `is_negative`."""
        return await is_negative(party, x, self)


async def is_negative(party: Party, x: Share, material: ExactBits) -> Share:
    """Shared bits [x < 0] for x of shape (count,); exact for every x in F_p.

    Cost: 1 + ceil(log2 m) rounds for m = ceil((l + 1) / 2) and a prime of l bits;
    `material.elements` elements per server; one `ExactBits(count, modulus)`.
    """
    held = party.take(material)
    c = await party.open_masked(x * 2 + held["r"], "2 x + r")  # E1
    shifts = np.array(material.positions, np.uint64)
    public = (c >> shifts[:, None]) & np.uint64(1)  # E2
    return await sign_of_difference(party, public, held, material)  # E3
