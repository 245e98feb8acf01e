"""All targets, in the order in which they are told of."""

from __future__ import annotations

from tests.fuzz import on_files, on_links, on_messages, on_sessions
from tests.fuzz.engine import Target

__all__ = ["TARGETS"]

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (on_messages, on_links, on_sessions, on_files)
    for target in module.TARGETS
}
