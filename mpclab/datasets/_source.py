r"""From a path to clean text: find the file, unpack it, refuse what is not text.

What comes out (`Source`) is UTF-8 or latin-1 text as bytes, with line ends ``\n`` whatever the
file had, so that line k here is line k in an editor. Every refusal names the file, and the line
where there is one.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mpclab.errors import InputError

__all__ = ["Source", "delimiter", "fields", "printable", "read", "shorten"]

SIZE_LIMIT = 4 << 30  # bytes of text; the 25 million ratings of MovieLens are 0.7 GB
LINE_LIMIT = 1 << 16  # bytes in one line
# No user rates an item twice, so that ratings cannot repeat themselves as a packed bomb does:
# unpacked they are four times their size, seldom ten.
RATIO_LIMIT, RATIO_FREE = 50, 1 << 20
DELIMITERS = ("::", "\t", "|", ";", ",")
CONTROL = bytes(c for c in range(32) if c not in b"\t\n\r") + b"\x7f"


@dataclass(frozen=True)
class Source:
    """The text of one file: its short name for error sentences, and its bytes."""

    name: str
    data: bytes

    def error(self, line: int, problem: str) -> InputError:
        """Return the sentence for a problem in a line (counted from 1)."""
        return InputError(f"{self.name}, line {line}: {problem}")

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds byte `offset`."""
        return self.data.count(b"\n", 0, offset) + 1


def shorten(text: object, limit: int = 40) -> str:
    """Return `text` quoted for an error sentence, at most `limit` characters of it."""
    shown = str(text)
    return repr(shown if len(shown) <= limit else shown[:limit - 1] + "…")


def printable(name: str) -> str:
    """Return the name of a file for a sentence: with no character that a terminal may obey."""
    return name if name.isprintable() else repr(name)


def read(path: Path) -> Source:
    """Read and unpack a text file; InputError for whatever is not one."""
    name = printable(path.name)
    try:
        if not path.exists():
            raise InputError(f"there is no file {str(path)!r}; give the path of a ratings file")
        if not path.is_file():
            raise InputError(f"{str(path)!r} is not a regular file; give a text file of ratings")
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                data = _unpacked(name, raw)
            elif os.fstat(raw.fileno()).st_size <= SIZE_LIMIT:
                data = raw.read()  # told a size, it would take that much memory at once
            else:
                raise _too_large(name)
    except (OSError, EOFError, zlib.error, ValueError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"{name} cannot be read: {shorten(problem, 90)}; is it whole, and may "
                         "you read it?") from None
    except MemoryError:
        raise InputError(f"{name} does not fit into memory; give a part of it") from None
    if len(data) > SIZE_LIMIT:
        raise _too_large(name)
    if data.startswith(b"PK\x03\x04"):
        raise InputError(f"{name} is a zip archive; unpack it and give the ratings file in it")
    return Source(name, _clean(name, data))


def _too_large(name: str) -> InputError:
    return InputError(f"{name} holds more than {SIZE_LIMIT >> 30} GB of text; give a part of it")


def _unpacked(name: str, raw: BinaryIO) -> bytes:
    """What is in a gzipped file, unless it is out of all proportion to the file."""
    size = raw.seek(0, 2)
    raw.seek(0)
    most = min(SIZE_LIMIT, RATIO_FREE + RATIO_LIMIT * size)
    with gzip.GzipFile(fileobj=raw) as unpacked:
        data = unpacked.read(most + 1)
    if most < len(data) <= SIZE_LIMIT:
        raise InputError(f"{name} has {size:,} bytes and unpacks to more than {most:,}, which no "
                         "file of ratings does; unpack it, look at it, and give what is in it")
    return data


def _clean(name: str, data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    source = Source(name, data)
    if len(data.translate(None, CONTROL)) != len(data):
        bad = re.search(b"[" + re.escape(CONTROL) + b"]", data)
        assert bad is not None
        raise source.error(source.line_at(bad.start()),
                           f"the byte {bad.group()!r} does not occur in text; this looks like a "
                           "binary file (or UTF-16): give UTF-8 text")
    if not data.strip():
        raise InputError(f"{name} is empty; wanted one rating a line: user, item, rating")
    return data.rstrip()


def decode(source: Source) -> str:
    """Return the text if it is UTF-8, else InputError with the line."""
    try:
        return source.data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise source.error(source.line_at(problem.start),
                           f"the byte {source.data[problem.start:problem.start + 1]!r} is not "
                           "UTF-8; save the file as UTF-8") from None


def delimiter(line: str, wanted: int) -> str:
    """Guess what separates the fields of `line`: "" stands for runs of blanks.

    The first of ``::``, tab, ``|``, ``;``, comma, blanks that gives `wanted` fields or more; if
    none does, the one that gives the most.
    """
    best, most = ",", 0
    for candidate in (*DELIMITERS, ""):
        try:
            count = len(fields(line, candidate))
        except csv.Error:
            continue
        if count >= wanted:
            return candidate
        if count > most:
            best, most = candidate, count
    return best


def fields(line: str, separator: str) -> list[str]:
    """Split a line, stripping blanks; double quotes protect a separator of one character.

    Raises csv.Error for a quotation mark that is never closed, or text after a closed one.
    """
    if separator == "":
        return re.split(r"[ \t]+", line.strip(" \t\n"))
    if '"' not in line or separator == "::":
        return [field.strip() for field in line.split(separator)]
    row = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
    return [field.strip() for field in row]
