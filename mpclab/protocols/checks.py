"""Nothing opened is trusted before this: public coins, the zero test, and the MAC check.

Public coin (DESIGN 3.2)
    C1  every server draws a seed and broadcasts a commitment to it;
    C2  later, all reveal; each opening must fit its commitment; the coin is the hash of all seeds.

Zero test of a shared [s], which reveals whether s = 0 and nothing else (DESIGN 3.2)
    Z1  take a fresh unauthenticated triple [t], [u], [tu]; open d = s - u;
    Z2  zeta_i = d t_i + (tu)_i, so that sum zeta_i = s t; broadcast a commitment to zeta_i;
    Z3  reveal; each opening must fit; accept if sum zeta_i = 0.
    If s != 0 it accepts with probability 1/p (t = 0). If it fails, s t is uniform and d is too:
    the failure tells nothing about s. A failed check therefore never betrays the MAC key.

MAC check of all openings since the last one
    M1  reveal a coin committed to before the openings; expand it to coefficients chi_k;
    M2  s_i = sum_k chi_k m_{k,i} - alpha_i sum_k chi_k x_k; the s_i sum to 0 if every x_k is right;
    M3  zero test of [s].
    A wrong opening passes with probability at most 3/p: a bad coin (1/p), a guess of alpha (1/p),
    t = 0 (1/p). For one altered opening and one guess it is exactly 1 - (1 - 1/p)^3.

The *plain check* of SPDZ, in which the servers just reveal s_i, is kept as a lesson and used
nowhere else: whoever caused its failure by a known error learns alpha from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpclab.errors import Abort
from mpclab.field import Elements
from mpclab.party import Party
from mpclab.preprocessing.material import ZeroTest
from mpclab.randomness import SEED_BYTES, Stream, commitment, digest
from mpclab.sharing import Share

__all__ = [
    "Coin", "check_openings", "commit_coin", "commit_coins", "plain_check", "reveal", "zero_test",
]

_NONCE_BYTES = 32


class Coin:
    """A public coin that all servers have committed to; `reveal` it once, after the openings."""

    def __init__(self, party: Party, seed: bytes, nonce: bytes, commitments: list[bytes]) -> None:
        self._party = party
        self._opening: bytes | None = seed + nonce
        self._commitments = commitments

    def __repr__(self) -> str:
        return f"Coin({'committed' if self._opening is not None else 'revealed'})"

    async def reveal(self) -> Stream:
        """C2: reveal the seeds, check them against the commitments, return the coin's stream."""
        if self._opening is None:
            raise Abort("a coin was to be revealed twice: every check needs a coin of its own")
        opening, self._opening = self._opening, None
        party = self._party
        seeds = await _reveal_committed(party, "coin", opening, self._commitments)
        return Stream(digest(b"mpclab coin", party.endpoint.session_id, *seeds))


async def commit_coin(party: Party) -> Coin:
    """C1: commit to a coin that nobody can know or choose. Cost: 1 round, 32 bytes."""
    (coin,) = await commit_coins(party, 1)
    return coin


async def commit_coins(party: Party, count: int) -> list[Coin]:
    """C1 for coins that will be revealed one after another. Cost: 1 round, 32 bytes per coin."""
    openings = [(party.random_bytes(SEED_BYTES), party.random_bytes(_NONCE_BYTES))
                for _ in range(count)]
    commitments = await _commit(party, "coin", openings)
    return [
        Coin(party, seed, nonce, theirs)
        for (seed, nonce), theirs in zip(openings, commitments, strict=True)
    ]


async def _commit(
    party: Party, label: str, openings: Sequence[tuple[bytes, bytes]]
) -> list[list[bytes]]:
    """Commit to values under nonces; returns, value by value, all servers' commitments."""
    context = party.endpoint.session_id + label.encode()
    mine = [commitment(context, party.index, value, nonce) for value, nonce in openings]
    told = await party.broadcast(f"{label} commit", "commit", *mine)
    return [[bytes(theirs[k]) for theirs in told] for k in range(len(openings))]


async def _reveal_committed(
    party: Party, label: str, opening: bytes, commitments: list[bytes]
) -> list[bytes]:
    """Reveal value and nonce; every server's must fit its commitment. Returns the values."""
    context = party.endpoint.session_id + label.encode()
    values = []
    openings = await party.broadcast(f"{label} reveal", "reveal", opening)
    for i, ((opened,), committed) in enumerate(zip(openings, commitments, strict=True)):
        value, nonce = bytes(opened)[:-_NONCE_BYTES], bytes(opened)[-_NONCE_BYTES:]
        if commitment(context, i, value, nonce) != committed:
            raise party.abort(f"a revealed value of step {label!r} does not fit its commitment")
        values.append(value)
    return values


async def zero_test(party: Party, s: Elements) -> np.ndarray:
    """Which of the shared [s] are 0, revealing nothing else about them: booleans of its shape.

    To test an authenticated <s> pass its MAC shares, that is [alpha s]: whoever knows s could
    shift the opening Z1 by -s and pass a test of [s] itself.

    Cost: 3 rounds; 2 elements for each of s and 2 hashes per server; `ZeroTest(count=s.size)`.
    Error: 1/p for each s != 0.
    """
    F = party.field
    triple = party.take(ZeroTest(count=s.size))
    d = await party.open_additive(F.sub(s.reshape(-1), triple["u"]), "s - u")  # Z1
    zeta = F.add(F.mul(d, triple["t"]), triple["tu"])  # Z2
    value, nonce = zeta.astype("<u8").tobytes(), party.random_bytes(_NONCE_BYTES)
    (commitments,) = await _commit(party, "zeta", [(value, nonce)])
    values = await _reveal_committed(party, "zeta", value + nonce, commitments)  # Z3
    shares = np.stack([np.frombuffer(v, "<u8") % np.uint64(F.modulus) for v in values])
    zero: np.ndarray = F.sum(shares, axis=0) == 0
    return zero.reshape(s.shape)


def _combined(party: Party, coin: Stream) -> Elements:
    """M2: this server's share of the random combination of all MAC errors."""
    F = party.field
    total = F.zeros()
    for value, mac in party.take_unchecked():
        chi = F.uniform(coin, value.size)
        error = F.sub(F.dot(chi, mac), F.mul(F.dot(chi, value), party.key.alpha))
        total = F.add(total, error)
    return total


async def check_openings(party: Party, coin: Coin) -> None:
    """The MAC check: aborts, before anything leaves, unless all openings so far are right.

    Cost: 4 rounds; 1 element and 136 bytes per server; one `ZeroTest`. Error: at most 3/p.
    """
    stream = await coin.reveal()  # M1
    s = _combined(party, stream)  # M2
    if not (await zero_test(party, s)).all():  # M3
        raise party.abort("the MAC check failed: an opened value was not what the servers hold")


async def plain_check(party: Party, coin: Coin) -> None:
    """The check of SPDZ in its form of 2013, for the lesson only: a failure publishes alpha.

    (Damgard, Keller, Larraia, Pastro, Scholl, Smart, ESORICS 2013; in 2012 alpha itself was opened
    at the end.) The servers commit to s_i and reveal them. A wrong opening passes with probability
    (2p - 1)/p^2: the coefficient is 0, or alpha was guessed.
    """
    stream = await coin.reveal()
    s = _combined(party, stream)
    value, nonce = int(s).to_bytes(8, "little"), party.random_bytes(_NONCE_BYTES)
    (commitments,) = await _commit(party, "sigma", [(value, nonce)])
    values = await _reveal_committed(party, "sigma", value + nonce, commitments)
    if sum(int.from_bytes(v, "little") for v in values) % party.field.modulus:
        raise party.abort("the plain MAC check failed, and betrayed the key")


async def reveal(party: Party, x: Share, label: str = "reveal") -> Elements:
    """Open <x> to all servers: everything before it is checked first, and x itself after.

    Cost: 5 rounds more if openings are unchecked, and 6 for x.
    """
    if party.unchecked:
        await check_openings(party, await commit_coin(party))
    coin = await commit_coin(party)
    value = np.asarray(await party.open_masked(x, label))  # not masked, but nothing is unchecked
    await check_openings(party, coin)
    return value
