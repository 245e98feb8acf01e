"""`make site`: every page is there, leads somewhere, and needs nothing from elsewhere."""

import json
import pkgutil
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import mpclab
from docs.site import notebook
from docs.site.markdown import Links, Text, doctests_fenced
from docs.site.mathematics import to_mathml
from docs.site.pages import ROOT, build
from docs.site.reference import modules
from mpclab.errors import InputError

LOADS = {"src", "srcset", "poster", "data", "action", "formaction", "background"}
VOID = {"meta", "link", "img", "br", "hr", "wbr", "input", "col", "source"}


@dataclass
class Parsed(HTMLParser):
    """What a page loads, where it leads, its anchors, and its words outside of code."""

    text: str
    loads: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: Counter = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)
    words: str = ""

    def __post_init__(self):
        super().__init__()
        self._open: list[str] = []
        self._output = 0  # how deep within an output, 0 outside
        self.feed(self.text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags[tag] += 1
        if tag not in VOID:
            self._open.append(tag)
        if given.get("class") == "output":
            self._output = len(self._open)
        self.ids += [given["id"]] if "id" in given else []
        self.loads += [value for name, value in attrs if name in LOADS or name == "xlink:href"]
        if tag == "a":
            self.leads += [given["href"]] if "href" in given else []
        elif "href" in given:
            self.loads.append(given["href"])
        self.loads += urls(given.get("style") or "")
        if tag == "img" and not given.get("alt"):
            self.unnamed.append(tag)
        assert not [name for name in given if name.startswith("on")], f"a script in <{tag}>"

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open, f"</{tag}> closes nothing"
            assert self._open.pop() == tag, f"</{tag}> closes another element"
            if len(self._open) < self._output:
                self._output = 0

    def handle_data(self, data):
        if "style" in self._open:
            self.loads += urls(data)
        elif not {"code", "pre"} & set(self._open) and not self._output:
            self.words += data


def urls(css: str) -> list[str]:
    imported = re.findall(r"@import[^;]*", css)
    return imported + re.findall(r"url\(\s*['\"]?([^'\")]*)", css)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def pages(site):
    found = {}
    for path in sorted(site.rglob("*.html")):
        try:
            found[path] = Parsed(path.read_text(encoding="utf-8"))
        except AssertionError as error:
            raise AssertionError(f"{path.relative_to(site)}: {error}") from error
    return found


def is_here(url: str, page: Path, site: Path) -> bool:
    if url.startswith(("data:", "#")):
        return True
    parts = urlsplit(url)
    target = (page.parent / unquote(parts.path)).resolve()
    return not parts.scheme and not parts.netloc and target.is_file() and site in target.parents


def test_nothing_is_loaded_from_elsewhere(site, pages):
    assert sum(len(page.loads) for page in pages.values()) > 2 * len(pages)
    outside = [
        f"{path.relative_to(site)}: {url[:80]}"
        for path, page in pages.items()
        for url in page.loads
        if not is_here(url, path, site.resolve())
    ]
    css = site / "style.css"
    outside += [url for url in urls(css.read_text()) if not is_here(url, css, site.resolve())]
    assert not outside, "\n".join(outside)
    for page in pages.values():
        assert not set(page.tags) & {"script", "iframe", "object", "embed", "base", "form"}
        assert page.tags["main"] == page.tags["h1"] == 1


def test_every_link_leads_to_a_file_and_every_anchor_exists(site, pages):
    inside, broken = 0, []
    for path, page in pages.items():
        for link in page.leads:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            inside += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchored = not parts.fragment or (
                target in pages and unquote(parts.fragment) in pages[target].ids
            )
            if not target.is_file() or not anchored:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert inside > 1000
    assert not broken, "\n".join(broken)


def test_anchors_are_unique_and_pictures_are_described(site, pages):
    for path, page in pages.items():
        twice = [name for name, count in Counter(page.ids).items() if count > 1]
        assert not twice, f"{path.relative_to(site)} has {twice} twice"
        assert not page.unnamed, f"{path.relative_to(site)} has a picture without a description"
        assert '<html lang="en">' in page.text


def test_every_notebook_document_and_public_module_has_a_page(site, pages):
    chapters = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert chapters
    assert {path.stem for path in (site / "notebooks").glob("*.html")} == chapters
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in (site / "docs").glob("*.html")} == documents
    public = {"mpclab"} | {info.name for info in walk(mpclab.__path__, "mpclab.")}
    made = {path.stem for path in (site / "reference").glob("*.html")} - {"index"}
    assert made == public
    from_index = set(pages[site / "index.html"].leads)
    for page in (site / "notebooks").glob("*.html"):
        assert f"notebooks/{page.name}" in from_index


def walk(path, prefix):
    """Public modules, without importing them."""
    for info in pkgutil.iter_modules(path, prefix):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield info
            if info.ispkg:
                yield from walk([str(Path(p) / info.name.rpartition(".")[2]) for p in path],
                                info.name + ".")  # fmt: skip


def test_every_formula_is_rendered(site, pages):
    for path, page in pages.items():
        assert not re.search(r"\$[^$]+\$|\\[a-z]{2,}", page.words), path.relative_to(site)
    written = 0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                text = re.sub(r"`[^`]*`", "", "".join(cell["source"]))
                written += len(re.findall(r"\$\$.+?\$\$|(?<!\$)\$[^$]+\$", text, re.S))
    assert sum(page.tags["math"] for page in pages.values()) >= written > 100


def test_every_solution_is_folded_away_and_every_widget_has_its_figure(pages):
    for path, page in pages.items():
        if path.parent.name != "notebooks":
            continue
        stored = json.loads((ROOT / "notebooks" / f"{path.stem}.ipynb").read_text("utf-8"))
        tags = Counter(t for cell in stored["cells"] for t in cell["metadata"].get("tags", []))
        assert page.text.count("<summary>Show a solution</summary>") == tags["solution"]
        widgets = json.dumps([c.get("outputs") for c in stored["cells"]]).count("widget-view+json")
        assert page.text.count("this picture has controls") == widgets
        assert "widget-view" not in page.text
        assert "Explorer(" not in page.text


def test_versions_to_run_lie_beside_the_pages(site):
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert (site / "notebooks" / path.name).read_bytes() == path.read_bytes()
    assert list((site / "notebooks" / "student").glob("*.ipynb"))


# -- what cannot be shown is told ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tex", "told"),
    [
        (r"\nonsense{x}", "nonsense is unknown"),
        ("{x", "braces do not match"),
        (r"a & b", "cannot be rendered"),
        (r"a \\ b", "a line ends"),
        (" ", "cannot be rendered"),
    ],
)
def test_a_formula_that_cannot_be_rendered_is_told(tex, told):
    with pytest.raises(InputError, match=told):
        to_mathml(tex)


@pytest.mark.parametrize(
    "tex",
    [
        r"\underbrace{x_0y_0}_{\text{server 0}}",
        r"f(x)=\begin{cases}x & \text{if } x>0\\ 0 & \text{else}\end{cases}",
        r"\begin{aligned}a&=b\\ c&=d\end{aligned}",
        r"\left\lfloor x\right\rfloor\bmod p\oplus\langle y\rangle\in\{0,1\}",
        r"\Pr[\,x\mid y\,]\ne\frac1p\le\mathbb{F}_p",
    ],
)
def test_what_chapters_need_is_rendered(tex):
    assert "\\" not in to_mathml(tex, block=True)


def test_a_mark_behind_a_formula_begins_no_line():
    html = text().render("If ($x$), then $y$, or $z$ and $$ w. $$")
    assert html.count('<span class="whole">') == 2
    assert html.count("</math>),</span>") == html.count("</math>,</span>") == 1


def test_a_long_formula_may_be_broken_at_its_equals_signs():
    assert to_mathml("d-d'=(x-a)-(x'-a)=x-x'=25").count("<wbr>") == 3
    assert "<wbr>" not in to_mathml("d-d'=(x-a)-(x'-a)=x-x'=25", block=True)
    assert "<wbr>" not in to_mathml("x=y")


def text(**given) -> Text:
    there = Links(lambda path: path == "notebooks/picture.png", {"docs/design.md": "docs/d.html"},
                  {"step 3.1": "docs/d.html#3.1", "chapter 02": "notebooks/02.html"})  # fmt: skip
    return Text("notebooks/01.html", "notebooks/01.ipynb", there, **given)


def test_links_lead_to_pages_and_files_that_are_there():
    page = text()
    html = page.render(
        "[d](../docs/design.md#x) ![p](picture.png) [w](https://example.org) [h](#h)"
    )
    assert re.findall(r'(?:href|src)="([^"]*)"', html) == [
        "../docs/d.html#x", "picture.png", "https://example.org", "#h"
    ]  # fmt: skip
    assert page.links.copied == {"notebooks/picture.png"}
    with pytest.raises(InputError, match=r"01\.ipynb: a link leads to .*gone"):
        page.render("![p](gone.png)")


def test_what_is_mentioned_is_linked():
    html = text().render("Chapter 02, docs/design.md, 3.1, `docs/design.md`, chapter 77.")
    assert re.findall(r'href="([^"]*)"', html) == [
        "02.html", "../docs/d.html#3.1", "../docs/d.html"
    ]  # fmt: skip


def test_a_shared_secret_is_no_tag_in_a_document():
    assert "&lt;x&gt;" in text().render("Open <x> now.")
    assert "<kbd>x</kbd>" in text(html=True).render("Press <kbd>x</kbd>.")


def test_headings_of_one_name_have_anchors_of_their_own():
    page = text()
    page.render("# A\n## B\n## B\n## B")
    assert [heading.anchor for heading in page.headings] == ["a", "b", "b-1", "b-2"]


def stored(output: dict, **metadata) -> dict:
    cell = {"cell_type": "code", "source": ["f()"], "metadata": {}, "outputs": [output]}
    return {"cells": [cell], "metadata": metadata}


def shown(output: dict, **metadata) -> str:
    (cell,) = notebook.cells(stored(output, **metadata), text())
    return "".join(cell.outputs)


def test_a_widget_is_shown_as_its_stored_figure():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "W()"}
    output = {"output_type": "execute_result", "data": view}
    assert shown({**output, "data": {**view, "text/html": "<b>figure</b>"}}) == "<b>figure</b>"
    state = {"a": {"model_name": "VBoxModel", "state": {"children": ["IPY_MODEL_b"]}},
             "b": {"model_name": "HTMLModel", "state": {"value": "<b>state</b>"}}}  # fmt: skip
    kind = "application/vnd.jupyter.widget-state+json"
    assert shown(output, widgets={kind: {"state": state}}) == "<b>state</b>"
    with pytest.raises(InputError, match="cell 1 shows a widget and has stored no static figure"):
        shown(output)


def test_outputs_of_every_kind():
    assert shown({"output_type": "stream", "text": ["a<b\n"]}) == "<pre>a&lt;b</pre>"
    plain = {"output_type": "execute_result", "data": {"text/plain": ["a<b"]}}
    assert shown(plain) == "<pre>a&lt;b</pre>"
    image = {"output_type": "display_data", "data": {"image/png": "AA\nAA\n"}}
    assert 'src="data:image/png;base64,AAAA"' in shown(image)
    with pytest.raises(InputError, match="has stored an error, ValueError"):
        shown({"output_type": "error", "ename": "ValueError"})
    with pytest.raises(InputError, match="no page can show: video/mp4"):
        shown({"output_type": "display_data", "data": {"video/mp4": "A"}})


def test_a_style_sheet_stands_once_on_a_page():
    html = '<style>a{}</style><p>x</p><img class="mpclab-still" src="data:,">'
    output = {"output_type": "display_data", "data": {"text/html": html}}
    both = stored(output)
    both["cells"][0]["outputs"] = [output, output]
    (cell,) = notebook.cells(both, text())
    assert cell.outputs == ("<style>a{}</style><p>x</p>", "<p>x</p>")


def test_examples_in_a_docstring_are_code():
    assert "```pycon\n>>> 1\n1\n```" in doctests_fenced("Text.\n\n>>> 1\n1\n\nMore.")


def test_the_reference_tells_what_the_source_says(site):
    lab = (site / "reference" / "mpclab.lab.html").read_text(encoding="utf-8")
    assert '<section class="item" id="Lab">' in lab
    assert 'id="Lab.predict"' in lab
    assert '<p class="section">Parameters</p>' in lab
    assert "How many servers, at least 2." in lab
    assert "_require_ready" not in lab
    package = (site / "reference" / "mpclab.html").read_text(encoding="utf-8")
    assert 'href="mpclab.lab.html#Lab"' in package
    assert modules(ROOT)[0].path == "mpclab"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear reader")
    with pytest.raises(InputError, match="holds something else than a site"):
        build(tmp_path)
    assert (tmp_path / "letter.txt").exists()


def test_a_tree_without_notebooks_is_told(tmp_path):
    with pytest.raises(InputError, match="there is no notebook"):
        build(tmp_path / "site", tmp_path)
