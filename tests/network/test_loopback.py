"""Protocols over real processes: the same results and counts as simulated, and sentences."""

import gc
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from mpclab.errors import Abort, Deadlock, InputError, MaterialError
from mpclab.lab import Lab
from mpclab.network.loopback import (
    ProcessError,
    Processes,
    calibrate,
    measure_recommendation,
    query_in_processes,
    run_in_processes,
)
from mpclab.network.loopback.jobs import reference_to
from mpclab.network.loopback.run import _jobs
from mpclab.protocols.arithmetic import sort
from mpclab.protocols.checks import reveal
from mpclab.protocols.multiply import multiply
from mpclab.recommender import Parameters, Recommender
from mpclab.sharing import Share

ME = os.getpid()


# -- protocols that the processes import from this file -------------------------------------------


async def squares(party, x):
    y = await multiply(party, x, x)
    return y, await reveal(party, y), party.n


async def talks(party, bits):
    print(f"server {party.index} was here")
    told = await party.broadcast("large", "blob", bytes(bits // 8) + bytes([party.index]))
    return [blob[-1] for (blob,) in told]


async def fails(party, parent, how):
    """Server 1 fails, though not in a dry run."""
    await party.broadcast("before", "blob", b"x")
    if party.index == 1 and os.getpid() != parent:
        if how == "raises":
            raise ValueError("the moon is full")
        if how == "aborts":
            raise party.abort("this is a deviation")
        if how == "dies":
            print("my last words")
            os._exit(7)
        if how == "leaves":
            return None
        time.sleep(30)
    await party.broadcast("after", "blob", b"x")
    return None


async def differs(party):
    return party.index


async def asks_a_client(party):
    await party.send("alice", "hello", "blob", b"x")
    return None


@pytest.fixture(scope="module")
def processes():
    with Processes(2, client="requester") as running:
        yield running


@pytest.fixture
def lab():
    return Lab(servers=2, seed=5, contents=False)


def leftovers(ids):
    """Which of these processes still exist, zombies included."""
    return [pid for pid in ids if os.path.exists(f"/proc/{pid}")]


# -- the same as simulated ------------------------------------------------------------------------


def test_results_rounds_and_bytes_equal_the_simulation(lab, processes):
    x = lab.secret([3, -4, 5])
    simulated, opened, n = lab.run(squares, x)
    before = len(lab.transcript)
    session = lab.transcript.records[-1].session
    run = run_in_processes(lab, squares, x, processes=processes)
    y, values, count = run.result
    assert count == n == 2
    assert values.tolist() == opened.tolist() == [9, 16, 25]
    assert y.reveal().tolist() == simulated.reveal().tolist() == [9, 16, 25]
    simulation = [
        (r.step, r.round, r.sender, r.receiver, r.kind, r.bytes, r.elements)
        for r in lab.transcript.records[:before]
        if r.session == session and r.step.startswith("squares")
    ]
    first = simulation[0][1] - 1  # the lab's session has had rounds before
    assert sorted((s, r - first, *rest) for s, r, *rest in simulation) == sorted(
        (r.step, r.round, r.sender, r.receiver, r.kind, r.bytes, r.elements)
        for r in run.transcript.records
    )
    assert run.rounds == 12
    for i, size in enumerate(run.bytes):
        assert size == sum(s[5] for s in simulation if s[2] == f"server {i}")


def test_shares_come_back_and_their_openings_are_checked_later(lab, processes):
    x = lab.secret([3, -4, 5])
    product = run_in_processes(lab, multiply, x, x, processes=processes).result
    assert lab._main.parties[0].unchecked
    ordered = run_in_processes(lab, sort, product, processes=processes)  # checked before
    assert ordered.result.reveal().tolist() == [9, 16, 25]
    assert not lab._main.parties[0].unchecked


def test_a_share_that_is_wrong_is_found_by_the_check(lab, processes):
    product = run_in_processes(lab, multiply, *[lab.secret([3])] * 2, processes=processes).result
    lab.servers[0].storage["secrets"][product.number].data[0] ^= 1
    with pytest.raises(Abort, match="MAC check"):
        product.reveal()


def test_material_is_consumed_and_repeats_take_fresh(lab, processes):
    x = lab.secret([1, 2])
    cost = lab.predict(multiply, x, x)
    lab.preprocess_for(cost)
    serial = lab.servers[0].pool._highest
    run = run_in_processes(lab, multiply, x, x, repeat=3, processes=processes)
    assert [s.pool.count(spec) for spec in cost.material for s in lab.servers] == [0, 0]
    assert lab.servers[0].pool._highest == serial + 2
    assert len({leg["server 0"].sent[0].session for leg in run.legs}) == 3
    frame = run.to_frame()
    assert frame.shape == (6, 8)
    assert (frame["computing"] <= frame["seconds"]).all()
    assert "2 processes" in repr(run)
    assert "median of 3 runs" in repr(run)


def test_the_transcript_can_be_retimed(lab, processes):
    x = lab.secret([1, 2])
    transcript = run_in_processes(lab, squares, x, processes=processes).transcript
    assert 12 * 0.02 < transcript.retimed("wan").seconds() < 12 * 0.02 + 5.0
    assert all(r.received_at >= r.sent_at for r in transcript.records)
    assert len(transcript.to_frame()) == 24


def test_large_messages_at_once_do_not_block(lab, processes):
    run = run_in_processes(lab, talks, 8 * 20_000_000, processes=processes, timeout=20)
    assert run.result == [0, 1]
    assert min(run.bytes) > 20_000_000
    assert run.printed[1].splitlines() == ["server 1 was here"]


def test_three_servers_unseeded_and_forgotten():
    lab = Lab(servers=3, modulus=101, contents=False)
    running = Processes(3)
    ids = running.ids
    run = run_in_processes(lab, squares, lab.secret([7, 5]), processes=running)
    assert run.result[1].tolist() == [49, 25]
    assert len(run.bytes) == 3
    assert len(leftovers(ids)) == 3
    del running
    gc.collect()
    assert not leftovers(ids)


# -- who holds what -------------------------------------------------------------------------------


def secrets_of(lab, index, x):
    server = lab.servers[index]
    share = lab.held(x, index)
    arrays = [np.asarray(server.key.alpha), share.value, share.mac]
    for bundles in server.pool._stock.values():
        for _, material in bundles:
            for part in material.values():
                arrays += [part.value, part.mac] if isinstance(part, Share) else [part]
    return [np.ascontiguousarray(a).tobytes() for a in arrays if np.asarray(a).any()]


def test_a_job_holds_its_own_servers_secrets_only():
    lab = Lab(servers=3, seed=2)
    x = lab.secret([3, 4, 5])
    lab.preprocess_for(lab.predict(squares, x))
    secrets = [secrets_of(lab, i, x) for i in range(3)]
    jobs = _jobs(lab, reference_to(squares), squares, (x,), 1)
    for i, job in enumerate(jobs):
        packed = b"".join(bytes(p) for p in [*job["holdings"], *job["arguments"]])
        for j in range(3):
            assert len(secrets[j]) > 8
            found = [secret in packed for secret in secrets[j]]
            assert all(found) if i == j else not any(found)


def test_nothing_else_can_be_slipped_into_a_job(lab):
    x = lab.secret([1])
    for argument in ([x], lab, lab.held(x, 1), lab.servers[0].pool):
        with pytest.raises(InputError, match=r"cannot be moved|of server 1's"):
            run_in_processes(lab, squares, argument)
    with pytest.raises(InputError, match="cannot be moved"):
        run_in_processes(lab, squares, (i for i in ()))


# -- sentences ------------------------------------------------------------------------------------


def test_a_protocol_must_be_importable(lab, tmp_path):
    async def local(party):
        return None

    for protocol in (local, lambda party: None, 5):
        with pytest.raises(InputError, match=r"put it into a \.py file"):
            run_in_processes(lab, protocol)


def test_a_script_without_a_guard_is_not_run_again(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from mpclab import reveal\n"
        "async def shown(party, x):\n"
        "    return await reveal(party, x)\n"
    )
    (tmp_path / "script.py").write_text(
        "print('once')\n"
        "from mpclab import Lab\n"
        "from mpclab.errors import InputError\n"
        "from mpclab.network.loopback import run_in_processes\n"
        "from mine import shown\n"
        "lab = Lab(2)\n"
        "print(run_in_processes(lab, shown, lab.secret([4, 2])).result.tolist())\n"
        "async def here(party):\n"
        "    return None\n"
        "try:\n"
        "    run_in_processes(lab, here)\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    once, result, sentence = done.stdout.splitlines()
    assert (once, result) == ("once", "[4, 2]")
    assert "defined in a notebook or in the main program" in sentence


def test_what_a_protocol_raises_arrives(lab, processes):
    with pytest.raises(ValueError, match="the moon is full") as caught:
        run_in_processes(lab, fails, ME, "raises", processes=processes)
    assert "in the server's process" in caught.value.__notes__[0]
    with pytest.raises(Abort, match="this is a deviation"):
        run_in_processes(lab, fails, ME, "aborts", processes=processes)
    with pytest.raises(Abort, match="'fails/after' did not arrive"):
        run_in_processes(lab, fails, ME, "leaves", processes=processes)
    with pytest.raises(Abort, match="do not agree"):
        run_in_processes(lab, differs, processes=processes)
    with pytest.raises(InputError, match="'alice', who takes no part"):
        run_in_processes(lab, asks_a_client, processes=processes)
    x = lab.secret([2])  # and the processes are as good as before
    assert run_in_processes(lab, squares, x, processes=processes).result[1].tolist() == [4]


def test_parameters_that_make_no_sense(lab, processes):
    with pytest.raises(InputError, match="repeat is 0"):
        run_in_processes(lab, squares, repeat=0)
    with pytest.raises(InputError, match="timeout is 0"):
        run_in_processes(lab, squares, timeout=0)
    with pytest.raises(InputError, match="2 processes, and the lab has 3"):
        run_in_processes(Lab(3), squares, processes=processes)
    with pytest.raises(InputError, match="adversary"):
        run_in_processes(Lab(2, adversary=lambda f: f.corrupt, corrupt=["server 0"]), squares)
    lab.close()
    with pytest.raises(Abort, match="closed"):
        run_in_processes(lab, squares, processes=processes)


def test_a_process_that_dies_is_noticed_at_once_and_nothing_is_left(lab):
    gc.collect()
    files = len(os.listdir("/proc/self/fd"))
    with Processes(2) as running:
        ids = running.ids
        started = time.perf_counter()
        with pytest.raises(ProcessError, match=r"server 1 ended with exit code 7 .* my last words"):
            run_in_processes(lab, fails, ME, "dies", processes=running)
        assert time.perf_counter() - started < 10
        assert not running.alive
        assert not leftovers(ids)
        assert len(os.listdir("/proc/self/fd")) == files
        with pytest.raises(InputError, match="have been closed"):
            run_in_processes(lab, talks, 8, processes=running)


def test_a_timeout_names_the_step(lab, monkeypatch):
    monkeypatch.setattr("mpclab.network.loopback.processes._GRACE", 1.0)
    with Processes(2) as running:
        ids = running.ids
        with pytest.raises(
            Deadlock, match=r"server 0 is at step 'fails/after' and waits for server 1"
        ) as caught:
            run_in_processes(lab, fails, ME, "sleeps", timeout=0.5, processes=running)
        assert "no answer came in time from server 1" in caught.value.__notes__[0]
        assert not leftovers(ids)


def test_processes_end_with_their_parent():
    script = (
        "import os, signal; from mpclab.network.loopback import Processes; "
        "p = Processes(2); print(*p.ids, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    ids = [int(word) for word in done.stdout.split()]
    assert len(ids) == 2
    for _ in range(100):
        if not any(map(running_python, ids)):
            break
        time.sleep(0.05)
    assert not any(map(running_python, ids))


def running_python(pid):
    """Whether it still runs (an orphan's body may wait for whoever adopted it)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- recommendations ------------------------------------------------------------------------------


def test_calibration_gives_plausible_conditions(processes):
    found = calibrate(processes, times=30)
    assert found.name == "loopback"
    assert 1e-6 < found.latency < 0.05
    assert 1e7 < found.bandwidth < 1e12


def test_recommendations_over_processes(processes):
    rng = np.random.default_rng(3)
    ratings = rng.integers(0, 11, (30, 12)).astype(np.uint8)
    ratings[0, :5] = 8
    lab = Lab(servers=2, seed=3)
    recommender = Recommender(lab, Parameters(30, 12, 5))
    recommender.preprocess(rows=30, queries=3)
    recommender.upload(ratings)
    queries = [recommender.prepare(0) for _ in range(3)]
    expected = recommender.query(queries[2], ratings[0], 0.3)
    (one, run), (two, _) = query_in_processes(
        recommender, queries[:2], ratings[0], 0.3, processes=processes
    )
    for result in (one, two):
        assert result.sums.tolist() == expected.sums.tolist()
        assert result.counts.tolist() == expected.counts.tolist()
        assert result.neighbours == expected.neighbours > 0
    online = {"session": expected.session, "phase": "online"}
    assert run.rounds == lab.transcript.rounds(**online) == 8
    assert run.bytes == tuple(lab.transcript.bytes_sent(s.name, **online) for s in lab.servers)
    assert run.transcript.client_bytes() == lab.transcript.client_bytes(**online)
    for again in (
        lambda: recommender.query(queries[0], ratings[0], 0.3),
        lambda: query_in_processes(recommender, queries[:1], ratings[0], 0.3, processes=processes),
        lambda: recommender.prepare(0),
    ):
        with pytest.raises(MaterialError):
            again()
    recommender.preprocess(queries=1)
    other = recommender.prepare(0, "somebody")
    with pytest.raises(InputError, match="with the client 'requester', and"):
        query_in_processes(recommender, [other], ratings[0], 0.3, processes=processes)


def test_the_virtual_clock_is_not_far_from_a_real_one():
    frame = measure_recommendation(users=400, items=60, repeat=3, seed=1)
    assert len(frame) == 3
    assert {"simulated", "measured", "ratio"} <= set(frame.columns)
    assert 1 / 20 < frame["ratio"].median() < 20  # the figure itself is a benchmark's
    assert frame.attrs["latency"] > 0
