"""Random deviations: any message, any step, any coalition, mixed with honest runs.

>>> found = random_trials(servers=2, trials=20, seed=1)
>>> found["wrong_results_accepted"], found["honest_runs_aborted"], found["field_bits"]
(0, 0, 61)
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from mpclab.adversary.gallery import ATTACKS
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, REQUESTER, USERS, Step, steps_of
from mpclab.adversary.model import World
from mpclab.adversary.on_messages import EDITS
from mpclab.adversary.outcome import NO_EFFECT, NO_STEP, Outcome
from mpclab.adversary.tools import Edit, Message, add
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.network.endpoint import server_name
from mpclab.sharing import check_servers

__all__ = ["random_trials"]

DEVIATION = "random deviation"
HONEST_EVERY = 10


def random_trials(
    servers: int = 3,
    trials: int = 300,
    *,
    seed: int | None = None,
    modulus: int = 2**61 - 1,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Deviate at random, over whole recommendations and over the library's protocols.

    Every other trial is an attack of the gallery at a random step of those it applies to; the
    others alter messages at random in up to three steps, by any of up to n-1 corrupt servers and,
    now and then, by dummy users. After every tenth there is an honest run.

    Parameters
    ----------
    servers, trials : int
    seed : int or None
        None: a new one each time; it is among the results.
    modulus : int
        In a small field some deviations get through, about as often as the formulas say.
    progress : callable or None
        Called with a sentence now and then.

    Returns
    -------
    dict
        trials, wrong_results_accepted, broken (other attacks that reached their aim),
        honest_runs, honest_runs_aborted, servers, field_bits, seed, seconds (of computing), and
        by_attack: name -> outcome -> how often.
    """
    check_servers(servers)
    if not isinstance(trials, (int, np.integer)) or trials < 1:
        raise InputError(f"trials is {trials!r}: it takes a positive integer, such as 300")
    field = Field(modulus)
    begun = time.process_time()
    chosen = secrets.randbits(40) if seed is None else int(seed)
    rng = np.random.default_rng(chosen)
    steps = {name: steps_of(name, servers, modulus) for name in GROUNDS}
    steps = {name: found for name, found in steps.items() if found}
    if not steps:
        raise InputError(f"no protocol runs in {field}: take a larger prime, such as 101")
    made: dict[Any, Any] = {}
    by_attack: dict[str, Counter[str]] = {}
    honest = aborted = wrong = broken = 0
    for k in range(int(trials)):
        world = World(
            servers, _some_servers(rng, servers), seed=chosen % 2**40 + k, modulus=modulus,
            grounds=made,
        )
        name, outcome = _trial(rng, world, steps)
        by_attack.setdefault(name, Counter())[outcome.result] += 1
        wrong += outcome.result == "wrong result accepted"
        broken += outcome.broken
        if k % HONEST_EVERY == HONEST_EVERY - 1:
            honest += 1
            aborted += _honest(rng, world, steps).result != NO_EFFECT
            if progress is not None:
                progress(f"{k + 1} of {trials} trials")
    return {
        "trials": int(trials),
        "wrong_results_accepted": int(wrong),
        "broken": int(broken),
        "honest_runs": honest,
        "honest_runs_aborted": int(aborted),
        "servers": int(servers),
        "field_bits": field.bits,
        "seed": chosen,
        "by_attack": {name: dict(counts) for name, counts in sorted(by_attack.items())},
        "seconds": time.process_time() - begun,
    }


Steps = dict[str, tuple[Step, ...]]


def _some_servers(rng: np.random.Generator, n: int) -> tuple[int, ...]:
    """Any 1 to n-1 of n servers, in any order."""
    return tuple(int(i) for i in rng.permutation(n)[: rng.integers(1, n)])


def _pick(rng: np.random.Generator, things: Any) -> Any:
    return things[int(rng.integers(len(things)))]


def _trial(rng: np.random.Generator, world: World, steps: Steps) -> tuple[str, Outcome]:
    """One crafted or random deviation."""
    if rng.random() < 0.5:
        return DEVIATION, _deviate(rng, world, steps)
    names = [
        name for name, a in ATTACKS.items()
        if a.least <= world.servers and a.servers < world.servers
        and (a.home.ground in steps or a.home.ground not in GROUNDS)
    ]
    each = ATTACKS[_pick(rng, names)]
    places = [s for found in steps.values() for s in found if each.strikes(s)] or [each.home]
    outcome = each.run(
        World(
            world.servers, world.corrupt, _pick(rng, places), seed=world.seed,
            modulus=world.modulus, grounds=world.grounds,
        )
    )
    return each.name, outcome


def _deviate(rng: np.random.Generator, world: World, steps: Steps) -> Outcome:
    """Alter messages of up to three steps of one ground at random."""
    whole = RECOMMEND in steps and rng.random() < 0.5
    name = RECOMMEND if whole else _pick(rng, list(steps))
    found = steps[name]
    dummies = rng.random() < 0.25
    clients: tuple[str, ...] = ()
    if dummies:
        clients = (USERS, REQUESTER) if name == RECOMMEND else ("alice",)
    first = _pick(rng, found)
    phase = [s for s in found if s.phase == first.phase]
    world = World(
        world.servers, world.corrupt, first, seed=world.seed, modulus=world.modulus,
        grounds=world.grounds,
    )
    ground = world.ground()
    coalition = world.coalition(ground, clients)
    members = coalition.members
    for step in [first, *(_pick(rng, phase) for _ in range(int(rng.integers(0, 3))))]:
        to: list[str] | None = None
        if rng.random() < 0.4:
            receivers = [server_name(i) for i in range(world.servers)]
            to = [r for r in receivers if rng.random() < 0.5] or [receivers[0]]
        if step.way == "server to client":
            to = None
        coalition.on(
            step.label, _random_edit(rng, world.modulus), phase=step.phase, kind=step.kind,
            by=[_pick(rng, members)], to=to,
        )
    outcome: Outcome = ground.play()
    return outcome if coalition.hits else Outcome(NO_STEP)


def _random_edit(rng: np.random.Generator, modulus: int) -> Edit:
    kind = rng.random()
    if kind < 0.15:
        return EDITS[_pick(rng, list(EDITS))]
    part, at = int(rng.integers(0, 4)), int(rng.integers(0, 100))
    by = int(_pick(rng, [1, -1, 2, int(rng.integers(1, modulus))]))

    def edit(message: Message) -> Message:
        parts = message.section.parts
        k = part % max(len(parts), 1)
        if not parts or np.size(np.asarray(parts[k])) == 0:
            return message
        return add(by, part=k, at=at)(message)  # type: ignore[return-value]

    return edit


def _honest(rng: np.random.Generator, world: World, steps: Steps) -> Outcome:
    """Play any ground with everybody honest: what the corrupt did before must not spoil it."""
    step = _pick(rng, [s for found in steps.values() for s in found])
    ground = World(
        world.servers, world.corrupt, step, seed=world.seed, modulus=world.modulus,
        grounds=world.grounds,
    ).ground()
    ground.honest()
    outcome: Outcome = ground.play()
    return outcome
