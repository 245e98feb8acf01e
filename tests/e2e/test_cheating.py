"""Chapter 08 in a real browser: pick, press Run, and see what comes of it, in both themes."""

import re

CELL = "from mpclab.widgets.cheating import cheating\ncheating(step='select/b - d')"


def head(group):
    return group.locator(".mpclab-head")


def test_an_attack_fails_and_without_its_defence_succeeds(widget):
    notebook, group = widget("cheating", CELL)
    assert "Fails: abort before output." in head(group).inner_text()
    attack = group.get_by_label("Attack", exact=True)
    defence = group.get_by_label("Defence to take away")
    attack.select_option("one user counts")
    # the step and the parties have followed
    assert group.get_by_label("Step", exact=True).input_value().endswith("compare/x + r (open)")
    assert group.get_by_label("the requester").is_checked()
    assert "press Run" in group.locator(".mpclab-say").inner_text()
    defence.select_option("mask after the check")
    group.get_by_role("button", name="Run", exact=True).click()
    head(group).get_by_text("Succeeds: learnt.").wait_for()
    assert "BROKEN" in head(group).inner_text()
    assert "all ratings of user 3" in group.locator(".mpclab-seen").inner_text()
    assert group.locator("svg .halo").count() == 1
    notebook.screenshot("light", group)
    assert not notebook.errors()


def test_a_small_field_and_many_runs_by_keyboard(widget):
    notebook, group = widget("cheating", CELL)
    field = group.get_by_label("Field")
    field.select_option("small")
    often = group.get_by_role("button", name=re.compile("times"))
    often.focus()
    often.press("Enter")
    group.locator(".mpclab-say").get_by_text(re.compile(r"^50 runs, .*Shown is run")).wait_for()
    assert "wrong result accepted" in group.locator(".mpclab-say").inner_text()
    summary = group.locator(".mpclab-seen summary").nth(2)
    summary.focus()
    summary.press("Enter")
    assert group.locator(".mpclab-seen details").nth(2).get_attribute("open") is not None
    assert not notebook.errors()


def test_parties(widget):
    notebook, group = widget("cheating", CELL)
    group.get_by_label("2", exact=True).check()
    assert group.get_by_label("server 1").is_checked()  # server 2 is no more
    assert group.get_by_label("server 0").is_disabled()  # one server stays honest
    group.get_by_label("server 1").uncheck()
    assert "takes a corrupt server" in group.locator(".mpclab-say").inner_text()
    assert group.get_by_role("button", name="Run", exact=True).is_disabled()
    group.get_by_label("server 0").check()
    group.get_by_role("button", name="Run", exact=True).click()
    group.locator(".mpclab-head + .mpclab-facts").get_by_text("server 0").wait_for()
    assert not notebook.errors()


def test_both_themes(widget):
    notebook, group = widget("cheating", CELL)
    notebook.both_themes(group, "cheating")
