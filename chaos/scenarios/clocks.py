"""Two beats, a clock that is wrong, a polite end in mid-run, one worker more, and the whole tree of `make up`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from chaos import times
from chaos.processes import Process
from chaos.round import Stage
from chaos.scenario import scenario
from chaos.system import WORKERS
from redeemer.localserver import ports

_CLOCK = Path(__file__).resolve().parent.parent / "clock"


@scenario("two-beats", "Two beats ring everything twice; one of them is killed and comes back.")
def two_beats(stage: Stage) -> None:
    second = stage.system.add("beat-2", like="beat")
    second.start()
    stage.begin()
    stage.wait_for_random_moment(0.6)
    stage.kill(stage.random.choice(["beat", "beat-2"]))
    stage.system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
    stage.system.remove("beat-2")


@scenario(
    "wrong-clock",
    "The clocks of one redeem worker and of the control worker are an hour off, each its own way.",
)
def wrong_clock(stage: Stage) -> None:
    stage.system.relaunch("redeem-1", PYTHONPATH=str(_CLOCK), CHAOS_CLOCK_SECONDS="3600")
    stage.system.relaunch("control", PYTHONPATH=str(_CLOCK), CHAOS_CLOCK_SECONDS="-3600")
    stage.note_fault()
    stage.begin()
    stage.extra_seconds = times.run_seconds(stage.members)
    stage.system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
    stage.system.relaunch("redeem-1", "control")


@scenario("sigterm", "Every worker is asked to end in mid-run, and is started again.", rounds=2)
def sigterm(stage: Stage) -> None:
    stage.begin()
    for name in WORKERS:
        stage.wait_for_random_moment(0.7)
        stage.send(name, signal.SIGTERM)
    stage.extra_seconds = 20.0


@scenario(
    "pace",
    "Three redeem workers, and FLUSHALL every second: never over the game's limit.",
    harm_seconds=30,
)
def pace(stage: Stage) -> None:
    third = stage.system.add("redeem-3", like="redeem-2")
    third.start()
    stage.begin()
    for _ in range(15):
        stage.system.servers.broker().flushall()
        stage.note_fault()
        stage.system.pause(1)
    stage.system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
    stage.system.remove("redeem-3")


@scenario(
    "kill-supervisor",
    "`make up` is killed in mid-run, its children end with it, and it is started again.",
)
def kill_supervisor(stage: Stage) -> None:
    system = stage.system
    ours = [name for name in system.processes if name != "game"]
    for name in ours:
        system.hold(name)
    tree = Process(
        "up", [sys.executable, "manage.py", "up"], system.environment, system.folder / "up.log"
    )
    tree.extra = {"PORT": str(ports.pick()), "REDEEM_THREADS": "8", "CONTROL_THREADS": "8"}
    system.processes["up"] = tree
    tree.start()
    stage.begin()
    stage.extra_seconds = 60.0
    system.wait(
        lambda: system.books.progress(stage.codes)["rows"] > 0, "the tree to work", seconds=60
    )
    stage.wait_for_random_moment(0.6)
    pid = tree.pid
    children = _children(pid)
    stage.kill("up")
    system.pause(1.0)
    if left := [child for child in children if _lives(child)]:
        stage.complaints.append(
            f"{len(left)} of {len(children)} children outlived their supervisor"
        )
    stage.notes.append(f"{len(children)} children ended with it")
    system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
    system.remove("up")
    for name in ours:
        system.release(name)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text(encoding="utf-8").split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            != "Z"
        )
    except OSError:
        return False
