"""Attacks on uploads: inconsistent or wild rows, masks that serve twice, lies about rows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from mpclab.adversary.grounds import (
    RATINGS,
    RECOMMEND,
    REQUESTER,
    THRESHOLD,
    USERS,
    OpenLab,
    Recommendations,
)
from mpclab.adversary.model import Attack, World, at, upload
from mpclab.adversary.on_openings import coin_of, strike
from mpclab.adversary.outcome import (
    ABORT,
    LEARNT,
    NO_EFFECT,
    NOTHING,
    REFUSED,
    STUCK,
    WRONG,
    Outcome,
)
from mpclab.adversary.tools import Coalition, Edit, Message, add
from mpclab.errors import Abort, MaterialError, MpclabError
from mpclab.field import Field
from mpclab.network.endpoint import server_name
from mpclab.preprocessing.material import ZeroTest
from mpclab.protocols.validity import residual
from mpclab.randomness import SEED_BYTES
from mpclab.recommender import Parameters, Recommender, protocol
from mpclab.recommender.encoding import dense_vectors
from mpclab.recommender.validity import witnesses

__all__ = ["ATTACKS"]

INPUT = "Damgard, Damgard, Nielsen, Nordholt, Toft, FC 2016"
ROWS = upload("rows", "masked rows", "client to server")
CHI = upload("masks", "chi", "client to server")
MASKS = upload("masks", "mask", "server to client")
ECHO = upload("masks", "echo", "server to client")
SAME = upload("same rows", "hash")


def _by_users(
    edit: Edit, to: list[str] | None, label: str, also: Any = None, validated: bool = True
) -> Any:
    """The crowd of users edits a message, with whoever else is corrupt; then a query is asked."""

    def act(world: World) -> Outcome:
        ground = Recommendations(
            world.servers, seed=world.seed, upload_anew=True, validated=validated
        )
        coalition = world.coalition(ground, (USERS,))
        coalition.on(label, edit, by=[USERS], to=to, phase="upload")
        if also is not None:
            also(coalition)
        return _twice(ground)

    return act


def _twice(ground: Recommendations) -> Outcome:
    """Upload and ask; if that aborts, ask again with everybody honest: the service may be gone."""
    outcome = ground.play()
    if outcome.result != ABORT or not ground.present().any():
        return outcome
    for _ in range(2):
        again = ground.play()
        if again.result not in (ABORT, WRONG):
            return outcome
    return Outcome(STUCK, "every query since that upload has aborted, with all servers honest")


def _entry(part: int, at: int, value: int) -> Edit:
    """Put a number into a row as it is sent: integers, so that any number can be written."""

    def edit(message: Message) -> Message:
        new = message.section.parts[part].copy()  # type: ignore[union-attr]
        new.reshape(-1)[at] = value
        return message.with_part(part, new)

    return edit


# -- the last round of an upload, and settling -----------------------------------------------------


def _last_round(world: World) -> Outcome:
    """One server stores the rows, another does not; settling puts that right."""
    ground = Recommendations(world.servers, seed=world.seed, upload_anew=True)
    coalition = world.coalition(ground)
    victim = server_name(ground.honest_servers[0])
    coalition.on("same rows", add(1), phase="upload", to=[victim])
    first = ground.play()
    lab, recommender = ground.lab, ground.recommender
    recommender.settle()
    if all(b.used for b in lab.servers[0].storage["recommender"]):
        try:
            recommender.preprocess(rows=ground.users)
        except MpclabError as error:
            return Outcome(STUCK, str(error))
    recommender.upload(ground.ratings)
    after = ground.play()
    if after.result != NO_EFFECT:
        return Outcome(STUCK, f"after settling, a query ends so: {after.result}")
    return Outcome(first.result, f"{first.detail}; after settling all is well")


def _lie_about_rows(world: World) -> Outcome:
    """Say "different" and then lie about one row: it is refused, as a corrupt server may have."""
    ground = Recommendations(world.servers, seed=world.seed, upload_anew=True)
    coalition = world.coalition(ground)
    coalition.on("same rows", add(1), phase="upload").on("same row", add(1, at=4), phase="upload")
    return ground.play()


def _lie_when_settling(world: World) -> Outcome:
    ground = Recommendations(world.servers, seed=world.seed)
    ground.play()
    world.coalition(ground).on("rows in force", add(99, at=2))
    ground.recommender.settle()
    ground.honest()
    ground.recommender.settle()
    return ground.play()


# -- masks that serve again ------------------------------------------------------------------------


def _solve(rows: list[list[int]], right: list[int], p: int) -> list[int]:
    """Solve a square linear system mod p."""
    m = [[*row, b] for row, b in zip(rows, right, strict=True)]
    for i in range(len(m)):
        pivot = next(k for k in range(i, len(m)) if m[k][i] % p)
        m[i], m[pivot] = m[pivot], m[i]
        inverse = pow(m[i][i], -1, p)
        m[i] = [x * inverse % p for x in m[i]]
        for k in range(len(m)):
            if k != i:
                factor = m[k][i]
                m[k] = [(x - factor * y) % p for x, y in zip(m[k], m[i], strict=True)]
    return [row[-1] for row in m]


def _one_user(world: World) -> tuple[Recommender, Parameters, OpenLab, Any]:
    ratings = np.array([[9, 3, 7]], np.uint8)
    # without a proof there are few masks to solve for
    p = Parameters(users=2, items=3, dense=2, min_dense=1, validated=False)
    lab = OpenLab(servers=world.servers, seed=world.seed, contents=False)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=1)
    return recommender, p, lab, ratings


def _repeated(world: World) -> Outcome:
    """Have a user's upload refused until enough combinations of its masks are known."""
    recommender, p, lab, ratings = _one_user(world)
    unknowns = p.dense + p.packed + 1
    lab.preprocess([ZeroTest(protocol.ROWS)] * unknowns)
    coalition = Coalition(lab, world.members)
    coalition.on("same rows", add(1)).on("same row", add(1))
    attempts = 0
    for _ in range(unknowns):
        try:
            recommender.upload(ratings)
        except MaterialError:
            break
        except MpclabError:
            pass
        attempts += 1
    chis = [int(np.asarray(s.parts[0])[0]) for s in coalition.parts("masks") if s.kind == "chi"]
    hs = [int(h[0]) for h in coalition.opened("h")]
    if min(attempts, len(chis), len(hs)) < unknowns:
        return Outcome(NOTHING, f"{len(hs)} of {unknowns} equations: the masks are gone")
    F: Field = lab.field
    system = [[pow(chi, k, F.modulus) for k in range(unknowns)] for chi in chis[:unknowns]]
    r = F.array(np.array(_solve(system, hs[:unknowns], F.modulus), object))[1:]
    _, dense, packed, _ = (np.asarray(v) for v in coalition.parts("rows")[0].parts)
    masked = np.concatenate([dense.reshape(-1), packed.reshape(-1)]).view(np.uint64)
    row = F.add(masked, r)
    truth = np.concatenate([
        F.array(dense_vectors(ratings[:, : p.dense], p.scale)).reshape(-1),
        p.packing.pack(ratings[:, p.dense :]).reshape(-1),
    ])
    if np.array_equal(row, truth):
        return Outcome(LEARNT, f"the user's row, from {unknowns} refused uploads")
    return Outcome(NOTHING)


def _difference(world: World) -> Outcome:
    """Have an upload refused, and compare it with the one that follows."""
    recommender, _, lab, ratings = _one_user(world)
    lab.preprocess([ZeroTest(protocol.ROWS)])
    coalition = Coalition(lab, world.members)
    coalition.on("same rows", add(1)).on("same row", add(1))
    changed = ratings.copy()
    changed[0, 2] -= 6
    for row in (ratings, changed):
        with suppress(MaterialError, Abort):
            recommender.upload(row)
    sent = [np.asarray(s.parts[2]) for s in coalition.parts("rows")]
    if len(sent) == 2 and int(sent[0][0, 0]) - int(sent[1][0, 0]) == 6:
        return Outcome(LEARNT, "how the user's rating has changed")
    return Outcome(NOTHING, "the second upload has no mask to go under")


# -- wild rows -----------------------------------------------------------------------------------


def _wild_row(world: World) -> Outcome:
    """Upload numbers that no rating gives: nobody's privacy may depend on that.

    The result must be the honest rows' sum and at most once the wild row: the comparison yields a
    bit for any row, so nothing else about the other rows or the query leaks into it.
    """
    lab = OpenLab(servers=world.servers, seed=world.seed, contents=False)
    # no proof is asked for here: a query may be as wild, and nobody proves anything of that
    p = Parameters(users=8, items=5, dense=2, min_dense=1, validated=False)
    recommender = Recommender(lab, p)
    F = lab.field
    recommender.preprocess(rows=len(RATINGS))
    dense = F.array(dense_vectors(RATINGS[:, : p.dense], p.scale))
    packed = p.packing.pack(RATINGS[:, p.dense :])
    dense[3] = F.array([2**59 + 12345, -(2**58)])
    packed[:, 3] = F.array(2**60 + np.arange(len(packed)))
    stored = recommender.upload_encoded(dense, packed)
    recommender.preprocess(queries=1)
    prepared = recommender.prepare(user=0, client=REQUESTER)
    run = lab.network.run
    found: dict[str, Any] = {}

    def keep(phase: str, actors: Any) -> Any:
        outcomes = run(phase, actors)
        found.update(outcomes)
        return outcomes

    lab.network.run = keep  # type: ignore[method-assign]
    a = dense_vectors(RATINGS[:1, : p.dense], p.scale)[0]
    recommender.query_encoded(prepared, a, p.integer_threshold(THRESHOLD))
    totals, neighbours = found[REQUESTER]
    near = np.array([False, True, True, False])
    allowed = []
    for wild in (False, True):
        chosen = near | (np.array([False, False, False, True]) & wild)
        allowed.append((F.sum(packed[:, chosen], axis=1).tolist(), int(chosen.sum())))
    if stored < len(RATINGS):
        return Outcome(REFUSED, "the wild row is refused")
    if (totals.tolist(), neighbours) in allowed:
        return Outcome(NOTHING, "the wild row counts once or not at all: its weight is a bit")
    return Outcome(LEARNT, "the result depends on the wild row by more than a bit")


# -- rows that are not valid -----------------------------------------------------------------------

OUTWEIGHS = 3  # the dummy user's number
STARS = 30  # what it gives to one title


def _outweighing(world: World) -> tuple[Recommender, OpenLab, Any, Any]:
    """Honest rows, but one gives 30 stars to a title, and is like everybody."""
    lab = OpenLab(servers=world.servers, seed=world.seed, contents=False)
    p = Parameters(users=8, items=5, dense=2, min_dense=1)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=len(RATINGS))
    dense = dense_vectors(RATINGS[:, : p.dense], p.scale)
    dense[OUTWEIGHS] = 2 * dense[0]
    packed = p.packing.pack(RATINGS[:, p.dense :])
    packed[0, OUTWEIGHS] += np.uint64(2 * STARS - int(RATINGS[OUTWEIGHS, p.dense]))
    return recommender, lab, lab.field.array(dense), packed


def _outweighed(recommender: Recommender, stored: int) -> Outcome:
    """Ask, and see whether the dummy user's row counts."""
    if stored < len(RATINGS):
        present = recommender.lab.servers[0].storage["recommender"][0].present
        if stored == len(RATINGS) - 1 and not present[OUTWEIGHS]:
            return Outcome(REFUSED, f"that user is refused, alone; {stored} others are taken")
        return Outcome(STUCK, f"{len(RATINGS) - stored} users are refused")
    recommender.preprocess(queries=1)
    result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    if result.sums[0] <= 10 * result.neighbours:
        return Outcome(NO_EFFECT, "the row is taken, but counts for no more than another")
    return Outcome(
        WRONG,
        f"one user counts for {STARS} stars: {int(result.sums[0]) / 2:g} from "
        f"{result.neighbours} neighbours, where {5 * result.neighbours} are the most",
    )


def _outweigh(world: World) -> Outcome:
    recommender, lab, dense, packed = _outweighing(world)
    Coalition(lab, (), (USERS,))
    return _outweighed(recommender, recommender.upload_encoded(dense, packed))


def _known_s(world: World) -> Outcome:
    """The user computes its s as soon as all coins are known; a server shifts s - u by -s."""
    recommender, lab, dense, packed = _outweighing(world)
    statement = recommender.statement
    assert statement is not None
    extra = witnesses(recommender.parameters, dense, packed)
    inputs = np.concatenate([dense.T, packed, extra])[:, OUTWEIGHS : OUTWEIGHS + 1]

    def edit(message: Message) -> Message:
        coalition, session = message.coalition, message.envelope.session
        told = coalition.parts("proof/coin reveal", session)
        rounds = sorted({s.round or 0 for s in told})
        seeds = [
            coin.bytes(SEED_BYTES)
            for r in rounds
            if (coin := coin_of(coalition, session, "proof/coin reveal", r)) is not None
        ][: statement.rounds + 1]
        s = int(residual(statement, seeds, inputs)[0])
        shifted = message.elements().copy()
        shifted[OUTWEIGHS] = coalition.field.sub(shifted[OUTWEIGHS], coalition.field.array(s))
        return message.with_part(0, shifted)

    Coalition(lab, world.members, (USERS,)).on("proof/valid/s - u", edit)
    return _outweighed(recommender, recommender.upload_encoded(dense, packed))


def _false_proof(world: World) -> Outcome:
    """Prove the statement of an honest row, with polynomials that are made for it."""
    recommender, lab, dense, packed = _outweighing(world)
    p, F = recommender.parameters, lab.field
    extra = witnesses(
        p, F.array(dense_vectors(RATINGS[:, : p.dense], p.scale)),
        p.packing.pack(RATINGS[:, p.dense :]),
    )
    Coalition(lab, (), (USERS,))
    return _outweighed(recommender, recommender.upload_encoded(dense, packed, None, extra))


PROVED = "Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai, CRYPTO 2019"

ATTACKS = (
    Attack(
        "one user outweighs all",
        "A user who is like everybody gives 30 stars to a title.",
        "users prove their rows valid at upload", f"2, 3.2; {PROVED}", ROWS, _outweigh,
        servers=0, clients=(USERS,), without="validity of uploads",
    ),
    Attack(
        "witnesses of another row",
        "A user uploads a row that is not valid, beside the digits and bits of one that is.",
        "the proof is about what is stored", f"3.2; {PROVED}", ROWS, _false_proof,
        servers=0, clients=(USERS,), without="validity of uploads",
    ),
    Attack(
        "shift by a known s",
        "A user whose proof is off by a known s has a server shift s - u by -s in the test.",
        "the test is made of [alpha s]", "3.2; Corrigan-Gibbs, Boneh, NSDI 2017",
        upload("proof/valid/s - u", "open"), _known_s, clients=(USERS,),
        without="test of [alpha s]",
    ),
    Attack(
        "inconsistent chi",
        "A user tells the servers different chi, so that they check different combinations.",
        "servers compare chi", f"3.5, I3; {INPUT}", CHI,
        _by_users(add(7), [server_name(0)], "masks"), servers=0, clients=(USERS,),
    ),
    Attack(
        "inconsistent upload",
        "A user sends one server another row: every query after that would fail its check.",
        "servers compare hashes before they store", f"3.5, I7; {INPUT}", ROWS,
        _by_users(add(1, part=1, at=4), [server_name(0)], "rows", validated=False),
        servers=0, clients=(USERS,),
        without="comparison of hashes",
    ),
    Attack(
        "row that is not canonical",
        "A user writes p where 0 is meant, so that servers might read two things.",
        "rows that are not canonical are refused alone", "3.5, I7", ROWS,
        _by_users(_entry(1, 4, 2**61 - 1), None, "rows"), servers=0, clients=(USERS,),
    ),
    Attack(
        "row of negative length",
        "A user writes numbers far beyond the field.",
        "rows that are not canonical are refused alone", "3.5, I7", ROWS,
        _by_users(_entry(2, 1, -(2**63)), None, "rows"), servers=0, clients=(USERS,),
    ),
    Attack(
        "row under a refused mask",
        "A user told two chi, was refused, and sends its row to everybody all the same.",
        "rows under refused masks are not taken", "3.5, I3", CHI,
        _by_users(
            add(7, at=2), [server_name(0)], "masks",
            also=lambda c: c.on("rows", _entry(0, 2, 1), by=[USERS]),
        ),
        servers=0, clients=(USERS,),
    ),
    Attack(
        "wild row",
        "A user uploads huge numbers, to make other rows show in the result or in openings.",
        "masks are uniform and comparisons yield bits, for any row",
        "3.6; Catrina, de Hoogh, SCN 2010", ROWS, _wild_row, servers=0, clients=(USERS,),
    ),
    Attack(
        "altered masks to a client",
        "Sends the users other shares of their masks, so that other rows are stored.",
        "clients check a random combination of their masks", f"3.5, I1, I5; {INPUT}", MASKS,
        lambda world: strike(world, add(1, part=1)),
    ),
    Attack(
        "altered echo to a client",
        "Sends the users another h, so that they think their masks wrong.",
        "clients compare all copies of h, and keep silent", f"3.5, I5; {INPUT}", ECHO,
        lambda world: strike(world, add(1)),
    ),
    Attack(
        "lie in the last round of an upload",
        "Tells one server that the uploads differ: it stores nothing, the others do.",
        "the servers settle, row by row, before the next query", "3.5, 3.9", SAME, _last_round,
    ),
    Attack(
        "lie about one row",
        "Says that the uploads differ and lies about one row, which is then refused.",
        "a refusal never proves that the user cheated", "2, 3.5", SAME, _lie_about_rows,
    ),
    Attack(
        "lie while settling",
        "Claims other rows to be in force when the servers settle.",
        "rows that not all hold are taken out everywhere", "3.9",
        at(RECOMMEND, "upload", "rows in force", "compare"), _lie_when_settling,
    ),
    Attack(
        "upload repeated to learn its masks",
        "Has a user's upload refused again and again, until the opened h give away its masks.",
        "masks serve one upload, also a refused one", f"3.5, 3.9; {INPUT}", SAME, _repeated,
        without="masks serve once",
    ),
    Attack(
        "two uploads under one mask",
        "Has an upload refused, and takes it off the next one: how did the ratings change?",
        "masks serve one upload, also a refused one", "3.4; two-time pad", SAME, _difference,
        without="masks serve once",
    ),
)
