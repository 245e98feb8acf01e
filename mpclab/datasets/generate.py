"""As many users as an experiment needs, in a world fitted to the real data (see ``_world.py``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mpclab.arguments import whole
from mpclab.datasets._world import World, fit
from mpclab.datasets.files import load_movielens
from mpclab.datasets.ratings import Ratings, by_popularity, from_triples, pointers
from mpclab.errors import InputError

__all__ = ["cohorts", "synthetic"]

CELLS = 1 << 22  # of the users x items table that are in work at once
UNIT = 4096  # users who share a seed in `cohorts`


def synthetic(users: int = 10_000, items: int = 1_000, seed: int = 0) -> Ratings:
    """Return a synthetic table of ratings with the statistics of the real one.

    The world is that of the `items` most rated real films, and of the real users who have rated
    any of them. A synthetic user takes group of taste, activity, leniency and habit of giving
    half stars from one real user (all are used equally often), activity varied by up to 15 % but
    never below the least active or above the most active real user. Then films are drawn without
    replacement according to their appeal to the group, and rated: the film's quality in the eyes
    of the group, plus leniency, plus noise, in half stars. Titles are the real ones.

    *Fitted to the real data*: density; ratings per user; ratings per film, overall and per group;
    histogram of the ratings, of users with and without half stars; mean rating of films, overall
    and per group; mean rating of users; noise. Groups differ more than k-means finds them to, so
    that collaborative filtering gains over popularity what it does on the real data, roughly.
    *Not fitted*: time, tastes finer than the groups, sequels watched by the same people, the
    relation of activity and noise. The most rated films come out some 5 % below their real share.
    Every user has at least as many ratings as the least active of the real users (4 of 1,000).

    Parameters
    ----------
    users : int
        Number of users, at least 1. Their ids are 1 to `users`.
    items : int
        Number of films, 1 to 9066.
    seed : int
        The same seed gives the same table, on any machine.

    Returns
    -------
    Ratings
        Shape (users, items), columns most rated first, ids and titles those of the real films.

    Raises
    ------
    InputError
        If users, items or seed are out of range.

    Examples
    --------
    >>> from mpclab.datasets import synthetic
    >>> world = synthetic(users=2000, items=300, seed=1)
    >>> world.n_users, world.n_items, round(world.density, 2)
    (2000, 300, 0.17)
    """
    number, most = whole("users", users, 1), load_movielens().n_items
    if whole("items", items, 1) > most:
        raise InputError(f"{items:,} items were asked for, but there are only {most:,} real films "
                         f"to take titles and tastes from; ask for at most {most:,}")
    if number * int(items) > 1 << 36:
        raise InputError(f"{number:,} users x {items:,} items are too many to draw; ask for less "
                         "than 68 billion cells")
    world = fit(int(items))
    streams = np.random.SeedSequence(whole("seed", seed)).spawn(3)
    who, what, value = (np.random.Generator(np.random.PCG64(stream)) for stream in streams)
    like = _templates(who, number, world.real.n_users)
    activity = _activity(who, world.activity[like], int(items))
    columns = _choose(what, world, like, activity)
    half_stars = _rate(value, world, like, np.repeat(np.arange(number), activity), columns)
    return _table(world, activity, columns, half_stars)


def cohorts(
    users: int, items: int = 1_000, seed: int = 0, size: int = UNIT
) -> Iterator[npt.NDArray[np.uint8]]:
    """Synthetic ratings of any number of users, in groups: the whole table is never in memory.

    The world is that of `synthetic`. Columns are in the order of the real films' popularity, since
    that of the synthetic users is known only after the last one. User j rates the same whatever
    `users` and `size` are.

    Parameters
    ----------
    users, items, seed : int
        As for `synthetic`, with any number of users.
    size : int
        Users per group.

    Yields
    ------
    array of shape (size, items), the last one shorter
        Half stars, 0 where there is no rating.

    Raises
    ------
    InputError
        If a number is out of range; when the first group is asked for.

    Examples
    --------
    >>> [part.shape for part in cohorts(10, items=30, size=4)]
    [(4, 30), (4, 30), (2, 30)]
    """
    number, most = whole("users", users, 1), load_movielens().n_items
    if whole("items", items, 1) > most:
        raise InputError(f"{items:,} items were asked for, but there are only {most:,} real films "
                         f"to take tastes from; ask for at most {most:,}")
    whole("size", size, 1)
    entropy, world = whole("seed", seed), fit(int(items))
    out, filled, left = np.empty((min(size, number), items), np.uint8), 0, number
    for start in range(0, number, UNIT):
        sequence = np.random.SeedSequence(entropy, spawn_key=(start // UNIT,))
        unit = _unit(world, sequence.spawn(3), int(items))[: number - start]
        while len(unit):
            part, unit = unit[: len(out) - filled], unit[len(out) - filled :]
            out[filled : filled + len(part)] = part
            filled += len(part)
            if filled == len(out):
                yield out
                left -= filled
                out, filled = np.empty((min(size, left), items), np.uint8), 0


def _unit(
    world: World, streams: list[np.random.SeedSequence], items: int
) -> npt.NDArray[np.uint8]:
    """The ratings of `UNIT` users."""
    who, what, value = (np.random.Generator(np.random.PCG64(stream)) for stream in streams)
    like = _templates(who, UNIT, world.real.n_users)
    activity = _activity(who, world.activity[like], items)
    columns = _choose(what, world, like, activity)
    rows = np.repeat(np.arange(UNIT), activity)
    out = np.zeros((UNIT, items), np.uint8)
    out[rows, columns] = _rate(value, world, like, rows, columns)
    return out


def _templates(rng: np.random.Generator, users: int, real: int) -> npt.NDArray[np.int64]:
    """Return the real user that each synthetic one is like: all equally often, in random order."""
    spread = (np.arange(users) * real + int(rng.integers(real))) // users % real
    return rng.permutation(rng.permutation(real)[spread])


def _activity(rng: np.random.Generator, real: npt.NDArray[np.int64],
              items: int) -> npt.NDArray[np.int64]:
    """Return every user's number of ratings: his model's, varied by up to 15 %."""
    varied = real * rng.uniform(0.85, 1.15, len(real))
    whole_part = np.floor(varied + rng.random(len(real))).astype(np.int64)
    return np.clip(whole_part, real.min(), min(int(real.max()), items))


def _choose(rng: np.random.Generator, world: World, like: npt.NDArray[np.int64],
            activity: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Draw every user's films without replacement, weighted by appeal; row by row, ascending.

    Film i comes into a user's view after an exponential time of rate w[g, i]; a user who rates n
    films rates the first n. Whatever the size of a batch, the draws are the same.
    """
    items = world.appeal.shape[1]
    patience = 1 / world.appeal
    batch = max(CELLS // items, 1)
    parts = []
    for start in range(0, len(like), batch):
        rows = slice(start, start + batch)
        when = rng.standard_exponential((len(like[rows]), items), dtype=np.float32)
        when *= patience[world.group[like[rows]]]
        last = np.take_along_axis(np.sort(when, axis=1), activity[rows, None] - 1, axis=1)
        chosen = when <= last
        extra = np.flatnonzero(chosen.sum(1) != activity[rows])  # equal times: hardly ever
        for row in extra:
            chosen[row] = False
            chosen[row, np.argsort(when[row], kind="stable")[: activity[start + row]]] = True
        parts.append((np.flatnonzero(chosen) % items).astype(np.int32))
    return np.concatenate(parts)


def _rate(rng: np.random.Generator, world: World, like: npt.NDArray[np.int64],
          users: npt.NDArray[np.int64], columns: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Return a rating in half stars for every chosen film."""
    model = like[users]
    latent = rng.standard_normal(len(users))
    latent *= world.noise
    latent += world.quality[world.group[model], columns]
    latent += world.leniency[model]
    halves = world.halves[model]
    value = np.where(halves, np.searchsorted(world.steps[1], latent),
                     np.searchsorted(world.steps[0], latent))
    return (value + 1).astype(np.uint8)


def _table(world: World, activity: npt.NDArray[np.int64], columns: npt.NDArray[np.int32],
           half_stars: npt.NDArray[np.uint8]) -> Ratings:
    """Order the columns by what the synthetic users have rated, and assemble the table."""
    real = world.real
    order = by_popularity(columns, real.item_ids)
    moved = np.empty(len(order), np.int32)
    moved[order] = np.arange(len(order), dtype=np.int32)
    rows = np.repeat(np.arange(len(activity)), activity)
    name = f"synthetic, {len(activity):,} users like MovieLens"
    table = from_triples(np.arange(1, len(activity) + 1), real.item_ids[order],
                         real.titles[order], rows, moved[columns], half_stars, name)
    assert np.array_equal(table.indptr, pointers(activity))
    return table
