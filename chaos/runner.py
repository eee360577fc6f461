"""Play scenarios, judge each round, and say in one line how it went."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import psycopg
import requests

from chaos.checks import Evidence, collect, judge
from chaos.scenario import Scenario
from chaos.stage import Stage
from chaos.system import System, TimeUpError
from redeemer.embedded.home import REPOSITORY

_AUDIT = REPOSITORY / "giftcodes" / "management" / "commands" / "audit.py"
_players = count(500_000_001)
_SHOWN = 8


@dataclass(slots=True)
class Tally:
    """What all rounds of a scenario came to."""

    rounds: int = 0
    failed: int = 0
    faults: int = 0
    requests: int = 0
    granted: int = 0
    unanswered: int = 0
    repeats: int = 0
    slowest: float = 0.0
    folders: list[str] = field(default_factory=list)


class Runner:
    """Keeps one system for all rounds; after a failed one it is kept for looking at, and another is made."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._system: System | None = None

    def run(self, scenario: Scenario, rounds: int) -> Tally:
        """Play so many rounds of a scenario."""
        tally = Tally()
        stage: Stage | None = None
        for number in range(1, rounds + 1):
            if self._system is None or stage is None:
                stage = self._set(scenario)
            stage = self._next(stage, scenario, number)
            if not self._play(scenario, number, rounds, stage, tally):
                self._put_aside(tally)
        say(_summary(scenario, tally))
        return tally

    def close(self) -> None:
        if self._system is not None:
            self._system.stop()
            self._system.remove_logs()
            self._system = None

    def _set(self, scenario: Scenario) -> Stage:
        """Guilds and players of the scenario's own, on a system that runs."""
        if self._system is None:
            self._system = System()
            self._system.start()
        system = self._system
        system.books.retire()
        shared = scenario.members // 10
        ids = [str(next(_players)) for _ in range(scenario.members - shared)]
        system.game.change(players={player: {"realm": 1042} for player in ids})
        half = len(ids) // 2
        halves = {"Wolves": ids[: half + shared], "Bears": ids[half:]}
        tag = f"{scenario.name} {ids[0]}"
        guilds = {f"{name} {tag}": system.books.add_guild(f"{name} {tag}", members) for name, members in halves.items()}
        return Stage(system, random.Random(), ids, guilds, scenario.members, since=system.game.last_number())

    def _next(self, before: Stage, scenario: Scenario, number: int) -> Stage:
        """A fresh stage for a round, with the same guilds."""
        system = before.system
        system.books.close_codes()
        system.mark(f"{scenario.name}, round {number}, seed {self._seed}")
        chance = random.Random(f"{self._seed} {scenario.name} {number}")
        stage = Stage(system, chance, before.players, before.guilds, before.members, since=system.game.last_number())
        system.on_death = lambda name: stage.note_fault()
        return stage

    def _play(self, scenario: Scenario, number: int, rounds: int, stage: Stage, tally: Tally) -> bool:
        begun = time.monotonic()
        evidence = None
        took = 0.0
        try:
            scenario.play(stage)
            took = stage.settle()
            evidence = collect(stage)
            wrong = judge(stage, evidence)
            if number == rounds:
                wrong += self._audit(stage)
        except (TimeUpError, psycopg.Error, requests.RequestException, RuntimeError) as error:
            wrong = [*stage.complaints, str(error) or type(error).__name__]
        _count(tally, stage, evidence, took, wrong)
        say(_line(scenario, number, rounds, stage, evidence, took, time.monotonic() - begun, wrong))
        return not wrong

    def _audit(self, stage: Stage) -> list[str]:
        """The project's own audit, where there is one."""
        if not _AUDIT.exists():
            return []
        url = f"{stage.system.game.url}/_sim/ledger"
        result = stage.system.manage("audit", "--ledger", url, "--repeats-allowed", "1000000", check=False)
        lines = (result.stdout + result.stderr).strip().splitlines()
        return [f"manage.py audit: {line}" for line in lines] if result.returncode else []

    def _put_aside(self, tally: Tally) -> None:
        """End the system of a failed round, and keep its logs."""
        assert self._system is not None
        self._system.stop()
        tally.folders.append(str(self._system.folder))
        say(f"      The logs are kept in {self._system.folder}")
        self._system = None


def _count(tally: Tally, stage: Stage, evidence: Evidence | None, took: float, wrong: Sequence[str]) -> None:
    tally.rounds += 1
    tally.failed += bool(wrong)
    tally.faults += stage.faults
    tally.slowest = max(tally.slowest, took)
    if evidence is not None:
        tally.requests += len(evidence.requests)
        tally.granted += len(evidence.grants)
        tally.unanswered += len(evidence.unanswered)
        tally.repeats += evidence.repeats.total()


def _line(
    scenario: Scenario,
    number: int,
    rounds: int,
    stage: Stage,
    evidence: Evidence | None,
    took: float,
    lasted: float,
    wrong: Sequence[str],
) -> str:
    head = f"{'FAIL' if wrong else 'ok':<4}  {scenario.name} {number}/{rounds}: {stage.faults} fault(s)"
    if evidence is not None:
        head += (
            f", {len(evidence.rows)} rows, {len(evidence.grants)} granted, {len(evidence.requests)} requests, "
            f"{len(evidence.unanswered)} unanswered, {evidence.repeats.total()} repeats of {evidence.excuses.total()} "
            f"allowed, settled {took:.1f} s after the last fault (at most {stage.patience_seconds:.0f})"
        )
    head += "".join(f"; {note}" for note in stage.notes) + f" [{lasted:.0f} s]"
    more = len(wrong) - _SHOWN
    told = [f"      {line}" for line in wrong[:_SHOWN]] + ([f"      … and {more} more"] if more > 0 else [])
    return "\n".join([head, *told])


def _summary(scenario: Scenario, tally: Tally) -> str:
    verdict = "FAILED" if tally.failed else "PASSED"
    return (
        f"{verdict}  {scenario.name}: {tally.rounds} round(s), {tally.failed} failed, {tally.faults} faults, "
        f"{tally.granted} granted by {tally.requests} requests, {tally.unanswered} unanswered, "
        f"{tally.repeats} repeats, slowest recovery {tally.slowest:.1f} s"
    )


def say(line: str) -> None:
    """Tell the person, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
