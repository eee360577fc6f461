"""Keeps child processes running, shows their output, and ends them in order.

Everything happens in one thread, because a child is bound to the thread that started it
(redeemer.localserver.spawn).
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError, StopRequestedError
from redeemer.localserver.servers import tail

_POLL_SECONDS = 0.2
_KILL_TIMEOUT_SECONDS = 5.0
#: Two signals within this time count as one Ctrl-C, because both `make` and the terminal may
#: deliver it.
_SAME_REQUEST_SECONDS = 0.7

_FIRST_RESTART_DELAY_SECONDS = 0.5
_MAX_RESTART_DELAY_SECONDS = 30.0
#: A child that ran for this long counts as healthy. Its next delay is the first delay again.
_HEALTHY_AFTER_SECONDS = 60.0

_MAX_LINE_CHARACTERS = 64 * 1024
_MAX_LOG_BYTES = 1_000_000


class StopRequest:
    """Whether a person has asked to stop (`requested`), and then to stop at once (`forced`)."""

    def __init__(self) -> None:
        self.forced = False
        self._requested_at: float | None = None

    @property
    def requested(self) -> bool:
        """Whether the supervisor must stop."""
        return self._requested_at is not None

    def install_handlers(self) -> None:
        """Handle SIGINT and SIGTERM, and also SIGHUP, unless `nohup` made the process ignore it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)

    def raise_if_requested(self) -> None:
        """Interrupt a wait if a person has asked to stop.

        Raises:
            StopRequestedError: a person has asked to stop.
        """
        if self.requested:
            raise StopRequestedError

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._requested_at is None:
            self._requested_at = now
        elif now - self._requested_at > _SAME_REQUEST_SECONDS:
            self.forced = True


class LineReader:
    """Reads from a pipe without waiting, and passes on whole lines."""

    def __init__(self, pipe: IO[bytes], sink: Callable[[str], None]) -> None:
        """
        Args:
            pipe: the end of the pipe to read from.
            sink: called with each line, without its line break.
        """
        os.set_blocking(pipe.fileno(), False)
        self.pipe = pipe
        self.has_ended = False
        self._sink = sink
        self._rest = b""

    def read(self) -> bool:
        """Pass on the lines that are available.

        Returns:
            Whether there was something to read. If not, `has_ended` says whether the output is
            complete.
        """
        try:
            found = os.read(self.pipe.fileno(), 65_536)
        except BlockingIOError:
            return False
        self.has_ended = not found
        *lines, self._rest = (self._rest + found).split(b"\n")
        if self.has_ended or len(self._rest) > _MAX_LINE_CHARACTERS:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._sink(text)
        return bool(found)


def log_file(path: Path) -> Callable[[str], None]:
    """Return a sink that writes to `path`. The file is rotated at 1 MB, and one older file is kept.

    Raises:
        OSError: the file cannot be written.
    """
    handler = _rotating(path)

    def write(text: str) -> None:
        handler.emit(logging.LogRecord("server", logging.INFO, "", 0, text, None, None))

    return write


def rotate_log(path: Path) -> None:
    """If `path` has reached 1 MB, replace the older file with it, as `log_file` does.

    This is for a program that writes to the file itself.

    Raises:
        OSError: the file cannot be replaced.
    """
    if path.exists() and path.stat().st_size >= _MAX_LOG_BYTES:
        with contextlib.closing(_rotating(path)) as handler:
            handler.doRollover()


def _rotating(path: Path) -> RotatingFileHandler:
    return RotatingFileHandler(path, maxBytes=_MAX_LOG_BYTES, backupCount=1, encoding="utf-8")


class Process(Protocol):
    """A started process, such as a `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """The end of the pipe with the output."""

    def poll(self) -> int | None:
        """Return the exit status, or None if the process still runs."""

    def send_signal(self, number: signal.Signals, /) -> None:
        """Send a signal."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a child runs, and how it is ended.

    Args:
        name: the name that is shown before each line of output.
        launch: starts the program. The argument is where its output goes.
        sink: called with each line of output.
        log: the file with the output, if there is one. Its end is shown when the child dies.
        repair: called with the exit status when the child dies. It may remove what prevents a
            start. If it does, it returns a line to show, and the program is started again at once.
        stop_signal: the signal that asks the program to end.
        stop_timeout_seconds: the time from `stop_signal` to SIGKILL.
    """

    name: str
    launch: Callable[[int], Process]
    sink: Callable[[str], None]
    log: Path | None = None
    repair: Callable[[int], str | None] = lambda _exit_status: None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10.0


class Child:
    """A program and, while it runs, its process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: Process | None = None
        self.reader: LineReader | None = None
        self.restart_at: float | None = None
        self._started_at: float | None = None
        self._delay: float | None = None

    def start(self) -> None:
        """Start the process.

        Raises:
            CannotStartError: something that the program needs is missing.
            OSError: the process cannot be started.
        """
        # The time of an earlier start must not count as the uptime if this one fails.
        self.restart_at = self._started_at = None
        self.process = self.program.launch(subprocess.PIPE)
        assert self.process.stdout is not None
        self.reader = LineReader(self.process.stdout, self.program.sink)
        self._started_at = time.monotonic()

    def reap(self) -> int | None:
        """Clean up if the process has ended. Its own children are then killed.

        Returns:
            The exit status, in the first call after the process has ended. Otherwise None.
        """
        if self.process is None or self.reader is None or (status := self.process.poll()) is None:
            return None
        self.kill()
        while self.reader.read():
            pass
        self.reader.pipe.close()
        self.process = self.reader = None
        return status

    def schedule_restart(self) -> float:
        """Decide when to start the child again. Returns the delay in seconds."""
        now = time.monotonic()
        uptime = 0.0 if self._started_at is None else now - self._started_at
        self._delay = restart_delay_seconds(uptime_seconds=uptime, previous_seconds=self._delay)
        self.restart_at = now + self._delay
        return self._delay

    def request_stop(self) -> None:
        """Send the program's stop signal, and cancel a scheduled restart."""
        self.restart_at = None
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """Kill the process and the processes that it has started."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


def restart_delay_seconds(*, uptime_seconds: float, previous_seconds: float | None) -> float:
    """Return how long to wait before a child that died is started again.

    The wait is half a second at first. It doubles after each early death, and after each start
    that fails, up to half a minute.

    Args:
        uptime_seconds: how long the child ran before it died. 0 if it could not be started.
        previous_seconds: the wait before its last start. None if it has not been restarted yet.
    """
    if previous_seconds is None or uptime_seconds >= _HEALTHY_AFTER_SECONDS:
        return _FIRST_RESTART_DELAY_SECONDS
    return min(previous_seconds * 2, _MAX_RESTART_DELAY_SECONDS)


def describe_exit(exit_status: int) -> str:
    """Describe to a person how a process ended."""
    if exit_status < 0:
        return f"was ended by signal {-exit_status} ({signal.strsignal(-exit_status)})"
    return f"ended with status {exit_status}"


class Supervisor:
    """Runs child processes in stages. A stage starts after the previous one, and ends before it."""

    def __init__(self, console: Console, request: StopRequest) -> None:
        self._console = console
        self._request = request
        self._stages: list[list[Child]] = []

    def start(self, *programs: Program) -> list[Child]:
        """Start one more stage.

        Raises:
            CannotStartError: something that a program needs is missing.
            OSError: a process cannot be started.
        """
        stage = [Child(program) for program in programs]
        self._stages.append(stage)
        for child in stage:
            child.start()
        return stage

    def start_or_retry(self, program: Program) -> Child:
        """Start one more stage of one program. If that is not possible now, try again later."""
        child = Child(program)
        self._stages.append([child])
        self._start_or_schedule(child)
        return child

    def end(self, child: Child) -> None:
        """End one child, and do not start it again."""
        stages = [[one for one in stage if one is not child] for stage in self._stages]
        self._stages = [stage for stage in stages if stage]
        self._end([child])

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Supervise the children until `condition` holds.

        Raises:
            CannotStartError: the condition did not hold within `seconds`. The message begins with
                `what`.
            StopRequestedError: a person asked to stop.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise CannotStartError(f"{what} within {seconds:.0f} s: see the lines above.")
            self.poll_unless_stopped()

    def run_once(self, program: Program) -> int:
        """Run a program to its end while supervising the children. Returns its exit status.

        Raises:
            StopRequestedError: a person asked to stop. The program has been ended.
        """
        child = Child(program)
        child.start()
        try:
            while (status := child.reap()) is None:
                self.poll(extra=child)
                self._request.raise_if_requested()
        finally:
            self._end([child])
        return status

    def run_until_stopped(self, also: Callable[[], None] = lambda: None) -> None:
        """Supervise the children until a person asks to stop.

        Args:
            also: called after each poll. While it blocks, no child is supervised.
        """
        while not self._request.requested:
            self.poll()
            also()

    def poll_unless_stopped(self) -> None:
        """Poll once.

        Raises:
            StopRequestedError: a person asked to stop.
        """
        self.poll()
        self._request.raise_if_requested()

    def poll(self, extra: Child | None = None) -> None:
        """Pass on output for up to 0.2 s, and restart dead children whose delay is over.

        Args:
            extra: another child whose output is passed on. It is not restarted.
        """
        children = [child for stage in self._stages for child in stage]
        self._read_output([*children, extra] if extra else children)
        for child in children:
            if (status := child.reap()) is not None:
                self._handle_exit(child, status)
            elif child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._start_or_schedule(child)

    def stop(self) -> None:
        """End all children, the last stage first."""
        while self._stages:
            self._end(self._stages.pop())

    def _handle_exit(self, child: Child, status: int) -> None:
        try:
            repaired = child.program.repair(status)
        except CannotStartError as error:
            self._console.say(str(error))
        else:
            if repaired:
                self._console.say(repaired)
                self._start_or_schedule(child)
                return
        delay = child.schedule_restart()
        self._console.say(
            f"{child.program.name} {describe_exit(status)}; it is started again in {delay:g} s."
        )
        if child.program.log:
            self._console.say(tail(child.program.log))

    def _start_or_schedule(self, child: Child) -> None:
        try:
            child.start()
        except (OSError, CannotStartError) as error:
            self._console.say(f"{child.program.name} cannot be started: {error}")
            child.schedule_restart()

    def _end(self, children: list[Child]) -> None:
        for child in children:
            child.request_stop()
        started_at = time.monotonic()
        remaining = [child for child in children if child.process]
        while remaining:
            self._read_output(remaining)
            waited = time.monotonic() - started_at
            for child in remaining:
                if self._request.forced or waited > child.program.stop_timeout_seconds:
                    child.kill()
                child.reap()
            remaining = [child for child in remaining if child.process]
            if (
                remaining
                and waited > remaining[0].program.stop_timeout_seconds + _KILL_TIMEOUT_SECONDS
            ):
                self._console.say(
                    f"{remaining[0].program.name} cannot be ended; going on without it."
                )
                return

    def _read_output(self, children: Iterable[Child]) -> None:
        """Read from the children that have output, for up to 0.2 s."""
        with selectors.DefaultSelector() as selector:
            for child in children:
                if child.reader and not child.reader.has_ended:
                    selector.register(child.reader.pipe, selectors.EVENT_READ, child.reader)
            if not selector.get_map():
                time.sleep(_POLL_SECONDS)
                return
            for key, _ in selector.select(_POLL_SECONDS):
                reader: LineReader = key.data
                reader.read()
