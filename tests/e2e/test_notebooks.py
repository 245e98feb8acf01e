"""Every notebook of the course runs in a real browser, and its controls do something."""

import sys
from pathlib import Path

import pytest

# The helpers stand in the conftest.py beside this file.
HELPERS = next(
    module
    for module in list(sys.modules.values())
    if getattr(module, "__file__", None) == str(Path(__file__).with_name("conftest.py"))
)


def test_there_are_notebooks():
    assert HELPERS.stored_notebooks(), f"no notebooks in {HELPERS.NOTEBOOKS}"


@pytest.mark.parametrize("name", [path.name for path in HELPERS.stored_notebooks()])
def test_a_notebook_runs_and_its_controls_change_what_is_shown(name, notebooks):
    notebook = notebooks(name)
    notebook.run_all()
    notebook.screenshot("run")
    assert not notebook.errors(), "\n".join(notebook.errors())

    for number, group in enumerate(notebook.groups(), start=1):
        moved = notebook.move(group)
        group.scroll_into_view_if_needed()
        notebook.screenshot(f"moved-{number}")
        if moved is not None:
            print(f"{name}, widget {number}: {moved} changed the picture")
        assert not notebook.errors(), "\n".join(notebook.errors())
