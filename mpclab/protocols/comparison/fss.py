r"""Comparison by function secret sharing: two servers, a dealer, one opening (DESIGN 3.6).

Can two servers evaluate a function that neither of them knows? With a *distributed comparison
function* they can: the dealer chooses a threshold s and a payload y and gives each server a key;
from its key alone, each computes for any public z a share of y if z < s, and of 0 otherwise
(Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, EUROCRYPT 2021, figure 1). With y a multiple
of (1, alpha) for the MAC key alpha, what comes out is an authenticated share.

For a k-bit signed x, with r uniform in F_p, r' = r mod 2^k, t_r its top bit, and low() the k - 1
lower bits; keys for the threshold low(r') and the payload (1 - 2 t_r) (1, alpha):

    F1  open e = x + r; perfectly hidden, whatever x is. Let e' = e mod 2^k and t_e its top bit;
    F2  the sign is the top bit of x mod 2^k = (e' - r') mod 2^k: [x < 0] = t_e xor t_r xor b with
        the borrow b = [low(e') < low(r')];
    F3  evaluate the keys at low(e'): that gives <(1 - 2 t_r) b>, so that t_r + (1 - 2 t_r) b is
        t_r xor b, and [x < 0] = t_e + (1 - 2 t_e) (t_r xor b).

One evaluation over k - 1 bits does what the two points e' and e' + 2^(k-1) of a function over k
bits would: they differ in their top bit alone, so that the top bit can go into the payload, which
the keys hide. The answer is a bit for every x. Error: F1 wraps around p with probability at most
2^k / p, which for p = 2^61 - 1 moves x one unit away from 0 (harmless for |x| < 2^(k-1) - 1).

The keys walk down a binary tree along the bits of z, highest first. At every node both servers
hold the same seed and control bit, unless the node is a prefix of s; then the seeds are independent
and the control bits differ. A correction word per level keeps it so:

    K1  expand the seed on z's side into the next seed, its control bit and a group element;
    K2  if the control bit was 1, correct the next seed and control bit and add the level's V;
    K3  sum the group elements, that of the last seed included; server 1 takes minus that.

ASSUMPTIONS. Expansion is pi(node) xor node for three fixed-key AES-128 permutations pi, node being
127 bits of seed and one for the side: a pseudorandom generator if AES is an ideal cipher (Matyas,
Meyer, Oseas). A group element is two words of 128 bits mod p, each within p / 2^128 < 2^-66 of
uniform. A key so hides r', t_r and alpha computationally, other material being as good as the
servers' streams. The dealer knows everything, and there are exactly two servers.

Cost per server: 1 round; opened per number 1 element; held per number 2 shares and a key of
16.25 (k - 1) + 16 bytes and 2 k elements: 645 bytes in all for k = 19 and 8-byte elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpclab import wire
from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Values
from mpclab.protocols.comparison.tables import wrap_error
from mpclab.randomness import Source, digest
from mpclab.sharing import Share
from mpclab.wire import Expected, Part

__all__ = ["Key", "SignKeys", "evaluate", "generate", "is_negative", "require_two"]

_ONE = np.uint64(1)
_WITHOUT_LOWEST = np.array([2**64 - 2, 2**64 - 1], np.uint64)
_AES_KEYS = [digest(b"mpclab fss", name)[:16] for name in (b"seed", b"first", b"second")]


def require_two(servers: int) -> None:
    """Raise InputError unless there are exactly two servers."""
    if servers != 2:
        raise InputError(
            f"function secret sharing compares between exactly 2 servers, and these are {servers}: "
            "take the method 'tables' or 'bits', which serve any number"
        )


# -- the distributed comparison function --------------------------------------------------------


class Generator:
    """K1, the generator: nodes, uint64 of shape (..., 2), to seeds and elements of F_p x F_p."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._ciphers = [Cipher(algorithms.AES(k), modes.ECB()).encryptor() for k in _AES_KEYS]

    def seeds(self, nodes: Elements) -> Elements:
        """Next seeds; the lowest bit of the first word is the control bit."""
        return self._expanded(0, nodes)

    def values(self, nodes: Elements) -> Elements:
        """Group elements: shape (2, ...), 128 bits each, reduced modulo p."""
        F, blocks = self._field, np.stack([self._expanded(i, nodes) for i in (1, 2)])
        words = blocks % np.uint64(F.modulus)
        return F.add(words[..., 0], F.mul(words[..., 1], np.uint64(2**64 % F.modulus)))

    def _expanded(self, which: int, nodes: Elements) -> Elements:
        nodes = np.ascontiguousarray(nodes)
        data = self._ciphers[which].update(nodes.reshape(-1).view(np.uint8).data)
        return np.frombuffer(data, np.uint64).reshape(nodes.shape) ^ nodes


def cleared(seeds: Elements) -> Elements:
    """Seeds without their lowest bit, where the control bit was and the side goes."""
    return seeds & _WITHOUT_LOWEST


def on_side(seeds: Elements, side: Elements | np.uint64) -> Elements:
    """The nodes of cleared seeds on a side: their lowest bit is the side."""
    nodes = seeds.copy()
    nodes[..., 0] |= side
    return nodes


@dataclass(frozen=True, repr=False, eq=False)
class Key:
    """One server's keys for `count` functions over `depth` bits, as arrays.

    `root` (count, 2) words; `seeds` (depth, count, 2) words; `controls` (depth, 2 sides, count)
    bits; `values` (depth + 1, 2, count) elements. All but the root are the same at both servers.
    """

    root: Elements
    seeds: Elements
    controls: Elements
    values: Elements

    def __repr__(self) -> str:
        depth, count, _ = self.seeds.shape
        return f"Key({count} functions over {depth} bits, contents hidden)"

    def to_parts(self) -> tuple[Part, ...]:
        """What travels."""
        packed = np.packbits(self.controls.astype(np.uint8))
        return (self.root.tobytes(), self.seeds.tobytes(), packed.tobytes(), self.values)

    @staticmethod
    def expected(count: int, depth: int) -> tuple[Expected, ...]:
        """What a receiver expects of the parts."""
        return (
            wire.raw(16 * count),
            wire.raw(16 * depth * count),
            wire.raw(-(-2 * depth * count // 8)),
            wire.elements(depth + 1, 2, count),
        )

    @classmethod
    def from_parts(cls, parts: Sequence[Any], count: int, depth: int) -> Key:
        """What arrived, of the types and shapes of `expected`."""
        root, seeds, packed, values = parts
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=2 * depth * count)
        return cls(
            cleared(np.frombuffer(root, np.uint64).reshape(count, 2)),
            cleared(np.frombuffer(seeds, np.uint64).reshape(depth, count, 2)),
            bits.reshape(depth, 2, count).astype(np.uint64),
            values,
        )


def generate(
    field: Field, threshold: Elements, payload: Elements, depth: int, source: Source
) -> tuple[Key, Key]:
    """Keys of [z < threshold] payload, for all thresholds (count,) of `depth` bits at once.

    `payload` (2, count) are elements of F_p x F_p.
    """
    F, G, rows = field, Generator(field), np.arange(len(threshold))
    roots = cleared(source.stream().words(4 * len(rows)).reshape(2, -1, 2))
    s, t = roots, np.stack([np.zeros_like(threshold), np.ones_like(threshold)])
    V = F.zeros(payload.shape)  # what both servers' elements add up to, on the path so far
    seeds, controls, values = [], [], []

    def signed(x: Elements) -> Elements:
        return np.where(t[1] == _ONE, F.neg(x), x)

    for i in reversed(range(depth)):
        bit = (threshold >> np.uint64(i)) & _ONE
        keep, lose = bit.astype(np.intp), 1 - bit.astype(np.intp)
        nodes = np.stack([s, on_side(s, _ONE)], axis=1)  # (server, side, count, 2)
        following, value = G.seeds(nodes), G.values(nodes)  # (.., 2) and (2, server, side, count)

        lost, kept = value[:, :, lose, rows], value[:, :, keep, rows]
        gap = F.sub(F.sub(lost[:, 1], lost[:, 0]), V)
        word = signed(F.add(gap, payload * bit))  # z leaves to the left: z < threshold
        V = F.add(F.add(V, F.sub(kept[:, 0], kept[:, 1])), signed(word))

        off = following[:, lose, rows]
        seed = cleared(off[0] ^ off[1])  # off the path both servers' seeds become the same
        control = (following[0, ..., 0] ^ following[1, ..., 0]) & _ONE
        control ^= np.stack([bit ^ _ONE, bit])  # differing on the path, the same off it

        on = following[:, keep, rows]
        s = cleared(on) ^ seed * t[..., None]
        t = (on[..., 0] & _ONE) ^ t * control[keep, rows]
        seeds.append(seed)
        controls.append(control)
        values.append(word)

    last = G.values(s)
    values.append(signed(F.sub(F.sub(last[:, 1], last[:, 0]), V)))
    common = (np.stack(seeds), np.stack(controls), np.stack(values))
    return Key(roots[0], *common), Key(roots[1], *common)


def evaluate(field: Field, server: int, key: Key, z: Elements) -> Elements:
    """K1 to K3: this server's shares (2, count) of [z < threshold] payload, z of shape (count,)."""
    F, G, rows = field, Generator(field), np.arange(len(z))
    depth = len(key.seeds)
    s, t = key.root, np.full(len(z), server, np.uint64)
    total = F.zeros((2, len(z)))
    for i in range(depth):
        side = (z >> np.uint64(depth - 1 - i)) & _ONE
        nodes = on_side(s, side)
        following = G.seeds(nodes)  # K1
        total = F.add(total, F.add(G.values(nodes), key.values[i] * t))  # K2, K3
        s = cleared(following) ^ key.seeds[i] * t[:, None]  # K2
        t = (following[:, 0] & _ONE) ^ t * key.controls[i, side.astype(np.intp), rows]
    total = F.add(total, F.add(G.values(s), key.values[depth] * t))
    return F.neg(total) if server else total  # K3


# -- material and protocol ----------------------------------------------------------------------


@dataclass(frozen=True)
class SignKeys(Material):
    """For each of `count` numbers of `bits` bits: r, its top bit t_r, and keys for two servers."""

    count: int
    bits: int

    @property
    def depth(self) -> int:
        """Bits of the comparison: all but the top one."""
        return max(self.bits - 1, 1)

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return 1

    @property
    def elements(self) -> int:
        """Field elements that each server broadcasts."""
        return self.count

    def error(self, field: Field) -> float:
        """The probability that an answer is wrong, at most."""
        return wrap_error(field, self.bits)

    def low(self, x: Elements) -> Elements:
        """The `bits` - 1 lower bits."""
        return x & np.uint64(2 ** (self.bits - 1) - 1)

    def top(self, x: Elements) -> Elements:
        """The bit above them."""
        return (x >> np.uint64(self.bits - 1)) & _ONE

    def layout(self) -> tuple[Entry, ...]:
        """What is shared; the keys come besides (`private_parts`)."""
        return (Entry("r", (self.count,), uniform=True), Entry("top", (self.count,)))

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """t_r."""
        return {"top": self.top(uniform["r"])}

    @property
    def servers(self) -> int:
        """Two."""
        return 2

    def private_expected(self, field: Field) -> tuple[Expected, ...]:
        """The parts of a key."""
        return Key.expected(self.count, self.depth)

    def private_parts(
        self, field: Field, values: Values, alpha: np.uint64, source: Source
    ) -> list[tuple[Part, ...]]:
        """Both servers' keys: threshold low(r'), payload (1 - 2 t_r) (1, alpha)."""
        one = np.ones(self.count, np.uint64)
        payload = np.stack([one, one * alpha])
        payload = np.where(values["top"] == _ONE, field.neg(payload), payload)
        keys = generate(field, self.low(values["r"]), payload, self.depth, source)
        return [key.to_parts() for key in keys]

    async def run(self, party: Party, x: Share) -> Share:
        """See `is_negative`."""
        return await is_negative(party, x, self)


async def is_negative(party: Party, x: Share, material: SignKeys) -> Share:
    """Shared bits [x < 0] for x of shape (count,), between two servers.

    Cost: 1 round; 1 element per server and number; one `SignKeys(count, bits)`.
    """
    held = party.take(material)
    e = await party.open_masked(x + held["r"], "x + r")  # F1
    top = material.top(e).astype(np.int64)  # F2
    key = Key.from_parts(held["private"], material.count, material.depth)
    borrow = Share(evaluate(party.field, party.index, key, material.low(e)), party.key)  # F3
    bit: Share = held["top"] + borrow
    return bit * (1 - 2 * top) + top
