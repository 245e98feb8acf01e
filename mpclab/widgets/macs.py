"""Chapter 02: a dial from p = 11 to 2^61 - 1, and forgeries that are tried there.

The widget wraps `mpclab.teaching.macs.mac_dial`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.teaching.canvas import number
from mpclab.teaching.macs import CHECKS, PRIMES, MacDial, mac_dial
from mpclab.widgets.explorer import Control, Explorer, button, choice, slider, tick

__all__ = ["mac_forger"]

_TRIES = (100, 1_000, 10_000, 30_000)


def mac_forger(
    modulus: int = 101, check: str = "zero test", guess: bool = True, tries: int = 10_000
) -> Explorer:
    """Controls for the field, the check, whether the cheater guesses, and how often it tries.

    Parameters
    ----------
    modulus : int
        One of `mpclab.teaching.macs.PRIMES`.
    check : {"zero test", "plain check"}
    guess : bool
    tries : int
        100, 1,000, 10,000 or 30,000.

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> forger = mac_forger(101)
    >>> forger.move(check="plain check")
    >>> forger.shown.forgeries.key_found
    1.0
    """
    if not is_whole(tries) or tries not in _TRIES:
        raise InputError(f"tries is {tries!r}: the slider has 100, 1,000, 10,000 and 30,000")
    first = mac_dial(modulus, check, guess, tries)

    def show(values: Mapping[str, Any]) -> tuple[MacDial, list[Control]]:
        dial = mac_dial(
            PRIMES[int(values["field"])], values["check"], bool(values["guess"]),
            _TRIES[int(values["tries"])], seed=1 + int(values["draw"]),
        )  # fmt: skip
        return dial, _controls(dial)

    start = {control["name"]: control["value"] for control in _controls(first)}
    return Explorer("Forged openings", show, start)


def _controls(dial: MacDial) -> list[Control]:
    return [
        slider("field", "Field: p", PRIMES.index(dial.modulus), 0, len(PRIMES) - 1,
               [number(p) for p in PRIMES], width=4),
        slider("tries", "Forgeries to try", _TRIES.index(dial.tries), 0, len(_TRIES) - 1,
               [f"{t:,}" for t in _TRIES], width=4),
        button("draw", dial.seed - 1, "Try afresh", width=4),
        choice("check", "Check", dial.check, [(name, name) for name in CHECKS], width=4),
        tick("guess", "The cheater", dial.guess, "guesses the key", width=4),
    ]  # fmt: skip
