"""What the client's check of its masks is worth: clients of one's own, and how often a lie passes.

A corrupt server that sends its share of r_k off by e_k is not found out if e_0 + e_1 chi + ... +
e_L chi^L = 0 for the client's random chi: a polynomial of degree L, with at most L roots. The
package's own `check_masks` and `client_check_masks` run, for a crowd of clients at once, each with
a chi of its own.

>>> 5 < deceived([0, 1], modulus=101, clients=2000) < 45  # an error on r_1 alone: 1 in 101
True
>>> mask_check(modulus=101).fits
True
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from inspect import isawaitable
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab.adversary.rates import wilson
from mpclab.adversary.tools import Coalition, Message
from mpclab.arguments import is_whole, whole
from mpclab.client import Client
from mpclab.errors import InputError
from mpclab.field import Elements, Field
from mpclab.lab import Lab
from mpclab.party import Party
from mpclab.preprocessing.material import InputMasks
from mpclab.protocols.clients import check_masks, client_check_masks, receive_input
from mpclab.secret import SecretArray
from mpclab.style import plural
from mpclab.teaching.canvas import Canvas, Drawing, Page, Panel, number
from mpclab.views import messages

__all__ = ["LENGTHS", "MaskCheck", "deceived", "heard", "mask_check", "roots_at", "upload_as"]

LENGTHS = (1, 2, 4, 8, 12, 16)
"""How many elements the masks have that the figure shows."""

_MOST = 20_000
ClientProtocol = Callable[[Client, Elements], Coroutine[Any, Any, Any]]


def upload_as(
    lab: Lab, protocol: ClientProtocol, values: npt.ArrayLike, name: str = "alice"
) -> SecretArray:
    """Upload values with a client's protocol of one's own; the servers run `receive_input`.

    Parameters
    ----------
    lab : Lab
    protocol : callable
        `async def protocol(client, x)`: what the client does; x has the field elements, flat.
    values : array of int
    name : str
        The client's.

    Returns
    -------
    SecretArray
        What the servers hold after it, one-dimensional.

    Raises
    ------
    MpclabError
        What the client raises, or else what the servers do (`Refused`, `Abort`).
    InputError
        If `protocol` is not a protocol of a client.

    Examples
    --------
    >>> from mpclab.protocols.clients import client_input
    >>> lab = Lab(servers=3, seed=1)
    >>> upload_as(lab, client_input, [42]).reveal()
    array([42])
    """
    if not callable(protocol):
        raise InputError(
            f"{protocol!r} is not a client's protocol: define it with "
            "`async def protocol(client, x)`"
        )
    x = lab.field.array(np.atleast_1d(np.asarray(values))).reshape(-1)
    lab.preprocess([InputMasks(x.size)], checks=1)
    session = lab.session("upload")
    client = Client(session.endpoint(name), lab.source(session.name))
    running = protocol(client, x)
    if not isawaitable(running):
        raise InputError(
            f"{getattr(protocol, '__name__', 'this')} is not a client's protocol: define it with "
            "`async def protocol(client, x)`"
        )
    outcomes = session.run(
        "upload", lambda party: receive_input(party, name, (x.size,)),
        others=[(client.endpoint, running)],
    )  # fmt: skip
    if isinstance(outcomes[name], Exception):
        raise outcomes[name]
    outcomes.raise_failure()
    return lab.keep([outcomes[server.name] for server in lab.servers])


def heard(lab: Lab, kind: str, part: int = 0) -> npt.NDArray[np.int64]:
    """What somebody who hears everything finds in the messages between clients and servers.

    Parameters
    ----------
    lab : Lab
    kind : str
        "mask", "chi", "echo" or "masked input".
    part : int
        Which part of each message: of "mask", 0 is r_0 and 1 is r.

    Returns
    -------
    array of int, (uploads, servers)
        A row for each upload, a column for each server that sent or received it.

    Raises
    ------
    InputError
        If there is no such message, or more than one number in it.

    Examples
    --------
    >>> lab = Lab(servers=3, modulus=1021, seed=5)
    >>> secret = lab.client("alice").upload([42])
    >>> d, shares_of_r = heard(lab, "masked input"), heard(lab, "mask", part=1)
    >>> bool((d[0, 0] + shares_of_r.sum()) % 1021 == 42)
    True
    """
    kinds = ("mask", "chi", "echo", "masked input")
    if kind not in kinds:
        raise InputError(f"the kind is {kind!r}: it is one of {', '.join(map(repr, kinds))}")
    found = [
        np.asarray(seen.value) for seen in messages(lab, None)
        if seen.kind == kind and seen.part == part
    ]  # fmt: skip
    if not found or any(value.size != 1 for value in found):
        what = "there is none" if not found else "there are several numbers in one"
        raise InputError(
            f"messages of the kind {kind!r} with one number as part {part} are looked for: {what}"
        )
    return np.array([int(value.item()) for value in found], np.int64).reshape(-1, lab.n)


# -- how often a lie passes -----------------------------------------------------------------------


def roots_at(roots: Sequence[int], modulus: int) -> list[int]:
    """Coefficients, the constant first, of the product of all (X - root).

    Raises
    ------
    InputError
        If the roots or the modulus are not integers.

    Examples
    --------
    >>> roots_at([1, 2], 101)  # X^2 - 3 X + 2
    [2, 98, 1]
    """
    modulus = whole("the modulus", modulus, 2)
    coefficients = [1]
    for root in _integers("the roots", roots):
        shifted = [0, *coefficients]
        for k, c in enumerate(coefficients):
            shifted[k] -= root * c
        coefficients = [c % modulus for c in shifted]
    return coefficients


@lru_cache(maxsize=256)
def _deceived(errors: tuple[int, ...], modulus: int, clients: int, seed: int) -> int:
    lab = Lab(servers=2, modulus=modulus, seed=seed, contents=False)
    F, length = lab.field, len(errors) - 1
    lab.preprocess([InputMasks(length, clients)], checks=1)
    by = F.array(list(errors))

    def edit(message: Message) -> Message:
        r_0 = F.add(message.elements(0), np.broadcast_to(by[:1], (clients,)))
        masks = F.add(message.elements(1), np.broadcast_to(by[1:, None], (length, clients)))
        return message.with_part(0, r_0).with_part(1, masks)

    Coalition(lab, [1]).on("masks", edit, kind="mask")
    session = lab.session("masks")
    crowd = Client(session.endpoint("users", crowd=clients), lab.source(session.name))

    async def program(party: Party) -> None:
        held = party.take(InputMasks(length, clients))
        await check_masks(party, "users", [held["r"]], held["r_0"])

    outcomes = session.run(
        "upload", program,
        others=[(crowd.endpoint, client_check_masks(crowd, [(length, clients)], clients))],
    )  # fmt: skip
    outcomes.raise_failure()
    return int(outcomes["users"][1].sum())


def deceived(
    errors: Sequence[int], modulus: int = 101, clients: int = 2000, seed: int = 1
) -> int:
    """How many clients accept masks of which a corrupt server has altered its shares.

    Parameters
    ----------
    errors : sequence of int
        e_0, e_1 .. e_L: what the server adds to its shares of r_0, r_1 .. r_L.
    modulus : int
    clients : int
        1 to 20,000; each checks masks of its own with a chi of its own.
    seed : int

    Raises
    ------
    InputError
        If there are no two errors, nothing is altered, or a number is out of range.

    Examples
    --------
    >>> deceived([0, 1], modulus=2**61 - 1)
    0
    """
    F = Field(modulus)
    told = tuple(e % F.modulus for e in _integers("the errors", errors))
    if len(told) < 2:
        there = "is 1 error" if len(told) == 1 else "are 0 errors"
        raise InputError(f"there {there}: one is of r_0, and one of each mask r_k")
    if not any(told):
        raise InputError("all errors are 0 in the field: nothing is altered")
    clients = whole("clients", clients, 1, _MOST)
    return _deceived(told, F.modulus, clients, _seed(seed))


def _integers(name: str, values: Any) -> list[int]:
    """Several integers of any size and sign."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | dict):
        raise InputError(f"{name} are {values!r}: they must be a list of integers")
    each = list(values)
    for value in each:
        if not is_whole(value):
            raise InputError(f"one of {name} is {value!r}: each must be an integer")
    return [int(value) for value in each]


def _seed(seed: Any) -> int:
    if not is_whole(seed):
        raise InputError(f"the seed is {seed!r}: it must be an integer")
    return int(seed)


@dataclass(frozen=True)
class MaskCheck(Page):
    """How often the best lie about masks of L elements passes, measured and exact.

    Attributes
    ----------
    modulus, clients, seed : int
    passed : tuple of int
        How many of the clients accepted, for each of `LENGTHS`.
    """

    modulus: int
    clients: int
    seed: int
    passed: tuple[int, ...]

    @property
    def expected(self) -> tuple[float, ...]:
        """L/p for each of `LENGTHS`."""
        return tuple(length / self.modulus for length in LENGTHS)

    @property
    def fits(self) -> bool:
        """Whether every L/p lies in the interval of what was measured (99.9 percent each)."""
        return all(
            low <= due <= high
            for due, (low, high) in zip(self.expected, self._intervals, strict=True)
        )

    @property
    def _intervals(self) -> list[tuple[float, float]]:
        return [wilson(passed, self.clients) for passed in self.passed]

    def __repr__(self) -> str:
        found = ", ".join(f"{n:,}" for n in self.passed)
        many = plural(self.clients, "client")
        return f"MaskCheck(p = {number(self.modulus)}: {found} of {many})"

    def sentence(self) -> str:
        """What is to be seen, in words."""
        told = ", ".join(
            f"{passed:,} for {length}" for length, passed in zip(LENGTHS, self.passed, strict=True)
        )
        many = plural(self.clients, "client")
        return (
            f"Of {many} in the field of p = {number(self.modulus)}, so many "
            f"accepted altered masks, by how many elements a mask has: {told}. "
            f"The formula L/p says {', '.join(f'{e * self.clients:,.0f}' for e in self.expected)}."
        )

    @cached_property
    def picture(self) -> Drawing:
        """The formula, and what was counted."""
        sheet = Canvas(900, 292, "Altered masks that were accepted", self.sentence())
        intervals = self._intervals
        top = 1.12 * max(high for _, high in intervals)
        step = next(s for s in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002) if 2 * s <= top)
        panel = Panel(sheet, 84, 30, 776, 210, (0, LENGTHS[-1] + 1), (0, top))
        ticks = {k * step: f"{100 * k * step:.3g} %" for k in range(int(top / step) + 1)}
        panel.axes(
            {float(k): str(k) for k in range(0, LENGTHS[-1] + 1, 2)}, ticks,
            "L, elements that one client uploads", "clients that accept", 60,
        )  # fmt: skip
        end = LENGTHS[-1] + 1
        sheet.line(panel.x(0), panel.y(0), panel.x(end), panel.y(end / self.modulus), "ink",
                   ' stroke-width="1.5"')  # fmt: skip
        for length, passed, (low, high) in zip(LENGTHS, self.passed, intervals, strict=True):
            x = panel.x(length)
            sheet.line(x, panel.y(high), x, panel.y(low), "axis", ' stroke-width="4"')
            sheet.tip(f"L = {length}: {passed} of {self.clients} accepted")
            sheet.circle(x, panel.y(passed / self.clients), 4, "dot")
        sheet.text(860, 22, f"line: L/p for p = {number(self.modulus)}; dots: counted, of "
                   f"{self.clients:,}; bars: 99.9 %", 11, "m", "end")  # fmt: skip
        return sheet.picture()


def mask_check(modulus: int = 101, clients: int = 2000, seed: int = 1) -> MaskCheck:
    """Alter masks of several lengths in the best way there is, and count who accepts.

    For masks of L elements the errors are the coefficients of (X - 1) .. (X - L), which is 0 for L
    values of chi.

    Parameters
    ----------
    modulus : int
        A prime, 31 to 4093: in larger fields hardly anything passes.
    clients : int
        1 to 20,000.
    seed : int

    Raises
    ------
    InputError
        If the field is no prime of that size, or there are too many clients.

    Examples
    --------
    >>> mask_check(modulus=331)
    MaskCheck(p = 331: ... of 2,000 clients)
    """
    if not is_whole(modulus) or not 31 <= modulus <= 4093:
        raise InputError(
            f"the modulus is {modulus!r}: to count who accepts, take a prime of 31 to 4093"
        )
    modulus, seed, clients = int(modulus), _seed(seed), whole("clients", clients, 1, _MOST)
    passed = tuple(
        deceived(roots_at(range(1, length + 1), modulus), modulus, clients, 100 * seed + length)
        for length in LENGTHS
    )
    return MaskCheck(modulus, clients, seed, passed)
