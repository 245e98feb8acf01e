"""Forged openings: how often they pass, against the exact formula, and what a failed check tells.

A cheater opens x + 1 in place of x, with a MAC share that is off by g: its guess of the key alpha,
or 0 if it does not guess. What is tested for 0 is then s = chi (g - alpha), where chi is the coin.
The *plain check* reveals s, the *zero test* reveals s t for a uniform t.

>>> dial = mac_dial(modulus=101, tries=20_000)
>>> dial.formula, round(float(dial.expected), 4), dial.fits
('1 - (1 - 1/p)^3', 0.0294, True)
>>> mac_dial(modulus=2**61 - 1)
MacDial(zero test, p = 2^61 - 1: 0 of 10,000 forgeries passed, 1.3e-14 expected)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field as dataclass_field
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from mpclab.arguments import is_whole, truth, whole
from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.randomness import Stream, digest
from mpclab.sharing import additive, deal_keys, reconstruct_key
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel, number

__all__ = ["CHECKS", "PRIMES", "Forgeries", "MacDial", "forge", "mac_dial", "undetected"]

CHECKS = ("zero test", "plain check")
PRIMES = (11, 31, 101, 331, 1021, 4093, 65537, 2**31 - 1, 2**61 - 1)
"""The fields that the dial has, and the figure shows."""

_MOST = 100_000
_SERVERS = 2
_FORMULAS: dict[tuple[str, bool], tuple[str, Callable[[Fraction], Fraction]]] = {
    ("zero test", True): ("1 - (1 - 1/p)^3", lambda q: 1 - (1 - q) ** 3),
    ("zero test", False): ("1 - (1 - 1/p)^2", lambda q: 1 - (1 - q) ** 2),
    ("plain check", True): ("(2p - 1)/p^2", lambda q: 2 * q - q * q),
    ("plain check", False): ("1/p", lambda q: q),
}


def undetected(modulus: int, check: str = "zero test", guess: bool = True) -> Fraction:
    """The exact probability that a forged opening passes, for a key that is not 0.

    Parameters
    ----------
    modulus : int
    check : {"zero test", "plain check"}
    guess : bool
        Whether the cheater guesses the key.

    Raises
    ------
    InputError
        If there is no such check, or an argument is none.

    Examples
    --------
    >>> undetected(101), undetected(101, "plain check", guess=False)
    (Fraction(30301, 1030301), Fraction(1, 101))
    """
    formula = _FORMULAS[_checked(check), truth("guess", guess)][1]
    return formula(Fraction(1, Field(modulus).modulus))


def _checked(check: str) -> str:
    if not isinstance(check, str) or check not in CHECKS:
        raise InputError(f"there is no check {check!r}: take one of {', '.join(map(repr, CHECKS))}")
    return check


@dataclass(frozen=True)
class Forgeries:
    """Many forged openings under one key.

    Attributes
    ----------
    tries, passed : int
    key : int
        alpha.
    told : array
        What the cheater computes for alpha from every check that failed, by the rule that is right
        for the plain check.
    """

    tries: int
    passed: int
    key: int
    told: npt.NDArray[np.uint64] = dataclass_field(repr=False)

    @property
    def key_found(self) -> float:
        """In what fraction of the failed checks the cheater's result is the key."""
        return float((self.told == np.uint64(self.key)).mean()) if self.told.size else 0.0


def forge(
    modulus: int, check: str = "zero test", guess: bool = True, tries: int = 10_000, seed: int = 1
) -> Forgeries:
    """Forge openings one after another, each with fresh shares, coin and triple; two servers.

    Every try goes through M2 and Z1 to Z3 of `mpclab.protocols.checks` with every server's shares;
    the tries lie side by side in arrays.

    Parameters
    ----------
    modulus : int
    check : {"zero test", "plain check"}
    guess : bool
        Whether the cheater guesses the key, afresh each time.
    tries : int
        1 to 100,000.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        If there is no such check or field, or a number is out of range.

    Examples
    --------
    >>> forge(101, "plain check", tries=1000).key_found, forge(101, tries=1000).key_found < 0.03
    (1.0, True)
    """
    return _forged(
        Field(modulus).modulus, _checked(check), truth("guess", guess),
        whole("tries", tries, 1, _MOST), whole("seed", seed),
    )  # fmt: skip


@lru_cache(maxsize=128)
def _forged(modulus: int, check: str, guess: bool, tries: int, seed: int) -> Forgeries:
    F = Field(modulus)
    words = (check, str(guess), str(seed))
    stream = Stream(digest(b"mpclab teaching: forgeries", *(w.encode() for w in words)))
    for_keys = Stream(digest(b"mpclab teaching: a key", str(seed).encode()))
    keys = deal_keys(F, _SERVERS, for_keys)
    while not reconstruct_key(keys):  # under the key 0, as likely as any, an error alone passes
        keys = deal_keys(F, _SERVERS, for_keys)
    alpha = reconstruct_key(keys)

    def uniform() -> Elements:
        return F.uniform(stream, tries)

    def shared(values: Elements) -> list[Elements]:
        return additive(F, values, _SERVERS, stream)

    x = uniform()
    values, macs = shared(x), shared(F.mul(x, alpha))
    g = uniform() if guess else F.zeros(tries)
    values[1], macs[1] = F.add(values[1], np.uint64(1)), F.add(macs[1], g)  # the lie
    opened, chi = F.add(*values), uniform()
    s = [
        F.mul(chi, F.sub(mac, F.mul(opened, key.alpha)))  # M2
        for mac, key in zip(macs, keys, strict=True)
    ]
    if check == "zero test":
        t, u = uniform(), uniform()
        d = F.sub(F.add(*s), u)  # Z1
        triples = zip(shared(t), shared(F.mul(t, u)), strict=True)
        revealed = [F.add(F.mul(d, t_i), tu_i) for t_i, tu_i in triples]  # Z2
    else:
        revealed = s
    total = F.add(*revealed)  # Z3
    failed = total != 0  # and so chi is not 0
    told = F.sub(g[failed], F.mul(total[failed], F.inv(chi[failed])))
    return Forgeries(tries, int((total == 0).sum()), int(alpha), told)


@dataclass(frozen=True)
class MacDial(Page):
    """How often forgeries pass in a field, measured and exact, and what failed checks tell.

    Attributes
    ----------
    modulus : int
    check : str
    guess : bool
    tries, seed : int
    """

    modulus: int
    check: str
    guess: bool
    tries: int
    seed: int

    @property
    def formula(self) -> str:
        """The exact probability, in words."""
        return _FORMULAS[self.check, self.guess][0]

    @property
    def expected(self) -> Fraction:
        """The exact probability that a forgery passes."""
        return undetected(self.modulus, self.check, self.guess)

    @cached_property
    def forgeries(self) -> Forgeries:
        """What was tried."""
        return forge(self.modulus, self.check, self.guess, self.tries, self.seed)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true rate lies, by what was measured; it misses once in a thousand times."""
        return _interval(self.forgeries.passed, self.tries)

    @property
    def fits(self) -> bool:
        """Whether the exact probability lies in the interval."""
        low, high = self.interval
        return low <= self.expected <= high

    def __repr__(self) -> str:
        due = float(self.expected * self.tries)
        return (
            f"MacDial({self.check}, p = {number(self.modulus)}: {self.forgeries.passed:,} of "
            f"{_forgeries(self.tries)} passed, {_short(due)} expected)"
        )

    def sentence(self) -> str:
        """What is to be seen, in words."""
        due = float(self.expected * self.tries)
        told = (
            f"In the field of p = {number(self.modulus)}, {self.forgeries.passed:,} of "
            f"{_forgeries(self.tries)} passed the {self.check}. The formula {self.formula} says "
            f"that {_short(due)} of them would."
        )
        years = float(1 / self.expected) / 1e6 / 31_557_600
        if years > 1:
            told += (
                f" Whoever could try a million times a second would wait {_thousands(years)} "
                "years for one that passes; and every failure ends a session."
            )
        return told

    @cached_property
    def picture(self) -> Drawing:
        """The formula from the smallest field to the largest, and what failed checks tell."""
        return _draw(self)


def mac_dial(
    modulus: int = 101,
    check: str = "zero test",
    guess: bool = True,
    tries: int = 10_000,
    seed: int = 1,
) -> MacDial:
    """Forge openings in a field and compare with the exact formula.

    Parameters
    ----------
    modulus : int
        One of `PRIMES`.
    check : {"zero test", "plain check"}
    guess : bool
        Whether the cheater guesses the key.
    tries : int
        1 to 100,000.
    seed : int

    Raises
    ------
    InputError
        If there is no such field or check on the dial, or a number is out of range.

    Examples
    --------
    >>> print(mac_dial(101, "plain check").sentence())
    In the field of p = 101, ... of 10,000 forgeries passed the plain check. The formula ...
    """
    if not is_whole(modulus) or modulus not in PRIMES:
        raise InputError(f"the modulus is {modulus!r}: the dial has {', '.join(map(str, PRIMES))}")
    dial = MacDial(
        int(modulus), _checked(check), truth("guess", guess), whole("tries", tries, 1, _MOST),
        whole("seed", seed),
    )  # fmt: skip
    _ = dial.forgeries
    return dial


def _interval(passed: int, tries: int) -> tuple[float, float]:
    from mpclab.adversary.rates import wilson

    return wilson(passed, tries)


def _forgeries(count: int) -> str:
    return "1 forgery" if count == 1 else f"{count:,} forgeries"


def _short(value: float) -> str:
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.05 else f"{value:.1e}"


def _thousands(years: float) -> str:
    return f"{years:,.0f}" if years < 1000 else f"{float(f'{years:.2g}'):,.0f}"


# -- drawing --------------------------------------------------------------------------------------

_TALL, _TOP, _LOW = 168.0, 54.0, 322.0


def _draw(dial: MacDial) -> Drawing:
    sheet = Canvas(900, 482, "Forged openings", dial.sentence())
    _far(sheet, dial)
    _near(sheet, dial)
    title = "What the cheater takes for the key, after every check that failed"
    sheet.text(16, _LOW - 44, title, 12, bold=True)
    sheet.text(874, _LOW - 44, "triangle: the true key", 11, "m", "end")
    for check, left in (("plain check", 78.0), ("zero test", 532.0)):
        _told(sheet, dial, check, left)
    return sheet.picture()


def _line(panel: Panel, dial: MacDial, low: float, high: float) -> None:
    points = []
    for k in range(81):
        log_p = low + (high - low) * k / 80
        q = Fraction(10.0**-log_p)
        value = _FORMULAS[dial.check, dial.guess][1](q)
        if _log(value) >= panel.y_range[0]:
            points.append(f"{panel.x(log_p):.1f} {panel.y(_log(value)):.1f}")
    panel.canvas.path("M" + "L".join(points), "ink", ' stroke-width="1.5"')


def _log(value: Fraction) -> float:
    return math.log10(value.numerator) - math.log10(value.denominator)


def _far(sheet: Canvas, dial: MacDial) -> None:
    """From p = 10 to 2^61: the formula alone can tell."""
    sheet.text(16, 28, "From the smallest field to the largest", 12, bold=True)
    panel = Panel(sheet, 78, _TOP, 330, _TALL, (1, 19), (-22, 0))
    panel.axes(
        {k: _power(k) for k in (1, 4, 7, 10, 13, 16, 19)},
        {-k: _power(-k) for k in (0, 6, 12, 18)},
        "p, the size of the field (logarithmic)", "probability (logarithmic)", 54,
    )  # fmt: skip
    _line(panel, dial, 1, 18.9)
    for p in PRIMES:
        x, y = panel.x(math.log10(p)), panel.y(_log(undetected(p, dial.check, dial.guess)))
        sheet.circle(x, y, 3, "dot")
        if p == dial.modulus:
            sheet.ring(x, y, 7)
            near = x > panel.left + panel.width / 2
            text = f"p = {number(p)}: {_tiny(float(dial.expected))}"
            sheet.text(x - 8 if near else x + 12, y + 18 if near else y - 7, text, 11.5, "",
                       "end" if near else "start", True)  # fmt: skip


def _near(sheet: Canvas, dial: MacDial) -> None:
    """Small fields, where passes can be counted."""
    tries = "1 try" if dial.tries == 1 else f"{dial.tries:,} tries"
    sheet.text(478, 28, f"Where one can count: {tries} in each field", 12, bold=True)
    low = math.floor(math.log10(0.2 / dial.tries))
    panel = Panel(sheet, 540, _TOP, 334, _TALL, (1, 4), (low, 0))
    panel.axes(
        {k: _power(k) for k in (1, 2, 3, 4)}, {k: _power(k) for k in range(low, 1)},
        "p, the size of the field (logarithmic)", "forgeries that pass (fraction)", 54,
    )  # fmt: skip
    _line(panel, dial, 1, 4)
    for p in PRIMES:
        if p > 10_000:
            continue
        found = forge(p, dial.check, dial.guess, dial.tries, dial.seed)
        least, most = _interval(found.passed, found.tries)
        x = panel.x(math.log10(p))
        css, wide = ("ink", "7") if p == dial.modulus else ("axis", "3")
        down = panel.y(max(math.log10(least), low)) if least > 0 else panel.y(low)
        sheet.line(x, panel.y(math.log10(most)), x, down, css, f' stroke-width="{wide}"')
        sheet.tip(f"p = {p}: {found.passed} of {found.tries} passed")
        if found.passed:
            sheet.circle(x, panel.y(math.log10(found.passed / found.tries)), 4, "dot")
    sheet.text(panel.left + panel.width, _TOP - 9, "line: exact; dots: counted; bars: 99.9 %", 11,
               "m", "end")  # fmt: skip


def _told(sheet: Canvas, dial: MacDial, check: str, left: float) -> None:
    """What the cheater computes for alpha: one value, or any."""
    p, bars = dial.modulus, dial.modulus if dial.modulus <= 128 else 60
    found = forge(p, check, dial.guess, dial.tries, dial.seed)
    edges = np.array([p * k // bars for k in range(1, bars + 1)], np.uint64)
    counts = np.bincount(np.searchsorted(edges, found.told, side="right"), minlength=bars)
    top = max(2.5 * found.tries / bars if check == "zero test" else 1.15 * counts.max(), 2.0)
    panel = Panel(sheet, left, _LOW, 342, 96, (0, bars), (0, float(top)))
    step = _half(float(top))
    panel.axes(
        {0: "0", bars / 2: "p/2", bars: "p"}, {k * step: f"{k * step:,.0f}" for k in range(3)},
        "computed key, modulo p", "checks (number)", 54,
    )  # fmt: skip
    for k, count in enumerate(counts):
        if count:
            sheet.rect(panel.x(k) + 0.5, panel.y(count), panel.width / bars - 1,
                       panel.y(0) - panel.y(count), "bars")  # fmt: skip
    at = panel.x(bars * (found.key + 0.5) / p)
    sheet.path(f"M{at:.1f} {panel.y(0) + 1:.1f}l5 9h-10Z", "dot")
    sheet.tip(f"the key: {found.key}")
    hits = int((found.told == np.uint64(found.key)).sum())
    verdict = f"right in {hits:,} of {found.told.size:,}"
    sheet.text(left, _LOW - 12, f"{check}: {verdict}", 12, "", "start", check == dial.check)


def _half(top: float) -> float:
    """A round number, two of which fit under the top."""
    power = 10.0 ** math.floor(math.log10(top / 2))
    return next(f * power for f in (5, 2, 1) if f * power <= top / 2)


_UP = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(k: int) -> str:
    return "1" if k == 0 else "10" + str(k).translate(_UP)


def _tiny(value: float) -> str:
    if value >= 0.001:
        return f"{value:.2g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} \u00b7 {_power(int(power))}"
