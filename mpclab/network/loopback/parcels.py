"""What goes through the pipes between the parent and its servers' processes: pickles, guarded.

A parcel is a pickle and the large buffers beside it, so that arrays are read into place without a
copy. `pack_for` packs what one server is to hold, and refuses, by looking at every object on its
way, to let anything of another server's into it. Pipes join a parent and its own children, so that
unpickling is safe; what comes over sockets is never unpickled.

>>> import numpy as np
>>> parcel = pack({"x": np.arange(3)})
>>> unpack([bytes(piece) for piece in parcel])
{'x': array([0, 1, 2])}
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

from mpclab.errors import InputError, MpclabError
from mpclab.party import Party, Server
from mpclab.preprocessing.pool import Pool
from mpclab.randomness import Source
from mpclab.sharing import KeyShare

__all__ = ["Parcel", "pack", "pack_for", "read", "unpack", "write"]

Parcel = list[Any]
"""A pickle and its buffers: bytes-like objects."""

_HEAD = struct.Struct("<I")
_PIECE = struct.Struct("<QB")
_CHUNK = 1 << 20
_ROOM = 1 << 17  # so much memory a piece gets at first; more only as its bytes arrive
_MOST, _LARGEST = 1 << 24, 1 << 40  # no parcel has more pieces, and no piece more bytes


def pack(content: Any) -> Parcel:
    """Pickle public content."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    return [data, *buffers]


class _Guarded(pickle.Pickler):
    """A pickler that knows whose parcel it packs."""

    def __init__(self, file: Any, index: int, parties: Sequence[Party], buffers: list[Any]) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._index = index
        self._parties = {id(party): k for k, party in enumerate(parties)}

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, Party) and id(obj) in self._parties:
            return self._parties[id(obj)]  # the process makes its own
        if isinstance(obj, KeyShare) and obj.index != self._index:
            raise InputError(
                f"something of server {obj.index}'s was about to be moved to server "
                f"{self._index}'s process: a server may hold its own only"
            )
        if getattr(obj, "__module__", None) == "__main__":
            raise InputError(
                f"an argument holds {getattr(obj, '__qualname__', type(obj).__name__)}, which is "
                "defined in a notebook or in the main program, where other processes cannot find "
                "it: put it into a .py file and import it from there"
            )
        if isinstance(obj, (Party, Server, Pool, Source)) or type(obj).__name__ == "SecretArray":
            raise InputError(
                f"a {type(obj).__name__} cannot be moved to another process: give secrets as "
                "arguments of their own, not inside of others, and else public values only"
            )
        return None


def pack_for(index: int, content: Any, parties: Sequence[Party] = ()) -> Parcel:
    """Pickle what server `index` is to hold; its `parties` become references by number.

    Raises InputError if anything of another server's is in it, or if it cannot be pickled.
    """
    file, buffers = io.BytesIO(), list[Any]()
    try:
        _Guarded(file, index, parties, buffers).dump(content)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"an argument cannot be moved to another process: {error}") from error
    return [file.getvalue(), *buffers]


class _Unpickler(pickle.Unpickler):
    def __init__(self, parcel: Parcel, party: Callable[[int], Any]) -> None:
        super().__init__(io.BytesIO(parcel[0]), buffers=parcel[1:])
        self._party = party

    def persistent_load(self, number: Any) -> Any:
        return self._party(number)


def unpack(parcel: Parcel, parties: Sequence[Any] = ()) -> Any:
    """The content again; `parties` stand for those of `pack_for`."""
    return _Unpickler(parcel, parties.__getitem__).load()


def write(pipe: BinaryIO, parcel: Parcel) -> None:
    """Write a parcel into an unbuffered pipe."""
    _write_all(pipe, _HEAD.pack(len(parcel)))
    for piece in parcel:
        with pickle.PickleBuffer(piece).raw() as raw:
            _write_all(pipe, _PIECE.pack(raw.nbytes, raw.readonly))
            _write_all(pipe, raw)


def _write_all(pipe: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while len(view):
        view = view[pipe.write(view[:_CHUNK]) :]


def read(pipe: BinaryIO) -> Parcel:
    """Read a parcel from an unbuffered pipe.

    Raises EOFError at the pipe's end, and MpclabError for what cannot be the head of a parcel.
    Memory is taken as bytes arrive, whatever a head announces.
    """
    (count,) = _HEAD.unpack(_read_all(pipe, _HEAD.size))
    if count > _MOST:
        raise MpclabError(f"a parcel announces {count:,} pieces, and at most {_MOST:,} fit")
    parcel: Parcel = []
    for _ in range(count):
        size, readonly = _PIECE.unpack(_read_all(pipe, _PIECE.size))
        if size > _LARGEST:
            raise MpclabError(f"a parcel announces {size:,} bytes, and at most {_LARGEST:,} fit")
        piece = _read_all(pipe, size)
        parcel.append(piece.toreadonly() if readonly else piece)
    return parcel


def _read_all(pipe: BinaryIO, size: int) -> memoryview:
    data, at = bytearray(), 0
    while at < size:
        if at == len(data):
            data += bytes(min(size, max(2 * at, _ROOM)) - at)
        with memoryview(data) as room, room[at:] as free:
            n = cast(Any, pipe).readinto(free)
        if not n:
            raise EOFError("the pipe has ended")
        at += n
    return memoryview(data)
