"""Rounds and how they compose: driven by hand here, without bytes or a network."""

import asyncio
import inspect

import pytest

from mpclab.errors import InputError
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange, step, together
from mpclab.wire import raw


def drive(protocol, limit=50):
    """Run a protocol whose every `Receive` is answered with (its label and the round's number).

    Returns its result and the rounds that it asked for.
    """
    rounds, reply = [], None
    while len(rounds) < limit:
        try:
            request = protocol.send(reply)
        except StopIteration as stop:
            return stop.value, rounds
        rounds.append(request)
        reply = [(f"{r.label}@{len(rounds)}",) for r in request.receives]
    raise AssertionError("the protocol does not end")


def one_round(label, senders=2):
    return Round(
        (Send(SERVERS, label, "k", (b"x",)),),
        tuple(Receive(f"server {i}", label, "k", (raw(1),)) for i in range(senders)),
    )


async def chat(name, rounds, senders=1):
    """A protocol of so many rounds; returns all that it was told."""
    heard = []
    for i in range(rounds):
        heard.append([parts[0] for parts in await exchange(one_round(f"{name}{i}", senders))])
    return heard


def labels(rounds):
    return [[s.label for s in r.sends] for r in rounds]


def test_one_exchange_is_one_round():
    result, rounds = drive(chat("a", 2, senders=3))
    assert result == [["a0@1"] * 3, ["a1@2"] * 3]
    assert rounds == [one_round("a0", 3), one_round("a1", 3)]


def test_a_protocol_without_rounds():
    assert drive(chat("a", 0)) == ([], [])
    assert drive(together()) == ([], [])
    assert drive(together(chat("a", 0), chat("b", 0))) == ([[], []], [])


def test_together_merges_rounds_in_the_order_given():
    result, rounds = drive(together(chat("a", 2), chat("b", 2), chat("c", 2)))
    assert labels(rounds) == [["a0", "b0", "c0"], ["a1", "b1", "c1"]]
    assert [[r.label for r in x.receives] for x in rounds] == labels(rounds)
    assert result == [[["a0@1"], ["a1@2"]], [["b0@1"], ["b1@2"]], [["c0@1"], ["c1@2"]]]


def test_together_with_protocols_of_different_lengths():
    """Each is told what it waited for, also after others have ended; results keep their order."""
    result, rounds = drive(
        together(chat("a", 1, 2), chat("b", 3, 1), chat("none", 0), chat("c", 2, 3))
    )
    assert labels(rounds) == [["a0", "b0", "c0"], ["b1", "c1"], ["b2"]]
    assert result == [
        [["a0@1"] * 2], [["b0@1"], ["b1@2"], ["b2@3"]], [], [["c0@1"] * 3, ["c1@2"] * 3],
    ]


def test_a_protocol_that_only_sends_gets_no_reply():
    async def shout():
        return await exchange(Round((Send("bob", "hi", "k", ()),)))

    result, rounds = drive(together(shout(), chat("a", 1)))
    assert result == [[], [["a0@1"]]]
    assert len(rounds) == 1


def test_together_nests():
    async def inner(name):
        return await together(chat(f"{name}x", 1), chat(f"{name}y", 2))

    result, rounds = drive(together(inner("p"), chat("q", 3), inner("r")))
    assert labels(rounds) == [["px0", "py0", "q0", "rx0", "ry0"], ["py1", "q1", "ry1"], ["q2"]]
    assert result[0] == [[["px0@1"]], [["py0@1"], ["py1@2"]]]
    assert result[2] == [[["rx0@1"]], [["ry0@1"], ["ry1@2"]]]


def test_labels_grow_as_requests_bubble_up():
    async def inner():
        return await together(step("left", chat("a", 1)), chat("b", 1))

    async def outer():
        first = await step("first", inner())
        return first, await step("second", chat("c", 1))

    (first, second), rounds = drive(step("top", outer()))
    assert labels(rounds) == [["top/first/left/a0", "top/first/b0"], ["top/second/c0"]]
    assert first == [[["top/first/left/a0@1"]], [["top/first/b0@1"]]]
    assert second == [["top/second/c0@2"]]
    assert [r.label for x in rounds for r in x.receives] == [
        label for group in labels(rounds) for label in group
    ]


def test_prefixing_changes_labels_only():
    before = one_round("a", 2)
    after = before.prefixed("s")
    assert before == one_round("a", 2)
    assert (after.sends[0].label, after.receives[1].label) == ("s/a", "s/a")
    assert (after.sends[0].parts, after.sends[0].to) == ((b"x",), SERVERS)
    assert after.receives[1].expected == (raw(1),)
    assert Round().prefixed("s") == Round()


def test_results_and_errors_come_through():
    async def failing(rounds):
        await chat("f", rounds)
        raise ZeroDivisionError("by hand")

    for rounds in (0, 1, 3):
        with pytest.raises(ZeroDivisionError, match="by hand"):
            drive(together(chat("a", 2), step("s", failing(rounds))))


# -- closing ----------------------------------------------------------------------------------


def tracked(log, name, rounds=3, at_round=None, error=None):
    async def protocol():
        try:
            for i in range(rounds):
                if i == at_round:
                    raise error
                await exchange(one_round(name))
        finally:
            log.append(name)

    return protocol()


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_all_are_closed_when_one_fails(error):
    log = []
    a, b, d = (tracked(log, name) for name in "abd")  # held, so that no collector closes them
    failing = tracked(log, "c", at_round=1, error=error)
    with pytest.raises(type(error)):
        drive(together(a, step("s", b), failing, d))
    assert sorted(log) == ["a", "b", "c", "d"]


def test_all_are_closed_when_the_session_is_closed():
    log = []
    a, b = (tracked(log, name) for name in "ab")  # held, so that no collector closes them
    protocol = step("top", together(a, step("s", b)))
    protocol.send(None)
    assert log == []
    protocol.close()
    assert sorted(log) == ["a", "b"]


def test_protocols_that_had_not_begun_are_closed_too():
    """Otherwise Python warns that they were never awaited."""
    later = chat("b", 1)
    with pytest.raises(ValueError, match="no"):
        drive(together(tracked([], "a", at_round=0, error=ValueError("no")), later))
    assert inspect.getcoroutinestate(later) == inspect.CORO_CLOSED


# -- what is no protocol of ours --------------------------------------------------------------


async def sleeping():
    await asyncio.sleep(0)


@pytest.mark.parametrize("wrap", [together, lambda p: step("s", p)], ids=["together", "step"])
def test_a_foreign_awaitable_gets_a_sentence(wrap):
    with pytest.raises(InputError, match="awaited NoneType, which is none of mpclab's rounds"):
        drive(wrap(sleeping()))


@pytest.mark.parametrize("wrap", [together, lambda p: step("s", p)], ids=["together", "step"])
def test_what_is_no_coroutine_gets_a_sentence(wrap):
    with pytest.raises(InputError, match="5 is not a running protocol"):
        drive(wrap(5))


@pytest.mark.parametrize("has", ["send", "close"])
def test_what_is_half_a_coroutine_gets_a_sentence(has):
    """A file can be closed and a socket can send: neither can be run."""
    half = type("Half", (), {has: lambda self, *_: None})()
    with pytest.raises(InputError, match="is not a running protocol"):
        drive(together(half))


def test_the_same_coroutine_twice_gets_a_sentence():
    async def outer():
        twice = chat("a", 1)
        try:
            return await together(twice, twice)
        finally:
            twice.close()

    with pytest.raises(InputError, match="passed twice"):
        drive(outer())


def test_a_round_hides_what_is_sent():
    sent = Send(SERVERS, "a", "k", (b"a secret share",))
    assert "secret" not in repr(sent)
    assert "secret" not in repr(Round((sent,)))
