"""Chapter 04: server 0's corrections, material that a student declares, and a program that uses it.

>>> check_corrections(lambda x, alpha, values, macs, p: ((x - sum(values)) % p, alpha * x % p))
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the shares sum to x, and the MAC shares to more than alpha x: the other ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import numbers, powered, require_reduced
from mpclab.field import MERSENNE_61, Elements, Field
from mpclab.lab import Lab
from mpclab.preprocessing.material import Entry, Spec
from mpclab.sharing import mac_holds, reconstruct
from mpclab.style import plural

__all__ = ["check_corrections", "check_cube", "check_cubes"]

Corrections = Callable[[int, int, Sequence[int], Sequence[int], int], Sequence[int]]


def check_corrections(corrections: Corrections) -> str:
    """Check steps 2. and 3.: `corrections(x, alpha, values, macs, p)` returns two numbers.

    `values` are what servers 1 .. n-1 have drawn as their shares of x, `macs` as their shares of
    alpha x. What is returned is server 0's share of x, and its share of alpha x.

    Raises
    ------
    NotYet
        If the shares do not add up, with the reason.

    Examples
    --------
    >>> def corrections(x, alpha, values, macs, p):
    ...     return (x - sum(values)) % p, (alpha * x - sum(macs)) % p
    >>> check_corrections(corrections)
    'Shares and MAC shares add up, for 2, 3 and 7 servers in every field.'
    """
    for n in (2, 3, 7):
        for p in (MERSENNE_61, 65537, 101):  # in a small field a hint could fit by chance
            for _ in range(10):
                x, alpha = 1 + secrets.randbelow(p - 1), 2 + secrets.randbelow(p - 2)
                values, macs = ([secrets.randbelow(p) for _ in range(n - 1)] for _ in range(2))
                case, both = f"for {n} servers and p = {p}", "a share of x and one of alpha x"
                answer = attempt(corrections, x, alpha, list(values), list(macs), p, case=case)
                told = numbers(answer, both)
                if len(told) != 2:
                    raise NotYet(f"it returns {plural(len(told), 'number')}: {both}")
                if (told[0] + sum(values) - x) % p:
                    raise NotYet(_why_value(told[0], x, values, p))
                if (told[1] + sum(macs) - alpha * x) % p:
                    raise NotYet(_why_mac(told, x, alpha, macs, p))
                require_reduced(told, p, case)
    return "Shares and MAC shares add up, for 2, 3 and 7 servers in every field."


def _why_value(told: int, x: int, values: Sequence[int], p: int) -> str:
    if told % p == x:
        return (
            "server 0 is sent x itself: it would know it, and the shares would sum to more, since "
            "the others have drawn theirs already"
        )
    if told % p == (sum(values) - x) % p:
        return "the sign is the other one: x minus what the others have drawn"
    total = (told + sum(values)) % p
    return f"x = {x}, and all shares sum to {total} modulo {p}: server 0 gets what is lacking"


def _why_mac(told: Sequence[int], x: int, alpha: int, macs: Sequence[int], p: int) -> str:
    if told[1] % p == alpha * x % p:
        return (
            "the shares sum to x, and the MAC shares to more than alpha x: the other servers have "
            "drawn theirs already"
        )
    if told[1] % p == (x - sum(macs)) % p:
        return "the shares sum to x, and the MAC shares to x, too: they must sum to alpha x"
    if told[1] % p == (alpha * told[0] - sum(macs)) % p or told[1] % p == alpha * told[0] % p:
        return (
            "the MAC is one of x, not of server 0's share of it: alpha times the correction is not "
            "what is lacking"
        )
    if told[1] % p == (sum(macs) - alpha * x) % p:
        return "the MAC's sign is the other one: alpha x minus what the others have drawn"
    total = (told[1] + sum(macs)) % p
    return f"the MAC shares sum to {total}, and alpha x is {alpha * x % p}, modulo {p}"


# -- material -------------------------------------------------------------------------------------

_POWERS = {"a": 1, "aa": 2, "aaa": 3}


def check_cubes(material: Callable[[int], Spec]) -> str:
    """Check a declaration `Cubes(count)` of <a>, <aa>, <aaa>: a uniform, its square and its cube.

    Raises
    ------
    NotYet
        If it is not declared so, or what is dealt is something else, with the reason.

    Examples
    --------
    >>> from mpclab.preprocessing.material import Powers
    >>> check_cubes(Powers)
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: it stops for count = 5 with TypeError: Powers.__init__() missing 1 ...
    """
    spec = attempt(material, 5, case="for count = 5")
    if not callable(getattr(spec, "layout", None)):
        raise NotYet(
            f"it gives {type(spec).__name__}, which has no `layout`: check the class, which is "
            "derived from Material"
        )
    layout = attempt(spec.layout, case="in `layout`")
    try:
        hash(spec)
    except TypeError as failure:
        raise NotYet(
            f"it has no place in a pool: {failure}; write @dataclass(frozen=True) above the class"
        ) from failure
    again, other = (attempt(material, k, case=f"for count = {k}") for k in (5, 6))
    if spec != again or spec == other:
        raise NotYet(
            "Cubes(5) must equal Cubes(5) and not Cubes(6), or the pool cannot tell them apart: "
            "write @dataclass(frozen=True) above the class, and `count: int` in it"
        )
    _require_layout(layout)
    for p in (MERSENNE_61, 101):
        _require_derived(spec, Field(p))
        _require_dealt(spec, p)
    return "Dealt to 2 and 3 servers: a is uniform, aa and aaa are its powers, and all MACs fit."


def _require_layout(layout: Any) -> None:
    listed = isinstance(layout, (tuple, list)) and layout
    if not listed or not all(isinstance(entry, Entry) for entry in layout):
        raise NotYet(f"the layout is {layout!r}: a tuple of three `Entry`")
    names = [entry.name for entry in layout]
    if sorted(names) != sorted(_POWERS):
        raise NotYet(f"the entries are called {names}: they are a, aa and aaa")
    for entry in layout:
        if entry.shape != (5,):
            raise NotYet(
                f"for count = 5 the entry {entry.name} has the shape {entry.shape!r}: it is "
                "(self.count,)"
            )
        if entry.uniform and entry.name != "a":
            raise NotYet(
                f"{entry.name} is declared uniform: then it comes from seeds alone, and is no "
                "power of a"
            )
        if not entry.uniform and entry.name == "a":
            raise NotYet("a is not declared uniform: then the dealer asks `derive` for it")
        if not entry.authenticated:
            raise NotYet(f"{entry.name} comes without a MAC: what is made of it cannot be checked")
    if names[0] != "a":
        raise NotYet(f"the entries come as {names}: the uniform one first")


class _Nothing:
    """A dealer's memory with nothing in it."""

    def recall(self, serial: int) -> Any:
        raise NotYet("it asks the dealer's memory: cubes need nothing of earlier material")


def _derive(spec: Spec, F: Field, uniform: dict[str, Elements]) -> Any:
    """What the spec derives; an entry that is not there is told."""
    try:
        return spec.derive(F, uniform, _Nothing())
    except KeyError as failure:
        raise NotYet(
            f"`derive` looks for {failure} in `uniform`, which holds the uniform entries only: a; "
            "keep what you have computed in a variable"
        ) from None


def _require_derived(spec: Spec, F: Field) -> None:
    a = F.array([secrets.randbelow(F.modulus - 2) + 2 for _ in range(5)])
    derived = attempt(_derive, spec, F, {"a": a.copy()}, case="in `derive`")
    if not isinstance(derived, Mapping):
        raise NotYet(f"`derive` returns {derived!r}: return a dict with the plaintexts, by name")
    lacking = [name for name in ("aa", "aaa") if name not in derived]
    if lacking:
        raise NotYet(f"`derive` lacks {lacking[0]!r}: it returns the plaintexts of aa and aaa")
    for name in ("aa", "aaa"):
        got = attempt(np.asarray, derived[name], case=f"on {name} of `derive`")
        due = _power(F, a, _POWERS[name])
        if np.array_equal(got, due):
            continue
        raise NotYet(_why_derived(name, got, due, a, F))


def _power(F: Field, a: Elements, power: int) -> Elements:
    result = a
    for _ in range(power - 1):
        result = F.mul(result, a)
    return result


def _why_derived(name: str, got: Any, due: Elements, a: Elements, F: Field) -> str:
    with np.errstate(over="ignore"):
        wrapped = a ** np.uint64(_POWERS[name])
    if got.shape != due.shape:
        return f"`derive` returns {name} of shape {got.shape}: it is {due.shape}, as declared"
    if np.array_equal(got, wrapped) or np.array_equal(got, wrapped % np.uint64(F.modulus)):
        return (
            f"{name} is computed by NumPy's * or **, which goes wrong at 2^64: in the field it is "
            "field.mul"
        )
    power = next((k for k in (1, 2, 3, 4) if np.array_equal(got, _power(F, a, k))), None)
    what = f"a^{power}" if power else f"{got.tolist()} for a = {a.tolist()}"
    return f"`derive` returns as {name} {what}: it is a^{_POWERS[name]}, element by element"


def _require_dealt(spec: Spec, p: int) -> None:
    for servers in (2, 3):
        lab = Lab(servers=servers, modulus=p)
        try:
            lab.preprocess([spec])
            bundles = [server.pool.take(spec)[1] for server in lab.servers]
        except Exception as failure:
            raise NotYet(f"it cannot be dealt: {failure}") from failure
        parts = {name: [held[name] for held in bundles] for name in _POWERS}
        a = reconstruct(parts["a"])
        for name, power in _POWERS.items():
            fits = np.array_equal(reconstruct(parts[name]), _power(lab.field, a, power))
            if not (fits and mac_holds(parts[name])):
                raise NotYet(f"what is dealt as {name} is not a^{power}")


# -- a program with it ----------------------------------------------------------------------------


def check_cube(cube: Callable[..., Any]) -> str:
    """Check a protocol `cube(party, x)` that computes x^3, elementwise, in one round.

    Raises
    ------
    NotYet
        If the result is wrong, it takes more rounds, or something is opened without a mask, with
        the reason.

    Examples
    --------
    >>> from mpclab import multiply
    >>> async def cube(party, x):
    ...     return await multiply(party, await multiply(party, x, x), x)
    >>> check_cube(cube)
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: the result is right, and it takes 2 rounds: open x - a alone, and ...
    """
    for servers in (2, 3):
        for _ in range(3):
            a = np.array([secrets.randbelow(2000) - 1000 for _ in range(3)])
            got, rounds, clear = powered(cube, a, servers)
            if not np.array_equal(got, a**3):
                raise NotYet(_why_cube(got, a))
            if rounds != 1:
                raise NotYet(
                    f"the result is right, and it takes {plural(rounds, 'round')}: open x - a "
                    "alone, and compute the rest from what was dealt"
                )
            if clear:
                raise NotYet(
                    f"the result is right, and for x = {a.tolist()} {clear}: open x - a, which is "
                    "uniform"
                )
    return "Right for every secret that was tried, in one round, and nothing was opened in the " \
           "clear."  # fmt: skip


def _why_cube(got: Any, a: Any) -> str:
    power = next((k for k in (1, 2, 4) if np.array_equal(got, a**k)), None)
    what = f"x^{power}" if power else str(got.tolist())
    return (
        f"for x = {a.tolist()} it must be {(a**3).tolist()}, not {what}: with d = x - a, "
        "x^3 = (a + d)^3 has four terms, two of them three times"
    )
