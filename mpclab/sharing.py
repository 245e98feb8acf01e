"""Additive and authenticated secret sharing of arrays.

`[x]`: n servers hold x_i with sum x_i = x mod p; any n-1 of them are uniform and independent of x.
`<x>`: they also hold m_i with sum m_i = alpha * x, where alpha = sum alpha_i is the MAC key that
nobody knows (SPDZ: Damgard, Pastro, Smart, Zakarias, CRYPTO 2012). Both kinds are linear, so
sums, differences and products with public constants are local: each server works on its own part.

A `Share` is what one server holds of <x>. Functions that see all parts at once (`share_out`,
`reconstruct`, `mac_holds`) are for whoever may: the trusted dealer and the lab that plays god.

>>> from mpclab.randomness import Stream
>>> from mpclab.field import Field
>>> keys = deal_keys(Field(101), servers=3, stream=Stream(bytes(32)))
>>> parts = share_out([5, 99, -1], keys, Stream(bytes(31) + b"1"))
>>> reconstruct([2 * p + 1 for p in parts])
array([ 11,  98, 100], dtype=uint64)
>>> mac_holds([2 * p + 1 for p in parts])
True
>>> parts[0]
Share(server 0 of 3, shape (3,), contents hidden)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field as dataclass_field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.randomness import Stream

MOST_SERVERS = 256

__all__ = [
    "KeyShare",
    "Share",
    "additive",
    "deal_keys",
    "mac_holds",
    "reconstruct",
    "reconstruct_key",
    "share_out",
]


@dataclass(frozen=True)
class KeyShare:
    """What server `index` of `servers` keeps of the MAC key: alpha_i."""

    field: Field
    index: int
    servers: int
    alpha: np.uint64 = dataclass_field(repr=False)

    def constant(self, c: npt.ArrayLike) -> Share:
        """This server's part of <c> for a public c: server 0 holds c itself, all alpha_i * c."""
        value = self.field.array(c)
        mine = value if self.index == 0 else np.zeros_like(value)
        return Share(np.stack([mine, self.field.mul(value, self.alpha)]), self)


class Share:
    """One server's part of an authenticated secret array <x>: `value` x_i and `mac` m_i.

    `+`, `-` and unary `-` work between shares and with public integers or arrays; `*` with public
    ones only (two secrets need a protocol: `protocols.multiply`). Indexing, `reshape` and `sum`
    act on the secret's shape. The two parts lie in one array `data` of shape (2, ...), so that one
    pass over memory treats both.
    """

    __slots__ = ("data", "key")
    __array_priority__ = 100.0
    __array_ufunc__ = None

    def __init__(self, data: Elements, key: KeyShare) -> None:
        self.data = data
        self.key = key

    def __repr__(self) -> str:
        return (
            f"Share(server {self.key.index} of {self.key.servers}, shape {self.shape}, "
            "contents hidden)"
        )

    @property
    def value(self) -> Elements:
        """x_i."""
        return self.data[0, ...]

    @property
    def mac(self) -> Elements:
        """m_i."""
        return self.data[1, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the secret."""
        return self.data.shape[1:]

    @property
    def size(self) -> int:
        """The number of secret elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def _compare(self, other: Any) -> NoReturn:
        raise TypeError(
            "a server cannot compare its share: no server knows the secret. That takes a protocol: "
            "`await equal(party, x, y)` or `await less(party, x, y)`"
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compare
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError(
            "a share cannot decide an `if`: no server knows the secret, and the way the program "
            "goes would tell it; compute both ways and choose with `where`"
        )

    def _coerce(self, other: Any) -> Share:
        if isinstance(other, Share):
            _require_one_holder([self, other])
            return other
        if hasattr(other, "send"):
            other.close()  # nobody is going to await it
            raise InputError("a protocol's result is used before it is there: `await` is missing")
        return self.key.constant(other)

    def __add__(self, other: Operand) -> Share:
        a, b = _aligned(self, self._coerce(other))
        return Share(self.key.field.add(a, b), self.key)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Share:
        a, b = _aligned(self, self._coerce(other))
        return Share(self.key.field.sub(a, b), self.key)

    def __rsub__(self, other: Operand) -> Share:
        return self._coerce(other) - self

    def __neg__(self) -> Share:
        return Share(self.key.field.neg(self.data), self.key)

    def __mul__(self, public: npt.ArrayLike) -> Share:
        if isinstance(public, Share):
            raise TypeError(
                "two secrets cannot be multiplied locally: that takes a Beaver triple and a round "
                "of communication, `await multiply(party, x, y)`"
            )
        factor = self.key.field.array(public)
        data = _expanded(self.data, max(factor.ndim, len(self.shape)))
        return Share(self.key.field.mul(data, factor), self.key)

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Share:
        index = index if isinstance(index, tuple) else (index,)
        if not all(i is None or i is ... or isinstance(i, (int, slice)) for i in index):
            # NumPy may move such an index's axis to the front, before that of value and MAC.
            return Share(np.stack([self.value[index], self.mac[index]]), self.key)
        return Share(self.data[(slice(None), *index)], self.key)

    def reshape(self, *shape: int) -> Share:
        """The same secret in another shape."""
        return Share(self.data.reshape(2, *shape), self.key)

    def sum(self) -> Share:
        """The sum of all elements, of shape ()."""
        return Share(self.key.field.sum(self.data.reshape(2, -1), axis=1), self.key)


Operand = Share | npt.ArrayLike


def _expanded(data: Elements, ndim: int) -> Elements:
    """Insert axes behind the leading (value, mac) axis so that broadcasting aligns the secret's."""
    return data.reshape(2, *(1,) * (ndim + 1 - data.ndim), *data.shape[1:])


def _aligned(a: Share, b: Share) -> tuple[Elements, Elements]:
    ndim = max(len(a.shape), len(b.shape))
    return _expanded(a.data, ndim), _expanded(b.data, ndim)


def _require_one_holder(parts: Sequence[Share]) -> None:
    if any(p.key != parts[0].key for p in parts):
        raise InputError("these shares belong to different servers or labs")


def concatenate(parts: Sequence[Share]) -> Share:
    """Join the flattened secrets into one of shape (total,)."""
    _require_one_holder(parts)
    return Share(np.concatenate([p.data.reshape(2, -1) for p in parts], axis=1), parts[0].key)


def stack(parts: Sequence[Share]) -> Share:
    """Secrets of one shape (..) as the rows of one of shape (count, ..)."""
    _require_one_holder(parts)
    return Share(np.stack([p.data for p in parts], axis=1), parts[0].key)


def additive(field: Field, x: Elements, servers: int, stream: Stream) -> list[Elements]:
    """Split x into `servers` additive shares [x]: the last ones uniform, the first the rest.

    S1  draw x_1 .. x_{n-1} uniform in F_p;
    S2  x_0 = x - (x_1 + .. + x_{n-1}).

    >>> F = Field(101)
    >>> parts = additive(F, F.array([7, 8]), 3, Stream(bytes(32)))
    >>> F.sum(np.stack(parts), axis=0)
    array([7, 8], dtype=uint64)
    """
    random = [field.uniform(stream, x.shape) for _ in range(servers - 1)]  # S1
    first = x  # S2
    for part in random:
        first = field.sub(first, part)
    return [first, *random]


def check_servers(servers: int) -> int:
    """The number of servers, or a sentence if it is not at least 2."""
    if not isinstance(servers, (int, np.integer)) or servers < 2:  # True is 1
        raise InputError(
            f"servers is {servers!r}: it takes at least 2 servers (one alone would see everything)"
        )
    if servers > MOST_SERVERS:
        raise InputError(
            f"servers is {servers:.6g}: at most {MOST_SERVERS} are simulated in one process"
        )
    return int(servers)


def deal_keys(field: Field, servers: int, stream: Stream) -> list[KeyShare]:
    """A fresh MAC key: alpha_i uniform for every server; nobody knows their sum alpha."""
    alphas = field.uniform(stream, check_servers(servers))
    return [KeyShare(field, i, servers, alpha) for i, alpha in enumerate(alphas)]


def share_out(x: npt.ArrayLike, keys: Sequence[KeyShare], stream: Stream) -> list[Share]:
    """Authenticated shares <x> for all servers, made by someone who knows x and alpha."""
    field = keys[0].field
    value = field.array(x)
    alpha = reconstruct_key(keys)
    values = additive(field, value, len(keys), stream)
    macs = additive(field, field.mul(value, alpha), len(keys), stream)
    return [Share(np.stack(pair), key) for *pair, key in zip(values, macs, keys, strict=True)]


def reconstruct_key(keys: Sequence[KeyShare]) -> np.uint64:
    """alpha, from all servers' parts: only the dealer and the lab's god view may."""
    return np.uint64(keys[0].field.sum(np.array([k.alpha for k in keys], np.uint64)))


def _total(parts: Sequence[Share], of: Callable[[Share], Elements]) -> Elements:
    return parts[0].key.field.sum(np.stack([of(p) for p in parts]), axis=0)


def reconstruct(parts: Sequence[Share]) -> Elements:
    """x from all servers' parts, unchecked: only the lab's god view may.

    S3  x = x_0 + .. + x_{n-1}.
    """
    return _total(parts, lambda p: p.value)  # S3


def mac_holds(parts: Sequence[Share]) -> bool:
    """Whether sum m_i = alpha * x, from all servers' parts: only the lab's god view may."""
    alpha = reconstruct_key([p.key for p in parts])
    expected = parts[0].key.field.mul(reconstruct(parts), alpha)
    return bool(np.array_equal(_total(parts, lambda p: p.mac), expected))
