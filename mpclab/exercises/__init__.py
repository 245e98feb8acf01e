"""Checks for the exercises of the course: they accept any right answer, and explain a wrong one.

A check takes what the student has written, tries it on fresh random inputs, and returns a sentence;
what is not right yet raises `NotYet`, with a sentence that says what happened and where to look.
"""

from __future__ import annotations

__all__ = ["NotYet"]


class NotYet(AssertionError):
    """An answer that is not right yet; its text says why.

    >>> NotYet("the shares sum to 3")._render_traceback_()
    ['Not yet: the shares sum to 3']
    """

    def _render_traceback_(self) -> list[str]:
        # A notebook shows this in place of a traceback: where the check found it is of no interest.
        return [f"Not yet: {self}"]
