"""Targets that read files: ratings, titles, packed ones, folders, paths, and the command line.

Inputs begin with a byte for the name of the file (or with the words of a command line); the rest
is what is in the file. Everything is written into one folder of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import io
import json
import os
import random
import shutil
import sys
import tempfile
import zlib
from functools import cache
from pathlib import Path
from unittest import mock

from mpclab import cli, experiments
from mpclab.attack_cli import _modulus
from mpclab.bench import read_results
from mpclab.datasets import Ratings, load_ratings
from mpclab.field import Field
from tests.fuzz import mutate
from tests.fuzz.engine import Broken, Target

NAMES = ("ratings.csv", "ratings.dat", "u.data", "mine.txt", "ratings.csv.gz")
RATINGS = b"userId,movieId,rating\n1,10,4.5\n1,20,3\n2,10,5\n3,30,0.5\n"


@cache
def folder() -> Path:
    """Where the files lie; it is removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="mpclab-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@contextlib.contextmanager
def files(**contents: bytes | None):
    """Files of these names (a dot is written as `__`) for a while; yields their folder."""
    paths = {folder() / name.replace("__", "."): data for name, data in contents.items()}
    try:
        for path, data in paths.items():
            if data is not None:
                path.write_bytes(data)
        yield folder()
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


# -- texts ----------------------------------------------------------------------------------------

CELLS = (
    "1", "2", "10", "20", "-3", "007", "+4", "1.0", "1e0", "ann", "é", "x y", "", " ", "4.5", "0.5",
    "5", "3.7", ".5", "5.", "6", "0", "-1", "nan", "inf", "1e999", "1e-999", "1_0", "٣", "½", "4,5",
    "9" * 19, "9" * 25, "9" * 400, "-" + "9" * 19, str(2**63 - 1), str(2**63), "x" * 64, "x" * 65,
    '"', '""', '"a"', '"a', 'a"b', "'", "\\", "\\N", "NULL", "NA", "userId", "movieId", "rating",
    "timestamp", "\u00a0", "\u2028", "\x85", "\ufeff", "\x00", "\x1b[31m", "\x7f", "\x0b", "=1+1",
    "😀", "e\u0301", "\u202e", "true", "0x10", "1" * 70_000,
)
SEPARATORS = (",", "\t", "::", ";", "|", " ", "  ", ":", ", ")
ENDS = ("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n\r", "\x85", "\u2028")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le",
             "utf-32", "cp1252")


def _text(rng: random.Random, header: tuple[str, ...]) -> bytes:
    """A table: mostly right, then with damage to its rows, cells, separators and encoding."""
    rows = [[str(rng.randrange(1, 6)), str(10 * u + i), str(rng.choice((1, 2.5, 4, 5)))]
            for u in range(rng.randrange(1, 5)) for i in range(rng.randrange(1, 4))]
    if len(header) == 2:
        rows = [[str(10 * (k + 1)), f"Film {k}"] for k in range(len(rows))]
    elif rng.random() < 0.4:
        rows = [[*row, "964982703"] for row in rows]
    if rng.random() < 0.5:
        rows.insert(0, [*header, "timestamp"][: len(rows[0])])
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        at = rng.randrange(len(rows))
        row, way = rows[at], rng.randrange(8)
        if way <= 3 and row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        elif way == 4 and row:
            del row[rng.randrange(len(row))]
        elif way == 5:
            row.insert(rng.randrange(len(row) + 1), rng.choice(CELLS))
        elif way == 6:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        elif len(rows) > 1:
            del rows[at]
    separator, end = rng.choice(SEPARATORS), rng.choice(ENDS)
    lines = [separator.join(row) for row in rows]
    if rng.random() < 0.1:
        lines = [rng.choice(SEPARATORS).join(row) for row in rows]
    if rng.random() < 0.1:
        lines = [separator.join(f'"{cell}"' for cell in row) for row in rows]
    text = end.join(lines) + rng.choice(("", end))
    data = text.encode(rng.choice(ENCODINGS), errors="replace")
    way = rng.random()
    if way < 0.15:
        data = mutate.bytewise(rng, data)
    elif way < 0.2:
        data = mutate.any_bytes(rng)
    elif way < 0.22:
        data = rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"")) + data
    return data


def _make_ratings(rng: random.Random) -> bytes:
    return bytes([rng.randrange(4)]) + _text(rng, ("userId", "movieId", "rating"))


def _make_titles(rng: random.Random) -> bytes:
    return bytes([rng.randrange(3)]) + _text(rng, ("movieId", "title"))


def _look(ratings: Ratings) -> str:
    """What was taken must hold together, and print."""
    if not (ratings.n_ratings >= 1 and 1 <= ratings.half_stars.min() <= ratings.half_stars.max()):
        raise Broken(f"{ratings} without ratings")
    if ratings.half_stars.max() > 10 or int(ratings.indptr[-1]) != ratings.n_ratings:
        raise Broken(f"{ratings} does not hold together")
    if "\n" in str(ratings.titles[0]) or not repr(ratings).startswith("Ratings("):
        raise Broken("it does not print")
    return "ratings"


def _ratings(data: bytes) -> str:
    if not data:
        return "no file"
    name = NAMES[data[0] % len(NAMES)]
    with files(**{name.replace(".", "__"): data[1:]}) as place:
        return _look(load_ratings(place / name))


def _titles(data: bytes) -> str:
    if not data:
        return "no file"
    name, beside = (("ratings.csv", "movies.csv"), ("ratings.dat", "movies.dat"),
                    ("u.data", "u.item"))[data[0] % 3]
    contents = {name.replace(".", "__"): RATINGS, beside.replace(".", "__"): data[1:]}
    with files(**contents) as place:
        return _look(load_ratings(place / name))


# -- packed files ---------------------------------------------------------------------------------


@cache
def _bomb(what: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    piece = (what * (1 + (1 << 20) // len(what)))[: 1 << 20]
    return b"".join(packer.compress(piece) for _ in range(size)) + packer.flush()


def _make_packed(rng: random.Random) -> bytes:
    way = rng.randrange(40)
    if way == 0:  # a thousand times as much as it seems
        what = rng.choice((b"\n", b" ", b"1,2,3\n", b"x", b"\0"))
        data = _bomb(what, rng.choice((1, 8, 80)))
    else:
        data = gzip.compress(_text(rng, ("userId", "movieId", "rating")), rng.randrange(10))
    if way in (1, 2):  # members one after another, or rubbish after the last
        data += rng.choice((data, gzip.compress(b"9,9,5\n"), b"\0" * 9, mutate.any_bytes(rng, 30)))
    elif way in (3, 4):  # a wrong sum or a wrong length
        data = data[:-8] + rng.randbytes(4) + data[-4:]
        data = data if way == 3 else data[:-4] + mutate.numbers(rng, 4)
    elif way in (5, 6):
        data = data[: rng.randrange(len(data) + 1)]
    elif way == 7:  # flags: a name, a comment, a header's sum, extra fields that are not there
        data = data[:3] + bytes([rng.randrange(256)]) + data[4:]
    elif way == 8:
        data = gzip.compress(data)
    elif way < 20:
        data = mutate.bytewise(rng, data)
    return b"\x04" + data


# -- places ---------------------------------------------------------------------------------------

PLACES = (
    "ratings.csv", "u.data", "ratings.dat.gz", "movies.csv", "ratings.csv/", "a/b/ratings.csv",
    "..", "../..", ".", "", "~", "~nobody-of-this-name/x", "a\0b", "x" * 300, "é", "\udcff",
    "a\nb.csv", "\x1b[31mred.csv", "loop", "loop/ratings.csv", "folder", "folder/ratings.csv",
    "pipe", "dangling", "//", "ratings.csv\n", "*", "{}", "%s%s%n", "CON", "ratings.csv;ls", "-",
    "--help", "bare",
)


@cache
def _places() -> Path:
    """A folder with what nobody expects in it."""
    place = folder() / "places"
    (place / "folder" / "ratings.csv").mkdir(parents=True)
    (place / "a" / "b").mkdir(parents=True)
    (place / "loop").symlink_to(place / "loop")
    (place / "dangling").symlink_to(place / "nothing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "pipe")
    (place / "ratings.csv").write_bytes(RATINGS)
    (place / "a\nb.csv").write_bytes(b"1,2\n")
    (place / "\x1b[31mred.csv").write_bytes(b"\0")
    (place / "bare").write_bytes(RATINGS[22:])
    return place


def _make_place(rng: random.Random) -> bytes:
    name = rng.choice(PLACES)
    if rng.random() < 0.3:
        name = rng.choice((name + rng.choice(PLACES), name[: rng.randrange(9)], name * 40))
    return bytes([rng.randrange(4)]) + os.fsencode(name)


def _place(data: bytes) -> str:
    if not data:
        return "no path"
    name = os.fsdecode(data[1:])
    path = name if data[0] & 1 and not name.startswith("/") else f"{_places()}/{name}"
    titles = path if data[0] & 2 else None
    with contextlib.chdir(_places()):
        if titles is not None:
            return _look(load_ratings(_places() / "bare", titles))
        return _look(load_ratings(path))


# -- experiments and the command line -------------------------------------------------------------

COUNTS = (None, 2, 3, 1, 0, -1, 5, 10**6, 10**12, 2**63, 2**64)


def _make_load(rng: random.Random) -> bytes:
    counts = [rng.randrange(len(COUNTS)) if rng.random() < 0.3 else 0 for _ in range(2)]
    return bytes(counts) + _make_ratings(rng)


def _load(data: bytes) -> str:
    if len(data) < 3:
        return "no file"
    users, items = COUNTS[data[0] % len(COUNTS)], COUNTS[data[1] % len(COUNTS)]
    with files(mine__txt=data[3:]) as place:
        return _look(experiments.load(str(place / "mine.txt"), users, items))


ODD = ("-1", "0", "1", "2", "3", "x", "", "1e3", "nan", "inf", "-inf", "0.5", "9" * 30, "2**61",
       "٣", "tables", "fss", "lan", "a\nb", "\x1b[31m", "{", "[bold]", "\\", "1 2", "-", "--")
OPTIONS = {
    "recommend": ("--users", "--items", "--dense", "--user", "--threshold", "--comparison",
                  "--network", "--top", "--seed", "--picture"),
    "quality": ("--users", "--items", "--dense", "--threshold", "--held-out", "--seed"),
}


def _make_words(rng: random.Random) -> bytes:
    if rng.random() < 0.25:
        words = ["attack", *rng.choice((["--name"], ["--without"], ["--modulus"])), rng.choice(ODD)]
        words += ["--name", rng.choice(("no such attack", "", "\x1b[0m"))]
        if rng.random() < 0.3:
            words.append("--json")
    else:
        command = rng.choice(("recommend", "recommend", "recommend", "quality"))
        words = [command, "--data", rng.choice(("{file}", "{file}", "{file}", "{folder}", "", "x"))]
        if command == "quality":
            words += ["--tested", "1"]
        for option in rng.sample(OPTIONS[command], rng.choice((0, 0, 1, 2))):
            value = rng.choice(ODD)
            words += [option, "{folder}/" + value if option == "--picture" else value]
        if rng.random() < 0.5:
            words.append("--json")
    if rng.random() < 0.05:
        words.insert(rng.randrange(len(words) + 1), rng.choice(ODD))
    rows = [f"{u},{i},{(u * i) % 5 + 1}" for u in range(6) for i in range(25)]
    text = "\n".join(rows).encode() if rng.random() < 0.7 else _make_ratings(rng)[1:]
    return json.dumps(words).encode() + b"\n" + text


def _words(data: bytes) -> str:
    line, _, content = data.partition(b"\n")
    try:
        words = json.loads(line)
        assert isinstance(words, list)
        assert all(isinstance(w, str) for w in words)
    except (ValueError, AssertionError):
        return "no words"
    with files(mine__txt=content) as place:
        words = [w.replace("{file}", str(place / "mine.txt")).replace("{folder}", str(place))
                 for w in words]
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.object(sys, "argv", ["mpclab", *words]),
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        ):
            try:
                cli.main()
            except SystemExit as ended:
                status = ended.code
    last = (err.getvalue().strip().splitlines() or [""])[-1]
    if status and "Traceback" in err.getvalue():
        raise Broken(f"a traceback: {last}")
    if status and out.getvalue().startswith("Usage"):
        return "help"
    if status and not (last.startswith("Error: ") and len(last.split()) > 3):
        raise Broken(f"exit status {status}, and no sentence: {err.getvalue()!r}")
    if status and not last.isprintable():
        raise Broken(f"the sentence has characters that a terminal may obey: {last!r}")
    return f"exit status {status or 0}"


def _make_modulus(rng: random.Random) -> bytes:
    pieces = ("2", "**", "61", "-", "1", "^", " ", "101", "٣", "9" * 25, "x", "0", "+", "\n", "²")
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(8))).encode()


def _prime(data: bytes) -> str:
    Field(_modulus(data.decode(errors="replace")))
    return "a field"


# -- measurements ---------------------------------------------------------------------------------


def _make_results(rng: random.Random) -> bytes:
    whole = json.dumps(
        {"format": "mpclab benchmarks 1", "online": {"anchors": {"online_seconds": 0.01}}}
    ).encode()
    way = rng.randrange(6)
    if way == 0:
        return rng.choice((b"[", b'{"a":', b"[{")) * rng.randrange(1, 30_000)
    if way == 1:
        return rng.randbytes(rng.randrange(200))
    at = rng.randrange(len(whole))
    if way == 2:
        return whole[:at]
    if way == 3:
        return whole[:at] + rng.randbytes(rng.randrange(1, 5)) + whole[at:]
    return whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]


def _results(data: bytes) -> str:
    with files(results__json=data) as place:
        found = read_results(place / "results.json")
    if found["format"] != "mpclab benchmarks 1":
        raise Broken("another format was taken")
    return "results"


# An id may have 64 characters and a title 200. They are kept in arrays of equal width, four bytes a
# character, so that one long name among short ones makes all of them long: hence the multiple.
NAMES_MULTIPLE = 200
TARGETS = (
    Target(
        "ratings", "a file of ratings, of any form and encoding",
        ("mpclab.datasets.files", "mpclab.datasets._table", "mpclab.datasets._source"),
        _make_ratings, _ratings, weight=40, short=120, constant=4 << 20,
        multiple=NAMES_MULTIPLE,
    ),
    Target(
        "titles", "a file of titles beside a good file of ratings",
        ("mpclab.datasets._titles",), _make_titles, _titles, weight=20, short=60, constant=4 << 20,
        multiple=NAMES_MULTIPLE,
    ),
    Target(
        "packed", "a gzipped file: cut, damaged, doubled, or a thousand times as large inside",
        ("mpclab.datasets._source",), _make_packed, _ratings, weight=20, short=60, constant=4 << 20,
        multiple=600,
    ),
    Target(
        "places", "a path: folders, loops, pipes, names that no file has",
        ("mpclab.datasets.files", "mpclab.datasets._titles"), _make_place, _place, weight=10,
        short=60, constant=4 << 20,
    ),
    Target(
        "experiments.load", "a file of ratings by its path, cut to a number of users and items",
        ("mpclab.experiments",), _make_load, _load, weight=10, short=30, constant=4 << 20,
    ),
    Target(
        "command line", "the words of a command, and the file that they name",
        ("mpclab.cli", "mpclab.attack_cli", "mpclab.experiments"), _make_words, _words, weight=2,
        short=12, seconds=30.0, constant=64 << 20, multiple=1000,
    ),
    Target(
        "results", "a file of measurements", ("mpclab.bench.results",), _make_results, _results,
        weight=5, short=60, constant=4 << 20, multiple=200,
    ),
    Target(
        "modulus", "a prime as people write it", ("mpclab.attack_cli", "mpclab.field"),
        _make_modulus, _prime, weight=3, short=200,
    ),
)
