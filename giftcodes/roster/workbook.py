"""Convert an Excel workbook to CSV text, in a separate process with little memory and time.

A workbook is a compressed archive of XML: a few kilobytes can describe gigabytes, and libraries
set no limit when they read it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain import limited_process, log_lines
from giftcodes.domain.limited_process import TOO_MUCH, ProcessLimits
from giftcodes.roster.limits import LIMITS, too_much
from giftcodes.roster.values import UnreadableListError


@dataclass(frozen=True, slots=True)
class Archive:
    """The limits of a workbook as an archive. The files in the archive are its parts.

    Args:
        unpacked: bytes in the needed parts, after unpacking.
        marks: XML tags in the needed parts. A workbook of 20,000 members has about 600,000.
        other_marks: XML tags in those needed parts that have no cells, such as the styles.
    """

    unpacked: int = 20_000_000
    marks: int = 1_000_000
    other_marks: int = 100_000


ARCHIVE = Archive()
PROCESS = ProcessLimits()
#: How long a workbook waits for the one that is being read. There is one process at a time.
WAIT_SECONDS = 5.0
#: How many workbooks may wait at the same time. Each holds a thread of the site.
MOST_WAITING = 2

READER = Path(__file__).with_name("workbook_reader.py")
_TOO_LARGE = _("This workbook is too large. Copy the list into a new workbook, and save that.")
_UNREADABLE = _("This workbook cannot be read. Open it and save it again as xlsx, or as CSV.")
_REFUSED = {
    "large": _TOO_LARGE,
    "not_xlsx": _(
        "This is an archive, or a workbook that is not xlsx. Open it and save it as CSV."
    ),
    "password": _("This workbook has a password. Save it without one, or as CSV."),
    "unreadable": _UNREADABLE,
}
_TOO_SLOW = _(
    "Reading this workbook took too long. Save the list as CSV, and import that; or wait a minute, "
    "and import this workbook again."
)
_BUSY = _("The server is reading other workbooks. Wait a minute, and import this one again.")
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
        raise UnreadableListError(str(_BUSY))
    try:
        status, output = _run_in_turn(data)
    except OSError as error:
        log_lines.warning(f"The process that reads workbooks did not start: {error.strerror}.")
        raise UnreadableListError(
            gettext("The server cannot read workbooks now. Save the list as CSV, and import that.")
        ) from error
    finally:
        _places.release()
    text = _answer(status, output)
    if not text:
        raise UnreadableListError(gettext("The workbook is empty."))
    return text


def _run_in_turn(data: bytes) -> tuple[int, bytes]:
    """Wait for the workbooks before this one, and run the process.

    Raises:
        OSError: it cannot be started.
        UnreadableListError: the wait, or the process, took too long.
    """
    if not _turn.acquire(timeout=WAIT_SECONDS):
        raise UnreadableListError(str(_BUSY))
    try:
        return limited_process.run(READER, budget(), data, PROCESS)
    except subprocess.TimeoutExpired as error:
        raise UnreadableListError(str(_TOO_SLOW)) from error
    finally:
        _turn.release()


def budget() -> str:
    """The argument of the program: how much it may read."""
    return json.dumps({**asdict(LIMITS), **asdict(ARCHIVE)})


def _answer(status: int, output: bytes) -> str:
    if status == -signal.SIGALRM:
        raise UnreadableListError(str(_TOO_SLOW))
    if -status in TOO_MUCH:
        raise UnreadableListError(str(_TOO_LARGE))
    if status > 0:
        log_lines.warning(f"The process that reads workbooks failed with status {status}.")
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:  # It crashed.
        raise UnreadableListError(str(_UNREADABLE)) from error
    if limit := answer.get("exceeded"):
        raise too_much(limit) if limit in asdict(LIMITS) else UnreadableListError(str(_TOO_LARGE))
    if reason := answer.get("refused"):
        raise UnreadableListError(str(_REFUSED[reason]))
    return str(answer["csv"])
