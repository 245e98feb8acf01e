"""Run a lab's protocol over real processes: who gets what, and what comes back.

The lab's servers hand their own shares, key share and material over to one process each; what was
handed over is gone from the lab's pools, whatever happens after.
"""

from __future__ import annotations

import inspect
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field as dataclass_field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mpclab.errors import Abort, InputError
from mpclab.network.endpoint import is_server, server_name
from mpclab.network.loopback import parcels
from mpclab.network.loopback.drive import Leg, merged
from mpclab.network.loopback.processes import Processes
from mpclab.network.transcript import Transcript
from mpclab.party import Party, Server
from mpclab.sharing import Share

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.lab import Lab, Session

__all__ = ["ProcessRun", "run_in_processes"]

Protocol = Callable[..., Coroutine[Any, Any, Any]]
_TIMEOUT = 60.0


@dataclass(frozen=True, repr=False)
class ProcessRun:
    """What a protocol gave over real processes, and how long it really took.

    Attributes
    ----------
    result : object
        What all servers agree on in the first run, as `Lab.run` gives it.
    legs : tuple of mapping of str to Leg
        Every run's notes: party name -> what it sent and when, how long it computed.
    printed : tuple of str
        What every server's protocol printed.
    """

    result: Any
    legs: tuple[Mapping[str, Leg], ...] = dataclass_field(default=(), repr=False)
    printed: tuple[str, ...] = dataclass_field(default=(), repr=False)

    def __repr__(self) -> str:
        runs = "" if len(self.legs) == 1 else f", median of {len(self.legs)} runs"
        return (
            f"ProcessRun({len(self.computing)} processes, {1000 * self.seconds:.2f} ms{runs}, "
            f"of them {1000 * max(self.computing):.2f} ms computing; {self.rounds} rounds, "
            f"{max(self.bytes):,} bytes per server)"
        )

    @property
    def seconds(self) -> float:
        """Measured wall time of a run: from the barrier to the last server's end (median)."""
        return statistics.median(map(_seconds, self.legs))

    @property
    def computing(self) -> tuple[float, ...]:
        """Every server's own computing in seconds (median over the runs)."""
        return tuple(
            statistics.median(legs[name].computing for legs in self.legs)
            for name in filter(is_server, self.legs[0])
        )

    @property
    def transcript(self) -> Transcript:
        """The first run's messages and computing, with their real times."""
        return merged(list(self.legs[0].values()))

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return self.transcript.rounds()

    @property
    def bytes(self) -> tuple[int, ...]:
        """Bytes that every server sent to other servers, as the simulation counts them."""
        transcript = self.transcript
        return tuple(transcript.bytes_sent(n) for n in self.legs[0] if is_server(n))

    def to_frame(self) -> pd.DataFrame:
        """One row per run and party; times in seconds, sizes in bytes."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": number,
                "party": leg.party,
                "seconds": leg.seconds,
                "computing": leg.computing,
                "waiting": leg.seconds - leg.computing,
                "messages": len(leg.sent),
                "bytes": sum(r.bytes for r in leg.sent),
                "elements": sum(r.elements for r in leg.sent),
            }
            for number, legs in enumerate(self.legs)
            for leg in legs.values()
        )


def _seconds(legs: Mapping[str, Leg]) -> float:
    return max(leg.seconds for leg in legs.values())


def run_in_processes(
    lab: Lab,
    protocol: Protocol,
    *args: Any,
    repeat: int = 1,
    timeout: float = _TIMEOUT,
    processes: Processes | None = None,
) -> ProcessRun:
    """Run `async def protocol(party, *args)` with one operating-system process per server.

    As `Lab.run`, but over sockets of this computer and in real time: material is predicted and
    preprocessed first, every process receives what its own server holds, and the clock starts when
    all are connected and ready.

    Parameters
    ----------
    lab : Lab
        Whose servers run it. What they hand over is gone from their pools.
    protocol : coroutine function
        It must stand in a module, since other processes import it: not in a notebook.
    *args
        A `SecretArray` becomes each server's own share; everything else is public.
    repeat : int
        How often to run it, with fresh material every time. The result is the first run's.
    timeout : float
        Seconds that a run may take.
    processes : Processes or None
        Running processes to use; None starts some for this call alone (about a second).

    Raises
    ------
    InputError
        If the protocol cannot be imported, or an argument not be moved.
    ProcessError
        If a process ends on its own or does not answer.
    Deadlock
        If nothing came within the timeout.
    """
    reference = reference_to(protocol)
    if not isinstance(repeat, int) or repeat < 1:
        raise InputError(f"repeat is {repeat!r}: it takes an integer, 1 or more")
    if not timeout > 0:
        raise InputError(f"timeout is {timeout!r}: it takes seconds, more than 0")
    if processes is not None and processes.servers != lab.n:
        raise InputError(
            f"these are {processes.servers} processes, and the lab has {lab.n} servers"
        )
    if lab.state != "ready":
        raise Abort(f"this lab is {lab.state}: nothing more comes out of it; make a new Lab")
    if lab.network.adversary is not None:
        raise InputError(
            "this lab has an adversary, who acts on simulated messages only: use lab.run, or a lab "
            "without one"
        )
    jobs = _jobs(lab, reference, protocol, args, repeat)
    running = processes or Processes(lab.n)
    try:
        before = [len(running.printed(i)) for i in range(lab.n)]
        running.job(jobs)
        legs = [running.run(k, timeout, keep=k == 0) for k in range(repeat)]
    finally:
        if processes is None:
            running.close()
    servers = [legs[0][s.name] for s in lab.servers]
    result = _agreed(lab, [leg.result for leg in servers])
    for party, leg in zip(lab._main.parties, servers, strict=True):
        party.unchecked += leg.unchecked  # of shares that came back: the lab's next check
    printed = tuple(running.printed(i)[start:] for i, start in enumerate(before))
    return ProcessRun(result, tuple(legs), printed)


def reference_to(protocol: Any) -> tuple[str, str, str | None]:
    """Where another process finds a protocol: module, name and file."""
    module = getattr(protocol, "__module__", None)
    file: str | None
    name = getattr(protocol, "__qualname__", "")
    advice = (
        "put it into a .py file, at the top level of a module, and import it from there: servers "
        "in processes of their own import the protocol too"
    )
    if not callable(protocol) or not module or not name:
        raise InputError(f"{protocol!r} is not a function with a name of its own; {advice}")
    if module == "__main__":
        raise InputError(
            f"the protocol {name} is defined in a notebook or in the main program; {advice}"
        )
    if "<" in name or "." in name:
        raise InputError(f"the protocol {name} is defined inside of something else; {advice}")
    if getattr(sys.modules.get(module), name, None) is not protocol:
        raise InputError(f"the module {module} does not hold the protocol {name}; {advice}")
    try:
        file = inspect.getsourcefile(cast(Any, protocol))
    except TypeError:
        file = None
    return module, name, file


def _jobs(
    lab: Lab, reference: Any, protocol: Protocol, args: Sequence[Any], repeat: int
) -> list[dict[str, Any]]:
    """What every server's process receives; the material in it is gone from the lab's pools."""
    from mpclab.cost import Cost
    from mpclab.secret import SecretArray

    held = [
        tuple(lab.held(a, i) if isinstance(a, SecretArray) else a for a in args)
        for i in range(lab.n)
    ]
    for i, mine in enumerate(held):  # a sentence before anything is used up
        parcels.pack_for(i, mine)
    if lab._main.parties[0].unchecked:  # the shares depend on openings that nobody has checked
        lab.run(_check)
    cost = lab.predict(protocol, *args)
    lab.preprocess_for(Cost(material=Counter({s: c * repeat for s, c in cost.material.items()})))
    sessions = [lab.session("processes") for _ in range(repeat)]
    bundles = [hand_over(server, cost.material, repeat) for server in lab.servers]
    return [
        packed(server, reference, sessions, bundles[i], [held[i]] * repeat, labelled=True)
        for i, server in enumerate(lab.servers)
    ]


async def _check(party: Party) -> None:
    """Check every opening of the lab's session so far."""
    from mpclab.protocols.checks import check_openings, commit_coin

    await check_openings(party, await commit_coin(party))


def hand_over(
    server: Server, material: Mapping[Any, int], repeat: int
) -> list[tuple[int, Any, dict[str, Any]]]:
    """Take material out of a server's pool, for good."""
    bundles = []
    for spec, count in material.items():
        for _ in range(count * repeat):
            serial, content = server.pool.take(spec)
            bundles.append((serial, spec, content))
    return bundles


def packed(
    server: Server,
    protocol: tuple[str, str, str | None],
    sessions: Sequence[Session],
    bundles: Sequence[tuple[int, Any, dict[str, Any]]],
    arguments: Sequence[tuple[Any, ...]],
    labelled: bool,
) -> dict[str, Any]:
    """One server's job, in which nothing of any other server's can be."""
    index = server.key.index
    parties = [session.parties[index] for session in sessions]
    for party in parties:
        party.endpoint.require_open()
    holdings = {
        "key": server.key,
        # A lab's seed draws a seed for the process; without one it asks the operating system.
        "seed": server.source.bytes(32) if server.source.seeded else None,
        "bundles": list(bundles),
        "sessions": [
            {
                "session": party.endpoint.session,
                "round": party.endpoint.round,
                "history": party.endpoint.history,
                "unchecked": party.unchecked,
                "reserved": party._reserved,
            }
            for party in parties
        ],
    }
    return {
        "protocol": protocol,
        "labelled": labelled,
        "phase": "online",
        "settings": server.settings,
        "holdings": parcels.pack_for(index, holdings),
        "arguments": parcels.pack_for(index, list(arguments), parties),
    }


def _agreed(lab: Lab, results: Sequence[Any]) -> Any:
    """What the servers' results say together: shares become a secret, the rest must be equal."""
    first = results[0]
    if any(type(r) is not type(first) for r in results):
        raise Abort("the servers' results are of different types")
    if isinstance(first, Share):
        keys = [server.key for server in lab.servers]
        return lab.keep([Share(r.data, key) for r, key in zip(results, keys, strict=True)])
    if isinstance(first, (tuple, list)):
        if any(len(r) != len(first) for r in results):
            raise Abort("the servers' results have different lengths")
        return type(first)([_agreed(lab, each) for each in zip(*results, strict=True)])
    if not all(_equal(first, r) for r in results[1:]):
        raise Abort(f"{server_name(0)} and the others do not agree on the result")
    return first.copy() if isinstance(first, np.ndarray) else first


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)
