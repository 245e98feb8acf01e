"""Servers that cheat, for a first try: an adversary that shifts what a step opens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mpclab import wire
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.network.endpoint import Envelope
from mpclab.network.simulated import Flight

__all__ = ["Alter", "alter"]


class Alter:
    """What `alter` returns: an adversary for `Lab(adversary=...)` that counts what it does.

    Attributes
    ----------
    altered : list of (str, str, str)
        Session, step and sender of every exchange that was altered so far.
    """

    def __init__(self, step: str, by: int, phase: str | None, field: Field) -> None:
        self.step = step
        self.by = by
        self.phase = phase
        self.field = field
        self.altered: list[tuple[str, str, str]] = []

    def __repr__(self) -> str:
        where = f" in phase {self.phase!r}" if self.phase else ""
        done = f"{len(self.altered)} time{'' if len(self.altered) == 1 else 's'} so far"
        return f"Alter(step {self.step!r}{where} by {self.by}, {done})"

    def __call__(self, flight: Flight) -> list[Envelope]:
        """Return the corrupt servers' messages of one round, altered where the step is due."""
        sent = list(flight.corrupt)
        changed = {i: new for i, e in enumerate(sent) if (new := self._changed(e)) is not None}
        if not changed:
            return sent
        # One server alters its share, however many are corrupt, and tells everybody the same: the
        # value opened is then wrong by exactly `by`.
        first = min(changed)
        self.altered.append((sent[first].session, self.step, sent[first].sender))
        return [
            changed[i] if i in changed and e.sender == sent[first].sender else e
            for i, e in enumerate(sent)
        ]

    def _changed(self, envelope: Envelope) -> Envelope | None:
        """The message with its first field element of the step altered; None if it has none."""
        if self.phase not in (None, envelope.phase):
            return None
        require_spelling(self.step, envelope.label)
        if self.step not in envelope.label:
            return None
        header, sections = wire.decode(self.field, envelope.data)
        for i, section in enumerate(sections):
            for k, part in enumerate(section.parts if self._meant(section.label) else ()):
                if isinstance(part, np.ndarray) and part.dtype == np.uint64 and part.size:
                    moved = part.copy()
                    moved.flat[0] = (int(moved.flat[0]) + self.by) % self.field.modulus
                    parts = (*section.parts[:k], moved, *section.parts[k + 1 :])
                    sections[i] = replace(section, parts=parts)
                    return replace(envelope, data=wire.encode(self.field, header, sections))
        return None

    def _meant(self, label: str) -> bool:
        return label == self.step or label.startswith(f"{self.step}/")


def require_spelling(step: str, label: str) -> None:
    """Raise InputError if `step` is a label, or what one ends with, but for blanks and capitals.

    A cheat at a step that does not exist would never happen, and nobody would be told.

    >>> require_spelling("select/b-d", "select/b - d")
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: there is no step 'select/b-d': it is written 'select/b - d'
    """

    def squeezed(text: str) -> str:
        return "".join(text.lower().split())

    words = label.split("/")
    for k in range(len(words)):
        same = "/".join(words[k:])
        if step != same and squeezed(step) == squeezed(same):
            raise InputError(f"there is no step {step!r}: it is written {same!r}")


def alter(
    step: str, by: int = 1, *, phase: str | None = None, modulus: int = 2**61 - 1
) -> Alter:
    """An adversary that adds `by` to a corrupt server's share in flight.

    In every exchange of the step, the first field element that the corrupt server sends is changed,
    in all copies alike (its own too), so that all servers open the same wrong value.

    Parameters
    ----------
    step : str
        A step as the transcript names it, such as ``"select/b - d"``, or the first word of several,
        such as ``"compare"``.
    by : int
        What to add, in the field; not 0.
    phase : str or None
        Only in this phase; None: wherever the step occurs.
    modulus : int
        That of the lab's field.

    Returns
    -------
    Alter
        For ``Lab(adversary=..., corrupt=["server 1"])``; its `altered` lists what it did.

    Raises
    ------
    InputError
        If `by` is 0 in the field, or the modulus is no odd prime up to 61 bits.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> cheat = alter("reveal/reveal", by=1)
    >>> lab = Lab(servers=3, seed=1, adversary=cheat, corrupt=["server 1"])
    >>> lab.secret([42]).reveal()
    Traceback (most recent call last):
        ...
    mpclab.errors.Abort: the MAC check failed: an opened value was not what the servers hold
    >>> cheat
    Alter(step 'reveal/reveal' by 1, 1 time so far)
    """
    field = Field(modulus)
    if not step:
        raise InputError("the step is empty: name one as the transcript does, such as 'select'")
    if by % field.modulus == 0:
        raise InputError(f"by is {by}, which is 0 in {field}: that would alter nothing")
    return Alter(step, by, phase, field)
