"""What an answer returns, or does at the servers; what is not as it should be becomes a sentence.

>>> from mpclab import Lab
>>> lab = Lab(servers=2)
>>> async def cube(party, x):
...     return x ** 3
>>> ran(lab, cube, lab.secret([2]))
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: x ** k is no operation of a share: a product of two secrets is ...
"""

from __future__ import annotations

import gc
import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from secrets import randbelow
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole
from mpclab.exercises import NotYet, attempt
from mpclab.exercises.watching import watch
from mpclab.lab import Lab

__all__ = ["number", "numbers", "powered", "ran", "require_reduced", "rounds_of", "shares_of"]

_MOST = 10_000  # an endless generator is no list


def numbers(told: Any, wanted: str) -> list[int]:
    """The integers that an answer returns, if it returns several.

    >>> numbers((1, 2), "two shares")
    [1, 2]
    >>> numbers(3, "two shares")
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it returns 3: return two shares
    """
    if not isinstance(told, Iterable) or isinstance(told, str | bytes | dict | set | frozenset):
        raise NotYet(f"it returns {_named(told)}: return {wanted}")
    each = attempt(lambda: list(islice(told, _MOST)))  # a generator may stop only now
    if not all(map(_is_integer, each)):
        raise NotYet(f"it returns {each if len(each) < 20 else _named(told)}: return {wanted}")
    return [int(value) for value in each]


def number(told: Any) -> int:
    """The integer that an answer returns.

    >>> number(2.0)
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it returns 2.0: return one integer
    """
    if not _is_integer(told):
        raise NotYet(f"it returns {_named(told)}: return one integer")
    return int(told)


def _named(told: Any) -> str:
    """What was returned, as it is written, if it is short and does not depend on the run."""
    if inspect.iscoroutine(told):
        told.close()  # it will not be awaited, and nobody needs to hear it
        return "a coroutine, for it is an `async def`"
    text = repr(told)
    return text if len(text) <= 200 and " at 0x" not in text else f"a {type(told).__name__}"


def _is_integer(told: Any) -> bool:
    """Whether it is an integer, also one that NumPy has wrapped up as an array of no axes."""
    return is_whole(told) or (getattr(told, "shape", None) == () and is_whole(told[()]))


def shares_of(x: int, n: int, p: int) -> list[int]:
    """Fresh shares of x for n servers, as plain integers below p, for answers to be tried on.

    >>> sum(shares_of(42, 3, 101)) % 101
    42
    """
    others = [randbelow(p) for _ in range(n - 1)]
    return [(x - sum(others)) % p, *others]


def require_reduced(values: Sequence[int], p: int, case: str) -> None:
    """What a server holds or sends is an element of the field.

    >>> require_reduced([3, -8], 11, "for x = 6")
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: for x = 6 it returns -8: an element of the field is 0 to p - 1, so ...
    """
    for value in values:
        if not 0 <= value < p:
            raise NotYet(
                f"{case} it returns {value}: an element of the field is 0 to p - 1, so reduce it "
                "modulo p"
            )


# -- programs --------------------------------------------------------------------------------------

_HINTS = (
    (
        ("for ** or pow()", "'Share'"),
        "x ** k is no operation of a share: a product of two secrets is "
        "`await multiply(party, x, y)`, also of x and x",
    ),
    (
        ("secrets cannot be multiplied locally",),
        "`*` between two secrets is for the lab: in a protocol it is `await multiply(party, x, y)`",
    ),
    (
        ("open_masked() missing", "'label'"),
        'an opening takes a label, which names its step: await party.open_masked(x - a, "x - a")',
    ),
    (
        ("does not fit into Field",),
        "what was opened are 64-bit NumPy integers, and a product of them leaves the field: "
        'multiply the share first, as in 2 * held["a"] * d, and take party.field.mul(d, d)',
    ),
    (
        ("'NoneType' object is not callable",),  # NumPy's word for a Share in party.field.mul
        "party.field.mul is for numbers that were opened: a share times such a number is `*`",
    ),
    (
        ("have dtype object",),
        "something is computed with that is not there yet: an `await` is missing",
    ),
)
"""What Python says, and what it means in a protocol."""


def ran(lab: Lab, protocol: Callable[..., Any], *secrets: Any) -> Any:
    """Run a protocol in a lab and return its result, which must be a secret.

    Raises
    ------
    NotYet
        If it stops or returns something else, with the reason.

    Examples
    --------
    >>> lab = Lab(servers=2)
    >>> async def double(party, x):
    ...     return x + x
    >>> lab.god.value(ran(lab, double, lab.secret([2])))
    array([4])
    >>> async def tells(party, x):
    ...     return 4
    >>> ran(lab, tells, lab.secret([2]))
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it returns int, not a secret: leave the result shared
    """
    result = _told(lab.run, protocol, *secrets)
    if not hasattr(result, "reveal"):
        raise NotYet(f"it returns {type(result).__name__}, not a secret: leave the result shared")
    return result


def rounds_of(lab: Lab, protocol: Callable[..., Any], *secrets: Any) -> int:
    """How many rounds a protocol takes, by a dry run.

    Raises
    ------
    NotYet
        If it stops, with the reason.

    Examples
    --------
    >>> from mpclab import multiply
    >>> lab = Lab(servers=2)
    >>> rounds_of(lab, multiply, lab.secret([2]), lab.secret([3]))
    1
    """
    return int(_told(lab.predict, protocol, *secrets).rounds)


def powered(
    protocol: Callable[..., Any], a: npt.NDArray[Any], servers: int
) -> tuple[npt.NDArray[Any], int, str]:
    """What a protocol makes of a secret, its rounds, and a sentence on what it opens in the clear.

    Parameters
    ----------
    protocol : coroutine function
        Of a party and a secret; it returns a secret.
    a : array of int
        What an input client uploads.
    servers : int

    Returns
    -------
    result : array of int
    rounds : int
        Between servers, the most of several runs.
    clear : str
        Empty if nothing is opened without a mask.

    Examples
    --------
    >>> async def double(party, x):
    ...     await party.open_masked(x + 1000, "x - a")
    ...     return x + x
    >>> powered(double, np.array([2, 5]), servers=2)
    (array([ 4, 10]), 1, "1002 and 1005 were opened in the clear at the step 'double/x - a'")
    """

    def program(x: Any) -> tuple[Any, int]:
        lab, before = x.lab, x.lab.transcript.rounds(phase="online")
        expected = rounds_of(lab, protocol, x)
        result = ran(lab, protocol, x)
        return result, max(expected, lab.transcript.rounds(phase="online") - before)

    seen = watch(program, lambda lab: (lab.client("alice").upload(a),), servers)
    values = [
        np.asarray(lab.god.value(result))
        for lab, (result, _) in zip(seen.labs, seen.results, strict=True)
    ]
    wrong = next((value for value in values if not np.array_equal(value, values[0])), values[0])
    return wrong, max(rounds for _, rounds in seen.results), _clear(seen.clear)


def _clear(found: Sequence[tuple[str, int]]) -> str:
    """What was opened without a mask, at the first step at which something was."""
    if not found:
        return ""
    step = found[0][0]
    values = [str(value) for at, value in found if at == step]
    told = ", ".join(values[:3]) + ", ..." if len(values) > 3 else " and ".join(
        [", ".join(values[:-1]), values[-1]] if values[1:] else values
    )
    was = "was" if len(values) == 1 else "were"
    return f"{told} {was} opened in the clear at the step {step!r}"


def _told(run: Callable[..., Any], protocol: Callable[..., Any], *secrets: Any) -> Any:
    if not callable(protocol):
        raise NotYet(f"what is checked is a function, and this is {type(protocol).__name__}")
    with warnings.catch_warnings():
        # What was not awaited is told in a sentence.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        try:
            return attempt(run, protocol, *secrets)
        except NotYet as reason:
            told = str(reason)
        gc.collect()  # what was not awaited lies in the frames of the error
    for signs, meaning in _HINTS:
        if all(sign in told for sign in signs):
            raise NotYet(meaning)
    raise NotYet(told)
