"""Coins, the zero test and the MAC check: what slips through, how often, and what a failure tells.

All trials run with fixed seeds, so they are deterministic; a right implementation would fail one
of the statistical tests for one choice of seeds in a million (`FALSE_ALARM`).
"""

import numpy as np
import pytest

from mpclab.errors import Abort, InputError, MaterialError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.endpoint import Endpoint
from mpclab.party import Party
from mpclab.preprocessing.material import Triples, ZeroTest
from mpclab.protocols.checks import (
    Coin,
    check_openings,
    commit_coin,
    plain_check,
    reveal,
    zero_test,
)
from mpclab.protocols.multiply import multiply
from mpclab.randomness import Stream, digest
from mpclab.sharing import additive, reconstruct_key
from tests.cheating import (
    Cheat,
    Spy,
    random_zero_tests,
    rate_is,
    shifted,
    trials,
    uniform_below,
    value,
    zero_tests,
)

LARGE = 2**61 - 1


def alpha_of(lab):
    return int(reconstruct_key([s.key for s in lab.servers]))


def opening(check):
    """Open one value and check it: True if the check lets it pass."""

    async def protocol(party, x):
        coin = await commit_coin(party)
        await party.open_masked(x, "x")
        await check(party, coin)
        return True

    return protocol


def lab_with(modulus, seed, servers=2, count=0):
    """A lab whose MAC key is not 0 (as it is with probability 1/p), with zero tests."""
    lab = Lab(servers=servers, modulus=modulus, seed=seed)
    while alpha_of(lab) == 0:
        seed += 1000
        lab = Lab(servers=servers, modulus=modulus, seed=seed)
    random_zero_tests(lab, count)
    return lab


# -- 1. honest, and surely caught ---------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("modulus", [5, 101, LARGE])
def test_what_is_right_passes(servers, modulus):
    lab = Lab(servers=servers, modulus=modulus, seed=1)
    random_zero_tests(lab, 12)
    x = lab.god.share(np.arange(12) % modulus)
    assert all(trials(lab, opening(check_openings), x))
    assert all(trials(lab, opening(plain_check), x))


@pytest.mark.parametrize("servers", [2, 3])
def test_any_server_altering_any_opening_is_caught(servers):
    """In a large field: every server, every one of several openings, every entry."""

    async def protocol(party, x, y):
        coin = await commit_coin(party)
        await party.open_masked(x, "x")
        await party.open_masked(y, "y")
        assert len(party.unchecked) == 2
        await check_openings(party, coin)
        assert not party.unchecked

    lab = lab_with(LARGE, 2, servers, 50)
    x, y = lab.god.share([1, 2, 3]), lab.god.share([[4], [5]])
    lab.each(protocol, x, y)
    for corrupt in range(servers):
        for step, size in (("x", 3), ("y", 2)):
            for at in range(size):
                Cheat(lab, f"server {corrupt}", step, value(at=at))
                with pytest.raises(Abort, match="MAC check failed"):
                    lab.each(protocol, x, y)


def test_errors_that_would_cancel_are_caught():
    """Two openings off by +1 and -1: the coefficients keep them apart."""

    async def protocol(party, x):
        coin = await commit_coin(party)
        await party.open_masked(x, "x")
        await check_openings(party, coin)

    lab = lab_with(LARGE, 3, count=2)
    Cheat(
        lab, "server 1", "x",
        lambda m: m.with_part(
            0, m.field.add(m.section.parts[0], m.field.array([1, -1]))
        ).encode(),
    )
    with pytest.raises(Abort):
        lab.each(protocol, lab.god.share([5, 5]))


def test_a_wrong_mac_share_alone_is_caught():
    lab = lab_with(LARGE, 4, count=2)
    with pytest.raises(Abort, match="MAC check failed"):
        lab.each(opening(check_openings), shifted(lab.god.share([5]), 0, mac=1))


def test_reveal_checks_what_comes_before_first():
    """A wrong product is found before anything is revealed."""

    async def protocol(party, x):
        return await reveal(party, await multiply(party, x, x))

    lab = Lab(servers=2, seed=5)
    lab.preprocess([Triples(1)] * 2, checks=4)
    assert int(lab.each(protocol, lab.god.share([7]))[0][0]) == 49
    spy = Spy(lab)
    x = shifted(lab.god.share([7]), 1)
    with pytest.raises(Abort):
        lab.each(protocol, x)
    assert not spy.values("reveal")


# -- 2. how often a named attack slips through --------------------------------------

# For one opening altered by delta != 0, at fixed alpha != 0. The combination that is tested for 0
# is s = chi delta (g - alpha), where g is the corrupt server's guess of alpha, by which it shifts
# its MAC share (g = 0 if it does not guess). chi, g and the t of the zero test are uniform and
# independent, so each of these events has probability 1/p:
#     chi = 0     both checks pass (s = 0)
#     g = alpha   both checks pass (s = 0); without a guess never, for alpha != 0
#     t = 0       the zero test passes, whatever s is
RATES = {
    "our check, with a guess": (check_openings, True, lambda p: 1 - (1 - 1 / p) ** 3),
    "our check, no guess": (check_openings, False, lambda p: 1 - (1 - 1 / p) ** 2),
    "plain check, with a guess": (plain_check, True, lambda p: (2 * p - 1) / p**2),
    "plain check, no guess": (plain_check, False, lambda p: 1 / p),
}


def passed(name, modulus, count, seed):
    check, guesses, _ = RATES[name]
    lab = lab_with(modulus, seed, count=count if check is check_openings else 0)
    rng = np.random.default_rng(seed)
    g = rng.integers(0, modulus, count) if guesses else np.zeros(count, np.int64)
    delta = 3
    x = shifted(lab.god.share(np.arange(count) % modulus), delta, mac=g * delta % modulus)
    return sum(trials(lab, opening(check), x))


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(("modulus", "count"), [(11, 1500), (101, 1500)])
def test_an_altered_opening_passes_exactly_as_often_as_the_formula_says(name, modulus, count):
    rate = RATES[name][2](modulus)
    found = passed(name, modulus, count, seed=modulus)
    assert rate_is(found, count, rate)
    if modulus == 11:  # enough trials to tell the attacks apart
        for other, (*_, formula) in RATES.items():
            if formula(modulus) > 1.01 * rate or formula(modulus) < 0.99 * rate:
                assert not rate_is(found, count, formula(modulus)), other


async def zero_tested(party, s):
    return await zero_test(party, s)


def additive_shares(lab, s):
    stream = lab.dealer._source.stream()
    return additive(lab.field, lab.field.array(s), lab.n, stream)


@pytest.mark.parametrize("servers", [2, 3])
def test_a_zero_always_passes_the_zero_test(servers):
    lab = lab_with(7, 1, servers, 100)
    assert all(trials(lab, zero_tested, additive_shares(lab, np.zeros(100, int))))


@pytest.mark.parametrize(("modulus", "count"), [(11, 1500), (101, 1500)])
def test_what_is_not_zero_passes_with_probability_one_in_p(modulus, count):
    lab = lab_with(modulus, 6, count=count)
    s = additive_shares(lab, 1 + np.arange(count) % (modulus - 1))
    assert rate_is(sum(trials(lab, zero_tested, s)), count, 1 / modulus)


def test_whoever_knows_s_passes_a_zero_test_of_s_itself():
    """Why an authenticated <s> is tested on its MAC shares (DESIGN 3.2): shift s - u by -s."""
    lab = lab_with(LARGE, 7, count=2)
    s = additive_shares(lab, 1234)
    assert not lab.each(zero_tested, s)[0]
    Cheat(lab, "server 1", "s - u", value(by=-1234))
    assert lab.each(zero_tested, s)[0]


@pytest.mark.parametrize(("modulus", "count"), [(11, 1500), (101, 1500)])
def test_whoever_knows_s_must_guess_the_key_to_pass_a_zero_test_of_its_macs(modulus, count):
    """On [alpha s] the shift is -g s: passes if g = alpha or t = 0, 1 - (1 - 1/p)^2 in all."""
    lab = lab_with(modulus, 8, count=count)
    s, alpha = 5, alpha_of(lab)
    g = np.random.default_rng(8).integers(0, modulus, count)
    shares = additive_shares(lab, np.full(count, alpha * s % modulus))
    shares[0] = lab.field.sub(shares[0], lab.field.array(g * s % modulus))
    found = sum(trials(lab, zero_tested, shares))
    assert rate_is(found, count, 1 - (1 - 1 / modulus) ** 2)


# -- 3. what a failed check tells ---------------------------------------------------


def test_a_failed_plain_check_betrays_the_key():
    """Every server learns alpha from its own view: -sum sigma / (chi delta)."""
    lab = lab_with(LARGE, 9)
    spy = Spy(lab, who=["server 0"])
    with pytest.raises(Abort, match="betrayed"):
        lab.each(opening(plain_check), shifted(lab.god.share([5]), 1))
    F = lab.field
    assert alpha_from(F, coin_of(spy, lab), spy.values("sigma reveal")) == alpha_of(lab)


def coin_of(spy, lab):
    """The coefficient chi of the only opening, from the seeds that everybody saw."""
    seeds = [bytes(v)[:32] for v in spy.values("coin reveal")]
    endpoint = Endpoint("server 0", lab.field, lab.n, spy.seen[0].session, nonce=lab._nonce)
    stream = Stream(digest(b"mpclab coin", endpoint.session_id, *seeds))
    return int(stream.elements(lab.field.modulus, 1)[0])


def alpha_from(F: Field, chi, revealed):
    total = sum(int.from_bytes(bytes(v)[:8], "little") for v in revealed) % F.modulus
    return (-total * pow(chi, -1, F.modulus)) % F.modulus


def test_the_same_of_a_failed_check_of_ours_tells_nothing():
    """The same arithmetic gives a uniform number, whatever alpha is, and so does s - u."""
    modulus, count = 11, 1100
    for seed in (10, 11):
        lab = lab_with(modulus, seed, count=count)
        x = lab.god.share(np.zeros(count, int))
        spy = Spy(lab, who=["server 0"])
        ok = np.array(trials(lab, opening(check_openings), shifted(x, 1), batch=200))
        d = np.concatenate([v for label, v in opened_in_order(spy) if label == "s - u"])
        zeta = revealed_sums(spy, "zeta reveal", lab.n, modulus)
        failed = ~ok
        assert failed.sum() > 800
        assert uniform_below(d, modulus)
        assert uniform_below(zeta[failed] - 1, modulus - 1)  # s t, for s and t other than 0
        pair = d[failed] * (modulus - 1) + zeta[failed] - 1
        assert uniform_below(pair, modulus * (modulus - 1))


def opened_in_order(spy):
    """Opened values with all sections of a message side by side, in the order of the trials."""
    shares = {}
    for s in spy.seen:
        if s.kind == "open" and s.receiver == "server 0":
            key = s.session, s.round, s.label
            shares.setdefault(key, {}).setdefault(s.sender, []).append(s.parts[0].reshape(-1))
    for (_, _, label), senders in shares.items():
        parts = [np.concatenate(v) for v in senders.values()]
        yield label, spy.field.sum(np.stack(parts), axis=0).astype(np.int64)


def revealed_sums(spy, label, servers, modulus):
    numbers = {}
    for s in spy.seen:
        if s.label == label and s.receiver == "server 0":
            value = int.from_bytes(bytes(s.parts[0])[:8], "little")
            numbers.setdefault((s.session, s.sender), []).append(value)
    sessions = dict.fromkeys(session for session, _ in numbers)
    out = []
    for session in sessions:
        columns = [numbers[session, f"server {i}"] for i in range(servers)]
        out += [sum(v) % modulus for v in zip(*columns, strict=True)]
    return np.array(out)


@pytest.mark.parametrize("modulus", [5, 7])
@pytest.mark.parametrize(("epsilon", "eta"), [(0, 0), (1, 0), (0, 2), (3, 1)])
def test_every_failure_looks_alike(modulus, epsilon, eta):
    """Exhaustive: for every s, over all t and u, with s - u shifted and zeta shifted by a cheater.

    What everybody sees is (s - u, sum of zeta). Unless the cheater has guessed s (-epsilon = s),
    every pair comes exactly once among the p^2 choices of t and u: the view does not depend on s,
    so neither on the key in it. If it has guessed, zeta is eta: that is the guess of
    the key that the error formula counts, no more.
    """
    every = np.arange(modulus**2)
    t, u = every // modulus, every % modulus
    for s in range(modulus):
        lab = Lab(servers=2, modulus=modulus, seed=12)
        zero_tests(lab, t, u)
        for _, bundle in next(iter(lab.servers[0].pool._stock.values())):
            bundle["tu"] = lab.field.add(bundle["tu"], lab.field.array(eta))
        shares = additive_shares(lab, np.full(modulus**2, s))
        shares[0] = lab.field.add(shares[0], lab.field.array(epsilon))
        spy = Spy(lab, who=["server 0"])
        ok = np.array(trials(lab, zero_tested, shares))
        ((_, d),) = opened_in_order(spy)
        zeta = revealed_sums(spy, "zeta reveal", 2, modulus)
        assert (ok == (zeta == 0)).all()
        if (s + epsilon) % modulus:
            assert len(set(zip(d.tolist(), zeta.tolist(), strict=True))) == modulus**2
        else:
            assert (zeta == eta).all()
            assert ok.all() == (eta == 0)


# -- coins and rules ----------------------------------------------------------------


def test_a_coin_is_everybodys_and_for_one_use():
    async def protocol(party):
        coin = await commit_coin(party)
        assert "committed" in repr(coin)
        stream = await coin.reveal()
        with pytest.raises(Abort, match="twice"):
            await coin.reveal()
        return stream.bytes(16)

    lab = Lab(servers=3, seed=13)
    first, second = lab.each(protocol), lab.each(protocol)
    assert len(set(first)) == len(set(second)) == 1
    assert first != second


def test_a_server_that_fixes_its_seed_does_not_fix_the_coin():
    """Chi-square over 300 coins: uniform with server 0's seed and nonce constant."""

    async def protocol(party):
        if party.index == 0:
            party.random_bytes = bytes
        stream = await (await commit_coin(party)).reveal()
        return int(stream.elements(7))

    lab = Lab(servers=2, modulus=7, seed=14)
    assert uniform_below([lab.each(protocol)[1] for _ in range(300)], 7)


@pytest.mark.parametrize("check", [check_openings, plain_check])
def test_every_commitment_has_a_fresh_nonce_and_every_coin_a_fresh_seed(check):
    """Without a nonce, a committed value could be guessed: zeta has only p of them."""
    lab = lab_with(101, 13, servers=3, count=2)
    spy = Spy(lab)
    for _ in range(2):
        lab.each(opening(check), lab.god.share([5]))
    reveals = [s for s in spy.seen if s.kind == "reveal" and s.receiver == "server 0"]
    assert len(reveals) == 2 * 2 * 3  # sessions, coin and value, servers
    nonces = {bytes(s.parts[0])[-32:] for s in reveals}
    assert len(nonces) == len(reveals)
    seeds = {bytes(s.parts[0])[:-32] for s in reveals if s.label == "coin reveal"}
    assert len(seeds) == 2 * 3
    assert all(len(set(x)) > 16 for x in (*nonces, *seeds))  # not counted up from 0


@pytest.mark.parametrize("step", ["coin commit", "coin reveal"])
def test_the_coin_cannot_be_changed_nor_copied(step):
    async def protocol(party):
        return (await (await commit_coin(party)).reveal()).bytes(4)

    lab = Lab(servers=3, seed=15)
    copied = {}

    class Copycat(Cheat):  # rushes: replays server 0's commitment and opening as its own
        def __call__(self, flight):
            for e in flight.honest:
                if e.sender == "server 0" and e.receiver == "server 1":
                    copied["data"] = e.data
            return super().__call__(flight)

    Cheat(lab, "server 1", step, value(at=3))
    with pytest.raises(Abort, match="does not fit its commitment"):
        lab.each(protocol)
    both = Copycat(lab, "server 1", "coin commit", lambda m: copied["data"])
    both.also("coin reveal", lambda m: copied["data"])
    with pytest.raises(Abort, match="does not fit its commitment"):
        lab.each(protocol)


def test_nothing_leaves_unchecked_or_after_an_abort():
    async def protocol(party, x):
        await party.open_masked(x, "x")
        with pytest.raises(InputError, match="have not passed a MAC check"):
            party.require_checked("the result")
        error = party.abort("enough")
        assert isinstance(error, Abort)
        assert not party.unchecked
        with pytest.raises(Abort, match="nothing more"):
            party.require_checked("the result")
        with pytest.raises(Abort, match="nothing more"):
            await party.broadcast("more", "open", x.value)
        return True

    lab = Lab(servers=2, seed=16)
    assert lab.each(protocol, lab.god.share([1])) == [True, True]


def test_a_check_without_material_says_so_before_it_reveals():
    lab = Lab(servers=2, seed=17)
    with pytest.raises(MaterialError, match="preprocess more"):
        lab.each(zero_tested, additive_shares(lab, 0))
    lab.preprocess([ZeroTest()])
    assert lab.each(zero_tested, additive_shares(lab, 0))[0]


def test_a_single_number_can_be_revealed():
    async def protocol(party, x):
        return await reveal(party, x[0]), await reveal(party, x.sum())

    lab = Lab(servers=2, seed=19)
    random_zero_tests(lab, 2)
    one, total = lab.each(protocol, lab.god.share([5, 6]))[0]
    assert (int(one), int(total)) == (5, 11)


def test_reprs_hide_secrets():
    lab = Lab(servers=2, seed=18)
    party = lab.session().parties[0]
    assert isinstance(party, Party)
    assert str(int(party.key.alpha)) not in repr(party) + repr(party.key)
    coin = Coin(party, b"secret" * 6, b"", [])
    assert "secret" not in repr(coin)
