"""What a scenario is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaos import times
from chaos.round import Stage

Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of harm.

    Args:
        name: as it is chosen by `SCENARIO=`.
        story: what happens, in one sentence.
        play: one round of it.
        rounds: how many, if nobody says.
        members: rows that a code gets; a tenth of the players is in two guilds.
        harm_seconds: how long the harm itself may take, beside the run and the recovery.
    """

    name: str
    story: str
    play: Play
    rounds: int
    members: int
    harm_seconds: float

    @property
    def bound_seconds(self) -> float:
        """The longest that a round may take before it has failed."""
        fixed = times.STARTUP_SECONDS + times.SLACK_SECONDS + times.RECOVERY_SECONDS
        return self.harm_seconds + 2 * times.run_seconds(self.members) + 2 * fixed


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str, story: str, *, rounds: int = 1, members: int = 240, harm_seconds: float = 10
) -> Callable[[Play], Play]:
    """Put a function on the list."""

    def put(play: Play) -> Play:
        SCENARIOS[name] = Scenario(name, story, play, rounds, members, harm_seconds)
        return play

    return put
