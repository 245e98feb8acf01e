"""SecretArray against NumPy, and against exact fractions where numbers are fixed-point.

Every operator and every function of NumPy's that secrets take is here, in every order of secret
and public operands; `test_nothing_is_forgotten` compares with the tables in the source.
"""

import copy
import gc
import math
import operator as op
import pickle
import re
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab import Abort, InputError, Lab, SecretArray
from mpclab.party import Settings
from mpclab.secret import SecretError, encode
from mpclab.secret.functions import FUNCTIONS, UFUNCS
from mpclab.sharing import reconstruct

BITS, F = 40, 16
LOW, HIGH = -(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1
ONE = 2**F
few = settings(max_examples=6, derandomize=True, database=None, deadline=None)


@cache
def _lab(n):
    return Lab(servers=n, seed=n, network="ideal", contents=False)


def lab(n=2):
    """A lab that lives long; a new one after a test that ended it."""
    if _lab(n).state != "ready":
        _lab.cache_clear()
    return _lab(n)


def secret(raw, n=2, fraction=0):
    """A secret of these raw integers, without the messages of an upload."""
    handle = lab(n).god.secret(np.asarray(raw, np.int64))
    handle.fraction = fraction
    return handle


def exact(raw, fraction=0):
    """The same numbers as an array of fractions."""
    out = np.empty(np.shape(raw), object)
    out[...] = np.vectorize(lambda v: Fraction(int(v), 2**fraction), otypes=[object])(raw) \
        if np.size(raw) else 0
    return out


def ties_up(q, fraction=F):
    """To the nearest multiple of 2^-fraction, ties up."""
    return Fraction(math.floor(q * 2**fraction + Fraction(1, 2)), 2**fraction)


def each(function, array):
    """A function of every entry, also of none."""
    array = np.asarray(array, object)
    out = np.empty(array.shape, object)
    for i in np.ndindex(array.shape):
        out[i] = function(array[i])
    return out


def agrees(got, wanted, dtype):
    """The secret is what was wanted, entry for entry, and of the right type and shape."""
    assert isinstance(got, SecretArray)
    wanted = np.asarray(wanted, object)
    assert got.shape == wanted.shape
    found = got.reveal()
    assert np.shape(found) == wanted.shape
    assert isinstance(found, np.ndarray) == bool(wanted.shape)
    assert found.dtype == dtype
    assert got.fraction == (0 if dtype == np.int64 else F)
    entries = [Fraction(v) for v in wanted.reshape(-1)]
    assert [Fraction(v.item()) for v in np.ravel(found)] == entries


def integers(most):
    edges = sorted({0, 1, -1, 2, most, -most, most - 1})
    return st.one_of(st.sampled_from(edges), st.integers(-most, most))


PAIRS = [
    ((), ()), ((1,), (1,)), ((3,), (3,)), ((3,), ()), ((), (2,)), ((1,), (3,)), ((2, 1), (1, 3)),
    ((2, 3), (3,)), ((2, 1, 2), (3, 1)),
]
EMPTY = [((0,), (0,)), ((0,), (1,)), ((2, 0), (1,)), ((0,), ())]


@st.composite
def pairs(draw, left, right, shapes=PAIRS):
    a, b = draw(st.sampled_from(shapes))
    fill = [
        np.array(
            draw(st.lists(values, min_size=math.prod(s), max_size=math.prod(s))), np.int64
        ).reshape(s)
        for s, values in ((a, left), (b, right))
    ]
    return draw(st.sampled_from([2, 3])), *fill


def three_ways(function, n, a, b, a_fraction=0, b_fraction=0):
    """The function of two secrets, of secret and public, and of public and secret."""
    x, y = secret(a, n, a_fraction), secret(b, n, b_fraction)
    left = a / 2.0**a_fraction if a_fraction else a
    right = b / 2.0**b_fraction if b_fraction else b
    return [function(x, y), function(x, right), function(left, y)]


#: ufunc -> Python's operator, for operators of two integers; the largest |left| and |right|
LINEAR = {
    "add": (op.add, 2**38, 2**38),
    "subtract": (op.sub, 2**38, 2**38),
    "multiply": (op.mul, HIGH, 2**20),
}
COMPARE = {
    "less": op.lt, "less_equal": op.le, "greater": op.gt, "greater_equal": op.ge,
    "equal": op.eq, "not_equal": op.ne,
}
EXTREME = {"maximum": max, "minimum": min}
BITWISE = {"logical_and": op.and_, "logical_or": op.or_}
DIVIDE = {"divide": op.truediv, "floor_divide": op.floordiv, "remainder": op.mod}
UNARY = {
    "negative": op.neg, "positive": op.pos, "absolute": abs, "square": lambda x: x * x,
    "logical_not": None,
}
ELSEWHERE = {
    "matmul", "power", "divmod", "bitwise_and", "bitwise_or", "bitwise_xor", "invert",
}


def test_nothing_is_forgotten():
    tested = {*LINEAR, *COMPARE, *EXTREME, *BITWISE, *DIVIDE, *UNARY, *ELSEWHERE}
    assert tested == set(UFUNCS)
    assert {*ALONG_AXES, *OTHER_FUNCTIONS} == set(FUNCTIONS)
    assert all(isinstance(getattr(np, name), np.ufunc) for name in UFUNCS)
    assert all(callable(getattr(np, name)) for name in FUNCTIONS)


# -- integers -----------------------------------------------------------------------


@pytest.mark.parametrize("name", LINEAR)
@few
@given(data=st.data())
def test_sums_differences_and_products_of_integers(name, data):
    operator, left, right = LINEAR[name]
    n, a, b = data.draw(pairs(integers(left), integers(right), PAIRS + EMPTY))
    wanted = operator(a.astype(object), b.astype(object))
    for function in (operator, getattr(np, name)):
        for got in three_ways(function, n, a, b):
            agrees(got, wanted, np.int64)


@pytest.mark.parametrize("name", COMPARE)
@few
@given(data=st.data())
def test_comparisons_of_integers_up_to_the_extremes(name, data):
    values = st.one_of(integers(3), integers(HIGH), st.just(LOW))
    n, a, b = data.draw(pairs(values, values))
    wanted = COMPARE[name](a, b).astype(int)
    for function in (COMPARE[name], getattr(np, name)):
        for got in three_ways(function, n, a, b):
            agrees(got, wanted, np.int64)


@pytest.mark.parametrize("name", EXTREME)
@few
@given(data=st.data())
def test_maximum_and_minimum_of_two(name, data):
    values = st.one_of(integers(3), integers(HIGH), st.just(LOW))
    n, a, b = data.draw(pairs(values, values))
    for got in three_ways(getattr(np, name), n, a, b):
        agrees(got, getattr(np, name)(a, b), np.int64)


@pytest.mark.parametrize("n", [2, 3])
def test_operators_on_bits(n):
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    for name, function in BITWISE.items():
        for got in three_ways(getattr(np, name), n, a, b):
            agrees(got, getattr(np, name)(a, b).astype(int), np.int64)
        x, y = secret(a, n), secret(b, n)
        for got in (function(x, y), function(x, b), function(a.tolist(), y)):
            agrees(got, function(a, b), np.int64)
        agrees(function(1, secret(b, n)), function(1, b), np.int64)
    for got in (secret(a, n) ^ secret(b, n), secret(a, n) ^ b, a.tolist() ^ secret(b, n)):
        agrees(got, a ^ b, np.int64)
    agrees(~secret(a, n), 1 - a, np.int64)
    agrees(np.logical_not(secret(a, n)), 1 - a, np.int64)


def test_bits_of_a_public_array_may_stand_on_the_left():
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    for function in (op.and_, op.or_, op.xor):
        agrees(function(a, secret(b)), function(a, b), np.int64)


@few
@given(n=st.sampled_from([2, 3]), values=st.lists(integers(HIGH), min_size=1, max_size=3))
def test_operators_of_one_integer(n, values):
    for raw in (np.array(values), np.array(values[0])):
        x, wanted = secret(raw, n), raw.astype(object)
        for name in ("negative", "positive", "absolute"):
            agrees(getattr(np, name)(x), each(UNARY[name], wanted), np.int64)
            agrees(UNARY[name](x), each(UNARY[name], wanted), np.int64)
        small = np.clip(raw, -(2**19), 2**19)
        agrees(np.square(secret(small, n)), small**2, np.int64)


@pytest.mark.parametrize("n", [2, 3])
def test_powers(n):
    a = np.array([-7, -1, 0, 1, 2, 9])
    for exponent in (1, 2, 3, 4, 5, 7, 8):
        agrees(secret(a, n) ** exponent, a**exponent, np.int64)
    agrees(np.power(secret(a, n), np.int64(3)), a**3, np.int64)


DIVISORS = [1, -1, 2, -2, 3, 7, -10, 2**20, 2**39 - 1, -(2**39) + 1]


@few
@given(
    n=st.sampled_from([2, 3]), values=st.lists(integers(HIGH), min_size=1, max_size=3),
    divisor=st.sampled_from(DIVISORS),
)
def test_division_of_integers(n, values, divisor):
    x, a = secret(values, n), exact(np.array(values))
    for function in (op.floordiv, np.floor_divide):
        agrees(function(x, divisor), each(lambda v: v // divisor, a), np.int64)
    for function in (op.mod, np.remainder):
        agrees(function(x, divisor), each(lambda v: v % divisor, a), np.int64)
    if all(abs(v / divisor) < 2**37 for v in a):  # beyond 53 bits float64 cannot show the result
        for function in (op.truediv, np.divide):
            agrees(function(x, divisor), each(lambda v: ties_up(v / divisor), a), np.float64)


def test_division_by_the_least_number():
    agrees(secret([LOW, 1]) / LOW, [1, 0], np.float64)


def test_division_rounds_ties_up_on_both_sides_of_zero():
    x = secret([2**15 * 1 + 0, 1, -1, 3, -3, LOW, HIGH])
    for divisor in (2**17, -(2**17)):  # an odd number over 2^17 is a tie
        wanted = each(lambda v, d=divisor: ties_up(Fraction(v) / d),
                      np.array([2**15, 1, -1, 3, -3, LOW, HIGH], object))
        agrees(x / divisor, wanted, np.float64)


@pytest.mark.parametrize("divisor", [2.5, -0.75, 2**-16])
def test_integers_by_a_fraction_rounded_down(divisor):
    values = np.array([0, 7, -7, 1000, HIGH >> 17])
    d = Fraction(divisor)
    agrees(secret(values) // divisor, each(lambda v: v // d, exact(values)), np.int64)
    agrees(secret(values) % divisor, each(lambda v: v % d, exact(values)), np.float64)


def test_integers_by_a_fraction():
    agrees(secret([7, -7]) / 2.5, [ties_up(Fraction(14, 5)), ties_up(-Fraction(14, 5))], np.float64)


# -- fixed-point numbers ------------------------------------------------------------------

FIXED = st.one_of(
    st.sampled_from([0, 1, -1, ONE, -ONE, ONE // 2, -ONE // 2, 3 * ONE // 2]),
    st.integers(-(2**20), 2**20),
)
FIXED_EXTREME = st.sampled_from([HIGH, LOW, HIGH - 1, LOW + 1])


@few
@given(data=st.data())
def test_sums_and_comparisons_of_fixed_point_numbers(data):
    half = st.integers(LOW // 2, HIGH // 2)
    n, a, b = data.draw(pairs(st.one_of(FIXED, half), st.one_of(FIXED, half)))
    x, y = exact(a, F), exact(b, F)
    for operator in (op.add, op.sub):
        for got in three_ways(operator, n, a, b, F, F):
            agrees(got, operator(x, y), np.float64)
    for operator in COMPARE.values():
        for got in three_ways(operator, n, a, b, F, F):
            agrees(got, operator(a, b).astype(int), np.int64)
    agrees(-secret(a, n, F), -x, np.float64)
    agrees(abs(secret(a, n, F)), each(abs, x), np.float64)
    for name, function in EXTREME.items():
        wanted = np.vectorize(function, otypes=[object])(*np.broadcast_arrays(x, y))
        for got in three_ways(getattr(np, name), n, a, b, F, F):
            agrees(got, wanted, np.float64)


@few
@given(data=st.data())
def test_products_of_fixed_point_numbers_are_rounded_once_ties_up(data):
    n, a, b = data.draw(pairs(FIXED, FIXED, PAIRS + EMPTY))
    wanted = each(ties_up, exact(a, F) * exact(b, F))
    for function in (op.mul, np.multiply):
        for got in three_ways(function, n, a, b, F, F):
            agrees(got, wanted, np.float64)


@few
@given(n=st.sampled_from([2, 3]), raw=st.lists(FIXED_EXTREME, min_size=1, max_size=3))
def test_extreme_fixed_point_numbers(n, raw):
    x = exact(np.array(raw), F)
    for factor in (1.0, -1.0, 0.5, -0.5, 2.0**-16):
        wanted = each(lambda v, f=factor: ties_up(v * Fraction(f)), x)
        agrees(secret(raw, n, F) * factor, wanted, np.float64)
        agrees(secret(raw, n, F) * secret(int(factor * ONE), n, F), wanted, np.float64)
    for divisor in (1, -1, 3, 0.75, -1.5, 10**6, 8388607.5):
        d = Fraction(divisor)
        agrees(secret(raw, n, F) / divisor, each(lambda v, d=d: ties_up(v / d), x), np.float64) \
            if abs(divisor) >= 1 else None
        agrees(secret(raw, n, F) // divisor, each(lambda v, d=d: v // d, x), np.int64) \
            if abs(divisor) >= 1 else None


@few
@given(
    n=st.sampled_from([2, 3]), raw=st.lists(FIXED, min_size=1, max_size=3),
    divisor=st.sampled_from([1, -1, 2, 3, -7, 0.5, -0.25, 1.5, 3.1, 1000, 2.0**-15]),
)
def test_division_of_fixed_point_numbers(n, raw, divisor):
    """A float divisor counts as the nearest multiple of 2^-16."""
    d = Fraction(round(Fraction(divisor) * ONE), ONE)
    x = exact(np.array(raw), F)
    agrees(secret(raw, n, F) // divisor, each(lambda v: v // d, x), np.int64)
    agrees(secret(raw, n, F) % divisor, each(lambda v: v % d, x), np.float64)
    if abs(d) > Fraction(1, 8):
        agrees(secret(raw, n, F) / divisor, each(lambda v: ties_up(v / d), x), np.float64)
        agrees(np.divide(secret(raw, n, F), divisor), each(lambda v: ties_up(v / d), x), np.float64)


@pytest.mark.parametrize("n", [2, 3])
def test_integers_and_fixed_point_numbers_mix(n):
    a, b = np.array([3, -5, 0]), np.array([ONE // 2, -3 * ONE // 2, 1])
    x, y = exact(a), exact(b, F)
    for operator in (op.add, op.sub, op.mul):
        agrees(operator(secret(a, n), secret(b, n, F)), operator(x, y), np.float64)
        agrees(operator(secret(b, n, F), secret(a, n)), operator(y, x), np.float64)
        agrees(operator(secret(a, n), b / ONE), operator(x, y), np.float64)
        agrees(operator(a, secret(b, n, F)), operator(x, y), np.float64)
        agrees(operator(b / ONE, secret(a, n)), operator(y, x), np.float64)
    for operator in COMPARE.values():
        agrees(operator(secret(a, n), secret(b, n, F)), operator(x, y).astype(int), np.int64)
        agrees(operator(a, secret(b, n, F)), operator(x, y).astype(int), np.int64)
    agrees(secret(b, n, F) ** 2, each(lambda v: ties_up(v * v), y), np.float64)
    cubes = each(lambda v: ties_up(ties_up(v * v) * v), y)
    agrees(secret(b, n, F) ** 3, cubes, np.float64)


def test_a_large_integer_compares_with_a_fraction():
    agrees(secret([10**8]) > 0.5, [1], np.int64)


@few
@given(st.lists(st.one_of(
    st.floats(-(2.0**22), 2.0**22, allow_nan=False),
    st.integers(-(2**20), 2**20).map(lambda k: (k + 0.5) / ONE),
), min_size=1, max_size=5))
def test_floats_are_encoded_to_the_nearest_ties_to_even(values):
    numbers, places = encode(values, Settings())
    assert places == F
    assert numbers.tolist() == [round(Fraction(v) * ONE) for v in values]


def test_uploaded_numbers_come_back_as_they_went():
    for values in (5, -1.5, True, [LOW, HIGH], [[1.5, -2.25]], np.uint8([0, 255]), [[[7]]],
                   np.float32(0.25), [2.0**23 - 2.0**-16, -(2.0**23)]):
        handle = lab().secret(values)
        back, fixed = handle.reveal(), np.asarray(values).dtype.kind == "f"
        assert np.shape(back) == np.shape(values) == handle.shape
        assert back.dtype == (np.float64 if fixed else np.int64)
        assert np.array_equal(back, np.asarray(values))
        back = handle.reveal_to(lab().client("carol"))
        assert np.array_equal(back, np.asarray(values))


@pytest.mark.parametrize("empty", [[], np.zeros((0, 3), int), np.zeros((2, 0))])
def test_nothing_may_be_uploaded(empty):
    with Lab(seed=1) as own:
        assert own.secret(empty).reveal().shape == np.shape(empty)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_half_precision_floats_are_floats():
    assert encode(np.float16(1.5), Settings())[0] == 3 * ONE // 2


# -- NumPy's functions --------------------------------------------------------------------

#: Functions along an axis: name -> (of an array of fractions and an axis, is it fixed-point?)
ALONG_AXES = {
    "sum": lambda x, axis: x.sum(axis=axis),
    "mean": None, "var": None,
    "max": lambda x, axis: x.max(axis=axis), "amax": lambda x, axis: x.max(axis=axis),
    "min": lambda x, axis: x.min(axis=axis), "amin": lambda x, axis: x.min(axis=axis),
    "argmax": lambda x, axis: x.astype(float).argmax(axis=axis),
    "argmin": lambda x, axis: x.astype(float).argmin(axis=axis),
    "sort": lambda x, axis: np.sort(x, axis=axis),
}
OTHER_FUNCTIONS = {
    "dot", "where", "reshape", "transpose", "concatenate", "shape", "ndim", "size",
}


def mean(x, axis):
    count = x.size if axis is None else x.shape[axis]
    return each(lambda v: ties_up(v / count), x.sum(axis=axis))


def variance(x, axis):
    centre = mean(x, axis)
    distance = x - (centre if axis is None else np.expand_dims(centre, axis))
    return mean(each(lambda v: ties_up(v * v), distance), axis)


@pytest.mark.parametrize("name", ALONG_AXES)
@pytest.mark.parametrize("fraction", [0, F])
def test_functions_along_every_axis(name, fraction):
    rng = np.random.default_rng(5)
    wanted = {"mean": mean, "var": variance}.get(name, ALONG_AXES[name])
    whole = name.startswith("arg") or not (fraction or name in ("mean", "var"))
    for turn, shape in enumerate([(), (1,), (5,), (2, 3), (3, 1, 2)]):
        n = 2 + turn % 2
        most = 2**10 if name == "var" else 2**20
        raw = rng.integers(-most, most, shape)
        raw.reshape(-1)[: raw.size // 2] = 3  # equal ones: the first counts
        x, values = secret(raw, n, fraction), exact(raw, fraction)
        axes = [*range(-len(shape), len(shape)), *([None] if name != "sort" else [])]
        for axis in axes:
            expected = np.asarray(wanted(values, axis), object)
            agrees(getattr(np, name)(x, axis=axis), expected, np.int64 if whole else np.float64)
        if name in ("sum", "mean", "var", "max", "min", "argmax", "argmin", "sort") and shape:
            axis = -1 if name == "sort" else None
            expected = np.asarray(wanted(values, axis), object)
            agrees(getattr(x, name)(), expected, np.int64 if whole else np.float64)
            agrees(getattr(np, name)(x), expected, np.int64 if whole else np.float64)


def test_extreme_values_are_ordered():
    raw = np.array([HIGH, LOW, 0, LOW, HIGH, -1, 1])
    for n in (2, 3):
        x = secret(raw, n)
        agrees(np.sort(x), np.sort(raw), np.int64)
        agrees(np.max(x), HIGH, np.int64)
        agrees(np.min(x), LOW, np.int64)
        agrees(np.argmax(x), 0, np.int64)
        agrees(np.argmin(x), 1, np.int64)
        agrees(np.maximum(x, x[::-1]), np.maximum(raw, raw[::-1]), np.int64)


MATRICES = [
    ((3,), (3,)), ((1,), (1,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((1, 1), (1, 1)),
    ((0,), (0,)), ((2, 0), (0, 3)), ((0, 2), (2, 3)),
]


@pytest.mark.parametrize("shapes", MATRICES)
@pytest.mark.parametrize("fraction", [0, F])
def test_matrix_products_are_rounded_once(shapes, fraction):
    rng = np.random.default_rng(6)
    a, b = (rng.integers(-(2**17), 2**17, s) for s in shapes)
    x, y = exact(a, fraction), exact(b, fraction)
    wanted = np.asarray(np.dot(x, y) if x.size else np.zeros(np.dot(a, b).shape, int), object)
    wanted = each(ties_up, wanted) if fraction else wanted
    for n in (2, 3):
        for function in (op.matmul, np.matmul, np.dot):
            for got in three_ways(function, n, a, b, fraction, fraction):
                agrees(got, wanted, np.float64 if fraction else np.int64)
        agrees(secret(a, n).dot(secret(b, n)), np.dot(a, b), np.int64)


@few
@given(data=st.data())
def test_where(data):
    n, a, b = data.draw(pairs(integers(2**38), integers(2**38)))
    shape = data.draw(st.sampled_from([(), (1,), np.broadcast_shapes(a.shape, b.shape)]))
    c = np.array(
        data.draw(st.lists(st.booleans(), min_size=math.prod(shape), max_size=math.prod(shape)))
    ).reshape(shape)
    wanted = np.where(c, a, b)
    for condition in (c, c.astype(int), secret(c.astype(int), n)):
        for got in three_ways(lambda x, y, c=condition: np.where(c, x, y), n, a, b):
            agrees(got, wanted, np.int64)
    agrees(np.where(secret(c.astype(int), n), a, b), wanted, np.int64)


def test_where_of_fixed_point_numbers_and_integers():
    bits = np.array([1, 0, 1])
    agrees(np.where(secret(bits), [1.5, 2.5, -1.5], 0), [1.5, 0, -1.5], np.float64)
    agrees(np.where(secret(bits), secret([1, 2, 3]), 0.5), [1, 0.5, 3], np.float64)
    agrees(np.where(bits, secret([ONE, 2, 3], 2, F), secret([5, 6, 7])),
           [1, 6, Fraction(3, ONE)], np.float64)


def test_a_public_condition_is_true_or_not():
    agrees(np.where([2, 0, -1], secret([3, 4, 5]), 0), [3, 0, 5], np.int64)


def test_shapes():
    raw = np.arange(24).reshape(2, 3, 4)
    for n in (2, 3):
        x = secret(raw, n)
        agrees(np.reshape(x, (4, 6)), raw.reshape(4, 6), np.int64)
        agrees(np.reshape(x, -1), raw.reshape(-1), np.int64)
        agrees(x.reshape(6, -1), raw.reshape(6, -1), np.int64)
        agrees(x.reshape((3, 8)), raw.reshape(3, 8), np.int64)
        agrees(np.transpose(x), raw.T, np.int64)
        agrees(x.T, raw.T, np.int64)
        agrees(secret(5, n).T, 5, np.int64)
        assert (np.shape(x), np.ndim(x), np.size(x), len(x)) == ((2, 3, 4), 3, 24, 2)
        assert secret(5, n).size == 1
    with pytest.raises(ValueError, match="cannot reshape"):
        x.reshape(5, 5)


def test_concatenation():
    a, b = np.arange(6).reshape(2, 3), np.arange(3).reshape(1, 3)
    x, y = secret(a), secret(b)
    agrees(np.concatenate([x, y]), np.concatenate([a, b]), np.int64)
    agrees(np.concatenate([x, x], axis=1), np.concatenate([a, a], 1), np.int64)
    agrees(np.concatenate([x, x], -1), np.concatenate([a, a], 1), np.int64)
    agrees(np.concatenate([b, x, b]), np.concatenate([b, a, b]), np.int64)
    agrees(np.concatenate([x, b / 2]), np.concatenate([a, b / 2]), np.float64)
    agrees(np.concatenate([secret([ONE], 2, F), secret([2]), [3]]), [1, 2, 3], np.float64)


def test_concatenation_of_an_empty_secret_and_public_numbers():
    agrees(np.concatenate([secret([1])[:0], [1, 2]]), [1, 2], np.int64)


INDEXES = [
    0, -1, slice(1, None), slice(None, None, -1), (0, 1), (slice(None), 1), (..., 2), None,
    (None, 0), [1, 0], [[1, 0], [0, 0]], (slice(None), [2, 0]), ([0, 1], [1, 2]), (0, [1, 2]),
    ([0, 1], [1, 2], slice(1)), np.array([True, False]), (1, slice(None), slice(0, 2)),
    (slice(0, 0),), (),
]


@pytest.mark.parametrize("index", INDEXES, ids=repr)
def test_indexing(index):
    raw = np.arange(24).reshape(2, 3, 4)
    agrees(secret(raw)[index], raw[index], np.int64)


@pytest.mark.parametrize("index", [([0, 1], slice(None), [0, 1]), (0, slice(None), [0, 1])],
                         ids=repr)
def test_indexing_with_arrays_that_a_slice_parts(index):
    raw = np.arange(24).reshape(2, 3, 4)
    got = secret(raw)[index]
    assert got.shape == raw[index].shape
    assert np.array_equal(lab().god.value(got), raw[index])


def test_iteration_and_sums_by_python():
    raw = np.arange(6).reshape(3, 2)
    rows = list(secret(raw))
    assert len(rows) == 3
    agrees(rows[1], raw[1], np.int64)
    agrees(sum(secret([1, 2, 3])), 6, np.int64)
    x = secret([1, 2])
    x += 1
    agrees(x, [2, 3], np.int64)


@pytest.mark.parametrize("operator", [*COMPARE.values(), abs], ids=lambda f: f.__name__)
def test_comparisons_of_no_numbers(operator):
    none = secret(np.zeros((0, 2), int))
    got = operator(none) if operator is abs else operator(none, 1)
    agrees(got, np.zeros((0, 2), int), np.int64)


def test_operations_on_no_numbers():
    none = secret([1, 2])[:0]
    for got in (none * none, none * 3, none + 1, np.sort(none), none // 3):
        agrees(got, [], np.int64)
    agrees(none / 3, [], np.float64)
    agrees(none.sum(), 0, np.int64)
    agrees(none @ none, 0, np.int64)
    assert none.reveal_to(lab().client("carol")).shape == (0,)


# -- what tells why not -------------------------------------------------------------------


def told(function):
    if function:
        pass


BETRAYALS = {
    "if": lambda x: told(x == 3),
    "and": lambda x: (x > 0) and 1,
    "not": lambda x: not x,
    "int": lambda x: int(x[0]),
    "float": lambda x: float(x[0]),
    "complex": lambda x: complex(x[0]),
    "math": lambda x: math.floor(x[0]),
    "array": np.array,
    "asarray": np.asarray,
    "list in array": lambda x: np.array([x, x]),
    "upload": lambda x: lab().secret([x[0], x[1]]),
    "in": lambda x: 3 in x,
    "in a list": lambda x: x in [1, 2],
    "max": max, "min": min, "sorted": sorted, "any": any,
    "index": lambda x: [1, 2, 3][x[0]],
    "range": lambda x: range(x[0]),
    "of an array": lambda x: np.arange(9)[x],
    "own index": lambda x: x[x],
    "own mask": lambda x: x[x > 0],
    "place in tuple": lambda x: x[x[0], ...],
    "secret / secret": lambda x: x / x,
    "secret // secret": lambda x: x // x,
    "secret % secret": lambda x: x % x,
    "np number / secret": lambda x: np.float64(5) / x,
    "array // secret": lambda x: np.array([5]) // x,
    "array % secret": lambda x: np.array([5]) % x,
    "secret exponent": lambda x: x**x,
    "exponent 0": lambda x: x**0,
    "exponent -1": lambda x: x**-1,
    "exponent 1/2": lambda x: x**0.5,
    "exp": np.exp, "sqrt": np.sqrt, "std": np.std, "argsort": np.argsort, "cumsum": np.cumsum,
    "nonzero": np.nonzero, "unique": np.unique, "allclose": lambda x: np.allclose(x, 1),
    "reduce": np.add.reduce, "outer": lambda x: np.add.outer(x, x), "median": np.median,
    "out": lambda x: np.add(np.zeros(3), x, out=np.zeros(3)),
    "log2": np.log2, "zeros_like": np.zeros_like, "stack": lambda x: np.stack([x, x]),
}


@pytest.mark.parametrize("name", BETRAYALS)
def test_what_would_tell_a_secret_says_why(name):
    with pytest.raises(SecretError) as caught:
        BETRAYALS[name](secret([987654321, -123456789, 5]))
    sentence = str(caught.value)
    assert len(sentence) > 40
    assert "987654321" not in sentence
    assert "123456789" not in sentence
    assert isinstance(caught.value, TypeError)
    assert lab().state == "ready"


#: As above, but Python's own words come instead, which say nothing of secrets.
UNTAUGHT = {
    "public / secret": lambda x: 5 / x,
    "public // secret": lambda x: 5 // x,
    "public % secret": lambda x: 5 % x,
    "public ** secret": lambda x: 2**x,
    "np.power(public, secret)": lambda x: np.power(2, x),
    "divmod": lambda x: divmod(x, 3),
    "round": round,
    "format": lambda x: f"{x[0]:.2f}",
    "np.where(secret)": np.where,
    "keepdims": lambda x: np.sum(x, keepdims=True),
    "tuple of axes": lambda x: np.sum(x, axis=(0,)),
    "ddof": lambda x: np.var(x, ddof=1),
    "sort, axis None": lambda x: np.sort(x, axis=None),
    "transpose, axes": lambda x: np.transpose(x, (0,)),
    "reshape, list": lambda x: np.reshape(x, [3, 1]),
    "concatenate, axis None": lambda x: np.concatenate([x, x], axis=None),
    "3-d @ 2-d": lambda x: x.reshape(1, 1, 3) @ np.ones((3, 2), int),
}


@pytest.mark.parametrize("name", UNTAUGHT)
def test_what_is_not_there_says_so(name):
    try:
        UNTAUGHT[name](secret([3, 4, 5]))
    except (SecretError, InputError):
        return


def test_an_option_that_is_not_there_is_named():
    with pytest.raises(SecretError) as caught:
        np.add(secret([1]), 1, dtype=np.int64)
    assert "np.add is not among" not in str(caught.value)


WRONG = {
    "shapes +": (lambda x: op.add(x, [1, 2]), r"shapes \(3,\) and \(2,\) do not broadcast"),
    "shapes *": (lambda x: x * secret([1, 2]), "do not broadcast"),
    "shapes <": (lambda x: x < secret([1, 2]), "do not broadcast"),
    "shapes where": (lambda x: np.where(x > 0, [1, 2], 0), "do not broadcast"),
    "shapes @": (lambda x: x @ [1, 2], "have no matrix product"),
    "shapes @ secret": (lambda x: x @ secret([1, 2]), "have no matrix product"),
    "scalar @": (lambda x: x @ secret(1), "have no matrix product"),
    "scalar @ public": (lambda x: x @ 3, "have no matrix product"),
    "/ 0": (lambda x: x / 0, "the divisor is 0"),
    "// tiny": (lambda x: x // 1e-9, "the divisor is 1e-09, which is 0 in this lab's numbers"),
    "/ array": (lambda x: x / np.array([1, 2, 3]), "the divisor is an array"),
    "/ inf": (lambda x: x / math.inf, "a value is inf"),
    "/ large": (lambda x: x / 2**39, "does not fit into 40 bits"),
    "+ large": (lambda x: x + 2**39, "the value 549755813888 does not fit into 40 bits"),
    "+ nan": (lambda x: x + math.nan, "a value is nan"),
    "+ None": (lambda x: x + None, "dtype object"),
    "== None": (lambda x: x == None, "dtype object"),  # noqa: E711
    "< text": (lambda x: x < "a", "cannot be secrets"),
    "sum axis": (lambda x: x.sum(1), "axis is 1: a secret of 1 dimensions has axes 0 to 0"),
    "max axis": (lambda x: np.max(x, axis=-2), "axis is -2"),
    "mean of none": (lambda x: x[:0].mean(), "mean of no elements"),
    "max of none": (lambda x: x[:0].max(), "empty array has no largest"),
    "reveal_to text": (lambda x: x.reveal_to("alice"), r"lab.client\(name\)"),
    "reveal_to a stranger": (lambda x: x.reveal_to(Lab(seed=9).client("a")), "this secret's lab"),
    "two labs": (lambda x: x + Lab(seed=9).god.secret([1, 2, 3]), "different labs"),
    "two labs *": (lambda x: x * Lab(seed=9).god.secret([1, 2, 3]), "different labs"),
    "two labs @": (lambda x: x @ Lab(seed=9).god.secret([1, 2, 3]), "different labs"),
    "two labs where": (lambda x: np.where(x, Lab(seed=9).god.secret(1), 0), "different labs"),
    "two labs concatenate": (
        lambda x: np.concatenate([x, Lab(seed=9).god.secret([1])]), "another lab"
    ),
    "upload large": (lambda x: lab().secret([0, 2**39]), "the value 549755813888 does not fit"),
    "upload small": (lambda x: lab().secret(-(2**39) - 1), "the value -549755813889 does not fit"),
    "upload large float": (lambda x: lab().secret(2.0**23), "with 16 behind the point"),
    "upload infinity": (lambda x: lab().secret([1.0, -math.inf]), "a value is -inf"),
    "upload huge": (lambda x: lab().secret(2**70), "does not fit into 40 bits"),
    "upload text": (lambda x: lab().secret("abc"), "cannot be secrets"),
    "upload complex": (lambda x: lab().secret(1j), "dtype complex128 cannot be secrets"),
    "upload ragged": (lambda x: lab().secret([[1], [1, 2]]), "cannot become an array"),
    "upload nothing": (lambda x: lab().secret(None), "cannot be secrets"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_sentence_and_nothing_ends(name):
    function, sentence = WRONG[name]
    with pytest.raises(InputError, match=sentence):
        function(secret([3, 4, 5]))
    assert lab().state == "ready"
    agrees(secret([1]) * secret([2]), [2], np.int64)


def test_the_limits_in_the_sentence_are_right():
    with pytest.raises(InputError) as caught:
        lab().secret(2**39)
    assert "-549755813888 .. 549755813887" in str(caught.value)


# -- nothing leaks --------------------------------------------------------------------------


def hidden(text, handle):
    shares = lab().god.shares(handle).reshape(-1).tolist()
    assert not any(str(s) in text for s in shares)
    assert "424242" not in text


def test_no_text_of_a_secret_tells_it():
    x = secret([424242, -424242])
    for text in (repr(x), str(x), f"{x}", f"{x!r:>80}", f"{x}", repr([x]), repr({"x": x})):
        hidden(text, x)
        assert "SecretArray(shape (2,), integers, at 2 servers)" in text
    assert "fixed-point, 2^-16" in repr(secret([1], 2, F))
    for text in map(repr, (lab(), lab().servers[0], lab().held(x, 0), lab().dealer, lab().god,
                           lab().client("carol"), lab().transcript)):
        hidden(text, x)
    assert not hasattr(x, "__dict__")


@pytest.mark.parametrize("seed", [3, None])
def test_a_handle_cannot_be_pickled_or_copied_deeply(seed):
    """Its lab holds all shares and keys: they must not land in a file by mistake."""
    with Lab(seed=seed) as own:
        handle = own.god.secret([424242])
        for way in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot pickle"):
                way(handle)


def test_a_secret_is_forgotten_with_its_handle():
    with Lab(seed=3) as own:
        stores = [s.storage for s in own.servers]
        x = own.god.secret([1, 2])
        y = x + 1
        assert [len(s["secrets"]) for s in stores] == [2, 2]
        del x
        gc.collect()
        assert [len(s["secrets"]) for s in stores] == [1, 1]
        assert y.reveal().tolist() == [2, 3]


def test_a_copied_handle_lives_on():
    with Lab(seed=3) as own:
        x = own.god.secret([1, 2])
        y = copy.copy(x)
        del x
        gc.collect()
        assert y.reveal().tolist() == [1, 2]


def test_macs_hold_after_every_local_operation():
    x = secret(np.arange(6).reshape(2, 3), 3)
    god = lab(3).god
    for y in (x + 1, 1 - x, x * 3, x[0], x.T, x.sum(0), x.reshape(3, 2), x + x[0],
              np.concatenate([x, [[1, 2, 3]]]), x @ [1, 2, 3], x * 0.5, x * [[2], [3]]):
        assert god.mac_holds(y)
        assert np.array_equal(reconstruct([lab(3).held(y, i) for i in range(3)]).shape, y.shape)


def test_a_small_field_has_small_numbers():
    with Lab(modulus=101, seed=1) as own:
        assert (own.settings.bits, own.settings.fraction) == (5, 1)
        a = np.arange(-16, 16)
        x = own.secret(a)
        assert np.array_equal((x > 3).reveal(), (a > 3).astype(int))
        assert np.array_equal((x == -16).reveal(), (a == -16).astype(int))
        assert np.array_equal(np.sort(x[::5]).reveal(), np.sort(a[::5]))
        with pytest.raises(InputError, match="the value 16 does not fit into 5 bits"):
            own.secret(16)
        with pytest.raises(InputError, match="too small to divide"):
            _ = x / 2


def test_use_after_the_lab_was_closed():
    with Lab(seed=1) as own:
        x = own.god.secret([1])
    for use in (x.reveal, lambda: x + 1, lambda: x * x, lambda: x[0], lambda: own.secret(1),
                lambda: x.reveal_to(own.client("a"))):
        with pytest.raises(Abort, match="this lab is closed: nothing more comes out of it"):
            use()
    assert "SecretArray" in repr(x)


def test_a_secret_is_not_assigned_to_and_not_cast():
    x = Lab(2, seed=1).secret([1, -2])
    with pytest.raises(SecretError, match="does not change: make another"):
        x[0] = 3
    for kind, told in ((float, "1.0 * x"), (bool, "x != 0"), ("U3", "secrets are numbers")):
        with pytest.raises(SecretError, match=re.escape(told)):
            x.astype(kind)
    assert x.astype(int).reveal().tolist() == [1, -2]
    assert (x < 0).astype(np.uint8).reveal().tolist() == [0, 1]
    half = 0.5 * x
    with pytest.raises(SecretError, match=r"x // 1 is the whole number"):
        half.astype(int)
    assert (1.0 * x).reveal().tolist() == [1.0, -2.0]
    assert (half // 1).reveal().tolist() == [0, -1]
