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
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab import wire
from mpclab.exercises import NotYet
from mpclab.field import MERSENNE_61
from mpclab.lab import Lab
from mpclab.secret import SecretArray

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
        for people in cases:
            due = [sum(row[i] for row in people) for i in range(items)]
            alike = all(row == people[0] for row in people)
            who = f"{users} users, each with {people[0]}" if alike else f"{len(people)} users"
            try:
                parts = (
                    [pack(list(people[0]), users)] * users if alike
                    else [pack(list(row), users) for row in people]
                )
                total = sum(int(part) for part in parts)
                got = [int(v) for v in unpack(total, items, users)]
            except NotYet:  # nothing is written yet
                raise
            except Exception as failure:
                raise NotYet(f"{who}: it stops with {type(failure).__name__}: {failure}"
                             ) from failure  # fmt: skip
            if any(int(part) != part for part in parts):
                raise NotYet("pack must return a whole number: field elements have no fractions")
            if total >= MERSENNE_61:
                raise NotYet(
                    f"{who}: the packed numbers sum to {total:.3g}, which is more than p = "
                    "2^61 - 1: it would come back reduced. Slots are wider than they need be"
                )
            if got != due:
                raise NotYet(f"{who}: the sums are {due}, and what comes out is {got}"
                             f"{_why(due, got, users)}")  # fmt: skip
    return "Every sum comes back, up to the largest there can be, and all fit below p."


def _why(due: list[int], got: list[int], users: int) -> str:
    if len(got) != len(due):
        return f": there are {len(due)} items"
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
    for k in range(30):
        V, R = rng.integers(-9, 10, (12, 4)), rng.integers(0, 11, (12, 5))
        R[rng.random(R.shape) < 0.5] = 0
        me = int(rng.integers(0, 12))
        a = V[me].copy()
        s = V @ a
        ties = np.sort(np.delete(s, me))
        t = int(ties[-1] + 1 if k == 0 else ties[int(rng.integers(0, 11))])
        try:
            told = recommend(V.copy(), R.copy(), a.copy(), t, me)
        except NotYet:
            raise
        except Exception as failure:
            raise NotYet(f"it stops with {type(failure).__name__}: {failure}") from failure
        if not isinstance(told, (tuple, list)) or len(told) != 3:
            raise NotYet(
                f"it returns {type(told).__name__}: three things are wanted, sums, counts, and the "
                "number of neighbours"
            )
        try:
            got = np.asarray(told[0], np.int64), np.asarray(told[1], np.int64), int(told[2])
        except (TypeError, ValueError) as failure:
            raise NotYet(f"what it returns are no numbers: {failure}") from failure
        if got[0].shape != (5,) or got[1].shape != (5,):
            raise NotYet(
                f"sums and counts have shapes {got[0].shape} and {got[1].shape}: there are 5 items"
            )
        b = s >= t
        b[me] = False
        due = R[b].sum(axis=0), (R[b] > 0).sum(axis=0), int(b.sum())
        right = [np.array_equal(got[k], due[k]) for k in range(2)]
        if all(right) and got[2] == due[2]:
            continue
        strict, own = s > t, s >= t
        strict[me] = False
        if got[2] == own.sum() and own[me]:
            why = "its own row is among the neighbours: take it out before adding up"
        elif got[2] == strict.sum() != due[2]:
            why = "whoever reaches the threshold exactly is a neighbour, too: >= and not >"
        elif got[2] != due[2]:
            why = f"there are {due[2]} neighbours, and it says {got[2]}"
        elif np.array_equal(got[1], due[1] > 0) and not right[1]:
            why = (
                f"the counts must be {due[1].tolist()}, not {got[1].tolist()}: `@` of two arrays "
                "of truth values means `or`; make one of them integers with .astype(int)"
            )
        elif not right[1]:
            why = (
                f"the counts must be {due[1].tolist()}, not {got[1].tolist()}: a 0 is no rating, "
                "and does not count"
            )
        else:
            why = f"the sums must be {due[0].tolist()}, not {got[0].tolist()}"
        raise NotYet(why)
    return "Sums, counts and neighbours are right, for all ratings that were tried."


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
        lab = Lab(servers)
        V, R = rng.integers(-9, 10, (users, 3)), rng.integers(0, 11, (users, 4))
        a = rng.integers(-9, 10, 3)
        s = V @ a
        t = int(np.sort(s)[int(rng.integers(0, users))])
        crowd, asking = lab.client("crowd"), lab.client("requester")
        secret = crowd.upload(V), crowd.upload(R), asking.upload(a)
        known = len(lab.transcript.records)
        before = lab.transcript.rounds(phase="online")
        try:
            result = weighted(*secret, t)
        except NotYet:
            raise
        except Exception as failure:
            raise NotYet(f"it stops with {type(failure).__name__}: {failure}") from failure
        rounds[users] = lab.transcript.rounds(phase="online") - before
        _refuse_openings(lab, known)
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


def _refuse_openings(lab: Lab, known: int) -> None:
    """Raise NotYet if anything was revealed, or opened without a mask, since `known` messages."""
    for number, record in enumerate(lab.transcript.records[known:], known):
        if record.phase != "online":
            continue
        if "reveal" in record.step.split("/")[0] or record.kind == "reveal":
            raise NotYet(
                "something was revealed on the way: the similarities, and who is a neighbour, are "
                "secrets; compute with them as they are"
            )
        for section in wire.decode(lab.field, lab.network.contents[number])[1]:
            if section.kind != "open" or record.sender != "server 0":
                continue
            shares = [np.asarray(p) for p in _same(lab, known, record.round, section.label)]
            total = np.abs(lab.field.signed(lab.field.sum(np.stack(shares), axis=0)))
            if total.size > 2 and int(np.max(total)) < 2**40:  # a masked value is never so small
                raise NotYet("a secret was opened without a mask: leave everything shared")


def _same(lab: Lab, known: int, turn: int | None, label: str) -> list[Any]:
    """What every server opened at a step, one entry per server."""
    found: dict[str, Any] = {}
    for number, record in enumerate(lab.transcript.records[known:], known):
        if record.round != turn or record.phase != "online":
            continue
        for section in wire.decode(lab.field, lab.network.contents[number])[1]:
            if section.label == label:
                found[record.sender] = section.parts[0]
    return list(found.values())


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
