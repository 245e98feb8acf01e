"""What a dummy user can do, with and without proofs, and what proofs cost."""

import pytest

from mpclab import validation
from mpclab.errors import InputError


@pytest.mark.parametrize("servers", [2, 3])
def test_one_user_outweighs_all_unless_it_must_prove_its_row(servers):
    frame = validation.outweighing(users=60, items=28, servers=servers, seed=3)
    honest, free, proved = (frame.loc[k] for k in frame.index)
    assert list(frame.index) == ["honest", "dummy, no proof", "dummy, proof"]
    assert (honest.taken, free.taken, proved.taken) == (60, 61, 60)
    assert (honest.refused, free.refused, proved.refused) == (0, 0, 1)
    assert free.place == 1 < honest.place
    assert free.stars == honest.stars + 40 * 60 + 40
    assert proved[["stars", "place"]].tolist() == honest[["stars", "place"]].tolist()


def test_predicted_costs_are_those_measured():
    frame = validation.costs(users=30, items=61, servers=3, seed=1)
    for quantity in ("rounds", "elements between servers"):
        assert frame.loc[quantity, "proof"] == frame.loc[quantity, "predicted"]
    for quantity in ("bytes a user sends to a server", "bytes a user gets from a server"):
        measured, predicted = frame.loc[quantity, ["proof", "predicted"]]
        assert predicted < measured < predicted + 120  # a share of the messages' heads
    assert (frame["proof"] > frame["no proof"]).drop("a server computes, ms").all()


def test_errors_are_sentences():
    with pytest.raises(InputError, match="users is 1: it takes at least 2 beside the dummy"):
        validation.outweighing(users=1)
    with pytest.raises(InputError, match=r"1e.06 stars do not fit into an element beside"):
        validation.outweighing(users=60, items=28, stars=1e6)


@pytest.mark.parametrize(("words", "sentence"), [
    ({"users": 4, "items": 30, "seed": 1}, "has rated enough"),
    ({"stars": float("nan")}, "stars is nan"), ({"stars": -5}, "stars is -5"),
])
def test_nonsense_has_a_sentence(words, sentence):
    with pytest.raises(InputError, match=sentence):
        validation.outweighing(**{"users": 40, "items": 30, **words})
