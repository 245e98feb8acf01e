"""What a server's process is given: the protocol's name, and what its own server holds."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mpclab.errors import InputError
from mpclab.network.loopback import parcels
from mpclab.party import Server

if TYPE_CHECKING:
    from mpclab.lab import Session

__all__ = ["hand_over", "packed", "reference_to"]


def reference_to(protocol: Any) -> tuple[str, str, str | None]:
    """Where another process finds a protocol: module, name and file."""
    module = getattr(protocol, "__module__", None)
    file: str | None
    name = getattr(protocol, "__qualname__", "")
    advice = (
        "put it into a .py file, at the top level of a module, and import it from there: servers "
        "in processes of their own import the protocol too"
    )
    if not callable(protocol) or not module or not name:
        raise InputError(f"{protocol!r} is not a function with a name of its own; {advice}")
    if module == "__main__":
        raise InputError(
            f"the protocol {name} is defined in a notebook or in the main program; {advice}"
        )
    if "<" in name or "." in name:
        raise InputError(f"the protocol {name} is defined inside of something else; {advice}")
    if getattr(sys.modules.get(module), name, None) is not protocol:
        raise InputError(f"the module {module} does not hold the protocol {name}; {advice}")
    try:
        file = inspect.getsourcefile(cast(Any, protocol))
    except TypeError:
        file = None
    return module, name, file


def hand_over(
    server: Server, material: Mapping[Any, int], repeat: int
) -> list[tuple[int, Any, dict[str, Any]]]:
    """Take material out of a server's pool, for good."""
    bundles = []
    for spec, count in material.items():
        for _ in range(count * repeat):
            serial, content = server.pool.take(spec)
            bundles.append((serial, spec, content))
    return bundles


def packed(
    server: Server,
    protocol: tuple[str, str, str | None],
    sessions: Sequence[Session],
    bundles: Sequence[tuple[int, Any, dict[str, Any]]],
    arguments: Sequence[tuple[Any, ...]],
    labelled: bool,
) -> dict[str, Any]:
    """One server's job, in which nothing of any other server's can be."""
    index = server.key.index
    parties = [session.parties[index] for session in sessions]
    for party in parties:
        party.endpoint.require_open()
    holdings = {
        "key": server.key,
        # A lab's seed draws a seed for the process; without one it asks the operating system.
        "seed": server.source.bytes(32) if server.source.seeded else None,
        "bundles": list(bundles),
        "sessions": [
            {
                "session": party.endpoint.session,
                "session_id": party.endpoint.session_id,
                "round": party.endpoint.round,
                "history": party.endpoint.history,
                "unchecked": party.unchecked,
                "reserved": party._reserved,
            }
            for party in parties
        ],
    }
    return {
        "protocol": protocol,
        "labelled": labelled,
        "phase": "online",
        "settings": server.settings,
        "holdings": parcels.pack_for(index, holdings),
        "arguments": parcels.pack_for(index, list(arguments), parties),
    }
