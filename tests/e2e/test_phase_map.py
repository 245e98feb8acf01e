"""The phase map of chapter 09 in a real browser, by mouse and keyboard, in both themes."""

import json
import re

import nbformat
import pytest

SOURCE = "from mpclab.widgets.phases import phase_explorer\nphase_explorer()"


@pytest.fixture(scope="module")
def page(lab):
    """A notebook for the widget alone, beside the others."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SOURCE)], metadata={"kernelspec": kernel}
    )
    path = folder / "widget-phases.ipynb"
    path.write_text(json.dumps(made))
    yield path.name
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


def test_the_phase_map_is_re_timed(page, notebooks):
    notebook = notebooks(page)
    notebook.run_all()
    assert not notebook.errors(), "\n".join(notebook.errors())
    (group,) = notebook.groups()
    told = group.locator("[role=status]")
    told.get_by_text(re.compile("The requester waits 202 ms")).wait_for()
    both_themes(notebook, group, "online")

    latency = group.get_by_label("Latency, one way")
    latency.focus()
    for _ in range(6):
        latency.press("ArrowLeft")
    told.get_by_text(re.compile("0.1 ms one way.*The requester waits 2.6 ms")).wait_for()
    assert latency.evaluate("e => e === document.activeElement")  # it keeps the focus

    group.get_by_label("preprocess", exact=True).check()  # by mouse
    told.get_by_text(re.compile("for which nobody waits")).wait_for()
    assert group.locator("svg").get_by_text("dealer", exact=True).count() == 1
    both_themes(notebook, group, "preprocess")

    computing = group.get_by_label("Computing")
    computing.select_option("measured")
    group.get_by_text(re.compile("as it was measured in one run")).first.wait_for()
    computing.select_option("model")
    group.get_by_label("online", exact=True).check()
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    told.get_by_text(re.compile("^10 servers")).wait_for()
    group.get_by_label("What is slow").select_option("link")
    told.get_by_text(re.compile("10 times the latency")).wait_for()
    both_themes(notebook, group, "ten")
    assert not notebook.errors()
