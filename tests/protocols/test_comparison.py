"""Comparison: exhaustive in small fields, edges and random values in large ones, wild values.

The privacy of what it opens is tested in tests/recommender/test_privacy.py.
"""

import math

import numpy as np
import pytest

from mpclab.errors import Abort, InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.comparison import (
    FullTables,
    SignTables,
    comparison_material,
    is_negative,
    tables,
)
from mpclab.sharing import mac_holds, reconstruct
from tests.cheating import Cheat, Spy, install, random_zero_tests, value

MERSENNE_31, MERSENNE_61 = 2**31 - 1, 2**61 - 1
RANDOM_61 = 1823654103922170673  # a prime of 61 bits, far from a power of two


async def compared(party, x, material):
    """Compare, and check what was opened."""
    coin = await commit_coin(party)
    negative = await is_negative(party, x, material)
    await check_openings(party, coin)
    return negative


def compare(lab, x, spec, uniform=None):
    """The opened answers for plaintexts x, which must come out as authenticated bits."""
    install(lab, spec, uniform)
    random_zero_tests(lab, 1)
    parts = lab.each(lambda party, shares: compared(party, shares, spec), lab.god.share(x))
    assert mac_holds(parts)
    bits = reconstruct(parts)
    assert bits.shape == np.shape(x)
    assert bits.max() <= 1, "the answer must be a bit, whatever x is"
    return bits.astype(bool)


def signed(x, modulus):
    return np.where(np.asarray(x) > modulus // 2, np.asarray(x) - modulus, x)


# -- one table of all elements ------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("modulus", [5, 7, 11, 13, 101])
def test_full_tables_are_exact_for_every_x_and_every_mask(servers, modulus):
    """All p^2 pairs of x and r."""
    x, r = np.divmod(np.arange(modulus**2), modulus)
    lab = Lab(servers=servers, modulus=modulus, seed=1)
    spec = FullTables(modulus**2, modulus)
    found = compare(lab, x, spec, {"r": r.astype(np.uint64)})
    assert (found == (signed(x, modulus) < 0)).all()


def test_full_tables_in_their_largest_field():
    lab = Lab(servers=2, modulus=4093, seed=2)
    x = np.array([0, 1, 2046, 2047, 4092])
    assert compare(lab, x, FullTables(5, 4093)).tolist() == [False, False, False, True, True]


# -- tables of digits ---------------------------------------------------------------


def edges(bits, modulus, harmless):
    """In-range values at which something could go wrong; the very ends only if allowed."""
    top = 2 ** (bits - 1)
    near = [0, 1, 2, 3, top // 2 - 1, top // 2, top // 2 + 1, top - 3, top - 2]
    near += [2**i + d for i in range(bits - 1) for d in (-1, 0, 1)]
    near = [x for x in near if 0 <= x <= top - 2]
    ends = [] if harmless else [top - 1]
    values = near + ends + [-x for x in near + ends] + ([] if harmless else [-top])
    return np.unique([v for v in values if abs(v) <= modulus // 2])


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize(
    ("modulus", "bits"),
    [
        *[(MERSENNE_61, k) for k in (2, 3, 8, 19, 30)],
        *[(MERSENNE_31, k) for k in (2, 8, 19)],
        *[(RANDOM_61, k) for k in (2, 19, 30)],
    ],
)
def test_digit_tables_at_edges_and_at_random(servers, modulus, bits):
    """Errors are far below 2^-20 here, so every answer must be right."""
    lab = Lab(servers=servers, modulus=modulus, seed=bits)
    harmless = (modulus + 1) % 2**bits == 0
    rng = np.random.default_rng(bits)
    top = 2 ** (bits - 1)
    x = np.concatenate([edges(bits, modulus, harmless), rng.integers(-top + 2, top - 1, 200)])
    spec = comparison_material(lab.field, len(x), bits)
    assert isinstance(spec, SignTables)
    assert (compare(lab, x, spec) == (x < 0)).all()


@pytest.mark.parametrize("modulus", [MERSENNE_61, MERSENNE_31, RANDOM_61])
@pytest.mark.parametrize("bits", [2, 8, 19])
def test_a_wild_x_gives_a_bit(modulus, bits):
    """Any field element; `compare` asserts that the answer is 0 or 1, and authenticated."""
    lab = Lab(servers=2, modulus=modulus, seed=3)
    rng = np.random.default_rng(3)
    wild = [2**bits, 2 ** (bits + 3) - 1, modulus // 2, modulus // 2 + 1, modulus - 2**bits - 5]
    x = np.concatenate([wild, rng.integers(0, modulus, 300)]).astype(np.uint64)
    compare(lab, x, SignTables(len(x), bits))


@pytest.mark.parametrize(("modulus", "bits"), [(31, 2), (31, 3), (61, 3), (127, 4)])
def test_digit_tables_in_tiny_fields_err_as_documented(modulus, bits):
    """Exhaustive: every x in the field, every r, every r2: p^3 or a grid of it.

    Always bits; for x in range the share of wrong answers is at most `error` on the average
    over the masks, for every single x.
    """
    spec = SignTables(1, bits)
    step = 1 if modulus == 31 else 5
    x, r, r2 = (
        g.reshape(-1)
        for g in np.meshgrid(
            np.arange(modulus), np.arange(0, modulus), np.arange(0, modulus, step), indexing="ij"
        )
    )
    lab = Lab(servers=2, modulus=modulus, seed=4)
    spec = SignTables(len(x), bits)
    uniform = {"r": r.astype(np.uint64), "r2": r2.astype(np.uint64)}
    wrong = compare(lab, x, spec, uniform) != (signed(x, modulus) < 0)
    top = 2 ** (bits - 1)
    rates = {
        v: wrong[signed(x, modulus) == v].mean() for v in range(-top, top) if abs(v) <= modulus // 2
    }
    inner = {v: rate for v, rate in rates.items() if abs(v) < top - 1}
    bound = SignTables(1, bits).error(lab.field)
    grain = step / modulus
    if (modulus + 1) % 2**bits == 0:
        assert max(inner.values()) <= bound + grain
        assert bound < 1
        assert rates[top - 1] > 0  # one unit away from 0, top - 1 becomes -top: the known end
    else:
        assert max(rates.values()) <= bound + grain


def test_error_of_a_field_that_is_not_one_below_a_power_of_two():
    """p = 4253, k = 6: a wrap around p moves x by p mod 2^k = 29 towards 0 and past it.

    x = 28 wraps with probability 28 / p and then reads as -1; x = 30 wraps, too, and reads as 1.
    Over 40,000 trials each, within 5 standard deviations (false alarms below 1e-6).
    """
    modulus, bits, count = 4253, 6, 40_000
    assert modulus % 2**bits == 29
    lab = Lab(servers=2, modulus=modulus, seed=5)
    spec = SignTables(count, bits)
    second = 2.0 ** (spec.digits + 1) / modulus

    def around(rate):
        return 5 * math.sqrt(rate / count)

    for x in (-32, -28, -1, 0, 1, 28, 30, 31):
        wrong = int((compare(lab, np.full(count, x), spec) != (x < 0)).sum()) / count
        limit = spec.error(lab.field)
        assert wrong <= limit + around(limit), x
        if abs(x) == 28:
            first = 28 / modulus
            assert first - around(first) <= wrong <= first + second + around(first + second), x
        else:
            assert wrong <= abs(x) / modulus * (abs(x) < 29) + second + around(second), x


def test_error_bound_of_digit_tables():
    F = Field(MERSENNE_61)
    assert SignTables(1, 19).error(F) == pytest.approx(2.0**7 / MERSENNE_61)
    assert SignTables(1, 19).error(Field(RANDOM_61)) == pytest.approx(
        (2.0**19 + 2**7) / RANDOM_61
    )


# -- what it costs, and what it refuses ---------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize(
    ("modulus", "spec", "rounds"),
    [(101, FullTables(7, 101), 1), (MERSENNE_61, SignTables(7, 19), 2)],
)
def test_rounds_and_elements_are_as_documented(servers, modulus, spec, rounds):
    lab = Lab(servers=servers, modulus=modulus, seed=6)
    install(lab, spec)
    spy = Spy(lab, who=["server 0"])

    async def protocol(party, x):
        return await is_negative(party, x, spec)

    before = lab.transcript.rounds()
    lab.each(protocol, lab.god.share(np.arange(7)))
    assert lab.transcript.rounds() - before == rounds
    mine = [s for s in spy.seen if (s.sender, s.receiver) == ("server 0", "server 0")]
    assert [s.kind for s in mine] == ["open"] * rounds
    assert [s.parts[0].shape for s in mine] == [(7,)] * rounds


def test_material_that_fits():
    assert comparison_material(Field(101), 3, 6) == FullTables(3, 101)
    assert comparison_material(Field(4093), 3, 6) == FullTables(3, 4093)
    assert comparison_material(Field(MERSENNE_31), 3, 19) == SignTables(3, 19)
    with pytest.raises(InputError, match="too small to compare 8-bit"):
        comparison_material(Field(101), 3, 8)
    with pytest.raises(InputError, match="would err with probability"):
        comparison_material(Field(65537), 3, 8)
    with pytest.raises(InputError, match="would err with probability"):
        comparison_material(Field(2147483629), 3, 19)  # 31 bits, but not 2^31 - 1


@pytest.mark.parametrize("bits", range(2, 62))
def test_tables_have_the_fewest_entries(bits):
    spec = SignTables(1, bits)
    m, w = spec.digits, spec.width
    assert m * w >= bits - 1 > (m - 1) * w
    entries = m * 2**w + 2**m
    low = bits - 1
    for other in range(1, min(low, 12) + 1):
        digits = -(-low // other)
        assert entries <= digits * 2**other + 2**digits
    shapes = {e.name: e.shape for e in spec.layout()}
    assert shapes["signs"] == (1, m, 2**w)
    assert shapes["half"] == (1, 2**m)


@pytest.mark.parametrize("server", [0, 1, 2])
@pytest.mark.parametrize("step", ["x + r", "D + 2^m t + r2"])
def test_an_altered_opening_is_found_by_the_check(server, step):
    lab = Lab(servers=3, seed=7)
    spec = SignTables(4, 19)
    for at in range(4):
        install(lab, spec)
        random_zero_tests(lab, 1)
        Cheat(lab, f"server {server}", step, value(at=at, by=2**18))
        with pytest.raises(Abort):
            lab.each(lambda party, x: compared(party, x, spec), lab.god.share([1, -1, 2, -2]))


def test_altered_tables_are_found_by_the_check_of_what_comes_after():
    """A server may hold other shares of a table: the answer's MAC does not hold."""
    lab = Lab(servers=2, seed=8)
    spec = SignTables(50, 19)
    install(lab, spec)
    random_zero_tests(lab, 1)
    (bundle,) = lab.servers[1].pool._stock[spec]
    bundle[1]["half"].data[0] = lab.field.add(bundle[1]["half"].data[0], np.uint64(1))

    async def protocol(party, x):
        coin = await commit_coin(party)
        negative = await is_negative(party, x, spec)
        await party.open_masked(negative, "bits")  # for this test only: they are public
        await check_openings(party, coin)

    with pytest.raises(Abort, match="MAC check failed"):
        lab.each(protocol, lab.god.share(np.arange(50)))


def test_digits_cover_all_lower_bits():
    spec = SignTables(3, 20)
    x = np.array([0, 2**19 - 1, 0b1010_1100_1110_0001_011], np.uint64)
    digits = tables._digits(x, spec)
    weights = [2 ** (spec.width * i) for i in range(spec.digits)]
    total = digits.astype(object) @ np.array(weights, object)
    assert total.tolist() == [int(v) for v in x]
