r"""Formulas, rendered ahead: LaTeX as MathML, which browsers show without any script.

>>> to_mathml(r"x_i")
'<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><msub><mi>x</mi><mi>i</mi></msub></mrow></math>'
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

from latex2mathml.converter import convert

from mpclab.errors import InputError

__all__ = ["to_mathml"]

# What the converter does not know, in words that it knows.
_SAME = {
    r"\begin{aligned}": r"\begin{split}",
    r"\end{aligned}": r"\end{split}",
    r"\begin{align}": r"\begin{split}",
    r"\end{align}": r"\end{split}",
}
# Names of functions and brackets are set as what they are, not as relations.
_NAMES = {"Pr", "sign", "max", "min", "log", "ln"}
_BRACKETS = {"⟨": "prefix", "⟩": "postfix", "⌈": "prefix", "⌉": "postfix", "⌊": "prefix",
             "⌋": "postfix"}  # fmt: skip
# Formulas of more characters than this may be broken at their equals signs.
_LONG = 20
_BRACES = {"⏟": "below", "⏞": "above"}
_MATHML = "http://www.w3.org/1998/Math/MathML"


def to_mathml(tex: str, block: bool = False) -> str:
    r"""A formula as MathML.

    Raises
    ------
    InputError
        If the formula has something that would not be shown as meant.

    Examples
    --------
    >>> 'display="block"' in to_mathml(r"\sum_i x_i = x", block=True)
    True
    >>> to_mathml(r"\undefined x")
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: the formula '\\undefined x' cannot be rendered: \undefined is unknown
    """
    source = tex.strip()
    for theirs, known in _SAME.items():
        source = source.replace(theirs, known)
    plain = re.sub(r"\\[\\{}]", "", source)
    if plain.count("{") != plain.count("}"):
        raise _cannot(tex, "its braces do not match")
    try:
        root = ElementTree.fromstring(convert(source, display="block" if block else "inline"))
    except Exception as failure:  # the converter's own, or no XML because of a stray &
        raise _cannot(tex, f"{type(failure).__name__}: {failure}") from failure
    for element in root.iter():
        _mend(element, tex)
    ElementTree.register_namespace("", _MATHML)
    if block:
        return ElementTree.tostring(root, encoding="unicode")
    del root.attrib["display"]
    return "<wbr>".join(ElementTree.tostring(part, encoding="unicode") for part in _parts(root))


def _parts(root: ElementTree.Element) -> list[ElementTree.Element]:
    """A formula within a line, taken apart behind its equals signs: browsers break no MathML."""
    (row,) = root
    signs = [n for n, e in enumerate(row) if e.tag.endswith("}mo") and e.text == "="]
    if len("".join(root.itertext())) < _LONG or not signs:
        return [root]
    parts = []
    for first, last in itertools.pairwise([-1, *signs, len(row) - 1]):
        part = ElementTree.Element(root.tag)
        ElementTree.SubElement(part, row.tag).extend(row[first + 1 : last + 1])
        parts.append(part)
    for sign in signs:
        row[sign].set("form", "infix")  # it stands last now, and keeps its space
    return parts


def _mend(element: ElementTree.Element, tex: str) -> None:
    text, tag = element.text or "", element.tag.rpartition("}")[2]
    if tag != "mtext" and "\\" in text:
        raise _cannot(tex, f"{text.strip()} is unknown")
    if "linebreak" in element.attrib:
        raise _cannot(tex, r"a line ends with \\ outside of cases, aligned or a matrix")
    if tag == "mo" and text in _NAMES:
        element.tag, element.attrib = f"{{{_MATHML}}}mi", {}
    elif tag == "mo" and text == "/":
        element.attrib.update(lspace="0", rspace="0")
    elif tag == "mi" and text in _BRACKETS:
        element.tag = f"{{{_MATHML}}}mo"
        element.attrib = {"form": _BRACKETS[text], "stretchy": "false"}
    elif tag in ("munder", "mover") and len(element) == 2 and element[1].text in _BRACES:
        # Browsers draw wide braces in a wrong place; the style sheet draws a bracket.
        element.tag = f"{{{_MATHML}}}mrow"
        element.set("class", _BRACES[element[1].text or ""])
        element.remove(element[1])
    elif tag == "mtd" and "columnalign" in element.attrib:
        # MathML Core leaves this to the style sheet.
        element.set("class", element.attrib.pop("columnalign"))


def _cannot(tex: str, why: str) -> InputError:
    return InputError(f"the formula {tex.strip()!r} cannot be rendered: {why}")
