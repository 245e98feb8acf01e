"""The recommendation protocol: what servers, uploading users and the requester do (DESIGN 3.7).

Phases: *preprocess* (the dealer's `RowMasks` and `QueryMasks`), *upload* (R1), *prepare* (R2),
*online* (R3 to R8). Servers exchange 8 rounds online, with tables for the comparison:

    R1  upload: every user's row goes in under a mask of its own, after the mask was checked
    R2  prepare: the rows in force are agreed on; the requester gets and checks its mask rho; the
        products <V rho> and E <d> + <c>, which need no query, are computed; a coin is committed to
    R3  query: the client sends a - rho; s = V a is local                            no round
    R4  compare: b_j = [s_j >= threshold]                                            2 rounds
    R5  select: open f = b - d; T = sum_j b_j v_j and L = sum_j b_j                  1 round
    R6  output: open z = y - r for y = (T, L), under a mask nobody knows             1 round
    R7  check: the MAC check of everything opened                                    4 rounds
    R8  result: z and the mask's shares go to the client, who alone learns y         no round

With a minimum of neighbours m, and with noise (both off by default), a result passes two steps
more, described in `release`: with tables 10 rounds then. Noise alone takes none.

    R5  select: y = (T, L) gets noise that the dealer has shared and nobody else knows   no round
    R5a release: c = [L >= m], beside the opening of R5                              1 more round
    R5b release: c y by a matrix triple; R6 opens c y - r                            1 round

In R4 and R5 absent rows and the requester's own have the public b_j = 0, so that their random
masks cancel. In R4 the servers also compare hashes of the query; if they differ it is refused.
Several requesters' queries go through R3 to R8 together, in the rounds of one (see `online`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field as dataclass_field
from pathlib import Path
from typing import Any

import numpy as np

from mpclab import wire
from mpclab.client import Client
from mpclab.errors import Abort, Refused, Rejected
from mpclab.field import Elements, Field
from mpclab.network.rounds import step, together
from mpclab.party import Party
from mpclab.preprocessing.material import (
    Entry,
    Material,
    Memory,
    OutputMask,
    Spec,
    Values,
    ZeroTest,
)
from mpclab.protocols.checks import Coin, check_openings, commit_coin, commit_coins
from mpclab.protocols.clients import (
    agree,
    agree_each,
    check_masks,
    client_check_masks,
    client_output,
    open_output,
    send_output,
)
from mpclab.protocols.comparison import ComparisonMaterial, comparison_material, is_negative
from mpclab.protocols.validity import (
    ProofMasks,
    Statement,
    challenge,
    client_prove,
    combined,
    proof_material,
    verify,
)
from mpclab.randomness import digest
from mpclab.recommender import storage
from mpclab.recommender.encoding import Parameters
from mpclab.recommender.release import (
    enough_neighbours,
    received,
    release_material,
    take_noise,
    withhold,
)
from mpclab.sharing import Share, concatenate, stack

__all__ = [
    "Block",
    "Prepared",
    "QueryMasks",
    "RowMasks",
    "client_prepare",
    "client_query",
    "client_upload",
    "online",
    "prepare",
    "query_material",
    "settle",
    "upload",
    "upload_material",
]


#: earmarks of the zero tests that uploads and queries take
ROWS, QUERIES = "recommender rows", "recommender queries"

# -- material ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowMasks(Material):
    """Masks <B> for a block of rows, and <r_0> for their check. One mask serves one row, ever."""

    rows: int
    dense: int
    packed: int

    @property
    def long_lived(self) -> bool:
        return True

    def layout(self) -> tuple[Entry, ...]:
        return (
            Entry("dense", (self.rows, self.dense), uniform=True),
            Entry("packed", (self.packed, self.rows), uniform=True),
            Entry("r_0", (self.rows,), uniform=True),
        )


@dataclass(frozen=True)
class QueryMasks(Material):
    """What one query takes for its two products with the masked rows of some blocks.

    <rho> and <B rho> for the query, <d> and <B^T d> for the selection, <r_0> for rho's check.
    """

    blocks: tuple[tuple[int, int], ...]  # (serial number of its RowMasks, rows)
    dense: int
    packed: int

    def layout(self) -> tuple[Entry, ...]:
        rows = sum(rows for _, rows in self.blocks)
        return (
            Entry("rho", (self.dense, 1), uniform=True),
            Entry("r_0", (1,), uniform=True),
            Entry("d", (rows,), uniform=True),
            Entry("B rho", (rows,)),
            Entry("B^T d", (self.packed,)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        rho, d = uniform["rho"].reshape(1, -1), uniform["d"]
        by_row, by_item, start = [], field.zeros(self.packed), 0
        for serial, rows in self.blocks:  # one block's masks in memory at a time
            B = memory.recall(serial)
            by_row.append(field.matmul_transposed(B["dense"], rho)[:, 0])
            part = field.matmul_transposed(B["packed"], d[None, start : start + rows])[:, 0]
            by_item, start = field.add(by_item, part), start + rows
        return {"B rho": np.concatenate(by_row), "B^T d": by_item}


def query_material(
    parameters: Parameters,
    blocks: Sequence[tuple[int, int]],
    comparison: str = "tables",
    servers: int | None = None,
) -> tuple[QueryMasks, ComparisonMaterial, OutputMask, *tuple[Spec, ...]]:
    """Everything that one query takes, besides two `ZeroTest`s."""
    rows = sum(rows for _, rows in blocks)
    field = Field(parameters.modulus)
    return (
        QueryMasks(tuple(blocks), parameters.dense, parameters.packed),
        comparison_material(field, rows, parameters.bits, comparison, servers),
        OutputMask(parameters.outputs),
        *release_material(parameters, comparison, servers),
    )


# -- what a server stores -----------------------------------------------------------------------


class Block:
    """A block of users' rows at one server: their shares, and who is there."""

    def __init__(
        self, serial: int, masks: dict[str, Share], folder: Path | None = None
    ) -> None:
        self.serial = serial
        #: <V> and E of shapes (rows, S) and (length, rows), in memory or in a file of the folder
        self.dense, self.packed = storage.moved(folder, serial, masks)
        self.r_0 = masks["r_0"]
        self.rows = len(self.r_0)
        #: whether the masks have been given to users: once, whatever comes of it
        self.used = False
        #: how often rows were taken out: what was prepared before is void
        self.version = 0
        self.present = np.zeros(self.rows, bool)
        self.ids = np.full(self.rows, -1, np.int64)

    def discard(self) -> None:
        """Remove what lies on disk: these masks serve nobody."""
        if isinstance(self.dense, storage.MappedMatrix):
            self.dense.file.remove()

    def __repr__(self) -> str:
        return f"Block({int(self.present.sum())} of {self.rows} rows present, contents hidden)"


def rows_in_force(blocks: Sequence[Block]) -> tuple[np.ndarray, np.ndarray]:
    """Presence and user ids of all rows of some blocks, one after another."""
    return (
        np.concatenate([b.present for b in blocks]),
        np.concatenate([b.ids for b in blocks]),
    )


def _columns(masks: Sequence[Elements]) -> list[Elements]:
    """A block's masks as columns over its rows: dense ones, packed ones, those of the proof."""
    dense, *others = masks
    return [dense[..., k] for k in range(dense.shape[-1])] + [
        other[..., k, :] for other in others for k in range(other.shape[-2])
    ]


# -- R1: upload ---------------------------------------------------------------------------------


def upload_material(statement: Statement | None, rows: int) -> list[Any]:
    """What the upload of a block of rows takes besides its `RowMasks`."""
    proof = [] if statement is None else proof_material(statement, rows)
    return [
        ZeroTest(ROWS),
        *(ZeroTest(ROWS, s.count) if isinstance(s, ZeroTest) else s for s in proof),
    ]


@dataclass(frozen=True)
class _Rows:
    """Masked rows as they arrived, row j over the channel of user j; nothing is believed yet."""

    dense: Elements = dataclass_field(repr=False)
    packed: Elements = dataclass_field(repr=False)
    witnesses: Elements = dataclass_field(repr=False)
    valid: np.ndarray

    def digests(self, polynomials: Sequence[Elements]) -> np.ndarray:
        """32 bytes per row, zeros where there is no valid row: (rows, 4) integers."""
        out = np.zeros((len(self.valid), 4), np.int64)
        columns = (self.packed, self.witnesses, *polynomials)
        for j in np.flatnonzero(self.valid):
            whole = digest(self.dense[j].tobytes(), *(c[:, j].tobytes() for c in columns))
            out[j] = np.frombuffer(whole, np.int64)
        return out


def _read_rows(field: Field, parts: Sequence[wire.Part], accepted: np.ndarray) -> _Rows:
    """Read an upload; a row that is absent, not canonical, or not due, is invalid alone."""
    sent, *rows = (np.asarray(part) for part in parts)
    dense, packed, witnesses = (part.view(np.uint64) for part in rows)
    bound = np.uint64(field.modulus)
    valid = accepted & (sent == 1) & (dense < bound).all(axis=1)
    for column in (*packed, *witnesses):
        valid &= column < bound
    return _Rows(dense, packed, witnesses, valid)


async def upload(
    party: Party,
    blocks: list[Block],
    block: Block,
    crowd: str,
    ids: np.ndarray,
    statement: Statement | None = None,
) -> np.ndarray:
    """R1 at a server: take the rows of a crowd of users; returns which of the block's rows are in.

    `ids` says whose row j is: the servers know it from their channels with the users, and agree on
    it by hash. What a user sends is taken for its own row only. With a `statement`, every user
    proves it of its row (V1 to V6 of `protocols.validity`), and who fails is refused alone.

    Cost: 7 rounds, one more if users told the servers different things; 2 elements per user, 1
    more and 201 bytes per server. A statement of R rounds takes R + 10 more; 2 elements per user, 1
    more and 96 R + 328 bytes, and 8 per user.
    """
    rows = block.rows
    party.reserve(upload_material(statement, rows))
    if block.used:
        # A second check of the same masks would open a second combination of them.
        raise party.abort("the masks of these rows have been given out, and serve once only")
    block.used = True
    party.endpoint.absorb(b"users", ids.tobytes())
    length = 0 if statement is None else statement.witnesses + statement.proof
    masks = (
        party.key.constant(np.zeros((0, rows), np.int64)) if statement is None
        else party.take(ProofMasks(length, rows))["masks"]
    )
    coins: list[Coin] = []
    if statement is not None:
        coins = await step("proof", commit_coins(party, statement.rounds + 2))
    accepted = await check_masks(
        party, crowd, [block.dense.share, block.packed.share, masks], block.r_0, _columns
    )
    S, packed = block.dense.share.shape[1], block.packed.share.shape[0]
    W = 0 if statement is None else statement.witnesses
    parts = await party.receive(
        crowd, "rows", "masked rows",
        wire.integers(rows), wire.integers(rows, S), wire.integers(packed, rows),
        wire.integers(W, rows),
    )
    read = None if parts is None else _read_rows(party.field, parts, accepted)
    everything = [np.ascontiguousarray(p).tobytes() for p in parts] if parts else [b"none"]
    stored = np.zeros(rows, bool) if read is None else read.valid
    answers = None
    if statement is not None:
        answers = await step("proof", challenge(party, crowd, statement, coins[:-1], rows))
        everything += answers.bytes()
        stored = stored & answers.valid
    if not await agree(party, "same rows", *everything):
        # Somebody told the servers different things: find out who, row by row.
        mine = np.zeros((rows, 4), np.int64)
        if read is not None:
            mine = read.digests([] if answers is None else answers.polynomials)
        told = [np.asarray(d) for (d,) in await party.broadcast("same row", "hash", mine)]
        same = np.all([(d == told[0]).all(axis=1) for d in told], axis=0)
        stored = stored & same & told[0].any(axis=1)
    if answers is not None:
        def combine(c: Elements) -> Share:
            return _combined_rows(block, masks, read, stored, c)

        stored = await step(
            "proof", verify(party, answers, combine, masks[W:], stored, coins[-1])
        )
    if read is not None:
        _store(blocks, block, read, stored, ids)
    return stored


def _combined_rows(
    block: Block, masks: Share, rows: _Rows | None, stored: np.ndarray, c: Elements
) -> Share:
    """<sum_i c_i x_i> of each row: of its masks, and of what arrived where that is stored."""
    F, S = block.r_0.key.field, block.dense.share.shape[1]
    packed = S + block.packed.share.shape[0]
    dense = block.dense.share.data
    flat = F.matmul_transposed(dense.reshape(-1, S), c[None, :S]).reshape(2, -1)
    total = Share(flat, block.r_0.key) + combined(block.packed.share, c[S:packed])
    total = total + combined(masks[: len(c) - packed], c[packed:])
    if rows is None:
        return total
    public = F.matmul_transposed(rows.dense % np.uint64(F.modulus), c[None, :S])[:, 0]
    for part, factors in ((rows.packed, c[S:packed]), (rows.witnesses, c[packed:])):
        public = F.add(public, F.combine(factors, part))
    return total + np.where(stored, public, np.uint64(0))


def _store(
    blocks: Sequence[Block], block: Block, rows: _Rows, stored: np.ndarray, ids: np.ndarray
) -> None:
    index: Any = slice(None) if stored.all() else np.flatnonzero(stored)
    in_work = block.packed.share  # mapped once for all columns, if it is in a file
    block.dense.add_masked((index,), rows.dense[index])
    for k in range(rows.packed.shape[0]):  # one column of masks at a time: no copy of the whole
        block.packed.add_masked((k, index), rows.packed[k, index])
    del in_work
    new = ids[stored]
    low, high = new.min(initial=2**62), new.max(initial=-1)
    for earlier in blocks:  # a user's new row replaces the old one, which becomes a tombstone
        # most blocks know by their ids' range that none is theirs: time stays linear in the rows
        if low <= earlier.ids.max(initial=-1) and earlier.ids.min(initial=2**62) <= high:
            earlier.present &= ~np.isin(earlier.ids, new)
    block.present[stored], block.ids[stored] = True, ids[stored]


async def client_upload(
    client: Client,
    dense: Elements,
    packed: Elements,
    witnesses: Elements | None = None,
    statement: Statement | None = None,
) -> np.ndarray:
    """R1 at the users: a crowd of them, row j under mask j; returns who went on to upload.

    `dense` (users, S), `packed` (length, users) and the `witnesses` (W, users) of the statement
    that is to be proved are field elements. A user whose masks failed their check sends nothing:
    zeros stand for it in the crowd's message.
    """
    F, users = client.field, len(dense)
    extra = F.zeros((0, users)) if witnesses is None else witnesses
    length = len(extra) + (0 if statement is None else statement.proof)
    layout = [dense.shape, packed.shape, (length, users)]
    (row_masks, column_masks, masks), ok = await client_check_masks(
        client, layout, users, _columns
    )
    rows, columns = F.sub(dense, row_masks), F.sub(packed, column_masks)
    others = F.sub(extra, masks[: len(extra)])
    rows[~ok], columns[:, ~ok], others[:, ~ok] = 0, 0, 0
    sent = (ok.astype(np.int64), *(x.view(np.int64) for x in (rows, columns, others)))
    await client.send_all("rows", "masked rows", *sent)
    if statement is not None:
        inputs = np.concatenate([dense.T, packed, extra])
        await step("proof", client_prove(client, statement, inputs, masks[len(extra) :], ok))
    return ok


# -- R2: prepare --------------------------------------------------------------------------------


async def settle(party: Party, blocks: Sequence[Block]) -> int:
    """Agree anew on the rows in force, after an upload that ended differently at different servers.

    Rows that not all servers hold under one id are taken out everywhere, as if they had been
    refused: their users upload again, under new masks. Returns how many were taken out here. A
    corrupt server can have rows refused by this as it can during an upload, so it is for operators
    to call after an abort, and no query does so by itself.

    Cost: 1 round; 2 N integers per server.
    """
    ids = np.concatenate([b.ids for b in blocks])  # of replaced rows too: their E is still there
    present = np.concatenate([b.present for b in blocks])
    told = await party.broadcast("rows in force", "compare", ids, present.astype(np.int64))
    same_row = np.all([np.asarray(i) == np.asarray(told[0][0]) for i, _ in told], axis=0)
    same = same_row & np.all([np.asarray(p) == np.asarray(told[0][1]) for _, p in told], axis=0)
    start = dropped = 0
    for block in blocks:
        part = slice(start, start + block.rows)
        start += block.rows
        if same[part].all():
            continue
        block.version += 1
        dropped += int((block.present & ~same[part]).sum())
        block.present &= same[part]
        undone = np.flatnonzero(~same_row[part] & (block.ids >= 0))
        if undone.size:
            block.dense.take_back((undone,))
            for k in range(block.packed.masked.shape[0]):
                block.packed.take_back((k, undone))
            block.ids[undone] = -1
    return dropped


@dataclass
class Prepared:
    """What a server holds ready for one query; used up by it, also if the query fails."""

    parameters: Parameters
    blocks: list[Block]
    similarity: Share  # E rho + <B rho>
    selection: Share  # E^T <d> + <B^T d>
    d: Share
    comparison: ComparisonMaterial
    output: OutputMask
    coin: Coin
    present: np.ndarray
    filled: tuple[bool, ...]  # which blocks had been uploaded to by then
    versions: tuple[int, ...]
    session: bytes  # in which it was prepared
    used: bool = False

    def __repr__(self) -> str:
        state = "used" if self.used else "void" if self.void else "ready"
        return f"Prepared({int(self.present.sum())} rows, {state})"

    @property
    def void(self) -> bool:
        """Whether rows were taken out since (`settle`), so that it cannot be asked any more."""
        return any(b.version != v for b, v in zip(self.blocks, self.versions, strict=True))


async def prepare(
    party: Party, parameters: Parameters, blocks: Sequence[Block], client: str, own_id: int
) -> Prepared:
    """R2 at a server, for one query by `client`, whose own row (if any) has the id `own_id`.

    Cost: 7 rounds; 3 elements and 201 bytes per server; two passes over the masked rows.
    """
    masks, comparison, output, *release = query_material(
        parameters, _sizes(blocks), party.settings.comparison, party.n
    )
    party.reserve([masks, comparison, output, *release, *[ZeroTest(QUERIES)] * 2])
    held = party.take(masks)
    present, ids = rows_in_force(blocks)
    party.endpoint.absorb(b"rows", present.tobytes(), ids.tobytes(), str(own_id).encode())
    accepted = await check_masks(party, client, [held["rho"]], held["r_0"])
    if not accepted.all():
        raise Refused("the client told the servers different things about its mask")
    coin = await commit_coin(party)

    rho = Share(held["rho"].data.reshape(2, -1), party.key)
    similarity, start = [], 0
    selection: Share = held["B^T d"]
    for block in blocks:
        part = slice(start, start + block.rows)
        similarity.append(block.dense.prepare(rho, held["B rho"][part]))
        selection = block.packed.prepare(held["d"][part], selection)
        start += block.rows
    return Prepared(
        parameters=parameters,
        blocks=list(blocks),
        similarity=concatenate(similarity),
        selection=selection,
        d=held["d"],
        comparison=comparison,
        output=output,
        coin=coin,
        present=present & (ids != own_id),
        filled=tuple(block.used for block in blocks),
        versions=tuple(block.version for block in blocks),
        session=party.endpoint.session_id,
    )


def _sizes(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    return [(b.serial, b.rows) for b in blocks]


async def client_prepare(client: Client, parameters: Parameters) -> Elements:
    """R2 at the requester: the checked mask rho (S,)."""
    (rho,), ok = await client_check_masks(client, [(parameters.dense, 1)])
    if not ok.all():
        raise Rejected("the servers' mask for the query failed its check, so no query is sent")
    return rho[:, 0]


# -- R3 to R8: online ---------------------------------------------------------------------------


async def online(
    party: Party, batch: Sequence[Prepared], clients: Sequence[str], thresholds: Sequence[int]
) -> list[bool]:
    """R3 to R8 at a server, for one query or several at once; returns which were answered.

    Every query has a client, masks and material of its own; what they share are the passes over the
    rows, the rounds and the MAC check. Nobody learns more by that than who asks when, but a failed
    check, or a server that stops, ends all of the batch. A client that tells the servers different
    things, or nothing, is refused alone, by the agreement that goes with the first opening: what
    was opened for it until then is uniform under masks that serve nothing else, and is dropped
    unchecked. The session is that in which the first query was prepared; it holds what was
    reserved for all of them.

    Cost: 8 rounds with tables (7 with one table of all p elements), however many queries; per
    server and query 3 N + L elements and 32 bytes, for N rows and an output of L elements, and 1
    element and 136 bytes once. With `min_neighbours`: 10 rounds (8), and L + 3 elements more per
    query. In general: `mpclab.cost.recommendation`. Raises Refused if nobody is answered.
    """
    if any(p.used for p in batch) or len({id(p) for p in batch}) < len(batch):
        raise Abort("this query was prepared for one use, and was used")
    for prepared in batch:
        prepared.used = True
    if any(prepared.void for prepared in batch):
        raise Refused("rows were taken out since this query was prepared: prepare another")
    _require_same_masks(batch)
    asks = (client.encode() + p.session for p, client in zip(batch, clients, strict=True))
    party.endpoint.absorb(b"asks", *asks)
    who = zip(batch, clients, thresholds, strict=True)
    queries = await together(*(_query(party, *query) for query in who))  # R3
    sides = [party.aside() for _ in batch]
    s = _similarities(batch, np.stack([masked for masked, _ in queries]))
    same, *below = await together(  # R4
        agree_each(party, "compare/same query", [told for _, told in queries]),
        *(
            step("compare", is_negative(sides[q], s[q] - t, batch[q].comparison))
            for q, t in enumerate(thresholds)
        ),
    )
    answered = [agreed and bool(told) for agreed, (_, told) in zip(same, queries, strict=True)]
    going = [q for q, goes_on in enumerate(answered) if goes_on]
    if not going:
        party.abort("refused")
        raise Refused("the query did not arrive, or not the same at every server: it is refused")
    for q in going:
        party.join(sides[q])
    asked = [batch[q] for q in going]
    b = 1 - stack([below[q] for q in going])
    b.data[:, ~np.stack([p.present for p in asked])] = 0

    noise = [take_noise(party, p.parameters) for p in asked]
    L = [b[k].sum() + noise[k][-1] for k in range(len(asked))]
    rule = [
        step("release", enough_neighbours(party, p.parameters, least))  # R5a
        for p, least in zip(asked, L, strict=True) if p.parameters.min_neighbours
    ]
    masked_b = (b - stack([p.d for p in asked])).reshape(b.size)
    f, *enough = await together(party.open_masked(masked_b, "select/b - d"), *rule)  # R5
    T = _selections(asked, f.reshape(b.shape))
    y = [concatenate([T[k] + noise[k][:-1], L[k]]) for k in range(len(asked))]
    if enough:  # R5b
        y = await together(
            *(step("release", withhold(party, *each)) for each in zip(y, enough, strict=True))
        )

    outputs = zip(y, asked, strict=True)
    opened = await together(  # R6
        *(step("aggregate", open_output(party, each, p.output)) for each, p in outputs)
    )
    await step("check", check_openings(party, batch[0].coin))  # R7
    results = zip(going, opened, strict=True)
    await together(*(send_output(party, clients[q], *result) for q, result in results))  # R8
    return answered


def _require_same_masks(batch: Sequence[Prepared]) -> None:
    """One pass serves all: the queries must have been prepared on the same blocks of rows."""
    if len({tuple(block.serial for block in p.blocks) for p in batch}) > 1:
        raise Refused(
            "masks for more rows were made between the preparations of these queries: ask in "
            "separate batches, or prepare the older ones anew"
        )


async def _query(
    party: Party, prepared: Prepared, client: str, threshold: int
) -> tuple[Elements, tuple[bytes, ...]]:
    """R3: a client's masked query (S,), and what is compared of it; zeros and nothing if it fails.

    Whether it came is for all servers to agree on: until then its place computes with zeros.
    """
    S = prepared.parameters.dense
    query = await party.receive(client, "query", "masked query", wire.elements(S), wire.integers())
    if query is None or int(np.asarray(query[1])) != threshold:
        return party.field.zeros(S), ()
    masked = np.asarray(query[0])
    return masked, (masked.tobytes(), str(threshold).encode())


def _similarities(batch: Sequence[Prepared], masked: Elements) -> Share:
    """<V a> for each of Q masked queries (Q, S), over all blocks: (Q, N), in one pass."""
    ready, parts, start = stack([p.similarity for p in batch]), [], 0
    for block in batch[0].blocks:
        part = slice(start, start + block.rows)
        parts.append(block.dense.product(masked, ready[:, part]).data)
        start += block.rows
    return Share(np.concatenate(parts, axis=2), ready.key)


def _selections(batch: Sequence[Prepared], f: Elements) -> Share:
    """<V^T b> for each of Q opened f = b - d (Q, N), over all blocks: (Q, length), in one pass."""
    T, start = stack([p.selection for p in batch]), 0
    for k, block in enumerate(batch[0].blocks):
        part = f[:, start : start + block.rows]
        T = block.packed.product(part, T)
        late = np.array([block.used and not p.filled[k] for p in batch])
        if late.any():  # rows that came after `prepare` do not count: V f - E f
            T = T - block.packed.public_product(part) * late[:, None].astype(np.uint64)
        start += block.rows
    return T


async def client_query(
    client: Client, parameters: Parameters, rho: Elements, a: np.ndarray, threshold: int
) -> tuple[Elements, int]:
    """R3 and R8 at the requester: packed totals and the number of neighbours.

    A number below `min_neighbours` says that the result was withheld; it is zeros then.
    """
    F = client.field
    masked = F.sub(F.array(a), rho)
    await client.send_all("query", "masked query", masked, np.array(threshold, np.int64))
    return received(parameters, await client_output(client, parameters.outputs))
