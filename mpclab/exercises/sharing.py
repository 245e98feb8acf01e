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

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import numbers, ran, require_reduced
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab
from mpclab.style import plural

__all__ = ["check_between", "check_linear", "check_split"]

_TIMES = 3_300
# Where every value that n - 1 shares can take together is counted: n, p.
_SMALL = ((2, 11), (3, 11), (4, 5), (5, 5), (7, 3))
# Where quarters of the field are counted instead, and linear relations looked for.
_LARGE = ((2, 65537), (3, 2**31 - 1), (5, MERSENNE_61))


def check_split(split: Callable[[int, int, int], Sequence[int]]) -> str:
    """Check a function that shares a secret: `split(x, n, p)` returns n shares of x.

    The shares must reconstruct, be elements of the field, and any n - 1 of them must be uniform
    and say nothing of x. That is tried on many fresh sharings: in small fields by counting all that
    comes up, in large ones by counting quarters of the field and by linear algebra. What looks
    uneven is drawn afresh, twice: a right answer is refused less than once in a million times.

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
    for n, p in (*_SMALL, *_LARGE):
        for x in (p - 4 if p > 7 else 2, 0):
            _require_even(split, x, n, p, 4 if (n, p) in _LARGE else p)
    return "Any secret comes out, and any n - 1 shares are uniform, whatever the secret is."


def _shares(split: Callable[[int, int, int], Sequence[int]], x: int, n: int, p: int) -> list[int]:
    case = f"for x = {x}, n = {n} and p = {p}"
    shares = numbers(attempt(split, x, n, p, case=case), "a list of shares")
    if len(shares) != n:
        raise NotYet(
            f"for n = {n} it returns {plural(len(shares), 'share')}: every server gets one"
        )
    require_reduced(shares, p, case)
    return shares


def _require_even(
    split: Callable[[int, int, int], Sequence[int]], x: int, n: int, p: int, parts: int
) -> None:
    """Draw sharings and count; three times in a row it is no bad luck."""
    for left in (2, 1, 0):
        drawn = [_shares(split, x, n, p) for _ in range(_TIMES)]
        try:
            return _require_uniform(drawn, x, n, p, parts)
        except NotYet:
            if not left:
                raise


def _require_uniform(drawn: list[list[int]], x: int, n: int, p: int, parts: int) -> None:
    """Each share alone, and each set of n - 1 of them, by counting parts of the field."""
    cells = [[share * parts // p for share in shares] for shares in drawn]
    for i in range(n):
        counts = Counter(shares[i] for shares in cells)
        if _uneven(list(counts.values()), parts):
            raise NotYet(_why_uneven([shares[i] for shares in drawn], i, x, n, p, counts, parts))
    for covered in range(n) if n > 2 else ():
        rest = [i for i in range(n) if i != covered]
        seen = Counter(tuple(shares[i] for i in rest) for shares in cells)
        if _uneven(list(seen.values()), parts ** (n - 1)) or _related(drawn, rest, p):
            raise NotYet(
                f"every share is uniform by itself, but all but that of server {covered} depend on "
                "each other: draw n - 1 shares independently"
            )


def _why_uneven(
    drawn: list[int], i: int, x: int, n: int, p: int, counts: Counter[int], parts: int
) -> str:
    times = f"of {len(drawn)} sharings of {x} with n = {n}"
    if x and drawn.count(x) == len(drawn):
        return (
            f"the secret comes out, but server {i} alone holds it: its share is {x} every time; "
            "draw all shares but one at random"
        )
    hint = "secrets.randbelow(p) is uniform"
    value, most = counts.most_common(1)[0]
    if parts < p:
        low, high = (-(-p * k // parts) for k in (value, value + 1))
        return (
            f"the share of server {i} is not uniform in 0 .. {p - 1}: {times}, {most} gave it a "
            f"share from {low} to {high - 1}, where about {len(drawn) // parts} should; {hint}"
        )
    missing = [v for v in range(p) if not counts.get(v)]
    never = f" ({missing[0]} never comes up)" if missing else ""
    return (
        f"the share of server {i} is not uniform in 0 .. {p - 1}{never}: {times}, {most} gave it "
        f"{value}, where about {len(drawn) // p} should; {hint}"
    )


def _uneven(counts: list[int], cells: int) -> bool:
    """Whether counts are further from even than in two cases of a million, by chi-squared."""
    expected = sum(counts) / cells
    square = sum((c - expected) ** 2 for c in counts) / expected + expected * (cells - len(counts))
    degrees = cells - 1
    return square > degrees + 4.75 * math.sqrt(2 * degrees) + 15


def _related(drawn: list[list[int]], rest: list[int], p: int) -> bool:
    """Whether the shares of some servers, in all sharings, fulfil one linear equation.

    Then the differences of sharings span less than F_p^k. Of uniform ones, twenty more than k do
    with probability below p^-20.
    """
    first = drawn[0]
    rows = [[(shares[i] - first[i]) % p for i in rest] for shares in drawn[1 : len(rest) + 21]]
    for column in range(len(rest)):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            return True
        rows.remove(pivot)
        inverse = pow(pivot[column], -1, p)
        for row in rows:
            factor = row[column] * inverse % p
            row[:] = [(a - factor * b) % p for a, b in zip(row, pivot, strict=True)]
    return False


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
            result = ran(lab, combine, x, y)
            sent = [r for r in lab.transcript.records[before:] if r.phase == "online"]
            got, right = np.asarray(lab.god.value(result)), 3 * a - 2 * b + 5
            if not np.array_equal(got, right):
                raise NotYet(
                    f"for x = {a.tolist()} and y = {b.tolist()} it must be {right.tolist()}, not "
                    f"{got.tolist()}{_why_not_mixed(combine)}"
                )
            if sent:
                raise NotYet(
                    f"the result is right, but messages were sent, {len(sent)} of them: a linear "
                    "operation needs none, each server computes with its own shares"
                )
    return "Right for every secret that was tried, and no server sent a single byte."


def _why_not_mixed(combine: Callable[..., Any]) -> str:
    """What else it computes, if that is a mixture, too."""
    mixtures = [_mixture(combine, servers) for servers in (2, 3)]
    if None in mixtures:
        return ""
    (a, b, c), (a3, b3, c3) = mixtures  # type: ignore[misc]
    if (a, b) == (a3, b3) and c != c3:
        if (c, c3) == (10, 15):
            return "; the constant must be added once in all, not once at each server"
        return f"; with 2 servers the constant is {c}, and with 3 it is {c3}: it must always be 5"
    return f"; it computes {a} x + {b} y + {c}".replace("+ -", "- ") if c == c3 else ""


def _mixture(combine: Callable[..., Any], servers: int) -> tuple[int, int, int] | None:
    """The coefficients of x and y and the constant, if it is that."""
    lab = Lab(servers=servers)
    x, y = np.array([0, 1, 0, 17, -4]), np.array([0, 0, 1, 5, 30])
    got = np.asarray(lab.god.value(ran(lab, combine, lab.secret(x), lab.secret(y))))
    if got.shape != x.shape:
        return None
    c = int(got[0])
    a, b = int(got[1]) - c, int(got[2]) - c
    return (a, b, c) if np.array_equal(got, a * x + b * y + c) else None


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
        for _ in range(20):
            first, third = secrets.randbelow(p), secrets.randbelow(p)
            second = (first + 1 + secrets.randbelow(p - 1)) % p  # another one: a swap is a lie
            shares = [first, second, third]
            case = f"for the shares {shares} and p = {p}"
            told = numbers(attempt(shift, list(shares), p, case=case), "a list of three shares")
            if len(told) != 3:
                raise NotYet(f"it returns {plural(len(told), 'share')}: there are three servers")
            require_reduced(told, p, case)
            claimed = f"{case} it claims {told}: "
            if told[2] != third:
                raise NotYet(f"{claimed}server 2 is honest, leave its share as it is")
            honest = [i for i in (0, 1) if told[i] == shares[i]]
            if honest:
                raise NotYet(f"{claimed}server {honest[0]} tells the truth, and both shall lie")
            if sum(told) % p != sum(shares) % p:
                raise NotYet(
                    f"{claimed}the sum changes by {(sum(told) - sum(shares)) % p}; what one adds, "
                    "the other must take off"
                )
    return "Both lie, and the secret comes out: shares alone do not say who told the truth."
