#!/usr/bin/env python
"""Redeemer's command line. `up` runs everything (README.md)."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command.

    `up` runs before Django is loaded, because it decides which servers the settings name.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
    if sys.version_info < (3, 11):  # noqa: UP036 - a clear message
        sys.exit(
            "Python 3.11 or newer is needed. Run `make up`, or use .venv/bin/python manage.py."
        )
    try:
        if sys.argv[1:2] == ["up"]:
            from redeemer.localserver.up import main as up

            status = up(sys.argv[2:])
            sys.stdout.flush()
            sys.stderr.flush()
            # Do not wait for a child that could not be ended.
            os._exit(status)
        from django.core.management import execute_from_command_line

        from redeemer.startup_errors import install_excepthook
    except ImportError as error:
        sys.exit(
            f"A package is missing in this Python ({error}). Run `make up`, or use "
            ".venv/bin/python manage.py."
        )
    install_excepthook()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
