"""Benchmarks: what they promise to say, right statistics, and no wrong result. No time is asserted.
"""

import json
import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mpclab import bench
from mpclab.bench import figures, measure, with_mpyc
from mpclab.bench.peers import peers
from mpclab.bench.spread import middle
from mpclab.bench_cli import app
from mpclab.errors import InputError
from mpclab.recommender import Parameters, Recommendation, Recommender

SMALL = {"users": 120, "items": 50, "runs": 2, "seed": 3}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


# -- statistics -----------------------------------------------------------------------------------


def test_the_median_and_its_quartiles():
    assert bench.summary([7.0]) == (7.0, 7.0, 7.0, 1)
    assert bench.summary([4, 1, 3, 2]) == (2.5, 1.75, 3.25, 4)
    assert bench.summary(iter([9, 1, 5])).spread == [3.0, 7.0]


def test_the_middle_run_sums_to_the_median():
    runs = [{"a": float(a), "b": float(b)} for a, b in ((9, 1), (1, 1), (2, 2), (5, 1))]
    assert middle(runs) == {"a": 3.5, "b": 1.5}
    assert sum(middle(runs).values()) == bench.summary([sum(r.values()) for r in runs]).median
    assert middle(runs[:3]) == {"a": 2.0, "b": 2.0}
    with pytest.raises(InputError, match="no runs"):
        middle([])


@pytest.mark.parametrize("k", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power(k):
    x = [1_000, 10_000, 20_000, 1_000_000]
    assert bench.exponent(x, [3 * v**k for v in x]) == pytest.approx(k)


@pytest.mark.parametrize(
    ("x", "y"), [([1], [1]), ([1, 1], [1, 2]), ([1, 2], [0, 1]), ([1, 2], [1])]
)
def test_no_exponent_of_too_little(x, y):
    with pytest.raises(InputError, match="an exponent takes"):
        bench.exponent(x, y)


def test_growth_keeps_everything_else_equal():
    rows = [
        {"users": N, "items": M, "servers": n, "t_seconds": 1e-6 * N * M}
        for N in (10, 20, 80) for M in (5, 10) for n in (2, 4)
    ]
    fitted = bench.growth(pd.DataFrame(rows), "t_seconds")
    assert len(fitted) == 4 + 6 + 6
    by = fitted.groupby("varied")["exponent"]
    assert by.mean().round(9).to_dict() == {"users": 1.0, "items": 1.0, "servers": 0.0}
    users = fitted[fitted["varied"] == "users"]
    assert set(users["factor"].round(9)) == {8.0}
    assert users[["from", "to"]].drop_duplicates().values.tolist() == [[10, 80]]


# -- workloads ------------------------------------------------------------------------------------


def test_the_workload_of_the_anchors():
    p = bench.workload("anchors").parameters(10_000, 1_000)
    assert (p.packing.slots, p.counts, p.validated, p.bits, p.packed) == (3, False, False, 22, 327)
    inputs = bench.workload("anchors").draw(bench.workload("anchors").parameters(500, 60), 1)
    assert (inputs.dense.min(), inputs.dense.max()) == (0, 255)
    assert (inputs.ratings.min(), inputs.ratings.max()) == (0, 5)
    assert 20 < inputs.neighbours().sum() < 100
    again = bench.workload("anchors").draw(bench.workload("anchors").parameters(500, 60), 1)
    assert np.array_equal(inputs.ratings, again.ratings)
    assert inputs.threshold == again.threshold


def test_the_recommenders_workload_leaves_the_requester_out():
    kind = bench.workload("recommender")
    p = kind.parameters(100, 60)
    assert p == Parameters(100, 60)
    inputs = kind.draw(p, 1)
    assert inputs.user >= 0
    assert inputs.neighbours()[inputs.user] == 0
    assert inputs.dense[inputs.user] @ inputs.query >= inputs.threshold


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_rating": 0}, "max_rating is 0"),
        ({"max_rating": 11}, "max_rating is 11"),
        ({"max_rating": 2.5}, "max_rating is 2.5"),
        ({"max_entry": -1, "validated": False}, "max_entry is -1"),
        ({"max_entry": 255}, "validated=False"),
    ],
)
def test_parameters_that_make_no_sense(options, words):
    with pytest.raises(InputError, match=re.escape(words)):
        Parameters(100, 60, **options)


def test_ratings_beyond_the_packing_are_refused():
    p = Parameters(10, 30, max_rating=5)
    ratings = np.zeros((2, 10), np.uint8)
    ratings[1, 3] = 6
    with pytest.raises(InputError, match="a rating is 6"):
        p.packing.pack(ratings)
    ratings[1, 3] = 5
    sums, counts = p.packing.unpack(p.packing.pack(ratings).sum(axis=1, dtype=np.uint64), 10)
    assert (sums[3], counts[3]) == (5, 1)


def test_the_largest_similarity_of_entries_is_within_the_bits():
    p = Parameters(10, 30, 20, validated=False, max_entry=255)
    assert p.largest_similarity == 20 * 255**2
    assert p.largest_similarity < 2 ** (p.bits - 1) - 1


# -- measurements ---------------------------------------------------------------------------------

PROMISED = {
    "online_seconds": float, "online_phases": dict, "numpy_int64_seconds": float,
    "numpy_float64_seconds": float, "ratio_to_numpy_int64": float, "rounds": int,
    "bytes_sent_per_server": list, "servers": int, "users": int, "items": int, "workload": str,
    "online_spread": list, "server_seconds": float, "latency_20ms_seconds": float, "seed": int,
    "machine": dict, "runs": int, "matches_plaintext": bool, "ratings_per_element": int,
}  # fmt: skip


@pytest.mark.parametrize("workload", ["anchors", "recommender"])
@pytest.mark.parametrize(("servers", "comparison", "rounds"), [(2, "fss", 7), (3, "tables", 8)])
def test_online_says_what_it_promises(workload, servers, comparison, rounds):
    found = bench.online(**SMALL, servers=servers, comparison=comparison, workload=workload)
    assert {name: type(found[name]) for name in PROMISED} == PROMISED
    assert json.loads(json.dumps(found)) == found
    assert (found["rounds"], found["servers"], found["workload"]) == (rounds, servers, workload)
    assert sum(found["online_phases"].values()) == pytest.approx(found["online_seconds"])
    assert found["online_spread"][0] <= found["online_seconds"] <= found["online_spread"][1]
    assert found["ratio_to_numpy_int64"] == pytest.approx(
        found["online_seconds"] / found["numpy_int64_seconds"]
    )
    assert len(found["bytes_sent_per_server"]) == servers
    # the query, its rounds, and the answer each take 20 ms at least
    assert found["latency_20ms_seconds"] >= 0.02 * (rounds + 2)


def test_a_seed_repeats_all_that_is_no_time():
    one, again = bench.online(**SMALL), bench.online(**SMALL)
    for name in ("neighbours", "bytes_sent_per_server", "client_bytes", "rounds", "randomness"):
        assert one[name] == again[name]


@pytest.mark.parametrize("wrong", ["sums", "counts", "neighbours"])
def test_a_wrong_result_is_an_error(wrong, monkeypatch):
    right = Recommender.query_encoded

    def spoiled(self, prepared, a, threshold):
        r = right(self, prepared, a, threshold)
        parts = {"sums": r.sums.copy(), "counts": r.counts.copy(), "neighbours": r.neighbours}
        if wrong == "neighbours":
            parts[wrong] += 1
        else:
            parts[wrong][7] += 1
        return Recommendation(**parts, session=r.session)

    monkeypatch.setattr(Recommender, "query_encoded", spoiled)
    for measured in (bench.online, bench.prepare, bench.preprocess):
        with pytest.raises(measure.WrongResult, match="equal"):
            measured(**SMALL, workload="recommender")


def test_refused_users_are_an_error(monkeypatch):
    right = Recommender.upload_encoded
    monkeypatch.setattr(Recommender, "upload_encoded", lambda *args: right(*args) - 1)
    with pytest.raises(measure.WrongResult, match="1 of 120 honest users were refused"):
        bench.online(**SMALL)


def test_rows_go_up_in_parts_and_numpy_gets_slices(monkeypatch):
    monkeypatch.setattr(measure, "_ROWS", 50)
    monkeypatch.setattr(measure, "_SLICE", 70)
    assert bench.online(**SMALL)["matches_plaintext"]


def test_rows_on_disk(tmp_path):
    found = bench.online(**SMALL, store=tmp_path / "rows")
    assert found["stored_on_disk"] is True
    assert found["bytes_sent_per_server"] == bench.online(**SMALL)["bytes_sent_per_server"]


def test_prepare():
    found = bench.prepare(**SMALL, servers=3)
    assert found["rounds"] == 7
    assert found["prepare_seconds"] > 0
    assert found["prepare_seconds_per_user"] == pytest.approx(found["prepare_seconds"] / 120)
    assert len(found["bytes_sent_per_server"]) == 3


def test_preprocess_counts_bytes_and_memory():
    found = bench.preprocess(**SMALL)
    p = bench.workload("anchors").parameters(120, 50)
    assert found["stored_bytes_per_server"] == 3 * 8 * 120 * (20 + p.packed)
    # rows: one server receives all that is not a seed, the MACs of dense and packed entries
    assert found["rows_bytes"] > 8 * 120 * (20 + p.packed)
    assert found["query_memory_bytes"] > 2 * 8 * 120 * 100
    for name in ("rows", "upload"):
        assert found[f"{name}_bytes_per_user"] == pytest.approx(found[f"{name}_bytes"] / 120)


def test_scale_is_a_row_for_every_combination(tmp_path):
    told = []
    frame = bench.scale((60, 120), (30, 40), (2,), runs=1, seed=1, progress=told.append)
    assert frame[["users", "items", "servers"]].values.tolist() == [
        [60, 30, 2], [60, 40, 2], [120, 30, 2], [120, 40, 2]]
    assert frame.attrs["skipped"] == []
    assert frame.attrs["machine"]["cores"] >= 1
    assert "60 users, 30 items, 2 servers: run 1 of 1" in told
    json.dumps(frame.to_dict(orient="records"))


def test_what_does_not_fit_is_skipped_with_a_sentence(monkeypatch):
    monkeypatch.setattr(measure, "memory", lambda: (10**9, 5 * 10**6))
    frame = bench.scale((20, 5_000), (100,), (2,), runs=1, seed=1)
    assert frame["users"].tolist() == [20]
    (sentence,) = frame.attrs["skipped"]
    assert re.match(r"Skipped: 5,000 users, 100 items and 2 servers .* are free", sentence)
    with pytest.raises(InputError, match="take fewer of them"):
        bench.online(users=5_000, items=100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runs": 0}, "runs is 0"),
        ({"runs": 2.5}, "runs is 2.5"),
        ({"workload": "anchor"}, "there is no workload 'anchor'"),
        ({"users": 1}, "users is 1"),
        ({"servers": 1}, "servers is 1"),
        ({"items": 20}, "items is 20"),
        ({"comparison": "fss", "servers": 3}, "2 servers|two servers"),
    ],
)
def test_sentences_for_what_makes_no_sense(options, words):
    with pytest.raises(InputError, match=words):
        bench.online(**{**SMALL, **options})


def test_facts_name_no_place():
    facts = bench.machine()
    text = json.dumps(facts)
    import getpass
    import platform

    for place in (platform.node(), "/", "\\"):
        assert not place or place not in text
    assert getpass.getuser() not in facts.values()
    assert facts["threads"]["server"] == 1
    assert {"processor", "cores", "memory_bytes", "python", "numpy", "numba", "date"} <= set(facts)


# -- files and figures ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    online = {
        "anchors": bench.online(**SMALL),
        "fss": bench.online(**SMALL, comparison="fss"),
    }
    scaled = bench.scale((60, 120), (50,), (2, 3), runs=1, seed=1)
    items = bench.scale((60,), (40, 50), (2,), runs=1, seed=1)
    found = {
        "machine": bench.machine(),
        "online": online,
        "scale": {"rows": scaled.to_dict(orient="records")},
        "items": {"rows": items.to_dict(orient="records")},
    }
    file = bench.write_results(tmp_path_factory.mktemp("results") / "some.json", found)
    return bench.read_results(file)


def test_results_come_back(results, tmp_path):
    file = bench.write_results(tmp_path / "new" / "again.json", results)
    assert bench.read_results(file) == results
    (tmp_path / "other.json").write_text('{"format": "something else"}')
    (tmp_path / "broken.json").write_text("{")
    for name, words in (("none", "make bench"), ("other", "no measurements"),
                        ("broken", "no measurements")):
        with pytest.raises(InputError, match=words):
            bench.read_results(tmp_path / f"{name}.json")


def test_the_committed_results_are_whole():
    found = bench.read_results()
    assert found["set"] == "full"
    for name in ("anchors", "recommender", "fss"):
        one = found["online"][name]
        assert (one["users"], one["items"], one["matches_plaintext"]) == (10_000, 1_000, True)
    assert {"users", "servers", "online_seconds"} <= set(found["scale"]["rows"][0])
    text = json.dumps(found)
    assert not re.search(r"/(home|root|work|tmp|usr)\b", text)


def test_figures_show_what_was_measured(results):
    ax = figures.against_users(results)
    (two,) = [c for c in ax.containers if c.get_label() == "private, 2 servers"]
    x, y = two.lines[0].get_data()
    rows = figures.table(results).query("servers == 2")
    assert x.tolist() == [60, 120]
    assert y.tolist() == rows["online_seconds"].tolist()
    assert any(t.get_text().startswith("published: 0.34 s") for t in ax.texts)

    ax = figures.by_phase(results)
    ends = [bar.get_x() + bar.get_width() for bar in ax.containers[-1]]
    assert ends == pytest.approx([100] * 4)
    assert figures.growth_lines(results).get_xlabel() == "times as many"
    names = [t.get_text() for t in figures.against_peers(results).get_yticklabels()]
    assert names.count("mpclab, 2 servers (malicious)") == 1
    assert not any("MP-SPDZ" in name for name in names)  # theirs are for another size


def test_all_figures_are_drawn(results, tmp_path):
    made = figures.draw_all(results, tmp_path, "new-")
    names = ["users", "peers", "phases", "growth"]
    assert [file.name for file in made] == [f"new-{name}.png" for name in names]
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in made)


def test_a_figure_without_its_measurement_says_so(results):
    with pytest.raises(InputError, match="no table 'items'"):
        figures.growth_lines({k: v for k, v in results.items() if k != "items"})
    with pytest.raises(InputError, match="no measurement"):
        figures.against_peers({})


def test_the_peers_are_named_as_published():
    frame = peers()
    assert frame["seconds"].min() == 0.23
    assert (frame["seconds"] <= frame["slowest"]).all()
    assert frame.index.is_unique


# -- MPyC -----------------------------------------------------------------------------------------


def test_without_mpyc_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(with_mpyc, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="MPyC is not installed"):
        with_mpyc.measure_mpyc(20, 30)


def test_mpyc_computes_the_same():
    pytest.importorskip("mpyc")
    found = with_mpyc.measure_mpyc(30, 40, seed=1)
    assert found["matches_plaintext"] is True
    assert found["online_seconds"] > 0


# -- the command line -----------------------------------------------------------------------------


@pytest.fixture
def mpclab(monkeypatch, capsys):
    """Run a command line; returns the exit status and both outputs."""
    from mpclab import cli

    def call(*words):
        monkeypatch.setattr("sys.argv", ["mpclab", "bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


FEW = ("--users", 100, "--items", 40, "--runs", 1, "--seed", 1)


@pytest.mark.parametrize("command", ["online", "prepare", "preprocess"])
def test_commands_print_one_object(mpclab, command):
    status, out, err = mpclab(command, *FEW, "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    found = json.loads(out)
    assert (found["users"], found["items"], found["workload"]) == (100, 40, "anchors")
    assert all(math.isfinite(v) for v in found.values() if isinstance(v, float))


def test_scale_prints_one_object(mpclab):
    status, out, err = mpclab(
        "scale", "--users", "50,100", "--items", 40, "--servers", 2, "--runs", 1, "--json"
    )
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert [row["users"] for row in found["rows"]] == [50, 100]
    assert found["growth"]["online"][0]["varied"] == "users"
    assert "users" not in found["growth"]["online"][0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("online", *FEW), "slowest server's own computing"),
        (("prepare", *FEW), "prepare, one query"),
        (("preprocess", *FEW), "material for one query"),
        (("scale", "--users", "50,100", "--items", 40, "--servers", "2", "--runs", 1),
         "Growth of a server's own computing"),
    ],
)
def test_tables_for_people(mpclab, words, told):
    status, out, _ = mpclab(*words)
    assert status == 0
    assert told in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("online", "--workload", "x"), "workload 'x'"),
        (("online", "--runs", 0), "runs is 0"),
        (("scale", "--users", "10,many"), "'10,many'"),
        (("scale", "--users", "1"), "at least 2 users"),
        (("online", "--users", "ten"), "'ten'"),
    ],
)
def test_errors_are_sentences(mpclab, words, told):
    status, out, err = mpclab(*words)
    assert status != 0
    assert out == ""
    assert err.strip().splitlines()[-1].startswith("Error: ")
    assert told.lower() in err.lower()
    assert "Traceback" not in err


def test_rows_on_disk_from_the_command_line(tmp_path):
    words = ["--users", "300,600", "--items", "40", "--servers", "2", "--dense", "10"]
    done = CliRunner().invoke(app, ["scale", *words, "--store", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert [r["users"] for r in rows] == [300, 600]
    assert all(r["matches_plaintext"] and r["rounds"] == 8 for r in rows)
    assert not any((tmp_path / name).exists() for name in ("300-40-2", "600-40-2"))
    told = CliRunner().invoke(app, ["scale", *words, "--store", str(tmp_path)]).stdout
    assert "equal to the plaintext" in told
