"""The style sheet of pages that notebooks and widgets show: one look, in both themes.

A page is HTML in an element of the class `mpclab-act`. It refers to nothing outside itself, and
without the sheet (a notebook that is not trusted) it still reads from top to bottom.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from mpclab import style
from mpclab.network.endpoint import is_server

__all__ = ["chip", "css"]

_RULES = (Path(__file__).parent / "sheet.css").read_text(encoding="utf-8")
_PEN = {"light": "#FFEFB8", "dark": "#4A3A0C"}


def css() -> str:
    """The style sheet of a page, for both themes.

    >>> ".mpclab-act{" in css() and "http" not in css()
    True
    """

    def variables(theme: str) -> str:
        colors = style.theme_colors(theme)
        colors |= {"accent": style.server_color(0, theme)}
        colors |= {f"s{i}": style.server_color(i, theme) for i in range(10)}
        colors |= {"pen": _PEN[theme]}
        return "".join(f"--mpclab-{name}:{color};" for name, color in colors.items())

    def chips(theme: str, scope: str) -> str:
        return "".join(
            f"{scope} .mpclab-chip.s{i}{{background:var(--mpclab-s{i});color:{text}}}"
            for i in range(10)
            for text in [style.text_on(style.server_color(i, theme))]
        )

    def both(theme: str, scope: str) -> str:
        own = f"{scope}.mpclab-act" if not scope else f"{scope} .mpclab-act"
        return f"{own}{{{variables(theme)}}}" + chips(theme, own)

    return (
        both("light", "")
        + "@media (prefers-color-scheme:dark){" + both("dark", "") + "}"
        + both("light", '[data-jp-theme-light="true"]')
        + both("dark", '[data-jp-theme-light="false"]')
        + _RULES
    )


def chip(name: str) -> str:
    """A party's name on its colour.

    >>> chip("server 1")
    '<span class="mpclab-chip s1">server 1</span>'
    """
    css_class = f" s{int(name.split()[1]) % 10}" if is_server(name) else ""
    return f'<span class="mpclab-chip{css_class}">{escape(name)}</span>'
