"""Controls around a pure function: what the widgets of the course are made of.

An `Explorer` is given a function from the controls' values to a page and to the controls as they
should stand then. It calls it whenever a control has moved. On a page without a kernel the page
that it began with stands in its place.

>>> from mpclab.teaching.shares import share_view
>>> def show(values):
...     view = share_view(servers=int(values["n"]))
...     return view, [slider("n", "Servers", view.servers, 2, 10)]
>>> widget = Explorer("Shares", show, {"n": 3})
>>> widget.asked = {"n": 5}  # as if the slider had been moved
>>> widget.shown
ShareView(42 among 5 servers in F_101: 42 comes out)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Protocol

import anywidget
import traitlets

from mpclab.errors import InputError, MpclabError
from mpclab.sheet import css
from mpclab.widgets.browser import program, rules

__all__ = [
    "Control", "Explorer", "Page", "button", "choice", "integer", "integers", "select",
    "server_list", "slider", "tick", "whole",
]

Control = dict[str, Any]
"""A control as the browser is told of it; made by the functions below."""


class Page(Protocol):
    """What an explorer shows: it has a page without style sheet, and one for notebooks."""

    def html(self) -> str:
        """For the widget."""

    def _repr_html_(self) -> str:
        """For a page without a kernel."""


def slider(
    name: str, label: str, value: int, low: int, high: int, texts: Sequence[str] = (),
    width: int = 3,
) -> Control:  # fmt: skip
    """A slider over integers; `texts` are told in place of the numbers.

    >>> slider("n", "Servers", 3, 2, 10)["kind"]
    'slider'
    """
    return {"kind": "slider", "name": name, "label": label, "value": value, "low": low,
            "high": high, "texts": list(texts), "width": width}  # fmt: skip


def choice(
    name: str, label: str, value: str, options: Sequence[tuple[str, str]], width: int = 4
) -> Control:
    """A row of chips of which one is chosen; an option "server 2" has that server's colour.

    >>> choice("cover", "Cover", "", server_list(2))["options"][1]
    ['server 0', 'server 0']
    """
    return {"kind": "choice", "name": name, "label": label, "value": value,
            "options": [list(option) for option in options], "width": width}  # fmt: skip


def select(
    name: str, label: str, value: str, options: Sequence[tuple[str, str]], width: int = 3
) -> Control:
    """A list of which one is chosen.

    >>> select("field", "Field", "101", [("101", "p = 101")])["value"]
    '101'
    """
    return {"kind": "select", "name": name, "label": label, "value": value,
            "options": [list(option) for option in options], "width": width}  # fmt: skip


def integer(name: str, label: str, value: int, width: int = 2) -> Control:
    """A box for an integer of any size; the arrow keys count up and down.

    >>> integer("x", "x", 2**61 - 2)["value"]  # text: a browser's numbers are too short
    ['2305843009213693950']
    """
    return {"kind": "integers", "name": name, "label": label, "value": [str(value)],
            "servers": False, "width": width}  # fmt: skip


def integers(
    name: str, label: str, values: Sequence[int | None], width: int = 12
) -> Control:
    """A box per server; None cannot be seen, and not be edited.

    >>> integers("shares", "Shares", [75, None])["value"]
    ['75', '?']
    """
    return {"kind": "integers", "name": name, "label": label, "servers": True, "width": width,
            "value": ["?" if v is None else str(v) for v in values]}  # fmt: skip


def tick(name: str, label: str, value: bool, text: str, width: int = 2) -> Control:
    """A box to tick.

    >>> tick("guess", "The cheater", True, "guesses the key")["value"]
    True
    """
    return {"kind": "tick", "name": name, "label": label, "value": value, "text": text,
            "width": width}  # fmt: skip


def button(name: str, value: int, text: str, width: int = 2) -> Control:
    """A button; its value counts how often it was pressed.

    >>> button("next", 0, "Next")["value"]
    0
    """
    return {"kind": "button", "name": name, "label": "", "value": value, "text": text,
            "width": width}  # fmt: skip


def server_list(servers: int, none: str = "nobody") -> list[tuple[str, str]]:
    """Options for `choice`: nobody, or one of the servers.

    >>> server_list(2)
    [('', 'nobody'), ('server 0', 'server 0'), ('server 1', 'server 1')]
    """
    return [("", none), *((f"server {i}", f"server {i}") for i in range(servers))]


class Explorer(anywidget.AnyWidget):
    """Controls, and the page that a pure function makes of their values.

    Attributes
    ----------
    asked : dict
        The controls' values, by name, as they were moved last.
    controls : list of dict
        The controls as they stand.
    html : str
        The page that is shown, or a sentence that says what cannot be shown.
    shown : Page
        What was shown last.
    """

    _esm = program("explorer.js")
    _css = css() + rules("controls.css", "explorer.css")

    title = traitlets.Unicode().tag(sync=True)
    controls: Any = traitlets.List().tag(sync=True)
    asked: Any = traitlets.Dict().tag(sync=True)
    html = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        title: str,
        show: Callable[[Mapping[str, Any]], tuple[Page, list[Control]]],
        values: Mapping[str, Any],
    ) -> None:
        self._show = show
        self.shown, controls = show(values)
        super().__init__(
            title=title, controls=controls, asked=_values(controls), html=self.shown.html()
        )
        self.observe(self._redraw, names="asked")

    def __repr__(self) -> str:
        return f"Explorer({self.title}: {self.shown!r})"

    def _redraw(self, change: Any) -> None:
        try:
            _require_within(change["new"], self.controls)
            shown, controls = self._show(change["new"])
            html = shown.html()
        except (MpclabError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            told = str(error) if isinstance(error, MpclabError) else "this cannot be shown"
            self.html = f'<p role="alert">{escape(told)}</p>'
        else:
            self.shown, self.controls, self.html = shown, controls, html
            # What was asked may hold what is covered now: it does not stay in a stored widget.
            with self.hold_trait_notifications():
                self.unobserve(self._redraw, names="asked")
                self.asked = _values(controls)
            self.observe(self._redraw, names="asked")
        self.answered += 1

    def move(self, **values: Any) -> None:
        """Set controls, as if they had been moved."""
        unknown = [name for name in values if name not in self.asked]
        if unknown:
            raise InputError(f"there is no control {unknown[0]!r}: there are {list(self.asked)}")
        self.asked = _values(self.controls) | values

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget; and for whoever has no kernel to run it, the page."""
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle
        return data | {"text/html": self.shown._repr_html_()}, metadata


def _require_within(asked: Mapping[str, Any], controls: Sequence[Control]) -> None:
    """No slider stands before its beginning, and no list at what it does not have."""
    for control in controls:
        value, label = asked.get(control["name"]), control["label"] or control["name"]
        if value is None:
            continue
        # A slider's upper end may move with another control that is moved at the same time.
        if control["kind"] == "slider" and whole(value, label) < control["low"]:
            low = control["low"]
            raise InputError(f"{label} stands at {value}: the slider begins at {low}")
        if control["kind"] in ("choice", "select"):
            known = [option[0] for option in control["options"]]
            if value not in known:
                raise InputError(f"{label} has no {value!r}: there are {', '.join(known)}")


def _values(controls: Sequence[Control]) -> dict[str, Any]:
    return {control["name"]: control["value"] for control in controls}


def whole(value: Any, what: str) -> int:
    """An integer from a box; a sentence if it is none.

    >>> whole("-3", "the secret")
    -3
    """
    text = str(value[0] if isinstance(value, (list, tuple)) else value).replace("_", "").strip()
    try:
        return int(text)
    except ValueError:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise InputError(f"{what} is {shown!r}: it is an integer, such as 42") from None
