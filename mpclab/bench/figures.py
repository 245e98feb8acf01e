"""Figures of measurements, drawn from the file that `make bench` writes: nothing is run.

Every function draws into the Axes it is given, or into a new one, and returns it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from mpclab import style
from mpclab.bench.growth import exponent
from mpclab.bench.peers import PEERS
from mpclab.errors import InputError
from mpclab.figures import _BAR, _INK, _LINE, _MUTED, _axes, _step_colors
from mpclab.style import PUBLISHED_SECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["against_peers", "against_users", "by_phase", "draw_all", "growth_lines", "table"]


def table(results: dict[str, Any], name: str = "scale") -> pd.DataFrame:
    """One of the tables in the results ("scale", "items") as a DataFrame.

    Raises InputError if there is none of that name, or it is empty.
    """
    import pandas as pd

    rows = results.get(name, {}).get("rows", [])
    if not rows:
        raise InputError(
            f"the results have no table {name!r}: run `make bench`, without leaving it out"
        )
    return pd.DataFrame(rows)


def _logarithmic(ax: Axes, which: str, ticks: Iterable[float], text: Any) -> None:
    axis = ax.xaxis if which == "x" else ax.yaxis
    getattr(ax, f"set_{which}scale")("log")
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _seconds(ax: Axes, which: str, values: Iterable[float]) -> None:
    """A logarithmic axis of seconds around these values, labelled in the units people use."""
    low, high = min(values), max(values)
    ticks = [10.0**k for k in range(-6, 4)]
    _logarithmic(ax, which, [t for t in ticks if low / 10 < t < high * 10], style.duration)
    getattr(ax, f"set_{which}lim")(0.6 * low, 1.7 * high)


def against_users(results: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Online time against the number of users, both logarithmic, beside NumPy in the same run.

    One line for every number of servers, with the quartiles as a bar; the plaintext's int64 and
    float64 products; the published figure and a tenth of it as lines.
    """
    frame = table(results)
    frame = frame[frame["items"] == frame["items"].mode()[0]]
    ax = _axes(ax, 7.5, 4.6)
    users = sorted(frame["users"].unique())
    groups = list(frame.groupby("servers"))
    for (n, part), color in zip(groups, _step_colors(len(groups) + 1), strict=False):
        part = part.sort_values("users")
        low, high = (
            [abs(s[k] - m) for s, m in zip(part["online_spread"], part["online_seconds"],
                                           strict=True)]
            for k in (0, 1)
        )
        ax.errorbar(
            part["users"], part["online_seconds"], yerr=[low, high], fmt="o-", markersize=4,
            linewidth=1.6, capsize=2, color=color,
            label=f"private, {n} servers",
        )  # fmt: skip
    two = frame[frame["servers"] == frame["servers"].min()].sort_values("users")
    for name, dash in (("int64", "--"), ("float64", ":")):
        ax.plot(
            two["users"], two[f"numpy_{name}_seconds"], dash, marker="s", markersize=3,
            color=_MUTED, label=f"plaintext, NumPy {name}: b @ V",
        )  # fmt: skip
    for value, text in (
        (PUBLISHED_SECONDS, "published: 0.34 s for 10,000 users and 2 servers (IEEE TIFS 2015)"),
        (PUBLISHED_SECONDS / 10, "a tenth of it"),
    ):
        ax.axhline(value, color=_LINE, linewidth=1.2, zorder=0)
        ax.annotate(
            text, (users[0], value), (0, 2), textcoords="offset points", fontsize="small",
            color=_MUTED,
        )
    ax.plot([10_000], [PUBLISHED_SECONDS], "D", color=_MUTED, markersize=5)
    _logarithmic(ax, "x", users, lambda value: f"{value:,.0f}")
    every = [*frame["online_seconds"], *two["numpy_float64_seconds"], *two["numpy_int64_seconds"]]
    _seconds(ax, "y", [*every, PUBLISHED_SECONDS])
    ax.set_xlabel(f"users ({int(frame['items'].iloc[0]):,} items each)")
    ax.set_ylabel("online time")
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def against_peers(results: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Ours at 10,000 users and 1,000 items, beside what other systems needed elsewhere.

    Filled points are of the run in the file; hollow ones were measured once, elsewhere, each with
    the security that stands beside it (`mpclab.bench.peers`).
    """
    one = results.get("online", {}).get("anchors")
    if one is None:
        raise InputError("the results have no measurement 'online' of the workload 'anchors'")
    size = f"{one['users']:,} users, {one['items']:,} items"
    rows = [
        (f"mpclab, {one['servers']} servers (malicious)", one["online_seconds"], True),
        ("NumPy int64, plaintext", one["numpy_int64_seconds"], True),
        ("NumPy float64, plaintext", one["numpy_float64_seconds"], True),
    ]
    mpyc = results.get("mpyc", {})
    if (mpyc.get("users"), mpyc.get("items")) == (one["users"], one["items"]):
        seconds = results["mpyc"]["online_seconds"]
        rows.append(("MPyC, 3 parties (passive), this run", seconds, True))
    same_size = (one["users"], one["items"]) == (10_000, 1_000)
    rows += [(f"{p.system} ({p.security})", p.seconds, False) for p in PEERS if same_size]
    rows.sort(key=lambda row: row[1])
    ax = _axes(ax, 7.5, 0.3 * len(rows) + 1.1)
    values = [value for _, value, _ in rows]
    for y, (_, value, ours) in enumerate(rows):
        ax.plot([min(values) / 2, value], [y, y], color=_LINE, linewidth=1.2, zorder=0)
        ax.plot([value], [y], "o", color=_BAR, markerfacecolor=_BAR if ours else "white")
        ax.annotate(
            style.duration(value), (value, y), (7, 0), textcoords="offset points", va="center",
            fontsize="small",
        )
    _seconds(ax, "x", values)
    ax.set_xlim(min(values) / 2, 6 * max(values))
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"online time, {size}\nfilled: this run; hollow: measured elsewhere, see text")
    return ax


def by_phase(results: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Where the online time goes: stacked bars by step, for every number of users and servers."""
    frame = table(results).sort_values(["users", "servers"])
    frame = frame[frame["items"] == frame["items"].mode()[0]]
    ax = _axes(ax, 7.5, 0.3 * len(frame) + 1.3)
    steps = list(frame["online_phases"].iloc[0])
    colors = _step_colors(len(steps))
    left = [0.0] * len(frame)
    for step, color in zip(steps, colors, strict=True):
        parts = [
            100 * phases[step] / sum(phases.values()) for phases in frame["online_phases"]
        ]
        ax.barh(range(len(frame)), parts, left=left, height=0.75, color=color, label=step)
        for y, (part, at) in enumerate(zip(parts, left, strict=True)):
            if part > 7:
                ax.text(
                    at + part / 2, y, f"{part:.0f}", ha="center", va="center", fontsize="small",
                    color=style.text_on(color),
                )
        left = [at + part for at, part in zip(left, parts, strict=True)]
    names = [
        f"{int(N):,} users, {int(n)} servers: {style.duration(total)}"
        for N, n, total in zip(
            frame["users"], frame["servers"], frame["online_seconds"], strict=True
        )
    ]
    ax.set_yticks(range(len(frame)), names)
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("part of the online time (%)")
    ax.tick_params(axis="y", length=0)
    ax.legend(
        frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0),
        ncols=len(steps), handlelength=0.8,
    )  # fmt: skip
    return ax


def growth_lines(
    results: dict[str, Any], ax: Axes | None = None, quantity: str = "server_seconds"
) -> Axes:
    """By how much a server's own computing grows with users, items and servers; exponents fitted.

    Every line begins at 1, at its smallest size; dashed is growth in proportion.
    """
    scaled, items = table(results), table(results, "items")
    few, most = scaled["servers"].min(), scaled["items"].mode()[0]
    at = 10_000 if (scaled["users"] == 10_000).any() else scaled["users"].median()
    parts = {
        "users": scaled[(scaled["servers"] == few) & (scaled["items"] == most)],
        "items": items,
        "servers": scaled[(scaled["users"] == at) & (scaled["items"] == most)],
    }
    ax = _axes(ax, 7.5, 4.0)
    colors = dict(zip(parts, _step_colors(len(parts) + 1), strict=False))
    longest = 1.0
    for name, part in parts.items():
        part = part.sort_values(name)
        if part[name].nunique() < 2:
            continue
        x, y = part[name].to_numpy(float), part[quantity].to_numpy(float)
        longest = max(longest, x[-1] / x[0])
        ax.plot(
            x / x[0], y / y[0], "o-", color=colors[name], markersize=4,
            label=f"{name} {int(x[0]):,} to {int(x[-1]):,}: exponent {exponent(x, y):.2f}",
        )  # fmt: skip
    ax.plot([1, longest], [1, longest], "--", color=_LINE, label="in proportion", zorder=0)
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000) if t <= 1.2 * longest]
    for which in ("x", "y"):
        _logarithmic(ax, which, ticks, lambda value: f"{value:g}")
    ax.set_xlabel("times as many")
    ax.set_ylabel("times as long (a server's own computing)")
    ax.legend(frameon=False, fontsize="small", labelcolor=_INK)
    return ax


def draw_all(results: dict[str, Any], folder: str | Path, prefix: str = "") -> list[Path]:
    """Draw every figure into a folder as PNG; returns the files."""
    made = []
    for name, draw in (
        ("users", against_users),
        ("peers", against_peers),
        ("phases", by_phase),
        ("growth", growth_lines),
    ):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()
        rows = len(table(results)) if name == "phases" else 0
        figure.set_size_inches(9.5, max(4.6, 0.3 * rows + 1.3))
        draw(results, ax)
        file = Path(folder) / f"{prefix}{name}.png"
        figure.savefig(file, dpi=120, metadata={"Software": None})
        made.append(file)
    return made
