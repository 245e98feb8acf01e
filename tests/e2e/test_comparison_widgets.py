"""The widgets of chapter 06 in a real browser, by mouse and keyboard, in both themes."""

import json
import re

import nbformat
import pytest

WIDGETS = {
    "ways": "from mpclab.widgets.comparison import comparison_explorer\ncomparison_explorer()",
    "by-hand": "from mpclab.widgets.comparison import look_up_by_hand\nlook_up_by_hand(-3)",
}


@pytest.fixture(scope="module")
def pages(lab):
    """A notebook for each widget alone, beside the others."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    paths = []
    for name, source in WIDGETS.items():
        path = folder / f"widget-{name}.ipynb"
        cells = [nbformat.v4.new_code_cell(source)]
        made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        path.write_text(json.dumps(made))
        paths.append(path)
    yield
    for path in paths:
        path.unlink()


@pytest.fixture
def widget(pages, notebooks):
    def opened(name):
        notebook = notebooks(f"widget-{name}.ipynb")
        notebook.run_all()
        assert not notebook.errors(), "\n".join(notebook.errors())
        (group,) = notebook.groups()
        group.locator(".mpclab-result svg").first.wait_for()
        return notebook, group

    return opened


def status(group):
    return group.locator("[role=status]")


def both_themes(notebook, group, name):
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


def test_three_ways_side_by_side(widget):
    notebook, group = widget("ways")
    status(group).get_by_text(re.compile("^1,000 comparisons of 19-bit numbers")).wait_for()
    both_themes(notebook, group, "two-servers")
    bits = group.get_by_label("Length k, in bits")
    bits.focus()
    bits.press("End")
    status(group).get_by_text(re.compile("of 60-bit numbers between 2 servers")).wait_for()
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("ArrowRight")
    status(group).get_by_text(re.compile("exactly 2 servers")).wait_for()
    assert servers.evaluate("e => e === document.activeElement")
    group.get_by_label("between cities (wan)").check()
    status(group).get_by_text(re.compile("On wan the network takes")).wait_for()
    count = group.get_by_label("Comparisons at once")
    count.focus()
    count.press("End")
    status(group).get_by_text(re.compile("^1,000,000 comparisons")).wait_for()
    both_themes(notebook, group, "three-servers")
    assert not notebook.errors()


def test_one_comparison_by_hand(widget):
    notebook, group = widget("by-hand")
    status(group).get_by_text("x is negative").wait_for()
    both_themes(notebook, group, "tables")
    for way in ("bits", "fss", "one table"):
        group.get_by_label(way, exact=True).check()
        status(group).get_by_text(re.compile(f"by {way}: the servers open e")).wait_for()
        notebook.page.wait_for_timeout(300)
        notebook.screenshot(way.replace(" ", "-"), group)
    x = group.get_by_label("x", exact=True)
    x.focus()
    x.press("End")
    status(group).get_by_text(re.compile("^x = 50 in F_101")).wait_for()
    assert x.evaluate("e => e === document.activeElement")
    before = status(group).inner_text()
    fresh = group.get_by_role("button", name="Another mask")
    fresh.focus()
    fresh.press("Enter")
    notebook.page.wait_for_timeout(500)
    assert status(group).inner_text() != before
    assert not notebook.errors()
