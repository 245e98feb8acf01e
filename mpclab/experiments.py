"""Whole runs, measured: one private recommendation, and how good such recommendations are.

The command line, the notebooks and the tests call these; each returns plain data.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpclab.datasets import Ratings, load_movielens, load_ratings, synthetic
from mpclab.errors import InputError
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab
from mpclab.network.conditions import Conditions
from mpclab.recommender import (
    MIN_DENSE,
    THRESHOLD,
    Parameters,
    Recommendation,
    Recommender,
    plaintext,
    unquantised,
)
from mpclab.recommender.protocol import query_material
from mpclab.recommender.storage import require_space
from mpclab.scaling import scale
from mpclab.style import PUBLISHED_SECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PUBLISHED_SECONDS", "Run", "batches", "check_memory", "comparisons", "load", "quality",
    "recommendation", "scale",
]

DEFAULT_USERS, DEFAULT_ITEMS, DEFAULT_DENSE = 10_000, 1_000, 20

_COHORT = 2_500
"""Users who upload together: their messages fit into caches, and take a quarter less time."""


def load(
    data: str = "synthetic", users: int | None = None, items: int | None = None, seed: int = 0
) -> Ratings:
    """Ratings by name: "synthetic", "movielens", or the path of a file in a MovieLens format.

    Without `users` and `items` it is 10,000 users for synthetic data and all of them otherwise,
    and the 1,000 most rated items (or all, if there are fewer).

    >>> load("movielens", users=5, items=30).matrix().shape
    (5, 30)

    Raises
    ------
    InputError
        If the data has fewer users or items than asked for, or cannot be read.
    """
    for name, value, least in (("users", users, 2), ("items", items, 2)):
        if value is not None and value < least:
            raise InputError(f"{name} is {value}: it must be at least {least}")
    if data == "synthetic":
        return synthetic(users or DEFAULT_USERS, items or DEFAULT_ITEMS, seed)
    ratings = load_movielens() if data == "movielens" else load_ratings(data)
    return ratings.select(users=users, items=items or min(DEFAULT_ITEMS, ratings.n_items))


@dataclass(frozen=True)
class Run:
    """A finished recommendation: its summary (plain data), and the objects behind it."""

    summary: dict[str, Any]
    result: Recommendation
    recommender: Recommender
    data: Ratings

    def __repr__(self) -> str:
        s = self.summary
        return (
            f"Run({s['servers']} servers, {s['users']:,} users, {s['items']:,} items: "
            f"{s['online_seconds']:.3f} s online, {s['rounds']} rounds)"
        )


def recommendation(
    data: Ratings,
    *,
    servers: int = 2,
    dense: int = DEFAULT_DENSE,
    user: int | str | None = None,
    threshold: float = THRESHOLD,
    top: int = 10,
    seed: int | None = None,
    modulus: int = 2**61 - 1,
    network: str | Conditions = "lan",
    comparison: str = "tables",
    min_neighbours: int = 0,
    validated: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Run:
    """One private recommendation for a user of `data`, with everything that it takes, measured.

    Parameters
    ----------
    data : Ratings
        All users' ratings; the `dense` most rated items, its first columns, serve for similarity.
    servers, modulus, network, comparison, seed
        See `Lab`. With a seed all randomness is reproducible: for teaching only.
    user : int, str or None
        The id of the requester, one of the data's users; the first who has rated enough by default.
    threshold : float
        The least cosine similarity of a neighbour.
    top : int
        How many titles to recommend.
    min_neighbours : int
        With fewer neighbours than that the servers withhold the result; 0: never.
    validated : bool
        Whether users prove at upload that their rows are in range.
    progress : callable
        Told the name of every phase when it begins.

    Returns
    -------
    Run
        Its `summary` has the keys of `mpclab recommend --json`; times in seconds, sizes in bytes.

    Examples
    --------
    >>> run = recommendation(load("movielens", users=100, items=60), servers=3, seed=1)
    >>> run.summary["matches_plaintext"], run.summary["rounds"]
    (True, 8)
    """
    started = time.perf_counter()
    tell = progress or (lambda phase: None)
    if top < 1:
        raise InputError(f"top is {top}: it takes at least 1 title to recommend something")
    parameters = _parameters(data, dense, modulus, min_neighbours, validated)
    check_memory(data.n_users, data.n_items, servers)
    lab = Lab(
        servers, modulus=modulus, network=network, comparison=comparison, seed=seed, contents=False
    )
    parameters.integer_threshold(threshold)
    matrix = data.matrix()
    row = _requester(data, matrix, user, parameters)

    recommender = Recommender(lab, parameters, cohort=_COHORT)
    tell("preprocess")
    recommender.preprocess(rows=data.n_users)
    recommender.preprocess(queries=1)
    tell("upload")
    refused = data.n_users - recommender.upload(matrix)
    tell("prepare")
    prepared = recommender.prepare(user=row)
    tell("online")
    result = recommender.query(prepared, matrix[row], threshold)
    tell("compare with the plaintext")
    matches = _as_in_the_clear(result, parameters, matrix, row, threshold)
    path = lab.transcript.online_path(result.session)
    online = {"session": result.session, "phase": "online"}
    summary = {
        "servers": lab.n,
        "users": data.n_users,
        "items": data.n_items,
        "dense": dense,
        "field_bits": lab.field.bits,
        "seed": 0 if seed is None else seed,
        "randomness": "operating system" if seed is None else "seeded: for teaching only",
        "data": data.name,
        "user": _plain(data.user_ids[row]),
        "threshold": threshold,
        "min_neighbours": min_neighbours,
        "validated": validated,
        "users_refused": refused,
        "neighbours": result.neighbours,
        "withheld": result.withheld,
        "matches_plaintext": matches,
        **{
            f"{phase}_seconds": lab.transcript.seconds(phase=phase)
            for phase in ("preprocess", "upload", "prepare")
        },
        "online_seconds": sum(path.values()),
        "wall_seconds": time.perf_counter() - started,
        "online_phases": path,
        "published_seconds": PUBLISHED_SECONDS,
        "network": repr(lab.network.conditions),
        "comparison": comparison,
        "rounds": lab.transcript.rounds(**online),
        "bytes_sent_per_server": [
            lab.transcript.bytes_sent(s.name, **online) for s in lab.servers
        ],
        "client_bytes": lab.transcript.client_bytes(**online),
        "recommendations": titles(data, parameters, result, matrix[row], top),
    }
    return Run(summary, result, recommender, data)


def _parameters(
    data: Ratings,
    dense: int,
    modulus: int = MERSENNE_61,
    min_neighbours: int = 0,
    validated: bool = True,
) -> Parameters:
    """With fewer dense items than a query usually takes, all of them must be rated."""
    least = min(MIN_DENSE, dense) if dense >= 1 else MIN_DENSE
    return Parameters(
        data.n_users, data.n_items, dense, modulus, min_dense=least,
        min_neighbours=min_neighbours, validated=validated,
    )


def check_memory(
    users: int, items: int, servers: int, besides: int = 0, store: str | Path | None = None
) -> None:
    """Raise InputError now if simulating this would take more memory than the machine has left.

    Counted: shares, MACs and masked rows at every server, two ratings an element, and what the
    dealer and messages hold besides; the figure is rough, and errs on the small side. `besides` is
    what else is known to be needed, in bytes. With a `store` the rows and the material of a query
    lie on disk: then it is the folder's disk that must have room.
    """
    if store is not None:
        each = 24 * users * items // 2
        what = f"{users:,} users, {items:,} items and {servers} servers"
        require_space(Path(store), max(int(servers), 1) * each + besides, what)
        return
    wanted = 8 * users * items // 2 * (3 * max(int(servers), 1) + 4) + besides
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable"):
                free = 1024 * int(line.split()[1])
    except (AttributeError, OSError, ValueError):
        return  # a system that does not tell
    if wanted > free:
        raise InputError(
            f"{users:,} users, {items:,} items and {servers} servers in one process take about "
            f"{wanted / 1e9:,.0f} GB of memory, and {free / 1e9:,.0f} GB are free: take fewer of "
            "them"
        )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _requester(
    data: Ratings, matrix: npt.NDArray[np.uint8], user: int | str | None, parameters: Parameters
) -> int:
    """The requester's row: the one asked for, or the first that has rated enough dense items."""
    rated = (matrix[:, : parameters.dense] > 0).sum(axis=1)
    if user is None:
        able = np.flatnonzero(rated >= parameters.min_dense)
        if not able.size:
            raise InputError(
                f"none of the {data.n_users} users has rated {parameters.min_dense} of the "
                f"{parameters.dense} dense items: take more dense items or other data"
            )
        return int(able[0])
    if isinstance(user, str) and data.user_ids.dtype.kind in "iu" and user.strip().isdecimal():
        user = int(user)  # the command line's words are texts
    row = data.user_index(user)
    if rated[row] < parameters.min_dense:
        raise InputError(
            f"user {user} has rated {rated[row]} of the {parameters.dense} dense items; at least "
            f"{parameters.min_dense} are needed to find similar users: ask for another user or "
            "take more dense items"
        )
    return row


def titles(
    data: Ratings,
    parameters: Parameters,
    result: Recommendation,
    rated: npt.NDArray[np.uint8],
    top: int,
) -> list[dict[str, Any]]:
    """The best items with title, score in stars, and how many neighbours rated them."""
    scores = result.predicted(rated[parameters.dense :])
    best = result.ranking(rated[parameters.dense :])[:top]
    return [
        {
            "item": _plain(data.item_ids[parameters.dense + i]),
            "title": str(data.titles[parameters.dense + i]),
            "score": round(float(scores[i]), 3),
            "neighbours": int(result.counts[i]),
        }
        for i in best
    ]


def comparisons(
    servers: tuple[int, ...] = (2, 3, 5),
    bits: tuple[int, ...] = (8, 19, 40),
    count: int = 1_000,
    networks: tuple[str, ...] = ("lan", "wan"),
    seed: int = 0,
) -> pd.DataFrame:
    """Every way to compare, side by side: rounds, bytes, material and time; the cheapest marked.

    One row per number of servers, bit length, network and way: `count` comparisons at once.
    `online` is the virtual time in seconds on that network, `sent` and `material` are bytes per
    server (sent to all others; received from the dealer, by the server that receives most).
    """
    import pandas as pd

    from mpclab.protocols.comparison import METHODS, comparison_material, is_negative

    rows = []
    for n, k in ((n, k) for n in servers for k in bits):
        for way in METHODS:
            if way == "fss" and n != 2:
                continue
            lab = Lab(n, comparison=way, bits=k, seed=seed)
            spec = comparison_material(lab.field, count, k, way, n)
            lab.preprocess([spec])
            high = 2 ** (k - 1) - 2
            x = np.random.default_rng(seed).integers(-high, high, count)
            session = len(lab.transcript.records)
            lab.each(lambda party, x, spec=spec: is_negative(party, x, spec), lab.god.share(x))
            dealt = lab.transcript.to_frame().iloc[:session].groupby("receiver")["bytes"].sum()
            for network in networks:
                timed = lab.transcript.retimed(network)
                rows.append(
                    {
                        "servers": n,
                        "bits": k,
                        "network": network,
                        "comparison": way,
                        "rounds": timed.rounds(phase="online"),
                        "sent": timed.bytes_sent("server 0", phase="online"),
                        "material": int(dealt.max()),
                        "online": timed.seconds(phase="online"),
                    }
                )
    frame = pd.DataFrame(rows)
    fastest = frame.groupby(["servers", "bits", "network"])["online"].transform("min")
    frame["cheapest"] = frame["online"] == fastest
    return frame


def batches(
    sizes: Sequence[int] = (1, 2, 4, 8, 16, 32),
    users: int = DEFAULT_USERS,
    items: int = DEFAULT_ITEMS,
    *,
    servers: int = 2,
    dense: int = DEFAULT_DENSE,
    threshold: float = THRESHOLD,
    network: str | Conditions = "lan",
    comparison: str = "tables",
    repeat: int = 3,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """How many recommendations a second servers give when they answer several requesters at once.

    One lab, one upload of synthetic ratings; then every size in turn, `repeat` times, after a query
    that only warms up. Every result is compared with the plaintext. Users prove nothing at upload,
    which makes no difference to a query.

    Returns
    -------
    DataFrame with a row per size, medians over the repetitions:
        `batch`, how many requesters at once; `online`, seconds from the first query's arrival to
        the last verified result (virtual time of that network); `per_second`, recommendations per
        second; `sent`, bytes that a server sends to all others; `rounds`; `relative`, seconds per
        recommendation relative to the first row's, that of batch size 1 by default; `right`,
        whether all results equal the plaintext.

    Raises
    ------
    InputError
        If a size is not positive, or there is not enough memory.

    Examples
    --------
    >>> frame = batches((1, 4), users=200, items=50, repeat=1, seed=1)
    >>> frame[["batch", "rounds", "right"]].to_numpy().tolist()
    [[1, 8, True], [4, 8, True]]
    """
    import pandas as pd

    tell = progress or (lambda phase: None)
    if not len(sizes) or min(sizes) < 1 or repeat < 1:
        raise InputError(
            f"sizes are {tuple(sizes)} and repeat is {repeat}: it takes at least one size, and "
            "all must be 1 or more"
        )
    data = load("synthetic", users, items, seed or 0)
    p = _parameters(data, min(dense, items - 1), validated=False)
    lab = Lab(servers, network=network, comparison=comparison, seed=seed, contents=False)
    specs = query_material(p, [(0, users)], comparison, servers)
    entries = sum(int(np.prod(e.shape)) for spec in specs for e in spec.layout())
    check_memory(users, items, servers, besides=2 * 8 * entries * servers * max(sizes))
    matrix = data.matrix()
    able = np.flatnonzero((matrix[:, : p.dense] > 0).sum(axis=1) >= p.min_dense)
    if not able.size:
        raise InputError(f"none of the {users} users has rated {p.min_dense} dense items")
    recommender = Recommender(lab, p)
    tell("upload")
    recommender.preprocess(rows=users)
    recommender.upload(matrix)

    def measured(size: int) -> dict[str, Any]:
        chosen = [int(row) for row in np.resize(able, size)]
        tell(f"batch of {size}: prepare")
        recommender.preprocess(queries=size)
        prepared = [recommender.prepare(row, f"user {row}") for row in chosen]
        tell(f"batch of {size}: online")
        results = recommender.query_many(prepared, matrix[chosen], threshold)
        online = {"session": prepared[0].session.name, "phase": "online"}
        seconds = sum(lab.transcript.online_path(online["session"]).values())
        return {
            "batch": size,
            "online": seconds,
            "per_second": size / seconds,
            "sent": lab.transcript.bytes_sent("server 0", **online),
            "rounds": lab.transcript.rounds(**online),
            "right": all(
                _as_in_the_clear(result, p, matrix, row, threshold)
                for result, row in zip(results, chosen, strict=True)
            ),
        }

    measured(1)  # warms up
    runs = pd.DataFrame([measured(int(size)) for size in sizes for _ in range(repeat)])
    rows = runs.groupby("batch", sort=False)
    frame = rows[["online", "per_second", "sent", "rounds"]].median().reset_index()
    frame = frame.astype({"sent": int, "rounds": int})
    each = frame["online"] / frame["batch"]
    frame["relative"] = each / each[0]
    frame["right"] = rows["right"].all().to_numpy()
    return frame


def _as_in_the_clear(
    result: Any, p: Parameters, matrix: npt.NDArray[np.uint8], row: int, threshold: float
) -> bool:
    sums, counts, neighbours = plaintext(p, matrix, matrix[row], threshold, exclude=row)
    return (
        isinstance(result, Recommendation)
        and np.array_equal(result.sums, sums)
        and np.array_equal(result.counts, counts)
        and result.neighbours == neighbours
    )


def quality(
    data: Ratings,
    *,
    servers: int = 2,
    dense: int = DEFAULT_DENSE,
    threshold: float = THRESHOLD,
    tested: int = 50,
    held_out: float = 0.2,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """How good private recommendations are, on ratings that were held out.

    A part of every user's ratings is held out; the others are uploaded; `tested` users ask. Their
    held-out ratings of scored items are predicted (RMSE, MAE in stars), and their ten best titles
    compared with those that they liked (4 stars or more; precision@10 over users with any).

    Rows: *private* (the protocol), *plaintext* (the same integers in the clear: must be equal),
    *unquantised* (the same algorithm with real numbers: what rounding costs), *popularity* (the
    most rated titles; predicts every item's mean). All predictions are shifted by how much the
    user rates above them, which it computes alone.
    """
    import pandas as pd

    tell = progress or (lambda phase: None)
    if not 0 < held_out < 1:
        raise InputError(
            f"held_out is {held_out}: it is a part of the ratings, between 0 and 1, such as 0.2"
        )
    train, test = data.split(held_out, seed)
    known, hidden = train.matrix(), test.matrix()
    p = _parameters(data, dense)
    able = np.flatnonzero(
        ((known[:, :dense] > 0).sum(axis=1) >= p.min_dense) & (hidden[:, dense:] >= 8).any(axis=1)
    )
    if tested < 1 or not able.size:
        raise InputError(
            f"tested is {tested} and {able.size} users have enough ratings to be tested: "
            "it takes at least 1 of each"
        )
    chosen = np.random.default_rng(seed).permutation(able)[:tested]
    lab = Lab(servers, seed=seed, contents=False)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=data.n_users)
    recommender.upload(known)

    popular = _everybody(known[:, dense:])
    scores: dict[str, _Score] = {}
    for i, row in enumerate(chosen):
        tell(f"user {i + 1} of {len(chosen)}")
        recommender.preprocess(queries=1)
        results = {
            "private": recommender.recommend(known[row], threshold, int(row)),
            "plaintext": Recommendation(*plaintext(p, known, known[row], threshold, int(row))),
            "unquantised": Recommendation(*unquantised(p, known, known[row], threshold, int(row))),
            "popularity": popular,
        }
        for name, result in results.items():
            own = known[row, dense:]
            ranking = _most_rated(popular, own) if result is popular else result.ranking(own)
            scores.setdefault(name, _Score()).add(
                result.predicted(own), ranking, hidden[row, dense:], result.neighbours
            )
    return pd.DataFrame({name: s.row() for name, s in scores.items()}).T


def _everybody(ratings: npt.NDArray[np.uint8]) -> Recommendation:
    """What a requester would learn whose neighbours are all users."""
    sums, counts = ratings.sum(axis=0, dtype=np.int64), (ratings > 0).sum(axis=0, dtype=np.int64)
    return Recommendation(sums, counts, len(ratings))


def _most_rated(everybody: Recommendation, rated: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    return np.argsort(-np.where(rated > 0, -1, everybody.counts), kind="stable")


class _Score:
    """Errors and hits of one way of recommending, over the tested users."""

    def __init__(self) -> None:
        self.errors: list[npt.NDArray[np.float64]] = []
        self.precision: list[float] = []
        self.neighbours: list[int] = []

    def add(
        self,
        predicted: npt.NDArray[np.float64],
        ranking: npt.NDArray[np.intp],
        hidden: npt.NDArray[np.uint8],
        neighbours: int,
    ) -> None:
        there = hidden > 0
        error = predicted[there] - hidden[there] / 2
        self.errors.append(error[np.isfinite(error)])
        self.precision.append(float((hidden[ranking[:10]] >= 8).sum()) / 10)
        self.neighbours.append(neighbours)

    def row(self) -> dict[str, float]:
        errors = np.concatenate(self.errors)
        return {
            "RMSE (stars)": math.sqrt(float(np.mean(errors**2))),
            "MAE (stars)": float(np.abs(errors).mean()),
            "precision@10": float(np.mean(self.precision)),
            "neighbours": float(np.mean(self.neighbours)),
            "users": float(len(self.precision)),
        }
