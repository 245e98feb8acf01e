"""The dealing explorer of chapter 04 in a real browser, by mouse and keyboard, in both themes."""

import json
import re

import nbformat
import pytest

SOURCE = (
    "from mpclab.widgets.preprocessing import dealing_explorer\n"
    'dealing_explorer("triples", count=100, servers=3)'
)


@pytest.fixture
def explorer(lab, notebooks):
    """A notebook for the widget alone, beside the others."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    path = folder / "widget-dealing.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(SOURCE)]
    path.write_text(
        json.dumps(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    )
    notebook = notebooks(path.name)
    notebook.run_all()
    assert not notebook.errors(), "\n".join(notebook.errors())
    (group,) = notebook.groups()
    group.locator(".mpclab-result svg").first.wait_for()
    yield notebook, group
    path.unlink()


def both_themes(notebook, group, name):
    """A picture of each, and the colours follow."""
    for theme, light in (("Dark", "false"), ("Light", "true")):
        notebook.page.evaluate(
            "(name) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            f"JupyterLab {theme}",
        )
        mark = f'[data-jp-theme-light="{light}"]'
        notebook.page.locator(mark).first.wait_for(state="attached")
        notebook.page.wait_for_timeout(500)
        ground = group.locator(".mpclab-lab").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == {"Dark": "rgb(28, 32, 39)", "Light": "rgb(245, 246, 248)"}[theme]
        notebook.screenshot(f"{name}-{theme.lower()}", group)


def test_material_is_dealt_to_more_servers_with_and_without_seeds(explorer):
    notebook, group = explorer
    status = group.locator("[role=status]")
    status.get_by_text(re.compile("^Server 0 receives 3,369 bytes")).wait_for()
    both_themes(notebook, group, "triples")
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    status.get_by_text(re.compile("each of the 9 others receives 129")).wait_for()
    assert servers.evaluate("e => e === document.activeElement")
    count = group.get_by_label("Count")
    count.focus()
    count.press("End")
    status.get_by_text(re.compile("^Server 0 receives 32,169 bytes")).wait_for()
    group.get_by_label("Material").select_option("comparison tables")
    status.get_by_text(re.compile("2,336,000 of them corrections")).wait_for()
    both_themes(notebook, group, "tables")
    group.get_by_label("without seeds").check()
    status.get_by_text(re.compile("^Without seeds each of 10 servers")).wait_for()
    both_themes(notebook, group, "naive")
    count.press("Home")
    servers.press("Home")
    status.get_by_text(re.compile("^Without seeds each of 2 servers")).wait_for()
    notebook.screenshot("least", group)
    assert not notebook.errors()
