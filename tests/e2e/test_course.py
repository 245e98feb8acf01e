"""The widgets of chapters 01 to 03 in a real browser, by mouse and keyboard, in both themes."""

import re

WIDGETS = {
    "sharing": "from mpclab.widgets.sharing import share_viewer\nshare_viewer(42, servers=3)",
    "macs": "from mpclab.widgets.macs import mac_forger\nmac_forger(101)",
    "triples": "from mpclab.widgets.triples import triple_stepper\ntriple_stepper(6, 7)",
}


def status(group):  # what is told above the picture
    return group.locator("[role=status]")


def test_shares_are_edited_and_covered(widget):
    notebook, group = widget("sharing", WIDGETS["sharing"])
    status(group).get_by_text("All 3 shares together give the secret, 42.").wait_for()
    box = group.get_by_label("Shares: edit any of them: server 2")
    box.focus()
    for _ in range(3):
        box.press("ArrowUp")
    status(group).get_by_text("What comes out is 45, not 42. Nothing shows it.").wait_for()
    assert box.evaluate("e => e === document.activeElement")  # it keeps the focus
    group.get_by_label("server 2", exact=True).check()
    status(group).get_by_text(re.compile("^Server 2 is covered")).wait_for()
    assert box.is_disabled()
    assert box.input_value() == "?"
    notebook.both_themes(group, "covered")
    servers = group.get_by_label("Servers")
    servers.focus()
    for _ in range(4):
        servers.press("ArrowRight")
    group.get_by_label("Shares: edit any of them: server 6").wait_for()
    assert servers.evaluate("e => e === document.activeElement")
    secret = group.get_by_label("Secret", exact=True)
    secret.fill("nonsense")
    secret.press("Enter")
    group.locator("[role=alert]").get_by_text("the secret is 'nonsense'").wait_for()
    assert not notebook.errors()


def test_forgeries_are_tried_along_the_dial(widget):
    notebook, group = widget("macs", WIDGETS["macs"])
    status(group).get_by_text(re.compile("passed the zero test")).wait_for()
    notebook.both_themes(group, "zero")
    group.get_by_label("plain check").check()
    status(group).get_by_text(re.compile("passed the plain check")).wait_for()
    dial = group.get_by_label("Field: p")
    dial.focus()
    dial.press("End")
    status(group).get_by_text(re.compile("0 of 10,000 forgeries passed")).wait_for()
    group.get_by_label("guesses the key").uncheck()
    status(group).get_by_text(re.compile("The formula 1/p says")).wait_for()
    notebook.both_themes(group, "plain")
    assert not notebook.errors()


def test_a_multiplication_is_stepped_through(widget):
    notebook, group = widget("triples", WIDGETS["triples"])
    following = group.get_by_role("button", name="Next")
    following.focus()
    for _ in range(4):
        following.press("Enter")
        notebook.page.wait_for_timeout(250)
    status(group).get_by_text("Step 4 of 8.").wait_for()
    assert following.evaluate("e => e === document.activeElement")
    notebook.both_themes(group, "stepped")
    group.get_by_label("Servers").press("Home")
    status(group).get_by_text("Step 4 of 4.").wait_for()
    assert group.locator(".mpclab-card").count() == 2
    x = group.get_by_label("x", exact=True)
    x.fill("11")
    x.press("Enter")
    status(group).get_by_text(re.compile("Together: 77")).wait_for()
    assert not notebook.errors()
