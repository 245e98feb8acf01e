"""Settings that all tests share."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

SOURCE = Path(__file__).resolve().parents[1] / "mpclab"

# No test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")

# numba keeps compiled code beside the source, or else in the user's cache. Where neither can be
# written, it would refuse to compile: give it a folder that lives as long as the tests.
# (The test processes that pytest-xdist starts inherit the variable.)
if "NUMBA_CACHE_DIR" not in os.environ and not os.access(SOURCE, os.W_OK):
    folder = tempfile.mkdtemp(prefix="mpclab-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder

# The first example may compile, so no example has a deadline.
settings.register_profile(
    "mpclab",
    deadline=None,
    **({} if os.access(SOURCE.parent, os.W_OK) else {"database": None}),
)
settings.load_profile("mpclab")
