"""The pages of `make site` in a browser without a network, wide and narrow, light and dark."""

import sys
from pathlib import Path

import pytest

from docs.site.pages import build

# The helpers stand in the conftest.py beside this file.
HELPERS = next(
    module
    for module in list(sys.modules.values())
    if getattr(module, "__file__", None) == str(Path(__file__).with_name("conftest.py"))
)

# Beside every chapter.
PAGES = (
    "index.html",
    "README.html",
    "docs/design.html",
    "docs/programs.html",
    "docs/security.html",
    "reference/index.html",
    "reference/mpclab.lab.html",
    "reference/mpclab.protocols.checks.html",
)
LOOKS = {
    "wide": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
# What reaches beyond the window and cannot be moved into it, formulas first among the suspects.
BEYOND = """
() => {
  const moves = (e) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(p).overflowX)) return true;
    return false;
  };
  return [...document.querySelectorAll("main *, header *, footer *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !moves(e))
    .map((e) => `${e.tagName}: ${e.textContent.trim().slice(0, 60)}`);
}
"""
PICTURES = """
() => [...document.querySelectorAll(".output svg, .output img")]
        .filter((e) => !e.closest("details:not([open])"))
        .filter((e) => e.getBoundingClientRect().width < 100 || (e.complete === false))
        .map((e) => e.outerHTML.slice(0, 80))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    build(folder)
    return folder


@pytest.fixture(params=LOOKS)
def page(request, browser, site):
    """Return a page without a network; afterwards check that it asked for nothing but files."""
    context = browser.new_context(**LOOKS[request.param], offline=True)
    opened = context.new_page()
    outside, wrong = [], []
    context.on("request", lambda r: r.url.startswith(("file:", "data:")) or outside.append(r.url))
    context.on("requestfailed", lambda r: wrong.append(f"not loaded: {r.url}"))
    opened.on("console", lambda message: wrong.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    opened.look = request.param
    yield opened
    context.close()
    assert not outside, f"asked for from elsewhere: {outside}"
    assert not wrong, "\n".join(wrong)


def test_pages_show_everything_without_a_network(page, site):
    chapters = [f"notebooks/{path.name}" for path in sorted(site.glob("notebooks/*.html"))]
    assert chapters
    HELPERS.SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name in (*PAGES, *chapters):
        page.goto((site / name).as_uri())
        assert page.evaluate("() => document.fonts.ready.then(() => document.fonts.size)") == 1
        assert page.evaluate(BEYOND) == [], name
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(PICTURES) == [], name
        shot = f"site-{page.look}-{name.replace('/', '-').removesuffix('.html')}.png"
        page.screenshot(path=HELPERS.SCREENSHOTS / shot)


def test_formulas_are_set_in_their_font(page, site):
    page.goto((site / "notebooks" / "03_multiplying.html").as_uri())
    assert page.locator("math").count() > 50
    page.evaluate("() => document.fonts.ready")
    loaded = "() => [...document.fonts].map((font) => `${font.family} ${font.status}`)"
    assert page.evaluate(loaded) == ["mpclab Math loaded"]
    # A subscript is below its base and smaller: the browser takes it for mathematics.
    sizes = page.locator("msub").first.evaluate(
        "(e) => [...e.children].map((c) => [c.getBoundingClientRect().bottom,"
        " parseFloat(getComputedStyle(c).fontSize)])"
    )
    assert sizes[1][0] > sizes[0][0]
    assert sizes[1][1] < sizes[0][1]


def test_one_gets_around_with_links_and_the_keyboard(page, site):
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "To the text"
    page.get_by_role("link", name="Secret sharing", exact=True).first.click()
    assert page.url.endswith("notebooks/01_secret_sharing.html")
    page.get_by_role("navigation", name="Before and after").get_by_text("Authenticated").click()
    assert page.locator("h1").inner_text() == "Authenticated shares"
    solution = page.locator("details.solution").first
    assert not solution.locator("pre").is_visible()
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    assert solution.locator("pre").is_visible()
    page.get_by_role("link", name="Reference").first.click()
    page.get_by_role("link", name="mpclab.sharing", exact=True).click()
    assert page.locator("h1").inner_text() == "mpclab.sharing"
