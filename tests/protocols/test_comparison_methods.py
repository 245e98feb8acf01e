"""The ways to compare, side by side: *tables*, *bits*, *fss*, *exact*.

Exhaustive where fields and masks are small enough, edges and random values in large fields, wild
values everywhere; then cost, privacy of what is opened, and cheating. (More on tables alone stands
in test_comparison.py.)
"""

import itertools
from functools import cache

import numpy as np
import pytest

from mpclab.errors import Abort, InputError
from mpclab.field import Field, is_prime
from mpclab.network.endpoint import Endpoint
from mpclab.network.simulated import SimulatedNetwork
from mpclab.party import Party, Server
from mpclab.preprocessing.dealer import DEALER, Dealer, receive_material
from mpclab.preprocessing.material import PrivateSpec, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.comparison import (
    METHODS,
    ExactBits,
    FullTables,
    SignBits,
    SignKeys,
    SignTables,
    comparison_material,
    fss,
    is_negative,
)
from mpclab.randomness import Source, Stream
from mpclab.sharing import deal_keys, mac_holds, reconstruct, reconstruct_key, share_out
from tests.cheating import Cheat, Spy, changed, uniform_below, uniform_in_field, value

MERSENNE_31, MERSENNE_61 = 2**31 - 1, 2**61 - 1
RANDOM_61 = 1823654103922170673  # a prime of 61 bits, far from a power of two


class Bench:
    """Servers, a dealer and a network, and nothing else: also for p = 3."""

    def __init__(self, servers=2, modulus=MERSENNE_61, seed=1):
        self.field, self.n = Field(modulus), servers
        self.source = Source.for_lab(seed, "bench")
        self.keys = deal_keys(self.field, servers, self.source.stream())
        self.servers = [
            Server(key, Source.for_lab(seed, f"server {key.index}"), Pool(f"server {key.index}"))
            for key in self.keys
        ]
        self.dealer = Dealer(self.keys, Source.for_lab(seed, DEALER))
        self.network = SimulatedNetwork()
        self.sessions = itertools.count()

    def each(self, protocol, *per_server, phase="online", others=()):
        """Run protocol(party, its entry of each argument) at all servers; all results."""
        session = f"session {next(self.sessions)}"

        def actor(server):
            endpoint = Endpoint(server.name, self.field, self.n, session)
            mine = [arg[server.key.index] for arg in per_server]
            return endpoint, protocol(Party(server, endpoint), *mine)

        dealers = [(Endpoint(DEALER, self.field, self.n, session), other) for other in others]
        outcomes = self.network.run(phase, [*dealers, *map(actor, self.servers)])
        outcomes.raise_failure()
        return [outcomes[s.name] for s in self.servers]

    def preprocess(self, *specs):
        self.each(
            lambda party: receive_material(party, specs),
            phase="preprocess", others=[self.dealer.deal(specs)],
        )

    def share(self, x):
        return share_out(x, self.keys, self.source.stream())

    def install(self, spec, r):
        """Put material with these masks r into the pools; everything else as the dealer makes it.

        The dealer's own message brings random masks, which are replaced, and what derives from
        them with them.
        """
        self.preprocess(spec)
        F, stream = self.field, self.source.stream()
        bundles = [server.pool._stock[spec][-1][1] for server in self.servers]
        names = [e.name for e in spec.layout()]
        values = {name: reconstruct([b[name] for b in bundles]) for name in names}
        values["r"] = F.array(r)
        values |= spec.derive(F, values, self.dealer)
        for name in names:
            for bundle, part in zip(bundles, share_out(values[name], self.keys, stream),
                                    strict=True):
                bundle[name] = part
        if isinstance(spec, PrivateSpec):
            alpha = reconstruct_key(self.keys)
            parts = spec.private_parts(F, values, alpha, self.source)
            for bundle, part in zip(bundles, parts, strict=True):
                bundle["private"] = part

    def compare(self, x, spec):
        """The answers, which must be authenticated bits whatever x is, from material in stock."""
        parts = self.each(lambda party, share: is_negative(party, share, spec), self.share(x))
        assert mac_holds(parts)
        bits = reconstruct(parts)
        assert bits.shape == np.shape(x)
        assert bits.max() <= 1, "the answer must be a bit, whatever x is"
        return bits.astype(bool)


def signed(x, modulus):
    return np.where(x > modulus // 2, x - modulus, x)


def serve(method, servers):
    return method != "fss" or servers == 2


# -- right answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("modulus", [3, 5, 7, 11, 13, 31, 101, 257])
def test_exact_for_every_x_and_every_mask(servers, modulus):
    """All p^2 pairs of x and r, so also every way to wrap."""
    x, r = np.divmod(np.arange(modulus**2), modulus)
    bench, spec = Bench(servers, modulus), ExactBits(modulus**2, modulus)
    bench.install(spec, r)
    assert (bench.compare(x, spec) == (signed(x, modulus) < 0)).all()


@pytest.mark.parametrize("modulus", [4099, 65537, MERSENNE_31, MERSENNE_61, RANDOM_61])
def test_exact_in_large_fields_for_every_x(modulus):
    """No x is out of range: the ends of the field, powers of two, random ones; edge masks."""
    half, rng = modulus // 2, np.random.default_rng(1)
    edge = [0, 1, 2, half - 1, half, half + 1, half + 2, modulus - 2, modulus - 1]
    edge += [d + 2**i for i in range(2, modulus.bit_length() - 1) for d in (-1, 0, 1)]
    x = np.concatenate([edge, rng.integers(0, modulus, 300)]).astype(np.uint64)
    wanted = np.array([v > half for v in x.tolist()])
    bench, spec = Bench(2, modulus), ExactBits(len(x), modulus)
    for r in (0, 1, half, half + 1, modulus - 1):
        bench.install(spec, np.full(len(x), r, np.uint64))
        assert (bench.compare(x, spec) == wanted).all()
    bench.preprocess(spec)
    assert (bench.compare(x, spec) == wanted).all()


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("modulus", "bits"),
    [
        *[(MERSENNE_61, k) for k in (1, 2, 3, 4, 5, 6, 7, 19, 40)],
        *[(MERSENNE_31, k) for k in (2, 11, 19)],
        *[(RANDOM_61, k) for k in (2, 9, 19, 40)],
        (101, 6),
    ],
)
def test_all_ways_at_edges_and_at_random(method, servers, modulus, bits):
    """Errors are below 2^-20 here, so every answer must be right, and so all ways agree."""
    if not serve(method, servers) or (modulus == 101 and method in ("bits", "fss")):
        return
    x = edges(bits, modulus)
    bench = Bench(servers, modulus, seed=bits)
    spec = comparison_material(bench.field, len(x), bits, method, servers)
    bench.preprocess(spec)
    assert (bench.compare(x, spec) == (x < 0)).all()


@cache
def edges(bits, modulus):
    """In-range values where something could go wrong, and random ones.

    Without the very ends where a wrap around p would move them out of range.
    """
    top = 2 ** (bits - 1)
    last = top - 2 if (modulus + 1) % 2**bits == 0 else top - 1
    near = [2**i + d for i in range(bits) for d in (-1, 0, 1)] + [0, last // 2, last - 1, last]
    near = np.array([v for v in near if 0 <= v <= min(last, modulus // 2)] or [0])
    drawn = np.random.default_rng(bits).integers(-near.max(), near.max() + 1, 150)
    return np.concatenate([near, -near, drawn])


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("modulus", [31, 61, 127])
@pytest.mark.parametrize("way", [SignBits, SignKeys])
def test_small_fields_exhaustively(way, modulus, bits):
    """All pairs of x and r: the answer is the top bit of (e - r) mod 2^k, always.

    And it is wrong as rarely as stated, for every single x in range (the very ends of which are
    spoilt if a wrap moves x away from 0).
    """
    if 2 ** (bits - 1) > modulus // 2:
        return
    x, r = np.divmod(np.arange(modulus**2), modulus)
    bench, spec = Bench(2, modulus), way(modulus**2, bits)
    bench.install(spec, r)
    found = bench.compare(x, spec)
    difference = ((x + r) % modulus % 2**bits - r % 2**bits) % 2**bits
    assert (found == difference >> (bits - 1)).all()

    wrong = (found != (signed(x, modulus) < 0)).reshape(modulus, modulus)
    rates = dict(zip(signed(np.arange(modulus), modulus).tolist(), wrong.mean(axis=1), strict=True))
    top = 2 ** (bits - 1)
    harmless = (modulus + 1) % 2**bits == 0
    inside = [v for v in rates if (abs(v) < top - 1 if harmless else -top <= v < top)]
    assert all(rates[v] <= spec.error(bench.field) for v in inside)
    if harmless and bits > 1 and top - 1 <= modulus // 2:
        assert rates[top - 1] == (top - 1) / modulus  # the known end: it wraps, and becomes -top


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("modulus", [MERSENNE_61, MERSENNE_31, RANDOM_61])
@pytest.mark.parametrize("bits", [2, 11, 19])
def test_a_wild_x_gives_a_bit(method, modulus, bits):
    """Any field element; `compare` asserts that the answer is 0 or 1, and authenticated."""
    rng = np.random.default_rng(3)
    wild = [2**bits, 2 ** (bits + 3) - 1, modulus // 2, modulus // 2 + 1, modulus - 2**bits - 5]
    x = np.concatenate([wild, rng.integers(0, modulus, 200)]).astype(np.uint64)
    bench = Bench(2, modulus, seed=3)
    spec = comparison_material(bench.field, len(x), bits, method)
    for _ in range(3):
        bench.preprocess(spec)
        bench.compare(x, spec)


# -- cost ---------------------------------------------------------------------------------------


def ways(count, servers, modulus=MERSENNE_61):
    for bits in (1, 2, 3, 5, 8, 16, 17, 18, 19, 20, 33, 40):
        for method in METHODS[:3]:
            if serve(method, servers):
                yield bits, comparison_material(Field(modulus), count, bits, method)
    yield 6, FullTables(count, 101)
    for p in (3, 5, 101, 257, 65537, MERSENNE_31, MERSENNE_61):
        yield p.bit_length() + 1, ExactBits(count, p)


def log2_up(n):
    return (n - 1).bit_length()


@pytest.mark.parametrize("servers", [2, 3])
def test_rounds_and_elements_are_as_stated(servers):
    """Counted on the wire, and equal to the formulas of the docstrings."""
    count = 3
    for bits, spec in ways(count, servers):
        bench = Bench(servers, getattr(spec, "modulus", MERSENNE_61))
        bench.preprocess(spec)
        spy = Spy(bench, who=["server 0"])
        bench.compare(np.zeros(count, np.int64), spec)
        mine = [s for s in spy.seen if (s.sender, s.receiver) == ("server 0", "server 0")]
        assert len(mine) == spec.rounds == bench.network.transcript.rounds()
        assert sum(s.parts[0].size for s in mine) == spec.elements
        leaves = -(-bits // 2)
        levels = log2_up(leaves)
        stated = {
            SignTables: (2, 2),
            FullTables: (1, 1),
            SignKeys: (1, 1),
            SignBits: (1 + levels, 1 + 3 * (leaves - 1) - levels),
            ExactBits: (1 + levels, 1 + 3 * (leaves - 1) - levels),
        }
        assert (spec.rounds, spec.elements / count) == stated[type(spec)]


def test_material_is_as_stated():
    for positions, spec in ways(1, 2):
        shares = sum(int(np.prod(e.shape)) for e in spec.layout())
        leaves = -(-positions // 2)
        tree = 5 * (leaves - 1) - 2 * log2_up(leaves) + positions // 2 + 1
        if isinstance(spec, ExactBits):
            assert shares == positions - 1 + tree
        elif isinstance(spec, SignBits):
            assert shares == positions + tree
        elif isinstance(spec, SignKeys) and positions == 19:
            bench = Bench(2)
            bench.preprocess(spec)
            ((_, held),) = bench.servers[1].pool._stock[spec]
            key = sum(len(p) if isinstance(p, bytes) else p.nbytes for p in held["private"])
            assert 16 * shares + key == 645


def test_every_spec_can_be_filed():
    for _, spec in ways(4, 2):
        assert hash(spec) == hash(type(spec)(*vars(spec).values()))
        assert spec.count == 4
        assert not spec.long_lived
        entries = spec.layout()
        assert sorted(entries, key=lambda e: not e.uniform) == list(entries)


# -- what is refused ----------------------------------------------------------------------------


def test_material_that_fits():
    F = Field()
    assert comparison_material(F, 5, 19) == SignTables(5, 19)
    assert comparison_material(F, 5, 19, "bits", servers=7) == SignBits(5, 19)
    assert comparison_material(F, 5, 19, "fss", servers=2) == SignKeys(5, 19)
    assert comparison_material(F, 5, 19, "exact") == ExactBits(5, MERSENNE_61)
    for method in ("tables", "exact"):
        assert comparison_material(Field(4093), 5, 6, method) == FullTables(5, 4093)
    assert comparison_material(Field(65537), 5, 16, "exact") == ExactBits(5, 65537)
    for _, spec in ways(5, 2):
        assert spec.error(Field(getattr(spec, "modulus", MERSENNE_61))) < 2**-20


@pytest.mark.parametrize(
    ("modulus", "arguments", "sentence"),
    [
        (MERSENNE_61, (5, 19, "magic"), r"'magic' is unknown: take one of \('tables', 'bits'"),
        (MERSENNE_61, (5, 19, "fss", 3), "exactly 2 servers, and these are 3: take the method"),
        (MERSENNE_61, (0, 19), "count is 0 and bits is 19: both must be at least 1"),
        (MERSENNE_61, (5, 0), "count is 5 and bits is 0: both must be at least 1"),
        (101, (5, 8), "too small to compare 8-bit numbers: take a prime above 256"),
        (101, (5, 6, "bits"), "would err with probability .* take the method 'exact'"),
        (65537, (5, 8, "fss"), "'fss' would err with probability 0.0039"),
        (RANDOM_61, (5, 45, "bits"), "would err with probability"),
    ],
)
def test_material_that_does_not_fit(modulus, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        comparison_material(Field(modulus), *arguments)


def test_keys_for_three_servers_are_refused_before_anything_is_dealt():
    bench = Bench(3)
    with pytest.raises(InputError, match="exactly 2 servers, and these are 3"):
        bench.preprocess(SignKeys(5, 19))


def test_numbers_of_another_shape_are_refused():
    bench, spec = Bench(2), SignBits(5, 19)
    bench.preprocess(spec)
    with pytest.raises(InputError, match=r"shape \(4,\), and the material .* shape \(5,\)"):
        bench.compare(np.zeros(4, np.int64), spec)


def test_malformed_keys_from_the_dealer_are_refused():
    for part in (2, 3, 4, 5):  # after serial number and seed
        bench, spec = Bench(2), SignKeys(5, 19)

        def cut(message, part=part):
            return message.with_part(part, message.section.parts[part][:-1]).encode()

        Cheat(bench, DEALER, "SignKeys", cut, to=["server 1"])
        with pytest.raises(Abort, match="material did not arrive, or not as it must be"):
            bench.preprocess(spec)
        assert bench.servers[1].pool.count(spec) == 0


# -- privacy of what is opened ------------------------------------------------------------------


@pytest.mark.parametrize("way", [SignTables, SignBits, SignKeys, ExactBits])
@pytest.mark.parametrize("secret", [0, 1, -3, 50])
def test_opened_values_are_uniform_in_a_small_field(way, secret):
    """Chi-square over p = 101 at every step, also for an x that is out of range."""
    bench, count = Bench(2, 101, seed=4), 2000
    spec = way(count, 101 if way is ExactBits else 4)
    spy = Spy(bench)
    for _ in range(2):
        bench.preprocess(spec)
        bench.compare(np.full(count, secret), spec)
    opened = spy.opened_by_label()
    assert len(opened) == spec.rounds
    for label, values in opened.items():
        assert uniform_below(values, 101), label


@pytest.mark.parametrize("way", [SignTables, SignBits, SignKeys, ExactBits])
@pytest.mark.parametrize("secret", [0, -1, 2**40 + 3])
def test_opened_values_are_uniform_in_a_large_field(way, secret):
    """Kolmogorov and Smirnov at every step, and chi-square of the lowest and highest bits."""
    bench, count = Bench(2, RANDOM_61, seed=5), 3000
    spec = way(count, RANDOM_61 if way is ExactBits else 19)
    spy = Spy(bench)
    bench.preprocess(spec)
    bench.compare(np.full(count, secret), spec)
    for label, values in spy.opened_by_label().items():
        assert uniform_in_field(values, RANDOM_61), label
        assert uniform_below(values & np.uint64(63), 64), label


# -- cheating -----------------------------------------------------------------------------------


async def checked(party, x, spec):
    """Compare, open the answers (for this test they are public), and check all openings."""
    coin = await commit_coin(party)
    negative = await is_negative(party, x, spec)
    opened = await party.open_masked(negative, "answers")
    await check_openings(party, coin)
    return opened


STEPS = [
    (SignTables(4, 19), 2),
    (SignBits(4, 19), 5),
    (SignKeys(4, 19), 1),
    (ExactBits(4, MERSENNE_61), 6),
]


@pytest.mark.parametrize(("spec", "rounds"), STEPS)
def test_an_altered_opening_is_found_by_the_check(spec, rounds):
    """Whatever server alters whatever opening; without that, the answers are right."""
    servers = 2 if isinstance(spec, SignKeys) else 3
    x = [1, -1, 2, -2]
    bench = Bench(servers, seed=6)
    spy = Spy(bench, who=["server 0"])
    bench.preprocess(spec, ZeroTest())
    answers = bench.each(lambda party, s: checked(party, s, spec), bench.share(x))
    assert [a.tolist() for a in answers] == [[0, 1, 0, 1]] * servers
    labels = list(dict.fromkeys(s.label for s in spy.seen if s.kind == "open"))
    labels = [s for s in labels if s not in ("answers", "s - u")]
    assert len(labels) == rounds
    for cheater, label in itertools.product(range(servers), labels):
        for at in (0, 3):
            bench = Bench(servers, seed=7)
            bench.preprocess(spec, ZeroTest())
            cheat = Cheat(bench, f"server {cheater}", label, value(at=at, by=2**18))
            with pytest.raises(Abort, match="MAC check failed"):
                bench.each(lambda party, s: checked(party, s, spec), bench.share(x))
            assert cheat.hits == servers


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("server", [0, 1])
def test_an_altered_key_is_found_by_the_check_of_what_comes_after(server, part):
    """A server may evaluate another key than it got: the MACs of the answers do not hold."""
    bench, spec = Bench(2, seed=8), SignKeys(40, 19)
    bench.preprocess(spec, ZeroTest())
    ((_, held),) = bench.servers[server].pool._stock[spec]
    parts = list(held["private"])
    for at in range(0, len(parts[part].reshape(-1) if part == 3 else parts[part]), 16):
        parts[part] = changed(bench.field, parts[part], at=at, by=2)
    held["private"] = tuple(parts)
    with pytest.raises(Abort, match="MAC check failed"):
        bench.each(lambda party, s: checked(party, s, spec), bench.share(np.arange(40)))


@pytest.mark.parametrize("name", ["bit", "pair", "a", "b", "c"])
def test_altered_bits_are_found_by_the_check(name):
    bench, spec = Bench(3, seed=9), SignBits(40, 19)
    bench.preprocess(spec, ZeroTest())
    ((_, held),) = bench.servers[1].pool._stock[spec]
    held[name].data[0] = bench.field.add(held[name].data[0], np.uint64(1))
    with pytest.raises(Abort, match="MAC check failed"):
        bench.each(lambda party, s: checked(party, s, spec), bench.share(np.arange(40)))


# -- function secret sharing --------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("modulus", [3, 101, MERSENNE_61, RANDOM_61])
def test_keys_reconstruct_at_every_point(modulus, depth):
    """All thresholds, all points, a random payload: the shares add up to [z < s] y."""
    F, size = Field(modulus), 2**depth
    threshold, z = (v.astype(np.uint64) for v in np.divmod(np.arange(size**2), size))
    payload = F.uniform(Stream(bytes(32)), (2, size**2))
    keys = fss.generate(F, threshold, payload, depth, Source(bytes(32)))
    total = F.add(*(fss.evaluate(F, i, key, z) for i, key in enumerate(keys)))
    assert (total == np.where(z < threshold, payload, np.uint64(0))).all()


def test_keys_of_many_bits_at_the_threshold_and_beside_it():
    F, depth, count = Field(), 60, 50
    threshold = Stream(bytes(32)).words(count) & np.uint64(2**depth - 1)
    payload = F.uniform(Stream(bytes(32)), (2, count))
    keys = fss.generate(F, threshold, payload, depth, Source(bytes(32)))
    one = np.uint64(1)
    for z in (threshold - one, threshold, threshold + one, threshold >> one):
        total = F.add(*(fss.evaluate(F, i, key, z) for i, key in enumerate(keys)))
        assert (total == np.where(z < threshold, payload, np.uint64(0))).all()


@pytest.mark.parametrize("server", [0, 1])
@pytest.mark.parametrize("threshold", [0, 5, 2**18 - 1])
def test_a_single_key_looks_uniform_whatever_it_hides(server, threshold):
    """Bytes of roots and seeds (but the cleared bit), control bits, elements; their evaluation."""
    F, depth, count = Field(RANDOM_61), 18, 1000
    thresholds = np.full(count, threshold, np.uint64)
    payload = np.ones((2, count), np.uint64)
    key = fss.generate(F, thresholds, payload, depth, Source(bytes(32)))[server]
    for blocks in (key.root, key.seeds):
        assert not (blocks[..., 0] & np.uint64(1)).any()
        data = blocks.copy()
        data[..., 0] >>= np.uint64(1)  # the cleared bit out of the way: 63 bits, 7 whole bytes
        spread = data.reshape(-1, 2).view(np.uint8)
        assert uniform_below(spread[:, :7], 256)
        assert uniform_below(spread[:, 8:], 256)
        assert uniform_below(spread[:, 7], 128)
    for level in range(depth):
        both = key.controls[level, 0] + key.controls[level, 1] * np.uint64(2)
        assert uniform_below(both, 4)
    for level, component in itertools.product(range(depth + 1), range(2)):
        assert uniform_in_field(key.values[level, component], RANDOM_61)
    for z in (0, threshold, 2**17):
        for share in fss.evaluate(F, server, key, np.full(count, z, np.uint64)):
            assert uniform_in_field(share, RANDOM_61)


def test_both_servers_hold_the_same_words_and_different_roots():
    F = Field()
    s = np.arange(8, dtype=np.uint64)
    first, second = fss.generate(F, s, np.ones((2, 8), np.uint64), 3, Source(bytes(32)))
    assert first.to_parts()[1:3] == second.to_parts()[1:3]
    assert (first.values == second.values).all()
    assert (first.root != second.root).all()
    again = fss.Key.from_parts(first.to_parts(), 8, 3)
    assert all((a == b).all() for a, b in zip(vars(again).values(), vars(first).values(),
                                              strict=True))
    assert repr(first) == "Key(8 functions over 3 bits, contents hidden)"


def test_the_random_prime_is_one():
    assert is_prime(RANDOM_61)


def test_the_fixed_keys_of_function_secret_sharing_differ():
    assert len(set(fss._AES_KEYS)) == 3


def test_keys_do_not_show():
    shapes = (2, 2), (3, 2, 2), (3, 2, 2), (4, 2, 2)
    key = fss.Key(*(np.full(shape, 987654321, np.uint64) for shape in shapes))
    assert "987654321" not in repr(key)
