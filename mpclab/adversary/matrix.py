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

from mpclab.adversary.gallery import ATTACKS, attack
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, Step, steps_of
from mpclab.adversary.model import Attack, World
from mpclab.adversary.outcome import NO_STEP, RESULTS, Outcome
from mpclab.adversary.weakened import weakened
from mpclab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attack_matrix", "draw"]

COLOURS = {
    "wrong result accepted": "#b2182b",
    "learnt": "#d6604d",
    "later queries abort": "#f4a582",
    "abort before output": "#2166ac",
    "refused": "#67a9cf",
    "rejected by client": "#5ab4ac",
    "no effect": "#d9d9d9",
    "nothing learnt": "#a6dba0",
    "no such step": "#ffffff",
}


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
                        outcome = (
                            each.run(World(n, c, step, seed=seed, grounds=made))
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


def draw(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw a matrix: attacks from top to bottom, steps from left to right; returns the axes.

    A cell has the colour of its worst outcome over all numbers of servers and of corrupt ones. A
    cross marks what is broken.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    attacks, steps = list(dict.fromkeys(frame["attack"])), list(dict.fromkeys(frame["step"]))
    worst = np.full((len(attacks), len(steps)), RESULTS.index(NO_STEP))
    places = {a: i for i, a in enumerate(attacks)}, {s: j for j, s in enumerate(steps)}
    for a, s, result in zip(frame["attack"], frame["step"], frame["outcome"], strict=True):
        i, j = places[0][a], places[1][s]
        worst[i, j] = min(worst[i, j], RESULTS.index(result))
    if ax is None:
        size = (4 + 0.24 * len(steps), 2.5 + 0.2 * len(attacks))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.imshow(
        worst, cmap=ListedColormap([COLOURS[r] for r in RESULTS]), vmin=-0.5,
        vmax=len(RESULTS) - 0.5, aspect="auto", interpolation="nearest",
    )
    rows, columns = np.nonzero(worst < 3)
    ax.scatter(columns, rows, marker="x", color="black", s=18)
    ax.set_xticks(range(len(steps)), steps, rotation=90, fontsize=6)
    ax.set_yticks(range(len(attacks)), attacks, fontsize=6)
    ax.set_xticks(np.arange(len(steps)) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(attacks)) - 0.5, minor=True)
    ax.grid(which="minor", color="#eeeeee", linewidth=0.5)
    ax.tick_params(which="both", length=0)
    present = [RESULTS[k] for k in sorted(set(worst.reshape(-1).tolist()))]
    ax.legend(
        handles=[Patch(facecolor=COLOURS[r], edgecolor="#999999", label=r) for r in present],
        loc="lower left", bbox_to_anchor=(0, 1), ncols=min(4, len(present)), fontsize=7,
        frameon=False,
    )
    return ax
