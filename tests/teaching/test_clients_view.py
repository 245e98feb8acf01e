"""Chapter 05's views say what is so: steps of uploads and outputs, and altered masks."""

import numpy as np
import pytest

from mpclab.errors import InputError, Refused, Rejected
from mpclab.lab import Lab
from mpclab.protocols.clients import client_check_masks, client_input
from mpclab.teaching.client_run import client_run
from mpclab.teaching.clients import CHEATS, STEPS, text_fits, upload_and_output
from mpclab.teaching.masks import LENGTHS, deceived, heard, mask_check, roots_at, upload_as
from mpclab.widgets.clients import client_stepper

CAUGHT = {
    "mask share": "I5", "chi": "I3", "masked input": "I7", "hash": "I7", "opening": "O2",
    "result": "O4",
}  # fmt: skip


# -- the steps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3, 4, 5])
@pytest.mark.parametrize("p", [101, 1021])
def test_an_honest_run_step_by_step(servers, p):
    for x in (0, 42, p - 1):
        for step, name in enumerate(STEPS):
            view = upload_and_output(x, servers, p, step)
            assert (view.steps, view.ended, view.caught) == (11, "", False)
            assert view.result == 2 * x % p
            assert len(view.cards) == servers + 1
            assert text_fits(view)
            assert (name in view.sentence()) == (step > 0)
            assert bool(view.concludes) == (name not in ("start", "O4"))
            faint = view.picture.svg.count('opacity=".16"')
            assert (faint == 0) == (step >= 10)  # nothing is sent in O4
    assert upload_and_output(-1, servers, p).x == p - 1


@pytest.mark.parametrize("cheat", [name for name in CHEATS if name])
@pytest.mark.parametrize("servers", [2, 3, 5])
def test_every_cheat_is_stopped_where_it_should_be(cheat, servers):
    for p in (101, 1021):
        last = upload_and_output(42, servers, p, STEPS.index(CAUGHT[cheat]), cheat)
        assert (last.caught, last.ended, last.result) == (True, CAUGHT[cheat], None)
        assert text_fits(last)
        assert "not reached" in last.picture.svg or cheat == "result"
        for step in range(last.steps):
            before = upload_and_output(42, servers, p, step, cheat)
            assert not before.caught
            assert before.ended == CAUGHT[cheat]
        with pytest.raises(InputError, match=f"which is {CAUGHT[cheat]}"):
            upload_and_output(42, servers, p, last.step + 1, cheat)


def numbers(card):
    pairs = [each.split(" = ") for line in card.holds for each in line.split(", ")]
    return {name: int(value) for name, value in pairs}


def test_the_cards_fit_together():
    p = 1021
    stored = [numbers(card) for card in upload_and_output(42, 3, p, 7).cards]
    client, servers = stored[0], stored[1:]
    assert sum(s["[r]"] for s in servers) % p == client["r"]
    assert sum(s["[r_0]"] for s in servers) % p == client["r_0"]
    assert {s["x - r"] for s in servers} == {(42 - client["r"]) % p}
    assert {s["h"] for s in servers} == {(client["r_0"] + client["chi"] * client["r"]) % p}
    assert sum(s["[x]"] for s in servers) % p == 42
    client, *servers = [numbers(card) for card in upload_and_output(42, 3, p, 11).cards]
    assert sum(s["[y]"] for s in servers) % p == 84 == client["y"]
    assert (client["z"] + client["r"]) % p == 84
    for name in ("r", "r_0", "v", "w", "w_0"):
        assert sum(s[f"[{name}]"] for s in servers) % p == client[name]
    assert client["w"] == client["v"] * client["r"] % p
    assert client["w_0"] == client["v"] * client["r_0"] % p


def test_the_first_mask_does_not_serve_twice():
    run = client_run(42, 3, 1021, "", 5)
    assert run.held["r"] != run.held["s"]
    assert sum(run.held["r"]) % 1021 != sum(run.held["s"]) % 1021


def test_what_a_cheat_changes_is_told():
    told = upload_and_output(42, 3, 101, 1, "mask share")
    sent = numbers(told.cards[3])
    assert f"in place of {sent['[r]']}." in told.title
    assert f"[r] = {(sent['[r]'] + 1) % 101}" in told.cards[3].sends[0]
    two = upload_and_output(42, 3, 101, 6, "masked input")
    assert len(two.cards[0].sends) == 2
    assert two.cards[1].receives != two.cards[2].receives == two.cards[3].receives


def test_bad_luck_is_told_as_it_is():
    """For one chi in p the altered share passes, and the client gets another number."""
    lucky = next(
        seed for seed in range(400)
        if upload_and_output(3, 2, 11, 0, "mask share", seed).result is not None
    )
    last = upload_and_output(3, 2, 11, 11, "mask share", lucky)
    assert last.result == 4  # 2 (3 - 1)
    assert "by bad luck" in last.title
    assert "They agree by luck" in upload_and_output(3, 2, 11, 5, "mask share", lucky).title


def test_a_lie_that_slips_through_is_told_where_x_is_stored():
    stored = upload_and_output(42, 3, 101, 7, "mask share", seed=127)
    assert not stored.ended
    assert "the servers hold 41 in shares, which is not x = 42" in stored.sentence()
    later = upload_and_output(42, 3, 101, 8, "mask share", seed=127)
    assert "y = 2 x for the x = 41 that they hold" in later.sentence()
    honest = upload_and_output(42, 3, 101, 7).sentence()
    assert honest.endswith("the servers hold x in shares.")


def test_four_digits_have_room():
    view = upload_and_output(899, 5, 9973, 5, "mask share", 19)
    assert "a lie" in view.picture.svg
    assert text_fits(view)
    # the widest there can be: r_0 and r of four digits, and the widest digits are all as wide
    assert text_fits(upload_and_output(9972, 5, 9973, 9, "opening", 3))


def test_pages_are_self_contained_and_stable():
    for view in (upload_and_output(step=3), upload_and_output(step=9, cheat="opening")):
        text = view._repr_html_()
        assert text == view._repr_html_()
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert 'role="status"' in view.html()
        assert "0x" not in repr(view)
        assert "<desc>" in view.picture.svg


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"servers": 6}, "servers is 6: it must be a whole number from 2 to 5"),
        ({"servers": "3"}, "servers is '3': it must be"),
        ({"step": "1"}, "step is '1': there are 0, the start"),
        ({"step": 1.0}, r"step is 1\.0: there are 0, the start"),
        ({"x": [3]}, r"x is \[3\]: it must be an integer"),
        ({"x": True}, "x is True: it must be an integer"),
        ({"seed": [1]}, r"the seed is \[1\]: it must be an integer"),
        ({"cheat": ["x"]}, r"no cheat \['x'\]"),
        ({"step": 12}, "to 11, which is O4"),
        ({"step": -1}, "there are 0, the start"),
        ({"cheat": "bribe"}, "no cheat 'bribe'"),
        ({"x": 101}, "does not fit"),
        ({"modulus": 2**61 - 1}, "a prime below 10,000"),
        ({"modulus": 91}, "not prime"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        upload_and_output(**wrong)


# -- masks -----------------------------------------------------------------------------------------


def test_polynomials():
    assert roots_at([], 101) == [1]
    assert roots_at([1, 2], 101) == [2, 98, 1]
    for roots in ([5], [1, 2, 3], [7, 7, 9]):
        e = roots_at(roots, 31)
        zeros = {x for x in range(31) if sum(c * x**k for k, c in enumerate(e)) % 31 == 0}
        assert zeros == set(roots)


def test_as_many_are_deceived_as_have_an_unlucky_chi():
    assert deceived([5, 0], 101, 500) == 0  # a constant has no root
    assert deceived([0, 1], 3, 3000) == pytest.approx(1000, abs=110)
    assert deceived(roots_at([0, 1, 2], 3), 3, 300) == 300  # every chi is a root
    assert deceived(roots_at([1, 2], 101), 2**61 - 1, 50) == 0
    check = mask_check(101)
    assert check.fits
    assert check.expected == tuple(k / 101 for k in LENGTHS)
    assert "nan" not in check.picture.svg
    assert mask_check(4093, 100).picture.svg  # hardly anything passes


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: deceived([1]), "there is 1 error: one is of r_0"),
        (lambda: deceived([]), "there are 0 errors"),
        (lambda: deceived(None), "the errors are None: they must be a list"),
        (lambda: deceived("12"), "the errors are '12'"),
        (lambda: deceived(["a", "b"]), "one of the errors is 'a'"),
        (lambda: deceived([float("nan"), 1]), "one of the errors is nan"),
        (lambda: deceived([1.9, 2.9]), r"one of the errors is 1\.9: each must be an integer"),
        (lambda: deceived([0, 1], seed=None), "the seed is None"),
        (lambda: mask_check(modulus="3"), "the modulus is '3'"),
        (lambda: mask_check(seed=None), "the seed is None: it must be an integer"),
        (lambda: mask_check(clients=1.5), r"clients is 1\.5: it must be a whole number"),
        (lambda: roots_at(1, 101), "the roots are 1: they must be a list"),
        (lambda: roots_at([1], "p"), "the modulus is 'p'"),
        (lambda: upload_as(Lab(seed=1), 3, [1]), "3 is not a client's protocol"),
        (lambda: deceived([0, 101], 101), "nothing is altered"),
        (lambda: deceived([0, 1], 101, 0), "clients is 0: it must be a whole .* 1 to 20,000"),
        (lambda: mask_check(11), "a prime of 31 to 4093"),
        (lambda: mask_check(91), "not prime"),
        (lambda: upload_as(Lab(seed=1), lambda client, x: None, [1]), "not a client's protocol"),
    ],
)
def test_masks_that_cannot_be_checked(call, told):
    with pytest.raises(InputError, match=told):
        call()


def test_one_client_and_numbers_of_numpy():
    assert "Of 1 client in the field" in mask_check(31, 1).sentence()
    assert repr(mask_check(31, np.int64(1))).endswith("of 1 client)")
    assert deceived(np.array([0, 1]), np.int64(101), np.int64(50)) == deceived([0, 1], 101, 50)


def test_a_client_of_ones_own():
    lab = Lab(servers=3, seed=1)
    assert upload_as(lab, client_input, [42, -1]).reveal().tolist() == [42, -1]

    async def silent(client, x):
        await client_check_masks(client, [(x.size, 1)])

    with pytest.raises(Refused):
        upload_as(lab, silent, [42])

    async def fussy(client, x):
        raise Rejected("not today")

    with pytest.raises(Rejected, match="not today"):
        upload_as(lab, fussy, np.array([1, 2]))
    assert upload_as(lab, client_input, 7).reveal().tolist() == [7]  # the lab goes on


def test_what_is_heard_gives_the_secret_away_only_together():
    lab = Lab(servers=4, modulus=1021, seed=2)
    for x in (42, -7):
        lab.client("alice").upload([x])
    d, r, chi = heard(lab, "masked input"), heard(lab, "mask", 1), heard(lab, "chi")
    assert d.shape == r.shape == (2, 4)
    assert ((d[:, 0] + r.sum(axis=1)) % 1021).tolist() == [42, 1014]
    h = (heard(lab, "mask").sum(axis=1) + chi[:, 0] * r.sum(axis=1)) % 1021
    assert (heard(lab, "echo") == h[:, None]).all()
    for wrong in ("gossip", "hash"):
        with pytest.raises(InputError, match="it is one of 'mask', 'chi'"):
            heard(lab, wrong)
    with pytest.raises(InputError, match="there is none"):
        heard(Lab(seed=1), "chi")
    lab.client("alice").upload([1, 2])
    with pytest.raises(InputError, match="several numbers in one"):
        heard(lab, "masked input")


# -- the widget ------------------------------------------------------------------------------------


def moved(widget, **values):
    before = widget.html
    widget.move(**values)
    assert widget.html != before, values


def test_the_stepper_follows_its_controls():
    stepper = client_stepper(42)
    assert "Start." in stepper.html
    moved(stepper, next=1)
    assert "I1, shares of the mask." in stepper.html
    moved(stepper, next=2)
    moved(stepper, back=1)
    assert stepper.shown.step == 1
    moved(stepper, step=11)
    assert stepper.shown.result == 84
    stepper.move(next=3)  # there is no step after the last
    assert stepper.shown.step == 11
    moved(stepper, cheat="opening")
    assert (stepper.shown.step, stepper.shown.caught) == (9, True)
    moved(stepper, servers=5)
    moved(stepper, field="1021")
    moved(stepper, x=["1"])
    moved(stepper, cheat="", step=11)
    assert stepper.shown.result == 2
    stepper.move(x=["one"])
    assert stepper.html.startswith('<p role="alert">x is &#x27;one&#x27;')
    with pytest.raises(InputError, match="the list has 101 and 1021"):
        client_stepper(modulus=11)
    for wrong, told in (({"servers": "3"}, "servers is '3'"), ({"step": "1"}, "step is '1'"),
                        ({"cheat": ["x"]}, "no cheat")):  # fmt: skip
        with pytest.raises(InputError, match=told):
            client_stepper(**wrong)
    for control in stepper.controls:
        assert control["label"] or control["text"]
    data, _ = stepper._repr_mimebundle_()
    assert "mpclab-still" in data["text/html"]
