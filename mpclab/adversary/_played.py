"""What all grounds share: a lab whose sessions are on record, and the outcomes of what it ran."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from mpclab.adversary.outcome import ABORT, REFUSED, REJECTED, Outcome
from mpclab.adversary.tools import Coalition
from mpclab.errors import Abort, Refused, Rejected
from mpclab.lab import Lab
from mpclab.network.endpoint import server_name
from mpclab.network.simulated import Outcomes

__all__ = ["LARGE", "Ground", "OpenLab", "Played", "Step", "watched"]

LARGE = 2**61 - 1


@dataclass(frozen=True)
class Step:
    """One kind of message of a ground.

    `way` is "server to server", "server to client" or "client to server".
    """

    ground: str
    phase: str
    label: str
    kind: str
    way: str

    def __str__(self) -> str:
        return f"{self.ground}: {self.phase}/{self.label} ({self.kind})"


_WATCHES: list[list[OpenLab]] = []


@contextmanager
def watched() -> Iterator[list[OpenLab]]:
    """Collect the labs that are made in a block: they keep all contents, and who was corrupt."""
    labs: list[OpenLab] = []
    _WATCHES.append(labs)
    try:
        yield labs
    finally:
        _WATCHES.remove(labs)


class OpenLab(Lab):
    """A lab that keeps its sessions on record, for an adversary to reach corrupt servers' state."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | ({"contents": True} if _WATCHES else {}))
        if _WATCHES:
            #: every coalition that was formed in this lab
            self.coalitions: list[Coalition] = []
        for labs in _WATCHES:
            labs.append(self)

    def session(self, name: str = "run") -> Any:
        """A fresh session, on record as long as somebody uses it."""
        made = super().session(name)
        records = self.__dict__.setdefault("sessions", weakref.WeakValueDictionary())
        records[made.name] = made
        return made


class Ground(Protocol):
    """A lab with an honest program that can be attacked again and again."""

    lab: OpenLab

    def play(self) -> Outcome:
        """Run the program once, under the lab's adversary; everybody is honest afterwards."""

    def coalition(self, servers: Iterable[int], clients: Iterable[str] = ()) -> Coalition:
        """Make these parties corrupt in the next play."""


class Played:
    """What both kinds of ground share: the outcomes of all runs, and corrupt parties."""

    upload_again = False

    def __init__(self, lab: OpenLab) -> None:
        self.lab = lab
        self.log: list[tuple[str, Outcomes]] = []
        run = lab.network.run

        def keep(phase: str, actors: Any) -> Outcomes:
            outcomes = run(phase, actors)
            self.log.append((phase, outcomes))
            return outcomes

        lab.network.run = keep  # type: ignore[method-assign]

    def coalition(self, servers: Iterable[int], clients: Iterable[str] = ()) -> Coalition:
        """Make these parties corrupt from now on."""
        return Coalition(self.lab, tuple(servers), tuple(clients))

    def honest(self) -> None:
        """Everybody is honest from now on."""
        self.lab.network.adversary, self.lab.network.corrupt = None, frozenset()

    @property
    def honest_servers(self) -> list[int]:
        """The servers that are not corrupt now."""
        return [i for i in range(self.lab.n) if server_name(i) not in self.lab.network.corrupt]

    def failure(self) -> Outcome:
        """Why nothing came out of the last run, by what its honest parties say."""
        _, outcomes = self.log[-1]
        corrupt = self.lab.network.corrupt
        errors = [e for k, e in outcomes.items() if isinstance(e, Exception) and k not in corrupt]
        for kind, result in ((Abort, ABORT), (Refused, REFUSED), (Rejected, REJECTED)):
            for error in errors:
                if isinstance(error, kind):
                    return Outcome(result, str(error))
        return Outcome(ABORT, "the corrupt parties stopped by themselves")
