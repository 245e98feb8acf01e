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
        (lambda r, m, a, d, i, p: r + d, "two whole numbers, the server's share"),
        (lambda r, m, a, d, i, p: None, "it returns nothing for n = 2 and p = .*`return`"),
        (lambda r, m, a, d, i, p: ("r", "m"), "two whole numbers, the server's share"),
        (lambda r, m, a, d, i, p: (r,), "returns 1 number: "),
        (lambda r, m, a, d, i, p: (r / 0, m), "it stops for n = 2"),
        (lambda r, m: (r, m), "it stops for n = 2"),
        (lambda r, m, a, d, i, p: (r + (not i) * d + 0.3, m + a * d), "two whole numbers"),
        (lambda r, m, a, d, i, p: (float("inf"), m), "two whole numbers"),
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


def summed(messages, p):
    """Tests the sum of all w_k against v times the sum of all r_k."""
    w, v, r = (sum(sums(messages, 3, p)), sum(m[2] for m in messages), sum(sums(messages, 1, p)))
    if (w - v * r) % p or any(m[0] != messages[0][0] for m in messages):
        return None
    return take(messages, p, last=0)


def sums_alike(messages):
    return len({sum(m[0]) for m in messages}) == 1 if len(messages[0][0]) > 1 else all(
        m[0] == messages[0][0] for m in messages
    )


def as_one(messages, p):
    first = messages[0][0]
    return [sum(z) % p for z in zip(*(m[0] for m in messages), strict=True)] == [
        len(messages) * z % p for z in first
    ]


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
        (lambda m, p: 5, "it returns 5: return a list of whole numbers, or None"),
        (None, "what is checked is a function"),
        (lambda m, p: m["z"], "it stops for 2 servers"),
        (lambda m: m, "it stops for 2 servers"),
        (lambda m, p: [y + 0.2 for y in take(m, p)], "a list of whole numbers"),
        (lambda m, p: summed(m, p), "for every k by itself"),
        (lambda m, p: take(m, p, copies=False) if sums_alike(m) else None, "entry by entry"),
        (lambda m, p: take(m, p, copies=False) if as_one(m, p) else None, "entry by entry"),
        (lambda m, p: take(m, p, copies=False) if m[0][0] == m[1][0] else None, "all copies"),
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
        (lambda n, p: product(range(n), p)[:-1], "returns 1 number: "),
        (lambda n, p: product([1] * n, p), "different roots"),
        (lambda n, p: list(range(1, n + 1)), "there are L [+] 1 masks"),
        (lambda n, p: None, "it returns nothing for L = 1"),
        (lambda n, p: 7, "return a list of 2 whole numbers"),
        (lambda n, p: [c + 0.4 for c in product(range(n), p)], "return a list of 2 whole"),
        (lambda n, p: product([0] * n, p), "of the 101 values of chi lets it pass"),
        (lambda n, p: n / 0, "it stops for L = 1"),
        (lambda n: [1], "it stops for L = 1"),
    ],
)
def test_what_is_not_the_best_lie(errors, told):
    with pytest.raises(NotYet, match=told):
        check_errors(errors)


def test_what_is_not_written_yet_passes():
    def unwritten(*arguments):
        raise NotYet("write it here")

    for check in (check_store, check_take, check_errors):
        with pytest.raises(NotYet, match=r"^write it here$"):
            check(unwritten)


def test_arguments_can_be_named_as_the_text_names_them():
    def store(share_i, mac_i, alpha_i, d, i, p):
        return (share_i + (d if i == 0 else 0)) % p, (mac_i + alpha_i * d) % p

    assert check_store(store)
