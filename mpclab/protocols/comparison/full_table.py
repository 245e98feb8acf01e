"""Exact comparison in small fields: one table of all p elements, looked up at one opened value.

A one-time truth table (Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky, TCC 2013): the
dealer shares T[e] = [e - r mod p is negative] for a uniform r, the servers open e = x + r, and
T[e] is their share of the answer. p entries each, so for p < 2^12 only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpclab.field import Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.sharing import Share

__all__ = ["LARGEST_MODULUS", "FullTables", "is_negative"]

LARGEST_MODULUS = 2**12


@dataclass(frozen=True)
class FullTables(Material):
    """For each of `count` numbers: a uniform <r> and a table of p shared bits."""

    count: int
    modulus: int

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return 1

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""
        return self.count

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong: none."""
        return 0.0

    async def run(self, party: Party, x: Share) -> Share:
        """See `is_negative`."""
        return await is_negative(party, x, self)

    def layout(self) -> tuple[Entry, ...]:
        """r and the table."""
        return (
            Entry("r", (self.count,), uniform=True),
            Entry("table", (self.count, self.modulus)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """T[e] for all e."""
        every = np.arange(self.modulus, dtype=np.uint64)
        x = field.sub(every, uniform["r"][:, None])
        return {"table": (x > np.uint64(self.modulus // 2)).astype(np.uint64)}


async def is_negative(party: Party, x: Share, material: FullTables) -> Share:
    """Shared bits [x < 0]; exact for every x in F_p.

    1. open e = x + r;
    2. the answer is T[e].

    Cost: 1 round; 1 element per server and number.
    """
    held = party.take(material)
    e = await party.open_masked(x + held["r"], "x + r")  # 1.
    rows = np.arange(material.count)
    bit: Share = held["table"][rows, e.astype(np.intp)]  # 2.
    return bit
