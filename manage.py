#!/usr/bin/env python
"""Redeemer's command line, for use in the repository. `up` runs everything (README.md)."""

from __future__ import annotations

import sys


def _main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - a clear message
        sys.exit(
            "Python 3.11 or newer is needed. Run `make up`, or use .venv/bin/python manage.py."
        )
    try:
        from redeemer.__main__ import main
    except ImportError as error:
        sys.exit(
            f"A package is missing in this Python ({error}). Run `make up`, or use "
            ".venv/bin/python manage.py."
        )
    main()


if __name__ == "__main__":
    _main()
