"""Chapter 09: the phases of a recommendation under any conditions.

The widget wraps `mpclab.teaching.phases.phase_map`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import whole
from mpclab.errors import InputError
from mpclab.style import PHASES
from mpclab.teaching.phases import (
    MOST_SERVERS,
    SLOW_LINK,
    SLOW_SERVER,
    PhaseMap,
    phase_map,
    rate,
)
from mpclab.widgets.explorer import Control, Explorer, choice, select, slider

__all__ = ["BANDWIDTHS", "LATENCIES", "USERS", "phase_explorer"]

USERS = (10, 20, 50, 100, 200, 500, 1_000)
LATENCIES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
"""Milliseconds, one way."""
BANDWIDTHS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Megabits per second."""

_COMPUTING = [("model", "by a fixed model"), ("measured", "as measured here"), ("none", "none")]
_TROUBLES = [
    ("", "nothing"), ("link", f"link 0 to 1, {SLOW_LINK} times"),
    ("server", f"server 0, {SLOW_SERVER} times"),
]  # fmt: skip


def phase_explorer(
    servers: int = 3,
    users: int = 200,
    latency_ms: float = 20,
    bandwidth_mbit: float = 100,
    phase: str = "online",
    computing: str = "model",
) -> Explorer:
    """Controls for servers, users, latency, bandwidth, the phase, computing, and what is slow.

    Parameters
    ----------
    servers : int
        2 to 10.
    users : int
        One of `USERS`.
    latency_ms : float
        One of `LATENCIES`.
    bandwidth_mbit : float
        One of `BANDWIDTHS`.
    phase : {"preprocess", "upload", "prepare", "online"}
    computing : {"model", "measured", "none"}

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> explorer = phase_explorer()
    >>> explorer.move(latency=LATENCIES.index(0.1))
    >>> explorer.shown
    PhaseMap(3 servers, 200 users, 0.1 ms, 100 Mbit/s: online 2.6 ms, 8 rounds)
    """
    for name, value, known in (
        ("users", users, USERS), ("latency_ms", latency_ms, LATENCIES),
        ("bandwidth_mbit", bandwidth_mbit, BANDWIDTHS),
    ):  # fmt: skip
        if isinstance(value, bool) or value not in known:
            there = ", ".join(f"{v:g}" for v in known)
            raise InputError(f"{name} is {value!r}: the slider has {there}")
    first = phase_map(servers, users, latency_ms, bandwidth_mbit, phase, computing)

    def show(values: Mapping[str, Any]) -> tuple[PhaseMap, list[Control]]:
        shown = phase_map(
            int(values["servers"]), USERS[_place(values, "users", USERS)],
            LATENCIES[_place(values, "latency", LATENCIES)],
            BANDWIDTHS[_place(values, "bandwidth", BANDWIDTHS)],
            values["phase"], values["computing"], values["trouble"],
        )  # fmt: skip
        return shown, _controls(shown)

    start = {control["name"]: control["value"] for control in _controls(first)}
    return Explorer("The phases of a recommendation", show, start)


def _place(values: Mapping[str, Any], name: str, known: tuple[float, ...]) -> int:
    """Where a slider over a list stands."""
    return whole(f"the place on the slider {name}", values[name], 0, len(known) - 1)


def _controls(m: PhaseMap) -> list[Control]:
    return [
        slider("servers", "Servers", m.servers, 2, MOST_SERVERS),
        slider("users", "Users", USERS.index(m.users), 0, len(USERS) - 1,
               [f"{u:,}" for u in USERS]),
        slider("latency", "Latency, one way", LATENCIES.index(m.latency_ms), 0, len(LATENCIES) - 1,
               [f"{v:g} ms" for v in LATENCIES]),
        slider("bandwidth", "Bandwidth", BANDWIDTHS.index(m.bandwidth_mbit), 0,
               len(BANDWIDTHS) - 1, [rate(v) for v in BANDWIDTHS]),
        choice("phase", "Phase in detail", m.phase, [(p, p) for p in PHASES], width=6),
        select("computing", "Computing", m.computing, _COMPUTING),
        select("trouble", "What is slow", m.trouble, _TROUBLES),
    ]  # fmt: skip
