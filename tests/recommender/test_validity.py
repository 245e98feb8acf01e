"""Rows proved valid: who is in range passes, whoever is not is refused, alone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab import Lab, wire
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.recommender import Noise, Parameters, Recommender, protocol
from mpclab.recommender.encoding import dense_vectors
from mpclab.recommender.validity import row_statement, witnesses
from tests.cheating import DROP, RATINGS, THRESHOLD, Cheat, Scene, by_hand, value

P = 2**61 - 1


def rows(p, ratings):
    return (
        Field(p.modulus).array(dense_vectors(ratings[:, : p.dense], p.scale)),
        p.packing.pack(ratings[:, p.dense :]),
    )


def holds(p, dense, packed, extra=None):
    if extra is None:
        extra = witnesses(p, dense, packed)
    return row_statement(p).holds(np.concatenate([dense.T, packed, extra]))


SHAPES = [
    {"users": 10_000, "items": 30, "dense": 4},  # 2 ratings to an element
    {"users": 10_000, "items": 31, "dense": 4},  # and one element that is half full
    {"users": 10_000, "items": 30, "dense": 4, "counts": False},  # 3 and 2 of 3
    {"users": 3, "items": 8, "dense": 1, "min_dense": 1},
    {"users": 10**6, "items": 9, "dense": 5},  # 1
    {"users": 50, "items": 9, "dense": 5, "modulus": 2**31 - 1, "scale": 50},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_honest_row_is_valid(shape):
    p = Parameters(**{"min_dense": 1, **shape})
    rng = np.random.default_rng(1)
    ratings = np.where(
        rng.random((400, p.items)) < rng.random((400, 1)), rng.integers(1, 11, (400, p.items)), 0
    ).astype(np.uint8)
    ratings[0], ratings[1], ratings[2] = 0, 10, 1
    assert holds(p, *rows(p, ratings)).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ratings_out_of_range_are_not(shape):
    """In every slot: what no rating gives, by hand: 0 and radix + 1 .. radix + 10 are all."""
    p = Parameters(**{"min_dense": 1, **shape})
    radix = p.packing.radix if p.packing.counts else 0
    allowed = [0, *(radix + v for v in range(1, 11))]
    tried = [*allowed, radix, radix + 11, p.packing.slot - 1]
    tried += [1, 10, radix - 1, 2 * radix + 5] if radix else [12, 9999]
    ratings = np.full((len(tried), p.items), 3, np.uint8)
    for item in range(p.scored):
        dense, packed = rows(p, ratings)
        i, k = divmod(item, p.packing.slots)
        packed[i] -= np.uint64((radix + 3) * p.packing.slot**k)
        packed[i] += np.array([v * p.packing.slot**k for v in tried], np.uint64)
        assert holds(p, dense, packed).tolist() == [v in allowed for v in tried], item


def test_a_slot_that_holds_no_item_must_be_empty():
    p = Parameters(users=10_000, items=31, dense=4, min_dense=1)
    assert p.scored % p.packing.slots == 1
    dense, packed = rows(p, np.full((2, 31), 3, np.uint8))
    packed[-1, 1] += np.uint64(p.packing.slot * (p.packing.radix + 3))
    assert holds(p, dense, packed).tolist() == [True, False]


def test_lengths():
    """scale 255, S = 20: (255 + sqrt(20)/2)^2 = 66170.4."""
    p = Parameters(users=100, items=25, dense=20)
    F = p.packing.modulus
    packed = p.packing.pack(np.zeros((1, 5), np.uint8))
    def longest(*entries):
        dense = np.zeros((1, 20), np.uint64)
        dense[0, : len(entries)] = [e % F for e in entries]
        return bool(holds(p, dense, packed)[0])
    assert longest(255, 33, 7, 2, 1)  # 255^2 + 33^2 + 49 + 4 + 1 = 66168
    assert longest(255, 33, 7, 2, 1, 1, 1)  # 66170
    assert not longest(255, 33, 7, 2, 2)  # 66171
    assert longest(-256, 25, 3)  # 66170
    assert not longest(-256, 25, 3, 1)
    assert longest(257, 11)  # 66170
    assert longest(-257)
    assert not longest(258)
    assert not longest(-258)
    assert not longest(512)
    assert not longest(-513)
    assert longest()
    assert not longest(2**31, 2**31)
    # squares that sum to little modulo p: -1 = i^2 for no i when p = 3 mod 4, but a^2 + b^2 = -1
    a, b = next(
        (a, r) for a in range(2, 50)
        if pow(r := pow((-1 - a * a) % P, (P + 1) // 4, P), 2, P) == (-1 - a * a) % P
    )
    assert (a * a + b * b + 1) % P == 0
    assert not longest(a, b)


@settings(max_examples=40)
@given(
    shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32 - 1),
    where=st.sampled_from(["dense", "packed", "witness"]), by=st.integers(1, 2**61 - 2),
)
def test_no_other_witnesses_help(shape, seed, where, by):
    """Whatever one number is changed to: valid only as another row, with that row's witnesses."""
    p = Parameters(**{"min_dense": 1, **shape})
    rng = np.random.default_rng(seed)
    dense, packed = rows(p, rng.integers(0, 11, (1, p.items)).astype(np.uint8))
    extra, F = witnesses(p, dense, packed), Field(p.modulus)
    part = {"dense": dense, "packed": packed, "witness": extra}[where].reshape(-1)
    i = int(rng.integers(part.size))
    part[i] = F.add(part[i], F.array(by % (p.modulus - 1) + 1))
    if where == "witness" or not np.array_equal(witnesses(p, dense, packed), extra):
        assert not holds(p, dense, packed, extra).any()


def ready(servers, seed=3, **changes):
    p = Parameters(**{"users": 8, "items": 5, "dense": 2, "min_dense": 1, **changes})
    recommender = Recommender(Lab(servers, seed=seed), p)
    recommender.preprocess(rows=4, queries=1)
    return recommender


def wild(p, kind):
    """The honest rows, with row 1 or 2 not valid."""
    dense, packed = rows(p, RATINGS)
    F = Field(p.modulus)
    if kind == "too long":
        dense[1] = F.mul(dense[1], np.uint64(2))
    elif kind == "huge":
        dense[1] = F.array([2**59 + 12345, -(2**58)])
    elif kind == "many stars":
        packed[0, 1] += np.uint64(40)
    elif kind == "many counts":
        packed[0, 1] += np.uint64(3 * p.packing.radix)
    elif kind == "any element":
        packed[:, 1] = F.modulus - 1
    else:
        raise AssertionError(kind)
    return dense, packed


KINDS = ["too long", "huge", "many stars", "many counts", "any element"]


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_not_valid_is_refused_alone(servers, kind):
    recommender = ready(servers)
    assert recommender.upload_encoded(*wild(recommender.parameters, kind)) == 3
    for server in recommender.lab.servers:
        assert server.storage["recommender"][0].present.tolist() == [True, False, True, True]
    result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    kept = RATINGS[[0, 2, 3]]
    assert (result.sums.tolist(), result.counts.tolist(), result.neighbours) == by_hand(
        kept, RATINGS[0], THRESHOLD, own=0, dense=2
    )


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_proof_it_is_taken(kind):
    recommender = ready(2, validated=False)
    assert recommender.upload_encoded(*wild(recommender.parameters, kind)) == 4


def test_everybody_may_be_refused():
    recommender = ready(3)
    dense, packed = rows(recommender.parameters, RATINGS)
    assert recommender.upload_encoded(dense, packed + np.uint64(11)) == 0
    assert recommender.recommend(RATINGS[0], -1).neighbours == 0


def test_a_refused_row_leaves_its_mask_unused():
    """E stays 0 there, as if nothing had come."""
    recommender = ready(2)
    recommender.upload_encoded(*wild(recommender.parameters, "huge"))
    for server in recommender.lab.servers:
        block = server.storage["recommender"][0]
        assert not block.dense.masked[1].any()
        assert not block.packed.masked[:, 1].any()
        assert block.dense.masked[[0, 2, 3]].any()


@pytest.mark.parametrize("servers", [2, 3])
def test_a_server_can_have_a_user_refused_and_nothing_more(servers):
    scene = Scene(servers)
    Cheat(scene.lab, "server 1", "proof/valid/s - u", value(at=2), phase="upload")
    scene.recommender.upload(RATINGS)
    assert scene.recommender.users == 3
    scene.honest()
    assert scene.right(scene.ask(), missing=(2,))


@pytest.mark.parametrize("user", range(4))
@pytest.mark.parametrize("by", [1, P])  # and the same modulo p: but not canonical
def test_a_polynomial_of_one_user_matters_to_it_alone(user, by):
    """The same altered value at all servers: the proof fails, no session ends."""
    scene = Scene(2)

    def other(message):
        g = message.section.parts[0].copy()
        g[3, user] = int(g[3, user]) + by
        return message.with_part(0, g).encode()

    Cheat(scene.lab, "users", "proof/polynomial", other)
    scene.recommender.upload(RATINGS)
    assert scene.recommender.users == 3
    assert scene.right(scene.ask(), missing=(user,))


def test_a_proof_that_is_no_message_is_refused_also_where_rows_differ():
    """User 1 tells the servers different rows; user 2's polynomial is the same, but not canonical.

    So rows are compared one by one, and user 2's row is the same at all servers.
    """
    scene = Scene(2)

    def shifted(message):
        g = message.section.parts[0].copy()
        g[3, 2] = int(g[3, 2]) + P
        return message.with_part(0, g).encode()

    cheat = Cheat(scene.lab, "users", "proof/polynomial", shifted)
    cheat.also("rows", value(1, at=2), to=["server 0"])
    scene.recommender.upload(RATINGS)
    assert cheat.hits == 3
    assert scene.recommender.users == 2
    assert scene.right(scene.ask(), missing=(1, 2))


@pytest.mark.parametrize("to", [None, ["server 0"]])
def test_rows_that_do_not_arrive_are_refused_with_their_proofs(to):
    scene = Scene(3)
    cheat = Cheat(scene.lab, "users", "rows", lambda message: DROP, to=to)
    assert scene.recommender.upload(RATINGS) == 0
    assert cheat.hits == (1 if to else 3)
    scene.honest()
    assert scene.recommender.users == 0


def test_material_is_one_bundle_per_upload():
    recommender = ready(2)
    statement = recommender.statement
    specs = protocol.upload_material(statement, 4)
    pool = recommender.lab.servers[0].pool
    assert all(pool.count(spec) for spec in specs)
    recommender.upload(RATINGS)
    assert not any(pool.count(spec) for spec in specs)


def test_fields_that_are_too_small():
    with pytest.raises(InputError, match=r"could pass with probability .*validated=False"):
        row_statement(
            Parameters(4, 5, 2, modulus=65537, scale=3, min_dense=1, counts=False)
        )
    with pytest.raises(InputError, match="too small to bound the length"):
        row_statement(Parameters(2, 4, 2, modulus=131, scale=4, min_dense=1, counts=False))
    Recommender(
        Lab(2, modulus=101),
        Parameters(2, 4, 2, 101, scale=3, min_dense=1, counts=False, validated=False),
    )


@pytest.mark.parametrize("counts", [False, True])
def test_rows_that_are_trimmed_for_noise_are_valid(counts):
    p = Parameters(30, 40, 5, min_dense=1, counts=counts, noise=Noise(1.0, contribution=6))
    ratings = np.random.default_rng(3).integers(0, 11, (30, 40)).astype(np.uint8)
    assert holds(p, *rows(p, ratings)).all()
    dense, packed = rows(p, ratings)
    packed[0] += np.uint64(11)
    assert not holds(p, dense, packed).any()


def test_a_user_whose_mask_failed_sends_no_polynomials():
    """Zeros stand for it in every message of the crowd."""
    scene, sent = Scene(2), {}

    def alter(message):
        part = message.section.parts[1].copy()
        part[2, 0] = (int(part[2, 0]) + 1) % message.field.modulus
        return message.with_part(1, part).encode()

    class Listening(Cheat):
        def __call__(self, flight):
            for e in flight.honest:
                if (e.sender, e.receiver) == ("users", "server 1"):
                    for s in wire.decode(self.field, e.data)[1]:
                        sent.setdefault(s.label, []).append(s.parts)
            return super().__call__(flight)

    Listening(scene.lab, "server 1", "masks", alter, phase="upload", kind="mask")
    assert scene.recommender.upload(RATINGS) == 3
    assert sent["rows"][0][0].tolist() == [1, 1, 0, 1]
    assert len(sent["proof/polynomial"]) == scene.recommender.statement.rounds
    assert not any(parts[0][:, 2].any() for parts in sent["proof/polynomial"])
