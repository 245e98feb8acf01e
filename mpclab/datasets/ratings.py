"""Who rated what, and how high: a sparse table of users x items that the recommender starts from.

The table is kept row by row (CSR): the ratings of user u are entries indptr[u] to indptr[u + 1] - 1
of `half_stars`, for the columns in the same places of `items`. Ratings are whole numbers of half
stars, 1 to 10, so that everything downstream is exact integer arithmetic. Columns stand in order
of popularity: the first S columns are the S most rated items, which the recommender uses for
similarity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole, whole
from mpclab.errors import InputError

__all__ = ["Ratings"]

MATRIX_LIMIT = 4 << 30  # bytes that matrix() may take


def _is_fraction(value: object) -> bool:
    return isinstance(value, float | np.floating) and 0 < float(value) < 1


@dataclass(frozen=True, eq=False, repr=False)
class Ratings:
    """Ratings of items by users, sparse and read-only.

    Attributes
    ----------
    user_ids : array, shape (n_users,)
        The users' original ids, integers or strings, one per row.
    item_ids : array, shape (n_items,)
        The items' original ids, one per column.
    titles : array of str, shape (n_items,)
        A title per column; ``item <id>`` where none is known.
    indptr : array of int64, shape (n_users + 1,)
        Row u's ratings are entries ``indptr[u]`` to ``indptr[u + 1] - 1`` of the next two.
    items : array of int32, shape (n_ratings,)
        Column of every rating, ascending within a row.
    half_stars : array of uint8, shape (n_ratings,)
        Value of every rating in half stars, 1 (0.5 stars) to 10 (5 stars).
    name : str
        What the data are called in a repr and in figures.

    Raises
    ------
    InputError
        If the arrays do not fit together.

    Examples
    --------
    >>> from mpclab.datasets import load_movielens
    >>> load_movielens().select(users=100, items=50)
    Ratings('MovieLens ml-latest-small': 100 users x 50 items, 1,612 ratings, density 32.24 %,
            mean 3.89 stars; most rated: 'Forrest Gump (1994)')
    """

    user_ids: npt.NDArray[Any]
    item_ids: npt.NDArray[Any]
    titles: npt.NDArray[np.str_]
    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    half_stars: npt.NDArray[np.uint8]
    name: str = "ratings"

    def __post_init__(self) -> None:
        kinds = {"titles": np.str_, "indptr": np.int64, "items": np.int32, "half_stars": np.uint8}
        for field in ("user_ids", "item_ids", *kinds):
            array = np.asarray(getattr(self, field), dtype=kinds.get(field)).view()
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        self._check()

    def _check(self) -> None:
        n, m, count = len(self.user_ids), len(self.item_ids), len(self.items)
        if n == 0 or m == 0:
            raise InputError(f"ratings need at least one user and one item, not {n} and {m}")
        if len(self.titles) != m:
            raise InputError(f"there are {len(self.titles)} titles for {m} items; give one each")
        steps = np.diff(self.indptr)
        fits = len(self.indptr) == n + 1 and self.indptr[0] == 0 and self.indptr[-1] == count
        if not fits or (steps < 0).any():
            raise InputError(f"indptr must rise from 0 to {count} in {n + 1} entries, one more "
                             f"than there are users; it has {len(self.indptr)}")
        if len(self.half_stars) != count:
            raise InputError(f"there are {len(self.half_stars)} values for {count} ratings")
        if count and (self.items.min() < 0 or self.items.max() >= m):
            raise InputError(f"columns must lie in 0..{m - 1}, not "
                             f"{self.items.min()}..{self.items.max()}")
        if count and (self.half_stars.min() < 1 or self.half_stars.max() > 10):
            raise InputError("ratings must lie in 1..10 half stars, not "
                             f"{self.half_stars.min()}..{self.half_stars.max()}")

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.item_ids)

    @property
    def n_ratings(self) -> int:
        """Number of ratings in the table."""
        return len(self.items)

    @property
    def density(self) -> float:
        """Fraction of the users x items table that is filled, 0 to 1."""
        return self.n_ratings / (self.n_users * self.n_items)

    def __repr__(self) -> str:
        head = (f"Ratings({self.name!r}: {self.n_users:,} users x {self.n_items:,} items, "
                f"{self.n_ratings:,} ratings, density {100 * self.density:.2f} %,")
        mean = f"mean {self.half_stars.mean() / 2:.2f} stars; " if self.n_ratings else ""
        return f"{head}\n        {mean}most rated: {str(self.titles[0])!r})"

    def select(self, users: int | None = None, items: int | None = None) -> Ratings:
        """Return the first `users` users and the `items` most rated items among them.

        Columns of the result are ordered by number of ratings (by the users selected),
        descending, ties by item id. None takes all, and still orders the columns.

        Parameters
        ----------
        users, items : int, optional
            How many to keep, at least 1.

        Returns
        -------
        Ratings
            Shape (users, items). Users who rated none of these items keep an empty row.

        Raises
        ------
        InputError
            If there are not that many.

        Examples
        --------
        >>> from mpclab.datasets import load_movielens
        >>> load_movielens().select(items=2).titles.tolist()
        ['Forrest Gump (1994)', 'Pulp Fiction (1994)']
        """
        n = self._at_most("users", users, self.n_users)
        m = self._at_most("items", items, self.n_items)
        end = int(self.indptr[n])
        rows = np.repeat(np.arange(n), np.diff(self.indptr[: n + 1]))
        kept = by_popularity(self.items[:end], self.item_ids)[:m]
        column = np.full(self.n_items, -1, dtype=np.int32)
        column[kept] = np.arange(m, dtype=np.int32)
        moved = column[self.items[:end]]
        keep = moved >= 0
        return from_triples(self.user_ids[:n], self.item_ids[kept], self.titles[kept],
                            rows[keep], moved[keep], self.half_stars[:end][keep], self.name)

    def _at_most(self, what: str, wanted: int | None, there: int) -> int:
        if wanted is None:
            return there
        if whole(what, wanted, 1) > there:
            raise InputError(f"{wanted:,} {what} were asked for, but {self.name} has only "
                             f"{there:,}; ask for at most {there:,}")
        return int(wanted)

    def matrix(self) -> npt.NDArray[np.uint8]:
        """Return the full table of half stars, uint8 of shape (n_users, n_items), 0 = missing.

        Raises
        ------
        InputError
            If it would take more than 4 GB: `select` fewer users or items first.

        Examples
        --------
        >>> from mpclab.datasets import load_movielens
        >>> load_movielens().select(users=3, items=4).matrix()
        array([[ 0,  0,  0,  0],
               [ 8,  8,  6,  6],
               [ 8,  9, 10,  5]], dtype=uint8)
        """
        size = self.n_users * self.n_items
        if size > MATRIX_LIMIT:
            raise InputError(f"the full table of {self.n_users:,} x {self.n_items:,} would take "
                             f"{size / 1e9:.1f} GB; use select(users=..., items=...) first")
        table = np.zeros((self.n_users, self.n_items), dtype=np.uint8)
        table[np.repeat(np.arange(self.n_users), np.diff(self.indptr)), self.items] = (
            self.half_stars)
        return table

    def user_index(self, user_id: int | str) -> int:
        """Return the row of the user whose original id is `user_id`.

        Raises
        ------
        InputError
            If nobody has that id; the sentence gives examples of ids that exist.

        Examples
        --------
        >>> from mpclab.datasets import load_movielens
        >>> load_movielens().user_index(15)
        14
        """
        numeric = self.user_ids.dtype.kind in "iu"
        fits = is_whole(user_id) if numeric else isinstance(user_id, str)
        found = np.flatnonzero(self.user_ids == user_id) if fits else np.zeros(0, np.int64)
        if not len(found):
            shown = ", ".join(repr(i) for i in self.user_ids[:3].tolist())
            raise InputError(f"there is no user {user_id!r} in {self.name}; its {self.n_users:,} "
                             f"users have {'whole numbers' if numeric else 'strings'} as ids, "
                             f"for instance {shown}")
        return int(found[0])

    def split(self, fraction: float = 0.2, seed: int = 0) -> tuple[Ratings, Ratings]:
        """Hold out a random `fraction` of every user's ratings.

        Of a user's n ratings, round(fraction * n) go to the test part, but never all of them.

        Parameters
        ----------
        fraction : float
            Between 0 and 1, both excluded.
        seed : int
            The same seed gives the same split, on any machine.

        Returns
        -------
        (Ratings, Ratings)
            Train and test: the same users and items in the same order as here, so that columns
            of train are only nearly in order of its own popularity.

        Raises
        ------
        InputError
            If fraction or seed are not of that kind.

        Examples
        --------
        >>> from mpclab.datasets import load_movielens
        >>> train, test = load_movielens().split(0.2, seed=1)
        >>> train.n_ratings, test.n_ratings
        (80001, 20003)
        """
        if not _is_fraction(fraction):
            raise InputError(f"fraction must lie between 0 and 1, not {fraction!r}; 0.2 is usual")
        rng = np.random.Generator(np.random.PCG64(whole("seed", seed)))
        counts = np.diff(self.indptr)
        rows = np.repeat(np.arange(self.n_users), counts)
        order = np.lexsort((rng.random(self.n_ratings), rows))  # shuffled within every row
        place = np.arange(self.n_ratings) - np.repeat(self.indptr[:-1], counts)
        held = np.minimum(np.floor(fraction * counts + 0.5).astype(np.int64),
                          np.maximum(counts - 1, 0))
        test = np.empty(self.n_ratings, dtype=bool)
        test[order] = place < np.repeat(held, counts)
        return (self._part(~test, counts - held, "train"), self._part(test, held, "test"))

    def _part(self, mask: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64],
              what: str) -> Ratings:
        return Ratings(self.user_ids, self.item_ids, self.titles, pointers(counts),
                       self.items[mask], self.half_stars[mask], f"{self.name}, {what}")


def pointers(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Turn the number of ratings per row, shape (n,), into CSR pointers, shape (n + 1,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def by_popularity(columns: npt.NDArray[Any], item_ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the columns in order of number of ratings, descending, ties by item id."""
    return np.lexsort((item_ids, -np.bincount(columns, minlength=len(item_ids))))


def from_triples(user_ids: npt.NDArray[Any], item_ids: npt.NDArray[Any],
                 titles: npt.NDArray[np.str_], rows: npt.NDArray[Any],
                 columns: npt.NDArray[Any], half_stars: npt.NDArray[np.uint8],
                 name: str) -> Ratings:
    """Build Ratings from one (row, column, value) per rating, in any order, without repeats."""
    order = np.argsort(rows.astype(np.int64) * len(item_ids) + columns, kind="stable")
    counts = np.bincount(rows, minlength=len(user_ids)).astype(np.int64)
    return Ratings(user_ids, item_ids, titles, pointers(counts),
                   columns[order].astype(np.int32), half_stars[order], name)
