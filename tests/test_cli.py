"""The command line, called in this process: what it prints, and sentences for what goes wrong."""

import json
import math
import subprocess
import sys

import pytest

from mpclab import cli, experiments

SMALL = ("--users", "60", "--items", "40")


@pytest.fixture
def mpclab(monkeypatch, capsys):
    """Run a command line; returns the exit status and both outputs."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["mpclab", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


def sentence(err):
    """The last line of standard error, which must be a sentence of its own."""
    last = err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert last.startswith("Error: ")
    text = last.removeprefix("Error: ")
    assert text[0].isupper() or not text[0].isalpha()
    assert len(text.split()) >= 3
    assert not text.startswith(("ValueError", "TypeError"))
    return text


INTEGERS = ("servers", "users", "items", "dense", "field_bits", "seed", "rounds", "client_bytes")
SECONDS = ("preprocess_seconds", "upload_seconds", "prepare_seconds", "online_seconds",
           "wall_seconds")


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("seed", [None, 0, 7, 10**30])
def test_json_has_the_promised_keys(mpclab, servers, seed):
    status, out, err = mpclab("recommend", *SMALL, "--servers", servers, "--json",
                              *(() if seed is None else ("--seed", seed)))
    assert (status, err) == (0, "")
    s = json.loads(out)
    assert out.count("\n") == 1
    assert all(type(s[name]) is int for name in INTEGERS)
    assert all(type(s[name]) is float and s[name] > 0 for name in SECONDS)
    assert (s["servers"], s["users"], s["items"], s["dense"], s["field_bits"]) == (
        servers, 60, 40, 20, 61)
    assert s["seed"] == (seed or 0)
    assert s["matches_plaintext"] is True
    assert s["rounds"] == 8
    assert type(s["online_phases"]) is dict
    assert s["online_seconds"] == pytest.approx(sum(s["online_phases"].values()))
    assert len(s["bytes_sent_per_server"]) == servers
    assert all(type(b) is int for b in s["bytes_sent_per_server"])
    for r in s["recommendations"]:
        assert set(r) == {"item", "title", "score", "neighbours"}
        assert (type(r["item"]), type(r["title"]), type(r["score"]), type(r["neighbours"])) == (
            int, str, float, int)
        assert math.isfinite(r["score"])


def test_a_seed_repeats(mpclab):
    one, again = (json.loads(mpclab("recommend", *SMALL, "--json", "--seed", 5)[1])
                  for _ in range(2))
    for name in ("user", "neighbours", "recommendations", "bytes_sent_per_server"):
        assert one[name] == again[name]


def test_tables_for_people(mpclab):
    status, out, err = mpclab("recommend", *SMALL, "--servers", 3, "--seed", 1)
    assert (status, err.strip()) == (0, "")
    for words in ("Recommended to user", "The private result equals the same computation",
                  "8 rounds between servers", "published, online", "seeded: for teaching only"):
        assert words in out


def test_real_ratings(mpclab):
    status, out, _ = mpclab("recommend", "--data", "movielens", "--users", 100, "--items", 80,
                            "--top", 3, "--json", "--comparison", "fss")
    s = json.loads(out)
    assert status == 0
    assert (s["users"], s["matches_plaintext"], s["rounds"]) == (100, True, 7)
    assert len(s["recommendations"]) == 3


def test_real_users(mpclab):
    words = ("recommend", "--data", "movielens", "--users", 100, "--items", 80, "--json")
    first = json.loads(mpclab(*words)[1])["user"]
    status, out, _ = mpclab(*words, "--user", first, "--top", 3, "--comparison", "fss")
    s = json.loads(out)
    assert status == 0
    assert (s["user"], s["matches_plaintext"], s["rounds"]) == (first, True, 7)
    assert len(s["recommendations"]) == 3


def test_no_neighbours_no_titles(mpclab):
    status, out, _ = mpclab("recommend", *SMALL, "--threshold", 1)
    assert status == 0
    assert "No title: no neighbour is similar enough. Try a lower --threshold." in out
    s = json.loads(mpclab("recommend", *SMALL, "--threshold", 1, "--json")[1])
    assert (s["neighbours"], s["recommendations"], s["matches_plaintext"]) == (0, [], True)


def test_too_few_neighbours_are_withheld(mpclab):
    found = json.loads(mpclab("recommend", *SMALL, "--json")[1])
    assert (found["min_neighbours"], found["withheld"]) == (0, False)
    enough = found["neighbours"]
    for m, withheld in ((enough, False), (enough + 1, True)):
        s = json.loads(mpclab("recommend", *SMALL, "--min-neighbours", m, "--json")[1])
        assert (s["withheld"], s["matches_plaintext"], s["rounds"]) == (withheld, True, 10)
        assert s["recommendations"] == ([] if withheld else found["recommendations"])
        assert s["neighbours"] == (0 if withheld else enough)
    status, out, _ = mpclab("recommend", *SMALL, "--min-neighbours", enough + 1)
    assert status == 0
    assert f"fewer than {enough + 1} users are" in " ".join(out.split())
    assert "of 60 users are similar" not in out


@pytest.mark.parametrize("threshold", ["-1", "0", "1e-300", "-0.0"])
def test_thresholds_at_the_edges(mpclab, threshold):
    status, out, _ = mpclab("recommend", *SMALL, "--threshold", threshold, "--json")
    assert status == 0
    assert json.loads(out)["matches_plaintext"]


def test_quality(mpclab):
    status, out, _ = mpclab("quality", "--users", 100, "--items", 60, "--tested", 2, "--json")
    assert status == 0
    rows = json.loads(out)
    assert list(rows) == ["private", "plaintext", "unquantised", "popularity"]
    assert rows["private"] == rows["plaintext"]
    status, out, _ = mpclab("quality", "--users", 100, "--items", 60, "--tested", 2)
    assert status == 0
    assert "popularity" in out


def test_a_picture(mpclab, tmp_path):
    target = tmp_path / "run.png"
    status, out, _ = mpclab("recommend", *SMALL, "--seed", 1, "--picture", target)
    assert status == 0
    assert "Picture:" in out
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words", [(), ("--help",), ("recommend", "-h"), ("quality", "--help")])
def test_help(mpclab, words):
    status, out, err = mpclab(*words)
    assert status == (0 if words else 2)
    assert "Usage" in out + err


R, Q = ("recommend", *SMALL), ("quality", *SMALL)
WRONG = {
    "one server": ((*R, "--servers", 1), "servers is 1: it takes at least 2 servers"),
    "no server": ((*R, "--servers", 0), "servers is 0"),
    "minus servers": ((*R, "--servers", -3), "servers is -3"),
    "half servers": ((*R, "--servers", 2.5), "--servers"),
    "text for servers": ((*R, "--servers", "two"), "'--servers': Input should be a valid integer"),
    "nothing for servers": ((*R, "--servers"), "--servers"),
    "one user": (("recommend", "--users", 1), "users is 1: it must be at least 2"),
    "no users": (("recommend", "--users", 0), "users is 0"),
    "minus users": (("recommend", "--users", -5), "users is -5"),
    "one item": (("recommend", "--users", 60, "--items", 1), "items is 1"),
    "as many items as dense": (("recommend", "--users", 60, "--items", 20), "items is 20"),
    "no dense": ((*R, "--dense", 0), "dense is 0"),
    "all dense": ((*R, "--dense", 40), "dense is 40"),
    "too many users": (("recommend", "--users", 10**12), "are too many"),
    "far too many users": (("recommend", "--users", 10**23), "are too many"),
    "too many items": (("recommend", "--users", 60, "--items", 10**12), "at most"),
    "too many real users": (("recommend", "--data", "movielens", "--users", 10**6), "671"),
    "too many real items": (("recommend", "--data", "movielens", "--items", 10**6), "items"),
    "unknown user": ((*R, "--user", 99999), "no user 99999"),
    "empty user": ((*R, "--user", ""), "no user ''"),
    "text for user": ((*R, "--user", "alice"), "no user 'alice'"),
    "threshold 1.5": ((*R, "--threshold", 1.5), "threshold is 1.5"),
    "threshold -2": ((*R, "--threshold", -2), "threshold is -2"),
    "threshold nan": ((*R, "--threshold", "nan"), "threshold is nan"),
    "threshold inf": ((*R, "--threshold", "inf"), "threshold is inf"),
    "min_neighbours -1": ((*R, "--min-neighbours", -1), "min_neighbours is -1"),
    "min_neighbours, users": ((*R, "--min-neighbours", 10**6), "min_neighbours is 1000000"),
    "threshold text": ((*R, "--threshold", "high"), "'--threshold': Input should be"),
    "top 0": ((*R, "--top", 0), "top is 0"),
    "top -1": ((*R, "--top", -1), "top is -1"),
    "top text": ((*R, "--top", "all"), "'--top': Input should be a valid integer"),
    "network": ((*R, "--network", "moon"), "no network 'moon': take one of 'lan', 'wan', 'ideal'"),
    "empty network": ((*R, "--network", ""), "no network ''"),
    "comparison": ((*R, "--comparison", "look"), "no comparison 'look'"),
    "fss for three": ((*R, "--servers", 3, "--comparison", "fss"), "2 servers, not 3"),
    "seed -1": ((*R, "--seed", -1), "seed is"),
    "seed text": ((*R, "--seed", "x"), "'--seed': Input should be a valid integer"),
    "seed half": ((*R, "--seed", 0.5), "--seed"),
    "no file": (("recommend", "--data", "/no/such/ratings.csv"), "/no/such/ratings.csv"),
    "empty path": (("recommend", "--data", ""), "'.'"),
    "a folder": (("recommend", "--data", "/"), "'/'"),
    "no text file": (("recommend", "--data", sys.executable), "text"),
    "no picture folder": ((*R, "--picture", "/no/such/folder/x.png"), "no folder"),
    "picture is a folder": ((*R, "--picture", "/tmp"), "picture"),
    "unknown option": ((*R, "--colour", "red"), "No such option"),
    "unknown command": (("dance",), "No such command 'dance'"),
    "one argument more": ((*R, "more"), "unexpected extra argument"),
    "quality of nobody": ((*Q, "--data", "synthetic", "--tested", 0), "tested is 0"),
    "quality, held out 2": ((*Q, "--held-out", 2), "between 0 and 1"),
    "quality, held out nan": ((*Q, "--held-out", "nan"), "between 0 and 1"),
    "quality, seed": ((*Q, "--seed", -1), "seed is"),
    "quality, servers": ((*Q, "--servers", 1), "servers is 1"),
    "quality, threshold": ((*Q, "--threshold", 7), "threshold is 7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_sentence(mpclab, name):
    words, part = WRONG[name]
    status, out, err = mpclab(*words)
    assert status != 0
    assert part.lower() in sentence(err).lower()
    assert "Recommended" not in out


@pytest.mark.parametrize("name", ["one server", "unknown user", "network", "threshold nan"])
def test_json_does_not_change_what_is_wrong(mpclab, name):
    words, part = WRONG[name]
    status, out, err = mpclab(*words, "--json")
    assert status != 0
    assert out == ""
    assert part.lower() in sentence(err).lower()


@pytest.mark.parametrize(
    ("error", "status", "part"),
    [
        (MemoryError(), 1, "not enough memory"),
        (PermissionError(13, "Permission denied", "x.csv"), 1, "Permission denied: x.csv"),
        (OSError("disk on fire"), 1, "disk on fire"),
    ],
)
def test_what_happens_in_between_is_a_sentence(mpclab, monkeypatch, error, status, part):
    def stop(*args, **kwargs):
        raise error

    monkeypatch.setattr(experiments, "recommendation", stop)
    found, _, err = mpclab(*R)
    assert found == status
    assert part in sentence(err).replace("Disk", "disk")


def test_an_interrupt_is_a_sentence(mpclab, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "recommendation", stop)
    status, _, err = mpclab(*R)
    assert status == 130
    assert "Interrupted" in sentence(err)


def test_a_wrong_number_is_named(mpclab):
    assert "two" in sentence(mpclab(*R, "--servers", "two")[2])


def test_progress_does_not_end_up_in_the_output(mpclab):
    _, out, _ = mpclab(*R, "--json")
    json.loads(out)


def test_as_a_program():
    """The only test that starts one: from outside, it is the same."""
    done = subprocess.run(
        [sys.executable, "-m", "mpclab.cli", *R, "--servers", "1"], capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert sentence(done.stderr).startswith("Servers is 1: it takes at least 2 servers")
