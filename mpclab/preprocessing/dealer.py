"""The trusted dealer: makes material with plaintexts in hand, and sends each server its part.

TRUST: the dealer is a standing trusted party. It never sees an input, but the dealer together with
any one server can read every rating. Preprocessing without a dealer removes it.

Every server gets a fresh 32-byte seed per bundle; server 0 also gets corrections. Step numbers are
those of the code below:

    1. for a uniform entry, x is the sum of all servers' streams: nothing is sent;
    2. for a derived entry, servers 1 .. n-1 take their streams, server 0 gets x minus their sum;
    3. for the MACs of an authenticated entry likewise, with alpha x;
    4. parts that are no shares (of a `PrivateSpec`) go to their server as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpclab import wire
from mpclab.errors import InputError, MaterialError
from mpclab.field import Elements, Field
from mpclab.network.endpoint import server_name
from mpclab.network.rounds import Receive, Round, Send, exchange
from mpclab.once import NotCopied
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, PrivateSpec, Spec, Values
from mpclab.randomness import SEED_BYTES, Source, Stream
from mpclab.sharing import KeyShare, Share, reconstruct_key
from mpclab.wire import Expected, Part

__all__ = ["DEALER", "Dealer", "receive_material"]

DEALER = "dealer"
REMEMBERED = 1 << 27
"""Bytes of plaintext, at most, that the dealer keeps of long-lived bundles beside their seeds."""


class Dealer(NotCopied):
    """A trusted dealer who knows the MAC key and makes any material that is declared as a spec.

    Parameters
    ----------
    keys : sequence of KeyShare
        All servers' parts of the MAC key, which the dealer dealt.
    source : Source
        Its randomness.
    """

    def __init__(self, keys: Sequence[KeyShare], source: Source) -> None:
        self._field: Field = keys[0].field
        self._alpha = reconstruct_key(keys)
        self._n = len(keys)
        self._source = source
        self._memory: dict[int, tuple[Spec, list[bytes]]] = {}
        self._plain: dict[int, Values] = {}  # of some, as long as they are small in all
        self._plain_bytes = 0
        self._next_serial = 0

    def __repr__(self) -> str:
        return f"Dealer(for {self._n} servers, {self._next_serial} bundles dealt)"

    @property
    def next_serial(self) -> int:
        """The serial number of the next bundle."""
        return self._next_serial

    def recall(self, serial: int) -> Values:
        """The plaintext of a long-lived bundle, from which later material is derived.

        The dealer remembers the seeds, and expands them anew: its memory does not grow with what
        it has dealt. The first `REMEMBERED` bytes are kept as they are, which is faster.
        """
        if serial not in self._memory:
            raise MaterialError(f"the dealer knows no long-lived bundle number {serial}")
        if serial in self._plain:
            return self._plain[serial]
        spec, seeds = self._memory[serial]
        values: dict[str, Elements] = {}
        self._corrections(spec, [Stream(s) for s in seeds], values, again=True)
        return values

    def _remember(
        self, serial: int, spec: Spec, seeds: list[bytes], values: dict[str, Elements]
    ) -> None:
        self._memory[serial] = spec, seeds
        size = sum(v.nbytes for v in values.values())
        if self._plain_bytes + size <= REMEMBERED:
            self._plain[serial] = values
            self._plain_bytes += size

    async def deal(self, specs: Sequence[Spec]) -> list[int]:
        """Send every server its part of one bundle per spec; returns the serial numbers."""
        serials = []
        for spec in specs:
            serial, self._next_serial = self._next_serial, self._next_serial + 1
            seeds = [self._source.bytes(SEED_BYTES) for _ in range(self._n)]
            values: dict[str, Elements] = {}
            corrections = self._corrections(spec, [Stream(s) for s in seeds], values)
            private = self._private(spec, values)
            if spec.long_lived:
                self._remember(serial, spec, seeds, values)
            label = type(spec).__name__
            number = np.array(serial, np.int64)
            await exchange(
                Round(
                    tuple(
                        Send(
                            server_name(i), label, "material",
                            (number, seeds[i], *(corrections if i == 0 else ()), *private[i]),
                        )
                        for i in range(self._n)
                    )
                )
            )
            serials.append(serial)
            del values, corrections, private  # before the next ones are made
        return serials

    def _private(self, spec: Spec, values: Values) -> Sequence[tuple[Part, ...]]:
        """4. Every server's parts that are no shares; most specs have none."""
        if not isinstance(spec, PrivateSpec):
            return [()] * self._n
        _require_servers(spec, self._n)
        return spec.private_parts(self._field, values, self._alpha, self._source)  # 4.

    def _corrections(
        self,
        spec: Spec,
        streams: list[Stream],
        values: dict[str, Elements],
        again: bool = False,
    ) -> list[Elements]:
        """Everything that server 0 cannot draw from its own stream; fills in the plaintexts.

        `again`: only the plaintexts are wanted; streams are read on to where they must be.
        """
        F = self._field
        corrections: list[Elements] = []
        derived: Values | None = None
        for entry in spec.layout():
            if entry.uniform:  # 1.
                values[entry.name] = self._sum(streams, entry)
            else:  # 2.
                if derived is None:
                    derived = spec.derive(F, values, self)
                values[entry.name] = derived[entry.name]
                others = self._sum(streams[1:], entry)
                if not again:
                    corrections.append(F.sub(values[entry.name], others))
            if entry.authenticated:  # 3.
                others = self._sum(streams[1:], entry)
                if not again:
                    mac = F.mul(values[entry.name], self._alpha)
                    corrections.append(F.sub(mac, others))
        return corrections

    def _sum(self, streams: Sequence[Stream], entry: Entry) -> Elements:
        total = self._field.uniform(streams[0], entry.shape)
        for stream in streams[1:]:
            total = self._field.add(total, self._field.uniform(stream, entry.shape))
        return total


def _corrected(entry: Entry) -> int:
    """How many arrays of this entry server 0 receives."""
    return (not entry.uniform) + entry.authenticated


async def receive_material(party: Party, specs: Sequence[Spec]) -> list[int]:
    """At a server: receive one bundle per spec, expand it into shares, and put it in the pool."""
    serials = []
    for spec in specs:
        layout = spec.layout()
        shapes = [e.shape for e in layout for _ in range(_corrected(e))] if party.index == 0 else []
        private = _private_expected(party, spec)
        expected = (
            wire.integers(), wire.raw(SEED_BYTES), *(wire.elements(*shape) for shape in shapes),
            *private,
        )
        label = type(spec).__name__
        (parts,) = await exchange(Round((), (Receive(DEALER, label, "material", expected),)))
        if parts is None:
            raise party.abort("the dealer's material did not arrive, or not as it must be")
        serial, seed, *rest = parts
        stream = Stream(bytes(seed))
        material = _expand(party, layout, stream, [np.asarray(c) for c in rest[: len(shapes)]])
        if private:
            material["private"] = tuple(rest[len(shapes) :])
        party.server.pool.put(int(np.asarray(serial)), spec, material)
        serials.append(int(np.asarray(serial)))
    return serials


def _private_expected(party: Party, spec: Spec) -> tuple[Expected, ...]:
    """What this server expects besides shares; most specs have nothing."""
    if not isinstance(spec, PrivateSpec):
        return ()
    _require_servers(spec, party.n)
    return spec.private_expected(party.field)


def _require_servers(spec: PrivateSpec, servers: int) -> None:
    if spec.servers != servers:
        raise InputError(
            f"{type(spec).__name__} is material for exactly {spec.servers} servers, and these are "
            f"{servers}: take material that serves any number"
        )


def _expand(
    party: Party, layout: Sequence[Entry], stream: Stream, corrections: list[Elements]
) -> dict[str, Any]:
    """Turn a seed (and server 0's corrections) into this server's shares, entry by entry."""
    material: dict[str, Any] = {}
    queue = iter(corrections)
    for entry in layout:
        drawn = entry.uniform or party.index > 0
        value = party.field.uniform(stream, entry.shape) if drawn else next(queue)
        if not entry.authenticated:
            material[entry.name] = value
            continue
        mac = party.field.uniform(stream, entry.shape) if party.index > 0 else next(queue)
        material[entry.name] = Share(np.stack([value, mac]), party.key)
    return material
