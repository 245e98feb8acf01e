"""What pages there are, in which order, in one template; `build` writes them all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from docs.site import notebook
from docs.site.markdown import Heading, Links, Text, plain, relative
from docs.site.reference import Reference, modules, summary
from docs.student import FOLDER as STUDENTS, student, versions
from mpclab import style
from mpclab.errors import InputError

__all__ = ["ROOT", "Page", "build"]

ROOT = Path(__file__).resolve().parents[2]

_HERE = Path(__file__).parent
# The documents, in the order in which they are read.
_FIRST = ("design", "security", "programs")


@dataclass
class Page:
    """A page: where it lies, what it is called, its headings, and what its template needs."""

    address: str
    title: str
    part: str
    about: str = ""
    number: str = ""
    headings: list[Heading] = field(default_factory=list)
    template: str = "text.html"
    content: dict[str, Any] = field(default_factory=dict)


class Site:
    """All pages of a source tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.links = Links(lambda path: (root / path).is_file())
        self.notebooks = sorted((root / "notebooks").glob("*.ipynb"))
        if not self.notebooks:
            raise InputError(f"there is no notebook in {root / 'notebooks'}")
        known = [root / "docs" / f"{name}.md" for name in _FIRST]
        others = sorted(set((root / "docs").glob("*.md")) - set(known))
        self.documents = [*known, *others, root / "README.md"]
        self._announce()
        self.reference = Reference(modules(root), self.links)

    def _announce(self) -> None:
        """Tell the links what there will be, before any page is written."""
        for path in (*self.notebooks, *self.documents):
            source = path.relative_to(self.root).as_posix()
            self.links.files[source] = self._address(path)
        for path in self.notebooks:
            if path.stem[:2].isdigit():
                self.links.names[f"chapter {path.stem[:2]}"] = self._address(path)
        specification = (self.root / "docs" / "design.md").read_text(encoding="utf-8")
        for step in re.findall(r"^\*\*(\d\.\d) ", specification, re.M):
            self.links.names[f"step {step}"] = f"docs/design.html#{step}"

    def _address(self, path: Path) -> str:
        return path.relative_to(self.root).with_suffix(".html").as_posix()

    def pages(self) -> list[Page]:
        """Every page but the index."""
        course = [self._chapter(path) for path in self.notebooks]
        documents = [self._document(path) for path in self.documents]
        return [*course, *documents, self._modules(), *map(self._module, self.reference.modules)]

    def _chapter(self, path: Path) -> Page:
        address, source = self._address(path), path.relative_to(self.root).as_posix()
        stored = notebook.read(path)
        text = Text(address, source, self.links, html=True)
        cells = notebook.cells(stored, text)
        about = Text(address, source, self.links).render(notebook.question(stored))
        versions = [path.name] + ([f"{STUDENTS}/{path.name}"] if student(stored) else [])
        return Page(
            address,
            re.sub(r"^\d+\W+", "", _title(text, source)),
            "course",
            re.sub(r"</?a\b[^>]*>", "", _inline(about)),  # it stands on the index, too
            path.stem[:2] if path.stem[:2].isdigit() else "",
            text.headings,
            "notebook.html",
            {"cells": cells, "versions": versions},
        )

    def _document(self, path: Path) -> Page:
        address, source = self._address(path), path.relative_to(self.root).as_posix()
        text = Text(address, source, self.links)
        html = text.render(path.read_text(encoding="utf-8"))
        first = re.search(r"<p>(.*?)</p>", html, re.S)
        about = plain(first[1]) if first else ""
        title = "The project" if path.name == "README.md" else _title(text, source)
        return Page(
            address, title, "specification", about, "", text.headings, content={"html": html}
        )

    def _modules(self) -> Page:
        address = "reference/index.html"
        text = Text(address, "mpclab/__init__.py", self.links)
        rows = [
            {
                "name": module.path,
                "address": Reference.page(module),
                "depth": module.path.count("."),
                "about": _inline(text.render(summary(module))),
            }
            for module in self.reference.modules
        ]
        about = f"{len(rows)} modules, from their docstrings."
        content = {"rows": rows}
        return Page(address, "API reference", "reference", about, "", [], "modules.html", content)

    def _module(self, module: Any) -> Page:
        _, (own, *items) = self.reference.items(module)
        exported = [
            (name, self.links.names[path])
            for name, path in Reference.exported(module)
            if self.links.names.get(path)
        ]
        headings = [Heading(2, item.anchor, f"<code>{item.name}</code>") for item in items]
        return Page(
            Reference.page(module), module.path, "reference", plain(summary(module)), "", headings,
            "module.html", {"own": own, "items": items, "exported": exported},
        )  # fmt: skip


def _title(text: Text, source: str) -> str:
    first = next((heading for heading in text.headings if heading.level == 1), None)
    if first is None:
        raise InputError(f"{source} has no heading of the first level, so its page has no title")
    return plain(first.html)


def _inline(html: str) -> str:
    """One paragraph without its marks, to stand in a line."""
    found = re.match(r"<p(?: [^>]*)?>(.*?)</p>", html.strip(), re.S)
    return found[1] if found else html


def _variables() -> str:
    """The colours of the figures, for the style sheet."""

    def of(theme: str) -> str:
        colors = style.theme_colors(theme) | {"accent": style.server_color(0, theme)}
        colors |= {"warm": style.server_color(1, theme), "green": style.server_color(2, theme)}
        return "".join(f"--{name}:{color};" for name, color in colors.items())

    return (
        f":root{{color-scheme:light dark;{of('light')}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{of('dark')}}}}}\n"
    )


def build(folder: Path, root: Path = ROOT) -> list[Page]:
    """Write the site of a source tree into a folder, which is emptied before.

    Raises
    ------
    InputError
        If something cannot be shown, with the file that it is in; or if the folder holds anything
        else than a site.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "style.css").exists():
        raise InputError(f"{folder} holds something else than a site: name another folder")
    site = Site(root)
    pages = site.pages()
    index = Page("index.html", "mpclab", "", template="index.html", content={"pages": pages})
    shutil.rmtree(folder, ignore_errors=True)
    _write(folder, [index, *pages])
    (folder / "style.css").write_text(
        _variables() + (_HERE / "style.css").read_text(encoding="utf-8"), encoding="utf-8"
    )
    shutil.copytree(_HERE / "fonts", folder / "fonts")
    for linked in sorted(site.links.copied):
        _copy(root / linked, folder / linked)
    for path in site.notebooks:
        _copy(path, folder / path.relative_to(root))
    (folder / "notebooks" / STUDENTS).mkdir()
    for name, version in versions(root / "notebooks").items():
        (folder / "notebooks" / STUDENTS / name).write_text(version, encoding="utf-8")
    return [index, *pages]


def _write(folder: Path, pages: list[Page]) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for page in pages:
        file = folder / page.address
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            environment.get_template(page.template).render(
                page=page,
                plain=plain,
                to=lambda target, here=page.address: relative(target, here),
                before=_beside(page, pages, -1),
                after=_beside(page, pages, 1),
                chapters=[other for other in pages if other.part == page.part == "course"],
                **page.content,
            ),
            encoding="utf-8",
        )


def _beside(page: Page, pages: Iterable[Page], step: int) -> Page | None:
    """The page before or after, within the same part."""
    part = [other for other in pages if other.part == page.part]
    place = part.index(page) + step
    return part[place] if page.part and 0 <= place < len(part) else None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
