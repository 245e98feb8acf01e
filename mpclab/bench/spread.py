"""The median of several runs, and its spread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mpclab.errors import InputError

__all__ = ["Summary", "middle", "summary"]


class Summary(NamedTuple):
    """The median of some values, their quartiles, and how many they are."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> list[float]:
        """The lower and the upper quartile."""
        return [self.low, self.high]


def summary(values: Iterable[float]) -> Summary:
    """Median and quartiles of the values of all runs that count (not those that warmed up).

    Quartiles lie on the line between neighbouring values, as NumPy's do.

    >>> summary([5, 1, 2, 4, 3])
    Summary(median=3.0, low=2.0, high=4.0, runs=5)
    >>> summary([])
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: there are no values: a median takes at least one run
    """
    array = np.array(list(values), float)
    if not array.size:
        raise InputError("there are no values: a median takes at least one run")
    low, median, high = np.percentile(array, [25, 50, 75])
    return Summary(float(median), float(low), float(high), array.size)


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """The parts of the run whose sum is the median; the mean of two for an even number.

    >>> middle([{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 9.0, "b": 9.0}])
    {'a': 3.0, 'b': 1.0}
    """
    if not runs:
        raise InputError("there are no runs to take the middle of")
    ordered = sorted(runs, key=lambda parts: sum(parts.values()))
    chosen = ordered[(len(runs) - 1) // 2 : len(runs) // 2 + 1]
    return {name: sum(parts[name] for parts in chosen) / len(chosen) for name in chosen[0]}
