"""The dealing explorer of chapter 04 in a real browser, by mouse and keyboard, in both themes."""

import re

SOURCE = (
    "from mpclab.widgets.preprocessing import dealing_explorer\n"
    'dealing_explorer("triples", count=100, servers=3)'
)


def test_material_is_dealt_to_more_servers_with_and_without_seeds(widget):
    notebook, group = widget("dealing", SOURCE)
    status = group.locator("[role=status]")
    status.get_by_text(re.compile("^Server 0 receives 3,369 bytes")).wait_for()
    notebook.both_themes(group, "triples")
    servers = group.get_by_label("Servers")
    servers.focus()
    servers.press("End")
    status.get_by_text(re.compile("each of the 9 others receives 129")).wait_for()
    assert servers.evaluate("e => e === document.activeElement")
    count = group.get_by_label("Count")
    count.focus()
    count.press("End")
    status.get_by_text(re.compile("^Server 0 receives 32,169 bytes")).wait_for()
    group.get_by_label("Material").select_option("comparison tables")
    status.get_by_text(re.compile("1,824,000 of them corrections")).wait_for()
    notebook.both_themes(group, "tables")
    group.get_by_label("without seeds").check()
    status.get_by_text(re.compile("^Without seeds each of 10 servers")).wait_for()
    notebook.both_themes(group, "naive")
    count.press("Home")
    servers.press("Home")
    status.get_by_text(re.compile("^Without seeds each of 2 servers")).wait_for()
    notebook.screenshot("least", group)
    assert not notebook.errors()
