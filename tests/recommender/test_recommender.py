"""The recommender: the private result equals the plaintext, whatever the order of doings."""

import gc
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab.errors import Abort, InputError, MaterialError, MpclabError
from mpclab.lab import Lab
from mpclab.party import Party, Server
from mpclab.preprocessing.material import ZeroTest
from mpclab.recommender import Parameters, Recommender, plaintext
from mpclab.recommender.protocol import QUERIES
from mpclab.sharing import KeyShare
from tests.cheating import Cheat, by_hand, value


def random_ratings(rng, users, items, density=0.7):
    ratings = rng.integers(1, 11, (users, items)).astype(np.uint8)
    ratings[rng.random((users, items)) > density] = 0
    return ratings


def same(result, wanted):
    sums, counts, neighbours = wanted
    return (
        result.sums.tolist() == list(sums)
        and result.counts.tolist() == list(counts)
        and result.neighbours == neighbours
    )


def ready(ratings, *, servers=2, seed=1, queries=1, dense=2, **changes):
    """A recommender with one block of rows uploaded."""
    users, items = ratings.shape
    changes.setdefault("validated", changes.get("modulus", 2**61 - 1) > 2**30)
    parameters = Parameters(
        **{"users": max(users, 2), "items": items, "dense": dense, "min_dense": 1, **changes}
    )
    lab = Lab(servers=servers, seed=seed, modulus=parameters.modulus)
    recommender = Recommender(lab, parameters)
    recommender.preprocess(rows=users, queries=queries)
    assert recommender.upload(ratings) == users
    return recommender


# -- the result ---------------------------------------------------------------------


@settings(max_examples=25)
@given(
    servers=st.sampled_from([2, 3, 5]),
    users=st.integers(2, 12),
    scored=st.integers(1, 9),
    dense=st.integers(1, 5),
    threshold=st.one_of(st.sampled_from([-1, -0.2, 0, 0.3, 0.9, 1]), st.floats(-1, 1)),
    guest=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_result_equals_the_plaintext(servers, users, scored, dense, threshold, guest, seed):
    """Random sizes and ratings; the requester is among the users, or a guest."""
    rng = np.random.default_rng(seed)
    ratings = random_ratings(rng, users, dense + scored)
    own = None if guest else int(rng.integers(users))
    query = random_ratings(rng, 1, dense + scored, 1)[0] if guest else ratings[own]
    query = query.copy()
    query[0] = max(query[0], 1)
    recommender = ready(ratings, servers=servers, seed=seed, dense=dense)
    result = recommender.recommend(query, threshold, user=-1 if guest else own)
    wanted = by_hand(ratings, query, threshold, own=own, dense=dense)
    assert same(result, wanted)
    assert same(
        result, plaintext(recommender.parameters, ratings, query, threshold, exclude=own)
    )


@pytest.mark.parametrize("threshold", [-1, 1])
def test_thresholds_at_their_ends(threshold):
    """-1: everybody is a neighbour. 1: nobody, or who is alike after rounding."""
    ratings = np.array([[10, 1, 3, 0], [10, 1, 5, 7], [1, 10, 9, 9], [0, 0, 1, 1]], np.uint8)
    recommender = ready(ratings)
    result = recommender.recommend(ratings[0], threshold, user=0)
    assert same(result, by_hand(ratings, ratings[0], threshold, own=0))
    if threshold == -1:
        assert result.neighbours == 3


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("rating", [1, 10])
def test_everybody_rates_everything_alike(rating, counts):
    """The fullest sums: no slot overflows into another."""
    ratings = np.full((9, 20), rating, np.uint8)
    recommender = ready(ratings, counts=counts, dense=3)
    packing = recommender.parameters.packing
    assert packing.slots > 1
    result = recommender.recommend(ratings[0], -1)
    assert result.sums.tolist() == [9 * rating] * 17
    assert result.counts.tolist() == [9 * counts] * 17
    assert result.neighbours == 9


def test_without_counts_more_ratings_share_an_element():
    rng = np.random.default_rng(2)
    ratings = random_ratings(rng, 6, 13)
    recommender = ready(ratings, counts=False, dense=3)
    assert recommender.parameters.packed < Parameters(6, 13, 3, min_dense=1).packed
    result = recommender.recommend(ratings[1], 0.0, user=1)
    sums, _, neighbours = by_hand(ratings, ratings[1], 0.0, own=1, dense=3)
    assert same(result, (sums, [0] * 10, neighbours))


@pytest.mark.parametrize("servers", [2, 3, 5])
def test_toy_field(servers):
    """p = 101: two users, one table of all 101 elements per comparison, exact."""
    ratings = np.array([[10, 2, 7, 0, 10], [9, 1, 10, 3, 10]], np.uint8)
    recommender = ready(ratings, servers=servers, modulus=101, scale=3, queries=4)
    for user in (0, 1):
        for threshold in (0.5, -0.5):
            result = recommender.recommend(ratings[user], threshold, user=user)
            wanted = by_hand_toy(ratings, ratings[user], threshold, user)
            assert same(result, wanted)


def by_hand_toy(ratings, query, threshold, own):
    return by_hand(ratings, query, threshold, own=own, dense=2, scale=3)


@pytest.mark.parametrize("modulus", [2**31 - 1, 1823654103922170673])
def test_other_fields(modulus):
    rng = np.random.default_rng(3)
    ratings = random_ratings(rng, 5, 8, 1)
    recommender = ready(ratings, modulus=modulus, scale=50, dense=3)
    result = recommender.recommend(ratings[4], 0.1, user=4)
    assert same(result, by_hand(ratings, ratings[4], 0.1, own=4, dense=3, scale=50))


# -- the order of doings ------------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
def test_rows_come_in_blocks_and_replace_each_other(servers):
    rng = np.random.default_rng(4)
    first, second, third = (random_ratings(rng, k, 6, 1) for k in (4, 3, 1))
    recommender = Recommender(
        Lab(servers=servers, seed=4), Parameters(users=8, items=6, dense=2, min_dense=1)
    )
    recommender.preprocess(rows=4)
    recommender.upload(first)  # 0 1 2 3
    recommender.preprocess(rows=3)
    recommender.upload(second, ids=[5, 1, 9])  # 1 is replaced
    recommender.preprocess(rows=1, queries=3)
    assert recommender.users == 6
    now = {0: first[0], 1: second[1], 2: first[2], 3: first[3], 5: second[0], 9: second[2]}

    def check(query, user, threshold=0.2):
        result = recommender.recommend(query, threshold, user=user)
        rows = list(now)
        own = rows.index(user) if user in now else None
        matrix = np.array([now[u] for u in rows])
        assert same(result, by_hand(matrix, query, threshold, own=own))

    check(now[1], 1)
    recommender.upload(third, ids=[1])  # once more
    now[1] = third[0]
    assert recommender.users == 6
    check(now[9], 9)
    check(third[0], -1)  # a guest


def test_a_row_is_in_force_once():
    """Tombstones: whoever uploads again counts once, and no longer with the old row."""
    rows = np.array([[10, 1, 3], [10, 1, 5]], np.uint8)
    recommender = Recommender(Lab(seed=5), Parameters(users=6, items=3, dense=2, min_dense=1))
    for rating in (3, 7, 10):
        recommender.preprocess(rows=2)
        rows[:, 2] = rating
        recommender.upload(rows)
    recommender.preprocess(queries=1)
    result = recommender.recommend(rows[0], 0.5)
    assert (result.neighbours, result.sums.tolist()) == (2, [20])


def test_absent_rows_do_not_count():
    """Masks that nobody used, and rows that were refused."""
    rng = np.random.default_rng(6)
    ratings = random_ratings(rng, 5, 6, 1)
    recommender = Recommender(Lab(seed=6), Parameters(users=20, items=6, dense=2, min_dense=1))
    recommender.preprocess(rows=5)
    recommender.preprocess(rows=7)
    recommender.preprocess(queries=1)
    Cheat(recommender.lab, "users", "rows", value(2, at=2), to=["server 0"])
    assert recommender.upload(ratings) == 4
    result = recommender.recommend(ratings[0], -1)
    assert same(result, by_hand(ratings[[0, 1, 3, 4]], ratings[0], -1))


def test_queries_prepared_at_once_and_used_in_any_order():
    rng = np.random.default_rng(7)
    ratings = random_ratings(rng, 6, 7, 1)
    recommender = ready(ratings, servers=3, queries=4)
    prepared = [recommender.prepare(user=user, client=f"client {user}") for user in range(4)]
    for user in (2, 0, 3, 1):
        result = recommender.query(prepared[user], ratings[user], 0.1)
        assert same(result, by_hand(ratings, ratings[user], 0.1, own=user))


def test_a_prepared_query_sees_what_was_there_when_masks_for_more_come_later():
    rng = np.random.default_rng(8)
    first, second = random_ratings(rng, 3, 6, 1), random_ratings(rng, 3, 6, 1)
    recommender = Recommender(Lab(seed=8), Parameters(users=9, items=6, dense=2, min_dense=1))
    recommender.preprocess(rows=3, queries=1)
    recommender.upload(first)
    prepared = recommender.prepare()
    recommender.preprocess(rows=3)
    recommender.upload(second, ids=[2, 8, 9])  # also replaces row 2
    result = recommender.query(prepared, first[0], -1)
    assert same(result, by_hand(first, first[0], -1))


def test_a_prepared_query_stays_valid_when_more_rows_are_uploaded():
    """The masks were there when it was prepared, so its material covers them."""
    rng = np.random.default_rng(9)
    first, second = random_ratings(rng, 3, 6, 1), random_ratings(rng, 3, 6, 1)
    recommender = Recommender(Lab(seed=9), Parameters(users=9, items=6, dense=2, min_dense=1))
    recommender.preprocess(rows=3)
    recommender.preprocess(rows=3)
    recommender.preprocess(queries=1)
    recommender.upload(first)
    prepared = recommender.prepare()
    recommender.upload(second, ids=[3, 4, 5])
    result = recommender.query(prepared, first[0], -1)
    assert same(result, by_hand(first, first[0], -1))


def test_an_empty_database_has_no_neighbours():
    recommender = Recommender(Lab(seed=10), Parameters(users=4, items=4, dense=2, min_dense=1))
    recommender.preprocess(rows=4, queries=1)
    result = recommender.recommend(np.array([5, 5, 0, 0]), -1)
    assert (result.neighbours, result.sums.tolist(), result.counts.tolist()) == (0, [0, 0], [0, 0])


# -- material -----------------------------------------------------------------------

RATINGS = np.array([[8, 2, 9], [8, 3, 7], [1, 9, 5]], np.uint8)


def nothing_sent(recommender, doing, error, sentence):
    before = len(recommender.lab.transcript)
    with pytest.raises(error, match=sentence):
        doing()
    assert len(recommender.lab.transcript) == before


def test_too_little_material_is_said_before_anything_is_sent():
    recommender = ready(RATINGS, queries=1)
    nothing_sent(
        recommender, lambda: recommender.upload(RATINGS), MaterialError, "no fresh masks for 3 rows"
    )
    recommender.recommend(RATINGS[0], 0.5)
    nothing_sent(
        recommender, lambda: recommender.prepare(), MaterialError, "call preprocess"
    )
    recommender.lab.preprocess([], checks=5)  # zero tests alone are not enough
    nothing_sent(
        recommender, lambda: recommender.prepare(), MaterialError, "call preprocess"
    )


def test_material_that_lacks_in_part_is_not_taken():
    """A query takes all of its material or nothing."""
    recommender = ready(RATINGS, queries=1)
    for server in recommender.lab.servers:
        server.pool.take(ZeroTest(QUERIES))
    pools = [repr(s.pool) for s in recommender.lab.servers]
    nothing_sent(recommender, lambda: recommender.prepare(), MaterialError, "ZeroTest")
    assert [repr(s.pool) for s in recommender.lab.servers] == pools
    recommender.lab.preprocess([ZeroTest(QUERIES)])
    assert same(recommender.recommend(RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


def test_a_lab_does_not_use_up_what_was_made_for_queries():
    recommender = ready(RATINGS, queries=2)
    for k in range(3):
        recommender.lab.secret([k])
    for _ in range(2):
        assert same(recommender.recommend(RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


def test_material_made_before_more_rows_is_not_for_them():
    recommender = ready(RATINGS, queries=1, users=5)
    recommender.preprocess(rows=2)
    nothing_sent(recommender, lambda: recommender.prepare(), MaterialError, "call preprocess")
    recommender.preprocess(queries=1)
    assert same(recommender.recommend(RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


def test_a_prepared_query_is_for_one_use():
    recommender = ready(RATINGS, queries=2)
    prepared = recommender.prepare()
    recommender.query(prepared, RATINGS[0], 0.5)
    with pytest.raises(MpclabError, match="one use"):
        recommender.query(prepared, RATINGS[1], 0.5)
    assert same(recommender.recommend(RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


def test_after_an_abort_the_query_is_used_up():
    recommender = ready(RATINGS, queries=2)
    prepared = recommender.prepare()
    Cheat(recommender.lab, "server 1", "select/b - d", value())
    with pytest.raises(Abort):
        recommender.query(prepared, RATINGS[0], 0.5)
    recommender.lab.network.corrupt = frozenset()
    with pytest.raises(MpclabError, match=r"one use|aborted"):
        recommender.query(prepared, RATINGS[0], 0.5)
    assert same(recommender.recommend(RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


@pytest.mark.parametrize("sessions", [3])
def test_no_bundle_is_given_out_twice(sessions):
    taken = []
    recommender = ready(RATINGS, queries=sessions)
    pool = recommender.lab.servers[0].pool
    take = pool.take

    def noted(spec):
        serial, material = take(spec)
        taken.append(serial)
        return serial, material

    pool.take = noted
    for _ in range(sessions):
        recommender.recommend(RATINGS[0], 0.5)
    assert len(taken) == len(set(taken)) == 5 * sessions


# -- sentences ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doing", "sentence"),
    [
        (lambda r: r.upload(np.full((3, 3), 11)), "a rating is 11"),
        (lambda r: r.upload(np.full((3, 3), np.nan)), "a rating is nan"),
        (lambda r: r.upload(np.zeros((3, 2), np.uint8)), r"shape \(3, 2\)"),
        (lambda r: r.upload(RATINGS, ids=[1, 2]), "ids have shape"),
        (lambda r: r.upload(RATINGS, ids=[1, 2, 2]), "an id occurs twice"),
        (lambda r: r.upload(RATINGS, ids=[1, 2, -2]), "ids have shape"),
        (lambda r: r.preprocess(rows=-1), "rows is -1"),
        (lambda r: r.preprocess(queries=-1), "queries is -1"),
        (lambda r: r.preprocess(queries=1.5), "queries is 1.5"),
        (lambda r: r.preprocess(rows=5), "at most 7 users"),
        (lambda r: r.recommend(RATINGS[0], 1.5), "the threshold is 1.5"),
        (lambda r: r.recommend(RATINGS[0], float("nan")), "the threshold is nan"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_sent(doing, sentence):
    recommender = ready(RATINGS, users=7)
    recommender.preprocess(rows=3)
    nothing_sent(recommender, lambda: doing(recommender), InputError, sentence)


def test_a_query_that_makes_no_sense_leaves_the_prepared_one():
    recommender = ready(RATINGS, dense=2, min_dense=2)
    prepared = recommender.prepare()
    for query, sentence in (
        ([0, 2, 9], "rated 1 of the 2 dense items; at least 2"),
        ([8, 2, 12], "a rating is 12"),
        ([8, 2], "shape"),
        ([8, 2, float("nan")], "a rating is nan"),
    ):
        nothing_sent(
            recommender,
            lambda query=query: recommender.query(prepared, np.array(query), 0.5),
            InputError, sentence,
        )
    assert same(recommender.query(prepared, RATINGS[0], 0.5), by_hand(RATINGS, RATINGS[0], 0.5))


@pytest.mark.parametrize("query", [[0, 0, 9], [8, 2, 11], [8, 2]])
def test_recommend_checks_the_ratings_before_it_prepares(query):
    recommender = ready(RATINGS)
    before = len(recommender.lab.transcript)
    with pytest.raises(InputError):
        recommender.recommend(np.array(query), 0.5)
    assert len(recommender.lab.transcript) == before


def test_a_query_that_is_a_number():
    recommender = ready(RATINGS)
    with pytest.raises(InputError, match="shape"):
        recommender.query(recommender.prepare(), 5, 0.5)


def test_parameters_of_another_field():
    with pytest.raises(InputError, match="give both the same"):
        Recommender(
            Lab(modulus=101), Parameters(users=4, items=4, dense=2, min_dense=1)
        )


def test_queries_without_rows():
    recommender = Recommender(Lab(), Parameters(users=4, items=4, dense=2, min_dense=1))
    with pytest.raises(InputError, match="preprocess rows first"):
        recommender.preprocess(queries=1)


# -- a server knows only what it holds ----------------------------------------------


def reachable(root):
    """Everything that can be reached from an object by attributes and containers."""
    found, todo = {}, [root]
    while todo:
        thing = todo.pop()
        if id(thing) in found or isinstance(
            thing, (str, bytes, int, float, complex, type, type(None), np.generic)
        ):
            continue
        found[id(thing)] = thing
        if isinstance(thing, Mapping):
            todo += [*thing.keys(), *thing.values()]
        elif isinstance(thing, (list, tuple, set, frozenset)) or type(thing).__name__ == "deque":
            todo += list(thing)
        elif isinstance(thing, np.ndarray):
            if thing.base is not None:
                todo.append(thing.base)
        elif type(thing).__module__.startswith("mpclab"):
            for name in dir(type(thing)):  # slots
                if not name.startswith("__") and type(
                    getattr(type(thing), name)
                ).__name__ == "member_descriptor":
                    todo.append(getattr(thing, name, None))
            todo += list(getattr(thing, "__dict__", {}).values())
        elif callable(thing):
            todo += [c.cell_contents for c in getattr(thing, "__closure__", None) or ()]
            todo += [getattr(thing, "__self__", None)]
    return list(found.values())


@pytest.mark.parametrize("servers", [2, 3])
def test_a_server_reaches_nothing_of_another_server_and_no_plaintext(servers):
    rng = np.random.default_rng(11)
    ratings = random_ratings(rng, 40, 30, 1)
    recommender = ready(ratings, servers=servers, queries=3, dense=5)
    prepared = recommender.prepare()
    recommender.recommend(ratings[0], 0.2)
    lab, p = recommender.lab, recommender.parameters
    dense = lab.field.array(
        np.rint(p.scale * np.array([unit(row[:5]) for row in ratings])).astype(int)
    )
    packed = p.packing.pack(ratings[:, 5:])
    secret = [{a.tobytes(), np.ascontiguousarray(a.T).tobytes()} for a in (dense, packed)]
    secret = set().union(*secret)
    others = {}
    for server in lab.servers:
        others[server.key.index] = {
            a.tobytes() for a in arrays(server) if a.size > 100 and a.dtype == np.uint64
        }
    alpha = lab.field.sum(np.array([s.key.alpha for s in lab.servers]))
    for index, server in enumerate(lab.servers):
        for root in (server, prepared.servers[index]):
            things = reachable(root)
            assert len(things) > 20
            for thing in things:
                assert not isinstance(thing, (Lab, Recommender))
                if isinstance(thing, Server):
                    assert thing is server
                if isinstance(thing, Party):
                    assert thing.index == index
                if isinstance(thing, KeyShare):
                    assert thing.index == index
                    assert thing.alpha != alpha
            held = {a.tobytes() for a in arrays(root)}
            assert not held & secret
        public = {b.dense.masked.tobytes() for b in server.storage["recommender"]}
        public |= {b.packed.masked.tobytes() for b in server.storage["recommender"]}
        for other, theirs in others.items():
            if other != index:
                assert not (others[index] & theirs) - public
    gc.collect()


def unit(row):
    centred = row - 6.5
    return centred / np.sqrt((centred**2).sum())


def arrays(root):
    return [x for x in reachable(root) if isinstance(x, np.ndarray)]
