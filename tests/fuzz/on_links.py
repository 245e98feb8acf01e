"""Targets that read sockets and pipes: greetings, frames, parcels, and what runs noted down.

The inside of a parcel is a pickle from a process that this one has started, and is not fuzzed:
unpickling obeys whoever wrote the pickle. Its framing is.
"""

from __future__ import annotations

import io
import random
import socket
import struct
import time
from functools import cache
from typing import Any

from mpclab.field import Field
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.loopback import parcels
from mpclab.network.loopback.drive import Leg, drive, merged
from mpclab.network.loopback.mesh import DATA, END, START, TOKEN_BYTES, Mesh, accept
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange
from mpclab.network.transcript import Activity, Record
from mpclab.wire import elements
from tests.fuzz import mutate
from tests.fuzz.engine import Broken, Target

F = Field(101)
TOKEN = bytes(range(TOKEN_BYTES))


class _Local(socket.socket):
    """One end of a pair; it takes the options of TCP, and does not mind them."""

    def setsockopt(self, *args: Any) -> None:
        pass


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets of this process."""
    ours, theirs = socket.socketpair()
    return _Local(ours.family, ours.type, ours.proto, ours.detach()), theirs


# -- frames ---------------------------------------------------------------------------------------


def frame(kind: int, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<BQ", kind, len(data) if length is None else length) + data


def _frames(rng: random.Random, bodies: list[bytes]) -> bytes:
    """Frames that are mostly right: a start, bodies, an end; some with other kinds or lengths."""
    out = []
    for kind, body in [(START, b""), *((DATA, b) for b in bodies), (END, b"")]:
        way = rng.randrange(12)
        length = len(body)
        if way == 0:
            kind = rng.choice((DATA, START, END, 3, 255))
        elif way == 1:
            length = int.from_bytes(mutate.numbers(rng, 8), "little")
        elif way == 2:
            length = max(0, length + rng.choice((-1, 1)))
        elif way == 3:
            continue
        out += [frame(kind, body, length)] * (2 if way == 4 else 1)
    data = b"".join(out)
    return mutate.bytewise(rng, data) if rng.random() < 0.2 else data


def _make_stream(rng: random.Random) -> bytes:
    return _frames(rng, [mutate.any_bytes(rng) for _ in range(rng.randrange(5))])


def _mesh(data: bytes) -> str:
    ours, theirs = pair()
    mesh = Mesh("server 0", {"server 1": ours})
    try:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        deadline = time.perf_counter() + 1.0
        mesh.barrier(deadline)
        count = 0
        while mesh.exchange([("server 1", b"x")], ["server 1"], deadline)["server 1"] is not None:
            count += 1
        mesh.finish(deadline)
    finally:
        mesh.close()
        theirs.close()
    return "frames" if count else "no frame"


# -- a protocol over a link -----------------------------------------------------------------------


async def _talk() -> Any:
    out = []
    for label, value in (("x", 3), ("y", 4)):
        receives = tuple(Receive(server_name(i), label, "open", (elements(2),)) for i in range(2))
        parts = (F.array([value, value]),)
        reply = await exchange(Round((Send(SERVERS, label, "open", parts),), receives))
        out.append([parts[0].tolist() for parts in reply])
    return out


@cache
def _said() -> tuple[bytes, ...]:
    """What an honest server 1 sends in `_talk`."""
    from mpclab.network.simulated import SimulatedNetwork

    network = SimulatedNetwork(keep_contents=True)
    ends = [Endpoint(server_name(i), F, 2, "fuzz") for i in range(2)]
    network.run("online", [(e, _talk()) for e in ends]).raise_failure()
    return tuple(
        network.contents[k]
        for k, r in enumerate(network.transcript.records)
        if r.sender == "server 1"
    )


def _make_peer(rng: random.Random) -> bytes:
    said = [
        data if rng.random() < 0.5 else mutate.message(rng, _said(), F.width, F.modulus)
        for data in _said()
    ]
    return _frames(rng, said)


def _drive(data: bytes) -> str:
    ours, theirs = pair()
    mesh = Mesh("server 0", {"server 1": ours})
    try:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        leg = drive(mesh, Endpoint("server 0", F, 2, "fuzz"), _talk(), 1.0)
    finally:
        mesh.close()
        theirs.close()
    if leg.error is not None:
        raise leg.error
    if len(leg.result) != 2:
        raise Broken(f"a run gave {leg.result}")
    return "a result"


# -- greetings ------------------------------------------------------------------------------------


class _Listener:
    """A listening socket to whom some connect, one after another; then nobody does."""

    def __init__(self, greetings: list[bytes]) -> None:
        self.greetings = greetings

    def settimeout(self, seconds: float) -> None:
        pass

    def accept(self) -> tuple[socket.socket, str]:
        if not self.greetings:
            raise TimeoutError
        ours, theirs = pair()
        with theirs:
            theirs.sendall(self.greetings.pop(0))
        return ours, ""


def greeting(name: bytes, token: bytes = TOKEN) -> bytes:
    return token + bytes([len(name)]) + name


def _make_greetings(rng: random.Random) -> bytes:
    pieces = []
    for _ in range(rng.randrange(4)):
        name = rng.choice((b"server 1", b"server 1", b"bob", b"", b"server 0", b"\xff\xfe"))
        data = greeting(name, TOKEN if rng.random() < 0.7 else rng.randbytes(TOKEN_BYTES))
        pieces.append(mutate.bytewise(rng, data, 2) if rng.random() < 0.7 else data)
    return b"".join(struct.pack("<H", len(p)) + p for p in pieces)


def _accept(data: bytes) -> str:
    said = []
    while len(data) >= 2:
        n = 2 + int.from_bytes(data[:2], "little")
        said.append(data[2:n])
        data = data[n:]
    listener: Any = _Listener([*said, greeting(b"server 1")])
    links = accept(listener, TOKEN, ["server 1", "bob"], time.perf_counter() + 1.0)
    for link in links.values():
        link.close()
    if set(links) != {"server 1", "bob"} or not all(
        any(s.startswith(greeting(name.encode())) for s in said) for name in links
        if name != "server 1"
    ):
        raise Broken(f"let in: {sorted(links)}")
    return "let in"


# -- parcels --------------------------------------------------------------------------------------


def _make_parcel(rng: random.Random) -> bytes:
    pipe = io.BytesIO()
    parcels.write(pipe, [mutate.any_bytes(rng) for _ in range(rng.randrange(4))])
    data = pipe.getvalue()
    if rng.random() < 0.3:
        head = struct.pack("<I", rng.choice((0, 1, 2, 2**16, 2**32 - 1)))
        data = head + mutate.numbers(rng, 8) + b"\x01" + mutate.any_bytes(rng)
    return mutate.bytewise(rng, data) if rng.random() < 0.8 else data


def _parcel(data: bytes) -> str:
    try:
        parcels.read(io.BytesIO(data))
    except EOFError:  # documented: the pipe has ended
        return "the pipe has ended"
    return "a parcel"


# -- notes of runs --------------------------------------------------------------------------------


def _legs(rng: random.Random) -> list[Leg]:
    """Two servers' notes of three rounds, with a number or a name wrong here and there."""

    def maybe(right: Any, *wrong: Any) -> Any:
        return rng.choice(wrong) if rng.random() < 0.06 else right

    legs = []
    for me in range(2):
        name, other = server_name(me), maybe(server_name(1 - me), "bob", server_name(me), "")
        leg = Leg(name)
        for k in range(3):
            at = maybe(float(k), -1.0, float("nan"), float("inf"), 1e300)
            leg.activities.append(Activity("s", "online", "x", name, at, at + 0.5))
            leg.consumed.append(((other, maybe(k - 1, -1, k, 7, 2**63)),) if k else ())
            leg.sent.append(
                Record("s", "online", "x", k, name, other, "open", 9, 1, at, at, 1,
                       maybe(k, -1, 9, 0))
            )
        leg.arrivals = {other: [maybe(1.0, -1.0, float("nan")) for _ in range(maybe(3, 0, 1))]}
        legs.append(leg)
    return legs


def _merged(data: bytes) -> str:
    transcript = merged(_legs(random.Random(data)))
    transcript.rounds()
    transcript.to_frame()
    return "a transcript"


TARGETS = (
    Target(
        "mesh.frames", "a peer's bytes on a socket, cut into frames",
        ("mpclab.network.loopback.mesh",), _make_stream, _mesh, weight=50, short=400,
    ),
    Target(
        "mesh.greetings", "what those say who connect to a server's port",
        ("mpclab.network.loopback.mesh",), _make_greetings, _accept, weight=30, short=200,
    ),
    Target(
        "drive", "a server's run over a socket, whose peer sends anything",
        ("mpclab.network.loopback.drive",), _make_peer, _drive, weight=30, short=150,
        constant=2 << 20,
    ),
    Target(
        "parcels", "the framing of what comes through a pipe",
        ("mpclab.network.loopback.parcels",), _make_parcel, _parcel, weight=50, short=500,
    ),
    Target(
        "notes", "what all parties noted of a run, put together",
        ("mpclab.network.loopback.drive", "mpclab.network.loopback.result"),
        lambda rng: rng.randbytes(8), _merged, weight=3, short=60, constant=4 << 20,
    ),
)
