"""A picture of the messages: the transcript as a sequence diagram, in plain self-contained SVG.

Parties are columns: clients on the left (a crowd is one column with its count), then the dealer,
then the servers, each in its own colour. Time runs downwards. A row holds the messages of one
step that travel together; in it every sender has a lane, with a dot at the sender and an arrowhead
at each receiver, so that an exchange between all servers stays one row, with ten servers too.
Rounds between servers carry their number. Whoever points at an arrowhead reads the message's
sender, receiver, kind, bytes and times.

`layout` is a pure function that says where everything stands; the picture, and the widget that
plays the messages (`mpclab.widgets.messages`), both show what it returns.

>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> answer = lab.secret([42]).reveal()
>>> sequence_diagram(lab.transcript, phase="online")
Diagram(36 messages in 6 rows, 6 rounds between 3 servers)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mpclab import style
from mpclab.diagram.drawing import Marker, _Drawing, check_theme, css_rules
from mpclab.diagram.layout import Columns, Layout, Mark, fitted, layout, nothing
from mpclab.errors import InputError
from mpclab.network.transcript import Transcript

__all__ = [
    "Columns", "Diagram", "Layout", "Mark", "Marker", "Picture", "check_theme", "css_rules", "draw",
    "fitted", "layout", "marked_svg", "nothing", "sequence_diagram",
]


@dataclass(frozen=True)
class Picture:
    """A drawn picture; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    still : str
        The same without tooltips.
    """

    svg: str = field(repr=False)
    still: str = field(repr=False)

    _about = "A picture"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # In a notebook that is not trusted yet JupyterLab drops <style> and <svg>: then the live
        # picture stays hidden and the still one, an image without tooltips, is what a reader sees.
        data = base64.b64encode(self.still.encode()).decode()
        return (
            "<style>.mpclab-live{display:block!important}.mpclab-still{display:none!important}"
            f'</style><div class="mpclab-live" hidden="hidden">{self.svg}</div>'
            f'<img class="mpclab-still" alt="{self._about}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )

    def save(self, path: str | Path) -> None:
        """Write the picture to an .svg file.

        Raises
        ------
        InputError
            If the file's name ends in anything else.
        """
        path = Path(path)
        if path.suffix != ".svg":
            raise InputError(f"the file {path.name!r} must end in .svg: the picture is an SVG")
        path.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + self.svg, encoding="utf-8")


@dataclass(frozen=True)
class Diagram(Picture):
    """A drawn sequence diagram; Jupyter shows it, `save` writes it.

    Attributes
    ----------
    svg : str
        The whole picture, one SVG element that refers to nothing outside itself.
    messages, rows, rounds, servers : int
        What is drawn.
    """

    messages: int
    rows: int
    rounds: int
    servers: int

    _about = "A sequence diagram of messages"

    def __repr__(self) -> str:
        return (
            f"Diagram({style.plural(self.messages, 'message')} in {style.plural(self.rows, 'row')},"
            f" {style.plural(self.rounds, 'round')} between {self.servers} servers)"
        )


def sequence_diagram(
    transcript: Transcript,
    session: str | None = None,
    phase: str | None = None,
    *,
    theme: str = "auto",
    corrupt: Iterable[str] = (),
    times: bool = False,
    conclusions: bool = False,
    max_messages: int = 2_500,
) -> Diagram:
    """Draw the messages of a transcript, or of one session or phase of it.

    Parameters
    ----------
    transcript : Transcript
    session, phase : str or None
        Which messages; None takes all.
    theme : {"auto", "light", "dark"}
        "auto" follows the notebook's theme, or else the reader's system.
    corrupt : iterable of str
        Addresses whose columns are marked as corrupt.
    times : bool
        Whether every row says when its last message arrived, counted from the phase's first.
    conclusions : bool
        Whether whoever points at a row reads what a receiver can conclude from its messages.
    max_messages : int
        How many messages to draw at most; a last line counts the others.

    Raises
    ------
    InputError
        If there is no such message, or the theme is none of the three.
    """
    check_theme(theme)
    placed = layout(transcript, session, phase, corrupt=corrupt, max_messages=max_messages)
    return draw(placed, theme, times, conclusions)


def draw(
    placed: Layout,
    theme: str = "auto",
    times: bool = False,
    conclusions: bool = False,
    marker: Marker | None = None,
) -> Diagram:
    """The static picture of a layout; see `sequence_diagram`. `marker` marks messages in it."""
    drawing = _Drawing(placed, theme, times, marker)
    rows = [row for band in placed.bands for row in band.rows]
    return Diagram(
        svg=drawing.svg(tooltips=True, conclusions=conclusions),
        still=drawing.svg(tooltips=False),
        messages=sum(len(r.row.records) for r in rows),
        rows=len(rows),
        rounds=len({(r.row.band, r.row.number) for r in rows if r.row.number}),
        servers=len(placed.columns.servers),
    )


def marked_svg(placed: Layout, theme: str = "auto") -> str:
    """The picture of a layout in which a program finds every mark again.

    An arrowhead has the number of its mark (`Layout.marks`) as `data-mark`, and so has its line as
    `data-lane`; a sender's dot has that of its first mark in the lane.
    """
    return _Drawing(placed, theme, False).svg(tooltips=True, conclusions=True, numbered=True)
