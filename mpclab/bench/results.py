"""Measurements as files: JSON, with the facts of the machine, read by figures and notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mpclab.errors import InputError

__all__ = ["read_results", "write_results"]

FORMAT = "mpclab benchmarks 1"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "results.json"


def write_results(path: str | Path, results: dict[str, Any]) -> Path:
    """Write measurements as JSON; returns the file."""
    file = Path(path)
    text = json.dumps({"format": FORMAT, **results}, indent=1, allow_nan=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")
    return file


def read_results(path: str | Path | None = None) -> dict[str, Any]:
    """Measurements that `write_results` (that is, `make bench`) has written.

    Without a path: those of the last full run in this folder of the project, else the ones that
    came with it.

    Raises
    ------
    InputError
        If the file is not there, or is not one of these.
    """
    file = RESULTS if path is None else Path(path)
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        raise InputError(f"there is no file {file.name!r} there: `make bench` writes one") from None
    except OSError as error:
        raise InputError(f"the file {file.name!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # no JSON, or nested without end
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"the file {file.name!r} holds no measurements of `make bench`")
    return found
