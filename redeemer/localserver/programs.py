"""The commands that `make up` runs, as programs for the supervisor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from redeemer.celery import CHECKS_HAVE_PASSED
from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.copies import Copies
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home
from redeemer.localserver.servers import Server
from redeemer.localserver.spawn import spawn_with_parent_death_signal
from redeemer.localserver.supervisor import Process, Program, log_file
from redeemer.paths import CODE

#: Before a worker exits, it finishes the requests that it has sent, each of which takes at most
#: HTTP_SECONDS (15 by default).
_WORKER_STOP_TIMEOUT_SECONDS = 20.0
_SERVER_STOP_TIMEOUT_SECONDS = 30.0
_VARIABLES = {
    "PYTHONUNBUFFERED": "1",
    # Hide a warning of five lines that Celery prints at each start as root.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    # `migrate` runs the checks before the workers start.
    CHECKS_HAVE_PASSED: "1",
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
        self._copies = Copies()

    def load(self) -> None:
        """Load what the programs share. Call this when the environment is complete."""
        self._copies.load({**self._environment, **_VARIABLES})

    def manage(self, *arguments: str, name: str = "") -> Program:
        """Return a command of `redeemer` as a program."""
        command = _module("redeemer", *arguments)
        return self._program(name or arguments[0], command, _run_manage)

    def web(self) -> Program:
        """Return the site's program. One process is enough, because the workers redeem codes."""
        command = _module("redeemer.serving", "--bind", self._config.bind)
        return self._program("web", command, _run_site)

    def worker_control(self) -> Program:
        """Return the worker for ticks, polls, starts and ends of runs, and announcements."""
        return self._worker("control", self._config.control_threads)

    def worker_redeem(self) -> Program:
        """Return the worker for requests to the game, which must not delay the other tasks."""
        return self._worker("redeem", self._config.redeem_threads)

    def beat(self) -> Program:
        """Return the program of beat, Celery's scheduler."""
        command = _module(*_CELERY, "beat", "--pidfile=", "--loglevel", "INFO")
        return self._program("beat", command, _run_celery)

    def discord_bot(self) -> Program:
        """Return the program of the Discord bot, which runs only while there is a token."""
        return self.manage("discord_bot", name="discord-bot")

    def _worker(self, queue: str, threads: int) -> Program:
        options = ["-Q", queue, "-n", f"{queue}@%h", "--pool", "threads", "-c", str(threads)]
        options += ["--loglevel", "INFO", *_WITHOUT_EVENTS]
        return self._program(
            f"worker-{queue}",
            _module(*_CELERY, "worker", *options),
            _run_celery,
            stop_timeout_seconds=_WORKER_STOP_TIMEOUT_SECONDS,
        )

    def _program(
        self,
        name: str,
        command: Sequence[str],
        run: Callable[[], object],
        *,
        stop_timeout_seconds: float = 10.0,
    ) -> Program:
        """Return a program.

        Args:
            name: the name that is shown before each line of output.
            command: the command line that runs the program on its own.
            run: runs the program in a copy of this process, with the arguments of `command`.
            stop_timeout_seconds: the time from the stop signal to SIGKILL.
        """

        def launch(output: int) -> Process:
            environment = {**self._environment, **_VARIABLES}
            copy = self._copies.start(run, command=command, environment=environment, folder=CODE)
            return copy or spawn_with_parent_death_signal(
                command, environment=environment, folder=CODE, output=output
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


def _run_celery() -> None:
    """Run `celery worker` or `celery beat`.

    The module of the `celery` command is not used, because it also loads an interactive shell,
    which takes 7 MB.
    """
    from celery.bin.base import CLIContext
    from celery.bin.beat import beat
    from celery.bin.worker import worker

    from redeemer.celery import app

    name, *options = sys.argv[len(_CELERY) :]
    command = {"worker": worker, "beat": beat}[name]
    context = CLIContext(app=app, no_color=False, workdir=None, quiet=True)
    command.main(args=options, prog_name=f"celery {name}", obj=context)


def _run_manage() -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def _run_site() -> None:
    from redeemer.serving import run

    run(sys.argv[1:])
