"""The API reference: the public package as its source and docstrings tell it.

griffe reads the source without importing it, so that a page says what was written (`str | None`),
and nothing is run. Public is what `__all__` names, or else what has no underscore.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import griffe

from docs.site.markdown import Links, Text, code, doctests_fenced

__all__ = ["Item", "Reference", "modules", "steps_listed", "summary"]

# Its remarks on docstrings are no errors of the pages.
logging.getLogger("griffe").setLevel(logging.ERROR)

_LINE = 88


@dataclass
class Item:
    """Something that is documented: a heading, a signature, and what its docstring says."""

    name: str
    anchor: str
    kind: str
    html: str
    signature: str = ""
    items: list[Item] = field(default_factory=list)


def modules(root: Path, package: str = "mpclab") -> list[griffe.Module]:
    """The public modules of a package, the package first, each before what is in it.

    >>> [module.path for module in modules(Path("."))][:2]
    ['mpclab', 'mpclab.adversary']
    """
    top = griffe.load(
        package, search_paths=[root], docstring_parser="numpy", allow_inspection=False
    )

    def walk(module: griffe.Module) -> Iterator[griffe.Module]:
        yield module
        for name in sorted(module.modules):
            inner = module.members[name]
            if not name.startswith("_") and isinstance(inner, griffe.Module):
                yield from walk(inner)

    assert isinstance(top, griffe.Module)
    return list(walk(top))


def summary(thing: Any) -> str:
    """The first sentence or line of a docstring, as Markdown."""
    text = thing.docstring.value if thing.docstring else ""
    return " ".join(text.split("\n\n")[0].split())


def _public(thing: griffe.Module | griffe.Class) -> Iterator[Any]:
    """Public members that are defined here, as they stand in the source."""
    for member in thing.members.values():
        if member.is_alias or member.is_module or not member.is_public:
            continue
        if member.name.startswith("_") or (member.is_attribute and not member.docstring):
            continue
        yield member


class Reference:
    """Pages of modules, and where everything on them is found.

    Parameters
    ----------
    found : list
        The modules, from `modules`.
    links : Links
        Receives the addresses of everything.
    """

    def __init__(self, found: list[griffe.Module], links: Links) -> None:
        self.modules, self.links = found, links
        for module in found:
            page = self.page(module)
            links.names[module.path] = page
            links.files[_file(module)] = page
            for member in _public(module):
                links.names[member.path] = f"{page}#{member.name}"
                if member.is_class:
                    for inner in _public(member):
                        links.names[inner.path] = f"{page}#{member.name}.{inner.name}"
        for name, path in self.exported(found[0]):
            links.names.setdefault(f"{found[0].path}.{name}", links.names.get(path, ""))

    @staticmethod
    def page(module: griffe.Module) -> str:
        """The address of a module's page."""
        return f"reference/{module.path}.html"

    @staticmethod
    def exported(module: griffe.Module) -> list[tuple[str, str]]:
        """What a package names in `__all__` and takes from elsewhere: names and their paths."""
        names = [str(name) for name in module.exports or []]
        members = [(name, module.members[name]) for name in names if name in module.members]
        return [(name, m.target_path) for name, m in members if isinstance(m, griffe.Alias)]

    def items(self, module: griffe.Module) -> tuple[Text, list[Item]]:
        """The items of a module's page; the first is the module itself."""
        near = {name: self.links.names.get(path, "") for name, path in self.exported(module)}
        near |= {m.name: self.links.names[m.path] for m in _public(module)}
        text = Text(self.page(module), _file(module), self.links, near=near)
        own = Item(module.path, "", "module", _docstring(module, text))
        return text, [own, *(_item(member, text) for member in _public(module))]


def _file(module: griffe.Module) -> str:
    parts = module.path.split(".")
    return "/".join(parts) + ("/__init__.py" if module.is_init_module else ".py")


def _item(thing: Any, text: Text, owner: str = "") -> Item:
    anchor = f"{owner}.{thing.name}" if owner else thing.name
    inner = [_item(member, text, thing.name) for member in _public(thing)] if thing.is_class else []
    return Item(
        thing.name,
        anchor,
        _kind(thing, text),
        _docstring(thing, text),
        _signature(thing),
        inner,
    )


def _kind(thing: Any, text: Text) -> str:
    for label in ("property", "cached", "classmethod", "staticmethod"):
        if label in thing.labels:
            return label.replace("cached", "property")
    if thing.is_function:
        prefix = "async " if "async" in thing.labels else ""
        return prefix + ("method" if thing.parent.is_class else "function")
    if not thing.is_class:
        return "attribute"
    bases = [text.code(str(base)) for base in thing.bases if text.known(str(base))]
    return "class" + (f", a {' and '.join(bases)}" if bases else "")


def _signature(thing: Any) -> str:
    """A signature in colours; over several lines where it is long."""
    if thing.is_attribute:
        written = thing.name + (f": {thing.annotation}" if thing.annotation else "")
        value = str(thing.value) if thing.value is not None else ""
        short = value and len(written) + len(value) < _LINE and "\n" not in value
        return code(written + (f" = {value}" if short and thing.parent.is_module else ""))
    parameters = [p for p in thing.parameters if p.name not in ("self", "cls")]
    returns = f" -> {thing.returns}" if thing.is_function and thing.returns else ""
    prefix = "class " if thing.is_class else "async def " if "async" in thing.labels else "def "
    written = _parameters(parameters)
    line = f"{prefix}{thing.name}({', '.join(written)}){returns}"
    if len(line) > _LINE:
        inner = "".join(f"    {parameter},\n" for parameter in written)
        line = f"{prefix}{thing.name}(\n{inner}){returns}"
    return code(line.removesuffix("()") if thing.is_class else line)


def _parameters(parameters: list[Any]) -> list[str]:
    written: list[str] = []
    kinds = griffe.ParameterKind
    for number, p in enumerate(parameters):
        before = parameters[number - 1].kind if number else None
        if before is kinds.positional_only and p.kind is not before:
            written.append("/")
        if p.kind is kinds.keyword_only and before not in (p.kind, kinds.var_positional):
            written.append("*")
        stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}.get(p.kind, "")
        annotation = f": {p.annotation}" if p.annotation is not None else ""
        equals = " = " if annotation else "="
        default = f"{equals}{p.default}" if p.default is not None and not stars else ""
        written.append(f"{stars}{p.name}{annotation}{default}")
    return written


# -- docstrings ------------------------------------------------------------------------------------


def _docstring(thing: Any, text: Text) -> str:
    if not thing.docstring:
        return ""
    return "".join(_section(section, text) for section in thing.docstring.parsed)


def _section(section: Any, text: Text) -> str:
    kind = section.kind.value
    if kind == "text":
        return _prose(section.value, text)
    title = f'<p class="section">{section.title or kind.capitalize()}</p>'
    if kind == "examples":
        parts = [code(v, "pycon") if k.value == "examples" else _prose(v, text)
                 for k, v in section.value]  # fmt: skip
        return title + "".join(parts)
    if kind in ("admonition", "deprecated"):
        return title + _prose(section.value.description, text)
    entries = "".join(_entry(entry, text) for entry in section.value)
    return f"{title}<dl>{entries}</dl>"


def _entry(entry: Any, text: Text) -> str:
    name, annotation = getattr(entry, "name", ""), str(entry.annotation or "")
    words = [f"<code>{name}</code>" if name else "", text.code(annotation) if annotation else ""]
    term = ": ".join(word for word in words if word)
    return f"<dt>{term}</dt><dd>{_prose(entry.description, text)}</dd>"


def _prose(markdown: str, text: Text) -> str:
    # Docstrings have no formulas: a dollar is a dollar.
    source = doctests_fenced(steps_listed(markdown))
    return text.render(
        re.sub(r"(```.*?```|`[^`]*`)|\$", lambda m: m[1] or r"\$", source, flags=re.S)
    )


def steps_listed(text: str) -> str:
    r"""A docstring with the steps of its protocol as a list.

    >>> print(steps_listed("Open\n    C1  draw one\n        seed;\n    C2  reveal.\n    Done."))
    Open
    <BLANKLINE>
    - **C1** draw one
      seed;
    - **C2** reveal.
    <BLANKLINE>
    Done.
    """
    listed: list[str] = []
    indent = -1  # of the list that a line belongs to
    for line in text.splitlines():
        step = re.match(r"( +)([A-Z]\d+[a-z]?|\d+[a-z]?\.) +(\S.*)", line)
        level = len(line) - len(line.lstrip())
        if step:
            listed += [""] if indent < 0 else []
            said = re.sub(" {3,}", " · ", step[3])  # columns
            listed.append(f"- **{step[2]}** {said}")
            indent = level
        elif line.strip() and level > indent >= 0:
            listed.append(f"  {line.strip()}")
        else:
            listed += ["", line.strip()] if indent >= 0 else [line]
            indent = -1
    return "\n".join(listed)
