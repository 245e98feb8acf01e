"""Chapter 04: choose a material, and see what the dealer sends to whom.

The widget wraps `mpclab.teaching.preprocessing.dealing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.teaching.preprocessing import COUNTS, MATERIALS, MOST_SERVERS, Dealing, dealing
from mpclab.widgets.explorer import Control, Explorer, select, slider, tick

__all__ = ["dealing_explorer"]


def dealing_explorer(
    material: str = "triples", count: int = 100, servers: int = 3, seeds: bool = True
) -> Explorer:
    """Controls for the material, how much of it, the servers, and whether there are seeds.

    Parameters
    ----------
    material : str
        One of `mpclab.teaching.preprocessing.MATERIALS`.
    count : int
        1, 10, 100 or 1,000.
    servers : int
        2 to 10.
    seeds : bool

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> explorer = dealing_explorer("triples", 100)
    >>> explorer.move(servers=10)
    >>> explorer.shown
    Dealing(Triples(count=100) to 10 servers: 3,369 and 9 x 129 bytes)
    """
    if not is_whole(count) or count not in COUNTS:
        raise InputError(f"count is {count!r}: the slider has 1, 10, 100 and 1,000")
    first = dealing(material, count, servers, seeds)

    def show(values: Mapping[str, Any]) -> tuple[Dealing, list[Control]]:
        view = dealing(
            values["material"], COUNTS[int(values["count"])], int(values["servers"]),
            not values["without"],
        )  # fmt: skip
        return view, _controls(view)

    start = {control["name"]: control["value"] for control in _controls(first)}
    return Explorer("What the dealer sends", show, start)


def _controls(view: Dealing) -> list[Control]:
    return [
        select("material", "Material", view.material,
               [(name, told) for name, (told, _) in MATERIALS.items()], width=4),
        slider("count", "Count", COUNTS.index(view.count), 0, len(COUNTS) - 1,
               [f"{k:,}" for k in COUNTS], width=2),
        slider("servers", "Servers", view.servers, 2, MOST_SERVERS, width=3),
        tick("without", "Dealt", not view.seeds, "without seeds", width=3),
    ]  # fmt: skip
