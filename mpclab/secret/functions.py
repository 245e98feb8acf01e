"""NumPy's functions for secrets: what `np.sum(x)`, `np.where(c, x, y)` and `x @ y` call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mpclab.errors import InputError
from mpclab.protocols import arithmetic
from mpclab.secret.array import SecretArray, checked_axis
from mpclab.secret.encoding import SecretError, encode
from mpclab.sharing import Share

__all__ = ["FUNCTIONS", "UFUNCS", "matmul", "where"]


def where(condition: Any, x: Any = None, y: Any = None) -> SecretArray:
    """x where the secret bits of `condition` are 1, else y: both are computed, bits choose."""
    if x is None or y is None:
        raise SecretError(
            "np.where(condition) tells the places where a secret condition holds, and so the "
            "secret: choose between two values, np.where(condition, x, y)"
        )
    if not isinstance(condition, SecretArray):
        anchor = x if isinstance(x, SecretArray) else y
        if not isinstance(anchor, SecretArray):
            raise SecretError("np.where takes three arguments here: a condition and two values")
        chosen = np.asarray(condition, bool)
        return (anchor - anchor) + x * chosen + y * ~chosen
    anchor = next((v for v in (x, y) if isinstance(v, SecretArray)), condition)
    difference = (anchor - anchor) + x - y
    return condition * difference + y


def matmul(x: Any, y: Any) -> SecretArray:
    """The matrix product of secrets, or of a secret and a public matrix."""
    secret = x if isinstance(x, SecretArray) else y
    lab = secret.lab
    if not isinstance(x, SecretArray) or not isinstance(y, SecretArray):
        return _public_matmul(x, y)
    if x.lab is not y.lab:
        raise InputError("these two secrets belong to different labs: their servers share nothing")
    a = x.reshape(1, -1) if x.ndim == 1 else x
    b = y.reshape(-1, 1) if y.ndim == 1 else y
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise InputError(f"shapes {x.shape} and {y.shape} have no matrix product")
    shape = x.shape[:-1] + y.shape[1:]
    out: SecretArray = lab.run(arithmetic.matmul, a, b)
    out.fraction = x.fraction + y.fraction
    out = out.reshape(*shape)
    return out._rounded(max(x.fraction, y.fraction)) if x.fraction and y.fraction else out


def _public_matmul(x: Any, y: Any) -> SecretArray:
    """A product of a secret and a public matrix: local, but for the rounding of floats."""
    secret_left = isinstance(x, SecretArray)
    secret = x if secret_left else y
    numbers, places = encode(y if secret_left else x, secret.lab.settings)
    probe = [np.empty(x.shape, np.bool_), np.empty(np.shape(y), np.bool_)]
    try:
        shape = (probe[0] @ probe[1]).shape
    except ValueError:
        raise InputError(
            f"shapes {np.shape(x)} and {np.shape(y)} have no matrix product"
        ) from None

    if max(np.ndim(numbers), secret.ndim) > 2:
        raise InputError(
            f"shapes {np.shape(x)} and {np.shape(y)}: a product of a secret and a public matrix "
            "takes two dimensions at most; reshape first"
        )

    def multiply(s: Share) -> Share:
        F = s.key.field
        public = F.array(numbers)
        parts = []
        for part in s.data:
            a, b = (part, public) if secret_left else (public, part)
            a = a.reshape(1, -1) if a.ndim == 1 else a
            b = b.reshape(-1, 1) if b.ndim == 1 else b
            parts.append(F.matmul_transposed(a, np.ascontiguousarray(b.T)).reshape(shape))
        return Share(np.stack(parts), s.key)

    fraction = secret.fraction + places
    out = secret.lab.local(multiply, secret, fraction=fraction)
    both = secret.fraction and places
    return out._rounded(max(secret.fraction, places)) if both else out


def _maximum(x: Any, y: Any) -> SecretArray:
    return where(x > y, x, y)


def _minimum(x: Any, y: Any) -> SecretArray:
    return where(x > y, y, x)


def _concatenate(arrays: Any, axis: int | None = 0) -> SecretArray:
    first = next(a for a in arrays if isinstance(a, SecretArray))
    fraction = max(
        a.fraction if isinstance(a, SecretArray) else encode(a, first.lab.settings)[1]
        for a in arrays
    )

    def shared(a: Any) -> SecretArray:
        if isinstance(a, SecretArray):
            return a._scaled(fraction)
        numbers, places = encode(a, first.lab.settings)
        scaled = numbers * 2 ** (fraction - places)
        return first.lab.local(lambda s: s.key.constant(scaled), first, fraction=fraction)

    if axis is None:
        arrays, axis = [a.reshape(-1) if hasattr(a, "reshape") else np.ravel(a) for a in arrays], 0
    secrets = [shared(a) for a in arrays]
    at = checked_axis(axis, first.ndim)
    return first.lab.local(
        lambda *s: Share(np.concatenate([x.data for x in s], axis=at + 1), s[0].key),
        *secrets,
        fraction=fraction,
    )


_Operation = Callable[..., Any]
UFUNCS: dict[str, _Operation] = {
    "add": lambda x, y: y.__radd__(x) if isinstance(y, SecretArray) else x + y,
    "subtract": lambda x, y: x - y if isinstance(x, SecretArray) else y.__rsub__(x),
    "multiply": lambda x, y: x * y if isinstance(x, SecretArray) else y * x,
    "matmul": matmul,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "absolute": abs,
    "square": lambda x: x * x,
    "power": lambda x, y: x**y if isinstance(x, SecretArray) else y.__rpow__(x),
    "divmod": divmod,
    "divide": lambda x, y: x / y if isinstance(x, SecretArray) else y.__rtruediv__(x),
    "floor_divide": lambda x, y: x // y if isinstance(x, SecretArray) else y.__rfloordiv__(x),
    "remainder": lambda x, y: x % y if isinstance(x, SecretArray) else y.__rmod__(x),
    "less": lambda x, y: x < y if isinstance(x, SecretArray) else y > x,
    "less_equal": lambda x, y: x <= y if isinstance(x, SecretArray) else y >= x,
    "greater": lambda x, y: x > y if isinstance(x, SecretArray) else y < x,
    "greater_equal": lambda x, y: x >= y if isinstance(x, SecretArray) else y <= x,
    "equal": lambda x, y: x == y if isinstance(x, SecretArray) else y == x,
    "not_equal": lambda x, y: x != y if isinstance(x, SecretArray) else y != x,
    "maximum": lambda x, y: _maximum(x, y) if isinstance(x, SecretArray) else _maximum(y, x),
    "minimum": lambda x, y: _minimum(x, y) if isinstance(x, SecretArray) else _minimum(y, x),
    "logical_and": lambda x, y: x & y if isinstance(x, SecretArray) else y & x,
    "logical_or": lambda x, y: x | y if isinstance(x, SecretArray) else y | x,
    "logical_not": lambda x: ~x,
    "bitwise_and": lambda x, y: x & y if isinstance(x, SecretArray) else y & x,
    "bitwise_or": lambda x, y: x | y if isinstance(x, SecretArray) else y | x,
    "bitwise_xor": lambda x, y: x ^ y if isinstance(x, SecretArray) else y ^ x,
    "invert": lambda x: ~x,
}
FUNCTIONS: dict[str, _Operation] = {
    "sum": lambda x, axis=None: x.sum(axis),
    "dot": matmul,
    "where": where,
    "mean": lambda x, axis=None: x.mean(axis),
    "var": lambda x, axis=None: x.var(axis),
    "max": lambda x, axis=None: x.max(axis),
    "amax": lambda x, axis=None: x.max(axis),
    "min": lambda x, axis=None: x.min(axis),
    "amin": lambda x, axis=None: x.min(axis),
    "argmax": lambda x, axis=None: x.argmax(axis),
    "argmin": lambda x, axis=None: x.argmin(axis),
    "sort": lambda x, axis=-1: x.sort(axis),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x: x.T,
    "concatenate": _concatenate,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
}
