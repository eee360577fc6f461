"""The commands against a real database, and where they need one a real game."""

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
    """What a command wrote, and its exit status."""

    out: str
    err: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(*words: Any) -> Said:
    """Run a command as `manage.py` does, within this process. Anything but a CommandError is a failure of the test."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command(*map(str, words), stdout=out, stderr=err)
    except CommandError as error:
        status = error.returncode
        err.write(f"{error}\n")
    return Said(out.getvalue(), err.getvalue(), status)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """What was rung: the task's short name, and its arguments."""
    rung: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        tasks,
        "enqueue_on_commit",
        lambda task, *args: rung.append((task.name.rpartition(".")[2], *args)),
    )
    return rung
