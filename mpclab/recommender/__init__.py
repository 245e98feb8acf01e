"""Private recommendations: the application of the framework, from upload to result.

Many users upload their ratings in masked form; n servers find the users who are similar to a
requester and add up what they thought of everything else; only the requester learns the sums.
Collaborative filtering as in Erkin, Veugen, Toft, Lagendijk, IEEE TIFS 7(3), 2012, in the
framework of Veugen, de Haan, Cramer, Muller, IEEE TIFS 10(3), 2015.

>>> import numpy as np
>>> from mpclab.lab import Lab
>>> ratings = np.array([[8, 2, 9, 0], [8, 2, 7, 3], [1, 9, 0, 10]], np.uint8)  # half stars
>>> recommender = Recommender(Lab(servers=3, seed=1), Parameters(users=3, items=4, dense=2,
...                                                              min_dense=2))
>>> recommender.preprocess(rows=3, queries=1)
>>> recommender.upload(ratings)
3
>>> result = recommender.recommend(ratings[0], threshold=0.9, user=0)
>>> result.neighbours, result.sums.tolist(), result.counts.tolist()
(1, [7, 3], [1, 1])
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole, whole
from mpclab.client import Client
from mpclab.errors import InputError, MaterialError, MpclabError, Refused, Rejected
from mpclab.field import Elements
from mpclab.network.endpoint import server_name
from mpclab.party import Party
from mpclab.preprocessing.material import ZeroTest
from mpclab.protocols.comparison import comparison_material
from mpclab.recommender import protocol
from mpclab.recommender.encoding import (
    MIN_DENSE,
    THRESHOLD,
    Packing,
    Parameters,
    check_ratings,
    dense_vectors,
    plaintext,
    released,
    unquantised,
)
from mpclab.recommender.noise import Calibration, Noise
from mpclab.recommender.protocol import Block, RowMasks
from mpclab.recommender.queue import PreparedQueue
from mpclab.recommender.release import release_material
from mpclab.recommender.storage import MEMORY, Store, cohort_rows, disk_bytes, require_space
from mpclab.recommender.validity import row_statement, witnesses

if TYPE_CHECKING:
    from mpclab.lab import Lab, Session

__all__ = [
    "MIN_DENSE",
    "THRESHOLD",
    "Calibration",
    "Noise",
    "Packing",
    "Parameters",
    "PreparedQuery",
    "PreparedQueue",
    "Recommendation",
    "Recommender",
    "plaintext",
    "released",
    "unquantised",
]

_BLOCKS = "recommender"


@dataclass(frozen=True)
class Recommendation:
    """What the requester learns, and nothing else does anybody.

    Attributes
    ----------
    sums : array of shape (M - S,)
        Sum of the neighbours' ratings of every scored item, in half stars.
    counts : array of shape (M - S,)
        How many neighbours rated it.
    neighbours : int
        How many users are similar enough.
    session : str
        The session in the lab's transcript.
    withheld : bool
        Whether there were fewer neighbours than `Parameters.min_neighbours`; then everything else
        is 0, and that is all that the requester learns.
    noise : Calibration or None
        How much noise is in sums, counts and neighbours, each of which may then be negative; None
        if they are exact.
    """

    sums: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    neighbours: int
    session: str = ""
    withheld: bool = False
    noise: Calibration | None = None

    @classmethod
    def read(
        cls, parameters: Parameters, totals: Elements, neighbours: int, session: str = ""
    ) -> Recommendation:
        """What `protocol.client_query` gives, unpacked: packed totals (length,) and L."""
        sums, counts = parameters.packing.unpack(totals, parameters.scored)
        numbers = sums, counts, neighbours
        withheld = bool(parameters.min_neighbours) and neighbours < parameters.min_neighbours
        return cls(*released(parameters, numbers), session, withheld, parameters.calibration)

    def predicted(
        self, own: npt.ArrayLike | None = None, damping: float = 5.0
    ) -> npt.NDArray[np.float64]:
        """Predicted stars per scored item: the neighbours' mean, damped towards their overall mean.

        An item rated by few neighbours is drawn to the mean of all their ratings, as if `damping`
        more neighbours had given it that. With the requester's `own` half stars (M - S,; 0 where
        there is none) the prediction is shifted by how much it rates above its neighbours, damped
        alike; the requester does that alone. Without any neighbour the prediction is NaN. Of noisy
        results what is negative counts as 0, and predictions lie between half a star and five.
        """
        sums, counts = np.maximum(self.sums, 0), np.maximum(self.counts, 0)
        total = counts.sum()
        mean = sums.sum() / total if total else np.nan
        stars: npt.NDArray[np.float64] = (sums + damping * mean) / (counts + damping) / 2
        if self.noise is not None:
            stars = np.clip(stars, 0.5, 5.0)
        if own is None:
            return stars
        mine = np.asarray(own)
        rated = mine > 0
        above = (mine[rated] / 2 - stars[rated]).sum() / (rated.sum() + damping)
        return np.clip(stars + above, 0.5, 5.0)

    def ranking(self, own: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
        """Scored items from best to worst, by the sum of the neighbours' ratings.

        The sum counts both how many neighbours chose an item and how they liked it; on held-out
        real ratings it finds more liked titles than their mean does. What no neighbour has rated
        is left out, and so is what the requester has rated itself (`own`).
        """
        score = np.where(np.asarray(0 if own is None else own) > 0, 0, self.sums)
        order = np.argsort(-score, kind="stable")
        return order[score[order] > 0]


@dataclass
class PreparedQuery:
    """A query that is ready except for the query itself: for one requester, for one use.

    `rows` is how many rows there were masks for: those that the query can see.
    """

    recommender: Recommender
    session: Session
    client: Client
    rho: npt.NDArray[np.uint64]
    servers: list[protocol.Prepared]
    user: int
    rows: int
    used: bool = False

    def __repr__(self) -> str:
        return f"PreparedQuery({self.session.name!r} for {self.client.endpoint.name!r})"

    @property
    def void(self) -> bool:
        """Whether rows were taken out since (`Recommender.settle`): prepare another."""
        return any(held.void for held in self.servers)


class Recommender:
    """The recommender on a lab's simulated servers, phase by phase.

    Parameters
    ----------
    lab : Lab
    parameters : Parameters
        Sizes and scales, public to everybody.
    store : str, Path or None
        A folder for more rows than fit into memory: each server keeps its part of all rows (shares
        and MACs, secret from everybody else, and masked rows) and of large material in files in a
        folder of its own below it, which only this user of the machine can read. It must not be
        there yet, or be empty. `close` removes it, also at the end of a `with` block and of the
        program. None: everything stays in memory. (A lab that keeps the messages' contents keeps
        them in memory all the same: give it `contents=False`.)
    cohort : int or None
        How many rows go up in one session, at most. Without it, with a store: as many as `memory`
        allows; in memory: as many as `preprocess` is asked for.
    memory : int
        Bytes that a cohort's messages and temporaries may take, at all parties together.

    Raises
    ------
    InputError
        If the field is too small, the lab has a recommender already, the store holds something or
        cannot be written to, or `memory` is too little for a row.

    Examples
    --------
    >>> import tempfile
    >>> from mpclab.lab import Lab
    >>> ratings = np.array([[8, 2, 9], [8, 2, 7], [1, 9, 5]], np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder, Recommender(
    ...     Lab(seed=1), Parameters(3, 3, dense=2, min_dense=2), store=folder, cohort=2
    ... ) as recommender:
    ...     recommender.preprocess(rows=3)
    ...     recommender.preprocess(queries=1)
    ...     print(recommender.upload(ratings), recommender.recommend(ratings[0], 0.9, 0).sums)
    3 [7]
    """

    def __init__(
        self,
        lab: Lab,
        parameters: Parameters,
        *,
        store: str | Path | None = None,
        cohort: int | None = None,
        memory: int = MEMORY,
    ) -> None:
        if parameters.modulus != lab.field.modulus:
            raise InputError(
                f"the parameters are for the modulus {parameters.modulus}, the lab's field is "
                f"{lab.field}: give both the same"
            )
        # a sentence now, if similarities cannot be compared in this field
        comparison_material(lab.field, 1, parameters.bits, lab.settings.comparison, lab.n)
        release_material(parameters, lab.settings.comparison, lab.n)
        self.statement = row_statement(parameters) if parameters.validated else None
        self.lab = lab
        self.parameters = parameters
        if _BLOCKS in lab.servers[0].storage:
            raise InputError("this lab has a recommender already: make another Lab for another")
        if cohort is not None and (not is_whole(cohort) or cohort < 1):
            raise InputError(f"cohort is {cohort!r}: it is a number of rows, 1 or more, or None")
        if cohort is None and store is not None:
            cohort = cohort_rows(parameters, lab.n, memory)
        #: how many rows go up in one session, at most; None: as many as there are
        self.cohort = cohort
        #: where the rows lie; None: in memory
        self.store = None if store is None else Store(store, lab.servers)
        self._removed = (
            None if self.store is None else weakref.finalize(self, self.store.remove)
        )
        for server in lab.servers:
            server.storage[_BLOCKS] = []
        self._row_masks: list[tuple[int, RowMasks]] = []
        self._uploaded: list[npt.NDArray[np.int64]] = []  # who tried to, refused or not

    def __repr__(self) -> str:
        p = self.parameters
        return (
            f"Recommender({p.users:,} users, {p.items:,} items, {p.dense} dense; "
            f"{self.users:,} uploaded; {self.lab})"
        )

    def __enter__(self) -> Recommender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self, keep: bool = False) -> None:
        """Forget all rows, and remove the store's files unless they are to be kept.

        What is kept is of use for looking at only: the servers' parts of the key are not in it.
        """
        for server in self.lab.servers:
            server.storage[_BLOCKS].clear()
            server.pool.drop_spilled()
            server.pool.folder = None
        self._row_masks.clear()
        if self._removed is not None:
            if keep:
                self._removed.detach()
            else:
                self._removed()

    # -- phases ---------------------------------------------------------------------------------

    def preprocess(self, rows: int = 0, queries: int = 0) -> None:
        """Make masks for `rows` more users, and material for `queries` queries on all rows so far.

        Nothing of it depends on any input. Rows come first: a query sees the rows whose masks
        existed when its material was made. They are made cohort by cohort.

        Raises InputError, before anything is made, if there would be more than `parameters.users`
        rows, or the store's disk has too little space for them; MaterialError if it fills up.
        """
        p = self.parameters
        rows, queries = whole("rows", rows), whole("queries", queries)
        if self.capacity + rows > p.users:
            raise InputError(
                f"masks for {rows} more rows would make {self.capacity + rows}, but the packing "
                f"is made for at most {p.users} users"
            )
        if self.store is not None:
            of_queries = disk_bytes(p, self.capacity + rows, self.lab.n,
                                    self.lab.settings.comparison, queries)
            of_queries -= disk_bytes(p, self.capacity + rows, self.lab.n, queries=0)
            wanted = disk_bytes(p, rows, self.lab.n, queries=0) + of_queries
            if self.statement is not None:  # masks of the proofs, until the upload
                wanted += 16 * rows * (self.statement.witnesses + self.statement.proof)
            what = f"{rows:,} more rows and {queries} queries of {self.lab.n} servers"
            require_space(self.store.folder, self.lab.n * wanted, what)
        for start in range(0, rows, self.cohort or max(rows, 1)):
            self._preprocess_rows(min(rows - start, self.cohort or rows))
        if queries:
            if not self._row_masks:
                raise InputError("there are no rows to ask yet: preprocess rows first")
            sizes = [(serial, spec.rows) for serial, spec in self._row_masks]
            specs = protocol.query_material(p, sizes, self.lab.settings.comparison, self.lab.n)
            for _ in range(queries):
                self.lab.preprocess([*specs, *[ZeroTest(protocol.QUERIES)] * 2])

    def _preprocess_rows(self, rows: int) -> None:
        """Masks for one block of rows, at every server."""
        spec = RowMasks(rows, self.parameters.dense, self.parameters.packed)
        others = protocol.upload_material(self.statement, rows)
        serial, *_ = self.lab.preprocess([spec, *others])
        made: list[Block] = []
        try:
            for server in self.lab.servers:
                _, held = server.pool.take(spec)
                folder = None if self.store is None else self.store.of(server)
                made.append(Block(serial, held, folder))
                del held
        except BaseException:  # a full disk: what one server has not, no server keeps
            for server in self.lab.servers:
                server.pool.burn(spec, serial)
            for block in made:
                block.discard()
            raise
        self._row_masks.append((serial, spec))
        for server, block in zip(self.lab.servers, made, strict=True):
            server.storage[_BLOCKS].append(block)

    def upload(
        self,
        ratings: npt.NDArray[np.uint8] | Iterator[npt.NDArray[np.uint8]],
        ids: npt.ArrayLike | None = None,
    ) -> int:
        """Upload one row per user: half stars (users, M); returns how many rows were stored.

        Users are called 0, 1, 2 .. unless `ids` says otherwise; a known id replaces its row. A
        refused user loses its mask; everybody else's rows go in.

        `ratings` may also be a memory-mapped array, or an iterator of such arrays for one group of
        users after the other, so that they need not all be in memory. They go up in a session per
        cohort: after an abort in one of them, the rows of those before it are in.
        """
        if isinstance(ratings, Iterator):
            stored = start = 0
            numbers = None if ids is None else self._checked_ids(ids, None)
            for group in ratings:
                stop = start + len(group)
                mine = np.arange(start, stop) if numbers is None else numbers[start:stop]
                stored += self.upload(group, mine)
                start = stop
            return stored
        if np.ndim(ratings) != 2:
            check_ratings(ratings, self.parameters.items)  # says what is wrong
        parts = self._free_parts(len(ratings))
        if len(parts) == 1:
            return self._upload_cohort(ratings, ids)
        numbers = self._checked_ids(np.arange(len(ratings)) if ids is None else ids, len(ratings))
        for part in parts:  # nothing goes up if anything is wrong
            check_ratings(ratings[part], self.parameters.items)
        return sum(self._upload_cohort(ratings[part], numbers[part]) for part in parts)

    def _upload_cohort(self, ratings: npt.NDArray[np.uint8], ids: npt.ArrayLike | None) -> int:
        matrix = check_ratings(ratings, self.parameters.items)
        dense = dense_vectors(matrix[:, : self.parameters.dense], self.parameters.scale)
        packed = self.parameters.packing.pack(matrix[:, self.parameters.dense :])
        return self.upload_encoded(self.lab.field.array(dense), packed, ids)

    def upload_encoded(
        self,
        dense: npt.NDArray[np.uint64],
        packed: npt.NDArray[np.uint64],
        ids: npt.ArrayLike | None = None,
        proved: npt.NDArray[np.uint64] | None = None,
    ) -> int:
        """Upload rows of field elements as they are: what a dummy user might send.

        `proved` are the witnesses (W, users) of the statement on the rows; None: those that honest
        users would give.
        """
        users = len(dense)
        if self.statement is not None and proved is None:
            proved = witnesses(self.parameters, dense, packed)
        block = self._free_block(users)
        numbers = self._checked_ids(np.arange(users) if ids is None else ids, users)
        self._uploaded.append(numbers)
        session = self.lab.session("upload")
        crowd = Client(session.endpoint("users", crowd=users), self.lab.source(session.name))
        outcomes = session.run(
            "upload",
            lambda party: protocol.upload(
                party, _blocks(party), _blocks(party)[block], crowd.endpoint.name, numbers,
                self.statement,
            ),
            others=[
                (
                    crowd.endpoint,
                    protocol.client_upload(crowd, dense, packed, proved, self.statement),
                )
            ],
        )
        outcomes.raise_failure()
        return int(outcomes[server_name(0)].sum())

    def _checked_ids(self, ids: npt.ArrayLike, users: int | None) -> npt.NDArray[np.int64]:
        numbers = np.asarray(ids)
        if (
            numbers.shape != (numbers.size if users is None else users,)
            or numbers.dtype.kind not in "iu"
            or not 0 <= numbers.min(initial=0) <= numbers.max(initial=0) < 2**63
        ):
            raise InputError(
                f"ids have shape {numbers.shape} and dtype {numbers.dtype}: it takes "
                f"{'' if users is None else f'{users} '}integers, 0 or more, one per row"
            )
        numbers = numbers.astype(np.int64)
        if len(np.unique(numbers)) != numbers.size:
            raise InputError("an id occurs twice: every user uploads one row")
        return numbers

    def prepare(self, user: int = -1, client: str = "requester") -> PreparedQuery:
        """Prepare one query for a client; `user` is the id of its own row, -1 if it has none.

        Its own row is left out of its neighbours. Raises InputError for an id that never uploaded,
        and MaterialError if there is nothing preprocessed for a query.
        """
        self.require_known(user)
        if not self.ready:
            raise MaterialError(
                "nothing is preprocessed for a query on the rows there are: call "
                "preprocess(queries=1) first, after preprocess(rows=...)"
            )
        session = self.lab.session("query")
        requester = Client(session.endpoint(client), self.lab.source(session.name))
        outcomes = session.run(
            "prepare",
            lambda party: protocol.prepare(
                party, self.parameters, _blocks(party), client, user
            ),
            others=[(requester.endpoint, protocol.client_prepare(requester, self.parameters))],
        )
        outcomes.raise_failure()
        rho = outcomes[client]
        if isinstance(rho, Exception):
            raise rho
        prepared = [outcomes[s.name] for s in self.lab.servers]
        return PreparedQuery(self, session, requester, rho, prepared, user, self.capacity)

    def query(
        self, prepared: PreparedQuery, ratings: npt.NDArray[np.uint8], threshold: float
    ) -> Recommendation:
        """The online phase: the requester's half stars (M,) against everybody's, for one query."""
        a, integer_threshold = self._encoded_query(ratings, threshold)
        return self.query_encoded(prepared, a, integer_threshold)

    def query_many(
        self,
        prepared: Sequence[PreparedQuery],
        ratings: npt.NDArray[np.uint8],
        threshold: float | Sequence[float],
    ) -> list[Recommendation | MpclabError]:
        """The online phase of several requesters at once: one pass over the rows, 8 rounds.

        Parameters
        ----------
        prepared : sequence of Q PreparedQuery
            Each for its own requester and one use, all prepared on masks for the same rows.
        ratings : array of shape (Q, M)
            The requesters' half stars.
        threshold : float or sequence of Q floats
            The least cosine similarity of a neighbour.

        Returns
        -------
        list of Q Recommendation or MpclabError
            Every requester gets its own result, as if it had asked alone. One that was refused, or
            does not accept what the servers sent it, has its error here, and hurts nobody else.

        Raises
        ------
        Abort
            If a server cheats or stops: one MAC check covers the batch, and nobody has a result.
        InputError, MaterialError
            Before anything is sent, if a query makes no sense or cannot be asked any more.

        Examples
        --------
        >>> from mpclab.lab import Lab
        >>> ratings = np.array([[8, 2, 9], [8, 2, 7], [1, 9, 5]], np.uint8)
        >>> recommender = Recommender(Lab(seed=1), Parameters(3, 3, dense=2, min_dense=2))
        >>> recommender.preprocess(rows=3, queries=3)
        >>> recommender.upload(ratings)
        3
        >>> prepared = [recommender.prepare(user, f"user {user}") for user in range(3)]
        >>> [r.sums.tolist() for r in recommender.query_many(prepared, ratings, threshold=0.9)]
        [[7], [9], [0]]
        """
        return self.query_many_encoded(
            prepared, *self._encoded_queries(len(prepared), ratings, threshold)
        )

    def _encoded_queries(
        self, count: int, ratings: npt.NDArray[np.uint8], threshold: float | Sequence[float]
    ) -> tuple[list[npt.NDArray[np.int64]], list[int]]:
        rows, given = np.asarray(ratings), np.asarray(threshold, np.float64)
        if rows.ndim != 2 or len(rows) != count:
            raise InputError(
                f"the ratings have shape {rows.shape}, and the queries are {count}: it takes shape "
                f"({count}, {self.parameters.items}), a row per query"
            )
        if given.ndim and given.shape != (count,):
            raise InputError(
                f"the thresholds have shape {given.shape}, and the queries are {count}: it takes "
                "one threshold for all, or one for each"
            )
        thresholds = np.broadcast_to(given, count).tolist()
        encoded = [self._encoded_query(*each) for each in zip(rows, thresholds, strict=True)]
        return [a for a, _ in encoded], [t for _, t in encoded]

    def _encoded_query(
        self, ratings: npt.NDArray[np.uint8], threshold: float
    ) -> tuple[npt.NDArray[np.int64], int]:
        p = self.parameters
        row = check_ratings(np.atleast_2d(ratings), p.items)
        if len(row) != 1:
            raise InputError(f"a query is one user's ratings, of shape ({p.items},)")
        rated = int((row[0, : p.dense] > 0).sum())
        if rated < p.min_dense:
            raise InputError(
                f"this user has rated {rated} of the {p.dense} dense items; at least "
                f"{p.min_dense} are needed to find similar users"
            )
        return dense_vectors(row[:, : p.dense], p.scale)[0], p.integer_threshold(threshold)

    def query_encoded(
        self, prepared: PreparedQuery, a: npt.NDArray[np.int64], threshold: int
    ) -> Recommendation:
        """The online phase with a vector of field elements as it is: what a dummy might ask."""
        (result,) = self.query_many_encoded([prepared], [a], [threshold])
        if isinstance(result, MpclabError):
            raise result
        return result

    def query_many_encoded(
        self,
        prepared: Sequence[PreparedQuery],
        vectors: Sequence[npt.NDArray[np.int64]],
        thresholds: Sequence[int],
    ) -> list[Recommendation | MpclabError]:
        """`query_many` with vectors of field elements (S,) and integer thresholds as they are."""
        if not prepared:
            return []
        self._require_askable(prepared)
        p, session = self.parameters, prepared[0].session
        for query in prepared:
            query.used = True
        for query in prepared[1:]:
            session.adopt(query.session)
        clients = _clients(prepared)
        names = [client.endpoint.name for client in clients]
        asks = zip(clients, prepared, vectors, thresholds, strict=True)
        outcomes = session.run(
            "online",
            lambda party: protocol.online(
                party, [q.servers[party.index] for q in prepared], names, thresholds
            ),
            others=[(c.endpoint, protocol.client_query(c, p, q.rho, a, t)) for c, q, a, t in asks],
        )
        try:
            outcomes.raise_failure()
        except Refused as refusal:
            return [refusal] * len(prepared)
        answered = outcomes[server_name(0)]
        results: list[Recommendation | MpclabError] = []
        for name, served in zip(names, answered, strict=True):
            result = outcomes[name]
            if not served:
                result = Refused(
                    f"the query of {name} did not arrive, or not the same at every server, so it "
                    "is refused; that need not be the client's doing"
                )
            elif not isinstance(result, MpclabError):
                totals, neighbours = result
                result = Recommendation.read(p, totals, neighbours, session.name)
            results.append(result)
        return results

    def _require_askable(self, prepared: Sequence[PreparedQuery]) -> None:
        """Say now, while nothing is used up, what would stop the servers."""
        for query in prepared:
            if query.recommender is not self:
                raise InputError(f"{query!r} was prepared by another recommender: ask that one")
            if query.used:
                raise MaterialError(
                    "this query was prepared for one use, and was used: a second one under its "
                    "mask would tell the difference of the two; prepare another"
                )
        if len({id(query) for query in prepared}) < len(prepared):
            raise MaterialError(
                "a query prepared for one use occurs twice in this batch: prepare another"
            )
        if len({query.rows for query in prepared}) > 1:
            counts = sorted({query.rows for query in prepared})
            raise InputError(
                f"these queries were prepared when there were masks for {counts} rows: one pass "
                "serves queries on the same rows, so ask in separate batches, or prepare the older "
                "ones anew"
            )
        if len(prepared) > 1 and any(query.void for query in prepared):
            raise MaterialError(
                "rows were taken out since one of these queries was prepared: prepare it anew"
            )

    def recommend(
        self, ratings: npt.NDArray[np.uint8], threshold: float, user: int = -1
    ) -> Recommendation:
        """`prepare` and `query` in one call, for a user who has not prepared."""
        a, integer_threshold = self._encoded_query(ratings, threshold)
        return self.query_encoded(self.prepare(user), a, integer_threshold)

    def recommend_many(
        self,
        ratings: npt.NDArray[np.uint8],
        threshold: float | Sequence[float],
        users: Sequence[int] | None = None,
    ) -> list[Recommendation | MpclabError]:
        """`prepare` and `query_many` in one call, for (Q, M) half stars; users are -1 if not given.

        Who is refused while it prepares has its error in the list, as in `query_many`. Raises
        MaterialError, before anything is sent, if there is too little for all of them.

        >>> from mpclab.lab import Lab
        >>> ratings = np.array([[8, 2, 9], [8, 2, 7], [1, 9, 5]], np.uint8)
        >>> recommender = Recommender(Lab(seed=1), Parameters(3, 3, dense=2, min_dense=2))
        >>> recommender.preprocess(rows=3, queries=2)
        >>> recommender.upload(ratings)
        3
        >>> results = recommender.recommend_many(ratings[:2], threshold=0.9, users=[0, 1])
        >>> [(r.neighbours, r.sums.tolist()) for r in results]
        [(1, [7]), (1, [9])]
        """
        asking = [-1] * len(ratings) if users is None else list(users)
        vectors, thresholds = self._encoded_queries(len(asking), ratings, threshold)
        for user in asking:
            self.require_known(user)
        if self.ready < len(asking):
            raise MaterialError(
                f"material is there for {self.ready} queries on the rows there are, and these are "
                f"{len(asking)}: call preprocess(queries={len(asking) - self.ready}) first"
            )
        prepared: list[PreparedQuery | MpclabError] = []
        for user in asking:
            try:
                prepared.append(self.prepare(user))
            except (Refused, Rejected) as error:
                prepared.append(error)
        going = [k for k, query in enumerate(prepared) if isinstance(query, PreparedQuery)]
        results = iter(
            self.query_many_encoded(
                [query for query in prepared if isinstance(query, PreparedQuery)],
                [vectors[k] for k in going],
                [thresholds[k] for k in going],
            )
        )
        return [q if isinstance(q, MpclabError) else next(results) for q in prepared]

    def queue(
        self, size: int, requesters: Iterable[tuple[int, str]] = ()
    ) -> PreparedQueue:
        """A bounded queue of queries prepared ahead; see `PreparedQueue`."""
        return PreparedQueue(self, size, requesters)

    def settle(self) -> int:
        """After an upload that ended badly: let the servers agree anew on the rows in force.

        Rows that not all servers hold are refused; returns how many that were. Queries prepared
        before are void. See `protocol.settle` for what a corrupt server can do by it.
        """
        outcomes = self.lab.session("settle").run(
            "upload", lambda party: protocol.settle(party, _blocks(party))
        )
        outcomes.raise_failure()
        return max(int(outcomes[s.name]) for s in self.lab.servers)

    def require_known(self, user: int) -> None:
        """Raise InputError if a requester's id is that of no row that was ever uploaded."""
        if user != -1 and not any(user in ids for ids in self._uploaded):
            raise InputError(
                f"user {user} has uploaded no row: give the id under which the requester did, or "
                "-1 if it has not"
            )

    # -- state ----------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """How many rows there are masks for."""
        return sum(spec.rows for _, spec in self._row_masks)

    @property
    def ready(self) -> int:
        """How many queries, on all rows that there are masks for, material is there for."""
        if not self._row_masks:
            return 0
        sizes = [(serial, spec.rows) for serial, spec in self._row_masks]
        masks, *_ = protocol.query_material(
            self.parameters, sizes, self.lab.settings.comparison, self.lab.n
        )
        return self.lab.servers[0].pool.count(masks)

    @property
    def users(self) -> int:
        """How many users' rows are in force."""
        return sum(int(b.present.sum()) for b in self.lab.servers[0].storage[_BLOCKS])

    def _free_parts(self, users: int) -> list[slice]:
        """How so many users spread over fresh blocks, which are taken in their order."""
        free = [block.rows for block in _free(self.lab.servers[0].storage[_BLOCKS])]
        if users in free:
            return [slice(0, users)]
        parts, start = [], 0
        for rows in free:
            if start < users:
                parts.append(slice(start, start + rows))
                start += rows
        if start != users or not users:
            raise MaterialError(
                f"there are no fresh masks for {users} rows: call preprocess(rows={users}) first"
            )
        return parts

    def _free_block(self, users: int) -> int:
        for i, block in enumerate(self.lab.servers[0].storage[_BLOCKS]):
            if not block.used and block.rows == users:
                return i
        raise MaterialError(
            f"there are no fresh masks for {users} rows: call preprocess(rows={users}) first"
        )


def _clients(prepared: Sequence[PreparedQuery]) -> list[Client]:
    """The requesters in the session of the first: one that asks twice has two addresses there."""
    session, found = prepared[0].session, [prepared[0].client]
    names = {found[0].endpoint.name}
    for query in prepared[1:]:
        name, wanted = query.client.endpoint.name, 1
        while (address := name if wanted == 1 else f"{name}, query {wanted}") in names:
            wanted += 1
        names.add(address)
        found.append(Client(session.endpoint(address), query.client.source))
    return found


def _blocks(party: Party) -> list[Block]:
    blocks: list[Block] = party.server.storage[_BLOCKS]
    return blocks


def _free(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if not block.used]
