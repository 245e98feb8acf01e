"""Coalitions: what they see, edit and reach, and what they cannot reach."""

import numpy as np
import pytest

from mpclab.adversary import alter
from mpclab.adversary.grounds import OpenLab, Programs
from mpclab.adversary.tools import Coalition, add, replace_part, whole
from mpclab.errors import Abort, InputError
from mpclab.lab import Lab
from mpclab.sharing import reconstruct


def test_a_coalition_sees_what_it_receives_and_rushes():
    lab = Lab(servers=3, seed=1)
    x = lab.secret([5])
    coalition = Coalition(lab, servers=[2])
    heard = []

    def listen(message):
        heard.append(message.others())
        return message

    coalition.on("reveal/reveal", listen)
    assert x.reveal().tolist() == [5]
    assert coalition.hits == 3  # a copy to everybody, oneself included
    assert all(set(h) == {"server 0", "server 1"} for h in heard)
    assert [int(v[0]) for v in coalition.opened("reveal")] == [5]
    assert {s.receiver for s in coalition.seen if s.sender == "server 0"} == {"server 2"}
    assert len(coalition.parts("reveal/reveal")) == 3


def test_only_the_leader_edits_unless_told():
    lab = Lab(servers=3, seed=1)
    x = lab.secret([5])
    coalition = Coalition(lab, servers=[1, 2])
    coalition.on("reveal/reveal", add(0), by=["server 2"], to=["server 0"])
    assert x.reveal().tolist() == [5]
    assert coalition.hits == 1
    assert coalition.leader == "server 1"
    assert "server 1, server 2" in repr(coalition)


def test_edits():
    for edit in (
        add(3), replace_part(lambda m: np.zeros_like(m.elements())), whole(lambda data: data[:-1])
    ):
        lab = Lab(servers=2, seed=1)
        x = lab.secret([5, 6])
        Coalition(lab, servers=[1]).on("reveal/reveal", edit)
        with pytest.raises(Abort):
            x.reveal()


def test_corrupt_servers_state_is_reached_and_no_other():
    ground = Programs("reveal", 3)
    coalition = ground.coalition([1])
    reached = []

    def look(message):
        reached.append(message.party.server.name)
        return message

    coalition.on("reveal", look, kind="open")
    ground.play()
    assert set(reached) == {"server 1"}
    assert coalition.server("server 1") is ground.lab.servers[1]
    for name in ("server 0", "users"):
        with pytest.raises(InputError, match="no corrupt server"):
            coalition.server(name)
    with pytest.raises(InputError, match="not on record"):
        coalition.party("yesterday", "server 1")


def test_a_coalition_leaves_somebody_honest():
    lab = OpenLab(servers=2, seed=1)
    with pytest.raises(InputError, match="at least one server must stay honest"):
        Coalition(lab, servers=[0, 1])
    with pytest.raises(InputError, match="at least one member"):
        Coalition(lab)
    with pytest.raises(InputError):
        Coalition(lab, servers=[2])


def test_grounds_survive_attacks():
    ground = Programs("multiply", 2)
    for _ in range(3):
        ground.coalition([0]).on("x - a, y - b", add(1))
        assert ground.play().result == "abort before output"
        assert ground.play().result == "no effect"
    shares = [ground.lab.held(ground.secrets[0], i) for i in range(2)]
    assert reconstruct(shares).tolist() == [3, 4]


@pytest.mark.parametrize("wrong", ["reveal/Reveal", "REVEAL", "Reveal/reveal"])
@pytest.mark.parametrize("tool", ["alter", "coalition"])
def test_a_step_that_is_misspelt_is_told(tool, wrong):
    """Else the cheat would never happen, and nobody would say so."""
    lab = Lab(2, seed=1)
    if tool == "alter":
        lab.network.adversary, lab.network.corrupt = alter(wrong), frozenset(["server 1"])
    else:
        Coalition(lab, [1]).on(wrong, add(1))
    with pytest.raises(InputError, match=f"there is no step '{wrong}': it is written"):
        lab.secret([42]).reveal()
