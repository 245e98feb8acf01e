"""The figures of the course say what is so; the chapters quote the steps that the source has."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mpclab.errors import InputError
from mpclab.teaching.macs import CHECKS, PRIMES, forge, mac_dial, undetected
from mpclab.teaching.shares import share_view, visible_sums
from mpclab.teaching.triples import multiplication

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


# -- shares ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [11, 101, 65537, 2**61 - 1])
@pytest.mark.parametrize("servers", [2, 3, 10])
def test_shares_give_the_secret_and_macs_fit(p, servers):
    for secret in (0, 7, -1):
        view = share_view(secret, servers, p, macs=True, seed=secret + 5)
        assert view.total == secret % p
        assert len(view.shares) == len(view.macs) == len(view.keys) == servers
        assert view.mac_holds
        assert not view.edited
        assert set(view.sums.tolist()) == {secret % p}


@pytest.mark.parametrize("p", [11, 101, 1021, 2**61 - 1])
@pytest.mark.parametrize("covered", [0, 1, 2])
def test_with_a_server_covered_the_rest_is_uniform(p, covered):
    view = share_view(5, 3, p, covered=covered)
    assert view.looks_uniform
    assert view.counts[0].sum() == view.sums.size
    assert view.counts[1].sum() == pytest.approx(view.sums.size)
    assert (view.visible + view.shares[covered]) % p == 5
    assert not share_view(5, 3, p).looks_uniform


def test_an_edit_changes_the_secret_and_the_macs_tell():
    view = share_view(42, 3, 101)
    edited = share_view(42, 3, 101, edits={1: view.shares[1] + 1, 2: view.shares[2]}, macs=True)
    assert (edited.total, edited.edited, edited.mac_holds) == (43, (1,), False)
    assert "What comes out is 43, not 42. The MACs do not fit." in edited.sentence()
    assert "Nothing shows it" in share_view(42, 3, 101, edits={1: 0}).sentence()
    cancel = {0: (view.shares[0] + 1) % 101, 1: (view.shares[1] - 1) % 101}
    assert "The changes cancel" in share_view(42, 3, 101, edits=cancel).sentence()


def test_a_covered_share_is_not_in_the_picture():
    view = share_view(42, 3, 2**61 - 1, covered=1, macs=True)
    for number in (view.shares[1], view.macs[1], view.keys[1]):
        assert str(number) not in view.html()
    assert str(view.shares[0]) in view.html()
    assert str(view.shares[1]) in share_view(42, 3, 2**61 - 1).html()


def test_what_is_drawn_is_self_contained_and_stable():
    for view in (share_view(1, 10, 11, macs=True), share_view(covered=2)):
        assert view.picture.svg == view.picture.svg
        text = view._repr_html_()
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "mpclab-still" in text
        assert "0x" not in repr(view)
    assert np.array_equal(visible_sums(3, seed=9), visible_sums(3, seed=9))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"secret": 101}, "does not fit"),
        ({"servers": 1}, "at least 2"),
        ({"servers": 11}, "2 to 10 are shown"),
        ({"covered": 3}, "no server 3 to cover"),
        ({"edits": {3: 1}}, "no server 3 to edit"),
        ({"modulus": 91}, "not prime"),
    ],
)
def test_errors_are_sentences(wrong, told):
    with pytest.raises(InputError, match=told):
        share_view(**wrong)


# -- MACs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("guess", [True, False])
def test_forgeries_pass_as_often_as_the_formula_says(check, guess):
    for p in (11, 101, 1021):
        dial = mac_dial(p, check, guess, tries=20_000, seed=3)
        assert dial.fits, dial
        assert dial.forgeries.passed > 0
    assert mac_dial(2**61 - 1, check, guess).forgeries.passed == 0


def test_the_formulas_are_those_that_the_protocols_are_measured_against():
    from mpclab.adversary.rates import _MEASURES

    known = {name: (formula, expected) for name, formula, expected, _ in _MEASURES}
    for name, check, guess in (
        ("error on an opening", "zero test", False),
        ("error with a guessed MAC share", "zero test", True),
        ("error on an opening, plain check", "plain check", False),
        ("error with a guessed MAC share, plain check", "plain check", True),
    ):
        formula, expected = known[name]
        assert mac_dial(101, check, guess, tries=10).formula == formula
        for p in (11, 101, 4093):
            assert float(undetected(p, check, guess)) == pytest.approx(expected(p), rel=1e-9)
    assert undetected(101) == Fraction(3 * 101**2 - 3 * 101 + 1, 101**3)


@pytest.mark.parametrize("guess", [True, False])
def test_the_plain_check_betrays_the_key_and_the_zero_test_does_not(guess):
    for p in (11, 101, 2**61 - 1):
        plain, zero = (forge(p, check, guess, tries=5000) for check in ("plain check", "zero test"))
        assert plain.key == zero.key
        assert plain.key_found == 1
        assert zero.key_found < 1.5 / (p - 1) + 0.01


def test_what_the_zero_test_tells_is_even():
    told = forge(11, "zero test", guess=False, tries=20_000).told
    counts = np.bincount(told.astype(int), minlength=11)
    assert counts[0] == 0  # s t is not 0 if the test fails
    assert ((counts[1:] - told.size / 10) ** 2 / (told.size / 10)).sum() < 40


def test_the_dial_draws_itself():
    for p in PRIMES:
        for check in CHECKS:
            dial = mac_dial(p, check, tries=1000)
            text = dial._repr_html_()
            assert "(logarithmic)" in text
            assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
            assert "nan" not in dial.picture.svg
    assert "24,000 years" in mac_dial(2**61 - 1).sentence()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"modulus": 13}, "the dial has 11, 31"),
        ({"check": "none"}, "no check 'none'"),
        ({"tries": 0}, "1 to 100,000"),
    ],
)
def test_a_wrong_dial_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        mac_dial(**wrong)


# -- triples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("servers", "p"), [(2, 101), (3, 1021), (5, 2**61 - 1)])
def test_a_multiplication_step_by_step(servers, p):
    messages = servers * (servers - 1)
    for step in range(messages + 3):
        stepped = multiplication(6, -7, servers, p, step)
        assert stepped.steps == messages + 2
        assert stepped.product == -42 % p
        assert len(stepped.cards) == servers
        assert sum(len(card.received) for card in stepped.cards) == min(step, messages)
        told = stepped._repr_html_()
        assert "data-mark" not in told
        assert "sent at" not in told  # no measured time in a figure
        faint = stepped.picture.svg.count('opacity=".16"')
        assert (faint == 0) == (step >= messages)
    assert all("nothing new" in card.concludes for card in stepped.cards)
    assert all(any(v.startswith("z_") for v in card.holds) for card in stepped.cards)


def test_what_the_cards_say_is_what_was_sent():
    last = multiplication(6, 7, 3, 101, 7)
    numbers = [dict(re.findall(r"(\w+) = (\d+)", " ".join(card.holds))) for card in last.cards]

    def total(name):
        return sum(int(numbers[i][f"{name}_{i}"]) for i in range(3)) % 101

    assert (total("x"), total("y"), total("a") * total("b") % 101) == (6, 7, total("c"))
    for card, held in zip(last.cards, numbers, strict=True):
        assert int(held["d"]) == (6 - total("a")) % 101 == total("d")
        assert int(held["e"]) == (7 - total("b")) % 101 == total("e")
        for i in range(3):
            if i != card.server:
                mine = f"d_{i} = {numbers[i][f'd_{i}']}, e_{i} = {numbers[i][f'e_{i}']}"
                assert f"{mine}, from server {i}" in card.received
        assert "uniform whatever x and y are" in card.concludes
    early = multiplication(6, 7, 3, 101, 2).cards
    assert early[1].concludes == "Nothing: 1 of 2 shares of d and e are here, each uniform."
    assert early[0].sends == ("d_0 = 51, e_0 = 69, to servers 1 and 2",)


def test_a_multiplication_that_cannot_be_shown():
    with pytest.raises(InputError, match="2 to 5 are shown"):
        multiplication(servers=6)
    with pytest.raises(InputError, match="step is 9: there are 0, the start, to 8, the end"):
        multiplication(step=9)
    with pytest.raises(InputError, match="does not fit"):
        multiplication(101, 7)
