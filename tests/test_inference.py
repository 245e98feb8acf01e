"""What results tell: the sweeps in the clear, and the same attacks on the private protocol."""

import math

import numpy as np
import pytest

from mpclab import inference
from mpclab.errors import InputError
from mpclab.experiments import load
from mpclab.lab import Lab
from mpclab.recommender import Noise, Parameters, Recommender, plaintext

#: the last user is the victim; its dense ratings are the first four
ROWS = np.array(
    [
        [8, 2, 9, 1, 0, 4, 3],
        [1, 9, 5, 5, 5, 0, 7],
        [2, 9, 1, 9, 9, 9, 0],
        [9, 9, 9, 8, 1, 0, 2],
        [10, 1, 1, 10, 6, 0, 10],
    ],
    np.uint8,
)
VICTIM = 4


@pytest.fixture(scope="module")
def movies():
    return load("movielens", users=150, items=120)


def recommender(rows, *, capacity=12, servers=2, queries=1, **changes):
    """A recommender with these rows; there is room for a few more users."""
    p = Parameters(**{"users": capacity, "items": 7, "dense": 4, "min_dense": 1, **changes})
    made = Recommender(Lab(servers, seed=1), p)
    made.preprocess(rows=len(rows))
    made.upload(rows)
    made.preprocess(queries=queries)
    return made


# -- differencing -------------------------------------------------------------------


@pytest.mark.parametrize("minimum", [0, 3])
@pytest.mark.parametrize("servers", [2, 3])
def test_the_difference_of_two_private_results_is_the_row(servers, minimum):
    """Before and after the victim's upload, everybody a neighbour: its ratings, exactly."""
    made = recommender(ROWS[:VICTIM], servers=servers, min_neighbours=minimum)
    before = made.recommend(ROWS[0], -1)
    made.preprocess(rows=1)
    made.upload(ROWS[VICTIM:], ids=[VICTIM])
    made.preprocess(queries=1)
    after = made.recommend(ROWS[0], -1)
    assert (after.sums - before.sums).tolist() == ROWS[VICTIM, 4:].tolist()
    assert (after.counts - before.counts).tolist() == [1, 0, 1]
    for result, rows in ((before, ROWS[:VICTIM]), (after, ROWS)):
        wanted = plaintext(made.parameters, rows, ROWS[0], -1)
        assert result.sums.tolist() == wanted[0].tolist()
        assert result.neighbours == wanted[2]


def test_with_noise_the_difference_is_not_the_row():
    made = recommender(ROWS[:VICTIM], noise=Noise(1.0, contribution=3))
    before = made.recommend(ROWS[0], -1)
    made.preprocess(rows=1)
    made.upload(ROWS[VICTIM:], ids=[VICTIM])
    made.preprocess(queries=1)
    after = made.recommend(ROWS[0], -1)
    error = (after.sums - before.sums) - ROWS[VICTIM, 4:].astype(int)
    deviation = made.parameters.calibration.sums.deviation
    assert (np.abs(error) > 10).all()
    assert (np.abs(error) < 10 * math.sqrt(2) * deviation).all()


def test_differencing(movies):
    frame = inference.differencing(movies, victims=20, epsilons=[0.1, 100], min_neighbours=[50])
    assert list(frame.columns) == ["defence", "recovered", "without", "victims"]
    assert frame["defence"].tolist() == [
        "none", "at least 50 neighbours", "noise, epsilon 0.1", "noise, epsilon 100",
    ]  # fmt: skip
    assert frame["recovered"].tolist()[:2] == [1, 1]  # the rule is no defence here
    assert (frame["recovered"][2:] - frame["without"][2:]).abs().max() < 0.1
    assert (frame["victims"] == 20).all()
    again = inference.differencing(movies, victims=20, epsilons=[0.1, 100], min_neighbours=[50])
    assert frame.equals(again)


def test_the_likeliest_rating_of_a_difference_by_summation():
    """P(e1 - e2 = d) in closed form, against the sum over all e2."""
    t = 7
    a = math.exp(-1 / t)
    more = 2 * math.exp(-2 / t) / -math.expm1(-2 / t)
    for d in (0, 1, 5, 40):
        direct = sum(a ** (abs(j) + abs(d - j)) for j in range(-600, 600))
        assert a**d * (d + 1 + more) == pytest.approx(direct)


# -- isolation ------------------------------------------------------------------------


def test_isolation_is_what_the_plaintext_gives(movies):
    """Every user, one by one, with the recommendation in the clear."""
    matrix = movies.matrix()
    p = Parameters(150, 120, 20, min_dense=1)
    frame = inference.isolation(
        movies, known=[20, 3], thresholds=[0.5, 0.9], min_neighbours=[0, 1, 2]
    )
    assert len(frame) == 12
    order = np.random.default_rng(0).random((150, 20))
    for k in (20, 3):
        able = [u for u in range(150) if (matrix[u, :20] > 0).sum() >= k]
        for threshold in (0.5, 0.9):
            alone, sizes, read = 0, [], []
            for u in able:
                rated = np.flatnonzero(matrix[u, :20])
                query = np.zeros(120, np.uint8)
                best = rated[np.argsort(order[u, rated])][:k]
                query[best] = matrix[u, best]
                sums, counts, neighbours = plaintext(p, matrix, query, threshold)
                sizes.append(neighbours)
                if neighbours == 1 and (sums == matrix[u, 20:]).all():
                    alone += 1
                    read.append(counts.sum())
            part = frame[(frame["known"] == k) & (frame["threshold"] == threshold)]
            assert part["users"].tolist() == [len(able)] * 3
            assert part["neighbours"].tolist() == [np.median(sizes)] * 3
            assert part["isolated"].tolist() == [alone / len(able), alone / len(able), 0]
            if read:
                assert part["ratings_read"].iloc[0] == pytest.approx(np.mean(read))


@pytest.mark.parametrize("servers", [2, 3])
def test_an_isolated_user_is_read_in_private_too_and_withheld_with_a_minimum(servers):
    known = np.array([10, 1, 0, 0, 0, 0, 0], np.uint8)  # two of the victim's ratings, and...
    query = np.array([10, 1, 1, 10, 0, 0, 0], np.uint8)
    assert plaintext(Parameters(12, 7, 4, min_dense=1), ROWS, known, 0.9)[2] == 0
    open_result = recommender(ROWS, servers=servers).recommend(query, 0.9)
    assert open_result.neighbours == 1
    assert open_result.sums.tolist() == ROWS[VICTIM, 4:].tolist()
    for minimum in (2, 3):
        result = recommender(ROWS, servers=servers, min_neighbours=minimum).recommend(query, 0.9)
        assert result.withheld
        assert not result.sums.any()


# -- Sybils -----------------------------------------------------------------------------


@pytest.mark.parametrize("minimum", [2, 3, 5])
def test_m_minus_one_invented_users_defeat_a_minimum_of_m(minimum):
    query = np.array([10, 1, 1, 10, 0, 0, 0], np.uint8)
    for invented in (minimum - 2, minimum - 1):
        made = recommender(
            np.concatenate([ROWS, np.tile(query, (invented, 1))]), min_neighbours=minimum
        )
        result = made.recommend(query, 0.9)
        if invented < minimum - 1:
            assert result.withheld
        else:
            assert result.neighbours == minimum
            assert result.sums.tolist() == ROWS[VICTIM, 4:].tolist()


def test_sybils(movies):
    frame = inference.sybils(movies, min_neighbours=[0, 1, 2, 5], most=6, known=4)
    alone = inference.isolation(movies, known=[4], thresholds=[0.7], min_neighbours=[0])
    for m, part in frame.groupby("min_neighbours"):
        wanted = [alone["isolated"][0] if s + 1 >= m else 0 for s in range(7)]
        assert part["read"].tolist() == wanted
        assert part["sybils"].tolist() == list(range(7))
    assert alone["isolated"][0] > 0


# -- noise --------------------------------------------------------------------------------


def test_guessing_keeps_to_the_bound_and_gets_better_with_epsilon(movies):
    frame = inference.guessing(movies, epsilons=[0.1, 1, 100], queries=[1, 30], victims=100)
    trials = 200
    slack = 5 * 0.5 / math.sqrt(trials)  # five standard deviations
    assert (frame["told_apart"] <= frame["bound"] + slack).all()
    assert frame["bound"][0] == pytest.approx(math.exp(0.1) / (1 + math.exp(0.1)))
    assert abs(frame["told_apart"][0] - 0.5) < slack + 0.03
    assert frame["told_apart"].iloc[-1] == 1
    assert frame["accuracy"].iloc[-1] > 0.7
    assert abs(frame["accuracy"][0] - frame["without"][0]) < 0.02
    assert frame["total_epsilon"].tolist() == pytest.approx([0.1, 3, 1, 30, 100, 3000])


def test_noise_hurts_less_with_more_users():
    frame = inference.utility([200, 3000], items=80, epsilons=[0.1, 10], tested=10)
    kept = {(u, e): k for u, e, k in frame[["users", "epsilon", "kept"]].values.tolist()}
    for users in (200, 3000):
        assert kept[users, 0.1] <= kept[users, 10] <= kept[users, math.inf] + 0.05
    assert kept[3000, 10] > kept[200, 10]
    assert (frame[frame["epsilon"] == math.inf]["deviation"] == 0).all()
    assert frame["deviation"][0] == pytest.approx(math.sqrt(2) * 3000, rel=1e-3)


def test_without_limits_and_noise_nothing_is_lost():
    frame = inference.utility([200], items=60, epsilons=[], contribution=40, tested=5)
    assert frame["kept"].tolist() == [1]


@pytest.mark.parametrize(
    ("doing", "sentence"),
    [
        (lambda d: inference.differencing(d, victims=0), "victims is 0"),
        (lambda d: inference.differencing(d, dense=120), "dense is 120"),
        (lambda d: inference.isolation(d, dense=0), "dense is 0"),
        (lambda d: inference.sybils(d, dense=120), "dense is 120"),
        (lambda d: inference.guessing(d, epsilons=[0]), "epsilon is 0"),
        (lambda d: inference.guessing(d, dense=500), "dense is 500"),
        (lambda d: inference.differencing(3), "the data are int"),
        (lambda d: inference.isolation(d, dense="x"), "dense is 'x'"),
        (lambda d: inference.isolation(d, known=3), "known is 3: it must be a list"),
        (lambda d: inference.isolation(d, thresholds=[0.3, 2]), "thresholds is 2"),
        (lambda d: inference.sybils(d, most=-1), "most is -1"),
        (lambda d: inference.utility(d), "users is Ratings"),
        (lambda d: inference.utility(None), "users is None"),
    ],
)
def test_what_makes_no_sense_is_told(movies, doing, sentence):
    with pytest.raises(InputError, match=sentence):
        doing(movies)
