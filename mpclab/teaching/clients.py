"""A secret goes in and a result comes out: the steps I1 to I7 and O1 to O4, one after another.

What `mpclab.teaching.client_run` has run and `client_told` tells, as a page: what happens at a
step, a picture of all steps, and a card for the client and each server.

>>> step = upload_and_output(42, servers=3, step=6)
>>> step
ClientSteps(42 at 3 servers: step I6 of I1 to O4)
>>> upload_and_output(42, cheat="mask share", step=5).caught
True
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from mpclab import style
from mpclab.arguments import is_whole, whole
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.sheet import chip, css
from mpclab.teaching.canvas import Canvas, Drawing, Page
from mpclab.teaching.client_run import (
    CHEATS,
    CLIENT,
    NAMES,
    STEPS,
    Run,
    cheat_of,
    client_run,
    parties,
)
from mpclab.teaching.client_told import Card, card_of, concludes, happens, values

__all__ = ["CHEATS", "MOST_SERVERS", "STEPS", "ClientSteps", "upload_and_output"]

MOST_SERVERS = 5
_LARGEST = 10_000  # numbers of four digits have room

_CSS = (Path(__file__).parent / "cards.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class ClientSteps(Page):
    """An upload and an output, at one of their steps.

    Attributes
    ----------
    x, servers, modulus : int
    cheat : str
        One of `CHEATS`.
    step, steps : int
        Numbers of steps in `STEPS`: the one that is shown, and the last that is reached.
    caught : bool
        Whether the cheat is caught at this step.
    ended : str
        The step at which somebody stops; "" if the client gets its result.
    result : int or None
        What the client takes for 2 x; None if it gets nothing.
    title : str
        What happens at this step.
    concludes : str
        What whoever receives something can conclude from it.
    cards : tuple of Card
        The client's and each server's.
    """

    x: int
    servers: int
    modulus: int
    cheat: str
    step: int
    steps: int
    caught: bool
    ended: str
    result: int | None
    title: str
    concludes: str
    cards: tuple[Card, ...]
    seed: int

    def __repr__(self) -> str:
        cheat = f", {CHEATS[self.cheat]}" if self.cheat else ""
        at = f"{f'step {STEPS[self.step]}' if self.step else 'start'} of I1 to {STEPS[self.steps]}"
        return f"ClientSteps({self.x} at {self.servers} servers{cheat}: {at})"

    def sentence(self) -> str:
        """What happens at this step, in words."""
        return f"{self._place()} {self.title}"

    def _place(self) -> str:
        return "Start." if self.step == 0 else f"{STEPS[self.step]}, {NAMES[STEPS[self.step]]}."

    @cached_property
    def picture(self) -> Drawing:
        """All steps, one below the other: the messages that are sent yet, the others faint."""
        return _draw(self)

    def html(self) -> str:
        """The page without its style sheet, for a widget."""
        return self._page('<p role="status">', self.picture.svg)

    def _repr_html_(self) -> str:
        page = self._page("<p>", str(self.picture._repr_html_()))
        return f'<style>{css()}</style><div class="mpclab-act">{page}</div>'

    def _page(self, paragraph: str, picture: str) -> str:
        told = f"{paragraph}<b>{escape(self._place())}</b> {escape(self.title)}</p>"
        who = "Whoever receives this can conclude:"
        concludes = f"<p><b>{who}</b> {escape(self.concludes)}</p>" if self.concludes else ""
        cards = "".join(_card(card) for card in self.cards)
        style_ = (
            f"<style>{_CSS}.mpclab-act .mpclab-told p{{max-width:900px;min-height:2.9em}}"
            ".mpclab-act .mpclab-concludes p{max-width:900px;margin:8px 0 0}"
            ".mpclab-act .mpclab-four{grid-template-columns:"
            "repeat(auto-fit,minmax(min(200px,100%),1fr))}</style>"
        )
        return (
            f'{style_}<div class="mpclab-told">{told}</div>{picture}'
            f'<div class="mpclab-concludes">{concludes}</div>'
            f'<div class="mpclab-cards{" mpclab-four" * (len(self.cards) == 4)}">{cards}</div>'
        )


def upload_and_output(
    x: int = 42,
    servers: int = 3,
    modulus: int = 101,
    step: int = 0,
    cheat: str = "",
    seed: int = 5,
) -> ClientSteps:
    """Upload a secret, let the servers double it, give the client the result; stop at a step.

    Parameters
    ----------
    x : int
        The client's secret.
    servers : int
        2 to 5; if a server cheats, it is the last one.
    modulus : int
        A prime below 10,000.
    step : int
        Which of `STEPS`, 0 to 11; if somebody stops earlier, up to there.
    cheat : str
        One of `CHEATS`.
    seed : int

    Raises
    ------
    InputError
        If a number does not fit the field, or there is no such step or cheat.

    Examples
    --------
    >>> upload_and_output(42, step=11).result
    84
    >>> print(upload_and_output(42, cheat="masked input", step=7).title)
    Server 0 got another x - r than the rest: ... The client is refused, alone, ...
    """
    F = Field(modulus)
    servers = whole("servers", servers, 2, MOST_SERVERS)
    if F.modulus > _LARGEST:
        raise InputError(
            f"the modulus is {modulus}: for numbers that one can follow take a prime below "
            f"{_LARGEST:,}, such as 101"
        )
    if not isinstance(cheat, str) or cheat not in CHEATS:
        raise InputError(
            f"there is no cheat {cheat!r}: take '' for none, or one of "
            f"{', '.join(repr(name) for name in CHEATS if name)}"
        )
    for name, given in (("x", x), ("the seed", seed)):
        if not is_whole(given):
            raise InputError(f"{name} is {given!r}: it must be an integer, such as 42")
    value, seed = int(F.array(x)), int(seed)
    run = client_run(value, servers, F.modulus, cheat, seed)
    steps = STEPS.index(run.ended) if run.ended else len(STEPS) - 1
    if not is_whole(step) or not 0 <= step <= steps:
        raise InputError(
            f"step is {step!r}: there are 0, the start, to {steps}, which is {STEPS[steps]}"
        )
    caught = bool(run.ended) and step == steps
    return ClientSteps(
        x=value, servers=servers, modulus=F.modulus, cheat=cheat, step=int(step), steps=steps,
        caught=caught, ended=run.ended, result=run.result,
        title=happens(run, STEPS[step], cheat, caught), concludes=concludes(STEPS[step]),
        cards=tuple(card_of(run, party, step) for party in parties(servers)), seed=seed,
    )  # fmt: skip


def _card(card: Card) -> str:
    active = " mpclab-now" if card.sends or card.receives else ""
    parts = []
    for name, lines in (("holds", card.holds), ("sends", card.sends),
                        ("receives", card.receives)):  # fmt: skip
        if not lines:
            continue
        fresh = ' class="mpclab-fresh"' if name != "holds" else ""
        shown = "".join(f"<dd{fresh}>{_apart(line)}</dd>" for line in lines)
        parts.append(f"<dt>{name}</dt>{shown}")
    color = "--mpclab-ink" if card.party == CLIENT else f"--mpclab-s{card.party.split()[1]}"
    return (
        f'<div class="mpclab-card{active}" style="--chip:var({color})">{chip(card.party)}'
        f"<dl>{''.join(parts)}</dl></div>"
    )


def _apart(line: str) -> str:
    """Numbers with their names, which a line break does not tear apart."""
    return " ".join(f"<span>{escape(part)}</span>" for part in re.split(r"(?<=,) ", line))


# -- drawing --------------------------------------------------------------------------------------

_WIDTH, _HEAD, _GAP = 900.0, 62.0, 30.0
_CLIENT_AT, _FIRST, _LAST, _RIGHT = 268.0, 356.0, 656.0, 704.0
_ROOM = _WIDTH - 14 - _RIGHT


def _lanes(step: str, servers: int) -> list[tuple[str, list[str]]]:
    """Who sends to whom in a step: a line for each sender."""
    names = parties(servers)[1:]
    if step in ("I2", "I6"):
        return [(CLIENT, names)]
    if step in ("I1", "I5", "O3"):
        return [(name, [CLIENT]) for name in names]
    if step == "O4":
        return []
    return [(name, [other for other in names if other != name]) for name in names]


def _beside(run: Run, steps: ClientSteps, step: str) -> str:
    """What stands at the right of a row: what it is about, in numbers."""
    v, caught = values(run), step == run.ended
    cheat = cheat_of(steps.cheat)
    if caught and step != "O4":
        return {"I3": "refused: chi differs", "I5": f"stops: its own is {v.get('own')}",
                "I7": "refused: hashes differ", "O2": "abort: the check fails"}[step]  # fmt: skip
    if caught:
        return "rejected: w is not v r"
    texts = {
        "I1": "r_0 = {r_0}, r = {r}", "I2": "chi = {chi}", "I3": "all the same", "I4": "h = {h}",
        "I5": "equal to its own, {own}", "I6": "x - r = {d}", "I7": "all the same: stored",
        "O1": "z = {z}", "O2": "passed", "O3": "r = {s}, v = {v}", "O4": "y = {y}",
    }  # fmt: skip
    text = texts[step].format_map(v | {"y": run.result})
    return f"{text}: a lie" if cheat and cheat.at == step else text


def _draw(steps: ClientSteps) -> Drawing:
    run = client_run(steps.x, steps.servers, steps.modulus, steps.cheat, steps.seed)
    n, names, cheat = steps.servers, parties(steps.servers), cheat_of(steps.cheat)
    at = {CLIENT: _CLIENT_AT}
    gap = (_LAST - _FIRST) / max(n - 1, 3)
    left = (_FIRST + _LAST - (n - 1) * gap) / 2
    at |= {name: left + i * gap for i, name in enumerate(names[1:])}
    lanes = {step: _lanes(step, n) for step in STEPS[1:]}
    tall = {step: max(26.0, 14 + 8.0 * len(lanes[step])) for step in lanes}
    height = _HEAD + sum(tall.values()) + _GAP + 12
    sheet = Canvas(_WIDTH, height, "An upload and an output, step by step", steps.sentence())

    y, top = _HEAD, {}
    for step in lanes:
        y += _GAP if step == "O1" else 0
        top[step] = y
        y += tall[step]
    now = STEPS[steps.step]
    if now in top:
        sheet.rect(6, top[now], _WIDTH - 12, tall[now], "step", 5)
    for name in names:
        sheet.line(at[name], 44, at[name], y + 2, "rule")
    middle = top["O1"] - _GAP / 2
    sheet.rect(at[names[1]] - 30, middle - 11, at[names[-1]] - at[names[1]] + 60, 22, "band", 11)
    sheet.text((at[names[1]] + at[names[-1]]) / 2, middle + 4, "compute y = 2 x", 11, "m",
               "middle")  # fmt: skip
    sheet.rect(at[CLIENT] - 30, 20, 60, 22, "client", 5)
    sheet.text(at[CLIENT], 35, "client", 11, "on-client", "middle", True)
    for i, name in enumerate(names[1:]):
        sheet.server(i, at[name] - 35, 31, 70)
        if cheat and cheat.by == "server" and i == n - 1:
            sheet.text(at[name], 14, "cheats", 11, "", "middle", True)
    if cheat and cheat.by == "client":
        sheet.text(at[CLIENT], 14, "cheats", 11, "", "middle", True)
    sheet.text(16, 35, "step", 11, "m")
    sheet.text(_RIGHT, 35, "god's view", 11, "m")
    for k, step in enumerate(STEPS[1:], start=1):
        _row(sheet, steps, run, k, step, top[step], tall[step], lanes[step], at)
    return sheet.picture()


def _row(
    sheet: Canvas, steps: ClientSteps, run: Run, k: int, step: str, top: float, tall: float,
    lanes: Sequence[tuple[str, Sequence[str]]], at: Mapping[str, float],
) -> None:  # fmt: skip
    done, now = k <= steps.step, k == steps.step
    base = top + tall / 2 + 4
    muted = "" if done else "m"
    sheet.text(16, base, step, 12, muted, bold=True)
    sheet.text(44, base, NAMES[step], 11.5, muted, bold=now)
    cheat = cheat_of(steps.cheat)
    if done:
        text = _beside(run, steps, step)
        sheet.text(_RIGHT, base, text, 11.5, "", bold=now or step == run.ended)
    elif k > steps.steps:
        sheet.text(_RIGHT, base, "not reached", 11, "m")
    for lane, (sender, receivers) in enumerate(lanes):
        y = top + tall / 2 + 8 * (lane - (len(lanes) - 1) / 2)
        lied = bool(
            cheat and cheat.at == step and done
            and sender == (f"server {steps.servers - 1}" if cheat.by == "server" else CLIENT)
        )
        css_class = "client" if sender == CLIENT else f"s{sender.split()[1]}"
        more = f' stroke-width="{2.6 if now else 1.5}"' + ('' if done else ' opacity=".16"')
        more += ' stroke-dasharray="5 3"' if lied else ""
        ends = [at[name] for name in (sender, *receivers)]
        sheet.line(min(ends), y, max(ends), y, f"{css_class} lane", more)
        faint = "" if done else ' opacity=".16"'
        x = at[sender]
        sheet.path(f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z", css_class, faint)
        for name in receivers:
            tip, way = at[name], 1 if at[name] > x else -1
            sheet.path(f"M{tip:.1f} {y:.1f}l{-7 * way} -3.4v6.8Z", css_class,
                       f' stroke="none"{faint}')  # fmt: skip


def text_fits(steps: ClientSteps) -> bool:
    """Whether all that stands at the right has room, in any font.

    >>> text_fits(upload_and_output(42, 5, 1021, 11))
    True
    """
    run = client_run(steps.x, steps.servers, steps.modulus, steps.cheat, steps.seed)
    return all(
        style.text_width(_beside(run, steps, step), 11.5, bold=True) <= _ROOM
        for step in STEPS[1 : steps.step + 1]
    )
