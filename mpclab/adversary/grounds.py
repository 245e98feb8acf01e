"""Where attacks run: small worlds that play one protocol from end to end and judge what came out.

A *ground* is a lab with an honest program: a whole recommendation, or one protocol of the library
followed by what makes its result known. `play` runs it under whatever adversary is installed and
says what honest parties accepted. `steps_of` lists every kind of message of a ground, found by
listening to an honest run, so that no step is forgotten.

>>> [s.label for s in steps_of("multiply", 2) if s.kind == "open"]
['x - a, y - b', 's - u', 'reveal']
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mpclab import wire
from mpclab.adversary._played import LARGE, Ground, OpenLab, Step
from mpclab.adversary.programs import PROGRAMS, Programs
from mpclab.adversary.recommendations import (
    RATINGS,
    REQUESTER,
    THRESHOLD,
    USERS,
    Recommendations,
)
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server, server_name

__all__ = [
    "GROUNDS", "LARGE", "RATINGS", "RECOMMEND", "REQUESTER", "THRESHOLD", "USERS", "Ground",
    "OpenLab", "Programs", "Recommendations", "Step", "ground", "steps_of",
]

RECOMMEND = "recommend"
GROUNDS = (RECOMMEND, *PROGRAMS)


def ground(step: Step, servers: int, *, seed: int = 1, modulus: int = LARGE) -> Any:
    """A fresh ground on which a step occurs."""
    if step.ground == RECOMMEND:
        return Recommendations(
            servers, seed=seed, modulus=modulus, upload_anew=step.phase == "upload"
        )
    return Programs(step.ground, servers, seed=seed, modulus=modulus)


@cache
def steps_of(name: str, servers: int, modulus: int = LARGE) -> tuple[Step, ...]:
    """Every kind of message of a ground, found by listening to an honest run; none if it fails."""
    made: Any
    try:
        if name == RECOMMEND:
            made = Recommendations(servers, modulus=modulus, upload_anew=True)
        else:
            made = Programs(name, servers, modulus=modulus)
    except InputError:
        return ()
    found: dict[Step, None] = {}
    lab = made.lab
    lab.network.corrupt = frozenset([*map(server_name, range(servers)), USERS, REQUESTER, "alice"])

    def listen(flight: Any) -> Any:
        for e in (*flight.honest, *flight.corrupt):
            ends = [("server" if is_server(x) else "client") for x in (e.sender, e.receiver)]
            if e.phase == "preprocess":
                continue
            for section in wire.decode(lab.field, e.data)[1]:
                found[Step(name, e.phase, section.label, section.kind, " to ".join(ends))] = None
        return flight.corrupt

    lab.network.adversary = listen
    try:
        made.play()
    except InputError:  # this protocol does not serve so many servers, or such a field
        return ()
    return tuple(found)
