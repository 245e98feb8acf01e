"""Chapter 07: what a private query held inside, its view, and its widget, against the plaintext."""

import math
import re

import numpy as np
import pytest

from mpclab import cost
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.recommender import Noise, Parameters, Recommender
from mpclab.teaching import recommendations
from mpclab.teaching.inside import inside
from mpclab.teaching.recommendations import (
    STEPS,
    USERS,
    held_out,
    quality_by_threshold,
    recommendation_view,
)
from mpclab.teaching.tradeoffs import threshold_effect, travelling
from mpclab.widgets.recommendations import recommendation_explorer

# -- inside ----------------------------------------------------------------------------------------

RATINGS = np.array(
    [[9, 2, 8, 0, 7], [10, 1, 8, 9, 0], [1, 9, 3, 0, 2], [8, 4, 9, 7, 0], [0, 0, 2, 4, 5]], np.uint8
)


def asked(servers=3, threshold=0.8, comparison="tables", **more):
    lab = Lab(servers, comparison=comparison, seed=8)
    p = Parameters(6, 5, dense=3, min_dense=3, scale=100, validated=False, **more)
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=5, queries=2)
    recommender.upload(RATINGS)
    prepared = recommender.prepare(user=0)
    return prepared, recommender.query(prepared, RATINGS[0], threshold)


# by hand: (2.5, -4.5, 1.5) has length sqrt(28.75), (3.5, -5.5, 1.5) sqrt(44.75), and so on
SIMILARITIES = [47**2 + 84**2 + 28**2, 47 * 52 + 84 * 82 + 28 * 22, -47 * 79 - 84 * 36 - 28 * 50]


@pytest.mark.parametrize(
    ("servers", "comparison"), [(2, "tables"), (4, "tables"), (2, "fss"), (3, "bits"), (2, "exact")]
)
def test_inside_is_what_the_plaintext_has(servers, comparison):
    prepared, result = asked(servers, comparison=comparison)
    seen = inside(prepared)
    assert seen.similarities[:3].tolist() == SIMILARITIES
    assert seen.bits.tolist() == [0, 1, 0, 1, 0]
    assert seen.sums.tolist() == result.sums.tolist() == [16, 0]
    assert seen.counts.tolist() == [2, 0]
    assert seen.neighbours == 2
    assert seen.shares.shape == (servers, 5)
    p = 2**61 - 1
    total = seen.shares.astype(object).sum(axis=0) % p
    assert total.tolist() == [int(s) % p for s in seen.similarities]
    assert seen.compared.shape == seen.selected.shape == (5,)
    for opened in (seen.compared, seen.selected, seen.masked):
        assert (opened > 2**40).all()  # masked: small ones are as rare as can be
    table = seen.table(server=1)
    assert table["share of s at 1"].tolist() == seen.shares[1].tolist()
    assert "10049" not in repr(seen)  # no secret in a repr


def test_inside_with_a_minimum_and_with_noise():
    withheld, result = asked(min_neighbours=3)
    assert result.withheld
    assert inside(withheld).bits.sum() == 2  # god sees them; what left is zeros
    assert inside(withheld).sums.tolist() == [0, 0]
    noisy, result = asked(noise=Noise(50.0, contribution=2))
    assert inside(noisy).neighbours == result.neighbours
    assert inside(noisy).sums.tolist() == result.sums.tolist()


def test_inside_of_rows_in_several_blocks():
    lab = Lab(2, seed=1)
    recommender = Recommender(lab, Parameters(9, 5, 3, scale=100, min_dense=3, validated=False))
    recommender.preprocess(rows=3)
    recommender.preprocess(rows=2, queries=1)
    recommender.upload(RATINGS)
    prepared = recommender.prepare(user=0)
    recommender.query(prepared, RATINGS[0], 0.8)
    assert inside(prepared).similarities[:3].tolist() == SIMILARITIES
    assert inside(prepared).bits.tolist() == [0, 1, 0, 1, 0]


def test_inside_says_what_it_cannot_see():
    prepared, _ = asked()
    recommender = prepared.recommender
    two = [recommender.prepare(1)]
    with pytest.raises(InputError, match="was not asked yet"):
        inside(two[0])
    with pytest.raises(InputError, match="1 is no prepared query"):
        inside(1)
    for server in ("0", 0.0, True):
        with pytest.raises(InputError, match="there is no server"):
            inside(prepared).table(server)
    recommender.preprocess(queries=1)
    two.append(recommender.prepare(3, "another"))
    recommender.query_many(two, RATINGS[[1, 3]], 0.8)
    for query in two:
        with pytest.raises(InputError, match="asked together with others"):
            inside(query)
    with pytest.raises(InputError, match="no server 3: they are 0 to 2"):
        inside(prepared).table(server=3)
    lab = Lab(2, seed=1, contents=False)
    blind = Recommender(lab, Parameters(5, 5, 3, min_dense=3, validated=False))
    blind.preprocess(rows=5, queries=1)
    blind.upload(RATINGS)
    query = blind.prepare()
    blind.query(query, RATINGS[0], 0.8)
    with pytest.raises(InputError, match="keeps no contents"):
        inside(query)


# -- the view --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("servers", "threshold"), [(2, -1.0), (3, 0.3), (5, 0.5), (2, 1.0)])
def test_the_view_shows_the_private_result(servers, threshold):
    view = recommendation_view(15, threshold, servers)
    _, known, hidden = held_out()
    liked = np.where(known[:, :20] > 0, known[:, :20] - 6.5, 0.0)  # real numbers, no rounding
    length = np.linalg.norm(liked, axis=1)
    cosine = liked @ liked[14] / np.where(length * length[14] == 0, 1, length * length[14])
    assert np.allclose(view.inside.similarities / 255**2, cosine, atol=0.03)
    near = np.delete(cosine >= threshold, 14)
    assert abs(view.neighbours - near.sum()) <= 4  # rounding decides about ties
    assert view.as_in_the_clear
    assert view.looks_uniform
    assert view.rounds == 8
    assert len(view.seen) == servers + 2
    assert all(counts.sum() == 671 for _, counts in view.seen)
    assert view.hidden == (hidden[14, 20:] > 0).sum()


def test_titles_and_their_quality():
    view = recommendation_view(15, 0.3)
    data, known, hidden = held_out()
    assert len(view.titles) == 10
    for each in view.titles:
        column = data.titles.tolist().index(each.title)
        assert not known[14, column]  # never what the user has rated itself
        assert each.given == (hidden[14, column] / 2 or None)
        near = view.inside.bits == 1
        assert each.neighbours == (known[near, column] > 0).sum()
    assert view.hits == sum(t.given is not None and t.given >= 4 for t in view.titles) == 8
    none = recommendation_view(15, 1.0)
    assert none.titles == ()
    assert math.isnan(none.error)


@pytest.mark.parametrize("user", USERS)
def test_the_curves_are_those_of_the_view(user):
    for threshold in (-1.0, 0.4):
        error, hits = quality_by_threshold(user)[STEPS.index(threshold)]
        view = recommendation_view(user, threshold, 2)
        assert (error, hits) == (view.error, view.hits)


def test_other_seeds_give_other_masks_and_the_same_result():
    first, other = recommendation_view(15, 0.5, 2), recommendation_view(15, 0.5, 2, seed=2)
    assert first.titles == other.titles
    assert not np.array_equal(first.inside.shares, other.inside.shares)
    recommendations._view.cache_clear()
    assert recommendation_view(15, 0.5, 2).html() == first.html()  # whatever was asked before


def test_a_minimum_withholds():
    view = recommendation_view(468, 0.55, 2, minimum=10)
    assert view.withheld
    assert view.neighbours == 1
    assert view.rounds == 10
    assert view.titles == ()
    assert "Fewer than 10 of 670 others" in view.sentence()
    assert "Fewer than 10 neighbours" in view.picture.svg
    assert "1 of 670 others is a neighbour" in recommendation_view(468, 0.55, 2).sentence()


@pytest.mark.filterwarnings("error")
def test_a_user_of_whose_ratings_none_was_put_aside():
    view = recommendation_view(663, 0.3, 2)
    assert view.hidden == 0
    assert math.isnan(view.error)
    assert "None of the ratings of user 663 for other films was put aside" in view.sentence()
    assert "nothing to compare predictions with" in view.picture.svg
    assert "nan" not in view.html()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("user", "threshold"), [(132, 0.85), (608, 0.85), (666, 0.75)])
def test_a_neighbour_who_has_rated_nothing_else(user, threshold):
    view = recommendation_view(user, threshold, 2)
    assert (view.neighbours, view.titles, view.withheld) == (1, (), False)
    assert "It has rated none of the other films: no title comes out." in view.sentence()
    assert "1 neighbour, but without a rating here" in view.picture.svg
    assert "nan" not in view.html()


@pytest.mark.filterwarnings("error")
def test_quality_is_for_users_that_there_are():
    assert len(quality_by_threshold(1)) == len(STEPS)  # who has rated nothing dense
    for user in (100_000, [15], "15"):
        with pytest.raises(InputError, match="there is no user"):
            quality_by_threshold(user)
    assert "On 1 rating put aside" in recommendation_view(443, 0.3, 2).sentence()


def test_what_is_drawn_stays_on_the_paper():
    views = [recommendation_view(u, t, n) for u, t, n in ((23, -1.0, 5), (468, 0.5, 2))]
    for page in (*views, threshold_effect(), travelling()):
        text = page._repr_html_()
        assert "mpclab-still" in text
        assert "nan" not in page.picture.svg
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "0x" not in repr(page)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"user": 100_000}, "no user 100000"),
        ({"user": 1}, "has rated 0 of the 20 dense items"),
        ({"threshold": 1.5}, "the threshold is 1.5"),
        ({"servers": 6}, "2 to 5 are shown"),
        ({"servers": 1}, "at least 2"),
        ({"minimum": -1}, "minimum is -1: it must be a whole number from 0 to 671"),
        ({"minimum": "no"}, "minimum is 'no'"),
        ({"threshold": True}, "the threshold is True"),
        ({"seed": True}, "the seed is True"),
        ({"minimum": 1.5}, r"minimum is 1\.5"),
        ({"threshold": [0.3]}, r"the threshold is \[0.3\]"),
        ({"user": "fifteen"}, "no user 'fifteen'"),
        ({"servers": "2"}, "servers is"),
        ({"seed": "a"}, "the seed is 'a'"),
    ],
)
def test_a_wrong_view_is_a_sentence(wrong, told):
    with pytest.raises(InputError, match=told):
        recommendation_view(**wrong)


# -- threshold and sizes ---------------------------------------------------------------------------


def test_the_effect_of_the_threshold_is_that_of_single_queries():
    effect = threshold_effect()
    _, known, hidden = held_out()
    able = ((known[:, :20] > 0).sum(axis=1) >= 5) & (hidden[:, 20:] >= 8).any(axis=1)
    assert effect.users == able.sum()
    assert effect.at(-1)["neighbours"] == 670
    assert (np.diff(effect.neighbours) <= 0).all()
    assert (effect.without[:2] == 0).all()
    with pytest.raises(InputError, match=r"no threshold 0\.31"):
        effect.at(0.31)


def test_what_travels_is_what_the_transcript_counts():
    p = Parameters(100, 1000)
    for servers, sent in zip((2, 10), travelling().sent[:, 0], strict=True):
        assert sent == cost.recommendation(servers, p, 100).elements
        assert sent == (3 * 100 + p.outputs + 1) * (servers - 1)
    for wrong in ((1,), (2, 2.5), (10**6,), (), 2, "23", [[2]]):
        with pytest.raises(InputError, match="servers is"):
            travelling(servers=wrong)
    for items in (20, 10**7, "21", [21]):
        with pytest.raises(InputError, match="items is"):
            travelling(items)
    assert travelling(1000, [2, 10]) is travelling()
    assert "each of 2 servers sends" in travelling(1000, [2]).sentence()
    assert travelling().stored[0] == 100 * (20 + 980 // 3 + 1)  # three slots: (1001 * 101)^3 < p


@pytest.mark.parametrize(
    ("items", "servers"),
    [(1000, (2, 3, 4, 5, 10)), (21, (2, 10)), (10**6, (2, 10)), (10**6, range(2, 11)), (21, (2,))],
)
def test_names_and_curves_have_room(items, servers):
    svg = travelling(items, servers).picture.svg
    texts = re.findall(r'<text x="[-\d.]+" y="([-\d.]+)"[^>]*>([^<]*)', svg)
    names = [float(y) for y, text in texts
             if text.startswith(("sent by each", "the rows"))]  # fmt: skip
    assert len(names) == len(servers) + 1
    assert min(abs(a - b) for k, a in enumerate(names) for b in names[:k]) > 14
    heights = [float(y) for y in re.findall(r'<circle class="dot" cx="[\d.]+" cy="([-\d.]+)"', svg)]
    assert 40 <= min(heights) <= max(heights) <= 244
    assert 40 <= min(names) <= max(names) <= 252


# -- the widget ------------------------------------------------------------------------------------


def test_the_explorer_follows_its_controls():
    explorer = recommendation_explorer(15, 0.3, servers=2)
    for moved, seen in (
        ({"threshold": STEPS.index(0.5)}, "23 of 670 others"),
        ({"user": "23"}, "neighbours of user 23"),
        ({"servers": 4}, "the 4 servers saw noise"),
        ({"threshold": 40}, "None of 670 others"),
        ({"minimum": True}, "Fewer than 10 of 670 others"),
        ({"threshold": 0}, "670 of 670 others"),
    ):
        explorer.move(**moved)
        assert seen in explorer.html, moved
    explorer.move(threshold=len(STEPS))
    assert "the place on the slider is 41: it must be a whole number from 0 to 40" in explorer.html
    explorer.move(threshold=-1)
    assert "the slider begins at 0" in explorer.html
    explorer.move(threshold=0)
    shares = explorer.shown.inside.shares
    explorer.move(draw=1)
    assert not np.array_equal(explorer.shown.inside.shares, shares)
    assert next(c for c in explorer.controls if c["name"] == "draw")["value"] == 1
    data, _ = explorer._repr_mimebundle_()
    assert "mpclab-still" in data["text/html"]
    assert all(c["label"] or c["text"] for c in explorer.controls)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"user": 7}, "the list has 15"), ({"threshold": 0.33}, "in steps of 0.05"),
     ({"servers": 9}, "2 to 5 are shown"), ({"user": "15"}, "the user is '15': the list has"),
     ({"threshold": True}, "the threshold is True"), ({"minimum": "no"}, "minimum is 'no'")],
)  # fmt: skip
def test_where_a_control_cannot_stand(wrong, told):
    with pytest.raises(InputError, match=told):
        recommendation_explorer(**wrong)
