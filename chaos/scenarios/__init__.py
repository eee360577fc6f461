"""The scenarios, a file for each part that is harmed."""

from __future__ import annotations

from importlib import import_module

_FILES = (
    "kills",
    "points",
    "zombies",
    "answers",
    "broker",
    "database",
    "network",
    "feed",
    "operator",
    "clocks",
)


def load() -> None:
    """Put all scenarios on the list, in their order."""
    for name in _FILES:
        import_module(f"{__name__}.{name}")
