"""Cheating on purpose: attacks, their outcomes, and what happens when a defence is missing.

`alter` makes a server that shifts what it opens, for a first try. The `gallery` holds all attacks,
each with its aim, the defence that meets it and its place in the literature; `weakened` takes a
defence away for the time of a run, `played` plays one attack and shows everything about it,
`matrix` runs every attack at every step, `trials` deviates at random and measures how often what
slips through. Attacks of one's own are made with `tools`: an adversary is called once per round
with what the corrupt parties receive from honest ones and with what they would send if they
followed the protocol, and returns what they send instead. The protocol code knows nothing of it.

The names below are loaded when they are first used.

>>> from mpclab.adversary import attack
>>> attack("error on an opening").run().result
'abort before output'
>>> from mpclab.adversary.weakened import weakened
>>> with weakened("MAC check"):
...     attack("error on an opening").run().result
'wrong result accepted'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mpclab.adversary.altering import Alter, alter

if TYPE_CHECKING:
    from mpclab.adversary.gallery import ATTACKS, attack
    from mpclab.adversary.matrix import attack_matrix, without_each
    from mpclab.adversary.model import Attack, World
    from mpclab.adversary.on_openings import strike
    from mpclab.adversary.outcome import Outcome
    from mpclab.adversary.play import Play, played, with_and_without
    from mpclab.adversary.rates import detection_rates
    from mpclab.adversary.tools import Coalition, Message, add
    from mpclab.adversary.trials import random_trials

_HOME_OF = {
    "ATTACKS": "gallery",
    "Attack": "model",
    "Coalition": "tools",
    "Message": "tools",
    "Outcome": "outcome",
    "Play": "play",
    "World": "model",
    "add": "tools",
    "attack": "gallery",
    "attack_matrix": "matrix",
    "detection_rates": "rates",
    "played": "play",
    "random_trials": "trials",
    "strike": "on_openings",
    "with_and_without": "play",
    "without_each": "matrix",
}

__all__ = [
    "ATTACKS", "Alter", "Attack", "Coalition", "Message", "Outcome", "Play", "World", "add",
    "alter", "attack", "attack_matrix", "detection_rates", "played", "random_trials", "strike",
    "with_and_without", "without_each",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"mpclab.adversary has no attribute {name!r}")
    return getattr(importlib.import_module(f"mpclab.adversary.{_HOME_OF[name]}"), name)
