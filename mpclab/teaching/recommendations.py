"""One real user asks: what it learns, how good that is, and what the servers saw meanwhile.

A fifth of everybody's MovieLens ratings is put aside, and the rest is uploaded: 671 users, the 300
most rated films, 20 of them dense. `recommendation_view` then runs the whole private protocol for
one user, masks, uploads and all, anew for every choice of arguments; only the ratings themselves
are loaded once. Nobody proves its row (`validated=False`), which saves most of an upload's time
and changes nothing of a query.

>>> view = recommendation_view(user=15, threshold=0.3, servers=3)
>>> view.neighbours, view.as_in_the_clear, view.looks_uniform
(151, True, True)
>>> view.titles[0].title, view.titles[0].neighbours
('Fight Club (1999)', 54)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from mpclab import style
from mpclab.arguments import is_whole, number, whole
from mpclab.datasets import Ratings, load_movielens
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.randomness import digest
from mpclab.recommender import Parameters, Recommendation, Recommender, plaintext
from mpclab.recommender.encoding import dense_vectors
from mpclab.sharing import check_servers
from mpclab.teaching.canvas import Drawing, Page
from mpclab.teaching.inside import Inside, inside

__all__ = [
    "BINS", "MOST_SERVERS", "STEPS", "USERS", "RecommendationView", "Recommended", "held_out",
    "parameters", "quality_by_threshold", "recommendation_view",
]

USERS = (15, 23, 30, 73, 212, 380, 468, 580)
"""Ids of users who have rated much, whom the widget lets ask."""

STEPS = tuple(round(-1 + k / 20, 2) for k in range(41))
"""The thresholds on the slider, from everybody to nobody."""

MOST_SERVERS = 5
_ITEMS, _DENSE = 300, 20
_TOP = 10  # titles that are shown, and counted as hits
_LIKED = 8  # half stars
BINS = 32  # of the histograms of what servers saw
_EVEN = 90.0  # chi-square over 32 bins exceeds that once in ten million times

Half = npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def held_out() -> tuple[Ratings, Half, Half]:
    """The films, and two tables of half stars (671, 300): what is uploaded, and what is put aside.

    >>> data, known, hidden = held_out()
    >>> int((known > 0).sum()), int((hidden > 0).sum())
    (27582, 6878)
    """
    data = load_movielens().select(items=_ITEMS)
    train, test = data.split(0.2, seed=0)
    known, hidden = train.matrix(), test.matrix()
    for table in (known, hidden):
        table.flags.writeable = False
    return data, known, hidden


def parameters(minimum: int = 0) -> Parameters:
    """The parameters of the view's recommender.

    >>> parameters().users, parameters().packing.slots
    (671, 2)
    """
    users = held_out()[0].n_users
    return Parameters(users, _ITEMS, _DENSE, min_neighbours=minimum, validated=False)


@dataclass(frozen=True)
class Recommended:
    """A title as the requester sees it.

    Attributes
    ----------
    title : str
    stars : float
        Predicted.
    neighbours : int
        How many of them have rated it.
    given : float or None
        The stars that the requester has given it, if that rating was put aside; else None.
    """

    title: str
    stars: float
    neighbours: int
    given: float | None


@dataclass(frozen=True)
class RecommendationView(Page):
    """A private recommendation for one user, and both sides of it.

    Attributes
    ----------
    user : int
        The requester's id in MovieLens.
    threshold : float
    servers, minimum : int
        The minimum of neighbours, 0 if there is none.
    withheld : bool
        Whether there were fewer.
    titles : tuple of Recommended
        The best ten, or fewer.
    error : float
        Root of the mean squared error on the ratings that were put aside, in stars; NaN without
        prediction.
    hidden, liked, hits : int
        How many of the requester's ratings of scored films were put aside, how many of them it
        liked (4 stars or more), and how many of these films are among the titles.
    inside : Inside
        What nobody has, and what servers saw.
    rounds : int
    as_in_the_clear : bool
        Whether the result equals that of the plaintext computation.
    """

    user: int
    threshold: float
    servers: int
    minimum: int
    withheld: bool
    titles: tuple[Recommended, ...] = dataclass_field(repr=False)
    error: float
    hidden: int
    liked: int
    hits: int
    inside: Inside = dataclass_field(repr=False)
    rounds: int
    as_in_the_clear: bool

    @property
    def neighbours(self) -> int:
        """How many there are, withheld or not: as god counts them."""
        return int(self.inside.bits.sum())

    @cached_property
    def seen(self) -> list[tuple[str, npt.NDArray[np.int64]]]:
        """What servers saw, as histograms of 32 bins over the field: shares by server, openings."""
        seen = [(f"server {i}", share) for i, share in enumerate(self.inside.shares)]
        seen += [("all, R4", self.inside.compared), ("all, R5", self.inside.selected)]
        width = np.uint64(-(-parameters().modulus // BINS))
        return [
            (who, np.bincount((values // width).astype(np.int64), minlength=BINS))
            for who, values in seen
        ]

    @property
    def looks_uniform(self) -> bool:
        """Whether each of these is as even as chance makes it."""
        due = len(self.inside.bits) / BINS
        return all(((counts - due) ** 2 / due).sum() < _EVEN for _, counts in self.seen)

    def __repr__(self) -> str:
        what = "withheld" if self.withheld else style.plural(self.neighbours, "neighbour")
        return (
            f"RecommendationView(user {self.user}, threshold {self.threshold:.2f}, "
            f"{self.servers} servers: {what})"
        )

    def sentence(self) -> str:
        """What is to be seen, in words."""
        others = len(self.inside.bits) - 1
        if self.withheld:
            told = (
                f"Fewer than {self.minimum} of {others} others are neighbours of user {self.user}: "
                "the result is withheld."
            )
        elif not self.neighbours:
            told = (
                f"None of {others} others is a neighbour of user {self.user}: there is nothing to "
                "add up."
            )
        else:
            are = "is a neighbour" if self.neighbours == 1 else "are neighbours"
            told = f"{self.neighbours} of {others} others {are} of user {self.user}. "
            told += self._quality_told()
        same = "equals" if self.as_in_the_clear else "does NOT equal"
        noise = "noise" if self.looks_uniform else "NO noise"
        return (
            f"{told} The result {same} the plaintext's; the {self.servers} servers saw {noise}, in "
            f"{self.rounds} rounds."
        )

    def _quality_told(self) -> str:
        """How good the result is, as far as that can be known."""
        if not self.titles:
            have = "It has" if self.neighbours == 1 else "They have"
            return f"{have} rated none of the other films: no title comes out."
        if not self.hidden:
            return (
                f"None of the ratings of user {self.user} for other films was put aside: how good "
                f"the {style.plural(len(self.titles), 'title')} are cannot be told."
            )
        be = "is" if self.hits == 1 else "are"
        return (
            f"On {style.plural(self.hidden, 'rating')} put aside the error is {self.error:.2f} "
            f"stars; {self.hits} of the {style.plural(len(self.titles), 'title')} {be} among the "
            f"{self.liked} that user {self.user} liked."
        )

    @cached_property
    def picture(self) -> Drawing:
        """What the requester learns on the left, what the servers saw on the right."""
        from mpclab.teaching.recommendations_drawn import draw  # which draws values of this module

        return draw(self)


def recommendation_view(
    user: int = 15, threshold: float = 0.3, servers: int = 3, minimum: int = 0, seed: int = 1
) -> RecommendationView:
    """Run a whole private recommendation for a real user, and look at it from both sides.

    Parameters
    ----------
    user : int
        An id of MovieLens, of somebody who has rated at least 5 of the 20 dense films.
    threshold : float
        The least cosine similarity of a neighbour, -1 to 1.
    servers : int
        2 to 5.
    minimum : int
        With fewer neighbours than that the result is withheld; 0: never.
    seed : int
        Another seed gives other masks, and the same result.

    Raises
    ------
    InputError
        If there is no such user, it has rated too little, or a number is out of range.

    Examples
    --------
    >>> recommendation_view(user=15, threshold=0.9, servers=2, minimum=10).withheld
    True
    """
    if check_servers(servers) > MOST_SERVERS:
        raise InputError(f"servers is {servers}: 2 to {MOST_SERVERS} are shown")
    if not is_whole(seed):
        raise InputError(f"the seed is {seed!r}: it must be an integer")
    held_out()[0].user_index(user)  # a sentence now, for what cannot be
    minimum = whole("minimum", minimum, 0, held_out()[0].n_users)
    number("the threshold", threshold, -1, 1)
    parameters(minimum).integer_threshold(threshold)
    return _view(int(user), float(threshold), int(servers), int(minimum), int(seed))


@lru_cache(maxsize=64)
def _view(
    user: int, threshold: float, servers: int, minimum: int, seed: int
) -> RecommendationView:
    """The whole run: masks, uploads, the query; and what it held inside."""
    data, known, hidden = held_out()
    row, p = data.user_index(user), parameters(minimum)
    asked = f"{user} {threshold!r} {servers} {minimum} {seed}"  # other masks for each
    lab = Lab(servers, seed=int.from_bytes(digest(b"mpclab view", asked.encode())[:4], "big"))
    recommender = Recommender(lab, p)
    recommender.preprocess(rows=len(known))
    recommender.preprocess(queries=1)
    recommender.upload(known)
    prepared = recommender.prepare(row)
    result = recommender.query(prepared, known[row], threshold)
    sums, counts, neighbours = plaintext(p, known, known[row], threshold, row)
    error, hits, titles = _quality(result, row)
    aside = hidden[row, _DENSE:]
    return RecommendationView(
        user=user,
        threshold=threshold,
        servers=servers,
        minimum=minimum,
        withheld=result.withheld,
        titles=titles,
        error=error,
        hidden=int((aside > 0).sum()),
        liked=int((aside >= _LIKED).sum()),
        hits=hits,
        inside=inside(prepared),
        rounds=lab.transcript.rounds(result.session, "online"),
        as_in_the_clear=result.neighbours == neighbours
        and np.array_equal(result.sums, sums)
        and np.array_equal(result.counts, counts),
    )


def _quality(
    result: Recommendation, row: int
) -> tuple[float, int, tuple[Recommended, ...]]:
    """The error on what was put aside, the hits, and the best titles."""
    data, known, hidden = held_out()
    own, aside = known[row, _DENSE:], hidden[row, _DENSE:]
    best = result.ranking(own)[:_TOP]
    if not result.neighbours or not result.counts.any():
        return math.nan, 0, ()  # who has rated nothing predicts nothing
    stars = result.predicted(own)
    off = (stars - aside / 2)[aside > 0]
    titles = tuple(
        Recommended(
            str(data.titles[_DENSE + i]), float(stars[i]), int(result.counts[i]),
            float(aside[i] / 2) if aside[i] else None,
        )
        for i in best
    )  # fmt: skip
    error = float(np.sqrt(np.mean(off**2))) if off.size else math.nan
    return error, int((aside[best] >= _LIKED).sum()), titles


def quality_by_threshold(user: int) -> tuple[tuple[float, int], ...]:
    """A user's error and hits at every threshold of `STEPS`, computed in the clear.

    Without neighbours they are NaN and 0; without ratings that were put aside the error is NaN.

    Raises
    ------
    InputError
        If there is no such user.

    >>> error, hits = quality_by_threshold(15)[STEPS.index(0.3)]
    >>> view = recommendation_view(15, 0.3)
    >>> (error, hits) == (view.error, view.hits)
    True
    """
    return _quality_by_threshold(held_out()[0].user_index(user))


@lru_cache(maxsize=len(USERS))
def _quality_by_threshold(row: int) -> tuple[tuple[float, int], ...]:
    (_, known, _), p = held_out(), parameters()
    vectors = dense_vectors(known[:, :_DENSE], p.scale)
    s = vectors @ vectors[row]
    s[row] = np.iinfo(np.int64).min  # its own row is no neighbour
    scored, out = known[:, _DENSE:].astype(np.int64), []
    for threshold in STEPS:
        near = scored[s >= p.integer_threshold(threshold)]
        result = Recommendation(near.sum(axis=0), (near > 0).sum(axis=0), len(near))
        out.append(_quality(result, row)[:2])
    return tuple(out)
