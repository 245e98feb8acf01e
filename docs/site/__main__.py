"""`make site`: write all pages into a folder, build/site unless another is named."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from docs.site.pages import ROOT, build
from mpclab.errors import InputError


def main() -> int:
    """Build what the words of the command line ask for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.site", description="Write the course, the specification and the "
        "API reference as pages that are read without a network."
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "site")
    folder = parser.parse_args().folder
    begun = time.perf_counter()
    try:
        pages = build(folder)
    except InputError as error:
        print(f"The site was not built: {error}.", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - begun
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB, in {seconds:.1f} s. Open {folder}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
