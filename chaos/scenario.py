"""The type of a scenario, and the list of all scenarios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaos import times
from chaos.round import Round

Play = Callable[[Round], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of fault.

    Args:
        name: the name for `SCENARIO=`.
        description: what happens, in one sentence.
        play: runs one round of the scenario.
        rounds: the number of rounds, unless ROUNDS is set.
        members: the number of member redemptions of a code. For every ten of them, one player is
            in two guilds.
        fault_seconds: how long the faults may take, in addition to the run and the recovery.
    """

    name: str
    description: str
    play: Play
    rounds: int
    members: int
    fault_seconds: float

    @property
    def bound_seconds(self) -> float:
        """The longest time that a round may take."""
        fixed = times.STARTUP_SECONDS + times.SLACK_SECONDS + times.RECOVERY_SECONDS
        return self.fault_seconds + 2 * times.run_seconds(self.members) + 2 * fixed


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str, description: str, *, rounds: int = 1, members: int = 240, fault_seconds: float = 10
) -> Callable[[Play], Play]:
    """Register a function as a scenario."""

    def register(play: Play) -> Play:
        SCENARIOS[name] = Scenario(name, description, play, rounds, members, fault_seconds)
        return play

    return register
