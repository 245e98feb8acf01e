"""A stored notebook as the parts of a page: text, code with its outputs, solutions folded away.

Outputs are those that the notebook has stored; nothing is run. A widget is shown as the static
figure that is stored with it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nbconvert.filters.ansi import ansi2html

from docs.site.markdown import Text, code, plain
from mpclab.errors import InputError

__all__ = ["Cell", "cells", "question", "read"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One cell of a page: its HTML, and that of what it put out.

    `solution` tells that it solves an exercise, `widget` that it has controls in the notebook.
    """

    kind: str
    html: str
    outputs: tuple[str, ...] = ()
    solution: bool = False
    widget: bool = False


def read(path: Path) -> Notebook:
    """A notebook as it is stored."""
    return json.loads(path.read_text(encoding="utf-8"))


def question(notebook: Notebook) -> str:
    r"""What a chapter asks: the paragraph that begins with "The question.", as Markdown.

    >>> question({"cells": [{"source": ["# One\n", "**The question.** Is it\n", "so?\n"]}]})
    'Is it so?'
    """
    found = re.search(
        r"\*\*The question\.\*\* (.+?)(?:\n\n|\Z)", _source(notebook["cells"][0]), re.S
    )
    return " ".join(found[1].split()) if found else ""


def cells(notebook: Notebook, page: Text) -> list[Cell]:
    """The cells of a notebook, from top to bottom.

    Raises
    ------
    InputError
        If an output is an error, or cannot be shown without a kernel.
    """
    state = notebook["metadata"].get("widgets", {}).get(_STATE, {}).get("state", {})
    seen: set[str] = set()
    found = []
    for number, cell in enumerate(notebook["cells"], start=1):
        source = _source(cell)
        if cell["cell_type"] == "markdown":
            found.append(Cell("text", page.render(source)))
        elif cell["cell_type"] == "code" and source.strip():
            where = f"{page.source}, cell {number}"
            section = plain(page.headings[-1].html) if page.headings else ""
            outputs = [_output(output, state, section, where) for output in cell["outputs"]]
            found.append(
                Cell(
                    "code",
                    code(source),
                    tuple(_lighter(output, seen) for output in outputs if output),
                    "solution" in cell["metadata"].get("tags", []),
                    any(_WIDGET in output.get("data", {}) for output in cell["outputs"]),
                )
            )
    return found


def _source(cell: Any) -> str:
    return "".join(cell["source"])


def _output(output: Any, state: Any, section: str, where: str) -> str:
    if output["output_type"] == "stream":
        return f"<pre>{ansi2html(''.join(output['text']).rstrip())}</pre>"
    if output["output_type"] == "error":
        raise InputError(f"{where} has stored an error, {output['ename']}: run the notebook again")
    data: dict[str, Any] = {
        kind: content if kind == _WIDGET else "".join(content)
        for kind, content in output["data"].items()
    }
    if "text/html" in data:
        return str(data["text/html"])
    if "image/svg+xml" in data:
        return str(data["image/svg+xml"])
    if "image/png" in data:
        alt = f"A figure, drawn by the code above it, of the section: {section}"
        image = "".join(data["image/png"].split())
        return f'<img class="drawn" alt="{escape(alt)}" src="data:image/png;base64,{image}">'
    if _WIDGET in data:
        return _still(data[_WIDGET]["model_id"], state, where)
    if "text/plain" in data:
        return f"<pre>{escape(data['text/plain'], quote=False)}</pre>"
    raise InputError(f"{where} has an output that no page can show: {', '.join(data)}")


def _still(model: str, state: Any, where: str) -> str:
    """What the HTML models within a widget show, in their order.

    A notebook that was run again may keep the widgets of the run before: then all of them.
    """
    inner = {child for entry in state.values() for child in _children(entry)}
    tops = [model] if model in state else [name for name in state if name not in inner]
    found = "".join(_shown(name, state) for name in tops)
    if not found:
        raise InputError(
            f"{where} shows a widget and has stored no static figure with it: give the widget a "
            "_repr_html_, or save the notebook with its widgets' state"
        )
    return found


def _shown(model: str, state: Any) -> str:
    entry = state[model]
    if entry["model_name"] == "HTMLModel":
        return str(entry["state"]["value"])
    return "".join(_shown(child, state) for child in _children(entry))


def _children(entry: Any) -> list[str]:
    return [name.removeprefix("IPY_MODEL_") for name in entry["state"].get("children", [])]


def _lighter(html: str, seen: set[str]) -> str:
    """Without what a page has already, or needs only where style sheets may be missing."""

    def once(style: re.Match[str]) -> str:
        if style[0] in seen:
            return ""
        seen.add(style[0])
        return style[0]

    html = re.sub(r'<img class="mpclab-still"[^>]*>', "", html)
    html = re.sub(r"<style scoped>.*?</style>", "", html, flags=re.S)
    html = re.sub(r'<table border="1"', "<table", html)
    html = re.sub(r'(<tr|<th) style="text-align: \w+;"', r"\1", html)
    return re.sub(r"<style>.*?</style>", once, html, flags=re.S)
