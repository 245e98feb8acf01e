"""Network conditions as values: what the virtual clock charges for a message.

>>> LAN
Conditions('lan', latency=0.0001 s, bandwidth=1000 Mbit/s)
>>> round(WAN.transfer("server 0", "server 1", 125_000), 3)
0.01
>>> conditions("wan") == WAN
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError

__all__ = ["IDEAL", "LAN", "WAN", "Conditions", "conditions"]

Link = tuple[str, str]


class _Links(dict[Link, tuple[float, float]]):
    """A dict that cannot be changed, but copied and pickled."""

    def __setitem__(self, link: Link, value: tuple[float, float]) -> None:
        raise TypeError("conditions are values: make others with dataclasses.replace")

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


@dataclass(frozen=True, repr=False)
class Conditions:
    """Latency (seconds, one way) and bandwidth (bits per second) of the links between parties.

    A message leaves when its sender's link is free, occupies the link for its size divided by the
    bandwidth, and arrives one latency later, plus its jitter.

    Parameters
    ----------
    name : str
    latency : float
        Seconds, one way.
    bandwidth : float
        Bits per second.
    jitter : float
        Mean of an exponentially distributed delay that is added per message; drawn from the
        message's number, so that a run can be repeated.
    links : mapping of (sender, receiver) to (latency, bandwidth)
        Links that differ from the rest.

    Examples
    --------
    >>> Conditions("slow", latency=0.1, bandwidth=1e6, jitter=0.01)
    Conditions('slow', latency=0.1 s, bandwidth=1 Mbit/s, jitter=0.01 s)
    """

    name: str
    latency: float
    bandwidth: float
    jitter: float = 0.0
    links: Mapping[Link, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputError(f"the name of a network is {self.name!r}: it must be a text")
        for what, value in (("latency", self.latency), ("jitter", self.jitter)):
            if not (_is_number(value) and value >= 0 and np.isfinite(value)):
                raise InputError(f"{what} is {value!r}: it takes a number of seconds, 0 or more")
        if not (_is_number(self.bandwidth) and self.bandwidth > 0):
            raise InputError(f"bandwidth is {self.bandwidth!r}: it takes bits per second, above 0")
        for link, values in self.links.items():
            pair = isinstance(values, (tuple, list)) and len(values) == 2
            latency, bandwidth = values if pair else (None, None)
            if not (
                _is_number(latency)
                and _is_number(bandwidth)
                and 0 <= latency < np.inf
                and bandwidth > 0
            ):
                told = f"latency {latency} and bandwidth {bandwidth}" if pair else repr(values)
                raise InputError(
                    f"the link {link} has {told}: it takes a latency of 0 or more seconds and a "
                    "bandwidth in bits per second above 0"
                )
        object.__setattr__(self, "links", _Links(self.links))

    def __hash__(self) -> int:
        links = frozenset(self.links.items())
        return hash((self.name, self.latency, self.bandwidth, self.jitter, links))

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter:g} s" if self.jitter else ""
        links = f", {len(self.links)} links of their own" if self.links else ""
        return (
            f"Conditions({self.name!r}, latency={self.latency:g} s, "
            f"bandwidth={self.bandwidth / 1e6:g} Mbit/s{jitter}{links})"
        )

    def transfer(self, sender: str, receiver: str, size: float) -> float:
        """Seconds that `size` bytes occupy the sender's link."""
        return 8 * size / self.links.get((sender, receiver), (0.0, self.bandwidth))[1]

    def delay(self, sender: str, receiver: str, number: int = 0) -> float:
        """Seconds from leaving to arrival, for message `number`."""
        latency = self.links.get((sender, receiver), (self.latency, 0.0))[0]
        if not self.jitter:
            return latency
        word = hashlib.sha256(f"{sender}|{receiver}|{number}".encode()).digest()[:8]
        uniform = (int.from_bytes(word, "little") + 0.5) / 2.0**64
        return latency - self.jitter * float(np.log(uniform))

    def between(
        self, latency: npt.ArrayLike, bandwidth: npt.ArrayLike | None = None
    ) -> Conditions:
        """The same, with matrices (n, n) of latencies and bandwidths between servers.

        >>> LAN.between([[0, 0.05], [0.02, 0]]).delay("server 0", "server 1")
        0.05
        """
        try:
            delays = np.asarray(latency, float)
            rates = np.broadcast_to(
                np.asarray(self.bandwidth if bandwidth is None else bandwidth, float), delays.shape
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"latencies and bandwidths take matrices (n, n) of numbers: {error}"
            ) from None
        if delays.ndim != 2 or delays.shape[0] != delays.shape[1]:
            raise InputError(f"the latencies have shape {delays.shape}: it takes (n, n)")
        links = {
            (f"server {i}", f"server {j}"): (float(delays[i, j]), float(rates[i, j]))
            for i, j in np.ndindex(delays.shape)
            if i != j
        }
        return replace(self, links={**self.links, **links})


LAN = Conditions("lan", latency=0.0001, bandwidth=1e9)
"""A local network: 0.1 ms one way, 1 Gbit/s."""

WAN = Conditions("wan", latency=0.02, bandwidth=1e8)
"""Servers in different cities: 20 ms one way, 100 Mbit/s."""

IDEAL = Conditions("ideal", latency=0.0, bandwidth=float("inf"))
"""No network at all: what is left is computing."""

_NAMED = {c.name: c for c in (LAN, WAN, IDEAL)}


def conditions(network: str | Conditions) -> Conditions:
    """Conditions by name ("lan", "wan", "ideal"), or as they are."""
    if isinstance(network, Conditions):
        return network
    if not isinstance(network, str) or network not in _NAMED:
        raise InputError(
            f"there is no network {network!r}: take one of {', '.join(map(repr, _NAMED))}, or "
            "Conditions(name, latency, bandwidth)"
        )
    return _NAMED[network]
