"""Secure comparison: whether shared numbers are negative, as shared bits (DESIGN 3.6).

`comparison_material` says what a comparison of this many numbers of this many bits takes in a
field, and `is_negative` runs it. There are four ways, which differ in nothing but their cost and
the number of servers:

========== ========================================= =================== =============
method     way                                       rounds              servers
========== ========================================= =================== =============
`tables`   look-ups of digits                        2                   any
`bits`     subtraction by a tree of borrows          about log2(bits)    any
`fss`      distributed comparison function           1                   2
`exact`    lowest bit of 2 x, for any prime          about log2(log2 p)  any
========== ========================================= =================== =============

In fields of fewer than 2^12 elements, *tables* and *exact* are one table of all p elements, which
is exact in 1 round. To add a way of one's own, write a spec that offers what `ComparisonMaterial`
says; `is_negative` runs it. Very many numbers are compared in parts, in the same rounds: `InParts`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.party import Party
from mpclab.preprocessing.material import Spec
from mpclab.protocols.comparison import fss, full_table, in_parts, tables
from mpclab.protocols.comparison.bits import SignBits
from mpclab.protocols.comparison.exact import ExactBits
from mpclab.protocols.comparison.fss import SignKeys
from mpclab.protocols.comparison.full_table import FullTables
from mpclab.protocols.comparison.in_parts import InParts
from mpclab.protocols.comparison.tables import SignTables
from mpclab.sharing import Share

__all__ = [
    "METHODS",
    "ComparisonMaterial",
    "ExactBits",
    "FullTables",
    "InParts",
    "SignBits",
    "SignKeys",
    "SignTables",
    "comparison_material",
    "is_negative",
]

METHODS = ("tables", "bits", "fss", "exact")
"""The ways to compare, by name."""


class ComparisonMaterial(Spec, Protocol):
    """A spec of material for one comparison of `count` numbers, and the way that uses it."""

    @property
    def count(self) -> int:
        """How many numbers."""

    @property
    def rounds(self) -> int:
        """Rounds between servers."""

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong, at most, for numbers within the range."""

    def run(self, party: Party, x: Share) -> Coroutine[Any, Any, Share]:
        """The protocol: takes the material and returns shared bits [x < 0], whatever x is."""


def comparison_material(
    field: Field, count: int, bits: int, method: str = "tables", servers: int | None = None
) -> ComparisonMaterial:
    """What comparing `count` signed numbers of `bits` bits takes.

    Parameters
    ----------
    field : Field
    count, bits : int
        How many numbers, and of how many bits, sign included.
    method : str
        One of `METHODS`.
    servers : int or None
        How many servers will take part, if that is known: not all methods serve any number.

    Examples
    --------
    >>> comparison_material(Field(101), 10, 6)
    FullTables(count=10, modulus=101)
    >>> comparison_material(Field(), 10, 20)
    SignTables(count=10, bits=20)
    >>> comparison_material(Field(), 10, 20, "bits")
    SignBits(count=10, bits=20)
    >>> comparison_material(Field(), 10, 20, "fss", servers=3)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: function secret sharing compares between exactly 2 servers, and ...

    Raises
    ------
    InputError
        If there is no such method, or it does not serve so many servers; if the numbers do not
        fit into the field, or the answers would err too often in it.
    """
    if method not in METHODS:
        raise InputError(f"the comparison method {method!r} is unknown: take one of {METHODS}")
    if method == "fss" and servers is not None:
        fss.require_two(servers)
    if count < 1 or bits < 1:
        raise InputError(f"count is {count} and bits is {bits}: both must be at least 1")
    if 2 ** (bits - 1) > field.modulus // 2:
        raise InputError(
            f"{field} is too small to compare {bits}-bit numbers: take a prime above {2**bits}"
        )
    spec = _spec(field, count, bits, method)
    if spec.error(field) > tables.LARGEST_ERROR:
        raise InputError(
            f"in {field} a comparison of {bits}-bit numbers by {method!r} would err with "
            f"probability {spec.error(field):.2g}: take the method 'exact', or a larger prime, "
            "such as 2**61 - 1"
        )
    if count <= in_parts.AT_ONCE:
        return spec
    whole, rest = divmod(count, in_parts.AT_ONCE)
    counts = [in_parts.AT_ONCE] * whole + [rest] * (rest > 0)
    return InParts(tuple(_spec(field, part, bits, method) for part in counts))


def _spec(field: Field, count: int, bits: int, method: str) -> ComparisonMaterial:
    if field.modulus < full_table.LARGEST_MODULUS and method in ("tables", "exact"):
        return FullTables(count, field.modulus)
    if method == "exact":
        return ExactBits(count, field.modulus)
    ways: dict[str, Callable[[int, int], ComparisonMaterial]] = {
        "tables": SignTables, "bits": SignBits, "fss": SignKeys,
    }
    return ways[method](count, bits)


async def is_negative(party: Party, x: Share, material: ComparisonMaterial) -> Share:
    """Shared bits [x < 0], elementwise, for x of shape (count,); see the `run` of the material."""
    if x.shape != (material.count,):
        raise InputError(
            f"x has shape {x.shape}, and the material compares numbers of shape "
            f"{(material.count,)}: reshape x, or preprocess material for its size"
        )
    return await material.run(party, x)
