"""Plays: what was tried, altered, seen and concluded, for every attack of the gallery."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mpclab.adversary import ATTACKS, Attack, attack, played, strike, with_and_without
from mpclab.adversary.gallery import table
from mpclab.adversary.model import World, online
from mpclab.adversary.outcome import NO_STEP
from mpclab.adversary.play import needed_clients, places
from mpclab.adversary.shown import css, page
from mpclab.errors import InputError


@pytest.mark.parametrize("name", list(ATTACKS))
def test_every_attack_can_be_played_and_shown(name):
    each = attack(name)
    play = played(name, max(3, each.least))
    assert play.outcome.verdict == "holds"
    assert play.outcome == each.run(World(play.servers, each.servers))
    assert play.session is not None
    assert play.changes or play.marks or "silent" in play.diagram.svg or name.startswith("two qu")
    ET.fromstring(play.diagram.svg)
    shown = page(play)
    assert play.outcome.result in shown
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")
    assert play.sentence().endswith(".")
    assert play.glimpses


def test_what_was_altered_is_marked_and_told():
    play = played("error on an opening", servers=3, step="select/b - d", corrupt=(1,))
    (altered,) = play.altered
    assert (altered.sender, altered.step, altered.kind) == ("server 1", "select/b - d", "open")
    assert altered.receivers == ("server 0", "server 2")
    assert altered.difference == "entry 0 is 1 more than due, in the field"
    records = [play.transcript.records[k] for k in play.marks]
    assert {(r.sender, r.step) for r in records} == {("server 1", "select/b - d")}
    assert len(records) == 2
    assert play.diagram.svg.count('class="halo"') == 1
    assert ">altered<" in play.diagram.svg
    (glimpse,) = [g for g in play.glimpses if g.altered]
    assert glimpse.step == "select/b - d"
    assert [name for name, _ in glimpse.received] == ["server 0", "server 2"]


def test_of_a_message_with_two_sections_the_right_one_is_told():
    play = played("one user counts", servers=3)
    assert {a.step for a in play.altered} == {"compare/x + r"}
    assert [g.step for g in play.glimpses if g.altered] == ["compare/x + r"]


def test_silence_is_marked():
    play = played("dropped message", servers=2)
    assert play.altered[0].difference == "nothing is sent"
    assert 'class="cross"' in play.diagram.svg
    assert ">silent<" in play.diagram.svg


def test_a_coalition_that_alters_nothing_in_flight_is_marked_where_it_chose():
    play = played("wild row", servers=2)
    assert not play.altered
    assert set(play.marks.values()) == {"as the coalition chose"}
    assert {play.transcript.records[k].sender for k in play.marks} == {"users"}


def test_an_unmarked_diagram_is_as_it_was():
    svg = played("two queries under one mask", servers=2).lab.transcript.diagram().svg
    assert "halo" not in svg
    assert "pen" not in svg.split("<style>")[1].split("</style>")[0].replace("pending", "")


@pytest.mark.parametrize("name", [n for n, a in ATTACKS.items() if a.without])
def test_with_and_without_its_defence(name):
    frame = with_and_without(name, servers=max(3, attack(name).least))
    assert frame["verdict"].tolist() == ["holds", "BROKEN"], name
    assert frame.index[1] == f"without {table().loc[name, 'without']}"


def test_any_attack_without_any_defence_ends_in_an_outcome():
    for name, without in (
        ("key from a failed check", "MAC check"),
        ("error with a guessed MAC share", "check after the last opening"),
        ("lie in the last round of an upload", "masks serve once"),
    ):
        assert played(name, servers=3, without=without).outcome.result


def test_in_a_small_field_a_cheat_gets_by_now_and_then():
    plays = [
        played("error on an opening", step="select/b - d", modulus=101, seed=seed)
        for seed in range(40)
    ]
    assert {p.modulus for p in plays} == {101}
    broken = [p for p in plays if p.outcome.broken]
    assert 0 < len(broken) < 10
    assert "by luck" in broken[0].sentence()
    assert "In F<sub>101</sub>" in page(broken[0])
    assert played("seed chosen after the others", modulus=101).modulus == 1021  # its own


def test_the_same_seed_plays_the_same():
    one, other = (played("error on an opening", servers=3, seed=5) for _ in range(2))
    assert one.diagram.still == other.diagram.still
    assert one.glimpses == other.glimpses
    assert played("error on an opening", servers=3, seed=6).glimpses != one.glimpses


def test_the_view_is_that_of_the_corrupt_parties_alone():
    play = played("error on an opening", servers=5, corrupt=(4, 2), clients=("requester",))
    assert play.corrupt == ("server 4", "server 2", "requester")
    assert set(play.view()["party"]) == set(play.corrupt)
    assert {name for name, _ in play.held()} == set(play.corrupt)
    for glimpse in play.glimpses:
        assert not {name for name, _ in glimpse.received} & set(play.corrupt)
    assert "requester" in play.conclusion() or play.outcome.result == "abort before output"


def test_what_is_opened_is_what_all_shares_make():
    play = played("error on an opening", servers=3, modulus=101, step="select/b - d")
    (coalition,) = play.lab.coalitions
    (value,) = coalition.opened("select/b - d", play.session)
    (glimpse,) = [g for g in play.glimpses if g.step == "select/b - d"]
    assert glimpse.together.startswith(", ".join(str(v) for v in np.asarray(value)[:3]))


def test_an_attack_of_ones_own():
    def double(message):
        share = message.elements()
        return message.with_part(0, message.coalition.field.add(share, share))

    mine = Attack("mine", "Doubles.", "MAC check", "3.2", online("aggregate/y - r"),
                  lambda world: strike(world, double))  # fmt: skip
    assert played(mine, 2).outcome.verdict == "holds"
    assert with_and_without(mine, "MAC check", 2)["verdict"].tolist() == ["holds", "BROKEN"]


def test_clients_that_an_attack_takes():
    noise = attack("client's noise")
    steps = {s for s in places() if noise.strikes(s)}
    assert {needed_clients(noise, s) for s in steps} == {("users",), ("requester",)}
    for step in steps:
        assert played(noise, 2, step=step).outcome.verdict == "holds"


def test_places_are_all_steps_and_all_homes():
    found = set(places())
    assert {a.home for a in ATTACKS.values()} <= found
    assert all(any(a.strikes(s) for a in ATTACKS.values()) for s in found)


def test_where_there_is_nothing_to_strike():
    one = played("errors that cancel", servers=2, step="prepare/h")
    assert one.outcome.result == NO_STEP
    assert "finds nothing to strike" in one.sentence()
    assert page(one)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"attack": "nothing"}, "no attack"),
        ({"attack": "noise", "without": "nothing"}, "no defence"),
        ({"attack": "noise", "step": "nothing"}, "no step"),
        ({"attack": "altered z of a result", "step": "select/b - d"}, "does not strike"),
        ({"attack": "two seeds for two servers", "servers": 2}, "at least 3 servers"),
        ({"attack": "noise", "corrupt": 0}, "takes 1 corrupt server, and there are 0"),
        ({"attack": "noise", "corrupt": 3}, "0 to 2 may be corrupt"),
        ({"attack": "noise", "clients": ["bob"]}, "no client"),
    ],
)
def test_errors_are_sentences(arguments, told):
    with pytest.raises(InputError, match=told):
        played(**arguments)


def test_a_defence_must_be_named():
    with pytest.raises(InputError, match="names no single defence"):
        with_and_without("noise")


def test_the_style_sheet_has_both_themes():
    sheet = css()
    assert sheet.count("--mpclab-paper:#FFFFFF") == 2
    assert sheet.count("--mpclab-paper:#15181E") == 2
