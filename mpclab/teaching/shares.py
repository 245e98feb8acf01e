"""One secret and its shares: what they add up to, and what is seen with one server covered.

>>> view = share_view(secret=42, servers=3, modulus=101)
>>> view.total, sum(view.shares) % 101
(42, 42)
>>> share_view(secret=42, servers=3, modulus=101, covered=1)
ShareView(42 among 3 servers in F_101, server 1 covered: every secret is possible)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mpclab.arguments import truth, whole
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.randomness import Stream, digest
from mpclab.sharing import additive, deal_keys, share_out
from mpclab.style import text_width
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel, number

__all__ = ["MOST_SERVERS", "ShareView", "share_view", "visible_sums"]

MOST_SERVERS = 10
_SHARINGS, _MOST_SHARINGS = 5_000, 100_000
_FEW = 128  # values that have a bar each
_WIDTH, _LEFT, _RIGHT = 900.0, 112.0, 885.0


def visible_sums(
    secret: int,
    servers: int = 3,
    modulus: int = 101,
    covered: int | None = None,
    sharings: int = _SHARINGS,
    seed: int = 1,
) -> npt.NDArray[np.uint64]:
    """Share one secret many times afresh; what the servers in view add up to, each time.

    Parameters
    ----------
    secret, servers, modulus : int
        As in `share_view`.
    covered : int or None
        The server that is not in view.
    sharings : int
        How many times, 1 to 100,000.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        If a number does not fit the field, or a server is not there.

    Examples
    --------
    >>> set(visible_sums(42, sharings=100).tolist())
    {42}
    >>> len(set(visible_sums(42, covered=0, sharings=2000).tolist()))
    101
    """
    F, secret, servers, covered, seed = _checked(secret, servers, modulus, covered, seed)
    sharings = whole("sharings", sharings, 1, _MOST_SHARINGS)
    stream = Stream(digest(b"mpclab teaching: many sharings", str(seed).encode()))
    secrets = np.full(sharings, secret, np.uint64)
    parts = additive(F, secrets, servers, stream)
    return F.sum(np.stack([part for i, part in enumerate(parts) if i != covered]), axis=0)


def _checked(
    secret: int, servers: int, modulus: int, covered: int | None, seed: int
) -> tuple[Field, int, int, int | None, int]:
    """The field, and the arguments as they are meant: the secret as an element."""
    F = Field(modulus)
    value = int(F.array(whole("secret", secret, 1 - F.modulus, F.modulus - 1)))
    servers = whole("servers", servers, 2, MOST_SERVERS)
    hidden = None if covered is None else whole("covered", covered, 0, servers - 1)
    return F, value, servers, hidden, whole("seed", seed)


@dataclass(frozen=True)
class ShareView(Page):
    """A secret, every server's share of it, and what can be said of them.

    Attributes
    ----------
    secret, servers, modulus : int
    shares, macs, keys : tuple of int
        x_i, m_i and alpha_i of every server; shares that were edited are as edited.
    covered : int or None
        The server that is not in view.
    edited : tuple of int
        Servers whose share is not the one that they were given.
    with_macs : bool
        Whether MACs are shown.
    sums : array
        What the servers in view add up to, in many fresh sharings of the same secret.
    """

    secret: int
    servers: int
    modulus: int
    shares: tuple[int, ...]
    macs: tuple[int, ...]
    keys: tuple[int, ...]
    covered: int | None
    edited: tuple[int, ...]
    with_macs: bool
    sums: npt.NDArray[np.uint64] = dataclass_field(repr=False)

    @property
    def total(self) -> int:
        """What all shares add up to."""
        return sum(self.shares) % self.modulus

    @property
    def visible(self) -> int:
        """What the shares in view add up to."""
        return sum(x for i, x in enumerate(self.shares) if i != self.covered) % self.modulus

    @property
    def mac_holds(self) -> bool:
        """Whether the MAC shares fit what is reconstructed."""
        return (sum(self.macs) - sum(self.keys) * self.total) % self.modulus == 0

    @cached_property
    def counts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """How many sums fell into each part of the field, and how many were to be expected."""
        p, bars = self.modulus, self.modulus if self.modulus <= _FEW else 50
        edges = [p * k // bars for k in range(bars + 1)]
        places = np.searchsorted(np.array(edges[1:], np.uint64), self.sums, side="right")
        widths = np.array([b - a for a, b in pairwise(edges)], np.float64)
        return np.bincount(places, minlength=bars), widths / p * self.sums.size

    @property
    def chi_square(self) -> float:
        """How far the counts are from even: near `degrees` if every value is equally likely."""
        found, expected = self.counts
        return float(((found - expected) ** 2 / expected).sum())

    @property
    def degrees(self) -> int:
        """The degrees of freedom of `chi_square`."""
        return len(self.counts[0]) - 1

    @property
    def looks_uniform(self) -> bool:
        """Whether `chi_square` is where it is for even chances in 999 cases of 1,000."""
        return abs(self.chi_square - self.degrees) < 3.4 * math.sqrt(2 * self.degrees)

    def __repr__(self) -> str:
        here = f"{self.secret} among {self.servers} servers in F_{number(self.modulus)}"
        if self.covered is not None:
            return f"ShareView({here}, server {self.covered} covered: every secret is possible)"
        edited = f", {len(self.edited)} edited" if self.edited else ""
        return f"ShareView({here}{edited}: {self.total} comes out)"

    def sentence(self) -> str:
        """What is to be seen, in words."""
        if self.covered is not None:
            return (
                f"Server {self.covered} is covered. The others add up to {self.visible}, and any "
                f"of the {number(self.modulus)} secrets would fit: for each there is exactly one "
                f"share that server {self.covered} could hold."
            )
        who = "Edited: " + " and ".join(f"server {i}" for i in self.edited) + ". "
        if not self.edited:
            told = f"All {self.servers} shares together give the secret, {self.total}."
        elif self.total == self.secret:
            told = f"{who}The changes cancel: the secret, {self.total}, comes out."
        else:
            told = f"{who}What comes out is {self.total}, not {self.secret}."
            if not self.with_macs:
                told += " Nothing shows it."
        if self.with_macs:
            told += f" The MACs {'fit' if self.mac_holds else 'do not fit'}."
        return told

    @cached_property
    def picture(self) -> Drawing:
        """The shares above, many sharings of the same secret below."""
        return _draw(self)


def share_view(
    secret: int = 42,
    servers: int = 3,
    modulus: int = 101,
    *,
    covered: int | None = None,
    edits: Mapping[int, int] | None = None,
    macs: bool = False,
    seed: int = 1,
) -> ShareView:
    """Share a secret, edit shares, cover a server, and see what is left.

    Parameters
    ----------
    secret : int
        -p < secret < p; negative numbers stand for p - |secret|.
    servers : int
        2 to 10.
    modulus : int
        The prime p.
    covered : int or None
        A server whose share nobody sees.
    edits : mapping of int to int, or None
        Server -> the share that it claims to hold.
    macs : bool
        Whether to show MACs and keys, too (chapter 02).
    seed : int
        Of the shares, 0 or more: the same gives the same.

    Raises
    ------
    InputError
        If a number does not fit the field, or a server is not there.

    Examples
    --------
    >>> view = share_view(42, servers=3, modulus=101, edits={2: 0}, macs=True)
    >>> view.mac_holds
    False
    >>> share_view(42, covered=2).looks_uniform, share_view(42).looks_uniform
    (True, False)
    """
    F, value, servers, covered, seed = _checked(secret, servers, modulus, covered, seed)
    if not isinstance(edits, Mapping | None):
        raise InputError(f"edits is {edits!r}: it must map servers to shares, as in {{2: 60}}")
    stream = Stream(digest(b"mpclab teaching: a sharing", str(seed).encode()))
    keys = deal_keys(F, servers, stream)
    parts = share_out(value, keys, stream)
    shares = given = [int(part.value) for part in parts]
    for i, new in (edits or {}).items():
        i = whole("a server in edits", i, 0, servers - 1)
        new = whole(f"the share of server {i}", new, 1 - F.modulus, F.modulus - 1)
        shares = [*shares[:i], int(F.array(new)), *shares[i + 1 :]]
    return ShareView(
        secret=value,
        servers=servers,
        modulus=F.modulus,
        shares=tuple(shares),
        macs=tuple(int(part.mac) for part in parts),
        keys=tuple(int(key.alpha) for key in keys),
        covered=covered,
        edited=tuple(i for i in range(servers) if shares[i] != given[i]),
        with_macs=truth("macs", macs),
        sums=visible_sums(value, servers, modulus, covered, seed=seed),
    )


# -- drawing --------------------------------------------------------------------------------------


def _draw(v: ShareView) -> Drawing:
    row, first = 30.0, 56.0
    end = first + row * v.servers
    height = end + 236
    sheet = Canvas(_WIDTH, height, "Shares of a secret", v.sentence())
    columns = (530.0, 700.0, 870.0) if v.with_macs else (870.0,)
    longest = text_width(f"edited: {v.modulus - 1}", 12, bold=True)
    track = (_LEFT, min(350.0 if v.with_macs else 640.0, columns[0] - longest - 16))
    _heads(sheet, v, track, columns)
    for i in range(v.servers):
        _row(sheet, v, i, first + row * i, track, columns)
    sheet.line(16, end - 12, _RIGHT, end - 12, "axis")
    _sum_row(sheet, v, end + 6, track, columns)
    _histogram(sheet, v, end + 62)
    return sheet.picture()


def _heads(
    sheet: Canvas, v: ShareView, track: tuple[float, float], columns: tuple[float, ...]
) -> None:
    p = number(v.modulus)
    sheet.text(track[0], 28, f"share, from 0 to p - 1, where p = {p}", 11, "m")
    names = ("share x_i", "MAC share m_i", "key share \u03b1_i")
    for x, name in zip(columns, names, strict=False):
        sheet.text(x, 28, name, 11, "m", "end")


def _row(
    sheet: Canvas, v: ShareView, i: int, y: float, track: tuple[float, float],
    columns: tuple[float, ...],
) -> None:  # fmt: skip
    left, right = track
    sheet.server(i, 16, y)
    if i == v.covered:
        sheet.rect(left, y - 9, right - left, 18, "cover", 3, ' stroke-dasharray="4 3"')
        sheet.text((left + right) / 2, y + 4, "covered", 11, "m", "middle")
        for x in columns:
            sheet.text(x, y + 4, "?", 12, "m", "end")
        return
    sheet.line(left, y, right, y, "rule")
    at = left + (right - left) * v.shares[i] / v.modulus
    sheet.line(left, y, at, y, f"s{i}", ' stroke-width="5"')
    sheet.circle(at, y, 6, f"s{i}")
    sheet.tip(f"server {i} holds {v.shares[i]}")
    told = (v.shares[i], v.macs[i], v.keys[i])
    for k, (x, value) in enumerate(zip(columns, told, strict=False)):
        edited = k == 0 and i in v.edited
        sheet.text(x, y + 4, f"edited: {value}" if edited else str(value), 12, "", "end", edited)


def _sum_row(
    sheet: Canvas, v: ShareView, y: float, track: tuple[float, float], columns: tuple[float, ...]
) -> None:
    left, right = track
    sheet.text(16, y + 4, "sum mod p", 12, "", bold=True)
    if v.covered is not None:
        sheet.rect(left, y - 9, right - left, 18, "cover", 3)
        sheet.text((left + right) / 2, y + 4, "any value, each equally likely", 11, "", "middle")
        for x in columns:
            sheet.text(x, y + 4, "?", 12, "m", "end")
        return
    sheet.line(left, y, right, y, "rule")
    at = left + (right - left) * v.total / v.modulus
    sheet.path(f"M{at:.1f} {y - 8:.1f}l8 8l-8 8l-8 -8Z", "dot")
    sums = (v.total, sum(v.macs) % v.modulus, sum(v.keys) % v.modulus)
    for x, value in zip(columns, sums, strict=False):
        sheet.text(x, y + 4, str(value), 12, "", "end", v.modulus < 2**31)
    if v.with_macs:
        due = sum(v.keys) * v.total % v.modulus
        fits = "as it should" if v.mac_holds else "it does NOT fit"
        sheet.text(columns[1], y + 22, f"\u03b1 x = {due}: {fits}", 11, "", "end")


def _histogram(sheet: Canvas, v: ShareView, top: float) -> None:
    found, expected = v.counts
    count = v.sums.size
    whose = "all servers" if v.covered is None else f"all servers but {v.covered}"
    sheet.text(
        16, top, f"The same secret, shared {count:,} times afresh: what {whose} add up to", 12,
        bold=True,
    )  # fmt: skip
    high = float(max(found.max(), 2.2 * expected.max()))
    panel = Panel(sheet, 84, top + 14, 790, 112, (0, len(found)), (0, high))
    p = v.modulus
    x_ticks = {len(found) * k / 4: text for k, text in enumerate(_quarters(p))}
    step = _round_step(high / 2.2)
    y_ticks = {k * step: f"{k * step:,.0f}" for k in range(int(high / step) + 1)}
    panel.axes(x_ticks, y_ticks, "sum of the shares in view, mod p", "sharings (number)", 56)
    bottom = panel.y(0)
    wide = max(panel.width / len(found) - 1, 2.0)
    for k, times in enumerate(found):
        if times:
            sheet.rect(panel.x(k + 0.5) - wide / 2, panel.y(times), wide,
                       bottom - panel.y(times), "bars")  # fmt: skip
    if v.covered is not None:
        y = panel.y(float(expected.mean()))
        sheet.line(panel.left, y, panel.left + panel.width, y, "ink", ' stroke-dasharray="5 3"')
        sheet.text(panel.left + panel.width, top, "dashed: even chances", 11, "m", "end")


def _quarters(p: int) -> list[str]:
    if p <= _FEW:
        return [str(p * k // 4) for k in range(5)]
    return ["0", "p/4", "p/2", "3p/4", "p"]


def _round_step(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20 ... that is not above the value, but for its rounding."""
    most = max(value, 1) * (1 + 1e-9)
    power = 10.0 ** math.floor(math.log10(most))
    return next((f * power for f in (5, 2, 1) if f * power <= most), power)
