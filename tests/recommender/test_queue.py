"""Queries prepared ahead: bounded, visible, never served twice, made anew when they are void."""

import numpy as np
import pytest

from mpclab.errors import Abort, InputError, MaterialError
from mpclab.preprocessing.material import ZeroTest
from mpclab.recommender import PreparedQueue
from mpclab.recommender.protocol import QUERIES
from tests.cheating import Cheat, value
from tests.recommender.test_batches import RATINGS, THRESHOLD, ready, right

LINE = [(0, "alice"), (1, "bob"), (2, "carol"), (3, "dave")]


def line(queue, *columns):
    return queue.frame()[list(columns or ("client", "state"))].to_numpy().tolist()


def honest(recommender):
    recommender.lab.network.adversary, recommender.lab.network.corrupt = None, frozenset()


def in_stock(recommender):
    return [sum(len(q) for q in s.pool._stock.values()) for s in recommender.lab.servers]


@pytest.mark.parametrize("servers", [2, 3])
def test_what_is_queued_is_asked_at_once(servers):
    recommender = ready(0, servers)
    queue = recommender.queue(3, LINE)
    assert repr(queue) == "PreparedQueue(0 of 3 ready, 4 waiting)"
    assert (queue.fill(), len(queue)) == (3, 3)
    assert repr(queue) == "PreparedQueue(3 of 3 ready, 1 waiting)"
    assert queue.fill() == 0
    frame = queue.frame()
    assert list(frame) == ["client", "user", "rows", "session", "state"]
    assert frame["rows"].tolist() == [4, 4, 4, 0]
    assert frame["session"].nunique() == 4
    results = recommender.query_many(queue.take_many(3), RATINGS[:3], THRESHOLD)
    assert all(right(r, user) for user, r in enumerate(results))
    assert len(queue) == 0
    assert (queue.fill(), line(queue)) == (1, [["dave", "ready"]])
    assert right(recommender.query(queue.take(), RATINGS[3], THRESHOLD), 3)
    assert queue.frame().empty


def test_the_work_ahead_is_not_online():
    """What `fill` does is in the transcript, under the phases before; online is as ever."""
    recommender = ready(0)
    transcript = recommender.lab.transcript
    queue = recommender.queue(2, LINE)
    before = len(transcript)
    queue.fill()
    phases = [r.phase for r in transcript.records[before:]]
    assert set(phases) == {"preprocess", "prepare"}
    before = len(transcript)
    recommender.query_many(queue.take_many(["bob", "alice"]), RATINGS[[1, 0]], THRESHOLD)
    assert {r.phase for r in transcript.records[before:]} == {"online"}


def test_material_is_made_for_what_is_prepared_and_no_more():
    recommender = ready(1)
    queue = recommender.queue(3, LINE)
    queue.fill()
    assert in_stock(recommender) == [0, 0]
    assert recommender.ready == 0
    assert queue.fill() == 0
    assert in_stock(recommender) == [0, 0]


def test_nothing_is_served_twice():
    recommender = ready(0)
    queue = recommender.queue(2, [(0, "alice"), (0, "alice"), (1, "bob")])
    queue.fill()
    first, second = queue.take("alice"), queue.take("alice")
    assert first is not second
    assert first.session is not second.session
    for sentence in (lambda: queue.take("alice"), lambda: queue.take("nobody"), queue.take):
        with pytest.raises(MaterialError, match="no query is ready"):
            sentence()
    queue.fill()
    bob = queue._line[0].prepared
    recommender.query(bob, RATINGS[1], THRESHOLD)  # past the queue
    assert line(queue) == [["bob", "used"]]
    with pytest.raises(MaterialError, match="no query is ready for 'bob'"):
        queue.take("bob")
    assert queue.fill() == 0
    assert line(queue) == []


def test_taking_many_takes_all_or_none():
    recommender = ready(0)
    queue = recommender.queue(2, LINE)
    queue.fill()
    for many in (3, ["alice", "carol"], ["alice", "alice"]):
        with pytest.raises(MaterialError, match="no query is ready"):
            queue.take_many(many)
    assert line(queue)[:2] == [["alice", "ready"], ["bob", "ready"]]
    assert [q.client.endpoint.name for q in queue.take_many(["bob", None])] == ["bob", "alice"]


def test_rows_taken_out_void_what_is_queued():
    recommender = ready(0)
    queue = recommender.queue(2, LINE[:2])
    queue.fill()
    recommender.lab.servers[1].storage["recommender"][0].present[2] = False
    assert recommender.settle() == 1
    assert line(queue) == [["alice", "void"], ["bob", "void"]]
    assert len(queue) == 0
    with pytest.raises(MaterialError, match="no query is ready"):
        queue.take()
    assert queue.fill() == 2
    assert line(queue) == [["alice", "ready"], ["bob", "ready"]]
    rows = RATINGS[[0, 1, 3]]
    results = recommender.query_many(queue.take_many(2), RATINGS[:2], THRESHOLD)
    assert all(right(r, user, rows) for user, r in enumerate(results))


def test_masks_for_more_rows_make_what_is_queued_old():
    recommender = ready(0)
    queue = recommender.queue(2, LINE[:2])
    queue.fill()
    recommender.preprocess(rows=1)
    recommender.upload(RATINGS[:1], ids=[9])
    assert line(queue) == [["alice", "older rows"], ["bob", "older rows"]]
    assert queue.fill() == 2
    assert line(queue, "rows", "state") == [[5, "ready"], [5, "ready"]]
    result = recommender.query(queue.take("bob"), RATINGS[1], THRESHOLD)
    assert right(result, 1, np.concatenate([RATINGS, RATINGS[:1]]))


def test_a_client_that_is_refused_leaves_the_line():
    recommender = ready(0)
    queue = recommender.queue(3, LINE[:3])
    Cheat(recommender.lab, "bob", "masks", value(), phase="prepare", to=["server 1"])
    assert queue.fill() == 2
    assert line(queue) == [["alice", "ready"], ["bob", "refused"], ["carol", "ready"]]
    honest(recommender)
    queue.expect(3, "dave")
    assert queue.fill() == 1
    assert line(queue) == [["alice", "ready"], ["carol", "ready"], ["dave", "ready"]]
    results = recommender.query_many(queue.take_many(3), RATINGS[[0, 2, 3]], THRESHOLD)
    assert all(right(r, user) for user, r in zip((0, 2, 3), results, strict=True))


def test_an_abort_leaves_what_was_prepared_before():
    recommender = ready(0)
    queue = recommender.queue(2, LINE[:1])
    queue.fill()
    queue.expect(1, "bob")
    Cheat(recommender.lab, "server 1", "h", value(), phase="prepare")
    with pytest.raises(Abort):
        queue.fill()
    honest(recommender)
    assert line(queue) == [["alice", "ready"], ["bob", "waiting"]]
    assert queue.fill() == 1
    assert all(count == 0 for count in in_stock(recommender))


def test_who_never_uploaded_is_said_at_once():
    recommender = ready(0)
    with pytest.raises(InputError, match="user 77 has uploaded no row"):
        recommender.queue(2, [(0, "alice"), (77, "bob")])
    queue = recommender.queue(2)
    with pytest.raises(InputError, match="user 77 has uploaded no row"):
        queue.expect(77, "bob")
    assert queue.frame().empty


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "3"])
def test_a_size_that_makes_no_sense(size):
    with pytest.raises(InputError, match="how many queries may be prepared"):
        PreparedQueue(ready(0), size)


def test_zero_tests_of_queries_do_not_pile_up():
    """A batch needs one check; what its other queries brought for theirs is gone, too."""
    recommender = ready(0)
    queue = recommender.queue(4, LINE * 2)
    for _ in range(2):
        queue.fill()
        recommender.query_many(queue.take_many(4), RATINGS, THRESHOLD)
        assert recommender.lab.servers[0].pool.count(ZeroTest(QUERIES)) == 0
