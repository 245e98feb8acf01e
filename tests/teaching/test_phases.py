"""The phase map and the clock behind it: known answers, properties, and wrong inputs."""

import numpy as np
import pytest

from mpclab import Conditions, Lab, multiply
from mpclab.errors import InputError
from mpclab.style import PHASES
from mpclab.teaching.clock import PER_BYTE, PER_STEP, critical_path, on_network
from mpclab.teaching.phase_picture import percents
from mpclab.teaching.phases import MOST_SERVERS, MOST_USERS, phase_map, rate, recorded
from mpclab.widgets.phases import BANDWIDTHS, LATENCIES, USERS, phase_explorer


@pytest.fixture(scope="module")
def chain():
    """Three products one after another, at four servers."""
    lab = Lab(servers=4, seed=1)

    async def program(party, x):
        for _ in range(3):
            x = await multiply(party, x, x)
        return x

    lab.run(program, lab.secret([2] * 10))
    return lab.transcript


# -- the clock -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("latency", "bandwidth"), [(0.02, 1e8), (0.3, 1e6), (0.0, 1e5)])
def test_without_computing_the_clock_is_the_formula(chain, latency, bandwidth):
    network = Conditions("mine", latency, bandwidth)
    timed = on_network(chain, network, "none")
    sent = chain.bytes_sent("server 0", phase="online")
    assert timed.seconds(phase="online") == pytest.approx(3 * latency + 8 * sent / bandwidth)
    path = critical_path(timed, network)
    assert path.latency == pytest.approx(3 * latency)
    assert path.sending == pytest.approx(8 * sent / bandwidth)
    assert path.computing == 0


def test_the_model_charges_each_step_and_the_largest_message(chain):
    size = max(r.bytes for r in chain.select(phase="online"))
    timed = on_network(chain, "ideal", "model")
    # To send: a message out. Twice: a message in, one of the same size out. At the end: one in.
    due = PER_BYTE * size + 3 * (PER_STEP + PER_BYTE * size)
    assert timed.seconds(phase="online") == pytest.approx(due)
    assert on_network(chain, "ideal", "model", {"server 2": 7.0}).seconds(
        phase="online"
    ) == pytest.approx(7 * due)


def test_measured_computing_is_what_was_recorded(chain):
    assert on_network(chain, "wan", "measured").seconds(phase="online") == pytest.approx(
        chain.retimed("wan").seconds(phase="online")
    )


@pytest.mark.parametrize("computing", ["model", "measured", "none"])
@pytest.mark.parametrize("trouble", ["", "link", "server"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_critical_path_is_as_long_as_the_phase_and_has_no_gap(computing, trouble, phase):
    m = phase_map(servers=3, users=20, latency_ms=3, bandwidth_mbit=5, phase=phase,
                  computing=computing, trouble=trouble)  # fmt: skip
    path, cost = m.paths[phase], m.cost(phase)
    assert path.seconds == pytest.approx(cost.seconds)
    assert cost.latency + cost.sending + cost.computing == pytest.approx(cost.seconds)
    for before, after in zip(path.stretches, path.stretches[1:], strict=False):
        assert after.start == pytest.approx(before.end, abs=1e-9)
        assert after.sender == before.receiver or before.kind == "computing"


def test_wrong_conditions_and_names_are_told(chain):
    with pytest.raises(InputError, match="no computing 'fast'"):
        on_network(chain, "wan", "fast")
    with pytest.raises(InputError, match="slowed is 3: it takes a factor by party"):
        on_network(chain, "wan", slowed=3)
    with pytest.raises(InputError, match="server 0 is slowed True times"):
        on_network(chain, "wan", slowed={"server 0": True})
    with pytest.raises(InputError, match="server 0 is slowed 0 times"):
        on_network(chain, "wan", slowed={"server 0": 0})
    with pytest.raises(InputError, match="no network 'moon'"):
        on_network(chain, "moon")
    with pytest.raises(InputError, match="timed under other conditions"):
        critical_path(on_network(chain, "lan", "none"), "wan")
    with pytest.raises(InputError, match="nothing happened in the phase 'lunch'"):
        critical_path(chain, "lan", "lunch")


# -- the map ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("servers", "users"), [(2, 10), (3, 200), (10, 50)])
def test_counts_are_those_of_the_protocol(servers, users):
    m = phase_map(servers, users)
    rounds = {c.phase: c.rounds for c in m.costs}
    assert rounds == {"preprocess": 0, "upload": 7, "prepare": 7, "online": 8}
    for cost in m.costs:
        assert cost.messages == cost.rounds * servers * (servers - 1)
        assert cost.all_bytes == servers * cost.server_bytes  # all servers do the same
    assert m.cost("online").latency == pytest.approx(0.200)  # eight rounds, there and back
    assert m.cost("preprocess").outside_bytes > 0


def test_latency_bandwidth_and_trouble_do_what_they_say():
    plain = phase_map().cost("online").seconds
    assert phase_map(latency_ms=10).cost("online").seconds == pytest.approx(plain - 0.1)
    wide = phase_map(bandwidth_mbit=200).cost("online")
    assert wide.sending == pytest.approx(phase_map().cost("online").sending / 2)
    link = phase_map(servers=4, trouble="link").cost("online")
    assert link.latency == pytest.approx(8 * 0.200 + 2 * 0.020)
    slow = phase_map(latency_ms=0, computing="model", trouble="server").cost("online")
    assert slow.computing > 50 * phase_map(latency_ms=0).cost("online").computing
    assert phase_map(computing="none").cost("online").computing == 0


def test_the_checked_view_is_the_same_every_time():
    m = phase_map(servers=2, users=50, latency_ms=1)
    assert m._repr_html_() == phase_map(servers=2, users=50, latency_ms=1)._repr_html_()
    assert "http" not in m._repr_html_().replace("http://www.w3.org/2000/svg", "")
    assert "not measured" in m.note()
    assert m.frame().loc["online", "rounds"] == 8
    assert m.frame().loc["online", "total ms"] == round(1e3 * m.cost("online").seconds, 1)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("latency_ms", [0, 200])
@pytest.mark.parametrize("computing", ["model", "none"])
def test_every_extreme_is_drawn(phase, latency_ms, computing):
    for servers, bandwidth in ((2, 10_000), (MOST_SERVERS, 1)):
        m = phase_map(servers, 20, latency_ms, bandwidth, phase, computing, "link")
        svg = m.picture.svg
        assert svg.count("<title>") > servers
        assert "nan" not in svg
        assert "inf" not in svg.replace("infinite", "")
        assert all(f">server {i}<" in svg for i in range(servers))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"servers": 1}, "servers is 1: it must be a whole number from 2 to 10"),
        ({"servers": 2.5}, "servers is 2.5"),
        ({"users": MOST_USERS + 1}, "users is 1001"),
        ({"users": True}, "users is True"),
        ({"latency_ms": -1}, "latency_ms is -1: it must be"),
        ({"latency_ms": "20"}, "latency_ms is '20': it must be a number"),
        ({"bandwidth_mbit": 0}, "bandwidth_mbit is 0"),
        ({"bandwidth_mbit": float("inf")}, "bandwidth_mbit is inf"),
        ({"latency_ms": float("nan")}, "latency_ms is nan"),
        ({"latency_ms": True}, "latency_ms is True"),
        ({"bandwidth_mbit": None}, "bandwidth_mbit is None"),
        ({"phase": "lunch"}, "no phase 'lunch': take one of 'preprocess'"),
        ({"computing": "fast"}, "no computing 'fast'"),
        ({"trouble": "weather"}, "no trouble 'weather'"),
    ],
)
def test_wrong_arguments_are_sentences(wrong, told):
    with pytest.raises(InputError, match=told):
        phase_map(**wrong)


def test_numbers_of_numpy_are_taken():
    ours = phase_map(users=20, servers=3, latency_ms=3)
    theirs = phase_map(users=np.int64(20), servers=np.int64(3), latency_ms=np.int64(3))
    assert theirs.html() == ours.html()


def test_what_has_nothing_to_slow_down_is_told():
    idle = phase_map(users=20, computing="none", trouble="server").sentence()
    assert idle.endswith("A slow server 0 changes nothing: computing takes no time here.")
    near = phase_map(users=20, latency_ms=0, trouble="link").sentence()
    assert near.endswith("servers 0 and 1 changes nothing: there is no latency.")
    far = phase_map(users=20, trouble="link").sentence()
    assert far.endswith("has 10 times the latency.")


@pytest.mark.parametrize("wrong", [(100, 20), (3, 9), (3, 10**6), ([3], 20), (3, "20")])
def test_what_is_recorded_is_bounded(wrong):
    with pytest.raises(InputError, match="it must be a whole number from"):
        recorded(*wrong)


def test_percents_add_up():
    for parts in ([1, 1, 1], [0.405, 0.315, 0.28], [1e-9, 1, 0], [2, 2, 3]):
        assert sum(percents(parts)) == 100
    assert percents([0.0, 0.0, 0.0]) == [0, 0, 0]
    assert rate(0.5) == "0.5 Mbit/s"


# -- the widget ------------------------------------------------------------------------------------


def moved(widget, **values):
    """Move controls; what is shown must change."""
    before = widget.html
    widget.move(**values)
    assert widget.html != before, values


def test_the_explorer_follows_its_controls():
    explorer = phase_explorer(users=20)
    assert "The requester waits" in explorer.html
    moved(explorer, latency=0)
    assert explorer.shown.latency_ms == 0
    moved(explorer, bandwidth=0)
    assert explorer.shown.bandwidth_mbit == 1
    moved(explorer, servers=MOST_SERVERS)
    assert "server 9" in explorer.html
    moved(explorer, phase="preprocess")
    assert "for which nobody waits" in explorer.html
    moved(explorer, computing="none")
    moved(explorer, computing="measured")
    assert "measured in one run" in explorer.html
    moved(explorer, trouble="server")
    assert "100 times as long" in explorer.html
    moved(explorer, users=USERS.index(50))
    moved(explorer, latency=len(LATENCIES) - 1, bandwidth=len(BANDWIDTHS) - 1, servers=2)
    assert repr(explorer.shown).startswith("PhaseMap(2 servers, 50 users, 200 ms, 10 Gbit/s")
    for name in ("users", "latency", "bandwidth"):
        explorer.move(**{name: 11})
        assert f"the place on the slider {name} is 11" in explorer.html
        explorer.move(**{name: -1})
        assert "the slider begins at 0" in explorer.html
    explorer.asked = {"nothing": 1}
    assert 'role="alert"' in explorer.html


def test_controls_that_cannot_stand_there():
    with pytest.raises(InputError, match="latency_ms is 3: the slider has 0"):
        phase_explorer(latency_ms=3)
    with pytest.raises(InputError, match="users is 30: the slider has 10, 20"):
        phase_explorer(users=30)
    with pytest.raises(InputError, match="bandwidth_mbit is 7"):
        phase_explorer(bandwidth_mbit=7)
