"""Chapter 03: the last step of a product, a power in two rounds, and a triple used twice.

>>> check_finish(lambda c, d, b, e, a, i, p: (c + d * b + e * a + d * e) % p)
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: 2 servers: the shares sum to the product plus d e: every server adds ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import (
    number,
    numbers,
    powered,
    require_reduced,
    shares_of,
)
from mpclab.field import MERSENNE_61
from mpclab.style import plural

__all__ = ["check_finish", "check_fourth", "check_twice"]


def check_finish(finish: Callable[[int, int, int, int, int, int, int], int]) -> str:
    """Check step 3 at one server: `finish(c_i, d, b_i, e, a_i, i, p)` returns z_i.

    Raises
    ------
    NotYet
        If the servers' results do not sum to x y, with the reason.

    Examples
    --------
    >>> def finish(c_i, d, b_i, e, a_i, i, p):
    ...     return (c_i + d * b_i + e * a_i + (d * e if i == 0 else 0)) % p
    >>> check_finish(finish)
    'The shares sum to the product, for 2, 3 and 5 servers in every field.'
    """
    for n in (2, 3, 5):
        for p in (MERSENNE_61, 101, 11):  # in a small field a hint could fit by chance
            for _ in range(10):
                x, y, a, b = (secrets.randbelow(p) for _ in range(4))
                d, e = (x - a) % p or 1, (y - b) % p or 1
                x, y = (a + d) % p, (b + e) % p
                shares = [shares_of(v, n, p) for v in (a, b, a * b)]
                case = f"for n = {n} and p = {p}"
                parts = zip(*shares, strict=True)
                z = [
                    number(attempt(finish, c_i, d, b_i, e, a_i, i, p, case=case))
                    for i, (a_i, b_i, c_i) in enumerate(parts)
                ]
                lacking = (x * y - sum(z)) % p
                if not lacking:
                    require_reduced(z, p, case)
                    continue
                raise NotYet(f"{n} servers: {_why(lacking, n, a, b, d, e, p)}")
    return "The shares sum to the product, for 2, 3 and 5 servers in every field."


def _why(lacking: int, n: int, a: int, b: int, d: int, e: int, p: int) -> str:
    if p > 1000:
        if lacking == d * e % p:
            return "the shares sum to the product less d e: somebody must add it"
        if lacking == -(n - 1) * d * e % p:
            times = "d e" if n == 2 else f"{n - 1} times d e"
            return (
                f"the shares sum to the product plus {times}: every server adds the public d e, "
                "and only one of them may"
            )
        if lacking == (d * b + e * a - d * a - e * b) % p:
            return "d goes with b and e with a: d = x - a is what x has beyond a"
    return f"the shares sum to {lacking} less than the product, modulo {p}"


def check_fourth(fourth: Callable[..., Any]) -> str:
    """Check a protocol `fourth(party, x)` that computes x^4, elementwise, in two rounds at most.

    Raises
    ------
    NotYet
        If the result is wrong, it takes more rounds, or something is opened without a mask, with
        the reason.

    Examples
    --------
    >>> from mpclab import multiply
    >>> async def fourth(party, x):
    ...     square = await multiply(party, x, x)
    ...     return await multiply(party, square, square)
    >>> check_fourth(fourth)
    'Right for every secret that was tried, in 2 rounds, and nothing was opened in the clear.'
    """
    most = 0
    for servers in (2, 3):
        for _ in range(3):
            a = np.array([secrets.randbelow(400) - 200 for _ in range(3)])
            got, rounds, clear = powered(fourth, a, servers)
            if not np.array_equal(got, a**4):
                power = next((k for k in (1, 2, 3, 5, 8) if np.array_equal(got, a**k)), None)
                what = f"x^{power}" if power else str(got.tolist())
                raise NotYet(f"for x = {a.tolist()} it must be {(a**4).tolist()}, not {what}")
            if rounds > 2:
                raise NotYet(
                    f"the result is right, and it takes {plural(rounds, 'round')}: multiply the "
                    "square by itself"
                )
            if clear:
                raise NotYet(
                    f"the result is right, and for x = {a.tolist()} {clear}: two products open "
                    "nothing but what a triple masks"
                )
            most = max(most, rounds)
    return (
        f"Right for every secret that was tried, in {plural(most, 'round')}, and nothing was "
        "opened in the clear."
    )


def check_twice(difference: Callable[[int, int, int, int, int], tuple[int, int]]) -> str:
    """Check what a triple gives away that masked x, y and then x', y'.

    `difference(d1, e1, d2, e2, p)` returns x - x' and y - y' modulo p, from what was opened.

    Raises
    ------
    NotYet
        If it does not, with the reason.

    Examples
    --------
    >>> check_twice(lambda d1, e1, d2, e2, p: ((d1 - d2) % p, (e1 - e2) % p))
    'Both differences come out, whatever the triple was: nothing is left of the mask.'
    """
    for p in (101, 65537, MERSENNE_61):
        for _ in range(20):
            x, y, x2, y2, a, b = (secrets.randbelow(p) for _ in range(6))
            d1, e1, d2, e2 = (x - a) % p, (y - b) % p, (x2 - a) % p, (y2 - b) % p
            case = f"for d = {d1} and {d2}, e = {e1} and {e2} and p = {p}"
            told = numbers(attempt(difference, d1, e1, d2, e2, p, case=case), "x - x' and y - y'")
            if len(told) != 2:
                raise NotYet(f"it returns {plural(len(told), 'number')}: x - x' and y - y'")
            got, due = tuple(v % p for v in told), ((x - x2) % p, (y - y2) % p)
            if got == due:
                continue
            if got == tuple(-v % p for v in due):
                raise NotYet("that is x' - x and y' - y: the first minus the second")
            raise NotYet(
                f"{case} it must be {due}, not {got}: what do d and the other d have in common?"
            )
    return "Both differences come out, whatever the triple was: nothing is left of the mask."
