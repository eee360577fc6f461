"""Fixtures for the commands, which run on a real database and, where needed, a simulated game."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from giftcodes import tasks
from tests.pipeline.conftest import World, world

__all__ = ["World", "world"]


@dataclass(frozen=True, slots=True)
class Said:
    """The output and the exit status of a command."""

    out: str
    err: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(*words: Any) -> Said:
    """Run a command in this process. Errors other than CommandError fail the test."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command(*map(str, words), stdout=out, stderr=err)
    except CommandError as error:
        status = error.returncode
        err.write(f"{error}\n")
    return Said(out.getvalue(), err.getvalue(), status)


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """The tasks that were enqueued: the short name and the arguments of each."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        tasks,
        "enqueue_on_commit",
        lambda task, *args: calls.append((task.name.rpartition(".")[2], *args)),
    )
    return calls
