"""The recommendation explorer in a real browser, by mouse and keyboard, in both themes."""

import re

SOURCE = (
    "from mpclab.widgets.recommendations import recommendation_explorer\n"
    "recommendation_explorer(15, threshold=0.3, servers=3)"
)


def test_the_threshold_is_moved_and_the_servers_see_noise(widget):
    notebook, group = widget("recommendations", SOURCE)
    status = group.locator("[role=status]")
    status.get_by_text(re.compile(r"^151 of 670 others are neighbours of user 15\.")).wait_for()
    notebook.both_themes(group, "asked")
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
    notebook.both_themes(group, "withheld")
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
    notebook.both_themes(group, "everybody")
    assert not notebook.errors()
