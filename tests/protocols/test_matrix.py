"""Products with a masked matrix: right, authenticated, and with rows that cancel."""

import numpy as np
import pytest

from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.protocols.matrix import MaskedMatrix
from mpclab.sharing import mac_holds, reconstruct, share_out
from tests.cheating import Spy


class Masked:
    """V masked once by a random B, at all servers; and a prepared product with V."""

    def __init__(self, servers, modulus, shape, seed=1):
        self.lab = Lab(servers=servers, modulus=modulus, seed=seed)
        self.F: Field = self.lab.field
        self.stream = self.lab.dealer._source.stream()
        self.keys = [s.key for s in self.lab.servers]
        self.V, self.B = self.F.uniform(self.stream, (2, *shape))
        self.matrices = [MaskedMatrix(b) for b in share_out(self.B, self.keys, self.stream)]

    def upload(self, index):
        for matrix in self.matrices:
            matrix.add_masked(index, self.F.sub(self.V, self.B)[index])

    def product(self, x):
        """<V x>, from fresh <d> and <B d>, with f = x - d public."""
        F = self.F
        d = F.uniform(self.stream, x.shape)
        c = F.matmul_transposed(self.B, d[None, :])[:, 0]
        ds, cs = (share_out(v, self.keys, self.stream) for v in (d, c))
        ready = [m.prepare(a, b) for m, a, b in zip(self.matrices, ds, cs, strict=True)]
        f = F.sub(x, d)
        return [m.product(f, r) for m, r in zip(self.matrices, ready, strict=True)]


def in_the_clear(F, V, x):
    """V x mod p with Python's integers."""
    return [sum(int(a) * int(b) for a, b in zip(row, x, strict=True)) % F.modulus for row in V]


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("modulus", [5, 101, 2**31 - 1, 2**61 - 1])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (2, 130)])
def test_product_with_a_public_and_a_wild_vector(servers, modulus, shape):
    masked = Masked(servers, modulus, shape)
    masked.upload((slice(None),))
    for x in (masked.F.uniform(masked.stream, shape[1:]), masked.F.array([-1] * shape[1])):
        parts = masked.product(x)
        assert mac_holds(parts)
        assert reconstruct(parts).tolist() == in_the_clear(masked.F, masked.V, x)


def test_a_product_sends_nothing_by_itself():
    masked = Masked(2, 2**61 - 1, (3, 4))
    spy = Spy(masked.lab)
    masked.upload((slice(None),))
    masked.product(masked.F.zeros(4))
    assert not spy.seen
    assert len(masked.lab.transcript) == 0


def test_rows_that_nobody_uploaded_stay_masks():
    """They cancel where x is 0, in a product along them; and in one across them are random."""
    masked = Masked(3, 2**61 - 1, (4, 6))
    there = np.array([0, 3])
    for k in range(4):
        masked.upload((k, there))
    x = masked.F.zeros(6)
    x[there] = [5, 7]
    parts = masked.product(x)
    assert mac_holds(parts)
    assert reconstruct(parts).tolist() == in_the_clear(masked.F, masked.V[:, there], x[there])

    masked = Masked(3, 2**61 - 1, (6, 4))
    masked.upload((there,))
    x = masked.F.uniform(masked.stream, 4)
    found = reconstruct(masked.product(x)).tolist()
    right = in_the_clear(masked.F, masked.V, x)
    assert [found[j] == right[j] for j in range(6)] == [True, False, False, True, False, False]


def test_columns_may_be_added_by_slice_and_array():
    masked = Masked(2, 101, (4, 6))
    masked.upload((slice(None), np.arange(6)))
    x = masked.F.array([1, 2, 3, 4, 5, 6])
    assert reconstruct(masked.product(x)).tolist() == in_the_clear(masked.F, masked.V, x)


def test_piece_by_piece_is_the_same_as_at_once():
    one, two = (Masked(2, 101, (5, 4), seed=2) for _ in range(2))
    one.upload((slice(None),))
    for j in (3, 0, 4, 1, 2):
        two.upload((np.array([j]),))
    x = one.F.array([1, 2, 3, 100])
    assert reconstruct(one.product(x)).tolist() == reconstruct(two.product(x)).tolist()
    for a, b in zip(one.matrices, two.matrices, strict=True):
        assert (a.share.data == b.share.data).all()
        assert (a.masked == b.masked).all()


def test_a_false_vector_or_a_false_mask_is_seen_by_the_macs():
    """What the MAC check of the opened f relies on: a server with another f breaks the MAC."""
    masked = Masked(2, 2**61 - 1, (3, 4))
    masked.upload((slice(None),))
    F = masked.F
    d, c = (share_out(F.zeros(k), masked.keys, masked.stream) for k in (4, 3))
    ready = [m.prepare(a, b) for m, a, b in zip(masked.matrices, d, c, strict=True)]
    f, g = F.array([1, 2, 3, 4]), F.array([1, 2, 3, 5])
    assert mac_holds([m.product(f, r) for m, r in zip(masked.matrices, ready, strict=True)])
    assert not mac_holds(
        [m.product(v, r) for m, r, v in zip(masked.matrices, ready, (f, g), strict=True)]
    )
    masked.matrices[1].add_masked((slice(0, 1),), F.array([[1, 0, 0, 0]]))
    assert not mac_holds([m.product(f, r) for m, r in zip(masked.matrices, ready, strict=True)])


def test_contents_are_hidden():
    assert "hidden" in repr(Masked(2, 101, (2, 2)).matrices[0])
