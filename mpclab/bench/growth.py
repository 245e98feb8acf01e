"""How a time grows: the exponent of the power of users, items or servers that fits it best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mpclab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["exponent", "growth"]


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The k for which y = c x^k fits best, in logarithms (least squares): 1 is proportional.

    >>> round(exponent([1_000, 10_000, 100_000], [0.002, 0.02, 0.2]), 6)
    1.0
    """
    if len(x) != len(y) or len(set(x)) < 2 or min(x) <= 0 or min(y) <= 0:
        raise InputError(
            f"x is {list(x)} and y is {list(y)}: an exponent takes equally many positive numbers, "
            "at least two different x"
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(frame: pd.DataFrame, quantity: str = "online_seconds") -> pd.DataFrame:
    """The exponents in a table of `scale`: by what the quantity grows, all else being equal.

    One row per varied column ("users", "items", "servers") and setting of the others, with the
    smallest and largest value, how often the quantity at the largest is that at the smallest
    (`factor`), and the fitted `exponent`.
    """
    import pandas as pd

    names = ["users", "items", "servers"]
    rows = []
    for name in names:
        others = [other for other in names if other != name]
        for setting, part in frame.groupby(others):
            part = part.drop_duplicates(name).sort_values(name)
            if len(part) < 2:
                continue
            x, y = part[name].tolist(), part[quantity].tolist()
            rows.append(
                {
                    "varied": name,
                    **dict(zip(others, setting, strict=True)),
                    "from": x[0],
                    "to": x[-1],
                    "factor": y[-1] / y[0],
                    "exponent": exponent(x, y),
                }
            )
    columns = ["varied", *names, "from", "to", "factor", "exponent"]
    return pd.DataFrame(rows, columns=columns)
