"""The checks of chapters 01 to 03 take any right answer, and explain a wrong one."""

import secrets
from itertools import pairwise

import numpy as np
import pytest

from mpclab import multiply, together
from mpclab.exercises import NotYet
from mpclab.exercises.authenticated import check_combine, check_field, check_forge
from mpclab.exercises.multiplying import check_finish, check_fourth, check_twice
from mpclab.exercises.sharing import check_between, check_linear, check_split
from mpclab.field import is_prime
from mpclab.preprocessing.material import Powers

# -- sharing ---------------------------------------------------------------------------------------


def rest_last(x, n, p):
    others = [secrets.randbelow(p) for _ in range(n - 1)]
    return [*others, (x - sum(others)) % p]


def unwritten(*arguments):
    raise NotYet("nothing is written here yet")


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


def small(x, n, p):
    """Right in F_11 alone."""
    others = [secrets.randbelow(11) % p for _ in range(n - 1)]
    return [*others, (x - sum(others)) % p]


def two_of_many(x, n, p):
    """Right for two and three servers."""
    others = [secrets.randbelow(p) if i < 2 else 0 for i in range(n - 1)]
    return [*others, (x - sum(others)) % p]


def equal_in_large_fields(x, n, p):
    return (equal_ones if p > 1000 else rest_last)(x, n, p)


def squares_in_large_fields(x, n, p):
    others = [secrets.randbelow(p) for _ in range(n - 1)]
    others[-1] = others[0] if n > 2 and p > 1000 and others[0] < p // 2 else others[-1]
    return [*others, (x - sum(others)) % p]


def late(x, n, p):
    return (1 // 0 for _ in range(n))


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (small, "not uniform in 0 .. "),
        (two_of_many, r"the share of server 2 is not uniform in 0 .. 4 \(1 never comes up\)"),
        (equal_in_large_fields, "depend on each other"),
        (squares_in_large_fields, "depend on each other|not uniform"),
        (late, "it stops with ZeroDivisionError"),
        (lambda x, n, p: set(range(n)), "return a list of shares"),
        (lambda x, n, p: [True] * n, "return a list of shares"),
        (lambda x, n, p: [x, *[0] * (n - 1)], "server 0 alone holds it"),
        (narrow, "not uniform in 0 .. 10"),
        (equal_ones, "depend on each other"),
        (lambda x, n, p: [*rest_last(x, n, p)[:-1], 0], r"modulo p, not to"),
        (lambda x, n, p: [v - p for v in rest_last(x, n, p)], "reduce it modulo p"),
        (lambda x, n, p: rest_last(x, n + 1, p), "every server gets one"),
        (lambda x, n, p: x / 0, "it stops for x = 0"),
        (lambda x, n, p: None, "it returns nothing for x = 0"),
        (lambda x, n, p: x, "it returns 0: return a list of shares"),
        (lambda x, n, p: [x / n] * n, "return a list of shares"),
        (7, "what is checked is a function"),
        (unwritten, "^nothing is written here yet"),
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


async def starred(party, x, *others):
    return x * x


async def returns_nothing(party, x, *others):
    await multiply(party, x, x)


async def other(party, x, y):
    return 3 * x + 2 * y + 5


async def another_constant(party, x, y):
    return 3 * x - 2 * y + 10


async def number_of_servers(party, x, y):
    return 3 * x - 2 * y + party.n


async def one_entry(party, x, y):
    return 3 * x[:1] - 2 * y[:1] + 5


@pytest.mark.parametrize(
    ("combine", "told"),
    [
        (everybody_adds, "added once in all"),
        (another_constant, r"it computes 3 x - 2 y \+ 10$"),
        (number_of_servers, "with 2 servers the constant is 2, and with 3 it is 3"),
        (one_entry, r"not \[-?\d+\]$"),
        (lambda party, x, y: x, "is not a protocol: define it with `async def"),
        (talks, "messages were sent"),
        (tells, "returns int, not a secret"),
        (stops, "stops with AttributeError"),
        (other, r"it computes 3 x \+ 2 y \+ 5$"),
        (returns_nothing, "a `return` is missing"),
        (starred, "in a protocol it is `await multiply"),
        (unwritten, "^nothing is written here yet"),
        (5, "what is checked is a function"),
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
    for _ in range(5):  # a swap is a lie whenever it is asked: the two shares differ
        assert check_between(lambda s, p: [s[1], s[0], s[2]])


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        (lambda s, p: s, r"the shares \[.*\] and p = 11 it claims \[.*\]: server 0 tells"),
        (lambda s, p: [(s[0] + 1) % p, (s[1] + 1) % p, s[2]], "the sum changes by 2"),
        (lambda s, p: [(s[0] + 1) % p, s[1], (s[2] - 1) % p], "server 2 is honest"),
        (lambda s, p: [s[0] + p, s[1] - p, s[2]], "reduce it modulo p"),
        (lambda s, p: s[:2], "there are three servers"),
        (lambda s, p: s[:1], "it returns 1 share:"),
        (lambda s, p: None, "it returns nothing for the shares"),
        (unwritten, "^nothing is written here yet"),
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
        lambda x, m, alpha, e, p: [(x + e) % p, (m + alpha * e - p) % p],
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
        (lambda x, m, alpha, e, p: (x,), "returns 1 number:"),
        (lambda x, m, alpha, e, p: x / 0, "it stops for p = "),
        (lambda x, m, alpha, e, p: (x + e, m + alpha * e), "reduce it modulo p"),
        (lambda x, m, alpha, e, p: None, "it returns nothing for p = "),
        (unwritten, "^nothing is written here yet"),
    ],
)
def test_what_does_not_fit(forge, told):
    with pytest.raises(NotYet, match=told):
        check_forge(forge)


def combine(opened, macs, alpha_i, chi, p):
    left = sum(c * m for c, m in zip(chi, macs, strict=True))
    return (left - alpha_i * sum(c * x for c, x in zip(chi, opened, strict=True))) % p


def by_dot(opened, macs, alpha_i, chi, p):
    """Right, as long as no product leaves 64 bits."""
    return (np.dot(chi, macs) - alpha_i * np.dot(chi, opened)) % p


def test_any_way_to_combine():
    assert check_combine(combine)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, m, a, chi, p: -combine(x, m, a, chi, p) % p, "the other sign"),
        (lambda x, m, a, chi, p: combine(x, m, 2 * a, chi, p), "is wrong, and the s_i"),
        (lambda x, m, a, chi, p: combine(x, m, a, [1] * len(x), p), "its own coefficient"),
        (lambda x, m, a, chi, p: x["a"], r"it stops for \d openings? and p = .* with TypeError"),
        (lambda x, m, a, chi, p: x[9], "with IndexError: list index out of range"),
        (lambda x, m, a, chi, p: combine(x, m, a, chi, p) - p, "reduce it modulo p"),
        (lambda x, m, a, chi, p: float(x[0]), "return one integer"),
        (lambda x, m, a, chi, p: None, "it returns nothing for"),
        (by_dot, r"NumPy's integers overflow at 2\^64"),
        (lambda *given: int(by_dot(*given)), "in F_101 it is right"),
        (unwritten, "^nothing is written here yet"),
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


def test_a_field_that_is_searched_from_2():
    def field_for(tries, risk):
        p = 2
        while not is_prime(p) or 1 - (1 - 1 / p) ** (3 * tries) > risk:
            p += 1
        return p

    assert check_field(field_for)


@pytest.mark.parametrize(
    ("field_for", "told"),
    [
        (lambda tries, risk: next_prime(int(tries / risk)), r"begin near 3 \* tries / risk"),
        (lambda tries, risk: 2**61 - 1, "larger than it need be"),
        (lambda tries, risk: 300 * tries, "no odd prime"),
        (lambda tries, risk: risk / 0, "it stops for 1 try and"),
        (lambda tries, risk: next_prime(3 * tries / risk), "a good place to begin"),
        (lambda tries, risk: 3 * tries / risk, "a good place to begin"),
        (lambda tries, risk: None, "it returns nothing for 1 try"),
        (unwritten, "^nothing is written here yet"),
    ],
)
def test_a_field_that_is_not(field_for, told):
    with pytest.raises(NotYet, match=told):
        check_field(field_for)


# -- multiplying -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [0, 1])
def test_anybody_may_add_the_public_term(who):
    assert check_finish(lambda c, d, b, e, a, i, p: (c + d * b + e * a + (i == who) * d * e) % p)


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        (lambda c, d, b, e, a, i, p: c + d * b + e * a, "less d e: somebody"),
        (lambda c, d, b, e, a, i, p: c + d * b + e * a + d * e, "only one of them may"),
        (lambda c, d, b, e, a, i, p: c + d * a + e * b + (not i) * d * e, "d goes with b"),
        (lambda c, d, b, e, a, i, p: c, "less than the product"),
        (lambda c, d, b, e, a, i, p: c / 0, "it stops for n = 2"),
        (lambda c, d, b, e, a, i, p: c + d * b + e * a + (not i) * d * e, "reduce it modulo p"),
        (lambda c, d, b, e, a, i, p: None, "it returns nothing for n = 2"),
        (unwritten, "^nothing is written here yet"),
    ],
)
def test_what_is_no_product(finish, told):
    with pytest.raises(NotYet, match=told):
        check_finish(finish)


def test_fourth_power():
    async def fourth(party, x):
        square = await multiply(party, x, x)
        return await multiply(party, square, square) + 0

    assert "in 2 rounds" in check_fourth(fourth)


def test_fourth_power_with_material_of_its_own():
    async def fourth(party, x):
        held = party.take(Powers(x.size, 4))
        d = await party.open_masked(x - held["r"], "x - r")
        r2, r3, r4 = held["higher"]
        d2 = party.field.mul(d, d)
        d3, d4 = party.field.mul(d2, d), party.field.mul(d2, d2)
        return r4 + 4 * r3 * d + 6 * r2 * d2 + 4 * held["r"] * d3 + d4

    assert "in 1 round, and nothing was opened in the clear" in check_fourth(fourth)


async def open_twice(party, x):
    d = await party.open_masked(x, "x - a")
    await party.open_masked(x, "x - a")
    d2 = party.field.mul(d, d)
    return (x - x) + party.field.mul(d2, d2)


async def opens_a_square(party, x):
    square = await multiply(party, x, x)
    fourth, _ = await together(
        multiply(party, square, square), party.open_masked(square + 1, "d")
    )
    return fourth


async def unfinished(party, x):
    raise NotImplementedError


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


async def power(party, x):
    return x**4


@pytest.mark.parametrize(
    ("fourth", "told"),
    [(open_twice, "were opened in the clear at the step 'open_twice/x - a'"),
     (opens_a_square, "in the clear at the step 'opens_a_square/d'"),
     (unfinished, "it stops with NotImplementedError"),
     (slow, "takes 3 rounds"), (cube, r"not x\^3"), (forgot, "`await` is missing"),
     (public, "returns int, not a secret"), (power, r"x \*\* k is no operation of a share"),
     (starred, "in a protocol it is `await multiply"), (returns_nothing, "a `return` is missing"),
     (unwritten, "^nothing is written here yet"), (4, "what is checked is a function")],
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
        (lambda d, e, d2, e2, p: (d - d2,), "returns 1 number:"),
        (lambda d, e, d2, e2, p: d / 0, "it stops"),
        (lambda d, e, d2, e2, p: d - d2, "return x - x' and y - y'"),
        (lambda d, e, d2, e2, p: None, "it returns nothing for d = "),
        (unwritten, "^nothing is written here yet"),
    ],
)
def test_what_it_does_not_tell(difference, told):
    with pytest.raises(NotYet, match=told):
        check_twice(difference)
