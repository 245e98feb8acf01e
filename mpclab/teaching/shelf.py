"""What waits in the servers' pools: a few bundles, dealt, used, and burnt by an abort.

>>> shelf(bundles=4)
Shelf(4 bundles, then 3, 2, 1 left)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from mpclab.adversary import Coalition, add
from mpclab.arguments import whole
from mpclab.errors import Abort
from mpclab.lab import Lab
from mpclab.network.rounds import step
from mpclab.party import Party
from mpclab.preprocessing.material import Triples
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.multiply import multiply
from mpclab.teaching.canvas import Canvas, Drawing, Page

__all__ = ["MOST_BUNDLES", "MOST_SERVERS", "Shelf", "shelf"]

MOST_BUNDLES = 10
MOST_SERVERS = 10
_MOMENTS = ("dealt", "after a product", "server 1 lied: an abort", "after another product")
_RUNS, _CHEATED = len(_MOMENTS) - 1, 2


@dataclass(frozen=True)
class Shelf(Page):
    """What waits in the servers' pools, from moment to moment.

    Attributes
    ----------
    moments : tuple of str
        What had happened.
    left : tuple of int
        How many bundles waited then; the oldest have gone first.
    bundles, servers : int
    told : str
        What the run that was cheated said.
    """

    moments: tuple[str, ...]
    left: tuple[int, ...]
    bundles: int
    servers: int
    told: str

    def __repr__(self) -> str:
        return f"Shelf({self.bundles} bundles, then {', '.join(map(str, self.left[1:]))} left)"

    def sentence(self) -> str:
        """What is to be seen, in words."""
        return (
            f"{self.bundles} bundles of one triple each, in the pools of {self.servers} servers. "
            f"Every run takes the oldest, and the run that aborts keeps nothing either: "
            f"{self.left[-1]} {'is' if self.left[-1] == 1 else 'are'} left. (It said: {self.told}.)"
        )

    @cached_property
    def picture(self) -> Drawing:
        """A row per moment, a box per bundle."""
        return _draw_shelf(self)


def shelf(bundles: int = 6, servers: int = 3, seed: int = 1) -> Shelf:
    """Deal triples, multiply, be cheated, multiply again: what waits after each.

    Parameters
    ----------
    bundles : int
        3 to 10 triples, a bundle each.
    servers : int
        2 to 10.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> shelf(bundles=6).left
    (6, 5, 4, 3)
    """
    return _shelf(
        whole("bundles", bundles, 3, MOST_BUNDLES), whole("servers", servers, 2, MOST_SERVERS),
        whole("seed", seed),
    )  # fmt: skip


@lru_cache(maxsize=8)
def _shelf(bundles: int, servers: int, seed: int) -> Shelf:
    lab = Lab(servers=servers, seed=seed)
    spec, x, y = Triples(1), lab.god.share([6]), lab.god.share([7])
    lab.preprocess([spec] * bundles, checks=_RUNS)
    Coalition(lab, [1]).on("second/x - a, y - b", add(3))

    async def product(party: Party) -> None:
        coin = await commit_coin(party)
        await multiply(party, x[party.index], y[party.index])
        await check_openings(party, coin)

    def labelled(name: str) -> Callable[[Party], Coroutine[Any, Any, None]]:
        return lambda party: step(name, product(party))

    def waiting() -> int:
        (count,) = {server.pool.count(spec) for server in lab.servers}  # at all servers alike
        return count

    left, told = [waiting()], ""
    for name in ("first", "second", "third"):
        outcomes = lab.session(name).run("online", labelled(name))
        try:
            outcomes.raise_failure()
        except Abort as stopped:
            told = str(stopped)
        left.append(waiting())
    return Shelf(_MOMENTS, tuple(left), bundles, servers, told)


def _draw_shelf(s: Shelf) -> Drawing:
    row, first, left, wide = 36.0, 66.0, 252.0, 44.0
    end = left + (wide + 8) * s.bundles
    height = first + row * len(s.left) - 12
    sheet = Canvas(end + 120, height, "What waits in the pool", s.sentence())
    sheet.text(16, 26, f"The pool of each of {s.servers} servers", 12.5, bold=True)
    sheet.text(left, 26, "bundles by serial number; crossed out: burnt", 11, "m")
    sheet.line(16, 40, end + 104, 40, "axis")
    for at, (moment, count) in enumerate(zip(s.moments, s.left, strict=True)):
        y = first + row * at
        sheet.text(16, y + 4, moment, 12)
        sheet.text(end + 104, y + 4, f"{count} waiting", 12, "", "end", True)
        for k in range(s.bundles):
            _box(sheet, s, at, k, left + (wide + 8) * k, y, wide)
    return sheet.picture()


def _box(sheet: Canvas, s: Shelf, at: int, k: int, x: float, y: float, wide: float) -> None:
    """One bundle at one moment: there, used, or burnt."""
    gone = [m for m, count in enumerate(s.left[: at + 1]) if k < s.bundles - count]
    if not gone:
        sheet.rect(x, y - 12, wide, 24, "cover", 4)
        sheet.text(x + wide / 2, y + 4, str(k), 12, "", "middle", True)
        sheet.tip(f"bundle {k} waits")
        return
    burnt = gone[0] == _CHEATED
    sheet.rect(x, y - 12, wide, 24, "rule", 4, ' stroke-dasharray="3 3"')
    sheet.text(x + wide / 2, y + 4, "" if burnt else "used", 10.5, "m", "middle")
    if burnt:
        sheet.path(f"M{x + 12:.1f} {y - 8:.1f}l20 16m0 -16l-20 16", "axis", ' stroke-width="1.5"')
        sheet.tip(f"bundle {k} was burnt")
