"""Pick parties, a step and an attack, take a defence away if you like, press Run, and watch.

The widget wraps `mpclab.adversary.played`, which a notebook calls once before with fixed arguments.
On a page without a kernel the play that it was made with stands in its place.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from html import escape
from typing import Any

import anywidget
import traitlets

from mpclab import style
from mpclab.adversary._played import LARGE
from mpclab.adversary.gallery import ATTACKS
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, REQUESTER, USERS, steps_of
from mpclab.adversary.play import Play, needed_clients, places, played
from mpclab.adversary.shown import page
from mpclab.adversary.weakened import DEFENCES
from mpclab.errors import InputError, MpclabError
from mpclab.network.endpoint import is_server, server_name
from mpclab.sheet import css
from mpclab.widgets.browser import program, rules

__all__ = ["Cheating", "cheating"]

_SERVERS = (2, 3, 5)
_FIELDS = {"large": LARGE, "small": 101}
_MOST = 50  # runs at one press
_PHASES = {**{name: name for name in style.PHASES}, "": "elsewhere"}


@cache
def _catalogue() -> dict[str, Any]:
    """What there is to choose from: steps with the attacks that strike there, and defences."""
    small = set(places(3, _FIELDS["small"]))
    steps = []
    for step in places(3):
        home = step.ground == RECOMMEND
        runs = step in small if home else (
            step.ground not in GROUNDS or bool(steps_of(step.ground, 3, _FIELDS["small"]))
        )
        attacks = [name for name, each in ATTACKS.items() if each.strikes(step)]
        steps.append({
            "id": str(step),
            "group": _PHASES.get(step.phase, step.phase) if home else _PHASES[""],
            "text": f"{step.label} ({step.kind})" if home
                    else f"{step.ground}: {step.label} ({step.kind})",
            "small": runs,
            "attacks": attacks,
            "clients": {name: needed_clients(ATTACKS[name], step) for name in attacks},
        })  # fmt: skip
    attacks_of = {
        name: {
            "aim": each.aim, "defence": each.defence, "servers": each.servers,
            "least": each.least, "without": each.without, "home": str(each.home),
        }
        for name, each in ATTACKS.items()
    }
    return {"servers": _SERVERS, "steps": steps, "attacks": attacks_of, "defences": DEFENCES,
            "most": _MOST}  # fmt: skip


class Cheating(anywidget.AnyWidget):
    """Controls for an attack, and what came of its last run.

    Attributes
    ----------
    asked : dict
        What was asked for when Run was pressed last: servers, corrupt (addresses), step, attack,
        without, field ("large" or "small"), seed, times.
    html : str
        The page that is shown.
    tally : str
        How the runs ended, if there were several.
    play : Play
        The play that is shown.
    """

    _esm = program("cheating.js")
    _css = css() + rules("controls.css")

    catalogue: Any = traitlets.Dict().tag(sync=True)
    asked: Any = traitlets.Dict().tag(sync=True)
    html = traitlets.Unicode().tag(sync=True)
    tally = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, asked: dict[str, Any]) -> None:
        self.play: Play = _play(asked, asked["seed"])
        super().__init__(
            catalogue=_catalogue(), asked=asked, html=page(self.play, styled=False), tally=""
        )
        self.observe(self._run, names="asked")

    def __repr__(self) -> str:
        return f"Cheating({self.play!r})"

    def _run(self, change: Any) -> None:
        asked = change["new"]
        try:
            times = min(max(int(asked.get("times", 1)), 1), _MOST)
            counts: Counter[str] = Counter()
            shown: Play | None = None
            number = 0
            for k in range(times):
                play = _play(asked, int(asked["seed"]) + k)
                counts[play.outcome.result] += 1
                if shown is None or (play.outcome.broken and not shown.outcome.broken):
                    shown, number = play, k + 1
            assert shown is not None
        except (MpclabError, KeyError, TypeError, ValueError) as error:
            told = str(error) if isinstance(error, MpclabError) else "this cannot be run"
            self.html, self.tally = f'<p role="alert">{escape(told)}</p>', ""
        else:
            self.play = shown
            self.html = page(shown, styled=False)
            self.tally = _tally(counts, number) if times > 1 else ""
        self.answered += 1

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget; and for whoever has no kernel to run it, the play as a page."""
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle
        return data | {"text/html": self.play._repr_html_()}, metadata




def _tally(counts: Counter[str], number: int) -> str:
    runs = sum(counts.values())
    each = ", ".join(f"{count} x {result}" for result, count in counts.most_common())
    return f"{runs} runs, each with fresh randomness: {each}. Shown is run {number}."


def _play(asked: dict[str, Any], seed: int) -> Play:
    corrupt = list(asked["corrupt"])
    numbers = sorted((int(name.split()[1]) for name in corrupt if is_server(name)), reverse=True)
    field = asked.get("field", "large")
    if field not in _FIELDS:
        raise InputError(f"the field is {field!r}: it is 'large' or 'small'")
    return played(
        asked["attack"], int(asked["servers"]), numbers, asked["step"],
        clients=[name for name in corrupt if name in (USERS, REQUESTER)],
        without=asked.get("without") or None, modulus=_FIELDS[field], seed=seed,
    )  # fmt: skip


def cheating(
    attack: str = "error on an opening",
    servers: int = 3,
    step: str | None = None,
    without: str | None = None,
    modulus: int = LARGE,
    seed: int = 1,
) -> Cheating:
    """Choose servers, corrupt parties, a step, an attack, a defence to take away, a field; run it.

    Parameters
    ----------
    attack : str
        Of the gallery; what the controls begin with, as all others.
    servers : int
        2, 3 or 5.
    step : str or None
        A label, such as "select/b - d"; None: where the attack strikes by itself.
    without : str or None
        A defence of `mpclab.adversary.weakened.DEFENCES`.
    modulus : int
        2^61 - 1 or 101.
    seed : int
        Of the first run; each press takes the next.

    Raises
    ------
    InputError
        If the controls cannot stand there.

    Examples
    --------
    >>> widget = cheating("error on an opening", servers=3)
    >>> widget
    Cheating(Play('error on an opening' at aggregate/y - r by server 2: abort before output, holds))
    >>> widget.asked = {**widget.asked, "without": "MAC check"}  # as if Run had been pressed
    >>> widget.play.outcome.result
    'wrong result accepted'
    """
    if servers not in _SERVERS:
        raise InputError(f"servers is {servers}: the widget has 2, 3 or 5")
    fields = {value: name for name, value in _FIELDS.items()}
    if modulus not in fields:
        raise InputError(f"the modulus is {modulus}: the widget has 2**61 - 1 and 101")
    first = played(attack, servers, step=step, without=without, modulus=modulus, seed=seed)
    if first.step not in places(3):
        raise InputError(f"the widget has no step {first.step}: it has those of places()")
    corrupt = [name for name in first.corrupt if is_server(name) or name in (USERS, REQUESTER)]
    return Cheating({
        "servers": servers, "corrupt": corrupt or [server_name(servers - 1)],
        "step": str(first.step), "attack": attack, "without": without or "",
        "field": fields[modulus], "seed": seed, "times": 1,
    })  # fmt: skip
