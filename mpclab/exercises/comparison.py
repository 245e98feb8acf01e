"""Chapter 06: a table turned by a secret amount, digits put together, a second-price auction.

>>> check_turned(lambda f, r, p: [f[(e + r) % p] for e in range(p)])
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the table is turned the other way: at place e = x + r must stand f[x], ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from mpclab.exercises import NotYet
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab

__all__ = ["check_auction", "check_digits", "check_turned"]


def check_turned(turned: Callable[[list[int], int, int], Sequence[int]]) -> str:
    """Check what the dealer deals for one look-up: `turned(f, r, p)` returns the table T.

    `f` is a list of p numbers, f[x] for every x in F_p. The servers look up T at e = x + r mod p,
    and must find f[x].

    Raises
    ------
    NotYet
        If they find something else, with the reason.

    Examples
    --------
    >>> check_turned(lambda f, r, p: [f[(e - r) % p] for e in range(p)])
    'T[x + r] is f[x] for every x, whatever f and r are: in 11, 101 and 1,021 places.'
    """
    for p in (11, 101, 1021):
        for _ in range(5):
            f = [int(v) for v in np.random.default_rng(secrets.randbits(64)).permutation(p)]
            r = 1 + secrets.randbelow(p - 1)
            try:
                table = [int(v) for v in turned(list(f), r, p)]
            except Exception as failure:
                raise NotYet(f"it stops for p = {p} and r = {r}: {failure}") from failure
            if len(table) != p:
                raise NotYet(
                    f"the table has {len(table)} places, and e = x + r can be any of 0 to {p - 1}: "
                    f"it takes {p}"
                )
            if all(table[(x + r) % p] == f[x] for x in range(p)):
                continue
            if table == f:
                raise NotYet("that is f itself: whoever looks it up at x + r finds f[x + r]")
            if all(table[(x - r) % p] == f[x] for x in range(p)):
                raise NotYet(
                    "the table is turned the other way: at place e = x + r must stand f[x], and "
                    "it stands at x - r"
                )
            x = next(x for x in range(p) if table[(x + r) % p] != f[x])
            raise NotYet(
                f"for p = {p}, r = {r} and x = {x} the servers open e = {(x + r) % p} and find "
                f"{table[(x + r) % p]} there; f[{x}] is {f[x]}"
            )
    return "T[x + r] is f[x] for every x, whatever f and r are: in 11, 101 and 1,021 places."


def check_digits(combine: Callable[[list[int]], int]) -> str:
    """Check step T3: `combine(signs)` returns D, from the looked-up signs of m digits.

    Signs are -1, 0 or 1, the lowest digit's first. D must have the sign of the highest digit that
    differs, with |D| < 2^m, and be computed from shares: with sums and public factors alone.

    Raises
    ------
    NotYet
        If it is not so, with the reason.

    Examples
    --------
    >>> check_digits(lambda signs: sum(2**i * s for i, s in enumerate(signs)))
    'The highest digit that differs decides, for 1 to 6 digits; and it works on shares.'
    """
    for m in range(1, 7):
        for signs in product((-1, 0, 1), repeat=m):
            due = next((s for s in reversed(signs) if s), 0)
            D = _called(combine, list(signs))
            if (D > 0) - (D < 0) != due:
                raise NotYet(_wrong_sign(combine, list(signs), D, due))
            if abs(D) >= 2**m:
                raise NotYet(
                    f"for {list(signs)}, D = {D} has the right sign, and it is too large: the next "
                    f"table has places for |D| < 2^{m} = {2**m} only"
                )
        _on_shares(combine, m)
    return "The highest digit that differs decides, for 1 to 6 digits; and it works on shares."


def _called(combine: Callable[[list[int]], int], signs: list[int]) -> int:
    try:
        return int(combine(list(signs)))
    except Exception as failure:
        raise NotYet(f"it stops for {signs}: {failure}") from failure


def _wrong_sign(combine: Callable[[list[int]], int], signs: list[int], D: int, due: int) -> str:
    word = {-1: "below 0", 0: "0", 1: "above 0"}
    told = f"for {signs}, the lowest digit first, D must be {word[due]}, and it is {D}: "
    every = product((-1, 0, 1), repeat=3)
    if all(_called(combine, list(s)) * next((v for v in s if v), 0) >= any(s) for s in every):
        return told + "the digits are counted from the other end"
    if sum(signs) == D:
        return told + "lower digits must not outvote a higher one, so they need smaller weights"
    return told + "the highest digit that is not 0 decides"


def _on_shares(combine: Callable[[list[int]], int], m: int) -> None:
    """Whether each server can do it by itself: the results must sum to D."""
    p = MERSENNE_61
    for _ in range(5):
        signs = [secrets.randbelow(3) - 1 for _ in range(m)]
        first = [secrets.randbelow(p) for _ in range(m)]
        second = [(s - a) % p for s, a in zip(signs, first, strict=True)]
        both = _called(combine, first) + _called(combine, second)
        if (both - _called(combine, signs)) % p:
            raise NotYet(
                f"with {m} digits it is right for the signs and wrong for shares of them: a server "
                "holds a share, which says nothing about the sign. Use sums and public factors, "
                "and no `if`"
            )


def check_auction(auction: Callable[[Any], tuple[Any, Any]]) -> str:
    """Check a second-price auction: `auction(bids)` returns (winner, price), and tells no more.

    `bids` is a secret vector of positive whole bids. Who bids most wins, and pays the
    second-highest bid. Both results are public; nothing else may be revealed.

    Raises
    ------
    NotYet
        If the result is wrong, or more was revealed, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> check_auction(lambda bids: (bids.argmax().reveal(), np.sort(bids)[-2].reveal()))
    'The highest bid wins and pays the second one; only these two numbers were revealed.'
    """
    for servers, bidders in ((2, 2), (3, 6), (2, 5), (2, 3)):
        lab = Lab(servers, bits=16)
        bids = [1 + secrets.randbelow(900) for _ in range(bidders)]
        secret = lab.secret(bids)
        try:
            result = auction(secret)
        except Exception as failure:
            raise NotYet(f"it stops with {type(failure).__name__}: {failure}") from failure
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise NotYet(f"it returns {result!r}: it takes two results, (winner, price)")
        for name, value in zip(("winner", "price"), result, strict=True):
            if hasattr(value, "reveal"):
                raise NotYet(f"the {name} is still a secret: everybody is to know it, .reveal() it")
            if np.ndim(value) or not isinstance(value, (int, float, np.number)):
                raise NotYet(f"the {name} is {value!r}: it takes one number")
        winner, price = (int(v) for v in result)
        _judge(bids, winner, price)
        told = _revealed(lab)
        if told > 2:
            raise NotYet(
                f"the result is right, and {told} numbers were revealed on the way: everybody "
                "knows them now. Two may be, the winner and the price"
            )
    return "The highest bid wins and pays the second one; only these two numbers were revealed."


def _judge(bids: list[int], winner: int, price: int) -> None:
    best, second = sorted(bids)[-1], sorted(bids)[-2]
    if not 0 <= winner < len(bids):
        raise NotYet(f"the winner is {winner}, and bidders are 0 to {len(bids) - 1}: return who")
    told = f"bids are {bids}: "
    if bids[winner] != best:
        raise NotYet(f"{told}bidder {winner} bid {bids[winner]}, and {best} is the highest")
    if price == second:
        return
    if price == best:
        raise NotYet(f"{told}{price} is the highest bid, and the price is the second one")
    raise NotYet(f"{told}the price must be {second}, not {price}")


def _revealed(lab: Lab) -> int:
    """How many numbers were opened for all to know, or to a client."""
    seen = lab.god.messages()
    last = seen["step"].str.split("/").str[-1]
    told = seen[
        (seen["kind"] == "open") & last.isin(["reveal", "y - r"])
        & (seen["sender"] == "server 0") & (seen["party"] == "server 1")
    ]  # fmt: skip
    return int(sum(np.size(v) for v in told["value"]))
