"""The messages of a transcript, played one after another on the sequence diagram.

The picture is the one that `mpclab.diagram` lays out; the widget lights it message by message in
the order of time, and says of each what its receiver can conclude (`mpclab.conclusions`). What is
*in* a message it shows only if a view is passed, and only for the messages of that view. On a page
without a kernel the static diagram stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from mpclab import style
from mpclab.conclusions import conclusions
from mpclab.diagram import Diagram, Layout, Mark, draw, layout, marked_svg
from mpclab.errors import InputError
from mpclab.network.endpoint import is_server
from mpclab.network.transcript import Record, Transcript
from mpclab.widgets.browser import program, rules

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MessagePlayer", "message_player"]

_VIEW = ("party", "what", "session", "phase", "step", "round", "sender", "kind", "part", "value")
_VALUES, _PARTS = 8, 12  # so many entries of an array, and parts of a message, are shown
_HEADS = 16.0  # what the picture has above and below the heads of its columns

_Link = tuple[str, str, int | None, str, str]  # session, phase, round, sender, receiver
_Section = tuple[str, str]  # step and kind of what is in a message


def _css() -> str:
    """The colours of the pictures, for the controls; then the rules."""

    def variables(theme: str) -> str:
        colors = style.theme_colors(theme)
        accent = style.server_color(0, theme)
        colors |= {"accent": accent, "on-accent": style.text_on(accent)}
        return "".join(f"--mpclab-{name}:{color};" for name, color in colors.items())

    light, dark = variables("light"), variables("dark")
    return (
        f".mpclab-player{{{light}}}"
        f"@media (prefers-color-scheme:dark){{.mpclab-player{{{dark}}}}}"
        f'[data-jp-theme-light="true"] .mpclab-player{{{light}}}'
        f'[data-jp-theme-light="false"] .mpclab-player{{{dark}}}\n'
        + rules("messages.css")
    )


class MessagePlayer(anywidget.AnyWidget):
    """A sequence diagram with controls: play and pause, steps, a slider over time, a speed.

    Attributes
    ----------
    position : int
        How many messages have been sent, 0 to `len(messages)`; the last of them is marked.
    messages : list of dict
        What is told of each arrow, in the order of time.
    diagram : Diagram
        The static picture, which a page without a kernel shows.
    """

    _esm = program("messages.js")
    _css = _css()

    svg = traitlets.Unicode().tag(sync=True)
    heads = traitlets.Float().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    intro = traitlets.Unicode().tag(sync=True)
    messages: Any = traitlets.List().tag(sync=True)
    notes: Any = traitlets.List().tag(sync=True)
    position = traitlets.Int().tag(sync=True)

    def __init__(self, placed: Layout, inside: _Contents) -> None:
        self.diagram: Diagram = draw(placed, conclusions=True)
        notes: dict[tuple[str, ...], int] = {}
        messages = [_told(mark, placed, notes, inside) for mark in placed.marks]
        super().__init__(
            svg=marked_svg(placed),
            heads=placed.heads + _HEADS,
            title=f"Player of {style.plural(self.diagram.messages, 'message')}",
            intro=(
                f"{style.plural(self.diagram.messages, 'message')}, none of them sent yet. "
                "Press play, or click on an arrow."
            ),
            messages=messages,
            notes=[list(note) for note in notes],
            position=0,
        )

    @traitlets.validate("position")
    def _within(self, proposal: Any) -> int:
        position: int = proposal["value"]
        if not 0 <= position <= len(self.messages):
            raise InputError(
                f"position is {position}: it is 0, before the first message, to "
                f"{len(self.messages)}, after the last"
            )
        return position

    def __repr__(self) -> str:
        return f"MessagePlayer({len(self.messages)} arrows; {self.diagram!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget; and for whoever has no kernel to run it, the static diagram.

        A page made by nbconvert shows the diagram unless the notebook has the widget's state
        stored in it; then it shows the widget, for which it needs the network.
        """
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle
        fallback = {"text/html": self.diagram._repr_html_(), "image/svg+xml": self.diagram.svg}
        return data | fallback, metadata


def message_player(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    view: pd.DataFrame | None = None,
) -> MessagePlayer:
    """Play the messages of a transcript, or of one session or phase of it.

    Controls by mouse or keyboard: the arrow keys step, Page Up and Page Down by ten, Home and End
    go to the ends, space plays and pauses, Enter tells all about the message that is marked.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which messages; None takes all.
    view : DataFrame or None
        From `lab.view(...)` or `lab.god.messages()`: what was in the messages that a coalition
        received. Without it no content is shown; with it only that of the messages in it.

    Raises
    ------
    InputError
        If there is no such message, or the view is none.

    Examples
    --------
    >>> from mpclab.lab import Lab
    >>> lab = Lab(servers=3, seed=1)
    >>> x = lab.secret(3)
    >>> square = x * x
    >>> player = message_player(lab.transcript, phase="online", view=lab.view(servers=[0]))
    >>> player
    MessagePlayer(6 arrows; Diagram(6 messages in 1 row, 1 round between 3 servers))
    >>> player.position = 2  # two messages are on their way
    >>> player.position = 7
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: position is 7: it is 0, before the first message, to 6, after the last
    """
    columns = getattr(view, "columns", None)
    if view is not None and (columns is None or not set(_VIEW) <= set(columns)):
        raise InputError(
            f"the view is a {type(view).__name__} without the columns of one: pass what "
            "lab.view(servers=[...]) or lab.god.messages() returns"
        )
    placed = layout(transcript, session, phase)
    return MessagePlayer(placed, _Contents(view, list(transcript.select(session, phase))))


# -- what is told of a message --------------------------------------------------------------------


def _told(
    mark: Mark, placed: Layout, notes: dict[tuple[str, ...], int], inside: _Contents
) -> dict[str, Any]:
    """Everything about an arrow, in words; `place` is where the layout has it."""
    first, start = mark.records[0], mark.start
    several = len(mark.records) > 1
    note = conclusions(first.kind, first.step)
    number = mark.number
    sender, receiver = _party(mark.records, "sender"), _party(mark.records, "receiver")
    sent = style.duration(mark.sent_at - start)
    there = style.duration(max(r.received_at for r in mark.records) - start)
    later = "" if several else f", {style.duration(first.received_at - first.sent_at)} later"
    facts = [
        ("kind", first.kind),
        ("step", first.step),
        ("size", _size(mark.records)),
        ("round between servers", str(number) if number else "none"),
        ("sender", sender),
        ("receiver", receiver),
        ("first sent" if several else "sent", f"at {sent}"),
        ("last received" if several else "received", f"at {there}{later}"),
        ("phase, whose start is 0", f"{first.phase} ({first.session})"),
    ]
    line = f"{sender} \u2192 {receiver}: {first.kind} ({first.step}), {style.size(first.bytes)}"
    return {
        "place": [round(mark.x_from, 1), round(mark.x_to, 1), round(mark.y, 1)],
        "css": placed.columns.css(mark.sender),
        "sender": sender,
        "receiver": receiver,
        "line": f"{line} each" if several else line,
        "facts": facts,
        "note": notes.setdefault(note, len(notes)),
        "contents": inside.of(mark.records),
    }


def _party(records: Sequence[Record], end: str) -> str:
    names = list(dict.fromkeys(getattr(r, end) for r in records))
    if len(names) > 1:
        return f"{len(names):,} clients"
    count = max(r.count for r in records)
    crowd = count > 1 and not is_server(names[0]) and names[0] != "dealer"
    return f"{count:,} {names[0]}" if crowd else str(names[0])


def _size(records: Sequence[Record]) -> str:
    low, high = min(r.bytes for r in records), max(r.bytes for r in records)
    each = " each" if len(records) > 1 else ""
    if low != high:
        return f"{low:,} to {high:,} bytes each"
    count = records[0].count
    text = f"{high:,} bytes{each}"
    text += f" ({style.size(high)})" if high >= 1_000 else ""
    return f"{text}, {style.size(high / count)} a user" if count > 1 else text


class _Contents:
    """What is in the messages of a view, and of no others.

    A view has no numbers of messages: the k-th time that a party received something of one sender,
    session, phase, step, kind and round belongs to the k-th such message. Where a view holds fewer
    than there were, it was cut, and nobody can say which they are: then nothing is shown.
    """

    def __init__(self, view: pd.DataFrame | None, records: Sequence[Record]) -> None:
        self._values: dict[int, list[str]] = {}
        if view is None:
            return
        found: dict[_Link, dict[_Section, list[list[Any]]]] = {}
        received = view[view["what"] == "received"]
        rows: Any = received[list(_VIEW)].astype(object).itertuples(index=False)
        for row in rows:
            number = int(row.round) if isinstance(row.round, (int, np.integer)) else None
            link = (row.session, row.phase, number, row.sender, row.party)
            times = found.setdefault(link, {}).setdefault((row.step, row.kind), [])
            if row.part == 0 or not times:
                times.append([])
            times[-1].append(row.value)
        sent: dict[tuple[_Link, _Section], list[Record]] = {}
        for r in records:
            link = (r.session, r.phase, r.round, r.sender, r.receiver)
            for step, kind in found.get(link, ()):
                if f" + {step} + " in f" + {r.step} + " and kind in r.kind.split(" + "):
                    sent.setdefault((link, (step, kind)), []).append(r)
        for (link, section), there in sent.items():
            times = found[link][section]
            for k, r in enumerate(there):
                if len(times) != len(there):
                    told = ["the view holds only some of the messages of this step"]
                else:
                    told = _told_values(section[0].split("/")[-1], times[k])
                self._values.setdefault(id(r), []).extend(told)

    def of(self, records: Sequence[Record]) -> list[str]:
        """The contents of an arrow's message; of a crowd's many, none."""
        return self._values.get(id(records[0]), []) if len(records) == 1 else []


def _told_values(step: str, values: Sequence[Any]) -> list[str]:
    told = [f"{step}: {_value(value)}" for value in values[:_PARTS]]
    return told + [f"and {len(values) - _PARTS} more parts"] * (len(values) > _PARTS)


def _value(value: Any) -> str:
    """A part of a message, shortened."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        return f"{style.plural(len(raw), 'byte')}, {raw[:16].hex()}{'...' * (len(raw) > 16)}"
    array = np.asarray(value)
    some = ", ".join(str(v) for v in array.reshape(-1)[:_VALUES])
    if array.ndim == 0:
        return some
    more = ", ..." if array.size > _VALUES else ""
    return f"[{some}{more}], {style.plural(array.size, 'number')}"
