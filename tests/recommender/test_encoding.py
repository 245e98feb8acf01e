"""Ratings to field elements and back: nothing overflows; what is wrong is said in a sentence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.recommender import Packing, Parameters, Recommender, plaintext
from mpclab.recommender.encoding import check_ratings, dense_vectors
from tests.cheating import by_hand

MODULI = [10007, 2**31 - 1, 2**61 - 1]


@settings(max_examples=40)
@given(
    users=st.integers(2, 60),
    items=st.integers(1, 9),
    counts=st.booleans(),
    modulus=st.sampled_from(MODULI[1:]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_sum_of_packed_rows_is_the_packing_of_the_sums(users, items, counts, modulus, seed):
    ratings = np.random.default_rng(seed).integers(0, 11, (users, items)).astype(np.uint8)
    packing = Packing(users, modulus, counts)
    packed = packing.pack(ratings)
    assert packed.shape == (packing.length(items), users)
    assert packed.max() < modulus
    totals = Field(modulus).sum(packed, axis=1)
    sums, numbers = packing.unpack(totals, items)
    assert sums.tolist() == ratings.sum(axis=0, dtype=int).tolist()
    assert numbers.tolist() == ((ratings > 0).sum(axis=0) * counts).tolist()


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("modulus", MODULI)
@pytest.mark.parametrize("users", [2, 3, 22, 23])
def test_slots_hold_the_largest_totals_and_no_more_would_fit(users, modulus, counts):
    """Everybody rates everything 10: no slot runs over into the next, nor the last over p."""
    packing = Packing(users, modulus, counts)
    assert packing.slot**packing.slots <= modulus < packing.slot ** (packing.slots + 1)
    items = 2 * packing.slots + 1
    everything = packing.pack(np.full((users, items), 10, np.uint8))
    exact = [sum(int(v) for v in row) for row in everything]
    assert max(exact) < modulus
    sums, numbers = packing.unpack(np.array(exact, np.uint64), items)
    assert set(sums.tolist()) == {10 * users}
    assert set(numbers.tolist()) == {users * counts}


def test_packing_one_user_at_the_end_of_a_slot_only():
    packing = Packing(5, 2**61 - 1)
    for i in range(packing.slots):
        ratings = np.zeros((1, packing.slots), np.uint8)
        ratings[0, i] = 10
        sums, counts = packing.unpack(packing.pack(ratings)[:, 0], packing.slots)
        assert sums.tolist() == (10 * (np.arange(packing.slots) == i)).tolist()
        assert counts.sum() == 1


def test_packing_of_the_defaults():
    assert Packing(10_000, 2**61 - 1).slots == 2
    assert Packing(10_000, 2**61 - 1, counts=False, max_rating=5).slots == 3


@settings(max_examples=60)
@given(
    dense=st.integers(1, 30), scale=st.sampled_from([1, 2, 7, 255]), seed=st.integers(0, 2**32 - 1)
)
def test_similarities_stay_within_their_bounds(dense, scale, seed):
    """|<v, a>| <= largest_similarity, and it less any threshold fits into k bits and to spare."""
    rng = np.random.default_rng(seed)
    vectors = dense_vectors(rng.integers(0, 11, (50, dense)).astype(np.uint8), scale)
    p = Parameters(users=50, items=dense + 1, dense=dense, scale=scale, min_dense=1)
    similarities = vectors @ vectors.T
    assert abs(similarities).max() <= p.largest_similarity
    for threshold in (-1, 1):
        least = p.integer_threshold(threshold)
        assert abs(similarities - least).max() < 2 ** (p.bits - 1) - 1
    assert 2 * p.largest_similarity < p.modulus


def test_dense_vectors_are_those_of_the_books():
    ratings = np.array([[8, 5, 0], [10, 10, 10], [0, 0, 0], [1, 0, 0]], np.uint8)
    for row, found in zip(ratings, dense_vectors(ratings, 255), strict=True):
        centred = [int(x) - 6.5 if x else 0.0 for x in row]
        length = math.sqrt(sum(x * x for x in centred)) or 1.0
        assert found.tolist() == [round(255 * (x / length)) for x in centred]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(-1, 1))
def test_plaintext_is_the_same_as_by_hand(seed, threshold):
    rng = np.random.default_rng(seed)
    ratings = rng.integers(0, 11, (8, 7)).astype(np.uint8)
    own = int(rng.integers(8))
    p = Parameters(users=8, items=7, dense=3, min_dense=1)
    sums, counts, neighbours = plaintext(p, ratings, ratings[own], threshold, exclude=own)
    wanted = by_hand(ratings, ratings[own], threshold, own=own, dense=3)
    assert (sums.tolist(), counts.tolist(), neighbours) == wanted


# -- sentences ----------------------------------------------------------------------


def parameters(**changes):
    return Parameters(**{"users": 10, "items": 9, "dense": 4, "min_dense": 2, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"users": 1}, "users is 1"),
        ({"users": 0}, "users is 0"),
        ({"users": -5}, "users is -5"),
        ({"dense": 0}, "dense is 0"),
        ({"items": 4}, "items is 4 and dense is 4"),
        ({"items": 3}, "there must be more items"),
        ({"min_dense": 0}, "min_dense is 0"),
        ({"min_dense": 5}, "min_dense is 5"),
        ({"scale": 0}, "scale is 0"),
        ({"scale": -255}, "scale is -255"),
        ({"modulus": 101}, "modulus 101 is too small for similarities"),
        ({"modulus": 101, "scale": 2}, "modulus 101 is too small for the ratings of 10 users"),
        ({"modulus": 2**61}, "out of range"),
        ({"modulus": 91}, "not prime"),
        ({"users": 2**40}, "too small for the ratings"),
    ],
)
def test_parameters_that_make_no_sense(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        parameters(**changes)


@pytest.mark.parametrize("name", ["users", "items", "dense", "min_dense", "scale"])
def test_parameters_that_are_no_integers(name):
    with pytest.raises(InputError, match=name):
        parameters(**{name: 3.5 if name != "items" else 9.5})


@pytest.mark.parametrize(("modulus", "scale"), [(101, 6), (4099, 10), (65537, 100)])
def test_a_field_that_is_too_small_to_compare_in(modulus, scale):
    """Before any mask is made."""
    p = {"users": 2, "items": 3, "dense": 2, "modulus": modulus, "scale": scale}
    with pytest.raises(InputError, match=str(modulus)):
        Recommender(Lab(2, modulus=modulus), Parameters(**p, min_dense=1))


@pytest.mark.parametrize("threshold", [1.01, -1.01, float("nan"), float("inf"), "0.5", None, 1j])
def test_thresholds_that_make_no_sense(threshold):
    with pytest.raises(InputError, match="between -1 and 1"):
        parameters().integer_threshold(threshold)


def test_thresholds_at_their_ends():
    p = parameters()
    assert p.integer_threshold(1) == 255**2
    assert p.integer_threshold(-1) == -(255**2)
    assert p.integer_threshold(0.0) == 0
    assert p.integer_threshold(1e-9) == 1


@pytest.mark.parametrize(
    ("ratings", "sentence"),
    [
        (np.zeros((2, 8), np.uint8), r"shape \(2, 8\)"),
        (np.zeros(9, np.uint8), r"shape \(9,\)"),
        (np.zeros((1, 2, 9), np.uint8), r"shape \(1, 2, 9\)"),
        (np.full((2, 9), 11), "a rating is 11"),
        (np.full((2, 9), -1), "a rating is -1"),
        (np.full((2, 9), 255, np.uint8), "a rating is 255"),
        (np.full((2, 9), 2.5), "a rating is 2.5"),
        (np.full((2, 9), np.nan), "a rating is nan"),
        (np.full((2, 9), np.inf), "a rating is inf"),
        (np.full((2, 9), 1e300), "a rating is 1e"),
        (np.full((2, 9), "x"), "dtype"),
        (np.full((2, 9), True), "dtype bool"),
        (np.full((2, 9), None), "dtype object"),
    ],
)
def test_ratings_that_make_no_sense(ratings, sentence):
    with pytest.raises(InputError, match=sentence):
        check_ratings(ratings, 9)


def test_ratings_that_are_fine():
    assert check_ratings([[0, 10, 5]], 3).dtype == np.uint8
    assert check_ratings(np.array([[0.0, 10.0, 5.0]]), 3).tolist() == [[0, 10, 5]]
    assert check_ratings(np.zeros((0, 3), np.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(
    "changes",
    [{"users": np.int64(100)}, {"users": np.int32(100)}, {"scale": np.int64(255)},
     {"scale": np.uint8(255)}, {"items": np.int16(60)}, {"min_neighbours": np.uint8(0)}],
)
def test_numbers_of_numpy_are_numbers(changes):
    """Of a fixed width, they would wrap around in bounds, and loops would not end."""
    sizes = {"users": 100, "items": 60, "dense": 20, "scale": 255}
    p, same = Parameters(**{**sizes, **changes}), Parameters(**sizes)
    assert p == same
    assert (p.bits, p.packing.slots) == (same.bits, same.packing.slots)
    assert Packing(np.int32(100), 2**61 - 1).slots == Packing(100, 2**61 - 1).slots


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"scale": 10**400}, "scale has 1329 bits"), ({"scale": 2**30}, "below 2\\^30"),
     ({"validated": "no"}, "validated is 'no'"), ({"counts": 1}, "counts is 1")],
)
def test_other_nonsense_has_a_sentence(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Parameters(**{"users": 100, "items": 60, "dense": 20, **changes})
