"""The long run: `python -m tests.fuzz`, from the project's folder."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.engine import Report, Target, attempt, fuzz, minimised
from tests.fuzz.registry import TARGETS

ABOUT = """\
Feed damaged inputs to everything that reads received bytes or files, and see that every one ends
in a normal return or in one of the package's own errors, whose text is a sentence; that nothing
hangs; and that memory stays below a stated multiple of the input.
"""
MORE = """\
examples:
  python -m tests.fuzz                                    100,000 inputs over all targets
  python -m tests.fuzz --inputs 1000000                   what `make fuzz` does
  python -m tests.fuzz --list                             the targets, and what each of them reads
  python -m tests.fuzz --only endpoint --only dealer      two targets
  python -m tests.fuzz --seed 7 --seconds 60              other inputs, for a minute
  python -m tests.fuzz --only ratings --first 4711 --inputs 1
                                                          one input again, by seed and number
  python -m tests.fuzz --only parcels --hex 01000000ff    an input of yours

Inputs are numbered; an input depends on the seed, its target and its number alone. A failure is
told once per cause (target, kind of error, function), with the smallest input found that fails
alike, and with the words that repeat it. Put such an input into tests/fuzz/test_fuzz.py, among the
regressions, and mend the reader. An interrupt (Ctrl-C) tells what there is by then. The exit
status is 1 if anything failed.

To add a target: write a function that makes an input from a random.Random and one that reads it,
and put both into the TARGETS of tests/fuzz/on_*.py. A test compares the targets with the source
code: a module that begins to read bytes or files has to have one.
"""


def _words(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz", description=ABOUT, epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--inputs", type=int, help="how many in all, shared out by weight")
    parser.add_argument("--only", action="append", metavar="TARGET", help="leave out all others")
    parser.add_argument("--seed", type=int, default=0, help="which inputs are made (0)")
    parser.add_argument("--seconds", type=float, help="stop then; every target gets an equal part")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (0)")
    parser.add_argument("--hex", metavar="BYTES", help="read this input alone, with --only")
    parser.add_argument("--list", action="store_true", help="tell the targets, and read nothing")
    words = parser.parse_args(argv)
    unknown = sorted(set(words.only or ()) - TARGETS.keys())
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}: take one of {', '.join(TARGETS)}")
    if words.hex is not None:
        try:
            words.hex = bytes.fromhex(words.hex)
        except ValueError:
            parser.error(f"--hex is {words.hex[:40]!r}: it is pairs of hexadecimal digits")
        if len(words.only or ()) != 1:
            parser.error("--hex is read by one target: name it with --only")
    if words.inputs is not None and words.inputs < 1:
        parser.error(f"--inputs is {words.inputs}: it takes at least 1")
    if words.inputs is None:
        words.inputs = 100_000 if words.seconds is None else 10**12
    return words


def _bound_memory() -> None:
    """A reader that takes gigabytes is to fail in this process, not to bring down the machine."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = 8 << 30
    if hard == resource.RLIM_INFINITY or hard > wanted:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _shares(targets: Sequence[Target], inputs: int) -> list[int]:
    """How many inputs every target gets: by weight, at least one, `inputs` in all if they reach."""
    total = sum(t.weight for t in targets)
    shares = [max(1, int(inputs * t.weight / total)) for t in targets]
    shares[0] = max(1, shares[0] + inputs - sum(shares))
    return shares


def _tell(reports: Sequence[Report], seed: int, console: Console) -> int:
    table = Table(title=f"Fuzzing, seed {seed}", title_justify="left")
    for column in ("target", "inputs", "per second", "how they ended"):
        table.add_column(column, justify="right" if column[0] in "ip" else "left")
    for r in reports:
        ended = ", ".join(f"{kind}: {count:,}" for kind, count in r.outcomes.most_common())
        table.add_row(r.target, f"{r.inputs:,}", f"{r.inputs / max(r.seconds, 1e-9):,.0f}", ended)
    console.print(table)
    inputs, seconds = sum(r.inputs for r in reports), sum(r.seconds for r in reports)
    failures = [f for r in reports for f in r.failures.values()]
    for failure in failures:
        small = minimised(TARGETS[failure.target], failure)
        console.print(
            f"\nFAILED {small.target}: {small.kind} in {small.where or 'the reader'}: {small.told}"
            f"\n  {len(small.data)} of {len(failure.data)} bytes, in hex: {small.data.hex()}"
            f"\n  again: python -m tests.fuzz --only {small.target!r} --seed {seed} "
            f"--first {small.number} --inputs 1",
            markup=False, highlight=False, soft_wrap=True,
        )
    print(
        f"{inputs:,} inputs in {seconds:,.0f} s, {inputs / max(seconds, 1e-9):,.0f} per second; "
        f"{len(failures)} causes of failure."
    )
    return 1 if failures else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the words say; returns the exit status."""
    words = _words(argv)
    targets = [t for t in TARGETS.values() if not words.only or t.name in words.only]
    if words.list:
        for t in targets:
            print(f"{t.name}: {t.about}\n    {', '.join(t.reads)}")
        return 0
    _bound_memory()
    if words.hex is not None:
        failure = attempt(targets[0], words.hex)
        print(f"{failure.kind} in {failure.where}: {failure.told}" if failure else "It ended well.")
        return 1 if failure else 0
    console, reports = Console(), list[Report]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())
    shares = _shares(targets, words.inputs)
    total = sum(shares) if words.seconds is None else None
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        for target, share in zip(targets, shares, strict=True):
            before = sum(r.inputs for r in reports)
            bar.update(task, description=target.name, completed=before)
            until = float("inf")
            if words.seconds is not None:
                until = time.monotonic() + words.seconds / len(targets)

            def tell(report: Report, before: int = before) -> None:
                bar.update(task, completed=before + report.inputs)

            reports.append(
                fuzz(target, share, words.seed, first=words.first, until=until, tell=tell)
            )
            if not bar.console.is_terminal:  # which shows no bar
                last = reports[-1]
                print(f"{last.target}: {last.inputs:,} inputs in {last.seconds:,.0f} s, "
                      f"{len(last.failures)} causes of failure", file=sys.stderr, flush=True)
            if reports[-1].interrupted:
                break
        bar.update(task, completed=sum(r.inputs for r in reports), description="all targets")
    return _tell(reports, words.seed, console)


if __name__ == "__main__":
    sys.exit(main())
