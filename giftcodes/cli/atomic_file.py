"""Write a file completely, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from django.core.management.base import CommandError, OutputWrapper

from giftcodes.cli.paths import expanded, without_links


@contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """Open a file that appears under its name only when it is complete.

    Only its owner can read it. A path that exists and is not a regular file, such as a pipe, is
    written to directly.

    Raises:
        CommandError: the file cannot be written.
    """
    try:
        # The links are followed later: the link /dev/stdout leads to no path if it is a pipe.
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as special:
                yield special
        else:
            with _draft_of(without_links(path)) as draft:
                yield draft
    except BrokenPipeError:
        # The reader wants no more. `ServerCommand.run_from_argv` ends the command without a word.
        raise
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error


@contextmanager
def _draft_of(path: Path) -> Iterator[TextIO]:
    """Open a file beside the path, and give it the path's name at the end."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "x", encoding="utf-8", newline="", opener=_private) as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def output_stream(path: str | None, stdout: OutputWrapper) -> Iterator[TextIO]:
    """Open the file that `--output` names, or the command's stdout if the option is missing.

    Raises:
        CommandError: the file cannot be written.
    """
    if not path:
        yield cast(TextIO, _Verbatim(stdout))
        return
    with atomic_file(expanded(path)) as file:
        yield file


class _Verbatim:
    """A command's stdout without the line ends that Django adds."""

    def __init__(self, stdout: OutputWrapper) -> None:
        self._stdout = stdout

    def write(self, text: str) -> None:
        self._stdout.write(text, ending="")
