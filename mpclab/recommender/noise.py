"""Differentially private output: how much noise, and how it is drawn exactly.

*Who is protected from whom*: every user from the requester, and from whoever it tells. Two sets of
rows are neighbours if one user's row is in one of them and not in the other. The released numbers
are sums over users of what each row gives alone, so one user changes

    the M - S sums of ratings       by 10 k half stars in all,
    the M - S counts                by k in all,
    the number of neighbours L      by 1,

if its row holds at most k scored ratings (`Noise.contribution`). Its own client sees to that, so a
user's protection depends on nobody else's honesty but the dealer's. Without such a bound the first
line would be 10 (M - S), and the noise would drown everything.

*Mechanism*: independent discrete Laplace noise e, P(e = x) proportional to exp(-|x| / t), on every
number (Ghosh, Roughgarden, Sundararajan, STOC 2009; Dwork, McSherry, Nissim, Smith, TCC 2006).
epsilon is divided equally among the q = 3 kinds (2 without counts), so the scales are

    t = ceil(q 10 k / epsilon),  ceil(q k / epsilon),  ceil(q / epsilon),

integers, rounded to more noise. A shift by d changes a probability by a factor exp(d / t) at most,
and the three factors multiply to exp(epsilon) at most: (epsilon, 0).

*Clipping*: e is clipped to -B .. B, so that packed numbers cannot overflow. Both results are the
same but with probability tau = sum of all P(|e| > B) = sum of 2 a^(B+1) / (1 + a), a = exp(-1/t).
So a set of results of probability P on one side has at most e^epsilon (P + tau) + tau on the
other: delta = (1 + e^epsilon) tau. B is chosen so that this is at most `Noise.delta`.

*Queries add up*: after Q queries, answered or aborted, it is (Q epsilon, Q delta). A user who
uploads again counts as two. Two rows exchanged, instead of one taken out: (2 epsilon, (1 +
e^epsilon) delta).

*Drawing*: with integers only (Canonne, Kamath, Steinke, "The discrete Gaussian for differential
privacy", NeurIPS 2020, algorithms 1 and 2 for integer scales), so that no rounding of a logarithm
betrays anything (Mironov, CCS 2012). Exact if the stream is uniform; the stream is AES's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole
from mpclab.errors import InputError
from mpclab.randomness import Stream

__all__ = ["Calibration", "Laplace", "Noise", "calibrated", "discrete_laplace", "draw"]

Ints = npt.NDArray[np.int64]
MAX_RATING = 10
_LARGEST_SCALE = 2**48
_LARGEST_EPSILON = 100


@dataclass(frozen=True)
class Noise:
    """How private one query's result is.

    Parameters
    ----------
    epsilon : float
        The privacy that one query costs a user, above 0; small is private.
    contribution : int
        k: how many scored ratings a user uploads, the k best ones.
    delta : float
        The most that clipping the noise may add, between 0 and 1.

    Raises
    ------
    InputError
        If one of them is out of range.

    Examples
    --------
    >>> Noise(1.0, contribution=10)
    Noise(epsilon=1.0, contribution=10, delta=1e-09)
    """

    epsilon: float
    contribution: int = 10
    delta: float = 1e-9

    def __post_init__(self) -> None:
        if not (_real(self.epsilon) and 0 < self.epsilon <= _LARGEST_EPSILON):
            raise InputError(
                f"epsilon is {self.epsilon!r}: it is a number above 0 and at most "
                f"{_LARGEST_EPSILON}, such as 1 (small is private)"
            )
        if not is_whole(self.contribution) or self.contribution < 1:
            raise InputError(
                f"contribution is {self.contribution!r}: it is how many scored ratings a user "
                "uploads, an integer, 1 or more"
            )
        if not (_real(self.delta) and 1e-100 <= self.delta < 1):
            raise InputError(
                f"delta is {self.delta!r}: it is a probability from 1e-100 to below 1, such as 1e-9"
            )


def _real(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


@dataclass(frozen=True)
class Laplace:
    """Discrete Laplace noise of an integer scale t, clipped to -bound .. bound.

    >>> Laplace(scale=30, bound=1000).deviation  # standard deviation, about t sqrt(2)
    42.42...
    """

    scale: int
    bound: int

    @property
    def ratio(self) -> float:
        """a = exp(-1/t): every step away from 0 is less likely by this factor."""
        return math.exp(-1 / self.scale)

    @property
    def deviation(self) -> float:
        """The standard deviation, before clipping."""
        return math.sqrt(2 * self.ratio) / -math.expm1(-1 / self.scale)

    @property
    def tail(self) -> float:
        """P(|e| > bound), before clipping."""
        return 2 * math.exp(-(self.bound + 1) / self.scale) / (1 + self.ratio)

    def mass(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """P(e = x), before clipping; for analysis, not for drawing.

        >>> Laplace(1, 10).mass([0, 1, -1]).round(4).tolist()
        [0.4621, 0.17, 0.17]
        """
        distance = np.abs(np.asarray(x, np.float64))
        out: npt.NDArray[np.float64] = np.exp(-distance / self.scale)
        return out * (-math.expm1(-1 / self.scale) / (1 + self.ratio))


@dataclass(frozen=True)
class Calibration:
    """The noise on every sum (half stars), every count, and the number of neighbours.

    `epsilon` and `delta` are those of one query: what the integers give, never more than asked for.
    `counts` is None if counts are not carried.
    """

    epsilon: float
    delta: float
    sums: Laplace
    counts: Laplace | None
    neighbours: Laplace

    def __repr__(self) -> str:
        counts = "" if self.counts is None else f"counts ± {self.counts.deviation:.3g}, "
        return (
            f"Calibration(epsilon {self.epsilon:.3g}, delta {self.delta:.2g}; sums ± "
            f"{self.sums.deviation:.3g} half stars, {counts}neighbours ± "
            f"{self.neighbours.deviation:.3g})"
        )


def calibrated(noise: Noise, scored: int, counts: bool = True) -> Calibration:
    """Scales and bounds for results on `scored` items.

    >>> calibrated(Noise(1.0, contribution=10), scored=980)
    Calibration(epsilon 1, delta 4.9e-10; sums ± 424 half stars, counts ± 42.4, neighbours ± 4.22)
    >>> calibrated(Noise(1.0, contribution=10), scored=980).sums
    Laplace(scale=300, bound=9094)

    Raises
    ------
    InputError
        If epsilon is so small that the noise does not fit into 61 bits.
    """
    k = min(int(noise.contribution), scored)
    numbers = {"sums": (MAX_RATING * k, scored), "neighbours": (1, 1)}
    if counts:
        numbers["counts"] = (k, scored)
    drawn = sum(count for _, count in numbers.values())
    widths = math.log(2 * drawn * (1 + math.exp(noise.epsilon)) / noise.delta)
    made: dict[str, Laplace] = {}
    for name, (sensitivity, _) in numbers.items():
        exact = len(numbers) * sensitivity / noise.epsilon
        if exact > _LARGEST_SCALE:
            raise InputError(
                f"epsilon is {noise.epsilon}: the noise on {name} would have the scale "
                f"{exact:.2g}, too large for the field; take a larger epsilon or a smaller "
                "contribution"
            )
        # in fractions: a quotient that was rounded down would spend a little too much
        scale = max(math.ceil(len(numbers) * sensitivity / Fraction(float(noise.epsilon))), 1)
        made[name] = Laplace(scale, math.ceil(scale * widths))
    spent = sum(sensitivity / made[name].scale for name, (sensitivity, _) in numbers.items())
    tau = sum(count * made[name].tail for name, (_, count) in numbers.items())
    delta = (1 + math.exp(noise.epsilon)) * tau
    return Calibration(spent, delta, made["sums"], made.get("counts"), made["neighbours"])


# -- drawing ------------------------------------------------------------------------------------


def _happens(numerators: npt.NDArray[np.uint64], denominator: int, stream: Stream) -> Any:
    """Independent bits that are 1 with probability exp(-numerator / denominator), both >= 0.

    For quotients g up to 1: the first k at which a coin of probability g / k shows tails is odd
    with probability 1 - g + g^2/2! - ..
    """
    out = np.zeros(len(numerators), bool)
    waiting = np.arange(len(numerators))
    k = 1
    while waiting.size:
        heads = stream.elements(denominator * k, waiting.size) < numerators[waiting]
        out[waiting[~heads]] = k % 2 == 1
        waiting, k = waiting[heads], k + 1
    return out


def discrete_laplace(scale: int, count: int, stream: Stream) -> Ints:
    """`count` independent integers x with P(x) = (1 - a)/(1 + a) a^|x|, a = exp(-1/scale).

    Uses integers only. A magnitude is u + t v with u uniform below t, kept with probability
    exp(-u/t), and v the number of successes of probability 1/e before a failure; a sign is drawn,
    and -0 is drawn again, or 0 would count twice.

    Source: Canonne, Kamath, Steinke, NeurIPS 2020, algorithm 2 with s = 1.

    >>> x = discrete_laplace(5, 100_000, Stream(bytes(32)))
    >>> round(float((x == 0).mean()), 2)  # (1 - a)/(1 + a) = 0.0997
    0.1
    """
    if not 1 <= scale <= _LARGEST_SCALE:
        raise InputError(f"the scale is {scale}: it is an integer from 1 to 2**48")
    out = np.zeros(count, np.int64)
    missing = np.arange(count)
    while missing.size:
        u = stream.elements(scale, missing.size)
        kept = _happens(u, scale, stream)
        v = np.zeros(missing.size, np.int64)
        going = np.flatnonzero(kept)
        while going.size:
            going = going[_happens(np.ones(going.size, np.uint64), 1, stream)]
            v[going] += 1
        magnitude = u.astype(np.int64) + scale * v
        negative = stream.elements(2, missing.size) == 1
        kept &= ~(negative & (magnitude == 0))
        out[missing[kept]] = np.where(negative, -magnitude, magnitude)[kept]
        missing = missing[~kept]
    return out


def draw(calibration: Calibration, scored: int, stream: Stream) -> tuple[Ints, Ints, int]:
    """Noise for one result: on sums (scored,), on counts (scored,; 0 if not carried), and on L.

    >>> sums, counts, neighbours = draw(calibrated(Noise(1), 5), 5, Stream(bytes(32)))
    >>> sums.shape, counts.shape
    ((5,), (5,))
    """

    def clipped(noise: Laplace, count: int) -> Ints:
        x = discrete_laplace(noise.scale, count, stream)
        return np.clip(x, -noise.bound, noise.bound)

    sums = clipped(calibration.sums, scored)
    counts = (
        np.zeros(scored, np.int64)
        if calibration.counts is None
        else clipped(calibration.counts, scored)
    )
    return sums, counts, int(clipped(calibration.neighbours, 1)[0])
