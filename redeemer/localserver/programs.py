"""The commands that `make up` runs, as programs for the supervisor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import REPOSITORY, Home
from redeemer.localserver.servers import Server
from redeemer.localserver.spawn import spawn_with_parent_death_signal
from redeemer.localserver.supervisor import Program, log_file

#: Before a worker exits, it finishes the requests that it has sent, each of which takes at most
#: HTTP_SECONDS (15 by default).
_WORKER_STOP_TIMEOUT_SECONDS = 20.0
_SERVER_STOP_TIMEOUT_SECONDS = 30.0
_PYTHON_VARIABLES = {
    "PYTHONUNBUFFERED": "1",
    # Hide a warning of five lines that Celery prints at each start as root.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}
_CELERY = ("celery", "-A", "redeemer", "-q")
_WITHOUT_EVENTS = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class Programs:
    """Makes programs that share one environment and one console."""

    def __init__(self, console: Console, environment: Mapping[str, str], config: Config) -> None:
        self._console = console
        # The environment is not complete yet. It is read whenever a program is launched.
        self._environment = environment
        self._config = config

    def manage(self, *arguments: str, name: str = "") -> Program:
        """Return a command of manage.py as a program."""
        command = [sys.executable, str(REPOSITORY / "manage.py"), *arguments]
        return self._program(name or arguments[0], command)

    def web(self) -> Program:
        """Return the site's program. One process is enough, because the workers redeem codes."""
        return self._program("web", _module("redeemer.serving", "--bind", self._config.bind))

    def worker_control(self) -> Program:
        """Return the worker for ticks, polls, starts and ends of runs, and announcements."""
        return self._worker("control", self._config.control_threads)

    def worker_redeem(self) -> Program:
        """Return the worker for requests to the game, which must not delay the other tasks."""
        return self._worker("redeem", self._config.redeem_threads)

    def beat(self) -> Program:
        """Return the program of beat, Celery's scheduler."""
        return self._program("beat", _module(*_CELERY, "beat", "--pidfile=", "--loglevel", "INFO"))

    def discord_bot(self) -> Program:
        """Return the program of the Discord bot, which runs only while there is a token."""
        return self.manage("discord_bot", name="discord-bot")

    def _worker(self, queue: str, threads: int) -> Program:
        options = ["-Q", queue, "-n", f"{queue}@%h", "--pool", "threads", "-c", str(threads)]
        options += ["--loglevel", "INFO", *_WITHOUT_EVENTS]
        return self._program(
            f"worker-{queue}",
            _module(*_CELERY, "worker", *options),
            stop_timeout_seconds=_WORKER_STOP_TIMEOUT_SECONDS,
        )

    def _program(
        self, name: str, command: Sequence[str], *, stop_timeout_seconds: float = 10.0
    ) -> Program:
        def launch(output: int) -> subprocess.Popen[bytes]:
            return spawn_with_parent_death_signal(
                command,
                environment={**self._environment, **_PYTHON_VARIABLES},
                folder=REPOSITORY,
                output=output,
            )

        return Program(
            name=name,
            launch=launch,
            sink=self._console.sink(name),
            stop_timeout_seconds=stop_timeout_seconds,
        )


def server_program(server: Server, home: Home) -> Program:
    """Return the program of an embedded server.

    Its output goes to a log. If the server dies, the end of the log is shown.

    Raises:
        CannotStartError: the log cannot be written.
    """
    log = home.logs / f"{server.name}.log"
    try:
        write = log_file(log)
    except OSError as error:
        raise CannotStartError(
            f"Cannot write to {log} ({error.strerror}): move it away."
        ) from error

    def sink(line: str) -> None:
        write(line)
        server.observe_line(line)

    return Program(
        name=server.name,
        launch=server.launch,
        sink=sink,
        log=log,
        repair=server.repair,
        stop_signal=server.stop_signal,
        stop_timeout_seconds=_SERVER_STOP_TIMEOUT_SECONDS,
    )


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]
