"""Sorting, maxima, matrix products, equality, choice: right, and one path for all inputs."""

import itertools

import numpy as np
import pytest

from mpclab import InputError, Lab
from mpclab.protocols import arithmetic
from mpclab.protocols.arithmetic import (
    MatrixTriples,
    argmax,
    equal,
    less,
    matmul,
    maximum,
    negative,
    product,
    sort,
    sorting_network,
    where,
)
from tests.cheating import Spy, uniform_in_field

LARGE = 2**61 - 1


def make(n=2, modulus=LARGE, comparison="tables", **options):
    return Lab(n, modulus=modulus, comparison=comparison, seed=n, network="ideal", contents=False,
               **options)


@pytest.fixture(scope="module", params=[2, 3])
def lab(request):
    return make(request.param)


def run(lab, protocol, *args):
    """The result of a protocol on secret arrays (lists and numbers stay public), as god sees it."""
    handles = [lab.god.secret(a) if isinstance(a, np.ndarray) else a for a in args]
    result = lab.run(protocol, *handles)
    assert lab.god.mac_holds(result)
    return lab.god.value(result)


# -- the sorting network ---------------------------------------------------------------------


@pytest.mark.parametrize("length", range(13))
def test_the_network_sorts_all_inputs(length):
    """The zero-one principle: what sorts all inputs of 0 and 1 sorts everything."""
    rows = np.array(list(itertools.product([0, 1], repeat=length)), np.int8)
    rows = rows.reshape(2**length, length)
    for layer in sorting_network(length):
        for i, j in layer:
            a, b = rows[:, i].copy(), rows[:, j].copy()
            rows[:, i], rows[:, j] = np.minimum(a, b), np.maximum(a, b)
    assert (np.diff(rows, axis=1) >= 0).all()


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 16, 33, 100])
def test_the_networks_layers_are_side_by_side(length):
    layers = sorting_network(length)
    for layer in layers:
        places = [k for pair in layer for k in pair]
        assert len(set(places)) == len(places)
        assert all(0 <= i < j < length for i, j in layer)
    depth = max(length - 1, 0).bit_length()
    assert len(layers) <= depth * (depth + 1) // 2


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_sort_of_all_bits(lab, length):
    rows = np.array(list(itertools.product([0, 1], repeat=length)))
    assert np.array_equal(run(lab, sort, rows), np.sort(rows))


def test_sort_of_numbers(lab):
    rng = np.random.default_rng(1)
    edges = [-(2**39), 2**39 - 1, 0, -1, 1, 2**39 - 1, -(2**39)]
    for x in (rng.integers(-5, 5, (3, 9)), rng.integers(-(2**39), 2**39, 11), np.array(edges),
              rng.integers(-5, 5, (2, 2, 3)), np.zeros(5, int), np.arange(8)[::-1].copy()):
        assert np.array_equal(run(lab, sort, x), np.sort(x, axis=-1))


def test_sort_leaves_its_input_as_it_was(lab):
    x = lab.god.secret([3, 1, 2])
    lab.run(sort, x)
    assert lab.god.value(x).tolist() == [3, 1, 2]


# -- maxima ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_maxima_of_all_small_rows_and_the_first_of_equal_ones(lab, length):
    rows = np.array(list(itertools.product([0, 1, 2] if length < 5 else [0, 1], repeat=length)))
    assert np.array_equal(run(lab, maximum, rows), rows.max(axis=1))
    assert np.array_equal(run(lab, argmax, rows), rows.argmax(axis=1))


def test_maxima_of_numbers(lab):
    rng = np.random.default_rng(2)
    for shape in ((13,), (1,), (2, 7), (2, 3, 4)):
        for most in (3, 2**39):
            x = rng.integers(-most, most, shape)
            assert np.array_equal(run(lab, maximum, x), x.max(axis=-1))
            assert np.array_equal(run(lab, argmax, x), x.argmax(axis=-1))


@pytest.mark.parametrize("protocol", [maximum, argmax])
def test_nothing_has_no_maximum(lab, protocol):
    with pytest.raises(InputError, match="an empty array has no largest entry"):
        lab.run(protocol, lab.god.secret(np.zeros((2, 0), int)))


# -- products, equality, choice -----------------------------------------------------------------


@pytest.mark.parametrize("modulus", [LARGE, 101, 2**31 - 1])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 4), (4, 1, 3), (1, 7, 1), (2, 0, 3)])
def test_matrix_products(modulus, sizes):
    m, k, columns = sizes
    rng = np.random.default_rng(3)
    for n in (2, 3):
        own = make(n, modulus)
        p = own.field.modulus
        a, b = rng.integers(0, p, (m, k)), rng.integers(0, p, (k, columns))
        wanted = (a.astype(object) @ b.astype(object)) % p if k else np.zeros((m, columns), int)
        found = own.field.array(run(own, matmul, a, b))
        assert found.tolist() == wanted.tolist()


def test_matrices_that_do_not_fit(lab):
    a, b = lab.god.secret(np.ones((2, 3), int)), lab.god.secret(np.ones((2, 3), int))
    with pytest.raises(InputError, match=r"shapes \(2, 3\) and \(2, 3\) have no product"):
        lab.run(matmul, a, b)


def test_the_matrix_triple_is_what_it_says(lab):
    spec = MatrixTriples(2, 3, 4)
    rng = np.random.default_rng(4)
    A, B = (rng.integers(0, 2**61 - 1, s).astype(np.uint64) for s in ((2, 3), (3, 4)))
    C = spec.derive(lab.field, {"A": A, "B": B}, None)["C"]
    assert C.tolist() == ((A.astype(object) @ B.astype(object)) % (2**61 - 1)).tolist()
    assert not spec.long_lived


def ways(n):
    return ["tables", "bits", "exact", *(["fss"] if n == 2 else [])]


@pytest.mark.parametrize(("n", "way"), [(n, w) for n in (2, 3) for w in ways(n)])
def test_equality_and_order_in_every_way(n, way):
    own = make(n, comparison=way)
    top = 2**39 - 1
    values = [-top - 1, -top, -2, -1, 0, 1, 2, top - 1, top]
    x, y = (np.array(v) for v in zip(*itertools.product(values, repeat=2), strict=True))
    assert np.array_equal(run(own, equal, x, y), (x == y).astype(int))
    assert np.array_equal(run(own, less, x, y), (x < y).astype(int))
    assert np.array_equal(run(own, equal, x, 2), (x == 2).astype(int))
    assert np.array_equal(run(own, less, x, y.tolist()), (x < y).astype(int))
    assert np.array_equal(run(own, negative, x), (x < 0).astype(int))


@pytest.mark.parametrize("modulus", [5, 7, 11, 13, 101, 1009])
def test_small_fields_compare_all_numbers(modulus):
    own = make(2, modulus)
    bits = own.settings.bits
    values = range(-(2 ** (bits - 1)), 2 ** (bits - 1))
    x, y = (np.array(v) for v in zip(*itertools.product(values, repeat=2), strict=True))
    x, y = x[:4096], y[:4096]
    assert np.array_equal(run(own, less, x, y), (x < y).astype(int))
    assert np.array_equal(run(own, equal, x, y), (x == y).astype(int))


def test_where_and_products_broadcast(lab):
    bits, x, y = np.array([[1], [0]]), np.array([1, 2, 3]), np.array([[-1], [-2]])
    assert np.array_equal(run(lab, where, bits, x, y), np.where(bits, x, y))
    assert np.array_equal(run(lab, where, bits, x, 9), np.where(bits, x, 9))
    assert np.array_equal(run(lab, where, bits, 8, 9), np.where(bits, 8, 9))
    assert np.array_equal(run(lab, where, np.array(1), x, 9), x)
    assert np.array_equal(run(lab, product, bits, x), bits * x)
    assert np.array_equal(run(lab, product, np.array(3), x), 3 * x)
    assert np.array_equal(run(lab, product, x, np.array([2])), 2 * x)


# -- what others see ----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tables", "bits", "exact"])
def test_the_path_and_what_is_opened_do_not_depend_on_the_input(way):
    """Openings are uniform for a sorted, a reversed and an all equal input; all have one length."""
    shapes = set()
    for x in (np.arange(200).reshape(-1, 4), np.arange(200)[::-1].reshape(-1, 4),
              np.zeros((50, 4), int)):
        own = make(3, comparison=way)
        spy = Spy(own)
        own.run(sort, own.god.secret(x))
        opened = [v for s, v in spy.opened() if s.startswith("sort")]
        shapes.add(tuple(v.shape for v in opened))
        assert uniform_in_field(np.concatenate([v.reshape(-1) for v in opened]), LARGE)
    assert len(shapes) == 1


def test_everything_is_exported():
    assert {"argmax", "equal", "less", "matmul", "maximum", "negative", "product", "sort",
            "where"} <= set(arithmetic.__all__)
