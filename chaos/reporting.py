"""What a person reads: a line for each round, and one for all rounds of a scenario."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from chaos.checks import Evidence
from chaos.round import Stage

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Result:
    """One round: what was found, what was wrong, and how long it took."""

    scenario: str
    number: int
    stage: Stage
    evidence: Evidence | None
    wrong: list[str]
    settled_seconds: float
    lasted_seconds: float

    def line(self, rounds: int) -> str:
        """The verdict with its figures; what is wrong stands below."""
        parts = [f"{self.stage.faults} fault(s)", *self._figures(), *self.stage.notes]
        verdict = "FAIL" if self.wrong else "ok  "
        head = f"{verdict}  {self.scenario} {self.number}/{rounds}: {', '.join(parts)} [{self.lasted_seconds:.0f} s]"
        more = len(self.wrong) - _SHOWN
        return "\n".join(
            [
                head,
                *(f"      {line}" for line in self.wrong[:_SHOWN]),
                *([f"      … and {more} more"] * (more > 0)),
            ]
        )

    def _figures(self) -> list[str]:
        if self.evidence is None:
            return []
        found, stage = self.evidence, self.stage
        return [
            f"{len(found.rows)} rows",
            f"{len(found.grants)} granted by {len(found.requests)} requests",
            f"{len(found.unanswered)} unanswered",
            f"{found.repeats.total()} repeats of {found.excuses.total()} allowed",
            f"claims left behind for {stage.left_behind_seconds:.1f} s of {stage.recovery_seconds:.0f}",
            f"settled after {self.settled_seconds:.1f} s of {stage.patience_seconds:.0f}",
        ]


@dataclass(slots=True)
class Tally:
    """What all rounds of a scenario came to."""

    scenario: str
    rounds: int
    failed: int = 0
    faults: int = 0
    requests: int = 0
    granted: int = 0
    unanswered: int = 0
    repeats: int = 0
    left_behind: float = 0.0
    slowest: float = 0.0

    def add(self, result: Result) -> None:
        """Count a round."""
        self.failed += bool(result.wrong)
        self.faults += result.stage.faults
        self.left_behind = max(self.left_behind, result.stage.left_behind_seconds)
        self.slowest = max(self.slowest, result.settled_seconds)
        if result.evidence is not None:
            self.requests += len(result.evidence.requests)
            self.granted += len(result.evidence.grants)
            self.unanswered += len(result.evidence.unanswered)
            self.repeats += result.evidence.repeats.total()

    def line(self) -> str:
        """The scenario's verdict."""
        return (
            f"{'FAILED' if self.failed else 'PASSED'}  {self.scenario}: {self.rounds} round(s), {self.failed} failed, "
            f"{self.faults} faults, {self.granted} granted by {self.requests} requests, {self.unanswered} unanswered, "
            f"{self.repeats} repeats; at the longest, claims left behind for {self.left_behind:.1f} s and all settled "
            f"after {self.slowest:.1f} s"
        )


def say(line: str) -> None:
    """Tell the person, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
