"""Chapter 01: sharing and reconstructing by hand, linear operations, and a lie that fits.

>>> check_split(lambda x, n, p: [x, *[0] * (n - 1)])
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the secret comes out, but server 0 alone holds it: ...
"""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mpclab.exercises import NotYet
from mpclab.field import MERSENNE_61, is_prime
from mpclab.lab import Lab

__all__ = ["check_between", "check_linear", "check_split"]

_SMALL, _TIMES = 11, 3_300


def check_split(split: Callable[[int, int, int], Sequence[int]]) -> str:
    """Check a function that shares a secret: `split(x, n, p)` returns n shares of x.

    The shares must reconstruct, be elements of the field, and any n - 1 of them must be uniform
    and say nothing of x. That is tried on many fresh sharings in a small field.

    Raises
    ------
    NotYet
        If it is not so, with the reason.

    Examples
    --------
    >>> import secrets
    >>> def split(x, n, p):
    ...     others = [secrets.randbelow(p) for _ in range(n - 1)]
    ...     return [*others, (x - sum(others)) % p]
    >>> check_split(split)
    'Any secret comes out, and any n - 1 shares are uniform, whatever the secret is.'
    """
    for p in (11, 101, MERSENNE_61):
        for n in (2, 3, 5):
            for x in (0, 1, secrets.randbelow(p), p - 1):
                shares = _shares(split, x, n, p)
                if sum(shares) % p != x:
                    raise NotYet(
                        f"for x = {x}, n = {n} and p = {p} the shares are {shares}: they sum to "
                        f"{sum(shares) % p} modulo p, not to {x}"
                    )
    for n in (2, 3):
        for x in (0, 7):
            _require_uniform(
                [_shares(split, x, n, _SMALL) for _ in range(_TIMES)], x, n
            )
    return "Any secret comes out, and any n - 1 shares are uniform, whatever the secret is."


def _shares(split: Callable[[int, int, int], Sequence[int]], x: int, n: int, p: int) -> list[int]:
    try:
        shares = [int(share) for share in split(x, n, p)]
    except Exception as failure:
        raise NotYet(f"it stops for x = {x}, n = {n}, p = {p}: {failure}") from failure
    if len(shares) != n:
        raise NotYet(f"for n = {n} it returns {len(shares)} shares: every server gets one")
    outside = [share for share in shares if not 0 <= share < p]
    if outside:
        raise NotYet(
            f"for x = {x}, n = {n} and p = {p} a share is {outside[0]}: an element of the field is "
            "0 to p - 1, so reduce it modulo p"
        )
    return shares


def _require_uniform(drawn: list[list[int]], x: int, n: int) -> None:
    """Each share alone, and each set of n - 1 of them, by counting."""
    p = _SMALL
    for i in range(n):
        counts = Counter(shares[i] for shares in drawn)
        if _uneven(list(counts.values()), p):
            if counts.get(x, 0) == len(drawn):
                raise NotYet(
                    f"the secret comes out, but server {i} alone holds it: its share is {x} every "
                    "time; draw all shares but one at random"
                )
            missing = [v for v in range(p) if not counts.get(v)]
            never = f" ({missing[0]} never comes up)" if missing else ""
            raise NotYet(
                f"the share of server {i} is not uniform in 0 .. {p - 1}{never}: of {len(drawn)} "
                f"sharings of {x}, {counts.most_common(1)[0][1]} gave it "
                f"{counts.most_common(1)[0][0]}, where about {len(drawn) // p} should; "
                "secrets.randbelow(p) is uniform"
            )
    for covered in range(n) if n > 2 else ():
        seen = Counter(
            tuple(s for i, s in enumerate(shares) if i != covered) for shares in drawn
        )
        if _uneven(list(seen.values()), p ** (n - 1)):
            raise NotYet(
                f"every share is uniform by itself, but all but that of server {covered} depend on "
                "each other: draw n - 1 shares independently"
            )


def _uneven(counts: list[int], cells: int) -> bool:
    """Whether counts are further from even than in one case of a million."""
    expected = sum(counts) / cells
    square = sum((c - expected) ** 2 for c in counts) / expected + expected * (cells - len(counts))
    degrees = cells - 1
    return square > degrees + 4.75 * math.sqrt(2 * degrees) + 15


def check_linear(combine: Callable[..., Any]) -> str:
    """Check a protocol `combine(party, x, y)` that computes 3 x - 2 y + 5 without any message.

    Raises
    ------
    NotYet
        If the result is wrong, or something was sent.

    Examples
    --------
    >>> async def combine(party, x, y):
    ...     return 3 * x - 2 * y + 5
    >>> check_linear(combine)
    'Right for every secret that was tried, and no server sent a single byte.'
    """
    for servers in (2, 3):
        lab = Lab(servers=servers)
        for _ in range(4):
            a, b = (np.array([secrets.randbelow(2000) - 1000 for _ in range(3)]) for _ in "ab")
            x, y = lab.client("alice").upload(a), lab.client("bob").upload(b)
            before = len(lab.transcript.records)
            try:
                result = lab.run(combine, x, y)
            except Exception as failure:
                raise NotYet(
                    f"it stops with {type(failure).__name__}: {failure}"
                ) from failure
            sent = [r for r in lab.transcript.records[before:] if r.phase == "online"]
            if not hasattr(result, "reveal"):
                raise NotYet(
                    f"it returns {type(result).__name__}, not a secret: leave the result shared"
                )
            got, right = np.asarray(lab.god.value(result)), 3 * a - 2 * b + 5
            if not np.array_equal(got, right):
                shift = set((got - right).tolist()) if got.shape == right.shape else set()
                hint = (
                    "; the constant must be added once in all, not once at each server"
                    if shift == {5 * (servers - 1)} else ""
                )
                raise NotYet(
                    f"for x = {a.tolist()} and y = {b.tolist()} it must be {right.tolist()}, not "
                    f"{got.tolist()}{hint}"
                )
            if sent:
                raise NotYet(
                    f"the result is right, but {len(sent)} messages were sent: a linear operation "
                    "needs none, each server computes with its own shares"
                )
    return "Right for every secret that was tried, and no server sent a single byte."


def check_between(shift: Callable[[Sequence[int], int], Sequence[int]]) -> str:
    """Check a lie of two servers that nobody sees: `shift(shares, p)` returns what they claim.

    The servers 0 and 1 of three lie, both of them, and the secret must come out right.

    Raises
    ------
    NotYet
        If one of them tells the truth, or the secret changes.

    Examples
    --------
    >>> check_between(lambda shares, p: [(shares[0] + 1) % p, (shares[1] - 1) % p, shares[2]])
    'Both lie, and the secret comes out: shares alone do not say who told the truth.'
    """
    for p in (11, 101, 1021, MERSENNE_61):
        assert is_prime(p)
        for _ in range(20):
            shares = [secrets.randbelow(p) for _ in range(3)]
            try:
                told = [int(v) for v in shift(list(shares), p)]
            except Exception as failure:
                raise NotYet(f"it stops for {shares} and p = {p}: {failure}") from failure
            if len(told) != 3:
                raise NotYet(f"it returns {len(told)} shares: there are three servers")
            if any(not 0 <= v < p for v in told):
                raise NotYet(f"for p = {p} it returns {told}: reduce every share modulo p")
            if told[2] != shares[2]:
                raise NotYet("server 2 is honest: leave its share as it is")
            honest = [i for i in (0, 1) if told[i] == shares[i]]
            if honest:
                raise NotYet(f"server {honest[0]} tells the truth: both shall lie")
            if sum(told) % p != sum(shares) % p:
                raise NotYet(
                    f"for {shares} and p = {p} the sum changes by "
                    f"{(sum(told) - sum(shares)) % p}: what one adds, the other must take off"
                )
    return "Both lie, and the secret comes out: shares alone do not say who told the truth."
