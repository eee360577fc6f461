"""Play scenarios round by round on one system, and judge each round."""

from __future__ import annotations

import random
import time
from itertools import count

import psycopg
import requests

from chaos.checks import collect, judge
from chaos.reporting import Result, Tally, say
from chaos.round import Stage
from chaos.scenario import Scenario
from chaos.system import System, TimeUpError
from redeemer.localserver.home import REPOSITORY

_AUDIT = REPOSITORY / "giftcodes" / "management" / "commands" / "audit.py"
_players = count(500_000_001)


class Runner:
    """Keeps one system for all rounds; after a failed one it is kept for looking at, and another is made."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._system: System | None = None

    def run(self, scenario: Scenario, rounds: int) -> Tally:
        """Play so many rounds of a scenario."""
        tally = Tally(scenario.name, rounds)
        stage: Stage | None = None
        for number in range(1, rounds + 1):
            if self._system is None or stage is None:
                stage = self._set(scenario)
            stage = self._next(stage, scenario, number)
            result = self._play(scenario, number, stage, is_last=number == rounds)
            tally.add(result)
            say(result.line(rounds))
            if result.wrong:
                self._put_aside()
        say(tally.line())
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
        guilds = {
            f"{name} {tag}": system.books.add_guild(f"{name} {tag}", members)
            for name, members in halves.items()
        }
        return Stage(
            system, random.Random(), ids, guilds, scenario.members, since=system.game.last_number()
        )

    def _next(self, before: Stage, scenario: Scenario, number: int) -> Stage:
        """A fresh stage for a round, with the same guilds."""
        system = before.system
        system.books.close_codes()
        system.mark(f"{scenario.name}, round {number}, seed {self._seed}")
        chance = random.Random(f"{self._seed} {scenario.name} {number}")
        stage = Stage(
            system,
            chance,
            before.players,
            before.guilds,
            before.members,
            since=system.game.last_number(),
        )
        system.on_death = lambda name: stage.note_fault()
        return stage

    def _play(self, scenario: Scenario, number: int, stage: Stage, *, is_last: bool) -> Result:
        begun, took, evidence = time.monotonic(), 0.0, None
        try:
            scenario.play(stage)
            took = stage.settle()
            evidence = collect(stage)
            stage.system.repeats_allowed += evidence.excuses.total() + evidence.spoiled
            wrong = judge(stage, evidence) + (self._audit(stage) if is_last else [])
        except (TimeUpError, psycopg.Error, requests.RequestException, RuntimeError) as error:
            wrong = [*stage.complaints, str(error) or type(error).__name__]
        return Result(scenario.name, number, stage, evidence, wrong, took, time.monotonic() - begun)

    def _audit(self, stage: Stage) -> list[str]:
        """The project's own audit, where there is one."""
        if not _AUDIT.exists():
            return []
        url = f"{stage.system.game.url}/_sim/ledger"
        allowed = str(stage.system.repeats_allowed)
        result = stage.system.manage(
            "audit", "--ledger", url, "--repeats-allowed", allowed, check=False
        )
        lines = (result.stdout + result.stderr).strip().splitlines()
        return [f"manage.py audit: {line}" for line in lines] if result.returncode else []

    def _put_aside(self) -> None:
        """End the system of a failed round, and keep its logs."""
        assert self._system is not None
        self._system.stop()
        say(f"      The logs are kept in {self._system.folder}")
        self._system = None
