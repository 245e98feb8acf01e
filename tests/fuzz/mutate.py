"""Bytes that are almost right: structured damage to messages, frames, texts and anything else."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

__all__ = ["NUMBERS", "any_bytes", "bytewise", "message", "numbers", "tokens"]

NUMBERS = (
    0, 1, 2, 3, 7, 8, 9, 100, 101, 127, 128, 254, 255, 256, 257, 2**15, 2**16 - 1, 2**16, 2**31 - 1,
    2**31, 2**32 - 1, 2**32, 2**33, 2**34, 2**48, 2**60, 2**61 - 2, 2**61 - 1, 2**61, 2**62,
    2**63 - 1, 2**63, 2**64 - 101, 2**64 - 1,
)
_HEADER = (4, 16, 4, 32, 2)  # magic, session, round, history, number of sections


def numbers(rng: random.Random, width: int) -> bytes:
    """A number of this many bytes that is likely to be taken wrongly."""
    value = rng.choice(NUMBERS) if rng.random() < 0.8 else rng.getrandbits(8 * width)
    return (value % 256**width).to_bytes(width, "little")


def any_bytes(rng: random.Random, most: int = 300) -> bytes:
    """Random bytes, mostly few."""
    return rng.randbytes(rng.randrange(rng.choice((2, 9, 70, most))))


def tokens(data: bytes, width: int) -> list[bytes]:
    """A valid message, cut at its fields: `width` is that of the field's elements."""
    out: list[bytes] = []
    at = 0

    def take(n: int) -> bytes:
        nonlocal at
        at += n
        out.append(data[at - n : at])
        return out[-1]

    for n in _HEADER:
        take(n)
    for _ in range(int.from_bytes(out[-1], "little")):
        for _ in ("label", "kind"):
            take(take(1)[0])
        for _ in range(int.from_bytes(take(2), "little")):
            kind, dimensions = take(1)[0], take(1)[0]
            count = 1
            for _ in range(dimensions):
                count *= int.from_bytes(take(8), "little")
            take(count * {0: 1, 1: width, 2: 8}[kind])
    assert at == len(data), "not a valid message"
    return out


def _damage(rng: random.Random, parts: list[bytes], width: int, modulus: int) -> list[bytes]:
    """One change of one field of a message."""
    if not parts:
        return [rng.randbytes(3)]
    i = rng.randrange(len(parts))
    part = parts[i]
    way = rng.randrange(10)
    if way <= 2 and len(part) in (1, 2, 4, 8):  # a count, a length, a type, a dimension
        if rng.random() < 0.5:
            near = (int.from_bytes(part, "little") + rng.choice((-2, -1, 1, 2))) % 256 ** len(part)
            part = near.to_bytes(len(part), "little")
        else:
            part = numbers(rng, len(part))
    elif way == 3 and len(part) >= width:  # an element at or beyond the end of the field
        at = rng.randrange(len(part) // width) * width
        value = rng.choice((modulus - 1, modulus, modulus + 1, 256**width - 1)) % 256**width
        part = part[:at] + value.to_bytes(width, "little") + part[at + width :]
    elif way == 4 and part:  # a bit
        at = rng.randrange(len(part))
        part = part[:at] + bytes([part[at] ^ 1 << rng.randrange(8)]) + part[at + 1 :]
    elif way == 5:
        return parts[:i] + parts[i + 1 :]
    elif way == 6:
        j = rng.randint(i, min(i + 12, len(parts)))
        return parts[:j] + parts[i:j] + parts[j:]
    elif way == 7:  # a part's length and its data, changed together or not
        part = part[: rng.randrange(len(part) + 1)] if rng.random() < 0.5 else part * 2
    elif way == 8:
        j = rng.randrange(len(parts))
        parts = list(parts)
        parts[i], parts[j] = parts[j], parts[i]
        return parts
    else:
        part = rng.choice((b"", b"\0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", rng.randbytes(2)))
    return [*parts[:i], part, *parts[i + 1 :]]


def message(
    rng: random.Random, valid: Sequence[bytes], width: int, modulus: int, untouched: float = 0.05
) -> bytes:
    """A message made of valid ones: damaged in its fields, spliced, cut, or (seldom) left alone."""
    data = rng.choice(valid)
    if rng.random() < untouched:
        return data
    if rng.random() < 0.08:
        return any_bytes(rng) if rng.random() < 0.5 else data[:58] + any_bytes(rng)
    parts = tokens(data, width)
    if rng.random() < 0.15:  # the beginning of one and the end of another
        other = tokens(rng.choice(valid), width)
        parts = parts[: rng.randrange(len(parts) + 1)] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        parts = _damage(rng, parts, width, modulus)
    out = b"".join(parts)
    return bytewise(rng, out, 1) if rng.random() < 0.1 else out


def bytewise(rng: random.Random, data: bytes, changes: int = 3) -> bytes:
    """Damage that knows nothing of what the bytes mean."""
    for _ in range(rng.randint(1, changes)):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(6)
        if way == 0 and data:
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif way == 1:
            data = data[:at]
        elif way == 2:
            data = data[:at] + any_bytes(rng, 40) + data[at:]
        elif way == 3:
            data = data[:at] + data[min(len(data), at + rng.randrange(1, 9)) :]
        elif way == 4:
            end = rng.randint(at, len(data))
            data = data[:end] + data[at:end] + data[end:]
        else:
            width = rng.choice((1, 2, 4, 8))
            data = data[:at] + numbers(rng, width) + data[at + width :]
    return data


def part(kind: int, shape: Sequence[int], body: bytes = b"") -> bytes:
    """A part of a message whose type, shape and data are whatever the sender likes."""
    return struct.pack(f"<BB{len(shape)}Q", kind, len(shape), *shape) + body
