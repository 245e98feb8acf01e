"""The checks of chapter 05 take any right answer, and explain a wrong one."""

import secrets

import pytest

from mpclab.exercises import NotYet
from mpclab.exercises.clients import check_errors, check_store, check_take


@pytest.mark.parametrize("who", [0, 1])
def test_any_server_may_add_d(who):
    assert check_store(lambda r, m, a, d, i, p: (r + (i == who) * d, m + a * d))
    assert check_store(lambda r, m, a, d, i, p: [(r + (i == who) * d) % p, (m + a * d) % p])


@pytest.mark.parametrize(
    ("store", "told"),
    [
        (lambda r, m, a, d, i, p: (r + d, m + a * d), "only one of them may"),
        (lambda r, m, a, d, i, p: (r, m), "still sum to r"),
        (lambda r, m, a, d, i, p: (r - (not i) * d, m - a * d), "so x is r [+] d"),
        (lambda r, m, a, d, i, p: (r + (not i) * d, m), "still fit r"),
        (lambda r, m, a, d, i, p: (r + (not i) * d, m + (not i) * a * d), "all add alpha_i d"),
        (lambda r, m, a, d, i, p: (r + (not i) * d, m + (not i) * d), "is alpha d, not d"),
        (lambda r, m, a, d, i, p: (r + (not i) * d, m + d), "is alpha d, not d"),
        (lambda r, m, a, d, i, p: (r + (not i) * d, m * d), "less than alpha x"),
        (lambda r, m, a, d, i, p: (d, m), "more than x"),
        (lambda r, m, a, d, i, p: r + d, "a server has two numbers"),
        (lambda r, m, a, d, i, p: None, "a server has two numbers"),
        (lambda r, m, a, d, i, p: (r,), "returns 1 numbers"),
        (lambda r, m, a, d, i, p: (r / 0, m), "it stops for n = 2"),
        (lambda r, m: (r, m), "it stops for n = 2"),
    ],
)
def test_what_is_not_stored_right(store, told):
    with pytest.raises(NotYet, match=told):
        check_store(store)


def sums(messages, k, p):
    return [sum(shares) % p for shares in zip(*(m[k] for m in messages), strict=True)]


def take(messages, p, copies=True, first=0, last=None, add=1):
    z, r, w = messages[0][0], sums(messages, 1, p), sums(messages, 3, p)
    v = sum(m[2] for m in messages)
    if copies and any(m[0] != z for m in messages[1:]):
        return None
    pairs = list(zip(w, r, strict=True))[first:last]
    if any((v * b - a) % p for a, b in pairs):
        return None
    return [a + add * b for a, b in zip(z, r[1:], strict=True)]


def test_any_way_to_take():
    assert check_take(take)
    assert check_take(lambda messages, p: (got := take(messages, p)) and tuple(got))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda m, p: take(m, p, copies=False), "compare all copies"),
        (lambda m, p: take(m, p, first=1), "test w_0 = v r_0, too"),
        (lambda m, p: take(m, p, last=1), "test w_k = v r_k"),
        (lambda m, p: take(m, p, add=0), "still masked"),
        (lambda m, p: take(m, p, add=-1), "y_k = z_k [+] r_k"),
        (lambda m, p: [a + b for a, b in zip(m[0][0], sums(m, 1, p), strict=False)],
         "it adds r_0 to the first entry"),
        (lambda m, p: [1, *m[0][0]], "returns . numbers for a result of"),
        (lambda m, p: None, "all honest, and it takes nothing"),
        (lambda m, p: 5, "it stops for 2 servers"),
        (lambda m, p: m["z"], "it stops for 2 servers"),
        (lambda m: m, "it stops for 2 servers"),
    ],
)
def test_what_is_not_to_be_taken(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_take(wrong)


def product(roots, p):
    e = [1]
    for root in roots:
        e = [(a - root * b) % p for a, b in zip([0, *e], [*e, 0], strict=True)]
    return e


def test_any_polynomial_with_so_many_roots():
    assert check_errors(lambda n, p: product(range(n), p))
    assert check_errors(lambda n, p: product(range(1, n + 1), p)[::-1])  # roots 1/k
    assert check_errors(lambda n, p: [7 * c for c in product(range(3, n + 3), p)])

    def anywhere(n, p):
        return product(secrets.SystemRandom().sample(range(p), n), p)

    assert check_errors(anywhere)


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (lambda n, p: [0] * n + [1], "1 of the 101 values of chi"),
        (lambda n, p: [1] + [0] * n, "r_0 masks nothing"),
        (lambda n, p: [0] * (n + 1), "r_0 masks nothing"),
        (lambda n, p: [1, *[0] * (n - 1), 0], "r_0 masks nothing"),
        (lambda n, p: [c + 1 for c in product(range(1, n + 1), p)], "different roots"),
        (lambda n, p: product(range(n), p)[:-1], "returns 1 numbers"),
        (lambda n, p: product([1] * n, p), "different roots"),
        (lambda n, p: list(range(1, n + 1)), "there are L [+] 1 masks"),
        (lambda n, p: None, "it stops for L = 1"),
        (lambda n, p: n / 0, "it stops for L = 1"),
        (lambda n: [1], "it stops for L = 1"),
    ],
)
def test_what_is_not_the_best_lie(errors, told):
    with pytest.raises(NotYet, match=told):
        check_errors(errors)
