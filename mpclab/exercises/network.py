"""Chapter 09: the time of a program from its cost, a chain made a tree, and a plan for a deadline.

Times are those of the lab's virtual clock, with computing left out (`mpclab.teaching.clock`).

>>> check_seconds(lambda rounds, size, latency, bandwidth: rounds * latency + size / bandwidth)
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: ... bandwidth is in bits per second, and a byte has 8 bits
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from mpclab.arguments import is_whole, whole
from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import powered
from mpclab.lab import Lab
from mpclab.network.conditions import Conditions
from mpclab.network.transcript import Transcript
from mpclab.party import Party
from mpclab.protocols.comparison import comparison_material, is_negative
from mpclab.protocols.multiply import multiply
from mpclab.sharing import Share
from mpclab.style import duration, plural
from mpclab.teaching.clock import on_network

__all__ = ["check_plan", "check_product", "check_seconds", "comparison_costs"]

_BITS = 19
_ENDLESS = 10**15  # comparisons: more than any network takes
_MOST_SERVERS = 10
_FORGIVEN = 0.02  # headers of messages, which the costs per comparison leave out


def _between(low: float, high: float) -> float:
    """A random number, uniform on a logarithmic scale."""
    part: float = secrets.randbelow(10**6) / 10**6
    return low * (high / low) ** part


# -- the formula ----------------------------------------------------------------------------------


def check_seconds(seconds: Callable[[int, int, float, float], float]) -> str:
    """Check `seconds(rounds, bytes, latency, bandwidth)` against the lab's clock.

    `bytes` is what one server sends to all others in all rounds together, `latency` is in seconds
    one way, and `bandwidth` in bits per second.

    Raises
    ------
    NotYet
        If it differs from the clock, with the reason.

    Examples
    --------
    >>> check_seconds(lambda r, size, latency, bandwidth: r * latency + 8 * size / bandwidth)
    'It agrees with the clock for every program, number of servers and network that was tried.'
    """
    for servers in (2, 3, 5):
        for _ in range(3):
            sizes = [1 + secrets.randbelow(400) for _ in range(2 + secrets.randbelow(5))]
            recorded = _products(servers, sizes)
            rounds = recorded.rounds(phase="online")
            sent = recorded.bytes_sent("server 0", phase="online")
            for _ in range(4):
                latency, bandwidth = _between(1e-4, 0.2), _between(1e5, 1e9)
                network = Conditions("random", latency, bandwidth)
                clock = on_network(recorded, network, "none").seconds(phase="online")
                got = _number(seconds, rounds, sent, latency, bandwidth)
                if math.isclose(got, clock, rel_tol=1e-6):
                    continue
                raise NotYet(
                    f"{rounds} rounds, {sent:,} bytes, {duration(latency)} and "
                    f"{bandwidth / 1e6:.3g} Mbit/s take {duration(clock)}, not {duration(got)}: "
                    f"{_why(got, rounds, sent, latency, bandwidth)}"
                )
    return "It agrees with the clock for every program, number of servers and network that was " \
        "tried."  # fmt: skip


def _number(seconds: Callable[..., Any], *arguments: float) -> float:
    got = attempt(seconds, *arguments)
    try:
        value = math.nan if isinstance(got, (str, bytes)) else float(got)
    except OverflowError:
        value = math.inf
    except (TypeError, ValueError):
        raise NotYet(f"it returns {got!r}: return a number of seconds") from None
    if not math.isfinite(value) or value < 0:
        raise NotYet(f"it returns {got!r}: return a number of seconds, 0 or more")
    return value


def _why(got: float, rounds: int, sent: int, latency: float, bandwidth: float) -> str:
    way, leaving = rounds * latency, 8 * sent / bandwidth
    reasons = [
        (way + leaving / 8, "bandwidth is in bits per second, and a byte has 8 bits"),
        (latency + leaving, "every round takes a latency, since it cannot begin before the one "
         "before it has arrived"),
        (rounds * (latency + leaving), "the bytes are those of all rounds together: they leave "
         "once, not once a round"),
        (2 * way + leaving, "a round takes one latency, not two: all servers send at the same "
         "time, and nobody waits for an answer"),
        (way + latency + leaving, "that is one latency too many: the first round begins at once, "
         "so there are as many latencies as rounds"),
        (way, "bytes take time to leave, too"),
        (leaving, "a message is on its way for one latency, however short it is"),
        (1000 * (way + leaving), "that is in milliseconds"),
        (way + sent * bandwidth, "the faster the link, the sooner the bytes have left: divide"),
        (way + 8 * sent * bandwidth, "the faster the link, the sooner the bytes have left: divide"),
    ]  # fmt: skip
    for wrong, reason in reasons:
        if math.isclose(got, wrong, rel_tol=1e-6):
            return reason
    return "in each round the bytes leave, and then they are on their way"


def _products(servers: int, sizes: list[int]) -> Transcript:
    """Products of random lengths, one after another, recorded."""
    lab = Lab(servers=servers, contents=False)

    async def program(party: Party, *secrets_: Share) -> Share:
        for x in secrets_:
            last = await multiply(party, x, x)
        return last

    lab.run(program, *[lab.secret(np.ones(size, int)) for size in sizes])
    return lab.transcript


# -- a tree ---------------------------------------------------------------------------------------


def check_product(product: Callable[..., Any]) -> str:
    """Check `product(party, x)`, the product of all entries of a secret vector, in few rounds.

    Of k entries: in as many rounds as k must be halved (rounded up) to become 1.

    Raises
    ------
    NotYet
        If the result is wrong, or it takes more rounds, with the reason.

    Examples
    --------
    >>> from mpclab import multiply
    >>> from mpclab.sharing import concatenate
    >>> async def product(party, x):
    ...     while len(x) > 1:
    ...         half = len(x) // 2
    ...         pairs = await multiply(party, x[:half], x[half : 2 * half])
    ...         x = concatenate([pairs, x[2 * half :]])
    ...     return x
    >>> check_product(product)
    'Right for every length from 1 to 16, in as many rounds as halvings.'
    """
    for servers, lengths in ((2, (4, 8, 16, 2, 1)), (3, (3, 5, 6, 7, 12, 13))):
        for length in lengths:
            values = [(1 + secrets.randbelow(3)) * (-1) ** secrets.randbelow(2)
                      for _ in range(length)]  # fmt: skip
            values[-1] = 5  # an entry that would be missed
            due = math.prod(values)
            entries = "1 entry" if length == 1 else f"{length} entries"
            result, rounds, clear = powered(product, np.array(values), servers)
            if clear:
                raise NotYet(
                    f"{clear}, for {values}: the entries are secrets, multiply them as they are"
                )
            _check_value(result, values, due)
            least = math.ceil(math.log2(length))
            if rounds > least:
                what = plural(rounds, "round")
                take = "takes" if length == 1 else "take"
                raise NotYet(
                    f"the result is right, and {entries} {take} {what} instead of {least}: "
                    "multiply one half by the other half, all at once, and go on with the products"
                )
    return "Right for every length from 1 to 16, in as many rounds as halvings."


def _check_value(got: np.ndarray[Any, Any], values: list[int], due: int) -> None:
    if got.size != 1:
        raise NotYet(f"for {values} it returns {plural(got.size, 'number')}: one is the product")
    value = int(got.reshape(())) if got.ndim == 0 else int(got.ravel()[0])
    if value == due:
        return
    hint = ""
    if value == math.prod(values[:-1]):
        hint = ": the last entry is missing, for which there was no partner"
    elif value == sum(values):
        hint = ": that is the sum"
    raise NotYet(f"for {values} it must be {due}, not {value}{hint}")


# -- a plan ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _compared(servers: int, way: str, count: int) -> Transcript:
    """So many comparisons at once, from the dealer's material on, recorded."""
    lab = Lab(servers, comparison=way, bits=_BITS, seed=1, contents=False)
    spec = comparison_material(lab.field, count, _BITS, way, servers)
    lab.preprocess([spec])
    lab.each(lambda party, x: is_negative(party, x, spec), lab.god.share(np.zeros(count, int)))
    return lab.transcript


@lru_cache(maxsize=8)
def _costs(servers: int) -> tuple[tuple[str, tuple[int, float, float]], ...]:
    out = []
    for way in ("tables", "bits", *(("fss",) if servers == 2 else ())):
        few, many = _compared(servers, way, 500), _compared(servers, way, 1_000)
        sent, material = (
            [
                t.bytes_sent("server 0", phase="online"),
                sum(r.bytes for r in t.select(phase="preprocess")),
            ]
            for t in (few, many)
        )
        each = [(b - a) / 500 for a, b in zip(sent, material, strict=True)]
        out.append((way, (many.rounds(phase="online"), each[0], each[1])))
    return tuple(out)


def comparison_costs(servers: int) -> dict[str, tuple[int, float, float]]:
    """What comparing 19-bit secrets costs, by way: rounds, bytes sent, bytes of material.

    Bytes are per comparison, without the headers of messages: what one server sends to all others
    together, and what the dealer sends to all servers together.

    Parameters
    ----------
    servers : int
        2 to 10.

    Raises
    ------
    InputError
        If there are not so many servers.

    Examples
    --------
    >>> costs = comparison_costs(2)
    >>> list(costs), [costs[way][0] for way in costs]
    (['tables', 'bits', 'fss'], [2, 5, 1])
    """
    return dict(_costs(whole("servers", servers, 2, _MOST_SERVERS)))


Plan = Callable[[Mapping[str, tuple[int, float, float]], float, float, float], tuple[str, int]]


def check_plan(plan: Plan) -> str:
    """Check `plan(costs, latency, bandwidth, deadline)`: a way to compare, and a count.

    `costs` are those of `comparison_costs`. By the deadline the dealer must have sent the material,
    and the servers must have made `count` comparisons at once, as many as can be. The plan is run
    on the clock, with computing left out; 2 % are forgiven for headers of messages.

    Raises
    ------
    NotYet
        If it comes too late, or more could be done in time, with the reason.

    Examples
    --------
    >>> def plan(costs, latency, bandwidth, deadline):
    ...     counts = {}
    ...     for way, (rounds, sent, material) in costs.items():
    ...         left = deadline - (rounds + 1) * latency
    ...         counts[way] = int(left * bandwidth / (8 * (sent + material)))
    ...     way = max(counts, key=counts.get)
    ...     return way, counts[way]
    >>> check_plan(plan)
    'In time, and no other plan does more, for every network and deadline that was tried.'
    """
    kinds = ((3, 7.0, 8.2), (3, 15.0, 40.0), (3, 4.5, 5.8), (2, 5.0, 30.0), (4, 20.0, 50.0))
    for servers, low, high in kinds:
        costs = comparison_costs(servers)
        latency = _between(0.01, 0.08)
        deadline = latency * _between(low, high)
        most = {way: _most(c, latency, 1.0, deadline) for way, c in costs.items()}
        best = max(most, key=lambda way: most[way])
        bandwidth = _between(700, 1_800) / most[best]
        _check_one(plan, costs, servers, latency, bandwidth, deadline)
    return "In time, and no other plan does more, for every network and deadline that was tried."


def _most(
    cost: tuple[int, float, float], latency: float, bandwidth: float, deadline: float
) -> float:
    rounds, sent, material = cost
    return max(deadline - (rounds + 1) * latency, 0.0) * bandwidth / (8 * (sent + material))


def _check_one(
    plan: Plan, costs: dict[str, tuple[int, float, float]], servers: int, latency: float,
    bandwidth: float, deadline: float,
) -> None:  # fmt: skip
    told = (
        f"{servers} servers, {duration(latency)}, {bandwidth / 1e6:.3g} Mbit/s, "
        f"{duration(deadline)}"
    )
    planned = attempt(plan, dict(costs), latency, bandwidth, deadline, case=f"for {told}")
    if not isinstance(planned, (tuple, list)) or len(planned) != 2:
        raise NotYet(f"{told}: it returns {planned!r}, and must return a way and a count")
    way, count = planned
    if not isinstance(way, str) or way not in costs:
        raise NotYet(f"{told}: {way!r} is none of {', '.join(map(repr, costs))}")
    if not is_whole(count):
        raise NotYet(f"{told}: the count is {count!r}, and must be an integer")
    most = {name: int(_most(c, latency, bandwidth, deadline)) for name, c in costs.items()}
    best = max(most, key=lambda name: most[name])
    count = int(count)
    if count > _ENDLESS:
        raise NotYet(
            f"{told}: the count has {count.bit_length()} bits: no more than {most[best]:,} can be "
            f"done, with {best!r}"
        )
    if count < 1:
        raise NotYet(
            f"{told}: the count is {count}, though {most[best]:,} can be done with {best!r}"
        )
    rounds, sent, material = costs[way]
    if count > 5 * most[best]:  # not worth running
        took = (rounds + 1) * latency + 8 * count * (sent + material) / bandwidth
    else:
        network = Conditions("planned", latency, bandwidth)
        took = on_network(_compared(servers, way, int(count)), network, "none").seconds()
    if took > deadline * (1 + _FORGIVEN):
        take = "takes" if count == 1 else "take"
        what = f"{plural(int(count), 'comparison')} with {way!r}"
        late = f"{told}: {what} {take} {duration(took)}: "
        raise NotYet(late + _why_late(took - deadline, costs[way], int(count), latency, bandwidth))
    if count < most[best] * (1 - _FORGIVEN) - 1:
        verb = "is" if count == 1 else "are"
        more = f"{told}: {plural(int(count), 'comparison')} with {way!r} {verb} in time, and "
        longer = int(_most(costs[way], latency, bandwidth, deadline - latency))
        if abs(count - longer) <= 1 + 0.002 * longer:
            raise NotYet(
                f"{more}{most[best]:,} with {best!r} would be, too: that is one latency too many. "
                "The dealer's message takes one, and each round one"
            )
        if way == best:
            raise NotYet(f"{more}{most[best]:,} would be, too: fill the time that is left")
        raise NotYet(f"{more}{best!r} does {most[best]:,} by then: compare what all ways do")


def _why_late(
    excess: float, cost: tuple[int, float, float], count: int, latency: float, bandwidth: float
) -> str:
    """What was probably not counted: that which takes as long as the plan comes too late."""
    rounds, sent, material = cost
    left_out = {
        "the dealer's material must come first, through a link as fast": 8 * count * material
        / bandwidth,
        f"{rounds} rounds and the dealer's message take a latency each": (rounds + 1) * latency,
        "the dealer's message is on its way for a latency, too": latency,
        "what the servers send takes time to leave, too": 8 * count * sent / bandwidth,
        "a byte has 8 bits": 7 / 8 * 8 * count * (sent + material) / bandwidth,
    }
    reason = min(left_out, key=lambda k: abs(math.log(excess / left_out[k])))
    return reason if math.isclose(excess, left_out[reason], rel_tol=0.12) else "too late"
