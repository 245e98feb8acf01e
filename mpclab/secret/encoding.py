"""Numbers of a program as integers of the field, and the error that teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError, MpclabError

if TYPE_CHECKING:
    from mpclab.party import Settings

__all__ = ["SecretError", "encode"]


class SecretError(MpclabError, TypeError):
    """This cannot be done with a secret without telling it."""


def encode(
    values: npt.ArrayLike, settings: Settings, fraction: int | None = None
) -> tuple[npt.NDArray[np.int64], int]:
    """Integers for the field, and how many of their bits stand behind the point.

    >>> from mpclab.party import Settings
    >>> encode([1.5, -0.25], Settings(fraction=2))
    (array([ 6, -1]), 2)
    >>> encode([[1, 2]], Settings())
    (array([[1, 2]]), 0)
    """
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise InputError(f"this cannot become an array of secrets: {error}") from None
    limit = 2 ** (settings.bits - 1)
    if raw.dtype.kind == "f":
        places = settings.fraction if fraction is None else fraction
        if not np.isfinite(raw).all():
            raise InputError(
                f"a value is {raw[~np.isfinite(raw)].flat[0]}: secrets are finite numbers"
            )
        scaled = np.rint(raw.astype(np.float64) * 2.0**places)
    elif raw.dtype.kind in "iub":
        places, scaled = fraction or 0, raw
        if places:
            scaled = raw.astype(np.float64) * 2.0**places
    elif raw.size == 0:
        return np.zeros(raw.shape, np.int64), fraction or 0
    elif raw.dtype.kind == "O" and all(isinstance(v, int) for v in raw.flat):
        worst = max(raw.flat, key=abs)
        raise InputError(
            f"the value {worst} does not fit into {settings.bits} bits: it must lie in "
            f"{-limit} .. {limit - 1}; give the lab more `bits`"
        )
    else:
        raise InputError(
            f"values of dtype {raw.dtype} cannot be secrets: take integers or floats"
        )
    if scaled.size and not (scaled.min() >= -limit and scaled.max() < limit):
        worst = raw.flat[int(np.argmax(np.abs(scaled.astype(np.float64))))]
        raise InputError(
            f"the value {worst} does not fit into {settings.bits} bits"
            + (f" with {places} behind the point" if places else "")
            + f": it must lie in {_limit(-limit, places)} .. {_limit(limit - 1, places)}; "
            "give the lab more `bits`"
        )
    return scaled.astype(np.int64), places


def _limit(value: int, places: int) -> str:
    return str(value) if not places else repr(value / 2**places)
