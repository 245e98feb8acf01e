"""The figure of batches: whole, labelled, true to its numbers."""

import pandas as pd
import pytest

from mpclab.errors import InputError
from mpclab.throughput_figures import throughput
from tests.test_figures import _close, check_layout  # noqa: F401

SIZES = [1, 2, 4, 8, 16, 32]


def table(seconds, sizes=SIZES):
    frame = pd.DataFrame({"batch": sizes, "online": seconds})
    frame["per_second"] = frame["batch"] / frame["online"]
    return frame


@pytest.mark.parametrize(
    "seconds",
    [[0.03, 0.055, 0.1, 0.19, 0.37, 0.73], [0.6, 0.602, 0.61, 0.63, 0.67, 0.73], [0.03] * 6],
)
def test_every_batch_is_drawn_where_it_belongs(seconds):
    frame = table(seconds)
    ax = throughput(frame)
    words = check_layout(ax.figure)
    assert "requesters at once (number)" in words
    assert "recommendations (per second)" in words
    (measured,) = [line for line in ax.lines if line.get_label() == "measured"]
    assert measured.get_xdata().tolist() == SIZES
    assert measured.get_ydata().tolist() == frame["per_second"].tolist()
    assert ax.get_ylim()[0] < min(measured.get_ydata())
    assert max(measured.get_ydata()) < ax.get_ylim()[1]
    assert sum(word.endswith("ms") for word in words) == len(SIZES)


def test_one_size_alone():
    check_layout(throughput(table([0.03], [4])).figure)


def test_other_tables_are_refused():
    for frame in (pd.DataFrame(), pd.DataFrame({"batch": [1]}), table([], [])):
        with pytest.raises(InputError, match=r"batches\(\)"):
            throughput(frame)
