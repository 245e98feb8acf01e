"""A server's stock of preprocessed material: put in once, taken out once, never put back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mpclab.errors import MaterialError
from mpclab.once import NotCopied
from mpclab.preprocessing.disk import SpilledBundle, material_bytes

__all__ = ["SPILLED", "Pool"]

SPILLED = 1 << 24
"""Bundles of that many bytes and more go to disk, in a pool that has a folder."""


class Pool(NotCopied):
    """Bundles of material in the order of their serial numbers, filed by spec.

    >>> pool = Pool("server 0")
    >>> pool.put(7, "a spec", {"r": 1})
    >>> pool.take("a spec")
    (7, {'r': 1})
    >>> pool.take("a spec")
    Traceback (most recent call last):
        ...
    mpclab.errors.MaterialError: server 0 has no 'a spec' left: preprocess more of it first
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._stock: dict[Any, deque[tuple[int, dict[str, Any] | SpilledBundle]]] = {}
        self._highest = -1
        #: where large bundles go; None: they stay in memory. A file is deleted when it is taken.
        self.folder: Path | None = None

    def __repr__(self) -> str:
        return f"Pool({sum(map(len, self._stock.values()))} bundles)"

    def put(self, serial: int, spec: Any, material: dict[str, Any]) -> None:
        """File a bundle; serial numbers only grow, so none can come twice."""
        if serial <= self._highest:
            raise MaterialError(
                f"bundle {serial} came after bundle {self._highest}: material is delivered in "
                "order and never twice"
            )
        self._highest = serial
        kept: dict[str, Any] | SpilledBundle = material
        once = not getattr(spec, "long_lived", False)
        if self.folder is not None and once and material_bytes(material) >= SPILLED:
            kept = SpilledBundle(self.folder / f"material {serial}", material)
        self._stock.setdefault(spec, deque()).append((serial, kept))

    def take(self, spec: Any) -> tuple[int, dict[str, Any]]:
        """The oldest bundle of this spec, which is gone from the pool for good."""
        bundles = self._stock.get(spec)
        if not bundles:
            raise MaterialError(f"{self._owner} has no {spec!r} left: preprocess more of it first")
        serial, material = bundles.popleft()
        return serial, material.take() if isinstance(material, SpilledBundle) else material

    def burn(self, spec: Any, serial: int) -> None:
        """Throw a bundle away, if it is still there: another server has touched it."""
        self._drop(spec, lambda s: s == serial)

    def drop_from(self, serial: int) -> None:
        """Throw away all bundles from this serial number on: their delivery was cut short."""
        for spec in self._stock:
            self._drop(spec, lambda s: s >= serial)

    def drop_spilled(self) -> None:
        """Throw away all bundles that lie on disk."""
        for spec, bundles in self._stock.items():
            spilled = {s for s, m in bundles if isinstance(m, SpilledBundle)}
            self._drop(spec, spilled.__contains__)

    def _drop(self, spec: Any, unwanted: Callable[[int], bool]) -> None:
        bundles = self._stock.get(spec, deque())
        for serial, material in bundles:
            if unwanted(serial) and isinstance(material, SpilledBundle):
                material.discard()
        self._stock[spec] = deque(b for b in bundles if not unwanted(b[0]))

    def require(self, specs: Iterable[Any]) -> None:
        """Raise MaterialError now, before anything is sent, if any of these would lack later."""
        for spec, wanted in Counter(specs).items():
            if self.count(spec) < wanted:
                raise MaterialError(
                    f"{self._owner} has {self.count(spec)} of the {wanted} {spec!r} that this "
                    "takes: preprocess more first"
                )

    def count(self, spec: Any) -> int:
        """How many bundles of this spec are left."""
        return len(self._stock.get(spec, ()))
