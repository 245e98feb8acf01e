"""The figures of the course say what is so; the chapters quote the steps that the source has."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mpclab.errors import InputError
from mpclab.style import text_width
from mpclab.teaching.macs import CHECKS, PRIMES, forge, mac_dial, undetected
from mpclab.teaching.shares import _round_step, share_view, visible_sums
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
        ({"secret": 101}, "secret is 101: it must be a whole number from -100 to 100"),
        ({"secret": [1, 2]}, r"secret is \[1, 2\]: it must"),
        ({"servers": 1}, "servers is 1: it must be a whole number from 2 to 10"),
        ({"servers": 11}, "from 2 to 10"),
        ({"servers": 3.0}, "servers is 3.0: it must be a whole number from 2 to 10"),
        ({"covered": 3}, "covered is 3: it must be a whole number from 0 to 2"),
        ({"covered": 1.5}, "covered is 1.5: it must"),
        ({"covered": True}, "covered is True: it must"),
        ({"covered": "1"}, "covered is '1': it must"),
        ({"edits": {3: 1}}, "a server in edits is 3: it must be a whole number from 0 to 2"),
        ({"edits": {"1": 3}}, "a server in edits is '1'"),
        ({"edits": {1.5: 3}}, "a server in edits is 1.5"),
        ({"edits": {1: "a"}}, "the share of server 1 is 'a'"),
        ({"edits": [(1, 2)]}, r"edits is \[\(1, 2\)\]: it must map servers to shares"),
        ({"macs": "no"}, "macs is 'no': it must be True or False"),
        ({"seed": None}, "seed is None: it must"),
        ({"modulus": 91}, "not prime"),
    ],
)
def test_errors_are_sentences(wrong, told):
    with pytest.raises(InputError, match=told):
        share_view(**wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        *(({"covered": c}, "from 0 to 2") for c in (3, -1, "x", math.nan)),
        *(({"sharings": k}, "from 1 to 100,000") for k in ("", 0, 2**40)),
        ({"servers": 2**31}, "from 2 to 10"),
        ({"seed": [1]}, "seed is"),
    ],
)
def test_wrong_sums_are_sentences(wrong, told):
    with pytest.raises(InputError, match=told):
        visible_sums(42, **wrong)


def test_numbers_of_numpy_are_numbers():
    i = np.int8
    one = share_view(i(4), i(3), i(11), covered=i(1), edits={i(0): 1})
    assert repr(one) == repr(share_view(4, 3, 11, covered=1, edits={0: 1}))
    assert repr(mac_dial(np.int64(101), tries=np.int64(3))) == repr(mac_dial(101, tries=3))
    assert repr(multiplication(np.int64(6), 7, np.int64(2), step=np.int64(1))) == repr(
        multiplication(6, 7, 2, step=1)
    )


@pytest.mark.parametrize("p", [3, 5, 7])
def test_every_covered_view_of_a_small_field_is_drawn(p):
    """A step that divides evenly is not missed for 100.00000000000001."""
    for servers in (2, 3):
        for seed in range(6):
            assert "nan" not in share_view(1, servers, p, covered=0, seed=seed).picture.svg
    assert [_round_step(k / 2.2) for k in (2.2, 4.4, 220, 1100, 2200)] == [1, 2, 100, 500, 1000]


@pytest.mark.parametrize("macs", [True, False])
def test_an_edited_share_of_the_largest_field_is_beside_its_bar(macs):
    p = 2**61 - 1
    svg = share_view(p - 1, 10, p, macs=macs, edits={0: p - 1}).picture.svg
    bar_ends = max(float(x) + 6 for x in re.findall(r'<circle class="s\d" cx="([\d.]+)"', svg))
    (x,) = re.findall(r'<text x="([\d.]+)"[^>]*>edited: 2305843009213693950<', svg)
    assert bar_ends + 5 < float(x) - text_width(f"edited: {p - 1}", 12, bold=True)


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
        ({"check": ["none"]}, "no check"),
        ({"modulus": 101.0}, "the modulus is 101.0"),
        *(({"tries": t}, "1 to 100,000") for t in (0, True, None, "3", 1.5)),
        ({"guess": "no"}, "guess is 'no': it must be True or False"),
        ({"seed": None}, "seed is None"),
    ],
)
def test_a_wrong_dial_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        mac_dial(**wrong)
    if "modulus" not in wrong:
        with pytest.raises(InputError, match=told):
            forge(101, **wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"modulus": 0}, "modulus 0 is out of range"),
        ({"modulus": "3"}, "modulus '3' is not an integer"),
        ({"modulus": 101, "guess": None}, "guess is None: it must be True or False"),
    ],
)
def test_a_wrong_question_for_the_formula_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        undetected(**wrong)


def test_a_single_try_is_told_and_drawn():
    dial = mac_dial(11, "plain check", tries=1)
    assert "of 1 forgery passed" in dial.sentence()
    assert "1 forgery passed" in repr(dial)
    svg = dial.picture.svg
    assert ": 1 try in each field" in svg
    (legend,) = re.findall(r'y="([\d.]+)"[^>]*>line: exact', svg)
    bars = re.findall(r'd="M[\d.]+ ([\d.]+)L[\d.]+ [\d.]+" stroke-width="[37]"', svg)
    assert len(bars) == 6
    assert float(legend) + 3 < min(map(float, bars))


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
    assert early[1].concludes == (
        "Nothing: with its own it has 2 of 3 shares of d and e, which are uniform."
    )
    assert early[0].sends == ("d_0 = 51, e_0 = 69, to servers 1 and 2",)


def test_a_multiplication_that_cannot_be_shown():
    for wrong in (6, "3", 3.0):
        with pytest.raises(InputError, match="it must be a whole number from 2 to 5"):
            multiplication(servers=wrong)
    for wrong in (9, -1, "1", 1.0):
        with pytest.raises(InputError, match=f"step is {wrong!r}: it must .* from 0 to 8"):
            multiplication(step=wrong)
    for wrong in (101, [3], True):
        with pytest.raises(InputError, match="it must be a whole number from -100 to 100"):
            multiplication(wrong, 7)
    with pytest.raises(InputError, match=r"seed is \[1\]"):
        multiplication(seed=[1])
