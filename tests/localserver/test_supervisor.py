"""Children are kept running, and ended in order."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError, StopRequestedError
from redeemer.localserver.spawn import spawn_with_parent_death_signal
from redeemer.localserver.supervisor import Child, Program, StopRequest, Supervisor
from tests.waiting import PATIENCE_SECONDS

_PATIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))
print('here', flush=True)
time.sleep(600)
"""
_STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); "
    "print('here', flush=True); time.sleep(600)"
)


class Stage:
    """A supervisor and its output."""

    def __init__(self) -> None:
        self.said = io.StringIO()
        self.console = Console(self.said)
        self.request = StopRequest()
        self.supervisor = Supervisor(self.console, self.request)

    def program(
        self, name: str, source: str, *, stop_timeout_seconds: float = PATIENCE_SECONDS
    ) -> Program:
        def launch(output: int) -> subprocess.Popen[bytes]:
            return spawn_with_parent_death_signal(
                [sys.executable, "-c", source], environment={}, folder=Path("/"), output=output
            )

        return Program(
            name=name,
            launch=launch,
            sink=self.console.sink(name),
            stop_timeout_seconds=stop_timeout_seconds,
        )

    def wait_for(self, words: str, times: int = 1) -> None:
        self.supervisor.wait_for(
            lambda: self.lines().count(words) >= times,
            seconds=PATIENCE_SECONDS,
            what=f"No {words!r}",
        )

    def lines(self) -> list[str]:
        return [
            " ".join(line.replace("|", " ").split()) for line in self.said.getvalue().splitlines()
        ]


@pytest.fixture
def stage() -> Iterator[Stage]:
    found = Stage()
    yield found
    found.request.forced = True
    found.supervisor.stop()


def test_the_program_that_was_started_last_is_ended_first(stage: Stage) -> None:
    for name in ("database", "worker", "clock"):
        stage.supervisor.start(stage.program(name, _PATIENT))
        stage.wait_for(f"{name} here")

    stage.supervisor.stop()

    assert stage.lines()[-3:] == ["clock bye", "worker bye", "database bye"]


def test_a_child_that_does_not_end_is_killed_after_its_timeout(stage: Stage) -> None:
    (child,) = stage.supervisor.start(
        stage.program("stubborn", _STUBBORN, stop_timeout_seconds=0.3)
    )
    stage.wait_for("stubborn here")

    stage.supervisor.stop()

    assert child.process is None


def test_a_forced_stop_does_not_wait(stage: Stage) -> None:
    (child,) = stage.supervisor.start(
        stage.program("stubborn", _STUBBORN, stop_timeout_seconds=PATIENCE_SECONDS)
    )
    stage.wait_for("stubborn here")
    stage.request.forced = True
    begun = time.monotonic()

    stage.supervisor.stop()

    assert child.process is None
    assert time.monotonic() - begun < PATIENCE_SECONDS


def test_a_child_that_dies_is_started_again_and_its_last_output_is_shown(stage: Stage) -> None:
    stage.supervisor.start(stage.program("weak", "print('last words'); raise SystemExit(3)"))

    stage.wait_for("weak last words", times=2)

    assert "up weak ended with status 3; it is started again in 0.5 s." in stage.lines()


def test_a_program_that_cannot_be_launched_again_is_tried_less_and_less_often() -> None:
    def launch(_output: int) -> subprocess.Popen[bytes]:
        raise CannotStartError("its folder is gone")

    child = Child(Program(name="web", launch=launch, sink=lambda _line: None))
    # It ran for longer than a minute before.
    child._started_at = time.monotonic() - 3_600
    waits = [child.schedule_restart()]

    for _ in range(7):
        with pytest.raises(CannotStartError):
            child.start()
        waits.append(child.schedule_restart())

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_stage_whose_only_child_was_ended_is_forgotten(stage: Stage) -> None:
    (child,) = stage.supervisor.start(stage.program("bot", _PATIENT))

    stage.supervisor.end(child)

    assert stage.supervisor._stages == []


def test_the_children_of_a_child_end_with_it(stage: Stage) -> None:
    source = "import subprocess; print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)"
    assert stage.supervisor.run_once(stage.program("parent", source)) == 0

    grandchild = int(stage.lines()[0].split()[1])
    stage.supervisor.wait_for(
        _is_gone(grandchild), seconds=PATIENCE_SECONDS, what="The grandchild did not end"
    )


def test_a_wait_that_takes_too_long_says_what_it_waited_for(stage: Stage) -> None:
    with pytest.raises(CannotStartError, match="The site does not answer within 0 s"):
        stage.supervisor.wait_for(lambda: False, seconds=0, what="The site does not answer")


def test_a_request_to_stop_ends_a_running_command(stage: Stage, restored_signals: None) -> None:
    stage.request.install_handlers()
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StopRequestedError):
        stage.supervisor.run_once(stage.program("long", _PATIENT, stop_timeout_seconds=0.1))


def test_the_same_ctrl_c_twice_is_not_a_forced_stop(restored_signals: None) -> None:
    request = StopRequest()
    request.install_handlers()

    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)

    assert request.requested
    assert not request.forced


def test_a_console_without_a_reader_raises_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        console = Console(broken)
        console.say("one")
        console.say("two")
        with pytest.raises(OSError, match="Broken pipe"):
            broken.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())


@pytest.fixture
def restored_signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def _is_gone(pid: int) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    return look
