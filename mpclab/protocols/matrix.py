"""Products with a secret matrix that was masked once (DESIGN 3.4).

A client's upload makes E = V - B public to the servers, where <B> is preprocessed. For a product
with any vector x, given a preprocessed fresh <d> and <c> = <B d>, and f = x - d opened:

    <V x> = <V> f + E <d> + <c>.

Only f travels: the length of the vector, never the size of the matrix. E <d> + <c> does not depend
on x and is computed in *prepare*. It does not matter who masked x: for x = b of the servers, f is
opened between them; for a client's query x = a, the client sends f = a - rho, with d = rho.

Storage: the rows of V are read from end to end and hold what is summed over, so that a product is
one pass at memory speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpclab.field import Elements
from mpclab.sharing import Share

__all__ = ["MaskedMatrix"]


class MaskedMatrix:
    """What one server holds of a secret matrix V of shape (outputs, inner): <V> and E.

    It starts as V = B and E = 0: entries that nobody uploads stay random masks.

    Parameters
    ----------
    masks : Share
        This server's part of <B>, of shape (outputs, inner); it becomes <V> in place.
    """

    def __init__(self, masks: Share) -> None:
        self._share = masks
        self._masked = np.zeros(masks.shape, np.uint64)

    @property
    def share(self) -> Share:
        """<V>."""
        return self._share

    @property
    def masked(self) -> Elements:
        """E, which every server knows."""
        return self._masked

    def __repr__(self) -> str:
        return f"MaskedMatrix(shape {self.share.shape}, contents hidden)"

    def add_masked(self, index: tuple[Any, ...], masked: Elements) -> None:
        """Add public E = x - B at an index: then <V> is <x> there. Once per entry, ever."""
        share = self.share
        self.masked[index] = masked
        key, data = share.key, share.data
        F = key.field
        value, mac = data  # views: an index into data itself could reorder the axes
        if key.index == 0:
            value[index] = F.add(value[index], masked)
        mac[index] = F.add(mac[index], F.mul(masked, key.alpha))

    def take_back(self, index: tuple[Any, ...]) -> None:
        """Undo `add_masked`: <V> is the mask <B> again, which never serves anything more."""
        self.add_masked(index, self.share.key.field.neg(self.masked[index]))
        self.masked[index] = 0

    def prepare(self, d: Share, c: Share) -> Share:
        """E <d> + <c>: the part of a product that does not depend on the vector."""
        F = self.share.key.field
        product = F.matmul_transposed(d.data, self.masked)
        return Share(F.add(product, c.data), d.key)

    def public_product(self, f: Elements) -> Elements:
        """E f, which every server knows, for f of shape (inner,) or for each row of (Q, inner)."""
        product = self.share.key.field.matmul_transposed(self.masked, np.atleast_2d(f))
        return product.T.reshape(*f.shape[:-1], -1)

    def product(self, f: Elements, prepared: Share) -> Share:
        """<V> f + prepared, of shape (outputs,): one pass over shares and MACs.

        For Q vectors f of shape (Q, inner), with `prepared` (Q, outputs), it is the same pass.
        """
        share = self.share
        F, data = share.key.field, share.data
        flat = F.matmul_transposed(data.reshape(-1, data.shape[2]), np.atleast_2d(f))
        product = flat.reshape(2, data.shape[1], -1).swapaxes(1, 2)
        return Share(F.add(product.reshape(prepared.data.shape), prepared.data), prepared.key)
