"""The checks of chapter 04 take any right answer, and explain a wrong one."""

from dataclasses import dataclass

import numpy as np
import pytest

from mpclab import Entry, Material, multiply, reveal, together
from mpclab.exercises import NotYet
from mpclab.exercises.preprocessing import check_corrections, check_cube, check_cubes


def unwritten(*arguments):
    raise NotYet("nothing is written here yet")


# -- corrections -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "corrections",
    [
        lambda x, alpha, values, macs, p: ((x - sum(values)) % p, (alpha * x - sum(macs)) % p),
        lambda x, alpha, v, m, p: [(x + (p - 1) * sum(v)) % p, (alpha * x % p - sum(m)) % p],
    ],
)
def test_any_right_correction(corrections):
    assert check_corrections(corrections)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, alpha, v, m, p: (x, alpha * x % p), "is sent x itself"),
        (lambda x, alpha, v, m, p: ((sum(v) - x) % p, 0), "the sign is the other one"),
        (lambda x, alpha, v, m, p: (0, 0), "gets what is lacking"),
        (lambda x, alpha, v, m, p: ((x - sum(v)) % p, alpha * x % p), "drawn theirs already"),
        (lambda x, alpha, v, m, p: ((x - sum(v)) % p, (x - sum(m)) % p), "must sum to alpha x"),
        (
            lambda x, alpha, v, m, p: ((x - sum(v)) % p, (alpha * (x - sum(v)) - sum(m)) % p),
            "one of x, not of server 0's share",
        ),
        (
            lambda x, alpha, v, m, p: ((x - sum(v)) % p, alpha * (x - sum(v)) % p),
            "one of x, not of server 0's share",
        ),
        (
            lambda x, alpha, v, m, p: ((x - sum(v)) % p, (sum(m) - alpha * x) % p),
            "the MAC's sign is the other",
        ),
        (lambda x, alpha, v, m, p: ((x - sum(v)) % p, 0), "the MAC shares sum to"),
        (lambda x, alpha, v, m, p: (x - sum(v), alpha * x - sum(m)), "reduce it modulo p"),
        (lambda x, alpha, v, m, p: ((x - sum(v)) % p,), "it returns 1 number:"),
        (lambda x, alpha, v, m, p: x - sum(v), "return a share of x and one of alpha x"),
        (lambda x, alpha, v, m, p: None, "it returns nothing for 2 servers"),
        (unwritten, "^nothing is written here yet"),
        (lambda x, alpha, v, m, p: (1 / 0, 0), "it stops for 2 servers"),
        (lambda x: x, "it stops for 2 servers"),
        (7, "what is checked is a function"),
    ],
)
def test_what_is_no_correction(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_corrections(wrong)


# -- a declaration ---------------------------------------------------------------------------------


def declared(layout=None, derive=None):
    def right(self):
        shape = (self.count,)
        return Entry("a", shape, uniform=True), Entry("aa", shape), Entry("aaa", shape)

    def powers(self, field, uniform, memory):
        aa = field.mul(uniform["a"], uniform["a"])
        return {"aa": aa, "aaa": field.mul(aa, uniform["a"])}

    body = {"__annotations__": {"count": int}, "layout": layout or right,
            "derive": derive or powers}  # fmt: skip
    return dataclass(frozen=True)(type("Cubes", (Material,), body))


def test_any_declaration_of_cubes():
    assert check_cubes(declared())
    other = declared(
        lambda self: [
            Entry("a", (self.count,), uniform=True), Entry("aaa", (self.count,)),
            Entry("aa", (self.count,)),
        ]
    )  # fmt: skip
    assert check_cubes(other)


def entries(*each):
    return lambda self: tuple(Entry(name, (self.count,), **more) for name, more in each)


U = {"uniform": True}


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (entries(("a", U), ("aa", U), ("aaa", U)), "aa is declared uniform"),
        (entries(("a", {}), ("aa", {}), ("aaa", {})), "a is not declared uniform"),
        (entries(("a", U), ("b", {}), ("c", {})), "they are a, aa and aaa"),
        (entries(("a", U)), "they are a, aa and aaa"),
        (entries(("aa", {}), ("aaa", {}), ("a", U)), "the uniform one first"),
        (entries(("a", U), ("aa", {"authenticated": False}), ("aaa", {})), "without a MAC"),
        (lambda self: tuple(Entry(n, (3,), n == "a") for n in ("a", "aa", "aaa")), "shape"),
        (lambda self: tuple(Entry(n, self.count, n == "a") for n in ("a", "aa", "aaa")),
         "the shape 5"),
        (lambda self: Entry("a", (self.count,), uniform=True), "a tuple of three `Entry`"),
        (lambda self: None, "it returns nothing in `layout`"),
        (unwritten, "^nothing is written here yet"),
        (lambda self: 7, "a tuple of three `Entry`"),
        (lambda self: self.size, "it stops in `layout` with AttributeError"),
    ],
)  # fmt: skip
def test_what_is_no_layout(layout, told):
    with pytest.raises(NotYet, match=told):
        check_cubes(declared(layout))


def mul(field, a, *more):
    for b in more:
        a = field.mul(a, b)
    return a


@pytest.mark.parametrize(
    ("derive", "told"),
    [
        (lambda s, F, u, m: {"aa": u["a"] ** 2, "aaa": u["a"] ** 3}, "goes wrong at 2"),
        (lambda s, F, u, m: {"aa": u["a"] * u["a"] % np.uint64(F.modulus), "aaa": u["a"]},
         "goes wrong at 2"),
        (lambda s, F, u, m: {"aa": mul(F, u["a"], u["a"])}, "lacks 'aaa'"),
        (lambda s, F, u, m: {}, "lacks 'aa'"),
        (lambda s, F, u, m: None, "a `return` is missing"),
        (lambda s, F, u, m: {"aa": mul(F, u["a"], u["a"]), "aaa": mul(F, u["a"], u["a"])},
         r"returns as aaa a\^2"),
        (lambda s, F, u, m: {"aa": F.mul(u["a"], u["a"])[:2], "aaa": 0}, "of shape"),
        (lambda s, F, u, m: {"aa": u["aa"]}, "looks for 'aa' in `uniform`, which holds"),
        (lambda s, F, u, m: {"aa": F.add(u["a"], 1 / 0)}, "it stops in `derive` with ZeroDivision"),
        (lambda s, F, u, m: mul(F, u["a"], u["a"]), "return a dict with the plaintexts"),
        (unwritten, "^nothing is written here yet"),
        (lambda s, F, u, m: m.recall(3), "need nothing of earlier material"),
    ],
)  # fmt: skip
def test_what_is_no_derivation(derive, told):
    with pytest.raises(NotYet, match=told), np.errstate(over="ignore"):
        check_cubes(declared(derive=derive))


def test_what_has_no_place_in_a_pool():
    class Loose:
        def __init__(self, count):
            self.count = count

        layout, derive = declared().layout, declared().derive

    class Listed(list):
        def __init__(self, count):
            self.count = count

        layout = declared().layout

    with pytest.raises(NotYet, match="must equal Cubes"):
        check_cubes(Loose)
    with pytest.raises(NotYet, match="no place in a pool"):
        check_cubes(Listed)
    with pytest.raises(NotYet, match="what is checked is a function"):
        check_cubes(7)
    with pytest.raises(NotYet, match="what is checked is a function"):
        check_cubes(declared()(5))


# -- a program -------------------------------------------------------------------------------------

Cubes = declared()


async def cube(party, x):
    held = party.take(Cubes(x.size))
    d = await party.open_masked(x - held["a"], "x - a")
    dd = party.field.mul(d, d)
    return held["aaa"] + 3 * held["aa"] * d + 3 * held["a"] * dd + party.field.mul(dd, d)


async def two_masks(party, x):
    """A triple's a masks x as well; two openings in one round, of different shapes."""
    result, _ = await together(cube(party, x), multiply(party, x[:2], x[1:]))
    return result


def test_any_cube_in_one_round():
    assert check_cube(cube)
    assert check_cube(two_masks)


async def slow(party, x):
    return await multiply(party, await multiply(party, x, x), x)


async def bare(party, x):
    d = await party.open_masked(x, "x")
    return x * 0 + party.field.mul(party.field.mul(d, d), d)


async def without_threes(party, x):
    held = party.take(Cubes(x.size))
    d = await party.open_masked(x - held["a"], "x - a")
    dd = party.field.mul(d, d)
    return held["aaa"] + held["aa"] * d + held["a"] * dd + party.field.mul(dd, d)


async def square(party, x):
    return await multiply(party, x, x)


async def told_all(party, x):
    return await reveal(party, await cube(party, x))


async def no_await(party, x):
    return cube(party, x)


async def one_only(party, x):
    held = party.take(Cubes(1))
    d = await party.open_masked(x - held["a"], "x - a")
    return held["aaa"] + d


async def doubled_first(party, x):
    held = party.take(Cubes(x.size))
    d = await party.open_masked(x - held["a"], "x - a")
    dd = party.field.mul(d, d)
    return held["aaa"] + 3 * d * held["aa"] + 3 * dd * held["a"] + party.field.mul(dd, d)


async def no_await_at_the_opening(party, x):
    held = party.take(Cubes(x.size))
    d = party.open_masked(x - held["a"], "x - a")
    return held["aaa"] + 3 * held["aa"] * d


async def no_label(party, x):
    held = party.take(Cubes(x.size))
    return await party.open_masked(x - held["a"])


async def field_mul_of_a_share(party, x):
    held = party.take(Cubes(x.size))
    d = await party.open_masked(x - held["a"], "x - a")
    return held["aaa"] + party.field.mul(held["aa"], d)


async def unmade(party, x):
    return party.take(Cubes(x.size))["r"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (slow, "takes 2 rounds"),
        (bare, "were opened in the clear at the step 'bare/x': open x - a, which is uniform"),
        (without_threes, "has four terms"),
        (square, r"not x\^2"),
        (told_all, "returns ndarray, not a secret"),
        (no_await, "`await` is missing"),
        (unmade, "it stops with"),
        (lambda party, x: x, "it stops with"),
        (3, "what is checked is a function"),
        (doubled_first, "multiply the share first"),
        (no_await_at_the_opening, "an `await` is missing"),
        (no_label, "an opening takes a label"),
        (field_mul_of_a_share, "is for numbers that were opened"),
        (unwritten, "^nothing is written here yet"),
    ],
)
def test_what_is_no_cube(wrong, told):
    with pytest.raises(NotYet, match=told):
        check_cube(wrong)


def beside(extra):
    """A right cube that does something else in the same round."""

    async def also(party, x):
        result, _ = await together(cube(party, x), extra(party, x))
        return result

    return also


@pytest.mark.parametrize(
    ("extra", "step"),
    [
        (lambda party, x: party.open_masked(x + x, "y"), "also/y"),
        (lambda party, x: party.open_masked(x + 1000, "x - a"), "also/x - a"),
        (lambda party, x: party.open_masked(x[:1], "one"), "also/one"),
        (lambda party, x: party.broadcast("coins", "peek", x.value), "also/coins"),
    ],
)
def test_whatever_is_opened_without_a_mask_is_seen(extra, step):
    with pytest.raises(NotYet, match=f"opened in the clear at the step '{step}'"):
        check_cube(beside(extra))


def test_what_is_no_declaration_at_all():
    for wrong, told in (
        (lambda count: False, "it gives bool, which has no `layout`"),
        (lambda count: declared()(5 // (count - 6)), "it stops for count = 6"),
    ):
        with pytest.raises(NotYet, match=told):
            check_cubes(wrong)


def test_one_cube_for_many():
    with pytest.raises(NotYet):
        check_cube(one_only)
