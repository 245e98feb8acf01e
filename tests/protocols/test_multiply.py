"""Beaver's multiplication: right, in one round, with two elements, and masked."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import chi2

from mpclab.errors import InputError, MaterialError
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab
from mpclab.network.rounds import together
from mpclab.preprocessing.material import Triples
from mpclab.protocols.multiply import multiply
from mpclab.sharing import mac_holds, reconstruct


def product(lab, x, y):
    """Multiply god-given secrets; returns the shares of the result."""
    x, y = lab.god.share(x), lab.god.share(y)
    lab.preprocess([Triples(x[0].size)])
    return lab.each(multiply, x, y)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("p", [101, 2**31 - 1, MERSENNE_61])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0,)])
def test_products(n, p, shape):
    lab = Lab(n, modulus=p, seed=3)
    source = lab.source("test").stream()
    x, y = lab.field.uniform(source, shape), lab.field.uniform(source, shape)
    parts = product(lab, x, y)
    assert all(part.shape == shape for part in parts)
    expected = [int(a) * int(b) % p for a, b in zip(x.flat, y.flat, strict=True)]
    assert reconstruct(parts).ravel().tolist() == expected
    assert mac_holds(parts)


LABS = {p: Lab(3, modulus=p, seed=4) for p in (5, 101, MERSENNE_61)}


@settings(derandomize=True, max_examples=40)
@given(st.sampled_from(sorted(LABS)), st.data())
def test_products_of_extreme_values(p, data):
    element = st.one_of(st.sampled_from([0, 1, p - 1, p // 2]), st.integers(0, p - 1))
    pairs = data.draw(st.lists(st.tuples(element, element), min_size=1, max_size=4))
    x, y = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    parts = product(LABS[p], x, y)
    assert reconstruct(parts).tolist() == [a * b % p for a, b in pairs]
    assert mac_holds(parts)


def test_cost_is_one_round_and_two_elements_per_product():
    """58 bytes of header, the label "x - a, y - b" and "open", 2 and 10 for the shape, 8 each."""
    for n in (2, 3):
        lab = Lab(n, seed=1)
        product(lab, range(50), range(50))
        online = list(lab.transcript.select(phase="online"))
        assert lab.transcript.rounds(phase="online") == 1
        assert {r.bytes for r in online} == {58 + 13 + 5 + 2 + 10 + 100 * 8}
        assert {r.elements for r in online} == {100}
        assert len(online) == n * (n - 1)
        assert {r.step for r in online} == {"x - a, y - b"}


def test_what_is_opened_waits_for_the_check():
    lab = Lab(2, seed=1)
    lab.preprocess([Triples(3)])
    x, y = lab.god.share([1, 2, 3]), lab.god.share([4, 5, 6])
    session = lab.session()
    session.run("online", lambda p: multiply(p, x[p.index], y[p.index])).raise_failure()
    for party in session.parties:
        ((opened, mac),) = party.unchecked
        assert opened.shape == mac.shape == (6,)
        with pytest.raises(InputError, match="have not passed a MAC check"):
            party.require_checked("the product")


def test_what_is_opened_is_uniform_whatever_the_secrets_are():
    """d and e jointly, for x = y = 0 and for x = 1, y = 5, over F_11."""
    p, each = 11, 100
    for x, y in ((0, 0), (1, 5)):
        lab = Lab(2, modulus=p, seed=2)
        size = each * p * p
        lab.preprocess([Triples(size)])
        shares = lab.god.share(np.full(size, x)), lab.god.share(np.full(size, y))
        session = lab.session()
        session.run("online", lambda q, s=shares: multiply(q, s[0][q.index], s[1][q.index]))
        ((opened, _),) = session.parties[0].unchecked
        d, e = opened.astype(int).reshape(2, size)
        counts = np.bincount(p * d + e, minlength=p * p)
        assert np.sum((counts - each) ** 2 / each) < chi2.isf(1e-9, p * p - 1)


def test_products_compose():
    """x y z + x in two rounds; x^2 and y^2 side by side in one."""
    lab = Lab(3, modulus=101, seed=1)
    lab.preprocess([Triples(2)] * 4)

    async def protocol(party, x, y):
        square_x, square_y = await together(multiply(party, x, x), multiply(party, y, y))
        xy = await multiply(party, x, y)
        return square_x + square_y, await multiply(party, xy, square_x) - x * 3 + 7

    results = lab.each(protocol, lab.god.share([2, 50]), lab.god.share([3, -4]))
    first, second = zip(*results, strict=True)
    assert reconstruct(first).tolist() == [13, (2500 + 16) % 101]
    assert reconstruct(second).tolist() == [
        (6 * 4 - 6 + 7) % 101, (-200 * 2500 - 150 + 7) % 101
    ]
    assert mac_holds(first)
    assert mac_holds(second)
    assert lab.transcript.rounds(phase="online") == 3


def test_a_triple_serves_once():
    lab = Lab(2, seed=1)
    x = lab.god.share([1, 2])
    lab.preprocess([Triples(2)])
    lab.each(multiply, x, x)
    with pytest.raises(MaterialError, match=r"has no Triples\(count=2\) left: preprocess more"):
        lab.each(multiply, x, x)


def test_triples_of_another_count_do_not_serve():
    lab = Lab(2, seed=1)
    lab.preprocess([Triples(3)])
    x = lab.god.share([1, 2])
    with pytest.raises(MaterialError, match=r"Triples\(count=2\)"):
        lab.each(multiply, x, x)
    assert [s.pool.count(Triples(3)) for s in lab.servers] == [1, 1]


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1]), ([1], 1), ([[1, 2]], [1, 2])])
def test_different_shapes_get_a_sentence_and_take_nothing(x, y):
    lab = Lab(2, seed=1)
    lab.preprocess([Triples(2), Triples(1)])
    with pytest.raises(InputError, match=r"shapes .* and .* differ: multiply elements one to one"):
        lab.each(multiply, lab.god.share(x), lab.god.share(y))
    assert lab.servers[0].pool.count(Triples(2)) == lab.servers[0].pool.count(Triples(1)) == 1
