"""Chapter 07: a real user asks, with a threshold to move; what it learns, and what servers saw.

The widget wraps `mpclab.teaching.recommendations.recommendation_view`: every move runs the private
protocol anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import whole
from mpclab.errors import InputError
from mpclab.teaching.recommendations import (
    MOST_SERVERS,
    STEPS,
    USERS,
    RecommendationView,
    recommendation_view,
)
from mpclab.widgets.explorer import Control, Explorer, button, select, slider, tick

__all__ = ["MINIMUM", "recommendation_explorer"]

MINIMUM = 10
"""The minimum of neighbours that can be switched on."""


def recommendation_explorer(
    user: int = 15, threshold: float = 0.3, servers: int = 3, minimum: bool = False
) -> Explorer:
    """Controls for the requester, the threshold, the servers and a minimum of ten neighbours.

    Parameters
    ----------
    user : int
        One of `mpclab.teaching.recommendations.USERS`.
    threshold : float
        -1 to 1 in steps of 0.05.
    servers : int
        2 to 5.
    minimum : bool
        Whether a result of fewer than `MINIMUM` neighbours is withheld.

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> explorer = recommendation_explorer(15)
    >>> explorer.move(threshold=40)
    >>> explorer.shown
    RecommendationView(user 15, threshold 1.00, 3 servers: 0 neighbours)
    """
    if user not in USERS:
        raise InputError(f"the user is {user!r}: the list has {', '.join(map(str, USERS))}")
    if isinstance(threshold, bool) or threshold not in STEPS:
        raise InputError(
            f"the threshold is {threshold!r}: the slider has -1 to 1 in steps of 0.05"
        )
    if not isinstance(minimum, bool):
        raise InputError(f"minimum is {minimum!r}: it is True or False")
    first = recommendation_view(user, threshold, servers, MINIMUM * bool(minimum))

    def show(values: Mapping[str, Any]) -> tuple[RecommendationView, list[Control]]:
        drawn = int(values["draw"])
        at = whole("the place on the slider", values["threshold"], 0, len(STEPS) - 1)
        view = recommendation_view(
            int(values["user"]), STEPS[at], int(values["servers"]),
            MINIMUM * bool(values["minimum"]), seed=1 + drawn,
        )  # fmt: skip
        return view, _controls(view, drawn)

    start = {control["name"]: control["value"] for control in _controls(first, 0)}
    return Explorer("A private recommendation", show, start)


def _controls(view: RecommendationView, drawn: int) -> list[Control]:
    return [
        select("user", "Who asks", str(view.user), [(str(u), f"user {u}") for u in USERS],
               width=2),
        slider("threshold", "Threshold: least similarity", STEPS.index(view.threshold), 0,
               len(STEPS) - 1, [f"{t:.2f}" for t in STEPS], width=4),
        slider("servers", "Servers", view.servers, 2, MOST_SERVERS, width=2),
        tick("minimum", f"Below {MINIMUM} neighbours", bool(view.minimum), "withhold"),
        button("draw", drawn, "Fresh masks"),
    ]  # fmt: skip
