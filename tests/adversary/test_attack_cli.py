"""`mpclab attack`, as a command of an app of its own."""

import json

import pytest
import typer
from typer.testing import CliRunner

from mpclab.adversary import ATTACKS
from mpclab.attack_cli import attack
from mpclab.errors import InputError

app = typer.Typer()
app.command()(attack)


def run(*args):
    return CliRunner().invoke(app, [str(a) for a in args])


def test_trials_as_json():
    done = run("--servers", 2, "--trials", 30, "--seed", 1, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["trials"] == 30
    assert found["wrong_results_accepted"] == found["honest_runs_aborted"] == 0
    assert found["field_bits"] == 61
    assert found["by_attack"]


def test_trials_as_a_table():
    done = run("--servers", 2, "--trials", 20, "--seed", 1, "--modulus", "101")
    assert done.exit_code == 0
    assert "Wrong results accepted:" in done.stdout
    assert "random deviation" in done.stdout


def test_the_gallery():
    text = run("--list").stdout
    assert all(name in text for name in ATTACKS)
    assert set(json.loads(run("--list", "--json").stdout)) == set(ATTACKS)


def test_one_attack_with_and_without_its_defence():
    name = "zeta made to fit the others'"
    assert "abort before output (holds)" in run("--name", name).stdout
    done = run("--name", name, "--servers", 3, "--without", "commitment", "--json")
    rows = json.loads(done.stdout)
    assert [r["corrupt"] for r in rows] == [1, 2]
    assert {r["verdict"] for r in rows} == {"BROKEN"}
    (row,) = json.loads(run("--name", "inconsistent upload", "--json").stdout)
    assert row["outcome"] == "refused"


def test_trials_without_a_defence_say_what_got_through():
    done = run("--servers", 2, "--trials", 40, "--seed", 1, "--without", "MAC check", "--json")
    assert json.loads(done.stdout)["wrong_results_accepted"] > 0
    assert done.exit_code == 0  # as was to be expected


@pytest.mark.parametrize(
    "args",
    [("--name", "nothing"), ("--without", "nothing"), ("--trials", 0), ("--servers", 1),
     ("--modulus", "a prime"), ("--modulus", "2**99-1"), ("--modulus", "100")],
)  # fmt: skip
def test_errors_are_sentences(args):
    done = run(*args)
    assert isinstance(done.exception, InputError)


@pytest.mark.parametrize("modulus", ["2**61-1", "2^61 - 1", "2305843009213693951"])
def test_a_modulus_as_people_write_it(modulus):
    done = run("--servers", 2, "--trials", 1, "--modulus", modulus, "--json")
    assert json.loads(done.stdout)["field_bits"] == 61


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--seed", -1, "--trials", 1), "the seed is -1"),
     (("--name", "one user counts", "--servers", 1), "servers is 1"),
     (("--name", "error on an opening", "--modulus", "nonsense"), "the modulus is 'nonsense'")],
)
def test_other_nonsense_has_a_sentence(words, sentence):
    done = run(*words)
    assert done.exit_code
    assert sentence in f"{done.exception}{done.stderr}"


def test_a_name_in_a_small_field_and_in_the_list():
    done = run("--name", "error on an opening", "--modulus", 101, "--servers", 2)
    assert done.exit_code == 0
    listed = run("--list", "--name", "one user counts").stdout
    assert "one user counts" in listed
    assert "error on an opening" not in listed
