"""The matrix: no cell is broken; without a defence, cells are."""

import matplotlib.pyplot as plt
import pytest

from mpclab.adversary import ATTACKS, attack_matrix, without_each
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, steps_of
from mpclab.adversary.matrix import COLOURS, draw
from mpclab.adversary.outcome import RESULTS
from mpclab.adversary.weakened import DEFENCES
from mpclab.errors import InputError
from mpclab.style import contrast


def test_no_cell_is_broken_between_two_servers():
    """Every attack, at every step of every protocol."""
    frame = attack_matrix(servers=(2,), grounds=GROUNDS)
    assert (frame["verdict"] == "holds").all()
    assert set(frame["attack"]) == set(ATTACKS)
    steps = {str(s) for name in GROUNDS for s in steps_of(name, 2)}
    assert steps <= set(frame["step"])
    struck = frame[frame["outcome"] != "no such step"]
    assert steps == set(struck["step"]) & steps
    assert len(struck) > 1500


def test_no_cell_is_broken_between_more():
    names = [
        "error with a guessed MAC share", "another opening than was committed to",
        "one thing to one, another to the rest", "commitment of another server",
    ]
    frame = attack_matrix(servers=(3,), attacks=names)
    assert (frame["verdict"] == "holds").all()
    assert set(frame["corrupt"]) == {1, 2}
    frame = attack_matrix(servers=(5,), attacks=["error on an opening"], corrupt=[1, 4])
    assert (frame["verdict"] == "holds").all()
    assert set(frame["corrupt"]) == {1, 4}


@pytest.mark.slow
def test_no_cell_is_broken_at_all():
    frame = attack_matrix(servers=(2, 3, 5), grounds=GROUNDS)
    assert (frame["verdict"] == "holds").all()


def test_without_a_defence_cells_are_broken():
    frame = attack_matrix(
        servers=(3,), attacks=["error on an opening"], without="MAC check", corrupt=[2]
    )
    broken = set(frame[frame["verdict"] == "BROKEN"]["label"])
    assert {"select/b - d", "aggregate/y - r"} <= broken
    assert broken <= {  # a comparison may come out right in spite of an error
        "compare/x + r", "compare/D + 2^m t + r2", "select/b - d", "aggregate/y - r"
    }
    again = attack_matrix(servers=(3,), attacks=["error on an opening"], corrupt=[2])
    assert (again["verdict"] == "holds").all()


def test_the_picture():
    frame = attack_matrix(servers=(2,), attacks=["error on an opening", "noise"])
    ax = draw(frame)
    assert len(ax.get_yticks()) == 2
    assert len(ax.get_xticks()) == len(set(frame["step"]))
    assert draw(frame, ax) is ax
    plt.close(ax.figure)


def test_the_picture_groups_and_tells():
    names = ["altered z of a result", "error on an opening", "inconsistent upload"]
    frame = attack_matrix(servers=(2,), attacks=names, without="MAC check")
    ax = draw(frame)
    rows = [t.get_text() for t in ax.get_yticklabels()]
    assert rows == ["error on an opening", "inconsistent upload", "altered z of a result"]
    words = [t.get_text() for t in ax.texts]
    assert {"upload", "prepare", "online", "openings", "uploads", "queries and results"} <= set(
        words
    )
    (legend,) = ax.figure.legends
    shown = [t.get_text() for t in legend.get_texts()]
    assert shown == [r for r in RESULTS[:-1] if r in set(frame["outcome"])]
    assert sum(len(c.get_offsets()) for c in ax.collections) == (
        (frame["verdict"] == "BROKEN").sum()
    )
    ax.figure.canvas.draw()  # a layout that finds no room warns, and so fails
    assert min(t.get_fontsize() for t in [*ax.get_xticklabels(), *ax.get_yticklabels()]) >= 8
    plt.close(ax.figure)


def test_what_is_broken_stands_out_from_what_holds():
    assert set(COLOURS) == set(RESULTS)
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert contrast(COLOURS["abort before output"], COLOURS["learnt"]) > 3
    assert contrast(COLOURS["wrong result accepted"], "#FFFFFF") > 4.5  # the sign on it


def test_every_defence_is_missed_by_an_attack():
    frame = without_each(servers=3)
    assert set(frame["defence"]) == set(DEFENCES)  # and none succeeds with all in place
    meant = {(a.without, a.name) for a in ATTACKS.values() if a.without}
    assert meant <= set(zip(frame["defence"], frame["attack"], strict=True))
    assert (frame["what"] == frame["defence"].map(DEFENCES)).all()


def test_some_defences_and_attacks():
    frame = without_each(2, defences=["r_0"], attacks=["guess of the result", "noise"])
    assert frame["attack"].tolist() == ["guess of the result"]
    assert without_each(2, defences=["r_0"], attacks=["noise"]).empty
    with pytest.raises(InputError, match="no defence"):
        without_each(2, defences=["nothing"])


def test_errors_are_sentences():
    with pytest.raises(InputError, match="no ground"):
        attack_matrix(servers=(2,), grounds=("nowhere",))
    with pytest.raises(InputError, match="no attack"):
        attack_matrix(servers=(2,), attacks=["nothing"])
    with pytest.raises(InputError, match="no defence"):
        attack_matrix(servers=(2,), without="nothing")


def test_steps_are_those_of_a_recommendation():
    frame = attack_matrix(servers=(2,), attacks=["noise"])
    assert set(frame["ground"]) == {RECOMMEND}
    assert set(frame["phase"]) == {"upload", "prepare", "online"}
