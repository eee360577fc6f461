"""Helpers for tests with real connections: of two transactions, or of several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection

from giftcodes.models import GiftCode, Guild
from giftcodes.pipeline.start_or_refuse import LOCK_TIMEOUT_MS
from tests.factories import gift_code
from tests.waiting import PATIENCE_SECONDS


def stampede(
    guild: Guild,
    code: GiftCode,
    *,
    processes: int,
    callers: int,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> list[tuple[str, float]]:
    """Let many callers start one redemption at the same moment.

    Args:
        processes: how many processes.
        callers: how many callers in each of them.
        lock_timeout_ms: how long a caller waits for the row lock. With the product's timeout, a
            caller on a busy machine may be told to try again.

    Returns:
        The result of each caller, and how many ms it took.
    """
    url = os.environ["DATABASE_URL"].rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "DATABASE_POOL": "0",
    }
    environment["DJANGO_SETTINGS_MODULE"] = "redeemer.settings"
    command = [
        sys.executable,
        "-m",
        "tests.lock.stampede",
        *map(str, (guild.pk, code.pk, gift_code().pk, callers, lock_timeout_ms)),
    ]
    running = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        for _ in range(processes)
    ]
    return meet(running)


def meet(running: Sequence[subprocess.Popen[str]]) -> list[tuple[str, float]]:
    """Let processes of `tests.lock.stampede` call at the same moment.

    Returns:
        The result of each caller, and how many ms it took.
    """
    for word in ("ready\n", "answered\n"):
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == word
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    results: list[tuple[str, float]] = []
    for process in running:
        output, _ = process.communicate(timeout=300)
        for line in output.splitlines():
            kind, milliseconds = line.split()
            results.append((kind, float(milliseconds)))
    return results


class Elsewhere:
    """Run a function in a thread with its own database connection. `wait` returns its result."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(function,))
        self._thread.start()

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            self.result = function()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    @property
    def is_waiting(self) -> bool:
        self._thread.join(0.5)
        return self._thread.is_alive()

    def wait(self) -> Any:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "The function still waits."
        if self.error is not None:
            raise self.error
        return self.result


@pytest.fixture
def elsewhere(transactional_db: None) -> Callable[[Callable[[], Any]], Elsewhere]:
    return Elsewhere
