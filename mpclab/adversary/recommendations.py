"""The ground of whole recommendations: four users, one of whom asks.

>>> Recommendations(servers=3).play().result
'no effect'
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpclab.adversary._played import LARGE, OpenLab, Played
from mpclab.adversary.outcome import NO_EFFECT, REFUSED, REJECTED, WRONG, Outcome
from mpclab.errors import MpclabError
from mpclab.recommender import Parameters, Recommender, plaintext
from mpclab.recommender.encoding import dense_vectors
from mpclab.sharing import reconstruct
from mpclab.style import plural

__all__ = ["RATINGS", "REQUESTER", "THRESHOLD", "USERS", "Recommendations"]

RATINGS = np.array(
    [[8, 2, 9, 0, 4], [8, 3, 7, 3, 0], [7, 2, 0, 10, 1], [1, 9, 5, 5, 5]], np.uint8
)
THRESHOLD = 0.9
USERS, REQUESTER = "users", "requester"


class Recommendations(Played):
    """Four users, one of whom asks, before n servers: upload and query.

    Toy fields get toy ratings. `upload_anew` makes every play begin with an upload of its own;
    otherwise the first upload serves all plays. In large fields users prove their rows valid, or
    do not if it is not `validated`.
    """

    def __init__(
        self, servers: int = 2, *, seed: int = 1, modulus: int = LARGE, upload_anew: bool = False,
        validated: bool = True,
    ) -> None:
        super().__init__(OpenLab(servers=servers, seed=seed, modulus=modulus, contents=False))
        large = modulus == LARGE
        self.parameters = Parameters(
            users=4 if modulus < 2**7 else 8, items=5, dense=2, min_dense=1, modulus=modulus,
            scale=255 if large else 2, counts=large,
            validated=validated and large,
        )
        self.recommender = Recommender(self.lab, self.parameters)
        self.upload_anew = upload_anew
        #: whether later plays upload, too: all users' rows are replaced
        self.upload_again = False
        self.ratings, self.users = RATINGS, len(RATINGS)

    def __repr__(self) -> str:
        return f"Recommendations({self.recommender})"

    def upload(self) -> None:
        """Preprocess rows and upload everybody's."""
        self.recommender.preprocess(rows=self.users)
        self.recommender.upload(self.ratings)

    def ask(self) -> None:
        """Preprocess a query and ask it."""
        self.recommender.preprocess(queries=1)
        own = 0 if self.present()[0] else -1  # a requester whose row was refused has none
        self.recommender.recommend(self.ratings[0], THRESHOLD, user=own)

    def play(self) -> Outcome:
        """Upload, if that is due, and ask; then everybody is honest again."""
        self.log.clear()
        try:
            room = self.recommender.capacity + self.users <= self.parameters.users
            if self.recommender.capacity == 0 or (self.upload_again and room):
                if not self.upload_anew:  # the attack is on the query
                    network = self.lab.network
                    adversary, network.adversary = network.adversary, None
                    self.upload()
                    network.adversary = adversary
                else:
                    self.upload()
            self.ask()
        except MpclabError:
            if not self.log:
                raise
            # otherwise the outcomes of the run say more
        outcome = self.judge()
        self.honest()
        return outcome

    def judge(self) -> Outcome:
        """What the requester accepted, or why it did not."""
        phase, outcomes = self.log[-1]
        mine = outcomes.get(REQUESTER)
        if phase != "online" or isinstance(mine, Exception):
            return self.failure()
        present = self.present()
        totals, neighbours = mine  # type: ignore[misc]
        p = self.parameters
        sums, counts = p.packing.unpack(totals, p.scored)
        wanted = self.expected(present)
        got = (sums.tolist(), counts.tolist(), neighbours)
        corrupt = self.lab.network.corrupt
        if REQUESTER in corrupt or (USERS in corrupt and not self.stored_as_meant()):
            return Outcome(NO_EFFECT, "what dummy users send is their own affair")
        if got != wanted:
            return Outcome(WRONG, f"{got} where {wanted} is right")
        if present.all():
            return Outcome(NO_EFFECT, "the result is right")
        missing = int((~present).sum())
        refusals = [o[USERS] for phase, o in self.log if phase == "upload" and USERS in o]
        if any(isinstance(ok, np.ndarray) and not ok.all() for ok in refusals):
            who = f"{plural(missing, 'user')} sent nothing"
            return Outcome(REJECTED, f"{who}; the result is right without")
        rows = "row is" if missing == 1 else "rows are"
        return Outcome(REFUSED, f"{missing} {rows} refused; the result is right without")

    def present(self) -> Any:
        """Whose rows are in force, as an honest server holds them."""
        blocks = self.lab.servers[(self.honest_servers or [0])[0]].storage["recommender"]
        found = np.zeros(self.users, bool)
        for block in blocks:
            ids = block.ids[block.present]
            found[ids[ids < self.users]] = True
        return found

    def stored_as_meant(self) -> bool:
        """Whether all rows in force are those of the ratings, put together from all shares."""
        p = self.parameters
        dense = self.lab.field.array(dense_vectors(self.ratings[:, : p.dense], p.scale))
        packed = p.packing.pack(self.ratings[:, p.dense :])
        held = zip(*(s.storage["recommender"] for s in self.lab.servers), strict=True)
        for blocks in held:
            rows = np.flatnonzero(blocks[0].present)
            ids = blocks[0].ids[rows]
            if not np.array_equal(
                reconstruct([b.dense.share for b in blocks])[rows], dense[ids]
            ) or not np.array_equal(
                reconstruct([b.packed.share for b in blocks])[:, rows], packed[:, ids]
            ):
                return False
        return True

    def expected(self, present: Any) -> tuple[list[int], list[int], int]:
        """The result in the clear, over the rows in force."""
        rows = np.flatnonzero(present)
        own = {int(i): k for k, i in enumerate(rows)}.get(0)
        sums, counts, neighbours = plaintext(
            self.parameters, self.ratings[rows], self.ratings[0], THRESHOLD, own
        )
        counted = counts.tolist() if self.parameters.counts else [0] * len(counts)
        return sums.tolist(), counted, neighbours
