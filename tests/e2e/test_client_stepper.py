"""The widget of chapter 05 in a real browser, by mouse and keyboard, in both themes."""

import re

SOURCE = "from mpclab.widgets.clients import client_stepper\nclient_stepper(42, servers=3)"


def test_an_upload_and_an_output_are_stepped_through_with_and_without_a_cheat(widget):
    notebook, group = widget("clients", SOURCE)
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
    notebook.both_themes(group, "end")

    group.get_by_label("Who cheats").select_option("mask share")
    status.get_by_text(re.compile("the client stops, and x has not left it")).wait_for()
    assert group.locator(".mpclab-card").count() == 4
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    group.locator(".mpclab-card").nth(5).wait_for()
    group.get_by_label("Field").select_option("1021")
    status.get_by_text(re.compile("the client stops")).wait_for()
    notebook.both_themes(group, "caught")
    secret = group.get_by_label("The client's x")
    secret.fill("nonsense")
    secret.press("Enter")
    group.locator("[role=alert]").get_by_text("x is 'nonsense'").wait_for()
    assert not notebook.errors()
