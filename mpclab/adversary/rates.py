"""How often attacks slip through in a small field, against the exact formulas.

In F_p a guess is right with probability 1/p: at p = 2^61 - 1 never, at p = 101 often enough to be
counted. For one opening off by 1, at a fixed key alpha that is not 0, what is tested for zero is
s = chi (g - alpha), where g is the guess of alpha by which the cheater shifts its MAC share (0 if
it does not guess). chi, g and the t of the zero test are uniform and independent; each of chi = 0,
g = alpha, t = 0 lets the error pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab.adversary.grounds import OpenLab
from mpclab.adversary.tools import Coalition, Message, add
from mpclab.client import Client
from mpclab.errors import Abort, InputError
from mpclab.network.rounds import together
from mpclab.party import Party
from mpclab.preprocessing.material import InputMasks, OutputMask, ZeroTest
from mpclab.protocols import checks, clients
from mpclab.sharing import Share, additive

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["detection_rates", "wilson"]

_BATCH = 200
_Z = 3.29  # 99.9 percent
_Program = Callable[[Party, Any], Coroutine[Any, Any, bool]]


def wilson(successes: int, trials: int, z: float = _Z) -> tuple[float, float]:
    """Wilson's confidence interval of a rate, 99.9 percent unless told otherwise.

    >>> low, high = wilson(10, 1000)
    >>> round(low, 4), round(high, 4)
    (0.0037, 0.0268)
    """
    rate, weight = successes / trials, z * z / trials
    middle = rate + weight / 2
    spread = z * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials))
    low, high = (middle - spread) / (1 + weight), (middle + spread) / (1 + weight)
    return max(0.0, low), min(1.0, high)


def detection_rates(modulus: int = 101, trials: int = 1000, *, seed: int = 1) -> pd.DataFrame:
    """Measure how often each attack goes undetected in a small field.

    Parameters
    ----------
    modulus : int
        A prime, at most 4093: in larger fields hardly anything slips through.
    trials : int
        Of every attack.
    seed : int
        Of the labs and the guesses.

    Returns
    -------
    DataFrame
        attack, formula, expected (the probability that it goes undetected), measured, low and high
        (the 99.9 percent confidence interval), trials.

    Examples
    --------
    >>> rates = detection_rates(modulus=101, trials=200)
    >>> bool(((rates.low <= rates.expected) & (rates.expected <= rates.high)).all())
    True
    """
    import pandas as pd

    if not 3 <= modulus <= 4093:
        raise InputError(
            f"the modulus is {modulus}: in a field larger than 4093 hardly anything slips through; "
            "take a small prime, such as 101"
        )
    if trials < 1:
        raise InputError(f"trials is {trials}: it takes a positive integer, such as 1000")
    p = modulus
    rows = []
    for name, formula, expected, measure in _MEASURES:
        passed = measure(p, trials, seed)
        low, high = wilson(passed, trials)
        rows.append(
            {
                "attack": name, "formula": formula, "expected": expected(p),
                "measured": passed / trials, "low": low, "high": high, "trials": trials,
            }
        )
    return pd.DataFrame(rows)


# -- many trials side by side ---------------------------------------------------------------------


def _lab(modulus: int, seed: int) -> OpenLab:
    """A lab of two servers whose key is not 0, as it is with probability 1/p."""
    while True:
        lab = OpenLab(servers=2, modulus=modulus, seed=seed, contents=False)
        if lab.god.key:
            return lab
        seed += 1000


def _many(program: _Program) -> Callable[..., Coroutine[Any, Any, Any]]:
    """The protocol once per entry of its argument, side by side; a trial that aborts is False."""

    async def run(party: Party, shares: Any) -> list[bool]:
        async def one(k: int) -> bool:
            own = Party(party.server, party.endpoint)
            entry = shares[k : k + 1] if isinstance(shares, Share) else shares[k, ...]
            try:
                return await program(own, entry)
            except Abort:
                return False

        return await together(*(one(k) for k in range(len(shares))))

    return run


def _passed(lab: OpenLab, program: _Program, shares: list[Any], tests: bool = True) -> int:
    """In how many trials server 0 lets it pass."""
    count, passed = len(shares[0]), 0
    for start in range(0, count, _BATCH):
        part = slice(start, min(start + _BATCH, count))
        if tests:
            lab.preprocess([ZeroTest()] * (part.stop - part.start))
        results = lab.each(_many(program), [s[part] for s in shares])
        passed += sum(results[0])
    return passed


def _opening(check: Callable[[Party, Any], Coroutine[Any, Any, None]]) -> _Program:
    async def program(party: Party, x: Share) -> bool:
        coin = await checks.commit_coin(party)
        await party.open_masked(x, "x")
        await check(party, coin)
        return True

    return program


def _guesses(p: int, trials: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, p, trials)


def _altered(check: str, guess: bool) -> Callable[[int, int, int], int]:
    """One opening off by 1, the MAC share by g."""

    def measure(p: int, trials: int, seed: int) -> int:
        lab = _lab(p, seed)
        shares = lab.god.share(np.arange(trials) % p)
        g = _guesses(p, trials, seed) if guess else np.zeros(trials, np.int64)
        shift = np.stack([np.ones(trials, np.int64), g])
        shares[1] = Share(lab.field.add(shares[1].data, lab.field.array(shift)), shares[1].key)
        function = getattr(checks, check)
        return _passed(lab, _opening(function), shares, tests=check == "check_openings")

    return measure


async def _is_zero(party: Party, s: Any) -> bool:
    return bool(await checks.zero_test(party, s))


def _nonzero(p: int, trials: int, seed: int) -> int:
    """[s] with s other than 0."""
    lab = _lab(p, seed)
    s = lab.field.array(1 + np.arange(trials) % (p - 1))
    shares = additive(lab.field, s, 2, lab.dealer._source.stream())
    return _passed(lab, _is_zero, shares)


def _known_s(p: int, trials: int, seed: int) -> int:
    """[alpha s] with a known s, shifted by -g s."""
    lab, s = _lab(p, seed), 5
    F = lab.field
    value = F.array(np.full(trials, lab.god.key * s % p))
    shares = additive(F, value, 2, lab.dealer._source.stream())
    shares[1] = F.sub(shares[1], F.array(_guesses(p, trials, seed) * s % p))
    return _passed(lab, _is_zero, shares)


def _altered_mask(p: int, trials: int, seed: int) -> int:
    """Two masks and r_0 of a client altered by the coefficients of (chi - 1)(chi - 2)."""
    lab = _lab(p, seed)
    F = lab.field
    lab.preprocess([InputMasks(2, trials)], checks=1)
    coalition = Coalition(lab, [1])

    def edit(message: Message) -> Message:
        r_0 = F.add(message.elements(0), F.array(np.full(trials, 2)))
        by = np.stack([np.full(trials, -3), np.ones(trials, np.int64)])
        masks = F.add(message.elements(1), F.array(by))
        return message.with_part(0, r_0).with_part(1, masks)

    coalition.on("masks", edit, kind="mask")
    session = lab.session("masks")
    crowd = Client(session.endpoint("users", crowd=trials), lab.source(session.name))

    async def program(party: Party) -> None:
        held = party.take(InputMasks(2, trials))
        await clients.check_masks(party, "users", [held["r"]], held["r_0"])

    outcomes = session.run(
        "upload", program,
        others=[
            (crowd.endpoint, clients.client_check_masks(crowd, [(2, trials)], trials))
        ],
    )
    return int(outcomes["users"][1].sum())


def _altered_output(p: int, trials: int, seed: int) -> int:
    """A result's mask off by 1, and w by a guess of v."""
    lab = _lab(p, seed)
    guesses = _guesses(p, trials, seed)
    passed = 0
    for g in guesses:
        lab.preprocess([OutputMask(1)])
        coalition = Coalition(lab, [1])
        coalition.on("result", add(1, part=1, at=1)).on("result", add(int(g), part=3, at=1))
        session = lab.session("output")
        client = Client(session.endpoint("alice"), lab.source(session.name))

        async def program(party: Party) -> None:
            mask = party.take(OutputMask(1))
            await clients.send_output(party, "alice", party.field.zeros(1), mask)

        outcomes = session.run(
            "online", program, others=[(client.endpoint, clients.client_output(client, 1))]
        )
        passed += not isinstance(outcomes["alice"], Exception)
    return passed


_Formula = Callable[[int], float]
_Measure = Callable[[int, int, int], int]
_MEASURES: tuple[tuple[str, str, _Formula, _Measure], ...] = (
    ("error on an opening", "1 - (1 - 1/p)^2", lambda p: 1 - (1 - 1 / p) ** 2,
     _altered("check_openings", guess=False)),
    ("error with a guessed MAC share", "1 - (1 - 1/p)^3", lambda p: 1 - (1 - 1 / p) ** 3,
     _altered("check_openings", guess=True)),
    ("error on an opening, plain check", "1/p", lambda p: 1 / p,
     _altered("plain_check", guess=False)),
    ("error with a guessed MAC share, plain check", "(2p - 1)/p^2",
     lambda p: (2 * p - 1) / p**2, _altered("plain_check", guess=True)),
    ("zero test of what is not 0", "1/p", lambda p: 1 / p, _nonzero),
    ("shift by a known s, with a guess of alpha", "1 - (1 - 1/p)^2",
     lambda p: 1 - (1 - 1 / p) ** 2, _known_s),
    ("altered masks to a client, two of them", "2/p", lambda p: 2 / p, _altered_mask),
    ("altered result with a guess of v", "1/p", lambda p: 1 / p, _altered_output),
)
