"""A server that alters its share in flight is caught before anything leaves."""

import numpy as np
import pytest

from mpclab import wire
from mpclab.adversary import alter
from mpclab.errors import Abort, InputError, Rejected
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.endpoint import Envelope
from mpclab.network.simulated import Flight
from mpclab.recommender import Parameters, Recommender

FIELD = Field()
RATINGS = np.random.default_rng(5).integers(1, 11, (20, 10)).astype(np.uint8)


def recommender(adversary, corrupt=("server 1",), servers=3):
    lab = Lab(servers=servers, seed=1, adversary=adversary, corrupt=corrupt)
    made = Recommender(lab, Parameters(users=20, items=10, dense=5))
    made.preprocess(rows=20)
    made.preprocess(queries=1)
    made.upload(RATINGS)
    return made


@pytest.mark.parametrize(
    "step",
    ["compare/x + r", "compare/D + 2^m t + r2", "compare", "select/b - d", "aggregate/y - r",
     "check/s - u"],
)  # fmt: skip
def test_an_altered_share_aborts_before_the_result(step):
    cheat = alter(step, phase="online")
    made = recommender(cheat)
    with pytest.raises(Abort, match="MAC check failed"):
        made.recommend(RATINGS[0], threshold=0.3, user=0)
    assert cheat.altered
    assert not [
        r
        for r in made.lab.transcript.select(phase="online")
        if r.receiver == "requester" and r.kind == "output"
    ]


@pytest.mark.parametrize("by", [1, -1, 2**60])
def test_an_altered_result_is_rejected_by_the_client(by):
    made = recommender(alter("result", by))
    with pytest.raises(Rejected):
        made.recommend(RATINGS[0], threshold=0.3, user=0)


def test_a_step_that_does_not_occur_changes_nothing():
    cheat = alter("nowhere")
    made, honest = recommender(cheat), recommender(None, ())
    results = [m.recommend(RATINGS[0], threshold=0.3, user=0) for m in (made, honest)]
    assert np.array_equal(results[0].sums, results[1].sums)
    assert cheat.altered == []
    assert repr(cheat) == "Alter(step 'nowhere' by 1, 0 times so far)"


def test_a_phase_keeps_the_others_honest():
    cheat = alter("h", phase="prepare")
    made = recommender(cheat)  # "h" occurs in the upload, too
    assert cheat.altered == []
    with pytest.raises((Abort, Rejected)):
        made.recommend(RATINGS[0], threshold=0.3, user=0)
    assert [(step, who) for _, step, who in cheat.altered] == [("h", "server 1")]


def test_all_but_one_corrupt_still_shift_by_exactly_that_much():
    flight = Flight((), tuple(message(s, to) for s in (1, 2) for to in range(3)))
    sent = alter("a/x", by=5)(flight)
    values = {(e.sender, e.receiver): first(e) for e in sent}
    assert {values["server 1", f"server {k}"] for k in range(3)} == {15}
    assert {values["server 2", f"server {k}"] for k in range(3)} == {10}


def message(sender, receiver, label="a/x", part=None):
    part = np.array([10, 20], np.uint64) if part is None else part
    sections = [
        wire.Section("a/hash", "hash", (b"123",)),
        wire.Section(label, "open", (b"456", part)),
    ]
    return Envelope(
        session="s", phase="online", label=f"a/hash + {label}", kind="hash + open", round=1,
        sender=f"server {sender}", receiver=f"server {receiver}",
        data=wire.encode(FIELD, wire.Header(bytes(16), 1, bytes(32)), sections),
    )  # fmt: skip


def first(envelope):
    _, sections = wire.decode(FIELD, envelope.data)
    assert sections[0].parts == (b"123",)
    assert sections[1].parts[0] == b"456"
    assert int(sections[1].parts[1][1]) == 20
    return int(sections[1].parts[1][0])


def test_it_alters_one_element_and_nothing_else():
    before = message(1, 0)
    (after,) = alter("a/x", by=-11)(Flight((), (before,)))
    assert first(after) == FIELD.modulus - 1
    assert len(after.data) == len(before.data)
    assert (after.label, after.kind, after.round) == (before.label, before.kind, before.round)


@pytest.mark.parametrize("label", ["b/x", "a/xy", "a/x/deeper"])
def test_only_the_step_that_was_named(label):
    before = message(1, 0, label)
    (after,) = alter("a/x")(Flight((), (before,)))
    assert (after != before) == (label == "a/x/deeper")


def test_what_holds_no_field_element_is_left_alone():
    before = message(1, 0, part=np.array([3], np.int64))
    assert alter("a/x")(Flight((), (before,))) == [before]


def test_another_field():
    cheat = alter("reveal/reveal", by=3, modulus=65537)
    lab = Lab(servers=2, modulus=65537, seed=3, adversary=cheat, corrupt=["server 0"])
    with pytest.raises(Abort):
        lab.secret([4]).reveal()


def test_errors_are_sentences():
    with pytest.raises(InputError, match="by is 101, which is 0 in"):
        alter("select", by=101, modulus=101)
    with pytest.raises(InputError, match="the step is empty"):
        alter("")
    with pytest.raises(InputError):
        alter("select", modulus=100)
