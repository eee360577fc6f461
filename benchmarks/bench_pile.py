"""Measures how fast a worker handles the tasks that an hour without workers has left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import redis

from benchmarks.conftest import report
from tests.system.machinery import system
from tests.waiting import wait_for

#: How often beat enqueues these tasks in an hour in which there is always work.
AN_HOUR = {
    "tick": 14_400,
    "poll": 720,
    "announce": 720,
    "directory": 720,
    "sweep": 360,
    "catch_up": 60,
    "alarms": 60,
    "keep_figures": 60,
    "weekly": 12,
}

_PILE_UP = """
import django
django.setup()
from giftcodes import tasks
from redeemer.celery import app
with app.connection_for_write() as connection:
    for name, number in {pile}.items():
        for _ in range(number):
            getattr(tasks, name).apply_async(connection=connection)
"""


def bench_an_hours_pile(tmp_path: Path) -> None:
    with system(tmp_path, SIMULATOR_SALT="pile") as running:
        running.environment |= {
            "SIMULATOR_API_URL": "http://127.0.0.1:9/unused",
            "SIMULATOR_FEED_URL": "",
        }
        script = tmp_path / "pile_up.py"
        script.write_text(_PILE_UP.format(pile=AN_HOUR), encoding="utf-8")
        running.environment["PYTHONPATH"] = str(Path.cwd())
        running.launch("pile", [sys.executable, str(script)])
        assert running.processes["pile"].wait(120) == 0, running.log("pile")
        broker = redis.Redis.from_url(running.environment["REDIS_URL"])
        assert broker.llen("control") == sum(AN_HOUR.values())

        running.start_worker("control", 4)
        wait_for(
            lambda: broker.llen("control") < sum(AN_HOUR.values()),
            "the worker to start",
            seconds=60,
        )
        started_at = time.monotonic()
        wait_for(lambda: broker.llen("control") == 0, "the queue to be empty", seconds=300)
        report(
            f"A backlog of one hour of beat's messages ({sum(AN_HOUR.values()):,})",
            time.monotonic() - started_at,
            limit=30,
            unit="s",
        )
        broker.close()
