"""Chapter 00: sliders for servers and users above the messages of a small recommendation.

The widget wraps `mpclab.teaching.start.small_recommendation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import whole
from mpclab.errors import InputError
from mpclab.teaching.start import MOST_SERVERS, MOST_USERS, Small, small_recommendation
from mpclab.widgets.explorer import Control, Explorer, slider

__all__ = ["start_here"]

_STEP = 50
_TEXTS = [f"{users:,}" for users in range(_STEP, MOST_USERS + 1, _STEP)]


def start_here(servers: int = 3, users: int = 200) -> Explorer:
    """Sliders for servers and users; each move runs `small_recommendation` and redraws it.

    Parameters
    ----------
    servers : int
        Where the first slider stands, 2 to 10.
    users : int
        Where the second stands, 50 to 1,000, by fifties.

    Raises
    ------
    InputError
        If a slider cannot stand there.

    Examples
    --------
    >>> sliders = start_here(servers=2, users=50)
    >>> sliders.move(servers=4)
    >>> sliders.shown.sentence()
    '4 servers, 50 users: ...'
    """
    servers = whole("servers", servers, 2, MOST_SERVERS)
    users = whole("users", users, _STEP, MOST_USERS)
    if users % _STEP:
        raise InputError(f"users is {users}: the slider goes by steps of {_STEP}")
    start = {"servers": servers, "users": users // _STEP}
    return Explorer("A small recommendation", _show, start)


def _show(values: Mapping[str, Any]) -> tuple[Small, list[Control]]:
    servers, steps = int(values["servers"]), int(values["users"])
    whole("users", steps * _STEP, _STEP, MOST_USERS)
    small = small_recommendation(whole("servers", servers, 2, MOST_SERVERS), steps * _STEP)
    return small, [
        slider("servers", "Servers", servers, 2, MOST_SERVERS, width=5),
        slider("users", "Users", steps, 1, len(_TEXTS), _TEXTS, width=7),
    ]
