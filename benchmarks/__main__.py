"""`make bench`: run every measurement, write results/<name>.json, print tables, draw figures.

Everything is of one run on one machine, one measurement after another; what does not fit into its
memory is skipped with a sentence. The full set takes about ten minutes on two cores, --quick one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mpclab import bench
from mpclab.bench.figures import draw_all
from mpclab.bench.with_mpyc import measure_mpyc
from mpclab.bench_cli import (
    show_growth,
    show_on_disk,
    show_online,
    show_preprocess,
    show_scale,
)
from mpclab.cli import _progress
from mpclab.errors import InputError, MpclabError
from mpclab.scaling import scale as run_on_disk

RESULTS = Path(__file__).parent / "results"

FULL: dict[str, Any] = {
    "users": (1_000, 10_000, 100_000),
    "servers": (2, 3, 5, 10),
    "doubled": (10_000, 20_000, 40_000),
    "items": (250, 500, 1_000, 2_000),
    "size": {"users": 10_000, "items": 1_000},
    "most": 1_000_000,
    "runs": 9,
    "few": 5,
    "quick": False,
}
QUICK: dict[str, Any] = {
    "users": (1_000, 10_000),
    "servers": (2, 3),
    "doubled": (5_000, 10_000),
    "items": (250, 500, 1_000),
    "size": {"users": 10_000, "items": 1_000},
    "most": 0,
    "runs": 5,
    "few": 3,
    "quick": True,
}


def main() -> int:
    """Measure what the words of the command line ask for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure everything, and draw it."
    )
    parser.add_argument("--quick", action="store_true", help="smaller, in about a minute")
    parser.add_argument("--name", help="of the files; 'results' (which the course reads), 'quick'")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the files go")
    parser.add_argument(
        "--only", help="one of the measurements: " + ", ".join(MEASUREMENTS), metavar="NAME"
    )
    parser.add_argument("--store", type=Path, help="a folder on a disk with room for 30 GB")
    parser.add_argument("--seed", type=int, help="make everything reproducible")
    words = parser.parse_args()
    if words.only and words.only not in MEASUREMENTS:
        parser.error(f"there is no measurement {words.only!r}: take one of {list(MEASUREMENTS)}")
    name = words.name or words.only or ("quick" if words.quick else "results")
    plan = {**(QUICK if words.quick else FULL), "seed": words.seed, "store": words.store}
    begun = time.perf_counter()
    facts = bench.machine()
    if (facts["load_average"] or 0) > 0.5 * facts["cores"]:
        print(
            f"The load was {facts['load_average']} before: other programs are running, and times "
            "will be longer than on a quiet machine."
        )
    results: dict[str, Any] = {"machine": facts, "set": "quick" if words.quick else "full"}
    for number, (what, measure) in enumerate(MEASUREMENTS.items(), start=1):
        if words.only not in (None, what):
            continue
        print(f"\n[{number}/{len(MEASUREMENTS)}] {what}", flush=True)
        try:
            results[what] = measure(plan)
        except InputError as error:  # too large for this machine, or not installed
            results[what] = {"skipped": f"Skipped: {error}."}
            print(results[what]["skipped"])
        bench.write_results(words.folder / f"{name}.json", results)  # an interrupt loses the rest
    results["load_average_after"] = bench.machine()["load_average"]
    results["wall_seconds"] = time.perf_counter() - begun
    file = bench.write_results(words.folder / f"{name}.json", results)
    print(f"\n{results['wall_seconds']:.0f} s in all. Results: {_short(file)}")
    if words.only is None:
        prefix = "" if name == "results" else f"{name}-"
        made = draw_all(results, words.folder, prefix)
        print("Figures: " + ", ".join(_short(picture) for picture in made))
    return 0


def _short(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


@contextmanager
def _bar(total: int) -> Any:
    with _progress(total, quiet=not sys.stderr.isatty()) as tell:
        yield tell


def _online(plan: dict[str, Any]) -> dict[str, Any]:
    """The sizes that the figures speak of: both workloads, and the ways to compare."""
    out = {}
    for name, options in (
        ("anchors", {}),
        ("recommender", {"workload": "recommender"}),
        ("fss", {"comparison": "fss"}),
    ):
        with _bar(plan["runs"] + 3) as tell:
            out[name] = bench.online(
                **plan["size"], **options, runs=plan["runs"], seed=plan["seed"], progress=tell
            )
        show_online(out[name])
    return out


def _scaled(plan: dict[str, Any], **sizes: Any) -> dict[str, Any]:
    count = (plan["few"] + 3) * len(sizes["users"]) * len(sizes["items"]) * len(sizes["servers"])
    with _bar(count) as tell:
        frame = bench.scale(**sizes, runs=plan["few"], seed=plan["seed"], progress=tell)
    show_scale(frame)
    for sentence in frame.attrs["skipped"]:
        print(sentence)
    out: dict[str, Any] = {
        "rows": frame.to_dict(orient="records"), "skipped": frame.attrs["skipped"],
    }
    for quantity in ("online", "server"):
        fitted = bench.growth(frame, f"{quantity}_seconds")
        out[f"{quantity}_growth"] = [
            {k: v for k, v in row.items() if v == v} for row in fitted.to_dict(orient="records")
        ]
    show_growth(bench.growth(frame, "server_seconds"))
    return out


def _scale(plan: dict[str, Any]) -> dict[str, Any]:
    """Users by servers."""
    return _scaled(plan, users=plan["users"], items=(1_000,), servers=plan["servers"])


def _doubled(plan: dict[str, Any]) -> dict[str, Any]:
    """Twice the users, with as many ratings to an element."""
    return _scaled(plan, users=plan["doubled"], items=(1_000,), servers=(2,))


def _items(plan: dict[str, Any]) -> dict[str, Any]:
    """More items."""
    return _scaled(plan, users=(plan["size"]["users"],), items=plan["items"], servers=(2,))


def _million(plan: dict[str, Any]) -> dict[str, Any]:
    """A million users at two servers, their rows on disk."""
    if not plan["most"]:
        raise InputError("a million users belong to the full set only")
    with tempfile.TemporaryDirectory(dir=plan["store"]) as folder, _bar(100) as tell:
        found = run_on_disk(
            plan["most"], 1_000, servers=2, store=Path(folder) / "rows", seed=plan["seed"] or 0,
            progress=tell,
        )
    show_on_disk(found)
    if not found["matches_plaintext"]:
        raise bench.WrongResult("the private result differs from the plaintext")
    return found


def _prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """What is done for a query before it is asked."""
    out = {}
    for n in (2, 3):
        out[str(n)] = bench.prepare(
            **plan["size"], servers=n, runs=plan["few"], seed=plan["seed"]
        )
        found = out[str(n)]
        print(
            f"{n} servers: {1e3 * found['prepare_seconds']:.1f} ms for one query, "
            f"{found['rounds']} rounds, {found['bytes_sent_per_server'][0]:,} bytes a server"
        )
    return out


def _preprocess(plan: dict[str, Any]) -> dict[str, Any]:
    """What is made before anybody knows an input, and the upload."""
    out = {}
    for name in ("anchors", "recommender"):
        out[name] = bench.preprocess(
            **plan["size"], workload=name, runs=plan["few"], seed=plan["seed"]
        )
        show_preprocess(out[name])
    return out


def _processes(plan: dict[str, Any]) -> dict[str, Any]:
    """The simulation's clock beside two real processes."""
    found = bench.processes(**plan["size"], runs=plan["runs"], seed=plan["seed"])
    print(
        f"virtual clock {1e3 * found['simulated_seconds']:.1f} ms, real processes "
        f"{1e3 * found['measured_seconds']:.1f} ms: {found['ratio']:.2f} times, "
        f"{'within' if found['agrees'] else 'OUTSIDE of'} the margin of {found['margin']:g}"
    )
    return found


def _mpyc(plan: dict[str, Any]) -> dict[str, Any]:
    """The same workload by MPyC, in this run."""
    size = {"users": 1_000, "items": 1_000} if plan["quick"] else plan["size"]
    found = measure_mpyc(**size, seed=plan["seed"] or 0)
    print(
        f"MPyC, 3 parties, passive: {found['online_seconds']:.2f} s online and "
        f"{found['input_seconds']:.1f} s of input for {found['users']:,} users"
    )
    return found


MEASUREMENTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "online": _online,
    "processes": _processes,
    "prepare": _prepare,
    "preprocess": _preprocess,
    "doubled": _doubled,
    "items": _items,
    "scale": _scale,
    "mpyc": _mpyc,
    "million": _million,
}

if __name__ == "__main__":
    try:
        sys.exit(main())
    except MpclabError as wrong:
        sys.exit(f"Error: {wrong}")
    except KeyboardInterrupt:
        sys.exit("Interrupted: the file has what was measured until then.")
