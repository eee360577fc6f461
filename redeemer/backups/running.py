"""Run one of PostgreSQL's programs, listening to what it says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from redeemer.localserver.spawn import spawn_with_parent_death_signal

#: How much of what was said is kept for the error.
_LINES_KEPT = 200


class ProgramError(Exception):
    """The program failed; `errors` are its own words, one for each error it named."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = list(errors)
        super().__init__(self.errors[0] if self.errors else "it ended without a word")


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    hear: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run `command` to its end; it cannot outlive us.

    Args:
        command: the program's path, and its arguments, with absolute paths.
        environment: all of its environment.
        hear: takes each line that it says.

    Raises:
        ProgramError: it failed or cannot be started.
    """
    try:
        process = spawn_with_parent_death_signal(
            command, environment=environment, folder=Path("/"), output=subprocess.PIPE
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError([f"{command[0]} cannot be started: {error}"]) from error
    said: list[str] = []
    assert process.stdout is not None
    try:
        with process.stdout as output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                said = (
                    [*said[-_LINES_KEPT:], line]
                    if "error:" in line or not _is_chatter(line)
                    else said
                )
                hear(line)
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status != 0:
        raise ProgramError(_errors(said) or [f"{Path(command[0]).name} ended with status {status}"])


def _is_chatter(line: str) -> bool:
    """What `--verbose` tells about the progress."""
    return line.startswith(("pg_dump: ", "pg_restore: "))


def _errors(said: Sequence[str]) -> list[str]:
    named = [line.partition("error: ")[2] for line in said if "error: " in line]
    return named or [line for line in said if line][-1:]
