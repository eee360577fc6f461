"""Runs scenarios round by round on one system, and checks each round."""

from __future__ import annotations

import random
import time
from itertools import count

import psycopg
import requests

from chaos.checks import collect, judge
from chaos.reporting import Result, Tally, print_line
from chaos.round import Round
from chaos.scenario import Scenario
from chaos.system import System, TimeUpError

_players = count(500_000_001)

#: The end of the audit's error if a window had too many requests, and nothing else is broken.
_ONLY_WINDOWS = " are broken: windows_are_kept."


class Runner:
    """Runs all rounds on one system. After a failed round, the next one gets a new system."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._system: System | None = None

    def run(self, scenario: Scenario, rounds: int) -> Tally:
        """Run a number of rounds of a scenario."""
        tally = Tally(scenario.name, rounds)
        round_: Round | None = None
        for number in range(1, rounds + 1):
            if self._system is None or round_ is None:
                round_ = self._prepare(scenario)
            round_ = self._next_round(round_, scenario, number)
            result = self._play(scenario, number, round_, is_last=number == rounds)
            tally.add(result)
            print_line(result.line(rounds))
            if result.problems:
                self._stop_and_keep_logs()
        print_line(tally.line())
        return tally

    def close(self) -> None:
        if self._system is not None:
            self._system.stop()
            self._system.remove_logs()
            self._system = None

    def _prepare(self, scenario: Scenario) -> Round:
        """Start the system if needed, and add guilds and players for this scenario."""
        if self._system is None:
            self._system = System()
            self._system.start()
        system = self._system
        system.database.deactivate_all()
        shared = scenario.members // 10
        ids = [str(next(_players)) for _ in range(scenario.members - shared)]
        system.game.change(players={player: {"realm": 1042} for player in ids})
        half = len(ids) // 2
        halves = {"Wolves": ids[: half + shared], "Bears": ids[half:]}
        tag = f"{scenario.name} {ids[0]}"
        guilds = {
            f"{name} {tag}": system.database.add_guild(f"{name} {tag}", members)
            for name, members in halves.items()
        }
        return Round(
            system, random.Random(), ids, guilds, scenario.members, since=system.game.last_number()
        )

    def _next_round(self, before: Round, scenario: Scenario, number: int) -> Round:
        """Return a new round with the same guilds."""
        system = before.system
        system.database.close_codes()
        system.mark(f"{scenario.name}, round {number}, seed {self._seed}")
        chance = random.Random(f"{self._seed} {scenario.name} {number}")
        round_ = Round(
            system,
            chance,
            before.players,
            before.guilds,
            before.members,
            since=system.game.last_number(),
        )
        system.on_death = lambda name: round_.record_fault()
        return round_

    def _play(self, scenario: Scenario, number: int, round_: Round, *, is_last: bool) -> Result:
        started_at, took, evidence = time.monotonic(), 0.0, None
        try:
            scenario.play(round_)
            took = round_.settle()
            evidence = collect(round_)
            round_.system.repeats_allowed += (
                evidence.allowed_repeats.total() + evidence.scripted_faults
            )
            round_.system.may_be_throttled |= round_.may_be_throttled
            problems = judge(round_, evidence) + (self._audit(round_) if is_last else [])
        except (TimeUpError, psycopg.Error, requests.RequestException, RuntimeError) as error:
            problems = [*round_.problems, str(error) or type(error).__name__]
        return Result(
            scenario.name, number, round_, evidence, problems, took, time.monotonic() - started_at
        )

    def _audit(self, round_: Round) -> list[str]:
        """Run `manage.py audit`. Returns its lines about what is broken."""
        url = f"{round_.system.game.url}/_sim/ledger"
        allowed = str(round_.system.repeats_allowed)
        result = round_.system.manage(
            "audit", "--ledger", url, "--repeats-allowed", allowed, check=False
        )
        lines = (result.stdout + result.stderr).strip().splitlines()
        is_expected = round_.system.may_be_throttled and lines[-1].endswith(_ONLY_WINDOWS)
        if not result.returncode or is_expected:
            return []
        return [f"manage.py audit: {line}" for line in lines if not line.startswith("✓")]

    def _stop_and_keep_logs(self) -> None:
        assert self._system is not None
        self._system.stop()
        print_line(f"      The logs are kept in {self._system.folder}")
        self._system = None
