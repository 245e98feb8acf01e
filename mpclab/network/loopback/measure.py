"""Recommendations over real processes: the virtual clock beside a real one (DESIGN 4, One clock).

The requester stays in this process; every server's online phase runs in a process of its own, on
what that server prepared. Both clocks begin when the requester begins to make its query and end
with its verified result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpclab.errors import Abort, InputError, MaterialError
from mpclab.network.endpoint import is_server
from mpclab.network.loopback.calibrate import calibrate
from mpclab.network.loopback.jobs import packed, reference_to
from mpclab.network.loopback.processes import Processes
from mpclab.network.loopback.result import ProcessRun

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.recommender import PreparedQuery, Recommendation, Recommender

__all__ = ["measure_recommendation", "query_in_processes"]

_CLIENT = "requester"


def query_in_processes(
    recommender: Recommender,
    prepared: Sequence[PreparedQuery],
    ratings: npt.NDArray[np.uint8],
    threshold: float,
    *,
    timeout: float = 60.0,
    processes: Processes | None = None,
) -> list[tuple[Recommendation, ProcessRun]]:
    """Run the online phase of prepared queries, one after another, with a process per server.

    `ratings` are the requester's half stars (M,), the same for all queries. What was prepared for
    them is used up. `processes` must have been started with `client=` the requester's name.
    """
    return list(_Queries(recommender, prepared, ratings, threshold, timeout, processes))


class _Queries:
    """Prepared queries that have been moved into processes, to be run one at a time."""

    def __init__(
        self,
        recommender: Recommender,
        prepared: Sequence[PreparedQuery],
        ratings: npt.NDArray[np.uint8],
        threshold: float,
        timeout: float,
        processes: Processes | None,
    ) -> None:
        from mpclab.recommender import protocol

        self._recommender, self._prepared, self._timeout = recommender, prepared, timeout
        self._vector, self._threshold = recommender._encoded_query(ratings, threshold)
        names = {q.client.endpoint.name for q in prepared}
        if len(names) != 1:
            raise InputError(f"the queries are of {sorted(names)}: it takes those of one client")
        (name,) = names
        lab = recommender.lab
        if processes is not None and (processes.client, processes.servers) != (name, lab.n):
            raise InputError(
                f"these are {processes.servers} processes with the client {processes.client!r}, "
                f"and the queries take {lab.n} with the client {name!r}"
            )
        if any(q.used for q in prepared):
            raise MaterialError("a query was prepared for one use, and was used: prepare another")
        jobs = [
            packed(
                server, reference_to(protocol.online), [q.session for q in prepared], [],
                [([q.servers[i]], [name], [self._threshold]) for q in prepared], labelled=False,
            )
            for i, server in enumerate(lab.servers)
        ]
        for q in prepared:  # from here on it is the processes': nothing of it is left here
            q.used = True
            for held, party in zip(q.servers, q.session.parties, strict=True):
                held.used = True
                party._reserved.clear()
                party.abort("moved to a process")
        self._own = None if processes is not None else Processes(lab.n, client=name)
        self.processes = processes or self._own
        try:
            self._running.job(jobs)
        except BaseException:
            self.close()
            raise

    @property
    def _running(self) -> Processes:
        assert self.processes is not None
        return self.processes

    def close(self) -> None:
        """End the processes, if they were started for these queries."""
        if self._own is not None:
            self._own.close()

    def __iter__(self) -> Iterator[tuple[Recommendation, ProcessRun]]:
        try:
            for k in range(len(self._prepared)):
                yield self.run(k)
        finally:
            self.close()

    def run(self, k: int) -> tuple[Recommendation, ProcessRun]:
        """Run query k."""
        from mpclab.recommender import Recommendation
        from mpclab.recommender.protocol import client_query

        query, p = self._prepared[k], self._recommender.parameters
        client = query.client
        client.endpoint.phase = "online"
        asking = client_query(client, p, query.rho, self._vector, self._threshold)
        legs = self._running.run(k, self._timeout, (client.endpoint, asking), keep=False)
        totals, neighbours = legs[client.endpoint.name].result
        result = Recommendation.read(p, totals, neighbours, query.session.name)
        return result, ProcessRun(result, (legs,))


def measure_recommendation(
    users: int = 10_000,
    items: int = 1_000,
    servers: int = 2,
    repeat: int = 5,
    *,
    dense: int = 20,
    comparison: str = "tables",
    threshold: float | None = None,
    seed: int | None = None,
    timeout: float = 60.0,
) -> pd.DataFrame:
    """Online time of a recommendation: the simulation's virtual clock beside real processes.

    Processes are started and measured first (`calibrate`); the simulation charges what was found,
    `latency` and `bandwidth` in `frame.attrs`. Then simulated and real queries of the same
    requester alternate; the first of each kind is not counted.

    With two servers on two cores the medians agree within a factor of 2, measured above simulated:
    about 1.2 at the default size, about 1.6 with 500 users, where a query takes only 2 ms. The
    difference comes from each server's computing, slower by a tenth or a few tenths of a
    millisecond after every wait, since its code and data have left the processor's caches (in the
    simulation they stay); from waking up, which takes longer after computing than in the
    calibration; and from every round's waiting for the slower of two. With fewer free cores than
    servers the factor grows (2.3 was seen while other programs kept the machine busy, and with
    three servers on two cores): then the servers' computing is no longer side by side.

    Returns
    -------
    DataFrame with a row per repetition, all times in seconds:
        `simulated`, the virtual clock; `measured`, by the requester's real clock; `ratio` =
        measured / simulated; `simulated_computing` and `measured_computing`, of the slowest server.

    Raises
    ------
    Abort
        If the two results were not equal.

    Examples
    --------
    >>> measure_recommendation(users=10_000, items=1_000).median()  # doctest: +SKIP
    """
    import pandas as pd

    from mpclab.lab import Lab
    from mpclab.recommender import MIN_DENSE, THRESHOLD, Parameters, Recommender

    if not isinstance(repeat, int) or repeat < 1:
        raise InputError(f"repeat is {repeat!r}: it takes an integer, 1 or more")
    threshold = THRESHOLD if threshold is None else threshold
    rng = np.random.default_rng(seed)
    ratings = (rng.integers(1, 11, (users, items)) * (rng.random((users, items)) < 0.3)).astype(
        np.uint8
    )
    ratings[0, :dense] = rng.integers(1, 11, dense)
    with Processes(servers, client=_CLIENT) as processes:
        network = calibrate(processes)
        lab = Lab(
            servers, network=network, comparison=comparison, seed=seed, contents=False
        )
        parameters = Parameters(users, items, dense, min_dense=min(MIN_DENSE, dense))
        recommender = Recommender(lab, parameters)
        # One more than is asked: freeing the last material would also shrink this process's heap,
        # which takes longer than the query and is no server's work.
        recommender.preprocess(rows=users, queries=2 * (repeat + 1) + 1)
        recommender.upload(ratings)
        queries = [recommender.prepare(0, _CLIENT) for _ in range(2 * (repeat + 1) + 1)]
        real = _Queries(
            recommender, queries[: repeat + 1], ratings[0], threshold, timeout, processes
        )
        rows = []
        for k in range(repeat + 1):
            simulated = recommender.query(queries[repeat + 1 + k], ratings[0], threshold)
            measured, run = real.run(k)
            if not _same(simulated, measured):
                raise Abort("the simulation's result and the processes' are not equal")
            virtual = lab.transcript.seconds(simulated.session, "online")
            clock = run.legs[0][_CLIENT].seconds
            computed = [
                sum(
                    a.end - a.start
                    for a in lab.transcript.activities
                    if (a.session, a.phase, a.party) == (simulated.session, "online", s.name)
                )
                for s in lab.servers
            ]
            rows.append(
                {
                    "simulated": virtual,
                    "measured": clock,
                    "ratio": clock / virtual,
                    "simulated_computing": max(computed),
                    "measured_computing": max(
                        leg.computing for leg in run.legs[0].values() if is_server(leg.party)
                    ),
                }
            )
    frame = pd.DataFrame(rows[1:])  # the first only warmed up
    frame.attrs |= {"latency": network.latency, "bandwidth": network.bandwidth}
    return frame


def _same(one: Recommendation, other: Recommendation) -> bool:
    return (
        np.array_equal(one.sums, other.sums)
        and np.array_equal(one.counts, other.counts)
        and one.neighbours == other.neighbours
    )
