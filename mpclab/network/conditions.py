"""Network conditions as values: what the virtual clock charges for a message.

>>> LAN
Conditions('lan', latency=0.0001 s, bandwidth=1000 Mbit/s)
>>> round(WAN.transfer(125_000), 3)
0.01
"""

from __future__ import annotations

from dataclasses import dataclass

from mpclab.errors import InputError

__all__ = ["LAN", "WAN", "Conditions"]


@dataclass(frozen=True, repr=False)
class Conditions:
    """Latency (seconds, one way) and bandwidth (bits per second, of each party's link).

    A message leaves when its sender's link is free, occupies the link for its size divided by the
    bandwidth, and arrives one latency later.
    """

    name: str
    latency: float
    bandwidth: float

    def __post_init__(self) -> None:
        if not self.latency >= 0:
            raise InputError(f"latency is {self.latency}: it takes a number of seconds, 0 or more")
        if not self.bandwidth > 0:
            raise InputError(f"bandwidth is {self.bandwidth}: it takes bits per second, above 0")

    def __repr__(self) -> str:
        return (
            f"Conditions({self.name!r}, latency={self.latency:g} s, "
            f"bandwidth={self.bandwidth / 1e6:g} Mbit/s)"
        )

    def transfer(self, size: float) -> float:
        """Seconds that `size` bytes occupy a link."""
        return 8 * size / self.bandwidth


LAN = Conditions("lan", latency=0.0001, bandwidth=1e9)
"""A local network: 0.1 ms one way, 1 Gbit/s."""

WAN = Conditions("wan", latency=0.02, bandwidth=1e8)
"""Servers in different cities: 20 ms one way, 100 Mbit/s."""
