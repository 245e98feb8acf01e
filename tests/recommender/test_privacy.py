"""What servers open to each other tells nothing, whatever a requester or a dummy user sends.

The attack of DESIGN 3.6: a requester with one huge entry, or a dummy user with a wild row, hopes to
read everybody's ratings from the values that servers open. Here all of these are collected and
found uniform, and alike for different databases; then the comparison is spoilt on purpose, with a
mask of k + 10 bits only, and the same tests find it out, and the attack reads the ratings.

Every statistical test has a false-alarm rate of 1e-6 (`FALSE_ALARM`) and fixed seeds.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from mpclab.errors import MaterialError, MpclabError
from mpclab.lab import Lab
from mpclab.preprocessing.material import Entry
from mpclab.protocols.comparison import (
    METHODS,
    FullTables,
    SignTables,
    comparison_material,
    full_table,
    tables,
)
from mpclab.recommender import Parameters, Recommender, protocol
from mpclab.sharing import reconstruct
from tests.cheating import (
    FALSE_ALARM,
    Cheat,
    Spy,
    install,
    uniform_below,
    uniform_in_field,
    value,
)

MERSENNE_61 = 2**61 - 1
EXTRA_BITS = 10


@dataclass(frozen=True)
class ShortMasks(SignTables):
    """The comparison spoilt on purpose: r has k + 10 bits only. Its answers are right."""

    def layout(self):
        return tuple(
            Entry(e.name, e.shape, uniform=e.uniform and e.name != "r")
            for e in sorted(super().layout(), key=lambda e: e.name == "r")
        )

    def derive(self, field, uniform, memory):
        rng = np.random.default_rng(99)
        r = rng.integers(0, 2 ** (self.bits + EXTRA_BITS), self.count, dtype=np.uint64)
        return {**super().derive(field, {**uniform, "r": r}, memory), "r": r}


# -- the comparison by itself -------------------------------------------------------


def views(modulus, spec, x, dealt=False):
    """What the servers open in a comparison of x: label -> values; and server 0's shares of r."""
    lab = Lab(servers=2, modulus=modulus, seed=21)
    if dealt:
        lab.preprocess([spec])
    else:
        install(lab, spec)
    held = lab.servers[0].pool._stock[spec][0][1]
    own = {k: v.value.copy() for k, v in held.items() if k in ("r", "r2")}
    spy = Spy(lab, who=["server 0"])

    async def compare(party, shares):
        if isinstance(spec, FullTables):
            return await full_table.is_negative(party, shares, spec)
        if isinstance(spec, SignTables):
            return await tables.is_negative(party, shares, spec)
        return await spec.run(party, shares)

    answers = reconstruct(lab.each(compare, lab.god.share(x)))
    return spy.opened_by_label(), own, answers


COUNT = 20_000
HONEST = np.array([0, 1, 2, -1, -2])


def inputs(modulus, kind):
    rng = np.random.default_rng(5)
    if kind == "honest":
        return rng.choice(HONEST, COUNT)
    if kind == "wild and all the same":
        return np.full(COUNT, modulus // 2 + 3)
    return rng.integers(0, modulus, COUNT) // 7 * 7 % modulus  # wild, and far from uniform


KINDS = ["honest", "wild and all the same", "wild"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "spec", [FullTables(COUNT, 31), SignTables(COUNT, 3)], ids=["full", "digits"]
)
def test_toy_comparison_opens_uniform_values(spec, kind):
    """Chi-square at p = 31: each opened value, each pair of them, and pairs with own shares."""
    p = 31
    opened, own, _ = views(p, spec, inputs(p, kind))
    assert set(opened) == {"x + r"} | ({"D + 2^m t + r2"} if "r2" in own else set())
    columns = [v.astype(np.int64) for v in (*opened.values(), *own.values())]
    for i, a in enumerate(columns):
        assert uniform_below(a, p)
        for b in columns[:i]:
            assert uniform_below(a * p + b, p * p)


def looks_uniform(values, modulus):
    """Kolmogorov and Smirnov's test, and chi-square of the six top bits and the six low bits."""
    values = np.asarray(values).reshape(-1)
    top = (values.astype(object) * 64 // modulus).astype(np.int64)
    low = (values % np.uint64(64)).astype(np.int64)
    return (
        uniform_in_field(values, modulus)
        and uniform_below(top, 64)
        and (modulus % 64 == 0 or modulus < 2**40 or uniform_below(low, 64))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_comparison_opens_uniform_values(method, kind):
    """p = 2^61 - 1, k = 19, every way to compare."""
    lab = Lab(servers=2, seed=1)
    count = 2000 if method in ("bits", "exact") else 4000
    spec = comparison_material(lab.field, count, 19, method)
    opened, _, _ = views(MERSENNE_61, spec, inputs(MERSENNE_61, kind)[:count], dealt=True)
    assert opened
    for label, values in opened.items():
        assert looks_uniform(values, MERSENNE_61), label


def test_a_short_mask_gives_right_answers_and_is_found_out():
    """The power of the tests above: they fail for the spoilt comparison, honest input or wild."""
    x = np.random.default_rng(6).integers(-(2**18) + 2, 2**18 - 1, 4000)
    spec = ShortMasks(4000, 19)
    opened, _, answers = views(MERSENNE_61, spec, x)
    assert (answers == (x < 0)).all()
    assert not looks_uniform(opened["x + r"], MERSENNE_61)
    assert looks_uniform(opened["D + 2^m t + r2"], MERSENNE_61)
    wild = np.random.default_rng(7).integers(0, 2**8, 4000) * 2**40
    assert not looks_uniform(views(MERSENNE_61, spec, wild)[0]["x + r"], MERSENNE_61)


# -- the attack on the recommender --------------------------------------------------


class Database:
    """Users' rows, the last one wild, and requesters with a huge entry; who sees all openings."""

    def __init__(self, rows, seed, **changes):
        users = len(rows) + 1
        self.parameters = Parameters(
            **{"users": users, "items": 4, "dense": 2, "min_dense": 1, "validated": False,
               **changes}
        )
        self.lab = Lab(servers=2, seed=seed, modulus=self.parameters.modulus)
        self.recommender = Recommender(self.lab, self.parameters)
        self.recommender.preprocess(rows=users)
        rng = np.random.default_rng(seed)
        F, p = self.lab.field, self.parameters
        dense = np.concatenate([rows, rng.integers(-(2**40), 2**40, (1, 2)) % F.modulus])
        packed = p.packing.pack(rng.integers(0, 5, (users, p.scored)).astype(np.uint8))
        packed[:, -1] = F.modulus - 1
        self.spy = Spy(self.lab, who=["server 0"])
        stored = self.recommender.upload_encoded(F.array(dense), packed)
        assert stored == users - p.validated  # the proof refuses the wild row

    def ask(self, a, times=1):
        self.recommender.preprocess(queries=times)
        for _ in range(times):
            prepared = self.recommender.prepare()
            self.recommender.query_encoded(prepared, np.array(a), 1)

    def opened(self):
        return self.spy.opened_by_label()


def unit_rows(rng, users, scale=255):
    angle = rng.uniform(0, 2 * np.pi, users)
    return np.rint(scale * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.int64)


HUGE = 2**36


def attack(database):
    """Everybody's first entry, read from e = 2^36 v_j0 - threshold + r, if r is short."""
    e = database.lab.field.signed(database.opened()["x + r"])
    return np.rint(e / HUGE).astype(np.int64)[:-1]


def test_a_huge_entry_reads_nothing():
    """A query of (2^36, 0) to 1,500 users: what is opened is uniform, and the attack fails."""
    rows = unit_rows(np.random.default_rng(1), 1500)
    database = Database(rows, 2)
    database.ask([HUGE, 0], times=2)
    opened = database.opened()
    assert {"h", "s - u", "x + r", "D + 2^m t + r2", "b - d", "y - r"} == set(opened)
    for label in ("x + r", "D + 2^m t + r2", "b - d"):
        assert looks_uniform(opened[label], MERSENNE_61), label
    read = attack(database)[:1500]
    assert (read == rows[:, 0]).mean() < 0.01
    assert abs(np.corrcoef(opened["x + r"][:1500].astype(float), rows[:, 0])[0, 1]) < 5 / 1500**0.5


def test_with_short_masks_a_huge_entry_reads_everybody(monkeypatch):
    """The same attack on the spoilt comparison, without any server deviating: every entry."""
    monkeypatch.setattr(
        protocol, "comparison_material",
        lambda field, count, bits, *_: ShortMasks(count, bits),
    )
    rows = unit_rows(np.random.default_rng(1), 1500)
    database = Database(rows, 2)
    database.ask([HUGE, 0])
    assert not looks_uniform(database.opened()["x + r"], MERSENNE_61)
    assert (attack(database) == rows[:, 0]).mean() > 0.99


def test_openings_are_alike_for_different_databases():
    """Two samples of Kolmogorov and Smirnov: nobody a neighbour, or everybody."""
    one, two = (Database(np.full((1500, 2), v), seed) for v, seed in ((180, 3), (-180, 4)))
    for database in (one, two):
        database.ask([180, 180])
    a, b = one.opened(), two.opened()
    for label in ("x + r", "D + 2^m t + r2", "b - d"):
        assert ks_2samp(a[label], b[label]).pvalue > FALSE_ALARM, label


def test_toy_recommender_opens_uniform_values():
    """p = 43, 200 queries to each of two databases: chi-square of every kind of opened value.

    Also of differences between kinds, which would betray masks used twice, and of the two databases
    side by side.
    """
    p = 43
    changes = {"modulus": p, "scale": 2, "counts": False, "users": 4}
    found = []
    for row, seed in (([2, 0], 5), ([-1, 2], 6)):
        database = Database(np.array([row] * 3), seed, **changes)
        database.ask([20, 0], times=200)
        found.append(database.opened())
    for opened in found:
        assert set(opened) == {"h", "s - u", "x + r", "b - d", "y - r"}
        opened["h"] = opened["h"][-200:]  # of the queries; the uploads' are few
        opened["s - u"] = opened["s - u"][-400:]
        for label in opened:
            opened[label] = opened[label].astype(np.int64)
            if opened[label].size >= 5 * p:
                assert uniform_below(opened[label], p), label
        assert uniform_below((opened["x + r"] - opened["b - d"]) % p, p)
        assert uniform_below((opened["y - r"].reshape(200, -1)[:, :1]
                              + opened["x + r"].reshape(200, -1)) % p, p)
    for label in found[0]:
        table = np.stack([np.bincount(o[label], minlength=p) for o in found])
        assert chi2_contingency(table).pvalue > FALSE_ALARM, label


def test_what_clients_send_is_uniform():
    """The same row of 800 users, and the same query 300 times: masked, nobody can tell."""
    database = Database(np.full((800, 2), 180), 7, validated=True)
    ((sent, *masked),) = [
        s.parts for s in database.spy.seen if s.label == "rows" and s.receiver == "server 0"
    ]
    assert len(sent) == 801
    assert len(masked) == 3  # dense, packed, witnesses
    for part in masked:
        assert looks_uniform(part.view(np.uint64), MERSENNE_61)
    polynomials = database.spy.values("proof/polynomial")
    assert len(polynomials) == database.recommender.statement.rounds
    for part in polynomials:
        assert looks_uniform(part.view(np.uint64), MERSENNE_61)
    opened = database.opened()
    for label in ("u - r", "s - u"):
        assert looks_uniform(opened[label], MERSENNE_61), label
    small = Database(np.full((3, 2), 180), 8)
    small.ask([7, 7], times=200)
    queries = np.concatenate(small.spy.values("query"))
    assert looks_uniform(queries, MERSENNE_61)


# -- masks serve once ---------------------------------------------------------------


def solve(rows, right, p):
    """Solve a square linear system mod p with Python's integers."""
    m = [[int(x) % p for x in row] + [int(b) % p] for row, b in zip(rows, right, strict=True)]
    for i in range(len(m)):
        pivot = next(k for k in range(i, len(m)) if m[k][i])
        m[i], m[pivot] = m[pivot], m[i]
        inverse = pow(m[i][i], -1, p)
        m[i] = [x * inverse % p for x in m[i]]
        for k in range(len(m)):
            if k != i:
                factor = m[k][i]
                m[k] = [(x - factor * y) % p for x, y in zip(m[k], m[i], strict=True)]
    return [row[-1] for row in m]


@pytest.mark.parametrize("cheat", ["refuses", "aborts"])
def test_a_server_that_has_uploads_repeated_reads_the_row(cheat):
    """... unless masks serve one attempt only: the attack must run out of them.

    Every attempt would open h = r_0 + sum chi^k r_k under the same masks, for another chi. One
    corrupt server of two sees to it that L + 1 attempts fail, by a lie about the row or by an
    abort, solves for r, and reads the user's ratings from x - r. It never needs to be found out.
    """
    ratings = np.array([[9, 3, 7]], np.uint8)
    p = Parameters(users=2, items=3, dense=2, min_dense=1)
    lab = Lab(servers=2, seed=31)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=1)
    proof = recommender.statement
    unknowns = p.dense + p.packed + proof.witnesses + proof.proof + 1
    lab.preprocess([], checks=unknowns + 2)  # or those that are there for queries
    spy = Spy(lab, who=["server 0"])
    if cheat == "refuses":
        liar = Cheat(lab, "server 0", "same rows", value()).also("same row", value())
    else:
        liar = Cheat(lab, "server 0", "zeta reveal", value())

    def both(flight):
        spy(flight)
        return liar(flight)

    lab.network.adversary = both
    try:
        for attempt in range(unknowns):
            if attempt == unknowns - 1 and cheat == "aborts":
                lab.network.adversary = spy  # the last one may pass: it brings x - r
            try:
                recommender.upload(ratings)
            except MaterialError:
                raise
            except MpclabError:
                pass
    except MaterialError:
        return  # the masks are gone: this is as it should be
    chis = [int(v[0]) for v in spy.values("masks") if v.shape == (1,)]
    hs = [int(v[0]) for label, v in spy.opened() if label == "h"]
    F = lab.field
    system = [[pow(chi, k, F.modulus) for k in range(unknowns)] for chi in chis]
    r = F.array(np.array(solve(system, hs, F.modulus), object))[1 : 1 + p.dense + p.packed]
    _, dense, packed, _ = next(s.parts for s in spy.seen if s.label == "rows")
    masked = np.concatenate([dense.reshape(-1), packed.reshape(-1)]).view(np.uint64)
    row = F.add(masked, r)
    mine = np.concatenate(
        [F.array(dense_of(ratings, p)).reshape(-1), p.packing.pack(ratings[:, 2:]).reshape(-1)]
    )
    assert row.tolist() != mine.tolist()


def dense_of(ratings, p):
    from mpclab.recommender.encoding import dense_vectors

    return dense_vectors(ratings[:, : p.dense], p.scale)


def test_a_refused_row_is_not_uploaded_again_under_its_mask():
    """Else the two masked rows tell how the user's ratings have changed."""
    first, second = np.array([[9, 3, 7]], np.uint8), np.array([[9, 3, 1]], np.uint8)
    lab = Lab(servers=2, seed=32)
    p = Parameters(users=2, items=3, dense=2, min_dense=1)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=1)
    lab.preprocess([], checks=1)
    spy = Spy(lab, who=["server 0"])
    liar = Cheat(lab, "server 0", "same rows", value()).also("same row", value())

    def both(flight):
        spy(flight)
        return liar(flight)

    lab.network.adversary = both
    assert recommender.upload(first) == 0
    lab.network.adversary = spy
    try:
        recommender.upload(second)
    except MaterialError:
        return  # as it should be
    one, two = (
        s.parts[2] for s in spy.seen if s.label == "rows" and s.receiver == "server 0"
    )
    assert int(one[0, 0]) - int(two[0, 0]) != 6


@pytest.mark.parametrize("aborted", [False, True])
def test_a_second_query_is_not_sent_under_the_first_ones_mask(aborted):
    """Else every server learns the difference of the two."""
    ratings = np.array([[8, 2, 9], [8, 3, 7]], np.uint8)
    lab = Lab(servers=2, seed=33)
    recommender = Recommender(lab, Parameters(users=2, items=3, dense=2, min_dense=1))
    recommender.preprocess(rows=2, queries=1)
    recommender.upload(ratings)
    prepared = recommender.prepare()
    if aborted:
        Cheat(lab, "server 1", "compare/x + r", value())
        with pytest.raises(MpclabError):
            recommender.query(prepared, ratings[0], 0.5)
    else:
        recommender.query(prepared, ratings[0], 0.5)
    spy = Spy(lab)
    with pytest.raises(MpclabError):
        recommender.query(prepared, ratings[1], 0.5)
    assert not spy.values("query")
