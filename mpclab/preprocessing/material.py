"""What preprocessed material there is: declarations that dealer and servers share.

A *spec* is a frozen dataclass that says what one bundle of material holds: a `layout` of named
entries, of which the uniform ones are drawn and the others `derive`d from them. The dealer turns a
spec into seeds and corrections, the servers turn those into shares; neither knows what it is for.
To declare material of one's own, write such a class: see `Triples`, the shortest.

>>> [e.name for e in Triples(1000).layout()]
['a', 'b', 'c']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from mpclab.field import Elements, Field
from mpclab.randomness import Source
from mpclab.wire import Expected, Part

__all__ = [
    "Entry", "InputMasks", "Material", "Memory", "OutputMask", "Powers", "PrivateSpec", "Spec",
    "Triples", "ZeroTest",
]

Values = Mapping[str, Elements]


@dataclass(frozen=True)
class Entry:
    """One named array of a bundle.

    `uniform`: its plaintext is uniform, so that its shares are nothing but the servers' streams.
    `authenticated`: it comes as <x> (a `Share`), otherwise as [x] (a plain array).
    """

    name: str
    shape: tuple[int, ...]
    uniform: bool = False
    authenticated: bool = True


class Memory(Protocol):
    """The dealer's memory of long-lived masks: plaintexts of earlier bundles, by serial number."""

    def recall(self, serial: int) -> Values:
        """The plaintext of a bundle whose spec is `long_lived`."""


class Spec(Protocol):
    """What a declaration of material offers. Specs are hashable: the pool files bundles by them."""

    @property
    def long_lived(self) -> bool:
        """Whether later material is derived from this bundle's plaintext (the dealer keeps it)."""

    def layout(self) -> tuple[Entry, ...]:
        """The entries, uniform ones first."""

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The plaintexts of the entries that are not uniform."""


@runtime_checkable
class PrivateSpec(Protocol):
    """What a spec offers besides, if servers also get parts that are no additive shares.

    Keys of function secret sharing are such: every server gets parts of its own, and finds them in
    its material under the name `private`.
    """

    @property
    def servers(self) -> int:
        """How many servers it is for."""

    def private_expected(self, field: Field) -> tuple[Expected, ...]:
        """Types and shapes of a server's parts."""

    def private_parts(
        self, field: Field, values: Values, alpha: np.uint64, source: Source
    ) -> Sequence[tuple[Part, ...]]:
        """Every server's parts, made from the plaintexts of all entries and the MAC key."""


@dataclass(frozen=True)
class Material:
    """The class to derive declarations of material from: a frozen dataclass with a `layout`.

    >>> @dataclass(frozen=True)
    ... class Squares(Material):
    ...     count: int
    ...     def layout(self):
    ...         return Entry("a", (self.count,), uniform=True), Entry("aa", (self.count,))
    ...     def derive(self, field, uniform, memory):
    ...         return {"aa": field.mul(uniform["a"], uniform["a"])}
    >>> Squares(3).long_lived
    False
    """

    @property
    def long_lived(self) -> bool:
        """Whether later material is derived from this bundle's plaintext."""
        return False

    def layout(self) -> tuple[Entry, ...]:
        """The entries, uniform ones first."""
        return ()

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The plaintexts of the entries that are not uniform; none unless this says so."""
        return {}


@dataclass(frozen=True)
class Triples(Material):
    """Beaver triples <a>, <b>, <c = a b>: one per multiplication (Beaver, CRYPTO 1991)."""

    count: int

    def layout(self) -> tuple[Entry, ...]:
        shape = (self.count,)
        return (Entry("a", shape, uniform=True), Entry("b", shape, uniform=True), Entry("c", shape))

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        return {"c": field.mul(uniform["a"], uniform["b"])}


@dataclass(frozen=True)
class ZeroTest(Material):
    """Unauthenticated triples [t], [u], [t u] for `count` zero tests at once (DESIGN 3.2).

    `owner` earmarks them: the pool gives them out only under that name, `Party.take` to whoever
    has reserved them.
    """

    owner: str = ""
    count: int = 1

    @property
    def plain(self) -> ZeroTest:
        """The same without earmark."""
        return ZeroTest(count=self.count)

    def __repr__(self) -> str:
        count = [] if self.count == 1 else [f"count={self.count}"]
        return f"ZeroTest({', '.join([*([repr(self.owner)] if self.owner else []), *count])})"

    def layout(self) -> tuple[Entry, ...]:
        shape = (self.count,)
        return (
            Entry("t", shape, uniform=True, authenticated=False),
            Entry("u", shape, uniform=True, authenticated=False),
            Entry("tu", shape, authenticated=False),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        return {"tu": field.mul(uniform["t"], uniform["u"])}


@dataclass(frozen=True)
class Powers(Material):
    """<r>, <r^2> .. <r^degree> of `count` uniform r: one polynomial at each of `count` secrets."""

    count: int
    degree: int

    def layout(self) -> tuple[Entry, ...]:
        return (
            Entry("r", (self.count,), uniform=True),
            Entry("higher", (self.degree - 1, self.count)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        higher = np.empty((self.degree - 1, self.count), np.uint64)
        last = uniform["r"]
        for k in range(self.degree - 1):
            higher[k] = last = field.mul(last, uniform["r"])
        return {"higher": higher}


@dataclass(frozen=True)
class InputMasks(Material):
    """Masks <r> of shape (length, clients) for clients' inputs, and <r_0> for their check.

    One column per client, one more element r_0 per client that hides the checked combination
    (DESIGN 3.5).
    """

    length: int
    clients: int = 1

    def layout(self) -> tuple[Entry, ...]:
        return (
            Entry("r", (self.length, self.clients), uniform=True),
            Entry("r_0", (self.clients,), uniform=True),
        )


@dataclass(frozen=True)
class OutputMask(Material):
    """A mask <r_0, r_1 .. r_length>, a key [v] and [w = v r] for one output to a client.

    r_0 masks nothing; without it a server that shifts v would test a guess of the output by
    whether the client accepts (DESIGN 3.5; Damgard, Damgard, Nielsen, Nordholt, Toft, FC 2016).
    """

    length: int

    def layout(self) -> tuple[Entry, ...]:
        return (
            Entry("r", (self.length + 1,), uniform=True),
            Entry("v", (), uniform=True, authenticated=False),
            Entry("w", (self.length + 1,), authenticated=False),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        return {"w": field.mul(uniform["r"], uniform["v"])}
