"""The student's version of every notebook with exercises: `make student`.

Only the solved notebook is written by hand. In the student's, each cell tagged `solution` keeps its
`def` lines and its imports, and says `your turn` in place of the rest; what is computed from it has
no output yet. Such cells are tagged `raises-exception`, so that Run All goes on behind an exercise
that is not solved. A test compares the stored files with what this makes.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["stub", "student", "versions", "write"]

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
FOLDER = "student"

Notebook = dict[str, Any]

_NOT_YET = "from mpclab.exercises import NotYet"
_TODO = 'raise NotYet("nothing is written here yet: it is your turn")'
_SAYS = (
    "\n\n*This is the student's version: where a cell says `your turn`, the code is yours to write."
    " The solved one is [{name}](../{name}).*\n"
)


def stub(source: str) -> str:
    r"""The code of a solution with its bodies taken out.

    >>> print(stub("import secrets\n\ndef draw(p):\n    return secrets.randbelow(p)"))
    import secrets
    <BLANKLINE>
    from mpclab.exercises import NotYet
    <BLANKLINE>
    <BLANKLINE>
    def draw(p):
        # your turn
        raise NotYet("nothing is written here yet: it is your turn")
    >>> print(stub("limit = 3 + 4"))
    limit = ...  # your turn
    """
    statements = ast.parse(source).body
    imports = [ast.unparse(s) for s in statements if isinstance(s, ast.Import | ast.ImportFrom)]
    bodies = [text for s in statements for text in [_stub(s, source)] if text]
    if any(_TODO in body for body in bodies) and _NOT_YET not in imports:
        imports += ["", _NOT_YET]
    if not bodies:
        bodies = ["# your turn"]
    gap = "\n\n\n" if imports else ""
    return "\n".join(imports).strip() + gap + "\n\n\n".join(bodies)


def _stub(statement: ast.stmt, source: str) -> str:
    lines, indent = source.splitlines(), " " * statement.col_offset
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return "\n".join(
            [*_head(statement, lines), f"{indent}    # your turn", f"{indent}    {_TODO}"]
        )
    if isinstance(statement, ast.ClassDef):
        inner = [text for s in statement.body for text in [_stub(s, source)] if text]
        head = lines[_first(statement) - 1 : statement.lineno]
        return "\n".join([*head, "\n\n".join(inner or [f"{indent}    ...  # your turn"])])
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return lines[statement.lineno - 1]  # a field of a class
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if isinstance(targets[0], ast.Name):
            return f"{indent}{targets[0].id} = ...  # your turn"
    return ""


def _first(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([statement.lineno, *(decorator.lineno for decorator in statement.decorator_list)])


def _head(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> list[str]:
    """The lines of a function that say what is wanted: all before its body, and its docstring."""
    body = function.body[0]
    if body.lineno == function.lineno:  # def f(x): return x
        return [lines[body.lineno - 1][: body.col_offset].rstrip()]
    last = body.end_lineno if ast.get_docstring(function) else body.lineno - 1
    head = lines[_first(function) - 1 : last]
    return [line for line in head if not line.lstrip().startswith("#")]


def student(solved: Notebook, name: str = "", others: Iterable[str] = ()) -> Notebook | None:
    """The student's version of a notebook, or None if it has no exercise with a solution.

    Parameters
    ----------
    solved : dict
        The notebook, as it is stored.
    name : str
        The name of its file.
    others : iterable of str
        The names of the notebooks that have a student's version, which links lead to.
    """
    made = copy.deepcopy(solved)
    if not any(_is_solution(cell) for cell in made["cells"]):
        return None
    unsolved: set[str] = set()  # names that have no value before the exercise is solved
    for cell in made["cells"]:
        source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            cell["source"] = _lines(_moved(source, set(others)))
        elif _is_solution(cell):
            unsolved |= _made(source)
            cell["source"] = _lines(stub(source))
            _forget(cell, ["exercise" if tag == "solution" else tag for tag in tags])
        elif _used(source) & unsolved:
            unsolved |= _made(source)
            _forget(cell, [*tags, "raises-exception"])
    title, _, rest = "".join(made["cells"][0]["source"]).partition("\n")
    made["cells"][0]["source"] = _lines(title + _SAYS.format(name=name) + rest)
    return made


def _is_solution(cell: Any) -> bool:
    return "solution" in cell["metadata"].get("tags", [])


def _forget(cell: Any, tags: list[str]) -> None:
    cell["metadata"]["tags"] = tags
    cell["outputs"], cell["execution_count"] = [], None


def _used(source: str) -> set[str]:
    """The names that a cell looks up."""
    return {
        node.id
        for node in ast.walk(_parsed(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _made(source: str) -> set[str]:
    """The names that a cell defines or assigns to; what it imports is there in any case."""
    found: set[str] = set()
    for statement in _parsed(source).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(statement.name)
        else:
            found |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    return found


def _parsed(source: str) -> ast.Module:
    """The code of a cell without the lines that are meant for IPython."""
    lines = ("pass" if line.startswith(("%", "!", "?")) else line for line in source.splitlines())
    return ast.parse("\n".join(lines))


def _moved(markdown: str, others: set[str]) -> str:
    """Text with its relative links as they are one folder further down."""

    def moved(link: re.Match[str]) -> str:
        stays = link[2].partition("#")[0] in {*others, ""} or re.match(r"\w+:", link[2])
        return link[0] if stays else f"{link[1]}../{link[2]}"

    return re.sub(r"(\]\(|\b(?:src|href)=\")([^)\"\s]+)", moved, markdown)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def versions(notebooks: Path = NOTEBOOKS) -> dict[str, str]:
    """The text of every student's notebook, by the name of its file."""
    solved = {path.name: json.loads(path.read_text(encoding="utf-8"))
              for path in sorted(notebooks.glob("*.ipynb"))}  # fmt: skip
    others = [name for name, stored in solved.items() if student(stored)]
    made = {name: student(solved[name], name, others) for name in others}
    return {
        name: json.dumps(version, indent=1, ensure_ascii=False) + "\n"
        for name, version in made.items()
    }


def write(notebooks: Path = NOTEBOOKS) -> list[Path]:
    """Write every student's notebook anew, and remove those that have no solved one any more."""
    folder = notebooks / FOLDER
    folder.mkdir(exist_ok=True)
    made = versions(notebooks)
    for path in folder.glob("*.ipynb"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in made]


if __name__ == "__main__":
    written = write()
    print(
        f"{len(written)} notebooks in {written[0].parent}" if written else "No exercise is there."
    )
    sys.exit(not written)
