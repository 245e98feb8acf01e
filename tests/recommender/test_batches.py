"""Several requesters at once: each gets its own result, and one bad client hurts itself alone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab import cost as costs
from mpclab.errors import Abort, InputError, MaterialError, MpclabError, Refused, Rejected
from mpclab.lab import Lab
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.clients import agree_each
from mpclab.recommender import (
    Noise,
    Parameters,
    Recommendation,
    Recommender,
    plaintext,
    protocol,
)
from mpclab.sharing import Share
from tests.cheating import (
    DROP,
    MALFORMED,
    Cheat,
    Spy,
    by_hand,
    uniform_below,
    uniform_in_field,
    value,
)

RATINGS = np.array(
    [[8, 2, 9, 0, 4], [8, 3, 7, 3, 0], [7, 2, 0, 10, 1], [1, 9, 5, 5, 5]], np.uint8
)
THRESHOLD = 0.9
NAMES = ["alice", "bob", "carol"]


def random_ratings(rng, users, items):
    return rng.integers(0, 11, (users, items)).astype(np.uint8)


def same(result, wanted):
    sums, counts, neighbours = wanted
    return isinstance(result, Recommendation) and (
        result.sums.tolist() == list(sums)
        and result.counts.tolist() == list(counts)
        and result.neighbours == neighbours
    )


def ready(queries=3, servers=2, *, ratings=RATINGS, seed=1, comparison="tables", **changes):
    """Rows uploaded, and material for queries."""
    users, items = ratings.shape
    lab = Lab(servers=servers, seed=seed, comparison=comparison,
              modulus=changes.get("modulus", 2**61 - 1))
    fixed = {"users": 2 * users, "items": items, "dense": 2, "min_dense": 1, "validated": False}
    recommender = Recommender(lab, Parameters(**{**fixed, **changes}))
    recommender.preprocess(rows=users, queries=queries)
    assert recommender.upload(ratings) == users
    return recommender


def prepared_for(recommender, users=(0, 1, 2), names=NAMES):
    return [recommender.prepare(u, name) for u, name in zip(users, names, strict=True)]


def right(result, user, ratings=RATINGS, threshold=THRESHOLD):
    return same(result, by_hand(ratings, ratings[user], threshold, own=user))


def ask(recommender, prepared=None):
    """Three requesters, users 0, 1 and 2."""
    prepared = prepared_for(recommender) if prepared is None else prepared
    return recommender.query_many(prepared, RATINGS[:3], THRESHOLD)


# -- results ------------------------------------------------------------------------


@settings(max_examples=20)
@given(
    servers=st.sampled_from([2, 3]),
    users=st.integers(2, 9),
    scored=st.integers(1, 9),
    dense=st.integers(1, 4),
    queries=st.lists(
        st.tuples(st.booleans(), st.sampled_from([-1, -0.2, 0, 0.3, 0.9, 1])),
        min_size=1, max_size=6,
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_result_equals_the_plaintext(servers, users, scored, dense, queries, seed):
    """Requesters among the users, guests, one user twice; each with a threshold of its own."""
    rng = np.random.default_rng(seed)
    ratings = random_ratings(rng, users, dense + scored)
    ratings[:, 0] = np.maximum(ratings[:, 0], 1)
    recommender = ready(len(queries), servers, ratings=ratings, seed=seed, dense=dense)
    asking = [(-1 if guest else int(rng.integers(users)), t) for guest, t in queries]
    rows = np.array([
        ratings[user] if user >= 0 else np.maximum(random_ratings(rng, 1, dense + scored)[0], 1)
        for user, _ in asking
    ])
    prepared = [recommender.prepare(user, f"client {user}") for user, _ in asking]
    results = recommender.query_many(prepared, rows, [t for _, t in asking])
    for result, row, (user, threshold) in zip(results, rows, asking, strict=True):
        own = None if user < 0 else user
        assert same(result, by_hand(ratings, row, threshold, own=own, dense=dense))
        wanted = plaintext(recommender.parameters, ratings, row, threshold, exclude=own)
        assert same(result, wanted)


@pytest.mark.parametrize("servers", [2, 3])
def test_queries_prepared_at_different_times_see_what_was_there(servers):
    """One before the second block was uploaded, one after it, one after a row was replaced."""
    rng = np.random.default_rng(4)
    first, second, third = (np.maximum(random_ratings(rng, k, 6), 1) for k in (4, 3, 1))
    recommender = Recommender(
        Lab(servers=servers, seed=4),
        Parameters(users=9, items=6, dense=2, min_dense=1, validated=False),
    )
    for rows in (4, 3, 1):
        recommender.preprocess(rows=rows)
    recommender.preprocess(queries=3)
    recommender.upload(first)
    prepared = [recommender.prepare(0)]
    recommender.upload(second, ids=[4, 5, 6])
    prepared.append(recommender.prepare(5))
    recommender.upload(third, ids=[7])
    prepared.append(recommender.prepare(7))
    query = np.array([first[0], second[1], third[0]])
    results = recommender.query_many(prepared, query, -0.5)
    seen = [first, np.concatenate([first, second]), np.concatenate([first, second, third])]
    for result, row, rows, own in zip(results, query, seen, (0, 5, 7), strict=True):
        assert same(result, by_hand(rows, row, -0.5, own=own))


@pytest.mark.parametrize(
    ("comparison", "servers"), [("tables", 3), ("fss", 2), ("bits", 3), ("exact", 2)]
)
@pytest.mark.parametrize(("minimum", "noise"), [(0, None), (2, None), (2, Noise(50.0))])
def test_it_costs_what_the_formula_says(comparison, servers, minimum, noise):
    """Every way to compare; rounds do not grow with the batch; with a minimum, with noise."""
    found = []
    for count in (1, 3):
        recommender = ready(
            count, servers, comparison=comparison, min_neighbours=minimum, noise=noise
        )
        p, lab = recommender.parameters, recommender.lab
        pools = [dict(s.pool._stock) for s in lab.servers]
        specs = {spec: len(q) for spec, q in pools[0].items() if q}
        prepared = prepared_for(recommender, range(count), NAMES[:count])
        assert not any(s.pool._stock.get(spec) for s in lab.servers for spec in specs)
        results = recommender.query_many(prepared, RATINGS[:count], THRESHOLD)
        predicted = costs.recommendation(servers, p, len(RATINGS), comparison, queries=count)
        session = prepared[0].session.name
        assert (predicted.rounds, predicted.elements) == (
            lab.transcript.rounds(session, "online"),
            lab.transcript.elements_sent("server 0", session, "online"),
        )
        of_queries = {getattr(spec, "plain", spec): k for spec, k in specs.items()}
        assert {s: k for s, k in predicted.material.items() if type(s).__name__ != "ZeroTest"} == {
            s: k for s, k in of_queries.items()
            if type(s).__name__ not in ("ZeroTest", "QueryMasks")
        }
        assert sum(k for s, k in predicted.material.items() if type(s).__name__ == "ZeroTest") == (
            count  # and one more for each was used to prepare it
        )
        found.append(predicted.rounds)
        if noise is None:
            for user, result in enumerate(results):
                sums, _, neighbours = by_hand(RATINGS, RATINGS[user], THRESHOLD, own=user)
                assert result.withheld is (neighbours < minimum)
                assert result.sums.tolist() == [s * (neighbours >= minimum) for s in sums]
    assert found[0] == found[1]
    if not minimum:
        assert comparison not in ("tables", "fss") or found[0] == 8 - (comparison == "fss")


def test_noise_is_every_query_s_own():
    recommender = ready(6, noise=Noise(0.5))
    prepared = prepared_for(recommender, [0] * 6, [f"client {k}" for k in range(6)])
    results = recommender.query_many(prepared, RATINGS[[0] * 6], THRESHOLD)
    assert len({tuple(r.sums.tolist()) for r in results}) == 6


@pytest.mark.parametrize("servers", [2, 3])
def test_a_batch_of_one_sends_what_a_query_sent_before_there_were_batches(servers):
    recommender = ready(1, servers)
    result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    assert right(result, 0)
    sent = [
        (r.step, r.bytes) for r in recommender.lab.transcript.select(result.session, "online")
        if (r.sender, r.receiver) == ("server 0", "server 1") or not r.between_servers
    ]
    assert dict(sent) == BEFORE
    assert recommender.lab.transcript.rounds(result.session, "online") == 8


BEFORE = {
    "query": 115, "compare/same query + compare/x + r": 189, "compare/D + 2^m t + r2": 130,
    "select/b - d": 120, "aggregate/y - r": 107, "check/coin reveal": 159, "check/s - u": 95,
    "check/zeta commit": 127, "check/zeta reveal": 135, "result": 178,
}  # bytes of each message


def test_two_queries_of_one_client_and_one_user():
    recommender = ready(3)
    prepared = prepared_for(recommender, (0, 0, 1), ["alice", "alice", "alice"])
    results = recommender.query_many(prepared, RATINGS[[0, 2, 1]], [0.9, -1, 0.9])
    assert right(results[0], 0)
    assert same(results[1], by_hand(RATINGS, RATINGS[2], -1, own=0))
    assert right(results[2], 1)


def test_recommend_many_prepares_and_asks():
    recommender = ready(3)
    results = recommender.recommend_many(RATINGS[:3], THRESHOLD, users=[0, 1, 2])
    assert all(right(result, user) for user, result in enumerate(results))
    assert recommender.recommend_many(RATINGS[:0], THRESHOLD) == []


def test_recommend_many_goes_on_without_who_is_refused_while_preparing():
    recommender = ready(4)
    recommender.lab.network.corrupt = frozenset(["requester"])
    lie = Cheat(recommender.lab, "requester", "masks", value(), to=["server 1"], kind="chi")
    edit = lie._edited

    def second(flight):
        return [
            edit(e) if e.session == second_session else e for e in flight.corrupt
        ]

    recommender.lab.network.adversary = second
    second_session = f"query {recommender.lab._sessions + 2}"
    results = recommender.recommend_many(RATINGS[:3], THRESHOLD, users=[0, 1, 2])
    assert lie.hits == 1
    assert isinstance(results[1], Refused)
    assert right(results[0], 0)
    assert right(results[2], 2)


# -- clients that cheat ---------------------------------------------------------------


def only_bob_fails(recommender, results, error=Refused):
    assert right(results[0], 0)
    assert isinstance(results[1], error), results[1]
    assert right(results[2], 2)
    told = {r.receiver for r in recommender.lab.transcript.records if r.step == "result"}
    assert told == {"alice", "carol"} | ({"bob"} if error is Rejected else set())
    recommender.lab.network.adversary, recommender.lab.network.corrupt = None, frozenset()
    assert all(right(r, user) for user, r in enumerate(ask(recommender)))


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("to", [["server 1"], None], ids=["one", "all"])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_client_that_sends_what_is_no_query_is_refused_alone(name, to, servers):
    recommender = ready(6, servers)
    cheat = Cheat(recommender.lab, "bob", "query", MALFORMED[name], phase="online", to=to)
    results = ask(recommender)
    assert cheat.hits == (1 if to else servers)
    only_bob_fails(recommender, results)


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize(("part", "by"), [(0, 7), (0, 2**50), (1, 1)])
def test_a_client_that_tells_servers_different_things_is_refused_alone(part, by, servers):
    """Also one that shifts a similarity at one server by what would make everybody a neighbour."""
    recommender = ready(6, servers)
    Cheat(recommender.lab, "bob", "query", value(part, by=by), to=["server 0"])
    only_bob_fails(recommender, ask(recommender))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_first_of_a_batch_may_be_the_bad_one(at):
    """Its session and its coin serve the others all the same."""
    recommender = ready(3, 3)
    Cheat(recommender.lab, NAMES[at], "query", lambda m: DROP, to=["server 2"])
    results = ask(recommender)
    for user, result in enumerate(results):
        assert isinstance(result, Refused) if user == at else right(result, user)


def test_when_all_are_refused_nothing_comes_out():
    recommender = ready(6)
    lab = recommender.lab

    def nothing(flight):
        return [e for e in flight.corrupt if e.label != "query"]

    lab.network.adversary, lab.network.corrupt = nothing, frozenset(NAMES)
    prepared = prepared_for(recommender)
    results = ask(recommender, prepared)
    assert [type(r) for r in results] == [Refused] * 3
    for party in prepared[0].session.parties:
        assert not party.unchecked  # what was opened is of no use to anybody
        with pytest.raises(Abort, match="this session was aborted"):
            party.endpoint.require_open()
    lab.network.adversary = None
    steps = {r.step for r in lab.transcript.select(phase="online")}
    assert not any("select" in step or "result" in step for step in steps)
    assert all(right(r, user) for user, r in enumerate(ask(recommender)))


def test_another_well_formed_query_is_just_another_query():
    recommender = ready(3)
    Cheat(recommender.lab, "bob", "query", value(0, by=2**50))
    results = ask(recommender)
    assert right(results[0], 0)
    assert isinstance(results[1], Recommendation)
    assert right(results[2], 2)


# -- servers that cheat ---------------------------------------------------------------

OPENED = [
    "compare/x + r", "compare/D + 2^m t + r2", "select/b - d", "aggregate/y - r",
    "check/coin reveal", "check/s - u", "check/zeta commit", "check/zeta reveal",
]


class CheatOn(Cheat):
    """Edits the section of one query among several of the same label."""

    def __init__(self, *args, query, **options):
        super().__init__(*args, **options)
        self.query, self.message, self.edit = query, None, self.edits[0][1]
        step, _, to = self.edits[0]
        self.edits = [(step, self._of_query, to)]

    def _of_query(self, m):
        places = [k for k, s in enumerate(m.sections) if s.label == m.section.label]
        place = places[self.query] if len(places) > 1 else places[0]
        return self.edit(type(m)(m.field, m.header, m.sections, place, m.before))


@pytest.mark.parametrize(("servers", "corrupt"), [(2, "server 1"), (3, "server 0")])
@pytest.mark.parametrize("query", [0, 1, 2])
@pytest.mark.parametrize("step", OPENED)
def test_a_server_that_alters_anything_of_one_query_ends_the_batch(step, query, servers, corrupt):
    """Of every query, in the middle of what is opened for it."""
    recommender = ready(6, servers)
    at = len(RATINGS) * query + 1 if step == "select/b - d" else 0
    cheat = CheatOn(
        recommender.lab, corrupt, step, value(at=at), phase="online", query=query
    )
    with pytest.raises(Abort):
        ask(recommender)
    assert cheat.hits == servers
    if servers == 2:
        records = recommender.lab.transcript.records
        assert not any(r.step == "result" and r.sender == "server 0" for r in records)
    recommender.lab.network.adversary, recommender.lab.network.corrupt = None, frozenset()
    assert all(right(r, user) for user, r in enumerate(ask(recommender)))


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("step", ["compare/same query", *OPENED])
def test_a_server_that_sends_what_is_no_message_ends_the_batch(step, name):
    if name == "not canonical" and step.split("/")[-1] in (
        "same query", "coin reveal", "zeta commit", "zeta reveal",
    ):
        return  # no field elements
    recommender = ready(3)
    Cheat(recommender.lab, "server 1", step, MALFORMED[name], phase="online", to=["server 0"])
    with pytest.raises(Abort):
        ask(recommender)


@pytest.mark.parametrize("step", ["compare/same query", *OPENED])
def test_a_server_that_tells_servers_different_things_ends_the_batch(step):
    recommender = ready(3, 3)
    Cheat(recommender.lab, "server 1", step, value(), phase="online", to=["server 2"])
    with pytest.raises(Abort):
        ask(recommender)


@pytest.mark.parametrize("query", [0, 1, 2])
def test_a_server_can_have_any_query_refused_and_no_other(query):
    recommender = ready(3)
    edit = value(at=32 * query)  # a hash of 32 bytes per query
    Cheat(recommender.lab, "server 1", "compare/same query", edit)
    for user, result in enumerate(ask(recommender)):
        assert isinstance(result, Refused) if user == query else right(result, user)


@pytest.mark.parametrize("part", range(4))
def test_a_result_that_a_server_altered_is_rejected_by_its_client_alone(part):
    recommender = ready(6, 3)
    cheat = Cheat(recommender.lab, "server 1", "result", value(part), to=["bob"])
    results = ask(recommender)
    assert cheat.hits == 1
    only_bob_fails(recommender, results, Rejected)


# -- what is seen ---------------------------------------------------------------------


@pytest.mark.parametrize("modulus", [101, 2**61 - 1])
def test_opened_values_are_uniform_also_of_refused_queries(modulus):
    """Server 0's view of batches in which one client always lies."""
    small = modulus == 101
    ratings = RATINGS[:2] if small else RATINGS
    changes = {"modulus": modulus, "users": 2, "scale": 3} if small else {}
    runs = 60 if small else 12
    recommender = ready(3 * runs, ratings=ratings, **changes)
    everybody = ["server 0", "bob", "alice"]
    spy = Spy(recommender.lab, who=everybody)
    lie = value(by=3)

    def lying(flight):
        spy(flight)
        to_edit = ("query", "bob", "server 1")
        return [
            lied(e) if (e.label, e.sender, e.receiver) == to_edit else e for e in flight.corrupt
        ]

    liar = Cheat(recommender.lab, "bob", "query", lie, to=["server 1"])
    lied = liar._edited
    recommender.lab.network.adversary = lying
    recommender.lab.network.corrupt = frozenset(everybody)
    for _ in range(runs):
        prepared = prepared_for(recommender, (0, 1, 1))
        results = recommender.query_many(prepared, ratings[[0, 1, 1]], 0.5)
        assert [isinstance(r, Refused) for r in results] == [False, True, False]
    assert liar.hits == runs
    shares = {}
    for s in spy.seen:
        if s.kind == "open" and s.receiver == "server 0" and s.phase == "online":
            shares.setdefault(s.label, {}).setdefault((s.session, s.round, s.sender), []).append(
                np.ravel(s.parts[0])
            )
    assert {label.split("/")[-1] for label in shares} >= {"x + r", "b - d", "y - r"}
    F = recommender.lab.field
    for label, sent in shares.items():
        if label.startswith("check"):
            continue
        by_server = [
            np.concatenate([np.concatenate(v) for k, v in sent.items() if k[2] == name])
            for name in ("server 0", "server 1")
        ]
        opened = F.add(*by_server)
        if label == "aggregate/y - r":  # the shares fit together: these are what clients get
            results = [s.parts[0] for s in spy.seen if s.label == "result"]
            assert set(np.concatenate(results).tolist()) <= set(opened.tolist())
        if not small:
            assert uniform_in_field(opened, modulus)
        elif opened.size >= 5 * modulus:
            assert uniform_below(opened, modulus)


def told(spy, client):
    return [
        [np.asarray(part).tolist() for part in s.parts]
        for s in spy.seen if s.receiver == client and s.label == "result"
    ]


def test_a_client_sees_nothing_of_what_others_ask():
    """The very same messages, whatever the others ask for, and whether they are refused."""
    views = []
    for others in ([1, 2], [3, 3], None):
        recommender = ready(3)
        prepared = prepared_for(recommender)
        spy = Spy(recommender.lab, who=["alice", "bob", "carol"])
        if others is None:
            honest = spy.__call__
            recommender.lab.network.adversary = lambda flight, honest=honest: [
                e for e in honest(flight) if e.sender != "carol"
            ]
        rows = RATINGS[[0, *(others or [1, 2])]]
        results = recommender.query_many(prepared, rows, [0.9, 0.5, 0.1])
        assert right(results[0], 0)
        views.append(told(spy, "alice"))
    assert len(views[0]) == 2
    assert views[0] == views[1] == views[2]


# -- sentences ------------------------------------------------------------------------


def refused(doing, error, sentence, recommender):
    before = len(recommender.lab.transcript)
    with pytest.raises(error, match=sentence):
        doing()
    assert len(recommender.lab.transcript) == before


def test_what_cannot_be_asked_together_is_said_before_anything_is_sent():
    recommender = ready(4)
    prepared = prepared_for(recommender)
    ratings = RATINGS[:3]
    many = recommender.query_many
    for doing, error, sentence in [
        (lambda: many(prepared, ratings[:2], 0.9), InputError, r"shape \(2, 5\), and the quer"),
        (lambda: many(prepared, ratings[0], 0.9), InputError, r"shape \(5,\)"),
        (lambda: many(prepared, ratings, [0.9]), InputError, r"thresholds have shape \(1,\)"),
        (lambda: many(prepared, ratings, [0.9, 2, 0]), InputError, "the threshold is 2"),
        (lambda: many([prepared[0]] * 3, ratings, 0.9), MaterialError, "occurs twice"),
        (lambda: ready(1).query_many(prepared, ratings, 0.9), InputError, "another recommender"),
        (lambda: recommender.recommend_many(ratings, 0.9), MaterialError, "material is there for"),
        (lambda: recommender.recommend_many(ratings, 0, [1]), InputError, "the queries are 1"),
        (lambda: recommender.recommend_many(ratings, 2), InputError, "the threshold is 2"),
        (lambda: recommender.recommend_many(ratings[:1], 0, [7]), InputError, "user 7"),
    ]:
        refused(doing, error, sentence, recommender)
    assert all(right(r, user) for user, r in enumerate(ask(recommender, prepared)))
    refused(lambda: ask(recommender, prepared), MaterialError, "one use", recommender)
    late = recommender.prepare()
    refused(
        lambda: many([late, prepared[0]], ratings[:2], 0.9), MaterialError, "one use", recommender
    )


def test_queries_on_different_rows_are_asked_apart():
    recommender = ready(1)
    prepared = [recommender.prepare(0)]
    recommender.preprocess(rows=1, queries=1)
    prepared.append(recommender.prepare(1))
    refused(
        lambda: recommender.query_many(prepared, RATINGS[:2], THRESHOLD),
        InputError, r"masks for \[4, 5\] rows", recommender,
    )
    for user, query in enumerate(prepared):
        assert right(recommender.query(query, RATINGS[user], THRESHOLD), user)


def test_queries_from_before_rows_were_taken_out():
    recommender = ready(2)
    prepared = prepared_for(recommender, (0, 1), NAMES[:2])
    recommender.lab.servers[1].storage["recommender"][0].present[2] = False
    recommender.settle()
    refused(
        lambda: recommender.query_many(prepared, RATINGS[:2], THRESHOLD),
        MaterialError, "taken out", recommender,
    )
    with pytest.raises(MpclabError, match="taken out"):
        recommender.query(prepared[0], RATINGS[0], THRESHOLD)


def test_what_was_asked_in_another_session_serves_there_once():
    """The servers refuse, too, what was adopted elsewhere."""
    recommender = ready(3)
    prepared = prepared_for(recommender)
    assert all(right(r, user) for user, r in enumerate(ask(recommender, prepared)))
    for party in prepared[1].session.parties:
        assert not party._reserved
        with pytest.raises(Abort, match="this session was aborted"):
            party.endpoint.require_open()
    prepared[1].used = False
    with pytest.raises(MpclabError, match=r"one use|aborted"):
        recommender.query(prepared[1], RATINGS[1], THRESHOLD)


def test_a_server_does_not_answer_one_query_twice_in_a_batch():
    """Before it says anything, also if it is told otherwise."""
    recommender = ready(2)
    one = prepared_for(recommender, (0,), NAMES[:1])[0]
    held = one.servers[0]
    running = protocol.online(one.session.parties[0], [held, held], NAMES[:1] * 2, [1, 1])
    with pytest.raises(Abort, match="prepared for one use"):
        running.send(None)
    assert not held.used


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("what", ["used", "void", "of other rows"])
def test_one_query_that_must_not_be_asked_stops_the_batch(what, place):
    recommender = ready(2)
    prepared = prepared_for(recommender, (0, 1), NAMES[:2])
    held = [each.servers[0] for each in prepared]
    if what == "used":
        held[place].used = True
    elif what == "void":
        held[place].versions = tuple(v - 1 for v in held[place].versions)
    else:
        held[place].blocks, held[place].versions = [], ()
    assert held[place].void == (what == "void")
    told = {"used": "one use", "void": "taken out", "of other rows": "masks for more rows"}
    running = protocol.online(prepared[0].session.parties[0], held, NAMES[:2], [1, 1])
    with pytest.raises((Abort, Refused), match=told[what]):
        running.send(None)


def test_a_server_takes_over_its_own_material_only():
    recommender = ready(2)
    one, other = prepared_for(recommender, (0, 1), NAMES[:2])
    with pytest.raises(InputError, match="its own material only"):
        one.session.parties[0].adopt(other.session.parties[1])


def test_servers_that_batch_other_queries_stop():
    """One server takes the queries in another order: nothing but uniform values was opened."""
    recommender = ready(3)
    prepared = prepared_for(recommender)
    prepared[0].servers[1], prepared[1].servers[1] = prepared[1].servers[1], prepared[0].servers[1]
    with pytest.raises(Abort, match="saw other broadcasts"):
        ask(recommender, prepared)


def test_what_is_opened_aside_is_checked_once_it_is_joined():
    lab = Lab(2, seed=1)
    x = [Share(np.stack([lab.field.array([5]), lab.field.array([0])]), s.key) for s in lab.servers]

    async def opened(party, x):  # its MAC is wrong
        kept, dropped = party.aside(), party.aside()
        for side in (kept, dropped):
            await side.open_masked(x, "x")
            assert not party.unchecked
        party.join(kept)
        assert (len(party.unchecked), len(kept.unchecked), len(dropped.unchecked)) == (1, 0, 1)
        party.take_unchecked()
        coin = await commit_coin(party)
        await check_openings(party, coin)
        party.join(dropped)
        await check_openings(party, await commit_coin(party))

    lab.preprocess([], checks=2)
    with pytest.raises(Abort, match="MAC check failed"):
        lab.each(opened, x)


def test_agree_each_tells_things_apart():
    lab = Lab(3, seed=1)

    async def compare(party, mine):
        return await agree_each(party, "same", mine)

    told = [[[b"x"], [b"y", b"z"], [b"yz"]] for _ in range(3)]
    told[2][1] = [b"yz"]
    assert lab.each(compare, told) == [[True, False, True]] * 3
