"""What a widget brings to the browser: one program and one style sheet, no request for more."""

from __future__ import annotations

from pathlib import Path

__all__ = ["program", "rules"]

_STATIC = Path(__file__).parent / "static"


def program(name: str) -> str:
    """The program of a widget, a module of JavaScript, behind the function that all of them use.

    >>> program("explorer.js").count("function element(")
    1
    """
    return _text("element.js") + _text(name)


def rules(*names: str) -> str:
    """Style sheets, one behind the other.

    >>> ".mpclab-rows" in rules("controls.css", "explorer.css")
    True
    """
    return "".join(_text(name) for name in names)


def _text(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")
