"""Three short scenarios of `make chaos`, and the answer to an unknown one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def chaos(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chaos"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )


@pytest.mark.system
def test_everybody_gets_the_code_once_although_processes_are_killed_and_answers_are_lost() -> None:
    scenarios = "kill-all,effect-without-answer,kill-bot"
    played = chaos(SCENARIO=scenarios, MEMBERS="20", ROUNDS="1", SEED="1", SLACK="300")

    assert played.returncode == 0, played.stdout + played.stderr
    assert "3 of 3 round(s) passed" in played.stdout


def test_an_unknown_scenario_is_answered_with_the_list_of_scenarios() -> None:
    played = chaos(SCENARIO="earthquake")

    assert played.returncode == 2
    assert "There is no scenario earthquake." in played.stdout
    assert "kill-all" in played.stdout
