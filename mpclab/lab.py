"""The lab: servers, dealer, network and transcript in one object, with simulated servers.

>>> from mpclab.protocols.checks import reveal
>>> from mpclab.protocols.multiply import multiply
>>> from mpclab.preprocessing.material import Triples
>>> async def square(party, x):
...     return await reveal(party, await multiply(party, x, x))
>>> lab = Lab(servers=3, seed=7)
>>> _ = lab.preprocess([Triples(2)], checks=3)
>>> lab.run(square, lab.share([5, -6]))[0]
array([25, 36], dtype=uint64)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.network.conditions import LAN, Conditions
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.simulated import Adversary, Outcomes, SimulatedNetwork
from mpclab.network.transcript import Transcript
from mpclab.party import Party, Server
from mpclab.preprocessing.dealer import DEALER, Dealer, receive_material
from mpclab.preprocessing.material import Spec, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.randomness import Source
from mpclab.sharing import Share, check_servers, deal_keys, share_out

__all__ = ["Lab", "Session"]


class Lab:
    """A laboratory: n simulated servers, a trusted dealer, a network and its transcript.

    Parameters
    ----------
    servers : int
        How many servers, at least 2. Up to all but one may be corrupt.
    modulus : int
        The prime p of the field; 2^61 - 1 by default.
    network : Conditions
        What the virtual clock charges for messages; `LAN` by default.
    seed : int or None
        None: all randomness comes from the operating system. An integer makes everything
        reproducible, and public to whoever knows it: for teaching and tests only.
    adversary, corrupt
        See `SimulatedNetwork`.

    Raises
    ------
    InputError
        If there are fewer than 2 servers or the modulus is not an odd prime up to 61 bits.

    Examples
    --------
    >>> Lab(servers=2)
    Lab(2 servers, Field(2**61 - 1), network 'lan', trusted dealer)
    >>> Lab(servers=1)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: servers is 1: it takes at least 2 servers (one alone would see ...
    """

    def __init__(
        self,
        servers: int = 2,
        *,
        modulus: int = 2**61 - 1,
        network: Conditions = LAN,
        seed: int | None = None,
        adversary: Adversary | None = None,
        corrupt: Iterable[str] = (),
    ) -> None:
        self.field = Field(modulus)
        self.n = check_servers(servers)
        self.seed = seed
        self._source = Source.for_lab(seed, "lab")
        keys = deal_keys(self.field, self.n, self._source.stream())
        self.servers = [
            Server(key, Source.for_lab(seed, name), Pool(name))
            for key, name in ((key, server_name(key.index)) for key in keys)
        ]
        self.dealer = Dealer(keys, Source.for_lab(seed, DEALER))
        self.network = SimulatedNetwork(network, adversary, corrupt)
        self._sessions = 0

    def __repr__(self) -> str:
        seeded = f", seeded with {self.seed}: for teaching" if self.seed is not None else ""
        return (
            f"Lab({self.n} servers, {self.field}, network {self.network.conditions.name!r}, "
            f"trusted dealer{seeded})"
        )

    @property
    def transcript(self) -> Transcript:
        """Every message so far, without contents."""
        return self.network.transcript

    def session(self, name: str = "run") -> Session:
        """A fresh session: a party per server, and a hash chain of its own."""
        self._sessions += 1
        return Session(self, f"{name} {self._sessions}")

    def source(self, owner: str) -> Source:
        """Randomness for a client of this lab."""
        return Source.for_lab(self.seed, owner)

    def preprocess(self, specs: Sequence[Spec], checks: int = 0) -> list[int]:
        """Let the dealer make a bundle per spec, and `ZeroTest`s for `checks` MAC checks.

        Returns the bundles' serial numbers (of `specs` only). No input plays any part in it.
        """
        session = self.session("preprocess")
        wanted = [*specs, *[ZeroTest()] * checks]
        endpoint = Endpoint(DEALER, self.field, self.n, session.name)
        outcomes = session.run(
            "preprocess",
            lambda party: receive_material(party, wanted),
            others=[(endpoint, self.dealer.deal(wanted))],
        )
        outcomes.raise_failure()
        serials: list[int] = outcomes[server_name(0)]
        return serials[: len(specs)]

    def share(self, values: npt.ArrayLike) -> list[Share]:
        """Authenticated shares of public test values, one per server, made by the lab as god."""
        return share_out(values, [s.key for s in self.servers], self._source.stream())

    def run(
        self, protocol: Callable[..., Coroutine[Any, Any, Any]], *shared: Sequence[Any]
    ) -> list[Any]:
        """Run `protocol(party, ...)` at all servers; each argument holds one entry per server.

        Returns the servers' results in their order; raises Abort (or what else stopped them).
        """
        session = self.session()
        outcomes = session.run(
            "online", lambda party: protocol(party, *(arg[party.index] for arg in shared))
        )
        outcomes.raise_failure()
        return [outcomes[s.name] for s in self.servers]


class Session:
    """One session: the servers' parties, which keep their state from phase to phase."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.parties = [
            Party(s, Endpoint(s.name, lab.field, lab.n, name)) for s in lab.servers
        ]

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {len(self.parties)} servers)"

    def endpoint(self, client: str, crowd: int = 1) -> Endpoint:
        """A client's end of the network in this session (or a crowd's)."""
        if client == DEALER or client.startswith("server"):
            raise InputError(f"{client!r} is the name of a server or of the dealer, not a client's")
        return Endpoint(client, self.lab.field, self.lab.n, self.name, crowd)

    def run(
        self,
        phase: str,
        protocol: Callable[[Party], Coroutine[Any, Any, Any]],
        others: Iterable[tuple[Endpoint, Coroutine[Any, Any, Any]]] = (),
        replaced: Mapping[int, Callable[[Party], Coroutine[Any, Any, Any]]] | None = None,
    ) -> Outcomes:
        """Run a phase: `protocol` at every server, other parties' coroutines beside it.

        `replaced` gives corrupt servers a program of their own.
        """
        programs = {p.index: protocol for p in self.parties} | dict(replaced or {})
        actors = [*others, *((p.endpoint, programs[p.index](p)) for p in self.parties)]
        return self.lab.network.run(phase, actors)
