"""Validated uploads: what they stop, and what they cost.

A user who is not asked for a proof may upload any numbers, and outweigh everybody (`outweighing`).
The proof of `recommender.validity` prevents that; what it costs a user and a server is predicted by
`cost.upload` and `cost.upload_of_a_user`, and measured here beside them (`costs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpclab import cost
from mpclab.datasets import synthetic
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.network.endpoint import server_name
from mpclab.recommender import MIN_DENSE, Parameters, Recommender
from mpclab.recommender.encoding import MAX_RATING, dense_vectors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["costs", "outweighing"]


def outweighing(
    users: int = 10_000,
    items: int = 40,
    stars: float | None = None,
    *,
    servers: int = 2,
    dense: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """One dummy user against all others: with and without proofs at upload.

    The dummy copies the dense ratings of the user who asks, at twice their length, and gives the
    title that the neighbours like least so many `stars` that it outweighs all of them. Synthetic
    ratings; a seeded lab.

    Returns
    -------
    DataFrame
        Three rows, "honest", "dummy, no proof" and "dummy, proof": users taken, users refused, the
        sum of the title's ratings in stars, and its place in the ranking (1 is the best; 0: not
        recommended at all).

    Examples
    --------
    >>> outweighing(users=40, items=30)
                     taken  refused   stars  place
    upload
    honest              40        0    40.5      9
    dummy, no proof     41        0  1680.5      1
    dummy, proof        40        1    40.5      9
    """
    import pandas as pd

    if users < 2:
        raise InputError(f"users is {users}: it takes at least 2 beside the dummy")
    # the most that fits beside all other ratings: one slot's sum is at most 10 half stars each
    given = 40.0 * users + 40 if stars is None else float(stars)
    if not (0 < given < np.inf and 2 * given == round(2 * given)):
        raise InputError(f"stars is {stars!r}: it takes a positive number of whole half stars")
    data = synthetic(users, items, seed)
    matrix = data.matrix()
    able = np.flatnonzero((matrix[:, :dense] > 0).sum(axis=1) >= min(MIN_DENSE, dense))
    if not able.size:
        raise InputError(
            f"none of these {users} users has rated enough of the {dense} dense items to ask: take "
            "more users or another seed"
        )
    asks = int(able[0])
    rows, target = [], None
    for name, validated, dummy in (
        ("honest", True, False), ("dummy, no proof", False, True), ("dummy, proof", True, True)
    ):
        p = Parameters(
            10 * users, items, dense, min_dense=min(MIN_DENSE, dense), validated=validated
        )
        if 2 * given + MAX_RATING * users >= p.packing.radix:
            raise InputError(
                f"{given:g} stars do not fit into an element beside {users:,} users' ratings: "
                f"take fewer than {(p.packing.radix - MAX_RATING * users) // 2:,}"
            )
        recommender = Recommender(Lab(servers, seed=seed, contents=False), p)
        vectors = dense_vectors(matrix[:, :dense], p.scale)
        packed = p.packing.pack(matrix[:, dense:])
        if dummy:
            assert target is not None
            vectors = np.concatenate([vectors, 2 * vectors[asks : asks + 1]])
            column = np.zeros((len(packed), 1), np.uint64)
            slot, at = target // p.packing.slots, target % p.packing.slots
            weight = (p.packing.radix + int(2 * given)) * p.packing.slot**at
            column[slot] = weight
            packed = np.concatenate([packed, column], axis=1)
        recommender.preprocess(rows=packed.shape[1], queries=1)
        taken = recommender.upload_encoded(recommender.lab.field.array(vectors), packed)
        result = recommender.recommend(matrix[asks], 0.3, user=asks)
        own = matrix[asks, dense:]
        if target is None:
            liked = np.where(own > 0, np.iinfo(np.int64).max, result.sums)
            target = int(liked.argmin())
        ranking = result.ranking(own).tolist()
        rows.append({
            "upload": name,
            "taken": taken,
            "refused": packed.shape[1] - taken,
            "stars": float(result.sums[target]) / 2,
            "place": ranking.index(target) + 1 if target in ranking else 0,
        })
    return pd.DataFrame(rows).set_index("upload")


def costs(
    users: int = 1_000, items: int = 1_000, *, servers: int = 2, dense: int = 20, seed: int = 0
) -> pd.DataFrame:
    """An upload with and without a proof: predicted by formula, and measured.

    Returns
    -------
    DataFrame
        One row per quantity, columns "no proof" and "proof" for what was measured, and
        "predicted" for what `cost` says of the proof (None: it says nothing). Bytes and times are
        per user: what a user exchanges with one server, headers included, what a server computes
        (the slowest one), and what the users compute. Rounds are the servers'.

    Examples
    --------
    >>> frame = costs(users=50, items=100)
    >>> frame.loc["rounds"].tolist(), frame.loc["elements between servers"].tolist()
    ([7, 26, 26], [101, 202, 202])
    """
    import pandas as pd

    matrix = synthetic(users, items, seed).matrix()
    found: dict[str, dict[str, float]] = {}
    for name, validated in (("no proof", False), ("proof", True)):
        p = Parameters(
            max(users, 2), items, dense, min_dense=min(MIN_DENSE, dense), validated=validated
        )
        lab = Lab(servers, seed=seed, contents=False)
        recommender = Recommender(lab, p)
        recommender.preprocess(rows=users)
        dealt = sum(r.bytes for r in lab.transcript.records if r.receiver == server_name(0))
        recommender.upload(matrix)
        t = lab.transcript
        legs = [r for r in t.select(phase="upload") if "users" in (r.sender, r.receiver)]
        busy: dict[str, float] = {}
        for a in t.activities:
            if a.phase == "upload":
                busy[a.party] = busy.get(a.party, 0.0) + a.end - a.start
        one = {server_name(0), "users"}
        found[name] = {
            "rounds": t.rounds(phase="upload"),
            "elements between servers": t.elements_sent(server_name(0), phase="upload")
            // (servers - 1),
            "bytes a user sends to a server": sum(
                r.bytes for r in legs if r.sender == "users" and r.receiver in one
            ) / users,
            "bytes a user gets from a server": sum(
                r.bytes for r in legs if r.receiver == "users" and r.sender in one
            ) / users,
            "bytes between servers": t.bytes_sent(server_name(0), phase="upload")
            / (servers - 1) / users,
            "bytes from the dealer": dealt / users,
            "a user computes, ms": 1000 * busy["users"] / users,
            "a server computes, ms": 1000
            * max(seconds for party, seconds in busy.items() if party != "users") / users,
        }
    predicted = cost.upload(servers, p, users)
    sent, received = cost.upload_of_a_user(p)
    found["predicted"] = {
        "rounds": predicted.rounds,
        "elements between servers": predicted.elements // (servers - 1),
        "bytes a user sends to a server": 8 * (sent + 1),  # and one number that says "sent"
        "bytes a user gets from a server": 8 * received,
    }
    columns = {name: pd.Series(column, dtype=object) for name, column in found.items()}
    return pd.DataFrame(columns, index=list(found["proof"]))
