"""Every message that a server or a client can send, altered in every way: no result comes out.

The steps are found by listening to an honest run, so that no kind of message is forgotten.
"""

from functools import cache

import numpy as np
import pytest

from mpclab.errors import Abort, MpclabError, Refused, Rejected
from tests.cheating import (
    DROP,
    MALFORMED,
    OTHER_HISTORY,
    RATINGS,
    THRESHOLD,
    Cheat,
    Scene,
    Spy,
    changed,
    leg,
    value,
)

ABORT, REFUSED, HARMLESS = "abort", "refused", "harmless"
SERVERS, TO_CLIENT, TO_SERVER = "server to server", "server to client", "client to server"

# (phase, step, kind) -> for every part, what comes of altering its first entry in all copies.
BETWEEN_SERVERS = {
    ("upload", "chi", "compare"): ["row 0", "all rows"],
    ("upload", "coin commit", "commit"): [ABORT],
    ("upload", "h", "open"): [ABORT],
    ("upload", "coin reveal", "reveal"): [ABORT],
    ("upload", "s - u", "open"): [ABORT],
    ("upload", "zeta commit", "commit"): [ABORT],
    ("upload", "zeta reveal", "reveal"): [ABORT],
    ("upload", "proof/coin commit", "commit"): [ABORT] * 8,
    ("upload", "proof/coin reveal", "reveal"): [ABORT],
    ("upload", "same rows", "hash"): [HARMLESS],  # the servers go on to compare row by row
    ("upload", "proof/u - r", "open"): [ABORT],
    ("upload", "proof/check/coin reveal", "reveal"): [ABORT],
    ("upload", "proof/check/s - u", "open"): [ABORT],
    ("upload", "proof/check/zeta commit", "commit"): [ABORT],
    ("upload", "proof/check/zeta reveal", "reveal"): [ABORT],
    ("upload", "proof/valid/s - u", "open"): ["row 0"],
    ("upload", "proof/valid/zeta commit", "commit"): [ABORT],
    ("upload", "proof/valid/zeta reveal", "reveal"): [ABORT],
    ("prepare", "chi", "compare"): [REFUSED, REFUSED],
    ("prepare", "coin commit", "commit"): [ABORT],
    ("prepare", "h", "open"): [ABORT],
    ("prepare", "coin reveal", "reveal"): [ABORT],
    ("prepare", "s - u", "open"): [ABORT],
    ("prepare", "zeta commit", "commit"): [ABORT],
    ("prepare", "zeta reveal", "reveal"): [ABORT],
    ("online", "compare/same query", "hash"): [REFUSED],
    ("online", "compare/x + r", "open"): [ABORT],
    ("online", "compare/D + 2^m t + r2", "open"): [ABORT],
    ("online", "select/b - d", "open"): [ABORT],
    ("online", "aggregate/y - r", "open"): [ABORT],
    ("online", "check/coin reveal", "reveal"): [ABORT],
    ("online", "check/s - u", "open"): [ABORT],
    ("online", "check/zeta commit", "commit"): [ABORT],
    ("online", "check/zeta reveal", "reveal"): [ABORT],
}
FROM_SERVERS = {  # parts: masks r_0 and r; echo h; result z, r, v, w
    ("upload", "masks", "mask"): ["row 0"] * 4,
    ("upload", "masks", "echo"): ["row 0"],
    ("upload", "proof/challenge", "coin"): ["all rows"],
    ("prepare", "masks", "mask"): [REFUSED] * 2,
    ("prepare", "masks", "echo"): [REFUSED],
    ("online", "result", "output"): [REFUSED] * 4,
}
FROM_CLIENTS = {  # parts: chi; sent, dense, packed; query, threshold; told to one server
    ("upload", "masks", "chi"): ["row 0"],
    ("upload", "rows", "masked rows"): ["row 0"] * 4,
    ("upload", "proof/polynomial", "polynomial"): ["row 0"],
    ("prepare", "masks", "chi"): [REFUSED],
    ("online", "query", "masked query"): [REFUSED, REFUSED],
}


@cache
def honest_run():
    scene = Scene()
    spy = Spy(scene.lab)
    assert scene.right(scene.run())
    return scene, spy


def found(which):
    _, spy = honest_run()
    return {(s.phase, s.label, s.kind) for s in spy.seen if leg(s) == which}


def test_no_kind_of_message_is_forgotten():
    assert found(SERVERS) == set(BETWEEN_SERVERS)
    assert found(TO_CLIENT) == set(FROM_SERVERS)
    assert found(TO_SERVER) == set(FROM_CLIENTS)
    scene, spy = honest_run()
    heard = {}
    for s in spy.seen:
        if s.sender != s.receiver:
            heard.setdefault((s.session, s.round, s.sender, s.receiver, s.phase), []).append(s)
    recorded = {
        (r.phase, part)
        for r in scene.lab.transcript.records
        if r.phase != "preprocess"
        for part in [r.step]
    }
    joined = {
        (phase, " + ".join(s.label for s in group))
        for (_, round_, *_, phase), group in heard.items()
        if round_ is not None
    } | {(s.phase, s.label) for s in spy.seen if s.round is None}
    assert recorded == joined
    parts = {(s.phase, s.label, s.kind): len(s.parts) for s in spy.seen}
    for listed in (BETWEEN_SERVERS, FROM_SERVERS, FROM_CLIENTS):
        for message, outcomes in listed.items():
            assert len(outcomes) == parts[message], message


def attempt(scene):
    """Upload and query; the error that came of it, or the result."""
    try:
        return scene.run()
    except MpclabError as error:
        return error


def aborted(scene, result, corrupt):
    """An honest server stopped, and the client has no result. Then the next query works."""
    honest = [s for s in scene.servers if s != corrupt]
    assert isinstance(result, (Abort, Refused)), result
    assert any(isinstance(o, Abort) for o in scene.server_outcomes(honest))
    last = scene.outcomes[-1][1]
    client = last.get("requester", last.get("users"))
    if scene.outcomes[-1][0] == "online":
        assert isinstance(client, Rejected)
    if len(honest) == 1:
        assert isinstance(scene.server_outcomes(honest)[-1], Abort)
        assert scene.results_sent(by=honest[0]) == 0
    works_again(scene)


def works_again(scene, missing=()):
    scene.honest()
    if scene.recommender.users == 0:
        assert scene.recommender.upload(RATINGS) == 4
        missing = ()
    assert scene.right(scene.ask(), missing)


def refused(scene, result):
    """The query was refused or rejected; the next one works."""
    assert isinstance(result, (Refused, Rejected)), result
    client = scene.outcomes[-1][1]["requester"]
    assert scene.outcomes[-1][0] == "prepare" or isinstance(client, Rejected)
    works_again(scene)


MISSING = {"row 0": (0,), "rows 0 and 1": (0, 1), HARMLESS: ()}


def judge(scene, result, expected, corrupt):
    if expected == ABORT:
        aborted(scene, result, corrupt)
    elif expected == REFUSED:
        refused(scene, result)
    elif expected == "all rows":  # everybody was refused: a query finds nobody
        assert scene.recommender.users == 0
        assert result.neighbours == 0
        assert not result.sums.any()
        works_again(scene)
    else:
        missing = MISSING[expected]
        assert scene.recommender.users == 4 - len(missing)
        assert scene.right(result, missing)
        works_again(scene, missing)


def cases(table):
    return [
        pytest.param(*message, part, expected, id="-".join([*message, str(part)]))
        for message, outcomes in table.items()
        for part, expected in enumerate(outcomes)
    ]


def steps(table):
    return [pytest.param(*message, id="-".join(message)) for message in table]


# -- servers among themselves -------------------------------------------------------


@pytest.mark.parametrize(("servers", "corrupt"), [(2, "server 1"), (3, "server 0")])
@pytest.mark.parametrize(("phase", "step", "kind", "part", "expected"), cases(BETWEEN_SERVERS))
def test_server_alters_a_value(servers, corrupt, phase, step, kind, part, expected):
    scene = Scene(servers)
    cheat = Cheat(scene.lab, corrupt, step, value(part), phase=phase, kind=kind)
    result = attempt(scene)
    assert cheat.hits == servers
    judge(scene, result, expected, corrupt)


@pytest.mark.parametrize(("phase", "step", "kind"), steps(BETWEEN_SERVERS))
def test_server_sends_what_is_no_message(phase, step, kind):
    """In every way of `MALFORMED`, to the honest server only: it must find out by itself."""
    for name, edit in {**MALFORMED, "other history": OTHER_HISTORY}.items():
        if name == "not canonical" and kind != "open" and step != "chi":
            continue  # no field elements
        scene = Scene(2)
        cheat = Cheat(
            scene.lab, "server 1", step, edit, phase=phase, kind=kind, to=["server 0"]
        )
        result = attempt(scene)
        assert cheat.hits == 1, name
        assert isinstance(result, Abort), name
        assert isinstance(scene.outcomes[-1][1]["server 0"], Abort), name
        assert scene.results_sent(by="server 0") == 0, name
        if name in ("dropped", "longer") and (phase, step, kind) != LAST_OF_UPLOAD:
            works_again(scene)


LAST_OF_UPLOAD = ("upload", "proof/valid/zeta reveal", "reveal")
OTHERS = [m for m in BETWEEN_SERVERS if m != LAST_OF_UPLOAD]


@pytest.mark.parametrize("message", OTHERS, ids="-".join)
def test_server_tells_different_servers_different_things(message):
    phase, step, kind = message
    parts = len(BETWEEN_SERVERS[message])
    for part in range(parts):
        for liar, victim in (("server 0", "server 2"), ("server 2", "server 0")):
            scene = Scene(3)
            cheat = Cheat(
                scene.lab, liar, step, value(part), phase=phase, kind=kind, to=[victim]
            )
            result = attempt(scene)
            assert cheat.hits == 1
            aborted(scene, result, liar)


@pytest.mark.parametrize("message", OTHERS, ids="-".join)
def test_server_sends_nothing_to_one_of_two(message):
    phase, step, kind = message
    scene = Scene(3)
    cheat = Cheat(
        scene.lab, "server 1", step, lambda m: DROP, phase=phase, kind=kind, to=["server 0"]
    )
    result = attempt(scene)
    assert cheat.hits == 1
    aborted(scene, result, "server 1")


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("edit", [value(), lambda m: DROP], ids=["equivocates", "drops"])
def test_lie_to_one_server_in_the_last_round_of_an_upload(servers, edit):
    """One server stores the rows, the other aborts: queries abort until the servers settle."""
    scene = Scene(servers)
    Cheat(scene.lab, "server 1", LAST_OF_UPLOAD[1], edit, phase="upload", to=["server 0"])
    with pytest.raises(Abort):
        scene.run()
    scene.honest()
    stored = [s.storage["recommender"][0].present.all() for s in scene.lab.servers]
    if len(set(stored)) > 1:
        scene.recommender.preprocess(queries=1)
        with pytest.raises(Abort, match="saw other broadcasts"):
            scene.ask()
    assert scene.recommender.settle() == (len(RATINGS) if any(stored) else 0)
    if all(b.used for b in scene.lab.servers[0].storage["recommender"]):
        scene.recommender.preprocess(rows=len(RATINGS))
    scene.recommender.preprocess(queries=1)
    scene.recommender.upload(RATINGS)
    assert scene.right(scene.ask())


def test_messages_sent_twice_or_out_of_turn_abort():
    for step in ("h", "s - u", "compare/x + r", "check/coin reveal"):
        scene = Scene(2)

        class Twice(Cheat):
            def __call__(self, flight):
                out = super().__call__(flight)
                return out + [e for e in out if e.label.endswith(step)]  # noqa: B023

        Twice(scene.lab, "server 1", step, lambda m: m.encode())
        result = attempt(scene)
        aborted(scene, result, "server 1")


# -- row by row ---------------------------------------------------------------------


def liar(scene, edit, to=None):
    """Server 1 lies in "same rows", so that rows are compared one by one, and edits that too."""
    return Cheat(scene.lab, "server 1", "same rows", value()).also("same row", edit, to)


@pytest.mark.parametrize("servers", [2, 3])
def test_server_lies_about_one_row(servers):
    scene = Scene(servers)
    liar(scene, value(at=2 * 4))  # four integers per row
    result = attempt(scene)
    assert scene.recommender.users == 3
    assert scene.right(result, missing=(2,))
    works_again(scene, missing=(2,))


@pytest.mark.parametrize("name", [m for m in MALFORMED if m != "not canonical"])
def test_row_by_row_message_is_none(name):
    scene = Scene(2)
    liar(scene, MALFORMED[name], ["server 0"])
    with pytest.raises(Abort):
        scene.run()
    assert not scene.lab.servers[0].storage["recommender"][0].present.any()


def test_lie_to_one_server_about_one_row():
    """One server would store row 0, another not: the proof's next round ends the upload."""
    scene = Scene(3)
    liar(scene, value(), ["server 2"])
    aborted(scene, attempt(scene), "server 1")


def test_lie_to_one_server_about_one_row_without_a_proof():
    """One server stores row 0, another does not, and the upload ends well for both."""
    scene = Scene(3, validated=False)
    liar(scene, value(), ["server 2"])
    attempt(scene)
    scene.honest()
    assert scene.recommender.settle() == 1
    scene.recommender.preprocess(queries=1)
    result = scene.ask()
    assert scene.right(result, missing=(0,))


# -- servers towards clients --------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize(("phase", "step", "kind", "part", "expected"), cases(FROM_SERVERS))
def test_server_tells_a_client_another_value(servers, phase, step, kind, part, expected):
    scene = Scene(servers)
    cheat = Cheat(scene.lab, "server 1", step, value(part), phase=phase, kind=kind)
    result = attempt(scene)
    assert cheat.hits == 1
    judge(scene, result, expected, "server 1")


@pytest.mark.parametrize(("phase", "step", "kind"), steps(FROM_SERVERS))
def test_server_sends_a_client_what_is_no_message(phase, step, kind):
    for name, edit in MALFORMED.items():
        scene = Scene(2)
        cheat = Cheat(scene.lab, "server 1", step, edit, phase=phase, kind=kind)
        result = attempt(scene)
        assert cheat.hits == 1, name
        judge(scene, result, "all rows" if phase == "upload" else REFUSED, "server 1")


def test_server_spoils_every_entry_of_a_result():
    """Every entry of z, r, v, w on its own, r_0 and w_0 included: the client takes none."""
    _, spy = honest_run()
    (sizes,) = {
        tuple(np.size(p) for p in s.parts) for s in spy.seen if s.label == "result"
    }
    for part, size in enumerate(sizes):
        for at in range(size):
            scene = Scene(2)
            Cheat(scene.lab, "server 0", "result", value(part, at))
            refused(scene, attempt(scene))


# -- clients ------------------------------------------------------------------------


def client_of(phase):
    return "users" if phase == "upload" else "requester"


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize(("phase", "step", "kind", "part", "expected"), cases(FROM_CLIENTS))
def test_client_tells_one_server_another_value(servers, phase, step, kind, part, expected):
    scene = Scene(servers)
    cheat = Cheat(
        scene.lab, client_of(phase), step, value(part, by=7 if part == 0 else 1),
        phase=phase, kind=kind, to=["server 1"],
    )
    result = attempt(scene)
    assert cheat.hits == 1
    judge(scene, result, expected, client_of(phase))


@pytest.mark.parametrize("to", [["server 0"], ["server 0", "server 1"]], ids=["one", "all"])
@pytest.mark.parametrize(("phase", "step", "kind"), steps(FROM_CLIENTS))
def test_client_sends_what_is_no_message(phase, step, kind, to):
    for name, edit in MALFORMED.items():
        if name == "not canonical" and step == "rows":
            continue  # its elements are checked row by row: below
        scene = Scene(2)
        cheat = Cheat(scene.lab, client_of(phase), step, edit, phase=phase, kind=kind, to=to)
        result = attempt(scene)
        assert cheat.hits == len(to), name
        judge(scene, result, "all rows" if phase == "upload" else REFUSED, "a client")


@pytest.mark.parametrize(
    ("part", "at", "entry", "missing"),
    [
        (1, 4, 2**61 - 1, (2,)),  # dense, row 2: not canonical
        (1, 4, -1, (2,)),
        (2, 1, 2**61, (1,)),  # packed, row 1
        (2, 3, -(2**63), (3,)),
        (0, 1, 0, (1,)),  # not sent, or neither sent nor not
        (0, 2, -1, (2,)),
        (0, 2, 2, (2,)),
    ],
)
@pytest.mark.parametrize("to", [["server 0"], ["server 0", "server 1"]], ids=["one", "all"])
def test_rows_that_nobody_may_send(part, at, entry, missing, to):
    def edit(m):
        out = m.section.parts[part].copy()
        out.reshape(-1)[at] = entry
        return m.with_part(part, out).encode()

    scene = Scene(2)
    cheat = Cheat(scene.lab, "users", "rows", edit, to=to)
    result = attempt(scene)
    assert cheat.hits == len(to)
    assert scene.recommender.users == 4 - len(missing)
    assert scene.right(result, missing)
    works_again(scene, missing)


def test_a_user_whose_mask_was_refused_cannot_upload_under_it():
    """It told two chis, and sends its row to everybody all the same."""

    def with_row_2(m):
        sent, *rows = m.section.parts
        sent = sent.copy()
        sent[2] = 1
        return m.with_section(parts=(sent, *rows)).encode()

    scene = Scene(2)
    cheat = Cheat(scene.lab, "users", "masks", value(at=2), to=["server 1"])
    cheat.also("rows", with_row_2)
    result = attempt(scene)
    assert cheat.hits == 3
    assert scene.recommender.users == 3
    assert scene.right(result, missing=(2,))


@pytest.mark.parametrize("what", ["row", "id"])
def test_servers_that_do_not_agree_on_the_rows_in_force_stop_before_the_query(what):
    """Server 1 takes a row for absent, or another's: nobody's query meets two databases."""
    scene = Scene(2)
    scene.recommender.upload(RATINGS)
    block = scene.lab.servers[1].storage["recommender"][0]
    if what == "row":
        block.present[1] = False
    else:
        block.ids[[0, 1]] = block.ids[[1, 0]]
    try:
        result = scene.ask()
    except MpclabError:
        assert scene.outcomes[-1][0] == "prepare"
        return
    assert what == "row"
    assert scene.right(result, missing=(1,))


def test_client_that_asks_with_another_threshold_is_refused():
    scene = Scene(2)
    Cheat(scene.lab, "requester", "query", value(1, by=-5))  # tells all servers alike
    refused(scene, attempt(scene))


def test_other_well_formed_query_is_just_another_query():
    """What a dummy may do: its query is its own affair, and nobody aborts."""
    scene = Scene(2)
    cheat = Cheat(
        scene.lab, "requester", "query",
        lambda m: m.with_part(0, changed(m.field, m.section.parts[0], by=2**50)).encode(),
    )
    result = attempt(scene)
    assert cheat.hits == 2
    assert not isinstance(result, Exception)


# -- after an abort -----------------------------------------------------------------


def test_aborts_keep_the_pools_in_step():
    for phase, step in (("prepare", "h"), ("online", "select/b - d"), ("online", "check/s - u")):
        scene = Scene(3, queries=3)
        scene.recommender.upload(RATINGS)
        before = [repr(s.pool) for s in scene.lab.servers]
        for _ in range(2):
            Cheat(scene.lab, "server 2", step, value(), phase=phase)
            with pytest.raises(Abort):
                scene.ask()
        scene.honest()
        pools = [repr(s.pool) for s in scene.lab.servers]
        assert len(set(pools)) == 1
        assert pools != before
        assert scene.right(scene.ask())
        with pytest.raises(MpclabError, match="call preprocess"):
            scene.ask()  # what the aborted ones took is gone


def test_an_abort_names_nobody():
    """Nor does it show what is secret: the sentence holds no server's name and no number."""
    for phase, step, kind in BETWEEN_SERVERS:
        scene = Scene(3)
        Cheat(scene.lab, "server 1", step, value(), phase=phase, kind=kind, to=["server 2"])
        result = attempt(scene)
        if isinstance(result, Abort):
            assert "server 1" not in str(result)
            assert "server 2" not in str(result)


# -- settling ------------------------------------------------------------------------


def test_settling_when_all_is_well_changes_nothing():
    scene = Scene(3)
    scene.recommender.upload(RATINGS)
    assert scene.recommender.settle() == 0
    assert scene.right(scene.ask())


@pytest.mark.parametrize("servers", [2, 3])
def test_settling_after_rows_were_replaced_at_one_server_only(servers):
    """There the old rows are tombstones, elsewhere in force: what is left must fit together.

    A tombstone's E is held, a row's that was taken back is not: if servers differ in that, the row
    does not cancel, and the MAC check of every query fails from then on.
    """
    scene = Scene(servers)
    scene.recommender.upload(RATINGS)
    Cheat(scene.lab, "server 1", "same rows", value(), phase="upload", to=["server 0"])
    with pytest.raises(Abort):
        scene.recommender.upload(RATINGS[:, ::-1], ids=[3, 2, 8, 9])
    scene.honest()
    scene.recommender.settle()
    scene.recommender.preprocess(queries=1)
    result = scene.ask()
    assert scene.right(result) or scene.right(result, missing=(2, 3))


@pytest.mark.parametrize("servers", [2, 3])
def test_a_server_that_lies_while_settling_has_that_row_refused(servers):
    scene = Scene(servers)
    scene.recommender.upload(RATINGS)
    Cheat(scene.lab, "server 1", "rows in force", value(at=2, by=99))
    scene.recommender.settle()
    scene.honest()
    scene.recommender.settle()  # server 1 thought that all was well
    scene.recommender.preprocess(queries=1)
    assert scene.right(scene.ask(), missing=(2,))


def test_settling_counts_the_rows_that_were_in_force():
    """A row that its user has replaced is in force nowhere, also where servers differ on it."""
    scene = Scene(2)
    scene.recommender.upload(RATINGS)
    scene.recommender.upload(RATINGS, ids=range(4))
    block = scene.lab.servers[1].storage["recommender"][0]
    assert not block.present.any()
    block.ids[1] = 77
    assert scene.recommender.settle() == 0
    assert scene.recommender.users == 4
    assert scene.right(scene.ask())


def test_a_query_prepared_before_settling_is_void():
    """It holds products with rows that are gone."""
    scene = Scene(2)
    scene.recommender.upload(RATINGS)
    prepared = scene.recommender.prepare(user=0)
    scene.lab.servers[1].storage["recommender"][0].present[1] = False
    assert scene.recommender.settle() == 1
    with pytest.raises(MpclabError):
        scene.recommender.query(prepared, RATINGS[0], THRESHOLD)
