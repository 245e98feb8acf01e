"""Multiplication of shared values with Beaver triples (DESIGN 3.3; Beaver, CRYPTO 1991)."""

from __future__ import annotations

from mpclab.errors import InputError
from mpclab.party import Party
from mpclab.preprocessing.material import Triples
from mpclab.sharing import Share, concatenate

__all__ = ["multiply"]


async def multiply(party: Party, x: Share, y: Share) -> Share:
    """<x y>, elementwise, for secrets of one shape.

    1. take triples <a>, <b>, <c = a b>, as many as elements;
    2. open d = x - a and e = y - b in one round; both are masked by uniform values;
    3. <x y> = <c> + d <b> + e <a> + d e.

    Cost: 1 round; 2 elements per server and product; `Triples(x.size)`.
    """
    if x.shape != y.shape:
        raise InputError(f"shapes {x.shape} and {y.shape} differ: multiply elements one to one")
    triple = party.take(Triples(x.size))  # 1.
    a, b, c = (triple[name].reshape(*x.shape) for name in "abc")
    opened = await party.open_masked(concatenate([x - a, y - b]), "x - a, y - b")  # 2.
    d, e = opened.reshape(2, *x.shape)
    return c + b * d + a * e + party.field.mul(d, e)  # 3.
