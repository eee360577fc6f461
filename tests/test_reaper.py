"""A test run that is interrupted or killed leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from redeemer.localserver.home import REPOSITORY
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

_TESTS = """
import subprocess, sys, time
from pathlib import Path

GRANDCHILD = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(600)"
CHILD = (
    "import subprocess, sys, time; "
    "subprocess.Popen([sys.executable, '-c', *sys.argv[1:]], start_new_session=True); "
    "time.sleep(600)"
)

def _start(name):
    command = [sys.executable, "-c", CHILD, GRANDCHILD, str(Path(__file__).with_name(name))]
    subprocess.Popen(command, start_new_session=True)
    time.sleep(600)

def test_one():
    _start("one")

def test_two():
    _start("two")
"""
_VARIABLE = "REAPER_TEST"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of the database can reach."""
    with tempfile.TemporaryDirectory(prefix="redeemer-reaper-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("number", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)]
)
def test_a_run_that_ends_early_leaves_no_process_behind(
    folder: Path, number: signal.Signals, to_all: bool
) -> None:
    tests, token = folder / "test_sleepers.py", uuid.uuid4().hex
    tests.write_text(_TESTS)
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            "pyproject.toml",
            "-p",
            "xdist",
            "-n",
            "2",
            str(tests),
        ],
        cwd=REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            _VARIABLE: token,
            "TMPDIR": str(folder),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # If a shell runs this test in the background, the test and its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: all((folder / name).exists() for name in ("one", "two")), "both tests to run")
    before = psutil.Process(run.pid).children(recursive=True)
    names = [process.name() for process in before]

    if to_all:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    run.wait()

    wait_for(lambda: not _alive(before, token), "the processes to end")
    assert {"postgres", "valkey-server"} <= set(names)
    # The reaper, two workers, and two processes of each test.
    assert sum("python" in name or "pytest" in name for name in names) >= 7, names


def _alive(before: list[psutil.Process], token: str) -> list[psutil.Process]:
    """The living ones of these processes, and all living processes with this token."""
    return [
        process
        for process in [*before, *psutil.process_iter()]
        if _is_alive(process, token, before)
    ]


def _is_alive(process: psutil.Process, token: str, before: list[psutil.Process]) -> bool:
    try:
        is_ours = process in before or process.environ().get(_VARIABLE) == token
        return is_ours and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
