"""Chapter 05: shares after an upload, a client that looks before it believes, the best lie.

>>> check_store(lambda share_i, mac_i, alpha_i, d, i, p: ((share_i + d) % p, mac_i))
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: 2 servers: the shares sum to x + d, not to x = r + d: every server adds ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import numbers, shares_of
from mpclab.field import MERSENNE_61
from mpclab.style import plural

__all__ = ["check_errors", "check_store", "check_take"]


def check_store(store: Callable[[int, int, int, int, int, int], tuple[int, int]]) -> str:
    """Check I7 at one server: `store(share_i, mac_i, alpha_i, d, i, p)` returns its share of <x>.

    share_i and mac_i are its share and MAC share of the mask r, alpha_i its part of the key,
    d = x - r, i its number. It returns its share of x and its MAC share.

    Raises
    ------
    NotYet
        If the shares do not sum to x, or the MAC shares to alpha x, with the reason.

    Examples
    --------
    >>> def store(share_i, mac_i, alpha_i, d, i, p):
    ...     return (share_i + (d if i == 0 else 0)) % p, (mac_i + alpha_i * d) % p
    >>> check_store(store)
    'The shares sum to x and the MAC shares to alpha x, for 2, 3 and 5 servers in every field.'
    """
    for n in (2, 3, 5):
        for p in (MERSENNE_61, 65537, 101):  # in a small field a hint could fit by chance
            for _ in range(10):
                alphas = [secrets.randbelow(p) for _ in range(n)]
                alpha, r = sum(alphas) % p, secrets.randbelow(p)
                d = 1 + secrets.randbelow(p - 1)
                values, macs = shares_of(r, n, p), shares_of(alpha * r, n, p)
                case = f"for n = {n} and p = {p}"
                told = [
                    _pair(attempt(store, values[i], macs[i], alphas[i], d, i, p, case=case))
                    for i in range(n)
                ]
                x = (r + d) % p
                extra = (sum(t[0] for t in told) - x) % p
                if extra:
                    raise NotYet(f"{n} servers: {_why_value(extra, n, d, p)}")
                lacking = (alpha * x - sum(t[1] for t in told)) % p
                if lacking:
                    raise NotYet(f"{n} servers: {_why_mac(lacking, n, alphas, d, p)}")
    return (
        "The shares sum to x and the MAC shares to alpha x, for 2, 3 and 5 servers in every field."
    )


def _pair(told: Any) -> tuple[int, int]:
    got = numbers(told, "two whole numbers, the server's share of x and its MAC share")
    if len(got) != 2:
        raise NotYet(f"it returns {plural(len(got), 'number')}: a share of x and a MAC share")
    return got[0], got[1]


def _why_value(extra: int, n: int, d: int, p: int) -> str:
    if extra == (n - 1) * d % p:
        times = "d" if n == 2 else f"{n - 1} d"
        return (
            f"the shares sum to x + {times}, not to x = r + d: every server adds the public d, and "
            "only one of them may"
        )
    if extra == -d % p:
        return "the shares still sum to r: one server has to add d"
    if extra == -2 * d % p:
        return "the shares sum to r - d: the client sends d = x - r, so x is r + d"
    return f"the shares sum to {extra} more than x, modulo {p}"


def _why_mac(lacking: int, n: int, alphas: Sequence[int], d: int, p: int) -> str:
    alpha = sum(alphas) % p
    if lacking == alpha * d % p:
        return "the shares are right, but the MAC shares still fit r: the MAC of d is alpha d"
    if lacking == (alpha - alphas[0]) * d % p:
        return (
            "the shares are right, but only server 0 adapts its MAC share: the key is in shares, "
            "so all add alpha_i d"
        )
    if lacking in ((alpha * d - d) % p, (alpha * d - n * d) % p):
        return "the shares are right, but the MAC of d is alpha d, not d"
    return f"the shares are right, but the MAC shares sum to {lacking} less than alpha x modulo {p}"


# -- O4 -------------------------------------------------------------------------------------------

Message = tuple[list[int], list[int], int, list[int]]


def check_take(take: Callable[[list[Message], int], list[int] | None]) -> str:
    """Check O4 at the client: `take(messages, p)` returns the result y, or None.

    A message per server: (z, r, v, w), where z has the L opened entries of y - r, r this server's
    shares of r_0 .. r_L, v its share of the key, w its shares of v r_0 .. v r_L. The client takes
    nothing, and returns None, if copies of z differ or any w_k is not v r_k.

    Raises
    ------
    NotYet
        If it takes what it should not, or not what it should, with the reason.

    Examples
    --------
    >>> def take(messages, p):
    ...     z = messages[0][0]
    ...     r = [sum(shares) % p for shares in zip(*(m[1] for m in messages))]
    ...     v = sum(m[2] for m in messages) % p
    ...     w = [sum(shares) % p for shares in zip(*(m[3] for m in messages))]
    ...     if any(m[0] != z for m in messages) or any(a != v * b % p for a, b in zip(w, r)):
    ...         return None
    ...     return [(a + b) % p for a, b in zip(z, r[1:])]
    >>> check_take(take)
    'It takes every right result and none that was altered, for 2, 3 and 5 servers.'
    """
    for n in (2, 3, 5):
        for p in (MERSENNE_61, 2**31 - 1):
            for length in (1, 2, 3, 4):
                y = [1 + secrets.randbelow(p - 1) for _ in range(length)]
                messages = _messages(y, n, p)
                r_0, z = sum(m[1][0] for m in messages) % p, list(messages[0][0])
                got = _taken(take, messages, p)
                if got is None:
                    raise NotYet(
                        f"{n} servers, all honest, and it takes nothing: the result is {y}; z and "
                        "r, v, w are sums over all servers modulo p, but of z every server sends "
                        "the whole"
                    )
                if got != y:
                    raise NotYet(_why_result(got, y, z, r_0, p))
                for what, hint in _LIES:
                    messages = _messages(y, n, p)
                    if not _lie(messages, what, p):
                        continue
                    if _taken(take, messages, p) is not None:
                        raise NotYet(f"{what}, and it takes a result all the same: {hint}")
    return "It takes every right result and none that was altered, for 2, 3 and 5 servers."


def _messages(y: list[int], n: int, p: int) -> list[Message]:
    r = [secrets.randbelow(p) for _ in range(len(y) + 1)]
    v = 1 + secrets.randbelow(p - 1)
    z = [(a - b) % p for a, b in zip(y, r[1:], strict=True)]
    rs = [shares_of(value, n, p) for value in r]
    ws = [shares_of(v * value, n, p) for value in r]
    vs = shares_of(v, n, p)
    return [(list(z), [s[i] for s in rs], vs[i], [s[i] for s in ws]) for i in range(n)]


_COPIES = "compare all copies of z, entry by entry"
_EVERY = "test w_k = v r_k for every k by itself, and not for sums of them"
_LIES = (
    ("server 0 sent another z than the others", "compare all copies"),
    ("the last server sent another z than the others", "compare all copies"),
    ("a server altered two entries of its z, and their sum is the same", _COPIES),
    ("two servers altered their z, and the sum of all copies is the same", _COPIES),
    ("a server altered its share of a mask r_k", "test w_k = v r_k"),
    ("a server altered its share of v", "test w_k = v r_k"),
    ("a server altered its share of a w_k", "test w_k = v r_k for every k"),
    ("a server altered its share of w_0", "test w_0 = v r_0, too, although r_0 masks "
     "nothing: without it a server tests guesses of y"),
    ("a server altered its shares of two w_k, and their sum is the same", _EVERY),
    ("a server altered its shares of two masks r_k, and their sum is the same", _EVERY),
)  # fmt: skip
"""What is altered, and what finds it."""


def _lie(messages: list[Message], what: str, p: int) -> bool:
    """Alter messages so; False if there are too few servers or entries for it."""
    n, who, by = len(messages), secrets.randbelow(len(messages)), 1 + secrets.randbelow(p - 1)
    length = len(messages[0][0])
    if what.startswith(("server 0", "the last")):
        who = 0 if what.startswith("server 0") else n - 1
    z, r, v, w = messages[who]
    k = secrets.randbelow(length)

    def shift(values: list[int], at: int, amount: int) -> None:
        values[at] = (values[at] + amount) % p

    if "z than" in what:
        shift(z, k, by)
    elif "its z" in what:
        if length < 2:
            return False
        shift(z, k, by)
        shift(z, k - 1, -by)
    elif "their z" in what:
        if n < 3:
            return False
        shift(z, k, by)
        shift(messages[who - 1][0], k, -by)
    elif "share of v" in what:
        v = (v + by) % p
    else:
        values = r if "mask" in what else w
        shift(values, 0 if "w_0" in what else k + 1, by)
        if "two" in what:
            shift(values, k, -by)
    messages[who] = (z, r, v, w)
    return True


def _taken(take: Any, messages: list[Message], p: int) -> Any:
    length = len(messages[0][0])
    case = f"for {len(messages)} servers, with messages (z, r, v, w) for L = {length}"
    if not callable(take):
        attempt(take)  # says so
    (got,) = attempt(lambda: (take(messages, p),), case=case)  # None is an answer here
    if got is None:
        return None
    return [v % p for v in numbers(got, "a list of whole numbers, or None")]


def _why_result(got: list[int], y: list[int], z: list[int], r_0: int, p: int) -> str:
    if len(got) != len(y):
        return (
            f"it returns {plural(len(got), 'number')} for a result of {len(y)}: r has one more "
            "than y, r_0, which masks nothing"
        )
    if got == z:
        return "it returns z, which is still masked: add r_k to z_k"
    if got[0] == (z[0] + r_0) % p:
        return "it adds r_0 to the first entry: r_0 masks nothing, the first entry is under r_1"
    return f"for the result {y} it returns {got}: y_k = z_k + r_k, with r_k the sum of all shares"


# -- the best lie ---------------------------------------------------------------------------------


def check_errors(errors: Callable[[int, int], Sequence[int]]) -> str:
    """Check the best lie about a mask: `errors(length, p)` returns e_0, e_1 .. e_L.

    What a corrupt server adds to its shares of r_0 .. r_L, so that as many chi as possible, L of
    the p, do not show it: e_0 + e_1 chi + ... + e_L chi^L = 0.

    Raises
    ------
    NotYet
        If fewer chi let it pass, or nothing is altered, with the reason.

    Examples
    --------
    >>> def errors(length, p):
    ...     e = [1]
    ...     for root in range(length):  # times (X - root)
    ...         e = [(a - root * b) % p for a, b in zip([0, *e], [*e, 0])]
    ...     return e
    >>> check_errors(errors)
    'Exactly L of the p values of chi let the lie pass, for every L and p that was tried.'
    """
    for p in (101, 31, 1021):
        for length in (1, 2, 3, 5):
            where = f"for L = {length} and p = {p}"
            told = attempt(errors, length, p, case=where)
            e = [v % p for v in numbers(told, f"a list of {length + 1} whole numbers")]
            if len(e) != length + 1:
                raise NotYet(
                    f"for L = {length} it returns {plural(len(e), 'number')}: there are L + 1 "
                    "masks, r_0 to r_L"
                )
            if not any(e[1:]):
                raise NotYet(
                    f"for L = {length} no mask but r_0 is altered, and r_0 masks nothing: the "
                    "upload would be right"
                )
            passing = [chi for chi in range(p) if _at(e, chi, p) == 0]
            if len(passing) == length:
                continue
            several = plural(length, "different root") if length > 1 else "a root"
            raise NotYet(
                f"{where} {len(passing)} of the {p} values of chi "
                f"{'lets' if len(passing) == 1 else 'let'} it pass: a polynomial of degree "
                f"{length} can have {several}"
            )
    return "Exactly L of the p values of chi let the lie pass, for every L and p that was tried."


def _at(coefficients: Sequence[int], x: int, p: int) -> int:
    value = 0
    for c in reversed(coefficients):
        value = (value * x + c) % p
    return value
