"""What results themselves tell, which no protocol prevents: measured, with and without defences.

A protocol hides everything but the result. An attacker who may ask chooses what it asks, and may
invent users; here is how far that goes on real ratings, and what the two counter-measures change:
a minimum of neighbours (`Parameters.min_neighbours`) and noise (`Parameters.noise`).

Everything is computed in the clear, from what the private protocol would give exactly
(`mpclab.recommender.plaintext` and `released`); tests run the attacks on the protocol itself. The
random numbers depend on `seed` only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpclab.arguments import number, several, whole
from mpclab.datasets import Ratings, synthetic
from mpclab.errors import InputError
from mpclab.randomness import Stream, digest
from mpclab.recommender import (
    THRESHOLD,
    Calibration,
    Noise,
    Parameters,
    Recommendation,
    plaintext,
    released,
)
from mpclab.recommender.encoding import MAX_RATING, dense_vectors, limited
from mpclab.recommender.noise import calibrated, discrete_laplace, draw

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["differencing", "guessing", "isolation", "sybils", "utility"]

Ints = npt.NDArray[np.int64]
Half = npt.NDArray[np.uint8]

EPSILONS = (0.1, 1.0, 10.0, 100.0)
CONTRIBUTION = 10


def _stream(seed: int, *what: object) -> Stream:
    """Noise that depends on the seed and on what it is for."""
    return Stream(digest(b"mpclab inference", repr((seed, *what)).encode()))


def _with_dense(data: Ratings, dense: int) -> Half:
    if not isinstance(data, Ratings):
        raise InputError(f"the data are {type(data).__name__}: they must be Ratings, of datasets")
    whole("dense", dense, 1, data.n_items - 1)
    return data.matrix()


def _prior(ratings: Half) -> npt.NDArray[np.float64]:
    """How often each rating 1 .. 10 occurs: what everybody may know of ratings."""
    counts = np.bincount(ratings.reshape(-1), minlength=MAX_RATING + 1)[1:]
    out: npt.NDArray[np.float64] = counts / max(counts.sum(), 1)
    return out


def _most_likely(
    log_likelihood: npt.NDArray[np.float64], prior: npt.NDArray[np.float64]
) -> Ints:
    """The likeliest rating for each row of log-likelihoods (cases, 10), given the prior."""
    with np.errstate(divide="ignore"):
        score = log_likelihood + np.log(prior)
    return score.argmax(axis=1) + 1


# -- (a) differencing ---------------------------------------------------------------------------


def differencing(
    data: Ratings,
    *,
    dense: int = 20,
    victims: int = 50,
    min_neighbours: Sequence[int] = (20,),
    epsilons: Sequence[float] = EPSILONS,
    contribution: int = CONTRIBUTION,
    seed: int = 0,
) -> pd.DataFrame:
    """Ask before and after one user uploads; the difference of the results is that user's row.

    The requester takes the threshold -1, so that everybody is a neighbour and no minimum of
    neighbours bites. Against noise it is told which items the victim uploaded, and takes the
    likeliest rating given the difference and how common every rating is.

    Parameters
    ----------
    data : Ratings
    dense : int
        S.
    victims : int
        How many users it is tried on, drawn at random from those with a scored rating.
    min_neighbours, epsilons, contribution
        Defences, one row each; the noise is `Noise(epsilon, contribution)`.

    Returns
    -------
    DataFrame
        `defence`; `recovered`, the fraction of the ratings that the victims uploaded of which the
        value is found; `without`, the fraction found by guessing the most common rating;
        `victims`.

    Raises
    ------
    InputError
        If a size does not fit the data.

    Examples
    --------
    >>> from mpclab.experiments import load
    >>> frame = differencing(load("movielens", users=60, items=80), victims=8, epsilons=[1])
    >>> frame["recovered"].round(2).tolist()[:2]
    [1.0, 1.0]
    """
    import pandas as pd

    whole("victims", victims, 1), whole("contribution", contribution, 1), whole("seed", seed)
    min_neighbours = several("min_neighbours", min_neighbours, whole, 0)
    epsilons = several("epsilons", epsilons, number, 0)
    matrix = _with_dense(data, dense)
    rated = np.flatnonzero((matrix[:, dense:] > 0).any(axis=1))
    if not rated.size:
        raise InputError("no user has scored ratings: it takes 1 who has")
    chosen = np.random.default_rng(seed).permutation(rated)[:victims]
    query = matrix[int((matrix[:, :dense] > 0).sum(axis=1).argmax())]
    base = Parameters(data.n_users, data.n_items, dense, min_dense=1)
    defences: list[tuple[str, Parameters]] = [("none", base)]
    defences += [
        (f"at least {m} neighbours", Parameters(*_sizes(base), min_dense=1, min_neighbours=m))
        for m in min_neighbours
    ]
    defences += [
        (
            f"noise, epsilon {epsilon:g}",
            Parameters(*_sizes(base), min_dense=1, noise=Noise(epsilon, contribution)),
        )
        for epsilon in epsilons
    ]
    rows = []
    for name, p in defences:
        found = total = 0
        prior = _prior(matrix[:, dense:] if p.noise is None
                       else limited(matrix[:, dense:], contribution))
        common = 0.0
        for victim in map(int, chosen):
            true = matrix[victim, dense:]
            if p.noise is not None:
                true = limited(true[None], contribution)[0]
            guess = _difference(p, matrix, query, victim, prior, seed)
            right = guess[true > 0] == true[true > 0]
            found, total = found + int(right.sum()), total + right.size
            common += float((true[true > 0] == prior.argmax() + 1).sum())
        rows.append(
            {
                "defence": name,
                "recovered": found / total,
                "without": common / total,
                "victims": len(chosen),
            }
        )
    return pd.DataFrame(rows)


def _sizes(p: Parameters) -> tuple[int, int, int]:
    return p.users, p.items, p.dense


def _difference(
    p: Parameters,
    matrix: Half,
    query: Half,
    victim: int,
    prior: npt.NDArray[np.float64],
    seed: int,
) -> Ints:
    """The victim's ratings (M - S,) as two queries tell them; with noise the likeliest ones."""
    others = np.delete(matrix, victim, axis=0)
    results = []
    for when, rows in (("before", others), ("after", matrix)):
        exact = plaintext(p, rows, query, -1.0)
        noise = None
        if p.calibration is not None:
            noise = draw(p.calibration, p.scored, _stream(seed, victim, when, p.noise))
            exact = released(p, exact, noise)
        results.append(exact)
    difference = results[1][0] - results[0][0]
    if p.calibration is None:
        return difference
    distance = np.abs(difference[:, None] - np.arange(1, MAX_RATING + 1)).astype(np.float64)
    t = p.calibration.sums.scale
    # P(e1 - e2 = d) is proportional to a^|d| (|d| + 1 + 2 a^2 / (1 - a^2)), a = exp(-1/t)
    more = 2 * math.exp(-2 / t) / -math.expm1(-2 / t)
    return _most_likely(-distance / t + np.log(distance + 1 + more), prior)


# -- (b) isolation ------------------------------------------------------------------------------


def isolation(
    data: Ratings,
    *,
    dense: int = 20,
    known: Sequence[int] = (1, 2, 4, 6, 8, 12, 16, 20),
    thresholds: Sequence[float] = (0.3, 0.5, 0.7, 0.9),
    min_neighbours: Sequence[int] = (0, 5),
    seed: int = 0,
) -> pd.DataFrame:
    """Ask with the k dense ratings of a victim that one knows, and see who is the only neighbour.

    The requester, no user itself, knows k of the dense ratings of a victim, drawn at random, and
    asks with these alone. If the victim is the only neighbour, the sums are its ratings. Tried on
    every user who has k dense ratings.

    Returns
    -------
    DataFrame
        One row per `known`, `threshold` and `min_neighbours`: `users`, on how many it was tried;
        `isolated`, the fraction of them who are the only neighbour and are released;
        `neighbours`, the median number of neighbours; `ratings_read`, the mean number of scored
        ratings of an isolated user, all of them read (NaN if nobody is isolated).

    Examples
    --------
    >>> from mpclab.experiments import load
    >>> frame = isolation(load("movielens", users=60, items=80), known=[8], thresholds=[0.7])
    >>> frame[["users", "isolated", "min_neighbours"]].round(2).values.tolist()
    [[29.0, 0.48, 0.0], [29.0, 0.0, 5.0]]
    """
    import pandas as pd

    whole("seed", seed)
    known = several("known", known, whole, 1)
    thresholds = several("thresholds", thresholds, number, -1, 1)
    min_neighbours = several("min_neighbours", min_neighbours, whole, 0)
    matrix = _with_dense(data, dense)
    p = Parameters(data.n_users, data.n_items, dense, min_dense=1)
    vectors = dense_vectors(matrix[:, :dense], p.scale)
    scored = (matrix[:, dense:] > 0).sum(axis=1)
    order = np.random.default_rng(seed).random((data.n_users, dense))
    order[matrix[:, :dense] == 0] = 2  # what is not rated comes last
    place = order.argsort(axis=1).argsort(axis=1)
    rows: list[dict[str, Any]] = []
    for k in known:
        able = np.flatnonzero((matrix[:, :dense] > 0).sum(axis=1) >= k)
        queries = dense_vectors(np.where(place < k, matrix[:, :dense], 0)[able], p.scale)
        similarity = queries @ vectors.T
        for threshold in thresholds:
            near = similarity >= p.integer_threshold(threshold)
            neighbours = near.sum(axis=1)
            alone = near[np.arange(len(able)), able] & (neighbours == 1)
            for m in min_neighbours:
                read = alone & (neighbours >= m)
                rows.append(
                    {
                        "known": k,
                        "threshold": threshold,
                        "min_neighbours": m,
                        "users": len(able),
                        "isolated": float(read.mean()) if len(able) else math.nan,
                        "neighbours": float(np.median(neighbours)) if len(able) else math.nan,
                        "ratings_read": float(scored[able[read]].mean())
                        if read.any() else math.nan,
                    }
                )
    return pd.DataFrame(rows)


# -- (c) Sybils ---------------------------------------------------------------------------------


def sybils(
    data: Ratings,
    *,
    dense: int = 20,
    known: int = 8,
    threshold: float = 0.7,
    min_neighbours: Sequence[int] = (2, 5, 10),
    most: int = 12,
    seed: int = 0,
) -> pd.DataFrame:
    """As `isolation`, but the requester also uploads rows of its own: they count as neighbours.

    The invented users have the query as their dense ratings, and no scored one: they raise L and
    leave the sums alone. m - 1 of them defeat a minimum of m.

    Returns
    -------
    DataFrame
        One row per `min_neighbours` and number of `sybils`, 0 .. `most`: `read`, the fraction of
        `users` whose scored ratings are all read.

    Examples
    --------
    >>> from mpclab.experiments import load
    >>> frame = sybils(load("movielens", users=60, items=80), min_neighbours=[3], most=3)
    >>> frame["read"].round(2).tolist()
    [0.0, 0.0, 0.48, 0.48]
    """
    import pandas as pd

    whole("most", most), several("min_neighbours", min_neighbours, whole, 0)
    alone = isolation(
        data, dense=dense, known=[known], thresholds=[threshold], min_neighbours=[0], seed=seed
    )
    fraction, users = float(alone["isolated"].iloc[0]), int(alone["users"].iloc[0])
    return pd.DataFrame(
        [
            {
                "min_neighbours": m,
                "sybils": s,
                "read": fraction if 1 + s >= m else 0.0,
                "users": users,
            }
            for m in min_neighbours
            for s in range(most + 1)
        ]
    )


# -- (d) what noise takes from the attacker, and from the result ----------------------------------


def guessing(
    data: Ratings,
    *,
    dense: int = 20,
    epsilons: Sequence[float] = (0.1, 0.3, 1, 3, 10, 30, 100),
    queries: Sequence[int] = (1, 10, 100),
    contribution: int = CONTRIBUTION,
    victims: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """What noisy results about one user alone tell, asked once or several times.

    The worst case: the victim is isolated, by Sybils or since all other rows are known. Two games:
    the requester knows which items the victim uploaded, and takes the likeliest rating of each
    given all its results (tried on every rating that users upload, the best `contribution` of
    each); or it knows the whole row, and tells whether it is there, which it is in half the cases
    (tried on `victims` users, once with and once without the row).

    Returns
    -------
    DataFrame
        One row per `epsilon` (of one query) and number of `queries`: `total_epsilon`, their sum;
        `scale` of the noise on sums in half stars; `accuracy`, the fraction of ratings guessed
        right; `without`, the fraction that is right if one guesses the most common rating;
        `told_apart`, how often it is told rightly whether the row is there; `bound`, the most
        that anybody can reach there by the guarantee, e^E / (1 + e^E) for E = `total_epsilon`
        (delta aside).

    Examples
    --------
    >>> from mpclab.experiments import load
    >>> frame = guessing(load("movielens", users=60, items=80), epsilons=[1, 1000], queries=[1])
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: epsilon is 1000: it is a number above 0 and at most 100, such as ...
    """
    import pandas as pd

    whole("victims", victims, 1), whole("contribution", contribution, 1), whole("seed", seed)
    epsilons = several("epsilons", epsilons, number, 0)
    queries = several("queries", queries, whole, 1)
    ratings = limited(_with_dense(data, dense)[:, dense:], contribution)
    true, prior = ratings[ratings > 0].astype(np.int64), _prior(ratings)
    values = np.arange(1, MAX_RATING + 1)
    uploaders = np.random.default_rng(seed).permutation(np.flatnonzero(ratings.any(axis=1)))
    members = ratings[uploaders[:victims]]
    rows = []
    for epsilon in epsilons:
        calibration = calibrated(Noise(epsilon, contribution), data.n_items - dense)
        noise = calibration.sums
        apart = _told_apart(calibration, members, queries, _stream(seed, "members", epsilon))
        stream = _stream(seed, "guessing", epsilon)
        score, asked = np.zeros((true.size, MAX_RATING)), 0
        for count in sorted(queries):
            for _ in range(count - asked):
                e = discrete_laplace(noise.scale, true.size, stream)
                result = true + np.clip(e, -noise.bound, noise.bound)
                score -= np.abs(result[:, None] - values) / noise.scale
            asked = count
            rows.append(
                {
                    "epsilon": epsilon,
                    "queries": count,
                    "total_epsilon": epsilon * count,
                    "scale": noise.scale,
                    "accuracy": float((_most_likely(score, prior) == true).mean()),
                    "without": float(prior.max()),
                    "told_apart": apart[count],
                    "bound": 1 / (1 + math.exp(-epsilon * count)),
                }
            )
    return pd.DataFrame(rows)


def _told_apart(
    calibration: Calibration, members: Half, queries: Sequence[int], stream: Stream
) -> dict[int, float]:
    """How often the likelier of "the row is there" and "it is not" is right, by queries asked."""
    user, item = np.nonzero(members)
    assert calibration.counts is not None
    # what is released: (noise, whose, contribution) of all numbers that a row changes
    numbers = (
        (calibration.sums, user, members[user, item].astype(np.int64)),
        (calibration.counts, user, np.ones(len(user), np.int64)),
        (calibration.neighbours, np.arange(len(members)), np.ones(len(members), np.int64)),
    )
    score = {there: np.zeros(len(members)) for there in (False, True)}
    found, asked = {}, 0
    for count in sorted(queries):
        for there in score:
            for noise, whose, value in numbers:
                e = discrete_laplace(noise.scale, value.size * (count - asked), stream)
                e = np.clip(e, -noise.bound, noise.bound).reshape(count - asked, value.size)
                result = e + there * value
                ratio = (np.abs(result) - np.abs(result - value)).sum(axis=0) / noise.scale
                score[there] += np.bincount(whose, ratio, len(members))
        asked = count
        right = (score[True] > 0).mean() + (score[False] <= 0).mean()
        found[count] = float(right) / 2
    return found


def utility(
    users: Sequence[int] = (1_000, 10_000, 100_000),
    *,
    items: int = 1_000,
    dense: int = 20,
    epsilons: Sequence[float] = (0.1, 0.3, 1, 3),
    contribution: int = CONTRIBUTION,
    threshold: float = THRESHOLD,
    tested: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """From how many users on a noisy recommendation is worth something: synthetic worlds of sizes.

    For `tested` requesters, the ten best titles by noisy sums are compared with the ten best by
    exact ones (all ratings, no noise).

    Returns
    -------
    DataFrame
        One row per number of `users` and `epsilon` (infinity: no noise, but rows limited to their
        contribution): the mean of `neighbours`; `deviation`, the standard deviation of the noise
        on a sum, and `tenth`, the mean tenth largest sum, both in half stars; `kept`, the part of
        the ten best titles that is still there; `popular`, the part that the most rated titles
        have in common with them.

    Examples
    --------
    >>> frame = utility([300], items=60, epsilons=[1], tested=3)
    >>> list(frame.columns)
    ['users', 'epsilon', 'neighbours', 'deviation', 'tenth', 'kept', 'popular']
    """
    import pandas as pd

    whole("contribution", contribution, 1), whole("tested", tested, 1)
    users = several("users", users, whole, 2)
    epsilons = several("epsilons", epsilons, number, 0)
    number("threshold", threshold, -1, 1)
    rows = []
    for n in users:
        data = synthetic(n, items, seed)
        matrix = _with_dense(data, dense)
        p = Parameters(n, items, dense, min_dense=1)
        vectors = dense_vectors(matrix[:, :dense], p.scale)
        able = np.flatnonzero((matrix[:, :dense] > 0).sum(axis=1) >= min(5, dense))[:tested]
        if not able.size:
            raise InputError(f"no one of {n} users has rated enough dense items to ask")
        near = vectors @ vectors[able].T >= p.integer_threshold(threshold)  # (users, tested)
        near[able, np.arange(len(able))] = False
        part = limited(matrix[:, dense:], contribution)
        exact, kept = (_sums(near, ratings) for ratings in (matrix[:, dense:], part))
        popular = _sums(np.ones((n, 1), bool), (matrix[:, dense:] > 0).astype(np.uint8))[0]
        own = matrix[able, dense:]
        best = [_ten(s, o) for s, o in zip(exact, own, strict=True)]
        same = [len(b & _ten(popular, o)) for b, o in zip(best, own, strict=True)]
        for epsilon in (*epsilons, math.inf):
            noise: Calibration | None = None
            if math.isfinite(epsilon):
                noise = calibrated(Noise(epsilon, contribution), p.scored)
            found, tenth = [], []
            for i, sums in enumerate(kept):
                tenth.append(float(np.sort(sums)[-10:][0]))
                if noise is not None:
                    sums = sums + draw(noise, p.scored, _stream(seed, n, epsilon, i))[0]
                found.append(len(best[i] & _ten(sums, own[i])))
            rows.append(
                {
                    "users": n,
                    "epsilon": epsilon,
                    "neighbours": float(near.sum(axis=0).mean()),
                    "deviation": noise.sums.deviation if noise else 0.0,
                    "tenth": float(np.mean(tenth)),
                    "kept": float(np.mean(found)) / 10,
                    "popular": float(np.mean(same)) / 10,
                }
            )
    return pd.DataFrame(rows)


def _sums(near: npt.NDArray[np.bool_], ratings: Half) -> Ints:
    """Sums of neighbours' ratings (requesters, M - S) for several requesters at once."""
    # float32 products are exact: sums stay below 2^24 = 1.6 million neighbours' full marks
    out = near.T.astype(np.float32) @ ratings.astype(np.float32)
    return np.rint(out).astype(np.int64)


def _ten(sums: Ints, own: Half) -> set[int]:
    """The ten best titles, as `Recommendation.ranking` orders them."""
    zeros = np.zeros_like(sums)
    return set(map(int, Recommendation(sums, zeros, 0).ranking(own)[:10]))
