"""Run a lab's protocol over real processes: who gets what, and what comes back.

The lab's servers hand their own shares, key share and material over to one process each; what was
handed over is gone from the lab's pools, whatever happens after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab.errors import Abort, InputError
from mpclab.network.endpoint import server_name
from mpclab.network.loopback import parcels
from mpclab.network.loopback.jobs import hand_over, packed, reference_to
from mpclab.network.loopback.processes import Processes
from mpclab.network.loopback.result import ProcessRun
from mpclab.party import Party
from mpclab.sharing import Share

if TYPE_CHECKING:
    from mpclab.lab import Lab

__all__ = ["run_in_processes"]

Protocol = Callable[..., Coroutine[Any, Any, Any]]
_TIMEOUT = 60.0


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
