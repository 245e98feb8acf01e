"""What protocols cost: the formula, the dry run and the network's own count are one number.

Every function of `mpclab.cost` is compared on a grid of servers, sizes, fields and ways to compare:
rounds, elements sent by server 0, material consumed. `test_every_formula_is_tested` sees to it.
"""

from collections import Counter
from functools import cache

import numpy as np
import pytest

import mpclab.cost as costs
from mpclab import Lab, wire
from mpclab.client import Client
from mpclab.cost import Cost, DryPool, blank, measured
from mpclab.network.rounds import step, together
from mpclab.preprocessing.dealer import Dealer
from mpclab.preprocessing.material import InputMasks, OutputMask, Triples, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols import arithmetic
from mpclab.protocols.checks import check_openings, commit_coin, reveal
from mpclab.protocols.clients import client_input, client_output, output_to, receive_input
from mpclab.protocols.comparison import SignTables
from mpclab.protocols.divide import floor_divide
from mpclab.protocols.multiply import multiply
from mpclab.randomness import Source
from mpclab.recommender import Noise, Parameters, Recommender
from mpclab.sharing import Share

SERVERS = (2, 3, 5, 8)
LARGE, MIDDLE = 2**61 - 1, 2**31 - 1


class CountingPool(Pool):
    """A pool that writes down what is taken, and deals what lacks."""

    def __init__(self, owner):
        super().__init__(owner)
        self.taken = Counter()

    def take(self, spec):
        self.taken[spec] += 1
        return super().take(spec)


@cache
def lab(n, modulus=LARGE, comparison="tables", bits=None):
    made = Lab(n, modulus=modulus, comparison=comparison, bits=bits, seed=n, network="ideal")
    for server in made.servers:
        server.pool = CountingPool(server.name)
    return made


def run(own, protocol, *args, clients=()):
    """Run in a session of its own with secrets of these shapes; what it cost server 0, all told.

    Integers and strings among the arguments are public; arrays become secrets.
    """
    material = run_dry(own, protocol, *args, clients=clients).material
    own.preprocess(list(material.elements()))
    for server in own.servers:
        server.pool.taken.clear()
    return _count(own.session("measured"), protocol, args, clients, [own.god.share(a) if
                  isinstance(a, np.ndarray) else [a] * own.n for a in args],
                  own.servers[0].pool)


def run_dry(own, protocol, *args, clients=()):
    """The same at servers whose shares and material are zeros, to know what it takes."""
    pools = [DryPool(s.key) for s in own.servers]
    kept = [s.pool for s in own.servers]
    for server, pool in zip(own.servers, pools, strict=True):
        server.pool = pool
    try:
        zeros = [
            [Share(np.zeros((2, *a.shape), np.uint64), s.key) for s in own.servers]
            if isinstance(a, np.ndarray) else [a] * own.n
            for a in args
        ]
        return _count(own.session("dry"), protocol, args, clients, zeros, pools[0])
    finally:
        for server, pool in zip(own.servers, kept, strict=True):
            server.pool = pool


def _count(session, protocol, args, clients, shares, pool):
    outcomes = session.run(
        "online",
        lambda party: protocol(party, *(s[party.index] for s in shares)),
        [(c.endpoint, program(c)) for c, program in (make(session) for make in clients)],
    )
    outcomes.raise_failure()
    name, transcript = session.name, session.network.transcript
    return Cost(
        transcript.rounds(name), transcript.elements_sent("server 0", name), Counter(pool.taken),
        transcript.bytes_sent("server 0", name), "measured",
    )


def numbers(*shape):
    return np.ones(shape, np.int64)


def client(program):
    def make(session):
        return Client(session.endpoint("carol"), Source.for_lab(1, "carol")), program

    return (make,)


def same(own, formula, protocol, *args, **kwargs):
    """Formula, measurement, and (without a client) the prediction by a dry run."""
    found = run(own, protocol, *args, **kwargs)
    assert formula.same_as(found), (formula, found)
    if not kwargs:
        handles = [own.god.secret(a) if isinstance(a, np.ndarray) else a for a in args]
        predicted = own.predict(protocol, *handles)
        if protocol is not reveal:
            predicted_only = Cost(predicted.rounds, predicted.elements, predicted.material)
            assert formula.same_as(predicted_only), (formula, predicted)
        assert predicted.source == "by a dry run on shapes"
    return found


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (2, 3)], ids=str)
def test_multiply_where_and_reveal(n, shape):
    own, size = lab(n), int(np.prod(shape))
    same(own, costs.multiply(n, size), multiply, numbers(*shape), numbers(*shape))
    same(own, costs.where(n, size), arithmetic.where, *[numbers(*shape)] * 3)
    same(own, costs.where(n, size), arithmetic.where, numbers(*shape), 3, 0)
    same(own, costs.reveal(n, size), reveal, numbers(*shape))


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 4), (5, 1, 2), (1, 6, 1), (2, 0, 2)], ids=str)
def test_matmul(n, sizes):
    m, k, columns = sizes
    same(lab(n), costs.matmul(n, *sizes), arithmetic.matmul, numbers(m, k), numbers(k, columns))


WAYS = [
    (LARGE, "tables", None), (LARGE, "bits", None), (LARGE, "exact", None), (LARGE, "fss", None),
    (LARGE, "tables", 8), (LARGE, "bits", 8), (LARGE, "bits", 1), (MIDDLE, "bits", 9),
    (MIDDLE, "exact", None), (MIDDLE, "fss", 9), (101, "tables", None), (101, "exact", None),
    (7, "tables", None), (1009, "exact", None), (65537, "exact", None),
]


def _grid(servers=SERVERS):
    return [(n, *way) for n in servers for way in WAYS if way[1] != "fss" or n == 2]


@pytest.mark.parametrize(("n", "modulus", "way", "bits"), _grid())
def test_comparisons_in_every_way(n, modulus, way, bits):
    own = lab(n, modulus, way, bits)
    F, settings = own.field, own.settings
    for size in (1, 5):
        x = np.zeros(size, np.int64)
        same(own, costs.comparison(n, F, settings, size), arithmetic.negative, x)
        same(own, costs.comparison(n, F, settings, size, 1), arithmetic.less, x, x)
        same(own, costs.equal(n, F, settings, size), arithmetic.equal, x, 1)


@pytest.mark.parametrize(("n", "modulus", "way", "bits"), _grid((2, 3)))
def test_maximum_and_sort_in_every_way(n, modulus, way, bits):
    own = lab(n, modulus, way, bits)
    F, settings = own.field, own.settings
    for shape in ((1,), (2,), (5,), (2, 3)):
        rows, length = int(np.prod(shape[:-1])), shape[-1]
        x = np.zeros(shape, np.int64)
        one = (n, F, settings, rows, length)
        same(own, costs.maximum(*one), arithmetic.maximum, x)
        same(own, costs.maximum(*one, index=True), arithmetic.argmax, x)
        same(own, costs.sort(*one), arithmetic.sort, x)


@pytest.mark.parametrize("n", SERVERS)
def test_maximum_and_sort_of_many(n):
    own = lab(n)
    for shape in ((8,), (13,), (3, 6)):
        rows, length = int(np.prod(shape[:-1])), shape[-1]
        one = (n, own.field, own.settings, rows, length)
        same(own, costs.maximum(*one), arithmetic.maximum, numbers(*shape))
        same(own, costs.sort(*one), arithmetic.sort, numbers(*shape))


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("divisor", [1, 2, 3, 10, 2**20, 10**12 + 39])
def test_floor_divide(n, divisor):
    for size in (1, 6):
        formula = costs.floor_divide(n, size, divisor, 40)
        same(lab(n), formula, floor_divide, numbers(size), divisor, 40)


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("modulus", [LARGE, 101])
def test_checks(n, modulus):
    async def only_check(party):
        coin = await commit_coin(party)  # its own round is not part of the formula
        await check_openings(party, coin)

    async def reveal_later(party, x):
        party.unchecked.append((party.field.zeros(), party.field.zeros()))
        return await reveal(party, x)

    own = lab(n, modulus)
    assert (Cost(1) + costs.check_openings(n)).same_as(run(own, only_check))
    assert costs.reveal(n, 4, unchecked=True).same_as(run(own, reveal_later, numbers(4)))


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("size", [1, 6])
@pytest.mark.parametrize("modulus", [LARGE, 101])
def test_clients(n, size, modulus):
    own = lab(n, modulus)
    x = own.field.array(numbers(size))
    same(own, costs.receive_input(n, size), receive_input, "carol", (size,),
         clients=client(lambda c: client_input(c, x)))
    same(own, costs.output_to(n, size), output_to, "carol", numbers(size),
         clients=client(lambda c: client_output(c, size)))


def test_every_formula_is_tested():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    formulas = [name for name in costs.__all__ if name[0].islower() and name != "measured"]
    assert len(formulas) == 15
    for name in formulas:
        assert f"costs.{name}(" in text


# -- the lab's own predictions ------------------------------------------------------------


@pytest.mark.parametrize("n", SERVERS)
def test_the_lab_predicts_what_it_then_pays(n):
    async def mixture(party, x, y, times):
        for _ in range(times):
            x, _ = await together(multiply(party, x, y), arithmetic.less(party, x, y))
        return await step("divided", floor_divide(party, x, 10, 40))

    async def shown(party, x):
        return await reveal(party, await multiply(party, x, x))

    own = Lab(n, seed=1)
    x, y = own.god.secret([1, 2, 3]), own.god.secret([2, 2, 2])
    runs = ((mixture, (x, y, 2)), (shown, (x,)), (mixture, (x, y, 0)), (shown, (y,)))
    for protocol, args in runs:
        predicted = own.predict(protocol, *args)
        before = own.transcript.rounds(phase="online"), \
            own.transcript.elements_sent("server 0", phase="online"), \
            own.transcript.bytes_sent("server 0", phase="online")
        own.run(protocol, *args)
        after = own.transcript.rounds(phase="online"), \
            own.transcript.elements_sent("server 0", phase="online"), \
            own.transcript.bytes_sent("server 0", phase="online")
        paid = tuple(b - a for a, b in zip(before, after, strict=True))
        assert paid == (predicted.rounds, predicted.elements, predicted.bytes)
        assert all(s.pool.count(spec) == 0 for s in own.servers for spec in predicted.material)


def test_what_is_in_stock_is_not_made_again():
    own = Lab(seed=1)
    own.preprocess([Triples(2), Triples(2)], checks=3)
    x = own.god.secret([3, 4])
    made = len(own.transcript)
    assert (x * x).reveal().tolist() == [9, 16]
    assert not any(r.phase == "preprocess" for r in own.transcript.records[made:])


def test_a_protocol_may_read_a_variable_that_changes():
    times = 1

    async def power(party, x):
        for _ in range(times):
            x = await multiply(party, x, x)
        return x

    own = Lab(seed=1)
    x = own.god.secret([3])
    own.run(power, x).reveal()
    times = 2
    assert own.run(power, x).reveal().tolist() == [81]


def test_predictions_see_no_secret():
    own = Lab(seed=1)
    x = own.god.secret([123])
    seen = []

    async def look(party, x):
        seen.append((party.endpoint.session, x.value.tolist(), x.mac.tolist()))
        return x

    own.predict(look, x)
    assert seen == [("dry run 1", [0], [0])] * 2 or all(v == m == [0] for _, v, m in seen)


# -- arithmetic of costs ------------------------------------------------------------------


def test_costs_add_up_and_merge():
    a = Cost(2, 10, Counter({Triples(3): 1}))
    b = Cost(5, 1, Counter({Triples(3): 2, ZeroTest(): 1}))
    material = Counter({Triples(3): 3, ZeroTest(): 1})
    assert (a + b).same_as(Cost(7, 11, material))
    assert (a | b).same_as(Cost(5, 11, material))
    assert not a.same_as(b)
    assert costs.one_after_another([a, b, a]).same_as(a + b + a)
    assert repr(a) == "Cost(2 rounds, 10 elements, material: Triples(count=3); by formula)"
    assert "2 x Triples(count=3), ZeroTest()" in repr(b)
    assert "material: none" in repr(Cost())
    assert "1,234 bytes" in repr(Cost(bytes=1234))


def test_blank_material_has_the_layout_of_the_spec():
    own = lab(3)
    for spec in (Triples(2), ZeroTest(), InputMasks(2, 3), OutputMask(4), SignTables(2, 9)):
        bundle = blank(spec, own.servers[1].key)
        assert list(bundle) == [e.name for e in spec.layout()]
        for e in spec.layout():
            assert bundle[e.name].shape == e.shape
            assert isinstance(bundle[e.name], Share) == e.authenticated
    pool = DryPool(own.servers[0].key)
    pool.require([Triples(9)] * 9)
    assert pool.count(Triples(9)) == 0
    pool.take(Triples(9))
    assert pool.taken == {Triples(9): 1}
    assert measured(own.network.transcript, {}).rounds == own.transcript.rounds()
    assert isinstance(own.dealer, Dealer)


# -- what docstrings say ------------------------------------------------------------------


def raw_bytes(own, session, phase):
    """Bytes of hashes, commitments and the like that server 0 sends to one other server."""
    total = 0
    for number, r in enumerate(own.transcript.records):
        if (r.session, r.phase, r.sender, r.receiver) == (session, phase, "server 0", "server 1"):
            _, sections = wire.decode(own.field, own.network.contents[number])
            total += sum(len(p) for s in sections for p in s.parts if isinstance(p, bytes))
    return total


def numbers_sent(own, session, sender, receiver):
    """How many numbers went from one to another, as elements or as integers."""
    total = 0
    for k, r in enumerate(own.transcript.records):
        if (r.session, r.sender, r.receiver) == (session, sender, receiver):
            _, sections = wire.decode(own.field, own.network.contents[k])
            total += sum(p.size for s in sections for p in s.parts if not isinstance(p, bytes))
    return total


def stated(own, session, phase):
    """Rounds, and elements per other server: what the docstrings count."""
    t = own.transcript
    assert t.elements_sent("server 0", session, phase) % (own.n - 1) == 0
    return t.rounds(session, phase), t.elements_sent("server 0", session, phase) // (own.n - 1)


RATINGS = np.array(
    [[8, 2, 9, 0, 4], [8, 3, 7, 3, 0], [7, 2, 0, 10, 1], [1, 9, 5, 5, 5]], np.uint8
)


@pytest.mark.parametrize(
    ("n", "way", "rounds", "per_row"),
    [*((n, "tables", 8, 2) for n in SERVERS), (2, "fss", 7, None)],
)
def test_the_recommender_costs_what_its_docstrings_say(n, way, rounds, per_row):
    own = Lab(n, seed=1, comparison=way)
    rec = Recommender(own, Parameters(users=4, items=5, dense=2, min_dense=1))
    rec.preprocess(rows=4, queries=1)
    rec.upload(RATINGS)
    result = rec.recommend(RATINGS[0], 0.9, user=0)
    upload = next(r.session for r in own.transcript.records if r.phase == "upload")
    users, length = 4, rec.parameters.outputs
    R = rec.statement.rounds
    assert stated(own, upload, "upload") == (7 + R + 10, 2 * users + 1 + 2 * users + 1)
    assert stated(own, result.session, "prepare") == (7, 3)
    found = stated(own, result.session, "online")
    assert found[0] == rounds
    if per_row:
        assert found[1] == (per_row + 1) * users + length + 1
    else:
        assert found[1] <= 3 * users + length + 1


@pytest.mark.parametrize(
    ("n", "way"),
    [*((n, "tables") for n in SERVERS), (2, "fss"), (2, "bits"), (3, "exact")],
)
@pytest.mark.parametrize(("minimum", "noise"), [(0, None), (2, None), (0, Noise(1)), (3, Noise(1))])
def test_a_recommendation_costs_what_the_formula_says(n, way, minimum, noise):
    own = Lab(n, seed=1, comparison=way)
    p = Parameters(users=4, items=5, dense=2, min_dense=1, min_neighbours=minimum, noise=noise)
    rec = Recommender(own, p)
    rec.preprocess(rows=4, queries=1)
    rec.upload(RATINGS)
    prepared = rec.prepare(0)
    held = Counter(
        {spec: len(q) for spec, q in prepared.session.parties[0]._reserved.items() if q}
    )
    result = rec.query(prepared, RATINGS[0], 0.9)
    predicted = costs.recommendation(n, p, 4, way)
    assert predicted.material == held
    assert (predicted.rounds, predicted.elements) == (
        own.transcript.rounds(result.session, "online"),
        own.transcript.elements_sent("server 0", result.session, "online"),
    )


@pytest.mark.parametrize("n", SERVERS)
@pytest.mark.parametrize("validated", [False, True])
def test_an_upload_costs_what_the_formulas_say(n, validated):
    own = Lab(n, seed=1)
    p = Parameters(users=9, items=9, dense=3, min_dense=1, validated=validated)
    rec = Recommender(own, p)
    rec.preprocess(rows=9)
    before = {spec: len(q) for spec, q in own.servers[0].pool._stock.items() if q}
    ratings = np.random.default_rng(2).integers(0, 11, (9, 9)).astype(np.uint8)
    assert rec.upload(ratings) == 9
    predicted = costs.upload(n, p, 9)
    assert predicted.material == {getattr(spec, "plain", spec): k for spec, k in before.items()}
    session = next(r.session for r in own.transcript.records if r.phase == "upload")
    assert (predicted.rounds, predicted.elements) == (
        own.transcript.rounds(session, "upload"),
        own.transcript.elements_sent("server 0", session, "upload"),
    )
    sent, received = costs.upload_of_a_user(p)
    said = 1  # an integer per user, beside its row
    assert numbers_sent(own, session, "users", "server 0") == 9 * (sent + said)
    assert numbers_sent(own, session, "server 0", "users") == 9 * received


async def _checked(party):
    await check_openings(party, await commit_coin(party))


def test_bytes_of_hashes_and_commitments_in_docstrings():
    own = Lab(3, seed=1)
    own.preprocess([], checks=1)
    own.each(_checked)
    found = {"check_openings": raw_bytes(own, own.transcript.records[-1].session, "online") - 32}
    own.secret([1])
    found["receive_input"] = raw_bytes(own, "lab 1", "upload")
    own.god.secret([1]).reveal_to(own.client("you"))
    found["output_to"] = raw_bytes(own, "lab 1", "online")
    rec = Recommender(own, Parameters(users=4, items=5, dense=2, min_dense=1))
    rec.preprocess(rows=4, queries=1)
    rec.upload(RATINGS)
    session = next(r.session for r in own.transcript.records if r.session.startswith("upload"))
    found["upload"] = raw_bytes(own, session, "upload") - (96 * rec.statement.rounds + 328 + 8 * 4)
    result = rec.recommend(RATINGS[0], 0.9, user=0)
    found["online"] = raw_bytes(own, result.session, "online")
    assert found == {
        "check_openings": 136, "receive_input": 201, "output_to": 168, "upload": 201, "online": 168,
    }
