"""What the synthetic world learns from the real one: taste groups, activity, appeal, quality.

Fitted at call time from the packaged MovieLens data, once per number of items, in about half a
second. Sums and distances that decide anything discrete are taken over whole numbers and without
BLAS, so that the fit, and with it every synthetic table, is the same on any machine.

1. *Groups* (`taste_groups`): k-means over the real users. A user's features say which films he
   watched more than his activity and the film's popularity explain, and which he liked more than
   his own and the film's mean explain.
2. *Activity*: how many of the items each real user has rated, kept as it is; synthetic users take
   theirs from it, together with group, leniency and habit of giving half stars.
3. *Appeal* w[g, i]: a user of group g with activity n has rated i with probability
   1 - exp(-w[g, i] t), t such that these sum to n; w is iterated until the expected number of
   ratings of every item by every group is the real one (shrunk towards the overall popularity).
4. *Quality* q[g, i]: the mean rating of i, and its deviation within the group, both shrunk.
5. *Noise and steps*: a rating is q + leniency + noise, cut into half stars where the histogram
   of the real ratings wants it, once for users who give half stars and once for those who do not.

The constants below are set, not fitted: CONTRAST and NOISE so that collaborative filtering gains
about as much over popularity, and over the mean of items, as it does on the real data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.datasets.files import load_movielens
from mpclab.datasets.ratings import Ratings

__all__ = ["World", "fit"]

GROUPS = 12
LEARNT_FROM = 600  # most rated films that decide about groups
SHRINK_APPEAL = 5.0  # as many users of a group are added who watch like everybody
SHRINK_ITEM, SHRINK_GROUP, SHRINK_USER = 5.0, 4.0, 5.0  # ratings added at the respective mean
CONTRAST = 2.25  # by which deviations of groups are raised, for the tastes that groups blur
NOISE = 0.95  # of what groups and leniency leave unexplained
LEVELS = 6  # of activity, within a group, when appeal is fitted
WHOLE_STARS = 0.02  # a user with a smaller share of half stars than this gives whole ones only
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class World:
    """The fitted generator: G groups, R real users, m items (most rated first).

    Attributes
    ----------
    real : Ratings
        The real users who have rated any of the m items, shape (R, m).
    group, activity : int64 arrays, shape (R,)
        Taste group and number of ratings of every real user.
    leniency, halves : arrays, shape (R,)
        Mean deviation of a user's ratings in half stars; does he give half stars?
    appeal, quality : arrays, shape (G, m)
        See the module's steps 3 and 4; quality in half stars.
    noise : float
        Standard deviation, half stars.
    steps : array, shape (2, 9)
        Where ratings are cut into 1..10 half stars: row 0 whole stars only, row 1 halves too.
    """

    real: Ratings
    group: npt.NDArray[np.int64]
    activity: npt.NDArray[np.int64]
    leniency: Floats
    halves: npt.NDArray[np.bool_]
    appeal: npt.NDArray[np.float32]
    quality: Floats
    noise: float
    steps: Floats


@lru_cache(maxsize=4)
def fit(items: int) -> World:
    """Fit the world of the `items` most rated films."""
    everything = load_movielens()
    groups = _groups_of_all()
    rated = _active(everything.select(items=items))
    real, group = rated[0], groups[rated[1]]
    users = np.repeat(np.arange(real.n_users), np.diff(real.indptr))
    activity = np.diff(real.indptr)
    stars = real.half_stars.astype(np.float64)
    cell = group[users] * items + real.items
    counts = np.bincount(cell, minlength=GROUPS * items).reshape(GROUPS, items)

    overall = stars.mean()
    quality = np.broadcast_to(_shrunk(real.items, stars - overall, items, SHRINK_ITEM),
                              (GROUPS, items)) + overall
    leniency = _shrunk(users, stars - quality[0, real.items], real.n_users, SHRINK_USER)
    left = stars - quality[0, real.items] - leniency[users]
    quality = quality + CONTRAST * _shrunk(cell, left, GROUPS * items,
                                             SHRINK_GROUP).reshape(GROUPS, items)
    left = stars - quality[group[users], real.items] - leniency[users]
    noise = NOISE * float(np.sqrt(np.square(left).mean()))

    odd = np.bincount(users, weights=real.half_stars % 2, minlength=real.n_users)
    halves = odd > WHOLE_STARS * activity
    rng = np.random.Generator(np.random.PCG64(2015))
    latent = (quality[group[users], real.items] + leniency[users]
              + noise * rng.standard_normal(len(users)))
    steps = np.array([_steps(latent[chosen], real.half_stars[chosen])
                      for chosen in (~halves[users], halves[users])])
    return World(real, group, activity, leniency, halves, _appeal(group, activity, counts),
                 quality, noise, steps)


def _active(ratings: Ratings) -> tuple[Ratings, npt.NDArray[np.int64]]:
    """Drop users without a rating; also return the rows that stay."""
    counts = np.diff(ratings.indptr)
    stay = np.flatnonzero(counts)
    pointers = np.concatenate([[0], ratings.indptr[1:][stay]])
    return Ratings(ratings.user_ids[stay], ratings.item_ids, ratings.titles, pointers,
                   ratings.items, ratings.half_stars, ratings.name), stay


def _shrunk(index: npt.NDArray[Any], values: Floats, size: int, prior: float) -> Floats:
    """Return the means of values by index, as if `prior` more values of 0 had been seen."""
    return (np.bincount(index, weights=values, minlength=size)
            / (np.bincount(index, minlength=size) + prior))


def _steps(latent: Floats, half_stars: npt.NDArray[np.uint8]) -> Floats:
    """Return the nine cuts that give `latent` the histogram of `half_stars`."""
    if not len(latent):
        return np.arange(1.5, 10)
    share = np.cumsum(np.bincount(half_stars, minlength=11))[1:10]
    ordered = np.concatenate([[-np.inf], np.sort(latent), [np.inf]])
    return ordered[share] / 2 + ordered[share + 1] / 2


@lru_cache(maxsize=1)
def _groups_of_all() -> npt.NDArray[np.int64]:
    """Return the taste group, 0..GROUPS-1, of each real user, in stored order."""
    real = load_movielens().select(items=LEARNT_FROM)
    return taste_groups(real.matrix(), GROUPS)


def taste_groups(table: npt.NDArray[np.uint8], groups: int) -> npt.NDArray[np.int64]:
    """Split users into groups by k-means in exact whole-number arithmetic.

    Parameters
    ----------
    table : array of half stars, shape (users, items), 0 = missing
    groups : int

    Returns
    -------
    array of int64, shape (users,)
    """
    seen = table > 0
    by_user = seen.sum(1, keepdims=True)
    by_item = seen.sum(0, keepdims=True)
    expected = np.minimum(by_user * by_item / max(int(seen.sum()), 1), 1.0)
    weight = 1 / np.sqrt(np.maximum(by_user, 10) * np.maximum(by_item, 10.0))
    total = table.sum(1, keepdims=True, dtype=np.int64)
    mean = (total + 7 * 5) / (by_user + 5)
    item_mean = (table.sum(0, keepdims=True, dtype=np.int64) + 7 * 5) / (by_item + 5)
    liked = np.where(seen, table - mean - item_mean + 7, 0) / 4
    features = np.hstack([(seen - expected) * weight, liked * weight])
    length = np.sqrt(np.square(np.rint(2**20 * features)).sum(1, keepdims=True))
    return _k_means(np.rint(2**30 * features / np.maximum(length, 1)).astype(np.int64), groups)


def _k_means(points: npt.NDArray[np.int64], groups: int) -> npt.NDArray[np.int64]:
    rng = np.random.Generator(np.random.PCG64(7))
    best, least = np.zeros(len(points), np.int64), None
    for _ in range(4):
        centres = points[rng.permutation(len(points))[:groups]]
        for _ in range(15):
            distance = np.square(centres).sum(1) - 2 * np.einsum("ud,gd->ug", points, centres)
            group = distance.argmin(1)
            centres = np.array([points[group == g].sum(0) // max(int((group == g).sum()), 1)
                                for g in range(groups)])
        cost = int(distance.min(1).sum())
        if least is None or cost < least:
            best, least = group, cost
    return best


def _appeal(group: npt.NDArray[np.int64], activity: npt.NDArray[np.int64],
            counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Fit w[g, i] (step 3): the fitted mean number of ratings per cell is the shrunk real one."""
    items = counts.shape[1]
    members = np.bincount(group, minlength=GROUPS)
    popularity = counts.sum(0) / counts.sum()
    volume = np.bincount(group, weights=activity, minlength=GROUPS)
    mean = (volume + 1) / (members + 1)
    usual = np.clip(mean[:, None] * popularity, 1e-6, 0.95)
    target = (counts + SHRINK_APPEAL * usual) / (members[:, None] + SHRINK_APPEAL)
    target *= (target / usual) ** (CONTRAST - 1)
    target *= (mean / target.sum(1))[:, None]
    target = np.clip(target, 1e-5, 0.97)
    levels = np.array([_levels(activity[group == g], mean[g]) for g in range(GROUPS)])
    levels = np.minimum(levels, 0.98 * items)  # (G, LEVELS)
    appeal = -np.log1p(-target)
    time = np.ones((GROUPS, LEVELS))
    for turn in range(24):
        for _ in range(3):  # Newton for t, in each level, from where it stood
            stays = np.exp(-appeal[:, None, :] * time[..., None])
            slope = (appeal[:, None, :] * stays).sum(2)
            time *= np.exp(np.clip((levels - (1 - stays).sum(2)) / (slope * time), -1, 1))
        seen = (1 - np.exp(-appeal[:, None, :] * time[..., None])).mean(1)
        if turn < 12:
            appeal *= np.clip(target / seen, 0.5, 2)
        else:
            appeal *= np.clip(counts.sum(0) / np.einsum("g,gi->i", members, seen), 0.5, 2)
    relative: npt.NDArray[np.float32] = (appeal / appeal.max(1, keepdims=True)).astype(np.float32)
    return relative


def _levels(activity: npt.NDArray[np.int64], mean: float) -> Floats:
    """Return LEVELS typical activities of a group: the means of its equal parts."""
    if not len(activity):
        return np.full(LEVELS, mean)
    places = (np.arange(LEVELS * 8) * len(activity)) // (LEVELS * 8)
    means: Floats = np.sort(activity)[places].reshape(LEVELS, 8).mean(1)
    return means
