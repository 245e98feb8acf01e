"""A server's stock of preprocessed material: put in once, taken out once, never put back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from mpclab.errors import MaterialError
from mpclab.once import NotCopied

__all__ = ["Pool"]


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
        self._stock: dict[Any, deque[tuple[int, dict[str, Any]]]] = {}
        self._highest = -1

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
        self._stock.setdefault(spec, deque()).append((serial, material))

    def take(self, spec: Any) -> tuple[int, dict[str, Any]]:
        """The oldest bundle of this spec, which is gone from the pool for good."""
        bundles = self._stock.get(spec)
        if not bundles:
            raise MaterialError(f"{self._owner} has no {spec!r} left: preprocess more of it first")
        return bundles.popleft()

    def burn(self, spec: Any, serial: int) -> None:
        """Throw a bundle away, if it is still there: another server has touched it."""
        bundles = self._stock.get(spec, deque())
        self._stock[spec] = deque(b for b in bundles if b[0] != serial)

    def drop_from(self, serial: int) -> None:
        """Throw away all bundles from this serial number on: their delivery was cut short."""
        for spec, bundles in self._stock.items():
            self._stock[spec] = deque(b for b in bundles if b[0] < serial)

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
