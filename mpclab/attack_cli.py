"""`mpclab attack`: cheat at random or by name, and see what comes of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attack"]


def attack(
    servers: Annotated[
        int, typer.Option(help="How many servers, at least 2. All but one may be corrupt.")
    ] = 3,
    trials: Annotated[
        int, typer.Option(help="How many deviations, besides honest runs, if there is no --name.")
    ] = 300,
    modulus: Annotated[
        str,
        typer.Option(help="The field: a prime, such as 101 or 2**61-1. In small ones some get by."),
    ] = "2**61-1",
    seed: Annotated[
        int | None, typer.Option(help="Make it reproducible.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    as_list: Annotated[
        bool, typer.Option("--list", help="List the gallery of attacks, and run none.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Run this attack of the gallery only.", show_default=False)
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(
            help="Take this defence away meanwhile; a wrong name lists them.", show_default=False
        ),
    ] = None,
) -> None:
    r"""Cheat: deviate at random, or by an attack of the gallery, and see what comes of it.

    An abort, a refusal or a rejection is the system working. Without --name, deviations random and
    crafted hit whole recommendations and the library's protocols; the exit status is then 1 if a
    wrong result was accepted or an honest run aborted.

    \b
    Examples:
      mpclab attack --servers 3 --trials 300
      mpclab attack --list
      mpclab attack --name "one user counts"
      mpclab attack --name "one user counts" --without "mask after the check"
    """
    from contextlib import nullcontext

    from mpclab.adversary.gallery import attack as find, table
    from mpclab.adversary.weakened import weakened
    from mpclab.errors import InputError

    if as_list:
        _list(table() if name is None else table().loc[[find(name).name]], as_json)
        return
    if seed is not None and seed < 0:
        raise InputError(f"the seed is {seed}: it takes an integer that is 0 or more")
    with weakened(without) if without else nullcontext():
        if name is not None:
            _one(name, servers, seed, as_json, _modulus(modulus))
        else:
            _many(servers, trials, _modulus(modulus), seed, as_json, bool(without))


def _modulus(text: str) -> int:
    """A prime as people write it: 101, 2**61-1 or 2^61 - 1."""
    from mpclab.errors import InputError

    base, power, rest = text.replace("^", "**").replace(" ", "").partition("**")
    exponent, minus, less = rest.partition("-")
    numbers = [base, *([exponent] if power else []), *([less] if minus else [])]
    if not all(n.isdecimal() and len(n) <= 20 for n in numbers) or (power and int(exponent) > 61):
        raise InputError(f"the modulus is {text!r}: it is a prime, such as 101 or 2**61-1")
    value = int(base) ** int(exponent) if power else int(base)
    return value - (int(less) if minus else 0)


def _list(frame: pd.DataFrame, as_json: bool) -> None:
    if as_json:
        print(json.dumps(frame.to_dict(orient="index")))
        return
    for name, row in frame.iterrows():
        print(f"{name}\n    {row['aim']}\n    Met by: {row['defence']} (DESIGN {row['source']})")
        if row["without"]:
            print(f'    Succeeds with --without "{row["without"]}"')


def _one(name: str, servers: int, seed: int | None, as_json: bool, modulus: int) -> None:
    from mpclab.adversary.gallery import attack as find
    from mpclab.adversary.model import World
    from mpclab.sharing import check_servers

    cheat = find(name)
    check_servers(servers)
    rows: list[dict[str, Any]] = []
    for corrupt in range(cheat.servers, servers) if cheat.servers else [0]:
        world = World(servers, corrupt, seed=1 if seed is None else seed, modulus=modulus)
        outcome = cheat.run(world)
        rows.append(
            {"attack": name, "servers": servers, "corrupt": corrupt, "outcome": outcome.result,
             "verdict": outcome.verdict, "detail": outcome.detail}
        )
    if as_json:
        print(json.dumps(rows))
        return
    print(f"{name}: {cheat.aim}\nMet by: {cheat.defence} (DESIGN {cheat.source})")
    for row in rows:
        print(
            f"  {row['corrupt']} of {servers} servers corrupt"
            f"{''.join(f', {c}' for c in cheat.clients)}: "
            f"{row['outcome']} ({row['verdict']}). {row['detail']}"
        )


def _many(
    servers: int, trials: int, modulus: int, seed: int | None, as_json: bool, expected: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    from mpclab.adversary.trials import random_trials

    def tell(sentence: str) -> None:
        print(f"\r{sentence}", end="", file=sys.stderr, flush=True)

    quiet = as_json or not sys.stderr.isatty()
    found = random_trials(
        servers, trials, seed=seed, modulus=modulus, progress=None if quiet else tell
    )
    if not quiet:
        print(file=sys.stderr)
    if as_json:
        print(json.dumps(found))
    else:
        table = Table(title=f"{trials} deviations, {servers} servers, {found['field_bits']} bits",
                      title_justify="left")
        outcomes = sorted({o for counts in found["by_attack"].values() for o in counts})
        for column in ("attack", *outcomes):
            first = column == "attack"
            table.add_column(column, justify="left" if first else "right", no_wrap=first)
        for name, counts in found["by_attack"].items():
            table.add_row(name, *(str(counts.get(o, "")) for o in outcomes))
        Console().print(table)
        print(
            f"Wrong results accepted: {found['wrong_results_accepted']}. Honest runs: "
            f"{found['honest_runs']}, of which aborted: {found['honest_runs_aborted']}. "
            f"Seed: {found['seed']}; {found['seconds']:.1f} s of computing."
        )
    large = found["field_bits"] > 40
    if large and not expected and (found["broken"] or found["honest_runs_aborted"]):
        raise typer.Exit(1)
