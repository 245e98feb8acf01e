"""What fuzzing is here: a target, an input made from a seed and a number, and how it may end.

A target reads bytes. It may return normally (the word that it returns says what became of the
input) or raise one of the package's own errors, whose text must be a sentence. Anything else is a
failure: another exception, a hang, or more memory than the target's stated multiple of the input.

Input number `n` of a target depends on the seed, the target's name and `n` alone, so that every
failure can be repeated by itself.
"""

from __future__ import annotations

import random
import signal
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mpclab.errors import MpclabError

__all__ = ["Failure", "Report", "Target", "attempt", "fuzz", "minimised"]

PACKAGE = "mpclab"
LONGEST = 1_200  # characters of an error's text: what is longer is no sentence


class Hang(BaseException):
    """No `except Exception` of the package catches this."""


class Broken(AssertionError):
    """A target's own complaint: what was accepted is not what it should be."""


@dataclass(frozen=True)
class Target:
    """A decoder or loader under test.

    `make` makes an input from a generator of random numbers, `run` reads it. Reading k bytes may
    take `seconds`, and `multiple` * k + `constant` bytes of memory. `weight` is its share of a
    long run, `short` the number of its inputs in a short one.
    """

    name: str
    about: str
    reads: tuple[str, ...]  # the modules whose reading it exercises
    make: Callable[[random.Random], bytes]
    run: Callable[[bytes], str]
    weight: float = 1.0
    short: int = 300
    ready: Callable[[], object] = lambda: None  # what takes its time once, honest runs for instance
    seconds: float = 10.0
    multiple: int = 100
    constant: int = 1 << 20


@dataclass(frozen=True)
class Failure:
    """An input that ended as none may; `where` is the last line of the package on the way."""

    target: str
    kind: str
    told: str
    where: str
    data: bytes
    number: int = -1

    @property
    def key(self) -> tuple[str, str, str]:
        """Failures with one key have one cause, as far as one can tell from outside."""
        return self.target, self.kind, self.where


@dataclass
class Report:
    """What became of a target's inputs."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str, str], Failure] = field(default_factory=dict)
    interrupted: bool = False


def _unclear(error: MpclabError) -> str | None:
    """What keeps an error's text from being a sentence for a person, or None."""
    text = str(error)
    if len(text.split()) < 3:
        return f"its text is no sentence: {text!r}"
    if len(text) > LONGEST:
        return f"its text has {len(text):,} characters: {text[:80]!r}..."
    if not text.isprintable():
        return f"its text has characters that a terminal may obey: {text!r}"
    return None


def _where(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if PACKAGE in f.filename]
    frames = [f for f in frames if f"{PACKAGE}/" in f.filename.replace("\\", "/")] or frames
    return f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "outside"


@contextmanager
def _alarm(target: Target) -> Iterator[Callable[[], None]]:
    """Yields what starts the clock anew; a hang of this process's main thread is interrupted."""
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield lambda: None
        return

    def ring(number: int, frame: object) -> None:
        raise Hang(f"it took more than {target.seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_REAL, target.seconds)  # type: ignore[func-returns-value]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _once(target: Target, data: bytes, measure: bool) -> tuple[str, Failure | None]:
    """Read one input: the kind of its outcome, and the failure if it is one."""

    def failure(kind: str, error: BaseException, told: str = "") -> tuple[str, Failure]:
        return kind, Failure(target.name, kind, told or str(error), _where(error), data)

    if measure:
        tracemalloc.start()
    try:
        kind = target.run(data)
    except MpclabError as error:
        unclear = _unclear(error)
        if unclear:
            return failure("unclear error", error, unclear)
        kind = type(error).__name__
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        return failure(type(error).__name__, error)
    finally:
        peak = 0
        if measure:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    allowed = target.multiple * len(data) + target.constant
    if peak > allowed:
        told = f"{len(data):,} bytes took {peak:,} bytes of memory, and {allowed:,} are allowed"
        return "memory", Failure(target.name, "memory", told, "", data)
    return kind, None


def attempt(target: Target, data: bytes, measure: bool = True) -> Failure | None:
    """Read one input under all limits; the failure, or None."""
    target.ready()
    with _alarm(target) as start:
        start()
        return _once(target, data, measure)[1]


def source(seed: int, name: str, number: int) -> random.Random:
    """The random numbers of one input."""
    return random.Random(f"{seed}/{name}/{number}")


def fuzz(
    target: Target,
    inputs: int,
    seed: int = 0,
    *,
    first: int = 0,
    measure_every: int = 25,
    until: float = float("inf"),
    tell: Callable[[Report], None] | None = None,
    warm: bool = True,
) -> Report:
    """Read `inputs` inputs, numbered from `first`; one in `measure_every` has its memory measured.

    Ends early at the time `until` (of `time.monotonic`), and when somebody interrupts it. `tell` is
    called now and then.
    """
    report = Report(target.name)
    begun = told = time.monotonic()
    target.ready()
    if warm:  # imports and caches take memory and time once
        _once(target, target.make(source(seed, target.name, -1)), False)
    with _alarm(target) as start:
        for number in range(first, first + inputs):
            data = b""
            try:
                start()
                data = target.make(source(seed, target.name, number))
                measure = measure_every > 0 and number % measure_every == 0
                kind, failure = _once(target, data, measure)
            except Hang as late:  # while making it, or while giving back what it took
                kind, failure = "Hang", Failure(target.name, "Hang", str(late), "", data)
            except KeyboardInterrupt:
                report.interrupted = True
                break
            report.inputs += 1
            report.outcomes[kind] += 1
            if failure is not None and failure.key not in report.failures:
                found = Failure(**{**vars(failure), "number": number})
                report.failures[found.key] = found
            now = time.monotonic()
            if tell is not None and now - told > 0.2:
                told, report.seconds = now, now - begun
                tell(report)
            if now > until:
                break
    report.seconds = time.monotonic() - begun
    return report


def minimised(target: Target, failure: Failure, seconds: float = 5.0) -> Failure:
    """The same failure with fewer bytes: pieces are left out, large ones first, while it lasts."""
    until = time.monotonic() + seconds
    best, measure = failure, failure.kind == "memory"
    size = max(len(best.data) // 2, 1)
    while best.data:
        at = 0
        while at < len(best.data) and time.monotonic() < until:
            shorter = best.data[:at] + best.data[at + size :]
            again = attempt(target, shorter, measure)
            if again is not None and again.key == failure.key:
                best = Failure(**{**vars(again), "number": failure.number})
            else:
                at += size
        if size == 1 or time.monotonic() >= until:
            break
        size = max(size // 2, 1)
    return best
