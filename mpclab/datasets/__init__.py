"""Ratings to recommend from: real ones, a user's own files, and a synthetic world fitted to them.

`load_movielens` gives the packaged real data, `load_ratings` reads files in the MovieLens formats,
`synthetic` makes as many users as an experiment needs; these three return `Ratings`. `cohorts`
makes more users than fit into memory, group by group.
"""

from __future__ import annotations

from mpclab.datasets.files import load_movielens, load_ratings
from mpclab.datasets.generate import cohorts, synthetic
from mpclab.datasets.ratings import Ratings

__all__ = ["Ratings", "cohorts", "load_movielens", "load_ratings", "synthetic"]
