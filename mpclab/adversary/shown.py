"""A played attack as a page: the verdict, the messages, and the coalition's view beside them.

Plain HTML and SVG that refers to nothing outside itself, for notebooks and for the widget of
chapter 08. Without its style sheet (a notebook that is not trusted) it still reads from top to
bottom.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mpclab.adversary.weakened import DEFENCES
from mpclab.network.endpoint import is_server
from mpclab.sheet import css

if TYPE_CHECKING:
    from mpclab.adversary.play import Glimpse, Play

__all__ = ["css", "page"]


def page(play: Play, *, styled: bool = True) -> str:
    """A played attack as HTML.

    Parameters
    ----------
    play : Play
    styled : bool
        Whether the style sheet and, for notebooks that are not trusted, a still picture come
        along; a widget has its own.

    Examples
    --------
    >>> from mpclab.adversary.play import played
    >>> "abort before output" in page(played("error on an opening"))
    True
    """
    diagram = play.diagram
    picture = "" if diagram is None else diagram._repr_html_() if styled else diagram.svg
    two = f'<div class="mpclab-two"><div>{picture}</div>{_seen(play)}</div>' if picture else ""
    sheet = f"<style>{css()}</style>" if styled else ""
    return f'{sheet}<div class="mpclab-act">{_verdict(play)}{two}</div>'


def _verdict(play: Play) -> str:
    outcome, each = play.outcome, play.attack
    word = "BROKEN" if outcome.broken else "the protocol holds"
    tag = " mpclab-broken" if outcome.broken else ""
    facts = [
        ("Tried", f"{_parties(play)} at <b>{escape(play.where)}</b> ({escape(play.step.kind)}): "
                  f"<b>{escape(each.name)}</b>. {escape(each.aim)}"),
        ("Happened", f"{escape(_sentence(outcome.detail or outcome.result))}"),
    ]  # fmt: skip
    if play.without:
        facts.append(
            ("Taken away", f"<b>{escape(play.without)}</b>: {escape(DEFENCES[play.without])}.")
        )
    if outcome.broken and not play.without:
        facts.append(("Why", f"In F<sub>{play.modulus}</sub> a guess is right once in "
                             f"{play.modulus:,}, so some runs slip through."))  # fmt: skip
    met = "Would be met by" if outcome.broken else "Met by"
    facts.append((met, f"{escape(_sentence(each.defence))}"))
    facts.append(("Read on", f"docs/design.md, {escape(each.source)}"))
    told = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts)
    ended = "Succeeds" if outcome.broken else play._ended().capitalize()
    return (
        f'<p class="mpclab-head" role="status"><strong>{ended}: {escape(outcome.result)}.</strong> '
        f'<span class="mpclab-tag{tag}">{word}</span></p><dl class="mpclab-facts">{told}</dl>'
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _parties(play: Play) -> str:
    return " ".join(_chip(name) for name in play.corrupt)


def _chip(name: str) -> str:
    css_class = f" s{int(name.split()[1]) % 10}" if is_server(name) else ""
    shown = {"users": "dummy users"}.get(name, name)
    return f'<span class="mpclab-chip{css_class}">{escape(shown)}</span>'


def _seen(play: Play) -> str:
    """The coalition's view."""
    held = play.held()
    lines = "".join(f"<li>{_chip(party)}<code>{escape(what)}</code></li>" for party, what in held)
    steps = "".join(_step(play, g) for g in play.glimpses)
    session = f"{play.phase}, {play.session}"
    warned = (
        f'<p class="mpclab-small">What is said of each message holds with all defences in place; '
        f"here “{escape(play.without)}” is missing.</p>"
        if play.without else ""
    )
    return (
        f'<div class="mpclab-seen"><h4>The view of {_parties(play)}</h4>'
        f"<p><b>What it can conclude.</b> {escape(play.conclusion())}</p>"
        f'<p class="mpclab-small">What it received and sent ({escape(session)}):</p>{warned}'
        f"<details><summary><b>before</b>"
        f'<span class="mpclab-kind">what it holds</span></summary><div class="mpclab-body">'
        f'<ul class="mpclab-values">{lines}</ul></div></details>{steps}</div>'
    )


def _step(play: Play, g: Glimpse) -> str:
    marked = bool(g.altered) or (
        not play.changes and (g.step == play.step.label or g.step.endswith(f"/{play.step.label}"))
        and any(name.split(" \u2192 ")[0] in play.corrupt for name, _ in g.sent)
    )
    body = ""
    if g.received:
        body += '<p class="mpclab-small">received</p>' + _values(g.received)
    if g.together:
        body += f'<p class="mpclab-small">all shares together</p>{_code(g.together)}'
    if g.sent:
        body += '<p class="mpclab-small">sent</p>' + _values(g.sent)
    if g.altered:
        body += "".join(
            f'<p class="mpclab-other">Altered: {escape(text)}.</p>' for text in g.altered
        )
    if g.tells:
        body += f"<p>{escape(' '.join(g.tells))}</p>"
    pen, opened = (' class="mpclab-pen"', " open") if marked else ("", "")
    kind = f"{g.kind}, altered" if g.altered else g.kind
    return (
        f"<details{pen}{opened}><summary><b>{escape(g.step)}</b> "
        f'<span class="mpclab-kind">{escape(kind)}</span></summary>'
        f'<div class="mpclab-body">{body}</div></details>'
    )


def _code(value: str) -> str:
    return f'<ul class="mpclab-values"><li><code>{escape(value)}</code></li></ul>'


def _values(pairs: tuple[tuple[str, str], ...]) -> str:
    lines = []
    for name, value in pairs:
        sender, arrow, receivers = name.partition(" \u2192 ")
        to = f' <span class="mpclab-small">to {escape(receivers)}</span>' if arrow else ""
        lines.append(f"<li>{_chip(sender)}<span><code>{escape(value)}</code>{to}</span></li>")
    return f'<ul class="mpclab-values">{"".join(lines)}</ul>'
