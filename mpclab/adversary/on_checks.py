"""Attacks on the checks themselves: commitments, coins, the zero test, and what a failure tells."""

from __future__ import annotations

import numpy as np

from mpclab.adversary.grounds import RATINGS, Programs, Recommendations, Step
from mpclab.adversary.model import Attack, World, at, online
from mpclab.adversary.on_openings import SPDZ, coin_of, shift_macs, strike
from mpclab.adversary.outcome import (
    LEARNT,
    NO_EFFECT,
    NO_STEP,
    NOTHING,
    WRONG,
    Outcome,
)
from mpclab.adversary.tools import Coalition, Message, add, ends_with
from mpclab.network.endpoint import server_name
from mpclab.party import Party
from mpclab.protocols import checks
from mpclab.randomness import SEED_BYTES, Stream, commitment, digest

__all__ = ["ATTACKS"]

TOY = 1021  # large enough that nothing slips through by chance, small enough to search through


def _number(part: object) -> int:
    """The number in a revealed value: 8 bytes, and a nonce behind them."""
    return int.from_bytes(bytes(part)[:8], "little")  # type: ignore[call-overload]


# -- commitments ----------------------------------------------------------------------------------


def _make_zeta_fit(message: Message) -> Message:
    """Having heard all others' zeta, reveal what makes the sum 0; the nonce stays."""
    p = message.coalition.field.modulus
    others = sum(_number(parts[0]) for parts in message.others().values())
    zeta = (-others % p).to_bytes(8, "little")
    return message.with_part(0, zeta + bytes(message.section.parts[0])[8:])


def _rushed_zeta(world: World) -> Outcome:
    def error(coalition: Coalition) -> None:
        coalition.on("aggregate/y - r", add(1))

    return strike(world, _make_zeta_fit, also=error)


def _altered_opening(world: World) -> Outcome:
    return strike(world, add(1))


def _fixed_up(world: World) -> Outcome:
    """Commit to zeta + 1 and reveal it: the commitment fits, the sum does not."""
    chosen: dict[tuple[str, str], bytes] = {}
    step = world.step
    assert step is not None

    def recommit(message: Message) -> Message:
        party, p = message.party, message.coalition.field.modulus
        test = message.section.label.removesuffix("commit")
        if (message.envelope.session, test) not in chosen:
            count = len(RATINGS) if "valid" in test else 1  # one test per row
            value = b"".join(
                (int(party.random_bytes(7).hex(), 16) % p).to_bytes(8, "little")
                for _ in range(count)
            )
            chosen[message.envelope.session, test] = value + party.random_bytes(32)
        opening = chosen[message.envelope.session, test]
        context = party.endpoint.session_id + b"zeta"
        return message.with_part(
            0, commitment(context, party.index, opening[:-32], opening[-32:])
        )

    def fitting(message: Message) -> Message:
        test = message.section.label.removesuffix("reveal")
        opening = chosen.get((message.envelope.session, test))
        return message if opening is None else message.with_part(0, opening)

    def reveal(coalition: Coalition) -> None:
        coalition.on(step.label.replace("commit", "reveal"), fitting, phase=step.phase)

    return strike(world, recommit, also=reveal)


def _copied(world: World) -> Outcome:
    """Commit to what another has committed to, and reveal what it reveals."""
    step = world.step
    assert step is not None
    label = step.label.rpartition("/")[2].removesuffix(" commit")

    def copy(message: Message) -> Message:
        honest = next(
            parts for sender, parts in message.others().items()
            if sender not in message.coalition.members
        )
        return message.with_part(0, honest[0])

    return strike(
        world, copy, also=lambda c: c.on(f"{label} reveal", copy, phase=step.phase)
    )


def _ground_seed(world: World) -> Outcome:
    """In a toy field: having heard all seeds, reveal one that makes the coefficient 0."""
    ground = Programs("reveal", world.servers, seed=world.seed, modulus=TOY)
    coalition = world.coalition(ground)
    F = ground.lab.field
    found: dict[str, bytes] = {}

    def grind(message: Message) -> Message:
        session = message.envelope.session
        if session not in found:
            seeds = {k: bytes(v[0])[:SEED_BYTES] for k, v in message.others().items()}
            mine = message.envelope.sender
            for k in range(20 * TOY):
                seeds[mine] = k.to_bytes(SEED_BYTES, "little")
                coin = digest(
                    b"mpclab coin", message.party.endpoint.session_id,
                    *(seeds[s] for s in sorted(seeds)),
                )
                if int(F.uniform(Stream(coin), 2)[0]) == 0:
                    break
            found[session] = seeds[mine] + bytes(message.section.parts[0])[SEED_BYTES:]
        return message.with_part(0, found[session])

    coalition.on("reveal", add(1), kind="open").on("coin reveal", grind)
    return ground.play()


async def _two_coins(party: Party) -> tuple[bytes, bytes]:
    first = await (await checks.commit_coin(party)).reveal()
    second = await (await checks.commit_coin(party)).reveal()
    return first.bytes(8), second.bytes(8)


def _split_coin(world: World) -> Outcome:
    """Commit to one seed before one server and to another before the rest, and reveal them so."""
    ground = Programs("reveal", world.servers, seed=world.seed)
    coalition, lab = world.coalition(ground), ground.lab
    victim = server_name(ground.honest_servers[0])
    if len(ground.honest_servers) < 2:
        return Outcome(NO_STEP, "there is one honest server only, and nobody to disagree with")
    opening: dict[str, bytes] = {}

    def another(message: Message) -> Message:
        party, session = message.party, message.envelope.session
        if session in opening:
            return message  # the second coin is left alone
        opening[session] = party.random_bytes(SEED_BYTES + 32)
        context = party.endpoint.session_id + b"coin"
        seed, nonce = opening[session][:SEED_BYTES], opening[session][SEED_BYTES:]
        return message.with_part(0, commitment(context, party.index, seed, nonce))

    def reveal(message: Message) -> Message:
        told = opening.get(message.envelope.session, b"")
        opening[message.envelope.session] = b""
        return message.with_part(0, told) if told else message

    coalition.on("coin commit", another, to=[victim]).on("coin reveal", reveal, to=[victim])
    session = lab.session("two coins")
    outcomes = session.run("online", _two_coins)
    results = [outcomes[server_name(i)] for i in ground.honest_servers]
    failure = ground.failure()
    ground.honest()
    if any(isinstance(r, Exception) for r in results):
        return failure
    if len(set(results)) > 1:
        return Outcome(WRONG, "honest servers hold different coins, and none has noticed")
    return Outcome(NO_EFFECT)


# -- the zero test --------------------------------------------------------------------------------


def _key_from_failure(world: World) -> Outcome:
    """Fail a check by a known error, compute alpha from what is revealed, and forge the next."""
    ground = Recommendations(world.servers, seed=world.seed)
    coalition = world.coalition(ground)
    F = ground.lab.field
    coalition.on("aggregate/y - r", add(1))
    ground.play()
    told = coalition.parts("sigma reveal") or coalition.parts("check/zeta reveal")
    total = sum(_number(s.parts[0]) for s in told) % F.modulus
    chi = _last_coefficient(coalition, told[-1].session)
    alpha = -total * pow(chi, -1, F.modulus) % F.modulus
    if alpha != ground.lab.god.key:
        return Outcome(NOTHING, "what is revealed does not depend on the key")
    forger = world.coalition(ground)
    note = shift_macs(F.array([alpha]))
    forger.on("aggregate/y - r", add(1)).on("aggregate/y - r", note)
    forger.on("coin reveal", note, phase="online")
    forged = ground.play()
    return Outcome(LEARNT, f"the MAC key; with it, next time: {forged.result}")


def _last_coefficient(coalition: Coalition, session: str) -> int:
    """The coefficient of the first entry of y - r, the last opening of a query."""
    stream = coin_of(coalition, session)
    assert stream is not None
    F = coalition.field
    sizes = _sizes(coalition, session)
    for size in sizes[:-1]:
        F.uniform(stream, size)
    return int(F.uniform(stream, sizes[-1])[0])


def _sizes(coalition: Coalition, session: str) -> list[int]:
    """How many values each authenticated opening of a query holds, in order."""
    once: dict[tuple[object, ...], int] = {}
    for s in coalition.seen:
        if (
            s.session == session and s.phase == "online" and s.kind == "open"
            and not ends_with(s.label, "s - u")
        ):
            once.setdefault((s.round, s.label), np.asarray(s.parts[0]).size)
    return list(once.values())


def _selective_abort(world: World) -> Outcome:
    """Look at z, and then stop: neither tells anything."""
    return strike(world, lambda message: None)


def is_commitment(step: Step) -> bool:
    """Whether servers commit to something in a step."""
    return step.kind == "commit"


def is_reveal(step: Step) -> bool:
    """Whether servers reveal in a step what they committed to."""
    return step.kind == "reveal"


ATTACKS = (
    Attack(
        "zeta made to fit the others'",
        "Alters the result and waits for all other zeta, to reveal one that makes the sum 0.",
        "commitments before anybody reveals", f"3.2, Z2; {SPDZ}",
        online("check/zeta reveal", "reveal"), _rushed_zeta, without="commitment",
    ),
    Attack(
        "another opening than was committed to",
        "Reveals another value than the one it has committed to.",
        "commitments bind", f"3.2, C2, Z3; {SPDZ}", online("check/zeta reveal", "reveal"),
        _altered_opening, applies=is_reveal,
    ),
    Attack(
        "another zeta with a fitting commitment",
        "Commits to a zeta that it has drawn itself, and reveals that.",
        "the zero test", "3.2, Z2", online("check/zeta commit", "commit"), _fixed_up,
        applies=lambda step: ends_with(step.label, "zeta commit"),
    ),
    Attack(
        "commitment of another server",
        "Copies an honest server's commitment, and later the opening that fits it.",
        "a commitment names its committer", "3.2, C1; Dolev, Dwork, Naor, STOC 1991",
        online("check/zeta commit", "commit"), _copied, applies=is_commitment,
    ),
    Attack(
        "seed chosen after the others",
        "In a toy field: waits for all seeds of the coin, and reveals one that annuls its error.",
        "the seeds are committed to", "3.2, C1; Blum, CRYPTO 1981",
        at("reveal", "online", "coin reveal", "reveal"), _ground_seed, without="commitment",
    ),
    Attack(
        "two seeds for two servers",
        "Commits to one seed before one server and to another before the rest: two coins.",
        "every broadcast carries the hash of all before", "3.1; Goldwasser, Lindell, 2005",
        at("two coins", "online", "coin commit", "commit"), _split_coin, without="history",
        least=3,
    ),
    Attack(
        "key from a failed check",
        "Fails a check by a known error and computes the MAC key from what is revealed.",
        "the zero test reveals one bit", f"3.2, 3.9; {SPDZ}", online("check/s - u"),
        _key_from_failure, without="zero test",
    ),
    Attack(
        "abort after a look",
        "Looks at the masked result, and stops there if it likes.",
        "everything opened is masked: stopping tells nothing", "3.9; Goldwasser, Lindell, 2005",
        online("check/coin reveal", "reveal"), _selective_abort,
    ),
)
