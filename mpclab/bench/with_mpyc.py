"""The workload *anchors* by MPyC, in the same run: three parties on this machine, passive security.

MPyC (Berry Schoenmakers, TU Eindhoven) computes with an honest majority and without malicious
security, so it does less than mpclab does; it has no preprocessing, so that nothing is taken away
from its time. It is in the extra `bench`: `pip install 'mpclab[bench]'`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mpclab.bench.measure import WrongResult
from mpclab.bench.workloads import workload
from mpclab.errors import InputError

__all__ = ["measure_mpyc"]

PARTIES = 3


def measure_mpyc(
    users: int = 1_000,
    items: int = 1_000,
    dense: int = 20,
    seed: int = 0,
    runs: int = 1,
    timeout: float = 600.0,
) -> dict[str, Any]:
    """Seconds that MPyC takes for T and L: with all inputs shared (`online`), and to share them.

    Raises
    ------
    InputError
        If MPyC is not installed, or does not finish in time.
    WrongResult
        If its result is not the plaintext one.
    """
    if find_spec("mpyc") is None:
        raise InputError("MPyC is not installed: pip install 'mpclab[bench]' brings it")
    kind = workload("anchors")
    p = kind.parameters(users, items, dense)
    inputs = kind.draw(p, seed)
    near = inputs.neighbours()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.json")
        np.savez(
            given, dense=inputs.dense, ratings=inputs.ratings, query=inputs.query,
            threshold=inputs.threshold, bits=p.bits, runs=runs,
        )
        script = Path(__file__).with_name("_mpyc_party.py")
        words = [sys.executable, str(script), f"-M{PARTIES}", "--no-log", "-B", str(_port())]
        try:
            done = subprocess.run(
                [*words, str(given), str(found)], capture_output=True, text=True, timeout=timeout,
                cwd=folder, env={**os.environ, "PYTHONSAFEPATH": "1"},
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"MPyC did not finish {users:,} users and {items:,} items within {timeout:.0f} s: "
                "take fewer of them"
            ) from None
        if done.returncode or not found.exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise InputError(f"MPyC ended without a result: {last}")
        told = json.loads(found.read_text())
    if told["sums"] != (near @ inputs.ratings).tolist() or told["neighbours"] != int(near.sum()):
        raise WrongResult("the result of MPyC differs from the plaintext")
    return {
        "workload": kind.name,
        "parties": PARTIES,
        "security": "passive, honest majority",
        "users": users,
        "items": items,
        "dense": dense,
        "runs": runs,
        "version": told["version"],
        "online_seconds": float(np.median(told["online"])),
        "input_seconds": told["input"],
        "matches_plaintext": True,
        "wall_seconds": time.perf_counter() - started,
    }


def _port() -> int:
    """The first of a few free ports, for its parties to listen on."""
    for start in range(21_000, 40_000, 97):
        try:
            for port in range(start, start + PARTIES):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start
    raise InputError(f"there are no {PARTIES} free ports between 21,000 and 40,000 on this machine")
