"""The widgets of chapters 01 to 03: a control that moves changes what is shown."""

import json

import pytest

from mpclab.errors import InputError
from mpclab.teaching.macs import PRIMES
from mpclab.widgets.explorer import Explorer, slider, whole
from mpclab.widgets.macs import mac_forger
from mpclab.widgets.sharing import FIELDS, share_viewer
from mpclab.widgets.triples import triple_stepper

VIEW = "application/vnd.jupyter.widget-view+json"


def control(widget, name):
    return next(c for c in widget.controls if c["name"] == name)


def moved(widget, **values):
    """Move controls; what is shown must change."""
    before = widget.html
    widget.move(**values)
    assert widget.html != before, values


def test_the_share_viewer_follows_its_controls():
    viewer = share_viewer(42, servers=3)
    assert "All 3 shares together give the secret, 42." in viewer.html
    moved(viewer, servers=5)
    assert len(control(viewer, "shares")["value"]) == 5
    moved(viewer, secret=["7"])
    assert viewer.shown.total == 7
    shares = list(control(viewer, "shares")["value"])
    moved(viewer, shares=[*shares[:4], str(int(shares[4]) + 3)])
    assert "What comes out is 10, not 7. Nothing shows it." in viewer.html
    moved(viewer, draw=1)
    assert viewer.shown.total == 7
    assert not viewer.shown.edited
    moved(viewer, cover="server 4")
    assert control(viewer, "shares")["value"][4] == "?"
    moved(viewer, servers=2)  # server 4 is no more
    assert viewer.shown.covered is None
    moved(viewer, field=len(FIELDS) - 1)
    assert viewer.shown.modulus == 2**61 - 1
    moved(viewer, field=0)
    assert viewer.shown.modulus == 11


def test_a_covered_share_keeps_its_edit_and_does_not_reach_the_browser():
    viewer = share_viewer(42, modulus=2**61 - 1)
    shares = list(control(viewer, "shares")["value"])
    viewer.move(shares=[shares[0], "123456789123", shares[2]])
    viewer.move(cover="server 1")
    assert "123456789123" not in viewer.html + json.dumps(viewer.controls)
    viewer.move(cover="")
    assert viewer.shown.shares[1] == 123456789123


def test_what_cannot_be_shown_is_a_sentence():
    viewer = share_viewer()
    viewer.move(secret=["forty-two"])
    assert viewer.html.startswith('<p role="alert">the secret is &#x27;forty-two&#x27;')
    viewer.move(secret=["6"])
    assert viewer.shown.total == 6
    viewer.asked = {"nothing": 1}
    assert "cannot be shown" in viewer.html
    with pytest.raises(InputError, match="no control 'speed'"):
        viewer.move(speed=2)
    with pytest.raises(InputError, match="the slider has 11, 101"):
        share_viewer(modulus=13)
    assert whole("1_000", "it") == 1000


def test_sharing_afresh_drops_edits_but_those_of_the_same_move():
    viewer = share_viewer(42)
    viewer.move(shares=["5", "5", "5"], draw=1)
    assert viewer.shown.shares == (5, 5, 5)
    viewer.move(draw=2)
    assert not viewer.shown.edited
    first, *rest = control(viewer, "shares")["value"]
    viewer.move(shares=[str((int(first) + 1) % 101), *rest], draw=3)
    assert viewer.shown.shares[0] == (int(first) + 1) % 101
    assert [str(x) for x in viewer.shown.shares[1:]] != rest  # the others are fresh
    viewer.move(shares="555")
    assert "there is a box for each server" in viewer.html


def test_what_a_widget_cannot_begin_with_is_a_sentence():
    for begin, told in (
        (lambda: share_viewer(covered="1"), "covered is '1'"),
        (lambda: share_viewer(seed=None), "seed is None"),
        (lambda: share_viewer(modulus=101.0), "the modulus is 101.0"),
        (lambda: triple_stepper(step=1.0), "step is 1.0"),
        (lambda: triple_stepper(modulus="101"), "the modulus is '101'"),
        (lambda: mac_forger(tries="100"), "tries is '100': the slider"),
        (lambda: mac_forger(tries=100.0), "tries is 100.0: the slider"),
        (lambda: mac_forger(guess="no"), "guess is 'no'"),
    ):
        with pytest.raises(InputError, match=told):
            begin()


def test_the_mac_forger_follows_its_controls():
    forger = mac_forger(101)
    assert "passed the zero test" in forger.html
    moved(forger, check="plain check")
    assert forger.shown.forgeries.key_found == 1
    moved(forger, guess=False)
    assert "The formula 1/p says" in forger.html
    moved(forger, field=len(PRIMES) - 1)
    assert "0 of 10,000 forgeries passed" in forger.html
    moved(forger, field=0)
    moved(forger, tries=0)
    passed = forger.shown.forgeries.passed
    moved(forger, draw=5)
    assert forger.shown.forgeries.passed != passed
    with pytest.raises(InputError, match="the slider has 100"):
        mac_forger(tries=7)
    with pytest.raises(InputError, match="the dial has"):
        mac_forger(13)


def test_the_triple_stepper_follows_its_controls():
    stepper = triple_stepper(6, 7)
    assert "Start." in stepper.html
    moved(stepper, next=1)
    assert "Server 0 sends its shares" in stepper.html
    moved(stepper, next=2)
    moved(stepper, back=1)
    assert stepper.shown.step == 1
    moved(stepper, step=8)
    assert "Together: 42." in stepper.html
    stepper.move(next=3)  # there is no step after the last
    assert stepper.shown.step == 8
    moved(stepper, servers=2)  # and there are fewer now
    assert stepper.shown.step == stepper.shown.steps == 4
    moved(stepper, x=["9"])
    assert "Together: 63." in stepper.html
    moved(stepper, field=str(2**61 - 1))
    assert stepper.shown.modulus == 2**61 - 1
    assert len(control(stepper, "step")["texts"]) == 5
    with pytest.raises(InputError, match="the list has 101"):
        triple_stepper(modulus=11)


def every_widget():
    return [share_viewer(), mac_forger(), triple_stepper()]


@pytest.mark.parametrize("number", range(len(every_widget())))
def test_without_a_kernel_the_page_stands_there(number):
    widget = every_widget()[number]
    data, _ = widget._repr_mimebundle_()
    assert VIEW in data
    assert "mpclab-act" in data["text/html"]
    assert "mpclab-still" in data["text/html"]
    assert "0x" not in repr(widget)
    for text in (Explorer._esm, Explorer._css, widget.html):
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_every_control_has_a_name_and_a_label():
    for widget in every_widget():
        for each in widget.controls:
            assert each["name"]
            assert each["label"] or each["text"]
    assert slider("n", "Servers", 3, 2, 10)["texts"] == []


def test_a_covered_share_does_not_stay_in_what_was_asked():
    """A browser sends all controls with each move; what it asked is stored with the widget."""
    viewer = share_viewer(42, modulus=2**61 - 1)
    values = {control["name"]: control["value"] for control in viewer.controls}
    viewer.asked = values | {"cover": "server 1"}
    covered = str(viewer.shown.shares[1])
    assert covered in str(values)
    assert covered not in str(viewer.asked) + str(viewer.get_state(["asked", "controls", "html"]))


@pytest.mark.parametrize(
    ("moved", "told"),
    [({"field": -1}, "stands at -1: the slider begins at 0"), ({"check": "none"}, "has no")],
)
def test_a_control_does_not_stand_where_it_cannot(moved, told):
    widget = mac_forger(101)
    before = widget.shown
    widget.move(**moved)
    assert widget.html.startswith('<p role="alert">')
    assert told in widget.html
    assert widget.shown is before


def test_a_picture_that_fails_leaves_everything_as_it_was():
    class Torn:
        def html(self):
            raise ValueError("no data")

        _repr_html_ = html

    whole_page = share_viewer(42).shown

    def show(values):
        page = Torn() if values["n"] == 3 else whole_page
        return page, [slider("n", "Servers", int(values["n"]), 2, 5)]

    widget = Explorer("Test", show, {"n": 2})
    widget.move(n=3)
    assert widget.html == '<p role="alert">this cannot be shown</p>'
    assert widget.shown is whole_page
    assert widget.answered == 1
    widget.move(n=4)
    assert widget.controls[0]["value"] == 4
