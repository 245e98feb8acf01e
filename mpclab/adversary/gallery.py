"""The gallery of attacks: every way to cheat that we know, each with its aim and its defence.

>>> len(ATTACKS) >= 25
True
>>> print(attack("huge entry in a query").defence)
x is opened under a mask that is uniform in the field
>>> table().loc["guess of the result", "without"]
'r_0'
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from mpclab.adversary import (
    on_checks,
    on_material,
    on_messages,
    on_openings,
    on_results,
    on_uploads,
)
from mpclab.adversary.model import Attack
from mpclab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ATTACKS", "attack", "table"]

ATTACKS: dict[str, Attack] = {
    each.name: each
    for part in (on_openings, on_checks, on_messages, on_material, on_uploads, on_results)
    for each in part.ATTACKS
}
"""All attacks by name, by what they are aimed at."""


def attack(name: str) -> Attack:
    """The attack of this name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in ATTACKS:
        near = get_close_matches(name, ATTACKS, n=3, cutoff=0.3)
        raise InputError(
            f"there is no attack {name!r} in the gallery; similar names: "
            f"{', '.join(map(repr, near)) or 'none'}"
        )
    return ATTACKS[name]


def table() -> pd.DataFrame:
    """All attacks as a table, by name.

    Columns: aim, defence, source (sections of DESIGN, and papers), servers (how many are corrupt at
    least), clients (that are corrupt besides), where (it strikes by itself), without (the defence
    of `weakened` without which it succeeds).
    """
    import pandas as pd

    rows = [
        {
            "name": a.name, "aim": a.aim, "defence": a.defence, "source": a.source,
            "servers": a.servers, "clients": ", ".join(a.clients), "where": str(a.home),
            "without": a.without,
        }
        for a in ATTACKS.values()
    ]
    return pd.DataFrame(rows).set_index("name")
