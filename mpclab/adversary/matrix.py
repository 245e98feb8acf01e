"""The attack matrix: every attack at every step, for any number of servers and corrupt ones.

>>> frame = attack_matrix(servers=(2,), attacks=["huge element"], grounds=("reveal",))
>>> frame[["label", "corrupt", "outcome", "verdict"]].head(3)
         label  corrupt              outcome verdict
0  coin commit        1  abort before output   holds
1       reveal        1  abort before output   holds
2  coin reveal        1  abort before output   holds
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab import style
from mpclab.adversary import (
    on_checks,
    on_material,
    on_messages,
    on_openings,
    on_results,
    on_uploads,
)
from mpclab.adversary.gallery import ATTACKS, attack
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, Step, steps_of
from mpclab.adversary.model import Attack, World
from mpclab.adversary.outcome import NO_STEP, RESULTS, Outcome
from mpclab.adversary.play import attempt
from mpclab.adversary.weakened import DEFENCES, weakened
from mpclab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attack_matrix", "draw", "without_each"]

NONE = "none"

# Broken is warm, what holds is cold or grey: apart for every common kind of colour blindness, and
# in brightness too. What is broken carries a sign besides.
COLOURS = {
    "wrong result accepted": "#B5391B",
    "learnt": "#E8871E",
    "later queries abort": "#F6C25B",
    "abort before output": "#1F4E8C",
    "refused": "#5F95CF",
    "rejected by client": "#A9CCEB",
    "no effect": "#C9CDD3",
    "nothing learnt": "#8A929E",
    "no such step": "#FFFFFF",
}
_SIGNS = {"wrong result accepted": "x", "learnt": "D", "later queries abort": "_"}
_FAMILIES = (
    ("openings", on_openings), ("checks", on_checks), ("messages", on_messages),
    ("material", on_material), ("uploads", on_uploads), ("queries and results", on_results),
)


def all_steps(servers: int, grounds: Sequence[str], attacks: Iterable[Attack]) -> list[Step]:
    """Every step of some grounds, and where the attacks strike by themselves."""
    steps = [s for name in grounds for s in steps_of(name, servers)]
    homes = [a.home for a in attacks if a.home.ground in grounds or a.home.ground not in GROUNDS]
    return list(dict.fromkeys([*steps, *homes]))


def attack_matrix(
    servers: Sequence[int] = (2, 3, 5),
    attacks: Sequence[str] | None = None,
    without: str | None = None,
    *,
    grounds: Sequence[str] = (RECOMMEND,),
    corrupt: Sequence[int] | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """Run attacks at every step, and say how each ended.

    Parameters
    ----------
    servers : sequence of int
        How many servers.
    attacks : sequence of str or None
        Names of the gallery; None: all.
    without : str or None
        A defence to take away meanwhile; see `weakened`.
    grounds : sequence of str
        Protocols: "recommend", and those of the library ("reveal", "multiply", "tables" ...); with
        `grounds.GROUNDS`, all of them.
    corrupt : sequence of int or None
        How many servers are corrupt; None: each number from 1 (or 0, for clients' attacks) to n-1.
    seed : int
        Of the labs.

    Returns
    -------
    DataFrame
        One row per cell: attack, step, ground, phase, label, kind, servers, corrupt, outcome,
        verdict ("holds" or "BROKEN"), detail. Where an attack does not apply, the outcome is "no
        such step".
    """
    import pandas as pd

    chosen = list(ATTACKS.values()) if attacks is None else [attack(name) for name in attacks]
    unknown = set(grounds) - set(GROUNDS)
    if unknown:
        raise InputError(f"there is no ground {sorted(unknown)}: there are {', '.join(GROUNDS)}")
    lists = {n: all_steps(n, grounds, chosen) for n in servers}
    rows: list[dict[str, Any]] = []
    with weakened(without) if without else nullcontext():
        for n in servers:
            made: dict[Any, Any] = {}
            for each in chosen:
                for c in _numbers(each, n, corrupt):
                    for step in lists[n]:
                        world = World(n, c, step, seed=seed, grounds=made)
                        outcome = (
                            attempt(each, world, weak=bool(without))
                            if each.strikes(step) else Outcome(NO_STEP)
                        )
                        rows.append(_row(each, step, n, c, outcome))
    return pd.DataFrame(rows)


def _numbers(each: Attack, n: int, corrupt: Sequence[int] | None) -> list[int]:
    """How many servers are corrupt: a client's attack needs none, and gains nothing by more."""
    if each.servers == 0:
        return [0]
    return [c for c in range(1, n) if corrupt is None or c in corrupt]


def _row(each: Attack, step: Step, n: int, c: int, outcome: Outcome) -> dict[str, Any]:
    return {
        "attack": each.name, "step": str(step), "ground": step.ground, "phase": step.phase,
        "label": step.label, "kind": step.kind, "servers": n, "corrupt": c,
        "outcome": outcome.result, "verdict": outcome.verdict, "detail": outcome.detail,
    }


def without_each(
    servers: int = 3,
    defences: Sequence[str] | None = None,
    attacks: Sequence[str] | None = None,
    *,
    seed: int = 1,
) -> pd.DataFrame:
    """Take every defence away in turn, and say which attacks then succeed.

    Parameters
    ----------
    servers : int
        How many; an attack that takes more gets as many as it takes. One of them is corrupt, or
        as many as the attack takes.
    defences : sequence of str or None
        Names of `weakened.DEFENCES`; None: all.
    attacks : sequence of str or None
        Names of the gallery, each of which strikes where it does by itself; None: those that the
        gallery says need one defence.
    seed : int
        Of the labs.

    Returns
    -------
    DataFrame
        One row per defence and attack that succeeds without it: defence, what (it is), attack,
        outcome, detail. Attacks are also tried with all defences in place: whatever succeeded then
        would have the defence "none".

    Raises
    ------
    InputError
        If there is no such defence or attack.

    Examples
    --------
    >>> frame = without_each(2, defences=["r_0", "late coin"])
    >>> frame[["defence", "attack", "outcome"]].values.tolist()
    [['r_0', 'guess of the result', 'learnt'], ['late coin', 'errors made for a known coin', ...
    """
    import pandas as pd

    names = list(DEFENCES) if defences is None else list(defences)
    if attacks is None:
        chosen = [a for a in ATTACKS.values() if a.without]
    else:
        chosen = [attack(name) for name in attacks]
    rows = []
    for name in [NONE, *names]:
        made: dict[Any, Any] = {}
        with weakened(name) if name != NONE else nullcontext():
            for each in chosen:
                world = World(max(servers, each.least), each.servers, seed=seed, grounds=made)
                outcome = attempt(each, world, weak=name != NONE)
                if outcome.broken:
                    rows.append({
                        "defence": name, "what": DEFENCES.get(name, ""), "attack": each.name,
                        "outcome": outcome.result, "detail": outcome.detail,
                    })  # fmt: skip
    return pd.DataFrame(rows, columns=["defence", "what", "attack", "outcome", "detail"])


def draw(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw a matrix: attacks from top to bottom, steps from left to right; returns the axes.

    Attacks stand by what they are aimed at, steps by phase. A cell has the colour of its worst
    outcome over all numbers of servers and of corrupt ones; what is broken carries a sign, too.
    Where an attack does not apply there is no cell.

    Parameters
    ----------
    frame : DataFrame
        From `attack_matrix`.
    ax : matplotlib Axes or None
        None makes a figure that is large enough for its words.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    rows, columns, worst = _cells(frame)
    n, m = len(rows), len(columns)
    if ax is None:
        below = 0.075 * max((len(_label(c)) for c in columns), default=0)
        _, ax = plt.subplots(
            figsize=(max(3.9 + 0.185 * m, 7.0), 1.1 + below + 0.2 * (n + 1.4)),
            layout="constrained",
        )
    ax.set_xlim(-0.5, m - 0.5)
    ax.set_ylim(n - 0.5, -1.9)  # the bands of the phases stand above the first row
    _bands(ax, columns, rows)
    for i, j in zip(*np.nonzero(worst < RESULTS.index(NO_STEP)), strict=True):
        result = RESULTS[worst[i, j]]
        ax.add_patch(FancyBboxPatch(
            (j - 0.4, i - 0.4), 0.8, 0.8, boxstyle="round,pad=0,rounding_size=0.16",
            mutation_aspect=1, facecolor=COLOURS[result], edgecolor="none",
        ))  # fmt: skip
    for result, sign in _SIGNS.items():
        at = np.nonzero(worst == RESULTS.index(result))
        ax.scatter(
            at[1], at[0], marker=sign, s=22, linewidths=1.6,
            color="white" if result == "wrong result accepted" else "#1D2026", zorder=3,
        )
    ax.set_xticks(range(m), [_label(c) for c in columns], rotation=90, fontsize=8.5)
    ax.set_yticks(range(n), [a for _, a in rows], fontsize=9)
    ax.tick_params(length=0, pad=3)
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    _legend(ax, worst)
    return ax


def _cells(frame: pd.DataFrame) -> tuple[list[tuple[str, str]], list[Any], Any]:
    """Rows (family, attack), columns (phase or ground, step, label, kind), and worst outcomes."""
    family = {a.name: name for name, module in _FAMILIES for a in module.ATTACKS}
    rows = [(family.get(a, "others"), a) for a in dict.fromkeys(frame["attack"])]
    order = [name for name, _ in _FAMILIES]
    rows.sort(key=lambda row: order.index(row[0]) if row[0] in order else len(order))
    several = frame["ground"].nunique() > 1
    columns = list(dict.fromkeys(
        (p if g == RECOMMEND or not several else f"{g}: {p}", s, label, kind)
        for g, p, s, label, kind in zip(
            frame["ground"], frame["phase"], frame["step"], frame["label"], frame["kind"],
            strict=True,
        )
    ))  # fmt: skip
    first = {c[0]: k for k, c in reversed(list(enumerate(columns)))}
    columns.sort(key=lambda c: first[c[0]])
    places = {a: i for i, (_, a) in enumerate(rows)}, {c[1]: j for j, c in enumerate(columns)}
    worst = np.full((len(rows), len(columns)), RESULTS.index(NO_STEP))
    for a, s, result in zip(frame["attack"], frame["step"], frame["outcome"], strict=True):
        i, j = places[0][a], places[1][s]
        worst[i, j] = min(worst[i, j], RESULTS.index(result))
    return rows, columns, worst


def _label(column: tuple[str, str, str, str]) -> str:
    """A step in a few words: its last names, and its kind where that says more."""
    where, _, label, kind = column
    short = "/".join(label.split("/")[-2:])
    named = short if kind in short else f"{short}, {kind}"
    return f"{where.split(': ')[0]}: {named}" if ": " in where else named


def _runs(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Neighbours of the same name: name, first, last."""
    found: list[tuple[str, int, int]] = []
    for k, name in enumerate(names):
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], k)
        else:
            found.append((name, k, k))
    return found


def _bands(ax: Any, columns: Sequence[Any], rows: Sequence[tuple[str, str]]) -> None:
    """Phases above in their tints, families of attacks on the right, and lines between them."""
    from matplotlib.patches import Rectangle

    n, m = len(rows), len(columns)
    ink, line = style.theme_colors()["ink"], style.theme_colors()["line"]
    for i in range(n):  # a ground that leads the eye along a row
        ax.add_patch(Rectangle((-0.5, i - 0.46), m, 0.92, facecolor="#F5F6F8", edgecolor="none"))
    for name, first, last in _runs([c[0] for c in columns]):
        tint = style.phase_color(name.split(": ")[-1])
        ax.add_patch(Rectangle(
            (first - 0.46, -1.72), last - first + 0.92, 1.05, edgecolor="none",
            facecolor=style.mix(tint, "#FFFFFF", 0.6),
        ))  # fmt: skip
        if last - first + 1 >= 0.45 * len(name):
            ax.text(
                (first + last) / 2, -1.19, name, ha="center", va="center", fontsize=9.5, color=ink,
                fontweight="bold",
            )
        if first:
            ax.plot([first - 0.5] * 2, [-0.5, n - 0.5], color=line, linewidth=1.2, zorder=1.5)
    for name, first, last in _runs([family for family, _ in rows]):
        ax.text(
            1.012, (first + last) / 2, name, transform=ax.get_yaxis_transform(), va="center",
            rotation=0 if last - first < 0.9 * len(name) * 0.5 else 270, fontsize=9.5, color=ink,
            fontweight="bold",
        )
        if first:
            ax.axhline(first - 0.5, color=line, linewidth=1.2, zorder=1.5)


def _legend(ax: Any, worst: Any) -> None:
    """The outcomes that occur, each with its colour and sign."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    present = [RESULTS[k] for k in sorted(set(worst.reshape(-1).tolist()))]
    handles: list[Any] = []
    for result in present:
        if result == NO_STEP:
            continue
        patch = Patch(facecolor=COLOURS[result], edgecolor="none", label=result)
        if result in _SIGNS:
            color = "white" if result == "wrong result accepted" else "#1D2026"
            sign = Line2D([], [], linestyle="", marker=_SIGNS[result], color=color, markersize=5)
            handles.append((patch, sign))
        else:
            handles.append((patch,))
    names = [r for r in present if r != NO_STEP]
    ax.figure.legend(
        handles, names, loc="outside upper left", ncols=min(4, max(len(names), 1)), fontsize=9.5,
        frameon=False, handlelength=1.3, columnspacing=1.6,
        title="What came of it: warm colours with a sign are broken", title_fontsize=9.5,
        alignment="left",
    )  # fmt: skip
