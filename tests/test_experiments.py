"""Whole runs: what a summary promises, what it costs, and that the results are right."""

import json
import math

import numpy as np
import pytest

from mpclab import InputError
from mpclab.experiments import (
    PUBLISHED_SECONDS,
    Run,
    batches,
    comparisons,
    load,
    quality,
    recommendation,
)
from mpclab.recommender import THRESHOLD, Parameters, plaintext
from tests.cheating import by_hand

INTEGERS = ("servers", "users", "items", "dense", "field_bits", "seed", "rounds", "client_bytes",
            "neighbours")
SECONDS = ("preprocess_seconds", "upload_seconds", "prepare_seconds", "online_seconds",
           "wall_seconds", "published_seconds")
STEPS = ["compare", "select", "aggregate", "check", "result"]


@pytest.fixture(scope="module")
def movies():
    return load("movielens", users=200, items=120)


@pytest.fixture(scope="module")
def run(movies):
    return recommendation(movies, servers=3, seed=1)


def check_summary(s, servers):
    """The keys and types that `mpclab recommend --json` promises."""
    assert all(type(s[name]) is int for name in INTEGERS)
    assert all(type(s[name]) is float for name in SECONDS)
    assert s["matches_plaintext"] is True
    assert s["servers"] == servers
    assert all(s[name] > 0 and math.isfinite(s[name]) for name in SECONDS)
    assert type(s["online_phases"]) is dict
    assert all(type(k) is str and type(v) is float for k, v in s["online_phases"].items())
    assert s["online_seconds"] == pytest.approx(sum(s["online_phases"].values()))
    assert type(s["bytes_sent_per_server"]) is list
    assert len(s["bytes_sent_per_server"]) == servers
    assert all(type(b) is int and b > 0 for b in s["bytes_sent_per_server"])
    assert type(s["recommendations"]) is list
    for r in s["recommendations"]:
        assert set(r) == {"item", "title", "score", "neighbours"}
        assert type(r["item"]) is int
        assert type(r["title"]) is str
        assert type(r["score"]) is float
        assert 0.5 <= r["score"] <= 5
        assert type(r["neighbours"]) is int
        assert r["neighbours"] >= 1
    return True


def test_a_summary_is_plain_and_complete(run, movies):
    s = json.loads(json.dumps(run.summary))
    assert s == run.summary
    assert check_summary(s, 3)
    assert (s["users"], s["items"], s["dense"], s["field_bits"], s["seed"]) == (200, 120, 20, 61, 1)
    assert list(s["online_phases"]) == STEPS
    assert (s["rounds"], s["published_seconds"]) == (8, PUBLISHED_SECONDS)
    assert s["randomness"] == "seeded: for teaching only"
    assert len(s["recommendations"]) == 10
    assert isinstance(run, Run)
    assert "3 servers, 200 users, 120 items" in repr(run)
    assert run.data is movies
    assert run.result.neighbours == s["neighbours"]


def test_without_a_seed_randomness_is_the_systems(movies):
    s = recommendation(movies, top=3).summary
    assert check_summary(s, 2)
    assert (s["seed"], s["randomness"]) == (0, "operating system")
    assert len(s["recommendations"]) == 3


def test_titles_are_the_best_that_the_user_has_not_rated(run, movies):
    row = movies.user_index(run.summary["user"])
    matrix = movies.matrix()
    own = matrix[row, 20:]
    sums = np.where(own > 0, 0, run.result.sums)
    best = np.argsort(-sums, kind="stable")[:10]
    found = [r["item"] for r in run.summary["recommendations"]]
    assert found == [movies.item_ids[20 + i] for i in best]
    assert [r["neighbours"] for r in run.summary["recommendations"]] == [
        run.result.counts[i] for i in best
    ]
    assert [r["title"] for r in run.summary["recommendations"]] == [
        movies.titles[20 + i] for i in best
    ]


@pytest.mark.parametrize("number", range(5))
def test_five_real_users_get_what_plain_python_computes(movies, number):
    matrix = movies.matrix()
    able = np.flatnonzero((matrix[:, :20] > 0).sum(axis=1) >= 5)
    row = int(able[number * len(able) // 5])
    user = movies.user_ids[row].item()
    run = recommendation(movies, user=user, seed=number, servers=2 + number % 2)
    assert run.summary["matches_plaintext"]
    sums, counts, neighbours = by_hand(matrix.tolist(), matrix[row].tolist(), THRESHOLD, own=row,
                                       dense=20)
    assert run.result.sums.tolist() == sums
    assert run.result.counts.tolist() == counts
    assert run.result.neighbours == neighbours


def test_matches_plaintext_says_no_if_it_does_not(movies, monkeypatch):
    def off_by_one(*args, **kwargs):
        sums, counts, neighbours = plaintext(*args, **kwargs)
        return sums + 1, counts, neighbours

    monkeypatch.setattr("mpclab.experiments.plaintext", off_by_one)
    assert recommendation(movies, seed=1).summary["matches_plaintext"] is False


def cost(users, items, servers=2, **options):
    data = load("synthetic", users, items, 3)
    s = recommendation(data, servers=servers, seed=2, **options).summary
    assert s["matches_plaintext"]
    return s["rounds"], s["bytes_sent_per_server"], Parameters(users, items, 20).outputs


@pytest.mark.parametrize("n", [2, 3, 5])
def test_rounds_and_bytes_do_not_grow_with_items(n):
    """Only by the output's own length: 8 bytes per packed element, to each of the others."""
    few, many = cost(150, 40, n), cost(150, 400, n)
    assert few[0] == many[0] == 8
    for a, b in zip(few[1], many[1], strict=True):
        assert b - a == 8 * (many[2] - few[2]) * (n - 1)


def test_bytes_grow_by_three_elements_per_user():
    few, many = cost(150, 40), cost(350, 40)
    assert few[2] == many[2]
    assert {b - a for a, b in zip(few[1], many[1], strict=True)} == {8 * 3 * 200}


@pytest.mark.parametrize(
    ("way", "rounds"), [("tables", 8), ("fss", 7), ("bits", 11), ("exact", 12)]
)
def test_every_way_to_compare_recommends_alike(movies, way, rounds):
    s = recommendation(movies, comparison=way, seed=1).summary
    tables = recommendation(movies, seed=1).summary
    assert s["matches_plaintext"]
    assert s["recommendations"] == tables["recommendations"]
    assert s["comparison"] == way
    assert s["rounds"] == rounds


@pytest.mark.parametrize(("way", "rounds"), [("tables", 10), ("fss", 8), ("bits", 15)])
def test_a_minimum_of_neighbours(movies, run, way, rounds):
    enough = run.summary["neighbours"]
    for m in (enough, enough + 1):
        found = recommendation(movies, seed=1, comparison=way, min_neighbours=m)
        s = json.loads(json.dumps(found.summary))
        assert check_summary(s, 2)
        assert (s["min_neighbours"], s["withheld"]) == (m, m > enough)
        assert found.result.withheld is (m > enough)
        assert s["recommendations"] == ([] if m > enough else run.summary["recommendations"])
        assert s["rounds"] == rounds
        assert "release" in s["online_phases"]


def test_a_slow_network_takes_its_rounds(movies):
    s = recommendation(movies, network="wan", seed=1).summary
    assert s["online_seconds"] > 9 * 0.02
    assert "wan" in s["network"]


def test_a_seed_repeats_a_run(movies):
    first, again = (recommendation(movies, seed=4).summary for _ in range(2))
    for name in ("recommendations", "bytes_sent_per_server", "client_bytes", "neighbours", "user"):
        assert first[name] == again[name]


def test_progress_is_told(movies):
    told = []
    recommendation(movies, progress=told.append)
    assert told == ["preprocess", "upload", "prepare", "online", "compare with the plaintext"]


WRONG = [
    ({"top": 0}, "top is 0"), ({"servers": 1}, "servers is 1"), ({"dense": 0}, "dense is 0"),
    ({"dense": 120}, "items is 120 and dense is 120"), ({"threshold": 1.5}, "threshold is 1.5"),
    ({"threshold": math.nan}, "threshold is nan"), ({"network": "x"}, "no network 'x'"),
    ({"comparison": "x"}, "no comparison 'x'"), ({"modulus": 100}, "modulus 100 is not prime"),
    ({"modulus": 101}, "modulus 101 is too small"), ({"user": "nobody"}, "nobody"),
    ({"user": 10**9}, "1000000000"), ({"servers": 3, "comparison": "fss"}, "2 servers"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG, ids=str)
def test_what_makes_no_sense_is_told(movies, options, sentence):
    with pytest.raises(InputError, match=sentence):
        recommendation(movies, **options)


def test_a_user_with_too_few_ratings_is_told(movies):
    matrix = movies.matrix()
    rated = (matrix[:, :20] > 0).sum(axis=1)
    row = int(np.argmin(rated))
    assert rated[row] < 5
    with pytest.raises(InputError, match=f"has rated {rated[row]} of the 20 dense items"):
        recommendation(movies, user=movies.user_ids[row].item())


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("synthetic", 1), "users is 1: it must be at least 2"),
        (("synthetic", 100, 0), "items is 0"),
        (("movielens", 100_000), "100,?000"),
        (("movielens", 10, 10**6), "1,?000,?000"),
        (("/no/such/file.csv",), "no/such/file"),
        (("/",), "/"),
    ],
)
def test_data_that_is_not_there_is_told(args, sentence):
    with pytest.raises(InputError, match=sentence):
        load(*args)


def test_comparisons_side_by_side():
    frame = comparisons(servers=(2, 3), bits=(8,), count=20)
    assert len(frame) == 2 * (4 + 3)
    assert frame.groupby(["servers", "network"])["cheapest"].sum().ge(1).all()
    assert not ((frame["comparison"] == "fss") & (frame["servers"] == 3)).any()
    pair = frame.pivot_table(index=["servers", "comparison"], columns="network", values="online")
    rounds = frame.drop_duplicates(["servers", "comparison"]).set_index(["servers", "comparison"])
    extra = (pair["wan"] - pair["lan"]) / rounds["rounds"]
    assert np.allclose(extra, 0.02 - 0.0001, rtol=0.05)
    assert (frame["sent"] > 0).all()
    assert (frame["material"] > 0).all()


def test_quality_of_private_recommendations(movies):
    frame = quality(movies, tested=4, seed=1)
    assert list(frame.index) == ["private", "plaintext", "unquantised", "popularity"]
    assert frame.loc["private"].equals(frame.loc["plaintext"])
    assert (frame["users"] == 4).all()
    assert frame["RMSE (stars)"].between(0.3, 2).all()
    assert frame["precision@10"].between(0, 1).all()
    assert quality(movies, tested=4, seed=1).equals(frame)
    with pytest.raises(InputError, match="tested is 0"):
        quality(movies, tested=0)


def test_batches_are_measured():
    frame = batches((1, 3), users=60, items=30, servers=3, repeat=2, seed=1)
    assert list(frame) == [
        "batch", "online", "per_second", "sent", "rounds", "relative", "right",
    ]
    assert frame["batch"].tolist() == [1, 3]
    assert frame["rounds"].tolist() == [8, 8]
    assert frame["right"].all()
    assert (frame["per_second"] > 0).all()
    assert frame["relative"][0] == 1
    each = frame["online"] / frame["batch"]
    assert frame["relative"][1] == pytest.approx(each[1] / each[0])
    one, three = frame["sent"]
    assert 2 < (three - 8 * 100) / (one - 8 * 100) < 3.1  # all but the headers and the check
    fss = batches((2,), users=40, items=30, comparison="fss", repeat=1, seed=1)
    assert fss["rounds"].tolist() == [7]
    for wrong in ({"sizes": ()}, {"sizes": (1, 0)}, {"repeat": 0}):
        with pytest.raises(InputError, match="must be 1 or more"):
            batches(**{"sizes": (1,), "users": 20, "items": 30, **wrong})
    with pytest.raises(InputError, match="GB of memory"):
        batches((10**6,))
