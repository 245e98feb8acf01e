"""Many comparisons at once, in parts: the same rounds and bytes, and material in smaller bundles.

Material for a million comparisons is gigabytes. In parts no bundle is larger than a part's, and a
bundle that lies on disk is read when its part is at work. The parts run side by side: each of
their rounds is one message, in which what they send stands one after another.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.network.rounds import Receive, Reply, Round, Send
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.sharing import Share, concatenate
from mpclab.wire import Part, like

if TYPE_CHECKING:
    from mpclab.protocols.comparison import ComparisonMaterial

__all__ = ["AT_ONCE", "InParts", "end_to_end"]

AT_ONCE = 1 << 16
"""How many numbers one bundle of material compares; more than that take several."""


@dataclass(frozen=True)
class InParts(Material):
    """Material for one comparison of many numbers: `parts`, which are preprocessed one by one.

    >>> from mpclab.field import Field
    >>> from mpclab.protocols.comparison import comparison_material
    >>> many = comparison_material(Field(), 150_000, 19)
    >>> many, many.rounds, many.elements
    (InParts(3 of SignTables: 65,536, 65,536, 18,928 numbers), 2, 300000)
    """

    parts: tuple[ComparisonMaterial, ...]

    def __repr__(self) -> str:
        counts = ", ".join(f"{part.count:,}" for part in self.parts)
        return f"InParts({len(self.parts)} of {type(self.parts[0]).__name__}: {counts} numbers)"

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(part.count for part in self.parts)

    @property
    def rounds(self) -> int:
        """Rounds between servers: no more than one part takes."""
        return self.parts[0].rounds

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""
        return sum(part.elements for part in self.parts)

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong, at most."""
        return max(part.error(field) for part in self.parts)

    def layout(self) -> tuple[Entry, ...]:
        """All parts' entries, under their numbers: what it takes in all."""
        return tuple(
            Entry(f"{k}/{e.name}", e.shape, e.uniform, e.authenticated)
            for k, part in enumerate(self.parts)
            for e in part.layout()
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> NoReturn:
        """It is never dealt as a whole."""
        raise InputError("this material is made in parts: let the lab preprocess it")

    async def run(self, party: Party, x: Share) -> Share:
        """Shared bits [x < 0] for x of shape (count,); all parts at once."""
        running, start = [], 0
        for part in self.parts:
            running.append(part.run(party, x[start : start + part.count]))
            start += part.count
        return concatenate(await end_to_end(*running))


@types.coroutine
def end_to_end(*protocols: Coroutine[Any, Any, Any]) -> Generator[Round, Reply, list[Any]]:
    """Run alike protocols side by side, with what they send in one round put end to end.

    They take the same rounds and broadcast arrays under the same labels. So messages are what one
    protocol on everything would send. The result is the list of their results.
    """
    results: list[Any] = [None] * len(protocols)
    replies: list[Any] = [None] * len(protocols)
    try:
        while True:
            requests: list[Round] = []
            for i, protocol in enumerate(protocols):
                try:
                    requests.append(protocol.send(replies[i]))
                except StopIteration as stop:
                    results[i] = stop.value
            if not requests:
                return results
            if len(requests) < len(protocols):
                raise InputError("protocols that take different rounds cannot go end to end")
            merged = yield _merged(requests)
            replies = _split(merged, requests)
    finally:
        for protocol in protocols:
            protocol.close()


def _merged(requests: Sequence[Round]) -> Round:
    first = requests[0]
    sends = []
    for k, send in enumerate(first.sends):
        several = [r.sends[k] for r in requests]
        if any((s.to, s.label, s.kind) != (send.to, send.label, send.kind) for s in several):
            raise InputError("protocols that send different things cannot go end to end")
        parts = tuple(_joined(each) for each in zip(*(s.parts for s in several), strict=True))
        sends.append(Send(send.to, send.label, send.kind, parts))
    expected = like(sends[0].parts) if sends else ()
    receives = tuple(Receive(r.sender, r.label, r.kind, expected) for r in first.receives)
    return Round(tuple(sends), receives)


def _joined(arrays: Sequence[Part]) -> Part:
    if not all(isinstance(a, np.ndarray) for a in arrays):
        raise InputError("protocols that send more than arrays cannot go end to end")
    return np.concatenate([np.asarray(a).reshape(-1) for a in arrays])


def _split(merged: Reply, requests: Sequence[Round]) -> list[Reply]:
    replies: list[Reply] = [[] for _ in requests]
    shapes = [[np.shape(p) for p in r.sends[0].parts] for r in requests]
    for parts in merged:
        at = [0] * len(shapes[0])
        for i, mine in enumerate(shapes):
            assert parts is not None  # a server that keeps silent has ended the session
            cut = []
            for k, shape in enumerate(mine):
                size = int(np.prod(shape, dtype=np.int64))
                cut.append(np.asarray(parts[k])[at[k] : at[k] + size].reshape(shape))
                at[k] += size
            replies[i].append(tuple(cut))
    return replies
