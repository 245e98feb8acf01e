"""The checks of chapter 07 take any right answer, and explain a wrong one."""

from itertools import count

import numpy as np
import pytest

from mpclab.exercises import NotYet
from mpclab.exercises.recommendations import check_packing, check_plain, check_weighted

# -- packing ---------------------------------------------------------------------------------------


def packing(slot, order=1):
    def pack(ratings, users):
        return sum(r * slot(users) ** k for k, r in enumerate(ratings[::order]))

    def unpack(total, items, users):
        return [total // slot(users) ** k % slot(users) for k in range(items)][::order]

    return pack, unpack


RIGHT = packing(lambda n: 10 * n + 1)


def for_once():
    """An unpacking that knows each number once."""
    known = set()

    def unpack(total, items, users):
        sums = [0] * items if total in known else RIGHT[1](total, items, users)
        known.add(total)
        return sums

    return unpack


@pytest.mark.parametrize(
    ("slot", "order"),
    [(lambda n: 10 * n + 1, 1), (lambda n: 10 * n + 1, -1), (lambda n: 12 * n + 7, 1),
     (lambda n: 2 ** (10 * n).bit_length(), 1)],
)  # fmt: skip
def test_any_packing(slot, order):
    assert check_packing(*packing(slot, order))


def test_a_packing_with_shifts_and_numpy():
    def pack(ratings, users):
        total = 0
        for rating in ratings:
            total = total << (10 * users).bit_length() | rating
        return np.uint64(total)

    def unpack(total, items, users):
        bits = (10 * users).bit_length()
        return np.array([total >> bits * (items - 1 - k) & 2**bits - 1 for k in range(items)])

    assert check_packing(pack, unpack)


@pytest.mark.parametrize(
    ("pack", "unpack", "told"),
    [
        (*packing(lambda n: 10 * n), "both included"),
        (*packing(lambda n: 11), "5 users, each with"),
        (*packing(lambda n: n), "both included"),
        (*packing(lambda n: 10 * 10_000 + 1 + 2**22), "more than p"),
        (packing(lambda n: 10 * n + 1)[0], packing(lambda n: 10 * n + 1, -1)[1], "is reversed"),
        (packing(lambda n: 10 * n + 1)[0], lambda t, i, n: [t], "there are 3 items"),
        (lambda r, n: sum(r) / 7, lambda t, i, n: [t] * i, "a whole number"),
        (lambda r, n: r, lambda t, i, n: t, "pack must return one number, and not"),
        (lambda r, n: None, lambda t, i, n: t, r"it returns nothing for \[10, 10, 10\] .pack."),
        (packing(lambda n: 10 * n + 1)[0], lambda t, i, n: None, "it returns nothing for 5 users"),
        (packing(lambda n: 10 * n + 1)[0], lambda t, i, n: t, "a list of 3 sums"),
        (RIGHT[0], lambda t, i, n: [v + 1 for v in RIGHT[1](t, i, n)], "it must undo pack"),
        (RIGHT[0], lambda t, i, n: [v // n for v in RIGHT[1](t, i, n)], "it must undo pack"),
        (RIGHT[0], lambda t, i, n: [0] * i, "it must undo pack"),
        (RIGHT[0], lambda t, i, n: count(), "there are 3 items"),
        (lambda r, n: float("inf"), RIGHT[1], "pack must return one number"),
        (RIGHT[0], for_once(), "must be in the number"),
    ],
)
def test_what_is_no_packing(pack, unpack, told):
    with pytest.raises(NotYet, match=told):
        check_packing(pack, unpack)


# -- in the clear ----------------------------------------------------------------------------------


def plain(V, R, a, t, me, keep=False, strict=False, counted=None):
    near = V @ a > t if strict else V @ a >= t
    near[me] = near[me] and keep
    counts = (R[near] > 0).sum(axis=0) if counted is None else counted(R, near)
    return R[near].sum(axis=0), counts, near.sum()


def near(V, R, a, t, me, twin=True):
    """Who is not as similar as the requester; or not equal to it."""
    away = V @ a != a @ a if twin else (V - a).any(axis=1)
    return away[:, None]


def in_bytes(R, near):
    return near.astype(np.uint8) @ (R > 0).astype(np.uint8)


def test_any_recommendation_in_the_clear():
    assert check_plain(plain)

    def in_a_loop(V, R, a, t, me):
        sums, counts, L = [0] * R.shape[1], [0] * R.shape[1], 0
        for j in range(len(V)):
            if j == me or sum(int(x) * int(y) for x, y in zip(V[j], a, strict=True)) < t:
                continue
            L += 1
            for i, r in enumerate(R[j]):
                sums[i] += int(r)
                counts[i] += bool(r)
        return [sums, counts, L]

    assert check_plain(in_a_loop)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda *x: plain(*x, keep=True), "its own row"),
        (lambda *x: plain(*x, strict=True), ">= and not >"),
        (lambda *x: plain(*x, counted=lambda R, b: b.sum() + 0 * R[0]), "a 0 is no rating"),
        (lambda *x: plain(*x, counted=lambda R, b: b @ (R > 0)), "means `or`"),
        (lambda *x: (plain(*x)[0] / 2, *plain(*x)[1:]), "the sums must be"),
        (lambda *x: (plain(*x)[0] + 0.7, *plain(*x)[1:]), "the sums must be whole numbers"),
        (lambda *x: (plain(*x)[0], plain(*x)[1] + 0.3, plain(*x)[2]), "the counts must be whole"),
        (lambda *x: (*plain(*x)[:2], plain(*x)[2] + 0.9), "neighbours must be a whole number"),
        (lambda *x: (*plain(*x)[:2], float("inf")), "must be a whole number, and not inf"),
        (lambda *x: ([float("nan")] * 5, *plain(*x)[1:]), "the sums must be whole numbers"),
        (lambda *x: ([10**30] * 5, *plain(*x)[1:]), "the sums must be .*, not .1000000"),
        (lambda *x: (2 * plain(*x)[0], *plain(*x)[1:]), "the sums must be .*, not "),
        (lambda *x: plain(*x, keep=True, strict=True), "not >; and its own row"),
        (lambda V, *x: plain(np.where(near(V, *x, twin=False), V, -99 * x[1]), *x),
         "whose row equals that of the requester"),
        (lambda V, *x: plain(np.where(near(V, *x), V, -99 * x[1]), *x),
         "whose similarity equals that of"),
        (lambda V, *x: plain(V * np.sign(V @ x[1])[:, None], *x), "not .s."),
        (lambda V, R, a, t, me: plain(-V, R, a, 1 - t, me), "below the threshold"),
        (lambda V, R, a, t, me: plain(V, R, a, -(10**6), me), "these are all others"),
        (lambda *x: (*plain(*x)[:2], 3.7), "neighbours must be a whole number, and not 3.7"),
        (lambda *x: plain(*x)[0], "three things are wanted"),
        (lambda *x: None, "it returns nothing for 12 users"),
        (lambda V, R, a, t, me: plain(V, R.astype(np.uint8), a, t, me, counted=in_bytes),
         "numbers of 8 bits"),
        (lambda *x: (x[1], *plain(*x)[1:]), "there are 5 items"),
        (lambda *x: ("a", "b", "c"), "the sums must be whole numbers"),
        (lambda V, R, a, t, me: V @ R, "it stops for 12 users with ValueError"),
    ],
)
def test_what_is_no_recommendation(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_plain(wrong)


# -- a rule on secrets -----------------------------------------------------------------------------


def chosen(V, R, a, t):
    s = V @ a
    return np.where(s >= t, s, 0) @ R


def by_columns(V, R, a, t):
    s = np.sum(V * a, axis=1)
    return np.sum(((s >= t) * s).reshape(-1, 1) * R, axis=0)


def cast(V, R, a, t):
    s = V @ a
    return ((s >= t).astype(int) * s) @ R


async def asynchronous(V, R, a, t):
    return chosen(V, R, a, t)


@pytest.mark.parametrize("weighted", [chosen, by_columns, cast])
def test_any_weighted_rule(weighted):
    assert "any number of users" in check_weighted(weighted)


def reveals(V, R, a, t):
    s = (V @ a).reveal()
    return (s * (s >= t)) @ R


def tells_the_requester(V, R, a, t):
    s = V @ a
    s.reveal_to(V.lab.client("requester"))
    return ((s >= t) * s) @ R


def opens_bits(V, R, a, t):
    async def unmasked(party, x):
        opened = await party.open_masked(x, "b")  # no mask, and nothing public leaves
        return x * 0 + opened

    s = V @ a
    return (V.lab.run(unmasked, s >= t) * s) @ R


def as_god(V, R, a, t):
    V.lab.god.value(V)
    return chosen(V, R, a, t)


def during(program):
    """The right rule, and a program beside it."""

    def weighted(V, R, a, t):
        V.lab.run(program, (V @ a)[:4] if program is shifting else V @ a)
        return chosen(V, R, a, t)

    return weighted


async def shifting(party, s):
    await party.open_masked(s * party.field.array(1 << 45), "x")
    return s


async def opening(party, s):
    for k in range(len(s)):
        await party.open_masked(s[k : k + 1], "x")
    return s


async def telling(party, s):
    await party.broadcast("x", "peek", s.value)
    return s


shifted, one_at_a_time, broadcasts = map(during, (shifting, opening, telling))


def in_a_loop(V, R, a, t):
    total = R[0] * 0
    for j in range(len(V)):
        s = V[j] @ a
        total = total + (s >= t) * s * R[j]
    return total


def branches(V, R, a, t):
    return sum(R[j] for j in range(len(V)) if V[j] @ a >= t)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda V, R, a, t: (V @ a >= t) @ R, "the plain sums"),
        (lambda V, R, a, t: (V @ a) @ R, "counts everybody"),
        (lambda V, R, a, t: ((V @ a < t) * (V @ a)) @ R, "those below the threshold"),
        (lambda V, R, a, t: 2 * chosen(V, R, a, t), "it must be"),
        (lambda V, R, a, t: chosen(V, R, a, t)[:2], "there are 4 items"),
        (lambda V, R, a, t: 7, "returns int, not a secret"),
        (lambda V, R, a, t: None, "it returns nothing for 6 users"),
        (asynchronous, "a plain `def`, without `async`"),
        (lambda V, R, a, t: V @ R, "it stops for 6 users with InputError"),
        (reveals, "revealed on the way"),
        (tells_the_requester, "revealed on the way"),
        (opens_bits, "6 numbers opened without a mask, at the step 'b'"),
        (as_god, "nobody real can: do without"),
        (shifted, "4 numbers opened without a mask"),
        (one_at_a_time, "6 numbers opened without a mask"),
        (broadcasts, "without a mask, at the step 'x'"),
        (in_a_loop, "rounds for 6 users"),
        (branches, "it stops for 6 users with SecretError"),
    ],
)
def test_what_is_no_weighted_rule(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_weighted(wrong)


def test_a_strict_comparison_is_told_apart():
    with pytest.raises(NotYet, match=">= and not >"):
        check_weighted(lambda V, R, a, t: (((V @ a) > t) * (V @ a)) @ R)


def test_what_is_not_written_yet_says_so():
    def nothing(*args):
        raise NotYet("it is your turn")

    for check in (lambda: check_packing(nothing, nothing), lambda: check_plain(nothing),
                  lambda: check_weighted(nothing)):  # fmt: skip
        with pytest.raises(NotYet, match=r"^it is your turn"):
            check()


def test_what_is_not_written_yet_passes():
    def unwritten(*arguments):
        raise NotYet("write it here")

    pack, unpack = packing(lambda n: 10 * n + 1)
    for check in (check_plain, check_weighted, lambda f: check_packing(f, unpack),
                  lambda f: check_packing(pack, f)):  # fmt: skip
        with pytest.raises(NotYet, match=r"^write it here$"):
            check(unwritten)
