"""What is behind the sliders: the picture follows them, and says what the transcript says."""

import xml.etree.ElementTree as ET

import pytest

from mpclab.errors import InputError
from mpclab.teaching.start import small_recommendation
from mpclab.widgets.start import start_here


def test_servers_and_users_change_the_numbers():
    base = small_recommendation(3, 100)
    assert base.matches
    more_servers, more_users = small_recommendation(5, 100), small_recommendation(3, 300)
    assert base.rounds == more_servers.rounds == more_users.rounds == 8
    assert base.neighbours == more_servers.neighbours < more_users.neighbours
    assert more_servers.sent_per_server == 2 * base.sent_per_server  # four others, not two
    assert more_users.sent_per_server > base.sent_per_server
    assert base.diagram.messages == 8 * 3 * 2 + 2 * 3
    assert more_servers.diagram.messages == 8 * 5 * 4 + 2 * 5
    assert more_users.diagram.messages == base.diagram.messages
    assert "5 servers, 100 users" in more_servers.sentence()


def test_the_same_arguments_give_the_same():
    one, other = small_recommendation(4, 50), small_recommendation(4, 50)
    assert one.sentence() == other.sentence() == repr(one)
    assert one.diagram.still == other.diagram.still


def test_the_picture_does_not_depend_on_how_fast_the_machine_is():
    from mpclab.teaching.start import _recommended

    first = small_recommendation(3, 50)
    _recommended.cache_clear()
    again = small_recommendation(3, 50)
    assert again is not first
    assert again.html() == first.html()  # with the times that its tooltips tell
    assert "sent at" in first.html()
    assert small_recommendation(3, 50) is again  # a slider that comes back waits for nothing


@pytest.mark.parametrize(("servers", "users"), [(2, 10), (2, 1_000), (10, 50), (10, 1_000)])
def test_the_ends_of_the_sliders(servers, users):
    small = small_recommendation(servers, users)
    assert small.matches
    assert small.diagram.servers == servers
    ET.fromstring(small.diagram.svg)


def test_the_picture_follows_the_sliders():
    widget = start_here(servers=2, users=50)
    shown = [widget.html]
    for moved in ({"servers": 4}, {"users": 3}, {"servers": 10}):
        widget.move(**moved)
        shown.append(widget.html)
    assert len(set(shown)) == 4
    assert "10 servers, 150 users" in shown[-1]
    assert small_recommendation(10, 150).sentence() in shown[-1]
    assert "<svg" in shown[-1]


def test_controls_have_names_and_limits():
    widget = start_here()
    servers, users = widget.controls
    assert (servers["label"], servers["low"], servers["high"]) == ("Servers", 2, 10)
    assert (users["label"], users["texts"][0], users["texts"][-1]) == ("Users", "50", "1,000")
    assert users["texts"][users["value"] - 1] == "200"
    assert '<p role="status">' in widget.html  # screen readers announce what changes
    assert "0x" not in repr(widget)


def test_errors_are_sentences():
    for users in (9, 1_001, None, "20", 20.0):
        with pytest.raises(InputError, match=f"users is {users!r}: it must .* from 10 to 1,000"):
            small_recommendation(users=users)
    for servers in (1, 11, True, "3", None):
        with pytest.raises(InputError, match=f"servers is {servers!r}: it must .* from 2 to 10"):
            small_recommendation(servers=servers)
    with pytest.raises(InputError, match="servers is 11: it must be a whole number from 2 to 10"):
        start_here(servers=11)
    with pytest.raises(InputError, match="users is 49: it must be a whole number from 50 to 1,000"):
        start_here(users=49)
    with pytest.raises(InputError, match="users is 75: the slider goes by steps of 50"):
        start_here(users=75)
    with pytest.raises(InputError, match="servers is 'many'"):
        start_here(servers="many")
