"""Defences taken away on purpose: what a defence is worth is what an attack does without it.

Protocol code has no flags. `weakened` replaces a function of the protocols by one that lacks a
line, wherever in mpclab it is used, for as long as a `with` block runs, and puts it back.

>>> from mpclab.adversary import attack
>>> cheat = attack("zeta made to fit the others'")
>>> cheat.run().result
'abort before output'
>>> with weakened("commitment"):
...     cheat.run().result
'wrong result accepted'
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpclab import wire
from mpclab.client import Client
from mpclab.errors import InputError, Rejected
from mpclab.field import Elements, Field
from mpclab.network.endpoint import Endpoint
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Memory, OutputMask, Values
from mpclab.protocols import checks, clients, comparison, validity
from mpclab.protocols.comparison.tables import SignTables
from mpclab.randomness import Stream
from mpclab.recommender import PreparedQuery, Recommender, protocol
from mpclab.sharing import Share

__all__ = ["DEFENCES", "ShortMasks", "weakened"]


@contextmanager
def _replaced(original: Any, new: Any) -> Iterator[None]:
    """A function replaced in every module of mpclab that uses it."""
    _rename(original, new)
    try:
        yield
    finally:
        _rename(new, original)


def _rename(old: Any, new: Any) -> None:
    for module in list(sys.modules.values()):
        if (
            getattr(module, "__name__", "").split(".")[0] == "mpclab"
            and module.__name__ != __name__
        ):
            for name, value in list(vars(module).items()):
                if value is old:
                    setattr(module, name, new)


@contextmanager
def _method(owner: type, name: str, new: Any) -> Iterator[None]:
    old = owner.__dict__[name]
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


# -- checks -------------------------------------------------------------------------------------


async def _any_opening(
    party: Party, label: str, opening: bytes, commitments: list[bytes]
) -> list[bytes]:
    """As `_reveal_committed`, but whether openings fit their commitments is not asked."""
    told = await party.broadcast(f"{label} reveal", "reveal", opening)
    return [bytes(opened)[:-32] for (opened,) in told]


async def _no_check(party: Party, coin: Any) -> None:
    """As `check_openings`, without the check."""
    party.take_unchecked()


async def _check_before_the_last(
    party: Party, coin: Any, _check: Any = checks.check_openings
) -> None:
    """As if the check had been made just before the last opening."""
    party.unchecked.pop()
    await _check(party, coin)


class _KnownCoin:
    """A coin that is known from the first."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    async def reveal(self) -> Stream:
        return self.stream


async def _early_coin(party: Party, _commit: Any = checks.commit_coin) -> Any:
    """As `commit_coin`, and the seeds are revealed at once."""
    return _KnownCoin(await (await _commit(party)).reveal())


async def _plain_check(party: Party, coin: Any) -> None:
    """As `plain_check`, in the place of `check_openings`."""
    await checks.plain_check(party, coin)


def _s_itself(s: Share) -> Elements:
    """What an authenticated <s> must not be tested for zero on: [s]."""
    return s.value


def _any_header(self: Endpoint, sender: str, header: wire.Header) -> None:
    """As `Endpoint._check_header`, but nobody compares the history of broadcasts."""
    if header.session != self.session_id:
        raise wire.WireError("it belongs to another session")
    between_servers = self.is_server and sender in self.servers
    if header.round != (self.round if between_servers else 0):
        raise wire.WireError("it belongs to another round")


# -- clients and uploads --------------------------------------------------------------------------


async def _agreed(party: Party, label: str, told: Sequence[Any]) -> list[bool]:
    """As `agree_each`, but the hashes are not compared."""
    await party.broadcast(label, "hash", bytes(32 * len(told)))
    return [True] * len(told)


async def _anything_goes(
    party: Party, answers: Any, combine: Any, masks: Share, stored: Any, coin: Any,
    _verify: Any = validity.verify,
) -> Any:
    """As `verify`, but what it finds is not asked."""
    await _verify(party, answers, combine, masks, stored, coin)
    return stored


async def _reusable(
    party: Party, blocks: Any, block: Any, crowd: str, ids: Any, statement: Any = None,
    _upload: Any = protocol.upload,
) -> Any:
    """As `upload`, but masks serve again if nobody's row went in."""
    try:
        return await _upload(party, blocks, block, crowd, ids, statement)
    finally:
        block.used = bool(block.present.any())


def _ask_again(
    self: Recommender, prepared: Sequence[PreparedQuery], vectors: Any, thresholds: Any,
    _query: Any = Recommender.query_many_encoded,
) -> Any:
    """As `query_many_encoded`, but prepared queries serve again."""
    for query in prepared:
        query.used = False
        for server in query.servers:
            server.used = False
    return _query(self, prepared, vectors, thresholds)


async def _output_without_r_0(client: Client, length: int) -> Elements:
    """As `client_output`, but w_0 = v r_0 is not checked."""
    F = client.field
    expected = (
        wire.elements(length), wire.elements(length + 1), wire.elements(), wire.elements(length + 1)
    )
    messages = await client.receive_all("result", "output", *expected)
    z = np.asarray(messages[0][0])
    if any(not np.array_equal(np.asarray(m[0]), z) for m in messages):
        raise Rejected("the servers sent different results, so this one is not accepted")
    r, v, w = (F.sum(np.stack([np.asarray(m[k]) for m in messages]), axis=0) for k in (1, 2, 3))
    if not np.array_equal(F.mul(r, v)[1:], w[1:]):
        raise Rejected("a server altered the mask of the result, so it is not accepted")
    return F.add(z, r[1:])


# -- masks ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShortMasks(SignTables):
    """The comparison by tables with a mask of k + 10 bits instead of a uniform element."""

    def layout(self) -> tuple[Entry, ...]:
        """As by tables; r is derived from an element that serves nothing else."""
        others = [e for e in super().layout() if e.name != "r"]
        return (
            Entry("wide", (self.count,), uniform=True), *others[:1],
            Entry("r", (self.count,)), *others[1:],
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """R = wide mod 2^(k + 10), and everything else as by tables."""
        r = uniform["wide"] & np.uint64(2 ** (self.bits + 10) - 1)
        return {**super().derive(field, {**uniform, "r": r}, memory), "r": r}


def _short_material(
    field: Field, count: int, bits: int, method: str = "tables", servers: int | None = None
) -> ShortMasks:
    return ShortMasks(count, bits)


async def _open_and_tell(
    party: Party, y: Share, material: OutputMask
) -> tuple[Elements, dict[str, Any]]:
    """As `open_output`, but the client gets the mask before anything is checked."""
    mask = party.take(material)
    await party.send(party.__dict__["asked_by"], "early mask", "mask", mask["r"].value)
    return await party.open_masked(y - mask["r"][1:], "y - r"), mask


async def _online_for(
    party: Party, batch: Any, names: Sequence[str], thresholds: Any, _online: Any = protocol.online
) -> Any:
    party.__dict__["asked_by"] = names[0]  # attacks ask one query at a time
    return await _online(party, batch, names, thresholds)


async def _output_for(
    party: Party, client: str, y: Share, _output_to: Any = clients.output_to
) -> None:
    party.__dict__["asked_by"] = client
    await _output_to(party, client, y)


async def _client_query_early(
    client: Client, *args: Any, _query: Any = protocol.client_query
) -> Any:
    client.__dict__["early mask"] = "aggregate/early mask"
    return await _query(client, *args)


async def _output_with_early_mask(
    client: Client, length: int, _output: Any = clients.client_output
) -> Elements:
    label = client.__dict__.get("early mask", "early mask")
    await client.receive_all(label, "mask", wire.elements(length + 1))
    result: Elements = await _output(client, length)
    return result


# -- by name ------------------------------------------------------------------------------------

_Patch = Callable[[], Any]


def _function(original: Any, new: Any) -> _Patch:
    return lambda: _replaced(original, new)


_PATCHES: dict[str, tuple[_Patch, ...]] = {
    "commitment": (_function(checks._reveal_committed, _any_opening),),
    "MAC check": (_function(checks.check_openings, _no_check),),
    "check after the last opening": (
        _function(checks.check_openings, _check_before_the_last),
    ),
    "late coin": (_function(checks.commit_coin, _early_coin),),
    "zero test": (_function(checks.check_openings, _plain_check),),
    "test of [alpha s]": (_function(validity.passed, _s_itself),),
    "validity of uploads": (_function(validity.verify, _anything_goes),),
    "comparison of hashes": (_function(clients.agree_each, _agreed),),
    "history": (lambda: _method(Endpoint, "_check_header", _any_header),),
    "masks serve once": (_function(protocol.upload, _reusable),),
    "queries serve once": (lambda: _method(Recommender, "query_many_encoded", _ask_again),),
    "r_0": (_function(clients.client_output, _output_without_r_0),),
    "uniform mask": (_function(comparison.comparison_material, _short_material),),
    "mask after the check": (
        _function(clients.open_output, _open_and_tell),
        _function(protocol.online, _online_for),
        _function(clients.output_to, _output_for),
        _function(protocol.client_query, _client_query_early),
        _function(clients.client_output, _output_with_early_mask),
    ),
}

DEFENCES = {
    "commitment": "values are committed to before anybody reveals one",
    "MAC check": "every opened value is checked before a result leaves",
    "check after the last opening": "the MAC check covers the masked result, too",
    "late coin": "the coefficients of the check are unknown while values are opened",
    "zero test": "a failed check tells nothing; the plain check would publish the key",
    "test of [alpha s]": "an authenticated value is tested for 0 on its MAC shares",
    "validity of uploads": "users prove at upload that their rows are in range",
    "comparison of hashes": "servers compare what a client sent them before they use it",
    "history": "every broadcast carries the hash of all before it",
    "masks serve once": "the mask of a row serves one upload, also a refused one",
    "queries serve once": "the mask of a query serves one query",
    "r_0": "the client checks one mask more than it needs",
    "uniform mask": "what is compared is opened under a mask that is uniform in the field",
    "mask after the check": "the mask of a result is released after the check",
}
"""The defences that can be taken away, and what each is."""


@contextmanager
def weakened(*defences: str) -> Iterator[None]:
    """Take defences away while a block runs; the names are those of `DEFENCES`.

    It acts on everything that runs in this process meanwhile.

    Raises
    ------
    InputError
        If there is no such defence.

    Examples
    --------
    >>> with weakened("no such thing"):
    ...     pass
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: there is no defence 'no such thing' to take away: there are ...
    """
    for name in defences:
        if name not in _PATCHES:
            raise InputError(
                f"there is no defence {name!r} to take away: there are "
                f"{', '.join(map(repr, _PATCHES))}"
            )
    with ExitStack() as stack:
        for name in defences:
            for patch in _PATCHES[name]:
                stack.enter_context(patch())
        yield
