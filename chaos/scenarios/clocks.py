"""Scenarios with two Celery beats, wrong clocks, SIGTERM, a third worker or a killed `make up`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from chaos import times
from chaos.processes import Process
from chaos.round import Round
from chaos.scenario import scenario
from chaos.system import WORKERS
from redeemer.localserver.servers import pick_port

_CLOCK = Path(__file__).resolve().parent.parent / "clock"


@scenario(
    "two-beats",
    "Two Celery beats enqueue every task twice; one of them is killed and restarted.",
)
def two_beats(round_: Round) -> None:
    second = round_.system.add("beat-2", like="beat")
    second.start()
    round_.new_code()
    round_.wait_for_random_moment(0.6)
    round_.kill(round_.random.choice(["beat", "beat-2"]))
    round_.system.wait_until(
        round_.is_settled, "everything to settle", seconds=round_.patience_seconds
    )
    round_.system.remove("beat-2")


@scenario(
    "wrong-clock",
    "A redeem worker's clock is an hour fast, and the control worker's clock is an hour slow.",
)
def wrong_clock(round_: Round) -> None:
    round_.system.restart("redeem-1", PYTHONPATH=str(_CLOCK), CHAOS_CLOCK_SECONDS="3600")
    round_.system.restart("control", PYTHONPATH=str(_CLOCK), CHAOS_CLOCK_SECONDS="-3600")
    round_.record_fault()
    round_.new_code()
    round_.extra_seconds = times.run_seconds(round_.members)
    round_.system.wait_until(
        round_.is_settled, "everything to settle", seconds=round_.patience_seconds
    )
    round_.system.restart("redeem-1", "control")


@scenario("sigterm", "Every worker gets SIGTERM during a run, and is restarted.", rounds=2)
def sigterm(round_: Round) -> None:
    round_.new_code()
    for name in WORKERS:
        round_.wait_for_random_moment(0.7)
        round_.send_signal(name, signal.SIGTERM)
    round_.extra_seconds = 20.0


@scenario(
    "pace",
    "Redis is flushed every second: the pace of three redeem workers stays within the limit.",
    fault_seconds=30,
)
def pace(round_: Round) -> None:
    third = round_.system.add("redeem-3", like="redeem-2")
    third.start()
    round_.new_code()
    for _ in range(15):
        round_.system.servers.broker().flushall()
        round_.record_fault()
        round_.system.pause(1)
    round_.system.wait_until(
        round_.is_settled, "everything to settle", seconds=round_.patience_seconds
    )
    round_.system.remove("redeem-3")


@scenario(
    "kill-supervisor",
    "`make up` is killed during a run, its children end with it, and it is restarted.",
)
def kill_supervisor(round_: Round) -> None:
    system = round_.system
    ours = [name for name in system.processes if name != "game"]
    for name in ours:
        system.hold(name)
    supervisor = Process(
        "up", [sys.executable, "manage.py", "up"], system.environment, system.folder / "up.log"
    )
    supervisor.extra = {"PORT": str(pick_port()), "REDEEM_THREADS": "8", "CONTROL_THREADS": "8"}
    system.processes["up"] = supervisor
    supervisor.start()
    round_.new_code()
    round_.extra_seconds = 60.0
    system.wait_until(
        lambda: system.database.progress(round_.codes)["rows"] > 0,
        "the workers of `make up` to work",
        seconds=60,
    )
    round_.wait_for_random_moment(0.6)
    pid = supervisor.pid
    children = _children(pid)
    round_.kill("up")
    system.pause(1.0)
    # A child lives a moment longer than its supervisor, and may begin a request in that moment.
    round_.record_fault()
    if left := [child for child in children if _is_alive(child)]:
        round_.problems.append(f"{len(left)} of {len(children)} children outlived their supervisor")
    round_.notes.append(f"{len(children) - len(left)} children of `make up` ended")
    system.wait_until(round_.is_settled, "everything to settle", seconds=round_.patience_seconds)
    system.remove("up")
    for name in ours:
        system.release(name)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text(encoding="utf-8").split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            != "Z"
        )
    except OSError:
        return False
