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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpclab.client import Client
from mpclab.errors import InputError, MaterialError
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
from mpclab.recommender.release import release_material
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
    """A query that is ready except for the query itself: for one requester, for one use."""

    session: Session
    client: Client
    rho: npt.NDArray[np.uint64]
    servers: list[protocol.Prepared]
    user: int
    used: bool = False

    def __repr__(self) -> str:
        return f"PreparedQuery({self.session.name!r} for {self.client.endpoint.name!r})"


class Recommender:
    """The recommender on a lab's simulated servers, phase by phase.

    Parameters
    ----------
    lab : Lab
    parameters : Parameters
        Sizes and scales, public to everybody.
    """

    def __init__(self, lab: Lab, parameters: Parameters) -> None:
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

    # -- phases ---------------------------------------------------------------------------------

    def preprocess(self, rows: int = 0, queries: int = 0) -> None:
        """Make masks for `rows` more users, and material for `queries` queries on all rows so far.

        Nothing of it depends on any input. Rows come first: a query sees the rows whose masks
        existed when its material was made.
        """
        p = self.parameters
        if rows < 0 or queries < 0:
            raise InputError(f"rows is {rows} and queries is {queries}: both must be 0 or more")
        if self.capacity + rows > p.users:
            raise InputError(
                f"masks for {rows} more rows would make {self.capacity + rows}, but the packing "
                f"is made for at most {p.users} users"
            )
        if rows:
            spec = RowMasks(rows, p.dense, p.packed)
            others = protocol.upload_material(self.statement, rows)
            serial, *_ = self.lab.preprocess([spec, *others])
            self._row_masks.append((serial, spec))
            for server in self.lab.servers:
                _, held = server.pool.take(spec)
                server.storage[_BLOCKS].append(Block(serial, held))
        if queries:
            if not self._row_masks:
                raise InputError("there are no rows to ask yet: preprocess rows first")
            sizes = [(serial, spec.rows) for serial, spec in self._row_masks]
            specs = protocol.query_material(p, sizes, self.lab.settings.comparison, self.lab.n)
            for _ in range(queries):
                self.lab.preprocess([*specs, *[ZeroTest(protocol.QUERIES)] * 2])

    def upload(
        self, ratings: npt.NDArray[np.uint8], ids: npt.ArrayLike | None = None
    ) -> int:
        """Upload one row per user: half stars (users, M); returns how many rows were stored.

        Users are called 0, 1, 2 .. unless `ids` says otherwise; a known id replaces its row. A
        refused user loses its mask; everybody else's rows go in.
        """
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
        numbers = np.arange(users) if ids is None else np.asarray(ids)
        if (
            numbers.shape != (users,)
            or numbers.dtype.kind not in "iu"
            or not 0 <= numbers.min(initial=0) <= numbers.max(initial=0) < 2**63
        ):
            raise InputError(
                f"ids have shape {numbers.shape} and dtype {numbers.dtype}: it takes {users} "
                "integers, 0 or more, one per row"
            )
        numbers = numbers.astype(np.int64)
        if len(np.unique(numbers)) != users:
            raise InputError("an id occurs twice: every user uploads one row")
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

    def prepare(self, user: int = -1, client: str = "requester") -> PreparedQuery:
        """Prepare one query for a client; `user` is the id of its own row, -1 if it has none.

        Its own row is left out of its neighbours. Raises InputError for an id that never uploaded,
        and MaterialError if there is nothing preprocessed for a query.
        """
        if user != -1 and not any(user in ids for ids in self._uploaded):
            raise InputError(
                f"user {user} has uploaded no row: give the id under which the requester did, or "
                "-1 if it has not"
            )
        sizes = [(serial, spec.rows) for serial, spec in self._row_masks]
        masks, *_ = protocol.query_material(
            self.parameters, sizes, self.lab.settings.comparison, self.lab.n
        ) if sizes else (None,)
        if masks is None or not self.lab.servers[0].pool.count(masks):
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
        return PreparedQuery(session, requester, rho, prepared, user)

    def query(
        self, prepared: PreparedQuery, ratings: npt.NDArray[np.uint8], threshold: float
    ) -> Recommendation:
        """The online phase: the requester's half stars (M,) against everybody's, for one query."""
        a, integer_threshold = self._encoded_query(ratings, threshold)
        return self.query_encoded(prepared, a, integer_threshold)

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
        if prepared.used:
            raise MaterialError(
                "this query was prepared for one use, and was used: a second one under its mask "
                "would tell the difference of the two; prepare another"
            )
        prepared.used = True
        p, session, client = self.parameters, prepared.session, prepared.client
        name = client.endpoint.name
        outcomes = session.run(
            "online",
            lambda party: protocol.online(
                party, prepared.servers[party.index], name, threshold
            ),
            others=[
                (client.endpoint, protocol.client_query(client, p, prepared.rho, a, threshold))
            ],
        )
        outcomes.raise_failure()
        result = outcomes[name]
        if isinstance(result, Exception):
            raise result
        totals, neighbours = result
        return Recommendation.read(p, totals, neighbours, session.name)

    def recommend(
        self, ratings: npt.NDArray[np.uint8], threshold: float, user: int = -1
    ) -> Recommendation:
        """`prepare` and `query` in one call, for a user who has not prepared."""
        a, integer_threshold = self._encoded_query(ratings, threshold)
        return self.query_encoded(self.prepare(user), a, integer_threshold)

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

    # -- state ----------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """How many rows there are masks for."""
        return sum(spec.rows for _, spec in self._row_masks)

    @property
    def users(self) -> int:
        """How many users' rows are in force."""
        return sum(int(b.present.sum()) for b in self.lab.servers[0].storage[_BLOCKS])

    def _free_block(self, users: int) -> int:
        for i, block in enumerate(self.lab.servers[0].storage[_BLOCKS]):
            if not block.used and block.rows == users:
                return i
        raise MaterialError(
            f"there are no fresh masks for {users} rows: call preprocess(rows={users}) first"
        )


def _blocks(party: Party) -> list[Block]:
    blocks: list[Block] = party.server.storage[_BLOCKS]
    return blocks
