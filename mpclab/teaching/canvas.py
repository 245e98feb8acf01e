"""A sheet to draw on: SVG in the colours of `mpclab.style`, in both themes.

>>> sheet = Canvas(200, 40, "A line", "From left to right.")
>>> sheet.line(10, 20, 190, 20, "s0")
>>> sheet.picture()
Drawing(A line)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape

from mpclab import style
from mpclab.diagram import Picture, css_rules
from mpclab.diagram.drawing import _in_theme
from mpclab.sheet import css

__all__ = ["Canvas", "Drawing", "Page", "Panel", "number"]


@dataclass(frozen=True, repr=False)
class Drawing(Picture):
    """A drawn figure of the course; Jupyter shows it, `save` writes it."""

    title: str = ""

    @property
    def _about(self) -> str:  # type: ignore[override]
        return escape(self.title)

    def __repr__(self) -> str:
        return f"Drawing({self.title})"


class Page:
    """A sentence above a picture: what a view of the course shows, in a notebook and a widget."""

    def sentence(self) -> str:
        """The picture in words."""
        raise NotImplementedError

    @cached_property
    def picture(self) -> Picture:
        """The picture."""
        raise NotImplementedError

    def html(self) -> str:
        """The page without its style sheet, for a widget."""
        return f'<p role="status">{escape(self.sentence())}</p>{self.picture.svg}'

    def _repr_html_(self) -> str:
        return (
            f'<style>{css()}</style><div class="mpclab-act"><p>{escape(self.sentence())}</p>'
            f"{self.picture._repr_html_()}</div>"
        )


def _rules(which: str, scope: str) -> str:
    c = style.theme_colors(which)
    return (
        f"{scope} .rule{{fill:none;stroke:{c['line']}}}"
        f"{scope} .axis{{fill:none;stroke:{c['muted']}}}"
        f"{scope} .ink{{fill:none;stroke:{c['ink']}}}"
        f"{scope} .dot{{fill:{c['ink']};stroke:{c['paper']}}}"
        f"{scope} .bars{{fill:{c['muted']};stroke:none}}"
        f"{scope} .cover{{fill:{c['step']};stroke:{c['muted']}}}"
    )


class Canvas:
    """Shapes and words on a paper of `width` by `height` pixels.

    Class names choose colours: `s0` to `s9` are the servers, `m` is muted text, `ink`, `axis` and
    `rule` are lines, `bars` and `cover` are areas.
    """

    def __init__(self, width: float, height: float, title: str, told: str) -> None:
        self.width, self.height, self.title, self.told = width, height, title, told
        self._shapes: list[str] = []

    def text(
        self, x: float, y: float, text: str, points: float = 11.5, css: str = "",
        anchor: str = "start", bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        """A line of text, its baseline at y."""
        attributes = f' class="{css}"' if css else ""
        attributes += f' text-anchor="{anchor}"' if anchor != "start" else ""
        attributes += ' font-weight="600"' if bold else ""
        attributes += f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{points:g}"{attributes}>'
            f"{escape(text, quote=False)}</text>"
        )

    def rect(
        self, x: float, y: float, w: float, h: float, css: str, rx: float = 0, more: str = ""
    ) -> None:
        """A rectangle."""
        self._shapes.append(
            f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'rx="{rx:g}"{more}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str, more: str = "") -> None:
        """A straight line."""
        self.path(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", css, more)

    def path(self, d: str, css: str, more: str = "") -> None:
        """A path."""
        self._shapes.append(f'<path class="{css}" d="{d}"{more}/>')

    def circle(self, x: float, y: float, r: float, css: str) -> None:
        """A disc."""
        self._shapes.append(f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>')

    def ring(self, x: float, y: float, r: float) -> None:
        """A circle around something."""
        self._shapes.append(
            f'<circle class="ink" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" stroke-width="2"/>'
        )

    def tip(self, text: str) -> None:
        """Say something of the shape that was drawn last, to whoever points at it."""
        self._shapes[-1] = f"<g>{self._shapes[-1]}<title>{escape(text)}</title></g>"

    def server(self, index: int, x: float, y: float, width: float = 74, height: float = 22) -> None:
        """A server's name on its colour, its left edge at x, its middle at y."""
        css = f"s{index % 10}"
        self.rect(x, y - height / 2, width, height, css, 5)
        self.text(x + width / 2, y + 4, f"server {index}", 11, f"on-{css}", "middle", True)

    def picture(self) -> Drawing:
        """What has been drawn."""
        css = css_rules("auto", range(10), ()) + _in_theme("auto", _rules)
        size = f'width="{self.width:g}" height="{self.height:g}"'
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="mpclab-sd mpclab-auto" role="img" '
            f'aria-label="{escape(self.title)}" {size} '
            f'viewBox="0 0 {self.width:g} {self.height:g}">'
            f"<title>{escape(self.title)}</title><desc>{escape(self.told)}</desc>"
            f"<style>{css}</style>"
            f'<rect class="paper" x=".5" y=".5" width="{self.width - 1:g}" '
            f'height="{self.height - 1:g}" rx="8"/>' + "".join(self._shapes) + "</svg>"
        )
        return Drawing(svg, svg, title=self.title)


@dataclass(frozen=True)
class Panel:
    """Axes on a canvas: where data from `low` to `high` stand, and their labels.

    `x` and `y` are functions from data to pixels; both axes are linear in what they are given, so
    that a logarithmic one is given logarithms.
    """

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        """Where a value stands, from left to right."""
        low, high = self.x_range
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Where a value stands, upwards."""
        low, high = self.y_range
        return self.top + self.height * (1 - (value - low) / (high - low))

    def axes(
        self,
        x_ticks: dict[float, str],
        y_ticks: dict[float, str],
        x_label: str,
        y_label: str,
        gap: float = 48,
    ) -> None:
        """Draw both axes with ticks and labels."""
        c, bottom = self.canvas, self.top + self.height
        for value, text in y_ticks.items():
            c.line(self.left, self.y(value), self.left + self.width, self.y(value), "rule")
            c.text(self.left - 7, self.y(value) + 4, text, 10.5, "", "end")
        c.line(self.left, bottom, self.left + self.width, bottom, "axis")
        for value, text in x_ticks.items():
            c.line(self.x(value), bottom, self.x(value), bottom + 4, "axis")
            c.text(self.x(value), bottom + 16, text, 10.5, "", "middle")
        c.text(self.left + self.width / 2, bottom + 33, x_label, 11, "m", "middle")
        c.text(self.left - gap, self.top + self.height / 2, y_label, 11, "m", "middle",
               turned=True)  # fmt: skip


def number(value: int) -> str:
    """A number of the field, as it is told: powers of two minus one by name.

    >>> number(101), number(2**61 - 1), number(2**31 - 1)
    ('101', '2^61 - 1', '2^31 - 1')
    """
    bits = value.bit_length()
    return f"2^{bits} - 1" if bits > 20 and value == 2**bits - 1 else f"{value:,}"
