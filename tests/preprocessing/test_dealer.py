"""The dealer's material: it adds up, its MACs hold, and no server learns anything from its part."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import chi2

from mpclab import wire
from mpclab.errors import Abort, MaterialError
from mpclab.field import MERSENNE_61, Field
from mpclab.lab import Lab
from mpclab.preprocessing import dealer
from mpclab.preprocessing.material import Entry, InputMasks, OutputMask, Triples, ZeroTest
from mpclab.randomness import Stream
from mpclab.sharing import Share, mac_holds, reconstruct, reconstruct_key

SPECS = [Triples(6), ZeroTest(), InputMasks(3, 2), OutputMask(4)]
ERROR_RATE = 1e-9


def plain(lab, spec):
    """All servers take a bundle: its plaintexts, its MACs checked, and the servers' own parts."""
    taken = [server.pool.take(spec) for server in lab.servers]
    assert len({serial for serial, _ in taken}) == 1
    bundles = [material for _, material in taken]
    values = {}
    for entry in spec.layout():
        parts = [bundle[entry.name] for bundle in bundles]
        if entry.authenticated:
            assert all(isinstance(part, Share) for part in parts)
            assert [part.key.index for part in parts] == list(range(lab.n))
            assert mac_holds(parts)
            value = reconstruct(parts)
        else:
            value = lab.field.sum(np.stack(parts), axis=0)
        assert value.shape == entry.shape
        values[entry.name] = value.astype(object)
    return values, bundles


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("p", [101, 2**31 - 1, MERSENNE_61])
def test_material_adds_up(n, p):
    lab = Lab(n, modulus=p, seed=11)
    alpha = int(reconstruct_key([s.key for s in lab.servers]))
    assert alpha == lab.god.key
    serials = lab.preprocess(SPECS * 2)
    assert serials == list(range(8))
    first = {}
    for again in range(2):
        for spec in SPECS:
            x, bundles = plain(lab, spec)
            if isinstance(spec, Triples):
                assert (x["a"] * x["b"] % p).tolist() == x["c"].tolist()
            elif isinstance(spec, ZeroTest):
                assert (x["t"] * x["u"] % p).tolist() == x["tu"].tolist()
            elif isinstance(spec, OutputMask):
                assert (x["r"] * int(x["v"]) % p).tolist() == x["w"].tolist()
            if p > 101:
                text = repr({k: np.asarray(v).tolist() for k, v in x.items()})
                assert first.setdefault(spec, text) == text if not again else first[spec] != text
            assert all(set(b) == {e.name for e in spec.layout()} for b in bundles)


def from_dealer(lab, specs, receivers=("server 0",)):
    """The decoded messages of the dealer to these servers, while it deals."""
    seen = []

    def listen(flight):
        seen.extend(flight.honest)
        return flight.corrupt

    lab.network.adversary, lab.network.corrupt = listen, frozenset(receivers)
    lab.preprocess(specs)
    return [wire.decode(lab.field, e.data)[1][0].parts for e in seen]


def uniform(cells, size, each):
    counts = np.bincount(np.asarray(cells).astype(int).ravel(), minlength=size)
    assert len(counts) == size
    return float(np.sum((counts - each) ** 2 / each)) < chi2.isf(ERROR_RATE, size - 1)


def test_corrections_alone_are_uniform():
    p, each = 11, 100
    lab = Lab(2, modulus=p, seed=5)
    assert lab.god.key != 0
    ((_, _, *corrections),) = from_dealer(lab, [Triples(each * p * p)])
    assert len(corrections) == 4  # the MACs of a and b, then c and its MAC
    for i, one in enumerate(corrections):
        assert uniform(one, p, each * p)
        for other in corrections[i + 1 :]:
            assert uniform(one * np.uint64(p) + other, p * p, each)


def test_corrections_are_uniform_for_who_also_knows_its_own_seed():
    """Server 0's correction of c against its own a: independent, so that it learns no product."""
    p, each = 11, 100
    lab = Lab(2, modulus=p, seed=6)
    ((_, seed, mac_a, _, c, _),) = from_dealer(lab, [Triples(each * p * p)])
    own_a = Stream(seed).elements(p, each * p * p)
    assert np.array_equal(own_a, lab.servers[0].pool.take(Triples(each * p * p))[1]["a"].value)
    for correction in (mac_a, c):
        assert uniform(own_a * np.uint64(p) + correction, p * p, each)


def test_the_test_of_uniformity_can_fail():
    """c = a b without anybody's mask: 0 is almost twice as frequent."""
    stream, p = Stream(bytes(32)), 11
    a, b = (stream.elements(p, 12_100) for _ in range(2))
    assert not uniform(Field(p).mul(a, b), p, 1100)


@pytest.mark.parametrize("n", [2, 3])
def test_only_server_0_is_sent_more_than_a_seed(n):
    """The communication: 32 bytes and a number for all, corrections for one."""
    lab = Lab(n, seed=1)
    lab.preprocess([Triples(1000)])
    sizes = {r.receiver: r.bytes for r in lab.transcript.records}
    assert all(sizes[f"server {i}"] < 200 for i in range(1, n))
    assert 4 * 8000 < sizes["server 0"] < 4 * 8000 + 300
    assert {r.sender for r in lab.transcript.records} == {"dealer"}
    assert {r.phase for r in lab.transcript.records} == {"preprocess"}


def test_every_bundle_and_server_has_a_seed_of_its_own():
    lab = Lab(3, seed=1)
    messages = from_dealer(lab, [ZeroTest()] * 4, ["server 0", "server 1", "server 2"])
    seeds = [bytes(parts[1]) for parts in messages]
    assert len(set(seeds)) == len(seeds) == 12


def test_unseeded_material_differs_from_lab_to_lab():
    taken = []
    for _ in range(2):
        lab = Lab(2)
        lab.preprocess([ZeroTest()])
        taken.append(int(lab.servers[0].pool.take(ZeroTest())[1]["t"].item()))
    assert taken[0] != taken[1]


@pytest.mark.parametrize(
    ("how", "victim"),
    [("drop", 0), ("drop", 2), ("truncate", 0), ("truncate", 1), ("another spec", 0),
     ("another spec", 2), ("too large", 0)],  # the other servers are sent no elements
)
def test_a_dealer_that_fails_aborts(how, victim):
    """Every server aborts or has its bundle; none takes half of one."""
    lab = Lab(3, seed=1, corrupt=["dealer"])

    def spoil(flight):
        for e in flight.corrupt:
            if e.receiver != f"server {victim}":
                yield e
                continue
            header, (section,) = wire.decode(lab.field, e.data)
            if how == "truncate":
                yield replace(e, data=e.data[:-1])
            elif how == "too large":
                yield replace(e, data=e.data[:-8] + b"\xff" * 8)
            elif how == "another spec":
                other = replace(section, label="Triples")
                yield replace(e, data=wire.encode(lab.field, header, [other]))

    lab.network.adversary = spoil
    with pytest.raises(Abort, match="the dealer's material did not arrive, or not as it must be"):
        lab.preprocess([ZeroTest()])
    assert lab.servers[victim].pool.count(ZeroTest()) == 0


def test_material_of_different_serials_is_not_mixed():
    """A dealer who numbers bundles differently for two servers is found out when they are used."""
    lab = Lab(2, seed=1, corrupt=["dealer"])

    def renumber(flight):
        for e in flight.corrupt:
            if e.receiver == "server 1":
                header, (section,) = wire.decode(lab.field, e.data)
                section = replace(section, parts=(np.array(7), *section.parts[1:]))
                e = replace(e, data=wire.encode(lab.field, header, [section]))
            yield e

    lab.network.adversary = renumber
    lab.preprocess([ZeroTest()])
    lab.network.adversary = None

    async def protocol(party):
        party.take(ZeroTest())
        await party.broadcast("a", "k", b"x")

    with pytest.raises(Abort):
        lab.each(protocol)


@dataclass(frozen=True)
class Squares:
    """Material of one's own: <a> and <b = a^2>, remembered by the dealer."""

    count: int

    @property
    def long_lived(self):
        return True

    def layout(self):
        return (Entry("a", (self.count,), uniform=True), Entry("b", (self.count,)))

    def derive(self, field, uniform, memory):
        return {"b": field.mul(uniform["a"], uniform["a"])}


@dataclass(frozen=True)
class Cubes:
    """Derived from an earlier bundle's plaintext: [a^3], without any uniform entry."""

    serial: int
    count: int

    @property
    def long_lived(self):
        return False

    def layout(self):
        return (Entry("cube", (self.count,), authenticated=False),)

    def derive(self, field, uniform, memory):
        known = memory.recall(self.serial)
        return {"cube": field.mul(known["a"], known["b"])}


def test_material_of_ones_own():
    lab = Lab(3, modulus=101, seed=1)
    (serial,) = lab.preprocess([Squares(5)])
    lab.preprocess([Cubes(serial, 5)])
    x, _ = plain(lab, Squares(5))
    assert x["b"].tolist() == [int(v) ** 2 % 101 for v in x["a"]]
    y, _ = plain(lab, Cubes(serial, 5))
    assert y["cube"].tolist() == [int(v) ** 3 % 101 for v in x["a"]]


@dataclass(frozen=True)
class Mixed:
    """Uniform entries behind derived ones, with and without MACs, all remembered."""

    @property
    def long_lived(self):
        return True

    def layout(self):
        return (
            Entry("a", (3,), uniform=True),
            Entry("b", (3,)),
            Entry("c", (2,), uniform=True, authenticated=False),
            Entry("d", (3,), authenticated=False),
            Entry("e", (4,), uniform=True),
        )

    def derive(self, field, uniform, memory):
        a = uniform["a"]
        return {"b": field.mul(a, a), "d": field.add(a, a)}


@pytest.mark.parametrize("modulus", [101, 2**61 - 1])
@pytest.mark.parametrize("remembered", [0, 150, 1 << 20])
def test_what_is_expanded_anew_is_what_was_dealt(monkeypatch, remembered, modulus):
    monkeypatch.setattr(dealer, "REMEMBERED", remembered)
    lab = Lab(3, modulus=modulus, seed=4)
    serials = lab.preprocess([Mixed(), Squares(5)])
    # 15 elements and 10 are 120 and 80 bytes: of 150 the second lacks some, which is expanded anew
    assert len(lab.dealer._plain) == {0: 0, 150: 1, 1 << 20: 2}[remembered]
    for serial, spec in zip(serials, (Mixed(), Squares(5)), strict=True):
        dealt, _ = plain(lab, spec)
        known = lab.dealer.recall(serial)
        assert set(known) == set(dealt)
        for name, values in dealt.items():
            assert (known[name] == values).all(), name


def test_the_dealer_remembers_long_lived_bundles_only():
    lab = Lab(2, seed=1)
    squares, triples = lab.preprocess([Squares(2), Triples(2)])
    assert set(lab.dealer.recall(squares)) == {"a", "b"}
    for unknown in (triples, 99):
        with pytest.raises(MaterialError, match=f"no long-lived bundle number {unknown}"):
            lab.dealer.recall(unknown)


def test_the_repr_tells_no_key():
    lab = Lab(2, seed=1)
    lab.preprocess([Squares(2)])
    assert repr(lab.dealer) == "Dealer(for 2 servers, 1 bundles dealt)"
    assert str(lab.god.key) not in repr(lab.dealer)
