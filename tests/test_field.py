"""F_p against Python's own integers, for primes of every size."""

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab.errors import InputError
from mpclab.field import MERSENNE_61, Field, is_prime
from mpclab.randomness import Stream

fixed = settings(derandomize=True, max_examples=60)


def surely_prime(n: int) -> bool:
    """Miller and Rabin's test with Sinclair's seven bases: exact below 2^64, none of them ours."""
    if n < 2 or any(n % q == 0 and n != q for q in (2, 3, 5, 7, 11, 13)):
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 325, 9375, 28178, 450775, 9780504, 1795265022):
        x = pow(base, odd, n)
        if base % n == 0 or x in (1, n - 1):
            continue
        if all((x := x * x % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True


def next_prime(n: int) -> int:
    return next(m for m in range(n, n + 2000) if surely_prime(m))


def previous_prime(n: int) -> int:
    return next(m for m in range(n, n - 2000, -1) if surely_prime(m))


def primes_of_every_size() -> list[int]:
    """The smallest, the largest and a middling prime of each bit length from 2 to 61."""
    chance = random.Random(2015)
    found = {3, 101}
    for bits in range(3, 62):
        low, high = 2 ** (bits - 1), 2**bits
        found |= {next_prime(low + 1), previous_prime(high - 1)}
        found.add(previous_prime(chance.randrange(low + low // 2, high)))
    return sorted(p for p in found if p > 2)


PRIMES = primes_of_every_size()


def extremes(p: int) -> list[int]:
    near = {0, 1, 2, p // 2, p // 2 + 1, p - 2, p - 1, 2**32 % p, (2**32 - 1) % p, 2**60 % p}
    return sorted(v % p for v in near)


@st.composite
def field_and_columns(draw, columns: int):
    """A prime of any size, and `columns` equally long lists of its elements, extremes favoured."""
    p = draw(st.sampled_from(PRIMES))
    element = st.one_of(st.sampled_from(extremes(p)), st.integers(0, p - 1))
    length = draw(st.integers(1, 6))
    lists = [draw(st.lists(element, min_size=length, max_size=length)) for _ in range(columns)]
    return Field(p), lists


def elements(values) -> np.ndarray:
    return np.array(values, np.uint64)


# -- the modulus ------------------------------------------------------------------------------


def test_primes_of_every_size_are_accepted():
    assert {p.bit_length() for p in PRIMES} == set(range(2, 62))
    for p in PRIMES:
        assert is_prime(p)
        assert Field(p).modulus == p
        assert Field(p).bits == p.bit_length()


@pytest.mark.parametrize(
    ("p", "width"),
    [(3, 1), (101, 1), (251, 1), (257, 2), (65521, 2), (65537, 4), (2**31 - 1, 4),
     (4294967291, 4), (4294967311, 8), (MERSENNE_61, 8)],
)
def test_bytes_of_an_element(p, width):
    assert Field(p).width == width


def test_is_prime_agrees_with_a_sieve():
    sieve = bytearray([1]) * 20_000
    sieve[:2] = 0, 0
    for n in range(2, 142):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(sieve[n * n :: n]))
    assert [n for n in range(-5, 20_000) if is_prime(n)] == [n for n, b in enumerate(sieve) if b]


# Chernick's (6k+1)(12k+1)(18k+1) with three prime factors, besides the well-known small ones.
CARMICHAEL = [561, 1105, 1729, 41041, 825265, 321197185, 9746347772161, 1436697831295441,
              (6 * 119990 + 1) * (12 * 119990 + 1) * (18 * 119990 + 1)]
# The smallest strong pseudoprimes to the first 1 .. 7 prime bases (OEIS A014233).
PSEUDOPRIMES = [2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383,
                341550071728321]


def test_the_pseudoprimes_here_are_such():
    for n in CARMICHAEL + PSEUDOPRIMES:
        assert pow(2, n - 1, n) == 1
    assert CARMICHAEL[-1].bit_length() == 61
    # And two above 61 bits that fool the first 9 and 12 bases.
    assert not is_prime(3825123056546413051)
    assert not is_prime(318665857834031151167461)


@pytest.mark.parametrize(
    "n",
    [4, 6, 9, 91, 2**60, MERSENNE_61 - 1, MERSENNE_61 - 2, 1000003**2, 1073741789 * 1073741783,
     *CARMICHAEL, *PSEUDOPRIMES],
)
def test_a_composite_modulus_gets_a_sentence(n):
    with pytest.raises(InputError, match=f"the modulus {n} is not prime.*take a prime"):
        Field(n)


@pytest.mark.parametrize(
    "n", [2, 1, 0, -1, -101, next_prime(2**61), previous_prime(2**62), 2**64, 2**89 - 1, 2**200]
)
def test_a_modulus_out_of_range_gets_a_sentence(n):
    with pytest.raises(InputError, match=f"the modulus {n} is out of range.*2 to 61 bits"):
        Field(n)


def test_a_numpy_integer_is_a_modulus():
    assert Field(np.int64(101)) == Field(101)
    assert type(Field(np.uint8(101)).modulus) is int


@pytest.mark.parametrize("modulus", [101.7, float("nan"), float("inf"), None, "101", [101]])
def test_a_modulus_that_is_no_integer_gets_a_sentence(modulus):
    with pytest.raises(InputError, match="modulus"):
        Field(modulus)


def test_a_gigantic_modulus_gets_a_sentence():
    """Python refuses to print integers of over 4300 digits."""
    with pytest.raises(InputError, match="the modulus has 16610 bits"):
        Field(10**5000)


def test_fields_are_equal_by_their_modulus():
    assert Field(101) == Field(101)
    assert Field(101) != Field(103)
    assert Field(101) != 101
    assert len({Field(101), Field(101), Field(103)}) == 2
    assert repr(Field()) == "Field(2**61 - 1)"
    assert repr(Field(101)) == "Field(101)"


# -- in and out -------------------------------------------------------------------------------


@fixed
@given(st.data())
def test_array_and_signed_are_inverse(data):
    p = data.draw(st.sampled_from(PRIMES))
    values = data.draw(st.lists(st.integers(-(p // 2), p // 2), max_size=8))
    F = Field(p)
    x = F.array(values)
    assert x.dtype == np.uint64
    assert x.tolist() == [v % p for v in values]
    assert F.is_canonical(x)
    assert F.signed(x).tolist() == values


@pytest.mark.parametrize("p", [3, 101, 2**31 - 1, MERSENNE_61])
def test_array_takes_everything_below_p_in_absolute_value(p):
    F = Field(p)
    assert F.array([p - 1, 1 - p, 0]).tolist() == [p - 1, 1, 0]
    assert int(F.array(1 - p)) == 1
    assert F.array(np.uint64(p - 1)).shape == ()
    for value in (p, -p, 2**64 - 1, -(2**63), 2**64, -(10**30)):
        with pytest.raises(InputError, match=f"the value {value} does not fit into"):
            F.array([value])
        with pytest.raises(InputError, match=f"the value {value} does not fit into"):
            F.array(value)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u8"])
def test_array_takes_every_integer_dtype(dtype):
    F = Field()
    low = -100 if np.dtype(dtype).kind == "i" else 0
    x = F.array(np.array([low, 0, 100], dtype))
    assert x.dtype == np.uint64
    assert x.dtype.isnative
    assert x.tolist() == [low % F.modulus, 0, 100]


def test_array_takes_booleans_nested_lists_and_nothing():
    F = Field(101)
    assert F.array([True, False]).tolist() == [1, 0]
    assert F.array([[1, -1], [2, -2]]).tolist() == [[1, 100], [2, 99]]
    assert F.array([]).shape == (0,)
    assert F.array(np.zeros((3, 0))).shape == (3, 0)


def test_array_leaves_what_it_is_given_alone():
    given_array = np.array([5, -5])
    Field(101).array(given_array)
    assert given_array.tolist() == [5, -5]
    own = np.array([5], np.uint64)
    assert not np.shares_memory(Field(101).array(own), own)


@pytest.mark.parametrize(
    "values",
    [[1.0], [1, 2.0], float("nan"), np.inf, 1 + 2j, "5", b"5", None, [None, 1], object(), {1, 2},
     np.datetime64("2015-05-01"), np.array([1.5], object)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_an_integer_gets_a_sentence(values):
    with pytest.raises(InputError, match="field elements are integers, but"):
        Field(101).array(values)


def test_ragged_lists_get_a_sentence():
    with pytest.raises(InputError, match="cannot become an array of field elements"):
        Field(101).array([[1], [2, 3]])


def test_an_object_array_of_small_integers():
    """Such arrays come out of pandas."""
    assert Field(101).array(np.array([1, -2], object)).tolist() == [1, 99]
    with pytest.raises(InputError, match="the value -101 does not fit"):
        Field(101).array(np.array([100, -101], object))


def test_integers_of_two_signs_and_64_bits_are_called_too_large():
    with pytest.raises(InputError, match=f"the value {2**63} does not fit into"):
        Field().array([2**63, -1])


def test_is_canonical():
    F = Field(101)
    assert F.is_canonical(elements([0, 100]))
    assert F.is_canonical(elements([]))
    assert not F.is_canonical(elements([5, 101]))
    assert not F.is_canonical(elements([2**64 - 1]))


# -- arithmetic -------------------------------------------------------------------------------


def test_extreme_values_for_primes_of_every_size():
    """All pairs of extreme elements, for the smallest and largest primes of each size."""
    for p in PRIMES:
        F, values = Field(p), extremes(p)
        a, b = elements(values)[:, None], elements(values)[None, :]
        assert F.add(a, b).tolist() == [[(x + y) % p for y in values] for x in values], p
        assert F.sub(a, b).tolist() == [[(x - y) % p for y in values] for x in values], p
        assert F.mul(a, b).tolist() == [[x * y % p for y in values] for x in values], p
        assert F.neg(a[:, 0]).tolist() == [-x % p for x in values], p


@fixed
@given(field_and_columns(3))
def test_field_laws(drawn):
    F, lists = drawn
    a, b, c = map(elements, lists)
    zero, one = F.zeros(a.shape), np.ones_like(a)
    assert np.array_equal(F.add(a, b), F.add(b, a))
    assert np.array_equal(F.mul(a, b), F.mul(b, a))
    assert np.array_equal(F.add(F.add(a, b), c), F.add(a, F.add(b, c)))
    assert np.array_equal(F.mul(F.mul(a, b), c), F.mul(a, F.mul(b, c)))
    assert np.array_equal(F.mul(a, F.add(b, c)), F.add(F.mul(a, b), F.mul(a, c)))
    assert np.array_equal(F.add(a, zero), a)
    assert np.array_equal(F.mul(a, one), a)
    assert np.array_equal(F.add(a, F.neg(a)), zero)
    assert np.array_equal(F.sub(a, b), F.add(a, F.neg(b)))
    units = a[a != 0]
    assert np.array_equal(F.mul(units, F.inv(units)), np.ones_like(units))


@fixed
@given(field_and_columns(2), st.integers(0, 2**61))
def test_sums_products_and_powers_as_python_computes_them(drawn, exponent):
    F, (a, b) = drawn
    p = F.modulus
    x, y = elements(a), elements(b)
    assert int(F.sum(x)) == sum(a) % p
    assert F.dot(x, y).shape == ()
    assert int(F.dot(x, y)) == sum(map(int.__mul__, a, b)) % p
    assert F.pow(x, exponent).tolist() == [pow(v, exponent, p) for v in a]
    point = b[0]
    expected = sum(v * pow(point, k, p) for k, v in enumerate(a, 1)) % p
    assert int(F.horner(list(x), y[0])) == expected
    assert int(F.horner([], y[0])) == 0


def test_horner_with_arrays_as_columns():
    F = Field(101)
    columns = elements([[1, 2], [3, 4], [5, 6]])
    point = elements([10, 100])
    # 1*10 + 3*100 + 5*1000 = 5310 = 58; with 100 = -1: -2 + 4 - 6 = -4
    assert F.horner(columns, point).tolist() == [5310 % 101, 97]


@pytest.mark.parametrize("p", [3, 101, 65537, next_prime(2**60), previous_prime(MERSENNE_61 - 2),
                               MERSENNE_61])
def test_lazy_reduction_never_overflows(p):
    """Rows of p - 1 around the 64 products after which the loop reduces."""
    F = Field(p)
    for n in (0, 1, 2, 63, 64, 65, 127, 128, 129, 1000):
        worst = np.full((1, n), p - 1, np.uint64)
        assert F.matmul_transposed(worst, worst).tolist() == [[n * (p - 1) ** 2 % p]], n


@fixed
@given(st.data())
def test_matrix_products_as_python_computes_them(data):
    p = data.draw(st.sampled_from(PRIMES))
    m, n, k = (data.draw(st.integers(0, 4)) for _ in range(3))
    seed = data.draw(st.binary(min_size=32, max_size=32))
    F, stream = Field(p), Stream(seed)
    a, b = F.uniform(stream, (m, k)), F.uniform(stream, (n, k))
    product = F.matmul_transposed(a, b)
    assert product.dtype == np.uint64
    assert product.shape == (m, n)
    assert product.tolist() == [
        [sum(int(x) * int(y) for x, y in zip(row, column, strict=True)) % p for column in b]
        for row in a
    ]


def test_products_take_any_storage_order_and_read_only_arrays():
    F, stream = Field(), Stream(bytes(32))
    a, b = F.uniform(stream, (5, 7)), F.uniform(stream, (3, 7))
    expected = F.matmul_transposed(a, b)
    for array in (a, b):
        array.flags.writeable = False
    assert np.array_equal(F.matmul_transposed(np.asfortranarray(a), b), expected)
    assert np.array_equal(F.matmul_transposed(a[::-1], b)[::-1], expected)
    assert np.array_equal(F.matmul_transposed(a[:, ::-1], b[:, ::-1]), expected)
    assert np.array_equal(F.mul(a.T, a.T), F.mul(a, a).T)
    assert np.array_equal(F.mul(a, a[0]), F.mul(a, np.tile(a[0], (5, 1))))


def test_rows_of_different_lengths_get_a_sentence():
    F = Field(101)
    with pytest.raises(InputError, match="rows of lengths 2 and 3 have no product"):
        F.matmul_transposed(F.zeros((1, 2)), F.zeros((1, 3)))
    with pytest.raises(InputError, match="lengths 2 and 3"):
        F.dot(F.zeros(2), F.zeros(3))


def test_sum_over_axes_and_many_terms():
    F = Field()
    worst = np.broadcast_to(np.uint64(F.modulus - 1), (2**21, 2))  # 2^22 terms, no memory
    assert int(F.sum(worst)) == -(2**22) % F.modulus
    assert F.sum(worst, axis=0).tolist() == [-(2**21) % F.modulus] * 2
    assert F.sum(elements([[100, 100], [99, 3]]) % np.uint64(101), axis=1).shape == (2,)
    assert Field(101).sum(elements([[100, 100], [99, 3]]), axis=1).tolist() == [99, 1]
    assert int(F.sum(F.zeros(0))) == 0
    assert F.sum(F.zeros((0, 3)), axis=0).tolist() == [0, 0, 0]


def test_inverses():
    for p in (3, 101, 2**31 - 1, MERSENNE_61):
        F = Field(p)
        values = [1, 2, p - 1, p // 2, p // 2 + 1]
        assert F.inv(elements(values)).tolist() == [pow(v, -1, p) for v in values]
    assert F.inv(F.zeros(0)).shape == (0,)
    with pytest.raises(InputError, match="0 has no inverse"):
        F.inv(elements([1, 0, 2]))


class _Impatient(int):
    """An integer that fails after 200 shifts, so that an endless loop ends."""

    shifts = 0

    def __rshift__(self, other):
        self.shifts += 1
        assert self.shifts < 200, "an endless loop"
        successor = type(self)(int(self) >> other)
        successor.shifts = self.shifts
        return successor


def test_the_impatient_exponent_counts():
    assert Field(101).pow(elements([3]), _Impatient(100)).tolist() == [1]


def test_a_negative_exponent_gets_a_sentence():
    with pytest.raises(InputError, match="exponent"):
        Field(101).pow(elements([3]), _Impatient(-1))


def test_uniform_draws_from_the_stream():
    F = Field(101)
    x = F.uniform(Stream(bytes(32)), (3, 4))
    assert x.shape == (3, 4)
    assert F.is_canonical(x)
    assert np.array_equal(x, Stream(bytes(32)).elements(101, (3, 4)))


def test_numba_is_loaded_by_the_first_product_only():
    code = (
        "import sys, numpy as np\n"
        "import mpclab, mpclab.field, mpclab.lab\n"
        "slow = {'numba', 'llvmlite', 'pandas', 'matplotlib', 'ipywidgets', 'IPython'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
        "F = mpclab.field.Field(101)\n"
        "F.sub(F.add(F.array([1, 2]), F.array([3, 4])), F.array([5, 6]))\n"
        "print(sorted(slow & set(sys.modules)))\n"
        "F.mul(F.array([1]), F.array([2]))\n"
        "print('numba' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["[]", "[]", "True"]


@pytest.mark.parametrize("columns", [1, 511, 1024, 1537])
def test_a_sumcheck_is_the_same_however_its_columns_are_shared_out(columns, monkeypatch):
    F, stream = Field(), Stream(bytes(32))
    W, U = F.uniform(stream, (3, 5)), F.uniform(stream, (5, columns))
    found = []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found.append(F.sumcheck(W, U))
    assert (found[0] == found[1]).all()
    p, t, j = F.modulus, 2, columns - 1  # the node 2, by hand
    halves = [[int(U[x, j]) for x in range(5)] + [0]] + [
        [int(w) for w in row] + [0] for row in W
    ]
    at = [[(h[i] + t * (h[i + 3] - h[i])) % p for i in range(3)] for h in halves]
    wanted = sum(at[1 + d][i] * pow(at[0][i], d + 1, p) for d in range(3) for i in range(3)) % p
    assert int(found[0][1, j]) == wanted


@pytest.mark.parametrize("number", [3.0, "7", None, True, 2.5])
def test_only_integers_are_prime_or_not(number):
    with pytest.raises(InputError, match=r"is_prime is asked about .*: it must be an integer"):
        is_prime(number)
