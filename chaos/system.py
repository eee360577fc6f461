"""The whole system as processes: two servers, the game, three workers, beat."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from chaos import times
from chaos.database import Books
from chaos.game import Game
from chaos.processes import Process
from chaos.servers import Servers
from redeemer.games import GAMES
from redeemer.localserver import ports
from redeemer.localserver.home import REPOSITORY

REDEEM = ("redeem-1", "redeem-2")
WORKERS = ("control", *REDEEM)
_CELERY = [sys.executable, "-m", "celery", "-A", "redeemer", "-q"]
_QUIET = [
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
    "--pool",
    "threads",
    "--loglevel",
    "INFO",
]
_SALT = "only-for-chaos"


class TimeUpError(Exception):
    """Something did not happen in time."""


class System:
    """Everything that runs. All of it ends with the harness, however that ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redeemer-chaos-"))
        self.servers = Servers(self.folder)
        self.books = Books(self.servers.database_url)
        port = ports.pick()
        self.game = Game(f"http://127.0.0.1:{port}")
        self.environment = self._environment()
        self.processes = {
            name: self._process(name, command) for name, command in self._commands(port).items()
        }
        #: For the audit, which looks at all rounds: answers that were lost until now.
        self.repeats_allowed = 0
        #: Called with its name when a process has died.
        self.on_death: Callable[[str], None] = lambda name: None

    # --- Start and end ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start everything on an empty database."""
        self.servers.start()
        self.manage("migrate", "--no-input")
        for task, seconds in times.BEAT_SECONDS.items():
            self.books.hasten_beat(task, seconds)
        for process in self.processes.values():
            process.start()
        self.wait(self.game.answers, "the game to listen", seconds=30)
        self.wait(self._ticks, "the first tick", seconds=60)

    def stop(self) -> None:
        """End everything, workers first."""
        for process in self.processes.values():
            process.is_kept = False
            process.ask_to_end()
        for process in self.processes.values():
            process.end(6)
        self.books.close()
        self.servers.stop()

    def remove_logs(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=120,
        )

    # --- While it runs ------------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Be the supervisor for a moment: notice who died, and start again who has waited long enough."""
        for process in self.processes.values():
            if process.notice_death():
                self.on_death(process.name)
            process.start_if_due()

    def wait(self, condition: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Look after the processes until something is so.

        Raises:
            TimeUpError: it was not so in time.
        """
        end = time.monotonic() + seconds
        while True:
            self.look()
            try:
                if condition():
                    return
            except psycopg.OperationalError:
                pass  # The database is away; that may be the scenario.
            if time.monotonic() > end:
                message = f"waited {seconds:.0f} s for {what}"
                raise TimeUpError(message)
            time.sleep(0.05)

    def pause(self, seconds: float) -> None:
        """Let time go by."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))

    def relaunch(self, *names: str, **extra: str) -> None:
        """End these at once, and start them with this in their environment, beside what all get."""
        for name in names:
            process = self.processes[name]
            process.kill()
            process.notice_death()
            process.extra = dict(extra)
            process.start()

    def mark(self, line: str) -> None:
        """Write a line of ours into every log, so that a round is found again."""
        for process in self.processes.values():
            process.mark(line)

    def log(self, name: str) -> str:
        return self.processes[name].log.read_text(encoding="utf-8", errors="replace")

    def freeze(self, name: str) -> None:
        self.processes[name].send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.processes[name].send(signal.SIGCONT)

    # --- How it is made -----------------------------------------------------------------------------------------------
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "REDEEMER_HOME": str(self.folder),  # A running `make up` is none of ours,
            **{game.setting("SALT"): "" for game in GAMES},  # and neither is what stands in .env.
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "DATABASE_URL": self.servers.database_url,
            "DATABASE_POOL": "1",
            "REDIS_URL": self.servers.redis_url,
            "SECRET_KEY": "only-for-chaos-but-long-enough-to-please-the-checks-of-django",
            "SIMULATOR_SALT": _SALT,
            "SIMULATOR_API_URL": self.game.api_url,
            "SIMULATOR_FEED_URL": self.game.feed_url,
            "SIMULATOR_FEED_KEY": "",
            "SIMULATOR_POLL_SECONDS": "3",
            "SIMULATOR_RATE": f"{times.RATE_REQUESTS}/{times.RATE_SECONDS}",
            "HTTP_SECONDS": str(times.HTTP_SECONDS),
            "HTTP_CONNECT_SECONDS": "1",
            "LEASE_SECONDS": str(times.LEASE_SECONDS),
            "LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
            "REDEEMER_FAULTS": "1",
            "REDEEMER_FAULT_TIMES": ",".join(
                f"{name}={value}" for name, value in times.SHORTENED.items()
            ),
        }

    def _commands(self, game_port: int) -> dict[str, list[str]]:
        rate = f"{times.RATE_REQUESTS}/{times.RATE_SECONDS}"
        game = [
            sys.executable,
            "-m",
            "simulator",
            "--port",
            str(game_port),
            "--rate",
            rate,
            "--players",
            "0",
        ]
        game += [
            "--latency",
            str(times.LATENCY_SECONDS),
            "--state",
            str(self.folder / "game.state"),
        ]
        commands = {"game": game, "control": _worker("control", "control", threads=8)}
        commands |= {name: _worker(name, "redeem", threads=8) for name in REDEEM}
        commands["beat"] = [*_CELERY, "beat", "--pidfile=", "--loglevel", "INFO"]
        return commands

    def _process(self, name: str, command: list[str]) -> Process:
        return Process(name, command, self.environment, self.folder / f"{name}.log")

    def add(self, name: str, like: str) -> Process:
        """One more process of a kind that there is. It is not started yet."""
        found = self.processes[like]
        command = [part.replace(f"{like}@", f"{name}@") for part in found.command]
        process = self.processes[name] = self._process(name, command)
        return process

    def remove(self, name: str) -> None:
        """End a process that was added, for good."""
        process = self.processes.pop(name)
        process.is_kept = False
        process.ask_to_end()
        process.end(15)

    def hold(self, name: str) -> None:
        """End a process, and do without it for a while."""
        process = self.processes[name]
        process.is_kept = False
        process.ask_to_end()
        process.end(10)

    def release(self, name: str) -> None:
        """Start a process again that was held."""
        process = self.processes[name]
        process.is_kept = True
        process.start()

    def _ticks(self) -> bool:
        return bool(self.books.value("SELECT count(*) FROM giftcodes_heartbeat"))


def _worker(name: str, queue: str, *, threads: int) -> list[str]:
    return [*_CELERY, "worker", "-Q", queue, "-n", f"{name}@%h", "-c", str(threads), *_QUIET]
