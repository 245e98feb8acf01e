"""From clean text to one (user, item, half stars) per rating, fast or by the line.

`parse` first lets pandas read the whole table at once; its result is taken only if every line
was accounted for. Otherwise `scan` goes through the file line by line: it copes with blank lines
and quoted fields, and finds the line of whatever is wrong. Both judge ids and ratings by the same
functions (`star_value`, `tidy_ids`), so that what is accepted does not depend on the way.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.datasets import _source
from mpclab.datasets._source import Source, shorten
from mpclab.errors import InputError

__all__ = ["Table", "parse", "scan"]

ALIASES = {
    "user": {"user", "users", "userid", "uid", "u", "customer", "customerid", "reviewer",
             "reviewerid"},
    "item": {"item", "items", "itemid", "iid", "i", "movie", "movieid", "film", "filmid",
             "product", "productid", "book", "bookid", "isbn", "asin"},
    "rating": {"rating", "ratings", "stars", "score", "value", "r"},
}
WANTED = "user, item, rating"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
ID_LIMIT = 64  # characters


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: separator, its fields per line, and where the three columns are."""

    separator: str
    width: int
    columns: tuple[int, int, int]
    first: int  # number of the first line of data


@dataclass(frozen=True)
class Table:
    """One entry per rating: codes into the sorted ids, value, and its line in the file."""

    user_ids: npt.NDArray[Any]
    item_ids: npt.NDArray[Any]
    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    half_stars: npt.NDArray[np.uint8]
    lines: npt.NDArray[np.int64]


def star_value(text: str) -> int:
    """Return a rating's half stars, 1 to 10; ValueError with half a sentence if it has none."""
    rule = "a rating is 0.5 to 5 stars in steps of 0.5"
    if NUMBER.fullmatch(text) is None:
        hint = "; write a decimal point" if NUMBER.fullmatch(text.replace(",", ".")) else ""
        raise ValueError(f"rating {shorten(text)} is not a number{hint}; {rule}")
    halves = 2 * float(text)
    if not 1 <= halves <= 10:
        raise ValueError(f"rating {shorten(text)} is out of range; {rule}")
    if halves != int(halves):
        raise ValueError(f"rating {shorten(text)} is not a multiple of 0.5; {rule}")
    return int(halves)


def id_problem(text: str) -> str | None:
    """Return what is wrong with an id, or None."""
    if not text:
        return "is empty; every rating needs one"
    if INTEGER.fullmatch(text) and (len(text) > 30 or not -(2**63) <= int(text) < 2**63):
        return f"{shorten(text)} is too large; whole numbers below 2^63 are taken"
    if len(text) > ID_LIMIT:
        return f"{shorten(text)} is too long; at most {ID_LIMIT} characters are taken"
    return None


def tidy_ids(texts: list[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Sort distinct ids, as numbers if all are: the sorted ids, and the new code of each old one.

    >>> tidy_ids(["10", "9", "09"])
    (array([ 9, 10]), array([1, 0, 0]))
    """
    numeric = all(INTEGER.fullmatch(text) for text in texts)
    ids = np.array([int(text) for text in texts], np.int64) if numeric else np.array(texts)
    found, codes = np.unique(ids, return_inverse=True)
    return found, codes


def layout(source: Source) -> Layout:
    """Find out separator, header and columns from the first line that is not blank."""
    number, line = next((k, text) for k, text in enumerate(_lines(source), 1) if text.strip())
    if len(line) > _source.LINE_LIMIT:
        raise source.error(number, f"{len(line):,} bytes in one line; wanted {WANTED}")
    text = line.decode("utf-8").rstrip("\n")
    separator = _source.delimiter(text, 3)
    try:
        row = _source.fields(text, separator)
    except csv.Error:
        raise source.error(number, f"a quotation mark is not closed: {shorten(text)}") from None
    width = len(row)
    roles = [_role(field) for field in row]
    if any(roles) and not any(NUMBER.fullmatch(field) for field in row):
        return Layout(separator, width, _named(source, number, row, roles), number + 1)
    if 3 <= width <= 4:
        return Layout(separator, width, (0, 1, 2), number)
    raise source.error(number, f"{_count(width)} in {shorten(text)}; wanted {WANTED} (and a "
                       "timestamp if you like), separated by commas, tabs, '::', ';', '|' or "
                       "blanks, or a header that names these columns")


def _lines(source: Source) -> io.BytesIO:
    return io.BytesIO(source.data)


def _count(number: int) -> str:
    return "1 field" if number == 1 else f"{number} fields"


def _role(field: str) -> str | None:
    plain = re.sub(r"[^a-z]", "", field.lower())
    return next((role for role, names in ALIASES.items() if plain in names), None)


def _named(source: Source, number: int, row: list[str],
           roles: list[str | None]) -> tuple[int, int, int]:
    found = []
    for role in ALIASES:
        if roles.count(role) != 1:
            names = ", ".join(shorten(field, 20) for field in row[:6])
            what = "no column" if role not in roles else "more than one column"
            raise source.error(number, f"{what} for the {role} among {names}; wanted a header "
                               "such as userId,movieId,rating")
        found.append(roles.index(role))
    return found[0], found[1], found[2]


def parse(source: Source) -> Table:
    """Read all ratings; InputError with the line number for whatever is wrong."""
    if not source.data.isascii():
        _source.decode(source)
    plan = layout(source)
    table = _fast(source, plan)
    return scan(source, plan) if table is None else table


def _fast(source: Source, plan: Layout) -> Table | None:
    """Read everything at once, or return None if anything at all is unusual."""
    import pandas as pd

    data = source.data
    for _ in range(plan.first - 1):
        data = data[data.find(b"\n") + 1:] if b"\n" in data else b""
    separator = plan.separator
    if not data or b'"' in data:
        return None
    if separator == "::":
        if b"\t" in data:
            return None
        data, separator = data.replace(b"::", b"\t"), "\t"
    elif separator == "":
        data, separator = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", data), "\t"
        data = re.sub(rb"[ \t]+", b"\t", data)
    count = data.count(b"\n") + 1
    mark = separator.encode()
    others = bytes(set(range(256)) - set(mark + b"\n"))
    if data.translate(None, others) + b"\n" != (mark * (plan.width - 1) + b"\n") * count:
        return None  # some line has too few fields, or too many
    user, item, rating = plan.columns
    # Ids are tried as whole numbers (those that pandas itself takes for such: told to, it would
    # read "1e3" as 1000), then as texts. Ratings are few different texts, judged one by one.
    for kind in ({}, {user: object, item: object}):
        try:
            frame = pd.read_csv(
                io.BytesIO(data), sep=separator, header=None, names=list(range(plan.width)),
                usecols=list(plan.columns), quoting=csv.QUOTE_NONE, na_filter=False,
                skip_blank_lines=False, encoding="utf-8", engine="c", low_memory=False,
                dtype={rating: object, **kind})
            if len(frame) != count:
                return None
            codes, texts = pd.factorize(frame[rating].to_numpy())
            values = np.array([star_value(text.strip()) for text in texts], np.uint8)
            if not kind and not (frame[user].dtype == frame[item].dtype == "int64"):
                continue
            user_ids, users = _coded(frame[user])
            item_ids, items = _coded(frame[item])
        except (ValueError, OverflowError, pd.errors.ParserError):
            continue
        return Table(user_ids, item_ids, users, items, values[codes],
                     np.arange(plan.first, plan.first + count))
    return None


def _coded(column: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    import pandas as pd

    if column.dtype == "int64":
        codes, ids = pd.factorize(column.to_numpy(), sort=True)
        return ids, codes
    codes, found = pd.factorize(column.to_numpy())
    if not all(isinstance(text, str) for text in found):
        raise ValueError
    texts = [text.strip() for text in found]
    if any(id_problem(text) for text in texts):
        raise ValueError
    ids, moved = tidy_ids(texts)
    return ids, moved[codes]


def scan(source: Source, plan: Layout) -> Table:
    """Read line by line: 2 to 3 microseconds a line, and every problem with its line number."""
    users, items, lines = array("q"), array("q"), array("q")
    half_stars = array("B")
    codes: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for number, raw in enumerate(_lines(source), 1):
        if number < plan.first or not raw.strip():
            continue
        user, item, value = _row(source, plan, number, raw)
        users.append(codes[0].setdefault(user, len(codes[0])))
        items.append(codes[1].setdefault(item, len(codes[1])))
        half_stars.append(value)
        lines.append(number)
    if not lines:
        raise InputError(f"{source.name} has a header but no ratings; wanted one a line")
    user_ids, moved_users = tidy_ids(list(codes[0]))
    item_ids, moved_items = tidy_ids(list(codes[1]))
    return Table(user_ids, item_ids, moved_users[np.array(users)], moved_items[np.array(items)],
                 np.array(half_stars, np.uint8), np.array(lines))


def _row(source: Source, plan: Layout, number: int, raw: bytes) -> tuple[str, str, int]:
    if len(raw) > _source.LINE_LIMIT:
        raise source.error(number, f"{len(raw):,} bytes in one line; wanted {WANTED}")
    text = raw.decode("utf-8").rstrip("\n")
    try:
        row = _source.fields(text, plan.separator)
    except csv.Error:
        raise source.error(number, f"quotation marks do not match: {shorten(text)}") from None
    if len(row) != plan.width:
        raise source.error(number, f"{_count(len(row))} in {shorten(text)}; wanted "
                           f"{plan.width} as in the first line")
    user, item, stars = (row[column] for column in plan.columns)
    for what, text in (("user", user), ("item", item)):
        problem = id_problem(text)
        if problem:
            raise source.error(number, f"the {what} id {problem}")
    try:
        return user, item, star_value(stars)
    except ValueError as problem:
        raise source.error(number, str(problem)) from None
