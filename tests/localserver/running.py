"""`manage.py up` as a process, for tests from the outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from redeemer.games import GAMES
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port
from tests.waiting import PATIENCE_SECONDS

_GAMES = tuple(game.setting("") for game in GAMES)
_OURS = ("DATABASE_", "REDIS_", "SECRET_KEY", *_GAMES, "PYTEST_", "DJANGO_")
_START_SECONDS = 300.0


@contextmanager
def fresh_home() -> Iterator[Path]:
    """A folder that any user can reach, as /srv would be; removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="redeemer-up-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_user(uid: int, work: Callable[[], str]) -> str:
    """Call `work` in a process of the user `uid`. Returns its result, or the error that it raises.

    The process is a fork, because another user may have no access to this Python and could not
    start it.
    """
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(pid, 0)
    return said


def environment_for(home: Path, port: int) -> dict[str, str]:
    """The environment of a start for which only a home and a port are set."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    # Empty values override the developer's .env.
    nothing = dict.fromkeys(
        ("DATABASE_URL", "REDIS_URL", *(game.setting("SALT") for game in GAMES)), ""
    )
    return mine | nothing | {"REDEEMER_HOME": str(home), "PORT": str(port)}


def run_up(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run `make up` in a case in which it cannot start, and wait for its end."""
    return manage(["up"], environment_for(home, port))


def manage(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Up:
    """A running `make up`."""

    def __init__(self, home: Path, **settings: str) -> None:
        """Start `make up` with these settings, and wait until it reports that it runs."""
        self.home = home
        self.port = pick_port()
        self.environment = environment_for(home, self.port) | settings
        self._log = home.with_name(home.name + f"-{self.port}.out")
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._seen = list[psutil.Process]()
        self.wait_for(lambda: "Redeemer is running" in self.output, seconds=_START_SECONDS)

    @property
    def output(self) -> str:
        """The output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def supervisor(self) -> psutil.Process:
        """The process that was started."""
        return psutil.Process(self._process.pid)

    def descendants(self) -> list[psutil.Process]:
        """The children of `make up`, and their children."""
        return self.supervisor().children(recursive=True)

    def child(self, words: str) -> psutil.Process:
        """The first descendant whose command line has these words, separated by spaces."""
        return next(found for found in self.descendants() if words in " ".join(found.cmdline()))

    def has_child(self, words: str) -> bool:
        """Whether there is such a descendant."""
        return any(words in " ".join(found.cmdline()) for found in self.descendants())

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a condition holds. `make up` must not end meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, f"Waited {seconds:g} s. {self.output}"
            time.sleep(0.1)

    def end(self, number: signal.Signals) -> int:
        """Send `make up` a signal, and wait for its end. Returns its exit status."""
        self._seen = self.descendants()
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_SECONDS)

    def survivors(self, *, seconds: float) -> list[psutil.Process]:
        """The descendants that still run this long after `end`."""
        deadline = time.monotonic() + seconds
        while (
            alive := [found for found in self._seen if _is_alive(found)]
        ) and time.monotonic() < deadline:
            time.sleep(0.1)
        return alive

    def clean_up(self) -> None:
        """End `make up`, if the test has not."""
        if self._process.poll() is None:
            self.end(signal.SIGTERM)
        self._log.unlink(missing_ok=True)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
