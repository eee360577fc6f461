"""The scenarios. There is a file for each part of the system into which faults are injected."""

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
    "discord",
)


def load() -> None:
    """Import the files. This registers their scenarios in the order of the files."""
    for name in _FILES:
        import_module(f"{__name__}.{name}")
