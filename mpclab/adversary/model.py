"""What an attack is, and the world that it runs in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field as dataclass_field, replace
from typing import Any

from mpclab.adversary import grounds
from mpclab.adversary.grounds import LARGE, RECOMMEND, Step
from mpclab.adversary.outcome import NO_STEP, Outcome
from mpclab.adversary.tools import Coalition
from mpclab.errors import InputError
from mpclab.sharing import check_servers

__all__ = ["Attack", "World", "at", "online", "prepare", "result_step", "upload"]

_REUSED = 50  # plays on one ground before a fresh one is made: transcripts grow


@dataclass(frozen=True)
class World:
    """How many servers, which of them are corrupt, where the attack strikes, and the field.

    Parameters
    ----------
    servers : int
    corrupt : int or tuple of int
        How many servers are corrupt (the last ones), or which; the first named leads.
    step : Step or None
        Where an attack that serves many steps strikes; None: where it does by itself.
    seed, modulus : int
    grounds : dict or None
        Grounds that are played on again and again, in this dictionary; None makes a fresh one each
        time.

    Examples
    --------
    >>> World(servers=3, corrupt=2).corrupt
    (2, 1)
    """

    servers: int = 3
    corrupt: int | tuple[int, ...] = 1
    step: Step | None = None
    seed: int = 1
    modulus: int = LARGE
    grounds: dict[Any, Any] | None = dataclass_field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_servers(self.servers)
        chosen = self.corrupt
        if isinstance(chosen, int):
            chosen = tuple(range(self.servers - 1, self.servers - 1 - chosen, -1))
        if not 0 <= len(set(chosen)) == len(chosen) < self.servers or not set(chosen) <= set(
            range(self.servers)
        ):
            raise InputError(
                f"corrupt is {self.corrupt!r}: of {self.servers} servers, 0 to {self.servers - 1} "
                "may be corrupt, or nothing is promised"
            )
        object.__setattr__(self, "corrupt", chosen)

    @property
    def members(self) -> tuple[int, ...]:
        """The corrupt servers, the leader first."""
        assert isinstance(self.corrupt, tuple)
        return self.corrupt

    def ground(self) -> Any:
        """The ground on which the step occurs: a fresh one, or one that has been played on."""
        assert self.step is not None
        key = (self.step.ground, self.servers, self.modulus)
        fresh = self.step.ground == RECOMMEND and self.step.phase == "upload"
        if self.grounds is None or fresh:
            return grounds.ground(self.step, self.servers, seed=self.seed, modulus=self.modulus)
        used, made = self.grounds.get(key, (0, None))
        if made is None or used >= _REUSED:
            seed = self.seed + 1000 * len(self.grounds) + used
            used, made = 0, grounds.ground(
                self.step, self.servers, seed=seed, modulus=self.modulus
            )
        self.grounds[key] = used + 1, made
        return made

    def coalition(self, ground: Any, clients: tuple[str, ...] = ()) -> Coalition:
        """The corrupt servers of this world and these clients, on a ground."""
        made: Coalition = ground.coalition(self.members, clients)
        return made


Act = Callable[[World], Outcome]


@dataclass(frozen=True)
class Attack:
    """A way to cheat: what it tries, what meets it, and where it stands in the literature.

    Attributes
    ----------
    name, aim : str
        The aim is one sentence.
    defence : str
        What meets it.
    source : str
        The section of DESIGN and the paper.
    home : Step
        Where it strikes by itself.
    act : callable
        Does it: takes a `World`, returns the `Outcome`.
    servers : int
        How many corrupt servers it takes at least.
    clients : tuple of str
        Which clients are corrupt besides.
    applies : callable
        To which steps it applies.
    without : str
        The defence of `weakened` without which it succeeds; "" if none is to be removed.
    least : int
        How many servers there must be in all.
    """

    name: str
    aim: str
    defence: str
    source: str
    home: Step
    act: Act = dataclass_field(repr=False)
    servers: int = 1
    clients: tuple[str, ...] = ()
    applies: Callable[[Step], bool] | None = dataclass_field(default=None, repr=False)
    without: str = ""
    least: int = 2

    def strikes(self, step: Step) -> bool:
        """Whether it applies to a step."""
        if self.applies is None or step == self.home:
            return step == self.home
        return step.ground in grounds.GROUNDS and self.applies(step)

    def run(self, world: World | None = None) -> Outcome:
        """Run it in a world; "no such step" if it does not fit there.

        A ground is made, the parties are corrupted, the protocol runs, and the result is judged.
        """
        world = world or World(servers=max(2, self.least, self.servers + 1), corrupt=self.servers)
        step = world.step or self.home
        if (
            world.servers < self.least
            or len(world.members) < self.servers
            or not self.strikes(step)
        ):
            return Outcome(NO_STEP)
        return self.act(replace(world, step=step))


def at(
    ground: str, phase: str, label: str, kind: str, way: str = "server to server"
) -> Step:
    """A step by its names."""
    return Step(ground, phase, label, kind, way)


def upload(label: str, kind: str, way: str = "server to server") -> Step:
    """A step of the recommender's upload."""
    return at(RECOMMEND, "upload", label, kind, way)


def prepare(label: str, kind: str, way: str = "server to server") -> Step:
    """A step of a query's preparation."""
    return at(RECOMMEND, "prepare", label, kind, way)


def online(label: str, kind: str = "open", way: str = "server to server") -> Step:
    """A step of a query."""
    return at(RECOMMEND, "online", label, kind, way)


def result_step() -> Step:
    """The servers' message to the requester."""
    return online("result", "output", "server to client")
