"""The whole system as processes, on a database of its own: simulator, two workers and beat."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests import databases
from tests.simulator.asking import control_headers
from tests.waiting import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
CELERY = [sys.executable, "-m", "celery", "-A", "redeemer"]
QUIET = [
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
    "--pool",
    "threads",
    "--loglevel",
    "INFO",
]

_ALL = """
import django, json, sys
django.setup()
from django.core.management import call_command
for command in json.loads(sys.argv[1]):
    call_command(*command)
"""


class System:
    """Real processes against one PostgreSQL database, one Redis database and one simulator."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.game_url = ""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self, name: str, command: list[str]) -> None:
        """Start a process whose output goes to a file with its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )

    def manage_all(self, commands: list[list[str]]) -> None:
        """Run management commands in one process, since each start of a process takes a second."""
        subprocess.run(
            [sys.executable, "-c", _ALL, json.dumps(commands)],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=300,
        )

    def start_game(self, *arguments: str) -> None:
        self.launch("game", [sys.executable, "-m", "simulator", "--port", "0", *arguments])
        wait_for(lambda: "http://" in self.log("game"), "the simulator to listen")
        self.game_url = "http://" + self.log("game").split("http://", 1)[1].split()[0]

    def start_worker(self, queue: str, threads: int, *, name: str = "") -> None:
        name = name or queue
        self.launch(
            name, [*CELERY, "worker", "-Q", queue, "-c", str(threads), "-n", f"{name}@%h", *QUIET]
        )

    def start_workers(self) -> None:
        self.start_worker("control", 4)
        self.start_worker("redeem", 8)
        self.launch("beat", [*CELERY, "beat", "--loglevel", "INFO"])

    def world(self, **change: Any) -> None:
        """Change the game's world."""
        answer = requests.post(
            f"{self.game_url}/_sim/world",
            json=change,
            headers=control_headers(),
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 200, answer.text

    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(
            f"{self.game_url}/_sim/ledger", headers=control_headers(), timeout=PATIENCE_SECONDS
        ).json()
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.manage("status", "--json").stdout)
        return found

    def rows(self, statement: str) -> list[Any]:
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def system(folder: Path, **environment: str) -> Iterator[System]:
    """A system on a new database. All of it is removed afterwards."""
    name = f"system_{os.getpid()}"
    databases.make(name)
    redis, _, number = os.environ["REDIS_URL"].rpartition("/")
    running = System(
        folder,
        {
            **os.environ,
            "DATABASE_URL": databases.url_of(name),
            "DATABASE_POOL": "1",
            "REDIS_URL": f"{redis}/{15 - int(number or 0) % 15}",
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "SIMULATOR_SALT": "",
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
    )
    try:
        yield running
    finally:
        running.stop()
        databases.drop(name)
