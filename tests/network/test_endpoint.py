"""One party's end: the headers it writes, the messages it refuses, the history it keeps."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from mpclab import wire
from mpclab.errors import Abort, InputError, Rejected
from mpclab.field import Field
from mpclab.network.endpoint import Endpoint, Envelope, is_server, server_name
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange, together
from mpclab.wire import Header, Section, elements, raw

F = Field(101)


def sha(*parts: bytes) -> bytes:
    """SHA-256 of length-prefixed parts, written out once more."""
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "little") + p for p in parts)).digest()


def endpoint(name="server 0", servers=2, session="s", **options):
    return Endpoint(name, F, servers, session, **options)


async def broadcast(label, value, servers=2, kind="open"):
    x = np.array([value], np.uint64)
    return await exchange(
        Round(
            (Send(SERVERS, label, kind, (x,)),),
            tuple(Receive(server_name(i), label, kind, (elements(1),)) for i in range(servers)),
        )
    )


async def hear(sender, *expected, label="x"):
    return (await exchange(Round((), (Receive(sender, label, "k", expected),))))[0]


def message(end: Endpoint, *sections, **changes) -> bytes:
    """A message as `end` would send it now to a server (or a client to a server: round 0)."""
    server = end.is_server
    header = Header(end.session_id, end.round if server else 0, end.history if server else b"")
    return wire.encode(F, replace(header, **changes), sections)


def opened(value, label="x", kind="open"):
    return Section(label, kind, (np.array([value], np.uint64),))


def values(reply):
    return [int(parts[0][0]) for parts in reply]


# -- addresses and headers --------------------------------------------------------------------


def test_addresses():
    assert [server_name(i) for i in (0, 1, 12)] == ["server 0", "server 1", "server 12"]
    assert is_server("server 0")
    assert is_server("server 12")
    for name in ("bob", "server", "server x", "server 1 ", "server 1\n", "my server 1", "dealer"):
        assert not is_server(name)


def test_what_a_broadcast_looks_like():
    end = endpoint(servers=3)
    run = end.drive(broadcast("x", 42, servers=3))
    turn = run.send(None)
    assert turn.waits_for == ("server 0", "server 1", "server 2")
    assert turn.label == "x"
    assert [e.receiver for e in turn.envelopes] == list(turn.waits_for)
    assert len({e.data for e in turn.envelopes}) == 1
    first = turn.envelopes[0]
    assert (first.session, first.phase, first.label, first.kind) == ("s", "online", "x", "open")
    assert (first.round, first.sender, first.count) == (1, "server 0", 1)
    header, sections = wire.decode(F, first.data)
    context = b"s|101|3"
    assert header == Header(
        sha(b"mpclab session", context, b"")[:16], 1, sha(b"mpclab history", context, b"")
    )
    assert [(s.label, s.kind, s.parts[0].tolist()) for s in sections] == [("x", "open", [42])]
    run.close()


def test_sessions_fields_and_crews_have_identities_of_their_own():
    ends = [
        endpoint(), endpoint(session="t"), endpoint(servers=3),
        Endpoint("server 0", Field(103), 2, "s"),
    ]
    assert len({e.session_id for e in ends}) == 4
    assert len({e.history for e in ends}) == 4
    assert endpoint("server 1").session_id == ends[0].session_id


def test_one_message_per_receiver_and_round():
    """Steps that share a round share a message, in the order in which they were asked for."""

    async def talk():
        async def to(name, label):
            await exchange(Round((Send(name, label, "k", (label.encode(),)),)))

        await together(to("bob", "a"), broadcast("x", 1), to("bob", "b"), broadcast("y", 2))

    end = endpoint()
    run = end.drive(talk())
    turn = run.send(None)
    assert [(e.receiver, e.label, e.round) for e in turn.envelopes] == [
        ("bob", "a + b", None), ("server 0", "x + y", 1), ("server 1", "x + y", 1)
    ]
    header, sections = wire.decode(F, turn.envelopes[0].data)
    assert (header.round, header.history) == (0, bytes(32))  # a client's leg has no history
    assert [s.parts for s in sections] == [(b"a",), (b"b",)]
    run.close()


def test_a_merged_reply_is_told_apart_again():
    end = endpoint()
    run = end.drive(together(broadcast("x", 1), broadcast("y", 2)))
    own = {e.receiver: e.data for e in run.send(None).envelopes}["server 0"]
    peer = endpoint("server 1")
    peer.round = 1
    with pytest.raises(StopIteration) as stop:
        run.send({"server 0": own, "server 1": message(peer, opened(7), opened(8, "y"))})
    assert [values(reply) for reply in stop.value.value] == [[1, 7], [2, 8]]


def test_only_broadcasts_count_as_rounds():
    async def talk():
        await exchange(Round((Send("bob", "a", "k", ()),)))
        await broadcast("x", 1)
        await exchange(Round((Send("bob", "b", "k", ()),)))

    end = endpoint()
    run = end.drive(talk())
    run.send(None)
    assert end.round == 0
    turn = run.send({})
    assert [e.round for e in turn.envelopes] == [1, 1]
    peer = endpoint("server 1")
    peer.round = 1
    run.send({"server 0": turn.envelopes[0].data, "server 1": message(peer, opened(5))})
    assert end.round == 1
    run.close()


def test_a_crowd_is_one_envelope_with_a_count():
    async def talk():
        await exchange(Round((Send("server 0", "a", "k", (b"x",)),)))

    run = endpoint("users", crowd=50).drive(talk())
    (envelope,) = run.send(None).envelopes
    assert (envelope.count, envelope.round) == (50, None)
    run.close()


# -- history ----------------------------------------------------------------------------------


def test_the_history_chains_all_bodies_in_the_servers_order():
    end, peer = endpoint(), endpoint("server 1")
    start = end.history
    bodies = [wire.encode_sections(F, [opened(v)]) for v in (3, 4)]
    run = end.drive(broadcast("x", 3))
    own = run.send(None).envelopes[0].data
    peer.round = 1
    with pytest.raises(StopIteration):
        run.send({"server 1": message(peer, opened(4)), "server 0": own})
    assert end.history == sha(start, *bodies)
    end.absorb(b"a", b"bc")
    assert end.history == sha(sha(start, *bodies), b"a", b"bc")


def test_what_was_absorbed_differently_is_found_out_at_the_next_broadcast():
    end, peer = endpoint(), endpoint("server 1")
    end.absorb(b"one")
    peer.absorb(b"other")
    run = end.drive(broadcast("x", 3))
    own = run.send(None).envelopes[0].data
    peer.round = 1
    with pytest.raises(Abort, match="saw other broadcasts or other client messages"):
        run.send({"server 0": own, "server 1": message(peer, opened(4))})


# -- what is refused --------------------------------------------------------------------------

BAD = {
    "nothing": (None, "did not arrive"),
    "no bytes": (b"", "ends within its header"),
    "noise": (b"MPC1" + bytes(54), "another session"),
    "another session": ({"session": bytes(16)}, "another session"),
    "an earlier round": ({"round": 0}, "belongs to round 0, and this is 1"),
    "a later round": ({"round": 2}, "belongs to round 2, and this is 1"),
    "another history": ({"history": bytes(32)}, "saw other broadcasts"),
    "another label": ([opened(4, "y")], r"it holds \[\('y', 'open'\)\]"),
    "another kind": ([opened(4, kind="reveal")], r"\('x', 'reveal'\)"),
    "no section": ([], r"it holds \[\]"),
    "a section too many": ([opened(4), opened(4)], "it holds"),
    "another shape": ([Section("x", "open", (np.zeros(2, np.uint64),))], "types or shapes"),
    "another type": ([Section("x", "open", (np.zeros(1, np.int64),))], "types or shapes"),
    "bytes": ([Section("x", "open", (b"\x04",))], "types or shapes"),
    "a part too many": ([Section("x", "open", (np.zeros(1, np.uint64), b""))], "types or shapes"),
    "no part": ([Section("x", "open", ())], "types or shapes"),
}


def bad_message(what, sender: Endpoint, good) -> bytes | None:
    content, _ = BAD[what]
    if isinstance(content, dict):
        return message(sender, good, **content)
    if isinstance(content, list):
        return message(sender, *content)
    return content


def test_the_good_message_is_taken():
    end, peer = endpoint(), endpoint("server 1")
    run = end.drive(broadcast("x", 3))
    own = run.send(None).envelopes[0].data
    peer.round = 1
    with pytest.raises(StopIteration) as stop:
        run.send({"server 0": own, "server 1": message(peer, opened(4))})
    assert values(stop.value.value) == [3, 4]
    for parts in stop.value.value:
        with pytest.raises(ValueError, match="read-only"):
            parts[0][0] = 1


@pytest.mark.parametrize("what", BAD)
def test_a_servers_bad_message_aborts_a_server_and_names_nobody(what):
    end, peer = endpoint(), endpoint("server 1")
    closed = []

    async def protocol():
        try:
            await broadcast("x", 3)
        finally:
            closed.append(True)

    run = end.drive(protocol())
    own = run.send(None).envelopes[0].data
    peer.round = 1
    with pytest.raises(Abort, match=BAD[what][1]) as caught:
        run.send({"server 0": own, "server 1": bad_message(what, peer, opened(4))})
    assert "server 1" not in str(caught.value)
    assert "'x'" in str(caught.value)
    assert caught.value.__cause__ is None
    assert closed == [True]


BETWEEN_SERVERS = ("an earlier round", "another history")  # clients' legs have neither
SERVER_TO_CLIENT = [what for what in BAD if what not in BETWEEN_SERVERS]


@pytest.mark.parametrize("what", SERVER_TO_CLIENT)
def test_a_servers_bad_message_is_rejected_by_a_client(what):
    bob = endpoint("bob")
    run = bob.drive(hear("server 1", elements(1)))
    assert run.send(None).waits_for == ("server 1",)
    mimic = endpoint("alice")  # writes headers without a round, as a server does to a client
    changed = {"round": 2} if what == "a later round" else None
    data = (
        message(mimic, opened(4, kind="k"), **changed)
        if changed else bad_message(what, mimic, opened(4, kind="k"))
    )
    sentence = "did not arrive" if data is None else "is not as it must be"
    with pytest.raises(Rejected, match=sentence):
        run.send({"server 1": data})


@pytest.mark.parametrize("what", SERVER_TO_CLIENT)
def test_a_clients_bad_message_is_none_at_a_server(what):
    run = endpoint().drive(hear("bob", elements(1)))
    run.send(None)
    bob = endpoint("bob")
    data = (
        message(bob, opened(4, kind="k"), round=2)
        if what == "a later round" else bad_message(what, bob, opened(4, kind="k"))
    )
    with pytest.raises(StopIteration) as stop:
        run.send({"bob": data})
    assert stop.value.value is None


def test_a_clients_good_message_arrives():
    run = endpoint().drive(hear("bob", elements(1), raw(None)))
    run.send(None)
    section = Section("x", "k", (np.array([9], np.uint64), b"any length"))
    with pytest.raises(StopIteration) as stop:
        run.send({"bob": message(endpoint("bob"), section)})
    assert stop.value.value[0].tolist() == [9]
    assert stop.value.value[1] == b"any length"


@pytest.mark.parametrize("kind", [1, 2])
def test_a_clients_impossible_shape_is_none_at_a_server(kind):
    run = endpoint().drive(hear("bob", elements(1)))
    run.send(None)
    small = Section("x", "k", (np.zeros((0, 1, 1), np.uint64 if kind == 1 else np.int64),))
    data = message(endpoint("bob"), small)
    end = len(data) - 16
    data = data[:end] + (2**32).to_bytes(8, "little") * 2
    with pytest.raises(StopIteration) as stop:
        run.send({"bob": data})
    assert stop.value.value is None


def test_silence():
    assert isinstance(endpoint().silence("x"), Abort)
    assert isinstance(endpoint("bob").silence("x"), Rejected)
    assert "step 'x' did not arrive" in str(endpoint().silence("x"))
    end = endpoint()
    assert end.silence("x").consequence
    with pytest.raises(Abort, match="was aborted"):
        end.require_open()


@pytest.mark.parametrize(("name", "error"), [("server 0", Abort), ("bob", Rejected)])
def test_in_a_session_that_has_ended_no_protocol_begins(name, error):
    """Not even one that only listens, or takes material, and would send nothing."""
    begun = []

    async def listen():
        begun.append(True)
        return await hear("server 1", raw(1))

    end = endpoint(name)
    end.ended = True
    with pytest.raises(error, match="was aborted"):
        end.drive(listen()).send(None)
    assert not begun


def test_only_servers_go_on_without_a_clients_message():
    """To a client nobody's nonsense is a mere absence, not even another client's."""
    run = endpoint("bob").drive(hear("alice", raw(1)))
    run.send(None)
    with pytest.raises(Rejected, match="not as it must be"):
        run.send({"alice": b"nonsense"})


def test_a_protocols_own_error_is_not_taken_for_asyncios():
    async def fails():
        raise RuntimeError("no more paper")

    end = endpoint()
    with pytest.raises(RuntimeError, match="no more paper"):
        end.drive(fails()).send(None)
    assert end.ended


def test_three_hundred_steps_in_one_round():
    run = endpoint().drive(together(*[broadcast(f"x{i}", 1) for i in range(300)]))
    assert len(wire.decode(F, run.send(None).envelopes[0].data)[1]) == 300
    run.close()


def test_a_broadcast_that_nobody_waits_for_gets_a_sentence():
    async def talk():
        await exchange(Round((Send(SERVERS, "a", "k", ()),)))

    with pytest.raises(InputError, match="broadcast"):
        endpoint().drive(talk()).send(None)


def test_reprs_hide_contents():
    data = b"some secret share"
    envelope = Envelope("s", "online", "x", "open", 1, "server 0", "server 1", data)
    assert "secret" not in repr(envelope)
    end = endpoint()
    assert repr(end) == "Endpoint('server 0', session 's', round 0)"
    run = end.drive(broadcast("x", 42))
    turn = run.send(None)
    assert repr(turn.envelopes[0].data) not in repr(turn)
    sent = Send("server 1", "x", "open", (np.array([271828], np.int64), b"secret"))
    for shown in (repr(sent), repr(Round((sent,)))):
        assert "'x'" in shown
        assert "271828" not in shown
        assert "secret" not in shown
    run.close()
