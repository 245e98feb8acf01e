"""Declarations of material: what they hold, derived as Python computes it, equal by content."""

import numpy as np
import pytest

from mpclab.field import MERSENNE_61, Field
from mpclab.preprocessing.material import Entry, InputMasks, OutputMask, Triples, ZeroTest
from mpclab.randomness import Stream

SPECS = [Triples(4), Triples(1), Triples(0), ZeroTest(), InputMasks(3), InputMasks(3, 5),
         OutputMask(3), OutputMask(0)]


def drawn(spec, field, seed=0):
    stream = Stream(seed.to_bytes(32, "big"))
    return {e.name: field.uniform(stream, e.shape) for e in spec.layout() if e.uniform}


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_layout_is_complete(spec):
    """Uniform entries come first, names are unique, and what is not uniform is derived."""
    layout = spec.layout()
    assert [e.uniform for e in layout] == sorted((e.uniform for e in layout), reverse=True)
    assert len({e.name for e in layout}) == len(layout)
    field = Field(101)
    derived = spec.derive(field, drawn(spec, field), memory=None)
    assert set(derived) == {e.name for e in layout if not e.uniform}
    for entry in layout:
        if not entry.uniform:
            assert derived[entry.name].shape == entry.shape
            assert field.is_canonical(derived[entry.name])
    assert not spec.long_lived


@pytest.mark.parametrize("p", [101, 2**31 - 1, MERSENNE_61])
def test_products_are_those_of_python(p):
    field = Field(p)
    x = drawn(Triples(20), field)
    products = [int(a) * int(b) % p for a, b in zip(x["a"], x["b"], strict=True)]
    assert Triples(20).derive(field, x, None)["c"].tolist() == products
    x = drawn(ZeroTest(), field)
    assert ZeroTest().derive(field, x, None)["tu"].item() == x["t"].item() * x["u"].item() % p
    x = drawn(OutputMask(6), field)
    w = OutputMask(6).derive(field, x, None)["w"]
    assert w.tolist() == [int(r) * int(x["v"]) % p for r in x["r"]]
    assert InputMasks(3).derive(field, drawn(InputMasks(3), field), None) == {}


def test_shapes():
    assert Triples(7).layout()[2] == Entry("c", (7,))
    assert [e.shape for e in InputMasks(4, 9).layout()] == [(4, 9), (9,)]
    assert [e.shape for e in OutputMask(4).layout()] == [(5,), (), (5,)]  # with r_0
    assert [e.shape for e in ZeroTest().layout()] == [(1,)] * 3
    assert [e.shape for e in ZeroTest(count=5).layout()] == [(5,)] * 3


def test_what_is_authenticated():
    """A client's check of <r> needs MACs; zero tests and the client's own key v do not."""
    names = {
        type(s).__name__: {e.name for e in s.layout() if e.authenticated}
        for s in (Triples(1), ZeroTest(), InputMasks(1), OutputMask(1))
    }
    assert names == {
        "Triples": {"a", "b", "c"}, "ZeroTest": set(), "InputMasks": {"r", "r_0"},
        "OutputMask": {"r"},
    }


def test_specs_are_equal_by_content():
    assert Triples(3) == Triples(3)
    assert len({Triples(3), Triples(3), Triples(4), ZeroTest(), ZeroTest()}) == 3
    assert InputMasks(3) == InputMasks(3, 1)
    assert hash(Triples(np.int64(3))) == hash(Triples(3))
    with pytest.raises(AttributeError):
        Triples(3).count = 4
    assert repr(Triples(3)) == "Triples(count=3)"
