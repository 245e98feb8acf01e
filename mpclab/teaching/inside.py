"""What was inside a private query: every value that nobody real has, and what servers saw instead.

After a query, `inside` puts together what lies in pieces: the shares of similarities at all
servers, the masks, the messages of steps R3 to R6. The lab can do that, since it plays all parties;
a coalition of fewer than all servers cannot. Beside it stands what every server did see: its own
shares, and what was opened.

>>> from mpclab.recommender import Parameters, Recommender
>>> from mpclab.lab import Lab
>>> ratings = np.array([[8, 2, 9, 0], [8, 2, 7, 3], [1, 9, 0, 10]], np.uint8)  # half stars
>>> recommender = Recommender(Lab(3, seed=1), Parameters(3, 4, dense=2, min_dense=2))
>>> recommender.preprocess(rows=3, queries=1)
>>> recommender.upload(ratings)
3
>>> prepared = recommender.prepare(user=0)
>>> _ = recommender.query(prepared, ratings[0], threshold=0.9)
>>> inside(prepared).similarities.tolist(), inside(prepared).bits.tolist()
([65125, 65125, -44444], [0, 1, 0])
"""

from __future__ import annotations

from dataclasses import dataclass, field as dataclass_field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpclab import wire
from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.field import Elements
from mpclab.recommender import PreparedQuery
from mpclab.sharing import Share, concatenate, reconstruct

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Inside", "inside"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Inside:
    """The values of one query. The first four are secret from everybody, servers included.

    Attributes
    ----------
    similarities : array of int64, shape (N,)
        s_j = <v_j, a>, step R3; of a row that was never uploaded it is noise.
    bits : array of int64, shape (N,)
        b_j, as step R5 uses them: 0 for the requester's own row, and for rows not in force.
    sums, counts : arrays of int64, shape (M - S,)
        T, unpacked, as it was masked in step R6.
    neighbours : int
        L, likewise.
    shares : array of uint64, shape (n, N)
        Row i: server i's shares of the s_j, which only that server has.
    compared : array of uint64, shape (N,)
        x_j + r_j for x_j = s_j - threshold, opened in step R4: all servers see it.
    selected : array of uint64, shape (N,)
        f_j = b_j - d_j, opened in step R5: all servers see it.
    masked : array of uint64, shape (L,)
        z = y - r, opened in step R6: all servers see it.
    """

    similarities: Ints = dataclass_field(repr=False)
    bits: Ints = dataclass_field(repr=False)
    sums: Ints = dataclass_field(repr=False)
    counts: Ints = dataclass_field(repr=False)
    neighbours: int = dataclass_field(repr=False)
    shares: Elements = dataclass_field(repr=False)
    compared: Elements = dataclass_field(repr=False)
    selected: Elements = dataclass_field(repr=False)
    masked: Elements = dataclass_field(repr=False)

    def table(self, server: int = 0) -> pd.DataFrame:
        """Per row: the secret s_j and b_j, and what this server saw in their place.

        Raises
        ------
        InputError
            If there is no such server.
        """
        import pandas as pd

        if not is_whole(server) or not 0 <= server < len(self.shares):
            raise InputError(
                f"there is no server {server!r}: they are 0 to {len(self.shares) - 1}"
            )
        return pd.DataFrame(
            {
                "s": self.similarities,
                "b": self.bits,
                f"share of s at {server}": self.shares[server],
                "opened s - t + r": self.compared,
                "opened b - d": self.selected,
            }
        ).rename_axis("row")


def inside(prepared: PreparedQuery) -> Inside:
    """Put a query's values together, after it was asked alone.

    Parameters
    ----------
    prepared : PreparedQuery
        That was used in `Recommender.query`.

    Returns
    -------
    Inside

    Raises
    ------
    InputError
        If it was not asked yet, was asked together with others, brought no result, or the lab
        keeps no contents of messages.
    """
    if not isinstance(prepared, PreparedQuery):
        raise InputError(
            f"{prepared!r} is no prepared query: it takes what Recommender.prepare returned"
        )
    lab = prepared.recommender.lab
    if not prepared.used:
        raise InputError(f"{prepared!r} was not asked yet: call Recommender.query first")
    if not lab.network.keep_contents:
        raise InputError(
            "this lab keeps no contents of messages: make it with Lab(..., contents=True)"
        )
    F, told = lab.field, _told(prepared)
    if "result" not in told or len(told["masked query"]) != 1:
        raise InputError(
            "this query brought no result, or was asked together with others: there is nothing to "
            "be seen in it alone"
        )
    servers = [prepared.servers[server.key.index] for server in lab.servers]
    masked_query = told["masked query"][0][0]
    parts: list[list[Share]] = []  # per server: <s>, block by block, as in step R3
    for held in servers:
        start, mine = 0, []
        for block in held.blocks:
            ready = held.similarity[start : start + block.rows]
            mine.append(block.dense.product(masked_query, ready))
            start += block.rows
        parts.append(mine)
    shares = [concatenate(mine) for mine in parts]

    def opened(label: str) -> Elements:
        return F.sum(np.stack([values[0] for values in told[label]]), axis=0)

    compared = next(label for label in told if label.startswith("compare/") and "x + r" in label)
    f, z = opened("select/b - d"), told["result"][0][0]
    r = F.sum(np.stack([values[1] for values in told["result"]]), axis=0)
    p, y = prepared.recommender.parameters, F.add(z, r[1:])
    sums, counts = p.packing.unpack(y[:-1], p.scored)
    return Inside(
        similarities=F.signed(reconstruct(shares)),
        bits=F.signed(F.add(f, reconstruct([held.d for held in servers]))),
        sums=sums,
        counts=counts,
        neighbours=int(y[-1]) - p.neighbours_bound,
        shares=np.stack([share.value for share in shares]),
        compared=opened(compared),
        selected=f,
        masked=z,
    )


def _told(prepared: PreparedQuery) -> dict[str, list[tuple[Elements, ...]]]:
    """What each sender said in the query's session, by step: label -> parts, sender by sender."""
    lab, session = prepared.recommender.lab, prepared.session.name
    told: dict[str, dict[str, tuple[Elements, ...]]] = {}
    for number, record in enumerate(lab.transcript.records):
        if (record.session, record.phase) != (session, "online"):
            continue  # nothing else need be decoded: uploads are long
        _, sections = wire.decode(lab.field, lab.network.contents[number])
        for section in sections:
            name = section.kind if section.kind == "masked query" else section.label
            parts = tuple(np.asarray(part) for part in section.parts)
            told.setdefault(name, {})[record.sender] = parts
    return {name: list(by_sender.values()) for name, by_sender in told.items()}
