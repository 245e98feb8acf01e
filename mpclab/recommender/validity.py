"""What a user's row is to fulfil, as a statement for `protocols.validity`.

Of every scored item: nothing, or a rating of 1 .. 10 half stars, with its count. Of the dense
vector: a length of at most scale + sqrt(S)/2, which is what rounding a vector of length `scale` can
give. So one user weighs as much as one user. What is not proved: that the dense vector belongs to
the ratings, and that the ratings are honest.

The row is what is stored anyway: S dense entries v_i and the packed ratings. To speak of single
ratings and of sizes, the user uploads witnesses beside it, which are forgotten after the proof:

- the ratings in all slots of an element but the first; the first is what remains of the element;
- all bits but the highest of v_i + 2^(w-1), with w bits such that 2^(w-1) > scale + sqrt(S)/2; the
  highest is what remains, and being a bit bounds v_i;
- the bits of what the squared length falls short of its bound.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.protocols.validity import Statement
from mpclab.recommender.encoding import Parameters

__all__ = ["LARGEST_ERROR", "row_statement", "witnesses"]

LARGEST_ERROR = 2.0**-20
"""Fields in which an invalid row might pass more often than this are refused."""


def _norm(parameters: Parameters) -> tuple[int, int, int]:
    """The largest squared length, bits w of an entry, and bits of what lacks to that length."""
    longest = parameters.scale + math.sqrt(parameters.dense) / 2
    bound = math.floor(longest**2)
    return bound, math.floor(longest).bit_length() + 1, bound.bit_length()


def _first_slots(parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Of the scored items: which stand in the first slot of their element, and which do not."""
    items = np.arange(parameters.scored)
    first = items % parameters.packing.slots == 0
    return items[first], items[~first]


@lru_cache(maxsize=16)
def row_statement(parameters: Parameters) -> Statement:
    """What is proved of a row, on S dense entries, the packed elements, and the witnesses.

    Raises InputError if the field is too small for the proof to mean something.

    Examples
    --------
    >>> row_statement(Parameters(users=10_000, items=1_000, dense=20))
    Statement(1,197 inputs, 1,217 entries, degree 11, 11 rounds)
    """
    p, F = parameters, Field(parameters.modulus)
    packing, S = p.packing, p.dense
    bound, w, short = _norm(p)
    first, others = _first_slots(p)
    extra = others.size + S * (w - 1) + short
    if S * 4 ** (w - 1) + 2**short >= p.modulus:
        raise InputError(
            f"the modulus {p.modulus} is too small to bound the length of {S} entries of {w} bits: "
            "take a larger prime, or validated=False"
        )
    statement = Statement(F, S + p.packed + extra, extra)
    start = S + p.packed

    # ratings: an element is sum_i slot^i u_i
    rest = statement.entries(S + first // packing.slots)
    digits = statement.entries(start + np.arange(others.size))
    weights = [packing.slot ** int(k) for k in others % packing.slots]
    statement.add(
        rest[others // packing.slots],
        start + np.arange(others.size),
        F.neg(np.array(weights, np.uint64)),
    )
    above = packing.radix if packing.counts else 0
    ratings = [0, *(above + v for v in range(1, packing.max_rating + 1))]
    statement.among(np.concatenate([rest, digits]), ratings)
    start += others.size

    # dense entries: v_i + 2^(w-1) has w bits; the highest is what remains, over 2^(w-1)
    half = 2 ** (w - 1)
    inverse = pow(half, -1, p.modulus)
    numbers = np.arange(S)
    low = statement.entries(start + np.arange(S * (w - 1)))
    high = statement.entries(numbers, inverse, constant=1)
    for k in range(w - 1):
        share = -(2**k) * inverse % p.modulus
        statement.add(high, start + numbers * (w - 1) + k, np.uint64(share))
    statement.among(np.concatenate([low, high]), [0, 1])
    start += S * (w - 1)

    # their squares sum to the bound less what is missing
    dense = statement.entries(numbers)
    missing = statement.entries(start + np.arange(short))
    statement.among(missing, [0, 1])
    powers = np.array([2**k for k in range(short)], np.uint64)
    statement.equation(bound, linear=(missing, powers), squares=(dense, 1))
    if statement.error > LARGEST_ERROR:
        raise InputError(
            f"in a field of {p.modulus} elements an invalid row could pass with probability "
            f"{statement.error:.2g}: take a larger prime, or validated=False"
        )
    return statement


def witnesses(parameters: Parameters, dense: Elements, packed: Elements) -> Elements:
    """The witnesses (W, users) that belong to rows: dense (users, S) and packed (length, users).

    For rows that are not valid they are what comes nearest: the proof fails.
    """
    p, F = parameters, Field(parameters.modulus)
    packing, users = p.packing, len(dense)
    bound, w, short = _norm(p)
    _, others = _first_slots(p)
    out = np.empty((others.size + p.dense * (w - 1) + short, users), np.uint64)
    slots, slot = packing.slots, np.uint64(packing.slot)
    for i in range(1, slots):
        of_slot = np.flatnonzero(others % slots == i)
        elements = packed[others[of_slot] // slots]
        out[of_slot] = elements // np.uint64(packing.slot**i) % slot
    start = others.size
    shifted = F.add(dense, F.array(2 ** (w - 1)))
    for k in range(w - 1):
        rows = start + np.arange(p.dense) * (w - 1) + k
        out[rows] = (shifted >> np.uint64(k) & np.uint64(1)).T
    start += p.dense * (w - 1)
    lengths = F.sum(F.mul(dense, dense), axis=1)
    missing = F.sub(F.array(bound), lengths)
    for k in range(short):
        out[start + k] = missing >> np.uint64(k) & np.uint64(1)
    return out
