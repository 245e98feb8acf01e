"""`mpclab bench`: measure, on this machine, and compare within the same run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpclab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "app", "show_growth", "show_on_disk", "show_online", "show_preprocess", "show_scale",
]

app = typer.Typer(
    help="Measure: medians of several runs with their spread, compared within the same run.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Users = Annotated[int, typer.Option(help="How many users.")]
Items = Annotated[int, typer.Option(help="How many items, those for similarity among them.")]
Servers = Annotated[
    int, typer.Option(help="How many servers, at least 2. All but one may be malicious.")
]
Dense = Annotated[int, typer.Option(help="How many items serve for similarity.")]
WorkloadName = Annotated[
    str,
    typer.Option(
        "--workload",
        help="'anchors': sums and number of neighbours, as other systems were given it; "
        "'recommender': counts too, and validated uploads.",
    ),
]
Comparison = Annotated[
    str,
    typer.Option(help="How similarities are compared: tables, bits, fss (2 servers), exact."),
]
Network = Annotated[
    str, typer.Option(help="What the virtual clock charges for messages: lan, wan or ideal.")
]
Runs = Annotated[int, typer.Option(help="How many runs count, after one that warms up.")]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Make everything reproducible, the secrets too: for teaching. Without it the "
        "servers' randomness is the operating system's.",
        show_default=False,
    ),
]
Store = Annotated[
    Path | None,
    typer.Option(help="A folder in which the servers keep users' rows; else in memory.",
                 show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


@app.command()
def online(
    users: Users = 10_000,
    items: Items = 1_000,
    servers: Servers = 2,
    dense: Dense = 20,
    workload: WorkloadName = "anchors",
    comparison: Comparison = "tables",
    network: Network = "lan",
    runs: Runs = 7,
    seed: Seed = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """What a requester waits for, beside the same scoring on plaintext in NumPy.

    The time is the critical path from the query's arrival at the servers to the verified result:
    the slowest server's own computing, one thread each, measured, and the network's virtual time.
    Between the runs NumPy multiplies the plaintext, b @ V, in int64 and float64. Every private
    result is compared with the plaintext.

    \b
    Examples:
      mpclab bench online
      mpclab bench online --workload recommender --servers 3
      mpclab bench online --comparison fss --network wan --json
    """  # noqa: D301
    from mpclab import bench

    with _progress(runs + 3, as_json) as tell:
        found = bench.online(
            users=users, items=items, servers=servers, dense=dense, workload=workload,
            comparison=comparison, network=network, runs=runs, seed=seed, store=store,
            progress=tell,
        )
    if as_json:
        print(json.dumps(found))
        return
    show_online(found)


@app.command()
def prepare(
    users: Users = 10_000,
    items: Items = 1_000,
    servers: Servers = 2,
    dense: Dense = 20,
    workload: WorkloadName = "anchors",
    comparison: Comparison = "tables",
    network: Network = "lan",
    runs: Runs = 7,
    seed: Seed = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """What servers do for a query before it is asked: nobody waits for it.

    \b
    Examples:
      mpclab bench prepare
      mpclab bench prepare --users 20000 --json
    """  # noqa: D301
    from mpclab import bench

    with _progress(runs + 3, as_json) as tell:
        found = bench.prepare(
            users=users, items=items, servers=servers, dense=dense, workload=workload,
            comparison=comparison, network=network, runs=runs, seed=seed, store=store,
            progress=tell,
        )
    if as_json:
        print(json.dumps(found))
        return
    _times(
        found,
        [
            ("prepare, one query", found["prepare_seconds"], found["prepare_spread"], ""),
            ("slowest server's own computing", found["server_seconds"], found["server_spread"],
             ""),
            ("per user", found["prepare_seconds_per_user"], None, ""),
        ],
    )
    _say(
        f"{found['rounds']} rounds between servers, {max(found['bytes_sent_per_server']):,} bytes "
        f"sent by each, {found['client_bytes']:,} bytes to and from the requester.",
        _facts(found),
    )


@app.command()
def preprocess(
    users: Users = 10_000,
    items: Items = 1_000,
    servers: Servers = 2,
    dense: Dense = 20,
    workload: WorkloadName = "anchors",
    comparison: Comparison = "tables",
    network: Network = "lan",
    runs: Runs = 5,
    seed: Seed = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """What is made before anybody knows an input, and the upload: time, size and memory.

    \b
    Examples:
      mpclab bench preprocess
      mpclab bench preprocess --workload recommender --servers 3 --json
    """  # noqa: D301
    from mpclab import bench

    with _progress(runs + 3, as_json) as tell:
        found = bench.preprocess(
            users=users, items=items, servers=servers, dense=dense, workload=workload,
            comparison=comparison, network=network, runs=runs, seed=seed, store=store,
            progress=tell,
        )
    if as_json:
        print(json.dumps(found))
        return
    show_preprocess(found)


@app.command()
def scale(
    users: Annotated[
        str, typer.Option(help="How many users, several numbers with commas between them.")
    ] = "1000,10000",
    items: Annotated[str, typer.Option(help="How many items, one number or several.")] = "1000",
    servers: Annotated[
        str, typer.Option(help="How many servers, one number or several.")
    ] = "2,3,5",
    dense: Dense = 20,
    workload: WorkloadName = "anchors",
    comparison: Comparison = "tables",
    network: Network = "lan",
    runs: Runs = 5,
    seed: Seed = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """How the online time grows with users, items and servers, with the exponents that fit.

    What does not fit into memory is skipped with a sentence. With --store the rows lie on disk,
    users come in cohorts, memory stays bounded, and every size is run once, from the upload on.

    \b
    Examples:
      mpclab bench scale
      mpclab bench scale --users 1000000 --servers 2 --store /path/to/a/disk
      mpclab bench scale --users 10000,20000,40000 --servers 2
      mpclab bench scale --users 1000 --items 250,500,1000 --servers 2,10 --json
    """  # noqa: D301
    from mpclab import bench

    sizes = [_numbers(name, text) for name, text in
             (("users", users), ("items", items), ("servers", servers))]
    if store is not None:
        _on_disk(sizes, dense, workload, comparison, seed, store, as_json)
        return
    total = (runs + 3) * len(sizes[0]) * len(sizes[1]) * len(sizes[2])
    with _progress(total, as_json) as tell:
        frame = bench.scale(
            *sizes, dense=dense, workload=workload, comparison=comparison, network=network,
            runs=runs, seed=seed, progress=tell,
        )
    fitted = {name: bench.growth(frame, f"{name}_seconds") for name in ("online", "server")}
    if as_json:
        print(json.dumps(
            {
                "rows": frame.to_dict(orient="records"),
                "growth": {name: _plain(table) for name, table in fitted.items()},
                "skipped": frame.attrs["skipped"],
                "machine": frame.attrs["machine"],
            }
        ))
        return
    show_scale(frame)
    show_growth(fitted["server"])
    for sentence in frame.attrs["skipped"]:
        print(sentence)


def _on_disk(
    sizes: list[list[int]],
    dense: int,
    workload: str,
    comparison: str,
    seed: int | None,
    store: Path,
    as_json: bool,
) -> None:
    """Whole runs with rows on disk: one per size, in cohorts."""
    from mpclab import bench
    from mpclab.scaling import scale as run_on_disk

    whole = bench.workload(workload).name == "recommender"  # with counts, and proofs
    found = []
    for users, items, servers in itertools.product(*sizes):
        with _progress(100, as_json) as tell:
            found.append(
                run_on_disk(
                    users, items, servers=servers, dense=dense, counts=whole, validated=whole,
                    store=store / f"{users}-{items}-{servers}", seed=seed or 0,
                    comparison=comparison, progress=tell,
                )
            )
        if not found[-1]["matches_plaintext"]:
            raise bench.WrongResult("the private result differs from the plaintext")
        if not as_json:
            show_on_disk(found[-1])
    if as_json:
        print(json.dumps({"rows": found, "machine": bench.machine()}))


def show_on_disk(run: dict[str, Any]) -> None:
    """Print a run with rows on disk."""
    print(
        f"{run['users']:,} users, {run['items']:,} items, {run['servers']} servers, "
        f"{run['cohorts']:,} cohorts: equal to the plaintext. Online {run['online_seconds']:.3f} s "
        f"(virtual), {run['rounds']} rounds; {max(run['disk_bytes']) / 1e9:.2f} GB of disk a "
        f"server; at most {(run['peak_resident_bytes'] or 0) / 1e9:.2f} GB of memory in all."
    )
    print("  seconds: " + ", ".join(f"{k} {v:.2f}" for k, v in run["seconds"].items()))


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows without what does not apply to them."""
    return [
        {str(k): v for k, v in row.items() if v == v}  # NaN is not itself
        for row in frame.to_dict(orient="records")
    ]


def _numbers(name: str, text: str) -> list[int]:
    words = [word.strip().replace("_", "") for word in text.split(",")]
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise InputError(
            f"{name} is {text!r}: it takes one number or several with commas, such as 1000,10000"
        )
    return [int(word) for word in words]


# -- for people -----------------------------------------------------------------------------------


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str], None]]:
    from mpclab.cli import _progress as bar

    with bar(total, quiet) as tell:
        yield tell


def _title(found: dict[str, Any]) -> str:
    return (
        f"{found['users']:,} users, {found['items']:,} items, {found['servers']} servers; workload "
        f"{found['workload']!r}, {found['comparison']}"
    )


def _times(
    found: dict[str, Any],
    rows: list[tuple[str, float, list[float] | None, str]],
    last: str = "",
) -> None:
    from rich.console import Console
    from rich.table import Table

    from mpclab.style import duration

    table = Table(title=_title(found), title_justify="left")
    table.add_column("what")
    table.add_column("median", justify="right")
    table.add_column("quartiles", justify="right")
    if last:
        table.add_column(last, justify="right")
    for name, seconds, spread, more in rows:
        between = "" if spread is None else " .. ".join(map(duration, spread))
        table.add_row(name, duration(seconds), between, *([more] if last else []))
    Console().print(table)


def show_online(found: dict[str, Any]) -> None:
    """Print what `mpclab.bench.online` found, for a person."""
    rows = [
        ("online, private", found["online_seconds"], found["online_spread"], ""),
        *((f"  {step}", seconds, None, "") for step, seconds in found["online_phases"].items()),
        ("slowest server's own computing", found["server_seconds"], found["server_spread"], ""),
        *(
            (
                f"NumPy {name}, plaintext b @ V", found[f"numpy_{name}_seconds"],
                found[f"numpy_{name}_spread"], f"{found[f'ratio_to_numpy_{name}']:.2f}",
            )
            for name in ("int64", "float64")
        ),
        ("with 20 ms one way, 100 Mbit/s", found["latency_20ms_seconds"],
         found["latency_20ms_spread"], ""),
    ]
    _times(found, rows, "private / this")
    _say(
        f"{found['rounds']} rounds between servers, {max(found['bytes_sent_per_server']):,} bytes "
        f"sent by each, {found['client_bytes']:,} bytes to and from the requester.",
        f"The published {found['published_seconds']} s is for 10,000 users and 2 servers on the "
        "machine of its day.",
        _facts(found),
    )


def show_preprocess(found: dict[str, Any]) -> None:
    """Print what `mpclab.bench.preprocess` found, for a person."""
    from mpclab.style import size

    _times(
        found,
        [
            ("material for one query", found["query_seconds"], found["query_spread"],
             size(found["query_bytes"])),
            ("masks for all rows", found["rows_seconds"], None, size(found["rows_bytes"])),
            ("upload of all rows", found["upload_seconds"], None, size(found["upload_bytes"])),
            ("  per user", found["upload_seconds_per_user"], None,
             size(found["upload_bytes_per_user"])),
        ],
        "size",
    )
    _say(
        f"A server stores {size(found['stored_bytes_per_server'])} of rows, "
        f"{size(found['stored_bytes_per_server'] / found['users'])} per user, and "
        f"{size(found['query_memory_bytes'])} of material for every prepared query.",
        "Sizes of material are what the dealer sends to the server that receives most: the others "
        "receive a seed. Those of uploads are what all users exchange with all servers.",
        _facts(found),
    )


def show_scale(frame: pd.DataFrame) -> None:
    """Print the table of `mpclab.bench.scale` for a person."""
    from rich.console import Console
    from rich.table import Table

    from mpclab.style import duration

    console = Console()
    table = Table(title="Online time (medians)", title_justify="left")
    for name in ("users", "items", "n", "online", "server", "int64", "ratio", "at 20 ms", "rounds"):
        table.add_column(name, justify="right", no_wrap=True)
    for _, row in frame.iterrows():
        table.add_row(
            f"{row['users']:,}", f"{row['items']:,}", str(row["servers"]),
            *(duration(row[f"{name}_seconds"]) for name in ("online", "server", "numpy_int64")),
            f"{row['ratio_to_numpy_int64']:.2f}", duration(row["latency_20ms_seconds"]),
            str(row["rounds"]),
        )
    console.print(table)
    print(
        "n servers; server: the slowest one's own computing; int64: NumPy's product of the "
        "plaintext,\nratio: online / int64; at 20 ms: with 20 ms one way and 100 Mbit/s, "
        "from the client and back."
    )


def show_growth(fitted: pd.DataFrame) -> None:
    """Print the exponents of `mpclab.bench.growth`, for a person."""
    from rich.console import Console
    from rich.table import Table

    if fitted.empty:
        return
    table = Table(title="Growth of a server's own computing", title_justify="left")
    for name in ("varied", "from", "to", "times as long", "exponent", "at"):
        table.add_column(name, justify="left" if name in ("varied", "at") else "right")
    for _, row in fitted.iterrows():
        fixed = ", ".join(
            f"{int(row[name]):,} {name}" for name in ("users", "items", "servers")
            if name != row["varied"]
        )
        table.add_row(
            str(row["varied"]), f"{int(row['from']):,}", f"{int(row['to']):,}",
            f"{row['factor']:.2f}", f"{row['exponent']:.2f}", fixed,
        )
    Console().print(table)


def _facts(found: dict[str, Any]) -> str:
    m = found["machine"]
    return (
        f"{m['processor']}, {m['cores']} cores, load {m['load_average']} before; Python "
        f"{m['python']}, NumPy {m['numpy']}; {found['runs']} runs; randomness: "
        f"{found['randomness']}; {found['wall_seconds']:.1f} s in all. Every private result "
        "equalled the plaintext."
    )


def _say(*sentences: str) -> None:
    from rich.console import Console

    console = Console()
    for sentence in sentences:
        console.print(sentence, highlight=False)
