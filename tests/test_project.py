"""The files around the package agree with each other."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()


def declared() -> dict[str, Requirement]:
    """Return every dependency of the package and of its extras, by name."""
    extras = PROJECT["optional-dependencies"]
    found: dict[str, Requirement] = {}
    for line in [*PROJECT["dependencies"], *(line for group in extras.values() for line in group)]:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"]:
            assert requirement.extras <= set(extras), f"{line!r} names an extra that does not exist"
            continue
        assert name not in found or found[name].specifier == requirement.specifier, (
            f"pyproject.toml asks for {name} with different bounds: "
            f"{found[name].specifier} and {requirement.specifier}"
        )
        found[name] = requirement
    return found


def conda() -> dict[str, Requirement]:
    """Return what environment.yml asks for, conda's part and pip's part together."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = [line for line in listed if isinstance(line, str)]
    for part in listed:
        if isinstance(part, dict):
            lines += [line for line in part["pip"] if not line.startswith("-")]
    found: dict[str, Requirement] = {}
    for line in lines:
        # conda writes one equals sign where pip writes two.
        requirement = Requirement(re.sub(r"(?<![<>=!~])=(?!=)", "==", line))
        name = canonicalize_name(requirement.name)
        assert name not in found, f"environment.yml names {name} twice"
        found[name] = requirement
    return found


def pins() -> dict[str, Version]:
    found: dict[str, Version] = {}
    for line in CONSTRAINTS.splitlines():
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)", line)
            assert match, f"constraints.txt holds more than a name and a version: {line!r}"
            found[canonicalize_name(match[1])] = Version(match[2])
    return found


def files() -> list[Path]:
    """Return the files of the project: what git tracks or would track, else all but the ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        hidden = {".git", ".venv", "build", "dist", "__pycache__"}
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(
                part in hidden or part.endswith("_cache") for part in path.relative_to(ROOT).parts
            )
        ]
    return [path for path in paths if path.is_file()]


def test_all_means_every_extra():
    extras = PROJECT["optional-dependencies"]
    (everything,) = [Requirement(line) for line in extras["all"]]
    assert everything.name == PROJECT["name"]
    assert everything.extras == set(extras) - {"all"}


def test_conda_and_pyproject_ask_for_the_same():
    ours, theirs = declared(), conda()
    python, pip = theirs.pop("python"), theirs.pop("pip")
    assert str(pip.specifier) == ""
    assert all(
        Version(bound.version) in Requirement("x" + PROJECT["requires-python"]).specifier
        for bound in python.specifier
    )
    assert set(theirs) == set(ours)
    assert {name: str(theirs[name].specifier) for name in theirs} == {
        name: str(ours[name].specifier) for name in ours
    }


def test_conda_installs_the_package_itself():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [part["pip"] for part in listed if isinstance(part, dict)]
    assert "-e .[all]" in pip


@pytest.mark.parametrize("name", sorted(declared()))
def test_the_pinned_version_is_allowed(name):
    requirement = declared()[name]
    assert name in pins(), f"constraints.txt does not pin {name}: run `make constraints`"
    assert pins()[name] in requirement.specifier


def test_everything_that_comes_along_is_pinned():
    """Walk from the declared dependencies through those of the installed packages."""
    pinned, missing, seen = pins(), set(), set()
    queue = [(name, frozenset(wanted.extras)) for name, wanted in declared().items()]
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in pinned:
            missing.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here
        for line in lines:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(
                marker.evaluate({"extra": extra}) for extra in (extras or {""})
            ):
                queue.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    assert len(seen) > len(declared())
    assert not missing, f"constraints.txt does not pin {sorted(missing)}: run `make constraints`"


def test_the_pinned_versions_run_on_the_oldest_python():
    """Some packages ask for a later 3.11 than the one of Debian 12."""
    checked, refused = 0, []
    for name, version in pins().items():
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here
        if Version(about["Version"]) == version:
            checked += 1
            if "3.11.2" not in SpecifierSet(about["Requires-Python"] or ""):
                refused.append(f"{name} {version} asks for Python {about['Requires-Python']}")
    assert checked > len(PROJECT["dependencies"])
    assert not refused, "; ".join(refused)


def test_constraints_name_no_place():
    assert not re.search(r"https?:|file:|(^|\s)-|@", CONSTRAINTS, re.MULTILINE)


def test_no_file_names_a_package_registry():
    """Where packages come from is the business of whoever installs."""
    hosts = [
        ".".join(parts).encode()
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("anaconda", "org"),
            ("anaconda", "com"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("deb", "debian", "org"),
        )
    ]
    tracked = files()
    assert ROOT / "pyproject.toml" in tracked
    named = [
        f"{path.relative_to(ROOT)}: {host.decode()}"
        for path in tracked
        for content in [path.read_bytes()]
        for host in hosts
        if host in content
    ]
    assert not named, "\n".join(named)


def test_ci_runs():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_targets_that_the_readme_names_exist():
    readme = (ROOT / "README.md").read_text()
    code = re.findall(r"```.*?```|`[^`\n]+`", readme, re.DOTALL)
    assert code, "README.md shows no command"
    named = {
        word
        for part in code
        for words in re.findall(r"\bmake((?:[ \t]+[A-Za-z0-9_=./-]+)+)", part)
        for word in words.split()
        if "=" not in word and not word.startswith("-")
    }
    assert {"demo", "test"} <= named, f"README.md names only {sorted(named)}"
    assert named <= make_targets(), f"not in the Makefile: {sorted(named - make_targets())}"


def test_make_help_lists_every_target():
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert set(re.findall(r"^\s+make (\S+)", shown, re.MULTILINE)) == make_targets()


def test_importing_the_package_loads_nothing_heavy():
    """numba, pandas and whatever draws are loaded when they are needed, not before."""
    script = "import sys, json, mpclab; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    assert "mpclab" in loaded
    heavy = {"IPython", "anywidget", "ipywidgets", "matplotlib", "numba", "pandas", "scipy"}
    assert not loaded & heavy
