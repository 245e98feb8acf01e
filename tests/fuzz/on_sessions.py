"""Whole sessions: every message that any party sends, replaced in flight by the input.

The grounds are those that the adversary of the package plays on: a whole recommendation, and every
protocol of the library. With a seed, a ground sends the same messages every time; they are listened
to once, and then one of them is replaced. Inputs begin with a byte for the ground and two for the
number of the message. What honest parties accept must be right, unless the dealer, who is trusted,
is the one who sent the bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from mpclab.adversary.programs import PROGRAMS, Programs
from mpclab.adversary.recommendations import REQUESTER, USERS, Recommendations
from mpclab.network.endpoint import server_name
from mpclab.preprocessing.dealer import DEALER
from tests.fuzz import mutate
from tests.fuzz.engine import Broken, Target

GROUNDS: tuple[Callable[[], Any], ...] = (
    lambda: Recommendations(2, upload_anew=True),
    lambda: Recommendations(3, upload_anew=True),
    *(lambda name=name: Programs(name, 2) for name in PROGRAMS),
)
EVERYBODY = (*map(server_name, range(3)), USERS, REQUESTER, "alice", DEALER)


class _Flight:
    """An adversary that counts messages, notes them, and replaces one."""

    def __init__(self, number: int = -1, data: bytes = b"") -> None:
        self.number, self.data = number, data
        self.sent: list[tuple[str, bytes]] = []

    def __call__(self, flight: Any) -> Any:
        for e in flight.corrupt:
            self.sent.append((e.sender, e.data))
            mine = len(self.sent) - 1 == self.number
            yield replace(e, data=self.data) if mine else e


def _play(ground: int, adversary: _Flight, corrupt: tuple[str, ...]) -> Any:
    played = GROUNDS[ground]()
    network = played.lab.network
    network.adversary, network.corrupt = adversary, frozenset(corrupt)
    return played.play()


@cache
def heard(ground: int) -> tuple[tuple[str, bytes], ...]:
    """Sender and bytes of every message of an honest run, in order."""
    listens = _Flight()
    _play(ground, listens, EVERYBODY)
    return tuple(listens.sent)


@cache
def _of(ground: int, sender: str) -> tuple[bytes, ...]:
    return tuple(data for who, data in heard(ground) if who == sender)


def _make(rng: random.Random) -> bytes:
    ground = rng.randrange(len(GROUNDS))
    return _changed(rng, ground, rng.randrange(len(heard(ground))))


def _make_upload(rng: random.Random) -> bytes:
    ground = rng.randrange(2)
    places = [k for k, (sender, _) in enumerate(heard(ground)) if sender == USERS]
    return _changed(rng, ground, rng.choice(places))


def _changed(rng: random.Random, ground: int, at: int) -> bytes:
    sender, mine = heard(ground)[at]
    valid = [mine] * 6 + [rng.choice(_of(ground, sender))]
    data = mutate.message(rng, valid, 8, 2**61 - 1, untouched=0.02)
    return bytes([ground]) + at.to_bytes(2, "little") + data


def _run(data: bytes) -> str:
    if len(data) < 3:
        return "no message"
    ground = data[0] % len(GROUNDS)
    at = int.from_bytes(data[1:3], "little") % len(heard(ground))
    sender = heard(ground)[at][0]
    # Only the sender's messages are counted: the other parties are honest.
    own = sum(who == sender for who, _ in heard(ground)[:at])
    outcome = _play(ground, _Flight(own, data[3:]), (sender,))
    if outcome.broken and sender != DEALER:
        raise Broken(f"{sender} sent other bytes: {outcome.result}: {outcome.detail}")
    return str(outcome.result)


TARGETS = (
    Target(
        "sessions", "every message of a recommendation and of every protocol, replaced in flight",
        ("mpclab.recommender.protocol", "mpclab.protocols.checks", "mpclab.network.simulated"),
        _make, _run, ready=lambda: [heard(k) for k in range(len(GROUNDS))], weight=5, short=40,
        seconds=30.0, constant=16 << 20,
    ),
    Target(
        "uploads", "what a crowd of users sends: seeds of checks, and masked rows",
        ("mpclab.recommender.protocol",),
        _make_upload, _run, ready=lambda: [heard(k) for k in range(2)], weight=1.5, short=20,
        seconds=30.0, constant=16 << 20,
    ),
)
