"""Fixtures with a simulator. A conftest imports `make_simulator` and `simulator`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from simulator import Simulator

SALT = "test-salt"
#: tests.servers sets the same token for other processes.
TOKEN = "test-token"
#: The answers have the headers of this rate, but no test reaches it.
GENEROUS = {"salt": SALT, "token": TOKEN, "rate": "100000/60", "player_gap": 0.0, "players": 20}


class Clock:
    """A clock that the test sets. It starts on a Monday in June 2026."""

    def __init__(self, now: float = 1_781_524_800.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def travel(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds


@pytest.fixture
def make_simulator() -> Iterator[Callable[..., Simulator]]:
    """Start simulators with `make_simulator(rate="3/60")`. They are closed after the test."""
    with ExitStack() as running:

        def make(**settings: Any) -> Simulator:
            return running.enter_context(Simulator(**{**GENEROUS, **settings}))

        yield make


@pytest.fixture
def simulator(
    make_simulator: Callable[..., Simulator], request: pytest.FixtureRequest
) -> Simulator:
    """A running simulator with 20 players, no codes and a generous rate.

    Requests for one player need no gap between them. A test changes all this with `merge`, or with
    `@pytest.mark.parametrize("simulator", [{"rate": "3/60"}], indirect=True)`.
    """
    return make_simulator(**getattr(request, "param", {}))
