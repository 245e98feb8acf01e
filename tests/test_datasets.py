"""Ratings: the real ones, files of every shape and every kind of damage, the synthetic world."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from mpclab.datasets import Ratings, _table, load_movielens, load_ratings, synthetic
from mpclab.datasets._source import Source
from mpclab.errors import InputError

DATA = Path(__file__).resolve().parents[1] / "data"


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def complaint(path: Path, titles: Path | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load_ratings(path, titles)
    return str(caught.value)


# The packaged data


def test_packaged_files_have_their_checksums() -> None:
    lines = (DATA / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    there = {str(p.relative_to(DATA)) for p in (DATA / "ml-latest-small").iterdir()}
    assert there == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    assert sums["ml-latest-small/ratings.csv"].startswith("b4239649fbf90ebf")


def test_movielens_is_what_its_readme_says() -> None:
    real = load_movielens()
    assert (real.n_users, real.n_items, real.n_ratings) == (671, 9066, 100_004)
    assert np.diff(real.indptr).min() == 20
    assert real.density == pytest.approx(100_004 / (671 * 9066))
    popularity = np.bincount(real.items)
    assert (np.diff(popularity) <= 0).all()
    tied = np.diff(popularity) == 0
    assert (np.diff(real.item_ids)[tied] > 0).all()
    assert "Misérables, Les (1995)" in real.titles.tolist()
    # user 1, film 31 (Dangerous Minds): the first line of ratings.csv
    row, column = real.user_index(1), real.item_ids.tolist().index(31)
    mine = slice(real.indptr[row], real.indptr[row + 1])
    assert real.half_stars[mine][real.items[mine] == column].tolist() == [5]
    assert real.titles[column] == "Dangerous Minds (1995)"


def test_import_is_light() -> None:
    code = "import sys, mpclab.datasets; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=DATA.parent).returncode == 0


# The table


@pytest.fixture
def small(tmp_path: Path) -> Ratings:
    text = "u,i,r\n1,7,4\n1,8,0.5\n2,7,5\n2,9,3.5\n3,9,2\n3,8,1\n4,5,3\n"
    return load_ratings(put(tmp_path, "small.csv", text))


def test_columns_are_most_rated_first(small: Ratings) -> None:
    assert small.item_ids.tolist() == [7, 8, 9, 5]
    assert small.matrix().tolist() == [[8, 1, 0, 0], [10, 0, 7, 0], [0, 2, 4, 0], [0, 0, 0, 6]]
    assert small.matrix().dtype == np.uint8
    assert small.titles.tolist() == ["item 7", "item 8", "item 9", "item 5"]


def test_select_counts_among_the_selected_users(small: Ratings) -> None:
    picked = small.select(users=3, items=2)
    assert picked.item_ids.tolist() == [7, 8]
    assert picked.matrix().tolist() == [[8, 1], [10, 0], [0, 2]]
    assert small.select(users=2).item_ids.tolist() == [7, 8, 9, 5]
    assert small.select().matrix().tolist() == small.matrix().tolist()
    one_step = load_movielens().select(300, 80)
    two_steps = load_movielens().select(users=300).select(items=80)
    assert (one_step.matrix() == two_steps.matrix()).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.select(users=5), "5 users were asked for, but small.csv has only 4"),
        (lambda r: r.select(items=5), "5 items were asked for, but small.csv has only 4"),
        (lambda r: r.select(users=0), "users is 0: it must be a whole number of at least 1"),
        (lambda r: r.select(items=2.0), "items is 2.0: it must be a whole number of at least 1"),
        (lambda r: r.select(items=True), "is True"),
        (lambda r: r.user_index(9), "no user 9 in small.csv.*whole numbers.*1, 2, 3"),
        (lambda r: r.user_index("1"), "no user '1'"),
        (lambda r: r.user_index(True), "no user True"),
        (lambda r: r.split(1.0, 0), "fraction must lie between 0 and 1, not 1.0"),
        (lambda r: r.split(float("nan"), 0), "not nan"),
        (lambda r: r.split("half", 0), "not 'half'"),
        (lambda r: r.split(0.2, -1), "seed is -1: it must be a whole number of at least 0"),
    ],
)
def test_what_a_table_refuses(small: Ratings, call: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call(small)  # type: ignore[operator]


def test_split_is_a_partition_by_user_and_reproducible() -> None:
    real = load_movielens()
    train, test = real.split(0.2, seed=3)
    assert np.array_equal(train.matrix() + test.matrix(), real.matrix())
    assert not (train.matrix() & test.matrix()).any() or train.n_ratings + test.n_ratings == 100_004
    counts = np.diff(real.indptr)
    assert np.array_equal(np.diff(test.indptr), np.floor(0.2 * counts + 0.5))
    assert np.array_equal(real.split(0.2, 3)[1].items, test.items)
    assert not np.array_equal(real.split(0.2, 4)[1].items, test.items)


def test_split_leaves_everybody_something_to_train_on(small: Ratings) -> None:
    train, test = small.split(0.9, seed=0)
    assert np.diff(train.indptr).tolist() == [1, 1, 1, 1]
    assert np.diff(test.indptr).tolist() == [1, 1, 1, 0]


def test_tables_are_read_only_and_consistent(small: Ratings) -> None:
    with pytest.raises(ValueError, match="read-only"):
        small.half_stars[0] = 1
    parts = (small.user_ids, small.item_ids, small.titles, small.indptr, small.items)
    with pytest.raises(InputError, match=r"1\.\.10 half stars"):
        Ratings(*parts, small.half_stars * 2)
    with pytest.raises(InputError, match="titles"):
        Ratings(*parts[:2], small.titles[:1], *parts[3:], small.half_stars)
    with pytest.raises(InputError, match="indptr"):
        Ratings(*parts[:3], small.indptr[:-1], small.items, small.half_stars)


def test_a_matrix_too_large_is_refused() -> None:
    n = 100_000
    ids = np.arange(n)
    empty = Ratings(ids, ids, ids.astype(str), np.zeros(n + 1, np.int64),
                    np.zeros(0, np.int32), np.zeros(0, np.uint8))
    with pytest.raises(InputError, match=r"10\.0 GB; use select"):
        empty.matrix()
    assert "0 ratings" in repr(empty)


# Files as they should be: all of these say the same three ratings

EXPECTED = [[9, 0], [6, 10]]  # users 1, 2 x items 3 (twice rated), 4

SHAPES = {
    "u.data": "2\t4\t5\t881250949\n1\t3\t4.5\t881250949\n2\t3\t3\t881250949\n",
    "ratings.dat": "1::3::4.5::97\n2::3::3::98\n2::4::5::99\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,3,4.5,97\n2,3,3.0,98\n2,4,5.0,99\n",
    "order.csv": "timestamp,Rating,Movie ID,user_id\n97,4.5,3,1\n98,3,3,2\n99,5,4,2\n",
    "bare.csv": "1,3,4.5\n2,3,3\n2,4,5\n",
    "semicolon.txt": "user;item;stars;note\n1;3;4.5;a, b\n2;3;3;\n2;4;5;c\n",
    "pipe.txt": "1|3|4.5\n2|3|3\n2|4|5",
    "blanks.txt": "1 3   4.5\n  2 3 3\n2\t4 5  \n",
    "crlf.csv": "1,3,4.5\r\n2,3,3\r\n2,4,5\r\n",
    "mac.csv": "1,3,4.5\r2,3,3\r2,4,5\r",
    "bom.csv": "\ufeffuserId,movieId,rating\n1,3,4.5\n2,3,3\n2,4,5\n",
    "gaps.csv": "\n1,3,4.5\n\n2,3,3\n   \n2,4,5\n\n\n",
    "quoted.csv": '"userId","movieId","rating","why"\n"1","3","4.5","a, b"\n2,3,3,\n2,4,5,x\n',
    "signs.csv": "+1,03,+4.50\n2,3,.3e1\n02,4,5.\n",
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_shape_is_read(tmp_path: Path, name: str, packed: bool) -> None:
    data = SHAPES[name].encode()
    path = put(tmp_path, name + ".gz" if packed else name, gzip.compress(data) if packed else data)
    table = load_ratings(path)
    assert table.user_ids.tolist() == [1, 2]
    assert table.item_ids.tolist() == [3, 4]
    assert table.matrix().tolist() == EXPECTED
    assert table.name == path.name
    kinds = (table.items.dtype, table.half_stars.dtype, table.indptr.dtype, table.user_ids.dtype)
    assert kinds == (np.int32, np.uint8, np.int64, np.int64)


def test_string_ids_and_both_ways_of_reading(tmp_path: Path) -> None:
    text = "ann, Alien, 4.5\nzoë, Alien, 3\nzoë, Brazil, 5\n"
    for name, more in (("fast.csv", ""), ("slow.csv", "\n\nzoë,Dune,1")):
        table = load_ratings(put(tmp_path, name, text + more))
        assert table.user_ids.tolist() == ["ann", "zoë"]
        assert table.item_ids.tolist()[:2] == ["Alien", "Brazil"]
        assert table.matrix()[:, :2].tolist() == EXPECTED
        assert table.user_index("zoë") == 1
    with pytest.raises(InputError, match="strings as ids, for instance 'ann', 'zoë'"):
        table.user_index("bob")


@pytest.mark.parametrize(
    ("ratings", "titles", "text"),
    [
        ("ratings.csv", "movies.csv",
         'movieId,title,genres\n3,"Good, the Bad, The (1966)",War|Drama\n4,Alien,Horror\n'),
        ("ratings.dat", "movies.dat",
         "3::Good, the Bad, The (1966)::War|Drama\n4::Alien::Horror\n"),
        ("u.data", "u.item",
         "3|Good, the Bad, The (1966)|01-Jan-1966||http|0\n4|Alien|01-Jan-1979||http|1\n"),
    ],
)
def test_titles_beside_the_ratings(tmp_path: Path, ratings: str, titles: str, text: str) -> None:
    path = put(tmp_path, ratings, SHAPES[ratings])
    put(tmp_path, titles, text)
    wanted = ["Good, the Bad, The (1966)", "Alien"]
    assert load_ratings(path).titles.tolist() == wanted
    assert load_ratings(str(tmp_path)).titles.tolist() == wanted  # the directory
    other = put(tmp_path, "other.csv", SHAPES["bare.csv"])
    assert load_ratings(other).titles.tolist() == ["item 3", "item 4"]
    assert load_ratings(other, tmp_path / titles).titles.tolist() == wanted


def test_titles_in_latin_1_long_and_missing(tmp_path: Path) -> None:
    path = put(tmp_path, "u.data", SHAPES["u.data"])
    put(tmp_path, "u.item", b"4|Cit\xe9|x\n9|" + b"long" * 99 + b"|y\n")
    assert load_ratings(path).titles.tolist() == ["item 3", "Cité"]


# Files as they should not be

BROKEN = [
    ("1,2,3\n1,3,abc\n", "line 2: rating 'abc' is not a number; a rating is 0.5 to 5 stars"),
    ("1,2,3\n1,3,\n", "line 2: rating '' is not a number"),
    ("1,2,3\n1,3,nan\n", "line 2: rating 'nan' is not a number"),
    ("1,2,3\n1,3,inf\n", "line 2: rating 'inf' is not a number"),
    ("1,2,3\n1,3,1_0\n", "line 2: rating '1_0' is not a number"),
    ("1,2,3\n\n1,3,5.5\n", "line 3: rating '5.5' is out of range"),
    ("1,2,3\n1,3,0\n", "line 2: rating '0' is out of range"),
    ("1,2,3\n1,3,-3\n", "line 2: rating '-3' is out of range"),
    ("1,2,3\n1,3,1e400\n", "line 2: rating '1e400' is out of range"),
    ("1,2,3\n1,3,3.7\n", "line 2: rating '3.7' is not a multiple of 0.5"),
    ("1;2;3,5\n", "line 1: rating '3,5' is not a number; write a decimal point"),
    ("1,2,3,9\n1,3,3\n", "line 2: 3 fields in '1,3,3'; wanted 4 as in the first line"),
    ("1,2,3\n1,3,3,4\n", "line 2: 4 fields in '1,3,3,4'; wanted 3"),
    ("1,2,3,9\n1,3,3\n1,4,3,4,5", "line 2: 3 fields"),
    ("1::2::3\n1::3\n", "line 2: 2 fields"),
    ("1 2 3\n1 3\n", "line 2: 2 fields"),
    ("1,2\n3,4\n", "line 1: 2 fields in '1,2'; wanted user, item, rating"),
    ("1,2,3,4,5\n", "line 1: 5 fields in '1,2,3,4,5'; wanted user, item, rating"),
    ("hello\n", "line 1: 1 field in 'hello'"),
    ("userId,movieId,timestamp\n1,2,3\n", "line 1: no column for the rating among 'userId'"),
    ("user,user,rating\n1,2,3\n", "line 1: more than one column for the user"),
    ("\n\nuserId,movieId,rating\n", "has a header but no ratings"),
    ("1,2,3\n1,2,4\n", "line 2: user '1' has rated item '2' already in line 1"),
    ("u,i,r\n1,2,3\n2,2,3\n\n1,3,1\n01,2,3\n2,2,1\n",
     "line 6: user '1' has rated item '2' already in line 2"),
    ("1,2,3\n1,,3\n", "line 2: the item id is empty"),
    ("1,2,3\n 3,9223372036854775808,3\n", "line 2: the item id '9223372036854775808' is too large"),
    ("20000000000000000000,,1", "line 1: the user id '20000000000000000000' is too large"),
    ("1,2,3\n" + "9" * 5000 + ",3,3\n", "line 2: the user id '999"),
    ("1,2,3\n" + "x" * 65 + ",3,3\n", "line 2: the user id 'xxx"),
    ("1,2,3\n" + "x" * 70_000 + ",3,3\n", "line 2: 70,004 bytes in one line"),
    ("x" * 70_000, "line 1: 70,000 bytes in one line"),
    ('1,2,3\n"1,3,3\n', "line 2: quotation marks do not match"),
    ('"1,2,3\n', "line 1: "),
    ("1,2,3\n1,\x003,3\n", "line 2: the byte b'\\x00' does not occur in text"),
    (b"1,2,3\n1,\xff\xfe,3\n", "line 2: the byte b'\\xff' is not UTF-8"),
    ("userId,movieId,rating\n1,2,3\n".encode("utf-16"), "UTF-16"),
    (b"PK\x03\x04" + bytes(50), "is a zip archive; unpack it"),
    (b"\x1f\x8b" + bytes(50), "cannot be read"),
    (gzip.compress(b"1,2,3\n" * 99)[:-9], "cannot be read"),
    (b"", "is empty; wanted one rating a line"),
    (b" \n\r\n\t\n", "is empty"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN, ids=range(len(BROKEN)))
def test_every_damage_is_a_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    told = complaint(put(tmp_path, "mine.csv", text))
    assert said in told
    assert told.startswith("mine.csv")
    assert len(told) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("movieId,title\n3,a\n3,b\n", "movies.csv, line 3: the id '3' has a title already"),
        ("movieId,title\n3,Good, Bad\n", "line 2: 3 fields in '3,Good, Bad'; wanted 2"),
        ('movieId,title\n3,"Good\n', "line 2: quotation marks do not match"),
        ("3\n4\n", "line 1: 1 fields in '3'; wanted 2"),
        ("7,a\n8,b\n", "has a title for none of the 2 items"),
        ("3," + "x" * 70_000, "line 1: 70,002 characters in one line"),
        ("", "movies.csv is empty"),
        ("3,\x01", "line 1: the byte b'\\x01'"),
    ],
)
def test_broken_titles(tmp_path: Path, text: str, said: str) -> None:
    put(tmp_path, "movies.csv", text)
    assert said in complaint(put(tmp_path, "ratings.csv", SHAPES["ratings.csv"]))


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    assert "there is no file" in complaint(tmp_path / "nothing.csv")
    assert "holds nothing" in complaint(tmp_path)
    put(tmp_path, "tags.csv", "x")
    assert "has no ratings.csv, ratings.dat, u.data; it holds tags.csv" in complaint(tmp_path)
    assert "not a regular file" in complaint(Path("/dev/zero"))
    good = put(tmp_path, "good.csv", SHAPES["bare.csv"])
    assert "there is no file" in complaint(good, tmp_path / "no-titles.csv")
    with pytest.raises(InputError, match="must be a string or a Path, not 7"):
        load_ratings(7)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        load_ratings("a\0b")


# Junk: Ratings or InputError, nothing else; and both ways of reading agree

bits = st.sampled_from(
    ["1", "2", "-3", "007", "ann", "é", "4.5", "0.5", "5", "3.7", "nan", "1e0", "", " ", "x y",
     '"', '"a"', ",", ",", ",", "\t", "::", ";", "|", "\n", "\n", "\n", "\r\n", "\r", "1,2,3\n",
     "2,2,4.5\n", "user,item,rating\n", "\u00a0", "\u2028", "\x85", "\x00", "9" * 25])
junk = st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda t: t.encode("utf-8")),
                 st.lists(bits, max_size=40).map(lambda parts: "".join(parts).encode()))


@settings(max_examples=400, deadline=None)
@given(data=junk, packed=st.booleans())
def test_junk_gives_ratings_or_a_sentence(tmp_path_factory: pytest.TempPathFactory,
                                          data: bytes, packed: bool) -> None:
    path = put(tmp_path_factory.getbasetemp(), "ratings.csv",
               gzip.compress(data) if packed else data)
    try:
        table = load_ratings(path)
    except InputError:
        return
    assert table.n_ratings >= 1
    assert repr(table).startswith("Ratings(")


row = st.tuples(st.sampled_from(["1", "02", " 3", "+4", "-5", "ann", "é", "1.0", "", "9" * 19]),
                st.sampled_from(["1", "2 ", "x", "1e3", "\u00a0"]),
                st.sampled_from(["4", "4.5", "+1", " 2", "3.", ".5", "5e0", "6", "x", ""]))


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=6),
       separator=st.sampled_from([",", "\t", "::", ";", "|", " "]))
def test_the_fast_way_accepts_nothing_that_the_slow_way_does_not(
        rows: list[tuple[str, str, str]], separator: str) -> None:
    text = "\n".join(separator.join(fields) for fields in rows)
    source = Source("junk.csv", text.encode().rstrip())
    assume(source.data)  # an empty file is refused before
    try:
        plan = _table.layout(source)
    except InputError:
        return
    fast = _table._fast(source, plan)
    if fast is None:
        return
    slow = _table.scan(source, plan)
    for field in ("user_ids", "item_ids", "users", "items", "half_stars", "lines"):
        assert getattr(fast, field).tolist() == getattr(slow, field).tolist()


# The synthetic world

M = 1000


@pytest.fixture(scope="module")
def real() -> Ratings:
    return load_movielens().select(items=M)


@pytest.fixture(scope="module")
def made() -> Ratings:
    return synthetic(10_000, M, seed=5)


def popularity(table: Ratings, ids: np.ndarray) -> np.ndarray:
    """Fraction of users who rated each of `ids`."""
    place = np.argsort(table.item_ids)[np.searchsorted(np.sort(table.item_ids), ids)]
    return np.bincount(table.items, minlength=table.n_items)[place] / table.n_users


def test_synthetic_density_within_two_percent(real: Ratings, made: Ratings) -> None:
    assert (made.n_users, made.n_items) == (10_000, M)
    assert made.density == pytest.approx(real.density, rel=0.02)


def test_synthetic_popularity_like_the_real_one(real: Ratings, made: Ratings) -> None:
    ours, theirs = popularity(made, real.item_ids), popularity(real, real.item_ids)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.abs(ours / theirs - 1).mean() < 0.06
    assert (np.diff(np.bincount(made.items)) <= 0).all()
    assert set(made.titles) == set(real.titles)


def test_synthetic_histogram_within_a_percent_point(real: Ratings, made: Ratings) -> None:
    ours, theirs = (np.bincount(t.half_stars, minlength=11) / t.n_ratings for t in (made, real))
    assert np.abs(ours - theirs).max() < 0.01
    assert made.half_stars.mean() == pytest.approx(real.half_stars.mean(), abs=0.1)


def test_synthetic_ratings_per_user_like_the_real_ones(real: Ratings, made: Ratings) -> None:
    levels = [5, 25, 50, 75, 95]
    ours, theirs = (np.diff(t.indptr) for t in (made, real))
    assert np.percentile(ours, levels) == pytest.approx(np.percentile(theirs, levels), rel=0.08)
    assert ours.min() >= theirs.min() == 4
    assert ours.max() <= theirs.max()


def test_synthetic_is_deterministic() -> None:
    first, again, other = synthetic(300, 50, 1), synthetic(300, 50, 1), synthetic(300, 50, 2)
    assert (first.matrix() == again.matrix()).all()
    assert not np.array_equal(first.items, other.items)


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = synthetic(300, 50, 1)
    monkeypatch.setattr("mpclab.datasets.generate.CELLS", 50 * 7)
    assert (synthetic(300, 50, 1).matrix() == whole.matrix()).all()


def lift(table: Ratings, dense: int = 20) -> tuple[float, float]:
    """Gain of neighbours over everybody: in hits among ten, and in root mean square error.

    Neighbours are users with a cosine of 0.3 over the ratings (minus 3.25 stars) of the dense
    items; hits are held-out ratings of 4 stars or more among the ten films they rate most.
    """
    train, test = (part.matrix().astype(np.float32) for part in table.split(0.2, seed=1))
    vectors = np.where(train[:, :dense] > 0, train[:, :dense] - 6.5, 0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(length, 1e-6)
    near = (vectors @ vectors.T >= 0.3).astype(np.float32)
    np.fill_diagonal(near, 0)
    asks = (train[:, :dense] > 0).sum(1) >= 5
    train, test = train[:, dense:], test[:, dense:]
    everybody = np.ones_like(near) - np.eye(len(near), dtype=np.float32)
    hits, error = [], []
    for chosen in (near, everybody):
        total, count = chosen @ train, chosen @ (train > 0)
        score = np.where(train > 0, -1, total)
        top = np.argsort(-score, axis=1, kind="stable")[:, :10]
        hits.append(np.take_along_axis(test >= 8, top, 1)[asks].mean())
        mean = total.sum(1, keepdims=True) / count.sum(1, keepdims=True).clip(1)
        guess = (total + 5 * mean) / (count + 5)
        held = (test > 0) & asks[:, None]
        error.append(np.sqrt(np.square(guess - test)[held].mean()))
    return float(hits[0] / hits[1]), float(error[0] / error[1])


def test_taste_groups_give_filtering_something_to_find(real: Ratings) -> None:
    real_hits, real_error = lift(real)
    hits, error = lift(synthetic(1500, M, seed=2))
    assert real_hits > 1.15
    assert real_error < 1.0
    assert hits > 1.15
    assert error < 0.99
    shuffled = synthetic(1500, M, seed=2)
    rng = np.random.default_rng(0)  # the same films and histogram, without any tastes
    mixed = Ratings(shuffled.user_ids, shuffled.item_ids, shuffled.titles, shuffled.indptr,
                    shuffled.items, rng.permutation(shuffled.half_stars))
    assert lift(mixed)[1] > 0.998


@pytest.mark.parametrize(("users", "items"), [(1, 1), (5, 3), (40, 20), (30, 9066)])
def test_synthetic_small_and_wide(users: int, items: int) -> None:
    table = synthetic(users, items, seed=0)
    assert (table.n_users, table.n_items) == (users, items)
    assert np.diff(table.indptr).min() >= (20 if items == 9066 else 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((10, 9067), "9,067 items were asked for, but there are only 9,066 real films"),
        ((0, 10), "users is 0: it must be a whole number of at least 1"),
        ((10, 0), "items is 0: it must be a whole number of at least 1"),
        ((10, 10, -1), "seed is -1: it must be a whole number of at least 0"),
        ((2.5, 10), r"is 2\.5"),
        ((10**12, 1000), "too many to draw"),
    ],
)
def test_what_the_generator_refuses(arguments: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        synthetic(*arguments)
