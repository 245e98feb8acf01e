"""The noise: what it promises, how it is drawn, and that packed numbers have room for it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import chisquare

from mpclab.errors import InputError
from mpclab.randomness import Stream
from mpclab.recommender import Noise, Packing, Parameters, plaintext, released
from mpclab.recommender.encoding import limited
from mpclab.recommender.noise import Laplace, _happens, calibrated, discrete_laplace, draw
from tests.cheating import FALSE_ALARM, rate_is

COUNT = 200_000


def stream(number):
    return Stream(bytes([number]) * 32)


# -- drawing ------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 2, 5, 30])
def test_discrete_laplace_has_its_distribution(scale):
    """Chi-square against (1 - a)/(1 + a) a^|x|, a false-alarm rate of 1e-6."""
    a = math.exp(-1 / scale)
    x = discrete_laplace(scale, COUNT, stream(scale))
    end = next(k for k in range(10_000) if COUNT * a ** (k + 1) / (1 + a) < 10)
    middle = [(1 - a) / (1 + a) * a ** abs(k) for k in range(-end, end + 1)]
    cells = [a ** (end + 1) / (1 + a), *middle, a ** (end + 1) / (1 + a)]
    assert sum(cells) == pytest.approx(1, abs=1e-12)
    found = np.bincount(np.clip(x, -end - 1, end + 1) + end + 1, minlength=2 * end + 3)
    assert chisquare(found, COUNT * np.array(cells)).pvalue > FALSE_ALARM


def test_the_test_of_the_distribution_has_power():
    """A rounded continuous Laplace variable, which is nearly the same, is found out."""
    a = math.exp(-1 / 2)
    x = np.rint(np.random.default_rng(1).laplace(0, 2, COUNT)).astype(int)
    found = np.bincount(np.clip(x, -10, 10) + 10, minlength=21)
    cells = np.array([(1 - a) / (1 + a) * a ** abs(k) for k in range(-10, 11)])
    cells[[0, -1]] = a**10 / (1 + a)
    assert chisquare(found, COUNT * cells).pvalue < FALSE_ALARM


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 3), (1, 1), (1, 7), (299, 300)])
def test_bernoulli_trials_of_an_exponential(numerator, denominator):
    hits = _happens(np.full(COUNT, numerator, np.uint64), denominator, stream(7))
    assert rate_is(hits.sum(), COUNT, math.exp(-Fraction(numerator, denominator)))


def test_a_large_scale_and_moments():
    scale = 2**40
    x = discrete_laplace(scale, COUNT, stream(9)) / scale
    assert abs(x.mean()) < 5 * math.sqrt(2 / COUNT)
    assert np.abs(x).mean() == pytest.approx(1, abs=5 / math.sqrt(COUNT))
    assert Laplace(scale, 1).deviation == pytest.approx(math.sqrt(2) * scale)


def test_noise_depends_on_the_seed_alone_and_differs_between_numbers():
    c = calibrated(Noise(1), 500)
    (s1, c1, l1), (s2, c2, l2) = draw(c, 500, stream(1)), draw(c, 500, stream(1))
    assert (s1 == s2).all()
    assert (c1 == c2).all()
    assert l1 == l2
    assert len(set(s1.tolist())) > 300
    assert abs(np.corrcoef(s1, c1)[0, 1]) < 5 / math.sqrt(500)
    assert (draw(c, 500, stream(2))[0] != s1).mean() > 0.9


# -- what is promised ---------------------------------------------------------------


def test_scales_by_hand():
    """epsilon 1, ten ratings: a third for each kind; 300 half stars, 30, 3."""
    c = calibrated(Noise(1.0, contribution=10), 980)
    assert (c.sums.scale, c.counts.scale, c.neighbours.scale) == (300, 30, 3)
    assert c.epsilon == pytest.approx(1)
    without = calibrated(Noise(1.0, contribution=10), 980, counts=False)
    assert (without.sums.scale, without.counts, without.neighbours.scale) == (200, None, 2)
    few = calibrated(Noise(1.0, contribution=10), 4)  # nobody can contribute more than 4
    assert (few.sums.scale, few.counts.scale) == (120, 12)


@given(
    epsilon=st.floats(0.001, 100),
    k=st.integers(1, 500),
    delta=st.floats(1e-15, 0.1),
    scored=st.integers(1, 2000),
    counts=st.booleans(),
)
def test_never_more_is_spent_than_asked_for(epsilon, k, delta, scored, counts):
    c = calibrated(Noise(epsilon, k, delta), scored, counts)
    k = min(k, scored)
    spent = Fraction(10 * k, c.sums.scale) + Fraction(1, c.neighbours.scale)
    tails = scored * c.sums.tail + c.neighbours.tail
    if counts:
        spent += Fraction(k, c.counts.scale)
        tails += scored * c.counts.tail
    assert spent <= Fraction(epsilon) * (1 + Fraction(1, 10**12))
    assert c.epsilon == pytest.approx(float(spent))
    assert c.delta == pytest.approx((1 + math.exp(epsilon)) * tails)
    assert c.delta <= delta * (1 + 1e-9)


@pytest.mark.parametrize(("scale", "bound", "shift"), [(3, 40, 1), (10, 60, 10), (30, 100, 10)])
def test_clipped_noise_is_epsilon_delta_private(scale, bound, shift):
    """The exact divergence of two clipped distributions that are `shift` apart, by summation."""
    noise, epsilon = Laplace(scale, bound), shift / scale
    inner = {x: float(noise.mass(x)) for x in range(-bound, bound + 1)}
    for end in (-bound, bound):
        inner[end] += noise.tail / 2
    assert sum(inner.values()) == pytest.approx(1)
    points = range(-bound - shift, bound + shift + 1)
    for sign in (1, -1):
        excess = sum(
            max(inner.get(x, 0) - math.exp(epsilon) * inner.get(x - sign * shift, 0), 0)
            for x in points
        )
        assert excess <= (1 + math.exp(epsilon)) * noise.tail
        assert excess > 0  # clipping does cost something


def test_one_user_changes_the_result_by_no_more_than_the_sensitivity():
    rng = np.random.default_rng(3)
    ratings = (rng.integers(1, 11, (30, 40)) * (rng.random((30, 40)) < 0.7)).astype(np.uint8)
    p = Parameters(30, 40, 5, min_dense=1, noise=Noise(1.0, contribution=6))
    for victim in range(1, 30):
        (s1, c1, l1), (s2, c2, l2) = (
            plaintext(p, rows, ratings[0], -1) for rows in (ratings, np.delete(ratings, victim, 0))
        )
        assert np.abs(s1 - s2).sum() <= 60
        assert np.abs(c1 - c2).sum() == 6
        assert l1 - l2 == 1


# -- room in the packing --------------------------------------------------------------


@settings(max_examples=60)
@given(
    users=st.integers(2, 9), items=st.integers(1, 7), counts=st.booleans(),
    k=st.integers(1, 8), seed=st.integers(0, 2**32 - 1), end=st.sampled_from([-1, 0, 1]),
)  # fmt: skip
def test_packed_sums_with_noise_are_exact(users, items, counts, k, seed, end):
    """Also at both ends of the noise, for empty and for full rows."""
    p = Parameters(users, items + 1, 1, min_dense=1, counts=counts, noise=Noise(5.0, k))
    packing, rng = p.packing, np.random.default_rng(seed)
    ratings = rng.choice([0, 1, 10], (users, items)).astype(np.uint8)
    sums, number, _ = draw(p.calibration, items, stream(seed % 256))
    if end:
        sums = np.full(items, end * packing.sum_bound)
        number = np.full(items, end * packing.count_bound)
    total = packing.pack(ratings).sum(axis=1, dtype=np.uint64) + packing.pack_noise(sums, number)
    assert int(total.max()) < p.modulus
    found = packing.unpack(total, items)
    kept = limited(ratings, k).astype(np.int64)
    assert found[0].tolist() == (kept.sum(axis=0) + sums).tolist()
    assert found[1].tolist() == ((kept > 0).sum(axis=0) + number if counts else 0 * sums).tolist()


def test_packing_without_noise_is_as_it_was():
    assert Parameters(10_000, 1_000).packing == Packing(10_000, 2**61 - 1)
    assert (Packing(10_000, 2**61 - 1).radix, Packing(10_000, 2**61 - 1).slot) == (
        100_001, 100_001 * 10_001,
    )


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_limited_keeps_the_best(k, seed):
    ratings = np.random.default_rng(seed).integers(0, 11, (4, 7)).astype(np.uint8)
    kept = limited(ratings, k)
    for row, mine in zip(ratings.tolist(), kept.tolist(), strict=True):
        best = sorted(range(7), key=lambda i: (-row[i], i))[:k]
        assert mine == [row[i] if i in best else 0 for i in range(7)]


def test_released():
    p = Parameters(9, 4, 2, min_dense=1, min_neighbours=3)
    exact = np.array([9, 4]), np.array([2, 1]), 3
    assert released(p, exact)[2] == 3
    assert released(p, exact, (np.array([0, 0]), np.array([0, 0]), -1))[0].tolist() == [0, 0]
    negative = released(Parameters(9, 4, 2, min_dense=1), exact, (*exact[:2], -9))
    assert negative[2] == -6
    assert negative[0].tolist() == [18, 8]


# -- sentences ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doing", "sentence"),
    [
        (lambda: Noise(0), "epsilon is 0"),
        (lambda: Noise(math.nan), "epsilon is nan"),
        (lambda: Noise(101), "epsilon is 101"),
        (lambda: Noise("1"), "epsilon is '1'"),
        (lambda: Noise(1, 0), "contribution is 0"),
        (lambda: Noise(1, 2.5), "contribution is 2.5"),
        (lambda: Noise(1, 5, 0), "delta is 0"),
        (lambda: Noise(1, 5, 1.0), "delta is 1.0"),
        (lambda: calibrated(Noise(1e-15), 10), "too large for the field"),
        (lambda: discrete_laplace(0, 1, stream(1)), "the scale is 0"),
        (lambda: Parameters(9, 4, 2, min_dense=1, min_neighbours=10), "min_neighbours is 10"),
        (lambda: Parameters(9, 4, 2, min_dense=1, min_neighbours=-1), "min_neighbours is -1"),
        (lambda: Parameters(9, 4, 2, min_dense=1, min_neighbours=1.0), "must be an integer"),
        (lambda: Parameters(9, 4, 2, min_dense=1, noise=1.0), "noise is 1.0"),
        (lambda: Parameters(9, 4, 2, min_dense=1, noise=Noise(1e-9)), "less noise"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(doing, sentence):
    with pytest.raises(InputError, match=sentence):
        doing()


def test_no_more_is_spent_than_was_asked_for():
    for tenths in range(1, 200):
        for contribution in (1, 3, 10):
            noise = Noise(tenths / 10, contribution)
            made = calibrated(noise, 980, True)
            spent = sum(
                Fraction(sensitivity, scale.scale)
                for sensitivity, scale in (
                    (10 * contribution, made.sums), (contribution, made.counts),
                    (1, made.neighbours),
                )
            )
            assert spent <= Fraction(tenths / 10)
    with pytest.raises(InputError, match="from 1e-100"):
        Noise(1.0, delta=5e-324)
