"""The widget of chapter 08: what is asked is played, and what it offers can be played."""

import pytest

from mpclab.adversary import ATTACKS, played
from mpclab.adversary.weakened import DEFENCES
from mpclab.errors import InputError
from mpclab.widgets.cheating import Cheating, cheating

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def widget() -> Cheating:
    return cheating("error on an opening", servers=3, step="select/b - d")


def ask(widget, **changes):
    """As if controls had been moved and Run pressed."""
    count = widget.answered
    widget.asked = {**widget.asked, "seed": widget.asked["seed"] + 1, "times": 1, **changes}
    assert widget.answered == count + 1
    return widget.play


def test_it_begins_with_the_static_play(widget):
    static = played("error on an opening", servers=3, step="select/b - d")
    assert widget.play.sentence() == static.sentence()
    assert static.outcome.result in widget.html
    assert "<svg" in widget.html
    assert "0x" not in repr(widget)


def test_run_follows_the_controls():
    widget = cheating("error on an opening", servers=3, step="select/b - d")
    shown = [widget.html]
    assert ask(widget, without="MAC check").outcome.broken
    shown.append(widget.html)
    assert ask(widget, servers=5, corrupt=["server 1", "server 3"], without="").servers == 5
    assert widget.play.corrupt == ("server 3", "server 1")
    shown.append(widget.html)
    play = ask(widget, attack="one user counts", corrupt=["server 0", "requester"],
               without="mask after the check",
               step="recommend: online/compare/x + r (open)")  # fmt: skip
    assert play.outcome.result == "learnt"
    assert play.corrupt == ("server 0", "requester")
    shown.append(widget.html)
    assert len(set(shown)) == 4


def test_many_runs_are_counted_and_the_first_success_is_shown():
    widget = cheating("error on an opening", servers=2, step="select/b - d", modulus=101)
    ask(widget, times=40, seed=0)
    assert widget.tally.startswith("40 runs, each with fresh randomness: ")
    assert "wrong result accepted" in widget.tally
    assert widget.play.outcome.broken
    ask(widget, times=1)
    assert widget.tally == ""


def test_what_is_offered_can_be_played(widget):
    catalogue = widget.catalogue
    assert set(catalogue["attacks"]) == set(ATTACKS)
    assert dict(catalogue["defences"]) == DEFENCES
    steps = {s["id"]: s for s in catalogue["steps"]}
    assert all(each["home"] in steps for each in catalogue["attacks"].values())
    assert {s["group"] for s in steps.values()} == {"upload", "prepare", "online", "elsewhere"}
    for step in catalogue["steps"]:
        assert step["attacks"], step["id"]
        name = step["attacks"][0]
        least = catalogue["attacks"][name]["least"]
        corrupt = ["server 2", *step["clients"][name]]
        play = ask(widget, servers=max(3, least), attack=name, step=step["id"], corrupt=corrupt,
                   field="large", without="")  # fmt: skip
        assert str(play.step) == step["id"]
        assert 'role="alert"' not in widget.html
        if step["small"]:
            ask(widget, field="small")
            assert 'role="alert"' not in widget.html


def test_a_wrong_choice_is_a_sentence_in_place_of_the_page():
    widget = cheating()
    ask(widget, corrupt=["server 0", "server 1", "server 2"])
    assert widget.html.startswith('<p role="alert">corrupt is')
    ask(widget, corrupt=[])
    assert "takes 1 corrupt server" in widget.html
    ask(widget, corrupt=["server 0"], field="huge")
    assert "the field is &#x27;huge&#x27;" in widget.html
    ask(widget, servers="many", field="large")
    assert "cannot be run" in widget.html


def test_without_a_kernel_the_play_stands_there(widget):
    fresh = cheating("dropped message", servers=2)
    data, _ = fresh._repr_mimebundle_()
    assert VIEW in data
    assert "mpclab-act" in data["text/html"]
    assert "mpclab-still" in data["text/html"]


def test_nothing_comes_from_outside(widget):
    for text in (Cheating._esm, Cheating._css, widget.html):
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_errors_are_sentences():
    with pytest.raises(InputError, match="the widget has 2, 3 or 5"):
        cheating(servers=4)
    with pytest.raises(InputError, match=r"the widget has 2\*\*61 - 1 and 101"):
        cheating(modulus=1021)
    with pytest.raises(InputError, match="no attack"):
        cheating("nothing")
    with pytest.raises(InputError, match="the widget has no step"):
        cheating("noise", step="reveal: online/coin commit (commit)")
