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

from redeemer.localserver.child import Program
from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError, StopAskedError
from redeemer.localserver.spawn import spawn_with_parent_death_signal
from redeemer.localserver.stop_request import StopRequest
from redeemer.localserver.supervisor import Supervisor
from tests.waiting import PATIENCE_SECONDS

_PATIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))
print('here', flush=True)
time.sleep(600)
"""
_STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"


class Stage:
    """A supervisor, and what it has said."""

    def __init__(self) -> None:
        self.said = io.StringIO()
        self.console = Console(self.said)
        self.request = StopRequest()
        self.supervisor = Supervisor(self.console, self.request)

    def program(
        self, name: str, source: str, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> Program:
        def launch(output: int) -> subprocess.Popen[bytes]:
            return spawn_with_parent_death_signal(
                [sys.executable, "-c", source], environment={}, folder=Path("/"), output=output
            )

        return Program(
            name=name,
            launch=launch,
            sink=self.console.sink(name),
            patience_seconds=patience_seconds,
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
    found.request.insisted = True
    found.supervisor.stop()


def test_the_last_stage_is_ended_first(stage: Stage) -> None:
    for name in ("database", "worker", "clock"):
        stage.supervisor.start(stage.program(name, _PATIENT))
        stage.wait_for(f"{name} here")

    stage.supervisor.stop()

    assert stage.lines()[-3:] == ["clock bye", "worker bye", "database bye"]


def test_who_does_not_end_is_killed_when_patience_is_over(stage: Stage) -> None:
    (child,) = stage.supervisor.start(stage.program("stubborn", _STUBBORN, patience_seconds=0.3))
    stage.wait_for("stubborn here")

    stage.supervisor.stop()

    assert child.process is None


def test_who_insists_does_not_wait(stage: Stage) -> None:
    (child,) = stage.supervisor.start(
        stage.program("stubborn", _STUBBORN, patience_seconds=PATIENCE_SECONDS)
    )
    stage.wait_for("stubborn here")
    stage.request.insisted = True
    begun = time.monotonic()

    stage.supervisor.stop()

    assert child.process is None
    assert time.monotonic() - begun < PATIENCE_SECONDS


def test_who_dies_is_started_again_with_all_last_words_shown(stage: Stage) -> None:
    stage.supervisor.start(stage.program("weak", "print('last words'); raise SystemExit(3)"))

    stage.wait_for("weak last words", times=2)

    assert "up weak ended with status 3; it is started again in 0.5 s." in stage.lines()


def test_what_it_has_started_itself_ends_with_it(stage: Stage) -> None:
    source = "import subprocess; print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)"
    assert stage.supervisor.run_once(stage.program("parent", source)) == 0

    grandchild = int(stage.lines()[0].split()[1])
    stage.supervisor.wait_for(
        _is_gone(grandchild), seconds=PATIENCE_SECONDS, what="The grandchild did not end"
    )


def test_a_wait_that_takes_too_long_says_for_what(stage: Stage) -> None:
    with pytest.raises(CannotStartError, match="The site does not answer within 0 s"):
        stage.supervisor.wait_for(lambda: False, seconds=0, what="The site does not answer")


def test_a_request_to_stop_ends_a_command_that_is_under_way(
    stage: Stage, restored_signals: None
) -> None:
    stage.request.listen()
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StopAskedError):
        stage.supervisor.run_once(stage.program("long", _PATIENT, patience_seconds=0.1))


def test_the_same_ctrl_c_twice_is_not_insisting(restored_signals: None) -> None:
    request = StopRequest()
    request.listen()

    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)

    assert request.asked
    assert not request.insisted


def test_a_reader_who_goes_away_stops_nobody() -> None:
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
