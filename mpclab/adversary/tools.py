"""What attacks are made of: corrupt parties who act together, and edits of messages in flight.

A `Coalition` is an adversary for `SimulatedNetwork`: rules say which step's messages its members
send otherwise, and how. An edit is a function of a `Message`, which knows everything that the
coalition may know at that moment: the message itself, what the others say in the same round (it
rushes), everything seen before, and the corrupt parties' own state.

>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> x = lab.secret([42])
>>> coalition = Coalition(lab, servers=[1, 2])
>>> _ = coalition.on("reveal/reveal", add(5))
>>> x.reveal()
Traceback (most recent call last):
    ...
mpclab.errors.Abort: the MAC check failed: an opened value was not what the servers hold
>>> coalition.hits, [int(v[0]) for v in coalition.opened("reveal")]
(3, [42])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field as dataclass_field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab import wire
from mpclab.adversary.altering import require_spelling
from mpclab.errors import InputError
from mpclab.field import Elements
from mpclab.network.endpoint import Envelope, is_server, server_name
from mpclab.network.simulated import Flight
from mpclab.wire import Header, Part, Section

if TYPE_CHECKING:
    from mpclab.lab import Lab
    from mpclab.party import Party, Server

__all__ = [
    "Change", "Coalition", "Edit", "Message", "Seen", "add", "ends_with", "replace_part", "whole",
]


@dataclass(frozen=True)
class Seen:
    """A section of a message that the coalition sent (as planned) or received."""

    session: str
    phase: str
    label: str
    kind: str
    round: int | None
    sender: str
    receiver: str
    parts: tuple[Part, ...] = dataclass_field(repr=False)


@dataclass(frozen=True)
class Change:
    """A message as it was due, and the bytes sent in its place: none, one or several."""

    due: Envelope
    sent: tuple[bytes, ...] = dataclass_field(repr=False)


@dataclass(frozen=True)
class Message:
    """A corrupt party's message, decoded, before it leaves; `at` is the section meant."""

    coalition: Coalition
    envelope: Envelope
    header: Header
    sections: tuple[Section, ...]
    at: int

    @property
    def section(self) -> Section:
        """The section that the rule is about."""
        return self.sections[self.at]

    def elements(self, part: int = 0) -> Elements:
        """A part of the section, as an array."""
        return np.asarray(self.section.parts[part])

    def with_section(self, **changes: Any) -> Message:
        """The same message with the section changed."""
        sections = list(self.sections)
        sections[self.at] = replace(self.section, **changes)
        return replace(self, sections=tuple(sections))

    def with_part(self, part: int, value: Part) -> Message:
        """The same message with one part of the section replaced."""
        parts = list(self.section.parts)
        parts[part] = value
        return self.with_section(parts=tuple(parts))

    def encode(self) -> bytes:
        """The message's bytes."""
        return wire.encode(self.coalition.field, self.header, self.sections)

    def others(self) -> dict[str, tuple[Part, ...]]:
        """What everybody else says in this step of this round: the adversary rushes."""
        mine = self.envelope.sender
        return {
            s.sender: s.parts
            for s in self.coalition.flight_sections
            if s.label == self.section.label and s.kind == self.section.kind
            and s.session == self.envelope.session and s.sender != mine
        }

    @property
    def party(self) -> Party:
        """The sender's own state in this session."""
        return self.coalition.party(self.envelope.session, self.envelope.sender)


Edited = Message | bytes | Sequence[bytes] | None
Edit = Callable[[Message], Edited]
"""Returns what is sent instead: a message, its bytes, several in a row, or None to send nothing."""


@dataclass(frozen=True)
class _Rule:
    step: str
    kind: str | None
    phase: str | None
    edit: Edit
    by: frozenset[str]
    to: frozenset[str] | None

    def matches(self, section: Section) -> bool:
        require_spelling(self.step, section.label)
        return self.kind in (None, section.kind) and ends_with(section.label, self.step)


class Coalition:
    """Corrupt parties who see and act together; an adversary for one lab.

    Parameters
    ----------
    lab : Lab
        It becomes the adversary of this lab's network at once.
    servers : sequence of int
        The corrupt servers; at least one must stay honest.
    clients : sequence of str
        The addresses of corrupt clients, such as "users" and "requester".

    Attributes
    ----------
    leader : str
        The member that deviates where one suffices.
    hits : int
        How many messages were edited so far.
    seen : list of Seen
        Everything that any member sent or received.
    changes : list of Change
        Every message that went out otherwise than the protocol has it.
    """

    def __init__(self, lab: Lab, servers: Sequence[int] = (), clients: Sequence[str] = ()) -> None:
        if not set(servers) < set(range(lab.n)):
            raise InputError(
                f"the corrupt servers are {sorted(set(servers))} of {lab.n}: they are numbers "
                f"below {lab.n}, and at least one server must stay honest, or nothing is promised"
            )
        self.lab = lab
        self.field = lab.field
        self.servers, self.clients = tuple(servers), tuple(clients)
        self.members = [*map(server_name, servers), *clients]
        if not self.members:
            raise InputError("a coalition has at least one member: name servers or clients")
        self.leader = self.members[0]
        self.hits = 0
        self.seen: list[Seen] = []
        self.changes: list[Change] = []
        self.flight_sections: list[Seen] = []
        self._rules: list[_Rule] = []
        self._held: list[Envelope] = []
        self._last: dict[tuple[str, str], bytes] = {}
        lab.network.adversary, lab.network.corrupt = self, frozenset(self.members)
        getattr(lab, "coalitions", []).append(self)

    def __repr__(self) -> str:
        return f"Coalition({', '.join(self.members)}; {self.hits} messages edited)"

    def on(
        self,
        step: str,
        edit: Edit,
        *,
        phase: str | None = None,
        kind: str | None = None,
        by: Sequence[str] | None = None,
        to: Sequence[str] | None = None,
    ) -> Coalition:
        """Edit the messages of a step: named in full, or by what its label ends with.

        `by`: the members who do it, the leader alone if not said. `to`: the receivers who get the
        edited copy; if not said, all copies are alike, the sender's own too.
        """
        receivers = None if to is None else frozenset(to)
        self._rules.append(
            _Rule(step, kind, phase, edit, frozenset(by or [self.leader]), receivers)
        )
        return self

    # -- what the coalition knows -------------------------------------------------------------

    def server(self, name: str) -> Server:
        """A corrupt server's own long-lived state."""
        if name not in self.members or not is_server(name):
            raise InputError(f"{name} is no corrupt server: the coalition is {self.members}")
        return self.lab.servers[int(name.split()[1])]

    def party(self, session: str, name: str) -> Party:
        """A corrupt server's own state in a session."""
        server = self.server(name)
        sessions = getattr(self.lab, "sessions", {})
        if session not in sessions:
            raise InputError(
                f"the session {session!r} is not on record: make the lab with `OpenLab` to reach "
                "corrupt servers' state"
            )
        party: Party = sessions[session].parties[server.key.index]
        return party

    def last(self, sender: str, receiver: str) -> bytes:
        """The message that a member sent somebody before this one; empty if there was none."""
        return self._last.get((sender, receiver), b"")

    def hold(self, envelope: Envelope) -> None:
        """Send this one round later."""
        self._held.append(envelope)

    def parts(self, step: str, session: str | None = None) -> list[Seen]:
        """All that was seen of a step, each sender's word once, in order."""
        once: dict[tuple[Any, ...], Seen] = {}
        for s in self.seen:
            if ends_with(s.label, step) and session in (None, s.session):
                once.setdefault((s.session, s.round, s.label, s.kind, s.sender), s)
        return list(once.values())

    def opened(self, step: str, session: str | None = None) -> Iterator[Elements]:
        """The values that were opened in a step: sums of all shares, own edits not counted."""
        shares: dict[tuple[Any, ...], list[Elements]] = {}
        for s in self.parts(step, session):
            if s.kind == "open":
                shares.setdefault((s.session, s.round, s.label), []).append(np.asarray(s.parts[0]))
        for found in shares.values():
            yield self.field.sum(np.stack(found), axis=0)

    # -- the adversary ------------------------------------------------------------------------

    def __call__(self, flight: Flight) -> list[Envelope]:
        """Return what the corrupt parties send in one round."""
        corrupt = [(e, *wire.decode(self.field, e.data)) for e in flight.corrupt]
        honest = [(e, *wire.decode(self.field, e.data)) for e in flight.honest]
        self.flight_sections = [
            Seen(e.session, e.phase, s.label, s.kind, e.round, e.sender, e.receiver, s.parts)
            for e, _, sections in [*honest, *corrupt]
            for s in sections
        ]
        self.seen += self.flight_sections
        late, self._held = self._held, []
        out = list(late)
        for envelope, header, sections in corrupt:
            sent = self._sent(envelope, header, sections)
            out += sent
            if [e.data for e in sent] != [envelope.data]:
                self.changes.append(Change(envelope, tuple(e.data for e in sent)))
            self._last[envelope.sender, envelope.receiver] = envelope.data
        return out

    def _sent(
        self, envelope: Envelope, header: Header, sections: list[Section]
    ) -> list[Envelope]:
        message = Message(self, envelope, header, tuple(sections), 0)
        for rule in self._rules:
            if (
                envelope.sender not in rule.by
                or rule.phase not in (None, envelope.phase)
                or (rule.to is not None and envelope.receiver not in rule.to)
            ):
                continue
            for at, section in enumerate(message.sections):
                if not rule.matches(section):
                    continue
                self.hits += 1
                edited = rule.edit(replace(message, at=at))
                if not isinstance(edited, Message):
                    several = [edited] if isinstance(edited, bytes) else list(edited or ())
                    return [replace(envelope, data=data) for data in several]
                message = edited
                break
        return [replace(envelope, data=message.encode())]


def ends_with(label: str, step: str) -> bool:
    """Whether a label is a step, or ends with it below other labels.

    >>> ends_with("check/s - u", "s - u"), ends_with("less - u", "s - u")
    (True, False)
    """
    return label == step or label.endswith(f"/{step}")


# -- edits --------------------------------------------------------------------------------------


def add(by: int, part: int = 0, at: int = 0) -> Edit:
    """Add `by` to one entry of a part, in the field; flip bits of a byte where there are bytes."""

    def edit(message: Message) -> Message:
        old = message.section.parts[part]
        if isinstance(old, bytes):
            data = bytearray(old)
            data[at % len(data)] ^= by % 255 + 1
            return message.with_part(part, bytes(data))
        new = old.copy()
        flat = new.reshape(-1)
        i = at % flat.size
        if new.dtype == np.uint64:
            flat[i] = (int(flat[i]) + by) % message.coalition.field.modulus
        else:
            flat[i] = np.uint64((int(flat[i]) + by) % 2**64).astype(np.int64)
        return message.with_part(part, new)

    return edit


def replace_part(value: Callable[[Message], Part], part: int = 0) -> Edit:
    """Put another value in the place of a part."""
    return lambda message: message.with_part(part, value(message))


def whole(change: Callable[[bytes], bytes | Sequence[bytes] | None]) -> Edit:
    """Change the bytes of the whole message."""
    return lambda message: change(message.encode())
