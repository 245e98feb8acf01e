"""How ratings become field elements, and the same recommendation computed in the clear.

A user's row has two parts. The *dense* part holds the S items that serve for similarity: ratings
minus 3.25 stars (liked is positive, disliked negative), brought to unit length, times `scale`,
rounded; 0 where the item is not rated. The *packed* part holds the
ratings of the other M - S items, several to a field element: each rating v > 0 contributes
v + radix, so that a sum over neighbours carries the sum of ratings and, above it, their number
(mixed radix). Slots are as wide as the largest possible total over all N users, and as many go
into an element as fit below p: nothing can overflow, whatever honest users hold.

With noise on the result (`noise`) every sum and count has room for it on both sides: slots hold
sum + B and count + B, both at least 0, and a row contributes a user's best k ratings at most.

Ratings are in half stars, 1 .. 10; 0 means not rated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.recommender.noise import MAX_RATING, Calibration, Noise, calibrated

__all__ = [
    "MAX_RATING", "MIN_DENSE", "THRESHOLD", "Packing", "Parameters", "dense_vectors", "limited",
    "plaintext", "released", "unquantised",
]

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
    contribution : int
        How many ratings of a user go in, its best ones; 0: all.
    sum_bound, count_bound : int
        The largest noise on a sum, and on a count.

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
    contribution: int = 0
    sum_bound: int = 0
    count_bound: int = 0

    def __post_init__(self) -> None:
        for name in ("users", "modulus", "max_rating"):  # NumPy's integers would wrap around
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def radix(self) -> int:
        """What one rating adds above the sum: more than N ratings can sum to, noise included."""
        return self.max_rating * self.users + 2 * self.sum_bound + 1

    @property
    def slot(self) -> int:
        """More than one item's total over N users, noise included."""
        counts = self.users + 2 * self.count_bound + 1
        return self.radix * counts if self.counts else self.radix

    @property
    def slots(self) -> int:
        """How many items share an element: the most with slot^slots <= p."""
        fitting = 0
        while self.slot ** (fitting + 1) <= self.modulus:
            fitting += 1
        if fitting == 0:
            raise InputError(
                f"the modulus {self.modulus} is too small for the ratings of {self.users} users: "
                f"one item's total may reach {self.slot - 1}; take a larger prime, fewer users"
                f"{' or less noise' if self.sum_bound else ''}"
            )
        return fitting

    def length(self, items: int) -> int:
        """Field elements for this many items."""
        return -(-items // self.slots)

    def pack(self, ratings: npt.NDArray[np.uint8]) -> Elements:
        """Ratings (users, items) as elements (length, users)."""
        users, items = ratings.shape
        if ratings.size and (worst := int(ratings.max())) > self.max_rating:
            raise InputError(
                f"a rating is {worst}, and the packing is made for 0 to {self.max_rating}: larger "
                "ones would run into their neighbours"
            )
        if self.contribution:
            ratings = limited(ratings, self.contribution)
        out = np.zeros((self.length(items), users), np.uint64)
        for i in range(self.slots):
            column = np.ascontiguousarray(ratings[:, i :: self.slots].T).astype(np.uint64)
            if self.counts:
                column += (column > 0) * np.uint64(self.radix)
            column *= np.uint64(self.slot**i)
            out[: column.shape[0]] += column
        return out

    def pack_noise(self, sums: Ints, counts: Ints) -> Elements:
        """Noise (items,) as elements (length,) to be added to totals: B + e, never below 0."""
        values = (sums + self.sum_bound).astype(np.uint64)
        if self.counts:
            values += np.uint64(self.radix) * (counts + self.count_bound).astype(np.uint64)
        out = np.zeros(self.length(len(values)), np.uint64)
        for i in range(self.slots):
            part = values[i :: self.slots]
            out[: len(part)] += part * np.uint64(self.slot**i)
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
            return values.astype(np.int64) - self.sum_bound, np.zeros(items, np.int64)
        sums, counts = (values % radix).astype(np.int64), (values // radix).astype(np.int64)
        return sums - self.sum_bound, counts - self.count_bound


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
    counts : bool
        Whether counts are released beside the sums.
    min_neighbours : int
        m: with fewer neighbours than that the result is withheld; 0: never.
    noise : Noise or None
        Makes the result differentially private; None: the result is exact.
    validated : bool
        Whether every user proves at upload that its ratings are in range and its dense vector is
        no longer than it may be (see `recommender.validity`). Otherwise a row of any numbers is
        taken, and one user may outweigh all others. Takes a large field.
    max_rating : int
        The largest rating, 1 to 10: 10 half stars unless ratings are on another scale.
    max_entry : int
        With entries 0 .. `max_entry` in dense vectors of any length, as `upload_encoded` and
        `query_encoded` take them: the largest; takes validated=False. 0: vectors of unit length.

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
    min_neighbours: int = 0
    noise: Noise | None = None
    validated: bool = True
    max_rating: int = MAX_RATING
    max_entry: int = 0

    def __post_init__(self) -> None:
        for name in (
            "users", "items", "dense", "scale", "min_dense", "min_neighbours", "max_rating",
            "max_entry",
        ):
            value = getattr(self, name)
            if not is_whole(value):
                raise InputError(f"{name} is {value!r}: it must be an integer")
            object.__setattr__(self, name, int(value))  # NumPy's integers would wrap around
        for name in ("counts", "validated"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise InputError(f"{name} is {getattr(self, name)!r}: it must be True or False")
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
        if not 1 <= self.scale < 2**30:
            raise InputError(
                f"scale is {self.scale:.6g}: it takes a positive integer below 2^30, such as 255"
                if self.scale.bit_length() < 1000
                else f"scale has {self.scale.bit_length()} bits: it takes one below 2^30, like 255"
            )
        if not 0 <= self.min_neighbours <= self.users:
            raise InputError(
                f"min_neighbours is {self.min_neighbours}: it lies between 0 (off) and users = "
                f"{self.users}"
            )
        if self.noise is not None and not isinstance(self.noise, Noise):
            raise InputError(f"noise is {self.noise!r}: it is Noise(epsilon=1.0), or None")
        if not 1 <= self.max_rating <= MAX_RATING:
            raise InputError(
                f"max_rating is {self.max_rating}: it lies between 1 and {MAX_RATING}"
            )
        if self.max_entry < 0 or (self.max_entry and self.validated):
            raise InputError(
                f"max_entry is {self.max_entry}: it takes 0 (vectors of unit length), or a "
                "positive integer together with validated=False, for users prove a length"
            )
        Field(self.modulus)
        if 2 ** (self.bits - 1) > self.modulus // 2:
            raise InputError(
                f"the modulus {self.modulus} is too small for similarities up to "
                f"{self.largest_similarity}: take a larger prime or a smaller scale than "
                f"{self.scale}"
            )
        _ = self.packing.slots
        if 2 ** (self.count_bits - 1) > self.modulus // 2:
            raise InputError(
                f"the modulus {self.modulus} is too small for the number of neighbours of "
                f"{self.users} users{' and its noise' if self.noise else ''}: take a larger prime"
            )

    @property
    def scored(self) -> int:
        """M - S, the items that are scored."""
        return self.items - self.dense

    @property
    def packing(self) -> Packing:
        """How the scored items' ratings share field elements."""
        if (noise := self.calibration) is None or self.noise is None:
            return Packing(self.users, self.modulus, self.counts, self.max_rating)
        return Packing(
            self.users,
            self.modulus,
            self.counts,
            self.max_rating,
            contribution=int(self.noise.contribution),
            sum_bound=noise.sums.bound,
            count_bound=noise.counts.bound if noise.counts else 0,
        )

    @property
    def calibration(self) -> Calibration | None:
        """The noise on a result, if there is any."""
        return None if self.noise is None else calibrated(self.noise, self.scored, self.counts)

    @property
    def neighbours_bound(self) -> int:
        """The largest noise on the number of neighbours; servers open it with that added."""
        return 0 if (noise := self.calibration) is None else noise.neighbours.bound

    @property
    def count_bits(self) -> int:
        """Number of neighbours minus `min_neighbours` fits into these signed bits, and to spare."""
        return (self.users + self.neighbours_bound + 2).bit_length() + 1

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
        if self.max_entry:
            return self.dense * self.max_entry**2
        return math.ceil((self.scale + math.sqrt(self.dense) / 2) ** 2)

    @property
    def bits(self) -> int:
        """k: similarity minus threshold lies within k signed bits, with a unit to spare."""
        if self.max_entry:  # similarities and thresholds both lie between 0 and the largest
            return (self.largest_similarity + 2).bit_length() + 1
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
    packing and no field: what the private result must equal exactly. With noise this is what the
    noise is added to, each row limited to its contribution; see `released`.
    """
    S = parameters.dense
    if parameters.noise is not None:
        ratings = np.hstack(
            [ratings[:, :S], limited(ratings[:, S:], parameters.noise.contribution)]
        )
    vectors = dense_vectors(ratings[:, :S], parameters.scale)
    a = dense_vectors(query[None, :S], parameters.scale)[0]
    near = vectors @ a >= parameters.integer_threshold(threshold)
    exact = _added_up(near, ratings[:, S:], exclude)
    return released(parameters, exact) if parameters.noise is None else exact


def released(
    parameters: Parameters,
    exact: tuple[Ints, Ints, int],
    noise: tuple[Ints, Ints, int] | None = None,
) -> tuple[Ints, Ints, int]:
    """What the requester gets of sums, counts and L: with noise added, and the rule applied.

    `noise` is that of `mpclab.recommender.noise.draw`. The rule looks at the noisy L, so that it
    tells no more than that. A withheld result is all zeros.

    >>> p = Parameters(users=9, items=4, dense=2, min_dense=1, min_neighbours=3)
    >>> released(p, (np.array([9, 4]), np.array([2, 1]), 2))
    (array([0, 0]), array([0, 0]), 0)
    """
    sums, counts, neighbours = exact
    if noise is not None:
        sums, counts, neighbours = sums + noise[0], counts + noise[1], neighbours + noise[2]
    if parameters.min_neighbours and neighbours < parameters.min_neighbours:
        return np.zeros_like(sums), np.zeros_like(counts), 0
    return sums, counts, neighbours


def limited(ratings: npt.NDArray[np.uint8], contribution: int) -> npt.NDArray[np.uint8]:
    """Ratings (users, items) with every user's best `contribution` ones only; ties: the first.

    >>> limited(np.array([[3, 9, 0, 9, 10], [0, 0, 5, 0, 0]], np.uint8), 2).tolist()
    [[0, 9, 0, 0, 10], [0, 0, 5, 0, 0]]
    """
    if contribution >= ratings.shape[1]:
        return ratings
    out = ratings.copy()
    worse = np.argsort(-ratings.astype(np.int8), axis=1, kind="stable")[:, contribution:]
    np.put_along_axis(out, worse, 0, axis=1)
    return out


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
