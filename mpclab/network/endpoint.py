"""One party's end of the network in one session: rounds become messages, messages become replies.

The endpoint encodes what a protocol sends, checks what arrives, and keeps the hash of all
broadcasts. Every broadcast carries the hash of all before it, so that a server that tells different
things to different servers is found out one round later (DESIGN 3.1).

Who misbehaves decides what happens: a malformed, missing or inconsistent message of a *server* is
an `Abort`, or `Rejected` at a client; one of a *client* becomes None, which the protocol refuses.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Generator, Mapping
from dataclasses import dataclass, field as dataclass_field
from typing import Any, TypeVar

from mpclab import wire
from mpclab.errors import Abort, InputError, MpclabError, Refused, Rejected
from mpclab.field import Field
from mpclab.network.rounds import SERVERS, Receive, Reply, Round, _check
from mpclab.randomness import digest

__all__ = ["Endpoint", "Envelope", "Turn", "server_name"]

T = TypeVar("T")


def server_name(index: int) -> str:
    """The address of server `index`: servers count from 0, as arrays do.

    >>> server_name(0)
    'server 0'
    """
    return f"server {index}"


def _shown(sections: list[tuple[str, str]]) -> str:
    """Labels and kinds for a sentence: a sender can make them as many and as long as it likes."""
    short = [tuple(text if len(text) <= 60 else text[:59] + "…" for text in s) for s in sections]
    more = f" and {len(short) - 4:,} more" if len(short) > 4 else ""
    return f"{short[:4]}{more}"


def is_server(name: str) -> bool:
    """Whether an address is a server's."""
    return re.fullmatch(r"server [0-9]+", name) is not None


@dataclass(frozen=True)
class Envelope:
    """A message on its way: metadata for the transcript, and the bytes."""

    session: str
    phase: str
    label: str
    kind: str
    round: int | None  # number of the server-to-server round; None on a client's or dealer's leg
    sender: str
    receiver: str
    data: bytes = dataclass_field(repr=False)
    count: int = 1  # how many clients a crowd's message stands for
    elements: int = 0  # field elements in it


@dataclass(frozen=True)
class Turn:
    """What a party does next: messages to send, and senders to wait for."""

    envelopes: tuple[Envelope, ...]
    waits_for: tuple[str, ...]
    label: str


class Endpoint:
    """A party's end in one session.

    Parameters
    ----------
    name : str
        The party's address.
    field : Field
    servers : int
        How many servers take part.
    session : str
        The session's name; its hash, with the nonce, marks every message.
    crowd : int
        How many clients this endpoint stands for (a crowd is one record with a count).
    nonce : bytes
        What tells this session from one of the same name elsewhere; the same at all parties.
    """

    def __init__(
        self,
        name: str,
        field: Field,
        servers: int,
        session: str,
        crowd: int = 1,
        nonce: bytes = b"",
    ) -> None:
        self.name = name
        self.field = field
        self.servers = [server_name(i) for i in range(servers)]
        self.session = session
        self.crowd = crowd
        self.phase = "online"
        self.is_server = is_server(name)
        self.round = 0
        context = f"{session}|{field.modulus}|{servers}".encode()
        self.session_id = digest(b"mpclab session", context, nonce)[: wire.SESSION_BYTES]
        #: whether the session ended badly at this end: nothing more goes out or comes in
        self.ended = False
        #: the hash of everything broadcast so far, and of what the servers must agree on
        self.history = digest(b"mpclab history", context, nonce)

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, session {self.session!r}, round {self.round})"

    def drive(
        self, protocol: Coroutine[Any, Any, T]
    ) -> Generator[Turn, Mapping[str, bytes | None], T]:
        """Run a protocol: yields turns, is sent the messages waited for, returns the result."""
        reply: Any = None
        try:
            self.require_open()
            while True:
                try:
                    request = _check(protocol.send(reply))
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                except RuntimeError as error:
                    if "event loop" not in str(error):
                        raise
                    raise InputError(
                        "a protocol used asyncio, and no event loop drives protocols here: await "
                        "the party's own methods or other mpclab protocols"
                    ) from None
                broadcast = any(s.to == SERVERS for s in request.sends)
                if broadcast and not {r.sender for r in request.receives} >= set(self.servers):
                    raise InputError(
                        f"step {request.sends[0].label!r} broadcasts without waiting for all "
                        "servers' broadcasts: use party.broadcast, which does both"
                    )
                if broadcast:
                    self.round += 1
                inbox = yield self._turn(request)
                reply = self._receive(request, inbox, broadcast)
        except Refused:  # the same at all honest servers, and the session goes on
            raise
        except BaseException:
            self.ended = True
            raise
        finally:
            protocol.close()

    def require_open(self) -> None:
        """Raise Abort (Rejected at a client) if this session has ended badly."""
        if self.ended:
            raise self._failure("this session was aborted: nothing more comes out of it")

    # -- sending ------------------------------------------------------------------------------

    def _turn(self, request: Round) -> Turn:
        waits_for = tuple(dict.fromkeys(r.sender for r in request.receives))
        labels = dict.fromkeys(
            [*(s.label for s in request.sends), *(r.label for r in request.receives)]
        )
        envelopes: list[Envelope] = []
        for to in dict.fromkeys(s.to for s in request.sends):
            sends = [s for s in request.sends if s.to == to]
            sections = [wire.Section(s.label, s.kind, s.parts) for s in sends]
            between_servers = self.is_server and (to == SERVERS or is_server(to))
            header = wire.Header(
                self.session_id,
                self.round if between_servers else 0,
                self.history if between_servers else b"",
            )
            data = wire.encode(self.field, header, sections)
            elements = sum(wire.count_elements(s.parts) for s in sends)
            envelopes += [
                Envelope(
                    session=self.session,
                    phase=self.phase,
                    label=" + ".join(dict.fromkeys(s.label for s in sends)),
                    kind=" + ".join(dict.fromkeys(s.kind for s in sends)),
                    round=self.round if between_servers else None,
                    sender=self.name,
                    receiver=receiver,
                    data=data,
                    count=self.crowd,
                    elements=elements,
                )
                for receiver in (self.servers if to == SERVERS else [to])
            ]
        return Turn(tuple(envelopes), waits_for, " + ".join(labels))

    # -- receiving ----------------------------------------------------------------------------

    def _receive(
        self, request: Round, inbox: Mapping[str, bytes | None], broadcast: bool
    ) -> Reply:
        arrived: dict[str, list[wire.Section] | None] = {}
        wanted: dict[str, list[Receive]] = {}
        for r in request.receives:
            wanted.setdefault(r.sender, []).append(r)
        for sender, receives in wanted.items():
            arrived[sender] = self._open(sender, inbox[sender], receives)
        if broadcast:
            bodies = [wire.decode_header(inbox[s] or b"")[2] for s in self.servers]
            self.history = digest(self.history, *bodies)
        reply: Reply = []
        position = dict.fromkeys(wanted, 0)
        for r in request.receives:
            sections = arrived[r.sender]
            reply.append(None if sections is None else sections[position[r.sender]].parts)
            position[r.sender] += 1
        return reply

    def _open(
        self, sender: str, data: bytes | None, receives: list[Receive]
    ) -> list[wire.Section] | None:
        """Decode and check one message; None for a client that is silent or talks nonsense."""
        try:
            if data is None:
                raise wire.WireError("it did not arrive")
            header, sections = wire.decode(self.field, data)
            self._check_header(sender, header)
            self._check_sections(sections, receives)
        except wire.WireError as error:
            if self.is_server and not is_server(sender):
                return None
            # Which server sent it is not said: an abort names nobody (DESIGN 3.9).
            raise self._failure(
                f"a message of step {receives[0].label!r} is not as it must be: {error}"
            ) from None
        return sections

    def _check_header(self, sender: str, header: wire.Header) -> None:
        if header.session != self.session_id:
            raise wire.WireError("it belongs to another session")
        between_servers = self.is_server and is_server(sender)
        expected = self.round if between_servers else 0
        if header.round != expected:
            raise wire.WireError(f"it belongs to round {header.round}, and this is {expected}")
        if between_servers and header.history != self.history:
            raise wire.WireError(
                "its sender saw other broadcasts or other client messages before this round"
            )

    @staticmethod
    def _check_sections(sections: list[wire.Section], receives: list[Receive]) -> None:
        got = [(s.label, s.kind) for s in sections]
        want = [(r.label, r.kind) for r in receives]
        if got != want:
            raise wire.WireError(f"it holds {_shown(got)} where {_shown(want)} was due")
        for section, r in zip(sections, receives, strict=True):
            if not wire.matches(section.parts, r.expected):
                raise wire.WireError(
                    f"the parts of {section.label!r} have other types or shapes than were due"
                )

    def silence(self, label: str) -> MpclabError:
        """What to raise when a server's message never comes."""
        self.ended = True
        error = self._failure(f"a message of step {label!r} did not arrive: its sender has stopped")
        error.consequence = True
        return error

    def _failure(self, sentence: str) -> MpclabError:
        return Abort(sentence) if self.is_server else Rejected(sentence)

    # -- agreement ----------------------------------------------------------------------------

    def absorb(self, *parts: bytes) -> None:
        """Put into the history what all servers must agree on: the next broadcast compares it."""
        self.history = digest(self.history, *parts)
