"""Client masks: the one mechanism for input and output (DESIGN 3.5).

After Damgard, Damgard, Nielsen, Nordholt, Toft, "Confidential benchmarking based on multiparty
computation", FC 2016. A mask belongs to one client and one message. Functions named `client_...`
run at the client, the others at every server; the step numbers are shared.

Input of x of length L, under masks r_1 .. r_L and an extra r_0
    I1  servers send the client their shares of r_0 .. r_L;
    I2  the client sends a random element chi;
    I3  the servers compare what they got: a client that told them different things is refused;
    I4  they open h = r_0 + sum_k chi^k r_k and check its MAC;
    I5  each sends h to the client, which compares all n copies with its own: a server that altered
        its share in I1 passes with probability at most L/p;
    I6  only then the client sends x - r to every server;
    I7  the servers compare hashes of what they got before anything is stored; a difference refuses
        that client alone, and aborts nobody.

Output of y of length L, under r_0 .. r_L, a key v and w_k = v r_k
    O1  servers open z = y - r while nobody, the client included, knows r;
    O2  the MAC check covers everything the result depends on;
    O3  each server sends z and its shares of r, v, w;
    O4  the client accepts if all copies of z agree and w_k = v r_k for all k, 0 included; then
        y = z + r.
    A server that alters its shares passes with probability at most 1/p per attempt; without r_0,
    one that shifts v would test a guess of y by whether the client accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mpclab import wire
from mpclab.client import Client
from mpclab.errors import Refused, Rejected
from mpclab.field import Elements, Field
from mpclab.network.rounds import step, together
from mpclab.party import Party
from mpclab.preprocessing.material import InputMasks, OutputMask
from mpclab.protocols.checks import check_openings, commit_coin, commit_coins
from mpclab.protocols.validity import (
    ProofMasks,
    Statement,
    challenge,
    client_prove,
    combined,
    verify,
)
from mpclab.randomness import digest
from mpclab.sharing import Share

__all__ = [
    "agree",
    "agree_each",
    "check_masks",
    "client_check_masks",
    "client_input",
    "client_output",
    "open_output",
    "output_to",
    "receive_input",
    "send_output",
]

Columns = Callable[[Sequence[Elements]], list[Elements]]
"""How masks of any layout are read as columns: one array over the clients for each k = 1 .. L."""


def rows_of(masks: Sequence[Elements]) -> list[Elements]:
    """Columns of masks of shape (..., length, clients), one array of masks after another."""
    return [m[..., k, :] for m in masks for k in range(m.shape[-2])]


async def agree(party: Party, label: str, *parts: bytes | memoryview) -> bool:
    """Whether all servers hold the same bytes: they compare hashes. Cost: 1 round, 32 bytes."""
    (same,) = await agree_each(party, label, [parts])
    return same


async def agree_each(
    party: Party, label: str, told: Sequence[Sequence[bytes | memoryview]]
) -> list[bool]:
    """The same for many things at once, each by itself. Cost: 1 round, 32 bytes for each."""
    mine = b"".join(digest(*parts) for parts in told)
    every = [bytes(d) for (d,) in await party.broadcast(label, "hash", mine)]
    size = len(digest())
    parts = [slice(k, k + size) for k in range(0, len(mine), size)]
    return [all(d[part] == mine[part] for d in every) for part in parts]


async def check_masks(
    party: Party,
    client: str,
    masks: Sequence[Share],
    r_0: Share,
    columns: Columns = rows_of,
) -> np.ndarray:
    """I1 to I5 at a server, for a client or a crowd; returns which clients go on, as booleans.

    Cost: 6 rounds; 2 elements per client, 1 more, and 169 bytes per server; one `ZeroTest`.
    """
    clients = len(r_0)
    await party.send(client, "masks", "mask", r_0.value, *(m.value for m in masks))  # I1
    received = await party.receive(client, "masks", "chi", wire.elements(clients))  # I2
    present = received is not None
    chi = np.asarray(received[0]) if received is not None else party.field.zeros(clients)

    told, coin = await together(  # I3
        party.broadcast("chi", "compare", chi, bytes([present])), commit_coin(party)
    )
    same = [np.array_equal(flag, told[0][1]) for _, flag in told]
    accepted = np.all([np.asarray(c) == told[0][0] for c, _ in told], axis=0)
    accepted &= all(same) and bool(told[0][1][0])
    chi = np.where(accepted, np.asarray(told[0][0]), np.uint64(0))

    combined = party.field.horner(columns([m.data for m in masks]), chi)  # I4
    h = await party.open_masked(Share(combined, party.key) + r_0, "h")
    await check_openings(party, coin)
    await party.send(client, "masks", "echo", h)  # I5
    return accepted


async def client_check_masks(
    client: Client,
    layout: Sequence[tuple[int, ...]],
    clients: int = 1,
    columns: Columns = rows_of,
) -> tuple[list[Elements], np.ndarray]:
    """I1 to I5 at the client: the masks of these shapes, and which clients may go on."""
    F = client.field
    expected = (wire.elements(clients), *(wire.elements(*shape) for shape in layout))
    shares = await client.receive_all("masks", "mask", *expected)  # I1
    r_0, *masks = _added(F, shares)
    chi = client.random_elements(clients)
    await client.send_all("masks", "chi", chi)  # I2
    echoes = await client.receive_all("masks", "echo", wire.elements(clients))  # I5
    mine = F.add(F.horner(columns(masks), chi), r_0)
    return masks, np.all([np.asarray(h) == mine for (h,) in echoes], axis=0)


def _added(F: Field, shares: Sequence[tuple[wire.Part, ...]]) -> list[Elements]:
    """Add up all servers' shares, part by part."""
    totals = [np.asarray(part) for part in shares[0]]
    for parts in shares[1:]:
        totals = [F.add(t, np.asarray(part)) for t, part in zip(totals, parts, strict=True)]
    return totals


async def receive_input(
    party: Party, client: str, shape: tuple[int, ...], statement: Statement | None = None
) -> Share:
    """I1 to I7 at a server: <x> for a client's input x of this shape.

    With a `statement` on x, flattened, the client proves it (V1 to V6 of `protocols.validity`)
    before the input counts.

    Cost: 7 rounds; 3 elements and 201 bytes per server; `InputMasks(size)`, one `ZeroTest`. A
    statement of R rounds takes R + 10 more; 3 elements and 96 R + 336 bytes; `proof_material`.
    Raises Refused if the client told the servers different things, or nothing, or if its proof
    fails.
    """
    F, size = party.field, int(np.prod(shape, dtype=np.int64))
    held = party.take(InputMasks(size))
    masks, coins = [held["r"]], []
    if statement is not None:
        masks.append(party.take(ProofMasks(statement.proof, 1))["masks"])
        coins = await step("proof", commit_coins(party, statement.rounds + 2))
    accepted = await check_masks(party, client, masks, held["r_0"])
    parts = await party.receive(client, "input", "masked input", wire.elements(size))  # I6
    masked = np.asarray(parts[0]) if parts is not None else F.zeros(size)
    told = [bytes([parts is not None]), masked.tobytes()]
    arrived = parts is not None and bool(accepted.all())
    answers = None
    if statement is not None:
        answers = await step("proof", challenge(party, client, statement, coins[:-1], 1))
        told += answers.bytes()
        arrived = arrived and bool(answers.valid.all())
    if not await agree(party, "same input", *told) or not arrived:  # I7
        raise Refused(
            f"the input of {client} did not arrive, or not the same at every server, so it is "
            "refused; that need not be the client's doing"
        )
    if answers is not None:
        def combine(c: Elements) -> Share:
            return combined(held["r"], c) + F.combine(c, masked[:, None])

        proved = verify(party, answers, combine, masks[1], np.ones(1, bool), coins[-1])
        if not (await step("proof", proved)).all():
            raise Refused(
                f"the input of {client} is refused: its proof failed; that need not be the "
                "client's doing"
            )
    return (held["r"].reshape(size) + masked).reshape(*shape)


async def client_input(client: Client, x: Elements, statement: Statement | None = None) -> None:
    """I1 to I7 at the client, for field elements of any shape; and V3, if something is to prove."""
    layout = [(x.size, 1)] if statement is None else [(x.size, 1), (statement.proof, 1)]
    (r, *masks), ok = await client_check_masks(client, layout)
    if not ok.all():
        raise Rejected("the servers' masks failed their check, so the input was not sent")
    flat = x.reshape(-1)
    await client.send_all("input", "masked input", client.field.sub(flat, r[:, 0]))
    if statement is not None:
        await step("proof", client_prove(client, statement, flat[:, None], masks[0]))


async def open_output(
    party: Party, y: Share, material: OutputMask
) -> tuple[Elements, dict[str, Any]]:
    """O1 at a server: open z = y - r; returns z and the mask that O3 releases.

    Cost: 1 round; L elements per server.
    """
    mask = party.take(material)
    return await party.open_masked(y - mask["r"][1:], "y - r"), mask


async def send_output(party: Party, client: str, z: Elements, mask: dict[str, Any]) -> None:
    """O3 at a server, which refuses while an opening is unchecked."""
    party.require_checked("an output")
    await party.send(client, "result", "output", z, mask["r"].value, mask["v"], mask["w"])


async def output_to(party: Party, client: str, y: Share) -> None:
    """O1 to O3 at a server, with everything opened so far in one check.

    Cost: 6 rounds; L + 1 elements and 168 bytes per server; `OutputMask(L)`, one `ZeroTest`.
    """
    coin = await commit_coin(party)
    z, mask = await open_output(party, y.reshape(y.size), OutputMask(y.size))
    await check_openings(party, coin)  # O2
    await send_output(party, client, z, mask)


async def client_output(client: Client, length: int) -> Elements:
    """O3 and O4 at the client.

    Raises
    ------
    Rejected
        If the copies differ or the masks fail their check; the servers are told nothing.
    """
    F = client.field
    expected = (
        wire.elements(length), wire.elements(length + 1), wire.elements(), wire.elements(length + 1)
    )
    messages = await client.receive_all("result", "output", *expected)  # O3
    z = np.asarray(messages[0][0])
    if any(not np.array_equal(np.asarray(m[0]), z) for m in messages):  # O4
        raise Rejected("the servers sent different results, so this one is not accepted")
    r, v, w = _added(F, [m[1:] for m in messages])
    if not np.array_equal(F.mul(r, v), w):
        raise Rejected("a server altered the mask of the result, so it is not accepted")
    return F.add(z, r[1:])
