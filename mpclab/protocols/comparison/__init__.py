"""Secure comparison: whether shared numbers are negative, as shared bits (DESIGN 3.6).

`comparison_material` says what a comparison of this many numbers of this many bits takes in a
field, and `is_negative` runs it. Small fields use one table of all p elements, which is exact;
larger ones use tables of digits.
"""

from __future__ import annotations

from typing import Union

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.party import Party
from mpclab.protocols.comparison import full_table, tables
from mpclab.protocols.comparison.full_table import FullTables
from mpclab.protocols.comparison.tables import SignTables
from mpclab.sharing import Share

__all__ = ["FullTables", "SignTables", "comparison_material", "is_negative"]

ComparisonMaterial = Union[SignTables, FullTables]


def comparison_material(field: Field, count: int, bits: int) -> ComparisonMaterial:
    """What comparing `count` signed numbers of `bits` bits takes.

    >>> comparison_material(Field(101), 10, 6)
    FullTables(count=10, modulus=101)
    >>> comparison_material(Field(), 10, 20)
    SignTables(count=10, bits=20)

    Raises
    ------
    InputError
        If the numbers do not fit into the field, or the look-ups would err too often in it.
    """
    if 2 ** (bits - 1) > field.modulus // 2:
        raise InputError(
            f"{field} is too small to compare {bits}-bit numbers: take a prime above {2**bits}"
        )
    if field.modulus < full_table.LARGEST_MODULUS:
        return FullTables(count, field.modulus)
    spec = SignTables(count, bits)
    if spec.error(field) > tables.LARGEST_ERROR:
        raise InputError(
            f"in {field} a comparison of {bits}-bit numbers would err with probability "
            f"{spec.error(field):.2g}: take a prime below {full_table.LARGEST_MODULUS} (exact) or "
            "a larger one, such as 2**61 - 1"
        )
    return spec


async def is_negative(party: Party, x: Share, material: ComparisonMaterial) -> Share:
    """Shared bits [x < 0], elementwise, for x of shape (count,); see the two implementations."""
    if isinstance(material, FullTables):
        return await full_table.is_negative(party, x, material)
    return await tables.is_negative(party, x, material)
