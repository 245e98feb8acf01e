"""Exact division by a public divisor: every quotient, every wrap, at several moduli.

`install` (of cheating.py) makes material by hand, so that the masks r and r2 are what a test wants:
the sum X + r then wraps around p, or just does not, in every case of V2.
"""

import itertools

import numpy as np
import pytest

from mpclab import InputError, Lab
from mpclab.protocols.divide import DivisionTables, floor_divide
from mpclab.sharing import mac_holds, reconstruct
from tests.cheating import Spy, install, uniform_in_field

MERSENNE_31, MERSENNE_61 = 2**31 - 1, 2**61 - 1
OTHER_31, OTHER_61 = 2147483629, 1823654103922170673  # primes far from a power of two, or so
DIVISORS = [1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 31, 100, 127, 128, 129, 1000, 65536, 65537]


def divide(lab, x, divisor, bits, **uniform):
    """Quotients, with material whose masks are given, where they are."""
    x = np.asarray(x, np.int64)
    if divisor != 1:
        install(lab, DivisionTables(x.size, bits, divisor), uniform)
    parts = lab.each(
        lambda party, share: floor_divide(party, share, divisor, bits), lab.god.share(x)
    )
    assert mac_holds(parts)
    return lab.field.signed(reconstruct(parts))


def safe(lab, count, spec, seed=0):
    """Second masks r2 that V4 cannot wrap with, all residues among them."""
    width = 2 ** (spec.digits + 1)
    return (np.arange(count, dtype=np.uint64) % np.uint64(width)) + np.uint64(width)


@pytest.mark.parametrize("modulus", [MERSENNE_61, OTHER_61, MERSENNE_31, OTHER_31])
@pytest.mark.parametrize("n", [2, 3])
def test_every_number_of_six_bits_by_every_divisor(n, modulus):
    lab = Lab(n, modulus=modulus, seed=n, network="ideal", contents=False)
    x = np.arange(-31, 32)
    for divisor in DIVISORS:
        spec = DivisionTables(x.size, 6, divisor)
        found = divide(lab, x, divisor, 6, r2=safe(lab, x.size, spec))
        assert found.tolist() == (x // divisor).tolist(), divisor


@pytest.mark.parametrize(("modulus", "bits"), [(MERSENNE_61, 57), (MERSENNE_61, 40), (OTHER_61, 40),
                                               (MERSENNE_31, 20)])
def test_the_edges_of_the_range(modulus, bits):
    lab = Lab(modulus=modulus, seed=1, network="ideal", contents=False)
    top = 2 ** (bits - 1) - 1
    rng = np.random.default_rng(bits)
    for divisor in (1, 2, 3, 10, 2**10, 1009, 2 ** (bits - 2), top, top - 1, 2 ** (bits - 1)):
        multiples = [k * divisor + e for k in (-2, -1, 0, 1, 2) for e in (-1, 0, 1)]
        x = np.array([-top, top, *(v for v in multiples if abs(v) <= top),
                      *rng.integers(-top, top, 20)])
        spec = DivisionTables(x.size, bits, divisor)
        found = divide(lab, x, divisor, bits, r2=safe(lab, x.size, spec))
        assert found.tolist() == [int(v) // divisor for v in x], divisor


@pytest.mark.parametrize("modulus", [MERSENNE_31, OTHER_31, MERSENNE_61, OTHER_61])
@pytest.mark.parametrize("divisor", [2, 3, 7, 16, 100, 128, 300])
def test_whether_the_first_opening_wraps_or_not(modulus, divisor):
    """V2 at every boundary: r next to p, to p - X, to p - limit, to 0, and e next to limit."""
    bits, p = 8, modulus
    lab = Lab(modulus=p, seed=1, network="ideal", contents=False)
    spec = DivisionTables(1, bits, divisor)
    limit, shift = spec.limit, spec.offset * divisor
    cases = []
    for x in (-127, -100, -1, 0, 1, 64, 127):
        X = x + shift
        assert 0 <= X < limit
        near = [0, 1, p - 1, p - 2, p - X, p - X - 1, p - X + 1, p - limit, p - limit - 1,
                p - limit + 1, limit, limit - 1, limit - X, limit - X - 1, limit - X + 1, p // 2]
        cases += [(x, r % p) for r in near]
    x, r = (np.array(c) for c in zip(*cases, strict=True))
    wraps = (x + shift + r) >= p
    assert wraps.sum() > 15
    spec = DivisionTables(x.size, bits, divisor)
    found = divide(lab, x, divisor, bits, r=r.astype(np.uint64), r2=safe(lab, x.size, spec))
    assert found.tolist() == (x // divisor).tolist()


@pytest.mark.parametrize(("modulus", "divisor"), [(MERSENNE_61, 2**59), (MERSENNE_31, 2**29)])
def test_divisors_far_beyond_the_range(modulus, divisor):
    lab = Lab(modulus=modulus, seed=1, network="ideal", contents=False)
    x = np.tile([-5, 0, 5], 100)
    found = lab.god.value(lab.run(floor_divide, lab.god.secret(x), divisor, 6))
    assert np.array_equal(found, x // divisor)


def test_every_mask_that_can_wrap():
    """All r from p - limit - 2 to p - 1 and the first ones, for every number of 4 bits."""
    p, bits = MERSENNE_31, 4
    lab = Lab(modulus=p, seed=1, network="ideal", contents=False)
    for divisor in (2, 3, 5, 6, 8, 11):
        limit = DivisionTables(1, bits, divisor).limit
        masks = [*range(p - limit - 2, p), *range(limit + 2)]
        x, r = (np.array(c) for c in zip(*itertools.product(range(-7, 8), masks), strict=True))
        spec = DivisionTables(x.size, bits, divisor)
        found = divide(lab, x, divisor, bits, r=r.astype(np.uint64), r2=safe(lab, x.size, spec))
        assert found.tolist() == (x // divisor).tolist()


def test_every_residue_of_the_second_mask():
    lab = Lab(seed=1, network="ideal", contents=False)
    for divisor in (2, 3, 10, 1000):
        digits = DivisionTables(1, 10, divisor).digits
        x, r2 = (np.array(c) for c in zip(
            *itertools.product([-511, -10, -1, 0, 1, 9, 10, 511], range(2 ** (digits + 2))),
            strict=True))
        high = lab.field.modulus - 2 ** (digits + 3)
        for start in (2 ** (digits + 1), high):
            found = divide(lab, x, divisor, 10, r2=(r2 + start).astype(np.uint64))
            assert found.tolist() == (x // divisor).tolist()


def test_only_a_wrap_of_the_second_opening_errs():
    """V4: D + r2 wraps for |D| < 2^m and r2 next to p or 0; `error` bounds how often that is."""
    lab = Lab(seed=1, network="ideal", contents=False)
    p = lab.field.modulus
    spec = DivisionTables(4000, 10, 10)
    x = np.tile(np.arange(-200, 200), 10)
    wrong = divide(lab, x, 10, 10, r2=np.full(4000, p - 1, np.uint64)) != x // 10
    assert wrong.any()
    assert spec.error(lab.field) == 2 ** (spec.digits + 1) / p
    within = 2**spec.digits
    assert (divide(lab, x, 10, 10, r2=np.full(4000, p - within, np.uint64)) == x // 10).all()
    assert (divide(lab, x, 10, 10, r2=np.full(4000, within, np.uint64)) == x // 10).all()


@pytest.mark.parametrize("divisor", [2, 10, 65537])
def test_what_is_opened_is_uniform(divisor):
    """Also for numbers far out of range."""
    lab = Lab(3, seed=4)
    for x in (5, -(2**19), 2**60 - 1):
        spy = Spy(lab)
        divide_any(lab, np.full(3000, x), divisor)
        opened = spy.opened_by_label()
        for label in ("X + r", "D + r2"):
            assert uniform_in_field(opened[label], lab.field.modulus)


def divide_any(lab, x, divisor):
    install(lab, DivisionTables(x.size, 20, divisor))
    return lab.each(lambda party, s: floor_divide(party, s, divisor, 20), lab.god.share(x))


def test_shapes_and_cost():
    lab = Lab(3, seed=1)
    for shape in ((), (1,), (2, 3), (0,), (2, 0)):
        x = np.full(shape, -7)
        found = divide(lab, x.reshape(-1), 2, 8)
        assert found.tolist() == [-4] * x.size
        y = lab.run(floor_divide, lab.god.secret(x), 2, 8)
        assert y.shape == shape
        assert np.array_equal(y.reveal(), x // 2)
    rounds = lab.transcript.rounds()
    x = lab.god.secret([5, 6])
    y = lab.run(floor_divide, x, 1, 40)
    assert lab.transcript.rounds() == rounds
    assert y.reveal().tolist() == [5, 6]


@pytest.mark.parametrize(
    ("divisor", "bits", "modulus", "sentence"),
    [
        (0, 20, MERSENNE_61, "the divisor is 0: it must be a positive integer"),
        (-3, 20, MERSENNE_61, "the divisor is -3"),
        (3, 60, MERSENNE_61, "too small to divide 60-bit numbers by 3"),
        (2**60, 20, MERSENNE_61, "too small to divide"),
        (3, 8, 101, "too small to divide 8-bit numbers by 3"),
        (3, 8, 65537, "too small to divide"),
        (3, 30, MERSENNE_31, "too small to divide 30-bit numbers by 3"),
    ],
)
def test_what_does_not_fit_is_told(divisor, bits, modulus, sentence):
    lab = Lab(modulus=modulus, seed=1)
    with pytest.raises(InputError, match=sentence):
        lab.each(lambda party, x: floor_divide(party, x, divisor, bits), lab.god.share([1]))


@pytest.mark.parametrize("divisor", [*range(2, 70), 127, 128, 1000, 4095, 4096, 4097, 10**6, 2**57])
def test_tables_have_the_fewest_entries_and_hold_the_divisor(divisor):
    spec = DivisionTables(1, 57, divisor)
    low = (divisor - 1).bit_length()
    assert spec.width * spec.digits >= low
    assert 1 <= spec.width <= 12
    entries = sum(int(np.prod(e.shape[1:])) for e in spec.layout()[3:])
    for width in range(1, min(low, 12) + 1):
        digits = -(-low // width)
        assert entries <= 2 * digits * 2**width + 2 ** (digits + 1)
    assert spec.offset * divisor >= 2**56
    assert (spec.offset - 1) * divisor < 2**56
