"""Programs that are started as copies of a process. A small process of its own makes the copies."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from redeemer.localserver.home import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Copies are made on Linux only.")

_START = """
import os, signal, sys, threading, time
from pathlib import Path
from redeemer.localserver import copies

def main():
    print(os.getcwd(), sys.argv[1:], sorted(os.environ), sys.stdin.read() == "")
    print("to stderr", file=sys.stderr)
    return 3

def forever():
    print("runs", flush=True)
    while True:
        time.sleep(0.1)

def failing():
    raise SystemExit("one line")

def start(run, folder, **environment):
    found = copies.Copies()
    found.load(environment)
    copy = found.start(
        run, command=[sys.executable, "-m", "program", "first", "second"],
        environment=environment, folder=Path(folder),
    )
    return copy

folder = sys.argv[1]
"""


def _run(folder: Path, script: str) -> str:
    """Run a script in a process that can make copies. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _START + textwrap.dedent(script), str(folder)],
        cwd=REPOSITORY,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    return os.environ | {"DATABASE_URL": "", "SECRET_KEY": "k" * 60, "PYTHONPATH": str(REPOSITORY)}


def test_a_copy_has_the_arguments_folder_environment_and_output_of_its_program(
    tmp_path: Path,
) -> None:
    said = _run(
        tmp_path,
        """
        copy = start(main, folder, HOME="/here", ONLY="this")
        said = copy.stdout.read().decode()
        while (status := copy.poll()) is None:
            time.sleep(0.01)
        print(said + f"status {status}")
        """,
    )

    assert said.splitlines() == [
        f"{tmp_path} ['first', 'second'] ['HOME', 'ONLY'] True",
        "to stderr",
        "status 3",
    ]


def test_a_message_of_a_program_that_cannot_start_is_its_output(tmp_path: Path) -> None:
    said = _run(
        tmp_path,
        """
        copy = start(failing, folder)
        print(copy.stdout.read().decode())
        while (status := copy.poll()) is None:
            time.sleep(0.01)
        print(f"status {status}")
        """,
    )

    assert said.split("\n") == ["one line", "", "status 1", ""]


def test_a_signal_ends_a_copy_although_the_first_process_handles_it(tmp_path: Path) -> None:
    said = _run(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, lambda *_: print("handled by the first"))
        copy = start(forever, folder)
        copy.stdout.readline()
        copy.send_signal(signal.SIGTERM)
        while (status := copy.poll()) is None:
            time.sleep(0.01)
        print(f"status {status}")
        copy.send_signal(signal.SIGTERM)
        """,
    )

    assert said == "status -15\n"


def test_a_copy_ends_when_the_first_process_is_killed(tmp_path: Path) -> None:
    script = """
        copy = start(forever, folder)
        copy.stdout.readline()
        print(copy.pid, flush=True)
        time.sleep(1000)
    """
    first = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _START + textwrap.dedent(script), str(tmp_path)],
        cwd=REPOSITORY,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    pid = int(first.stdout.readline())
    title = " ".join(psutil.Process(pid).cmdline()).rstrip()
    assert title == f"{sys.executable} -m program first second"

    first.kill()
    first.wait(PATIENCE_SECONDS)

    wait_for(lambda: not psutil.pid_exists(pid), "the copy to end")


def test_no_copy_is_made_while_another_thread_runs(tmp_path: Path) -> None:
    said = _run(
        tmp_path,
        """
        copies._OTHER_THREADS_SECONDS = 0.1
        goes_on = threading.Event()
        threading.Thread(target=goes_on.wait).start()
        print(start(main, folder))
        goes_on.set()
        print(start(main, folder) is not None)
        """,
    )

    assert said == "None\nTrue\n"


def test_no_copy_is_made_if_the_settings_cannot_be_read(tmp_path: Path) -> None:
    said = _run(tmp_path, "print(start(main, folder, REDEEM_THREADS='many'))")

    assert said == "None\n"
