"""One recommendation among very many users, measured: time, disk and memory; see `scale`."""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.datasets.generate import cohorts
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.recommender import MIN_DENSE, THRESHOLD, Parameters, Recommender, plaintext
from mpclab.recommender.storage import MEMORY, cohort_rows, disk_bytes, require_space

__all__ = ["peak_resident", "scale"]


def scale(
    users: int = 100_000,
    items: int = 1_000,
    *,
    servers: int = 2,
    dense: int = 20,
    store: str | Path | None = None,
    cohort: int | None = None,
    memory: int = MEMORY,
    counts: bool = False,
    validated: bool = False,
    comparison: str = "tables",
    threshold: float = THRESHOLD,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """One private recommendation among very many synthetic users, whose rows lie on disk.

    Ratings are made, uploaded and added up in the clear cohort by cohort, so that neither they nor
    the shares are ever in memory as a whole.

    Parameters
    ----------
    users, items, servers, dense : int
        Sizes.
    store : str, Path or None
        A folder that is not there yet, for the servers' files; it is removed in the end. None: in
        the folder for temporary files.
    cohort : int or None
        Rows per session; None: as many as fit into `memory`.
    memory : int
        Bytes for a cohort's messages and temporaries.
    counts, validated : bool
        See `Parameters`. Without counts more ratings share an element; without proofs an upload
        costs less.
    comparison, threshold
        See `Lab` and `Recommender.query`.
    seed : int
        Of the ratings. Everything else is random.
    progress : callable
        Told what is being done.

    Returns
    -------
    dict
        users, items, servers, dense, cohort, cohorts, counts, validated, comparison;
        ratings_per_element; matches_plaintext (bool), neighbours, users_refused;
        seconds (of this process, per phase: generate, preprocess_rows, upload, preprocess_query,
        prepare, online); virtual_seconds (per phase, on the lab's clock: servers work at once);
        online_seconds (virtual) and online_phases (its parts); rounds; bytes_sent_per_server;
        disk_bytes (per server, what was there at most), disk_predicted (per server);
        peak_resident_bytes (of the whole process with all servers, dealer and clients, mapped
        files included; None where the system does not tell).

    Raises
    ------
    InputError
        If a size makes no sense, or the disk has too little space, with both numbers.

    Examples
    --------
    >>> run = scale(300, 40, dense=10, cohort=100)
    >>> run["matches_plaintext"], run["rounds"], run["cohorts"]
    (True, 8, 3)
    """
    tell = progress or (lambda what: None)
    parameters = Parameters(
        users, items, dense, counts=counts, validated=validated, min_dense=min(MIN_DENSE, dense)
    )
    parameters.integer_threshold(threshold)
    lab = Lab(servers, comparison=comparison, contents=False)
    if cohort is None:
        cohort = min(cohort_rows(parameters, servers, memory), users)
    predicted = disk_bytes(parameters, users, servers, comparison)
    spent: dict[str, float] = {}
    with _folder(store) as folder:
        what = f"{users:,} users x {items:,} items at {servers} servers"
        require_space(folder, servers * predicted, what)
        _forget_peak()
        with Recommender(lab, parameters, store=folder, cohort=cohort) as recommender:
            assert recommender.store is not None
            disk = [0] * servers
            query: npt.NDArray[np.uint8] | None = None
            requester = start = stored = 0
            expected: Any = 0, 0, 0
            groups = cohorts(users, items, seed, cohort)
            while True:
                with _timed(spent, "generate"):
                    part = next(groups, None)
                if part is None:
                    break
                tell(f"upload: {start:,} of {users:,} users")
                with _timed(spent, "preprocess_rows"):
                    recommender.preprocess(rows=len(part))
                with _timed(spent, "upload"):
                    stored += recommender.upload(part, np.arange(start, start + len(part)))
                if query is None:
                    requester, query = _requester(part, parameters)
                disk = list(map(max, disk, recommender.store.bytes_used()))
                with _timed(spent, "plaintext"):
                    own = requester if start == 0 else None
                    clear = plaintext(parameters, part, query, threshold, own)
                    expected = tuple(a + b for a, b in zip(expected, clear, strict=True))
                start += len(part)
            assert query is not None
            tell("preprocess: query")
            with _timed(spent, "preprocess_query"):
                recommender.preprocess(queries=1)
            disk = list(map(max, disk, recommender.store.bytes_used()))
            tell("prepare")
            with _timed(spent, "prepare"):
                prepared = recommender.prepare(user=requester)
            tell("online")
            with _timed(spent, "online"):
                result = recommender.query(prepared, query, threshold)
    online = {"session": result.session, "phase": "online"}
    path = lab.transcript.online_path(result.session)
    sums, numbers, neighbours = expected
    return {
        "users": users,
        "items": items,
        "servers": servers,
        "dense": dense,
        "cohort": cohort,
        "cohorts": -(-users // cohort),
        "counts": counts,
        "validated": validated,
        "comparison": comparison,
        "ratings_per_element": parameters.packing.slots,
        "matches_plaintext": bool(
            np.array_equal(result.sums, sums)
            and (not counts or np.array_equal(result.counts, numbers))
            and result.neighbours == neighbours
        ),
        "neighbours": result.neighbours,
        "users_refused": users - stored,
        "seconds": spent,
        "virtual_seconds": {
            phase: lab.transcript.seconds(phase=phase)
            for phase in ("preprocess", "upload", "prepare")
        },
        "online_seconds": sum(path.values()),
        "online_phases": path,
        "rounds": lab.transcript.rounds(**online),
        "bytes_sent_per_server": [lab.transcript.bytes_sent(s.name, **online) for s in lab.servers],
        "disk_bytes": disk,
        "disk_predicted": predicted,
        "peak_resident_bytes": peak_resident(),
    }


def _requester(
    ratings: npt.NDArray[np.uint8], parameters: Parameters
) -> tuple[int, npt.NDArray[np.uint8]]:
    """The first who has rated enough dense items: row and ratings."""
    able = np.flatnonzero((ratings[:, : parameters.dense] > 0).sum(axis=1) >= parameters.min_dense)
    if not able.size:
        raise InputError(
            f"none of the first {len(ratings)} users has rated {parameters.min_dense} of the "
            f"{parameters.dense} dense items: take more dense items or a larger cohort"
        )
    return int(able[0]), ratings[able[0]].copy()


@contextmanager
def _folder(store: str | Path | None) -> Iterator[Path]:
    if store is not None:
        yield Path(store)
        return
    with tempfile.TemporaryDirectory(prefix="mpclab-") as folder:
        yield Path(folder) / "store"


@contextmanager
def _timed(spent: dict[str, float], phase: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    spent[phase] = spent.get(phase, 0.0) + time.perf_counter() - started


def _forget_peak() -> None:
    """Let the peak of resident memory begin anew, where the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_resident() -> int | None:
    """Bytes of memory, at most, that this process had resident, mapped files included.

    >>> peak_resident() > 1_000_000
    True
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found.group(1)) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
