"""Chapter 01: edit a share, cover a server, and see what the others can tell.

The widget wraps `mpclab.teaching.shares.share_view`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.teaching.canvas import number
from mpclab.teaching.shares import MOST_SERVERS, ShareView, share_view
from mpclab.widgets.explorer import (
    Control,
    Explorer,
    button,
    choice,
    integer,
    integers,
    server_list,
    slider,
    whole,
)

__all__ = ["FIELDS", "share_viewer"]

FIELDS = (11, 101, 1021, 65537, 2**31 - 1, 2**61 - 1)
"""The primes on the slider."""


def share_viewer(
    secret: int = 42,
    servers: int = 3,
    modulus: int = 101,
    covered: int | None = None,
    macs: bool = False,
    seed: int = 1,
) -> Explorer:
    """Controls for the secret, the servers, the field, the shares and who is covered.

    What is edited stays until the secret is shared afresh: by the button, or since it is another
    one, or goes to other servers or in another field. A share that is edited in the same move is
    edited in the new sharing.

    Parameters
    ----------
    secret, servers : int
    modulus : int
        One of `FIELDS`.
    covered : int or None
    macs : bool
        Whether MACs are shown.
    seed : int

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> viewer = share_viewer(42, servers=3)
    >>> viewer
    Explorer(Shares of a secret: ShareView(42 among 3 servers in F_101: 42 comes out))
    >>> viewer.move(cover="server 2")
    >>> viewer.shown.looks_uniform
    True
    """
    if not is_whole(modulus) or modulus not in FIELDS:
        known = ", ".join(map(str, FIELDS))
        raise InputError(f"the modulus is {modulus!r}: the slider has {known}")
    first = share_view(secret, servers, modulus, covered=covered, macs=macs, seed=seed)
    state: dict[str, Any] = {"view": first, "draw": 0}

    def show(values: Mapping[str, Any]) -> tuple[ShareView, list[Control]]:
        old: ShareView = state["view"]
        p, n = FIELDS[int(values["field"])], int(values["servers"])
        value = whole(values["secret"], "the secret") % p
        fresh = (p, n, value, values["draw"]) != (
            old.modulus, old.servers, old.secret, state["draw"]
        )
        place = values["cover"]
        hidden = int(place.split()[1]) if place else None
        boxes = values["shares"]
        if not isinstance(boxes, (list, tuple)):
            raise InputError(f"the shares are {boxes!r}: there is a box for each server")
        told = {} if fresh else dict(enumerate(old.shares))
        told |= {
            i: whole(v, f"share {i}") % p
            for i, v in enumerate(boxes[:n])
            if v != "?" and not (fresh and i < old.servers and v == str(old.shares[i]))
        }
        view = share_view(
            value, n, p, covered=hidden if hidden is None or hidden < n else None,
            edits=told, macs=macs, seed=seed + int(values["draw"]),
        )  # fmt: skip
        state.update(view=view, draw=values["draw"])
        return view, _controls(view, int(values["draw"]))

    start = {control["name"]: control["value"] for control in _controls(first, 0)}
    return Explorer("Shares of a secret", show, start)


def _controls(view: ShareView, draw: int) -> list[Control]:
    cover = "" if view.covered is None else f"server {view.covered}"
    shares = [None if i == view.covered else x for i, x in enumerate(view.shares)]
    return [
        integer("secret", "Secret", view.secret),
        slider("servers", "Servers", view.servers, 2, MOST_SERVERS),
        slider("field", "Field: p", FIELDS.index(view.modulus), 0, len(FIELDS) - 1,
               [number(p) for p in FIELDS]),
        button("draw", draw, "Share it afresh"),
        integers("shares", "Shares: edit any of them", shares),
        choice("cover", "Cover", cover, server_list(view.servers), width=12),
    ]  # fmt: skip
