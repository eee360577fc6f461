"""Prints the results: a line for each round, and a line for all rounds of a scenario."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from chaos.checks import Evidence
from chaos.round import Round

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one round, with its evidence, problems and times."""

    scenario: str
    number: int
    round_: Round
    evidence: Evidence | None
    problems: list[str]
    settled_seconds: float
    lasted_seconds: float

    def line(self, rounds: int) -> str:
        """Return the verdict with its figures and, on the lines below it, the problems."""
        parts = [f"{self.round_.faults} fault(s)", *self._figures(), *self.round_.notes]
        verdict = "FAIL" if self.problems else "ok  "
        head = (
            f"{verdict}  {self.scenario} {self.number}/{rounds}: {', '.join(parts)} "
            f"[{self.lasted_seconds:.0f} s]"
        )
        more = len(self.problems) - _SHOWN
        return "\n".join(
            [
                head,
                *(f"      {line}" for line in self.problems[:_SHOWN]),
                *([f"      … and {more} more"] * (more > 0)),
            ]
        )

    def _figures(self) -> list[str]:
        if self.evidence is None:
            return []
        found, round_ = self.evidence, self.round_
        return [
            f"{len(found.rows)} rows",
            f"{len(found.grants)} granted by {len(found.requests)} requests",
            f"{len(found.unanswered)} unanswered",
            f"{found.repeats.total()} repeats (at most {found.allowed_repeats.total()} allowed)",
            f"expired claims for {round_.expired_claims_seconds:.1f} s "
            f"(limit {round_.recovery_seconds:.0f} s)",
            f"settled after {self.settled_seconds:.1f} s (limit {round_.patience_seconds:.0f} s)",
        ]


@dataclass(slots=True)
class Tally:
    """The sums over all rounds of a scenario."""

    scenario: str
    rounds: int
    failed: int = 0
    faults: int = 0
    requests: int = 0
    granted: int = 0
    unanswered: int = 0
    repeats: int = 0
    longest_expired_claims_seconds: float = 0.0
    longest_settled_seconds: float = 0.0

    def add(self, result: Result) -> None:
        """Add the result of a round."""
        self.failed += bool(result.problems)
        self.faults += result.round_.faults
        self.longest_expired_claims_seconds = max(
            self.longest_expired_claims_seconds, result.round_.expired_claims_seconds
        )
        self.longest_settled_seconds = max(self.longest_settled_seconds, result.settled_seconds)
        if result.evidence is not None:
            self.requests += len(result.evidence.requests)
            self.granted += len(result.evidence.grants)
            self.unanswered += len(result.evidence.unanswered)
            self.repeats += result.evidence.repeats.total()

    def line(self) -> str:
        """Return the verdict on the scenario, with its figures."""
        return (
            f"{'FAILED' if self.failed else 'PASSED'}  {self.scenario}: {self.rounds} round(s), "
            f"{self.failed} failed, {self.faults} faults, {self.granted} granted by "
            f"{self.requests} requests, {self.unanswered} unanswered, {self.repeats} repeats; "
            f"longest times: expired claims for {self.longest_expired_claims_seconds:.1f} s, "
            f"settled after {self.longest_settled_seconds:.1f} s"
        )


def print_line(line: str) -> None:
    """Print a line without buffering."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
