"""Attacks on openings: wrong shares, with and without a guess of the MAC share that would fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpclab.adversary.grounds import Step
from mpclab.adversary.model import Attack, World, at, online
from mpclab.adversary.outcome import NO_STEP, Outcome
from mpclab.adversary.tools import Coalition, Edit, Message, add, ends_with
from mpclab.network.endpoint import is_server
from mpclab.randomness import Stream, digest

__all__ = ["ATTACKS", "OPENED", "coin_of", "shift_macs", "strike"]

SPDZ = "Damgard, Pastro, Smart, Zakarias, CRYPTO 2012"
OPENED = online("aggregate/y - r")
GUESS = 20_150_813  # as good as any other guess of alpha


def is_opening(step: Step) -> bool:
    """Whether servers open something in a step."""
    return step.kind == "open"


def is_authenticated(step: Step) -> bool:
    """Whether what is opened has MACs: all but the zero test's s - u."""
    return is_opening(step) and not ends_with(step.label, "s - u")


def strike(world: World, edit: Edit, *, to: list[str] | None = None, also: Any = None) -> Outcome:
    """Play with the leader editing its messages of the world's step; `also` adds rules."""
    ground, step = world.ground(), world.step
    assert step is not None
    coalition = world.coalition(ground)
    coalition.on(step.label, edit, phase=step.phase, kind=step.kind, to=to)
    if also is not None:
        also(coalition)
    outcome: Outcome = ground.play()
    return outcome if coalition.hits else Outcome(NO_STEP)


def shift_macs(macs: np.ndarray) -> Any:
    """An edit that alters nothing: the sender's MAC shares of the opening are shifted instead.

    The opening enters the sender's own list when the round is over, so its place is noted now and
    the shift made just before the seeds of the check are revealed.
    """
    place: dict[str, int] = {}

    def note(message: Message) -> Message:
        if ends_with(message.section.label, "coin reveal"):
            if message.envelope.session in place:
                k = place.pop(message.envelope.session)
                party = message.party
                value, mac = party.unchecked[k]
                shift = np.zeros(mac.size, np.uint64)
                shift[: macs.size] = macs
                party.unchecked[k] = value, party.field.add(mac, shift.reshape(mac.shape))
        else:
            place.setdefault(message.envelope.session, len(message.party.unchecked))
        return message

    return note


def _error(world: World) -> Outcome:
    return strike(world, add(1))


def _guessed(world: World) -> Outcome:
    step = world.step
    assert step is not None
    guess = GUESS % world.modulus

    def both(coalition: Coalition) -> None:
        note = shift_macs(coalition.field.array([guess]))
        coalition.on(step.label, note, phase=step.phase, kind=step.kind)
        coalition.on("coin reveal", note)

    return strike(world, add(1), also=both)


def _cancelling(world: World) -> Outcome:
    def edit(message: Message) -> Message:
        value = message.elements().copy()
        if value.size < 2:  # nothing to cancel with: as if there were no such step
            message.coalition.hits -= 1
            return message
        flat = value.reshape(-1)
        flat[:2] = message.coalition.field.add(
            flat[:2], message.coalition.field.array([1, -1])
        )
        return message.with_part(0, value)

    return strike(world, edit)


def coin_of(
    coalition: Coalition, session: str, step: str = "coin reveal", at: int | None = None
) -> Stream | None:
    """The coin whose seeds were revealed in a step's round, or last, if the coalition saw them."""
    told = [s for s in coalition.parts(step, session) if is_server(s.sender)]
    if not told:
        return None
    last = max(s.round or 0 for s in told) if at is None else at
    seeds = {s.sender: bytes(s.parts[0])[:32] for s in told if s.round == last}
    ordered = [seeds[k] for k in sorted(seeds)]
    session_id = coalition.party(session, coalition.leader).endpoint.session_id
    return Stream(digest(b"mpclab coin", session_id, *ordered))


def _known_coin(world: World) -> Outcome:
    """Shift two entries by (chi_1, -chi_0), so that their MAC errors cancel."""

    def edit(message: Message) -> Message:
        F, party = message.coalition.field, message.party
        value = message.elements().copy()
        stream = coin_of(message.coalition, message.envelope.session)
        if stream is None or message.envelope.phase != "online":
            stream = Stream(bytes(32))  # a guess
        for opened, _ in party.unchecked:
            F.uniform(stream, opened.size)
        chi = F.uniform(stream, value.size)
        shift = F.zeros(value.size)
        shift[1], shift[2] = chi[2], F.neg(chi[1:2])[0]
        return message.with_part(0, F.add(value, shift))

    return strike(world, edit)


ATTACKS = (
    Attack(
        "error on an opening",
        "Adds 1 to a share as it is opened, so that all servers compute on with a wrong value.",
        "MAC check before the result", f"3.1, 3.2; {SPDZ}", OPENED, _error,
        applies=is_opening, without="MAC check",
    ),
    Attack(
        "error with a guessed MAC share",
        "Adds 1 to a share and shifts its MAC share by a guess of the key, the best choice.",
        "MAC check; a guess is right with probability 1/p", f"3.2; {SPDZ}", OPENED, _guessed,
        applies=is_authenticated, without="MAC check",
    ),
    Attack(
        "errors that cancel",
        "Adds 1 to one entry and takes 1 off the next, so that their sum is right.",
        "random coefficients in the MAC check", f"3.2; {SPDZ}", online("select/b - d"),
        _cancelling, applies=is_authenticated, without="MAC check",
    ),
    Attack(
        "error on the last opening",
        "Adds 1 to the masked result, the last thing that is opened before it leaves.",
        "the check comes after the last opening", f"3.5, O2; {SPDZ}", OPENED, _error,
        without="check after the last opening",
    ),
    Attack(
        "errors made for a known coin",
        "Shifts two entries so that their errors cancel under the coin's coefficients.",
        "the coin is revealed after the openings", f"3.2; {SPDZ}",
        online("select/b - d"), _known_coin, without="late coin",
    ),
    Attack(
        "error on a product's opening",
        "Adds 1 to x - a in a multiplication, so that the product is off by b.",
        "MAC check before anything is revealed", "3.3; Beaver, CRYPTO 1991",
        at("multiply", "online", "x - a, y - b", "open"), _error, without="MAC check",
    ),
)
