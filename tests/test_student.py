"""The students' notebooks are those that the solved ones give, and hold no solution."""

import ast
import json
import re
from pathlib import Path

import pytest

from docs.student import FOLDER, NOTEBOOKS, stub, student, versions
from mpclab.exercises import NotYet

MADE = versions()
TURN = "it is your turn"


def cells(text: str) -> list[dict]:
    return json.loads(text)["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tagged(name: str, tag: str, stored: str | None = None) -> list[dict]:
    stored = stored or (NOTEBOOKS / name).read_text(encoding="utf-8")
    return [cell for cell in cells(stored) if tag in cell["metadata"].get("tags", [])]


def test_every_notebook_with_a_solution_has_a_students_version():
    solved = {path.name for path in NOTEBOOKS.glob("*.ipynb") if tagged(path.name, "solution")}
    assert solved
    assert set(MADE) == solved
    assert {path.name for path in (NOTEBOOKS / FOLDER).glob("*.ipynb")} == solved, (
        "run `make student`"
    )


@pytest.mark.parametrize("name", MADE)
def test_the_stored_version_is_current(name):
    stored = NOTEBOOKS / FOLDER / name
    assert stored.exists(), "run `make student`"
    assert stored.read_text(encoding="utf-8") == MADE[name], "run `make student`"


@pytest.mark.parametrize("name", MADE)
def test_there_is_an_exercise_for_every_solution_and_no_solution_is_left(name):
    solutions = tagged(name, "solution")
    exercises = tagged(name, "exercise", MADE[name])
    assert len(exercises) == len(solutions) > 0
    assert not tagged(name, "solution", MADE[name])
    for solution, exercise in zip(solutions, exercises, strict=True):
        kept = source(exercise)
        assert "your turn" in kept
        for line in bodies(source(solution)):
            assert line not in kept.splitlines(), f"{name} still has {line.strip()!r}"
        assert exercise["outputs"] == []


def bodies(code: str) -> set[str]:
    """The lines within functions, docstrings aside."""
    lines, found = code.splitlines(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1 if ast.get_docstring(node) else 0 :]
            found |= {line for s in first for line in lines[s.lineno - 1 : s.end_lineno]}
    assert found
    return found - {""}


@pytest.mark.parametrize("name", MADE)
def test_all_else_is_kept(name):
    solved, made = cells((NOTEBOOKS / name).read_text(encoding="utf-8")), cells(MADE[name])
    assert [cell["id"] for cell in solved] == [cell["id"] for cell in made]
    assert f"](../{name})" in source(made[0])
    assert source(made[0]).splitlines()[0] == source(solved[0]).splitlines()[0]
    first = next(n for n, cell in enumerate(made) if "exercise" in cell["metadata"].get("tags", []))
    code = [n for n in range(first) if made[n]["cell_type"] == "code"]
    assert code
    assert all(made[n] == solved[n] for n in code)


@pytest.mark.parametrize("name", MADE)
def test_an_unsolved_exercise_is_told_in_a_sentence(name):
    """Each check that comes from mpclab.exercises says that nothing is there yet."""
    known: dict = {}
    asked = 0
    exec("from mpclab import *\nfrom mpclab.preprocessing.material import Material", known)
    exec("from dataclasses import dataclass", known)
    for cell in cells(MADE[name]):
        tags = cell["metadata"].get("tags", [])
        if "exercise" in tags:
            exec(source(cell), known)
        elif "raises-exception" in tags and re.search(r"^check_\w+\(", source(cell), re.M):
            asked += 1
            with pytest.raises(NotYet, match=TURN) as told:
                exec(source(cell), known)
            assert told.value._render_traceback_() == [f"Not yet: {told.value}"]
    if re.search(r"from mpclab\.exercises\.\w+ import", MADE[name]):
        assert asked


def test_what_depends_on_a_solution_has_no_output_and_lets_the_rest_run():
    def cell(text: str, *tags: str) -> dict:
        return {"cell_type": "code", "source": [text], "metadata": {"tags": list(tags)},
                "outputs": [{"output_type": "stream"}], "execution_count": 1}  # fmt: skip

    head = {"cell_type": "markdown", "source": ["# T\n", "\n", "[a](a.ipynb#x) [b](b.ipynb) "
            "![f](f.png) [w](https://example.org) [h](#h)"], "metadata": {}}  # fmt: skip
    made = student(
        {"cells": [head, cell("f = 0"), cell("def f(x):\n    return 7", "solution"),
                   cell("y = f(3)"), cell("y + 1"), cell("%time\nprint(3)")]},
        "t.ipynb", ["a.ipynb"],
    )  # fmt: skip
    assert made
    text, before, exercise, uses, uses_that, apart = made["cells"]
    assert "".join(text["source"]).endswith(
        "[a](a.ipynb#x) [b](../b.ipynb) ![f](../f.png) [w](https://example.org) [h](#h)"
    )
    assert [bool(c["outputs"]) for c in (before, exercise, uses, uses_that, apart)] == [
        True, False, False, False, True
    ]  # fmt: skip
    assert uses["metadata"]["tags"] == uses_that["metadata"]["tags"] == ["raises-exception"]
    assert student({"cells": [head, cell("f = 0")]}) is None


@pytest.mark.parametrize(
    ("solution", "left"),
    [
        ("def f(x):  # hint\n    # another\n    return 7", "def f(x):  # hint\n    # your turn"),
        ("def f(x): return 7", "def f(x):\n    # your turn"),
        ('def f(x):\n    """What."""\n    return 7', 'def f(x):\n    """What."""\n    # your turn'),
        ("def f(\n    x,\n    y,\n):\n    return 7", "def f(\n    x,\n    y,\n):\n    # your turn"),
        ("@a\nasync def f(x):\n    return 7", "@a\nasync def f(x):\n    # your turn"),
        ("@a\nclass C(B):\n    n: int\n\n    def f(s):\n        return 7",
         "@a\nclass C(B):\n    n: int\n\n    def f(s):\n        # your turn"),
        ("n = 7\nprint(7)", "n = ...  # your turn"),
        ("print(7)", "# your turn"),
    ],
)  # fmt: skip
def test_a_stub_keeps_what_was_asked_for(solution, left):
    made = stub(solution)
    assert left in made
    assert "7" not in made
    assert "another" not in made
    ast.parse(made)


def test_the_folder_is_not_linted_and_not_run_by_nbval():
    root = Path(__file__).parents[1]
    assert '"notebooks/student"' in (root / "pyproject.toml").read_text()
    assert "$(NOTEBOOKS)/*.ipynb" in (root / "Makefile").read_text()
