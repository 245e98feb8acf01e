"""What is computed in a measurement: two named workloads.

*anchors* is what other systems were given: similarities of entries 0 .. 255 at random, ratings
0 .. 5, and as the result T (the neighbours' sums) and L (how many they are) alone. Its vectors are
not of unit length, so there is nothing to prove about them at upload. *recommender* is the
recommender as people use it: synthetic ratings in half stars, counts beside the sums, uploads
validated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpclab.datasets import synthetic
from mpclab.errors import InputError
from mpclab.recommender import MIN_DENSE, THRESHOLD, Parameters
from mpclab.recommender.encoding import dense_vectors

__all__ = ["WORKLOADS", "Inputs", "Workload", "workload"]

Ints = npt.NDArray[np.int64]

_NEAR = 0.1  # the part of users that are neighbours, in "anchors"


@dataclass(frozen=True)
class Inputs:
    """Everybody's inputs to one measurement.

    Attributes
    ----------
    dense : array of shape (N, S), int64
        The vectors that similarities are computed of.
    ratings : array of shape (N, M - S), uint8
        What is added up.
    query : array of shape (S,), int64
        The requester's vector.
    threshold : int
        The least similarity of a neighbour.
    user : int
        The requester's own row, which is left out; -1: it has none.
    """

    dense: Ints
    ratings: npt.NDArray[np.uint8]
    query: Ints
    threshold: int
    user: int = -1

    def __repr__(self) -> str:
        return f"Inputs({len(self.dense):,} users, {self.ratings.shape[1]:,} scored items)"

    def neighbours(self) -> Ints:
        """b (N,): 1 for every user who is similar enough, in the clear."""
        near = (self.dense @ self.query >= self.threshold).astype(np.int64)
        if self.user >= 0:
            near[self.user] = 0
        return near


@dataclass(frozen=True)
class Workload:
    """A named workload: its parameters for a size, and inputs of that size.

    >>> workload("anchors").parameters(10_000, 1_000).packing.slots
    3
    >>> workload("recommender").parameters(10_000, 1_000).packing.slots
    2
    """

    name: str
    what: str
    _parameters: Callable[[int, int, int], Parameters]
    _draw: Callable[[Parameters, int], Inputs]

    def __repr__(self) -> str:
        return f"Workload({self.name!r}: {self.what})"

    def parameters(self, users: int, items: int, dense: int = 20) -> Parameters:
        """The public parameters for N users, M items and S dense ones."""
        return self._parameters(users, items, dense)

    def draw(self, parameters: Parameters, seed: int = 0) -> Inputs:
        """Inputs of that size; the same seed, the same inputs."""
        return self._draw(parameters, seed)


def _anchor_parameters(users: int, items: int, dense: int) -> Parameters:
    return Parameters(
        users, items, dense, min_dense=min(MIN_DENSE, max(dense, 1)), counts=False,
        validated=False, max_rating=5, max_entry=255,
    )


def _anchor_inputs(p: Parameters, seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, p.max_entry + 1, (p.users, p.dense))
    query = rng.integers(0, p.max_entry + 1, p.dense)
    ratings = rng.integers(0, p.max_rating + 1, (p.users, p.scored), np.uint8)
    threshold = int(np.quantile(dense @ query, 1 - _NEAR))
    return Inputs(dense, ratings, query, threshold)


def _recommender_parameters(users: int, items: int, dense: int) -> Parameters:
    return Parameters(users, items, dense, min_dense=min(MIN_DENSE, max(dense, 1)))


def _recommender_inputs(p: Parameters, seed: int) -> Inputs:
    matrix = synthetic(p.users, p.items, seed).matrix()
    dense = dense_vectors(matrix[:, : p.dense], p.scale)
    user = int(np.argmax((matrix[:, : p.dense] > 0).sum(axis=1) >= p.min_dense))
    return Inputs(
        dense, np.ascontiguousarray(matrix[:, p.dense :]), dense[user],
        p.integer_threshold(THRESHOLD), user,
    )


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "anchors",
            "sums and the number of neighbours; random entries 0..255, ratings 0..5",
            _anchor_parameters,
            _anchor_inputs,
        ),
        Workload(
            "recommender",
            "sums, counts and the number of neighbours; synthetic half stars, validated uploads",
            _recommender_parameters,
            _recommender_inputs,
        ),
    )
}


def workload(name: str | Workload) -> Workload:
    """A workload by name, or as it is.

    >>> workload("anchor")
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: there is no workload 'anchor': take 'anchors' or 'recommender'
    """
    if isinstance(name, Workload):
        return name
    if name not in WORKLOADS:
        raise InputError(
            f"there is no workload {name!r}: take {' or '.join(map(repr, WORKLOADS))}"
        )
    return WORKLOADS[name]
