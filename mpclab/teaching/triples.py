"""One multiplication, message by message: what each server holds, sends, receives, can conclude.

The package's own `multiply` runs in a lab; its transcript has the messages, and every server's
view what was in them. Steps are counted from 0, before anything is sent.

>>> step = multiplication(6, 7, servers=3)
>>> step
Stepped(6 x 7 at 3 servers: start of 8 steps)
>>> multiplication(6, 7, servers=3, step=8).cards[0].concludes
'Holds a share of the product, and nothing new: no message was needed for it.'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field as dataclass_field
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from mpclab.arguments import whole
from mpclab.conclusions import conclusion
from mpclab.diagram import layout, marked_svg
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.endpoint import server_name
from mpclab.network.rounds import step as step_of
from mpclab.network.transcript import Transcript
from mpclab.party import Party
from mpclab.preprocessing.material import Triples
from mpclab.protocols.multiply import multiply
from mpclab.sharing import Share
from mpclab.sheet import chip, css
from mpclab.teaching.canvas import Drawing, number

__all__ = ["MOST_SERVERS", "Card", "Stepped", "multiplication"]

MOST_SERVERS = 5
_CSS = (Path(__file__).parent / "cards.css").read_text(encoding="utf-8")
_LABEL = "x - a, y - b"


@dataclass(frozen=True)
class _Run:
    """A multiplication that has been run: shares by server, and what every message held."""

    transcript: Transcript
    shares: dict[str, tuple[int, ...]]  # of x, y, a, b, c and z
    sent: dict[tuple[int, int], tuple[int, int]]  # sender, receiver -> its shares of d and e
    kind: str
    step: str

    @property
    def links(self) -> list[tuple[int, int]]:
        return sorted(self.sent)


async def _noted(party: Party, x: Share, y: Share) -> tuple[Share, dict[str, Any]]:
    """The product, and the triple that it took."""
    product = await step_of("product", multiply(party, x, y))
    return product, party.in_use[-1]


@lru_cache(maxsize=16)
def _run(x: int, y: int, servers: int, modulus: int, seed: int) -> _Run:
    lab = Lab(servers=servers, modulus=modulus, seed=seed)
    parts = {"x": lab.god.share(x), "y": lab.god.share(y)}
    flat = [[part.reshape(1) for part in parts[name]] for name in "xy"]
    lab.preprocess([Triples(1)])
    results = lab.each(_noted, *flat)
    held: dict[str, Sequence[Share]] = {
        **parts,
        **{name: [triple[name] for _, triple in results] for name in "abc"},
        "z": [product for product, _ in results],
    }
    sent = {}
    for receiver in range(servers):
        view = lab.view(servers=[receiver])
        opened = view[(view["phase"] == "online") & (view["kind"] == "open")]
        for sender, value in zip(opened["sender"], opened["value"], strict=True):
            d, e = (int(v) for v in value)
            sent[int(sender.split()[1]), receiver] = (d, e)
    record = next(iter(lab.transcript.select(phase="online")))
    return _Run(
        lab.transcript,
        {name: tuple(int(s.value.reshape(())) for s in held[name]) for name in held},
        sent,
        record.kind,
        record.step,
    )


@dataclass(frozen=True)
class Card:
    """What is to be told of one server at one step.

    Attributes
    ----------
    server : int
    holds, sends, received : tuple of str
        Numbers with their names; `fresh` says which of the three is new at this step.
    concludes : str
    fresh : str
    """

    server: int
    holds: tuple[str, ...]
    sends: tuple[str, ...]
    received: tuple[str, ...]
    concludes: str
    fresh: str


@dataclass(frozen=True)
class Stepped:
    """One step of a multiplication.

    Attributes
    ----------
    x, y, servers, modulus : int
    step, steps : int
        0 is before anything is sent; the last but one is when all messages have arrived and every
        server adds up what was opened; in the last every server computes its share of the product.
    title : str
        What happens at this step.
    cards : tuple of Card
        One per server.
    picture : Drawing
        The messages, those that are sent yet.
    product : int
        What the servers' shares of the product add up to.
    """

    x: int
    y: int
    servers: int
    modulus: int
    step: int
    steps: int
    title: str
    cards: tuple[Card, ...]
    picture: Drawing = dataclass_field(repr=False)
    product: int

    def __repr__(self) -> str:
        here = "start" if self.step == 0 else f"step {self.step}"
        what = f"{self.x} x {self.y} at {self.servers} servers"
        return f"Stepped({what}: {here} of {self.steps} steps)"

    def html(self) -> str:
        """The page without the general style sheet, for a widget."""
        cards = "".join(_card(card) for card in self.cards)
        return (
            f'<style>{_CSS}</style><p role="status"><b>{self._place()}</b> {escape(self.title)}'
            f'</p>{self.picture.svg}<div class="mpclab-cards">{cards}</div>'
        )

    def _place(self) -> str:
        return "Start." if self.step == 0 else f"Step {self.step} of {self.steps}."

    def _repr_html_(self) -> str:
        cards = "".join(_card(card) for card in self.cards)
        return (
            f'<style>{css()}{_CSS}</style><div class="mpclab-act"><p><b>{self._place()}</b> '
            f"{escape(self.title)}</p>{self.picture._repr_html_()}"
            f'<div class="mpclab-cards">{cards}</div></div>'
        )


def multiplication(
    x: int = 6,
    y: int = 7,
    servers: int = 3,
    modulus: int = 101,
    step: int = 0,
    seed: int = 5,
) -> Stepped:
    """Multiply two secrets with a Beaver triple, and stop at a step.

    Parameters
    ----------
    x, y : int
        The secrets.
    servers : int
        2 to 5.
    modulus : int
    step : int
        0 to n (n - 1) + 2.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        If a number does not fit the field, or there is no such step.

    Examples
    --------
    >>> multiplication(6, 7, step=1).title
    'Server 0 sends its shares of d = x - a and e = y - b to server 1.'
    >>> multiplication(6, 7, step=8).product
    42
    """
    F = Field(modulus)
    least, most = 1 - F.modulus, F.modulus - 1
    x, y = whole("x", x, least, most), whole("y", y, least, most)
    servers, seed = whole("servers", servers, 2, MOST_SERVERS), whole("seed", seed)
    step = whole("step", step, 0, servers * (servers - 1) + 2)
    run = _run(int(F.array(x)), int(F.array(y)), servers, F.modulus, seed)
    steps = len(run.links) + 2
    links = run.links[:step]
    now = links[-1] if 0 < step <= len(run.links) else None
    p = F.modulus
    return Stepped(
        x=x,
        y=y,
        servers=servers,
        modulus=p,
        step=step,
        steps=steps,
        title=_title(run, step, now, p),
        cards=tuple(_told(run, i, step, links, now, p) for i in range(servers)),
        picture=_picture(run, links, now),
        product=sum(run.shares["z"]) % p,
    )


def _opened(run: _Run, p: int) -> tuple[int, int]:
    s = run.shares
    return (sum(s["x"]) - sum(s["a"])) % p, (sum(s["y"]) - sum(s["b"])) % p


def _title(run: _Run, step: int, now: tuple[int, int] | None, p: int) -> str:
    if step == 0:
        return (
            "Every server holds shares of x and y, and of a triple a, b, c = a b. It subtracts, by "
            "itself: d_i = x_i - a_i and e_i = y_i - b_i."
        )
    if now is not None:
        return (
            f"Server {now[0]} sends its shares of d = x - a and e = y - b to server {now[1]}."
        )
    d, e = _opened(run, p)
    if step == len(run.links) + 1:
        return f"All shares are there: every server adds them up, and d = {d}, e = {e}."
    return (
        "Every server computes its share of the product: z_i = c_i + d b_i + e a_i, and server 0 "
        f"adds d e. Together: {sum(run.shares['z']) % p}."
    )


def _told(
    run: _Run, i: int, step: int, links: Sequence[tuple[int, int]], now: tuple[int, int] | None,
    p: int,
) -> Card:  # fmt: skip
    s, n = run.shares, len(run.shares["x"])
    d, e = _opened(run, p)
    mine = ((s["x"][i] - s["a"][i]) % p, (s["y"][i] - s["b"][i]) % p)
    holds = [
        f"x_{i} = {s['x'][i]}, y_{i} = {s['y'][i]}",
        f"a_{i} = {s['a'][i]}, b_{i} = {s['b'][i]}, c_{i} = {s['c'][i]}",
        f"d_{i} = {mine[0]}, e_{i} = {mine[1]}",
    ]
    to = [k for a, k in links if a == i]
    whom = f"server{'s' if len(to) > 1 else ''} {' and '.join(map(str, to))}"
    whom = f"servers {', '.join(map(str, to[:-1]))} and {to[-1]}" if len(to) > 2 else whom
    told_all = {run.sent[i, k] for k in to}
    sends = [f"d_{i} = {d_i}, e_{i} = {e_i}, to {whom}" for d_i, e_i in sorted(told_all)]
    received = [f"d_{a} = {run.sent[a, i][0]}, e_{a} = {run.sent[a, i][1]}, from server {a}"
                for a, k in links if k == i]  # fmt: skip
    fresh = "holds" if now is None else {now[0]: "sends", now[1]: "received"}.get(i, "")
    done = len(links) == len(run.links)
    if done and step > len(run.links):
        holds.append(f"d = {d}, e = {e}")
    if step == len(run.links) + 2:
        holds.append(f"z_{i} = {s['z'][i]}")
        told = "Holds a share of the product, and nothing new: no message was needed for it."
    elif len(received) == n - 1:
        told = conclusion(run.kind, run.step)
    elif received:
        told = (
            f"Nothing: with its own it has {len(received) + 1} of {n} shares of d and e, which are "
            "uniform."
        )
    else:
        told = "Nothing: shares are uniform, whatever x and y are."
    return Card(i, tuple(holds), tuple(sends), tuple(received), told, fresh)


def _card(card: Card) -> str:
    now = " mpclab-now" if card.fresh in ("sends", "received") else ""
    parts = []
    for name, values in (("holds", card.holds), ("has sent", card.sends),
                         ("has received", card.received)):  # fmt: skip
        lines = values or ("nothing yet",)
        last = name.split()[-1].replace("sent", "sends") == card.fresh
        shown = [
            f'<dd class="mpclab-fresh">{_apart(v)}</dd>' if last and k == len(lines) - 1
            else f"<dd>{_apart(v)}</dd>"
            for k, v in enumerate(lines)
        ]
        parts.append(f"<dt>{name}</dt>{''.join(shown)}")
    parts.append(f"<dt>can conclude</dt><dd>{escape(card.concludes)}</dd>")
    color = f"--chip:var(--mpclab-s{card.server})"
    return (
        f'<div class="mpclab-card{now}" style="{color}">{chip(server_name(card.server))}'
        f"<dl>{''.join(parts)}</dl></div>"
    )


def _apart(line: str) -> str:
    """Numbers with their names, which a line break does not tear apart."""
    return " ".join(f"<span>{escape(part)}</span>" for part in re.split(r"(?<=,) ", line))


def _picture(run: _Run, links: Sequence[tuple[int, int]], now: tuple[int, int] | None) -> Drawing:
    """The sequence diagram: what is sent is drawn, the rest is faint; times are left out."""
    placed = layout(run.transcript, phase="online")
    link_of = [
        (int(mark.sender.split()[1]), int(mark.receiver.split()[1])) for mark in placed.marks
    ]
    svg = re.sub(r"<title>[^<]*sent at[^<]*</title>", "", marked_svg(placed))

    def lit(found: re.Match[str]) -> str:
        tag, what, mark = found[0], found[1], int(found[2])
        link = link_of[mark]
        tag = tag.replace(f' data-{what}="{mark}"', "")
        sent = link in links
        if tag.startswith("<circle"):  # a sender's dot
            sent = any(sender == link[0] for sender, _ in links)
        if link == now and not tag.startswith("<circle"):
            tag = tag.replace('stroke-width="1.5"', 'stroke-width="4.5"')
        return tag if sent else tag.replace(" class=", ' opacity=".16" class=', 1)

    svg = re.sub(r'<(?:path|circle)[^>]* data-(lane|mark)="(\d+)"[^>]*>', lit, svg)
    return Drawing(svg, svg, title=f"Messages of a multiplication, {len(links)} of them sent")


def name_of(step: int, servers: int) -> str:
    """A step in a word or two, for a slider.

    >>> [name_of(k, 2) for k in range(5)]
    ['start', '0 → 1', '1 → 0', 'add up', 'product']
    """
    links = [(i, k) for i in range(servers) for k in range(servers) if i != k]
    if step == 0:
        return "start"
    if step <= len(links):
        return f"{links[step - 1][0]} → {links[step - 1][1]}"
    return "add up" if step == len(links) + 1 else "product"


def field_name(modulus: int) -> str:
    """The field, for a list.

    >>> field_name(101)
    'p = 101'
    """
    return f"p = {number(modulus)}"
