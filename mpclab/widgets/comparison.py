"""Chapter 06: what each way to compare costs, and one comparison by hand.

The widgets wrap `mpclab.teaching.comparison.compare_ways` and `mpclab.teaching.lookup.look_up`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpclab.arguments import whole
from mpclab.errors import InputError
from mpclab.teaching.comparison import COUNTS, LONGEST, SHORTEST, Ways, compare_ways
from mpclab.teaching.lookup import WAYS, LookUp, look_up, reach
from mpclab.widgets.explorer import Control, Explorer, button, choice, slider

__all__ = ["comparison_explorer", "look_up_by_hand"]


def comparison_explorer(
    bits: int = 19, servers: int = 2, count: int = 1_000, network: str = "lan"
) -> Explorer:
    """Controls for the length, the servers, how many comparisons at once, and the network.

    Parameters
    ----------
    bits, servers : int
        8 to 60, and 2 to 10.
    count : int
        One of `mpclab.teaching.comparison.COUNTS`.
    network : {"lan", "wan"}

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> explorer = comparison_explorer()
    >>> explorer.move(servers=3)
    >>> explorer.shown
    Ways(1,000 comparisons of 19 bits, 3 servers, lan: 5 / 2 rounds by bits / tables)
    """
    if isinstance(count, bool) or count not in COUNTS:
        known = ", ".join(f"{c:,}" for c in COUNTS)
        raise InputError(f"count is {count!r}: the slider has {known}")

    def show(values: Mapping[str, Any]) -> tuple[Ways, list[Control]]:
        ways = compare_ways(
            int(values["bits"]), int(values["servers"]),
            COUNTS[whole("the place on the slider", values["count"], 0, len(COUNTS) - 1)],
            str(values["network"]),
        )  # fmt: skip
        return ways, _controls(ways)

    start = {c["name"]: c["value"] for c in _controls(compare_ways(bits, servers, count, network))}
    return Explorer("Three ways to compare", show, start)


def _controls(ways: Ways) -> list[Control]:
    texts = [f"{count:,}" for count in COUNTS]
    at = COUNTS.index(ways.count)
    return [
        slider("bits", "Length k, in bits", ways.bits, SHORTEST, LONGEST, width=6),
        slider("servers", "Servers", ways.servers, 2, 10, width=6),
        slider("count", "Comparisons at once", at, 0, len(COUNTS) - 1, texts, width=6),
        choice("network", "Network", ways.network,
               [("lan", "local (lan)"), ("wan", "between cities (wan)")], width=6),
    ]  # fmt: skip


def look_up_by_hand(x: int = -3, way: str = "tables") -> Explorer:
    """Controls for the number, the way and a fresh mask.

    Parameters
    ----------
    x : int
    way : {"tables", "bits", "fss", "one table"}

    Raises
    ------
    InputError
        If a control cannot stand there.

    Examples
    --------
    >>> by_hand = look_up_by_hand(-3)
    >>> by_hand.move(way="bits")
    >>> by_hand.shown.way, by_hand.shown.bit
    ('bits', 1)
    """

    def show(values: Mapping[str, Any]) -> tuple[LookUp, list[Control]]:
        now = str(values["way"])
        low, high = reach(now)
        number = min(max(int(values["x"]), low), high)
        # A mask per press of the button; the first is that of the figure.
        looked = look_up(number, now, seed=1 + int(values["draw"]))
        return looked, _by_hand(looked)

    return Explorer("A comparison by hand", show, {
        c["name"]: c["value"] for c in _by_hand(look_up(x, way))
    })  # fmt: skip


def _by_hand(looked: LookUp) -> list[Control]:
    low, high = reach(looked.way)
    return [
        slider("x", "x", looked.x, low, high, width=4),
        choice("way", "Way", looked.way, [(way, way) for way in WAYS], width=6),
        button("draw", looked.seed - 1, "Another mask"),
    ]
