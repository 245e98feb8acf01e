"""Rows on disk: the same results, bytes and rounds as in memory, and nothing left behind."""

import gc
import os
import shutil
import stat
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

from mpclab import cost, experiments
from mpclab.datasets.generate import cohorts
from mpclab.errors import Abort, InputError, MaterialError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.rounds import Round, Send, exchange
from mpclab.preprocessing import dealer, disk, pool
from mpclab.preprocessing.material import ZeroTest
from mpclab.protocols.comparison import comparison_material, in_parts, is_negative
from mpclab.protocols.comparison.in_parts import InParts, end_to_end
from mpclab.recommender import Parameters, Recommender, plaintext
from mpclab.recommender.storage import Store, cohort_rows, disk_bytes
from mpclab.sharing import reconstruct
from tests.cheating import Cheat, value

USERS = 23
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Everything that is large goes to disk, and material comes in parts."""
    monkeypatch.setattr(pool, "SPILLED", 1)
    monkeypatch.setattr(in_parts, "AT_ONCE", 10)
    monkeypatch.setattr(dealer, "REMEMBERED", 0)


def table(users=USERS, items=9, seed=5):
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 11, (users, items)).astype(np.uint8)
    ratings[rng.random((users, items)) > 0.7] = 0
    return ratings


def made(store=None, cohort=None, *, servers=2, comparison="tables", validated=False, users=USERS,
         **changes):
    parameters = Parameters(users, 9, 3, min_dense=1, validated=validated, **changes)
    lab = Lab(servers, seed=4, comparison=comparison)
    return Recommender(lab, parameters, store=store, cohort=cohort)


def files(folder):
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def asked(recommender, ratings, user=2):
    result = recommender.recommend(ratings[user], 0.2, user)
    online = {"session": result.session, "phase": "online"}
    transcript = recommender.lab.transcript
    sent = [transcript.bytes_sent(s.name, **online) for s in recommender.lab.servers]
    numbers = result.sums.tolist(), result.counts.tolist(), result.neighbours
    return numbers, sent, transcript.rounds(**online), transcript.client_bytes(**online)


def clear(recommender, ratings, user=2, query=None):
    query = ratings[user] if query is None else query
    sums, counts, n = plaintext(recommender.parameters, ratings, query, 0.2, user)
    return sums.tolist(), counts.tolist(), n


# -- the same as in memory --------------------------------------------------------------


@pytest.mark.parametrize(("servers", "comparison"), [(2, "tables"), (3, "tables"), (2, "fss"),
                                                     (2, "bits")])
@pytest.mark.parametrize("validated", [False, True])
def test_result_bytes_and_rounds_are_those_in_memory(
    tmp_path, monkeypatch, servers, comparison, validated
):
    ratings, told = table(), []
    for store, cohort in ((None, None), (tmp_path / "store", 7)):
        monkeypatch.setattr(in_parts, "AT_ONCE", 10 if store else 1000)
        with made(store, cohort, servers=servers, comparison=comparison,
                  validated=validated) as recommender:
            recommender.preprocess(rows=USERS)
            recommender.preprocess(queries=1)
            assert recommender.upload(ratings) == USERS
            told.append(asked(recommender, ratings))
            assert told[-1][0] == clear(recommender, ratings)
    assert told[0][0] == told[1][0]
    assert told[0][2:] == told[1][2:]
    if comparison != "bits":  # whose openings are tables, which end to end have other shapes
        assert told[0][1] == told[1][1]


def test_rounds_do_not_grow_with_cohorts(tmp_path):
    ratings = table()
    for cohort in (23, 5, 1):
        with made(tmp_path / str(cohort), cohort) as recommender:
            recommender.preprocess(rows=USERS)
            recommender.preprocess(queries=1)
            recommender.upload(ratings)
            numbers, _, rounds, _ = asked(recommender, ratings)
            assert (numbers, rounds) == (clear(recommender, ratings), 8)


@pytest.mark.parametrize("how", ["array", "mapped", "iterator", "more at a time"])
def test_ratings_come_as_arrays_maps_or_cohorts(tmp_path, how):
    ratings = table()
    given = ratings
    if how == "mapped":
        given = np.memmap(tmp_path / "ratings", np.uint8, "w+", shape=ratings.shape)
        given[:] = ratings
    if how == "iterator":
        given = iter([ratings[k : k + 7] for k in range(0, USERS, 7)])
    if how == "more at a time":
        given = iter([ratings[:14], ratings[14:]])
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=1)
        assert recommender.upload(given) == USERS
        assert recommender.users == USERS
        assert asked(recommender, ratings)[0] == clear(recommender, ratings)


def test_cohorts_in_memory():
    ratings = table()
    recommender = made(None, 7)
    recommender.preprocess(rows=USERS)
    recommender.preprocess(queries=1)
    assert recommender.upload(ratings) == USERS
    assert len(recommender.lab.servers[0].storage["recommender"]) == 4
    assert asked(recommender, ratings)[0] == clear(recommender, ratings)


def test_rows_are_replaced_over_cohorts(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7, users=60) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.upload(ratings, np.arange(USERS) * 3)
        newer = table(seed=6)
        chosen = np.random.default_rng(1).permutation(USERS)[:9]
        recommender.preprocess(rows=9)
        recommender.preprocess(queries=1)
        assert recommender.upload(newer[chosen], chosen * 3) == 9
        ratings[chosen] = newer[chosen]
        assert recommender.users == USERS
        result = recommender.recommend(ratings[2], 0.2, 6)
        assert result.sums.tolist() == clear(recommender, ratings)[0]


def test_several_requesters_ask_at_once(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=3)
        recommender.upload(ratings)
        results = recommender.recommend_many(ratings[:3], 0.2, range(3))
        for user, result in enumerate(results):
            numbers = result.sums.tolist(), result.counts.tolist(), result.neighbours
            assert numbers == clear(recommender, ratings, user)
        online = {"session": results[0].session, "phase": "online"}
        assert recommender.lab.transcript.rounds(**online) == 8


# -- what goes wrong in one cohort ------------------------------------------------------------


def test_who_is_refused_in_one_cohort_hurts_nobody_else(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7, validated=True) as recommender:
        p = recommender.parameters
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=1)
        assert recommender.upload(ratings[:7]) == 7
        packed = p.packing.pack(ratings[7:14, 3:])
        dense = Field().zeros((7, 3))
        dense[4] = 10**6  # a vector that is much too long
        assert recommender.upload_encoded(dense, packed, np.arange(7, 14)) == 6
        assert recommender.upload(ratings[14:21], np.arange(14, 21)) == 7
        assert recommender.upload(ratings[21:], np.arange(21, 23)) == 2
        assert recommender.users == 22
        left = ratings.copy()
        left[7:14, :3] = 0
        left[11] = 0
        assert asked(recommender, left)[0] == clear(recommender, left)


def test_an_abort_in_one_cohort_leaves_the_others(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        assert recommender.upload(ratings[:7]) == 7
        cheat = Cheat(recommender.lab, "server 1", "h", value())
        with pytest.raises(Abort):
            recommender.upload(ratings[7:14], np.arange(7, 14))
        assert cheat.hits
        recommender.lab.network.adversary, recommender.lab.network.corrupt = None, frozenset()
        assert recommender.users == 7
        assert recommender.upload(ratings[14:21], np.arange(14, 21)) == 7
        assert recommender.settle() == 0
        recommender.preprocess(queries=1)
        left = ratings.copy()
        left[7:14] = 0
        left[21:] = 0
        assert recommender.users == 14
        assert asked(recommender, left)[0] == clear(recommender, left)


def test_rows_that_one_server_lacks_are_settled(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=1)
        recommender.upload(ratings)
        block = recommender.lab.servers[1].storage["recommender"][1]
        before = block.packed.share.data[:, :, 3].copy()
        block.packed.take_back((slice(None), np.array([3])))
        block.dense.take_back((np.array([3]),))
        block.ids[3], block.present[3] = -1, False
        assert recommender.settle() == 1
        blocks = [s.storage["recommender"][1] for s in recommender.lab.servers]
        assert not any(b.packed.masked[:, 3].any() or b.dense.masked[3].any() for b in blocks)
        assert (block.packed.share.data[:, :, 3] != before).any()
        left = ratings.copy()
        left[10] = 0
        assert asked(recommender, left)[0] == clear(recommender, left)


# -- files ------------------------------------------------------------------------------------


def test_files_are_private_and_go_away(tmp_path):
    store = tmp_path / "store"
    recommender = made(store, 7)
    recommender.preprocess(rows=USERS)
    recommender.upload(table())
    recommender.preprocess(queries=1)
    for k in range(2):
        folder = store / f"server {k}"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in folder.iterdir())
    assert sum("rows" in f for f in files(store)) == 2 * 4
    assert any("material" in f for f in files(store))
    recommender.close()
    assert not store.exists()
    with pytest.raises(InputError, match="no rows to ask yet"):
        recommender.preprocess(queries=1)


def test_files_are_kept_if_asked_and_never_taken_over(tmp_path):
    store = tmp_path / "store"
    recommender = made(store, 7)
    recommender.preprocess(rows=USERS, queries=1)
    recommender.close(keep=True)
    assert len(files(store)) == 2 * 4  # of rows; material that serves once is gone
    with pytest.raises(InputError, match="is not empty, and a store serves one recommender, once"):
        made(store, 7)


def test_a_store_goes_with_its_recommender(tmp_path):
    store = tmp_path / "store"
    recommender = made(store, 7)
    recommender.preprocess(rows=8)
    lab = recommender.lab
    del recommender
    assert not store.exists()
    assert lab.state == "ready"


def test_material_on_disk_serves_once(tmp_path):
    ratings = table()
    store = tmp_path / "store"
    with made(store, 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.upload(ratings)
        recommender.preprocess(queries=2)
        spilled = [f for f in files(store) if "material" in f]
        prepared = recommender.prepare(2)
        assert len([f for f in files(store) if "material" in f]) == len(spilled) / 2
        recommender.query(prepared, ratings[2], 0.2)
        with pytest.raises(MaterialError, match="prepared for one use"):
            recommender.query(prepared, ratings[2], 0.2)
        recommender.recommend(ratings[2], 0.2, 2)
        assert not [f for f in files(store) if "material" in f]
        with pytest.raises(MaterialError, match="nothing is preprocessed"):
            recommender.prepare(2)


def test_what_is_burned_is_deleted(tmp_path):
    mine = pool.Pool("server 0")
    mine.folder = tmp_path
    for serial in range(4):
        mine.put(serial, ZeroTest(), {"t": np.arange(5, dtype=np.uint64)})
    assert len(files(tmp_path)) == 4
    mine.burn(ZeroTest(), 1)
    assert len(files(tmp_path)) == 3
    mine.drop_from(3)
    assert files(tmp_path) == ["material 0", "material 2"]
    serial, taken = mine.take(ZeroTest())
    assert (serial, taken["t"].tolist()) == (0, [0, 1, 2, 3, 4])
    assert files(tmp_path) == ["material 2"]
    os.unlink(tmp_path / "material 2")
    with pytest.raises(MaterialError, match="'material 2' of preprocessed material is gone"):
        mine.take(ZeroTest())


def test_a_bundle_comes_back_as_it_was(tmp_path):
    lab = Lab(2, seed=1)
    spec = comparison_material(lab.field, 6, 12, "fss", 2)
    lab.preprocess([spec])
    _, held = lab.servers[0].pool.take(spec)
    bundle = disk.SpilledBundle(tmp_path / "bundle", held)
    assert "hidden" in repr(bundle)
    back = bundle.take()
    assert (back["r"].data == held["r"].data).all()
    assert back["r"].key is held["r"].key
    for a, b in zip(back["private"], held["private"], strict=True):
        assert bytes(a) == bytes(b)


def test_a_folder_has_nothing_of_another_server(tmp_path):
    """Shares and MACs of one server are in its own folder, and in no other's."""
    store = tmp_path / "store"
    with made(store, 7, servers=3) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=1)
        recommender.upload(table())
        held = {}
        for k, server in enumerate(recommender.lab.servers):
            held[k] = b"".join((store / f"server {k}" / f"rows {b.serial}").read_bytes()
                               for b in server.storage["recommender"])
        for k, server in enumerate(recommender.lab.servers):
            alpha = int(server.key.alpha).to_bytes(8, "little")
            whole = [b"".join(f.read_bytes() for f in (store / f"server {j}").iterdir())
                     for j in range(3)]
            assert not any(alpha in w for w in whole)
            for block in server.storage["recommender"]:
                for word in block.dense.share.data.reshape(-1)[:20]:
                    inside = [int(word).to_bytes(8, "little") in whole[j] for j in range(3)]
                    assert inside == [j == k for j in range(3)]


def test_views_see_what_lies_on_disk(tmp_path):
    ratings = table()
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.upload(ratings)
        blocks = [s.storage["recommender"][0] for s in recommender.lab.servers]
        packed = reconstruct([b.packed.share for b in blocks])
        assert (packed == recommender.parameters.packing.pack(ratings[:7, 3:])).all()
        view = recommender.lab.view([1])
        mine = view[view.step == "rows 0, packed"].value.iloc[0]
        assert (mine == blocks[1].packed.share.value).all()


# -- sentences --------------------------------------------------------------------------------


def test_a_store_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        made(tmp_path / "file", 7)
    with pytest.raises(InputError, match="cannot be made"):
        made(tmp_path / "file" / "below", 7)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("precious")
    with pytest.raises(InputError, match="is not empty"):
        made(tmp_path / "full", 7)
    assert (tmp_path / "full" / "mine").read_text() == "precious"


@pytest.mark.parametrize("cohort", [0, -3, 2.5, True])
def test_a_cohort_is_a_number_of_rows(cohort):
    with pytest.raises(InputError, match=f"cohort is {cohort!r}: it is a number of rows"):
        made(None, cohort)


def test_a_row_that_does_not_fit_into_memory():
    with pytest.raises(InputError, match="memory is 1,000 bytes, and one row of"):
        cohort_rows(Parameters(100, 1000, 20), 2, 1000)


def test_too_little_disk_is_a_sentence_before_anything_is_made(tmp_path, monkeypatch):
    with made(tmp_path / "store", 7) as recommender:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 1000))
        with pytest.raises(InputError, match=r"take about .* GB on disk, and 1e-06 GB are free"):
            recommender.preprocess(rows=USERS)
        assert recommender.capacity == 0
        assert not files(tmp_path / "store")
    with pytest.raises(InputError, match="GB on disk"):
        experiments.check_memory(10**6, 1000, 2, store=tmp_path)
    with pytest.raises(InputError, match="GB on disk"):
        experiments.scale(1000, 40, store=tmp_path / "other")


def test_a_disk_that_fills_up_leaves_all_servers_alike(tmp_path, monkeypatch):
    real, calls = os.posix_fallocate, []

    def full(descriptor, start, size):
        calls.append(size)
        if len(calls) == 4:  # the second server's file of the second block
            raise OSError(28, "No space left on device")
        real(descriptor, start, size)

    with made(tmp_path / "store", 7) as recommender:
        monkeypatch.setattr(pool, "SPILLED", 1 << 20)
        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(MaterialError, match="the disk is full"):
            recommender.preprocess(rows=14)
        assert recommender.capacity == 7
        assert len(files(tmp_path / "store")) == 2
        assert recommender.upload(table(7)) == 7
        recommender.preprocess(rows=7)  # there is room again
        assert recommender.capacity == 14


# -- predictions, the dealer, parts --------------------------------------------------------------


@pytest.mark.parametrize("comparison", ["tables", "fss"])
def test_the_disk_is_predicted(tmp_path, monkeypatch, comparison):
    monkeypatch.setattr(in_parts, "AT_ONCE", 1000)
    parameters = Parameters(2000, 200, 20, validated=False)
    lab = Lab(2, seed=1, comparison=comparison, contents=False)
    with Recommender(lab, parameters, store=tmp_path / "s", cohort=1000) as recommender:
        recommender.preprocess(rows=2000)
        recommender.preprocess(queries=1)
        predicted = disk_bytes(parameters, 2000, 2, comparison)
        for used in recommender.store.bytes_used():
            assert predicted <= used < 1.1 * predicted


def test_the_dealer_expands_anew_what_it_dealt(monkeypatch):
    labs = []
    for remembered in (0, 1 << 30):
        monkeypatch.setattr(dealer, "REMEMBERED", remembered)
        lab = Lab(3, seed=9)
        recommender = Recommender(lab, Parameters(8, 9, 3, min_dense=1), cohort=3)
        recommender.preprocess(rows=8)
        blocks = [s.storage["recommender"] for s in lab.servers]
        for k, block in enumerate(blocks[0]):
            known = lab.dealer.recall(block.serial)
            assert (known["dense"] == reconstruct([b[k].dense.share for b in blocks])).all()
            assert (known["packed"] == reconstruct([b[k].packed.share for b in blocks])).all()
            assert (known["r_0"] == reconstruct([b[k].r_0 for b in blocks])).all()
        labs.append(lab)
    assert not labs[0].dealer._plain
    assert len(labs[1].dealer._plain) == 3


@pytest.mark.parametrize("modulus", [8191, 2**61 - 1])
def test_small_fields_reject_and_are_expanded_alike(modulus):
    """Where words are drawn again, the streams of MACs must be read on too."""
    lab = Lab(3, modulus=modulus, seed=2, bits=6, comparison="exact")
    parameters = Parameters(4, 7, 2, modulus, scale=10, min_dense=1, validated=False)
    recommender = Recommender(lab, parameters)
    recommender.preprocess(rows=4)
    blocks = [s.storage["recommender"][0] for s in lab.servers]
    known = lab.dealer.recall(blocks[0].serial)
    assert (known["packed"] == reconstruct([b.packed.share for b in blocks])).all()


@pytest.mark.parametrize("way", ["tables", "bits", "fss", "exact"])
def test_comparisons_in_parts(way):
    lab = Lab(2, seed=3, comparison=way)
    x = np.arange(-12, 13)
    spec = comparison_material(lab.field, 25, 19, way, 2)
    assert isinstance(spec, InParts)
    assert (spec.count, len(spec.parts)) == (25, 3)
    assert spec.error(lab.field) < 2**-20
    assert any(e.name.startswith("2/") for e in spec.layout())
    lab.preprocess([spec])
    (first, second) = lab.each(lambda party, x: is_negative(party, x, spec), lab.god.share(x))
    assert reconstruct([first, second]).tolist() == [int(v < 0) for v in x]
    assert lab.transcript.rounds(phase="online") == spec.rounds
    with pytest.raises(InputError, match="made in parts"):
        spec.derive(lab.field, {}, lab.dealer)


def test_only_alike_protocols_go_end_to_end():
    lab = Lab(2, seed=1)
    x = lab.god.share([1, 2])

    async def uneven(party, x):
        async def open_both():
            await party.open_masked(x, "a")
            await party.open_masked(x, "b")

        return await end_to_end(party.open_masked(x, "a"), open_both())

    async def named(party, x):
        return await end_to_end(party.open_masked(x, "a"), party.open_masked(x, "b"))

    async def hashes(party, x):
        return await end_to_end(*(party.broadcast("a", "hash", bytes(3)) for _ in range(2)))

    async def mixed(party, x):
        bytes_too = party.broadcast("a", "hash", bytes(8))
        return await end_to_end(party.broadcast("a", "hash", np.arange(2)), bytes_too)

    for protocol, sentence in ((uneven, "different rounds"), (named, "different things"),
                               (hashes, "more than arrays"), (mixed, "more than arrays")):
        with pytest.raises(InputError, match=sentence):
            lab.each(protocol, x)


def test_what_cannot_go_end_to_end_is_closed():
    ended = []

    async def one(label):
        try:
            await exchange(Round((Send("server 1", label, "open", (np.arange(2),)),)))
        finally:
            ended.append(label)

    held = [one("a"), one("b")]  # else Python closes them itself, once nobody holds them
    running = end_to_end(*held)
    with pytest.raises(InputError, match="different things"):
        running.send(None)
    assert ended == ["a", "b"]


def test_costs_are_predicted_in_parts():
    lab = Lab(2, seed=3)
    x = lab.secret(np.arange(-12, 13))
    assert (x < 0).reveal().tolist() == [v < 0 for v in range(-12, 13)]
    parameters = Parameters(USERS, 9, 3, min_dense=1)
    predicted = cost.recommendation(2, parameters, USERS)
    assert predicted.rounds == 8
    assert sorted(s.count for s in predicted.material if hasattr(s, "digits")) == [3, 10]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """Beyond a few words per row (who is there), whatever a row is long."""
    ratings = table(4000, 300)
    parameters = Parameters(4000, 300, 3, min_dense=1, validated=False)
    lab = Lab(2, seed=1, contents=False)
    held = []
    with Recommender(lab, parameters, store=tmp_path / "store", cohort=200) as recommender:
        tracemalloc.start()
        try:
            for start in range(0, 4000, 200):
                recommender.preprocess(rows=200)
                recommender.upload(ratings[start : start + 200], np.arange(start, start + 200))
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        each = (held[-1] - held[9]) / 2000
        assert each < 400, f"{each} bytes per row, of {8 * parameters.packed * 3 * 2}"
        assert peak < held[-1] + 40 * 200 * 8 * parameters.packed


def test_a_query_prepared_before_the_store_was_closed(tmp_path):
    with made(tmp_path / "store", 7) as recommender:
        recommender.preprocess(rows=USERS)
        recommender.preprocess(queries=1)
        recommender.upload(table())
        prepared = recommender.prepare(2)
    with pytest.raises(MaterialError, match="store was closed and its files are removed"):
        recommender.query(prepared, table()[2], 0.2)


# -- many users ----------------------------------------------------------------------------------


def test_cohorts_are_the_same_whatever_their_size():
    whole = np.concatenate(list(cohorts(9000, 30, 3, size=9000)))
    parts = list(cohorts(8200, 30, 3, size=777))
    assert [len(p) for p in parts] == [777] * 10 + [430]
    assert (np.concatenate(parts) == whole[:8200]).all()
    assert whole.any(axis=1).all()
    assert whole.max() <= 10
    assert (whole != np.concatenate(list(cohorts(9000, 30, 4, size=9000)))).any()
    for wrong in ({"users": 0}, {"items": 10**6}, {"size": 0}):
        with pytest.raises(InputError):
            next(cohorts(**{"users": 5, "items": 30, **wrong}))


@pytest.mark.parametrize("validated", [False, True])
def test_scale_says_what_it_measured(tmp_path, validated):
    told = []
    run = experiments.scale(
        500, 40, dense=10, store=tmp_path / "store", cohort=200, counts=validated,
        validated=validated, progress=told.append,
    )
    assert run["matches_plaintext"]
    assert (run["cohorts"], run["rounds"], run["users_refused"]) == (3, 8, 0)
    assert run["peak_resident_bytes"] > 1 << 20
    assert min(run["disk_bytes"]) >= run["disk_predicted"]
    assert told[0].startswith("upload: 0 of 500")
    assert told[-1] == "online"
    assert not (tmp_path / "store").exists()


def test_a_store_speaks_of_its_folder(tmp_path):
    lab = Lab(2)
    store = Store(tmp_path / "mine", lab.servers)
    assert repr(store) == f"Store('{tmp_path / 'mine'}', 2 servers)"
    store.remove()
    assert store.bytes_used() == [0, 0]
