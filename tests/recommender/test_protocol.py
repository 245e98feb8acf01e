"""What the servers keep to among themselves, whatever the application above them asks for."""

import numpy as np
import pytest

from mpclab.client import Client
from mpclab.errors import Abort, Refused
from mpclab.network.endpoint import Endpoint
from mpclab.recommender import protocol
from mpclab.recommender.protocol import client_prepare, client_upload, prepare, upload
from tests.cheating import RATINGS, THRESHOLD, Cheat, Scene, value

IDS = np.arange(10, 14)


def upload_again(scene, at, ids=lambda index: IDS):
    """Four users upload to a block, past the recommender; every server's outcome."""
    session = scene.lab.session("upload")
    crowd = Client(session.endpoint("users", 4), scene.lab.source("users"))
    blocks = scene.lab.servers[0].storage["recommender"]
    S, packed = blocks[at].dense.share.shape[1], blocks[at].packed.share.shape[0]
    zeros = np.zeros((4, S), np.uint64), np.zeros((packed, 4), np.uint64)

    def server(party):
        own = party.server.storage["recommender"]
        return upload(party, own, own[at], "users", ids(party.index))

    outcomes = session.run("upload", server, [(crowd.endpoint, client_upload(crowd, *zeros))])
    return [outcomes[name] for name in scene.servers]


def masks_sent(scene):
    return sum(r.step == "masks" and r.kind == "mask" for r in scene.lab.transcript.records)


def test_masks_of_rows_are_given_out_once():
    """A second check of the same masks would open a second combination of them."""
    scene = Scene(3)
    scene.recommender.upload(RATINGS)
    before = masks_sent(scene)
    for outcome in upload_again(scene, at=0):
        assert isinstance(outcome, Abort)
        assert "given out" in str(outcome)
    assert masks_sent(scene) == before


def test_masks_that_were_given_out_in_vain_are_used_up():
    scene = Scene(2)
    Cheat(scene.lab, "server 1", "h", value(), phase="upload")
    with pytest.raises(Abort):
        scene.recommender.upload(RATINGS)
    scene.honest()
    assert all("given out" in str(outcome) for outcome in upload_again(scene, at=0))


def test_servers_agree_on_whose_rows_come():
    scene = Scene(3)
    scene.recommender.upload(RATINGS)
    assert all(stored.all() for stored in upload_again(scene, at=1))
    scene = Scene(3)
    scene.recommender.upload(RATINGS)
    outcomes = upload_again(scene, at=1, ids=lambda index: IDS[::-1] if index == 1 else IDS)
    assert all(isinstance(outcome, Abort) for outcome in outcomes)
    assert not any(s.storage["recommender"][1].present.any() for s in scene.lab.servers)


def test_all_that_servers_agree_on_is_told_apart_by_a_name(monkeypatch):
    absorb, parts = Endpoint.absorb, []

    def record(self, *what):
        parts.append(what)
        absorb(self, *what)

    monkeypatch.setattr(Endpoint, "absorb", record)
    scene = Scene(2)
    assert scene.right(scene.run())
    assert {what[0] for what in parts} >= {b"material", b"users", b"rows"}
    assert all(what[0].isalpha() and len(what) > 1 for what in parts)


def test_a_user_whose_masks_failed_their_check_sends_nothing(monkeypatch):
    """Its row under a mask that a server has altered might tell that server something."""
    send_all, sent = Client.send_all, []

    async def record(self, label, kind, *parts):
        if label == "rows":
            sent.extend(parts)
        await send_all(self, label, kind, *parts)

    monkeypatch.setattr(Client, "send_all", record)
    scene = Scene(2)
    Cheat(scene.lab, "server 1", "masks", value(at=2), phase="upload", kind="mask")
    scene.recommender.upload(RATINGS)
    flags, dense, packed, *_ = sent
    assert flags.tolist() == [1, 1, 0, 1]
    assert not dense[2].any()
    assert not packed[:, 2].any()
    assert all(dense[j].any() and packed[:, j].any() for j in (0, 1, 3))


# -- rows without a proof, where nothing else would refuse them --------------------------


@pytest.mark.parametrize(
    ("part", "at", "entry", "missing"),
    [
        (0, 1, 0, (1,)),  # not sent, or neither sent nor not
        (0, 2, 2, (2,)),
        (1, 4, 2**61 - 1, (2,)),  # dense, row 2: not canonical
        (2, 1, 2**61, (1,)),  # packed, row 1
    ],
)
def test_rows_that_nobody_may_send_are_refused_alone(part, at, entry, missing):
    def edit(m):
        out = m.section.parts[part].copy()
        out.reshape(-1)[at] = entry
        return m.with_part(part, out).encode()

    scene = Scene(2, validated=False)
    Cheat(scene.lab, "users", "rows", edit)
    result = scene.run()
    assert scene.recommender.users == 3
    assert scene.right(result, missing)


def test_a_row_under_masks_that_were_refused_is_not_stored():
    """The user told two chis, and sends its row to everybody all the same."""

    def with_row_2(m):
        sent, *rows = m.section.parts
        sent = sent.copy()
        sent[2] = 1
        return m.with_section(parts=(sent, *rows)).encode()

    scene = Scene(2, validated=False)
    cheat = Cheat(scene.lab, "users", "masks", value(at=2), to=["server 1"])
    cheat.also("rows", with_row_2)
    result = scene.run()
    assert scene.recommender.users == 3
    assert scene.right(result, missing=(2,))


# -- queries --------------------------------------------------------------------------


def test_servers_agree_on_who_asks():
    """Its own row is left out: were it another's at one server, the result would be wrong."""
    scene = Scene(3)
    recommender = scene.recommender
    recommender.upload(RATINGS)
    session = scene.lab.session("query")
    requester = Client(session.endpoint("requester"), scene.lab.source("requester"))

    def server(party):
        blocks = party.server.storage["recommender"]
        return prepare(party, recommender.parameters, blocks, "requester", int(party.index == 2))

    outcomes = session.run(
        "prepare", server,
        [(requester.endpoint, client_prepare(requester, recommender.parameters))],
    )
    assert all("saw other broadcasts" in str(outcomes[name]) for name in scene.servers)
    assert all(isinstance(outcomes[name], Abort) for name in scene.servers)


def test_nothing_is_prepared_under_a_mask_that_was_not_checked():
    """The servers refuse a requester that told them two chis, whatever it does next."""
    scene = Scene(3)
    scene.recommender.upload(RATINGS)
    Cheat(scene.lab, "requester", "masks", value(), phase="prepare", to=["server 1"])
    with pytest.raises(Refused):
        scene.ask()
    phase, outcomes = scene.outcomes[-1]
    assert phase == "prepare"
    assert all(isinstance(outcomes[name], Refused) for name in scene.servers)


def test_servers_serve_what_was_prepared_once():
    """Even if the requester's side asks again: two queries under one mask tell their difference."""
    scene = Scene(2)
    scene.recommender.upload(RATINGS)
    prepared = scene.recommender.prepare(user=0)
    assert scene.right(scene.recommender.query(prepared, RATINGS[0], THRESHOLD))
    prepared.used = False
    opened = len(scene.lab.transcript)
    with pytest.raises(Abort, match="prepared for one use"):
        scene.recommender.query(prepared, RATINGS[1], THRESHOLD)
    steps = {r.step for r in scene.lab.transcript.records[opened:]}
    assert not any("select" in step or "compare" in step for step in steps)


def test_settling_when_all_is_well_keeps_what_was_prepared():
    scene = Scene(2)
    scene.recommender.upload(RATINGS)
    prepared = scene.recommender.prepare(user=0)
    assert scene.recommender.settle() == 0
    assert scene.right(scene.recommender.query(prepared, RATINGS[0], THRESHOLD))


def test_rows_that_have_arrived_do_not_show():
    part = np.full((2, 3), 987654321, np.uint64)
    assert "987654321" not in repr(protocol._Rows(part, part, part, np.ones(3, bool)))
