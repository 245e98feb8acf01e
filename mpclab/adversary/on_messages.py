"""Attacks on messages as such: dropped, late, repeated, replayed, malformed, two-faced."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mpclab import wire
from mpclab.adversary.grounds import Step
from mpclab.adversary.model import Act, Attack, World, online
from mpclab.adversary.on_openings import strike
from mpclab.adversary.outcome import NO_STEP, Outcome
from mpclab.adversary.tools import Edit, Message, add
from mpclab.field import Elements, Field
from mpclab.network.endpoint import server_name

__all__ = ["ATTACKS", "DUMMY_EDITS", "EDITS"]

HOME = online("compare/x + r")
RESULT = online("result", "output", "server to client")


class _AnyNumber(Field):
    """A field whose codec lets every number pass: for what is not canonical."""

    def is_canonical(self, x: Elements) -> bool:
        """Yes."""
        return True


def _first_elements(message: Message) -> int | None:
    for k, part in enumerate(message.section.parts):
        if isinstance(part, np.ndarray) and part.dtype == np.uint64 and part.size:
            return k
    return None


def _element(value: Callable[[Field], int]) -> Edit:
    """Put a number that is no canonical element in the first place."""

    def edit(message: Message) -> Message | bytes:
        k, F = _first_elements(message), message.coalition.field
        if k is None:
            return message.encode()[:-1]
        new = message.elements(k).copy()
        new.reshape(-1)[0] = min(value(F), 2 ** (8 * F.width) - 1)
        changed = message.with_part(k, new)
        return wire.encode(_AnyNumber(F.modulus), changed.header, changed.sections)

    return edit


def _giant(message: Message) -> bytes:
    """Announce 2^60 entries, and send none more."""
    part = message.section.parts[0]
    shape = part.shape if isinstance(part, np.ndarray) else (len(part),)
    kind = 0 if isinstance(part, bytes) else 1 if part.dtype == np.uint64 else 2
    head = struct.pack(f"<BB{len(shape)}Q", kind, len(shape), *shape)
    giant = struct.pack("<BBQ", kind, 1, 2**60)
    return message.encode().replace(head, giant, 1)


def _late(message: Message) -> None:
    message.coalition.hold(message.envelope)


def _replayed(message: Message) -> bytes:
    """The message that this receiver got before this one."""
    return message.coalition.last(message.envelope.sender, message.envelope.receiver)


def _header(**changes: Callable[[Message], object]) -> Edit:
    def edit(message: Message) -> Message:
        new = {name: change(message) for name, change in changes.items()}
        return replace(message, header=replace(message.header, **new))  # type: ignore[arg-type]

    return edit


def _longer(message: Message) -> Message:
    part = message.section.parts[0]
    if isinstance(part, bytes):
        return message.with_part(0, part + b"\0")
    if part.ndim == 0:
        return message.with_part(0, np.zeros(2, part.dtype))
    return message.with_part(0, np.concatenate([part, np.zeros_like(part[:1])]))


#: Edits of one message, whatever its step; all of them are caught by the receiver itself.
EDITS: dict[str, Edit] = {
    "dropped message": lambda m: None,
    "late message": _late,
    "repeated message": lambda m: [m.encode(), m.encode()],
    "messages out of order": lambda m: [
        m.coalition.last(m.envelope.sender, m.envelope.receiver), m.encode()
    ],
    "replayed message": _replayed,
    "message of another session": _header(session=lambda m: bytes(16)),
    "replay from an earlier session": _replayed,
    "message of another round": _header(round=lambda m: m.header.round + 1),
    "message of another history": _header(history=lambda m: bytes(32)),
    "element that is not canonical": _element(lambda F: F.modulus),
    "huge element": _element(lambda F: 2**64 - 1),
    "giant shape": _giant,
    "message that goes on": lambda m: m.encode() + b"\0",
    "message cut off": lambda m: m.encode()[:-1],
    "noise": lambda m: bytes(range(256)),
    "part too long": _longer,
    "section twice": lambda m: replace(m, sections=(*m.sections, m.section)),
    "wrong label": lambda m: m.with_section(label=m.section.label + "'"),
}

_SENTENCES = {
    "dropped message": ("Keeps silent towards everybody in one step.", "silence aborts"),
    "late message": ("Sends a message one round late.", "rounds are numbered, and waited for"),
    "repeated message": ("Sends a message twice.", "rounds are numbered"),
    "messages out of order": ("Sends the message before once more, and then this one.",
                              "rounds are numbered"),
    "replayed message": ("Sends the message before in the place of this one.",
                         "rounds are numbered"),
    "message of another session": ("Marks a message as another session's.",
                                   "messages carry their session"),
    "replay from an earlier session": ("Sends what it sent in this step of an earlier session.",
                                       "messages carry their session, sessions a nonce"),
    "message of another round": ("Marks a message as the next round's.", "rounds are numbered"),
    "message of another history": ("Claims to have heard other broadcasts than there were.",
                                   "every broadcast carries the hash of all before"),
    "element that is not canonical": ("Writes p where 0 is meant.",
                                      "the codec takes 0 .. p-1 only"),
    "huge element": ("Writes the largest number that fits.", "the codec takes 0 .. p-1 only"),
    "giant shape": ("Announces an array of 2^60 elements.",
                    "the codec compares lengths with what is there"),
    "message that goes on": ("Adds a byte behind a message.",
                             "the codec takes whole messages only"),
    "message cut off": ("Sends a message without its last byte.",
                        "the codec compares lengths with what is there"),
    "noise": ("Sends bytes that are no message.", "the codec knows its messages"),
    "part too long": ("Sends one element more than is due.", "receivers know shapes beforehand"),
    "section twice": ("Says the same thing twice in one message.", "receivers know what is due"),
    "wrong label": ("Sends a message under another step's name.", "receivers know what is due"),
}

#: Of these also what clients do about them is of interest.
DUMMY_EDITS = (
    "dropped message", "replayed message", "element that is not canonical", "huge element",
    "giant shape", "noise", "part too long",
)


def from_servers(step: Step) -> bool:
    """Whether a server sends it: to servers, or to a client."""
    return step.way.startswith("server")


def between_servers(step: Step) -> bool:
    """Whether servers send it to each other."""
    return step.way == "server to server"


def from_clients(step: Step) -> bool:
    """Whether a client sends it."""
    return step.way == "client to server"


def _does(edit: Edit) -> Act:
    """Towards honest parties only: they must find out by themselves."""

    def act(world: World) -> Outcome:
        members = {server_name(i) for i in world.members}
        honest = [s for s in map(server_name, range(world.servers)) if s not in members]
        assert world.step is not None
        return strike(world, edit, to=honest if between_servers(world.step) else None)

    return act


def _replay(world: World) -> Outcome:
    """Play once honestly, keep what was sent, play again and send that."""
    assert world.step is not None
    step, ground = world.step, world.ground()
    ground.upload_again = True
    memory: dict[tuple[str, str], bytes] = {}

    def keep(message: Message) -> Message:
        e = message.envelope
        memory[e.sender, e.receiver] = message.encode()
        return message

    coalition = world.coalition(ground)
    coalition.on(step.label, keep, phase=step.phase, kind=step.kind)
    ground.play()
    coalition = world.coalition(ground)
    coalition.on(
        step.label, lambda m: memory.get((m.envelope.sender, m.envelope.receiver), b""),
        phase=step.phase, kind=step.kind,
    )
    outcome: Outcome = ground.play()
    ground.upload_again = False
    return outcome if coalition.hits else Outcome(NO_STEP)


def _two_faced(world: World) -> Outcome:
    """Tell one honest server something else than the others."""
    honest = sorted(set(range(world.servers)) - set(world.members))
    if len(honest) < 2:
        return Outcome(NO_STEP, "there is one honest server only: it hears one thing")
    return strike(world, add(1), to=[server_name(honest[0])])


def _silent_to_one(world: World) -> Outcome:
    honest = sorted(set(range(world.servers)) - set(world.members))
    if len(honest) < 2:
        return Outcome(NO_STEP, "there is one honest server only")
    return strike(world, lambda m: None, to=[server_name(honest[0])])


def _by_dummy(edit: Edit, to_one: bool = False) -> Act:
    """A corrupt client edits what it sends, to all servers or to one."""

    def act(world: World) -> Outcome:
        assert world.step is not None
        step, ground = world.step, world.ground()
        client = {"upload": "users"}.get(step.phase, "requester")
        if step.ground == "input":
            client = "alice"
        coalition = world.coalition(ground, (client,))
        coalition.on(
            step.label, edit, phase=step.phase, kind=step.kind, by=[client],
            to=[server_name(0)] if to_one else None,
        )
        outcome: Outcome = ground.play()
        return outcome if coalition.hits else Outcome(NO_STEP)

    return act


def _plain(name: str) -> Attack:
    aim, defence = _SENTENCES[name]
    if name == "message of another history":
        return Attack(name, aim, defence, "3.1; Goldwasser, Lindell, 2005", HOME,
                      _does(EDITS[name]), applies=between_servers)
    act = _replay if name == "replay from an earlier session" else _does(EDITS[name])
    return Attack(name, aim, defence, "3.1, 4; Syverson, CSFW 1994" if "repl" in name else "3.1, 4",
                  HOME, act, applies=from_servers)


ATTACKS = (
    *(_plain(name) for name in EDITS),
    Attack(
        "one thing to one, another to the rest",
        "Tells one honest server another value than the others, and so lets them disagree.",
        "every broadcast carries the hash of all before", "3.1; Goldwasser, Lindell, 2005", HOME,
        _two_faced, applies=between_servers, least=3,
    ),
    Attack(
        "silence towards one server",
        "Sends its message to all honest servers but one.",
        "silence aborts, and what is due is waited for", "3.9", HOME, _silent_to_one,
        applies=between_servers, least=3,
    ),
    *(
        Attack(
            f"client's {name}",
            "A client, not a server: " + _SENTENCES[name][0][0].lower() + _SENTENCES[name][0][1:],
            "what a client sends is refused, and aborts nobody", "3.5, 4",
            online("query", "masked query", "client to server"), _by_dummy(EDITS[name]),
            servers=0, clients=("users", "requester"), applies=from_clients,
        )
        for name in DUMMY_EDITS
    ),
    Attack(
        "client tells one server another value",
        "A client sends one server something else than the others.",
        "servers compare hashes of what clients send", "3.5, I3, I7",
        online("query", "masked query", "client to server"), _by_dummy(add(1), to_one=True),
        servers=0, clients=("users", "requester"), applies=from_clients,
    ),
)
