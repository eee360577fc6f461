"""Runs the whole system as processes: two servers, the simulated game, three workers and beat."""

from __future__ import annotations

import os
import secrets
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
from chaos.database import Database
from chaos.discord import Discord
from chaos.game import Game
from chaos.processes import Process
from chaos.servers import Servers
from redeemer.games import GAMES
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port

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
_TOKEN = secrets.token_hex(16)


class TimeUpError(Exception):
    """A condition was not met in time."""


class System:
    """All processes of the system. The kernel kills them when this process dies."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redeemer-chaos-"))
        self.servers = Servers(self.folder)
        self.database = Database(self.servers.database_url)
        port = pick_port()
        self.game = Game(f"http://127.0.0.1:{port}", _TOKEN)
        self.environment = self._environment()
        self.processes = {
            name: self._process(name, command) for name, command in self._commands(port).items()
        }
        #: How many repeated requests the rounds so far allow. The audit needs this number, because
        #: it checks all rounds together.
        self.repeats_allowed = 0
        #: Whether a round so far may have sent more requests than a window allows.
        self.may_be_throttled = False
        #: The simulated Discord, if a scenario needs it.
        self.discord: Discord | None = None
        #: Called with the name of a process that has died.
        self.on_death: Callable[[str], None] = lambda name: None

    # --- Start and end ----------------------------------------------------------------------------
    def start(self) -> None:
        """Start everything on an empty database."""
        self.servers.start()
        self.manage("migrate", "--no-input")
        for task, seconds in times.BEAT_SECONDS.items():
            self.database.set_beat_interval(task, seconds)
        for process in self.processes.values():
            process.start()
        self.wait_until(self.game.is_up, "the game to listen", seconds=30)
        self.wait_until(self._ticks, "the first tick", seconds=60)

    def stop(self) -> None:
        """End all processes, and then the servers."""
        for process in self.processes.values():
            process.is_restarted = False
            process.terminate()
        for process in self.processes.values():
            process.wait_for_end(6)
        if self.discord is not None:
            self.discord.stop()
        self.database.close()
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

    # --- While the system runs --------------------------------------------------------------------
    def supervise(self) -> None:
        """Report processes that have died, and restart those whose delay is over."""
        for process in self.processes.values():
            if process.notice_death():
                self.on_death(process.name)
            process.start_if_due()

    def wait_until(self, condition: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Supervise the processes until a condition is met.

        Raises:
            TimeUpError: the condition was not met in time.
        """
        end = time.monotonic() + seconds
        while True:
            self.supervise()
            try:
                if condition():
                    return
            except psycopg.OperationalError:
                pass  # The database is down, which may be part of the scenario.
            if time.monotonic() > end:
                message = f"waited {seconds:.0f} s for {what}"
                raise TimeUpError(message)
            time.sleep(0.05)

    def pause(self, seconds: float) -> None:
        """Supervise the processes for this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.supervise()
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))

    def restart(self, *names: str, **extra: str) -> None:
        """Kill these processes, and start them with additional environment variables."""
        for name in names:
            process = self.processes[name]
            process.kill()
            process.notice_death()
            process.extra = dict(extra)
            process.start()

    def mark(self, line: str) -> None:
        """Write a line into every log, such as the start of a round."""
        for process in self.processes.values():
            process.mark(line)

    def log(self, name: str) -> str:
        return self.processes[name].log.read_text(encoding="utf-8", errors="replace")

    def freeze(self, name: str) -> None:
        self.processes[name].send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.processes[name].send(signal.SIGCONT)

    # --- The processes and their environment ------------------------------------------------------
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            # Do not use the servers of a running `make up`.
            "REDEEMER_HOME": str(self.folder),
            # Do not use the games that .env configures.
            **{game.setting("SALT"): "" for game in GAMES},
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "DATABASE_URL": self.servers.database_url,
            "DATABASE_POOL": "1",
            "REDIS_URL": self.servers.redis_url,
            "SECRET_KEY": "only-for-chaos-but-long-enough-to-please-the-checks-of-django",
            "SIMULATOR_SALT": _SALT,
            "SIMULATOR_TOKEN": _TOKEN,
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
        """Add a process with the same command as another one. It is not started."""
        found = self.processes[like]
        command = [part.replace(f"{like}@", f"{name}@") for part in found.command]
        process = self.processes[name] = self._process(name, command)
        return process

    def remove(self, name: str) -> None:
        """End a process that was added, and forget it."""
        process = self.processes.pop(name)
        process.is_restarted = False
        process.terminate()
        process.wait_for_end(15)

    def hold(self, name: str) -> None:
        """End a process, and do not restart it."""
        process = self.processes[name]
        process.is_restarted = False
        process.terminate()
        process.wait_for_end(10)

    def release(self, name: str) -> None:
        """Start a process that was held."""
        process = self.processes[name]
        process.is_restarted = True
        process.start()

    def _ticks(self) -> bool:
        return bool(self.database.value("SELECT count(*) FROM giftcodes_heartbeat"))


def _worker(name: str, queue: str, *, threads: int) -> list[str]:
    return [*_CELERY, "worker", "-Q", queue, "-n", f"{name}@%h", "-c", str(threads), *_QUIET]
