"""The commands that `make up` runs, as children of the supervisor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

from redeemer.localserver.child import Program
from redeemer.localserver.configuration import Configuration
from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import REPOSITORY, Home
from redeemer.localserver.lines import log_file
from redeemer.localserver.server import Server
from redeemer.localserver.spawn import spawn_with_parent_death_signal

#: A worker ends the request it has sent before it goes: HTTP_SECONDS is 15.
_WORKER_PATIENCE_SECONDS = 20.0
_FOR_PYTHON = {
    "PYTHONUNBUFFERED": "1",
    # Celery's five lines at each start: whoever runs `up` as root knows it.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class Programs:
    """Makes programs that run in one environment and speak on one console."""

    def __init__(
        self, console: Console, environment: Mapping[str, str], configuration: Configuration
    ) -> None:
        self._console = console
        self._environment = environment  # Still being filled: read at each launch.
        self._configuration = configuration

    def manage(self, *arguments: str, name: str = "") -> Program:
        """A command of manage.py."""
        return self._program(
            name or arguments[0], [sys.executable, str(REPOSITORY / "manage.py"), *arguments]
        )

    def web(self) -> Program:
        """The site. One process: the work is done by the workers."""
        return self._program(
            "web", [*_module("redeemer.serving"), "--bind", self._configuration.bind]
        )

    def worker_control(self) -> Program:
        """Ticks, polls, starts and ends of runs, announcements."""
        return self._worker("control", self._configuration.control_threads)

    def worker_redeem(self) -> Program:
        """Requests to the game: threads of their own, so that nothing waits behind a slow game."""
        return self._worker("redeem", self._configuration.redeem_threads)

    def beat(self) -> Program:
        """The clock."""
        return self._program(
            "beat",
            [
                *_module("celery"),
                "-A",
                "redeemer",
                "-q",
                "beat",
                "--pidfile=",
                "--loglevel",
                "INFO",
            ],
        )

    def _worker(self, queue: str, threads: int) -> Program:
        command = [
            *_module("celery"),
            "-A",
            "redeemer",
            "-q",
            "worker",
            "-Q",
            queue,
            "-n",
            f"{queue}@%h",
        ]
        command += ["--pool", "threads", "-c", str(threads), "--loglevel", "INFO", *_QUIET]
        return self._program(f"worker-{queue}", command, patience_seconds=_WORKER_PATIENCE_SECONDS)

    def _program(
        self,
        name: str,
        command: Sequence[str],
        *,
        patience_seconds: float = 10.0,
    ) -> Program:
        def launch(output: int) -> subprocess.Popen[bytes]:
            return spawn_with_parent_death_signal(
                command,
                environment={**self._environment, **_FOR_PYTHON},
                folder=REPOSITORY,
                output=output,
            )

        return Program(
            name=name,
            launch=launch,
            sink=self._console.sink(name),
            patience_seconds=patience_seconds,
        )


def server(embedded: Server, home: Home) -> Program:
    """A database server; what it says goes to a log, and is shown when it dies.

    Raises:
        CannotStartError: its log cannot be written.
    """
    log = home.logs / f"{embedded.name}.log"
    try:
        write = log_file(log)
    except OSError as error:
        raise CannotStartError(
            f"Cannot write to {log} ({error.strerror}): move it away."
        ) from error

    def sink(line: str) -> None:
        write(line)
        embedded.hear(line)

    return Program(
        name=embedded.name,
        launch=embedded.launch,
        sink=sink,
        log=log,
        mend=embedded.mend,
        stop_signal=embedded.stop_signal,
        patience_seconds=30.0,
    )


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]
