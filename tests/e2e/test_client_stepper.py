"""The widget of chapter 05 in a real browser, by mouse and keyboard, in both themes."""

import json
import re

import nbformat
import pytest

SOURCE = "from mpclab.widgets.clients import client_stepper\nclient_stepper(42, servers=3)"


@pytest.fixture
def stepper(lab, notebooks):
    """A notebook that has the widget alone, beside the others."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(SOURCE)]
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path = folder / "widget-clients.ipynb"
    path.write_text(json.dumps(made))
    notebook = notebooks(path.name)
    notebook.run_all()
    assert not notebook.errors(), "\n".join(notebook.errors())
    (group,) = notebook.groups()
    group.locator(".mpclab-result svg").first.wait_for()
    yield notebook, group
    path.unlink()


def in_theme(notebook, group, theme, name):
    light = {"Dark": "false", "Light": "true"}[theme]
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


def test_an_upload_and_an_output_are_stepped_through_with_and_without_a_cheat(stepper):
    notebook, group = stepper
    status = group.locator("[role=status]")
    following = group.get_by_role("button", name="Next")
    following.focus()
    for name in ("I1", "I2", "I3"):
        following.press("Enter")
        status.get_by_text(re.compile(f"^{name},")).wait_for()
    assert following.evaluate("e => e === document.activeElement")  # it keeps the focus
    group.get_by_role("button", name="Back").click()
    status.get_by_text(re.compile("^I2,")).wait_for()
    slider = group.get_by_label("Step", exact=True)
    slider.focus()
    slider.press("End")
    status.get_by_text(re.compile("the client accepts")).wait_for()
    in_theme(notebook, group, "Dark", "end")
    in_theme(notebook, group, "Light", "end")

    group.get_by_label("Who cheats").select_option("mask share")
    status.get_by_text(re.compile("the client stops, and x has not left it")).wait_for()
    assert group.locator(".mpclab-card").count() == 4
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    group.locator(".mpclab-card").nth(5).wait_for()
    group.get_by_label("Field").select_option("1021")
    status.get_by_text(re.compile("the client stops")).wait_for()
    in_theme(notebook, group, "Dark", "caught")
    in_theme(notebook, group, "Light", "caught")
    secret = group.get_by_label("The client's x")
    secret.fill("nonsense")
    secret.press("Enter")
    group.locator("[role=alert]").get_by_text("x is 'nonsense'").wait_for()
    assert not notebook.errors()
