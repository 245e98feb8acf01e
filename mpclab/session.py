"""One session: the servers' parties, which keep their state from phase to phase."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from mpclab.errors import InputError
from mpclab.network.endpoint import Endpoint
from mpclab.network.simulated import Outcomes, SimulatedNetwork
from mpclab.party import Party, Server
from mpclab.preprocessing.dealer import DEALER

__all__ = ["Session"]


class Session:
    """One session: the servers' parties, which keep their state from phase to phase."""

    def __init__(
        self,
        network: SimulatedNetwork,
        name: str,
        servers: Sequence[Server],
        nonce: bytes = b"",
    ) -> None:
        self.network = network
        self.name = name
        self.nonce = nonce
        self.field, self.n = servers[0].field, len(servers)
        self.parties = [Party(s, self._endpoint(s.name)) for s in servers]

    def _endpoint(self, name: str, crowd: int = 1) -> Endpoint:
        return Endpoint(name, self.field, self.n, self.name, crowd, self.nonce)

    def dealer(self) -> Endpoint:
        """The dealer's end of the network in this session."""
        return self._endpoint(DEALER)

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {self.n} servers)"

    def endpoint(self, client: str, crowd: int = 1) -> Endpoint:
        """A client's end of the network in this session (or a crowd's)."""
        if not isinstance(client, str) or not client:
            raise InputError(f"a client's name is {client!r}: it must be a text that is not empty")
        if client == DEALER or client.startswith("server"):
            raise InputError(f"{client!r} is the name of a server or of the dealer, not a client's")
        return self._endpoint(client, crowd)

    def adopt(self, other: Session) -> None:
        """Go on here with what another session of the same servers has prepared: that one ends."""
        for mine, theirs in zip(self.parties, other.parties, strict=True):
            mine.adopt(theirs)

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
        try:
            outcomes = self.network.run(phase, actors)
        except BaseException:
            self._burn()
            raise
        finally:
            for party in self.parties:
                party.in_use.clear()
        if any(isinstance(outcomes[p.server.name], Exception) for p in self.parties):
            self._burn()
        for party in self.parties:
            party.touched.clear()
        return outcomes

    def _burn(self) -> None:
        """After a bad end: what one server has touched, no server keeps (DESIGN 3.9)."""
        for party in self.parties:
            for spec, serial in party.touched:
                for other in self.parties:
                    other.server.pool.burn(spec, serial)
