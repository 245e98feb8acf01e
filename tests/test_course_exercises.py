"""The checks of chapters 01 to 03 take any right answer, and explain a wrong one."""

import secrets
from itertools import pairwise

import pytest

from mpclab import multiply
from mpclab.exercises import NotYet
from mpclab.exercises.authenticated import check_combine, check_field, check_forge
from mpclab.exercises.multiplying import check_finish, check_fourth, check_twice
from mpclab.exercises.sharing import check_between, check_linear, check_split
from mpclab.field import is_prime

# -- sharing ---------------------------------------------------------------------------------------


def rest_last(x, n, p):
    others = [secrets.randbelow(p) for _ in range(n - 1)]
    return [*others, (x - sum(others)) % p]


def rest_first(x, n, p):
    return rest_last(x, n, p)[::-1]


def summed_up(x, n, p):
    """Each share but the last is the difference of two random numbers."""
    marks = [0, *(secrets.randbelow(p) for _ in range(n - 1)), x]
    return tuple((b - a) % p for a, b in pairwise(marks))


@pytest.mark.parametrize("split", [rest_last, rest_first, summed_up])
def test_any_way_to_share(split):
    assert check_split(split)


def narrow(x, n, p):
    others = [secrets.randbelow(p - 1) for _ in range(n - 1)]
    return [*others, (x - sum(others)) % p]


def equal_ones(x, n, p):
    same = secrets.randbelow(p)
    return [*[same] * (n - 1), (x - (n - 1) * same) % p]


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (lambda x, n, p: [x, *[0] * (n - 1)], "server 0 alone holds it"),
        (narrow, "not uniform in 0 .. 10"),
        (equal_ones, "depend on each other"),
        (lambda x, n, p: [*rest_last(x, n, p)[:-1], 0], r"modulo p, not to"),
        (lambda x, n, p: [v - p for v in rest_last(x, n, p)], "reduce it modulo p"),
        (lambda x, n, p: rest_last(x, n + 1, p), "every server gets one"),
        (lambda x, n, p: x / 0, "it stops for x = 0"),
        (lambda x, n, p: None, "it stops for x = 0"),
    ],
)
def test_what_is_no_sharing(split, told):
    with pytest.raises(NotYet, match=told):
        check_split(split)


def test_linear():
    async def another_way(party, x, y):
        return x + x + x - (y + y) + 2 + 3

    assert check_linear(another_way)


async def everybody_adds(party, x, y):
    return 3 * x - 2 * y + 5 * party.n


async def talks(party, x, y):
    await multiply(party, x, y)
    return 3 * x - 2 * y + 5


async def tells(party, x, y):
    return 5


async def stops(party, x, y):
    return x.nothing


async def other(party, x, y):
    return 3 * x + 2 * y + 5


@pytest.mark.parametrize(
    ("combine", "told"),
    [
        (everybody_adds, "added once in all"),
        (talks, "messages were sent"),
        (tells, "returns int, not a secret"),
        (stops, "stops with AttributeError"),
        (other, "it must be"),
    ],
)
def test_what_is_not_the_mixture(combine, told):
    with pytest.raises(NotYet, match=told):
        check_linear(combine)


def random_shift(shares, p):
    by = 1 + secrets.randbelow(p - 1)
    return (shares[0] - by) % p, (shares[1] + by) % p, shares[2]


def test_any_lie_that_cancels():
    assert check_between(random_shift)


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        (lambda s, p: s, "server 0 tells the truth"),
        (lambda s, p: [(s[0] + 1) % p, (s[1] + 1) % p, s[2]], "the sum changes by 2"),
        (lambda s, p: [(s[0] + 1) % p, s[1], (s[2] - 1) % p], "server 2 is honest"),
        (lambda s, p: [s[0] + p, s[1] - p, s[2]], "reduce every share"),
        (lambda s, p: s[:2], "there are three servers"),
        (lambda s, p: s[5], "it stops"),
    ],
)
def test_lies_that_do_not(shift, told):
    with pytest.raises(NotYet, match=told):
        check_between(shift)


# -- authenticated shares --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forge",
    [
        lambda x, m, alpha, e, p: ((x + e) % p, (m + alpha * e) % p),
        lambda x, m, alpha, e, p: [x + e, m + alpha * e - p],
    ],
)
def test_any_forgery_that_fits(forge):
    assert check_forge(forge)


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda x, m, alpha, e, p: (x + e, m + e), "the MAC of e is alpha e"),
        (lambda x, m, alpha, e, p: (x + e, m + alpha), "for an error of 1 only"),
        (lambda x, m, alpha, e, p: (x + e, m), "is lacking modulo"),
        (lambda x, m, alpha, e, p: (x, m), "takes the whole error"),
        (lambda x, m, alpha, e, p: (x,), "returns 1 numbers"),
        (lambda x, m, alpha, e, p: x / 0, "it stops for p = "),
    ],
)
def test_what_does_not_fit(forge, told):
    with pytest.raises(NotYet, match=told):
        check_forge(forge)


def combine(opened, macs, alpha_i, chi, p):
    left = sum(c * m for c, m in zip(chi, macs, strict=True))
    return left - alpha_i * sum(c * x for c, x in zip(chi, opened, strict=True))


def test_any_way_to_combine():
    assert check_combine(combine)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, m, a, chi, p: -combine(x, m, a, chi, p), "the other sign"),
        (lambda x, m, a, chi, p: combine(x, m, 2 * a, chi, p), "are right, and the s_i"),
        (lambda x, m, a, chi, p: combine(x, m, a, [1] * len(x), p), "its own coefficient"),
        (lambda x, m, a, chi, p: x["a"], "it stops for"),
    ],
)
def test_what_is_no_combination(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_combine(wrong)


def next_prime(n):
    while not is_prime(n):
        n += 1
    return n


def test_a_safe_field():
    assert check_field(lambda tries, risk: next_prime(int(4 * tries / risk) + 3))


@pytest.mark.parametrize(
    ("field_for", "told"),
    [
        (lambda tries, risk: next_prime(int(tries / risk)), "is too small"),
        (lambda tries, risk: 2**61 - 1, "larger than it need be"),
        (lambda tries, risk: 300 * tries, "no odd prime"),
        (lambda tries, risk: risk / 0, "it stops for 1 tries"),
    ],
)
def test_a_field_that_is_not(field_for, told):
    with pytest.raises(NotYet, match=told):
        check_field(field_for)


# -- multiplying -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [0, 1])
def test_anybody_may_add_the_public_term(who):
    assert check_finish(lambda c, d, b, e, a, i, p: c + d * b + e * a + (i == who) * d * e)


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        (lambda c, d, b, e, a, i, p: c + d * b + e * a, "less d e: somebody"),
        (lambda c, d, b, e, a, i, p: c + d * b + e * a + d * e, "only one of them may"),
        (lambda c, d, b, e, a, i, p: c + d * a + e * b + (not i) * d * e, "d goes with b"),
        (lambda c, d, b, e, a, i, p: c, "less than the product"),
        (lambda c, d, b, e, a, i, p: c / 0, "it stops for n = 2"),
    ],
)
def test_what_is_no_product(finish, told):
    with pytest.raises(NotYet, match=told):
        check_finish(finish)


def test_fourth_power():
    async def fourth(party, x):
        square = await multiply(party, x, x)
        return await multiply(party, square, square) + 0

    assert check_fourth(fourth)


async def slow(party, x):
    power = x
    for _ in range(3):
        power = await multiply(party, power, x)
    return power


async def cube(party, x):
    return await multiply(party, x, await multiply(party, x, x))


async def forgot(party, x):
    return multiply(party, x, x)


async def public(party, x):
    return 1


@pytest.mark.parametrize(
    ("fourth", "told"),
    [(slow, "takes 3 rounds"), (cube, r"not x\^3"), (forgot, "`await` is missing"),
     (public, "returns int, not a secret")],
)  # fmt: skip
def test_what_is_no_fourth_power(fourth, told):
    with pytest.raises(NotYet, match=told):
        check_fourth(fourth)


@pytest.mark.parametrize(
    "difference",
    [lambda d, e, d2, e2, p: (d - d2, e - e2), lambda d, e, d2, e2, p: [(d + p - d2) % p, e - e2]],
)
def test_what_a_triple_tells(difference):
    assert check_twice(difference)


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (lambda d, e, d2, e2, p: (d2 - d, e2 - e), "the first minus the second"),
        (lambda d, e, d2, e2, p: (d, e), "have in common"),
        (lambda d, e, d2, e2, p: (d - d2,), "returns 1 numbers"),
        (lambda d, e, d2, e2, p: d / 0, "it stops"),
    ],
)
def test_what_it_does_not_tell(difference, told):
    with pytest.raises(NotYet, match=told):
        check_twice(difference)
