"""Counts and times from records written by hand, and the bytes of a real run."""

import dataclasses

import pytest

from mpclab.lab import Lab
from mpclab.network.transcript import Activity, Record, Transcript


def record(sender, receiver, number, size, sent, received, **options):
    kind = {"session": "q", "phase": "online", "step": "e", "kind": "open", "count": 1} | options
    return Record(
        kind["session"], kind["phase"], kind["step"], number, sender, receiver, kind["kind"], size,
        kind["count"], sent, received, elements=size // 10,
    )


@pytest.fixture
def transcript():
    """A query: the client's message, three rounds, the answer. All sizes differ."""
    t = Transcript()
    t.records = [
        record("dealer", "server 0", None, 7000, 0.0, 0.1, phase="preprocess", session="p"),
        record("dealer", "server 1", None, 3000, 0.0, 0.1, phase="preprocess", session="p"),
        record("bob", "server 0", None, 10, 0.5, 1.0, step="query"),
        record("bob", "server 1", None, 10, 0.5, 1.2, step="query"),
        record("server 0", "server 1", 1, 100, 1.5, 2.0, step="compare/e"),
        record("server 1", "server 0", 1, 200, 1.4, 1.9, step="compare/e"),
        record("server 0", "server 1", 2, 300, 2.5, 3.0, step="f"),
        record("server 1", "server 0", 2, 400, 2.5, 3.5, step="f"),
        record("server 0", "server 1", 3, 1, 3.8, 4.0, step="compare/check"),
        record("server 1", "server 0", 3, 2, 3.8, 4.0, step="compare/check"),
        record("server 0", "bob", None, 20, 4.2, 4.5, step="answer"),
        record("server 1", "bob", None, 30, 4.2, 4.6, step="answer", count=5),
        record("server 0", "server 1", 1, 4, 9.0, 9.5, session="other"),
    ]
    t.activities = [
        Activity("q", "online", "query", "bob", 0.25, 0.5, run=1),
        Activity("q", "online", "f", "server 0", 1.0, 3.8, run=1),
        Activity("q", "online", "answer", "bob", 4.6, 5.0, run=1),
        Activity("other", "online", "e", "server 0", 7.0, 9.5, run=2),
    ]
    return t


def test_counting(transcript):
    assert len(transcript) == 13
    assert transcript.rounds("q") == 3
    assert transcript.rounds() == 4
    assert transcript.rounds("q", "preprocess") == 0
    assert transcript.bytes_sent("server 0", "q") == 401
    assert transcript.bytes_sent("server 1", "q", "online") == 602
    assert transcript.bytes_sent("server 0") == 405
    assert transcript.bytes_sent("bob") == 0
    assert transcript.elements_sent("server 0", "q") == 40  # what bob is sent does not count
    assert transcript.elements_sent("bob") == 0
    assert transcript.client_bytes("q") == 70
    assert transcript.client_bytes("p") == 0  # the dealer is no client
    assert sum(r.between_servers for r in transcript.records) == 7
    assert [r.bytes for r in transcript.select("p")] == [7000, 3000]
    assert [r.bytes for r in transcript.select(phase="preprocess")] == [7000, 3000]
    assert list(transcript.select("nothing")) == []


def test_times(transcript):
    assert transcript.seconds("q") == 4.75
    assert transcript.seconds() == 4.75 + 2.5  # what lies between two runs does not count
    transcript.activities.append(Activity("q", "online", "e", "server 1", 10.0, 11.0, run=3))
    assert transcript.seconds("q") == 4.75 + 1.0
    assert transcript.seconds("q", "upload") == 0.0


def test_where_the_online_time_went(transcript):
    """From the query's arrival (1.0): compare to 2.0, f to 3.5, compare to 4.0, the rest to 5.0."""
    assert transcript.online_path("q") == {"compare": 1.5, "f": 1.5, "result": 1.0}


def test_the_online_path_of_a_session_without_clients(transcript):
    assert sum(transcript.online_path("other").values()) == 2.5


def test_a_frame_has_a_row_per_message(transcript):
    frame = transcript.to_frame()
    assert len(frame) == 13
    assert list(frame.columns[:5]) == ["session", "phase", "step", "round", "sender"]
    assert frame["bytes"].sum() == sum(r.bytes for r in transcript.records)
    assert frame["round"].isna().sum() == 6
    assert frame["round"].max() == 3
    assert len(Transcript().to_frame()) == 0


def test_a_transcript_holds_no_contents(transcript):
    names = {f.name for f in dataclasses.fields(Record)} | {
        f.name for f in dataclasses.fields(Activity)
    }
    assert not names & {"data", "parts", "payload", "contents"}
    assert repr(transcript) == "Transcript(13 messages, 11,077 bytes; preprocess, online)"
    assert repr(Transcript()) == "Transcript(0 messages, 0 bytes; nothing yet)"


def test_the_bytes_are_those_of_the_encoded_messages():
    """58 for the header; "x" and "open" take 7, the parts 2, the shape 10, 25 elements 8 each."""
    lab = Lab(3, seed=1)

    async def protocol(party, x):
        await party.open_additive(x.value, "x")

    lab.each(protocol, lab.god.share(range(25)))
    assert {r.bytes for r in lab.transcript.records} == {58 + 7 + 2 + 10 + 25 * 8}
    assert len(lab.transcript) == 6
    assert lab.transcript.bytes_sent("server 2") == 2 * 277
    assert lab.transcript.rounds() == 1
    assert {r.elements for r in lab.transcript.records} == {25}
