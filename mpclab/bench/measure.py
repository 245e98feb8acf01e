"""The measurements themselves. Each returns plain data: seconds, bytes, and how they were got."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole
from mpclab.bench.facts import machine, memory
from mpclab.bench.spread import Summary, middle, summary
from mpclab.bench.workloads import Inputs, Workload, workload
from mpclab.errors import InputError, MpclabError
from mpclab.lab import Lab
from mpclab.network.conditions import WAN, Conditions
from mpclab.network.transcript import Transcript
from mpclab.recommender import Parameters, Recommendation, Recommender
from mpclab.recommender.protocol import query_material
from mpclab.style import PUBLISHED_SECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WrongResult", "online", "prepare", "preprocess", "processes", "scale"]

Ints = npt.NDArray[np.int64]
Progress = Callable[[str], None]

LOOPBACK_MARGIN = 2.0
"""Real processes may take that many times as long as the virtual clock says, with free cores."""

_ROWS = 50_000  # uploaded at a time
_PROVED = 10_000  # and with a proof about each
_MAPPED = 1 << 30  # bytes of a server's files that are in memory at a time, at most
_SLICE = 100_000  # rows of the plaintext that NumPy is given at a time


class _TooLarge(InputError):
    """More memory than there is."""


class WrongResult(MpclabError):
    """A private result differs from the plaintext: nothing that was measured means anything."""


class _Run(NamedTuple):
    """What one query took: its session, the steps of its online phase, and NumPy's product."""

    session: str
    int64: float
    float64: float


class _Bench:
    """A recommender with everybody's rows in it, ready to be asked again and again."""

    def __init__(
        self,
        kind: Workload,
        users: int,
        items: int,
        servers: int,
        dense: int,
        comparison: str,
        network: str | Conditions,
        seed: int | None,
        store: str | Path | None,
        tell: Progress,
    ) -> None:
        self.kind, self.seed, self.tell = kind, seed, tell
        self.parameters = p = kind.parameters(users, items, dense)
        self.lab = Lab(servers, network=network, comparison=comparison, seed=seed, contents=False)
        self.store = store
        _check_memory(p, self.lab.n, comparison, store is not None)
        self.recommender = Recommender(self.lab, p, store=store)
        try:
            tell("draw the inputs")
            self.inputs = kind.draw(p, seed or 0)
            self.plaintext = _Plaintext(p, self.inputs)
            self._upload()
        except BaseException:
            self.recommender.close()
            raise

    def __enter__(self) -> _Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.recommender.close()
        gc.collect()  # before the next one takes as much again

    def _upload(self) -> None:
        p, step = self.parameters, _PROVED if self.parameters.validated else _ROWS
        step = min(step, self.recommender.cohort or step)
        stored = 0
        for start in range(0, p.users, step):
            self.tell("preprocess and upload")
            rows = slice(start, min(start + step, p.users))
            dense = self.lab.field.array(self.inputs.dense[rows])
            packed = p.packing.pack(self.inputs.ratings[rows])
            self.recommender.preprocess(rows=len(dense))
            stored += self.recommender.upload_encoded(dense, packed, np.arange(p.users)[rows])
        if stored != p.users:
            raise WrongResult(
                f"{p.users - stored} of {p.users} honest users were refused: all of them should "
                "be in"
            )

    def query(self, compare: bool = True) -> _Run:
        """Prepare and ask once; NumPy's products of the plaintext go before and after it."""
        self.recommender.preprocess(queries=1)
        prepared = self.recommender.prepare(self.inputs.user)
        int64 = self.plaintext.seconds(np.int64) if compare else 0.0
        result = self.recommender.query_encoded(
            prepared, self.inputs.query, self.inputs.threshold
        )
        float64 = self.plaintext.seconds(np.float64) if compare else 0.0
        self.plaintext.check(result)
        return _Run(result.session, int64, float64)

    def queries(self, runs: int, compare: bool = True) -> list[_Run]:
        """As many as are asked for, after one that only warms up."""
        done = []
        for k in range(runs + 1):
            self.tell(f"run {k} of {runs}" if k else "warm up")
            done.append(self.query(compare))
        return done[1:]

    def described(self, runs: int) -> dict[str, Any]:
        """What was measured, in words and sizes; the same for all measurements."""
        p, packing = self.parameters, self.parameters.packing
        return {
            "workload": self.kind.name,
            "servers": self.lab.n,
            "users": p.users,
            "items": p.items,
            "dense": p.dense,
            "counts": p.counts,
            "validated": p.validated,
            "ratings_per_element": packing.slots,
            "similarity_bits": p.bits,
            "field_bits": self.lab.field.bits,
            "comparison": self.lab.settings.comparison,
            "network": repr(self.lab.network.conditions),
            "stored_on_disk": self.store is not None,
            "runs": runs,
            "seed": 0 if self.seed is None else self.seed,
            "randomness": (
                "operating system" if self.seed is None else "seeded: for teaching only"
            ),
        }

    def computing(self, session: str, phase: str = "online") -> float:
        """Seconds that the slowest server itself computed in a session."""
        by_server = {s.name: 0.0 for s in self.lab.servers}
        for a in self.lab.transcript.activities:
            if (a.session, a.phase) == (session, phase) and a.party in by_server:
                by_server[a.party] += a.end - a.start
        return max(by_server.values())

    def traffic(self, session: str, phase: str) -> dict[str, Any]:
        """Rounds and bytes of one session's phase."""
        t, names = self.lab.transcript, [s.name for s in self.lab.servers]
        return {
            "rounds": t.rounds(session, phase),
            "bytes_sent_per_server": [t.bytes_sent(name, session, phase) for name in names],
            "client_bytes": t.client_bytes(session, phase),
        }

    def received(self, transcript_from: int) -> int:
        """Bytes that the dealer sent since then to the server that received most."""
        got: dict[str, int] = {}
        for r in self.lab.transcript.records[transcript_from:]:
            if r.phase == "preprocess":
                got[r.receiver] = got.get(r.receiver, 0) + r.bytes
        return max((got.get(s.name, 0) for s in self.lab.servers), default=0)


class _Plaintext:
    """The same scoring in the clear, timed and compared with."""

    def __init__(self, parameters: Parameters, inputs: Inputs) -> None:
        self.parameters, self.ratings = parameters, inputs.ratings
        self.near = inputs.neighbours()
        self._kept: dict[Any, npt.NDArray[Any]] = {}
        chosen = inputs.ratings[self.near == 1]
        self.sums = chosen.sum(axis=0, dtype=np.int64)
        self.counts = (chosen > 0).sum(axis=0, dtype=np.int64)

    def seconds(self, dtype: Any) -> float:
        """How long `b @ V` takes in NumPy, with b (N,) and V (N, M - S) of that type in memory."""
        total, sums = 0.0, np.zeros(self.ratings.shape[1], dtype)
        for start in range(0, len(self.near), _SLICE):
            rows = slice(start, start + _SLICE)
            b = self.near[rows].astype(dtype)
            V = self._kept.get(dtype)
            if V is None:
                V = self.ratings[rows].astype(dtype)
                if len(self.near) <= _SLICE:
                    self._kept[dtype] = V
            begun = time.perf_counter()
            sums += b @ V
            total += time.perf_counter() - begun
        if not np.array_equal(sums, self.sums):
            raise WrongResult("NumPy's own product is wrong: the memory may be broken")
        return total

    def check(self, result: Recommendation) -> None:
        """Raise WrongResult unless the private result is the plaintext one."""
        neighbours = int(self.near.sum())
        counts = self.counts if self.parameters.counts else 0
        if result.neighbours != neighbours:
            raise WrongResult(
                f"the private result has {result.neighbours} neighbours, the plaintext "
                f"{neighbours}: they must be equal"
            )
        wrong = (result.sums != self.sums) | (result.counts != counts)
        if wrong.any():
            raise WrongResult(
                f"{int(wrong.sum())} of {wrong.size} items differ from the plaintext: they must "
                "be equal"
            )


def _stored_bytes(p: Parameters) -> int:
    """Bytes of everybody's rows at a server: shares, MACs, and what was uploaded, masked."""
    return 3 * 8 * p.users * (p.packed + p.dense)


def _material_bytes(p: Parameters, comparison: str, servers: int) -> int:
    """Bytes at a server of what is preprocessed for one query: shares and MACs."""
    masks, compare, output, *_ = query_material(p, [(0, p.users)], comparison, servers)
    entries = [e for spec in (masks, compare, output) for e in _layout(spec)]
    return 2 * 8 * sum(int(np.prod(e.shape, dtype=np.int64)) for e in entries)


def _layout(spec: Any) -> tuple[Any, ...]:
    layout = getattr(spec, "layout", None)
    return layout() if callable(layout) else ()


def _check_memory(p: Parameters, servers: int, comparison: str, on_disk: bool) -> None:
    """Raise InputError now if this would take more memory than the machine has left."""
    rows, material = _stored_bytes(p), _material_bytes(p, comparison, servers)
    if on_disk:  # files are mapped: a part of them is in memory at a time
        rows, material = min(rows, _MAPPED), min(material, _MAPPED)
    plaintext = 8 * min(p.users, _SLICE) * p.scored * 2 + p.users * (p.items + 8 * p.dense)
    wanted = servers * (rows + material) + rows + 2 * material + plaintext
    free = memory()[1]
    if free and wanted > 0.9 * free:
        raise _TooLarge(
            f"{p.users:,} users, {p.items:,} items and {servers} servers in one process take "
            f"about {wanted / 1e9:,.0f} GB of memory, and {free / 1e9:,.0f} GB are free: take "
            "fewer of them" + ("" if on_disk else ", or keep the rows on disk (store)")
        )


def _sizes(runs: int) -> int:
    if not is_whole(runs) or runs < 1:
        raise InputError(f"runs is {runs!r}: a median takes at least 1 run, better 5 or more")
    return int(runs)


def _spread(name: str, values: Iterable[float]) -> dict[str, Any]:
    """A median and its quartiles, under two keys."""
    s: Summary = summary(values)
    return {f"{name}_seconds": s.median, f"{name}_spread": s.spread}


def _quiet(step: str) -> None:
    pass


# -- one measurement ------------------------------------------------------------------------------


def online(
    *,
    users: int = 10_000,
    items: int = 1_000,
    servers: int = 2,
    dense: int = 20,
    workload: str | Workload = "anchors",
    comparison: str = "tables",
    network: str | Conditions = "lan",
    runs: int = 7,
    seed: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The online phase: what a requester waits for, beside the same scoring on plaintext in NumPy.

    One upload, then `runs` queries, each prepared afresh, after one that warms up and is dropped.
    Before and after every query NumPy multiplies the plaintext, `b @ V` for the users b who are
    similar enough and their ratings V (users, M - S), in int64 and in float64.

    Parameters
    ----------
    users, items, servers, dense : int
        N, M, n and S.
    workload : str or Workload
        "anchors" or "recommender".
    comparison, network, seed
        See `Lab`. With a seed all randomness is reproducible: for teaching only.
    runs : int
        How many runs count.
    store : path or None
        A folder in which the servers keep their rows; None: in memory.
    progress : callable
        Told what is done next.

    Returns
    -------
    dict
        Times in seconds, sizes in bytes. `online_seconds` is the median of the critical path from
        the query's arrival to the verified result, `online_spread` its quartiles,
        `online_phases` the steps of the median run; `server_seconds` what the slowest server
        itself computed; `numpy_int64_seconds`, `numpy_float64_seconds` the plaintext, and
        `ratio_to_numpy_int64` = online / NumPy's. `latency_20ms_seconds` is the same run on a
        network of 20 ms one way and 100 Mbit/s, from sending the query to the verified result.

    Raises
    ------
    WrongResult
        If a private result is not the plaintext one.
    InputError
        If the sizes make no sense, or do not fit into memory.

    Examples
    --------
    >>> result = online(users=300, items=50, runs=3, seed=1)
    >>> result["rounds"], result["servers"], sorted(result["online_phases"])
    (8, 2, ['aggregate', 'check', 'compare', 'result', 'select'])
    """
    started = time.perf_counter()
    facts, runs = machine(), _sizes(runs)
    with _Bench(
        _named(workload), users, items, servers, dense, comparison, network, seed, store,
        progress or _quiet,
    ) as bench:
        done = bench.queries(runs)
        transcript = bench.lab.transcript
        paths = [transcript.online_path(r.session) for r in done]
        far = _far(transcript, [r.session for r in done])
        totals = [sum(path.values()) for path in paths]
        result = {
            **bench.described(runs),
            **_spread("online", totals),
            "online_phases": middle(paths),
            **_spread("server", [bench.computing(r.session) for r in done]),
            **_spread("numpy_int64", [r.int64 for r in done]),
            **_spread("numpy_float64", [r.float64 for r in done]),
            **_spread("latency_20ms", far),
            **_spread("prepare", [transcript.seconds(r.session, "prepare") for r in done]),
            "published_seconds": PUBLISHED_SECONDS,
            **bench.traffic(done[-1].session, "online"),
            "neighbours": int(bench.plaintext.near.sum()),
            "matches_plaintext": True,  # or there is no result at all
            "machine": facts,
            "wall_seconds": time.perf_counter() - started,
        }
        for name in ("numpy_int64", "numpy_float64"):
            result[f"ratio_to_{name}"] = result["online_seconds"] / result[f"{name}_seconds"]
        return result


def _named(name: str | Workload) -> Workload:
    return workload(name)


def _far(transcript: Transcript, sessions: list[str]) -> list[float]:
    """Seconds of these queries on a network of 20 ms, from sending to the verified result."""
    far = transcript.retimed(WAN)
    return [far.seconds(session, "online") for session in sessions]


# -- what comes before the online phase -----------------------------------------------------------


def prepare(
    *,
    users: int = 10_000,
    items: int = 1_000,
    servers: int = 2,
    dense: int = 20,
    workload: str | Workload = "anchors",
    comparison: str = "tables",
    network: str | Conditions = "lan",
    runs: int = 7,
    seed: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What is done for a query before it is asked: the products of masks, and the check of a mask.

    Parameters, errors and the way of measuring are those of `online`, without NumPy.

    Returns
    -------
    dict
        `prepare_seconds`, `prepare_spread`, the slowest server's own `server_seconds`, rounds and
        bytes, all for one query; `prepare_seconds_per_user`.

    >>> result = prepare(users=300, items=50, runs=2, seed=1)
    >>> result["rounds"], result["workload"]
    (7, 'anchors')
    """
    started = time.perf_counter()
    facts, runs = machine(), _sizes(runs)
    with _Bench(
        _named(workload), users, items, servers, dense, comparison, network, seed, store,
        progress or _quiet,
    ) as bench:
        done = bench.queries(runs, compare=False)
        transcript = bench.lab.transcript
        took = [transcript.seconds(r.session, "prepare") for r in done]
        return {
            **bench.described(runs),
            **_spread("prepare", took),
            "prepare_seconds_per_user": summary(took).median / users,
            **_spread("server", [bench.computing(r.session, "prepare") for r in done]),
            **bench.traffic(done[-1].session, "prepare"),
            "matches_plaintext": True,
            "machine": facts,
            "wall_seconds": time.perf_counter() - started,
        }


def preprocess(
    *,
    users: int = 10_000,
    items: int = 1_000,
    servers: int = 2,
    dense: int = 20,
    workload: str | Workload = "anchors",
    comparison: str = "tables",
    network: str | Conditions = "lan",
    runs: int = 5,
    seed: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What is made before anybody knows an input, and the upload: time and size, and memory.

    Material for a query is made `runs` times, after one that warms up; rows are preprocessed and
    uploaded once, for a server stores every user's row once. Parameters and errors are those of
    `online`.

    Returns
    -------
    dict
        For one query: `query_seconds`, `query_spread`, `query_bytes` (from the dealer to the
        server that receives most) and `query_memory_bytes` (at a server). For everybody's rows:
        `rows_seconds`, `rows_bytes`, `upload_seconds`, and `upload_bytes` to and from all users;
        each also `_per_user`. `stored_bytes_per_server` is a server's memory for all rows.

    >>> result = preprocess(users=300, items=50, runs=2, seed=1)
    >>> result["stored_bytes_per_server"], result["upload_bytes_per_user"] > 0
    (187200, True)
    """
    started = time.perf_counter()
    facts, runs = machine(), _sizes(runs)
    tell = progress or _quiet
    with _Bench(
        _named(workload), users, items, servers, dense, comparison, network, seed, store, tell
    ) as bench:
        transcript = bench.lab.transcript
        rows = {
            "rows_seconds": transcript.seconds(phase="preprocess"),
            "rows_bytes": bench.received(0),
            "upload_seconds": transcript.seconds(phase="upload"),
            "upload_bytes": transcript.client_bytes(phase="upload"),
        }
        took, size = [], 0
        for k in range(runs + 1):
            tell(f"run {k} of {runs}" if k else "warm up")
            first, before = len(transcript.records), transcript.seconds(phase="preprocess")
            bench.recommender.preprocess(queries=1)
            took.append(transcript.seconds(phase="preprocess") - before)
            size = bench.received(first)
            prepared = bench.recommender.prepare(bench.inputs.user)  # takes it: memory is freed
            if k == 0:  # material that makes wrong results is not worth measuring
                bench.plaintext.check(
                    bench.recommender.query_encoded(
                        prepared, bench.inputs.query, bench.inputs.threshold
                    )
                )
        p = bench.parameters
        return {
            **bench.described(runs),
            **_spread("query", took[1:]),
            "query_bytes": size,
            "query_memory_bytes": _material_bytes(p, comparison, bench.lab.n),
            **rows,
            **{f"{name}_per_user": value / users for name, value in rows.items()},
            "stored_bytes_per_server": _stored_bytes(p),
            "matches_plaintext": True,
            "machine": facts,
            "wall_seconds": time.perf_counter() - started,
        }


# -- many measurements ----------------------------------------------------------------------------

_COLUMNS = (
    "workload", "servers", "users", "items", "dense", "ratings_per_element", "comparison",
    "online_seconds", "online_spread", "online_phases", "server_seconds", "server_spread",
    "numpy_int64_seconds", "numpy_int64_spread", "numpy_float64_seconds",
    "numpy_float64_spread", "ratio_to_numpy_int64", "ratio_to_numpy_float64",
    "latency_20ms_seconds", "latency_20ms_spread", "prepare_seconds", "rounds",
    "bytes_sent_per_server", "client_bytes", "runs", "stored_on_disk",
)  # fmt: skip


def scale(
    users: Iterable[int] = (1_000, 10_000),
    items: Iterable[int] = (1_000,),
    servers: Iterable[int] = (2, 3, 5),
    *,
    dense: int = 20,
    workload: str | Workload = "anchors",
    comparison: str = "tables",
    network: str | Conditions = "lan",
    runs: int = 5,
    seed: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """`online` for every combination of users, items and servers, and how the time grows.

    Parameters
    ----------
    users, items, servers : iterables of int
    store : path or None
        A folder; every combination keeps its rows in a folder of its own inside it.
    dense, workload, comparison, network, runs, seed, progress
        See `online`.

    Returns
    -------
    DataFrame
        One row per combination, with the figures of `online`. In `attrs`: `skipped`, a sentence
        for every combination that does not fit into memory; `machine`.
        `mpclab.bench.growth(frame, "server_seconds")` fits the exponents.

    Examples
    --------
    >>> frame = scale(users=(100, 200), items=(30,), servers=(2, 3), runs=1, seed=1)
    >>> frame[["users", "servers", "rounds"]].values.tolist()
    [[100, 2, 8], [100, 3, 8], [200, 2, 8], [200, 3, 8]]
    """
    import pandas as pd

    tell = progress or _quiet
    facts = machine()
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for N, M, n in itertools.product(tuple(users), tuple(items), tuple(servers)):
        name = f"{N:,} users, {M:,} items, {n} servers"

        def told(step: str, name: str = name) -> None:
            tell(f"{name}: {step}")

        _named(workload).parameters(N, M, dense)  # sizes that make no sense are nothing to skip
        try:
            one = online(
                users=N, items=M, servers=n, dense=dense, workload=workload,
                comparison=comparison, network=network, runs=runs, seed=seed,
                store=None if store is None else Path(store) / f"{N}-{M}-{n}", progress=told,
            )
        except _TooLarge as error:
            skipped.append(f"Skipped: {error}.")
            continue
        rows.append({name: one[name] for name in _COLUMNS})
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame.attrs |= {"skipped": skipped, "machine": facts}
    return frame


def processes(
    *,
    users: int = 10_000,
    items: int = 1_000,
    servers: int = 2,
    dense: int = 20,
    comparison: str = "tables",
    runs: int = 5,
    seed: int | None = None,
) -> dict[str, Any]:
    """The virtual clock beside real processes on this machine, a process per server.

    The workload is *recommender* on random ratings, and the simulation charges the latency and
    bandwidth that the processes were found to have. See
    `mpclab.network.loopback.measure.measure_recommendation`. With a free core per server the
    medians agree within `margin`.

    Returns
    -------
    dict
        `simulated_seconds`, `measured_seconds` and their spreads, `ratio` = measured / simulated
        of the medians, `margin`, `agrees`, and whether there was a core per server
        (`core_per_server`).
    """
    from mpclab.network.loopback.measure import measure_recommendation

    started = time.perf_counter()
    facts, runs = machine(), _sizes(runs)
    frame = measure_recommendation(
        users, items, servers, runs, dense=dense, comparison=comparison, seed=seed
    )
    simulated, measured = summary(frame["simulated"]), summary(frame["measured"])
    ratio = measured.median / simulated.median
    return {
        "workload": "recommender, random ratings",
        "servers": servers,
        "users": users,
        "items": items,
        "dense": dense,
        "comparison": comparison,
        "runs": runs,
        "simulated_seconds": simulated.median,
        "simulated_spread": simulated.spread,
        "measured_seconds": measured.median,
        "measured_spread": measured.spread,
        "simulated_computing_seconds": summary(frame["simulated_computing"]).median,
        "measured_computing_seconds": summary(frame["measured_computing"]).median,
        "ratio": ratio,
        "margin": LOOPBACK_MARGIN,
        "agrees": bool(1 / LOOPBACK_MARGIN <= ratio <= LOOPBACK_MARGIN),
        "core_per_server": facts["cores"] >= servers,
        "latency_seconds": frame.attrs["latency"],
        "bandwidth_bits": frame.attrs["bandwidth"],
        "machine": facts,
        "wall_seconds": time.perf_counter() - started,
    }
