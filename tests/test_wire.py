"""The codec: bytes as specified, every message back, and nothing but sentences for the rest."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from mpclab.errors import MpclabError
from mpclab.field import MERSENNE_61, Field
from mpclab.wire import (
    Header,
    Section,
    WireError,
    count_elements,
    decode,
    decode_header,
    elements,
    encode,
    encode_sections,
    integers,
    like,
    matches,
    raw,
)

fixed = settings(derandomize=True, max_examples=150)
PRIMES = [3, 101, 251, 257, 65521, 65537, 4294967291, 4294967311, MERSENNE_61]
HEADER = Header(bytes(range(16)), 7, bytes(range(32)))
BLANK = Header(bytes(16), 0, bytes(32))


def same_parts(a, b) -> bool:
    if isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    return a == b


def same(a: list[Section], b: list[Section]) -> bool:
    return len(a) == len(b) and all(
        (x.label, x.kind, len(x.parts)) == (y.label, y.kind, len(y.parts))
        and all(map(same_parts, x.parts, y.parts))
        for x, y in zip(a, b, strict=True)
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@st.composite
def parts(draw, p: int):
    kind = draw(st.sampled_from(["bytes", "elements", "integers"]))
    if kind == "bytes":
        return draw(st.binary(max_size=20))
    shape = draw(shapes)
    number, dtype = (
        (st.one_of(st.sampled_from([0, p - 1]), st.integers(0, p - 1)), np.uint64)
        if kind == "elements"
        else (st.integers(-(2**63), 2**63 - 1), np.int64)
    )
    size = int(np.prod(shape))
    return np.array(draw(st.lists(number, min_size=size, max_size=size)), dtype).reshape(shape)


@st.composite
def messages(draw):
    p = draw(st.sampled_from(PRIMES))
    header = Header(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.binary(min_size=32, max_size=32)),
    )
    section = st.builds(Section, texts, texts, st.lists(parts(p), max_size=3).map(tuple))
    return Field(p), header, draw(st.lists(section, max_size=3))


# -- there and back ---------------------------------------------------------------------------


@fixed
@given(messages())
def test_round_trip(message):
    field, header, sections = message
    data = encode(field, header, sections)
    got_header, got = decode(field, data)
    assert got_header == header
    assert same(got, sections)
    assert data.endswith(encode_sections(field, sections))
    assert bytes(decode_header(data)[2]) == encode_sections(field, sections)
    for section in got:
        for part in section.parts:
            assert isinstance(part, bytes) or not part.flags.writeable


def test_bytes_by_hand():
    """The layout in the module's documentation, written out."""
    section = Section("e", "open", (np.array([[1, 100]], np.uint64), b"xy", np.array(-2)))
    assert encode(Field(101), HEADER, [section]) == (
        b"MPC1" + bytes(range(16)) + b"\x07\0\0\0" + bytes(range(32)) + b"\x01\0"
        + b"\x01e" + b"\x04open" + b"\x03\0"
        + b"\x01\x02" + b"\x01" + bytes(7) + b"\x02" + bytes(7) + b"\x01\x64"
        + b"\x00\x01" + b"\x02" + bytes(7) + b"xy"
        + b"\x02\x00" + b"\xfe" + b"\xff" * 7
    )


@pytest.mark.parametrize(("p", "width"), [(101, 1), (65521, 2), (2**31 - 1, 4), (MERSENNE_61, 8)])
def test_an_element_takes_the_width_of_the_field(p, width):
    section = Section("", "", (np.full(1000, p - 1, np.uint64),))
    data = encode(Field(p), HEADER, [section])
    assert len(data) == 58 + 1 + 1 + 2 + 2 + 8 + 1000 * width
    assert data.endswith((p - 1).to_bytes(width, "little"))


def test_any_storage_order_is_encoded_alike():
    field = Field(101)
    a = np.arange(12, dtype=np.uint64).reshape(3, 4)
    expected = encode(field, HEADER, [Section("", "", (a,))])
    assert encode(field, HEADER, [Section("", "", (np.asfortranarray(a),))]) == expected
    assert encode(field, HEADER, [Section("", "", (a.T.copy().T,))]) == expected
    assert encode(field, HEADER, [Section("", "", (a[::-1][::-1],))]) == expected


def test_a_message_may_be_empty():
    assert decode(Field(), encode(Field(), BLANK, [])) == (BLANK, [])


def test_received_arrays_are_read_only():
    arrays = (np.array([1, 2], np.uint64), np.array([3]))
    for p in (101, MERSENNE_61):
        (section,) = decode(Field(p), encode(Field(p), BLANK, [Section("", "", arrays)]))[1]
        for part in section.parts:
            with pytest.raises(ValueError, match="read-only"):
                part[0] = 9


# -- what arrives is not trusted --------------------------------------------------------------


def decoded_or_refused(field: Field, data: bytes) -> bool:
    """Decode: True for a message (which then is encoded as these very bytes), False for an error.

    Anything but a message or a WireError fails the test.
    """
    try:
        header, sections = decode(field, data)
    except WireError:
        return False
    assert encode(field, header, sections) == data
    return True


SAMPLE = [
    Section("prepare/e", "open", (np.array([[1, 2, 100]], np.uint64), b"seed")),
    Section("ü", "", (np.array([], np.uint64), np.array([-1, 2**40]), np.array(7, np.uint64), b"")),
]


@pytest.mark.parametrize("p", [101, MERSENNE_61])
def test_every_truncation_is_refused(p):
    data = encode(Field(p), HEADER, SAMPLE)
    for end in range(len(data)):
        assert not decoded_or_refused(Field(p), data[:end])
    assert not decoded_or_refused(Field(p), data + b"\0")
    assert not decoded_or_refused(Field(p), data + data)


@pytest.mark.parametrize("p", [101, MERSENNE_61])
def test_every_change_of_one_byte_is_another_message_or_refused(p):
    data = encode(Field(p), HEADER, SAMPLE)
    accepted = 0
    for at in range(len(data)):
        for value in range(0, 256, 1 if p == 101 else 5):
            changed = data[:at] + bytes([value]) + data[at + 1 :]
            accepted += decoded_or_refused(Field(p), changed)
    assert accepted > 1000  # sessions, histories, labels and elements may be others


@fixed
@given(st.sampled_from(PRIMES), st.binary(max_size=200))
def test_any_bytes_are_refused(p, data):
    assert not decoded_or_refused(Field(p), data)


@fixed
@given(st.sampled_from([101, 65521, MERSENNE_61]), st.integers(0, 3), st.binary(max_size=80))
def test_any_bytes_behind_a_good_header(p, count, data):
    head = encode(Field(p), HEADER, [])[:-2]
    decoded_or_refused(Field(p), head + bytes([count, 0]) + data)


@fixed
@given(messages(), st.data())
def test_several_changes(message, data):
    field, header, sections = message
    mangled = bytearray(encode(field, header, sections))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mangled) - 1))
        mangled[at] = data.draw(st.sampled_from([0, 1, 2, 255, mangled[at] ^ 128]))
    decoded_or_refused(field, bytes(mangled))


def one_part(kind: int, shape: tuple[int, ...], body: bytes = b"") -> bytes:
    """A message with one part whose type, shape and data are whatever the sender likes."""
    head = encode(Field(101), BLANK, [])[:-2] + b"\x01\0" + b"\x01e" + b"\x04open" + b"\x01\0"
    return head + struct.pack(f"<BB{len(shape)}Q", kind, len(shape), *shape) + body


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize(
    "shape",
    [(2**63,), (2**64 - 1,), (2**40,), (2**32, 2**32), (2**62, 4), (2**64 - 1,) * 8,
     (2**33, 2**31), (1, 1, 1, 2**50)],
)
def test_an_announced_giant_takes_no_memory(kind, shape):
    data = one_part(kind, shape, b"some data")
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decode(Field(), data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_many_announced_sections_and_parts_take_no_memory():
    head = encode(Field(101), BLANK, [])[:-2]
    many = b"\xff\xff"
    for data in (head + many, head + many + b"\0\0" + many, head + many + bytes(1000)):
        tracemalloc.start()
        try:
            with pytest.raises(WireError, match="the message ends within"):
                decode(Field(101), data)
            assert tracemalloc.get_traced_memory()[1] < 200_000
        finally:
            tracemalloc.stop()


sizes = st.sampled_from([0, 1, 2, 255, 2**16, 2**31, 2**32 - 1, 2**32, 2**33, 2**63, 2**64 - 1])


@fixed
@example(1, (0, 2**32, 2**32), b"")
@example(2, (0, 2**32, 2**32), b"")
@given(st.integers(0, 3), st.lists(sizes, max_size=9).map(tuple), st.binary(max_size=16))
def test_any_shape(kind, shape, body):
    decoded_or_refused(Field(101), one_part(kind, shape, body))


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("shape", [(0, 2**32, 2**32), (2**32, 0, 2**31), (0, *[2**31] * 7)])
def test_an_empty_array_of_giant_dimensions(kind, shape):
    decoded_or_refused(Field(101), one_part(kind, shape))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the message ends within its header"),
        (b"HTTP" + bytes(54), "do not begin with 'MPC1'"),
        (one_part(1, (2,), b"\x01"), "2 bytes are announced and 1 are there"),
        (one_part(1, (2,), b"\x01\x65"), "element of section 'e' is 101, but must be below"),
        (one_part(3, (1,), b"\x01"), "part of unknown type 3"),
        (one_part(1, (1,) * 9, b"\x01"), "9 dimensions"),
        (one_part(0, (), b""), "a byte string with 0 dimensions instead of 1"),
        (one_part(0, (1, 1), b"x"), "a byte string with 2 dimensions instead of 1"),
        (one_part(1, (0, 2**33, 2**33)), "impossible shape"),
        (one_part(0, (1,), b"xy"), "1 bytes follow the end of the message"),
        (one_part(0, (1,), b"x").replace(b"\x01e", b"\x01\xff"), "is not UTF-8 text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sentences(data, sentence):
    with pytest.raises(WireError, match=sentence):
        decode(Field(101), data)


@pytest.mark.parametrize("p", [3, 101, 65521, 2**31 - 1, MERSENNE_61])
def test_elements_above_p_are_refused_and_p_minus_1_is_not(p):
    field = Field(p)
    data = encode(field, BLANK, [Section("e", "open", (np.array([5 % p], np.uint64),))])
    body = data[: -field.width]
    assert decoded_or_refused(field, body + (p - 1).to_bytes(field.width, "little"))
    for value in (p, p + 1, 256**field.width - 1):
        assert not decoded_or_refused(field, body + value.to_bytes(field.width, "little"))


# -- encoding ---------------------------------------------------------------------------------


def test_a_long_label_gets_a_sentence():
    exactly = Section("é" * 127 + "x", "k", ())
    assert same(decode(Field(), encode(Field(), BLANK, [exactly]))[1], [exactly])
    with pytest.raises(WireError, match="256 bytes; at most 255 fit"):
        encode(Field(), BLANK, [Section("é" * 128, "k", ())])


@pytest.mark.parametrize("n", [255, 256, 300, 65_535])
def test_many_sections_and_parts(n):
    for sections in ([Section("a", "k", ())] * n, [Section("a", "k", (b"",) * n)]):
        assert same(decode(Field(), encode(Field(), BLANK, sections))[1], sections)


def test_too_many_sections_and_parts_get_a_sentence():
    with pytest.raises(WireError, match="65536 sections; at most 65,535 fit"):
        encode(Field(), BLANK, [Section("a", "k", ())] * 65_536)
    with pytest.raises(WireError, match="65536 parts; at most 65,535 fit"):
        encode(Field(), BLANK, [Section("a", "k", (b"",) * 65_536)])


@pytest.mark.parametrize(
    "part",
    [
        np.array([1.5]),
        np.array([1], np.int32),
        np.array([True]),
        np.array([300], np.uint64),
        np.array([101], np.uint64),
        np.zeros((1,) * 9, np.uint64),
    ],
    ids=["floats", "int32", "booleans", "above a byte", "no element", "nine dimensions"],
)
def test_what_cannot_be_decoded_is_not_encoded(part):
    with pytest.raises(MpclabError):
        encode(Field(101), BLANK, [Section("a", "k", (part,))])


def test_a_section_hides_its_parts():
    section = Section("e", "open", (np.array([987654321], np.uint64), b"secret"))
    assert repr(section) == "Section('e', 'open', 2 parts hidden)"
    assert str([section]) == "[Section('e', 'open', 2 parts hidden)]"


# -- expectations -----------------------------------------------------------------------------

X = np.zeros((2, 3), np.uint64)


@pytest.mark.parametrize(
    ("parts", "expected", "fits"),
    [
        ((), (), True),
        ((X,), (elements(2, 3),), True),
        ((X,), (elements(None, 3),), True),
        ((X,), (elements(None, None),), True),
        ((X,), (elements(3, 2),), False),
        ((X,), (elements(6),), False),
        ((X,), (elements(2, 3, 1),), False),
        ((X,), (elements(None),), False),
        ((X,), (integers(2, 3),), False),
        ((X.astype(np.int64),), (integers(2, 3),), True),
        ((X.astype(np.int64),), (elements(2, 3),), False),
        ((b"abc",), (raw(3),), True),
        ((b"abc",), (raw(None),), True),
        ((b"abc",), (raw(4),), False),
        ((b"abc",), (elements(3),), False),
        ((X[0],), (raw(3),), False),
        ((X, b"abc"), (elements(2, 3), raw(3)), True),
        ((X, b"abc"), (elements(2, 3),), False),
        ((X,), (elements(2, 3), raw(3)), False),
        ((b"abc", X), (elements(2, 3), raw(3)), False),
    ],
)
def test_matches(parts, expected, fits):
    assert matches(parts, expected) is fits


@fixed
@given(st.sampled_from(PRIMES).flatmap(lambda p: st.lists(parts(p), max_size=4)))
def test_parts_match_what_is_like_them(drawn):
    assert matches(drawn, like(drawn))
    assert not matches([*drawn, b""], like(drawn))


def test_what_cannot_be_written_gets_a_sentence():
    field = Field(101)
    for section, told in (
        (Section("\ud800", "open", ()), "cannot be written in UTF-8"),
        (Section("x" * 256, "open", ()), "has 256 bytes; at most 255 fit"),
        (Section("x", "open", ("text",)), "a str has no place in a message"),
        (Section("x", "open", (3,)), "a int has no place in a message"),
        (Section("x", "open", (np.zeros(2),)), "dtype float64 has no place"),
    ):
        with pytest.raises(WireError, match=told):
            encode(field, BLANK, (section,))


def test_integers_and_bytes_are_no_elements():
    parts = (np.zeros((2, 3), np.uint64), np.zeros(4, np.int64), b"12345", np.uint64([1]))
    assert count_elements(parts) == 7
    assert count_elements(parts[1:3]) == 0
