"""Rows on disk: a recommender's store, for more users than fit into memory.

Every server has a folder of its own below the store's, readable by its owner alone. In it lie, for
every block of rows, one file with this server's shares and MACs of the rows and the masked rows E,
and for a while the large bundles of its material. The shares are its secret: whoever reads the
folders of all servers can read every rating. Nothing of another server is in them.

Files are mapped while they are read and written, so that one block of rows is resident at a time.
Without this server's part of the MAC key, which is in memory only, they cannot be taken into use
again: a store serves one recommender, once. Removing a file does not erase a disk: where that
matters, give a folder on an encrypted one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.network.endpoint import server_name
from mpclab.party import Server
from mpclab.preprocessing.disk import MappedFile
from mpclab.protocols.comparison import comparison_material
from mpclab.protocols.matrix import MaskedMatrix
from mpclab.recommender.encoding import Parameters
from mpclab.recommender.validity import row_statement
from mpclab.sharing import Share

__all__ = [
    "MEMORY", "MappedMatrix", "Store", "cohort_rows", "disk_bytes", "moved", "require_space",
]

MEMORY = 1 << 30
"""Bytes that the messages and temporaries of one cohort's upload may take, in all parties."""


def row_elements(parameters: Parameters) -> int:
    """Field elements that are kept of a user's row."""
    return parameters.dense + parameters.packed


def cohort_rows(parameters: Parameters, servers: int, memory: int = MEMORY) -> int:
    """How many rows go up in one session so that its messages stay within `memory` bytes.

    Every element of a row is, at the same time, in messages to and from all servers, in the
    servers' shares, MACs and masked rows, and in the client's and the dealer's work: taken as 7
    times per server and 6 times besides, which is more than was measured. With a proof, what it
    adds to the row counts too.

    >>> cohort_rows(Parameters(10_000, 1_000, validated=False), 2)
    13158

    Raises
    ------
    InputError
        If one row takes more than that.
    """
    elements = row_elements(parameters)
    if parameters.validated:
        statement = row_statement(parameters)
        elements += statement.witnesses + statement.proof
    each = 8 * elements * (7 * servers + 6)
    if memory < each:
        raise InputError(
            f"memory is {memory:,} bytes, and one row of {elements} elements takes {each:,} while "
            "it is uploaded: allow at least that"
        )
    return memory // each


def disk_bytes(
    parameters: Parameters, rows: int, servers: int, comparison: str = "tables", queries: int = 1
) -> int:
    """Bytes on disk per server: rows (shares, MACs, masked rows) and material for some queries.

    >>> disk_bytes(Parameters(1_000_000, 1_000, counts=False), 1_000_000, 2) // 10**9
    14
    """
    spec = comparison_material(
        Field(parameters.modulus), max(rows, 1), parameters.bits, comparison, servers
    )
    material = 0
    for part in getattr(spec, "parts", (spec,)):
        for e in part.layout():
            material += 8 * int(np.prod(e.shape, dtype=np.int64)) * (1 + e.authenticated)
        if hasattr(part, "private_expected"):
            for kind, shape in part.private_expected(Field(parameters.modulus)):
                size = int(np.prod(np.array(shape, np.int64)))
                material += size * (8 if kind else 1)
    return 24 * rows * row_elements(parameters) + queries * material


def require_space(folder: Path, wanted: int, what: str) -> None:
    """Raise InputError, with both numbers, if a folder's disk has less than `wanted` bytes free."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if wanted > free:
        raise InputError(
            f"{what} take about {wanted / 1e9:,.3g} GB on disk, and {free / 1e9:,.3g} GB are free "
            f"in {str(folder)!r}: take fewer of them, or a folder on a larger disk"
        )


class MappedMatrix(MaskedMatrix):
    """A masked matrix whose shares and masked entries lie in a file.

    `share` and `masked` are mapped while somebody holds them; products read them once, in the
    order in which they lie.
    """

    def __init__(self, file: MappedFile, name: str, masks: Share) -> None:
        self.file, self._name, self._key = file, name, masks.key
        file.array(name)[...] = masks.data

    @property
    def share(self) -> Share:
        """<V>, in the file."""
        return Share(self.file.array(self._name), self._key)

    @property
    def masked(self) -> Elements:
        """E, in the file."""
        return self.file.array(f"{self._name}, masked")

    def prepare(self, d: Share, c: Share) -> Share:
        """E <d> + <c>; E is not needed soon after that, and shares are."""
        out = super().prepare(d, c)
        self.file.forget_cached(f"{self._name}, masked")
        return out


class Store:
    """A folder with a folder for every server; see the module.

    Parameters
    ----------
    folder : str or Path
        It must not exist, or be empty.
    servers : sequence of Server

    Raises
    ------
    InputError
        If the folder holds something, or cannot be made.
    """

    def __init__(self, folder: str | Path, servers: Sequence[Server]) -> None:
        self.folder = Path(folder)
        shown = str(self.folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"the store {shown!r} is a file: give a folder that is not there yet")
        try:
            if self.folder.exists() and any(self.folder.iterdir()):
                raise InputError(
                    f"the store {shown!r} is not empty, and a store serves one recommender, once: "
                    "give another folder, or remove what an earlier one has left"
                )
            self._made = not self.folder.exists()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for server in servers:
                self.of(server).mkdir(mode=0o700)
        except OSError as error:
            raise InputError(
                f"the store {shown!r} cannot be made ({error.strerror}): give a folder that can "
                "be written to"
            ) from None
        for server in servers:
            server.pool.folder = self.of(server)
        self._servers = list(servers)

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r}, {len(self._servers)} servers)"

    def of(self, server: Server) -> Path:
        """The folder of one server."""
        return self.folder / server_name(server.key.index)

    def bytes_used(self) -> list[int]:
        """Bytes in every server's folder."""
        return [
            sum(file.stat().st_size for file in self.of(s).iterdir()) if self.of(s).exists() else 0
            for s in self._servers
        ]

    def remove(self) -> None:
        """Remove all servers' files, and the folder if it was made here."""
        for server in self._servers:
            shutil.rmtree(self.of(server), ignore_errors=True)
        if self._made and self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def moved(
    folder: Path | None, serial: int, masks: dict[str, Share]
) -> tuple[MaskedMatrix, MaskedMatrix]:
    """The masked matrices (rows, S) and (length, rows) of a block of rows.

    In memory without a folder; otherwise `masks` give up what they hold to a file.
    """
    if folder is None:
        return MaskedMatrix(masks["dense"]), MaskedMatrix(masks["packed"])
    dense, packed = masks.pop("dense"), masks.pop("packed")
    file = MappedFile(
        folder / f"rows {serial}",
        {
            "dense": (2, *dense.shape), "dense, masked": dense.shape,
            "packed": (2, *packed.shape), "packed, masked": packed.shape,
        },
    )
    whole = file.mapping()
    matrices = MappedMatrix(file, "dense", dense), MappedMatrix(file, "packed", packed)
    del whole
    return matrices
