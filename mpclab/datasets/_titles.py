"""Titles of items, from the file that comes beside the ratings.

MovieLens has ``movies.csv`` (comma, quoted where needed), ``movies.dat`` (``::``) and ``u.item``
(``|``, latin-1); the first two fields are id and title in all of them.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.datasets import _source
from mpclab.datasets._source import Source, printable, shorten
from mpclab.errors import InputError

__all__ = ["beside", "titles_for"]

TITLE_LIMIT = 200  # characters; longer titles are cut


def beside(ratings: Path) -> Path | None:
    """Return the title file that belongs to a ratings file by name, if it is there."""
    name = ratings.name.lower().removesuffix(".gz")
    if name == "u.data" or name.endswith((".base", ".test")):
        wanted = "u.item"
    elif name.startswith("ratings"):
        wanted = "movies.dat" if name.endswith(".dat") else "movies.csv"
    else:
        return None
    paths = (ratings.with_name(wanted), ratings.with_name(wanted + ".gz"))
    return next((path for path in paths if path.is_file()), None)


def titles_for(item_ids: npt.NDArray[Any], path: Path | None) -> npt.NDArray[np.str_]:
    """Return the title of every item, shape (n_items,); ``item <id>`` where none is known."""
    ids = item_ids.tolist()
    known = {} if path is None else _read(_source.read(path))
    if known and isinstance(ids[0], int):
        known = {int(key): title for key, title in known.items() if _is_whole(key)}
    if path is not None and not any(item in known for item in ids):
        raise InputError(f"{printable(path.name)} has a title for none of the {len(ids):,} items; "
                         f"its ids must be those of the ratings, for instance {ids[0]!r}")
    return np.array([known.get(item, f"item {item}") for item in ids])


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20


def _read(source: Source) -> dict[Any, str]:
    try:
        text = source.data.decode("utf-8")
    except UnicodeDecodeError:
        text = source.data.decode("latin-1")
    known: dict[Any, str] = {}
    separator, width = "", 0
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if len(line) > _source.LINE_LIMIT:
            raise source.error(number, f"{len(line):,} characters in one line; wanted id, title")
        if not line.strip():
            continue
        if not width:
            separator = _separator(line)
        try:
            row = _source.fields(line.rstrip("\n"), separator)
        except csv.Error:
            raise source.error(number, "quotation marks do not match: "
                               f"{shorten(line.strip())}") from None
        width = width or len(row)
        if len(row) != width or width < 2:
            raise source.error(number, f"{len(row)} fields in {shorten(line.strip())}; wanted "
                               f"{max(width, 2)}, id and title first; put a title that holds "
                               f"{separator!r} into double quotes")
        title = row[1] if len(row[1]) <= TITLE_LIMIT else row[1][:TITLE_LIMIT - 1] + "…"
        if row[0] in known:
            raise source.error(number, f"the id {shorten(row[0])} has a title already; give one")
        known[row[0]] = title
    return known


def _separator(line: str) -> str:
    """Return the separator of a title file: ``::``, tab, or the first of ``|``, ``;``, comma."""
    for candidate in ("::", "\t"):
        if candidate in line:
            return candidate
    return min("|;,", key=lambda mark: line.find(mark) if mark in line else len(line))
