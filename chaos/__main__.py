"""The command `python -m chaos`, which `make chaos` runs.

SEED=n repeats a run. SCENARIO=name[,name], ROUNDS=n and MEMBERS=n choose what is run. The exit
status is 1 if a round failed, and 2 if there is no scenario with a given name.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from dataclasses import replace

from chaos.reporting import print_line
from chaos.runner import Runner
from chaos.scenario import SCENARIOS, Scenario
from chaos.scenarios import load

_START_SECONDS = 60


def main() -> int:
    """Run what the environment variables choose. Returns the exit status."""
    # Turn SIGTERM into an exception, so that all processes are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    load()
    names = [name for name in os.environ.get("SCENARIO", "").split(",") if name] or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        print_line(f"There is no scenario {', '.join(unknown)}. There are:\n{_listed()}")
        return 2
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    chosen = [(_sized(SCENARIOS[name]), _rounds(SCENARIOS[name])) for name in names]
    bound = _START_SECONDS + sum(scenario.bound_seconds * rounds for scenario, rounds in chosen)
    rounds = sum(rounds for _, rounds in chosen)
    print_line(
        f"{len(chosen)} scenario(s), {rounds} round(s), SEED={seed}, "
        f"at most {bound / 60:.0f} min, usually a third of that."
    )
    runner = Runner(seed)
    try:
        tallies = [runner.run(scenario, rounds) for scenario, rounds in chosen]
    finally:
        runner.close()
    failed = sum(tally.failed for tally in tallies)
    print_line(
        f"{rounds - failed} of {rounds} round(s) passed, "
        f"{sum(tally.faults for tally in tallies)} faults. SEED={seed}"
    )
    return 1 if failed else 0


def _rounds(scenario: Scenario) -> int:
    return int(os.environ.get("ROUNDS") or scenario.rounds)


def _sized(scenario: Scenario) -> Scenario:
    return replace(scenario, members=int(os.environ.get("MEMBERS") or scenario.members))


def _listed() -> str:
    return "\n".join(
        f"  {scenario.name:<24} {scenario.description}" for scenario in SCENARIOS.values()
    )


if __name__ == "__main__":
    sys.exit(main())
