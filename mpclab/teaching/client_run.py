"""One upload and one output, run with the package's protocols, by whoever may cheat.

The package's own `receive_input`, `client_input`, `output_to` and `client_output` run in a lab; who
cheats is an adversary of `mpclab.adversary` on the network. The numbers are those of the messages,
and where a cheat ends is what the parties themselves say. Between upload and output the servers
compute y = 2 x. `mpclab.teaching.client_told` tells it step by step.

>>> client_run(42, 3, 101, "", 5).result
84
>>> client_run(42, 3, 101, "mask share", 5).ended
'I5'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mpclab.adversary.tools import Coalition, add
from mpclab.client import Client
from mpclab.lab import Lab
from mpclab.party import Party
from mpclab.preprocessing.material import InputMasks, OutputMask
from mpclab.protocols.clients import client_input, client_output, output_to, receive_input
from mpclab.sharing import Share
from mpclab.views import messages

__all__ = [
    "CHEATS", "CLIENT", "NAMES", "STEPS", "Cheat", "Run", "cheat_of", "client_run", "parties",
]

STEPS = ("start", "I1", "I2", "I3", "I4", "I5", "I6", "I7", "O1", "O2", "O3", "O4")
"""The steps, in their order; the first is before anything is sent."""

CLIENT = "client"
NAMES = {
    "I1": "shares of the mask", "I2": "a random chi", "I3": "compare chi",
    "I4": "open h, check its MAC", "I5": "h to the client", "I6": "x - r, to all",
    "I7": "compare hashes, store", "O1": "open z = y - r", "O2": "MAC check",
    "O3": "z and the mask", "O4": "the client checks",
}  # fmt: skip


@dataclass(frozen=True)
class Cheat:
    """Who sends what otherwise: `on` is told to a coalition; what meets it strikes at `met`."""

    label: str
    at: str
    met: str
    by: str  # "server" (the last one) or "client"
    on: tuple[str, str, dict[str, int]]  # step, kind, which entry of the message
    to: tuple[str, ...] | None = None


_CHEATS = {
    "mask share": Cheat("a server alters its share of r", "I1", "I5", "server",
                        ("masks", "mask", {"part": 1})),
    "chi": Cheat("the client tells server 0 another chi", "I2", "I3", "client",
                 ("masks", "chi", {}), ("server 0",)),
    "masked input": Cheat("the client tells server 0 another x - r", "I6", "I7", "client",
                          ("input", "masked input", {}), ("server 0",)),
    "hash": Cheat("a server lies about what it got", "I7", "I7", "server",
                  ("same input", "hash", {})),
    "opening": Cheat("a server alters the result's opening", "O1", "O2", "server",
                     ("y - r", "open", {})),
    "result": Cheat("a server alters the result's mask", "O3", "O4", "server",
                     ("result", "output", {"part": 1, "at": 1})),
}  # fmt: skip
CHEATS: Mapping[str, str] = {"": "nobody", **{k: c.label for k, c in _CHEATS.items()}}
"""The cheats that are shown, and what each is; "" is an honest run."""

_Sent = dict[tuple[str, str], tuple[int, ...]]


def cheat_of(name: str) -> Cheat | None:
    """The cheat of this name; None for the honest run.

    >>> cheat_of("chi").met
    'I3'
    """
    return _CHEATS.get(name)


# -- running it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """An upload and an output that have been run.

    `held` has what servers held, by name: of each, a number per server; `sent` has the numbers in
    the messages of a step, by sender and receiver; `ended` is the step at which somebody stopped,
    "" if all went through.
    """

    p: int
    n: int
    x: int
    held: dict[str, list[int]]
    sent: dict[str, _Sent]
    ended: str
    result: int | None


def _ints(parts: Sequence[Any]) -> tuple[int, ...]:
    """The numbers of a message; of bytes, the first eight as a number."""
    found: list[int] = []
    for part in parts:
        if isinstance(part, (bytes, bytearray, memoryview)):
            found.append(int.from_bytes(bytes(part)[:8], "little"))
        else:
            found += [int(v) for v in np.asarray(part).reshape(-1)]
    return tuple(found)


_MESSAGES = {
    ("upload", "masks", "mask"): "I1", ("upload", "masks", "chi"): "I2",
    ("upload", "chi", "compare"): "I3", ("upload", "h", "open"): "I4",
    ("upload", "masks", "echo"): "I5", ("upload", "input", "masked input"): "I6",
    ("upload", "same input", "hash"): "I7", ("online", "y - r", "open"): "O1",
    ("online", "zeta reveal", "reveal"): "O2", ("online", "result", "output"): "O3",
}  # fmt: skip


@lru_cache(maxsize=64)
def client_run(x: int, servers: int, modulus: int, cheat: str, seed: int) -> Run:
    """Upload x, double it, and give the client 2 x, under a cheat of `CHEATS`.

    >>> client_run(42, 2, 101, "opening", 5).ended
    'O2'
    """
    lab = Lab(servers=servers, modulus=modulus, seed=seed)
    lab.preprocess([InputMasks(1), OutputMask(1)], checks=2)
    if cheat:
        how = _CHEATS[cheat]
        label, kind, entry = how.on
        coalition = (
            Coalition(lab, [servers - 1]) if how.by == "server" else Coalition(lab, (), [CLIENT])
        )
        coalition.on(label, add(1, **entry), kind=kind, to=how.to)
    session = lab.session("client")
    taken: dict[tuple[str, int], Mapping[str, Any]] = {}

    async def noted(party: Party, phase: str, running: Any) -> Any:
        try:
            return await running
        finally:
            taken[phase, party.index] = party.in_use[0]

    client = Client(session.endpoint(CLIENT), lab.source("client"))
    outcomes = session.run(
        "upload", lambda party: noted(party, "upload", receive_input(party, CLIENT, (1,))),
        others=[(client.endpoint, client_input(client, lab.field.array([x])))],
    )  # fmt: skip
    names = [server.name for server in lab.servers]
    held = {
        "r_0": [int(taken["upload", i]["r_0"].value[0]) for i in range(servers)],
        "r": [int(taken["upload", i]["r"].value[0, 0]) for i in range(servers)],
    }
    stored = [outcomes[name] for name in names]
    ended, result = "", None
    if any(isinstance(share, Exception) for share in stored):
        ended = _CHEATS[cheat].met
    else:
        doubled: list[Share] = [share + share for share in stored]
        held |= {"x": [int(s.value[0]) for s in stored], "y": [int(s.value[0]) for s in doubled]}
        outcomes = session.run(
            "online",
            lambda party: noted(
                party, "online", output_to(party, CLIENT, doubled[party.index])
            ),
            others=[(client.endpoint, client_output(client, 1))],
        )
        masks = [taken["online", i] for i in range(servers)]
        for k, name in enumerate(("s_0", "s")):
            held[name] = [int(m["r"].value[k]) for m in masks]
            held["w_0" if k == 0 else "w"] = [int(m["w"][k]) for m in masks]
        held["v"] = [int(m["v"]) for m in masks]
        if isinstance(outcomes[CLIENT], Exception):
            ended = _CHEATS[cheat].met
        else:
            result = int(outcomes[CLIENT][0])
    return Run(lab.field.modulus, servers, x, held, _sent(lab), ended, result)


def _sent(lab: Lab) -> dict[str, _Sent]:
    found: dict[str, dict[tuple[str, str], list[Any]]] = {}
    for seen in messages(lab, None):
        step = _MESSAGES.get((str(seen.phase), seen.step, seen.kind))
        if step:
            link = (str(seen.sender), seen.party)
            found.setdefault(step, {}).setdefault(link, []).append(seen.value)
    return {step: {k: _ints(v) for k, v in links.items()} for step, links in found.items()}


def parties(servers: int) -> list[str]:
    """All who take part, the client first.

    >>> parties(2)
    ['client', 'server 0', 'server 1']
    """
    return [CLIENT, *(f"server {i}" for i in range(servers))]
