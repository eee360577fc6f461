"""Convert an Excel workbook to CSV text, in a separate process with little memory and time.

A workbook is a compressed archive of XML: a few kilobytes can describe gigabytes, and libraries
set no limit when they read it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giftcodes.domain import log_lines
from giftcodes.roster.limits import LIMITS, too_much
from giftcodes.roster.values import UnreadableListError


@dataclass(frozen=True, slots=True)
class Process:
    """The limits of the process that reads a workbook.

    Args:
        unpacked: bytes in the needed parts of the archive, after unpacking.
        marks: XML tags in the needed parts. A workbook of 20,000 members has about 600,000.
        other_marks: XML tags in those needed parts that have no cells, such as the styles.
        memory_bytes: the address space, of which the interpreter needs about 60 MB.
        cpu_seconds, wall_seconds: the time after which the process is killed.
    """

    unpacked: int = 20_000_000
    marks: int = 1_000_000
    other_marks: int = 100_000
    memory_bytes: int = 256_000_000
    cpu_seconds: int = 6
    wall_seconds: int = 15


PROCESS = Process()
#: How long a workbook waits for the one that is being read. There is one process at a time.
WAIT_SECONDS = 5.0
#: How many workbooks may wait at the same time. Each holds a thread of the site.
MOST_WAITING = 2

_READER = Path(__file__).with_name("workbook_reader.py")
#: The environment variables that the process gets: those that Python itself may need.
_ENVIRONMENT = ("LANG", "LD_LIBRARY_PATH")
_TOO_LARGE = "This workbook is too large. Copy the list into a new workbook, and save that."
_UNREADABLE = "This workbook cannot be read. Open it and save it again as xlsx, or as CSV."
_REFUSED = {
    "large": _TOO_LARGE,
    "not_xlsx": "This is an archive, or a workbook that is not xlsx. Open it and save it as CSV.",
    "password": "This workbook has a password. Save it without one, or as CSV.",
    "unreadable": _UNREADABLE,
}
_TOO_SLOW = (
    "Reading this workbook took too long. Save the list as CSV, and import that; or wait a minute, "
    "and import this workbook again."
)
_BUSY = "The server is reading other workbooks. Wait a minute, and import this one again."
#: Signals of the system that end the process when it needs too much time or memory.
_TOO_MUCH = (signal.SIGXCPU, signal.SIGKILL)
_turn = threading.Lock()
_places = threading.BoundedSemaphore(1 + MOST_WAITING)


def csv_of_workbook(data: bytes) -> str:
    """Read a workbook.

    Args:
        data: an xlsx file, strict or transitional. The sheet that opens first is read or, if it is
            empty, the next sheet with values. Cells that are merged vertically all have the value
            of the first.

    Returns:
        CSV text, in which the number of each line is that of its row in the sheet.

    Raises:
        UnreadableListError: it is not a workbook, is too large or is empty, or no process can read
            it now.
    """
    if not _places.acquire(blocking=False):
        raise UnreadableListError(_BUSY)
    try:
        status, output = _run_in_turn(data)
    except OSError as error:
        log_lines.warning(f"The process that reads workbooks did not start: {error.strerror}.")
        raise UnreadableListError(
            "The server cannot read workbooks now. Save the list as CSV, and import that."
        ) from error
    finally:
        _places.release()
    text = _answer(status, output)
    if not text:
        raise UnreadableListError("The workbook is empty.")
    return text


def command() -> list[str]:
    """The command that reads a workbook from its standard input."""
    return [sys.executable, "-I", str(_READER), json.dumps({**asdict(LIMITS), **asdict(PROCESS)})]


def _run_in_turn(data: bytes) -> tuple[int, bytes]:
    """Wait for the workbooks before this one, and run the process.

    Raises:
        OSError: it cannot be started.
        UnreadableListError: the wait, or the process, took too long.
    """
    if not _turn.acquire(timeout=WAIT_SECONDS):
        raise UnreadableListError(_BUSY)
    try:
        return _run(data)
    finally:
        _turn.release()


def _run(data: bytes) -> tuple[int, bytes]:
    """Run the process. Returns its exit status and output, after it has ended.

    Raises:
        OSError: it cannot be started.
        UnreadableListError: it took too long.
    """
    with subprocess.Popen(  # noqa: S603 - our own program
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            output, _errors = process.communicate(data, timeout=PROCESS.wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise UnreadableListError(_TOO_SLOW) from error
        finally:
            process.kill()
    return process.returncode, output


def _answer(status: int, output: bytes) -> str:
    if status == -signal.SIGALRM:
        raise UnreadableListError(_TOO_SLOW)
    if -status in _TOO_MUCH:
        raise UnreadableListError(_TOO_LARGE)
    if status > 0:
        log_lines.warning(f"The process that reads workbooks failed with status {status}.")
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:  # It crashed.
        raise UnreadableListError(_UNREADABLE) from error
    if limit := answer.get("exceeded"):
        raise too_much(limit) if limit in asdict(LIMITS) else UnreadableListError(_TOO_LARGE)
    if reason := answer.get("refused"):
        raise UnreadableListError(_REFUSED[reason])
    return str(answer["csv"])
