"""Who saw what: the view of a coalition, and the view of a god.

`coalition_view` is exactly what some servers and clients together held and received: what a proof
of privacy must simulate. `God` sees everything, and says so by its name: for teaching, for tests,
and for replays, never for a protocol.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mpclab import wire
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server, server_name
from mpclab.preprocessing.dealer import DEALER
from mpclab.sharing import Share, mac_holds, reconstruct, reconstruct_key, share_out

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.lab import Lab
    from mpclab.secret import SecretArray

__all__ = ["God", "Seen", "coalition_view", "messages"]


class Seen(NamedTuple):
    """One value that a party held or received, and where it came from."""

    party: str
    what: str
    session: str | None
    phase: str | None
    step: str
    round: int | None
    sender: str | None
    kind: str
    part: int
    value: Any


def coalition_view(lab: Lab, servers: Sequence[int], clients: Sequence[str]) -> pd.DataFrame:
    """What a coalition holds and has received, one row per value, in the order of events.

    Held are servers' parts of the key and their shares of secrets and of recommender rows (as they
    are now), and clients' uploaded values; what they drew at random themselves is not listed.

    Columns: party; what ("held" or "received"); session, phase, step, round, sender, kind and part
    of a message; value (an array, an integer or bytes).

    Raises InputError for a server or client that is not there, or if the lab keeps no contents.
    """
    for what, names in (("servers", servers), ("clients", clients)):
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InputError(f"{what} is {names!r}: it takes a list, such as [1, 2] or ['alice']")
    for i in servers:
        if not (isinstance(i, (int, np.integer)) and 0 <= i < lab.n):
            raise InputError(f"there is no server {i!r}: they are 0 to {lab.n - 1}")
    seen = {r.sender for r in lab.transcript.records} | {r.receiver for r in lab.transcript.records}
    for name in clients:
        if is_server(str(name)) or name == DEALER:
            raise InputError(f"{name!r} is no client: name servers by number, servers=[...]")
        if name not in lab.clients and name not in seen:
            raise InputError(f"no client {name!r} has taken part: {sorted(lab.clients)} have")
    rows: list[Seen] = []
    for i in dict.fromkeys(servers):
        rows += _held(lab, int(i))
    for name in dict.fromkeys(clients):
        for k, values in enumerate(lab.clients[name].inputs if name in lab.clients else ()):
            held = (name, "held", None, None, f"input {k}", None, None, "input", 0, values)
            rows.append(Seen(*held))
    coalition = {server_name(int(i)) for i in servers} | set(clients)
    rows += messages(lab, coalition)
    return _frame(rows)


def _frame(rows: list[Seen]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(Seen._fields))
    frame["round"] = frame["round"].astype("Int64")
    return frame


def _held(lab: Lab, index: int) -> list[Seen]:
    """What a server holds: its part of the key, and its shares of the secrets in store."""
    server = lab.servers[index]

    def row(name: str, value: Any) -> Seen:
        return Seen(server.name, "held", None, None, name, None, None, "share", 0, value)

    rows = [row("alpha_i", int(server.key.alpha))]
    for number, share in server.storage.get("secrets", {}).items():
        rows += [row(f"secret {number}", share.value), row(f"secret {number}, MAC", share.mac)]
    for b, block in enumerate(server.storage.get("recommender", [])):
        for part in ("dense", "packed"):
            share = getattr(block, part).share
            rows += [
                row(f"rows {b}, {part}", share.value), row(f"rows {b}, {part}, MAC", share.mac)
            ]
    return rows


def messages(lab: Lab, receivers: set[str] | None) -> list[Seen]:
    """Decoded contents of the messages to some receivers (None: to all)."""
    network = lab.network
    if not network.keep_contents:
        raise InputError(
            "this lab keeps no contents of messages: make it with Lab(..., contents=True)"
        )
    rows: list[Seen] = []
    for number, r in enumerate(lab.transcript.records):
        if receivers is not None and r.receiver not in receivers:
            continue
        try:
            _, sections = wire.decode(lab.field, network.contents[number])
        except wire.WireError:
            raw = network.contents[number]
            sections = [wire.Section(r.step, r.kind, (raw,))]
        for section in sections:
            rows += [
                Seen(
                    r.receiver, "received", r.session, r.phase, section.label, r.round, r.sender,
                    section.kind, k, part,
                )
                for k, part in enumerate(section.parts)
            ]
    return rows


class God:
    """The omniscient view of a lab: all shares, keys and plaintexts. Nobody real has it.

    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=3, modulus=101, seed=2)
    >>> x = lab.secret([7, -8])
    >>> lab.god.value(x), lab.god.shares(x).shape, lab.god.mac_holds(x)
    (array([ 7, -8]), (3, 2), True)
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __repr__(self) -> str:
        return f"God(sees everything in {self._lab})"

    def _parts(self, secret: SecretArray) -> list[Share]:
        return [self._lab.held(secret, i) for i in range(self._lab.n)]

    def shares(self, secret: SecretArray) -> npt.NDArray[np.uint64]:
        """All servers' shares of a secret: (servers, ...)."""
        return np.stack([p.value for p in self._parts(secret)])

    def macs(self, secret: SecretArray) -> npt.NDArray[np.uint64]:
        """All servers' MAC shares of a secret: (servers, ...)."""
        return np.stack([p.mac for p in self._parts(secret)])

    def value(self, secret: SecretArray) -> Any:
        """The secret itself, put together from all shares."""
        return secret.decoded(reconstruct(self._parts(secret)))[()]

    def mac_holds(self, secret: SecretArray) -> bool:
        """Whether the MAC shares fit the secret."""
        return mac_holds(self._parts(secret))

    @property
    def key(self) -> int:
        """The MAC key alpha."""
        return int(reconstruct_key([s.key for s in self._lab.servers]))

    def share(self, values: npt.ArrayLike) -> list[Share]:
        """Authenticated shares of values, one per server, made without any protocol."""
        return share_out(values, [s.key for s in self._lab.servers], self._lab._source.stream())

    def secret(self, values: npt.ArrayLike) -> SecretArray:
        """A secret that appears at the servers without any message: for tests."""
        return self._lab.keep(self.share(values))

    def messages(self) -> pd.DataFrame:
        """Every message with its contents."""
        return _frame(messages(self._lab, None))

    def export(self, path: str | Path) -> None:
        """Write everything as JSON lines: parameters, keys, and every message with its bytes."""
        lab = self._lab
        head = {
            "servers": lab.n,
            "modulus": lab.field.modulus,
            "seed": lab.seed,
            "network": repr(lab.network.conditions),
            "alpha": [int(s.key.alpha) for s in lab.servers],
        }
        if not lab.network.keep_contents:
            messages(lab, None)
        with Path(path).open("w", encoding="utf-8") as file:
            file.write(json.dumps(head) + "\n")
            for number, r in enumerate(lab.transcript.records):
                record = {
                    name: getattr(r, name)
                    for name in ("session", "phase", "step", "round", "sender", "receiver", "kind",
                                 "bytes", "sent_at", "received_at")
                }
                record["data"] = lab.network.contents[number].hex()
                file.write(json.dumps(record) + "\n")
