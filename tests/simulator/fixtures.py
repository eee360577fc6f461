"""A simulator for a test. Import `make_simulator` and `simulator` into a conftest to have them as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from simulator import Simulator

SALT = "test-salt"
#: More than any test sends, and yet a rate, so that its headers are there.
GENEROUS = {"salt": SALT, "rate": "100000/60", "player_gap": 0.0, "players": 20}


class Clock:
    """A clock that a test moves. It starts on a Monday in June 2026."""

    def __init__(self, now: float = 1_781_524_800.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def travel(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def make_simulator() -> Iterator[Callable[..., Simulator]]:
    """Makes running simulators that are gone after the test: `make_simulator(rate="3/60", clock=Clock())`."""
    with ExitStack() as running:

        def make(**settings: Any) -> Simulator:
            return running.enter_context(Simulator(**{**GENEROUS, **settings}))

        yield make


@pytest.fixture
def simulator(
    make_simulator: Callable[..., Simulator], request: pytest.FixtureRequest
) -> Simulator:
    """A running simulator with 20 players, no codes, a generous rate, and no gap between a player's requests.

    What a test wants otherwise it merges, or says with
    `@pytest.mark.parametrize("simulator", [{"rate": "3/60"}], indirect=True)`.
    """
    return make_simulator(**getattr(request, "param", {}))
