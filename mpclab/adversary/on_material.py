"""Attacks with preprocessed material: what serves once is used twice, or out of order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpclab.adversary.model import Attack, World, at
from mpclab.adversary.on_openings import OPENED
from mpclab.adversary.outcome import Outcome
from mpclab.adversary.tools import Coalition
from mpclab.preprocessing.pool import Pool

__all__ = ["ATTACKS"]

TRIPLE = at("multiply", "online", "x - a, y - b", "open")
Bundle = tuple[int, dict[str, Any]]


class _CheatingPool:
    """A corrupt server's pool, which hands out what it likes."""

    def __init__(self, pool: Pool, choose: Callable[[Any, Bundle], Bundle]) -> None:
        self._pool, self._choose = pool, choose

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def take(self, spec: Any) -> Bundle:
        """Another bundle than was due."""
        return self._choose(spec, self._pool.take(spec))


def _with_pool(world: World, choose: Callable[[Any, Bundle], Bundle]) -> Outcome:
    ground = world.ground()
    ground.play()  # if an upload is due, it is honest
    coalition: Coalition = world.coalition(ground)
    server = coalition.server(coalition.leader)
    pool = server.pool
    server.pool = _CheatingPool(pool, choose)  # type: ignore[assignment]
    try:
        ground.play()  # this fills the memory of what was taken
        world.coalition(ground)
        outcome: Outcome = ground.play()
    finally:
        server.pool = pool
    return outcome


def _used_twice(world: World) -> Outcome:
    """Take the contents of the bundle before, under the serial number that is due."""
    before: dict[str, dict[str, Any]] = {}

    def choose(spec: Any, due: Bundle) -> Bundle:
        serial, material = due
        kind = type(spec).__name__
        old = before.setdefault(kind, material)
        return serial, old if old.keys() == material.keys() else material

    return _with_pool(world, choose)


def _out_of_order(world: World) -> Outcome:
    """Say openly that it takes another bundle: its serial number gives it away."""
    return _with_pool(world, lambda spec, due: (due[0] + 1, due[1]))


ATTACKS = (
    Attack(
        "material used twice",
        "Uses the shares of a bundle that has served already.",
        "its shares no longer fit the others': the MAC check", "2, 3.9", OPENED, _used_twice,
        applies=lambda step: step in (OPENED, TRIPLE),
    ),
    Attack(
        "material out of order",
        "Takes another bundle than the others do.",
        "the serial number of what is taken enters the history", "2, 3.1", OPENED, _out_of_order,
        applies=lambda step: step in (OPENED, TRIPLE),
    ),
)
