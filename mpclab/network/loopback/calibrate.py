"""This computer's own network conditions: how long messages between its processes take."""

from __future__ import annotations

from mpclab.network.conditions import Conditions
from mpclab.network.endpoint import server_name
from mpclab.network.loopback.processes import Processes

__all__ = ["calibrate"]

_PING = 256  # bytes: as a commitment with its labels
_BULK = 1 << 20


def calibrate(processes: Processes | None = None, times: int = 300) -> Conditions:
    """Measure latency and bandwidth between two processes, as `Conditions` named "loopback".

    Latency is half of a small message's way there and back (median), the waiting process's waking
    up included. Bandwidth is that of an exchange of large messages both ways at once, which is how
    servers talk, less one latency.

    Examples
    --------
    >>> calibrate()  # doctest: +SKIP
    Conditions('loopback', latency=3.4e-05 s, bandwidth=13254.9 Mbit/s)
    """
    running = processes or Processes(2)
    try:
        zero, one = server_name(0), server_name(1)
        seconds = running.patience

        def both(method: str, arguments: list[tuple[object, ...]]) -> float:
            idle: list[tuple[object, ...]] = [
                (zero, 0, 0, seconds) if method == "swap" else (zero, False, 0, 0, seconds)
            ] * (running.servers - 2)
            return float(running.call(method, [*arguments, *idle])[0])

        def bounce(repeats: int) -> float:
            return both(
                "bounce",
                [(one, True, _PING, repeats, seconds), (zero, False, _PING, repeats, seconds)],
            )

        def swap(repeats: int) -> float:
            return both(
                "swap", [(one, _BULK, repeats, seconds), (zero, _BULK, repeats, seconds)]
            )

        bounce(20)  # warm
        latency = bounce(times) / 2
        swap(5)
        bulk = swap(max(times // 10, 5))
    finally:
        if processes is None:
            running.close()
    return Conditions("loopback", latency, 8 * _BULK / max(bulk - latency, 1e-9))
