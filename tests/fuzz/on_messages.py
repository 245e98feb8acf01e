"""Targets that read messages: the codec, every party's end, the dealer's material, the clients.

Most of them listen to one party. An honest run is recorded once; then the party runs alone, again
and again, and hears what it heard then, but for one message, which is the input. Inputs of these
begin with three bytes: which party listens, at which of its turns, and whose message is replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field as dataclass_field
from functools import cache
from typing import Any

import numpy as np

from mpclab import wire
from mpclab.client import Client
from mpclab.field import MERSENNE_61, Field
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange, together
from mpclab.network.simulated import SimulatedNetwork
from mpclab.party import Party, Server
from mpclab.preprocessing.dealer import DEALER, Dealer, receive_material
from mpclab.preprocessing.material import InputMasks, OutputMask, Triples, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols.clients import client_check_masks, client_output
from mpclab.protocols.comparison import fss
from mpclab.randomness import Source
from mpclab.sharing import deal_keys
from tests.fuzz import mutate
from tests.fuzz.engine import Broken, Target

PRIMES = (3, 101, 251, 65521, 65537, 4294967291, 4294967311, MERSENNE_61)
FIELDS = tuple(Field(p) for p in PRIMES)

# -- the codec ------------------------------------------------------------------------------------


@cache
def samples(field: Field) -> tuple[bytes, ...]:
    """Messages of every kind: no section, many, every type of part, empty arrays, long labels."""
    p = field.modulus
    header = wire.Header(bytes(range(16)), 7, bytes(range(32)))
    some = np.array([[0, 1, p - 1], [2, p - 1, 0]], np.uint64)
    sections = [
        wire.Section("prepare/e", "open", (some, b"seed" * 8)),
        wire.Section("ü/masks", "mask", (np.zeros((2, 0), np.uint64), np.array(-1), b"")),
        wire.Section("", "", ()),
        wire.Section("é" * 127, "hash", (np.array([-(2**63), 2**63 - 1]), np.array(1, np.uint64))),
        wire.Section("deep", "k", (np.ones((1, 2, 1, 1, 1, 1, 1, 2), np.uint64),)),
    ]
    chosen = ([], sections[:1], sections[1:3], sections, sections[3:], [sections[2]] * 40)
    return tuple(wire.encode(field, header, some) for some in chosen)


def _make_message(rng: random.Random) -> bytes:
    k = rng.randrange(len(FIELDS))
    field = FIELDS[k]
    if rng.random() < 0.1:  # one part of any shape
        head = wire.encode(field, wire.Header(bytes(16), 0, bytes(32)), [])[:-2]
        shape = [int.from_bytes(mutate.numbers(rng, 8), "little") for _ in range(rng.randrange(10))]
        body = mutate.part(rng.randrange(4), shape, mutate.any_bytes(rng, 40))
        return bytes([k]) + head + b"\x01\0\x01e\x04open\x01\0" + body
    return bytes([k]) + mutate.message(rng, samples(field), field.width, field.modulus)


def _decode(data: bytes) -> str:
    if not data:
        return "no field"
    field, data = FIELDS[data[0] % len(FIELDS)], data[1:]
    header, sections = wire.decode(field, data)
    if wire.encode(field, header, sections) != data:
        raise Broken("these bytes are no encoding of what they were decoded to")
    if any(isinstance(p, np.ndarray) and p.flags.writeable for s in sections for p in s.parts):
        raise Broken("a received array can be written to")
    if wire.decode_header(data)[:2] != (header, len(sections)):
        raise Broken("header and message disagree")
    return "a message"


def _decode_header(data: bytes) -> str:
    wire.decode_header(data)
    return "a header"


def _make_header(rng: random.Random) -> bytes:
    return mutate.bytewise(rng, rng.choice(samples(FIELDS[1]))[: rng.choice((58, 58, 70))], 2)


# -- one party listens ----------------------------------------------------------------------------


class Recorder(Endpoint):
    """An endpoint that notes what it hears, turn by turn."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heard: list[dict[str, bytes]] = []

    def drive(self, protocol: Any) -> Any:
        work, inbox = super().drive(protocol), None
        try:
            while True:
                try:
                    turn = work.send(inbox)
                except StopIteration as stop:
                    return stop.value
                inbox = yield turn
                self.heard.append(dict(inbox))
        finally:
            work.close()


Part = tuple[Endpoint, Coroutine[Any, Any, Any]]


@dataclass
class Listener:
    """A party whose run can be repeated: `build` makes it anew, `script` is what it heard."""

    field: Field
    build: Callable[[], Part]
    after: Callable[[Any], None] = lambda result: None
    script: list[dict[str, bytes]] = dataclass_field(default_factory=list)

    def places(self) -> list[tuple[int, int]]:
        """Turn and number of every message that it hears."""
        return [(k, s) for k, heard in enumerate(self.script) for s in range(len(heard))]

    def hear(self, turn: int, sender: int, data: bytes) -> str:
        """Run it with one message replaced; the word says whether it was taken."""
        endpoint, protocol = self.build()
        work = endpoint.drive(protocol)
        inbox: Any = None
        try:
            for k in range(len(self.script) + 1):
                waits = work.send(inbox).waits_for
                heard = self.script[k] if k < len(self.script) else {}
                inbox = {name: heard.get(name) for name in waits}
                if k == turn and inbox:
                    inbox[list(inbox)[sender % len(inbox)]] = data
        except StopIteration as stop:
            self.after(stop.value)
            return "nothing that it could take" if stop.value is None else "a result"
        finally:
            work.close()
            protocol.close()
        return "waits for more"


def recorded(
    field: Field, cast: dict[str, Callable[[], Part]], listeners: dict[str, Any]
) -> list[Listener]:
    """Run everybody once, honestly; `listeners` says what is looked at after each one's run."""
    actors = {name: build() for name, build in cast.items()}
    SimulatedNetwork().run("online", actors.values()).raise_failure()
    return [
        Listener(field, cast[name], after, actors[name][0].heard)  # type: ignore[attr-defined]
        for name, after in listeners.items()
    ]


def _listening(
    name: str, about: str, reads: tuple[str, ...], listeners: Callable[[], list[Listener]],
    **limits: Any,
) -> Target:
    def make(rng: random.Random) -> bytes:
        k = rng.randrange(len(listeners()))
        listener = listeners()[k]
        turn, sender = rng.choice(listener.places())
        mine = list(listener.script[turn].values())[sender]
        others = [data for heard in listener.script for data in heard.values()]
        valid = [mine] * 4 + [rng.choice(others)]
        F = listener.field
        return bytes([k, turn, sender]) + mutate.message(rng, valid, F.width, F.modulus)

    def run(data: bytes) -> str:
        if len(data) < 3:
            return "nobody listens"
        listener = listeners()[data[0] % len(listeners())]
        return listener.hear(data[1], data[2], data[3:])

    return Target(name, about, reads, make, run, ready=listeners, **limits)


def _endpoint(field: Field, name: str, servers: int = 2) -> Recorder:
    return Recorder(name, field, servers, "fuzz")


# -- endpoints: who hears whom --------------------------------------------------------------------


SEED, COUNT = b"s" * 32, np.array([5, -6])


def _ends() -> list[Listener]:
    """A server that hears servers and a client, and a client that hears servers."""
    found = []
    for F in (Field(101), Field()):
        x = F.array([[1, 2, 3]])

        async def broadcast(name: str, *parts: Any) -> Any:
            expected = wire.like(parts)
            receives = tuple(Receive(server_name(i), name, "open", expected) for i in range(2))
            return await exchange(Round((Send(SERVERS, name, "open", parts),), receives))

        async def server(F: Field = F, x: Any = x) -> Any:
            await together(broadcast("x", x), broadcast("seed", SEED, COUNT))
            expected = (wire.elements(None, 3), wire.raw(None), wire.integers())
            (said,) = await exchange(Round((), (Receive("bob", "say", "input", expected),)))
            await broadcast("y", F.array(7))
            await exchange(Round((Send("bob", "told", "output", (x, SEED)),)))
            return said

        async def client(x: Any = x) -> Any:
            to = [Send(server_name(i), "say", "input", (x, b"abc", np.array(9))) for i in range(2)]
            await exchange(Round(tuple(to)))
            expected = (wire.elements(1, 3), wire.raw(32))
            told = (Receive(server_name(i), "told", "output", expected) for i in range(2))
            return await exchange(Round((), tuple(told)))

        cast = {
            name: (lambda F=F, name=name, talk=talk: (_endpoint(F, name), talk()))
            for name, talk in (("server 0", server), ("server 1", server), ("bob", client))
        }
        found += recorded(F, cast, {"server 0": lambda said: None, "bob": lambda told: None})
    return found


# -- the dealer's material at a server ------------------------------------------------------------

SPECS = (Triples(2), ZeroTest(), InputMasks(3), OutputMask(2), fss.SignKeys(3, 6))


def _received(field: Field, server: Server) -> Callable[[Any], None]:
    """What was put into the pool must serve: shapes fit, elements are below p, keys evaluate."""

    def look(serials: Any) -> None:
        for spec in SPECS:
            _, bundle = server.pool.take(spec)
            for entry in spec.layout():
                value = bundle[entry.name]
                data = value.data[0] if entry.authenticated else value
                if data.shape != entry.shape or not field.is_canonical(data):
                    raise Broken(f"{entry.name} of {spec} is not as declared")
            if isinstance(spec, fss.SignKeys):
                key = fss.Key.from_parts(bundle["private"], spec.count, spec.depth)
                z = np.arange(spec.count, dtype=np.uint64)
                if not field.is_canonical(fss.evaluate(field, server.key.index, key, z)):
                    raise Broken("a key evaluates to no elements")

    return look


def _servers_of_a_dealer() -> list[Listener]:
    found = []
    for F in (Field(101), Field()):
        keys = deal_keys(F, 2, Source.for_lab(1, "keys").stream())
        servers: dict[int, Server] = {}

        def build(i: int, F: Field = F, keys: Any = keys, servers: Any = servers) -> Part:
            name = server_name(i)
            servers[i] = Server(keys[i], Source.for_lab(1, name), Pool(name))
            endpoint = _endpoint(F, name)
            return endpoint, receive_material(Party(servers[i], endpoint), SPECS)

        def deal(F: Field = F, keys: Any = keys) -> Part:
            return _endpoint(F, DEALER), Dealer(keys, Source.for_lab(1, DEALER)).deal(SPECS)

        def after(i: int, F: Field = F, servers: Any = servers) -> Callable[[Any], None]:
            return lambda serials: _received(F, servers[i])(serials)

        found += recorded(
            F, {"server 0": lambda b=build: b(0), "server 1": lambda b=build: b(1), DEALER: deal},
            {"server 0": after(0), "server 1": after(1)},
        )
    return found


# -- a client's reading of the servers' messages --------------------------------------------------


def _clients() -> list[Listener]:
    """I1 and I5 of client masks, and O3 and O4 of outputs, in a large field."""
    from mpclab.lab import Lab
    from mpclab.protocols.clients import check_masks, output_to
    from mpclab.sharing import share_out

    F = Field()
    lab = Lab(2, seed=1)
    lab.preprocess([InputMasks(3), OutputMask(4)], checks=2)
    session = lab.session("fuzz")
    keys = [s.key for s in lab.servers]
    values = share_out(F.array([5, 6, 7, 8]), keys, Source(b"y" * 32).stream())

    async def server(party: Party) -> None:
        held = party.take(InputMasks(3))
        await check_masks(party, "bob", [held["r"]], held["r_0"])
        await output_to(party, "bob", values[party.index])

    async def client(bob: Client) -> Any:
        (r,), ok = await client_check_masks(bob, [(3, 1)])
        y = await client_output(bob, 4)
        if y.tolist() != [5, 6, 7, 8]:
            raise Broken(f"the client accepted {y.tolist()}")
        return r, ok

    def bob() -> Part:
        end = Recorder("bob", F, 2, session.name, 1, session.nonce)
        return end, client(Client(end, Source(b"b" * 32)))

    cast: dict[str, Callable[[], Part]] = {
        p.endpoint.name: (lambda p=p: (p.endpoint, server(p))) for p in session.parties
    }
    return recorded(F, {**cast, "bob": bob}, {"bob": lambda told: None})


TARGETS = (
    Target(
        "wire.decode", "any bytes as a message, in fields of every width",
        ("mpclab.wire",), _make_message, _decode, weight=400, short=3000,
        multiple=250,  # decoding may take 100; what was decoded is encoded again
    ),
    Target(
        "wire.decode_header", "the first 58 bytes of a message", ("mpclab.wire",),
        _make_header, _decode_header, weight=40, short=500,
    ),
    _listening(
        "endpoint", "a server that hears servers and a client, a client that hears servers",
        ("mpclab.network.endpoint", "mpclab.party"), cache(_ends), weight=180, short=800,
    ),
    _listening(
        "dealer", "a server that is sent material, keys of function secret sharing among it",
        ("mpclab.preprocessing.dealer", "mpclab.protocols.comparison.fss"),
        cache(_servers_of_a_dealer), weight=40, short=400,
    ),
    _listening(
        "client", "a client that is sent masks, echoes and a result",
        ("mpclab.client", "mpclab.protocols.clients"), cache(_clients), weight=60, short=400,
    ),
)
