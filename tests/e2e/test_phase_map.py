"""The phase map of chapter 09 in a real browser, by mouse and keyboard, in both themes."""

import re

SOURCE = "from mpclab.widgets.phases import phase_explorer\nphase_explorer()"


def test_the_phase_map_is_re_timed(widget):
    notebook, group = widget("phases", SOURCE)
    told = group.locator("[role=status]")
    told.get_by_text(re.compile("The requester waits 202 ms")).wait_for()
    notebook.both_themes(group, "online")

    latency = group.get_by_label("Latency, one way")
    latency.focus()
    for _ in range(6):
        latency.press("ArrowLeft")
    told.get_by_text(re.compile("0.1 ms one way.*The requester waits 2.6 ms")).wait_for()
    assert latency.evaluate("e => e === document.activeElement")  # it keeps the focus

    group.get_by_label("preprocess", exact=True).check()  # by mouse
    told.get_by_text(re.compile("for which nobody waits")).wait_for()
    assert group.locator("svg").get_by_text("dealer", exact=True).count() == 1
    notebook.both_themes(group, "preprocess")

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
    notebook.both_themes(group, "ten")
    assert not notebook.errors()
