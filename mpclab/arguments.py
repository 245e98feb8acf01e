"""Arguments are looked at before anything happens, and what is wrong is told in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from mpclab.errors import InputError

__all__ = ["is_whole", "number", "several", "truth", "whole"]

T = TypeVar("T")


def is_whole(value: object) -> bool:
    """Whether `value` is an integer, of Python or NumPy, and no truth value.

    >>> is_whole(3), is_whole(np.int8(3)), is_whole(3.0), is_whole(True)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole(name: str, value: object, least: int = 0, most: int | None = None) -> int:
    """Return `value` as an int if it is an integer from `least` to `most`, else InputError.

    >>> whole("rows", np.int64(3))
    3
    >>> whole("rows", 1.5)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: rows is 1.5: it must be a whole number of at least 0
    >>> whole("dense", 30, 1, 20)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: dense is 30: it must be a whole number from 1 to 20
    """
    if is_whole(value):
        count = int(value)  # type: ignore[call-overload]
        if count >= least and (most is None or count <= most):
            return int(count)
    space = f"of at least {least}" if most is None else f"from {least:,} to {most:,}"
    raise InputError(f"{name} is {value!r}: it must be a whole number {space}")


def number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """Return `value` if it is a number from `low` to `high`, else InputError.

    >>> number("threshold", "a", -1, 1)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: threshold is 'a': it must be a number from -1 to 1
    """
    real = is_whole(value) or isinstance(value, float | np.floating)
    if real and low <= float(value) <= high:  # type: ignore[arg-type]
        return value  # type: ignore[return-value]  # an integer stays one, for messages to come
    space = "" if math.inf in (-low, high) else f" from {low:g} to {high:g}"
    raise InputError(f"{name} is {value!r}: it must be a number{space}")


def several(
    name: str, values: Any, kind: Callable[..., T], low: float = 0, *high: float
) -> list[T]:
    """Return a list of what are all of a `kind`, `whole` or `number`, from `low` to `high`.

    >>> several("queries", range(1, 4), whole, 1)
    [1, 2, 3]
    >>> several("queries", 3, whole)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: queries is 3: it must be a list of numbers
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | dict):
        raise InputError(f"{name} is {values!r}: it must be a list of numbers")
    return [kind(f"each of {name}", value, low, *high) for value in values]


def truth(name: str, value: object) -> bool:
    """Return `value` as a bool if it is a truth value, of Python or NumPy, else InputError.

    >>> truth("seeds", np.True_)
    True
    >>> truth("seeds", "no")
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: seeds is 'no': it must be True or False
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError(f"{name} is {value!r}: it must be True or False")
