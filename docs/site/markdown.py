"""Markdown as HTML: formulas as MathML, code in colours, links that stay within the site.

nbconvert's parser is used, so that a notebook's text means here what it means in Jupyter. Notebooks
may hold HTML; in documents and docstrings `<x>` is a shared secret, and is shown as it is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from docs.site.mathematics import to_mathml
from mpclab.errors import InputError

__all__ = ["Heading", "Links", "Text", "code", "doctests_fenced", "plain", "relative", "slug"]

_STEP = re.compile(r"<strong>(\d\.\d) (.*?)</strong>")
# A formula with the marks that belong to it, which begin no line.
_CLOSED = re.compile(r"(\(?<math(?: [^>]*)?>(?:(?!</math>).)*</math>[,.;:!?)]+)")
# What is mentioned in passing, and gets a link: documents, steps of the specification, chapters.
_MENTIONED = re.compile(
    r"(?P<file>docs/\w+\.md)(?:, (?P<step>\d\.\d))?|DESIGN,? (?P<design>\d\.\d)"
    r"|[Cc]hapter (?P<chapter>\d\d)"
)


@dataclass(frozen=True)
class Heading:
    """A heading of a page: its level, its anchor and what it says, as HTML."""

    level: int
    anchor: str
    html: str


@dataclass
class Links:
    """Where files and names of the project are found on the site.

    `files` and `names` lead from a path in the source tree, such as docs/design.md, and from a
    name, such as mpclab.lab.Lab, to an address on the site; `copied` collects files that are linked
    to and have no page.
    """

    exists: Callable[[str], bool]
    files: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)

    def file(self, path: str) -> str:
        """The address of a file of the project.

        Raises
        ------
        InputError
            If there is no such file.
        """
        if path in self.files:
            return self.files[path]
        if not self.exists(path):
            raise InputError(f"a link leads to {path}, and there is no such file")
        self.copied.add(path)
        return path

    def in_words(self, words: str) -> str | None:
        """The address of what a piece of code names, if it names a page or something on one."""
        if words in self.files:
            return self.files[words]
        return self.names.get(re.sub(r"\(.*\)$", "", words))


def relative(target: str, page: str) -> str:
    """An address on the site, as seen from a page.

    >>> relative("docs/design.html#3", "notebooks/01.html"), relative("a.html", "index.html")
    ('../docs/design.html#3', 'a.html')
    """
    path, hash_, anchor = target.partition("#")
    return os.path.relpath(path, PurePosixPath(page).parent) + hash_ + anchor


def slug(text: str) -> str:
    """The anchor of a heading, as GitHub makes it.

    >>> slug("3. What do $d$ and `e` tell?")
    '3-what-do-d-and-e-tell'
    """
    return re.sub(r"[^\w\- ]", "", plain(text).lower()).replace(" ", "-")


def plain(html: str) -> str:
    """The text of a line of Markdown or HTML, without its marks.

    >>> plain("<b>What</b> do $d$ and `e` tell?")
    'What do d and e tell?'
    """
    return unescape(re.sub(r"<[^>]*>|[$`*]", "", html)).strip()


def code(source: str, language: str = "python") -> str:
    """A block of code in colours.

    >>> code("x = 1")[:32]
    '<pre class="code" tabindex="0"><'
    """
    lexer = get_lexer_by_name(language, stripnl=False)
    inner = highlight(source.strip("\n"), lexer, HtmlFormatter(nowrap=True)).rstrip("\n")
    return f'<pre class="code" tabindex="0"><code>{inner}</code></pre>'


def doctests_fenced(text: str) -> str:
    r"""A docstring with its examples between fences, so that `>>>` is no quotation.

    >>> doctests_fenced("Adds.\n\n>>> 1 + 1\n2\n\nNo more.").splitlines()
    ['Adds.', '', '```pycon', '>>> 1 + 1', '2', '```', '', 'No more.']
    """
    return re.sub(
        r"^( *)>>> .*(?:\n *\S.*)*",
        lambda m: f"{m[1]}```pycon\n{m[0]}\n{m[1]}```",
        text,
        flags=re.M,
    )


class Text:
    """The Markdown of one page; collects its headings.

    Parameters
    ----------
    page : str
        The address of the page on the site.
    source : str
        The path of its source, which relative links start from.
    links : Links
        What there is to link to.
    html : bool
        Whether the text may hold HTML.
    near : dict
        Names that are known on this page alone, and where they lead.
    """

    def __init__(
        self,
        page: str,
        source: str,
        links: Links,
        html: bool = False,
        near: dict[str, str] | None = None,
    ) -> None:
        self.page, self.source, self.links, self.near = page, source, links, near or {}
        self.html = html
        self.headings: list[Heading] = []
        self._markdown = MarkdownWithMath(_Renderer(self, html))

    def render(self, markdown: str) -> str:
        r"""A piece of the page as HTML.

        >>> links = Links(lambda path: False, {"docs/design.md": "docs/design.html"})
        >>> page = Text("notebooks/01.html", "notebooks/01.ipynb", links)
        >>> page.render("## Why\n\nSee `docs/design.md` and $x$.")[:40]
        '<h2 id="why">Why</h2>\n<p>See <a href="..'
        """
        try:
            html = self._markdown.render(markdown if self.html else _literal(markdown))
            return _CLOSED.sub(r'<span class="whole">\1</span>', html)
        except InputError as error:
            raise InputError(f"{self.source}: {error}") from error

    def anchor(self, text: str) -> str:
        """An anchor that no other heading of this page has."""
        taken = {heading.anchor for heading in self.headings}
        base = slug(text) or "section"
        later = (f"{base}-{number}" for number in range(1, len(taken) + 2))
        return base if base not in taken else next(name for name in later if name not in taken)

    def address(self, url: str) -> str:
        """A link of the source, as it must be on the page."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or not parts.path:
            return url
        folder = PurePosixPath(self.source).parent
        path = os.path.normpath(folder / unquote(parts.path))
        anchor = f"#{parts.fragment}" if parts.fragment else ""
        return relative(self.links.file(path), self.page) + anchor

    def mentions(self, text: str) -> str:
        """A line of HTML, with links to what it mentions."""

        def linked(found: re.Match[str]) -> str:
            step = found["step"] or found["design"]
            address = (
                self.links.names.get(f"step {step}")
                or self.links.names.get(f"chapter {found['chapter']}")
                or self.links.files.get(found["file"] or "")
            )
            if not address or address == self.page:
                return found[0]
            return f'<a href="{relative(address, self.page)}">{found[0]}</a>'

        return _MENTIONED.sub(linked, text)

    def known(self, words: str) -> str | None:
        """The address of what a piece of code names."""
        return self.near.get(re.sub(r"\(.*\)$", "", words)) or self.links.in_words(words)

    def code(self, words: str) -> str:
        """A piece of code, with a link if it names something on the site."""
        written = f"<code>{escape(words, quote=False)}</code>"
        found = self.known(words)
        if not found or found == self.page:
            return written
        return f'<a href="{relative(found, self.page)}">{written}</a>'


def _literal(markdown: str) -> str:
    """Text in which powers, products and indices, such as (tu)_i, begin no emphasis."""
    marks = r"((?<=\w)\*+(?=\w)|(?<!\w)_(?=\w)|(?<=\w)_(?!\w))"
    parts = re.split(r"(```.*?```|`[^`]*`)", markdown, flags=re.S)
    return "".join(
        part
        if part.startswith("`")
        else re.sub(marks, lambda m: "".join(f"\\{c}" for c in m[0]), part)
        for part in parts
    )


class _Renderer(HTMLRenderer):
    """Writes what the parser found."""

    def __init__(self, page: Text, html: bool) -> None:
        super().__init__(escape=not html)
        self.page = page

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        anchor = self.page.anchor(text)
        said = re.sub(r"</?a\b[^>]*>", "", text)
        self.page.headings.append(Heading(level, anchor, said))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def paragraph(self, text: str) -> str:
        if text.startswith("<math") and text.endswith("</math>") and text.count("<math") == 1:
            return f'<div class="formula" tabindex="0">{text}</div>\n'
        step = _STEP.match(text)  # the specification numbers its paragraphs
        if not step:
            return f"<p>{text}</p>\n"
        self.page.headings.append(Heading(3, step[1], f"{step[1]} {step[2].rstrip('.')}"))
        return f'<p id="{step[1]}">{text}</p>\n'

    def text(self, text: str) -> str:
        return self.page.mentions(escape(text, quote=False))

    def codespan(self, text: str) -> str:
        return self.page.code(text)

    def block_code(self, code_: str, info: str | None = None) -> str:
        try:
            return code(code_, (info or "text").split()[0])
        except ClassNotFound:
            return code(code_, "text")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        inner = re.sub(r"</?a\b[^>]*>", "", text)  # a name within a link is part of that link
        return super().link(inner, self.page.address(url), title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return super().image(text, self.page.address(url), title)

    def table(self, text: str) -> str:
        return f'<div class="wide" tabindex="0"><table>\n{text}</table></div>\n'

    def inline_math(self, body: str) -> str:
        return to_mathml(body)

    def block_math(self, body: str) -> str:
        return to_mathml(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return to_mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", block=True)
