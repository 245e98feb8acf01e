"""The pool gives everything out once, in order, and never takes anything back."""

import pytest
from hypothesis import given, settings, strategies as st

from mpclab.errors import MaterialError
from mpclab.preprocessing.material import Triples, ZeroTest
from mpclab.preprocessing.pool import Pool


def filled(*specs):
    pool = Pool("server 7")
    for serial, spec in enumerate(specs):
        pool.put(serial, spec, {"serial": serial})
    return pool


def test_once_only():
    pool = filled(ZeroTest())
    assert pool.take(ZeroTest()) == (0, {"serial": 0})
    for _ in range(2):
        with pytest.raises(MaterialError, match=r"server 7 has no ZeroTest\(\) left"):
            pool.take(ZeroTest())


def test_nothing_comes_back():
    pool = filled("a", "a")
    serial, material = pool.take("a")
    with pytest.raises(MaterialError, match=r"bundle 0 came after bundle 1.*never twice"):
        pool.put(serial, "a", material)
    with pytest.raises(MaterialError, match="bundle 1 came after bundle 1"):
        pool.put(1, "b", {})
    with pytest.raises(MaterialError, match="bundle -1 came after bundle -1"):
        Pool("server 0").put(-1, "a", {})
    assert pool.count("a") == 1
    pool.put(5, "a", {})  # gaps are fine: other servers' specs may have failed
    assert pool.take("a")[0] == 1
    assert pool.take("a")[0] == 5


def test_specs_are_told_apart():
    pool = filled(Triples(3), Triples(4), Triples(3))
    assert (pool.count(Triples(3)), pool.count(Triples(4)), pool.count(Triples(5))) == (2, 1, 0)
    with pytest.raises(MaterialError):
        pool.take(Triples(5))
    assert pool.take(Triples(4))[0] == 1
    assert [pool.take(Triples(3))[0] for _ in range(2)] == [0, 2]


def test_require_takes_nothing():
    pool = filled("a", "b", "a")
    pool.require([])
    pool.require(["a", "b", "a"])
    with pytest.raises(MaterialError, match="server 7 has 2 of the 3 'a' that this takes"):
        pool.require(["a", "a", "b", "a"])
    with pytest.raises(MaterialError, match="server 7 has 0 of the 1 'c'"):
        pool.require(iter(["c"]))
    assert (pool.count("a"), pool.count("b")) == (2, 1)
    assert repr(pool) == "Pool(3 bundles)"
    assert repr(Pool("server 0")) == "Pool(0 bundles)"


def test_the_repr_tells_no_material():
    pool = Pool("server 0")
    pool.put(0, "a", {"r": "secret"})
    assert "secret" not in repr(pool) + str(pool)


@settings(derandomize=True, max_examples=80)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"))))
def test_any_history(moves):
    """Against a plain list: the oldest of a kind goes first, no serial goes twice."""
    pool, model, serial, seen = Pool("server 0"), [], 0, set()
    for put, spec in moves:
        if put:
            pool.put(serial, spec, {"x": serial})
            model.append((spec, serial))
            serial += 1
            continue
        expected = next((n for s, n in model if s == spec), None)
        if expected is None:
            with pytest.raises(MaterialError):
                pool.take(spec)
        else:
            model.remove((spec, expected))
            assert pool.take(spec) == (expected, {"x": expected})
            assert expected not in seen
            seen.add(expected)
        assert pool.count(spec) == sum(s == spec for s, _ in model)
