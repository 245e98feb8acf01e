"""Chapter 05: an upload and an output, step by step, with somebody who cheats.

The widget wraps `mpclab.teaching.clients.upload_and_output`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.errors import InputError
from mpclab.teaching.clients import (
    CHEATS,
    MOST_SERVERS,
    STEPS,
    ClientSteps,
    upload_and_output,
)
from mpclab.widgets.explorer import Control, Explorer, button, integer, select, slider, whole

__all__ = ["FIELDS", "client_stepper"]

FIELDS = (101, 1021)


def client_stepper(
    x: int = 42, servers: int = 3, modulus: int = 101, step: int = 0, cheat: str = ""
) -> Explorer:
    """Controls for the secret, the servers, the field, the cheat and the step.

    Parameters
    ----------
    x, servers : int
    modulus : int
        101 or 1021.
    step : int
    cheat : str
        One of `mpclab.teaching.clients.CHEATS`.

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> stepper = client_stepper(42, cheat="mask share")
    >>> stepper.move(step=11)  # nothing is sent any more after I5
    >>> stepper.shown
    ClientSteps(42 at 3 servers, a server alters its share of r: step I5 of I1 to I5)
    """
    if modulus not in FIELDS:
        known = " and ".join(map(str, FIELDS))
        raise InputError(f"the modulus is {modulus!r}: the list has {known}")
    first = upload_and_output(x, servers, modulus, step, cheat)
    state = {"next": 0, "back": 0}

    def show(values: Mapping[str, Any]) -> tuple[ClientSteps, list[Control]]:
        n, p = int(values["servers"]), int(values["field"])
        secret, cheating = whole(values["x"], "x") % p, str(values["cheat"])
        steps = upload_and_output(secret, n, p, 0, cheating).steps
        at = min(int(values["step"]), steps)
        at += int(values["next"]) - state["next"] - int(values["back"]) + state["back"]
        shown = upload_and_output(secret, n, p, min(max(at, 0), steps), cheating)
        state.update(next=int(values["next"]), back=int(values["back"]))
        return shown, _controls(shown, state)

    start = {control["name"]: control["value"] for control in _controls(first, state)}
    return Explorer("An upload and an output, step by step", show, start)


def _controls(shown: ClientSteps, state: Mapping[str, int]) -> list[Control]:
    return [
        integer("x", "The client's x", shown.x),
        slider("servers", "Servers", shown.servers, 2, MOST_SERVERS, width=3),
        select("field", "Field", str(shown.modulus), [(str(p), f"p = {p}") for p in FIELDS],
               width=3),
        select("cheat", "Who cheats", shown.cheat, list(CHEATS.items()), width=4),
        slider("step", "Step", shown.step, 0, shown.steps, STEPS[: shown.steps + 1], width=8),
        button("back", state["back"], "Back"),
        button("next", state["next"], "Next"),
    ]  # fmt: skip
