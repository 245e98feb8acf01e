"""mpclab: a workbench for secure multi-party computation with many clients and n servers.

>>> from mpclab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> a, b = lab.client("alice").upload(5_000_000), lab.client("bob").upload(4_000_000)
>>> (a > b).reveal()
np.int64(1)

The names below are loaded when they are first used: importing mpclab costs little more than NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpclab.errors import Abort, InputError, MaterialError, MpclabError, Refused, Rejected
    from mpclab.lab import Lab
    from mpclab.network.conditions import IDEAL, LAN, WAN, Conditions
    from mpclab.network.rounds import step, together
    from mpclab.preprocessing.material import Entry, Material
    from mpclab.protocols.arithmetic import argmax, equal, less, matmul, maximum, sort, where
    from mpclab.protocols.checks import reveal
    from mpclab.protocols.divide import floor_divide
    from mpclab.protocols.multiply import multiply
    from mpclab.protocols.validity import Statement
    from mpclab.secret import SecretArray

__version__ = "0.1.0"

_HOMES = {
    "mpclab.errors": ("Abort", "InputError", "MaterialError", "MpclabError", "Refused", "Rejected"),
    "mpclab.lab": ("Lab",),
    "mpclab.network.conditions": ("IDEAL", "LAN", "WAN", "Conditions"),
    "mpclab.network.rounds": ("step", "together"),
    "mpclab.preprocessing.material": ("Entry", "Material"),
    "mpclab.protocols.arithmetic": (
        "argmax", "equal", "less", "matmul", "maximum", "sort", "where",
    ),
    "mpclab.protocols.checks": ("reveal",),
    "mpclab.protocols.divide": ("floor_divide",),
    "mpclab.protocols.multiply": ("multiply",),
    "mpclab.protocols.validity": ("Statement",),
    "mpclab.secret": ("SecretArray",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "IDEAL", "LAN", "WAN", "Abort", "Conditions", "Entry", "InputError", "Lab", "Material",
    "MaterialError", "MpclabError", "Refused", "Rejected", "SecretArray", "Statement", "argmax",
    "equal", "floor_divide", "less", "matmul", "maximum", "multiply", "reveal", "sort", "step",
    "together", "where",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"mpclab has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
