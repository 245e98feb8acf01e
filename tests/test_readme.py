"""The README's commands and programs do what it says."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from mpclab import cli

README = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(".venv/bin/mpclab")
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.split("\n")[0])
def test_program(program, capsys):
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, monkeypatch, capsys, tmp_path):
    ratings = tmp_path / "ratings.csv"
    rows = [f"{user},{item},{3 + (user * item) % 5 / 2}" for user in range(9) for item in range(40)]
    ratings.write_text("userId,movieId,rating\n" + "\n".join(rows))
    words = shlex.split(command.replace("path/to/ratings.csv", str(ratings)))
    monkeypatch.setattr(sys, "argv", ["mpclab", *words[1:]])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0, capsys.readouterr().err
    assert capsys.readouterr().out


def test_the_files_it_names_are_there():
    root = Path(__file__).parents[1]
    for name in re.findall(r"`((?:notebooks|docs|examples)/[\w./]*)`", README):
        assert (root / name).exists(), name
