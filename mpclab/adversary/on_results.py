"""Attacks on results and queries: altered outputs, guesses, masks known early, huge queries."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from mpclab.adversary.grounds import REQUESTER, THRESHOLD, OpenLab, Programs, Recommendations
from mpclab.adversary.model import Act, Attack, World, at, online, prepare, result_step
from mpclab.adversary.on_openings import strike
from mpclab.adversary.outcome import LEARNT, NOTHING, Outcome
from mpclab.adversary.tools import Coalition, Message, add
from mpclab.client import Client
from mpclab.errors import MpclabError
from mpclab.network.endpoint import server_name
from mpclab.preprocessing.material import OutputMask
from mpclab.protocols import clients
from mpclab.recommender import Parameters, Recommender
from mpclab.recommender.encoding import dense_vectors

__all__ = ["ATTACKS"]

OUTPUT = "Damgard, Damgard, Nielsen, Nordholt, Toft, FC 2016"
QUERY = online("query", "masked query", "client to server")
HUGE = 2**36


def _part(part: int) -> Act:
    return lambda world: strike(world, add(1, part=part))


def _in_phase(world: World) -> Outcome:
    return strike(world, add(1))


def _all_of_it(world: World) -> Outcome:
    """Shift r and what it guesses w to become: right with probability 1/p."""

    def edit(message: Message) -> Message:
        F = message.coalition.field
        r, w = message.elements(1).copy(), message.elements(3).copy()
        r[1] = F.add(r[1], np.uint64(1))
        w[1] = F.add(w[1], np.uint64(20_150_813 % F.modulus))  # a guess of v
        return message.with_part(1, r).with_part(3, w)

    return strike(world, edit)


# -- a guess of the result ------------------------------------------------------------------------


def _accepts(world: World, y: int, guess: int) -> bool:
    """Whether the client takes its result y when v is shifted as if y were the guess."""
    ground = Programs("output", world.servers, seed=world.seed)
    lab = ground.lab
    coalition = world.coalition(ground)

    def shift(message: Message) -> Message:
        F = message.coalition.field
        z, v, w = message.elements(0), message.elements(2), message.elements(3).copy()
        r = F.sub(F.array([guess]), z)  # if y is the guess, then r is this
        w[1:] = F.add(w[1:], r)
        return message.with_part(2, np.asarray(F.add(v, np.uint64(1)))).with_part(3, w)

    coalition.on("result", shift)
    secret = lab.god.secret([y])
    lab.preprocess([OutputMask(1)], checks=1)
    session = lab.session("output")
    client = Client(session.endpoint("alice"), lab.source(session.name))
    outcomes = session.run(
        "online",
        lambda party: clients.output_to(party, "alice", lab.held(secret, party.index)),
        others=[(client.endpoint, clients.client_output(client, 1))],
    )
    ground.honest()
    return not isinstance(outcomes["alice"], Exception)


def _guess_of_y(world: World) -> Outcome:
    told = [_accepts(world, y, guess=1) for y in (0, 1)]
    if told == [False, True]:
        return Outcome(LEARNT, "the result is 1 if the client accepts, and is not if it rejects")
    return Outcome(NOTHING, "the client rejects, whatever its result is")


# -- queries --------------------------------------------------------------------------------------


def _huge_query(world: World) -> Outcome:
    """Ask with one huge entry, and read everybody's entry off what is compared."""
    ground = Recommendations(world.servers, seed=world.seed)
    ground.upload()
    recommender, p = ground.recommender, ground.parameters
    recommender.preprocess(queries=1)
    coalition = world.coalition(ground, (REQUESTER,))
    prepared = recommender.prepare(user=-1, client=REQUESTER)
    a = np.zeros(p.dense, np.int64)
    a[0] = HUGE
    with suppress(MpclabError):
        recommender.query_encoded(prepared, a, 1)
    ground.honest()
    read = [
        np.rint(ground.lab.field.signed(e) / HUGE).astype(np.int64).tolist()
        for e in coalition.opened("compare/x + r")
    ]
    truth = dense_vectors(ground.ratings[:, : p.dense], p.scale)[:, 0].tolist()
    if truth in read:
        return Outcome(LEARNT, f"everybody's first entry: {truth}")
    return Outcome(NOTHING, "what is opened is uniform, whatever the query is")


def _one_user_counts(world: World) -> Outcome:
    """Shift what is compared so that one user counts, and read the result before the abort."""
    ground = Recommendations(world.servers, seed=world.seed)
    ground.upload()
    p, F = ground.parameters, ground.lab.field
    target, threshold = 3, p.integer_threshold(THRESHOLD)
    coalition = world.coalition(ground, (REQUESTER,))

    def shift(message: Message) -> Message:
        value = message.elements()
        down, up = -(p.largest_similarity - threshold + 1), p.largest_similarity + threshold
        by = np.full(value.size, down, np.int64)
        by[target] = up
        return message.with_part(0, F.add(value, F.array(by)))

    coalition.on("compare/x + r", shift)
    ground.play()
    (z,) = coalition.opened("aggregate/y - r")
    early = coalition.parts("early mask")
    r = F.zeros(len(z) + 1)
    for seen in early:
        r = F.add(r, np.asarray(seen.parts[0]))
    totals = F.add(z, r[1:])[:-1]
    truth = p.packing.pack(ground.ratings[target : target + 1, p.dense :])[:, 0]
    if np.array_equal(totals, truth):
        sums, _ = p.packing.unpack(totals, p.scored)
        return Outcome(LEARNT, f"all ratings of user {target}: {sums.tolist()}")
    return Outcome(NOTHING, "the result is masked until the check has failed")


def _second_query(world: World) -> Outcome:
    """Wait for a second query under the mask of the first, and take one off the other."""
    lab = OpenLab(servers=world.servers, seed=world.seed, contents=False)
    p = Parameters(users=2, items=3, dense=2, min_dense=1)
    ratings = np.array([[8, 2, 9], [8, 3, 7]], np.uint8)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=2, queries=2)
    recommender.upload(ratings)
    coalition = Coalition(lab, world.members)
    prepared = recommender.prepare()
    for row in ratings:
        with suppress(MpclabError):
            recommender.query(prepared, row, 0.5)
    told = [np.asarray(s.parts[0]) for s in coalition.seen if s.label == "query"]
    queries = list({q.tobytes(): q for q in told}.values())  # all members heard the same
    a = dense_vectors(ratings[:, : p.dense], p.scale)
    if len(queries) == 2 and np.array_equal(
        lab.field.signed(lab.field.sub(queries[0], queries[1])), a[0] - a[1]
    ):
        return Outcome(LEARNT, "the difference of two queries")
    return Outcome(NOTHING, "the second query was not sent")


def _told_differently(world: World) -> Outcome:
    ground = world.ground()
    coalition = world.coalition(ground, (REQUESTER,))
    coalition.on("query", add(1), by=[REQUESTER], to=[server_name(0)])
    outcome: Outcome = ground.play()
    return outcome


def _other_threshold(world: World) -> Outcome:
    ground = world.ground()
    coalition = world.coalition(ground, (REQUESTER,))
    coalition.on("query", add(-5, part=1), by=[REQUESTER])
    outcome: Outcome = ground.play()
    return outcome


ATTACKS = (
    *(
        Attack(
            f"altered {name} of a result",
            f"Adds 1 to {what} on the way to the client.",
            defence, f"3.5, O3, O4; {OUTPUT}", result_step(), _part(part),
        )
        for part, (name, what, defence) in enumerate((
            ("z", "the masked result", "the client compares all copies"),
            ("r", "its share of the mask", "the client checks w = v r"),
            ("v", "its share of the key v", "the client checks w = v r"),
            ("w", "its share of w", "the client checks w = v r"),
        ))
    ),
    Attack(
        "altered result with a guess of v",
        "Shifts its share of the mask, and w by a guess of v, the best choice.",
        "the client checks w = v r; a guess is right with probability 1/p",
        f"3.5, O4; {OUTPUT}", result_step(), _all_of_it,
    ),
    Attack(
        "guess of the result",
        "Shifts v, and w as if the result were 1: does the client accept?",
        "an extra r_0 that masks nothing, and is checked too", f"3.5, O4; {OUTPUT}",
        at("output", "online", "result", "output", "server to client"), _guess_of_y,
        without="r_0",
    ),
    Attack(
        "altered mask of a query",
        "Sends the requester another share of its mask rho, so that it asks something else.",
        "the requester checks a random combination of its mask", f"3.5, I1, I5; {OUTPUT}",
        prepare("masks", "mask", "server to client"), _part(1),
    ),
    Attack(
        "altered echo of a query's mask",
        "Sends the requester another h, so that it thinks its mask wrong.",
        "the requester compares all copies of h, and does not ask", f"3.5, I5; {OUTPUT}",
        prepare("masks", "echo", "server to client"), _in_phase,
    ),
    Attack(
        "query told differently",
        "The requester sends one server another query than the others.",
        "servers compare hashes of the query with the first opening", "3.5, R4", QUERY,
        _told_differently, servers=0, clients=(REQUESTER,),
    ),
    Attack(
        "another threshold than agreed",
        "The requester sends another threshold than the servers expect.",
        "servers compare the threshold", "3.7, R3", QUERY, _other_threshold, servers=0,
        clients=(REQUESTER,),
    ),
    Attack(
        "huge entry in a query",
        "The requester asks with one huge entry; a server reads all users' entries off x + r.",
        "x is opened under a mask that is uniform in the field", "3.6; Catrina, Saxena, FC 2010",
        QUERY, _huge_query, clients=(REQUESTER,), without="uniform mask",
    ),
    Attack(
        "one user counts",
        "Requester and server shift x + r so that one user counts, and read before the abort.",
        "the result's mask is released after the check", "3.5, O1; 3.7",
        online("compare/x + r"), _one_user_counts, clients=(REQUESTER,),
        without="mask after the check",
    ),
    Attack(
        "two queries under one mask",
        "Waits for a requester who asks twice with one mask, and takes one query off the other.",
        "a prepared query serves once, also at the client", "2; two-time pad", QUERY,
        _second_query, without="queries serve once",
    ),
)
