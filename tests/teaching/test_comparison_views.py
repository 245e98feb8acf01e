"""The views of chapter 06: costs as they are measured, look-ups as they were run."""

import itertools
import re

import numpy as np
import pytest

from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.protocols.comparison import comparison_material, fss, is_negative
from mpclab.teaching import lookup
from mpclab.teaching.comparison import COUNTS, LONGEST, SHORTEST, WAYS, compare_ways, way_cost
from mpclab.teaching.lookup import BITS, Node, look_up, reach
from mpclab.widgets.comparison import comparison_explorer, look_up_by_hand

# -- what a comparison costs -----------------------------------------------------------------------


def measured(way, bits, servers, count, network="lan"):
    lab = Lab(servers, seed=1, network=network)
    spec = comparison_material(lab.field, count, bits, way, servers)
    lab.preprocess([spec])
    held = sum(
        sum(a.size for a in (e.value, e.mac)) * 8 if hasattr(e, "mac") else
        sum(len(part) if isinstance(part, bytes) else part.nbytes for part in e)
        for name, e in lab.servers[0].pool.take(spec)[1].items()
    )  # fmt: skip
    lab = Lab(servers, seed=1, network=network)
    lab.preprocess([spec])
    lab.each(lambda party, x: is_negative(party, x, spec), lab.god.share([0] * count))
    t = lab.transcript
    return (
        t.rounds(phase="online"), t.elements_sent("server 0", phase="online") // (servers - 1),
        t.bytes_sent("server 0", phase="online"), held, t.seconds(phase="online"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("way", "bits", "servers", "count"),
    [
        ("bits", 8, 2, 1), ("bits", 9, 3, 7), ("bits", 60, 2, 3), ("bits", 33, 4, 2),
        ("tables", 8, 3, 1), ("tables", 19, 2, 11), ("tables", 60, 2, 2),
        ("fss", 8, 2, 1), ("fss", 19, 2, 9), ("fss", 60, 2, 4),
    ],
)  # fmt: skip
def test_predicted_is_measured(way, bits, servers, count):
    cost = way_cost(way, bits, servers, count, "wan")
    rounds, elements, sent, held, seconds = measured(way, bits, servers, count, "wan")
    assert (cost.rounds, cost.elements, cost.sent) == (rounds, elements, sent)
    assert cost.held == held
    assert 0 < cost.seconds <= seconds  # the clock charges computing besides
    assert cost.seconds == pytest.approx(rounds * 0.02 + 8 * sent / 1e8)


def test_the_numbers_in_the_docstrings_of_the_protocols():
    assert way_cost("bits", 19, count=1).held == 66 * 16
    assert way_cost("fss", 19, count=1).held == 645
    assert way_cost("fss", 19, count=8).held == 8 * 644.5
    assert (way_cost("bits", 19).rounds, way_cost("bits", 19, count=1).elements) == (5, 24)


def test_every_length_and_every_count_has_a_cost():
    for count, way in itertools.product(COUNTS, WAYS):
        every = [way_cost(way, k, 2, count) for k in range(SHORTEST, LONGEST + 1)]
        assert all(a.held <= b.held for a, b in itertools.pairwise(every))
        assert all(a.rounds <= b.rounds for a, b in itertools.pairwise(every))
    assert way_cost("tables", 19, 2, 1_000_000).elements == 2_000_000


def test_servers_multiply_bytes_and_not_rounds():
    two, ten = (compare_ways(40, n).costs for n in (2, 10))
    for way in ("bits", "tables"):
        assert ten[way].rounds == two[way].rounds
        assert ten[way].held == two[way].held
        assert ten[way].sent == 9 * two[way].sent
    assert "fss" in two
    assert "fss" not in ten
    assert "exactly 2 servers" in compare_ways(40, 10).sentence()
    assert "only between 2 servers, and here are 10" in compare_ways(40, 10).picture.svg


def test_the_picture_stays_on_its_paper():
    sizes = itertools.product((8, 19, 60), (2, 3, 10), (1, 1_000_000), ("lan", "wan"))
    for bits, servers, count, network in sizes:
        view = compare_ways(bits, servers, count, network)
        assert_on_paper(view.picture.svg)
        assert view.sentence() in re.sub("&#x27;", "'", view.html())


def assert_on_paper(svg):
    width, height = (float(v) for v in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    assert "nan" not in svg
    for x, y in re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)"', svg):
        assert 0 < float(x) < width
        assert 0 < float(y) < height
    for x, y, w, h in re.findall(
        r'<rect[^>]* x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"', svg
    ):
        assert float(x) >= 0
        assert float(x) + float(w) <= width
        assert float(y) + float(h) <= height
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bits": 7}, "bits is 7: it must be a whole number from 8 to 60"),
        ({"bits": 61}, "8 to 60"),
        ({"bits": [8]}, r"bits is \[8\]"),
        ({"network": ["lan"]}, r"no network \['lan'\]"),
        ({"bits": 8.5}, "bits is 8.5"),
        ({"bits": True}, "bits is True"),
        ({"servers": 1}, "servers is 1: it must be a whole number from 2 to 10"),
        ({"count": 0}, "1 to 1,000,000"),
        ({"count": "many"}, "count is 'many'"),
        ({"network": "moon"}, "no network 'moon'"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        compare_ways(**wrong)


def test_ways_that_are_not_there():
    with pytest.raises(InputError, match="no way 'guess'"):
        way_cost("guess")
    with pytest.raises(InputError, match=r"no way \['tables'\]"):
        way_cost(["tables"])
    with pytest.raises(InputError, match=r"servers is \[2\]"):
        way_cost("tables", servers=[2])
    with pytest.raises(InputError, match="exactly 2 servers, and these are 3"):
        way_cost("fss", servers=3)


# -- by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", lookup.WAYS)
def test_the_sign_is_that_of_x(way):
    low, high = reach(way)
    for x in {low + 2, -3, -1, 0, 1, 5, high - 2}:
        looked = look_up(x, way)
        assert looked.right
        assert looked.bit == int(x < 0)
        assert (looked.e - looked.r - x) % looked.modulus == 0
        assert_on_paper(looked.picture.svg)
        assert f"shares of {looked.bit}" in looked.sentence()
    assert "wrong" not in look_up(-3, way).sentence()


def test_tables_by_hand_are_the_run():
    for x, seed in ((-3, 1), (40, 2), (-60, 3), (0, 4)):
        looked = look_up(x, "tables", seed)
        m, r2 = looked.spec.digits, looked.run.material["r2"]
        low_e, low_r = (v % 2 ** (BITS - 1) for v in (looked.e, looked.r))
        assert np.sign(looked.D) == np.sign(low_e - low_r)
        assert abs(looked.D) < 2**m
        (e2,) = looked.run.opened[1]
        assert e2 == (looked.D + 2**m * looked.t + r2) % looked.modulus
        place, upper = e2 % 2**m, (e2 >> m) & 1
        entry = int(looked.tables["half"][place])
        assert (1 - entry if upper else entry) == looked.bit
        assert looked.run.material["top"] == (looked.r >> (BITS - 1)) & 1


def test_one_table_by_hand_is_the_run():
    looked = look_up(-3, "one table")
    table = looked.tables["table"].tolist()
    assert table == [int((e - looked.r) % 101 > 50) for e in range(101)]
    assert table[looked.e] == looked.bit == 1


def test_the_tree_of_borrows_is_subtraction():
    for x in range(-64, 64, 7):
        looked = look_up(x, "bits", seed=5)
        assert [len(level) for level in looked.levels] == [4, 2, 1]
        assert looked.levels[-1][0] == Node(looked.bit, 0)
        borrow = 0
        for j, node in enumerate(looked.positions[:-1]):  # on paper
            difference = ((looked.e >> j) & 1) - ((looked.r >> j) & 1) - borrow
            borrow = node.u + node.v * borrow
            assert borrow == int(difference < 0)
    # what was opened at each level masks what the tree says
    assert [len(numbers) for numbers in look_up(9, "bits").run.opened] == [1, 5, 2]


def test_the_nodes_are_those_that_the_servers_opened():
    looked = look_up(-3, "bits")
    lab = Lab(2, modulus=looked.modulus, seed=1)
    lab.preprocess([looked.spec])
    F = lab.field

    async def held(party, x):
        await is_negative(party, x, looked.spec)
        return party.in_use[-1]

    both = lab.each(held, lab.god.share([-3]))
    a, b = (F.add(*(h[name].value[:, 0] for h in both)) for name in "ab")
    node = product = 0
    for level, opened in zip(looked.levels[:-1], looked.run.opened[1:], strict=True):
        nodes = len(level) // 2
        upper, lower = level[1 : 2 * nodes : 2], level[0 : 2 * nodes : 2]
        v = [(d + int(a[node + i])) % looked.modulus for i, d in enumerate(opened[:nodes])]
        assert [F.signed(np.uint64(value)) for value in v] == [n.v for n in upper]
        u = [(f + int(b[product + i])) % looked.modulus
             for i, f in enumerate(opened[nodes : 2 * nodes])]  # fmt: skip
        assert u == [n.u for n in lower]
        node, product = node + nodes, product + 2 * nodes - 1


def test_the_walk_is_what_the_servers_evaluate():
    F = Field(8191)
    for x in (-64, -30, -3, 0, 17, 62):
        looked = look_up(x, "fss", seed=2)
        z, s = looked.e % 64, looked.r % 64
        for visit in looked.walk:
            shift = 6 - visit.depth
            assert visit.on_path == (z >> shift == s >> shift)
            assert visit.on_path == (visit.controls[0] != visit.controls[1])
            assert visit.on_path == (visit.seeds[0] != visit.seeds[1])
        parts = [
            fss.evaluate(F, i, key, F.array([z]))[0, 0] for i, key in enumerate(looked.run.keys)
        ]
        t_r = (looked.r >> 6) & 1
        total = (1 - 2 * t_r) * int(z < s)
        assert int(F.signed(F.add(*parts))) == total
        if not looked.walk[-1].on_path:
            assert looked.walk[-1].together == total


def test_another_seed_is_another_mask():
    assert len({look_up(5, seed=seed).e for seed in range(1, 9)}) == 8


@pytest.mark.parametrize("way", ["tables", "bits", "fss"])
def test_a_look_up_that_goes_wrong_says_so_in_the_picture_too(way):
    wrong = look_up(-64, way, seed=141)
    assert not wrong.right
    assert "That is wrong" in wrong.sentence()
    assert "not negative, which is wrong<" in wrong.picture.svg
    assert "as only god sees" not in wrong.picture.svg
    assert "which is wrong" not in look_up(-64, way).picture.svg


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seed": [1]}, r"the seed is \[1\]"),
        ({"way": ["tables"]}, "no way"),
        ({"x": 64}, "x is 64: by tables an integer, -64 to 63"),
        ({"x": 51, "way": "one table"}, "-50 to 50"),
        ({"x": 2.5}, "x is 2.5"),
        ({"x": "three"}, "x is 'three'"),
        ({"way": "exact"}, "no way 'exact' to look up"),
    ],
)
def test_what_cannot_be_looked_up_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        look_up(**wrong)


# -- the widgets -----------------------------------------------------------------------------------


def moved(widget, **values):
    before = widget.html
    widget.move(**values)
    assert widget.html != before, values


def test_the_explorer_follows_its_controls():
    explorer = comparison_explorer()
    for values in ({"bits": 60}, {"bits": 8}, {"servers": 10}, {"count": 6}, {"network": "wan"}):
        moved(explorer, **values)
    assert "exactly 2 servers" in explorer.html
    moved(explorer, servers=2)
    assert "exactly 2 servers" not in explorer.html
    explorer.move(count=7)
    assert "the place on the slider is 7: it must be a whole number from 0 to 6" in explorer.html
    explorer.move(count=-1)
    assert "the slider begins at 0" in explorer.html
    explorer.move(network="moon")
    assert explorer.html.startswith('<p role="alert">Network has no &#x27;moon')
    with pytest.raises(InputError, match="the slider has 1, 10, 100"):
        comparison_explorer(count=7)


def test_by_hand_follows_its_controls():
    by_hand = look_up_by_hand()
    assert by_hand.shown.e == look_up(-3).e
    moved(by_hand, x=63)
    assert "not negative" in by_hand.html
    for way in ("bits", "fss", "one table"):
        moved(by_hand, way=way)
    assert by_hand.shown.x == 50  # F_101 ends there
    moved(by_hand, x=-50)
    moved(by_hand, draw=1)
    assert by_hand.shown.seed == 2
    moved(by_hand, way="fss")
    with pytest.raises(InputError, match="no way"):
        look_up_by_hand(way="exact")


@pytest.mark.parametrize("make", [comparison_explorer, look_up_by_hand])
def test_without_a_kernel_the_page_stands_there(make):
    widget = make()
    data, _ = widget._repr_mimebundle_()
    assert "mpclab-still" in data["text/html"]
    assert "0x" not in repr(widget)
    assert all(c["name"] for c in widget.controls)
