"""Figures: where the time went, what was recommended, what travelled. matplotlib lives only here.

Every function draws into the Axes it is given, or into a new one, and returns it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Patch
from matplotlib.ticker import MaxNLocator, NullFormatter

from mpclab import style
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Transcript
from mpclab.style import PUBLISHED_SECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "demo_picture",
    "differencing",
    "guessing",
    "isolation",
    "online_time",
    "phases",
    "recommendations",
    "shares",
    "sybils",
    "traffic",
    "utility",
]

"""Seconds online for 10,000 users and two servers, as published (IEEE TIFS 10(3), 2015)."""

_INK = style.theme_colors()["ink"]
_MUTED = style.theme_colors()["muted"]
_LINE = style.theme_colors()["line"]
_BAR = style.mix(style.phase_color("online"), "#000000", 0.25)  # white is read well on it


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The Axes to draw into: those given, or new ones of this size in inches."""
    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(width, height), layout="constrained")
        ax = figure.add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_LINE)
    ax.tick_params(colors=_MUTED, labelcolor=_INK)
    return ax


def _step_colors(count: int) -> list[str]:
    """Colours for steps, in the order of time: from dark to light, apart in brightness too."""
    ramp = mpl.colormaps["cividis"]
    points = [0.12 + 0.83 * i / max(count - 1, 1) for i in range(count)]
    return [mpl.colors.to_hex(ramp(p)) for p in points]


# -- time -----------------------------------------------------------------------------------------


def online_time(
    path: dict[str, float],
    published: float = PUBLISHED_SECONDS,
    ax: Axes | None = None,
    *,
    same_task: bool = False,
) -> Axes:
    """The online time by step, beside the published one: on one linear axis, and magnified.

    Parameters
    ----------
    path : dict of str to float
        Step -> seconds, as `Transcript.online_path` gives it.
    published : float
        Seconds to compare with.
    same_task : bool
        Whether both times are for the same task (10,000 users, 2 servers): then a ratio is shown.
    ax : Axes or None

    Raises
    ------
    InputError
        If there is no step, or a time is negative.

    Examples
    --------
    >>> ax = online_time({"compare": 0.011, "select": 0.006, "check": 0.004})
    >>> ax.get_xlabel()
    'online time (ms)'
    """
    total = sum(path.values())
    if not path or min(path.values()) < 0 or total <= 0:
        raise InputError(f"the path is {path}: it takes seconds by step, at least one above 0")
    ax = _axes(ax, 7.5, 3.3)
    colors = _step_colors(len(path))
    ours, theirs = 1e3 * total, 1e3 * published
    ax.set_xlim(0, 1.02 * max(ours, theirs))
    ax.barh(1, theirs, height=0.6, color=_LINE)
    whose = " (10,000 users, 2 servers)" if published == PUBLISHED_SECONDS else ""
    ax.text(
        theirs / 2, 1, f"published{whose}: {style.duration(published)}", va="center", ha="center"
    )
    _stacked(ax, path, 0, colors)
    text = f"here: {style.duration(total)}"
    if same_task:
        ratio = theirs / ours if theirs > ours else ours / theirs
        text += f", {float(f'{ratio:.2g}'):g} times {'less' if theirs > ours else 'more'}"
    else:
        text += ", for another task"
    inside = ours > 0.6 * ax.get_xlim()[1]
    ax.text(
        0.99 * ours if inside else ours + 0.008 * ax.get_xlim()[1],
        0.42 if inside else 0,
        text,
        va="bottom" if inside else "center",
        ha="right" if inside else "left",
    )
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.spines["top"].set(visible=True, color=_LINE)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.set_xlabel("online time (ms)")
    ax.set_yticks([])
    ax.set_ylim(-4.3, 1.5)
    _magnified(ax, path, colors)
    return ax


def _stacked(ax: Axes, path: dict[str, float], y: float, colors: Sequence[str]) -> None:
    at = 0.0
    for (step, seconds), color in zip(path.items(), colors, strict=True):
        ax.barh(y, 1e3 * seconds, left=at, height=0.6, color=color, label=step)
        at += 1e3 * seconds


def _magnified(ax: Axes, path: dict[str, float], colors: Sequence[str]) -> None:
    """The bar of this run once more, as wide as the picture, with its steps named."""
    total = 1e3 * sum(path.values())
    close = ax.inset_axes((0, 0.3, 1, 0.15))
    close.set_xlim(0, total)
    _stacked(close, path, 0, colors)
    close.set_ylim(-0.3, 0.3)
    close.set_yticks([])
    close.spines[["top", "right", "left"]].set_visible(False)
    close.spines["bottom"].set_color(_LINE)
    close.tick_params(colors=_MUTED, labelcolor=_INK)
    close.set_xlabel("the same, magnified: time by step (ms)")
    for x, edge in ((0.0, 0.0), (total, 1.0)):
        ax.add_artist(
            ConnectionPatch(
                (x, -0.3), (edge, 1), "data", "axes fraction", axesA=ax, axesB=close,
                color=_LINE, linewidth=0.8,
            )
        )  # fmt: skip
    at = 0.0
    for (step, seconds), color in zip(path.items(), colors, strict=True):
        width = 1e3 * seconds
        if width / total > 0.02 * len(step):
            close.text(
                at + width / 2, 0, step, ha="center", va="center", color=style.text_on(color)
            )
        at += width
    bars = [
        Patch(color=color, label=f"{step} {style.duration(seconds)}")
        for (step, seconds), color in zip(path.items(), colors, strict=True)
    ]
    close.legend(
        handles=bars, loc="upper center", bbox_to_anchor=(0.5, -1.5), ncols=min(len(bars), 5),
        frameon=False, fontsize="small", handlelength=0.8, handletextpad=0.4, columnspacing=1,
    )  # fmt: skip


def phases(transcript: Transcript, ax: Axes | None = None) -> Axes:
    """Seconds and bytes by phase, all sessions together; the axis of seconds is logarithmic.

    Seconds are those of the virtual clock; bytes are all that travelled, whoever sent it.
    """
    records = list(transcript.select())
    if not records:
        raise InputError("the transcript is empty: run something first")
    names = list(dict.fromkeys(r.phase for r in records))
    sessions = dict.fromkeys((r.session, r.phase) for r in records)
    seconds = {p: sum(transcript.seconds(s, q) for s, q in sessions if q == p) for p in names}
    ax = _axes(ax, 7.5, 0.55 * len(names) + 1.0)
    least = 10 ** _floor_log(min(seconds.values()))
    most = max(seconds.values())
    for y, name in enumerate(names):
        color = style.phase_color(name)
        ax.plot([least, seconds[name]], [y, y], color=color, linewidth=2)
        ax.plot([seconds[name]], [y], "o", color=color, markersize=9)
        carried = sum(r.bytes for r in records if r.phase == name)
        rounds = transcript.rounds(phase=name)
        text = f"{style.duration(seconds[name])}, {style.size(carried)}"
        text += f", {style.plural(rounds, 'round')}" if rounds else ""
        ax.annotate(text, (seconds[name], y), (10, 0), textcoords="offset points", va="center")
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(least, max(most * (most / least) ** 0.7 * 2, 20 * least))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("time on the virtual clock (s, logarithmic)")
    ax.set_ylabel("phase")
    return ax


def _floor_log(value: float) -> int:
    power = 0
    while 10.0**power > max(value, 1e-9):
        power -= 1
    return power


# -- what came out --------------------------------------------------------------------------------


def recommendations(
    titles: Sequence[str],
    scores: Sequence[float],
    neighbours: Sequence[int],
    ax: Axes | None = None,
) -> Axes:
    """Recommended titles with their predicted stars and how many neighbours stand behind each.

    Raises
    ------
    InputError
        If the three are not equally long, or empty.

    Examples
    --------
    >>> ax = recommendations(["Alien", "Brazil"], [4.6, 4.2], [12, 7])
    >>> [label.get_text() for label in ax.get_yticklabels()], ax.get_xlabel()
    (['Alien', 'Brazil'], 'predicted rating (stars)')
    """
    if not len(titles) == len(scores) == len(neighbours) > 0:
        raise InputError(
            f"there are {len(titles)} titles, {len(scores)} scores and {len(neighbours)} numbers "
            "of neighbours: there must be equally many, and at least one"
        )
    ax = _axes(ax, 7.5, 0.34 * len(titles) + 0.9)
    places = range(len(titles))
    ax.barh(places, [float(s) for s in scores], height=0.72, color=_BAR)
    for y, score, count in zip(places, scores, neighbours, strict=True):
        ax.text(0.06, y, f"{score:.2f}", va="center", color="white", fontweight="bold")
        who = style.plural(int(count), "neighbour")
        ax.text(float(score) - 0.06, y, who, va="center", ha="right", color="white")
    ax.set_yticks(places, [t if len(t) <= 52 else t[:51].rstrip() + "…" for t in titles])
    ax.set_ylim(len(titles) - 0.4, -0.6)
    ax.set_xlim(0, 5)
    ax.set_xlabel("predicted rating (stars)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def shares(
    secret: Sequence[float],
    share: Sequence[float],
    name: str = "server 0",
    what: str = "the values that are shared",
    ax: Axes | None = None,
) -> Axes:
    """Two histograms, one above the other: a column of ratings, and one server's share of it.

    Parameters
    ----------
    secret : sequence of float
        The values that are shared.
    share : sequence of float
        What one server holds in their place, as fractions of p, from 0 to 1.
    name : str
        The server.
    what : str
        What the values are.
    ax : Axes or None
    """
    if len(secret) == 0 or len(secret) != len(share):
        raise InputError(
            f"there are {len(secret)} secrets and {len(share)} shares: it takes a share for each"
        )
    ax = _axes(ax, 7.5, 3.4)
    ax.axis("off")
    top, low = ax.inset_axes((0, 0.64, 1, 0.36)), ax.inset_axes((0, 0.0, 1, 0.36))
    color = style.server_color(int(name.split()[1]) if is_server(name) else 0)
    low_end, high_end = min(secret), max(secret)
    few = high_end - low_end < 40
    edges: Any = [low_end - 0.5 + k for k in range(int(high_end - low_end) + 2)] if few else 40
    top.hist(secret, bins=edges, rwidth=0.85, color=_MUTED)
    top.set_xlabel(what)
    low.hist(share, bins=40, range=(0, 1), color=color)
    low.set_xlabel(f"the shares that {name} holds, as a fraction of p")
    for axes in (top, low):
        axes.set_ylabel("users")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_LINE)
        axes.tick_params(colors=_MUTED, labelcolor=_INK)
    return ax


def traffic(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What every server sent to the others, by step; `frame` is `Transcript.to_frame()` or a part.

    Raises
    ------
    InputError
        If no message of the frame went from server to server.
    """
    between = frame[frame["sender"].map(is_server) & frame["receiver"].map(is_server)]
    if between.empty:
        raise InputError("the frame has no message from server to server: choose another part")
    steps = list(dict.fromkeys(s.split("/")[0] for s in between["step"]))
    servers = sorted(between["sender"].unique(), key=lambda s: int(s.split()[1]))
    ax = _axes(ax, 7.5, 0.22 * len(steps) * max(len(servers), 2) + 1.1)
    first_word = between["step"].str.split("/").str[0]
    sums = between["bytes"].groupby([first_word, between["sender"]]).sum()
    thick = 0.8 / len(servers)
    for i, server in enumerate(servers):
        values = [sums.get((step, server), 0) / 1e3 for step in steps]
        places = [k - 0.4 + thick * (i + 0.5) for k in range(len(steps))]
        color = style.server_color(int(server.split()[1]))
        ax.barh(places, values, height=0.86 * thick, color=color, label=server)
    ax.set_yticks(range(len(steps)), steps)
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlabel("sent to the other servers (kB)")
    ax.set_ylabel("step")
    ax.legend(frameon=False, ncols=-(-len(servers) // 5), loc="lower right")
    return ax


# -- what results tell: the tables of `mpclab.inference` -------------------------------------------


def _lines(
    ax: Axes | None,
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    label: str,
    axis_labels: tuple[str, str],
) -> Axes:
    """One line per value of the column `by`, from dark to light, with values as fractions."""
    if frame.empty:
        raise InputError("the table is empty: give what a function of mpclab.inference returns")
    ax = _axes(ax, 7.5, 3.6)
    groups = list(frame.groupby(by, sort=True))
    for (value, part), color in zip(groups, _step_colors(len(groups)), strict=True):
        ax.plot(
            part[x], part[y], "o-", color=color, markersize=4, clip_on=False,
            label="no noise" if value == math.inf else label.format(value),
        )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(axis_labels[0])
    ax.set_ylabel(axis_labels[1])
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def differencing(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What the difference of two results tells of a user's ratings, by defence.

    `frame` is that of `mpclab.inference.differencing`. The grey tick is what a guess would find.
    """
    if frame.empty:
        raise InputError("the table is empty: give what mpclab.inference.differencing returns")
    ax = _axes(ax, 7.5, 0.42 * len(frame) + 1.2)
    places = range(len(frame))
    ax.barh(places, frame["recovered"], height=0.68, color=_BAR, label="read from the difference")
    ax.plot(
        frame["without"], list(places), "|", color=_INK, markersize=16, markeredgewidth=2,
        label="right by guessing the most common rating",
    )  # fmt: skip
    for y, part in zip(places, frame["recovered"], strict=True):
        ax.text(0.01, y, f"{100 * part:.0f} %", va="center", color="white", fontweight="bold")
    ax.set_yticks(places, list(frame["defence"]))
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.set_xlabel("the victim's ratings found (fraction)")
    ax.set_ylabel("defence")
    ax.legend(frameon=False, fontsize="small", loc="lower center", ncols=2, bbox_to_anchor=(0.4, 1))
    return ax


def isolation(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Who can be singled out by what is known of it: the table of `mpclab.inference.isolation`.

    Of the smallest `min_neighbours` in the table: with a minimum of 2 or more nobody is.
    """
    least = frame[frame["min_neighbours"] == frame["min_neighbours"].min()]
    return _lines(
        ax, least, "known", "isolated", "threshold", "threshold {:g}",
        ("dense ratings known of the victim (number)", "users singled out (fraction)"),
    )  # fmt: skip


def sybils(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Whose ratings are read with invented users: the table of `mpclab.inference.sybils`."""
    ax = _lines(
        ax, frame, "sybils", "read", "min_neighbours", "minimum {:g}",
        ("invented users (number)", "users read (fraction)"),
    )  # fmt: skip
    ax.set_ylim(0, max(1.3 * float(frame["read"].max()), 0.05))
    return ax


def guessing(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How well it is told whether a row is there: the table of `mpclab.inference.guessing`.

    Against the epsilon of one query; dotted, the most that the guarantee allows after one.
    """
    ax = _lines(
        ax, frame, "epsilon", "told_apart", "queries", "queries: {:g}",
        ("epsilon of one query (logarithmic)", "told rightly whether\na user is there (fraction)"),
    )  # fmt: skip
    one = frame[frame["queries"] == frame["queries"].min()]
    ax.plot(one["epsilon"], one["bound"], ":", color=_MUTED, label="bound for the fewest")
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0.4, 1.02)
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def utility(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What noise leaves of the ten best titles: the table of `mpclab.inference.utility`."""
    ax = _lines(
        ax, frame, "users", "kept", "epsilon", "epsilon {:g}",
        ("users (number, logarithmic)", "of the ten best titles, still there (fraction)"),
    )  # fmt: skip
    first = frame[frame["epsilon"] == frame["epsilon"].min()]
    ax.plot(first["users"], first["popular"], ":", color=_MUTED, label="most rated titles")
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


# -- one page -------------------------------------------------------------------------------------


def detection(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How often each attack slipped through, with its confidence interval, against the formula.

    Parameters
    ----------
    frame : DataFrame
        From `mpclab.adversary.detection_rates`.
    ax : Axes or None

    Raises
    ------
    InputError
        If the frame is none of these.

    Examples
    --------
    >>> from mpclab.adversary import detection_rates
    >>> ax = detection(detection_rates(modulus=101, trials=50))
    >>> len(ax.get_yticks())
    8
    """
    wanted = {"attack", "formula", "expected", "measured", "low", "high", "trials"}
    if not wanted <= set(getattr(frame, "columns", ())):
        raise InputError("the frame has other columns: pass what detection_rates() returns")
    ax = _axes(ax, 7.6, 0.9 + 0.36 * len(frame))
    y = range(len(frame))
    color = style.server_color(0)
    ax.hlines(y, 100 * frame["low"], 100 * frame["high"], color=color, linewidth=5, alpha=0.35,
              label=f"99.9 % interval of {int(frame['trials'].iloc[0]):,} runs")  # fmt: skip
    ax.plot(100 * frame["measured"], y, "o", color=color, markersize=5, label="measured")
    ax.plot(100 * frame["expected"], y, "|", color=_INK, markersize=15, markeredgewidth=2,
            label="formula")  # fmt: skip
    for k, (high, formula) in enumerate(zip(frame["high"], frame["formula"], strict=True)):
        ax.annotate(formula, (100 * high, k), (7, 0), textcoords="offset points", va="center",
                    fontsize=9, color=_MUTED)  # fmt: skip
    ax.set_yticks(y, frame["attack"])
    ax.set_ylim(len(frame) - 0.5, -0.6)
    ax.set_xlim(0, 135 * frame["high"].max())
    ax.set_xlabel("runs that went undetected, in percent")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def demo_picture(summary: dict[str, Any], path: str | Path) -> None:
    """Draw one page about a recommendation: titles, time by step, messages.

    Parameters
    ----------
    summary : dict
        What ``mpclab recommend --json`` prints.
    path : str or Path
        The PNG file to write.

    Raises
    ------
    InputError
        If the summary lacks something, or the file is no PNG.
    """
    if Path(path).suffix != ".png":
        raise InputError(f"the picture {str(path)!r} must be a PNG file: give a name like demo.png")
    try:
        figure = _page(summary)
    except KeyError as missing:
        raise InputError(
            f"the summary lacks {missing.args[0]!r}: give what `mpclab recommend --json` prints"
        ) from None
    figure.savefig(path, dpi=150)


def _page(s: dict[str, Any]) -> Figure:
    with mpl.rc_context({"font.size": 9.5, "text.color": _INK, "axes.labelcolor": _INK}):
        figure = Figure(figsize=(11.5, 7.2), facecolor="white")
        FigureCanvasAgg(figure)
        figure.text(0.03, 0.945, _headline(s), fontsize=17, fontweight="bold")
        figure.text(0.03, 0.905, _subline(s), fontsize=10.5, color=_MUTED)
        left = figure.add_axes((0.255, 0.09, 0.245, 0.70))
        figure.text(0.03, 0.82, _titles_heading(s), fontsize=11.5, fontweight="bold")
        found = s["recommendations"]
        if found:
            recommendations(
                [_short(r["title"]) for r in found],
                [r["score"] for r in found],
                [r["neighbours"] for r in found],
                left,
            )
        else:
            left.axis("off")
            left.text(-0.5, 0.9, _why_none(s), fontsize=10.5)
        figure.text(0.545, 0.82, "Online time, step by step", fontsize=11.5, fontweight="bold")
        online_time(
            s["online_phases"],
            ax=figure.add_axes((0.545, 0.37, 0.43, 0.37)),
            same_task=s["servers"] == 2 and s["users"] >= 10_000,
        )
        figure.text(0.545, 0.325, "Messages and time", fontsize=11.5, fontweight="bold")
        _facts(figure, s)
    return figure


def _fitted(text: str, width: float, points: float = 9.5, bold: bool = False) -> str:
    """A text that is at most this wide, in points; an ellipsis stands for what was cut off."""
    short = text
    while style.text_width(short, points, bold) > width:
        short = short.rstrip("…")[:-1].rstrip() + "…"
    return short


def _short(title: str) -> str:
    """A title that fits beside the bars of the page."""
    return _fitted(title, 178)


def _headline(s: dict[str, Any]) -> str:
    return f"A private recommendation from {s['users']:,} users"


def _subline(s: dict[str, Any]) -> str:
    verdict = (
        "equal to the same computation in the clear"
        if s["matches_plaintext"]
        else "NOT equal to the same computation in the clear"
    )
    return (
        f"{s['servers']} servers, none of which sees a rating; {s['items']:,} items, "
        f"{s['dense']} for similarity; the result is {verdict}."
    )


def _why_none(s: dict[str, Any]) -> str:
    if s.get("withheld"):
        return f"No title: withheld, fewer than {s['min_neighbours']:,} neighbours."
    return "No title: no neighbour is similar enough."


def _titles_heading(s: dict[str, Any]) -> str:
    if s.get("withheld"):
        return _fitted(f"For user {s['user']}", 405, 11.5, bold=True)
    rest = (
        f", from {style.plural(s['neighbours'], 'neighbour')} "
        f"(cosine at least {s['threshold']:g})"
    )
    room = 405 - style.text_width(rest, 11.5, bold=True)
    return _fitted(f"For user {s['user']}", room, 11.5, bold=True) + rest


def _facts(figure: Figure, s: dict[str, Any]) -> None:
    sent = s["bytes_sent_per_server"]
    online = sum(s["online_phases"].values())
    rows = [
        ("preprocess", s["preprocess_seconds"], "by a trusted dealer, before any input"),
        ("upload", s["upload_seconds"], "all users, masked"),
        ("prepare", s["prepare_seconds"], "before the query is known"),
        ("online", online, "from the query to the verified result"),
    ]
    lines = [(name, style.duration(value), note) for name, value, note in rows]
    lines += [
        ("rounds", f"{s['rounds']}", "between servers, online"),
        ("sent", style.size(max(sent)), f"by each of {len(sent)} servers, online"),
        ("client", style.size(s["client_bytes"]), "to and from the requester, online"),
    ]
    for i, (name, value, note) in enumerate(lines):
        y = 0.283 - 0.032 * i
        if name in style.PHASES:
            figure.text(0.545, y, "■", color=style.phase_color(name), fontsize=10)
        figure.text(0.563, y, name)
        figure.text(0.705, y, value, ha="right", fontweight="bold")
        figure.text(0.72, y, note, color=_MUTED)
    network = str(s.get("network", "'local'")).split("'")[1]
    clock = f"Time: what the slowest server computed, plus a simulated network ({network})."
    figure.text(0.545, 0.045, clock, fontsize=8, color=_MUTED)
