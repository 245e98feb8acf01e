"""What a student's program opens: found by running it twice on the same inputs.

Whatever is opened under a mask is another number in every run, for masks are fresh. What is the
same in two runs was opened in the clear, whatever the step was called and however it was sent. In
a field of 61 bits that finds every opening without a mask; two masked ones agree once in 2^61.

>>> def careless(x):
...     return int(np.max(x).reveal()), x[0].reveal()
>>> seen = watch(careless, lambda lab: (lab.client("alice").upload([5, 9, 2]),))
>>> seen.results[0], seen.clear
((9, np.int64(5)), [('reveal/reveal', 9), ('reveal/reveal', 5)])
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.exercises import NotYet, attempt
from mpclab.lab import Lab
from mpclab.network.endpoint import is_server
from mpclab.views import God, messages

__all__ = ["Watched", "watch"]

# What the MAC check says of itself: its sum is 0 whenever all is well.
_OF_THE_CHECK = {"coin commit", "coin reveal", "zeta commit", "zeta reveal"}

Opened = dict[tuple[str, str, int, int], npt.NDArray[Any]]
"""Step, kind, part and how often it came before -> the sum of all servers' words."""


@dataclass(frozen=True)
class Watched:
    """Two runs of a program.

    Attributes
    ----------
    results : list
        What it returned, run by run.
    clear : list of (str, int)
        Everything that it opened without a mask: the step, and the number, signed.
    labs : list of Lab
    """

    results: list[Any]
    clear: list[tuple[str, int]]
    labs: list[Lab]


class _Hall(Lab):
    """A lab in which a program cannot play god."""

    watched = False

    @property
    def god(self) -> God:
        """The omniscient view, for whoever examines, and not for the program."""
        if self.watched:
            raise NotYet(
                "`lab.god` looks into all servers at once, which nobody real can: do without"
            )
        return super().god


def watch(
    program: Callable[..., Any],
    inputs: Callable[[Lab], tuple[Any, ...]],
    servers: int = 2,
    case: str = "",
    **options: Any,
) -> Watched:
    """Run a program in two fresh labs on the same inputs, and find what it opens in the clear.

    Parameters
    ----------
    program : callable
        The student's: it is called with what `inputs` returns.
    inputs : callable
        Makes the arguments in a lab.
    servers : int
    case : str
        For what it is called, as in `attempt`.
    **options
        Of the labs.

    Raises
    ------
    NotYet
        If the program stops, returns nothing, or asks `lab.god`.
    """
    results: list[Any] = []
    labs: list[Lab] = []
    found: list[Opened] = []
    for _ in range(2):
        lab = _Hall(servers, **options)
        arguments = inputs(lab)
        lab.watched = True
        try:
            results.append(attempt(program, *arguments, case=case))
        finally:
            lab.watched = False
        labs.append(lab)
        found.append(_opened(lab))
    return Watched(results, _alike(found[0], found[1], labs[0]), labs)


def _opened(lab: Lab) -> Opened:
    """What all servers together told each other online, as sums of their words."""
    seen: dict[tuple[str, str, int], dict[str, list[npt.NDArray[Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    heard: dict[str, str] = {}  # each sender's word once: as one receiver heard it
    for m in messages(lab, None):
        sender, kind, value = str(m.sender), str(m.kind), m.value
        if (
            m.phase == "online"
            and is_server(sender)
            and is_server(m.party)
            and str(m.step).split("/")[-1] not in _OF_THE_CHECK
            and isinstance(value, np.ndarray)
            and heard.setdefault(sender, m.party) == m.party
        ):
            seen[str(m.step), kind, m.part or 0][sender].append(value.reshape(-1).astype(object))
    sums: Opened = {}
    for (step, kind, part), by_sender in seen.items():
        for k, words in enumerate(zip(*by_sender.values(), strict=False)):
            if len({len(w) for w in words}) == 1:
                sums[step, kind, part, k] = sum(words) % lab.field.modulus
    return sums


def _alike(one: Opened, other: Opened, lab: Lab) -> list[tuple[str, int]]:
    clear = []
    for place, values in one.items():
        again = other.get(place)
        if again is not None and len(again) == len(values):
            same = values[values == again].astype(np.uint64)
            clear += [(place[0], int(v)) for v in lab.field.signed(same)]
    return clear
