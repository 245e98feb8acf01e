"""A client's side: it talks to all servers at once, trusts none, and accepts only if all agree."""

from __future__ import annotations

from mpclab.errors import Rejected
from mpclab.field import Elements, Field
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import Receive, Round, Send, exchange
from mpclab.randomness import Source
from mpclab.wire import Expected, Part

__all__ = ["Client"]


class Client:
    """A client (or a crowd of clients acting alike) in one session.

    It holds no long-term key: every mask serves one message and comes from the servers.
    """

    def __init__(self, endpoint: Endpoint, source: Source) -> None:
        self.endpoint = endpoint
        self.source = source
        self.field: Field = endpoint.field
        self.n = len(endpoint.servers)

    def __repr__(self) -> str:
        return f"Client({self.endpoint.name!r}, {self.n} servers)"

    async def send_all(self, label: str, kind: str, *parts: Part) -> None:
        """Send the same parts to every server."""
        sends = (Send(server_name(i), label, kind, parts) for i in range(self.n))
        await exchange(Round(tuple(sends)))

    async def receive_all(
        self, label: str, kind: str, *expected: Expected
    ) -> list[tuple[Part, ...]]:
        """Wait for a message of every server; returns their parts in the servers' order."""
        receives = (Receive(server_name(i), label, kind, expected) for i in range(self.n))
        replies = await exchange(Round((), tuple(receives)))
        if any(parts is None for parts in replies):
            raise Rejected(f"a server's message of step {label!r} did not arrive")
        return [parts for parts in replies if parts is not None]

    def random_elements(self, shape: int | tuple[int, ...]) -> Elements:
        """Fresh uniform field elements."""
        return self.field.uniform(self.source.stream(), shape)
