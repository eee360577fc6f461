#!/usr/bin/env python
"""Redeemer's command line. `up` runs everything; see README.md."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command. `up` is dispatched before Django starts: it decides which servers the settings will name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
    if sys.argv[1:2] == ["up"]:
        from redeemer.embedded.up import main as up

        sys.exit(up(sys.argv[2:]))
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        sys.exit(f"Django is not installed in this Python ({error}). Run `make up`, or use .venv/bin/python manage.py.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
