"""Chapter 08: edits that cheat, and the key that a plain check betrays.

An edit is a function of a `Message` that returns what is sent instead; see `mpclab.adversary`.

>>> from mpclab.adversary.tools import add
>>> check_cancelling(add(1))
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the entries that are opened sum to 1 more than they should: take off ...
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from mpclab.adversary.grounds import LARGE, Recommendations
from mpclab.adversary.outcome import ABORT, WRONG, Outcome
from mpclab.adversary.tools import Coalition, Edit, Message, add
from mpclab.adversary.weakened import weakened
from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import number
from mpclab.field import Elements, Field

__all__ = ["check_cancelling", "check_key", "check_rushing"]

_STEP = "select/b - d"


def check_cancelling(edit: Edit) -> str:
    """Check an edit of `select/b - d` whose errors cancel.

    What is opened must be wrong, the sum of its entries right, and the MAC check must find it.

    Raises
    ------
    NotYet
        If it is not so, with the reason.

    Examples
    --------
    >>> def cancel(message):
    ...     F, share = message.coalition.field, message.elements().copy()
    ...     share[:2] = F.add(share[:2], F.array([7, -7]))
    ...     return message.with_part(0, share)
    >>> check_cancelling(cancel)
    'The sum is right, the entries are wrong, and the MAC check finds it every time.'
    """
    for servers in (2, 3):
        shift: list[Any] = []

        def noted(message: Message, shift: list[Any] = shift) -> Any:
            new = _edited(edit, message)
            due = message.elements()
            sent = _elements(_first(new.section.parts), due.shape, message.coalition.field)
            shift.append(message.coalition.field.sub(sent, due))
            return new

        outcome = _play(servers, {_STEP: noted})
        if not any(s.any() for s in shift):
            raise NotYet(
                "what is sent is what was due: change a copy of message.elements(), and return "
                "message.with_part(0, copy)"
            )
        if any((s != shift[0]).any() for s in shift):
            raise NotYet(
                "the servers are told different things, and find out by the history of broadcasts, "
                "before any check: send all of them the same"
            )
        total = int(np.sum(shift[0].astype(object)) % LARGE)
        if total:
            told = f"{total} more" if total < LARGE // 2 else f"{LARGE - total} less"
            raise NotYet(
                f"the entries that are opened sum to {told} than they should: take off one entry, "
                "in the field, what you add to another"
            )
        if outcome.result != ABORT or "MAC check" not in outcome.detail:
            raise NotYet(
                f"the run ended otherwise than it should: {outcome.result} ({outcome.detail})"
            )
    return "The sum is right, the entries are wrong, and the MAC check finds it every time."


def check_key(key_from: Callable[[int, int, int, int], int]) -> str:
    """Check a function that computes the MAC key from a failed plain check.

    It is called as `key_from(total, chi, error, p)`: `total` is the sum of all sigma_i that were
    revealed, `chi` the coefficient of the one wrong opening, `error` what was added to it.

    Raises
    ------
    NotYet
        If an answer is not the key.

    Examples
    --------
    >>> check_key(lambda total, chi, error, p: -total * pow(chi * error, -1, p))
    'The key comes out every time, in every field.'
    >>> check_key(lambda total, chi, error, p: total * pow(chi * error, -1, p))
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: that is minus the key: sigma is the MAC minus alpha times the ...
    """
    for p in (101, 1021, 2**31 - 1, LARGE):
        for _ in range(20):
            alpha, chi, error = (1 + secrets.randbelow(p - 1) for _ in range(3))
            total = -alpha * chi * error % p
            case = f"for p = {p}, total = {total}, chi = {chi} and error = {error}"
            got = number(attempt(key_from, total, chi, error, p, case=case)) % p
            if got == alpha:
                continue
            if got == -alpha % p:
                raise NotYet(
                    "that is minus the key: sigma is the MAC minus alpha times the value, and the "
                    "value is too large by the error"
                )
            left = {"the error": error, "chi": chi, "chi and the error": chi * error}
            for name, factor in left.items():
                if got in (alpha * factor % p, -alpha * factor % p):
                    raise NotYet(f"that is the key times {name} still: divide by it, modulo p")
            raise NotYet(
                f"{case} the key is {alpha}, not {got}: solve total = -alpha * chi * error modulo "
                "p for alpha"
            )
    return "The key comes out every time, in every field."


def check_rushing(edit: Edit) -> str:
    """Check an edit of `check/zeta reveal` that makes a wrong opening pass without commitments.

    Raises
    ------
    NotYet
        If a wrong result is not accepted then, with what the servers saw instead.

    Examples
    --------
    >>> from mpclab.adversary.on_checks import _make_zeta_fit
    >>> check_rushing(_make_zeta_fit)
    'Without commitments a wrong result is accepted, for 2, 3 and 5 servers; with them, never.'
    >>> check_rushing(lambda message: message)
    Traceback (most recent call last):
        ...
    mpclab.exercises.NotYet: 2 servers: the zeta that were revealed sum to ...
    """
    for servers in (2, 3, 5):
        told: dict[str, int] = {}

        def noted(message: Message, told: dict[str, int] = told) -> Any:
            new = _edited(edit, message)
            for sender, parts in (
                *message.others().items(), (message.envelope.sender, new.section.parts)
            ):
                told[sender] = int.from_bytes(_octets(parts)[:8], "little")
            return new

        rules = {"aggregate/y - r": add(1), "check/zeta reveal": noted}
        with weakened("commitment"):
            outcome = _play(servers, rules)
        if outcome.result != WRONG:
            total = sum(told.values()) % LARGE
            reason = (
                f"the zeta that were revealed sum to {total}, not to 0 modulo p" if total
                else f"the servers stopped: {outcome.detail}"
            )
            raise NotYet(
                f"{servers} servers: {reason}. Yours is the only one you can still choose: "
                "message.others() has all others', 8 bytes each, the lowest first"
            )
        outcome = _play(servers, rules)
        if outcome.result != ABORT:
            raise NotYet(f"with commitments it must abort, and it ended so: {outcome.result}")
    return (
        "Without commitments a wrong result is accepted, for 2, 3 and 5 servers; with them, never."
    )


def _edited(edit: Edit, message: Message) -> Message:
    """What a student's edit makes of a message; anything else than a message is told."""
    new = attempt(edit, message)
    if not isinstance(new, Message):
        raise NotYet(
            f"the edit returns {type(new).__name__}: return a message, such as "
            "message.with_part(0, new)"
        )
    return new


def _first(parts: Any) -> Any:
    """The first part of a section, and there is but one."""
    if not isinstance(parts, tuple) or len(parts) != 1:
        raise NotYet(f"the message has other parts than it should: {parts!r}; replace part 0 alone")
    return parts[0]


def _octets(parts: Any) -> bytes:
    """What is revealed, if it is bytes: eight for zeta, and the nonce."""
    part = _first(parts)
    if not isinstance(part, bytes | bytearray) or len(part) < 8:
        raise NotYet(
            f"what is revealed is {part!r}, and not bytes, eight for zeta and 32 for the nonce: "
            'write zeta.to_bytes(8, "little") + bytes(32)'
        )
    return bytes(part)


def _elements(part: Any, shape: tuple[int, ...], field: Field) -> Elements:
    """A part that is sent, if it is an array of field elements of the right shape."""
    array = part if isinstance(part, np.ndarray) else None
    if array is None or array.dtype != np.uint64:
        kind = type(part).__name__ if array is None else f"an array of {array.dtype}"
        raise NotYet(
            f"what is sent is {kind}, and not an array of field elements: write "
            "message.coalition.field.array(...) around it"
        )
    if array.shape != shape:
        raise NotYet(f"what is sent has shape {array.shape}: it must stay {shape}")
    if not field.is_canonical(array):
        raise NotYet(
            f"an entry is {array.max()}, and field elements are below {field.modulus}: add and "
            "subtract with message.coalition.field.add and .sub"
        )
    return array


def _play(servers: int, rules: dict[str, Edit]) -> Outcome:
    """A recommendation with fresh randomness, in which the last server edits what it sends."""
    ground = Recommendations(servers, seed=secrets.randbits(40))
    coalition: Coalition = ground.coalition([servers - 1])
    for step, edit in rules.items():
        coalition.on(step, edit, phase="online")
    return ground.play()
