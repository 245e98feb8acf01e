"""The scripts in examples/ run, and print what they say."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PRINTED = {
    "millionaires.py": "Alice is richer.",
    "vote.py": "Votes: [3 1 1]",
    "inner_product.py": "The patient's score: 4.5",
}


def test_every_example_is_tested():
    assert {p.name for p in EXAMPLES.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_example(name, capsys):
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert PRINTED[name] in capsys.readouterr().out


@pytest.mark.parametrize("name", PRINTED)
def test_the_core_is_under_ten_lines(name):
    """Ten lines from the first import to the end, comments and blank lines not counted."""
    lines = (EXAMPLES / name).read_text().split('"""')[2].splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 10
