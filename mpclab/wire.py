"""The wire codec: the one format of every message, in the simulation and on sockets.

A message is a header and one or more sections (steps that share a round are merged into one
message). Layout, little endian:

    message  = "MPC1" | session (16) | round u32 | history (32) | sections u16 | section ...
    section  = label (u8 length, UTF-8) | kind (u8 length, UTF-8) | parts u16 | part ...
    part     = type u8 | dimensions u8 | u64 per dimension | data
    type     = 0 bytes, 1 field elements (canonical, `Field.width` bytes each), 2 integers (int64)

`history` is the hash of all broadcasts before this one (DESIGN 3.1). What arrives is not trusted:
`decode` checks every length against what is really there and every element against p, and raises
`WireError`, a sentence, for anything else. It allocates at most eight times the message (elements
become uint64) and an object per part and section: 100 times the message in all, reached only by
messages of nothing but empty parts.

>>> import numpy as np
>>> from mpclab.field import Field
>>> F = Field(101)
>>> section = Section("e", "open", (np.array([1, 100], np.uint64),))
>>> data = encode(F, Header(bytes(16), 3, bytes(32)), [section])
>>> len(data)
79
>>> header, sections = decode(F, data)
>>> header.round, sections[0].label, sections[0].parts
(3, 'e', (array([  1, 100], dtype=uint64),))
>>> decode(F, data[:-1] + bytes([101]))
Traceback (most recent call last):
    ...
mpclab.wire.WireError: a field element of section 'e' is 101, but must be below 101
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpclab.errors import MpclabError
from mpclab.field import Field

__all__ = [
    "Expected",
    "Header",
    "Part",
    "Section",
    "WireError",
    "decode",
    "elements",
    "encode",
    "encode_sections",
    "integers",
    "like",
    "matches",
    "raw",
]

SESSION_BYTES = 16
HISTORY_BYTES = 32
_MAGIC = b"MPC1"
_HEADER = struct.Struct("<4s16sI32sH")
_COUNT = struct.Struct("<H")
_LARGEST = 2**48  # no array has more elements, whatever a sender announces
_MAX_DIMENSIONS = 8
_BYTES, _ELEMENTS, _INTEGERS = 0, 1, 2

Part = bytes | np.ndarray
"""A part of a message: bytes, field elements (a uint64 array) or integers (an int64 array)."""

Expected = tuple[int, tuple[int | None, ...]]
"""Type and shape that a receiver expects of a part; None stands for any length."""


class WireError(MpclabError):
    """The bytes that arrived are not a message; the sentence says why."""


@dataclass(frozen=True)
class Header:
    """Session (16 bytes), number of the round in the session, hash of all broadcasts before."""

    session: bytes
    round: int
    history: bytes


@dataclass(frozen=True)
class Section:
    """One step's contribution to a message: its label, its kind, and its parts."""

    label: str
    kind: str
    parts: tuple[Part, ...]

    def __repr__(self) -> str:
        return f"Section({self.label!r}, {self.kind!r}, {len(self.parts)} parts hidden)"


def elements(*shape: int | None) -> Expected:
    """Expect an array of field elements of this shape (None: any length)."""
    return (_ELEMENTS, shape)


def integers(*shape: int | None) -> Expected:
    """Expect an array of integers of this shape (None: any length)."""
    return (_INTEGERS, shape)


def raw(length: int | None) -> Expected:
    """Expect a byte string of this length (None: any length)."""
    return (_BYTES, (length,))


def _describe(part: Part) -> Expected:
    if isinstance(part, np.ndarray):
        if part.dtype not in (np.uint64, np.int64):
            raise WireError(
                f"an array of dtype {part.dtype} has no place in a message: field elements are "
                "uint64, integers int64"
            )
        return (_ELEMENTS if part.dtype == np.uint64 else _INTEGERS, part.shape)
    if not isinstance(part, bytes):
        raise WireError(f"a {type(part).__name__} has no place in a message: send bytes or arrays")
    return (_BYTES, (len(part),))


def like(parts: Sequence[Part]) -> tuple[Expected, ...]:
    """Expect what oneself sends: the types and shapes of these parts."""
    return tuple(_describe(part) for part in parts)


def zeros(expected: Expected) -> Part:
    """A part of zeros that matches what is expected (all lengths given)."""
    kind, shape = expected
    lengths = tuple(s or 0 for s in shape)
    if kind == _BYTES:
        return bytes(lengths[0])
    return np.zeros(lengths, np.uint64 if kind == _ELEMENTS else np.int64)


def count_elements(parts: Sequence[Part]) -> int:
    """How many field elements these parts hold."""
    return sum(
        part.size for part in parts if isinstance(part, np.ndarray) and part.dtype == np.uint64
    )


def matches(parts: Sequence[Part], expected: Sequence[Expected]) -> bool:
    """Whether received parts have the expected types and shapes."""
    return len(parts) == len(expected) and all(
        kind == want
        and len(shape) == len(wanted)
        and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))
        for (kind, shape), (want, wanted) in zip(map(_describe, parts), expected, strict=True)
    )


def _encode_text(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise WireError(f"the label {text!r} cannot be written in UTF-8") from None
    if len(data) > 255:
        raise WireError(f"the label {text[:40]!r}... has {len(data)} bytes; at most 255 fit")
    return bytes([len(data)]) + data


def _encode_part(field: Field, part: Part) -> list[bytes | memoryview]:
    kind, shape = _describe(part)
    if len(shape) > _MAX_DIMENSIONS:
        raise WireError(f"an array of {len(shape)} dimensions is to be sent; at most 8 fit")
    head = struct.pack(f"<BB{len(shape)}Q", kind, len(shape), *shape)
    if not isinstance(part, np.ndarray):
        return [head, part]
    dtype = f"<u{field.width}" if kind == _ELEMENTS else "<i8"
    if kind == _ELEMENTS and field.width < 8 and not field.is_canonical(part):
        raise WireError(f"an element to be sent is {int(part.max())}, not below {field.modulus}")
    body = np.ascontiguousarray(part, dtype=dtype)
    return [head, body.reshape(-1).data.cast("B")] if body.size else [head]


def _encode_count(n: int, of: str) -> bytes:
    if n > 0xFFFF:
        raise WireError(f"a message has {n} {of}; at most 65,535 fit: merge fewer steps")
    return _COUNT.pack(n)


def encode_sections(field: Field, sections: Sequence[Section]) -> bytes:
    """Encode the sections alone: the body, which does not depend on who receives it."""
    pieces: list[bytes | memoryview] = []
    for section in sections:
        pieces += [_encode_text(section.label), _encode_text(section.kind)]
        pieces.append(_encode_count(len(section.parts), "parts"))
        for part in section.parts:
            pieces += _encode_part(field, part)
    return b"".join(pieces)


def encode(field: Field, header: Header, sections: Sequence[Section]) -> bytes:
    """Encode a whole message."""
    _encode_count(len(sections), "sections")
    head = _HEADER.pack(
        _MAGIC, header.session, header.round, header.history.ljust(HISTORY_BYTES, b"\0"),
        len(sections),
    )
    return head + encode_sections(field, sections)


class _Reader:
    """Takes bytes off the front of a message and never reads past its end."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.at = 0

    def take(self, n: int, what: str) -> memoryview:
        if n > len(self.data) - self.at:
            raise WireError(
                f"the message ends within {what}: {n} bytes are announced and "
                f"{len(self.data) - self.at} are there"
            )
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def count(self, what: str) -> int:
        (n,) = _COUNT.unpack(self.take(_COUNT.size, what))
        return int(n)

    def text(self, what: str) -> str:
        try:
            return bytes(self.take(self.byte(what), what)).decode()
        except UnicodeDecodeError:
            raise WireError(f"{what} is not UTF-8 text") from None


def _decode_part(field: Field, reader: _Reader, label: str) -> Part:
    where = f"section {label!r}"
    kind, ndim = reader.byte(where), reader.byte(where)
    if kind not in (_BYTES, _ELEMENTS, _INTEGERS) or ndim > _MAX_DIMENSIONS:
        raise WireError(f"{where} has a part of unknown type {kind} with {ndim} dimensions")
    shape = struct.unpack(f"<{ndim}Q", reader.take(8 * ndim, where))
    count = math.prod(shape)  # Python integers: no overflow, whatever the sender wrote
    if kind == _BYTES:
        if ndim != 1:
            raise WireError(f"{where} has a byte string with {ndim} dimensions instead of 1")
        return bytes(reader.take(count, where))
    if math.prod(length or 1 for length in shape) > _LARGEST:
        raise WireError(f"{where} announces the impossible shape {shape}")
    width = field.width if kind == _ELEMENTS else 8
    data = reader.take(count * width, where)
    if kind == _INTEGERS:
        return np.frombuffer(data, "<i8").reshape(shape)
    out = np.frombuffer(data, f"<u{field.width}").astype(np.uint64, copy=False)
    if not field.is_canonical(out):
        raise WireError(
            f"a field element of {where} is {int(out.max())}, but must be below {field.modulus}"
        )
    out = out.reshape(shape)
    out.flags.writeable = False
    return out


def decode_header(data: bytes) -> tuple[Header, int, memoryview]:
    """Header, number of sections, and the body that follows."""
    reader = _Reader(data)
    magic, session, number, history, count = _HEADER.unpack(reader.take(_HEADER.size, "its header"))
    if magic != _MAGIC:
        raise WireError("these bytes are not a message: they do not begin with 'MPC1'")
    return Header(session, number, history), count, reader.data[reader.at :]


def decode(field: Field, data: bytes) -> tuple[Header, list[Section]]:
    """Decode and validate a whole message; received arrays are read-only.

    Raises
    ------
    WireError
        If the bytes are not exactly one well-formed message with canonical elements.
    """
    header, count, _ = decode_header(data)
    reader = _Reader(data)
    reader.take(_HEADER.size, "its header")
    sections = []
    for _ in range(count):
        label, kind = reader.text("a label"), reader.text("a kind")
        parts = tuple(_decode_part(field, reader, label) for _ in range(reader.count("a section")))
        sections.append(Section(label, kind, parts))
    if reader.at != len(data):
        raise WireError(f"{len(data) - reader.at} bytes follow the end of the message")
    return header, sections
