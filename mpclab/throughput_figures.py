"""A figure of what batches give: recommendations a second, and what each of them costs.

It draws into the Axes it is given, or into a new one, and returns it, as those of `mpclab.figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from mpclab import style
from mpclab.errors import InputError
from mpclab.figures import _INK, _MUTED, _axes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["throughput"]


def throughput(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Recommendations per second against the size of the batch, on logarithmic scales.

    Every point is marked with the seconds that the whole batch takes. The dotted line is what
    batches would give if a batch took no longer than one query; the dashed line, if they gave
    nothing.

    Parameters
    ----------
    frame : DataFrame
        From `mpclab.experiments.batches`.
    ax : Axes or None

    Raises
    ------
    InputError
        If the frame is none of these.

    Examples
    --------
    >>> from mpclab.experiments import batches
    >>> ax = throughput(batches((1, 2), users=100, items=30, repeat=1, seed=1))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('requesters at once (number)', 'recommendations (per second)')
    """
    wanted = {"batch", "online", "per_second"}
    if not wanted <= set(getattr(frame, "columns", ())) or frame.empty:
        raise InputError("the frame has other columns or no rows: pass what batches() returns")
    ax = _axes(ax, 7.5, 3.8)
    sizes, rate = frame["batch"], frame["per_second"]
    alone = rate.iloc[0] / sizes.iloc[0]
    color = style.phase_color("online")
    free = sizes * alone
    ax.plot(sizes, free, ":", color=_MUTED, label="if more requesters took no more time")
    ax.axhline(rate.iloc[0], linestyle="--", color=_MUTED, label="one after another")
    ax.plot(sizes, rate, "o-", color=color, markersize=6, label="measured")
    for x, y, seconds in zip(sizes, rate, frame["online"], strict=True):
        ax.annotate(
            style.duration(seconds), (x, y), (-5, 7), textcoords="offset points", fontsize=9,
            color=_INK, ha="right",
        )  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(list(sizes), [f"{size:,}" for size in sizes])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    low, high = min(rate.min(), rate.iloc[0]), max(rate.max(), free.max())
    decades = [d * 10.0**k for k in range(-6, 9) for d in (1, 2, 5)]
    ax.set_ylim(low / 1.6, high * 1.2)
    shown = [t for t in decades if low / 1.6 <= t <= high * 1.2]
    ax.set_yticks(shown, [f"{t:,g}" for t in shown])
    ax.set_xlim(sizes.min() / 1.6, sizes.max() * 1.2)
    ax.set_xlabel("requesters at once (number)")
    ax.set_ylabel("recommendations (per second)")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax
