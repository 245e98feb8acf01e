"""Network conditions as values, and the same run timed under others."""

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from mpclab import IDEAL, LAN, WAN, Conditions, InputError, Lab
from mpclab.network.conditions import conditions
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import Receive, Round, Send, exchange
from mpclab.network.simulated import SimulatedNetwork

# -- values ---------------------------------------------------------------------------------


def test_what_a_message_costs():
    slow = Conditions("slow", latency=0.5, bandwidth=8000)
    assert slow.transfer("a", "b", 1000) == 1.0
    assert slow.transfer("a", "b", 0) == 0.0
    assert slow.delay("a", "b") == slow.delay("b", "a", 17) == 0.5
    assert IDEAL.transfer("a", "b", 10**12) == IDEAL.delay("a", "b") == 0.0
    assert (LAN.latency, LAN.bandwidth, WAN.latency, WAN.bandwidth) == (1e-4, 1e9, 0.02, 1e8)


def test_links_of_their_own():
    c = Conditions("mixed", 0.1, 1e6, links={("server 0", "server 1"): (0.7, 2e6)})
    assert c.delay("server 0", "server 1") == 0.7
    assert c.delay("server 1", "server 0") == 0.1
    assert c.transfer("server 0", "server 1", 250_000) == 1.0
    assert c.transfer("server 1", "server 0", 250_000) == 2.0
    assert "1 links of their own" in repr(c)


def test_matrices_between_servers():
    latency = [[0, 1, 2], [3, 0, 4], [5, 6, 0]]
    rate = [[1, 8, 16], [24, 1, 32], [40, 48, 1]]
    c = LAN.between(latency, rate)
    for i, j in np.ndindex(3, 3):
        if i != j:
            assert c.delay(f"server {i}", f"server {j}") == latency[i][j]
            assert c.transfer(f"server {i}", f"server {j}", 1) == 8 / rate[i][j]
    assert c.delay("server 0", "carol") == LAN.latency
    assert c.delay("server 0", "server 3") == LAN.latency
    assert LAN.between(latency).transfer("server 0", "server 1", 1) == 8 / 1e9
    assert LAN.between(latency, 8.0).transfer("server 2", "server 1", 1) == 1.0
    assert len(LAN.links) == 0
    again = c.between([[0, 9], [9, 0]])  # the rest stays
    assert (again.delay("server 0", "server 1"), again.delay("server 2", "server 0")) == (9, 5)


def test_jitter_is_exponential_and_repeats():
    c = Conditions("windy", 0.1, 1e9, jitter=0.01)
    extra = np.array([c.delay("server 0", "server 1", k) - 0.1 for k in range(4000)])
    assert (extra >= 0).all()
    again = [c.delay("server 0", "server 1", k) - 0.1 for k in range(4000)]
    assert extra.tolist() == again
    assert len(set(extra)) == 4000
    from scipy.stats import kstest

    assert kstest(extra / 0.01, "expon").pvalue > 1e-6
    assert c.delay("server 0", "server 1", 5) != c.delay("server 1", "server 0", 5)
    assert "jitter=0.01 s" in repr(c)


def test_conditions_are_values():
    same = Conditions("lan", 0.0001, 1e9)
    assert same == LAN
    assert hash(same) == hash(LAN)
    assert same is not LAN
    assert WAN != LAN
    assert {same: 1}[LAN] == 1
    with pytest.raises(AttributeError):
        LAN.latency = 3
    with pytest.raises(TypeError):
        LAN.links["a", "b"] = (1, 1)
    links = {("a", "b"): (1.0, 1.0)}
    c = Conditions("x", 0, 1, links=links)
    links.clear()
    assert c.delay("a", "b") == 1.0
    for name, known in (("lan", LAN), ("wan", WAN), ("ideal", IDEAL)):
        assert conditions(name) is known
    assert conditions(c) is c


def test_equal_conditions_have_equal_hashes():
    links = {("a", "b"): (1.0, 1.0), ("b", "a"): (2.0, 2.0)}
    one = Conditions("x", 0, 1, links=links)
    other = Conditions("x", 0, 1, links=dict(reversed(links.items())))
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_conditions_can_be_copied_and_pickled(way):
    assert way(LAN) == LAN


BAD = {
    "latency -1": (lambda: Conditions("x", -1, 1), "latency is -1: it takes a number of seconds"),
    "latency nan": (lambda: Conditions("x", math.nan, 1), "latency is nan"),
    "latency inf": (lambda: Conditions("x", math.inf, 1), "latency is inf"),
    "bandwidth 0": (lambda: Conditions("x", 0, 0), "bandwidth is 0: it takes bits per second"),
    "bandwidth -1": (lambda: Conditions("x", 0, -1), "bandwidth is -1"),
    "bandwidth nan": (lambda: Conditions("x", 0, math.nan), "bandwidth is nan"),
    "jitter -1": (lambda: Conditions("x", 0, 1, jitter=-1), "jitter is -1"),
    "jitter nan": (lambda: Conditions("x", 0, 1, jitter=math.nan), "jitter is nan"),
    "link latency": (
        lambda: Conditions("x", 0, 1, links={("a", "b"): (-1, 1)}), r"the link \('a', 'b'\)"
    ),
    "link bandwidth": (lambda: Conditions("x", 0, 1, links={("a", "b"): (1, 0)}), "bandwidth 0"),
    "link nan": (lambda: Conditions("x", 0, 1, links={("a", "b"): (math.nan, 1)}), "latency nan"),
    "matrix": (lambda: LAN.between([0, 1]), r"shape \(2,\): it takes \(n, n\)"),
    "not square": (lambda: LAN.between([[0, 1]]), r"shape \(1, 2\)"),
    "matrix -1": (lambda: LAN.between([[0, -1], [0, 0]]), "latency -1.0"),
    "matrix rate 0": (lambda: LAN.between([[0, 1], [1, 0]], 0), "bandwidth 0.0"),
    "name": (lambda: conditions("moon"), "no network 'moon': take one of 'lan', 'wan', 'ideal'"),
    "name None": (lambda: conditions(None), "no network None"),
    "name of a lab": (lambda: Lab(network="LAN"), "no network 'LAN'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_conditions_are_told_in_a_sentence(name):
    make, sentence = BAD[name]
    with pytest.raises(InputError, match=sentence):
        make()


BARE = {
    "latency text": lambda: Conditions("x", "1 ms", 1),
    "bandwidth None": lambda: Conditions("x", 0, None),
    "link of one": lambda: Conditions("x", 0, 1, links={("a", "b"): 5}),
    "rates of another shape": lambda: LAN.between([[0, 1], [1, 0]], [1, 2, 3]),
    "matrix of text": lambda: LAN.between([["a", "b"], ["c", "d"]]),
    "name of a list": lambda: conditions([]),
}


@pytest.mark.parametrize("name", BARE)
def test_bad_types_are_told_in_a_sentence(name):
    try:
        BARE[name]()
    except InputError:
        return
    except (TypeError, ValueError) as error:
        pytest.fail(str(error))


def test_an_infinite_latency_of_a_link():
    with pytest.raises(InputError):
        Conditions("x", 0, 1, links={("a", "b"): (math.inf, 1)})


# -- the virtual clock, by hand -------------------------------------------------------------


def clock(monkeypatch, perf_counter):
    """The simulated network measures computing with this clock."""
    monkeypatch.setattr(
        "mpclab.network.simulated.time", SimpleNamespace(perf_counter=perf_counter)
    )


@pytest.fixture
def no_computing(monkeypatch):
    """Computing takes no time, so that times can be computed by hand."""
    clock(monkeypatch, lambda: 0.0)


def run(conditions, *programs, n=2, session="s", phase="online", network=None, crowd=1):
    """Run programs at server 0, 1, .. and clients by name; returns the network."""
    from mpclab.field import Field

    network = network or SimulatedNetwork(conditions)
    actors = [
        (Endpoint(name, Field(), n, session, crowd if name == "users" else 1), program)
        for name, program in programs
    ]
    for outcome in network.run(phase, actors).values():
        if isinstance(outcome, Exception):
            raise outcome
    return network


def send(to, label, size):
    return Send(to, label, "data", (bytes(size),))


def receive(sender, label, size):
    from mpclab import wire

    return Receive(sender, label, "data", (wire.raw(size),))


def test_two_messages_share_their_senders_link(no_computing):
    """1000 bytes/s: to two receivers one after another; each arrives a latency after it left."""

    async def talk():
        await exchange(Round((send("a", "one", 100), send("b", "two", 300))))

    async def listen(label, size):
        await exchange(Round((), (receive("server 0", label, size),)))

    network = run(Conditions("x", latency=2.0, bandwidth=8000), ("server 0", talk()),
                  ("a", listen("one", 100)), ("b", listen("two", 300)))
    one, two = network.transcript.records
    first, second = one.bytes / 1000, two.bytes / 1000
    assert (one.sent_at, one.received_at) == (0.0, first + 2)
    assert (two.sent_at, two.received_at) == (first, first + second + 2)
    assert network.clock == first + second + 2
    assert network.transcript.seconds() == network.clock


def test_who_waits_goes_on_at_the_latest_arrival(no_computing):
    latencies = [[0, 1.0, 1.0], [5.0, 0, 1.0], [2.0, 1.0, 0]]
    c = Conditions("x", 9.0, math.inf).between(latencies, math.inf)

    async def talk(me):
        for label in ("one", "two"):
            await exchange(
                Round((send("servers", label, 4),),
                      tuple(receive(server_name(i), label, 4) for i in range(3)))
            )

    network = run(c, *((server_name(i), talk(i)) for i in range(3)), n=3)
    sent = {(r.step, r.sender): r.sent_at for r in network.transcript.records}
    # Server 0 hears of server 1 after 5 s; servers 1 and 2 hear of everybody after 1 s.
    assert [sent["one", server_name(i)] for i in range(3)] == [0, 0, 0]
    assert [sent["two", server_name(i)] for i in range(3)] == [5, 1, 1]
    # In the second round server 0's message of 5 s arrives at 6 s everywhere, 1's at 0 at 6 s.
    assert network.clock == 6.0
    assert network.transcript.rounds() == 2


def test_a_crowd_has_a_link_each(no_computing):
    async def talk():
        await exchange(Round((send("server 0", "rows", 1000),)))

    async def listen():
        await exchange(Round((), (receive("users", "rows", 1000),)))

    network = run(Conditions("x", 0.0, 8.0), ("users", talk()), ("server 0", listen()), crowd=10)
    (record,) = network.transcript.records
    assert record.count == 10
    assert record.received_at == record.bytes / 10


def test_a_second_run_begins_where_the_first_ended(no_computing):
    async def talk():
        await exchange(Round((send("a", "one", 4),)))

    async def listen():
        await exchange(Round((), (receive("server 0", "one", 4),)))

    c = Conditions("x", 3.0, math.inf)
    network = run(c, ("server 0", talk()), ("a", listen()))
    run(c, ("server 0", talk()), ("a", listen()), network=network)
    assert [r.received_at for r in network.transcript.records] == [3.0, 6.0]
    again = network.transcript.retimed(c)
    assert [r.received_at for r in again.records] == [3.0, 6.0]
    assert [r.received_at for r in network.transcript.retimed("wan").records] == pytest.approx(
        [0.02 + 8 * network.transcript.records[0].bytes / 1e8 * k + 0.02 * (k - 1) for k in (1, 2)]
    )


# -- re-timing ------------------------------------------------------------------------------


def times(transcript):
    return [
        *((r.sent_at, r.received_at) for r in transcript.records),
        *((a.start, a.end) for a in transcript.activities),
    ]


def busy(network, n=3, seed=5):
    """A lab with clients, dealing, products, comparisons, results to all and to one."""
    lab = Lab(n, network=network, seed=seed, contents=False)
    x, y = lab.client("alice").upload([3, -4, 5]), lab.client("bob").upload([1, 2, 3])
    (x * y > 3).reveal()
    (x @ y).reveal_to(lab.client("carol"))
    np.sort(x).reveal()
    return lab


JITTERY = Conditions("windy", 0.003, 1e7, jitter=0.001)
UNEQUAL = Conditions("unequal", 0.01, 1e8).between(
    [[0, 0.1, 0.02], [0.03, 0, 0.2], [0.05, 0.01, 0]], [[1, 1e5, 1e6], [1e7, 1, 1e8], [1e4, 1e9, 1]]
)


@pytest.mark.parametrize("network", ["lan", "wan", "ideal", JITTERY, UNEQUAL], ids=str)
def test_under_the_same_conditions_nothing_moves(network):
    transcript = busy(network).transcript
    again = transcript.retimed(network)
    assert np.allclose(times(again), times(transcript), rtol=0, atol=1e-12)
    assert again.seconds() == pytest.approx(transcript.seconds(), abs=1e-12)


@pytest.mark.parametrize("recorded", ["lan", "ideal", JITTERY], ids=str)
@pytest.mark.parametrize("network", ["lan", "wan", JITTERY, UNEQUAL], ids=str)
def test_retimed_is_as_if_it_had_run_there(recorded, network, no_computing):
    there, here = busy(network).transcript, busy(recorded).transcript
    assert np.allclose(times(here.retimed(network)), times(there), rtol=0, atol=1e-12)


def test_retimed_with_equal_computing_is_as_if_it_had_run_there(monkeypatch):
    """Every stretch of computing takes 7 ms by this clock, so both runs compute alike."""

    def busy_by_the_clock(network):
        ticks = iter(range(10**9))
        clock(monkeypatch, lambda: next(ticks) * 0.007)
        return busy(network).transcript

    here, there = busy_by_the_clock("lan"), busy_by_the_clock("wan")
    assert {round(a.end - a.start, 9) for a in here.activities} == {0.007}
    assert np.allclose(times(here.retimed("wan")), times(there), rtol=0, atol=1e-12)
    assert there.seconds() > here.seconds() + 0.02 * here.rounds()


def test_retiming_changes_nothing_but_times():
    transcript = busy("lan").transcript
    before = times(transcript)
    wan = transcript.retimed("wan")
    assert times(transcript) == before
    assert len(wan) == len(transcript)
    for a, b in zip(transcript.records, wan.records, strict=True):
        assert (a.session, a.phase, a.step, a.round, a.sender, a.receiver, a.kind, a.bytes,
                a.count, a.elements) == (
            b.session, b.phase, b.step, b.round, b.sender, b.receiver, b.kind, b.bytes, b.count,
            b.elements)
    for a, b in zip(transcript.activities, wan.activities, strict=True):
        assert b.end - b.start == pytest.approx(a.end - a.start, abs=1e-12)
    assert wan.rounds() == transcript.rounds()
    back = wan.retimed("lan")
    assert np.allclose(times(back), before, rtol=0, atol=1e-11)
    with pytest.raises(InputError, match="no network 'moon'"):
        transcript.retimed("moon")


def test_round_trips_take_their_latency():
    """10 rounds at 1 s latency take 10 s and what is computed; at no latency, no more than that."""
    lab = Lab(2, network="ideal", seed=1)
    x = lab.god.secret([3])
    x.reveal()
    start = lab.transcript.retimed("ideal").seconds(phase="online")
    slow = lab.transcript.retimed(Conditions("x", 1.0, math.inf)).seconds(phase="online")
    assert slow == pytest.approx(lab.transcript.rounds(phase="online") + start, abs=0.5)


def test_online_seconds_leave_out_preprocessing(no_computing):
    lab = Lab(2, network=Conditions("x", 1.0, math.inf), seed=1)
    x = lab.god.secret([3])
    x.reveal()
    x.reveal()
    assert lab.transcript.rounds(phase="online") == 12
    assert lab.transcript.seconds(phase="online") == pytest.approx(12.0)


def test_the_clock_goes_on_after_a_deadlock(no_computing):
    from mpclab.errors import Deadlock

    async def stuck(party):
        await party.broadcast("hello", "data", b"1")
        await exchange(Round((), (receive(server_name(1 - party.index), "never", 1),)))

    lab = Lab(2, network="wan", seed=1)
    with pytest.raises(Deadlock):
        lab.each(stuck)
    lab.secret([1])
    again = lab.transcript.retimed("wan")
    assert np.allclose(times(again), times(lab.transcript), rtol=0, atol=1e-12)


def test_the_path_of_a_session_without_a_client():
    lab = Lab(2, network="wan", seed=1)
    lab.god.secret([3]).reveal()
    path = lab.transcript.online_path("lab 1")
    assert sum(path.values()) == pytest.approx(lab.transcript.seconds(phase="online"), abs=0.05)


def test_the_path_of_a_session_that_is_not_there():
    with pytest.raises(InputError):
        Lab(2, seed=1).transcript.online_path("nobody")


def test_a_table_of_all_messages():
    lab = busy("lan")
    frame = lab.transcript.to_frame()
    assert len(frame) == len(lab.transcript)
    assert frame["bytes"].sum() == sum(r.bytes for r in lab.transcript.records)
    assert (frame["received_at"] > frame["sent_at"]).all()
    assert frame["round"].isna().equals(
        ~(frame["sender"].str.startswith("server") & frame["receiver"].str.startswith("server"))
    )
