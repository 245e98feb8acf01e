"""The chapters quote the steps that the source has, under the same numbers, and no others."""

import json
import re
from pathlib import Path

import pytest

from mpclab import sharing
from mpclab.preprocessing import dealer
from mpclab.protocols import checks, clients, multiply
from mpclab.protocols.comparison import bits, fss, tables
from mpclab.recommender import protocol, release

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STEP = re.compile(r"^- \*\*([A-Z]\d[a-z]?|\d\.)\*\*", re.MULTILINE)

SOURCES = {
    "01_secret_sharing.ipynb": [sharing],
    "02_authenticated_shares.ipynb": [checks],
    "03_multiplying.ipynb": [multiply],
    "04_preprocessing.ipynb": [dealer],
    "05_clients.ipynb": [clients],
    "06_secure_comparison.ipynb": [tables, bits, fss],
    "07_private_recommendations.ipynb": [protocol, release],
}


def quoted(name):
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return STEP.findall(text)


@pytest.mark.parametrize("name", SOURCES)
def test_the_steps_of_a_chapter_are_those_of_the_source(name):
    steps = quoted(name)
    assert len(steps) == len(set(steps)), "a step is told twice"
    text = "\n".join(Path(module.__file__).read_text(encoding="utf-8") for module in SOURCES[name])
    specified = set(re.findall(r"^ +([A-Z]\d[a-z]?|\d\.) ", text, re.MULTILINE))
    commented = set(re.findall(r"# ([A-Z]\d[a-z]?|\d\.)(?= |$)", text, re.MULTILINE))
    commented |= set(re.findall(r'"""([A-Z]\d[a-z]?)[ :]', text))
    assert set(steps) == specified, "the chapter and the docstrings number other steps"
    assert set(steps) <= commented, f"no comment marks {set(steps) - commented}"
