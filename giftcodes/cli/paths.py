"""Paths that a person typed."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.management.base import CommandError


def expanded(typed: str) -> Path:
    """The path with the home folder for a `~` at its start.

    Raises:
        CommandError: the home folder is unknown, because there is no user of that name.
    """
    try:
        return Path(typed).expanduser()
    except RuntimeError as error:
        raise CommandError(f"{typed}: there is no such home folder.") from error


def without_links(path: Path) -> Path:
    """The absolute path behind all links. A link that leads to itself stays.

    `Path.resolve` would raise a RuntimeError for such a link before Python 3.13.
    """
    return Path(os.path.realpath(path))
