"""A short run of every target, what fuzzing has found so far, and that it finds what it should."""

import gzip
import os
import re
import socket
import struct
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab import wire
from mpclab.datasets import load_ratings
from mpclab.errors import Abort, InputError, MpclabError
from mpclab.field import Field
from mpclab.network.endpoint import Endpoint
from mpclab.network.loopback.mesh import END, TOKEN_BYTES, Late, Mesh, accept
from mpclab.network.rounds import Receive, Round, exchange
from tests.fuzz.__main__ import main
from tests.fuzz.engine import Broken, Target, attempt, fuzz, minimised
from tests.fuzz.on_links import F, frame, greeting, pair
from tests.fuzz.registry import TARGETS

ROOT = Path(__file__).resolve().parents[2]
SEED = 20240229


# -- the short run --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_whatever_comes(name):
    target = TARGETS[name]
    report = fuzz(target, target.short, SEED)
    told = [
        f"{f.kind} in {f.where}: {f.told} (hex: {minimised(target, f, 2.0).data.hex()})"
        for f in report.failures.values()
    ]
    assert not told
    assert report.inputs == target.short
    # Both ways are gone: what is taken, and what is refused.
    assert len(report.outcomes) >= 2, report.outcomes


QUICK = [name for name, target in TARGETS.items() if target.weight >= 10]


@pytest.mark.parametrize("name", QUICK)
def test_every_quick_target_takes_any_bytes(name):
    target = TARGETS[name]

    @settings(derandomize=True, max_examples=40, database=None)
    @given(st.binary(max_size=200))
    def any_bytes(data):
        assert attempt(target, data, measure=False) is None

    any_bytes()


parts = st.one_of(
    st.binary(max_size=40),
    st.lists(st.integers(0, 100), max_size=4).map(lambda x: np.array(x, np.uint64)),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(lambda x: np.array(x, np.int64)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda s: np.zeros(s, np.uint64)),
)
words = st.one_of(st.sampled_from(["x", "open"]), st.text(st.characters(codec="utf-8"), max_size=9))
expectations = st.sampled_from(
    [(wire.elements(2),), (wire.raw(None),), (wire.integers(None), wire.elements(None, 2)), ()]
)


@settings(derandomize=True, max_examples=150, database=None)
@given(st.lists(st.tuples(words, words, st.lists(parts, max_size=3)), max_size=3), expectations)
def test_a_well_formed_message_is_what_was_due_or_refused(sections, expected):
    async def listen():
        receive = Receive("server 1", "x", "open", expected)
        return (await exchange(Round((), (receive,))))[0]

    field = Field(101)
    end = Endpoint("server 0", field, 2, "s")
    header = wire.Header(end.session_id, 0, end.history)
    sent = [wire.Section(label, kind, tuple(p)) for label, kind, p in sections]
    run = end.drive(listen())
    run.send(None)
    due = [(s.label, s.kind) for s in sent] == [("x", "open")] and wire.matches(
        sent[0].parts, expected
    )
    with pytest.raises(StopIteration if due else Abort) as caught:
        run.send({"server 1": wire.encode(field, header, sent)})
    assert due or len(str(caught.value)) < 1_200


# -- no reader is forgotten -----------------------------------------------------------------------

READS = re.compile(
    r"frombuffer|wire\.decode|\.recv(_into)?\(|\.readinto\(|\.open\(|\bopen\(|read_bytes|read_text"
    r"|GzipFile|csv\.reader|read_csv|json\.loads?\(|pickle\.loads|np\.load|tomllib|\bfromfile"
    r"|loadtxt|zipfile|tarfile"
)
NOT_FUZZED = {  # modules and packages
    "mpclab.adversary": "decodes what honest programs send, or are about to send",
    "mpclab.bench._mpyc_party": "reads what its own benchmark has written for it",
    "mpclab.bench.facts": "reads what the system says of the machine",
    "mpclab.bench.with_mpyc": "reads what its own child has written",
    "mpclab.network.loopback.child": "packs and unpacks an error of its own",
    "mpclab.network.loopback.processes": "its child reads the path that it was given by itself",
    "mpclab.preprocessing.disk": "maps files of its own, which nobody else may open",
    "mpclab.scaling": "reads what the system says of memory",
    "mpclab.sheet": "reads the package's own files",
    "mpclab.teaching": "reads the package's own files",
    "mpclab.views": "shows what the simulation has recorded; what is no message, as bytes",
    "mpclab.widgets": "reads the package's own files",
}


def test_every_module_that_reads_has_a_target():
    covered = {module for target in TARGETS.values() for module in target.reads}
    reading = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "mpclab").rglob("*.py")
        if READS.search(path.read_text(encoding="utf-8"))
    }
    assert len(reading) > 8
    forgotten = sorted(
        module for module in reading - covered
        if not any(f"{module}.".startswith(f"{name}.") for name in NOT_FUZZED)
    )
    assert not forgotten, f"give these a target, or say in NOT_FUZZED why not: {forgotten}"
    modules = {m for m in covered if not (ROOT / f"{m.replace('.', '/')}.py").is_file()}
    packages = {m for m in modules if (ROOT / m.replace(".", "/") / "__init__.py").is_file()}
    assert modules == packages, "a target names a module that is not there"


# -- what was found -------------------------------------------------------------------------------


def ends_well(target, data):
    """Within all limits, once what is imported on the way has been."""
    assert attempt(target, data, measure=False) is None
    assert attempt(target, data) is None


def test_a_frame_that_announces_sixteen_gigabytes_takes_no_memory():
    for length in (1 << 34, (1 << 34) + 1, 2**64 - 1):
        ends_well(TARGETS["mesh.frames"], frame(0, b"abc", length))


def test_large_frames_arrive_whole():
    ours, theirs = pair()
    mesh = Mesh("server 0", {"server 1": ours})
    rng = np.random.default_rng(0)
    sizes = [0, 1, (1 << 17) - 1, 1 << 17, (1 << 17) + 1, (1 << 18) + 1, 5_000_000]
    bodies = [rng.bytes(size) for size in sizes]
    stream = b"".join(frame(0, body) for body in bodies)
    sender = threading.Thread(target=theirs.sendall, args=(stream,))
    sender.start()
    try:
        deadline = time.perf_counter() + 20
        for body in bodies:
            got = mesh.exchange([], ["server 1"], deadline)["server 1"]
            assert got is not None
            assert bytes(got.data) == body
            assert got.data.readonly
    finally:
        sender.join()
        mesh.close()
        theirs.close()


def test_a_peer_far_ahead_is_heard_to_the_end():
    ours, theirs = pair()
    quiet, other = pair()
    mesh = Mesh("server 0", {"server 1": ours, "server 2": quiet})
    count = 5_000
    sender = threading.Thread(
        target=theirs.sendall, args=(b"".join(frame(0, b"%d" % k) for k in range(count)),)
    )
    sender.start()
    with pytest.raises(Late, match="from server 2"):
        mesh.exchange([], ["server 2"], time.perf_counter() + 0.3)
    deadline = time.perf_counter() + 20
    for k in range(count):
        got = mesh.exchange([], ["server 1"], deadline)["server 1"]
        assert got is not None
        assert bytes(got.data) == b"%d" % k
    sender.join()
    mesh.close()
    theirs.close()
    other.close()


class Talker:
    """A peer who never stops talking."""

    def __init__(self, link: socket.socket, data: bytes) -> None:
        self.link, self.data = link, data
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()

    def talk(self) -> None:
        try:
            while True:
                self.link.sendall(self.data)
        except OSError:
            pass

    def end(self) -> None:
        self.link.close()
        self.thread.join(5.0)


@pytest.mark.parametrize("what", ["exchange", "finish"])
def test_a_peer_who_never_stops_talking_holds_nobody_up(what):
    ours, theirs = pair()
    quiet, other = pair()
    mesh = Mesh("server 0", {"server 1": ours, "server 2": quiet})
    talker = Talker(theirs, frame(0) * 300_000)  # faster than they can be read
    other.sendall(frame(END) if what == "finish" else b"")
    begun = time.perf_counter()
    deadline = begun + 0.1
    try:
        with pytest.raises(Late):
            _ = mesh.finish(deadline) if what == "finish" else mesh.exchange(
                [], ["server 2"], deadline
            )
        assert time.perf_counter() - begun < 5.0
        assert len(mesh._links["server 1"].inbox) <= 1_000  # and takes no memory without bound
    finally:
        mesh.close()
        talker.end()
        other.close()


class Listener:
    """A listening socket to which these have connected."""

    def __init__(self, *links):
        self.links = list(links)

    def settimeout(self, seconds):
        pass

    def accept(self):
        if not self.links:
            raise TimeoutError
        return self.links.pop(), ""


def test_a_stranger_who_greets_slowly_holds_nobody_up():
    """Every byte came in time, so that 288 of them could have taken ten minutes."""
    ours, theirs = pair()
    stop = threading.Event()

    def drip():
        try:
            while not stop.wait(0.05):
                theirs.send(b"x")
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    begun = time.perf_counter()
    try:
        with pytest.raises(Late, match="bob"):
            accept(Listener(ours), bytes(TOKEN_BYTES), ["bob"], begun + 0.3)
        assert time.perf_counter() - begun < 5.0
    finally:
        stop.set()
        thread.join()
        theirs.close()
    assert ours.fileno() == -1


def test_links_are_closed_when_others_do_not_come():
    ours, theirs = pair()
    theirs.sendall(greeting(b"bob", bytes(TOKEN_BYTES)))

    with pytest.raises(Late, match="from eve"):
        accept(Listener(ours), bytes(TOKEN_BYTES), ["bob", "eve"], time.perf_counter() + 5)
    assert ours.fileno() == -1
    theirs.close()


PARCELS = {
    "a piece of 2^60 bytes": struct.pack("<IQB", 1, 2**60, 0),
    "a piece of 2^64 - 1 bytes": struct.pack("<IQB", 1, 2**64 - 1, 0),
    "a piece of 2^39 bytes": struct.pack("<IQB", 1, 2**39, 0) + b"abc",
    "2^32 - 1 pieces": struct.pack("<I", 2**32 - 1) + bytes(90),
}


@pytest.mark.parametrize("what", PARCELS)
def test_a_parcel_that_announces_too_much(what):
    ends_well(TARGETS["parcels"], PARCELS[what])


def test_a_small_file_takes_little_memory():
    """Told to read 4 GB, Python takes 4 GB at once."""
    for name in ("ratings", "titles"):
        ends_well(TARGETS[name], b"\x001,2,3\n")


def test_a_file_of_more_than_four_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "ratings.csv"
    path.touch()
    os.truncate(path, (4 << 30) + 1)  # a hole: nothing is written
    with pytest.raises(InputError, match="more than 4 GB"):
        load_ratings(path)


def test_a_packed_bomb_is_refused(tmp_path):
    path = tmp_path / "ratings.csv.gz"
    path.write_bytes(gzip.compress(b"1,2,3\n" * 5_000_000))
    with pytest.raises(InputError, match=r"unpacks to more than [0-9,]+, which no file of ratings"):
        load_ratings(path)
    ends_well(TARGETS["packed"], b"\x04" + path.read_bytes())


def test_packed_ratings_are_no_bomb(tmp_path):
    lines = "".join(f"{user},{item},5\n" for user in range(1, 1001) for item in range(1, 501))
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(lines.encode(), 9))
    assert load_ratings(tmp_path / "ratings.csv.gz").n_ratings == 500_000


@pytest.mark.parametrize("what", ["ids", "title"])
def test_one_long_name_among_many_short_ones(what):
    """Arrays of names have equal width: memory grows with the longest, and not without bound."""
    lines = "".join(f"{i},{i},5\n" for i in range(10_000)).encode()
    if what == "ids":
        target, data = TARGETS["ratings"], b"\x00" + lines + b"y" * 64 + b"," + b"x" * 64 + b",5\n"
    else:
        titles = b"".join(b"%d,t\n" % i for i in range(11, 10_000))
        target, data = TARGETS["titles"], b"\x00" + titles + b"10," + b"t" * 200 + b"\n"
    ends_well(replace(target, constant=1 << 20), data)


def test_names_of_files_do_not_command_a_terminal(tmp_path):
    path = tmp_path / "\x1b[31mred.csv"
    path.write_bytes(b"1,2\n")
    for place in (path, tmp_path):
        with pytest.raises(InputError) as caught:
            load_ratings(place)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match="is no path: File name too long") as caught:
        load_ratings("x" * 5_000)
    assert len(str(caught.value)) < 200


def test_many_wrong_sections_make_a_short_sentence():
    field = Field(101)
    end = Endpoint("bob", field, 2, "s")

    async def listen():
        await exchange(Round((), (Receive("server 1", "x", "open", ()),)))

    run = end.drive(listen())
    run.send(None)
    sections = [wire.Section("y" * 255, "z" * 255, ())] * 2_000
    data = wire.encode(field, wire.Header(end.session_id, 0, b""), sections)
    with pytest.raises(MpclabError, match="and 1,996 more where") as caught:
        run.send({"server 1": data})
    assert len(str(caught.value)) < 1_200


def test_tiny_parts_take_no_more_than_is_said():
    section = wire.Section("", "", ())
    for sections in (
        [section] * 5_000,
        *([replace(section, parts=(part,) * 5_000)]
          for part in (b"", np.zeros((), np.uint64), np.zeros(0, np.uint64), np.zeros((), int))),
    ):
        data = wire.encode(F, wire.Header(bytes(16), 0, bytes(32)), sections)
        tracemalloc.start()
        try:
            kept = wire.decode(F, data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(kept[1]) == len(sections)
        assert peak < 100 * len(data)  # what the documentation of the codec says


# -- the machinery itself -------------------------------------------------------------------------


def planted(run, **limits):
    options = {"seconds": 0.3, "constant": 1 << 16} | limits
    return Target("planted", "", (), lambda rng: rng.randbytes(64), run, **options)


def test_a_crash_is_found_and_made_small():
    def run(data):
        if 7 in data:
            raise KeyError(7)
        return "fine"

    target = planted(run)
    report = fuzz(target, 200, SEED)
    (failure,) = report.failures.values()
    assert failure.kind == "KeyError"
    assert minimised(target, failure).data == b"\x07"
    assert target.make is not None
    again = fuzz(target, 1, SEED, first=failure.number)
    assert [f.data for f in again.failures.values()] == [failure.data]


def test_a_hang_is_found():
    def run(data):
        while True:
            time.sleep(0.01)

    (failure,) = fuzz(planted(run), 1, warm=False).failures.values()
    assert (failure.kind, failure.told) == ("Hang", "it took more than 0.3 s")


def test_a_hog_is_found():
    def run(data):
        return str(len(bytearray(10_000_000)))[:1]

    (failure,) = fuzz(planted(run), 1).failures.values()
    assert failure.kind == "memory"
    assert "64 bytes took 10," in failure.told


@pytest.mark.parametrize("text", ["", "no", "word " * 1_000, "a bell \a rings"])
def test_an_error_that_is_no_sentence_is_found(text):
    def run(data):
        raise InputError(text)

    (failure,) = fuzz(planted(run), 3).failures.values()
    assert failure.kind == "unclear error"


def test_a_broken_promise_is_found():
    def run(data):
        raise Broken("what was taken is wrong")

    assert [f.kind for f in fuzz(planted(run), 3).failures.values()] == ["Broken"]


def test_the_long_run_tells_what_it_did(capsys):
    assert main(["--only", "modulus", "--only", "wire.decode_header", "--inputs", "300"]) == 0
    assert re.search(r"300 inputs in .* s, .* per second; 0 causes", capsys.readouterr().out)
    assert main(["--only", "parcels", "--hex", "01000000ff"]) == 0
    assert main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}: " in told for name in TARGETS)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--only", "x"], "there is no target 'x': take one of wire.decode"),
        (["--hex", "0g", "--only", "parcels"], "pairs of hexadecimal digits"),
        (["--hex", "00"], "name it with --only"),
        (["--inputs", "0"], "it takes at least 1"),
    ],
)
def test_words_that_make_no_sense(argv, sentence, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert sentence in capsys.readouterr().err
