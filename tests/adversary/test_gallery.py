"""Every attack of the gallery fails, and succeeds once the defence that meets it is gone."""

import pytest

from mpclab.adversary import ATTACKS, World, attack
from mpclab.adversary.gallery import table
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, Programs, Recommendations, steps_of
from mpclab.adversary.outcome import ABORT, LEARNT, NO_STEP, RESULTS, STUCK, WRONG, Outcome
from mpclab.adversary.weakened import DEFENCES, weakened
from mpclab.errors import Abort, InputError
from mpclab.protocols import checks, clients, comparison
from mpclab.recommender import protocol

MET = [name for name, a in ATTACKS.items() if a.without]


def worlds(each, sizes=(2, 3, 5)):
    for n in sizes:
        if n >= each.least and each.servers < n:
            for c in sorted({max(each.servers, 0), n - 1}):
                if each.least == 2 or n - c >= 2:
                    yield World(n, c)


def test_there_are_many_and_each_says_what_it_is():
    frame = table()
    assert len(frame) == len(ATTACKS) >= 25
    for column in ("aim", "defence", "source"):
        assert (frame[column].str.len() > 2).all(), column
    assert frame["aim"].str.contains(r"[.?]$").all()
    assert frame["aim"].is_unique
    assert set(frame["without"]) - {""} == set(DEFENCES)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_fails(name):
    tried = 0
    for world in worlds(ATTACKS[name]):
        outcome = ATTACKS[name].run(world)
        assert outcome.verdict == "holds", (world, outcome)
        assert outcome.result != NO_STEP, world
        tried += 1
    assert tried


@pytest.mark.parametrize("name", MET)
def test_without_its_defence_it_succeeds(name):
    """... whichever servers are corrupt, server 0 or another."""
    each = ATTACKS[name]
    chosen = [World(3, 1 if each.servers else 0)]
    if each.servers:
        chosen += [World(3, (0,)), World(5, (1, 0))]
    for world in chosen:
        with weakened(each.without):
            outcome = each.run(world)
        assert outcome.verdict == "BROKEN", (world, outcome)
        again = each.run(world)
        assert again.verdict == "holds", (world, again)


@pytest.mark.parametrize("defence", DEFENCES)
def test_taking_a_defence_away_leaves_honest_runs_right(defence):
    with weakened(defence):
        assert Recommendations(3).play().result == "no effect"
        for name in ("multiply", "input", "output"):
            assert Programs(name, 2).play().result == "no effect", name


def test_defences_can_be_taken_away_together_and_come_back():
    before = checks.check_openings, checks.commit_coin
    with weakened("late coin", "MAC check"):
        assert (checks.check_openings, checks.commit_coin) != before
        assert attack("error on an opening").run().result == WRONG
    assert (checks.check_openings, checks.commit_coin) == before
    for defence in DEFENCES:
        functions = {
            (m, k): v for m in (checks, clients, comparison, protocol) for k, v in vars(m).items()
        }
        with pytest.raises(Abort), weakened(defence):
            raise Abort("whatever happens meanwhile")
        after = {
            (m, k): v for m in (checks, clients, comparison, protocol) for k, v in vars(m).items()
        }
        assert after == functions


def test_what_the_attacks_reach():
    for name, defence, result in (
        ("zeta made to fit the others'", "commitment", WRONG),
        ("inconsistent upload", "comparison of hashes", STUCK),
        ("huge entry in a query", "uniform mask", LEARNT),
    ):
        with weakened(defence):
            assert attack(name).run().result == result
    with weakened("zero test"):
        outcome = attack("key from a failed check").run()
    assert outcome.detail.endswith(WRONG)  # the key forges the next result


def test_a_defence_does_not_stop_what_another_one_meets():
    with weakened("r_0"):
        assert attack("error on an opening").run().result == ABORT
    with weakened("MAC check"):
        assert attack("huge entry in a query").run().verdict == "holds"


def test_every_step_of_a_recommendation_is_attacked():
    for n in (2, 3):
        for name in GROUNDS:
            steps = steps_of(name, n)
            assert bool(steps) == (name != "fss" or n == 2)
            for step in steps:
                assert sum(a.strikes(step) for a in ATTACKS.values()) >= 5, step
    assert len(steps_of(RECOMMEND, 2)) >= 30


def test_errors_are_sentences():
    with pytest.raises(InputError, match=r"no attack 'eror .* 'error on an opening'"):
        attack("eror on an opening")
    with pytest.raises(InputError, match=r"no defence 'luck' .*'commitment'"), weakened("luck"):
        pass
    with pytest.raises(InputError, match="of 3 servers, 0 to 2 may be corrupt"):
        World(3, 3)
    with pytest.raises(InputError):
        World(3, (0, 0))
    with pytest.raises(InputError, match="at least 2 servers"):
        World(1, 0)
    with pytest.raises(InputError, match="outcome 'fine' is unknown"):
        Outcome("fine")
    assert Outcome(RESULTS[0]).broken


def test_an_attack_says_where_it_does_not_apply():
    (query,) = [s for s in steps_of(RECOMMEND, 2) if s.kind == "masked query"]
    assert attack("error on an opening").run(World(2, 1, query)).result == NO_STEP
    assert attack("one thing to one, another to the rest").run(World(2, 1)).result == NO_STEP
    assert attack("error on an opening").run(World(2, 0)).result == NO_STEP
