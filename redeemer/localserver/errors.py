"""Errors that end a start. `up` shows each as one line, without a traceback."""

from __future__ import annotations


class CannotStartError(Exception):
    """Something outside the program prevents the start. The message says what to do."""


class StopRequestedError(Exception):
    """A person asked to stop while the supervisor was waiting for something."""
