"""The recommendation explorer in a real browser, by mouse and keyboard, in both themes."""

import json
import re

import nbformat
import pytest

SOURCE = (
    "from mpclab.widgets.recommendations import recommendation_explorer\n"
    "recommendation_explorer(15, threshold=0.3, servers=3)"
)
NAME = "widget-recommendations.ipynb"


@pytest.fixture(scope="module")
def page(lab):
    """A notebook for the widget alone, beside the others."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SOURCE)], metadata={"kernelspec": kernel}
    )
    path = folder / NAME
    path.write_text(json.dumps(made))
    yield
    path.unlink()


@pytest.fixture
def explorer(page, notebooks):
    notebook = notebooks(NAME)
    notebook.run_all()
    assert not notebook.errors(), "\n".join(notebook.errors())
    (group,) = notebook.groups()
    group.locator(".mpclab-result svg").first.wait_for()
    return notebook, group


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


def test_the_threshold_is_moved_and_the_servers_see_noise(explorer):
    notebook, group = explorer
    status = group.locator("[role=status]")
    status.get_by_text(re.compile(r"^151 of 670 others are neighbours of user 15\.")).wait_for()
    both_themes(notebook, group, "asked")
    threshold = group.get_by_label(re.compile("^Threshold"))
    threshold.focus()
    for _ in range(4):
        threshold.press("ArrowRight")
    status.get_by_text(re.compile(r"^23 of 670 others")).wait_for()
    assert threshold.evaluate("e => e === document.activeElement")  # it keeps the focus
    box = threshold.bounding_box()
    threshold.click(position={"x": box["width"] - 1, "y": box["height"] / 2})
    status.get_by_text(re.compile("^None of 670 others")).wait_for()
    group.get_by_label("withhold").check()
    status.get_by_text(re.compile("the result is withheld")).wait_for()
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    status.get_by_text(re.compile("the 5 servers saw noise, in 10 rounds")).wait_for()
    both_themes(notebook, group, "withheld")
    group.get_by_label("Who asks").select_option("23")
    threshold.focus()
    threshold.press("Home")
    status.get_by_text(re.compile("^670 of 670 others are neighbours of user 23")).wait_for()
    before = group.locator(".mpclab-result").inner_html()
    group.get_by_role("button", name="Fresh masks").click()
    notebook.page.wait_for_function(
        "([e, before]) => e.innerHTML !== before",
        arg=[group.locator(".mpclab-result").element_handle(), before],
    )
    both_themes(notebook, group, "everybody")
    assert not notebook.errors()
