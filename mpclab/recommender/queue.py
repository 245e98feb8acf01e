"""Queries prepared ahead, while nobody waits: a bounded queue that everybody can look into.

What a query costs before it is asked (its material, the check of its mask, the products with the
masked rows) is most of its work and depends on nothing that the requester asks. So it is done
ahead for requesters who are known to come, or for those next in line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpclab.errors import InputError, MaterialError, Refused, Rejected

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.recommender import PreparedQuery, Recommender

__all__ = ["PreparedQueue"]


@dataclass(eq=False)
class _Place:
    """A requester's place in the line, and what is prepared for it."""

    user: int
    client: str
    prepared: PreparedQuery | None = None
    refused: bool = False

    def state(self, capacity: int) -> str:
        if self.refused:
            return "refused"
        if self.prepared is None:
            return "waiting"
        if self.prepared.used:
            return "used"
        if self.prepared.void:
            return "void"
        return "ready" if self.prepared.rows == capacity else "older rows"


class PreparedQueue:
    """Requesters in line, the first `size` of them with a query prepared for them.

    Nothing happens by itself: `fill` is what is done while nobody waits, and its work counts for
    the phases *preprocess* and *prepare* of the transcript. It makes material for what it prepares
    and for no more.

    States: *waiting*, not prepared yet; *ready*; *older rows*, prepared before masks for more rows
    were made; *void*, since rows were taken out (`Recommender.settle`); *used*, asked without the
    queue; *refused*, for the client did not do what it must. `fill` prepares the older and the void
    ones anew, and takes the used and the refused ones out of the line.

    Parameters
    ----------
    recommender : Recommender
    size : int
        How many queries may be prepared at a time, 1 or more.
    requesters : iterable of (user, client)
        Who comes first: the id of its own row (-1 if it has none) and its address.

    Raises
    ------
    InputError
        If the size is not an integer, 1 or more.

    Examples
    --------
    >>> import numpy as np
    >>> from mpclab.lab import Lab
    >>> from mpclab.recommender import Parameters, Recommender
    >>> ratings = np.array([[8, 2, 9], [8, 2, 7], [1, 9, 5]], np.uint8)
    >>> recommender = Recommender(Lab(seed=1), Parameters(3, 3, dense=2, min_dense=2))
    >>> recommender.preprocess(rows=3)
    >>> recommender.upload(ratings)
    3
    >>> queue = recommender.queue(2, [(0, "alice"), (1, "bob"), (2, "carol")])
    >>> queue.fill()
    2
    >>> queue
    PreparedQueue(2 of 2 ready, 1 waiting)
    >>> queue.frame()[["client", "state"]].to_numpy().tolist()
    [['alice', 'ready'], ['bob', 'ready'], ['carol', 'waiting']]
    >>> recommender.query(queue.take("bob"), ratings[1], threshold=0.9).sums
    array([9])
    >>> len(queue), queue.fill(), len(queue)
    (1, 1, 2)
    """

    def __init__(
        self, recommender: Recommender, size: int, requesters: Iterable[tuple[int, str]] = ()
    ) -> None:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise InputError(
                f"size is {size!r}: it is how many queries may be prepared at a time, 1 or more"
            )
        self.recommender = recommender
        self.size = size
        self._line: list[_Place] = []
        for user, client in requesters:
            self.expect(user, client)

    def __repr__(self) -> str:
        waiting = sum(state != "ready" for state in self._states())
        return f"PreparedQueue({len(self)} of {self.size} ready, {waiting} waiting)"

    def __len__(self) -> int:
        """How many queries are ready."""
        return self._states().count("ready")

    def _states(self) -> list[str]:
        return [place.state(self.recommender.capacity) for place in self._line]

    def expect(self, user: int = -1, client: str = "requester") -> None:
        """Put a requester at the end of the line; who asks twice comes twice.

        Raises InputError if `user` is the id of no row that was ever uploaded.
        """
        self.recommender.require_known(user)
        self._line.append(_Place(user, client))

    def fill(self) -> int:
        """Prepare until `size` queries are ready or nobody waits; returns how many it prepared.

        A client that is refused, or does not accept its mask, leaves the line at the next `fill`.

        Raises
        ------
        Abort
            If a server cheats or stops; what was prepared before stays.
        """
        recommender, made = self.recommender, 0
        gone = ("used", "refused")
        states = zip(self._line, self._states(), strict=True)
        self._line = [place for place, state in states if state not in gone]
        for place, state in zip(self._line, self._states(), strict=True):
            if state in ("older rows", "void"):
                place.prepared = None
        due = [place for place in self._line if place.prepared is None]
        due = due[: self.size - len(self)]
        if len(due) > recommender.ready:
            recommender.preprocess(queries=len(due) - recommender.ready)
        for place in due:
            try:
                place.prepared = recommender.prepare(place.user, place.client)
                made += 1
            except (Refused, Rejected):
                place.refused = True
        return made

    def take(self, client: str | None = None) -> PreparedQuery:
        """The oldest query that is ready, of this client if one is named; it leaves the line.

        Raises MaterialError if none is ready.
        """
        for place, state in zip(self._line, self._states(), strict=True):
            if state == "ready" and client in (None, place.client):
                assert place.prepared is not None
                self._line.remove(place)
                return place.prepared
        whose = "" if client is None else f" for {client!r}"
        raise MaterialError(
            f"no query is ready{whose} in {self!r}: put the requester in line with expect(), and "
            "call fill() while nobody waits"
        )

    def take_many(self, clients: Sequence[str | None] | int) -> list[PreparedQuery]:
        """The next ones that are ready, so many or of these clients: what `query_many` asks.

        Raises MaterialError, and takes none, if one of them is not ready.
        """
        names = [None] * clients if isinstance(clients, int) else list(clients)
        line, taken = list(self._line), []
        try:
            for name in names:
                taken.append(self.take(name))
        except MaterialError:
            self._line = line
            raise
        return taken

    def frame(self) -> pd.DataFrame:
        """The line as a DataFrame: client, user, rows (that it can see), session, state."""
        import pandas as pd

        rows = [
            {
                "client": place.client,
                "user": place.user,
                "rows": 0 if place.prepared is None else place.prepared.rows,
                "session": "" if place.prepared is None else place.prepared.session.name,
                "state": state,
            }
            for place, state in zip(self._line, self._states(), strict=True)
        ]
        return pd.DataFrame(rows, columns=["client", "user", "rows", "session", "state"])
