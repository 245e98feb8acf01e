"""The simulated network: its clock by hand, its adversary, and how a session ends badly."""

import asyncio
import inspect
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mpclab import wire
from mpclab.errors import Abort, Deadlock, InputError, MpclabError, Refused, Rejected
from mpclab.field import Field
from mpclab.network import simulated
from mpclab.network.conditions import Conditions
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import SERVERS, Receive, Round, Send, exchange, step
from mpclab.network.simulated import Outcomes, SimulatedNetwork
from mpclab.wire import integers, raw

F = Field(101)
# One kilobyte per second, half a second on its way: what follows is computed by hand.
SLOW = Conditions("slow", latency=0.5, bandwidth=8000)
KILOBYTE = bytes(926)  # 1000 with header (58), "a" (2), "k" (2), number of parts (2), shape (10)


@pytest.fixture
def watch(monkeypatch):
    """A stopwatch in place of the machine's: computing takes what a protocol adds to `now`."""
    stopwatch = SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        simulated, "time", SimpleNamespace(perf_counter=lambda: stopwatch.now)
    )
    return stopwatch


def server(i, n=2, session="s"):
    return Endpoint(server_name(i), F, n, session)


def client(name="bob", n=2, session="s", crowd=1):
    return Endpoint(name, F, n, session, crowd)


async def say(n, label, data=b"x"):
    """Broadcast bytes; returns what all servers said."""
    reply = await exchange(
        Round(
            (Send(SERVERS, label, "k", (data,)),),
            tuple(Receive(server_name(i), label, "k", (raw(len(data)),)) for i in range(n)),
        )
    )
    return [parts[0] for parts in reply]


async def send(to, label="a", data=b"x"):
    await exchange(Round((Send(to, label, "k", (data,)),)))


async def hear(*senders, label="a", length=None):
    receives = tuple(Receive(s, label, "k", (raw(length),)) for s in senders)
    reply = await exchange(Round((), receives))
    return [parts and parts[0] for parts in reply]


def run(network, n, protocol, *others, phase="online"):
    return network.run(phase, [*others, *((server(i, n), protocol(i)) for i in range(n))])


# -- the clock --------------------------------------------------------------------------------


def test_arrival_times_by_hand(watch):
    """Servers compute 0, 1 and 2 s and broadcast 1000 bytes, the copies one behind the other."""

    async def protocol(i):
        watch.now += i
        await say(3, "a", KILOBYTE)

    network = SimulatedNetwork(SLOW)
    run(network, 3, protocol)
    times = {
        (r.sender[-1], r.receiver[-1]): (r.sent_at, r.received_at)
        for r in network.transcript.records
    }
    assert [r.bytes for r in network.transcript.records] == [1000] * 6
    assert times == {
        ("0", "1"): (0, 1.5), ("0", "2"): (1, 2.5),
        ("1", "0"): (1, 2.5), ("1", "2"): (2, 3.5),
        ("2", "0"): (2, 3.5), ("2", "1"): (3, 4.5),
    }
    # Everybody goes on when the last copy is there, and nobody computes any more.
    ends = {a.party[-1]: a.end for a in network.transcript.activities}
    assert ends == {"0": 3.5, "1": 4.5, "2": 3.5}
    assert network.clock == 4.5
    assert network.transcript.seconds() == 4.5


def test_computing_in_rounds_by_hand(watch):
    """Two servers, two rounds: server 0 computes 1 s before each, server 1 computes 3 s after."""

    async def protocol(i):
        watch.now += 1 - i
        await say(2, "a", KILOBYTE)
        watch.now += 1 + 2 * i
        await say(2, "a", KILOBYTE)

    network = SimulatedNetwork(SLOW)
    run(network, 2, protocol)
    # Round 1: 0 sends at 1, there at 2.5; 1 sends at 0, there at 1.5.
    # Round 2: 0 went on at 1.5, sends at max(2.5, link free at 2); 1 went on at 2.5, sends at 5.5.
    times = [(r.round, r.sender[-1], r.sent_at, r.received_at) for r in network.transcript.records]
    assert times == [
        (1, "0", 1.0, 2.5), (1, "1", 0.0, 1.5), (2, "0", 2.5, 4.0), (2, "1", 5.5, 7.0)
    ]
    assert network.clock == 7.0
    computed = [(a.party[-1], a.start, a.end) for a in network.transcript.activities]
    assert computed == [
        ("0", 0, 1), ("1", 0, 0), ("0", 1.5, 2.5), ("1", 2.5, 5.5), ("0", 7, 7), ("1", 5.5, 5.5)
    ]


def test_messages_queue_for_the_senders_link(watch):
    async def protocol(i):
        if i == 0:
            for _ in range(3):
                await send("bob", data=KILOBYTE)

    async def bob():
        return [await hear("server 0") for _ in range(3)]

    network = SimulatedNetwork(SLOW)
    outcomes = run(network, 2, protocol, (client(), bob()))
    assert [(r.sent_at, r.received_at) for r in network.transcript.records] == [
        (0, 1.5), (1, 2.5), (2, 3.5)
    ]
    assert outcomes["bob"] == [[KILOBYTE]] * 3
    assert network.clock == 3.5


def test_the_clients_of_a_crowd_have_a_link_each(watch):
    """1000 bytes of ten clients take a tenth of a second; what a server sends them takes all."""

    async def crowd():
        await send("server 0", data=KILOBYTE)
        await hear("server 0")

    async def protocol(i):
        if i == 0:
            await hear("users")
            await send("users", data=KILOBYTE)

    network = SimulatedNetwork(SLOW)
    run(network, 2, protocol, (client("users", crowd=10), crowd()))
    there, back = network.transcript.records
    assert (there.count, there.sent_at, there.received_at) == (10, 0, pytest.approx(0.6))
    assert (back.count, back.sent_at, back.received_at) == (
        10, pytest.approx(0.6), pytest.approx(2.1)
    )


def test_links_may_differ(watch):
    """1 -> 0 takes 2 s and no time on the wire."""
    uneven = replace(SLOW, links={("server 1", "server 0"): (2.0, float("inf"))})
    network = SimulatedNetwork(uneven)
    run(network, 2, lambda i: say(2, "a", KILOBYTE))
    assert [r.received_at for r in network.transcript.records] == [1.5, 2.0]


def test_sessions_follow_each_other(watch):
    network = SimulatedNetwork(SLOW)
    run(network, 2, lambda i: say(2, "a", KILOBYTE))
    run(network, 2, lambda i: say(2, "a", KILOBYTE))
    assert [r.sent_at for r in network.transcript.records] == [0, 0, 1.5, 1.5]
    assert network.clock == 3.0


def test_really_computing_takes_real_time():
    async def protocol(i):
        np.linalg.svd(np.ones((60, 60)))

    network = SimulatedNetwork(SLOW)
    run(network, 2, protocol)
    assert 0 < network.clock < 60


# -- what happens to rounds -------------------------------------------------------------------


def test_everybody_hears_everybody_in_order():
    async def protocol(i):
        first = await say(3, "a", b"%d" % i)
        return first, await say(3, "b", b"%d" % (i + 5))

    outcomes = run(SimulatedNetwork(), 3, protocol)
    assert outcomes == {
        server_name(i): ([b"0", b"1", b"2"], [b"5", b"6", b"7"]) for i in range(3)
    }
    outcomes.raise_failure()


def test_a_record_per_message_and_none_for_oneself():
    network = SimulatedNetwork()
    run(network, 3, lambda i: step("top", say(3, "a", b"%d" % i)), phase="prepare")
    records = network.transcript.records
    assert len(records) == 6
    assert all(r.sender != r.receiver for r in records)
    assert {(r.session, r.phase, r.step, r.kind, r.round) for r in records} == {
        ("s", "prepare", "top/a", "k", 1)
    }


def test_a_party_may_be_a_round_ahead():
    """Server 0 sends two messages before anybody listens; they arrive one after the other."""

    async def protocol(i):
        if i == 0:
            await send("server 1", "first")
            return await send("server 1", "second")
        return await hear("server 0", label="first"), await hear("server 0", label="second")

    outcomes = run(SimulatedNetwork(), 2, protocol)
    assert outcomes["server 1"] == ([b"x"], [b"x"])


# -- silence and deadlock ---------------------------------------------------------------------


def test_a_silent_client_is_none():
    """Also one that stops half way, one that is not there, and one that never ends."""

    async def stops():
        await send("server 0")
        await send("server 1")

    async def waits():
        await hear("server 0", label="never")

    async def protocol(i):
        return [await hear("bob"), await hear("bob"), await hear("carol"), await hear("dan")]

    outcomes = run(
        SimulatedNetwork(), 2, protocol, (client("bob"), stops()), (client("dan"), waits())
    )
    for i in range(2):
        assert outcomes[server_name(i)] == [[b"x"], [None], [None], [None]]
    assert isinstance(outcomes["dan"], Rejected)


def test_a_client_that_speaks_to_one_server_only():
    """The servers find out that they heard different things; nobody hangs."""

    async def half():
        await send("server 0")

    async def protocol(i):
        return await hear("bob")

    outcomes = run(SimulatedNetwork(), 2, protocol, (client(), half()))
    assert (outcomes["server 0"], outcomes["server 1"]) == ([b"x"], [None])


def test_waiting_for_each_other_is_a_deadlock_named_with_step_and_server():
    async def protocol(i):
        await step("multiply", hear(server_name(1 - i), label=f"step {i}"))

    with pytest.raises(Deadlock) as caught:
        run(SimulatedNetwork(), 2, protocol)
    assert str(caught.value) == (
        "nobody can go on: server 0 is at step 'multiply/step 0' and waits for server 1; "
        "server 1 is at step 'multiply/step 1' and waits for server 0"
    )


def test_a_server_that_waits_for_itself():
    with pytest.raises(Deadlock, match="server 0 is at step 'a' and waits for server 0"):
        run(SimulatedNetwork(), 2, lambda i: hear("server 0"))


def test_a_client_in_the_circle_is_given_up():
    """bob waits for server 1, that for server 0, that for bob: bob is the one to be refused."""

    async def bob():
        await hear("server 1")
        await send("server 0")

    async def protocol(i):
        heard = await hear("bob" if i == 0 else "server 0")
        await send("server 1" if i == 0 else "bob")
        return heard

    outcomes = run(SimulatedNetwork(), 2, protocol, (client(), bob()))
    assert outcomes["server 0"] == [None]
    assert outcomes["server 1"] == [b"x"]


def test_one_round_more_than_the_others():
    """Who waits for a message that nobody sends any more aborts, and says at which step."""

    async def protocol(i):
        await say(2, "common")
        if i == 0:
            await say(2, "mine alone")

    outcomes = run(SimulatedNetwork(), 2, protocol)
    assert outcomes["server 1"] is None
    with pytest.raises(Abort, match="step 'mine alone' did not arrive"):
        outcomes.raise_failure()


def test_servers_at_different_steps_abort_and_name_both():
    outcomes = run(SimulatedNetwork(), 2, lambda i: say(2, ["left", "right"][i]))
    assert all(isinstance(outcomes[server_name(i)], Abort) for i in range(2))
    with pytest.raises(Abort, match=r"'left'.*it holds \[\('right', .* where \[\('left', "):
        outcomes.raise_failure()


def test_different_orders_abort():
    """What asyncio.gather would do: the same two steps in another order at each server."""

    async def protocol(i):
        for label in ("ab", "ba")[i]:
            await say(2, label)

    with pytest.raises(Abort):
        run(SimulatedNetwork(), 2, protocol).raise_failure()


# -- foreign awaitables, errors and interrupts ------------------------------------------------


def test_a_foreign_awaitable_gets_a_sentence():
    async def protocol(i):
        await asyncio.sleep(0)

    with pytest.raises(InputError, match="awaited NoneType, which is none of mpclab's rounds"):
        run(SimulatedNetwork(), 2, protocol).raise_failure()


def test_a_foreign_awaitable_inside_a_running_loop():
    """As in Jupyter: the loop runs, and ours does not need it."""

    async def protocol(i):
        await asyncio.sleep(0.01)

    async def notebook():
        assert run(SimulatedNetwork(), 2, lambda i: say(2, "a"))["server 0"] == [b"x", b"x"]
        run(SimulatedNetwork(), 2, protocol).raise_failure()

    with pytest.raises(InputError, match=r"awaited Future.*asyncio's do not work here"):
        asyncio.run(notebook())


def test_asyncio_sleep_without_a_loop_gets_a_sentence():
    async def protocol(i):
        await say(2, "a")  # so that both have begun
        await asyncio.sleep(0.01)

    with pytest.raises(InputError, match="no event loop drives"):
        run(SimulatedNetwork(), 2, protocol).raise_failure()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("bug"), SystemExit(1)])
def test_whatever_stops_one_closes_all(error):
    closed = []

    async def protocol(i):
        try:
            await say(3, "a")
            if i == 1:
                raise error
            await say(3, "b")
        finally:
            closed.append(i)

    async def bob():
        try:
            await hear("server 0")
        finally:
            closed.append("bob")

    with pytest.raises(type(error)):
        run(SimulatedNetwork(), 3, protocol, (client(n=3), bob()))
    assert sorted(closed, key=str) == [0, 1, 2, "bob"]


def test_an_error_before_the_others_have_begun_closes_them_too():
    """Otherwise Python prints 'coroutine ... was never awaited' below the real error."""

    async def protocol(i):
        if i == 0:
            raise KeyboardInterrupt
        await say(2, "a")

    coroutines = [protocol(i) for i in range(2)]
    try:
        with pytest.raises(KeyboardInterrupt):
            run(SimulatedNetwork(), 2, coroutines.__getitem__)
        assert [inspect.getcoroutinestate(c) for c in coroutines] == [inspect.CORO_CLOSED] * 2
    finally:
        for coroutine in coroutines:
            coroutine.close()


def test_an_abort_closes_all_and_stops_the_others():
    closed = []

    async def protocol(i):
        try:
            await say(3, "a")
            if i == 1:
                raise Abort("by hand")
            await say(3, "b")
        finally:
            closed.append(i)

    outcomes = run(SimulatedNetwork(), 3, protocol)
    assert sorted(closed) == [0, 1, 2]
    assert all(isinstance(o, Abort) for o in outcomes.values())


def test_the_network_works_after_a_failure():
    network = SimulatedNetwork()

    async def failing(i):
        await say(2, "a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(network, 2, failing)
    assert run(network, 2, lambda i: say(2, "b"))["server 1"] == [b"x", b"x"]


def test_which_failure_is_raised():
    refused, abort, other = Refused("no"), Abort("stop"), InputError("what")
    assert Outcomes({"server 0": 1, "bob": Rejected("late")}).raise_failure() is None
    for expected, found in [
        (refused, [abort, refused, other]), (abort, [other, abort]), (other, [5, other]),
    ]:
        with pytest.raises(type(expected)) as caught:
            Outcomes({server_name(i): e for i, e in enumerate(found)}).raise_failure()
        assert caught.value is expected


def test_the_cause_is_raised_and_not_its_consequence():
    async def protocol(i):
        if i == 1:
            raise InputError("the cause")
        await say(2, "a")

    with pytest.raises(InputError, match="the cause"):
        run(SimulatedNetwork(), 2, protocol).raise_failure()


# -- the adversary ----------------------------------------------------------------------------


def edited(envelope, data):
    """The message with its first section's first part replaced."""
    header, (section, *rest) = wire.decode(F, envelope.data)
    section = replace(section, parts=(data, *section.parts[1:]))
    return replace(envelope, data=wire.encode(F, header, [section, *rest]))


def test_the_adversary_sees_honest_messages_before_it_sends():
    """It rushes: it answers with whatever honest server 0 has just sent."""

    def echo(flight):
        heard = {e.receiver: wire.decode(F, e.data)[1][0].parts[0] for e in flight.honest}
        return [edited(e, heard["server 1"]) for e in flight.corrupt]

    async def protocol(i):
        return await say(2, "a", b"secret" if i == 0 else b"------")

    outcomes = run(SimulatedNetwork(adversary=echo, corrupt=["server 1"]), 2, protocol)
    assert outcomes["server 0"] == [b"secret", b"secret"]


def test_what_a_flight_holds():
    flights = []

    def watcher(flight):
        flights.append(flight)
        return flight.corrupt

    async def bob():
        for i in range(3):
            await send(server_name(i))
        return await hear("server 0", "server 1", "server 2", label="c")

    async def protocol(i):
        await hear("bob")
        await say(3, "b")
        await send("bob", "c")

    network = SimulatedNetwork(adversary=watcher, corrupt=["server 1", "server 2"])
    outcomes = run(network, 3, protocol, (client(n=3), bob()))
    assert outcomes["bob"] == [b"x"] * 3
    seen = [
        (sorted((e.sender, e.receiver) for e in f.honest),
         sorted((e.sender, e.receiver) for e in f.corrupt))
        for f in flights if f.honest or f.corrupt
    ]
    corrupt = ["server 1", "server 2"]
    assert seen == [
        ([("bob", c) for c in corrupt], []),  # not what bob tells honest server 0
        ([("server 0", c) for c in corrupt],
         [(c, server_name(i)) for c in corrupt for i in range(3)]),  # copies to oneself included
        ([], [(c, "bob") for c in corrupt]),
    ]


def test_the_adversary_cannot_speak_for_the_honest():
    def forger(flight):
        yield from flight.corrupt
        for e in flight.corrupt:
            yield replace(edited(e, b"!"), sender="server 0")

    async def protocol(i):
        return await say(3, "a", b"%d" % i), await say(3, "b", b"%d" % i)

    network = SimulatedNetwork(adversary=forger, corrupt=["server 2"])
    outcomes = run(network, 3, protocol)
    assert outcomes["server 1"] == ([b"0", b"1", b"2"], [b"0", b"1", b"2"])


def test_without_corrupt_parties_there_is_no_adversary():
    def never(flight):
        raise AssertionError("called")

    run(SimulatedNetwork(adversary=never), 2, lambda i: say(2, "a")).raise_failure()


@pytest.mark.parametrize("victim", ["server 0", "server 1"])
def test_two_faces_are_found_out_one_round_later(victim):
    """Server 2 tells one server something else; the next broadcast aborts, and blames nobody."""

    def two_faced(flight):
        for e in flight.corrupt:
            yield edited(e, b"?") if (e.label, e.receiver) == ("a", victim) else e

    reached = []

    async def protocol(i):
        told = await say(3, "a", b"%d" % i)
        reached.append(told)
        await say(3, "b")
        reached.append("too far")

    network = SimulatedNetwork(adversary=two_faced, corrupt=["server 2"])
    outcomes = run(network, 3, protocol)
    assert sorted(reached) == [[b"0", b"1", b"2"], [b"0", b"1", b"2"], [b"0", b"1", b"?"]]
    for i in range(2):
        error = outcomes[server_name(i)]
        assert isinstance(error, Abort)
        assert "saw other broadcasts" in str(error)
        assert "server" not in str(error)


def test_an_honest_run_under_a_watching_adversary_succeeds():
    network = SimulatedNetwork(adversary=lambda f: f.corrupt, corrupt=["server 0", "server 2"])

    async def protocol(i):
        return [await say(3, label, b"%d" % i) for label in "abc"]

    outcomes = run(network, 3, protocol)
    assert all(o == [[b"0", b"1", b"2"]] * 3 for o in outcomes.values())


def header_changed(e, **changes):
    header, sections = wire.decode(F, e.data)
    return replace(e, data=wire.encode(F, replace(header, **changes), sections))


class Replay:
    """Sends, in the second round, what the corrupt party sent in the first."""

    def __init__(self):
        self.first = {}

    def __call__(self, flight):
        return [self.first.setdefault(e.receiver, e) for e in flight.corrupt]


def doubled(flight):
    return [e for e in flight.corrupt for _ in range(2)]


ATTACKS = {
    "drop": (lambda: lambda f: [], "did not arrive"),
    "drop one copy": (
        lambda: lambda f: [e for e in f.corrupt if e.receiver != "server 0"], "did not arrive"
    ),
    "replay": (Replay, "it belongs to round 1, and this is 2"),
    "send twice": (lambda: doubled, "it belongs to round 1, and this is 2"),
    "another session": (
        lambda: lambda f: [header_changed(e, session=bytes(16)) for e in f.corrupt],
        "it belongs to another session",
    ),
    "another round": (
        lambda: lambda f: [header_changed(e, round=2) for e in f.corrupt], "it belongs to round 2"
    ),
    "another history": (
        lambda: lambda f: [header_changed(e, history=bytes(32)) for e in f.corrupt],
        "saw other broadcasts",
    ),
    "noise": (lambda: lambda f: [replace(e, data=b"noise") for e in f.corrupt], "ends within"),
    "truncate": (
        lambda: lambda f: [replace(e, data=e.data[:-1]) for e in f.corrupt], "ends within"
    ),
    "append": (
        lambda: lambda f: [replace(e, data=e.data + b"\0") for e in f.corrupt], "bytes follow"
    ),
    "longer": (lambda: lambda f: [edited(e, b"longer") for e in f.corrupt], "types or shapes"),
    "redirect": (
        lambda: lambda f: [replace(e, receiver="server 1") for e in f.corrupt], "did not arrive"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_server_does_to_messages_aborts(attack):
    make, sentence = ATTACKS[attack]

    async def protocol(i):
        await say(2, "a", b"a")
        await say(2, "a", b"b")
        return "the end"

    network = SimulatedNetwork(adversary=make(), corrupt=["server 1"])
    outcomes = run(network, 2, protocol)
    error = outcomes["server 0"]
    assert isinstance(error, Abort)
    assert sentence in str(error)
    assert "server 1" not in str(error)


def test_an_abort_reaches_everybody():
    """One server drops its message to one other; the third hears nothing more and stops too."""
    network = SimulatedNetwork(
        adversary=lambda f: [e for e in f.corrupt if e.receiver != "server 0"],
        corrupt=["server 2"],
    )

    async def protocol(i):
        await say(3, "a")
        await say(3, "b")

    outcomes = run(network, 3, protocol)
    assert all(isinstance(outcomes[server_name(i)], Abort) for i in range(2))


def test_a_corrupt_clients_nonsense_is_none_and_aborts_nobody():
    """The wrong type, a truncated message, another session: the servers get None and go on."""

    async def bob():
        for label in "abc":
            for i in range(2):
                await send(server_name(i), label)

    def garble(flight):
        for e in flight.corrupt:
            header, _ = wire.decode(F, e.data)
            number = wire.Section("a", "k", (np.array(1),))
            yield {
                "a": replace(e, data=wire.encode(F, header, [number])),
                "b": replace(e, data=e.data[:30]),
                "c": header_changed(e, session=bytes(16)),
            }[e.label]

    async def protocol(i):
        heard = [await hear("bob", label=label) for label in "abc"]
        return heard, await say(2, "end")

    network = SimulatedNetwork(adversary=garble, corrupt=["bob"])
    outcomes = run(network, 2, protocol, (client(), bob()))
    assert outcomes["server 0"] == outcomes["server 1"] == ([[None]] * 3, [b"x", b"x"])


def test_a_client_rejects_a_servers_nonsense():
    async def bob():
        return await exchange(Round((), (Receive("server 1", "a", "k", (integers(),)),)))

    async def protocol(i):
        await send("bob")

    outcomes = run(SimulatedNetwork(), 2, protocol, (client(), bob()))
    assert isinstance(outcomes["bob"], Rejected)
    outcomes.raise_failure()  # the servers did not fail


def test_a_corrupt_party_that_takes_no_part_cannot_break_the_network():
    def forger(flight):
        yield from flight.corrupt
        for e in flight.corrupt:
            yield replace(e, sender="carol")

    network = SimulatedNetwork(adversary=forger, corrupt=["server 1", "carol"])
    outcomes = run(network, 2, lambda i: say(2, "a"))
    assert outcomes["server 0"] == [b"x", b"x"]


def test_no_failure_tells_contents():
    """Whatever went wrong, no sentence holds what was sent."""
    for make, _ in ATTACKS.values():

        async def protocol(i):
            await say(2, "a", b"a secret share!!")
            await say(2, "a", b"another secret!!")

        network = SimulatedNetwork(adversary=make(), corrupt=["server 1"])
        error = run(network, 2, protocol)["server 0"]
        assert isinstance(error, MpclabError)
        assert "secret" not in str(error) + repr(error) + repr(network.transcript)


def test_contents_are_kept_only_if_asked_for():
    network = SimulatedNetwork()
    run(network, 2, lambda i: say(2, "a", b"share"))
    assert network.contents == {}
    network = SimulatedNetwork(keep_contents=True)
    run(network, 2, lambda i: say(2, "a", b"share"))
    assert sorted(network.contents) == [0, 1]
    assert all(data.endswith(b"share") for data in network.contents.values())
