"""How an attack ended, and what that means: an abort is the system working.

>>> Outcome(ABORT).verdict, Outcome(WRONG).verdict, Outcome(LEARNT).verdict
('holds', 'BROKEN', 'BROKEN')
"""

from __future__ import annotations

from dataclasses import dataclass

from mpclab.errors import InputError

__all__ = [
    "ABORT", "LEARNT", "NOTHING", "NO_EFFECT", "NO_STEP", "REFUSED", "REJECTED", "RESULTS",
    "STUCK", "WRONG", "Outcome",
]

WRONG = "wrong result accepted"
LEARNT = "learnt"
STUCK = "later queries abort"
ABORT = "abort before output"
REFUSED = "refused"
REJECTED = "rejected by client"
NO_EFFECT = "no effect"
NOTHING = "nothing learnt"
NO_STEP = "no such step"

RESULTS = (WRONG, LEARNT, STUCK, ABORT, REFUSED, REJECTED, NO_EFFECT, NOTHING, NO_STEP)
"""All outcomes; the first three mean that the protocol is broken."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attack: one of `RESULTS`, and a sentence about it."""

    result: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.result not in RESULTS:
            raise InputError(f"the outcome {self.result!r} is unknown: it is one of {RESULTS}")

    @property
    def broken(self) -> bool:
        """Whether the attack reached what the protocol promises to prevent."""
        return self.result in RESULTS[:3]

    @property
    def verdict(self) -> str:
        """The security verdict, apart from the outcome: "holds" or "BROKEN"."""
        return "BROKEN" if self.broken else "holds"
