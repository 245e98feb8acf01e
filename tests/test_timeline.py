"""The timeline: times add up, every party has its lane, no text touches another."""

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from mpclab import style
from mpclab.errors import InputError
from mpclab.lab import Lab
from mpclab.network.transcript import Activity, Record, Transcript
from mpclab.recommender import Parameters, Recommender
from mpclab.timeline import timeline, timeline_frame

SVG = "{http://www.w3.org/2000/svg}"
SIZES = range(2, 11)


@cache
def recommendation(servers):
    ratings = np.random.default_rng(servers).integers(1, 11, (20, 11)).astype(np.uint8)
    lab = Lab(servers=servers, seed=1)
    recommender = Recommender(lab, Parameters(users=20, items=11, dense=5))
    recommender.preprocess(rows=20)
    recommender.preprocess(queries=1)
    recommender.upload(ratings)
    result = recommender.recommend(ratings[0], threshold=0.3, user=0)
    return lab.transcript, result.session


def by_hand():
    """Two servers: one computes 3 ms and sends for 2 ms, the other waits and computes 1 ms."""
    out = Transcript()
    out.activities = [
        Activity("s", "online", "a", "server 0", 0.0, 0.003, (), 1),
        Activity("s", "online", "", "server 1", 0.0, 0.0, (), 1),
        Activity("s", "online", "b", "server 1", 0.005, 0.006, (0,), 1),
    ]
    out.records = [
        Record("s", "online", "a", 1, "server 0", "server 1", "open", 100, 1, 0.003, 0.005, 1, 0)
    ]
    return out


def root(picture):
    return ET.fromstring(picture.svg)


def texts(picture):
    return [t.text for t in root(picture).iter(f"{SVG}text")]


def notes(picture):
    return [t.text for t in root(picture).iter(f"{SVG}title")][1:]


@cache
def font(bold):
    path = findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))
    opened = FT2Font(path)
    opened.set_size(100, 72)
    return opened


def box(text):
    points, face = float(text.get("font-size")), font(text.get("font-weight") is not None)
    face.set_text(text.text, 0.0)
    width = face.get_width_height()[0] / 64 / 100 * points
    x, y = float(text.get("x")), float(text.get("y"))
    x -= {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
    return x, y - 0.76 * points, x + width, y + 0.24 * points


def check_layout(picture):
    tree = root(picture)
    width, height = float(tree.get("width")), float(tree.get("height"))
    boxes = [(box(t), t.text) for t in tree.iter(f"{SVG}text")]
    for (x0, y0, x1, y1), text in boxes:
        inside = x0 >= 4 and y0 >= 2 and x1 <= width - 4 and y1 <= height - 2
        assert inside, f"{text!r} sticks out of the picture"
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one!r} and {other!r} overlap"
    for rect in tree.iter(f"{SVG}rect"):
        x, w = float(rect.get("x")), float(rect.get("width"))
        assert x >= 0
        assert w > 0
        assert x + w <= width + 0.5


# -- numbers --------------------------------------------------------------------------------------


def test_the_sums_of_a_case_by_hand():
    frame = timeline_frame(by_hand())
    assert list(frame.columns) == ["party", "phase", "computing", "sending", "waiting", "span"]
    first, second = frame.drop(columns=["party", "phase"]).to_numpy()
    assert first == pytest.approx([0.003, 0.002, 0.001, 0.006])
    assert second == pytest.approx([0.001, 0, 0.005, 0.006])


@pytest.mark.parametrize("network", [None, "ideal", "wan"])
@pytest.mark.parametrize("servers", [2, 5, 10])
def test_times_add_up_to_the_span(servers, network):
    transcript, session = recommendation(servers)
    if network:
        transcript = transcript.retimed(network)
    for chosen in (None, session):
        frame = timeline_frame(transcript, chosen)
        parts = frame[["computing", "sending", "waiting"]]
        assert np.allclose(parts.sum(axis=1), frame["span"], rtol=0, atol=1e-9)
        assert (parts > -1e-12).all(axis=None)
        for row in frame[frame["party"].str.startswith("server")].itertuples():
            assert row.span == pytest.approx(transcript.seconds(chosen, row.phase), abs=1e-9)
            mine = [a.end - a.start for a in transcript.activities
                    if (a.party, a.phase) == (row.party, row.phase)
                    and chosen in (None, a.session)]  # fmt: skip
            assert row.computing == pytest.approx(sum(mine), abs=1e-9)
    assert list(dict.fromkeys(timeline_frame(transcript)["phase"])) == list(style.PHASES)


def test_a_slow_network_is_waiting_and_sending_not_computing():
    transcript, session = recommendation(3)
    near, far = (timeline_frame(transcript.retimed(n), session, "online") for n in ("lan", "wan"))
    assert near["computing"].tolist() == pytest.approx(far["computing"].tolist(), abs=1e-9)
    assert (far["sending"] > near["sending"]).all()
    assert (far["span"] > 0.15).all()


# -- picture --------------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", SIZES)
def test_no_text_overlaps_or_sticks_out(servers):
    transcript, session = recommendation(servers)
    for picture in (
        timeline(transcript),
        timeline(transcript, session, "online"),
        timeline(transcript.retimed("wan")),
        timeline(transcript.retimed("ideal")),
    ):
        check_layout(picture)


def test_many_phases_stay_readable():
    lab = Lab(servers=3, seed=1)
    x = lab.secret([1, 2])
    for k in range(12):
        (x * k + x).reveal_to(lab.client(f"client {k}"))
    picture = timeline(lab.transcript)
    check_layout(picture)
    assert picture.phases > 20
    assert "13 clients" in texts(picture)
    assert len(picture.svg) < 400_000


def test_every_party_has_a_lane_with_its_sums():
    transcript, session = recommendation(3)
    picture = timeline(transcript, session, "online")
    frame = timeline_frame(transcript, session, "online")
    words = texts(picture)
    assert repr(picture) == "Timeline(4 parties in 1 phase)"
    assert picture.seconds == pytest.approx(transcript.seconds(session, "online"))
    for row in frame.itertuples():
        assert row.party in words
        for seconds in (row.computing, row.sending, row.waiting):
            assert style.duration(seconds) in words
    assert any(re.fullmatch(r"[\d.]+ ms", w) for w in words)
    assert "0 ms" in words


def test_phases_are_told_apart():
    transcript, session = recommendation(3)
    picture = timeline(transcript)
    words = texts(picture)
    for phase in style.PHASES:
        assert f"{phase} {style.duration(transcript.seconds(phase=phase))}" in words
    only = timeline(transcript, phase="preprocess")
    assert "Time outside the selection" not in " ".join(texts(timeline(transcript, session)))
    assert only.seconds == pytest.approx(transcript.seconds(phase="preprocess"))


def test_tooltips_say_who_waits_for_whom():
    told = notes(timeline(by_hand()))
    assert any(t.startswith("server 1 waits 5 ms for server 0\nlast comes server 0's open (a)")
               for t in told)  # fmt: skip
    assert any(t.startswith("server 0 computes 3 ms for a") for t in told)
    assert any(t.startswith("server 0 sends open (a) to server 1\n100 B, on the way for 2 ms")
               for t in told)  # fmt: skip
    assert any(t.startswith("server 0 has done its part") for t in told)


def test_tiny_durations_are_drawn_and_admitted():
    out = by_hand()
    out.activities[2] = replace(out.activities[2], end=0.005 + 1e-9)
    out.activities.append(Activity("s", "online", "c", "server 0", 0.9, 1.0, (), 1))
    picture = timeline(out)
    widths = [float(r.get("width")) for r in root(picture).iter(f"{SVG}rect")
              if r.get("class") == "s1 work" and r.get("height") == "15"]  # fmt: skip
    assert widths
    assert min(widths) == pytest.approx(1.2)
    least = style.duration(1.2 / (900 - 112 - 196) * picture.seconds)
    assert any(f"less than {least} is drawn as wide as {least}" in w for w in texts(picture))
    assert np.isclose(timeline_frame(out)["span"], 1.0).all()


def test_what_never_computes_long_is_one_bar_that_says_so():
    transcript, _ = recommendation(10)
    slow = transcript.retimed("wan")
    assert len(timeline(slow).svg) < 450_000
    lab = Lab(servers=2, seed=1, network="ideal")
    x = lab.secret(1)
    for _ in range(30):
        x = x * x
    out = Transcript()
    out.records, out.activities = lab.transcript.records, list(lab.transcript.activities)
    last = out.activities[-1]
    out.activities.append(replace(last, start=last.end, end=last.end + 60, step="very long"))
    assert any("short ones" in t for t in notes(timeline(out)))


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_it_stands_alone_and_can_be_read_in_both_themes(theme):
    transcript, session = recommendation(3)
    svg = timeline(transcript, session, theme=theme).svg
    assert not re.search(r"<script|<foreignObject|<image|url\(|@import|@font-face| on\w+=", svg)
    assert re.findall(r"https?://[^\s\"']+", svg) == ["http://www.w3.org/2000/svg"]
    assert " id=" not in svg
    for which in ("light", "dark"):
        paper = f".mpclab-{theme} .paper{{fill:{style.theme_colors(which)['paper']}"
        assert (paper in svg) == (theme in ("auto", which))


def test_it_can_be_heard_seen_without_a_kernel_and_saved(tmp_path):
    transcript, session = recommendation(3)
    picture = transcript.timeline(session, "online")
    tree = root(picture)
    assert tree.get("role") == "img"
    assert tree[0].text == "Who computed, sent and waited when: online"
    assert re.search(r"server 1 in online: computing [\d.]+ (µs|ms), sending", tree[1].text)
    page = picture._repr_html_()
    assert picture.svg in page
    assert 'alt="A timeline of computing, sending and waiting"' in page
    assert " waits " not in picture.still
    picture.save(tmp_path / "time.svg")
    assert ET.parse(tmp_path / "time.svg").getroot().tag == f"{SVG}svg"


def test_errors_are_sentences():
    transcript, _ = recommendation(3)
    for function in (timeline, timeline_frame):
        with pytest.raises(InputError, match="no message of session 'nothing'"):
            function(transcript, "nothing")
    with pytest.raises(InputError, match="none yet"):
        timeline(Transcript())
    with pytest.raises(InputError, match="'auto', 'light' or 'dark'"):
        timeline(transcript, theme="pink")
