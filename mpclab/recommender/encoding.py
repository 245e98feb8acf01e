"""How ratings become field elements, and the same recommendation computed in the clear.

A user's row has two parts. The *dense* part holds the S items that serve for similarity: ratings
minus 3.25 stars (liked is positive, disliked negative), brought to unit length, times `scale`,
rounded; 0 where the item is not rated. The *packed* part holds the
ratings of the other M - S items, several to a field element: each rating v > 0 contributes
v + radix, so that a sum over neighbours carries the sum of ratings and, above it, their number
(mixed radix). Slots are as wide as the largest possible total over all N users, and as many go
into an element as fit below p: nothing can overflow, whatever honest users hold.

Ratings are in half stars, 1 .. 10; 0 means not rated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError
from mpclab.field import Elements, Field

__all__ = [
    "MAX_RATING", "MIN_DENSE", "THRESHOLD", "Packing", "Parameters", "dense_vectors", "plaintext",
    "unquantised",
]

MAX_RATING = 10
CENTRE = 6.5
"""What is taken off a rating before vectors are normalised, in half stars: 3.25 stars. No rating
becomes 0, so none looks like a missing one."""

THRESHOLD = 0.3
MIN_DENSE = 5
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """How ratings and counts of N users share field elements.

    Parameters
    ----------
    users : int
        N, the most rows that a sum may hold.
    modulus : int
        p.
    counts : bool
        Whether every item's number of ratings is carried beside their sum.
    max_rating : int
        The largest rating.

    Examples
    --------
    >>> Packing(10_000, 2**61 - 1).slots
    2
    >>> Packing(10_000, 2**61 - 1, counts=False, max_rating=5).slots
    3
    >>> packing = Packing(3, 2**61 - 1)
    >>> packed = packing.pack(np.array([[10, 0, 3], [4, 0, 1]], np.uint8))
    >>> packed.shape
    (1, 2)
    >>> sums, counts = packing.unpack(packed.sum(axis=1, dtype=np.uint64), 3)
    >>> sums.tolist(), counts.tolist()
    ([14, 0, 4], [2, 0, 2])
    """

    users: int
    modulus: int
    counts: bool = True
    max_rating: int = MAX_RATING

    @property
    def radix(self) -> int:
        """What one rating adds above the sum: more than N ratings can sum to."""
        return self.max_rating * self.users + 1

    @property
    def slot(self) -> int:
        """More than one item's total over N users."""
        return self.radix * (self.users + 1) if self.counts else self.radix

    @property
    def slots(self) -> int:
        """How many items share an element: the most with slot^slots <= p."""
        fitting = 0
        while self.slot ** (fitting + 1) <= self.modulus:
            fitting += 1
        if fitting == 0:
            raise InputError(
                f"the modulus {self.modulus} is too small for the ratings of {self.users} users: "
                f"one item's total may reach {self.slot - 1}; take a larger prime or fewer users"
            )
        return fitting

    def length(self, items: int) -> int:
        """Field elements for this many items."""
        return -(-items // self.slots)

    def pack(self, ratings: npt.NDArray[np.uint8]) -> Elements:
        """Ratings (users, items) as elements (length, users)."""
        users, items = ratings.shape
        out = np.zeros((self.length(items), users), np.uint64)
        for i in range(self.slots):
            column = np.ascontiguousarray(ratings[:, i :: self.slots].T).astype(np.uint64)
            if self.counts:
                column += (column > 0) * np.uint64(self.radix)
            column *= np.uint64(self.slot**i)
            out[: column.shape[0]] += column
        return out

    def unpack(self, totals: Elements, items: int) -> tuple[Ints, Ints]:
        """Totals (length,) as sums and counts (items,); counts are 0 if they are not carried."""
        slot, radix = np.uint64(self.slot), np.uint64(self.radix)
        values = np.empty(totals.size * self.slots, np.uint64)
        rest = totals.copy()
        for i in range(self.slots):
            values[i :: self.slots] = rest % slot
            rest //= slot
        values = values[:items]
        if not self.counts:
            return values.astype(np.int64), np.zeros(items, np.int64)
        return (values % radix).astype(np.int64), (values // radix).astype(np.int64)


@dataclass(frozen=True)
class Parameters:
    """The public parameters of a recommender: sizes, scale, packing, and what follows from them.

    Parameters
    ----------
    users : int
        N, the most rows there may be.
    items : int
        M, all items; the first `dense` columns serve for similarity, the others are scored.
    dense : int
        S.
    modulus : int
        p.
    scale : int
        The length that dense vectors are scaled to before rounding.
    min_dense : int
        How many dense items a user must have rated to ask for a recommendation.

    Examples
    --------
    >>> p = Parameters(users=10_000, items=1_000, dense=20)
    >>> p.scored, p.packed, p.bits, p.outputs
    (980, 490, 19, 491)
    """

    users: int
    items: int
    dense: int = 20
    modulus: int = 2**61 - 1
    scale: int = 255
    min_dense: int = MIN_DENSE
    counts: bool = True

    def __post_init__(self) -> None:
        for name in ("users", "items", "dense", "scale", "min_dense"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise InputError(f"{name} is {value!r}: it must be an integer")
        if self.users < 2:
            raise InputError(f"users is {self.users}: a recommendation takes at least 2 users")
        if self.dense < 1:
            raise InputError(f"dense is {self.dense}: at least 1 item must serve for similarity")
        if self.items <= self.dense:
            raise InputError(
                f"items is {self.items} and dense is {self.dense}: there must be more items than "
                "dense ones, for only the others are recommended"
            )
        if not 1 <= self.min_dense <= self.dense:
            raise InputError(
                f"min_dense is {self.min_dense}: it must lie between 1 and dense = {self.dense}; "
                "give both"
            )
        if self.scale < 1:
            raise InputError(f"scale is {self.scale}: it takes a positive integer, such as 255")
        Field(self.modulus)
        if 2 ** (self.bits - 1) > self.modulus // 2:
            raise InputError(
                f"the modulus {self.modulus} is too small for similarities up to "
                f"{self.largest_similarity}: take a larger prime or a smaller scale than "
                f"{self.scale}"
            )
        _ = self.packing.slots

    @property
    def scored(self) -> int:
        """M - S, the items that are scored."""
        return self.items - self.dense

    @property
    def packing(self) -> Packing:
        """How the scored items' ratings share field elements."""
        return Packing(self.users, self.modulus, self.counts)

    @property
    def packed(self) -> int:
        """Field elements of a row's packed part."""
        return self.packing.length(self.scored)

    @property
    def outputs(self) -> int:
        """Field elements of a result: the packed totals and the number of neighbours."""
        return self.packed + 1

    @property
    def largest_similarity(self) -> int:
        """A bound on |<v, a>| for rounded vectors v, a: each is at most sqrt(S)/2 too long."""
        return math.ceil((self.scale + math.sqrt(self.dense) / 2) ** 2)

    @property
    def bits(self) -> int:
        """k: similarity minus threshold lies within k signed bits, with a unit to spare."""
        return (self.largest_similarity + self.scale**2 + 2).bit_length() + 1

    def integer_threshold(self, threshold: float) -> int:
        """The least integer similarity that reaches a cosine similarity `threshold`."""
        number = isinstance(threshold, (int, float, np.integer, np.floating))
        if not (number and -1 <= threshold <= 1):
            raise InputError(
                f"the threshold is {threshold!r}: it is a cosine similarity between -1 and 1, "
                "for instance 0.3"
            )
        return math.ceil(threshold * self.scale**2)


def check_ratings(ratings: npt.NDArray[np.uint8], items: int) -> npt.NDArray[np.uint8]:
    """A matrix of half stars (users, items), or a sentence about what is wrong with it."""
    matrix = np.asarray(ratings)
    if matrix.ndim != 2 or matrix.shape[1] != items:
        raise InputError(f"ratings have shape {matrix.shape}: it must be (users, {items})")
    if matrix.dtype.kind == "f":
        bad = ~np.isfinite(matrix) | (matrix != np.floor(matrix))
        if bad.any():
            raise InputError(
                f"a rating is {matrix[bad][0]}: ratings are whole numbers of half stars, "
                f"1 to {MAX_RATING}, and 0 where there is none"
            )
    elif matrix.dtype.kind not in "iu":
        raise InputError(f"ratings have dtype {matrix.dtype}: it must be an integer type")
    if matrix.size and not (matrix.min() >= 0 and matrix.max() <= MAX_RATING):
        worst = matrix.max() if matrix.max() > MAX_RATING else matrix.min()
        raise InputError(
            f"a rating is {worst}: ratings are half stars, 1 to {MAX_RATING}, and 0 where there "
            "is none"
        )
    return matrix.astype(np.uint8, copy=False)


def unit_vectors(ratings: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Centred half stars (users, S) as vectors of length 1; users without any rating get 0."""
    vectors = np.where(ratings > 0, ratings - CENTRE, 0.0)
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    out: npt.NDArray[np.float64] = vectors / np.where(length == 0, 1, length)
    return out


def dense_vectors(ratings: npt.NDArray[np.uint8], scale: int) -> Ints:
    """Quantised unit vectors (users, S) from half stars (users, S); users without any get 0.

    >>> dense_vectors(np.array([[8, 5, 0], [0, 0, 0]], np.uint8), 100).tolist()
    [[71, -71, 0], [0, 0, 0]]
    """
    return np.rint(scale * unit_vectors(ratings)).astype(np.int64)


def plaintext(
    parameters: Parameters,
    ratings: npt.NDArray[np.uint8],
    query: npt.NDArray[np.uint8],
    threshold: float,
    exclude: int | None = None,
) -> tuple[Ints, Ints, int]:
    """The same recommendation in the clear: sums, counts (M - S,) and the number of neighbours.

    `query` are the requester's half stars (M,), `exclude` its own row. Integers throughout, no
    packing and no field: what the private result must equal exactly.
    """
    S = parameters.dense
    vectors = dense_vectors(ratings[:, :S], parameters.scale)
    a = dense_vectors(query[None, :S], parameters.scale)[0]
    near = vectors @ a >= parameters.integer_threshold(threshold)
    return _added_up(near, ratings[:, S:], exclude)


def unquantised(
    parameters: Parameters,
    ratings: npt.NDArray[np.uint8],
    query: npt.NDArray[np.uint8],
    threshold: float,
    exclude: int | None = None,
) -> tuple[Ints, Ints, int]:
    """As `plaintext`, but with similarities in floating point: what rounding changes."""
    S = parameters.dense
    near = unit_vectors(ratings[:, :S]) @ unit_vectors(query[None, :S])[0] >= threshold
    return _added_up(near, ratings[:, S:], exclude)


def _added_up(
    near: npt.NDArray[np.bool_], ratings: npt.NDArray[np.uint8], exclude: int | None
) -> tuple[Ints, Ints, int]:
    if exclude is not None:
        near[exclude] = False
    chosen = ratings[near].astype(np.int64)
    return chosen.sum(axis=0), (chosen > 0).sum(axis=0), int(near.sum())
