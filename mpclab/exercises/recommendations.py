"""Chapter 07: ratings side by side in one number, neighbours in the clear, a rule of one's own.

>>> check_packing(lambda ratings, users: sum(r * 11**k for k, r in enumerate(ratings)),
...               lambda total, items, users: [total // 11**k % 11 for k in range(items)])
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: 5 users, each with [10, 10, 10]: the sums are [50, 50, 50], and what ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.watching import Watched, watch
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab
from mpclab.network.endpoint import is_server
from mpclab.secret import SecretArray
from mpclab.style import plural

__all__ = ["check_packing", "check_plain", "check_weighted"]

Ints = npt.NDArray[np.int64]


def check_packing(
    pack: Callable[[Sequence[int], int], int],
    unpack: Callable[[int, int, int], Sequence[int]],
) -> str:
    """Check a packing of ratings 0 .. 10 into one number that may be added over users.

    `pack(ratings, users)` makes one integer of a user's ratings; `unpack(total, items, users)`
    gives the sum of each item's ratings, from the sum of the packed numbers of at most `users`
    users. Three items of 10,000 users must fit below p = 2^61 - 1.

    Raises
    ------
    NotYet
        If sums come out wrong or do not fit, with the reason.

    Examples
    --------
    >>> def pack(ratings, users):
    ...     return sum(r * (10 * users + 1)**k for k, r in enumerate(ratings))
    >>> def unpack(total, items, users):
    ...     return [total // (10 * users + 1)**k % (10 * users + 1) for k in range(items)]
    >>> check_packing(pack, unpack)
    'Every sum comes back, up to the largest there can be, and all fit below p.'
    """
    for users, items in ((5, 3), (2, 1), (40, 4), (671, 3), (10_000, 3)):
        rows = [[10] * items, [0] * items, [10, *[0] * (items - 1)], [*[0] * (items - 1), 10]]
        cases = [[row] * users for row in rows[:1]] + [[row] * users for row in rows[2:]]
        few = min(users, 30)
        cases += [
            [[secrets.randbelow(11) for _ in range(items)] for _ in range(few)] for _ in range(5)
        ]
        results = []
        for people in cases:
            due = [sum(row[i] for row in people) for i in range(items)]
            alike = all(row == people[0] for row in people)
            who = f"{users} users, each with {people[0]}" if alike else f"{len(people)} users"
            parts = [_packed(pack, row, users) for row in (people[:1] if alike else people)]
            total = sum(parts) * (users if alike else 1)
            got = _unpacked(unpack, total, items, users, who)
            if total >= MERSENNE_61:
                raise NotYet(
                    f"{who}: the packed numbers sum to about 2^{total.bit_length() - 1}, more "
                    "than p = 2^61 - 1: it would come back reduced. Slots are wider than they need "
                    "be"
                )
            if got != due:
                told = f"{who}: the sums are {due}, and what comes out is {got}"
                if len(got) != len(due):
                    there = "is 1 item" if items == 1 else f"are {items} items"
                    raise NotYet(f"{told}: there {there}")
                lost = _undone(pack, unpack, users, items)
                raise NotYet(told + (lost or _why(due, got, users)))
            results.append((total, who, got))
        for total, who, got in reversed(results):
            again = _unpacked(unpack, total, items, users, who)
            if again != got:
                raise NotYet(
                    f"{who}: unpack({total}, {items}, {users}) was {got}, and later {again}: all "
                    "that it needs must be in the number that it is given"
                )
    return "Every sum comes back, up to the largest there can be, and all fit below p."


def _packed(pack: Callable[..., Any], row: Sequence[int], users: int) -> int:
    return _whole(attempt(pack, list(row), users, case=f"for {row} (pack)"), "pack")


def _unpacked(unpack: Callable[..., Any], total: int, items: int, users: int, who: str) -> Any:
    sums = attempt(unpack, total, items, users, case=f"for {who} (unpack)")
    try:
        each = list(islice(sums, 1_000))  # an endless generator is no list
    except TypeError:
        raise NotYet(f"unpack returns {sums!r}: it takes a list of {items} sums") from None
    return [_whole(v, "unpack, for each item,") for v in each]


def _whole(value: Any, who: str) -> int:
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):  # also NaN and infinity
        raise NotYet(f"{who} must return one number, and not {value!r}") from None
    if whole != value:
        raise NotYet(f"{who} must return a whole number: field elements have no fractions")
    return whole


def _undone(
    pack: Callable[..., Any], unpack: Callable[..., Any], users: int, items: int
) -> str:
    """What is to be said if not even one user's row comes back; "" if it does."""
    row = [k % 2 for k in range(1, items + 1)]  # so small that it fits into any slot
    got = _unpacked(unpack, _packed(pack, row, users), items, users, "one user")
    if got == row or got == row[::-1]:
        return ""
    return (
        f". Nor does one user's row come back: of {row} alone unpack makes {got}. Begin there: "
        "it must undo pack"
    )


def _why(due: list[int], got: list[int], users: int) -> str:
    if got == due[::-1] and got != due:
        return ": the order is reversed"
    if max(due) == 10 * users:
        return f": a slot must hold every sum from 0 to 10 x {users} = {10 * users}, both included"
    if max(due) > 10:
        return ": a slot must hold the sum over all users, not one rating"
    return ""


def check_plain(
    recommend: Callable[[Ints, Ints, Ints, int, int], tuple[Any, Any, Any]],
) -> str:
    """Check a recommendation in the clear: `recommend(V, R, a, t, me)` on integers.

    V are everybody's dense vectors (N, S), R everybody's ratings of the other items (N, M), 0
    where there is none; `a` the requester's dense vector (S,), t the integer threshold, `me` the
    requester's own row. It returns the sums (M,), the counts (M,) and the number of neighbours.

    Raises
    ------
    NotYet
        If one of them is wrong, with the reason.

    Examples
    --------
    >>> def recommend(V, R, a, t, me):
    ...     b = V @ a >= t
    ...     b[me] = False
    ...     return R[b].sum(axis=0), (R[b] > 0).sum(axis=0), b.sum()
    >>> check_plain(recommend)
    'Sums, counts and neighbours are right, for all ratings that were tried.'
    """
    rng = np.random.default_rng(secrets.randbits(64))
    tried: list[_Tried] = []
    for k in range(31):
        users = 12 if k < 30 else 900  # many, so that sums and counts pass 255
        V, R = rng.integers(-9, 10, (users, 4)), rng.integers(0, 11, (users, 5))
        R[rng.random(R.shape) < 0.5] = 0
        me = int(rng.integers(0, users))
        if k % 3 == 2:
            V[me - 1] = V[me]  # a twin, who is another user all the same
            R[me - 1] = 1 + k % 9
        elif k % 3 == 1:
            V[me - 1] = V[me] + [V[me, 1], -V[me, 0], 0, 0]  # as similar as a twin
        a = V[me].copy()
        s = V @ a
        ties = np.sort(np.delete(s, me))
        t = int(ties[-1] + 1 if k == 0 else ties[int(rng.integers(0, 11))])  # the lowest of 900
        told = attempt(recommend, V.copy(), R.copy(), a.copy(), t, me, case=f"for {users} users")
        if not isinstance(told, (tuple, list)) or len(told) != 3:
            raise NotYet(
                f"it returns {type(told).__name__}: three things are wanted, sums, counts, and the "
                "number of neighbours"
            )
        sums, counts, L = (_integers(*pair) for pair in zip(
            told, ("the sums", "the counts", "the number of neighbours"), strict=True
        ))  # fmt: skip
        if sums.shape != (5,) or counts.shape != (5,):
            raise NotYet(
                f"sums and counts have shapes {sums.shape} and {counts.shape}: there are 5 items"
            )
        if L.size != 1:
            raise NotYet(f"the number of neighbours has shape {L.shape}: it is one number")
        tried.append(_Tried(V, R, me, t, sums, counts, int(L.reshape(-1)[0])))
    for case in tried:
        if not case.right:
            raise NotYet(_why_plain(case, tried))
    return "Sums, counts and neighbours are right, for all ratings that were tried."


def _integers(told: Any, what: str) -> npt.NDArray[Any]:
    """Whole numbers of any size, as an array of Python's integers."""
    try:
        values = np.asarray(told)
    except ValueError as failure:
        raise NotYet(f"{what} are no numbers: {failure}") from failure
    each = values.reshape(-1).tolist()
    if not all(isinstance(v, int) or (isinstance(v, float) and v.is_integer()) for v in each):
        few, one = repr(told) if values.size < 20 else type(told).__name__, "number" in what
        kind = "a whole number" if one else "whole numbers, in an array or a list"
        raise NotYet(f"{what} must be {kind}, and not {few}")
    return np.array([int(v) for v in each], object).reshape(values.shape)


@dataclass(frozen=True)
class _Tried:
    """One case of `check_plain`, and what came out."""

    V: Ints
    R: Ints
    me: int
    t: int
    sums: npt.NDArray[Any]
    counts: npt.NDArray[Any]
    L: int

    @property
    def s(self) -> Ints:
        return self.V @ self.V[self.me]

    def others(self, near: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """These users without the requester."""
        return near & (np.arange(len(near)) != self.me)

    @property
    def b(self) -> npt.NDArray[np.bool_]:
        return self.others(self.s >= self.t)

    def is_for(self, near: npt.NDArray[np.bool_]) -> bool:
        """Whether sums and number are those of these neighbours."""
        return bool(near.sum() == self.L) and _same(self.sums, self.R[near].sum(axis=0))

    @property
    def right(self) -> bool:
        return self.is_for(self.b) and _same(
            self.counts, (self.R[self.b] > 0).sum(axis=0)
        )

    @property
    def lost(self) -> bool:
        """Whether all that is wrong is wrong by what 8 bits lose."""
        b = self.b
        due = [*self.R[b].sum(axis=0).tolist(), *(self.R[b] > 0).sum(axis=0).tolist(), int(b.sum())]
        pairs = list(zip(due, [*self.sums, *self.counts, self.L], strict=True))
        return any(a != b for a, b in pairs) and all(
            a == b or ((a - b) % 256 == 0 and -128 <= b <= 255) for a, b in pairs
        )


def _same(one: npt.NDArray[Any], other: Any) -> bool:
    """Whether the numbers are the same, of whatever size."""
    return bool(one.tolist() == other.tolist())


_OWN = "its own row is among the neighbours: take it out before adding up"
_REACHES = "whoever reaches the threshold exactly is a neighbour, too: >= and not >"
_TWIN = (
    "another user whose {} that of the requester is a neighbour, too: leave out the row number "
    "`me`, and only that"
)
_TAKEN: dict[str, Callable[[_Tried], npt.NDArray[np.bool_]]] = {
    _OWN: lambda c: c.s >= c.t,
    _REACHES: lambda c: c.others(c.s > c.t),
    f"{_REACHES}; and {_OWN}": lambda c: c.s > c.t,
    _TWIN.format("row equals"): lambda c: (c.s >= c.t) & (c.V - c.V[c.me]).any(axis=1),
    _TWIN.format("similarity equals"): lambda c: (c.s >= c.t) & (c.s != c.s[c.me]),
    "the opposite of similar is not similar: s itself reaches the threshold, not |s|":
        lambda c: c.others(abs(c.s) >= c.t),
    "these are those below the threshold, and not those who reach it":
        lambda c: c.others(c.s < c.t),
    "these are all others, also who does not reach the threshold":
        lambda c: c.others(c.s == c.s),
}  # fmt: skip
"""Neighbours that students take, and what is to be said of them."""

_COUNTED: dict[str, Callable[[_Tried], Any]] = {
    "`@` of two arrays of truth values means `or`; make one of them integers with .astype(int)":
        lambda c: np.any(c.R[c.b] > 0, axis=0),
    "a 0 is no rating, and does not count": lambda c: c.b.sum() + 0 * c.R[0],
}  # fmt: skip


def _why_plain(case: _Tried, tried: Sequence[_Tried]) -> str:
    """What is said of the first case that is wrong: a reason only if it explains all of them."""
    b = case.b
    for why, taken in _TAKEN.items():
        if all(c.is_for(taken(c)) for c in tried):
            return why
    if case.lost:
        return (
            f"with {plural(int(b.sum()), 'neighbour')} it adds up numbers of 8 bits, which start "
            "again at 0 after 255 (or at -128 after 127): make them wider first, with .astype(int)"
        )
    if b.sum() != case.L:
        there = "is 1 neighbour" if b.sum() == 1 else f"are {b.sum()} neighbours"
        return f"there {there}, and it says {case.L}"
    due = (case.R[b] > 0).sum(axis=0)
    if not _same(case.counts, due):
        reasons = (
            f": {why}" for why, counted in _COUNTED.items()
            if all(_same(c.counts, counted(c)) for c in tried)
        )  # fmt: skip
        return (
            f"the counts must be {due.tolist()}, not {case.counts.tolist()}{next(reasons, '')}"
        )
    return f"the sums must be {case.R[b].sum(axis=0).tolist()}, not {case.sums.tolist()}"


def check_weighted(weighted: Callable[[SecretArray, SecretArray, SecretArray, int], Any]) -> str:
    """Check a rule on secrets: `weighted(V, R, a, t)` adds up ratings times similarity.

    V (N, S), R (N, M) and a (S,) are secrets of a lab, t is public. The result is a secret (M,):
    the sum over all j with s_j >= t of s_j times row j of R. Nothing is opened on the way, and
    the rounds do not grow with the number of users.

    Raises
    ------
    NotYet
        If it is wrong, tells a secret, or takes a round per user, with the reason.

    Examples
    --------
    >>> def weighted(V, R, a, t):
    ...     s = V @ a
    ...     return ((s >= t) * s) @ R
    >>> check_weighted(weighted)
    'Right for all users that were tried; nothing was opened; 5 rounds for any number of users.'
    """
    rng = np.random.default_rng(secrets.randbits(64))
    rounds: dict[int, int] = {}
    for servers, users in ((2, 6), (3, 6), (2, 6), (2, 14)):
        V, R = rng.integers(-9, 10, (users, 3)), rng.integers(0, 11, (users, 4))
        a = rng.integers(-9, 10, 3)
        s = V @ a
        t = int(np.sort(s)[int(rng.integers(0, users))])

        def inputs(
            lab: Lab, V: Ints = V, R: Ints = R, a: Ints = a
        ) -> tuple[SecretArray, SecretArray, SecretArray]:
            crowd, asking = lab.client("crowd"), lab.client("requester")
            return crowd.upload(V), crowd.upload(R), asking.upload(a)

        def program(
            V: SecretArray, R: SecretArray, a: SecretArray, t: int = t, users: int = users
        ) -> tuple[Any, int]:
            online, before = V.lab.transcript, V.lab.transcript.rounds(phase="online")
            result = attempt(weighted, V, R, a, t, case=f"for {users} users")
            return result, online.rounds(phase="online") - before

        seen = watch(program, inputs, servers)
        results = [result for result, _ in seen.results]
        if any(map(iscoroutine, results)):
            for each in filter(iscoroutine, results):
                each.close()
            raise NotYet(
                "write a plain `def`, without `async` and `await`: secrets compute like arrays"
            )
        rounds[users] = max(taken for _, taken in seen.results)
        _refuse_openings(seen)
        for lab, result in zip(seen.labs, results, strict=True):
            if not isinstance(result, SecretArray):
                raise NotYet(
                    f"it returns {type(result).__name__}, not a secret: leave the result shared"
                )
            got, due = np.asarray(lab.god.value(result)), (s * (s >= t)) @ R
            if got.shape != due.shape:
                raise NotYet(f"the result has shape {got.shape}: there are 4 items, so (4,)")
            if not np.array_equal(got, due):
                raise NotYet(_why_weighted(got, due, s, t, R))
    if rounds[14] > rounds[6]:
        raise NotYet(
            f"the result is right, and it takes {rounds[6]} rounds for 6 users and {rounds[14]} "
            "for 14: treat all users at once, as matrices, and not in a loop"
        )
    return (
        f"Right for all users that were tried; nothing was opened; {rounds[14]} rounds for any "
        "number of users."
    )


def _refuse_openings(seen: Watched) -> None:
    """Raise NotYet if anything was opened without a mask, or told to a client."""
    told = any(
        r.phase == "online" and is_server(r.sender) and not is_server(r.receiver)
        for r in seen.labs[0].transcript.records
    )
    steps = [step.split("/")[-1] for step, _ in seen.clear]
    if told or "reveal" in steps:
        raise NotYet(
            "something was revealed on the way: the similarities, and who is a neighbour, are "
            "secrets; compute with them as they are"
        )
    if steps:
        raise NotYet(
            f"{plural(len(steps), 'number')} opened without a mask, at the step {steps[0]!r}: "
            "leave everything shared"
        )


def _why_weighted(got: Ints, due: Ints, s: Ints, t: int, R: Ints) -> str:
    known = {
        "these are the plain sums of the neighbours' ratings: each counts s_j times": (s >= t) @ R,
        "this counts everybody, also who does not reach the threshold": s @ R,
        "whoever reaches the threshold exactly counts, too: >= and not >": (s * (s > t)) @ R,
        "this counts those below the threshold, and not those who reach it": (s * (s < t)) @ R,
    }
    for why, wrong in known.items():
        if np.array_equal(got, wrong):
            return why
    given = f"for similarities {s.tolist()} and t = {t}"
    return f"{given} it must be {due.tolist()}, not {got.tolist()}"
