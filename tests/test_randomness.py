"""Streams against published AES vectors, hashes against SHA-256, uniformity by chi-square."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import chi2

from mpclab import randomness
from mpclab.errors import InputError
from mpclab.randomness import SEED_BYTES, Source, Stream, commitment, digest

fixed = settings(derandomize=True, max_examples=60)
# The seeds are fixed, so a test passes always or never. A true stream would fail each of these
# tests with probability 1e-9.
ERROR_RATE = 1e-9


def chi_square(counts, expected) -> float:
    return float(np.sum((np.asarray(counts) - expected) ** 2 / expected))


def seed(n: int) -> bytes:
    return n.to_bytes(32, "big")


# -- the keystream ----------------------------------------------------------------------------

# AES-256 under the zero key of the counters 0, 1 and 2. The first is the hash key, the others the
# tag and the ciphertext of test cases 13 and 14 of McGrew and Viega, "The Galois/Counter Mode".
ZERO_KEY = bytes.fromhex(
    "dc95c078a2408989ad48a21492842087"
    "530f8afbc74536b9a963b4f1c4cb738b"
    "cea7403d4d606b6e074ec5d3baf39d18"
)
# AES-256 of the zero block under other keys: NIST AESAVS, VarKey (256) no. 1 and KeySbox no. 1.
FIRST_BLOCKS = {
    "80" + "00" * 31: "e35a6dcb19b201a01ebcfa8aa22b5759",
    "c47b0294dbbbee0fec4757f22ffeee3587ca4730c3d33b691df38bab076bc558":
        "46f2fb342d6f0ab477476fc501242c5f",
}


def test_the_keystream_is_aes_256_in_counter_mode():
    assert Stream(bytes(32)).bytes(48) == ZERO_KEY
    for key, block in FIRST_BLOCKS.items():
        assert Stream(bytes.fromhex(key)).bytes(16) == bytes.fromhex(block)


def test_words_are_the_keystream_in_little_endian():
    words = Stream(bytes(32)).words(6)
    assert words.dtype == np.uint64
    assert words[0] == 0x898940A278C095DC
    assert words.tolist() == [
        int.from_bytes(ZERO_KEY[i : i + 8], "little") for i in range(0, 48, 8)
    ]


def test_words_beyond_one_chunk_are_the_same_keystream():
    n = len(randomness._CHUNK) // 8 + 3
    a, b = Stream(seed(1)), Stream(seed(1))
    assert a.words(2 * n).astype("<u8").tobytes() == b.bytes(16 * n)
    assert a.bytes(8) == b.bytes(8)


@fixed
@given(st.lists(st.tuples(st.sampled_from(["bytes", "words"]), st.integers(0, 40))))
def test_a_stream_goes_on_where_it_stopped(draws):
    stream, got = Stream(seed(2)), b""
    for what, n in draws:
        got += stream.bytes(n) if what == "bytes" else stream.words(n).astype("<u8").tobytes()
    assert got == Stream(seed(2)).bytes(len(got))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_seed_of_another_length_gets_a_sentence(length):
    with pytest.raises(InputError, match=f"a seed has 32 bytes, not {length}"):
        Stream(bytes(length))


# -- elements ---------------------------------------------------------------------------------


def by_rejection(key: bytes, p: int, count: int) -> list[int]:
    """The rule of `Stream.elements`, one word after the other."""
    stream, found = Stream(key), []
    while len(found) < count:
        word = int.from_bytes(stream.bytes(8), "little") % 2 ** p.bit_length()
        if word < p:
            found.append(word)
    return found


@fixed
@given(
    st.binary(min_size=32, max_size=32),
    st.sampled_from([3, 5, 17, 101, 257, 65537, 2**31 - 1, 2**61 - 1, 1152921504606847009]),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_elements_are_the_words_below_p_in_their_order(key, p, counts):
    """No word is skipped or used twice, whatever the sizes in which one asks."""
    stream = Stream(key)
    got = [int(x) for count in counts for x in stream.elements(p, count)]
    assert got == by_rejection(key, p, sum(counts))


def test_the_first_elements_by_hand():
    """The low 7 bits of words that begin with dc, ad, 53, a9, ce, 07: 92, 45, 83, 41, 78, 7.

    All are below 101; for p = 83 the first and the third are too large and go.
    """
    assert Stream(bytes(32)).elements(101, 6).tolist() == [92, 45, 83, 41, 78, 7]
    assert Stream(bytes(32)).elements(83, 4).tolist() == [45, 41, 78, 7]


@pytest.mark.parametrize("shape", [(), 0, 5, (2, 3), (0, 4), [3, 1]])
def test_shapes(shape):
    x = Stream(bytes(32)).elements(101, shape)
    assert x.dtype == np.uint64
    assert x.shape == np.zeros(shape).shape


@pytest.mark.parametrize("p", [3, 5, 37, 101, 127, 131])
def test_elements_are_uniform(p):
    counts = np.bincount(Stream(seed(p)).elements(p, 200 * p).astype(int), minlength=p)
    assert len(counts) == p
    assert chi_square(counts, 200) < chi2.isf(ERROR_RATE, p - 1)


def test_consecutive_elements_are_independent():
    x = Stream(seed(3)).elements(11, 2 * 121 * 100).astype(int).reshape(-1, 2)
    counts = np.bincount(11 * x[:, 0] + x[:, 1], minlength=121)
    assert chi_square(counts, 100) < chi2.isf(ERROR_RATE, 120)


def test_large_elements_are_uniform_in_their_high_and_low_parts():
    p = 2**61 - 1
    x = Stream(seed(4)).elements(p, 64 * 500)
    for part in (x >> np.uint64(55), x & np.uint64(63)):
        counts = np.bincount(part.astype(int), minlength=64)
        assert chi_square(counts, 500) < chi2.isf(ERROR_RATE, 63)


def test_the_chi_square_would_notice_reduction_instead_of_rejection():
    """The bias of `words % 128 % 101` (27 values twice as frequent) is far beyond the threshold."""
    x = (Stream(seed(5)).words(20_200) % np.uint64(128) % np.uint64(101)).astype(int)
    assert chi_square(np.bincount(x, minlength=101), 200) > chi2.isf(ERROR_RATE, 100)


# -- hashes -----------------------------------------------------------------------------------


def test_digest_is_sha_256_of_lengths_and_parts():
    assert digest().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    # SHA-256 of eight zero bytes: the length of the one part, which is empty.
    assert digest(b"").hex() == "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"
    plain = bytes([3, 0, 0, 0, 0, 0, 0, 0]) + b"abc" + bytes([1, 0, 0, 0, 0, 0, 0, 0]) + b"d"
    assert digest(b"abc", b"d") == hashlib.sha256(plain).digest()
    assert digest(memoryview(b"abc"), b"d") == digest(b"abc", b"d")
    wide = np.array([7], np.uint64)
    assert digest(memoryview(wide)) == digest(wide.tobytes())  # length in bytes, not in items


@fixed
@given(st.lists(st.lists(st.binary(max_size=3), max_size=3), min_size=2, max_size=8))
def test_different_sequences_have_different_digests(sequences):
    seen = {digest(*parts): tuple(parts) for parts in sequences}
    assert len(seen) == len({tuple(parts) for parts in sequences})


def test_joining_parts_changes_the_digest():
    ways = [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc")]
    assert len({digest(*way) for way in ways}) == len(ways)


def test_a_commitment_binds_everything_it_names():
    arguments = (b"context", 1, b"value", bytes(32))
    others = [
        (b"contexT", 1, b"value", bytes(32)),
        (b"context", 2, b"value", bytes(32)),
        (b"context", 1, b"valuE", bytes(32)),
        (b"context", 1, b"value", bytes(31) + b"1"),
        (b"context", 1, b"value\0", bytes(31)),  # a byte moved from the nonce to the value
    ]
    made = [commitment(*a) for a in (arguments, *others)]
    assert len(set(made)) == len(made)
    assert commitment(*arguments) == made[0]
    by_hand = hashlib.sha256()
    for part in (b"mpclab commitment", b"context", bytes([1, 0, 0, 0]), b"value", bytes(32)):
        by_hand.update(len(part).to_bytes(8, "little") + part)
    assert made[0] == by_hand.digest()


# -- sources ----------------------------------------------------------------------------------


def test_the_operating_system_is_asked_every_time(monkeypatch):
    asked = []

    def token_bytes(n):
        asked.append(n)
        return bytes([len(asked)]) * n

    monkeypatch.setattr(randomness.secrets, "token_bytes", token_bytes)
    source = Source()
    assert (source.bytes(3), source.bytes(2)) == (b"\1\1\1", b"\2\2")
    assert source.stream().bytes(16) == Stream(b"\3" * 32).bytes(16)
    assert asked == [3, 2, SEED_BYTES]
    assert not source.seeded
    assert not Source.for_lab(None, "server 0").seeded


def test_unseeded_draws_differ():
    draws = [Source().bytes(16) for _ in range(20)]
    assert len(set(draws)) == 20


def test_a_lab_seed_gives_every_owner_a_stream_of_its_own():
    first = {
        (s, owner): Source.for_lab(s, owner).bytes(32)
        for s in (0, 1, -1, 2**70)
        for owner in ("lab", "dealer", "server 0", "server 1")
    }
    assert len(set(first.values())) == 16
    again = Source.for_lab(0, "lab")
    assert again.seeded
    assert again.bytes(32) == first[0, "lab"]
    assert again.bytes(32) != first[0, "lab"]
    assert all(a.bytes(8) != b.bytes(8) for a, b in pairwise([again.stream() for _ in range(4)]))


def test_reprs_hide_the_seed():
    key = bytes(range(32))
    for text in (repr(Stream(key)), repr(Source(key)), str(Source(key)), repr(Source())):
        assert key.hex() not in text
        assert repr(key) not in text
    assert repr(Stream(key)) == "Stream(seed hidden)"
    assert repr(Source(key)) == "Source(a lab seed: for teaching)"
    assert repr(Source()) == "Source(operating system)"


def test_a_labs_seeds_are_hashed_under_a_name_of_their_own():
    """So that no other hash of the package, of the same words, is ever a party's seed."""
    seed = digest(b"mpclab lab", b"7", b"server 0")
    assert Source.for_lab(7, "server 0").bytes(32) == Stream(seed).bytes(32)
