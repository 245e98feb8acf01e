"""The widgets of chapter 06 in a real browser, by mouse and keyboard, in both themes."""

import re

WIDGETS = {
    "ways": "from mpclab.widgets.comparison import comparison_explorer\ncomparison_explorer()",
    "by-hand": "from mpclab.widgets.comparison import look_up_by_hand\nlook_up_by_hand(-3)",
}


def status(group):
    return group.locator("[role=status]")


def test_three_ways_side_by_side(widget):
    notebook, group = widget("ways", WIDGETS["ways"])
    status(group).get_by_text(re.compile("^1,000 comparisons of 19-bit numbers")).wait_for()
    notebook.both_themes(group, "two-servers")
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
    notebook.both_themes(group, "three-servers")
    assert not notebook.errors()


def test_one_comparison_by_hand(widget):
    notebook, group = widget("by-hand", WIDGETS["by-hand"])
    status(group).get_by_text("x is negative").wait_for()
    notebook.both_themes(group, "tables")
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
