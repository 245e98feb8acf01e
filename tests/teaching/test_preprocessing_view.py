"""What the dealer sends, drawn: numbers against counting by hand, the codec and the transcript."""

import json

import numpy as np
import pytest

from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.randomness import Stream
from mpclab.teaching.preprocessing import COUNTS, MATERIALS, RandomBits, dealing
from mpclab.teaching.shelf import Shelf, shelf
from mpclab.widgets.preprocessing import dealing_explorer

# Numbers that server 0 is sent for a count k, counted by hand: derived values, and MACs.
CORRECTIONS = {
    "triples": lambda k: k + 3 * k,
    "matrix triple": lambda k: 10 * k + (10 * k + 100 + 10 * k),
    "random bits": lambda k: k + 2 * k,
    "input mask": lambda k: 0 + (k + 1),
    "output mask": lambda k: (k + 1) + (k + 1),
    "zero tests": lambda k: k,
    "comparison tables": lambda k: (1 + 80 + 32) * k + (3 + 80 + 32) * k,
}
# Numbers that every server holds of it, MACs included.
HELD = {
    "triples": lambda k: 6 * k,
    "matrix triple": lambda k: 2 * (20 * k + 100),
    "random bits": lambda k: 4 * k,
    "input mask": lambda k: 2 * (k + 1),
    "output mask": lambda k: 2 * (k + 1) + 1 + (k + 1),
    "zero tests": lambda k: 3 * k,
    "comparison tables": lambda k: 2 * (3 + 80 + 32) * k,
}


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("count", COUNTS[:3])
def test_the_numbers_are_those_counted_by_hand(material, count):
    view = dealing(material, count, servers=3)
    assert view.corrections == CORRECTIONS[material](count)
    first, *others = view.received
    assert len(set(others)) == 1
    assert others[0] < 140  # a seed and the framing
    assert 0 <= first - 8 * view.corrections - others[0] < 150  # what frames the corrections
    assert 97 <= view.shares - 8 * HELD[material](count) < 300


@pytest.mark.parametrize("material", MATERIALS)
def test_the_totals_are_those_of_real_dealings(material):
    view = dealing(material, 10, servers=3)
    for servers in range(2, 11):
        other = dealing(material, 10, servers)
        assert view.totals(servers) == (other.total, other.without_seeds)


def test_without_seeds_is_what_a_message_of_shares_weighs():
    """A message is framed alike, whoever sends it: compare with one that a server broadcasts."""

    async def tell(party):
        arrays = [np.zeros(7, np.uint64)] * 6
        await party.broadcast("Triples", "material", np.array(0, np.int64), *arrays)

    lab = Lab(servers=2, seed=1)
    lab.session().run("online", tell)
    (weight,) = {r.bytes for r in lab.transcript.records}
    assert weight == dealing("triples", 7).shares


def test_the_picture_and_its_sentence():
    view = dealing("triples", 1000, servers=10)
    assert "Server 0 receives 32,169 bytes, 32,000 of them corrections" in view.sentence()
    assert "each of the 9 others receives 129" in view.sentence()
    assert "14.4 times as much in all" in view.sentence()
    assert "the other server receives" in dealing("triples", 10, 2).sentence()
    naive = dealing("triples", 1000, servers=10, seeds=False)
    assert naive.sentence().startswith("Without seeds each of 10 servers would receive its shares")
    assert "3. " not in naive.picture.svg
    assert "and with seeds it is 278" in dealing("zero tests", 1, 2).sentence()
    for each in (view, naive):
        text = each._repr_html_()
        assert each.picture.svg == each.picture.svg
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "nan" not in each.picture.svg
        assert "0x" not in repr(each)
        assert "mpclab-still" in text


def test_random_bits_are_bits_and_even():
    lab = Lab(servers=2, modulus=101, seed=1)
    spec = RandomBits(2000)
    assert [e.uniform for e in spec.layout()] == [True, False]
    r = lab.field.uniform(Stream(bytes(32)), 2000)
    bits = spec.derive(lab.field, {"r": r}, lab.dealer)["b"]
    assert set(bits.tolist()) == {0, 1}
    assert 900 < bits.sum() < 1100


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"material": "gold"}, "there is no material 'gold' here: take one of 'triples'"),
        ({"material": ["triples"]}, r"there is no material \['triples'\] here"),
        ({"count": 0}, "count is 0: it must be a whole number from 1 to 1,000"),
        ({"count": 1001}, "count is 1001"),
        ({"count": True}, "count is True"),
        ({"count": "many"}, "count is 'many'"),
        ({"servers": 11}, "servers is 11: it must be a whole number from 2 to 10"),
        ({"servers": 1}, "from 2 to 10"),
        ({"servers": "3"}, "servers is '3'"),
        ({"seeds": "no"}, "seeds is 'no': it must be True or False"),
    ],
)
def test_what_cannot_be_dealt_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        dealing(**wrong)


@pytest.mark.parametrize("count", [float("nan"), 0, "8", 1.0, True])
def test_a_wrong_number_of_bits_is_a_sentence(count):
    with pytest.raises(InputError, match=f"count is {count!r}: it must be a whole number"):
        RandomBits(count)


def test_counts_of_numpy_are_counts():
    view = dealing(count=np.int64(3), servers=np.int64(2))
    assert repr(view) == repr(dealing(count=3, servers=2))
    assert RandomBits(np.int64(3)) == RandomBits(3)
    assert repr(RandomBits(np.int64(3))) == "RandomBits(count=3)"


# -- the pool --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bundles", "servers"), [(3, 2), (6, 3), (10, 10)])
def test_every_run_takes_one_bundle_and_an_abort_does_too(bundles, servers):
    view = shelf(bundles, servers)
    assert isinstance(view, Shelf)
    assert view.left == (bundles, bundles - 1, bundles - 2, bundles - 3)
    assert "the MAC check failed" in view.told
    svg = view.picture.svg
    assert svg.count(">used<") == 1 + 1 + 2
    assert svg.count("was burnt") == 2
    assert "0x" not in repr(view)


@pytest.mark.parametrize(
    "wrong",
    [{"bundles": 2}, {"bundles": 11}, {"bundles": "4"}, {"bundles": [4]}, {"servers": 11},
     {"seed": None}],
)  # fmt: skip
def test_a_wrong_shelf_is_a_sentence(wrong):
    with pytest.raises(InputError, match="it must be a whole number"):
        shelf(**wrong)


def test_one_bundle_is_left():
    assert "1 is left." in shelf(4, 2).sentence()
    assert "2 are left." in shelf(5, 2).sentence()


# -- the widget ------------------------------------------------------------------------------------


def control(widget, name):
    return next(c for c in widget.controls if c["name"] == name)


def test_the_explorer_follows_its_controls():
    explorer = dealing_explorer("triples", 100, servers=3)
    assert "Server 0 receives 3,369 bytes" in explorer.html
    explorer.move(servers=10)
    assert len(explorer.shown.received) == 10
    explorer.move(count=3)
    assert explorer.shown.count == 1000
    assert "Server 0 receives 32,169 bytes" in explorer.html
    explorer.move(without=True)
    assert explorer.html.startswith('<p role="status">Without seeds each of 10 servers')
    explorer.move(material="comparison tables")
    assert explorer.shown.shares == 1_840_238
    assert control(explorer, "material")["value"] == "comparison tables"
    explorer.move(without=False, count=0, servers=2)
    assert explorer.shown.corrections == 228
    explorer.move(material="gold")
    assert explorer.html.startswith('<p role="alert">Material has no &#x27;gold')
    with pytest.raises(InputError, match="the slider has 1, 10"):
        dealing_explorer(count=7)
    for wrong in ("gold", ["triples"]):
        with pytest.raises(InputError, match="there is no material"):
            dealing_explorer(wrong)
    with pytest.raises(InputError, match="count is '100': the slider"):
        dealing_explorer(count="100")


def test_the_explorer_stands_without_a_kernel_and_its_controls_have_names():
    explorer = dealing_explorer()
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "mpclab-act" in data["text/html"]
    assert "0x" not in repr(explorer)
    assert all(c["name"] and (c["label"] or c["text"]) for c in explorer.controls)
    assert json.dumps(explorer.controls)
