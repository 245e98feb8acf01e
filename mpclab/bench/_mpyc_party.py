"""One of MPyC's parties, started by its own launcher (see `with_mpyc`). Party 0 has all inputs."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


async def _score(given: str, found: str) -> None:
    import mpyc
    import numpy as np
    from mpyc.runtime import mpc

    with np.load(given) as file:
        arrays: dict[str, Any] = dict(file)
    secint = mpc.SecInt(int(arrays["bits"]))
    await mpc.start()
    begun = time.perf_counter()
    dense, ratings, query = (
        mpc.input(secint.array(arrays[name].astype(object)), senders=0)
        for name in ("dense", "ratings", "query")
    )
    await mpc.gather(dense, ratings, query)
    await mpc.barrier("inputs")
    shared = time.perf_counter() - begun
    threshold, took = int(arrays["threshold"]), []
    sums: Any = None
    neighbours: Any = None
    for _ in range(int(arrays["runs"])):
        begun = time.perf_counter()
        b = dense @ query >= threshold
        sums, neighbours = await mpc.output(b @ ratings), await mpc.output(mpc.np_sum(b))
        took.append(time.perf_counter() - begun)
    await mpc.shutdown()
    if mpc.pid == 0:
        told = {
            "version": mpyc.__version__, "input": shared, "online": took,
            "sums": [int(v) for v in np.asarray(sums).tolist()], "neighbours": int(neighbours),
        }
        Path(found).write_text(json.dumps(told))


if __name__ == "__main__":
    from mpyc.runtime import mpc as runtime

    runtime.run(_score(sys.argv[-2], sys.argv[-1]))
