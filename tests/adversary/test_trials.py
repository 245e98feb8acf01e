"""Random deviations accept nothing wrong, honest runs never abort; rates agree with formulas."""

import json

import pytest

from mpclab.adversary import detection_rates, random_trials
from mpclab.adversary.rates import wilson
from mpclab.adversary.weakened import weakened
from mpclab.errors import InputError


@pytest.mark.parametrize(("servers", "trials"), [(2, 300), (3, 300), (5, 60)])
def test_nothing_wrong_is_accepted_and_nothing_honest_aborts(servers, trials):
    found = random_trials(servers, trials, seed=servers)
    assert found["wrong_results_accepted"] == found["broken"] == 0
    assert found["honest_runs_aborted"] == 0
    assert found["honest_runs"] == trials // 10
    assert (found["trials"], found["servers"], found["field_bits"]) == (trials, servers, 61)
    assert sum(n for counts in found["by_attack"].values() for n in counts.values()) == trials
    assert found["by_attack"]["random deviation"]["abort before output"] > trials / 5
    assert found["seconds"] < 30
    json.dumps(found)


def test_a_seed_makes_trials_repeatable():
    one, two, other = (random_trials(2, 40, seed=s)["by_attack"] for s in (1, 1, 2))
    assert one == two != other
    assert random_trials(2, 1)["seed"] != random_trials(2, 1)["seed"]


def test_trials_find_what_is_broken():
    with weakened("MAC check"):
        found = random_trials(2, 100, seed=1)
    assert found["wrong_results_accepted"] > 5
    assert found["honest_runs_aborted"] == 0


def test_small_fields_let_little_through():
    found = random_trials(2, 150, seed=3, modulus=101)
    assert found["field_bits"] == 7
    assert found["wrong_results_accepted"] <= 12
    assert found["honest_runs_aborted"] == 0


@pytest.mark.parametrize("modulus", [31, 65537])
def test_any_field_will_do(modulus):
    found = random_trials(2, 20, seed=1, modulus=modulus)
    assert found["trials"] == 20
    assert found["honest_runs_aborted"] == 0


@pytest.mark.parametrize(("modulus", "trials"), [(11, 600), (101, 600)])
def test_rates_agree_with_the_formulas(modulus, trials):
    rates = detection_rates(modulus, trials)
    assert len(rates) == 8
    for row in rates.itertuples():
        assert row.low <= row.measured <= row.high
        assert row.low <= row.expected <= row.high, row
    if modulus == 11:
        by = rates.set_index("attack")
        guessed = by.loc["error with a guessed MAC share"]
        assert guessed.low > by.loc["error on an opening, plain check"].expected


def test_wilson():
    low, high = wilson(0, 100)
    assert low == 0
    assert 0.05 < high < 0.12
    assert wilson(100, 100)[1] == 1


def test_errors_are_sentences():
    with pytest.raises(InputError, match="trials is 0"):
        random_trials(2, 0)
    with pytest.raises(InputError, match="at least 2 servers"):
        random_trials(1, 10)
    with pytest.raises(InputError, match=r"no protocol runs in Field\(5\)"):
        random_trials(2, 10, modulus=5)
    with pytest.raises(InputError, match="larger than 4093"):
        detection_rates(2**61 - 1)
    with pytest.raises(InputError, match="trials is 0"):
        detection_rates(101, 0)
