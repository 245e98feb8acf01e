"""Ratings from files: the packaged MovieLens data, and whatever a user has in a similar form."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from mpclab.datasets import _source
from mpclab.datasets._table import Table, parse
from mpclab.datasets._titles import beside, titles_for
from mpclab.datasets.ratings import Ratings, by_popularity, from_triples
from mpclab.errors import InputError

__all__ = ["load_movielens", "load_ratings"]

NAMES = ("ratings.csv", "ratings.dat", "u.data")  # looked for in a directory, in this order
MOVIELENS = "ml-latest-small"


@lru_cache(maxsize=1)
def load_movielens() -> Ratings:
    """Return the real data that come with mpclab: MovieLens ml-latest-small.

    100,004 ratings in half stars by 671 users, who rated at least 20 films each, of 9,066 films;
    for research, not for commercial use (see ``data/README.md``). Read once per process.

    Returns
    -------
    Ratings
        Shape (671, 9066), users by id, columns most rated first.

    Raises
    ------
    InputError
        If the data folder is missing from the installation.

    Examples
    --------
    >>> from mpclab.datasets import load_movielens
    >>> real = load_movielens()
    >>> real.n_users, real.n_items, real.n_ratings
    (671, 9066, 100004)
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "_data" / MOVIELENS, package.parent / "data" / MOVIELENS]
    for folder in places:
        if (folder / "ratings.csv").is_file():
            return _load(folder / "ratings.csv", folder / "movies.csv", f"MovieLens {MOVIELENS}")
    raise InputError(f"the MovieLens data are in neither {places[0]} nor {places[1]}; install "
                     "mpclab again, or give your own file to load_ratings(path)")


def load_ratings(path: str | os.PathLike[str],
                 titles: str | os.PathLike[str] | None = None) -> Ratings:
    r"""Read a file of ratings, one a line: user, item, rating, and a timestamp that is ignored.

    The fields may be separated by commas, tabs, ``::``, ``;``, ``|`` or blanks; a header may name
    the columns, in any order (userId, movieId, rating and common variants; other columns are
    ignored). Without one the order is user, item, rating. This covers the files of all MovieLens
    releases: ``ratings.csv``, ``ratings.dat``, ``u.data``, also gzipped. Blank lines are skipped.
    The file is UTF-8 text of at most 4 GB, with no line over 64 kB.

    A million ratings take a quarter of a second; files with quoted fields or blank lines among the
    data, and files with an error in them, up to 3 seconds per million.

    Parameters
    ----------
    path : path
        The file, or a directory that holds ratings.csv, ratings.dat or u.data.
    titles : path, optional
        A file whose first two fields are item id and title; UTF-8 or else latin-1. Without it,
        movies.csv, movies.dat or u.item is taken where it stands beside the ratings.
        Items without a title are called ``item <id>``; titles are cut at 200 characters.

    Returns
    -------
    Ratings
        Users sorted by id, columns most rated first. Ids are whole numbers if all users' (all
        items') are, else strings.

    Raises
    ------
    InputError
        With file name, line number and the offending text, if a rating is not 0.5 to 5 stars in
        steps of 0.5, a line has too few or too many fields, a user rates an item twice, an id is
        missing, over 64 characters or 2^63 or more, or the file is missing, empty or not text.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "mine.csv")
    >>> _ = file.write_text("user,film,stars\nann,Alien,4.5\nbob,Alien,3\nbob,Brazil,5\n")
    >>> from mpclab.datasets import load_ratings
    >>> load_ratings(file).matrix()
    array([[ 9,  0],
           [ 6, 10]], dtype=uint8)
    """
    file = _path(path)
    if file.is_dir():
        file = _inside(file)
    found = beside(file) if titles is None else _path(titles)
    return _load(file, found, _source.printable(file.name))


def _path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"a path must be a string or a Path, not {path!r}")
    try:
        file = Path(path).expanduser()
        file.exists()
    except (OSError, ValueError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise InputError(f"{_source.shorten(path)} is no path: {why}") from None
    return file


def _inside(folder: Path) -> Path:
    for name in NAMES:
        for file in (folder / name, folder / f"{name}.gz"):
            if file.is_file():
                return file
    try:
        there = sorted(_source.printable(entry.name) for entry in folder.iterdir())
    except OSError as problem:
        raise InputError(f"the directory {str(folder)!r} cannot be read: {problem}") from None
    held = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "") if there else "nothing"
    raise InputError(f"the directory {str(folder)!r} has no {', '.join(NAMES)}; it holds {held}: "
                     "give the path of the ratings file")


def _load(file: Path, titles: Path | None, name: str) -> Ratings:
    source = _source.read(file)
    table = parse(source)
    _no_repeats(source, table)
    order = by_popularity(table.items, table.item_ids)
    column = np.empty(len(order), np.int64)
    column[order] = np.arange(len(order))
    item_ids = table.item_ids[order]
    return from_triples(table.user_ids, item_ids, titles_for(item_ids, titles), table.users,
                        column[table.items], table.half_stars, name)


def _no_repeats(source: _source.Source, table: Table) -> None:
    pair = table.users * len(table.item_ids) + table.items
    order = np.argsort(pair, kind="stable")
    again = np.flatnonzero(np.diff(pair[order]) == 0) + 1
    if len(again):
        place = again[np.argmin(order[again])]
        second, first = order[place], order[place - 1]
        user = table.user_ids[table.users[second]].item()
        item = table.item_ids[table.items[second]].item()
        raise source.error(int(table.lines[second]),
                           f"user {_source.shorten(user)} has rated item {_source.shorten(item)} "
                           f"already in line {table.lines[first]}; keep one of the two")
