"""One server, and its part in one session: what it holds, and what it may do.

A `Server` lives long: its index, its part of the MAC key, its randomness, its preprocessed
material. A `Party` is a server's part in one session (an upload batch, a query): protocols receive
a party and nothing else, so they can reach no other server's state. The party keeps the list of
opened values that no MAC check has covered yet, and refuses to let anything out while it is not
empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab import wire
from mpclab.errors import Abort, InputError
from mpclab.field import Elements, Field
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange
from mpclab.once import NotCopied
from mpclab.preprocessing.disk import Spilled
from mpclab.randomness import Source
from mpclab.sharing import KeyShare, Share
from mpclab.wire import Expected, Part

if TYPE_CHECKING:
    from mpclab.preprocessing.pool import Pool

__all__ = ["Party", "Server", "Settings"]


@dataclass(frozen=True)
class Settings:
    """Public parameters that all servers and clients of a lab share.

    `bits`: secret integers lie in -2^(bits-1) .. 2^(bits-1) - 1. `fraction`: bits behind the point
    of fixed-point numbers. `comparison`: which way to compare.
    """

    bits: int = 40
    fraction: int = 16
    comparison: str = "tables"


class Server(NotCopied):
    """What one server holds from session to session, and nothing of any other server.

    Parameters
    ----------
    key : KeyShare
        Its part alpha_i of the MAC key.
    source : Source
        Its own randomness.
    pool : Pool
        Its stock of preprocessed material.
    settings : Settings
        What everybody agreed on.
    """

    def __init__(
        self, key: KeyShare, source: Source, pool: Pool, settings: Settings | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.key = key
        self.source = source
        self.pool = pool
        #: what applications keep at this server (shares of users' rows, for instance), by name
        self.storage: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """Its address."""
        return server_name(self.key.index)

    @property
    def field(self) -> Field:
        """The field everything is shared in."""
        return self.key.field

    def __repr__(self) -> str:
        return f"Server({self.key.index} of {self.key.servers}, {self.field}, {self.pool})"


class Party(NotCopied):
    """A server's part in one session: the object that a protocol receives as `party`.

    Attributes
    ----------
    index, n : int
        Which server this is, and of how many.
    field : Field
    key : KeyShare
        This server's part of the MAC key.
    endpoint : Endpoint
        Its end of the network in this session.
    unchecked : list of (opened value, this server's MAC share)
        Openings that no MAC check has covered yet.
    """

    def __init__(self, server: Server, endpoint: Endpoint) -> None:
        self.server = server
        self.endpoint = endpoint
        self.key = server.key
        self.field = server.field
        self.index, self.n = server.key.index, server.key.servers
        self.settings = server.settings
        self.unchecked: list[tuple[Elements, Elements]] = []
        #: serial numbers of the material that this session has taken or reserved, by spec
        self.touched: list[tuple[Any, int]] = []
        #: what was taken in this run: given back to the operating system after it, not within
        self.in_use: list[dict[str, Any]] = []
        self._reserved: dict[Any, deque[tuple[int, dict[str, Any]]]] = {}

    def __repr__(self) -> str:
        return (
            f"Party(server {self.index} of {self.n}, session {self.endpoint.session!r}, "
            f"{len(self.unchecked)} openings unchecked)"
        )

    # -- material and randomness ----------------------------------------------------------------

    def reserve(self, specs: Sequence[Any]) -> None:
        """Take everything that this session will use out of the pool now, before anything is sent.

        So the servers' pools stay in step wherever a session may end, and an abort burns all of it.
        Raises MaterialError, naming what lacks, and then takes nothing.
        """
        specs = [part for spec in specs for part in getattr(spec, "parts", (spec,))]
        self.server.pool.require(specs)
        for spec in specs:
            serial, material = self.server.pool.take(spec)
            self.touched.append((spec, serial))
            plain = getattr(spec, "plain", spec)  # earmarked or not, it is taken by kind
            self._reserved.setdefault(plain, deque()).append((serial, material))

    def adopt(self, other: Party) -> None:
        """Take over all that another session of this server has reserved, and end that session."""
        if other.server is not self.server:
            raise InputError(
                f"{other!r} is not of server {self.index}: a server has its own material only"
            )
        for spec, bundles in other._reserved.items():
            self._reserved.setdefault(spec, deque()).extend(bundles)
        other._reserved.clear()
        other.endpoint.ended = True

    def take(self, spec: Any) -> dict[str, Any]:
        """Take preprocessed material, once and for all; servers agree on which by hash.

        It comes from what was reserved for this session, or else from the pool. Raises
        MaterialError, naming what lacks, if there is none left.
        """
        reserved = self._reserved.get(spec)
        if reserved:
            serial, material = reserved.popleft()
        else:
            serial, material = self.server.pool.take(spec)
            self.touched.append((spec, serial))
        self.endpoint.absorb(b"material", str(serial).encode())
        if not isinstance(material, Spilled):
            self.in_use.append(material)
        return material

    def done_with(self, held: dict[str, Any], name: str) -> None:
        """Say that this entry of material is not looked at any more.

        Of a bundle on disk it is unmapped now; what is in memory goes after the run (`in_use`).
        """
        if isinstance(held, Spilled):
            del held[name]

    def random_bytes(self, n: int) -> bytes:
        """n bytes of this server's own randomness."""
        return self.server.source.bytes(n)

    # -- messages -----------------------------------------------------------------------------

    async def broadcast(self, label: str, kind: str, *parts: Part) -> list[tuple[Part, ...]]:
        """Send the same parts to all servers; returns all servers' parts, in their order."""
        self.endpoint.require_open()
        expected = wire.like(parts)
        reply = await exchange(
            Round(
                (Send(SERVERS, label, kind, parts),),
                tuple(Receive(server_name(i), label, kind, expected) for i in range(self.n)),
            )
        )
        return [parts for parts in reply if parts is not None]

    async def send(self, client: str, label: str, kind: str, *parts: Part) -> None:
        """Send parts to a client; nothing is waited for."""
        self.endpoint.require_open()
        await exchange(Round((Send(client, label, kind, parts),)))

    async def receive(
        self, client: str, label: str, kind: str, *expected: Expected
    ) -> tuple[Part, ...] | None:
        """Wait for a client's message; None if it is silent or sends anything else."""
        (parts,) = await exchange(Round((), (Receive(client, label, kind, expected),)))
        return parts

    # -- opening ------------------------------------------------------------------------------

    async def open_additive(self, x: Elements, label: str) -> Elements:
        """Open [x] by exchanging shares: nothing vouches for the result."""
        received = await self.broadcast(label, "open", x)
        return self.field.sum(np.stack([np.asarray(parts[0]) for parts in received]), axis=0)

    async def open_masked(self, x: Share, label: str) -> Elements:
        """Open <x> before a check: only for values under a uniform mask that nobody knows.

        DESIGN 3.1: the value is not trusted yet, and no control flow may depend on it. It waits in
        `unchecked` for the MAC check of the session.
        """
        value = await self.open_additive(x.value, label)
        self.unchecked.append((value, x.mac))
        return value

    def take_unchecked(self) -> list[tuple[Elements, Elements]]:
        """Hand all unchecked openings to a MAC check."""
        taken, self.unchecked = self.unchecked, []
        return taken

    def aside(self) -> Party:
        """The same part in the same session, with a list of unchecked openings of its own.

        For a computation whose result may be dropped: `join` what is kept, before the check. What
        was opened aside and is not joined is never checked, so that nothing may depend on it.
        """
        own = Party(self.server, self.endpoint)
        own.touched, own.in_use, own._reserved = self.touched, self.in_use, self._reserved
        return own

    def join(self, aside: Party) -> None:
        """Let the next check cover what was opened aside."""
        self.unchecked += aside.take_unchecked()

    def require_checked(self, what: str) -> None:
        """Refuse to let anything out while an opening is unchecked or after an abort."""
        self.endpoint.require_open()
        if self.unchecked:
            raise InputError(
                f"{what} may not leave: {len(self.unchecked)} openings of this session have not "
                "passed a MAC check; await check_openings(party, coin) first"
            )

    def abort(self, sentence: str) -> Abort:
        """End this session: nothing more comes out of it. Returns the error to raise."""
        self.endpoint.ended = True
        self.unchecked.clear()
        return Abort(sentence)
