"""Figures: whole, labelled, with units, and true to their numbers."""

import itertools
import json
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from mpclab import figures, style
from mpclab.errors import InputError
from mpclab.experiments import load, recommendation
from mpclab.network.transcript import Transcript

PATH = {"compare": 0.0058, "select": 0.0022, "aggregate": 0.0076, "check": 0.0012, "result": 4e-4}


@pytest.fixture(scope="module")
def run():
    return recommendation(load("movielens", users=80, items=60), servers=3, seed=1)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def written(figure):
    """Return the texts of a figure that can be seen, and where they stand, in pixels."""
    figure.canvas.draw()
    axes = [*figure.axes, *(c for a in figure.axes for c in a.child_axes)]
    # Ticks outside the limits have a place, but are not drawn.
    hidden = {
        id(label)
        for a in axes
        for axis, (low, high) in ((a.xaxis, a.get_xlim()), (a.yaxis, a.get_ylim()))
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
        if not min(low, high) - 1e-9 <= tick.get_loc() <= max(low, high) + 1e-9
        or not label.get_visible() or not axis.get_visible() or not a.axison
    }  # fmt: skip
    found = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    return [(t.get_text(), t.get_window_extent()) for t in found if id(t) not in hidden]


def check_layout(figure):
    texts = written(figure)
    page = figure.bbox
    for text, box in texts:
        assert page.x0 - 1 <= box.x0 <= box.x1 <= page.x1 + 1, f"{text!r} sticks out"
        assert page.y0 - 1 <= box.y0 <= box.y1 <= page.y1 + 1, f"{text!r} sticks out"
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, f"{one!r} and {other!r} overlap"
    return [text for text, _ in texts]


def test_online_time_shows_both_times_on_one_scale():
    ax = figures.online_time(PATH, published=0.34, same_task=True)
    words = check_layout(ax.figure)
    assert "published (10,000 users, 2 servers): 340 ms" in words
    assert "here: 17 ms, 20 times less" in words
    words = check_layout(figures.online_time(PATH).figure)
    assert "here: 17 ms, for another task" in words
    widths = [p.get_width() for p in ax.patches if isinstance(p, Rectangle)]
    assert widths[0] == pytest.approx(340)
    assert sum(widths[1:]) == pytest.approx(1e3 * sum(PATH.values()))
    assert ax.get_xscale() == "linear"
    assert ax.get_xlim()[0] == 0
    assert "ms" in ax.get_xlabel()


def test_online_time_names_every_step_in_the_magnified_bar():
    ax = figures.online_time(PATH)
    (close,) = ax.child_axes
    assert close.get_xlim() == pytest.approx((0, 1e3 * sum(PATH.values())))
    assert [b.get_width() for b in close.patches] == pytest.approx([1e3 * s for s in PATH.values()])
    named = [t.get_text() for t in close.get_legend().get_texts()]
    assert named == [f"{step} {style.duration(s)}" for step, s in PATH.items()]
    assert "ms" in close.get_xlabel()


@pytest.mark.parametrize(
    "path",
    [{"all": 0.34}, {"a": 0.2, "b": 0.9}, {"a": 1e-5}, {"a": 0.0, "b": 0.33}, {"a": 30.0},
     {f"step {i}": 0.01 for i in range(8)}],
)  # fmt: skip
def test_online_time_faster_slower_and_alike(path):
    ax = figures.online_time(path)
    check_layout(ax.figure)
    assert ax.get_xlim()[1] >= 1e3 * max(0.34, sum(path.values()))


def test_recommendations():
    ax = figures.recommendations(["Alien (1979)", "B" * 90], [4.5, 3.25], [12, 1])
    words = check_layout(ax.figure)
    assert [b.get_width() for b in ax.patches] == [4.5, 3.25]
    assert {"4.50", "3.25", "12 neighbours", "1 neighbour"} <= set(words)
    assert ax.get_xlabel() == "predicted rating (stars)"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the best is on top
    assert max(map(len, words)) < 60


def test_recommendations_with_the_lowest_score():
    check_layout(figures.recommendations(["A"] * 10, [1.6] * 10, [1_000] * 10).figure)


def test_phases(run):
    transcript = run.recommender.lab.transcript
    ax = figures.phases(transcript)
    words = check_layout(ax.figure)
    assert [t.get_text() for t in ax.get_yticklabels()] == list(style.PHASES)
    assert "(s, logarithmic)" in ax.get_xlabel()
    (online,) = [w for w in words if w.endswith("8 rounds")]
    carried = sum(r.bytes for r in transcript.select(phase="online"))
    assert style.size(carried) in online


@pytest.mark.parametrize("servers", [2, 10])
def test_traffic(servers):
    done = recommendation(load("movielens", users=50, items=60), servers=servers, seed=1)
    transcript = done.recommender.lab.transcript
    frame = transcript.to_frame()
    ax = figures.traffic(frame[frame["phase"] == "online"])
    check_layout(ax.figure)
    total = sum(b.get_width() for b in ax.patches) * 1e3
    sent = sum(transcript.bytes_sent(s.name, phase="online") for s in done.recommender.lab.servers)
    assert total == pytest.approx(sent)
    assert "(kB)" in ax.get_xlabel()
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == [f"server {i}" for i in range(servers)]


def test_shares():
    ax = figures.shares([0, 0, 8, 10], [0.1, 0.9, 0.4, 0.6], "server 2", "half stars")
    check_layout(ax.figure)
    top, low = ax.child_axes
    assert sum(b.get_height() for b in top.patches) == sum(b.get_height() for b in low.patches) == 4
    assert (top.get_xlabel(), low.get_ylabel()) == ("half stars", "users")
    assert "fraction of p" in low.get_xlabel()
    assert low.patches[0].get_facecolor()[:3] == pytest.approx(
        [int(style.server_color(2)[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )


@pytest.mark.parametrize("draw", [
    lambda ax, run: figures.online_time(PATH, ax=ax),
    lambda ax, run: figures.recommendations(["A"], [3.0], [2], ax=ax),
    lambda ax, run: figures.phases(run.recommender.lab.transcript, ax=ax),
    lambda ax, run: figures.traffic(run.recommender.lab.transcript.to_frame(), ax=ax),
    lambda ax, run: figures.shares([1], [0.5], ax=ax),
])  # fmt: skip
def test_every_figure_draws_where_it_is_told(run, draw):
    ax = Figure().add_subplot()
    assert draw(ax, run) is ax
    assert not plt.get_fignums()


def picture(tmp_path, summary):
    file = tmp_path / "demo.png"
    figures.demo_picture(summary, file)
    return plt.imread(file)


def test_the_picture_of_the_demo(run, tmp_path):
    summary = json.loads(json.dumps(run.summary))
    image = picture(tmp_path, summary)
    assert image.shape[:2] == (1080, 1725)
    assert image[..., :3].std() > 0.1  # something is drawn
    words = check_layout(figures._page(summary))
    assert "A private recommendation from 80 users" in words
    for r in summary["recommendations"]:
        assert figures._short(r["title"]) in words
        assert f"{r['score']:.2f}" in words
    assert style.size(max(summary["bytes_sent_per_server"])) in words
    assert any("is equal to the same computation in the clear" in w for w in words)
    assert not plt.get_fignums()


def test_the_picture_never_hides_a_wrong_result(run):
    words = check_layout(figures._page({**run.summary, "matches_plaintext": False}))
    assert any("is NOT equal" in w for w in words)


def test_the_picture_without_any_title(run):
    words = check_layout(figures._page({**run.summary, "recommendations": []}))
    assert "No title: no neighbour is similar enough." in words


def test_the_picture_of_extremes(run):
    one = {**run.summary["recommendations"][0], "title": "W" * 200, "neighbours": 99_999}
    huge = {"users": 1_000_000, "items": 100_000, "user": "a-rather-long-user-id-000001",
            "neighbours": 999_999, "recommendations": [one] * 10}  # fmt: skip
    check_layout(figures._page({**run.summary, **huge}))


def test_errors_are_sentences(run, tmp_path):
    with pytest.raises(InputError, match=r"the path is \{\}"):
        figures.online_time({})
    with pytest.raises(InputError, match="seconds by step"):
        figures.online_time({"a": -1.0})
    with pytest.raises(InputError, match="there are 2 titles, 1 scores and 0 numbers"):
        figures.recommendations(["a", "b"], [1.0], [])
    with pytest.raises(InputError, match="the transcript is empty"):
        figures.phases(Transcript())
    frame = run.recommender.lab.transcript.to_frame()
    with pytest.raises(InputError, match="no message from server to server"):
        figures.traffic(frame[frame["phase"] == "preprocess"])
    with pytest.raises(InputError, match="it takes a share for each"):
        figures.shares([1, 2], [0.1])
    with pytest.raises(InputError, match=r"must be a PNG file"):
        figures.demo_picture(run.summary, tmp_path / "demo.pdf")
    lacking = {k: v for k, v in run.summary.items() if k != "rounds"}
    with pytest.raises(InputError, match="the summary lacks 'rounds'"):
        figures.demo_picture(lacking, tmp_path / "demo.png")


def test_steps_have_colours_of_their_own():
    for count in (1, 2, 5, 9):
        colors = figures._step_colors(count)
        light = [style.contrast(c, "#000000") for c in colors]
        assert len(set(colors)) == count
        assert light == sorted(light)
    assert np.all(np.diff([style.contrast(c, "#000000") for c in figures._step_colors(5)]) > 0.8)


def test_drawing_opens_no_window():
    script = (
        "import sys, mpclab.figures as f; from matplotlib.figure import Figure;"
        "f.online_time({'a': 0.1}, ax=Figure().add_subplot());"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


# -- what results tell ------------------------------------------------------------------


TOLD = {
    "differencing": (
        {"defence": ["none", "noise"], "recovered": [1.0, 0.6], "without": [0.3, 0.6]},
        "the victim's ratings found (fraction)", "defence",
    ),
    "isolation": (
        {
            "known": [1, 8, 1, 8, 8], "threshold": [0.3, 0.3, 0.9, 0.9, 0.9],
            "min_neighbours": [0, 0, 0, 0, 5], "isolated": [0.0, 0.1, 0.2, 0.4, 0.0],
        },
        "dense ratings known of the victim (number)", "users singled out (fraction)",
    ),
    "sybils": (
        {"min_neighbours": [2, 2, 5, 5], "sybils": [0, 1, 0, 1], "read": [0.0, 0.1, 0.0, 0.0]},
        "invented users (number)", "users read (fraction)",
    ),
    "guessing": (
        {
            "epsilon": [0.1, 0.1, 10, 10], "queries": [1, 9, 1, 9],
            "told_apart": [0.5, 0.6, 0.9, 1.0], "bound": [0.52, 0.7, 0.95, 1.0],
        },
        "epsilon of one query (logarithmic)", "told rightly whether\na user is there (fraction)",
    ),
    "utility": (
        {
            "users": [1e3, 1e3, 1e5, 1e5], "epsilon": [1, np.inf, 1, np.inf],
            "kept": [0.1, 0.7, 0.8, 0.9], "popular": [0.5, 0.5, 0.6, 0.6],
        },
        "users (number, logarithmic)", "of the ten best titles, still there (fraction)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_figures_of_what_results_tell(name):
    values, x, y = TOLD[name]
    frame = pd.DataFrame(values)
    draw = getattr(figures, name)
    ax = draw(frame)
    check_layout(ax.figure)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (x, y)
    own = Figure().add_subplot()
    assert draw(frame, ax=own) is own
    with pytest.raises(InputError, match="the table is empty"):
        draw(frame[:0])


def test_the_lines_are_those_of_the_table():
    frame = pd.DataFrame(TOLD["isolation"][0])
    lines = figures.isolation(frame).get_lines()
    assert [line.get_label() for line in lines] == ["threshold 0.3", "threshold 0.9"]
    assert [list(line.get_ydata()) for line in lines] == [[0.0, 0.1], [0.2, 0.4]]
    (_, last, popular) = figures.utility(pd.DataFrame(TOLD["utility"][0])).get_lines()
    assert last.get_label() == "no noise"
    assert list(popular.get_ydata()) == [0.5, 0.6]


def test_the_picture_of_a_withheld_result(run):
    summary = {**run.summary, "recommendations": [], "withheld": True, "min_neighbours": 5}
    words = check_layout(figures._page(summary))
    assert "No title: withheld, fewer than 5 neighbours." in words
    assert not any("from 0 neighbours" in w for w in words)
