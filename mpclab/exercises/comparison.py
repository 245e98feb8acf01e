"""Chapter 06: a table turned by a secret amount, digits put together, a second-price auction.

>>> check_turned(lambda f, r, p: [f[(e + r) % p] for e in range(p)])
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the table is turned the other way: at place e = x + r must stand f[x], ...
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from inspect import iscoroutine
from itertools import product
from typing import Any

import numpy as np

from mpclab.arguments import is_whole
from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import numbers
from mpclab.exercises.watching import Watched, watch
from mpclab.field import MERSENNE_61
from mpclab.network.endpoint import is_server
from mpclab.style import plural

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
            told = attempt(turned, list(f), r, p, case=f"for p = {p} and r = {r}")
            table = numbers(told, f"a list of {p:,} whole numbers")
            if len(table) != p:
                raise NotYet(
                    f"the table has {plural(len(table), 'place')}, and e = x + r can be any of 0 "
                    f"to {p - 1}: it takes {p}"
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
    told = attempt(combine, list(signs), case=f"for {signs}")
    try:
        D = int(told)
    except (TypeError, ValueError, OverflowError):  # also NaN and infinity
        raise NotYet(f"it returns {told!r} for {signs}: D is one number") from None
    if isinstance(told, str) or told != D:
        raise NotYet(f"it returns {told!r} for {signs}: D is a whole number")
    return D


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
    for _ in range(5):
        signs = [secrets.randbelow(3) - 1 for _ in range(m)]
        if not _adds_up(combine, signs, MERSENNE_61):
            if all(_adds_up(combine, signs, 101) for _ in range(20)):
                raise NotYet(_too_narrow(combine, m))
            raise NotYet(
                f"with {plural(m, 'digit')} it is right for the signs and wrong for shares of "
                "them: a server holds a share, which says nothing about the sign. Use sums and "
                "public factors, and no `if`"
            )


def _adds_up(combine: Callable[[list[int]], int], signs: list[int], p: int) -> bool:
    """Whether what two servers compute from fresh shares of the signs sums to D."""
    first = [secrets.randbelow(p) for _ in signs]
    second = [(s - a) % p for s, a in zip(signs, first, strict=True)]
    both = _called(combine, first) + _called(combine, second)
    return (both - _called(combine, signs)) % p == 0


def _too_narrow(combine: Callable[[list[int]], int], m: int) -> str:
    """Why something linear is wrong for large shares, and right for small ones."""
    told = f"the formula is right, but shares have up to 61 bits, and with {plural(m, 'digit')} "
    if isinstance(combine([1] * m), float | np.floating):
        return told + "floating-point numbers, exact up to 2^53, lose some: use whole numbers"
    return told + (
        "it leaves the range of NumPy's integers, which overflow at 2^64: use Python's, as in "
        "sum(.. for ..), or an array of dtype=object"
    )


def check_auction(auction: Callable[[Any], tuple[Any, Any]]) -> str:
    """Check a second-price auction: `auction(bids)` returns (winner, price), and tells no more.

    `bids` is a secret vector of positive whole bids. Who bids most wins, and pays the
    second-highest bid; of equal highest bids the first wins, and the price is that bid. Both
    results are public; nothing else may be revealed.

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
    told = "only these two numbers were revealed."
    for servers, bidders, equal in ((2, 2, 1), (3, 6, 1), (2, 5, 2), (2, 3, 1), (2, 4, 3)):
        bids = _bids(bidders, equal)
        winner, price, seen = _held(auction, bids, servers)
        clear = [value for _, value in seen.clear]
        others = _alike(bids, winner, price)
        again = [value for _, value in _held(auction, others, servers)[2].clear]
        more = Counter(clear) - Counter(again)
        if more or len(clear) != len(again):
            # What is the same for all bids with this winner and this price says no more than they.
            was = "was" if len(clear) == 1 else "were"
            each = f"{next(iter(more))} is" if more else "their number is"
            raise NotYet(
                f"the result is right, and {plural(len(clear), 'number')} {was} revealed on the "
                f"way: everybody knows them now. {each} not the same for all bids with this winner "
                "and this price, and so tells more than these two"
            )
        if Counter(clear) != Counter([winner, price]):
            told = "nothing was revealed that tells more."
    return f"The highest bid wins and pays the second one; {told}"


def _bids(bidders: int, equal: int) -> list[int]:
    """Random bids; of several equal highest ones each is 900."""
    bids = secrets.SystemRandom().sample(range(1, 900), bidders)
    if equal > 1:
        for k in secrets.SystemRandom().sample(range(bidders), equal):
            bids[k] = 900
    return bids


def _alike(bids: list[int], winner: int, price: int) -> list[int]:
    """Other bids with the same winner and the same price."""
    rng = secrets.SystemRandom()
    others = [1 + rng.randrange(max(price - 1, 1)) if price > 1 else 1 for _ in bids]
    others[rng.choice([k for k in range(len(bids)) if k != winner])] = price
    others[winner] = rng.choice([b for b in range(price + 1, price + 99) if b != bids[winner]])
    return others


def _held(auction: Any, bids: list[int], servers: int) -> tuple[int, int, Watched]:
    """An auction's result, which is right, and what was opened in the clear."""
    seen = watch(auction, lambda lab: (lab.secret(bids),), servers, bits=16)
    results = []
    for result in seen.results:
        if iscoroutine(result):
            for each in seen.results:
                each.close()
            raise NotYet("write a plain `def`, without `async`: secrets compute like numbers")
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise NotYet(f"it returns {result!r}: it takes two results, (winner, price)")
        winner, price = (
            _public(name, value) for name, value in zip(("winner", "price"), result, strict=True)
        )
        _judge(bids, winner, price)
        results.append((winner, price))
    for r in seen.labs[0].transcript.records:
        if r.phase == "online" and is_server(r.sender) and not is_server(r.receiver):
            raise NotYet(
                f"the result is right, and numbers were revealed to {r.receiver} alone: the winner "
                "and the price are for everybody, .reveal() them, and nothing else for anybody"
            )
    return *results[0], seen


def _public(name: str, value: Any) -> int:
    if hasattr(value, "reveal"):
        raise NotYet(f"the {name} is still a secret: everybody is to know it, .reveal() it")
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if is_whole(value) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise NotYet(f"the {name} is {value!r}: it takes one whole number")


def _judge(bids: list[int], winner: int, price: int) -> None:
    best, second = sorted(bids)[-1], sorted(bids)[-2]
    if not 0 <= winner < len(bids):
        raise NotYet(f"the winner is {winner}, and bidders are 0 to {len(bids) - 1}: return who")
    told = f"bids are {bids}: "
    if bids[winner] != best:
        raise NotYet(f"{told}bidder {winner} bid {bids[winner]}, and {best} is the highest")
    if winner != bids.index(best):
        raise NotYet(f"{told}of equal highest bids the first wins, bidder {bids.index(best)}")
    if price == second:
        return
    if second == best:
        raise NotYet(
            f"{told}the highest bid was made more than once, so the second-highest bid is {best}, "
            f"too, and the price; it says {price}"
        )
    if price == best:
        raise NotYet(f"{told}{price} is the highest bid, and the price is the second one")
    raise NotYet(f"{told}the price must be {second}, not {price}")
