"""What a measurement was made on: the machine, the versions and the threads. No names, no paths."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from mpclab import __version__

__all__ = ["machine", "memory"]

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def memory() -> tuple[int, int]:
    """Bytes of memory in all, and of those that are free to take; 0 where nobody tells."""
    found = {"MemTotal": 0, "MemAvailable": 0}
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name = line.partition(":")[0]
            if name in found:
                found[name] = 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    return found["MemTotal"], found["MemAvailable"]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def machine() -> dict[str, Any]:
    """The facts that go with every measurement.

    `threads` are those of a server, of NumPy's int64 product (which has no other way) and of its
    float64 product, which takes all cores unless the environment says less. `load_average` is
    that of the minute before: above 0, something else was running, or had been.

    >>> facts = machine()
    >>> facts["threads"]["server"], facts["cores"] >= 1
    (1, True)
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not everywhere
        cores = os.cpu_count() or 1
    told = [os.environ[name] for name in _THREADS if os.environ.get(name, "").isdecimal()]
    versions = {name: metadata.version(name) for name in ("numpy", "numba", "cryptography")}
    return {
        "processor": _processor(),
        "cores": cores,
        "memory_bytes": memory()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "mpclab": __version__,
        **versions,
        "threads": {
            "server": 1,
            "numpy_int64": 1,
            "numpy_float64": int(told[0]) if told else cores,
        },
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).date().isoformat(),
    }
