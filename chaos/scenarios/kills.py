"""Scenarios in which processes are killed at random moments."""

from __future__ import annotations

from chaos.round import Round
from chaos.scenario import scenario
from chaos.system import REDEEM, WORKERS

_KILLABLE = (*WORKERS, "beat")


@scenario("kill-worker", "A redeem worker is killed during a run.", members=120)
def kill_worker(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_random_moment()
    round_.kill(round_.random.choice(REDEEM))


@scenario(
    "kill-all",
    "All workers and Celery beat are killed at the same time during a run.",
    members=120,
)
def kill_all(round_: Round) -> None:
    round_.new_code()
    round_.wait_for_random_moment()
    for name in _KILLABLE:
        round_.kill(name)


@scenario("kill-beat", "Celery beat is killed three times during a run.", members=120)
def kill_beat(round_: Round) -> None:
    round_.new_code()
    for _ in range(3):
        round_.wait_for_random_moment()
        round_.kill("beat")


@scenario(
    "random-kills",
    "One to three random processes are killed at random moments.",
    rounds=10,
    members=60,
)
def random_kills(round_: Round) -> None:
    round_.new_code()
    for _ in range(round_.random.randint(1, 3)):
        round_.wait_for_random_moment()
        round_.kill(round_.random.choice(_KILLABLE))
