"""The grounds of the library's protocols: each is run, and its result made known.

>>> Programs("multiply", servers=2).play().result
'no effect'
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpclab.adversary._played import LARGE, OpenLab, Played
from mpclab.adversary.outcome import NO_EFFECT, WRONG, Outcome
from mpclab.client import Client
from mpclab.errors import InputError
from mpclab.network.endpoint import server_name
from mpclab.party import Party
from mpclab.preprocessing.material import InputMasks, OutputMask
from mpclab.protocols import arithmetic, checks, clients
from mpclab.protocols.comparison import comparison_material, is_negative
from mpclab.protocols.multiply import multiply
from mpclab.sharing import Share

__all__ = ["PROGRAMS", "Programs"]


@dataclass(frozen=True)
class _Program:
    """A protocol and its inputs; `expected` is what it makes of them."""

    protocol: Callable[..., Coroutine[Any, Any, Any]]
    inputs: tuple[Any, ...]
    expected: Any
    way: str = "servers"  # who supplies or receives: "servers", "input", "output"


def _bits(party: Party) -> int:
    return min(16, party.field.bits - 1)


def _compares(method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def compare(party: Party, x: Share) -> Any:
        spec = comparison_material(party.field, x.size, _bits(party), method, party.n)
        return await checks.reveal(party, await is_negative(party, x, spec))

    return compare


async def _reveal(party: Party, x: Share) -> Any:
    return await checks.reveal(party, x)


async def _multiply(party: Party, x: Share, y: Share) -> Any:
    return await checks.reveal(party, await multiply(party, x, y))


async def _matmul(party: Party, x: Share, y: Share) -> Any:
    return await checks.reveal(party, await arithmetic.matmul(party, x, y))


async def _input(party: Party) -> Any:
    return await checks.reveal(party, await clients.receive_input(party, "alice", (2,)))


async def _output(party: Party, x: Share) -> Any:
    await clients.output_to(party, "alice", x)


_SIGNED = ([5, -7, 0, -1],)
_SIGNS = [0, 1, 0, 1]
_PROGRAMS = {
    "reveal": _Program(_reveal, ([42, 7],), [42, 7]),
    "multiply": _Program(_multiply, ([3, 4], [5, 6]), [15, 24]),
    "matrix product": _Program(_matmul, ([[1, 2], [3, 4]], [[1], [2]]), [[5], [11]]),
    "tables": _Program(_compares("tables"), _SIGNED, _SIGNS),
    "bits": _Program(_compares("bits"), _SIGNED, _SIGNS),
    "exact": _Program(_compares("exact"), _SIGNED, _SIGNS),
    "fss": _Program(_compares("fss"), _SIGNED, _SIGNS),
    "input": _Program(_input, (), [11, 12], "input"),
    "output": _Program(_output, ([13, 14],), [13, 14], "output"),
}
PROGRAMS = tuple(_PROGRAMS)


class Programs(Played):
    """A protocol of the library, run by n servers in sessions of their own."""

    def __init__(
        self, name: str, servers: int = 2, *, seed: int = 1, modulus: int = LARGE
    ) -> None:
        super().__init__(OpenLab(servers=servers, seed=seed, modulus=modulus, contents=False))
        self.name, self.program = name, _PROGRAMS[name]
        self.secrets = [self.lab.god.secret(x) for x in self.program.inputs]
        if name == "fss" and servers != 2:
            raise InputError(f"the protocol 'fss' takes 2 servers, not {servers}")

    def __repr__(self) -> str:
        return f"Programs({self.name!r}, {self.lab})"

    def play(self) -> Outcome:
        """Run the protocol in a fresh session; then everybody is honest again."""
        self.log.clear()
        lab, program = self.lab, self.program
        others = []
        if program.way == "servers":
            lab.preprocess_for(lab.predict(program.protocol, *self.secrets))
        elif program.way == "input":
            lab.preprocess([InputMasks(2)], checks=2)
        else:
            lab.preprocess([OutputMask(2)], checks=1)
        session = lab.session(self.name)
        if program.way != "servers":
            client = Client(session.endpoint("alice"), lab.source(session.name))
            values = lab.field.array(program.expected)
            run = (
                clients.client_input(client, values) if program.way == "input"
                else clients.client_output(client, 2)
            )
            others = [(client.endpoint, run)]
        session.run(
            "online",
            lambda party: program.protocol(
                party, *(lab.held(x, party.index) for x in self.secrets)
            ),
            others=others,
        )
        outcome = self.judge()
        self.honest()
        return outcome

    def judge(self) -> Outcome:
        """What honest parties accepted, or why they did not."""
        _, outcomes = self.log[-1]
        names = (
            ["alice"] if self.program.way == "output"
            else [server_name(i) for i in self.honest_servers]
        )
        results = [outcomes[k] for k in names if not isinstance(outcomes[k], Exception)]
        wanted = self.lab.field.array(self.program.expected)
        if "alice" in self.lab.network.corrupt and results:
            wanted = np.asarray(results[0])  # its input is its own affair: servers must agree
        for result in results:
            if not np.array_equal(np.asarray(result), wanted):
                return Outcome(WRONG, f"{np.asarray(result).tolist()} is not {wanted.tolist()}")
        if len(results) < len(names):
            return self.failure()
        return Outcome(NO_EFFECT, "the result is right")
