"""The sequence diagram: every message is there, no text touches another, it stands alone."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from mpclab import style
from mpclab.diagram import sequence_diagram
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.network.transcript import Transcript
from mpclab.recommender import Parameters, Recommender

SVG = "{http://www.w3.org/2000/svg}"
SIZES = [2, 3, 4, 5, 6, 7, 10]


@cache
def recommendation(servers):
    """Return a transcript of all phases, and the session of the query."""
    ratings = np.random.default_rng(servers).integers(1, 11, (30, 12)).astype(np.uint8)
    lab = Lab(servers=servers, seed=1)
    recommender = Recommender(lab, Parameters(users=30, items=12, dense=5))
    recommender.preprocess(rows=30)
    recommender.preprocess(queries=1)
    recommender.upload(ratings)
    result = recommender.recommend(ratings[0], threshold=0.3, user=0)
    return lab.transcript, result.session


def altered(transcript, **changes):
    """Return the transcript with some fields of its records computed anew."""
    out = Transcript()
    out.records = [
        replace(r, **{name: change(r) for name, change in changes.items()})
        for r in transcript.records
    ]
    return out


def root(diagram):
    return ET.fromstring(diagram.svg)


def texts(diagram):
    return [t.text for t in root(diagram).iter(f"{SVG}text")]


@cache
def font(bold):
    path = findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))
    opened = FT2Font(path)
    opened.set_size(100, 72)
    return opened


def box(text):
    """Measure a text with the real font, not with the estimate that the drawing used."""
    points, face = float(text.get("font-size")), font(text.get("font-weight") is not None)
    face.set_text(text.text, 0.0)
    width = face.get_width_height()[0] / 64 / 100 * points
    x, y = float(text.get("x")), float(text.get("y"))
    x -= {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
    return x, y - 0.76 * points, x + width, y + 0.24 * points


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def check_layout(diagram):
    tree = root(diagram)
    width, height = float(tree.get("width")), float(tree.get("height"))
    boxes = [(box(t), t.text) for t in tree.iter(f"{SVG}text")]
    for (x0, y0, x1, y1), text in boxes:
        assert x0 >= 4, f"{text!r} sticks out of the picture"
        assert y0 >= 2, f"{text!r} sticks out of the picture"
        assert x1 <= width - 4, f"{text!r} sticks out of the picture"
        assert y1 <= height - 2, f"{text!r} sticks out of the picture"
    boxes.sort(key=lambda entry: entry[0][1])
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        if b[1] > a[3]:
            continue
        assert not overlap(a, b), f"{one!r} and {other!r} overlap"
    return boxes


@pytest.mark.parametrize("servers", SIZES)
def test_every_message_is_drawn_with_what_one_wants_to_know(servers):
    transcript, session = recommendation(servers)
    diagram = sequence_diagram(transcript, session, "online")
    records = list(transcript.select(session, "online"))
    heads = [p for p in root(diagram).iter(f"{SVG}path") if p.get("data-messages")]
    assert sum(int(p.get("data-messages")) for p in heads) == len(records) == diagram.messages
    told = [p.find(f"{SVG}title").text for p in heads]
    for r in records:
        start = f"{r.sender} → {r.receiver}\n{r.step}: {r.kind}, {r.bytes:,} bytes\nsent at "
        assert sum(t.startswith(start) for t in told) == 1, start
    assert all(re.search(r"received at [\d.]+ (µs|ms|s) of this phase$", t) for t in told)


@pytest.mark.parametrize("servers", SIZES)
def test_an_exchange_of_all_servers_is_one_numbered_row(servers):
    transcript, session = recommendation(servers)
    diagram = sequence_diagram(transcript, session, "online")
    assert (diagram.rows, diagram.rounds, diagram.servers) == (10, 8, servers)
    assert transcript.rounds(session, "online") == 8
    marks = [t.text for t in root(diagram).iter(f"{SVG}text") if t.get("text-anchor") == "middle"]
    assert [m for m in marks[-20:] if m in list("12345678")][-8:] == list("12345678")
    lanes = [p for p in root(diagram).iter(f"{SVG}path") if "lane" in p.get("class")]
    assert len(lanes) == 1 + 9 * servers  # the query, eight rounds and the result


@pytest.mark.parametrize("servers", SIZES)
def test_no_text_overlaps_or_sticks_out(servers):
    transcript, session = recommendation(servers)
    check_layout(sequence_diagram(transcript, session, "online"))
    check_layout(sequence_diagram(transcript, times=True, corrupt=["server 1"]))


@pytest.mark.parametrize("servers", [2, 5, 10])
def test_long_names_and_labels_are_shortened(servers):
    transcript, _ = recommendation(servers)
    long = altered(
        transcript,
        step=lambda r: "a step of many words that never ends/and/" + r.step * 3,
        kind=lambda r: r.kind * 9,
        session=lambda r: r.session * 20,
        sender=lambda r: "the requester of the query" if r.sender == "requester" else r.sender,
        bytes=lambda r: r.bytes * 10**7 + hash(r.receiver) % 10**7,
    )
    boxes = check_layout(sequence_diagram(long))
    assert any(text.endswith("…") for _, text in boxes)


def test_a_crowd_is_one_column_with_its_count():
    transcript, _ = recommendation(3)
    crowd = altered(transcript, count=lambda r: 10_000 if r.count > 1 else r.count)
    diagram = sequence_diagram(crowd, phase="upload")
    check_layout(diagram)
    words = texts(diagram)
    assert "10,000" in words
    assert "users" in words
    lives = [p for p in root(diagram).iter(f"{SVG}path") if p.get("class") == "life client"]
    assert len(lives) == 3  # a triple line
    assert any("a user" in w for w in words)
    assert "10,000 users" in ET.tostring(root(diagram), encoding="unicode")


def test_many_clients_share_a_column():
    transcript, session = recommendation(3)
    out = Transcript()
    for k in range(1_000):
        out.records += [
            replace(r, sender=f"client {k}")
            for r in transcript.select(session, "online")
            if r.sender == "requester"
        ]
    diagram = sequence_diagram(out, max_messages=10_000)
    check_layout(diagram)
    assert diagram.messages == 3_000
    assert {"1,000", "clients"} <= set(texts(diagram))
    assert len(diagram.svg) < 20_000
    heads = [p for p in root(diagram).iter(f"{SVG}path") if p.get("data-messages")]
    assert [p.get("data-messages") for p in heads] == ["1000"] * 3
    assert "1,000 clients → server 0" in heads[0].find(f"{SVG}title").text


def test_all_phases_have_a_band_with_their_cost():
    transcript, session = recommendation(3)
    words = texts(sequence_diagram(transcript))
    assert [w for w in words if w in style.PHASES] == [
        "preprocess", "preprocess", "upload", "prepare", "online",
    ]  # fmt: skip
    sent = style.size(transcript.bytes_sent("server 0", session, "online"))
    carried = style.size(transcript.client_bytes(session, "online"))
    cost = f"8 rounds between servers, {sent} sent by each server, {carried} to and from clients"
    assert cost in words


def test_what_is_left_out_is_counted():
    transcript, _ = recommendation(5)
    diagram = sequence_diagram(transcript, max_messages=100)
    assert diagram.messages <= 100
    (note,) = [w for w in texts(diagram) if w.startswith("... and")]
    assert f"{len(transcript) - diagram.messages} more messages" in note
    check_layout(diagram)


def test_the_same_run_gives_the_same_picture():
    stills = []
    for _ in range(2):
        recommendation.cache_clear()
        transcript, session = recommendation(3)
        stills.append(sequence_diagram(transcript, session).still)
    assert stills[0] == stills[1]


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_it_stands_alone_and_can_be_read_in_both_themes(theme):
    transcript, session = recommendation(3)
    diagram = sequence_diagram(transcript, session, theme=theme)
    svg = diagram.svg
    assert not re.search(r"<script|<foreignObject|<image|url\(|@import|@font-face| on\w+=", svg)
    assert re.findall(r"https?://[^\s\"']+", svg) == ["http://www.w3.org/2000/svg"]
    assert " id=" not in svg  # several diagrams may stand on one page
    assert ("prefers-color-scheme" in svg) == (theme == "auto")
    assert ('data-jp-theme-light="false"' in svg) == (theme == "auto")
    for which in ("light", "dark"):
        paper = f".mpclab-{theme} .paper{{fill:{style.theme_colors(which)['paper']}"
        assert (paper in svg) == (theme in ("auto", which))
        assert (style.server_color(2, which) in svg) == (theme in ("auto", which))


def test_it_can_be_heard():
    transcript, session = recommendation(3)
    tree = root(sequence_diagram(transcript, session, "online"))
    assert tree.get("role") == "img"
    assert tree[0].tag == f"{SVG}title"
    assert tree[0].text == tree.get("aria-label") == f"Messages of session {session}: online"
    assert tree[1].tag == f"{SVG}desc"
    assert "query: requester to all servers, masked query" in tree[1].text
    assert "Round 8, check/zeta reveal: all servers to all servers, reveal" in tree[1].text


def test_jupyter_shows_the_live_picture_or_else_a_still_one():
    transcript, session = recommendation(3)
    diagram = sequence_diagram(transcript, session)
    assert diagram._repr_svg_() == diagram.svg
    page = diagram._repr_html_()
    # An untrusted notebook loses <style> and <svg>, and attributes without a value.
    assert 'hidden="hidden"' in page
    assert diagram.svg in page
    assert page.endswith('">')
    assert "data:image/svg+xml;base64," in page
    assert "sent at" not in diagram.still


def test_save(tmp_path):
    transcript, session = recommendation(3)
    diagram = sequence_diagram(transcript, session)
    diagram.save(tmp_path / "messages.svg")
    assert ET.parse(tmp_path / "messages.svg").getroot().tag == f"{SVG}svg"
    with pytest.raises(InputError, match=r"'messages\.png' must end in \.svg"):
        diagram.save(tmp_path / "messages.png")


def test_a_corrupt_server_is_marked():
    transcript, session = recommendation(3)
    assert "corrupt" in texts(sequence_diagram(transcript, session, corrupt=["server 1"]))
    assert "corrupt" not in texts(sequence_diagram(transcript, session))


def test_errors_are_sentences():
    transcript, _ = recommendation(3)
    with pytest.raises(InputError, match=r"no message of session 'nothing' to .*'upload [0-9]'"):
        sequence_diagram(transcript, "nothing")
    with pytest.raises(InputError, match="none yet"):
        sequence_diagram(Transcript())
    with pytest.raises(InputError, match="'auto', 'light' or 'dark'"):
        sequence_diagram(transcript, theme="pink")
    with pytest.raises(InputError, match="max_messages is 0"):
        sequence_diagram(transcript, max_messages=0)


def test_drawing_needs_neither_matplotlib_nor_pandas():
    script = "import sys, mpclab.diagram; print(*sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"matplotlib", "pandas", "ipywidgets", "numba"} & set(answer.stdout.split())


# -- style ----------------------------------------------------------------------------------------

SIGHT = {
    "all colours": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}  # Machado, Oliveira, Fernandes 2009


def seen(color, sight):
    """Return a colour in CIE L*a*b*, as it is seen."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SIGHT[sight]) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    t = np.array(to_xyz) @ linear / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_servers_can_be_told_apart_whatever_one_sees(theme, sight):
    colors = [seen(style.server_color(i, theme), sight) for i in range(10)]
    apart = {(i, j): np.linalg.norm(colors[i] - colors[j])
             for i, j in itertools.combinations(range(10), 2)}  # fmt: skip
    assert min(apart.values()) > 9, min(apart, key=apart.get)
    assert min(d for (_, j), d in apart.items() if j < 5) > 16


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_paper(theme):
    colors = style.theme_colors(theme)
    drawn = [style.server_color(i, theme) for i in range(10)]
    drawn += [style.client_color(theme), style.dealer_color(theme)]
    assert all(style.contrast(c, colors["paper"]) >= 2.9 for c in drawn)
    for ground in ("paper", "band", "step"):
        assert style.contrast(colors["ink"], colors[ground]) >= 7
        assert style.contrast(colors["muted"], colors[ground]) >= 4.5
    for phase in (*style.PHASES, "another"):
        heading = style.mix(colors["paper"], style.phase_color(phase, theme), 0.28)
        assert style.contrast(colors["muted"], heading) >= 4.5
    assert all(style.contrast(c, style.text_on(c)) >= 4.5 for c in drawn)


def test_widths_are_never_underestimated():
    for text in ("server 0", "D + 2^m t + r2", "8 rounds between servers, 36 kB", "µs → …"):
        for bold in (False, True):
            face = font(bold)
            face.set_text(text, 0.0)
            assert face.get_width_height()[0] / 64 <= 1.02 * style.text_width(text, 100, bold)


def test_style_errors_are_sentences():
    with pytest.raises(InputError, match="the server's index is -1"):
        style.server_color(-1)
    with pytest.raises(InputError, match="the theme is 'pink'"):
        style.phase_color("online", "pink")
