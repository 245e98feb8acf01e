"""What a protocol asks of the network, and the combinators that compose protocols.

A protocol is a coroutine. Its only primitive await is a `Round`: what this party sends now, and
whose messages it waits for. It knows nothing of bytes, sockets, timing, tracing or tampering; an
`Endpoint` turns rounds into messages and a network carries them.

Sub-protocols are labelled with `step` and run side by side with `together`, which steps them in a
fixed order and merges their rounds. (Never `asyncio.gather`: its scheduling would order openings
differently at different servers, and honest runs would abort.)
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mpclab.errors import InputError
from mpclab.wire import Expected, Part

__all__ = ["SERVERS", "Receive", "Reply", "Round", "Send", "exchange", "step", "together"]

SERVERS = "servers"
"""The address of a broadcast: every server, oneself included."""

T = TypeVar("T")
Reply = list[tuple[Part, ...] | None]
"""The parts that arrived, one entry per `Receive`; None where a client kept silent."""


@dataclass(frozen=True)
class Send:
    """Send parts to a party, or to all servers (a broadcast)."""

    to: str
    label: str
    kind: str
    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True)
class Receive:
    """Wait for a party's message of this label and kind, with parts of these types and shapes."""

    sender: str
    label: str
    kind: str
    expected: tuple[Expected, ...]


@dataclass(frozen=True)
class Round:
    """One communication round: everything sent and everything waited for at once."""

    sends: tuple[Send, ...] = ()
    receives: tuple[Receive, ...] = ()

    def prefixed(self, label: str) -> Round:
        """The same round with every step's label below `label`."""
        return Round(
            tuple(replace(s, label=f"{label}/{s.label}") for s in self.sends),
            tuple(replace(r, label=f"{label}/{r.label}") for r in self.receives),
        )


@types.coroutine
def exchange(request: Round) -> Generator[Round, Reply, Reply]:
    """Await one round; the reply has an entry for every `Receive`, in order."""
    reply = yield request
    return reply


def _check(request: Any) -> Round:
    if not isinstance(request, Round):
        raise InputError(
            f"a protocol awaited {type(request).__name__}, which is none of mpclab's rounds: "
            "await the party's own methods or other mpclab protocols (asyncio's do not work here)"
        )
    return request


def _check_protocol(protocol: Any) -> None:
    if not (hasattr(protocol, "send") and hasattr(protocol, "close")):
        raise InputError(
            f"{protocol!r} is not a running protocol: pass what calling an `async def` returns, "
            "without `await`"
        )


@types.coroutine
def step(label: str, protocol: Coroutine[Any, Any, T]) -> Generator[Round, Reply, T]:
    """Run a protocol with all its labels below `label`: the label grows as requests bubble up."""
    _check_protocol(protocol)
    reply: Any = None
    try:
        while True:
            try:
                request = protocol.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            reply = yield _check(request).prefixed(label)
    finally:
        protocol.close()


@types.coroutine
def together(*protocols: Coroutine[Any, Any, Any]) -> Generator[Round, Reply, list[Any]]:
    """Run independent protocols side by side: their rounds are merged, one message per round.

    The protocols are stepped in the order given, which must be the same at every server. The
    result is the list of their results. A protocol with fewer rounds just ends earlier.
    """
    for protocol in protocols:
        _check_protocol(protocol)
    if len({id(p) for p in protocols}) < len(protocols):
        raise InputError("the same running protocol was passed twice: call the function twice")
    results: list[Any] = [None] * len(protocols)
    replies: dict[int, Any] = dict.fromkeys(range(len(protocols)))
    try:
        while True:
            requests: dict[int, Round] = {}
            for i, reply in replies.items():
                try:
                    requests[i] = _check(protocols[i].send(reply))
                except StopIteration as stop:
                    results[i] = stop.value
            if not requests:
                return results
            merged = yield Round(
                tuple(s for r in requests.values() for s in r.sends),
                tuple(e for r in requests.values() for e in r.receives),
            )
            replies, at = {}, 0
            for i, request in requests.items():
                replies[i] = merged[at : at + len(request.receives)]
                at += len(request.receives)
    finally:
        for protocol in protocols:
            protocol.close()
