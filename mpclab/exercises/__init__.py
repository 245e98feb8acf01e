"""Checks for the exercises of the course: they accept any right answer, and explain a wrong one.

A check takes what the student has written, tries it on fresh random inputs, and returns a sentence;
what is not right yet raises `NotYet`, with a sentence that says what happened and where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["NotYet", "attempt"]


class NotYet(AssertionError):
    """An answer that is not right yet; its text says why.

    >>> NotYet("the shares sum to 3")._render_traceback_()
    ['Not yet: the shares sum to 3']
    """

    def _render_traceback_(self) -> list[str]:
        # A notebook shows this in place of a traceback: where the check found it is of no interest.
        return [f"Not yet: {self}"]


def attempt(answer: Callable[..., Any], *arguments: Any, case: str = "") -> Any:
    """Return what a student's function returns; what goes wrong becomes a `NotYet`.

    Parameters
    ----------
    answer : callable
        The student's function.
    *arguments
        What it is called with.
    case : str
        For what it was called, such as "for p = 101"; the sentence says it.

    Raises
    ------
    NotYet
        If the answer stops with an error, or returns nothing. An answer that is not written yet
        raises a `NotYet` of its own, which passes.

    Examples
    --------
    >>> attempt(lambda x: x + 1, 2)
    3
    >>> attempt(lambda x: None, 2, case="for x = 2")
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it returns nothing for x = 2: a `return` is missing
    >>> attempt(lambda x: 1 / x, 0, case="for x = 0")
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it stops for x = 0 with ZeroDivisionError: division by zero
    """
    at = f" {case}" if case else ""
    if not callable(answer):
        raise NotYet(f"what is checked is a function, and this is {type(answer).__name__}")
    try:
        result = answer(*arguments)
    except NotYet:
        raise
    except Exception as failure:
        told = str(failure)
        kind = type(failure).__name__
        raise NotYet(f"it stops{at} with {kind}{': ' + told if told else ''}") from failure
    if result is None:
        raise NotYet(f"it returns nothing{at}: a `return` is missing")
    return result
