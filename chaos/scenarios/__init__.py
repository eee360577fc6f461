"""The scenarios, in a file for each part of the system that gets the faults."""

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
    """Import the files, which registers their scenarios in this order."""
    for name in _FILES:
        import_module(f"{__name__}.{name}")
