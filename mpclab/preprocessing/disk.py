"""Arrays in files: what is too large for memory lies on disk and is mapped while it is used.

A `MappedFile` holds named arrays for long; a mapping lives as long as somebody looks at an array
of it, so that memory is resident for what is in work only. A `SpilledBundle` is one bundle of
material: it is read once, and its file is deleted when it is taken, before anything is read, so
that what is used once cannot be used twice, after a crash neither.

Files are made for their whole length at once: a full disk is a sentence when the file is made, and
never a signal in the middle of a computation.
"""

from __future__ import annotations

import contextlib
import errno
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mpclab.errors import MaterialError
from mpclab.field import Elements
from mpclab.once import NotCopied
from mpclab.sharing import Share

__all__ = ["MappedFile", "Spilled", "SpilledBundle", "material_bytes"]

_PAGE = 4096


def _create(path: Path, size: int) -> int:
    """A new file of this many bytes that only its owner may read; its descriptor."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise MaterialError(
            f"the file {path.name!r} cannot be made in {str(path.parent)!r} ({error.strerror}): "
            "give a folder that can be written to"
        ) from None
    try:
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:
            os.truncate(descriptor, size)
    except OSError as error:
        os.close(descriptor)
        path.unlink()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else str(error.strerror)
        raise MaterialError(
            f"{size / 1e9:.3g} GB could not be written to {str(path.parent)!r}: {why}; free some "
            "space or give a folder on a larger disk"
        ) from None
    return descriptor


class MappedFile(NotCopied):
    """Named arrays of 64-bit words in one file, mapped while somebody looks at them.

    Parameters
    ----------
    path : Path
        A file that does not exist yet.
    shapes : mapping of str to tuple of int
        The arrays, all zeros at first.

    Raises
    ------
    MaterialError
        If the file cannot be made, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = MappedFile(Path(folder) / "rows", {"a": (2, 3), "b": (4,)})
    ...     file.array("b")[:] = 7
    ...     print(file.array("b"), file.array("a").shape, file.size)
    [7 7 7 7] (2, 3) 8192
    """

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.path = path
        self._at: dict[str, tuple[int, tuple[int, ...]]] = {}
        end = 0
        for name, shape in shapes.items():  # each from a page of its own
            self._at[name] = end // 8, shape
            words = int(np.prod(shape, dtype=np.int64))
            end += -(-8 * words // _PAGE) * _PAGE
        #: bytes on disk
        self.size = end
        self._live: weakref.ref[np.memmap[Any, Any]] | None = None
        os.close(_create(path, end))

    def __repr__(self) -> str:
        return f"MappedFile({self.path.name!r}, {self.size:,} bytes, contents hidden)"

    def array(self, name: str) -> Elements:
        """One of the arrays: reading and writing go to the file."""
        whole = self.mapping()
        start, shape = self._at[name]
        size = int(np.prod(shape, dtype=np.int64))
        return np.asarray(whole[start : start + size]).reshape(shape)

    def mapping(self) -> np.memmap[Any, Any]:
        """The whole file; whoever holds it keeps it mapped for all `array`s."""
        live = None if self._live is None else self._live()
        if live is None:
            try:
                live = np.memmap(self.path, np.uint64, "r+")
            except FileNotFoundError:
                raise MaterialError(
                    "this recommender's store was closed and its files are removed: nothing more "
                    "comes out of it"
                ) from None
            self._live = weakref.ref(live)
        return live

    def remove(self) -> None:
        """Delete the file."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def forget_cached(self, name: str) -> None:
        """Tell the system that this array is not needed soon: its memory serves others."""
        if not hasattr(os, "posix_fadvise"):
            return
        start, shape = self._at[name]
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.posix_fadvise(
                descriptor, 8 * start, 8 * int(np.prod(shape, dtype=np.int64)),
                os.POSIX_FADV_DONTNEED,
            )
        finally:
            os.close(descriptor)


def material_bytes(material: Mapping[str, Any]) -> int:
    """Bytes of a bundle's arrays and keys."""
    return sum(
        _nbytes(part)
        for value in material.values()
        for part in (value if isinstance(value, tuple) else (value,))
    )


def _nbytes(part: Any) -> int:
    if isinstance(part, Share):
        part = part.data
    return part.nbytes if isinstance(part, np.ndarray) else len(part)


class Spilled(dict[str, Any]):
    """A bundle that was taken from disk: its arrays are mapped, and its file is gone already."""


class SpilledBundle(NotCopied):
    """A bundle of material on disk: written when it arrives, `take`n once.

    Parameters
    ----------
    path : Path
        A file that does not exist yet; every entry of the bundle gets a range of it.
    material : mapping
        Shares, arrays, and (under the name of private parts) tuples of arrays and bytes.
    """

    def __init__(self, path: Path, material: Mapping[str, Any]) -> None:
        self._path = path
        self._parts: list[tuple[str, bool, Any, str, tuple[int, ...], int]] = []
        end, bodies = 0, []
        for name, value in material.items():
            several = isinstance(value, tuple)
            for part in value if several else (value,):
                key = part.key if isinstance(part, Share) else None
                data = part.data if isinstance(part, Share) else part
                body = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
                self._parts.append((name, several, key, body.dtype.str, body.shape, end))
                bodies.append((end, body))
                end += -(-max(body.nbytes, 1) // _PAGE) * _PAGE
        descriptor = _create(path, end)
        with os.fdopen(descriptor, "r+b") as file:
            for start, body in bodies:
                file.seek(start)
                if body.size:
                    file.write(np.ascontiguousarray(body).reshape(-1).view(np.uint8).data)

    def __repr__(self) -> str:
        return f"SpilledBundle({self._path.name!r}, contents hidden)"

    def take(self) -> Spilled:
        """The bundle, mapped; its file is deleted."""
        taken = Spilled()
        try:
            for name, several, key, dtype, shape, start in self._parts:
                size = int(np.prod(shape, dtype=np.int64))
                body = np.asarray(
                    np.memmap(self._path, dtype, "c", start, shape) if size
                    else np.empty(shape, dtype)
                )
                part = body if key is None else Share(body, key)
                if several:
                    taken.setdefault(name, ())
                    taken[name] += (part,)
                else:
                    taken[name] = part
        except FileNotFoundError:
            raise MaterialError(
                f"the file {self._path.name!r} of preprocessed material is gone: preprocess anew"
            ) from None
        self.discard()
        return taken

    def discard(self) -> None:
        """Delete the file: nothing of it will be used any more."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
