"""The command line: `mpclab recommend`, `quality`, `attack` and `bench`.

Results go to standard output, progress to standard error. The last line of an error is a sentence,
and the exit status is then not 0.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.exceptions import TyperException

from mpclab import __version__
from mpclab.attack_cli import attack
from mpclab.bench_cli import app as bench
from mpclab.errors import InputError, MpclabError

app = typer.Typer(
    help="Secure multi-party computation, to try out: many users, n servers, one private result.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PHASES = ("preprocess", "upload", "prepare", "online", "compare with the plaintext")

Servers = Annotated[
    int, typer.Option(help="How many servers, at least 2. All but one may be malicious.")
]
Users = Annotated[
    int | None,
    typer.Option(help="How many users; 10,000 for synthetic data, else all.", show_default=False),
]
Items = Annotated[
    int | None,
    typer.Option(help="How many items, the most rated first; 1,000, or all if there are fewer.",
                 show_default=False),
]
Dense = Annotated[int, typer.Option(help="How many of the most rated items serve for similarity.")]
Data = Annotated[
    str,
    typer.Option(
        help="'synthetic' (fitted to MovieLens), 'movielens' (671 real users), or the path of a "
        "ratings file: u.data, ratings.dat, ratings.csv or alike."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mpclab {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Secure multi-party computation, to try out: many users, n servers, one private result."""


@app.command()
def recommend(
    servers: Servers = 2,
    users: Users = None,
    items: Items = None,
    dense: Dense = 20,
    data: Data = "synthetic",
    user: Annotated[
        str | None,
        typer.Option(help="Who asks: a user's id; the first who has rated enough if not given.",
                     show_default=False),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least cosine similarity of a neighbour, -1 to 1.", show_default=False),
    ] = None,
    comparison: Annotated[
        str,
        typer.Option(help="How similarities are compared: tables, bits, fss (2 servers), exact."),
    ] = "tables",
    network: Annotated[
        str, typer.Option(help="What the virtual clock charges for messages: lan, wan or ideal.")
    ] = "lan",
    top: Annotated[int, typer.Option(help="How many titles to recommend.")] = 10,
    min_neighbours: Annotated[
        int,
        typer.Option(help="With fewer neighbours the servers withhold the result; 0: never."),
    ] = 0,
    validated: Annotated[
        bool,
        typer.Option(
            "--validated/--not-validated",
            help="Whether every user proves at upload that its ratings are in range.",
        ),
    ] = True,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Make everything reproducible, the secrets too: for teaching. Without it the "
            "servers' randomness is the operating system's (and synthetic data has seed 0).",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also leave a picture of the run (PNG) here.")
    ] = None,
) -> None:
    """Recommend titles to one user, computed by servers that see no rating.

    All users upload their ratings in masked form; the servers find the users most similar to the
    one who asks and add up what they thought of everything else; only the asking user learns the
    sums, and divides. The result is compared with the same computation in the clear.

    \b
    Examples:
      mpclab recommend
      mpclab recommend --servers 3 --data movielens --user 15
      mpclab recommend --users 1000 --items 200 --json
    """  # noqa: D301
    started = time.perf_counter()
    if picture is not None and not picture.resolve().parent.is_dir():
        raise InputError(f"there is no folder {str(picture.parent)!r} to put the picture in")
    from mpclab import experiments
    from mpclab.recommender import THRESHOLD

    with _progress(len(_PHASES) + 1, quiet=as_json) as tell:
        tell("read the data")
        wanted = (users or experiments.DEFAULT_USERS, items or experiments.DEFAULT_ITEMS)
        if data == "synthetic" and max(wanted) < 10**8:  # beyond, the data says why not
            experiments.check_memory(*wanted, servers)
        ratings = experiments.load(data, users, items, seed or 0)
        run = experiments.recommendation(
            ratings,
            servers=servers,
            dense=dense,
            user=user,
            threshold=THRESHOLD if threshold is None else threshold,
            top=top,
            seed=seed,
            comparison=comparison,
            network=network,
            min_neighbours=min_neighbours,
            validated=validated,
            progress=tell,
        )
    summary = {**run.summary, "wall_seconds": time.perf_counter() - started}
    if picture is not None:
        from mpclab.figures import demo_picture

        demo_picture(summary, picture)
    if as_json:
        print(json.dumps(summary))
        return
    _show(summary, Console())
    if picture is not None:
        print(f"Picture: {picture}")


@app.command()
def quality(
    servers: Servers = 2,
    users: Users = None,
    items: Items = None,
    dense: Dense = 20,
    data: Data = "movielens",
    threshold: Annotated[
        float | None,
        typer.Option(help="Least cosine similarity of a neighbour, -1 to 1.", show_default=False),
    ] = None,
    tested: Annotated[int, typer.Option(help="How many users ask for a recommendation.")] = 100,
    held_out: Annotated[
        float, typer.Option(help="The part of every user's ratings that is held out.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Which ratings and users are drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """How good private recommendations are, on real ratings that were held out.

    Compares the private recommendation with the same algorithm in the clear (must be equal), with
    the same in real numbers (what rounding costs), and with recommending what is popular.
    """
    from mpclab import experiments
    from mpclab.recommender import THRESHOLD

    with _progress(tested + 1, quiet=as_json) as tell:
        tell("read the data")
        frame = experiments.quality(
            experiments.load(data, users, items, seed),
            servers=servers,
            dense=dense,
            threshold=THRESHOLD if threshold is None else threshold,
            tested=tested,
            held_out=held_out,
            seed=seed,
            progress=tell,
        )
    if as_json:
        print(json.dumps(frame.to_dict(orient="index")))
        return
    table = Table(title="Error and hits on held-out ratings")
    table.add_column("way of recommending")
    for name in frame.columns:
        table.add_column(str(name), justify="right", no_wrap=True)
    for way, row in frame.iterrows():
        table.add_row(str(way), *(f"{value:.4g}" for value in row))
    Console().print(table)


app.command()(attack)
app.add_typer(bench, name="bench")


def _show(s: dict[str, Any], console: Console) -> None:
    """Print a summary for a person."""
    table = Table(title=f"Recommended to user {s['user']} ({s['data']})", title_justify="left")
    for name, justify in (("title", "left"), ("stars", "right"), ("neighbours", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for r in s["recommendations"]:
        table.add_row(r["title"], f"{r['score']:.2f}", str(r["neighbours"]))
    if s["recommendations"]:
        console.print(table)
    elif s["withheld"]:
        console.print(
            f"The servers withheld the result: fewer than {s['min_neighbours']:,} users are "
            "similar enough. That is all that the requester learns."
        )
    else:
        console.print("No title: no neighbour is similar enough. Try a lower --threshold.")
    if not s["withheld"]:
        console.print(
            f"{s['neighbours']:,} of {s['users']:,} users are similar enough "
            f"(cosine >= {s['threshold']:g})."
        )
    console.print(
        "Every user has proved at upload that its ratings are in range."
        if s["validated"] else
        "Rows were taken as they came: one user may outweigh all others (see --validated)."
    )
    verdict = "equals" if s["matches_plaintext"] else "DIFFERS FROM"
    console.print(f"The private result {verdict} the same computation in the clear.\n")

    times = Table(title="Time by phase", title_justify="left")
    times.add_column("phase")
    times.add_column("seconds", justify="right")
    for phase in ("preprocess", "upload", "prepare", "online"):
        times.add_row(phase, f"{s[f'{phase}_seconds']:.4f}")
    for name, seconds in s["online_phases"].items():
        times.add_row(f"  {name}", f"{seconds:.4f}")
    times.add_row("published, online", f"{s['published_seconds']:.2f}")
    console.print(times)
    console.print(
        f"The published {s['published_seconds']} s is for 10,000 users and 2 servers on the "
        f"machine of its day; here: "
        f"{s['users']:,} users, {s['items']:,} items, {s['servers']} servers.\n"
        f"{s['rounds']} rounds between servers, {max(s['bytes_sent_per_server']):,} bytes sent by "
        f"each online; {s['client_bytes']:,} bytes to and from the user who asks.\n"
        f"Simulated servers, {s['network']}; "
        f"randomness: {s['randomness']}; {s['wall_seconds']:.1f} s in all."
    )


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar on standard error; the yielded function is told each step as it begins."""
    if quiet:
        yield lambda name: None
        return
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("begin", total=total)

        def tell(name: str) -> None:
            now = bar.tasks[0]
            done = now.completed + (now.description != "begin")
            bar.update(task, description=name, completed=done)

        yield tell


def main() -> None:
    """Run the command line; every error ends in a sentence on standard error."""
    try:
        status = app(standalone_mode=False)
        if status == 130:  # typer's own treatment of an interrupt
            raise KeyboardInterrupt
        sys.exit(status if isinstance(status, int) else 0)
    except TyperException as error:
        tell = getattr(error, "format_message", error.__str__)
        message = str(tell()).strip().rstrip(".")
        if not message or type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(2)  # the help was printed
        _fail(f"{message}{_given(message)}. See: mpclab --help", getattr(error, "exit_code", 2))
    except MpclabError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Interrupted: nothing was kept.", 130)
    except MemoryError:
        _fail("There is not enough memory for so many users and items: take fewer of them.", 1)
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or 'a file could not be used'}", 1)


def _given(message: str) -> str:
    """The value that was given for the option which a message is about."""
    option = re.search(r"'(--[a-z-]+)'", message)
    words = sys.argv[1:]
    if option is None or option[1] not in words[:-1]:
        return ""
    return f" (given: {words[words.index(option[1]) + 1]!r})"


def _fail(sentence: str, status: int) -> None:
    first = sentence.split(" ")[0]
    if not set("./\\") & set(first):  # a file's name stays as it is
        sentence = sentence[:1].upper() + sentence[1:]
    print(f"Error: {sentence}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
