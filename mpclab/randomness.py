"""Seeds, pseudorandom streams, commitments and where randomness comes from.

`Stream` expands a 32-byte seed with AES-256 in counter mode; uniform field elements are drawn from
it by rejection, so that they are exactly uniform if the keystream is. `Source` hands out seeds:
from the operating system, or, in a lab that was given a seed and says so, from a stream (then
nothing is secret from whoever knows the seed; it is for teaching and for tests).

>>> a, b = Stream(bytes(32)), Stream(bytes(32))
>>> (a.elements(101, 5) == b.elements(101, 5)).all()
np.True_
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpclab.errors import InputError

__all__ = ["SEED_BYTES", "Source", "Stream", "commitment", "digest"]

SEED_BYTES = 32
_CHUNK = bytes(1 << 20)


def digest(*parts: bytes | memoryview) -> bytes:
    """SHA-256 of a sequence of byte strings; the sequence itself is what is bound.

    Every part is preceded by its length, so that no two different sequences are hashed alike.
    """
    h = hashlib.sha256()
    for part in parts:
        size = part.nbytes if isinstance(part, memoryview) else len(part)
        h.update(size.to_bytes(8, "little"))
        h.update(part)
    return h.digest()


def commitment(context: bytes, who: int, value: bytes, nonce: bytes) -> bytes:
    """Commit to a value: SHA-256 of context, committer, value and a 32-byte random nonce.

    Binding because SHA-256 is collision resistant, hiding in the random-oracle model. Naming the
    committer in the hash stops a server from replaying another one's commitment as its own.
    """
    return digest(b"mpclab commitment", context, who.to_bytes(4, "little"), value, nonce)


class Stream:
    """A pseudorandom stream: the keystream of AES-256 in counter mode under a 32-byte seed.

    Parameters
    ----------
    seed : bytes
        32 bytes, used for this stream only. Two streams with one seed are equal.
    """

    __slots__ = ("_keystream",)

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InputError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._keystream = Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor()

    def __repr__(self) -> str:
        return "Stream(seed hidden)"

    def bytes(self, n: int) -> bytes:
        """The next n bytes."""
        return self._keystream.update(bytes(n))

    def words(self, n: int) -> np.ndarray:
        """The next n 64-bit words, as a new uint64 array (8 n bytes of the stream)."""
        out = np.empty(n, "<u8")
        view = out.data.cast("B")
        for start in range(0, len(view), len(_CHUNK)):
            stop = min(start + len(_CHUNK), len(view))
            self._keystream.update_into(
                _CHUNK[: stop - start] if stop - start < len(_CHUNK) else _CHUNK, view[start:stop]
            )
        return out

    def elements(self, modulus: int, shape: int | Sequence[int] = ()) -> np.ndarray:
        """Uniform integers below `modulus` (at most 61 bits), by rejection of 64-bit words.

        Each word is cut to the modulus's bit length; words that are still too large are dropped
        and replaced by the stream's next ones, so every element is exactly uniform.
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        count = int(np.prod(shape, dtype=np.int64))
        mask, bound = np.uint64((1 << modulus.bit_length()) - 1), np.uint64(modulus)
        words = self.words(count)
        words &= mask
        while count and words.max() >= bound:
            kept = words[words < bound]
            more = self.words(count - kept.size)
            more &= mask
            words = np.concatenate([kept, more])
        return words.reshape(shape)


class Source:
    """Where a party's randomness comes from: the operating system, or a lab's seed.

    Parameters
    ----------
    seed : bytes or None
        None (the default) asks the operating system every time. 32 bytes make every draw
        reproducible, and known to whoever knows the seed: for teaching and tests only.
    """

    __slots__ = ("_stream",)

    def __init__(self, seed: bytes | None = None) -> None:
        self._stream = None if seed is None else Stream(seed)

    @classmethod
    def for_lab(cls, seed: int | None, owner: str) -> Source:
        """The source of one party of a lab: derived from the lab's seed, if it has one."""
        if seed is None:
            return cls()
        return cls(digest(b"mpclab lab", str(int(seed)).encode(), owner.encode()))

    @property
    def seeded(self) -> bool:
        """Whether the draws are reproducible (and so no secret)."""
        return self._stream is not None

    def __repr__(self) -> str:
        return f"Source({'a lab seed: for teaching' if self.seeded else 'operating system'})"

    def bytes(self, n: int) -> bytes:
        """n random bytes."""
        return secrets.token_bytes(n) if self._stream is None else self._stream.bytes(n)

    def stream(self) -> Stream:
        """A fresh stream."""
        return Stream(self.bytes(SEED_BYTES))
