"""What stops a start. Each is told to the person in one line, without a traceback."""

from __future__ import annotations


class CannotStartError(Exception):
    """Something outside the program is in the way; the message says what, and what to do."""


class StopAskedError(Exception):
    """A person asked to stop while something was being waited for."""
