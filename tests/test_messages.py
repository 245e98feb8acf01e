"""The player of messages: it shows the diagram's own layout, and nothing that it was not given."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mpclab.conclusions import conclusions
from mpclab.diagram import layout, marked_svg, sequence_diagram
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.network.transcript import Transcript
from mpclab.recommender import Parameters, Recommender
from mpclab.widgets.messages import MessagePlayer, message_player

SVG = "{http://www.w3.org/2000/svg}"
VIEW = "application/vnd.jupyter.widget-view+json"


@cache
def recommendation(servers):
    ratings = np.random.default_rng(servers).integers(1, 11, (20, 11)).astype(np.uint8)
    lab = Lab(servers=servers, seed=1)
    recommender = Recommender(lab, Parameters(users=20, items=11, dense=5))
    recommender.preprocess(rows=20)
    recommender.preprocess(queries=1)
    recommender.upload(ratings)
    result = recommender.recommend(ratings[0], threshold=0.3, user=0)
    return lab, result.session


@cache
def product():
    lab = Lab(servers=3, modulus=101, seed=5)
    x, y = lab.secret([6]), lab.secret([7])
    return lab, x * y


def crowd(clients=1_000):
    """A thousand clients who each send a query to every server."""
    lab, session = recommendation(3)
    out = Transcript()
    out.records = [
        replace(r, sender=f"client {k}")
        for k in range(clients)
        for r in lab.transcript.select(session, "online")
        if r.sender == "requester"
    ]
    return out


# -- one layout ----------------------------------------------


@pytest.mark.parametrize("servers", range(2, 11))
def test_every_message_is_played_once_in_the_order_of_time(servers):
    lab, session = recommendation(servers)
    records = list(lab.transcript.select(session, "online"))
    player = message_player(lab.transcript, session, "online")
    placed = layout(lab.transcript, session, "online")
    assert len(player.messages) == len(records) == player.diagram.messages
    times = [mark.sent_at for mark in placed.marks]
    assert times == sorted(r.sent_at for r in records)
    facts = [dict(m["facts"]) for m in player.messages]
    told = sorted((f["sender"], f["receiver"], f["kind"], f["step"]) for f in facts)
    assert told == sorted((r.sender, r.receiver, r.kind, r.step) for r in records)
    rounds = {f["round between servers"] for f in facts}
    assert rounds == {"none", *map(str, range(1, 9))}


@pytest.mark.parametrize("servers", range(2, 11))
def test_picture_and_player_share_one_layout(servers):
    lab, session = recommendation(servers)
    static = sequence_diagram(lab.transcript, session, conclusions=True).svg
    player = message_player(lab.transcript, session)
    marked = ET.fromstring(player.svg)
    heads = {int(p.get("data-mark")): p for p in marked.iter(f"{SVG}path") if p.get("data-mark")}
    assert sorted(heads) == list(range(len(player.messages)))
    for number, message in enumerate(player.messages):
        x0, x1, y = message["place"]
        assert heads[number].get("d").startswith(f"M{x1:.1f} {y:.1f}L")
        assert f'cx="{x0:.1f}" cy="{y:.1f}"' in static
        assert heads[number].get("d") in static
        assert heads[number].get("class") == message["css"]
    places = [(t.get("x"), t.get("y"), t.text) for t in marked.iter(f"{SVG}text")]
    assert places == [
        (t.get("x"), t.get("y"), t.text) for t in ET.fromstring(static).iter(f"{SVG}text")
    ]
    assert "data-mark" not in static


def test_every_line_is_lit_with_its_own_message():
    lab, _ = product()
    marked = ET.fromstring(marked_svg(layout(lab.transcript, phase="online")))
    lanes = [e for e in marked.iter() if e.get("data-lane")]
    assert sum(e.tag == f"{SVG}path" for e in lanes) == 6
    assert sum(e.tag == f"{SVG}circle" for e in lanes) == 3
    assert {int(e.get("data-lane")) for e in lanes} == set(range(6))


def test_a_layout_is_a_pure_function():
    lab, session = recommendation(4)
    assert marked_svg(layout(lab.transcript, session)) == marked_svg(
        layout(lab.transcript, session)
    )
    placed = layout(lab.transcript)
    assert [b.bottom for b in placed.bands] == sorted(b.bottom for b in placed.bands)
    assert all(row.y + row.height <= band.bottom for band in placed.bands for row in band.rows)


def test_thousands_of_clients_are_three_arrows():
    player = message_player(crowd(800))
    assert len(player.messages) == 3
    assert player.messages[0]["line"].startswith("800 clients → server ")
    assert player.messages[0]["line"].endswith(" each")
    assert player.diagram.messages == 2_400
    assert "2,400 messages" in player.intro
    lab, _ = recommendation(3)
    users = message_player(lab.transcript, phase="upload")
    (rows,) = {m["sender"] for m in users.messages if dict(m["facts"])["kind"] == "masked rows"}
    assert rows == "20 users"


# -- what is told ----------------------------------------------


def test_a_message_says_what_its_receiver_can_conclude():
    lab, _ = recommendation(3)
    player = message_player(lab.transcript)
    for message in player.messages:
        facts = dict(message["facts"])
        assert player.notes[message["note"]] == list(conclusions(facts["kind"], facts["step"]))
        assert {"kind", "step", "size", "sender", "receiver", "sent", "received"} <= facts.keys()
        assert re.fullmatch(r"at [\d.]+ (µs|ms|s)", facts["sent"])
        assert re.match(r"[\d,]+ bytes", facts["size"])
    big = [dict(m["facts"])["size"] for m in player.messages if "kB" in m["line"]]
    assert big
    assert all(re.match(r"[\d,]+ bytes \([\d.]+ kB\)", size) for size in big)


def test_without_a_view_nothing_of_a_message_is_shown():
    lab, _ = product()
    player = message_player(lab.transcript)
    assert not any(m["contents"] for m in player.messages)


@pytest.mark.parametrize("seen", [(0,), (1, 2), (0, 1, 2)])
def test_with_a_view_only_its_own_messages_are_shown(seen):
    lab, _ = product()
    player = message_player(lab.transcript, view=lab.view(servers=seen))
    names = {f"server {i}" for i in seen}
    for message in player.messages:
        assert bool(message["contents"]) == (message["receiver"] in names)


def test_god_sees_every_content_and_the_right_one():
    lab, _ = product()
    view = lab.god.messages()
    player = message_player(lab.transcript, phase="online", view=view)
    online = view[view["phase"] == "online"]
    assert len(online) == len(player.messages) == 6
    for message in player.messages:
        ((_, row),) = online[
            (online["sender"] == message["sender"]) & (online["party"] == message["receiver"])
        ].iterrows()
        one, other = row["value"]
        assert message["contents"] == [f"x - a, y - b: [{one}, {other}], 2 numbers"]


def test_messages_of_the_same_step_keep_their_own_contents():
    lab = Lab(servers=2, seed=1)
    client = lab.client("carol")
    values = [lab.secret(k).reveal_to(client) for k in (5, 6, 7)]
    assert [int(v) for v in values] == [5, 6, 7]
    view = lab.view(clients=["carol"])
    player = message_player(lab.transcript, view=view)
    results = [m for m in player.messages if dict(m["facts"])["kind"] == "output"]
    assert len(results) == 6
    assert len({tuple(m["contents"]) for m in results}) == 6
    rows = view[(view["kind"] == "output") & (view["part"] == 1)]
    shown = [next(c for c in m["contents"] if "2 numbers" in c) for m in results]
    for row in rows.itertuples():
        first, second = row.value
        assert f"result: [{first}, {second}], 2 numbers" in shown
    # In one session they differ by nothing but their order.
    same = Transcript()
    same.records = [replace(r, session="s") for r in lab.transcript.records if r.kind == "output"]
    view = view[view["kind"] == "output"].assign(session="s")
    player = message_player(same, view=view)
    assert [m["contents"] for m in player.messages] == [m["contents"] for m in results]
    cut = message_player(same, view=view.iloc[4:])
    kept = {c for m in cut.messages for c in m["contents"] if m["sender"] == "server 0"}
    assert kept == {"the view holds only some of the messages of this step"}


# -- the widget ----------------------------------------------


def test_jupyter_gets_the_widget_and_whoever_has_no_kernel_the_picture():
    lab, _ = product()
    player = message_player(lab.transcript, phase="online")
    data, _ = player._repr_mimebundle_()
    assert data[VIEW]["model_id"] == player.model_id
    assert data["image/svg+xml"] == player.diagram.svg
    assert player.diagram.svg in data["text/html"]
    assert data["text/plain"] == repr(player)
    assert "0x" not in repr(player)
    assert "what" not in json.loads(json.dumps(player.messages[0]))


def test_a_page_made_by_nbconvert_shows_the_picture():
    nbconvert = pytest.importorskip("nbconvert")
    nbformat = pytest.importorskip("nbformat")
    lab, _ = product()
    data, _ = message_player(lab.transcript, phase="online")._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)
    cell = nbformat.v4.new_code_cell("player", outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert "mpclab-sd" in page
    assert "Messages of session lab 1: online" in page
    assert VIEW not in page


def test_a_position_is_within_the_messages():
    lab, _ = product()
    player = message_player(lab.transcript, phase="online")
    assert player.position == 0
    player.position = 6
    for wrong in (-1, 7):
        with pytest.raises(InputError, match=f"position is {wrong}: it is 0, .* to 6"):
            player.position = wrong
    assert player.position == 6


def test_the_program_asks_nobody_for_anything():
    script, rules = MessagePlayer._esm, MessagePlayer._css
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", script + rules))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bimport\b|fetch\(|XMLHttpRequest|WebSocket|eval\(|@import|url\(",
                         script + rules)  # fmt: skip
    assert script.count("innerHTML") == 1  # the picture; all words are set as text


def test_its_files_are_in_the_package():
    static = resources.files("mpclab.widgets") / "static"
    assert {p.name for p in static.iterdir()} >= {"messages.js", "messages.css"}


def test_transcript_methods():
    lab, _ = product()
    diagram = lab.transcript.diagram(phase="online", theme="dark")
    assert diagram.messages == 6
    assert "which are uniform whatever x and y are" in diagram.svg
    assert "which are uniform" not in diagram.still
    assert "uniform" not in lab.transcript.diagram(phase="online", conclusions=False).svg
    script = "import sys, mpclab.network.transcript; print(*sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"mpclab.diagram", "mpclab.timeline", "mpclab.style"} & set(answer.stdout.split())


def test_errors_are_sentences():
    lab, _ = product()
    with pytest.raises(InputError, match="no message of session 'nothing' to draw"):
        message_player(lab.transcript, "nothing")
    with pytest.raises(InputError, match=r"the view is a list .*: pass what lab\.view"):
        message_player(lab.transcript, view=[1])
    with pytest.raises(InputError, match="the view is a DataFrame without the columns"):
        message_player(lab.transcript, view=lab.transcript.to_frame())


# -- in a browser (pytest -m e2e tests/test_messages.py) -------------------------------------------

MODEL = """
class Model {
  constructor(state) { this.state = state; this.listeners = []; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; this.listeners.forEach((f) => f()); }
  save_changes() {}
  on(event, f) { this.listeners.push(f); }
  off(event, f) { this.listeners = this.listeners.filter((g) => g !== f); }
}
"""


def page_of(player, theme="true"):
    names = ("svg", "heads", "title", "intro", "messages", "notes", "position")
    state = json.dumps({name: getattr(player, name) for name in names}).replace("</", "<\\/")
    program = player._esm.replace("export default { render };", "")
    return (
        f'<!doctype html><meta charset="utf-8"><style>{player._css}</style>'
        f'<body data-jp-theme-light="{theme}" style="font-family:sans-serif;'
        f'background:{"#fff" if theme == "true" else "#111"}"><div id="here"></div>'
        f'<script type="module">{MODEL}{program}\nwindow.model = new Model({state});'
        'window.end = render({model: window.model, el: document.getElementById("here")});'
        "</script>"
    )


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api")
    import os
    import shutil

    path = shutil.which(os.environ.get("MPCLAB_CHROMIUM") or "chromium")
    if path is None:
        pytest.skip("there is no chromium on the PATH")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.e2e
@pytest.mark.parametrize("theme", ["true", "false"])
@pytest.mark.parametrize("servers", [3, 10])
def test_it_is_played_by_keyboard_and_by_mouse(chromium, servers, theme):
    lab, session = recommendation(servers)
    player = message_player(lab.transcript, session, view=lab.view(servers=[0]))
    last = len(player.messages)
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    asked, thrown = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.set_content(page_of(player, theme))

    def now():
        return page.evaluate("window.model.state.position")

    shots = Path(__file__).resolve().parents[1] / "build" / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    slider = page.get_by_role("slider", name="Message, in the order of time")
    slider.focus()
    for key, where in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("PageDown", 11),
                       ("End", last), ("ArrowRight", last), ("Home", 0)):  # fmt: skip
        page.keyboard.press(key)
        assert now() == where, key
    page.get_by_role("button", name="One message on").click()
    assert now() == 1
    assert page.locator(".mpclab-sent[data-mark]").count() == 1
    assert page.get_by_role("status").inner_text() == player.messages[0]["line"]
    assert slider.get_attribute("aria-valuetext").startswith(f"1 of {last}: ")

    panel = page.get_by_role("region", name="The message")
    page.locator(".mpclab-box").focus()
    page.keyboard.press("Enter")
    assert player.notes[player.messages[0]["note"]][0] in panel.inner_text()
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    for number in (3, last // 2, last - 1):
        head = page.locator(f'[data-mark="{number}"]')
        head.click(force=True)
        assert now() == number + 1
        assert all(value in panel.inner_text() for _, value in player.messages[number]["facts"])
        for content in player.messages[number]["contents"]:
            assert content in panel.inner_text()
        box, at = page.locator(".mpclab-box").bounding_box(), head.bounding_box()
        assert box["y"] <= at["y"] <= box["y"] + box["height"]
    page.wait_for_timeout(600)
    page.screenshot(path=shots / f"player-{servers}-{theme}.png", full_page=True)

    page.locator("select").select_option("100")
    page.locator(".mpclab-box").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    page.wait_for_function("window.model.state.position > 3")
    page.keyboard.press("Space")
    stopped = now()
    page.wait_for_timeout(100)
    assert now() == stopped
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(f"window.model.state.position === {last}", timeout=60_000)
    page.get_by_role("button", name="Play").wait_for()
    page.evaluate("window.end()")
    assert not asked
    assert not thrown
    page.close()
