"""Processes die: at random moments, and exactly at the points where something is half done."""

from __future__ import annotations

from chaos.round import Stage
from chaos.scenario import scenario
from chaos.system import REDEEM, WORKERS

_KILLABLE = (*WORKERS, "beat")


@scenario("kill-worker", "A redeem worker is killed in mid-run.", members=120)
def kill_worker(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_random_moment()
    stage.kill(stage.random.choice(REDEEM))


@scenario("kill-all", "All workers, beat included, are killed at once in mid-run.", members=120)
def kill_all(stage: Stage) -> None:
    stage.begin()
    stage.wait_for_random_moment()
    for name in _KILLABLE:
        stage.kill(name)


@scenario("kill-beat", "Beat is killed three times in mid-run.", members=120)
def kill_beat(stage: Stage) -> None:
    stage.begin()
    for _ in range(3):
        stage.wait_for_random_moment()
        stage.kill("beat")


@scenario(
    "random-kills",
    "One to three random processes are killed at random moments.",
    rounds=10,
    members=60,
)
def random_kills(stage: Stage) -> None:
    stage.begin()
    for _ in range(stage.random.randint(1, 3)):
        stage.wait_for_random_moment()
        stage.kill(stage.random.choice(_KILLABLE))
