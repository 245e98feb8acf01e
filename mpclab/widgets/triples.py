"""Chapter 03: one multiplication, message by message.

The widget wraps `mpclab.teaching.triples.multiplication`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.teaching.triples import (
    MOST_SERVERS,
    Stepped,
    field_name,
    multiplication,
    name_of,
)
from mpclab.widgets.explorer import Control, Explorer, button, integer, select, slider, whole

__all__ = ["FIELDS", "triple_stepper"]

FIELDS = (101, 1021, 2**61 - 1)


def triple_stepper(
    x: int = 6, y: int = 7, servers: int = 3, modulus: int = 101, step: int = 0
) -> Explorer:
    """Controls for the secrets, the servers, the field and the step.

    Parameters
    ----------
    x, y, servers : int
    modulus : int
        101, 1021 or 2^61 - 1.
    step : int

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> stepper = triple_stepper(6, 7)
    >>> stepper.move(next=1)
    >>> stepper.shown
    Stepped(6 x 7 at 3 servers: step 1 of 8 steps)
    """
    if not is_whole(modulus) or modulus not in FIELDS:
        raise InputError(f"the modulus is {modulus!r}: the list has {', '.join(map(str, FIELDS))}")
    first = multiplication(x, y, servers, modulus, step)
    state = {"next": 0, "back": 0}

    def show(values: Mapping[str, Any]) -> tuple[Stepped, list[Control]]:
        p, n = int(values["field"]), int(values["servers"])
        steps = n * (n - 1) + 2
        at = min(int(values["step"]), steps)
        at += int(values["next"]) - state["next"] - int(values["back"]) + state["back"]
        stepped = multiplication(
            whole(values["x"], "x") % p, whole(values["y"], "y") % p, n, p, min(max(at, 0), steps)
        )
        state.update(next=int(values["next"]), back=int(values["back"]))
        return stepped, _controls(stepped, state)

    start = {control["name"]: control["value"] for control in _controls(first, state)}
    return Explorer("A multiplication, message by message", show, start)


def _controls(stepped: Stepped, state: Mapping[str, int]) -> list[Control]:
    texts = [name_of(k, stepped.servers) for k in range(stepped.steps + 1)]
    return [
        integer("x", "x", stepped.x),
        integer("y", "y", stepped.y),
        slider("servers", "Servers", stepped.servers, 2, MOST_SERVERS, width=4),
        select("field", "Field", str(stepped.modulus), [(str(p), field_name(p)) for p in FIELDS],
               width=4),
        slider("step", "Step", stepped.step, 0, stepped.steps, texts, width=8),
        button("back", state["back"], "Back"),
        button("next", state["next"], "Next"),
    ]  # fmt: skip
