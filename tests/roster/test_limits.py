"""A small file that would take much time or memory to read is refused early, with advice."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from giftcodes.domain import limited_process
from giftcodes.roster import (
    UnreadableListError,
    limits,
    masks,
    names,
    parse,
    turns,
    workbook,
    workbook_reader,
)
from giftcodes.roster.workbook_reader import Budget, Exceeded, Refused, csv_of
from tests.member_lists import members_in, read_members
from tests.roster import bombs
from tests.waiting import PATIENCE_SECONDS, wait_for

#: Runs a command and reports how much memory it took. If the tests started the command themselves,
#: the memory of their own large process would count as memory of the command.
_MEASURE = """
import json, resource, subprocess, sys
status = subprocess.run(json.loads(sys.argv[1])).returncode
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
sys.stderr.write(json.dumps([status, most * 1024]))
"""


def budget(**changed: int) -> Budget:
    all_limits = {**asdict(limits.LIMITS), **asdict(workbook.ARCHIVE), **changed}
    return Budget(**{name: all_limits[name] for name in Budget.__slots__})


def answer_of(data: bytes, **changed: int) -> tuple[int, dict[str, str], int]:
    """Status, answer and bytes of memory of the process that reads a workbook."""
    of_process = {name: changed.pop(name) for name in asdict(workbook.PROCESS) if name in changed}
    command = limited_process.command(
        workbook.READER,
        json.dumps({**json.loads(workbook.budget()), **changed}),
        replace(workbook.PROCESS, **of_process),
    )
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, json.dumps(command)],
        input=data,
        capture_output=True,
        check=True,
    )
    status, memory = json.loads(done.stderr)
    return status, json.loads(done.stdout) if done.stdout else {}, memory


# --- Workbooks ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "limit", "changed"),
    [
        (bombs.long_string_in_each_row, "characters", {}),
        (bombs.empty_rows, "marks", {}),
        (lambda: bombs.empty_rows(5_001), "lines", {"lines": 5_000}),
        (bombs.rows_far_below, "lines", {}),
        (bombs.wide_rows, "columns", {}),
        (bombs.many_cells_in_a_row, "marks", {}),
        (bombs.many_strings, "marks", {}),
        (bombs.many_styles, "other_marks", {}),
        (bombs.one_huge_part, "unpacked", {}),
        (lambda: bombs.honest_workbook(200), "rows", {"rows": 200}),
    ],
    ids=[
        "one long string in each row",
        "empty rows",
        "fewer empty rows",
        "a row far below",
        "wide rows",
        "a row of many cells",
        "many strings",
        "many styles",
        "a huge part",
        "too many members",
    ],
)
def test_a_workbook_that_is_too_large_inside_is_refused_by_the_limit_that_it_exceeds(
    make: Callable[[], bytes], limit: str, changed: dict[str, int]
) -> None:
    data = make()

    with pytest.raises(Exceeded, match=f"^{limit}$"):
        csv_of(data, budget(**changed))

    status, answer, memory = answer_of(data, **changed)
    assert (status, answer) == (0, {"exceeded": limit})
    assert memory < 150_000_000
    with pytest.raises(UnreadableListError, match=r"Copy|Keep only|Split"):
        workbook._answer(status, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("make", "reason", "words"),
    [
        (bombs.sheets_of_one_part, "large", "Copy the list into a new workbook"),
        (lambda: bombs.workbook("<row/>", sheets=101), "large", "Copy the list"),
        (bombs.many_merged_cells, "large", "Copy the list"),
        (bombs.encrypted, "password", "Save it without one"),
        (bombs.nested, "not_xlsx", "save it as CSV"),
        (bombs.lying_about_its_size, "unreadable", "save it again"),
        (lambda: bombs.workbook("<row/>", compression=14), "unreadable", "save it again"),
    ],
    ids=[
        "sheets of one part",
        "too many sheets",
        "too many merged cells",
        "a password",
        "a workbook in an archive",
        "a part that lies about its size",
        "another compression",
    ],
)
def test_a_workbook_that_cannot_be_used_is_refused_early(
    make: Callable[[], bytes], reason: str, words: str
) -> None:
    data = make()

    with pytest.raises(Refused, match=reason):
        csv_of(data, budget())

    with pytest.raises(UnreadableListError, match=words):
        read_members(data)


def test_the_rows_of_all_sheets_count_together() -> None:
    left = budget()

    assert csv_of(bombs.workbook("<row/>" * 10, sheets=3), left) == ""

    assert left.lines == limits.LIMITS.lines - 10
    assert left.rows == limits.LIMITS.rows


def test_an_archive_with_64_bit_sizes_is_read() -> None:
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(bombs.honest_workbook(3))) as old,
        zipfile.ZipFile(written, "w") as new,
    ):
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as part:
                part.write(old.read(name))

    assert len(read_members(written.getvalue()).members) == 3


def test_parts_that_are_not_needed_are_not_unpacked() -> None:
    pictures = {"xl/media/image1.png": b"x" * 30_000_000, "docProps/core.xml": b"<" * 2_000_000}

    left = budget()
    text = csv_of(bombs.workbook("<row><c><v>123456789</v></c></row>", more=pictures), left)

    assert text == "123456789\n"
    assert left.unpacked > workbook.ARCHIVE.unpacked - 10_000


def test_an_honest_workbook_needs_a_small_part_of_the_limits() -> None:
    left = budget()

    csv_of(bombs.honest_workbook(2_000), left)

    whole = budget()
    for name in ("lines", "characters", "unpacked", "marks"):
        assert getattr(left, name) > 0.9 * getattr(whole, name), name
    assert len(read_members(bombs.honest_workbook(2_000)).members) == 2_000


@pytest.mark.slow
def test_the_largest_honest_workbook_is_within_the_limits() -> None:
    assert len(read_members(bombs.honest_workbook(limits.LIMITS.rows - 1)).members) == 19_999


def test_a_deep_document_ends_only_the_process_that_reads_it() -> None:
    with pytest.raises(UnreadableListError, match="workbook"):
        read_members(bombs.deep_elements())


# --- The process ----------------------------------------------------------------------------------
def test_the_process_has_no_more_memory_than_its_limit() -> None:
    data = bombs.one_huge_part(200_000_000)

    status, answer, memory = answer_of(data, unpacked=10**9, memory_bytes=120_000_000)

    assert (status, answer) == (0, {"refused": "large"})
    assert memory < 120_000_000


def test_the_process_ends_when_its_processor_time_is_used_up() -> None:
    data = bombs.many_cells_in_a_row()
    more = {"marks": 10**9, "memory_bytes": 10**10, "wall_seconds": 1_000}

    status, _answer, _memory = answer_of(data, **more, cpu_seconds=1)

    assert status in (-signal.SIGXCPU, -signal.SIGKILL)


def test_the_process_ends_in_time_even_if_its_parent_does_not_end_it() -> None:
    command = limited_process.command(
        workbook.READER, workbook.budget(), replace(workbook.PROCESS, wall_seconds=1)
    )

    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == -signal.SIGALRM


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that is run in place of the reader."""
    path = tmp_path / "reader.py"
    monkeypatch.setattr(workbook, "READER", path)
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started."""
    found: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return found


def test_the_process_gets_no_secrets(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for others")
    program.write_text(
        "import json, os, sys\n"
        "files = os.listdir('/proc/self/fd')\n"
        "found = {'environment': dict(os.environ), 'path': sys.path, 'files': files}\n"
        "print(json.dumps({'csv': json.dumps(found)}))\n"
    )

    found = json.loads(workbook.csv_of_workbook(b""))

    assert set(found["environment"]) <= {"LANG", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert str(Path.cwd()) not in found["path"]
    assert str(program.parent) not in found["path"], "its modules have common names"
    assert len(found["files"]) == 4, "standard streams, and the listing itself"


def test_a_process_that_hangs_is_killed(
    program: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "PROCESS", replace(workbook.PROCESS, wall_seconds=1))
    program.write_text("import time\ntime.sleep(1_000)\n")

    with pytest.raises(UnreadableListError, match=r"took too long\. Save the list as CSV"):
        workbook.csv_of_workbook(b"")

    assert started[0].returncode == -signal.SIGKILL


def test_the_process_is_killed_when_its_request_ends(
    program: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_text("import time\ntime.sleep(1_000)\n")

    def interrupted(*_args: Any, **_options: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(SystemExit):
        workbook.csv_of_workbook(b"")

    assert started[0].returncode == -signal.SIGKILL
    assert workbook._turn.acquire(blocking=False)
    workbook._turn.release()


def test_one_workbook_is_read_at_a_time(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "WAIT_SECONDS", 0.01)

    with workbook._turn, pytest.raises(UnreadableListError, match="Wait a minute"):
        read_members(bombs.honest_workbook(1))

    assert not started
    assert read_members(bombs.honest_workbook(1)).members


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGALRM)", "took too long"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "too large"),
        ("import os\nos.abort()", "cannot be read"),
        ("raise ImportError", "cannot be read"),
        ("print('x')", "cannot be read"),
    ],
)
def test_if_the_process_crashes_the_workbook_counts_as_unreadable(
    program: Path, content: str, words: str
) -> None:
    program.write_text(content)

    with pytest.raises(UnreadableListError, match=words):
        workbook.csv_of_workbook(b"")


def test_if_the_process_cannot_start_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")

    with pytest.raises(UnreadableListError, match="Save the list as CSV"):
        read_members(bombs.honest_workbook(1))


def test_the_reader_imports_nothing_of_the_application() -> None:
    code = (
        "import runpy, sys\n"
        f"runpy.run_path({workbook_reader.__file__!r}, run_name='reader')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('giftcodes', 'django')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)

    assert done.stdout == "[]\n", done.stderr


# --- Time -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "unit",
    [
        "123.456,789'",
        "123 ",
        "1.2 345 678.9 ",
        "1k ",
        "power 1.",
        "1,",
        "+1 ",
        "1/2/",
        "10:10 ",
        "a@b.",
        "state #",
        "1王国",
        "today ",
        "a, ",
        "_",
    ],
)
def test_the_time_for_a_line_grows_no_faster_than_its_length(unit: str) -> None:
    """If the time grew with the square, sixteen times the length would take 256 times the time."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        readers = [
            masks.without_links,
            masks.without_phones,
            masks.without_times,
            masks.without_amounts,
            masks.realms,
            names.number_after,
        ]
        taken = []
        for _time in range(3):
            before = time.thread_time()
            for read in readers:
                read(text)
            taken.append(time.thread_time() - before)
        return min(taken)

    assert seconds(16_000) < 100 * seconds(1_000)


@pytest.mark.parametrize("unit", ["(", "[<", "“]", "`*"])
def test_a_piece_with_many_signs_around_it_is_trimmed_a_limited_number_of_times(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim, trimmed = names._without_pair, []

    def counted(text: str) -> str:
        trimmed.append(text)
        return trim(text)

    monkeypatch.setattr(names, "_without_pair", counted)
    names.clean_piece(unit * 200)

    assert len(trimmed) <= 2 * names._MOST_TRIMMED < 100


def test_an_amount_in_a_long_number_is_found_where_it_begins() -> None:
    for text, amount in {
        "a1.5K": "5K",
        "1.234 567K": "234 567K",
        "1 234 567.5K": "567.5K",
        "1 234 5678 kills": "5678 kills",
        "12 345 678 power": "12 345 678 power",
        "1.234.567%": "1.234.567%",
    }.items():
        expected = text.replace(amount, masks.MASK * len(amount))
        assert masks.without_amounts(text) == expected


# --- Turns ----------------------------------------------------------------------------------------
LONG = "x" * (turns.SHORT + 1)


def test_a_second_long_text_of_a_guild_is_refused_and_short_ones_are_read() -> None:
    with (
        turns.turn_to_read(LONG, 1),
        turns.turn_to_read("x", 1),
        pytest.raises(UnreadableListError, match="Another long list of this guild"),
        turns.turn_to_read(LONG, 1),
    ):
        pass
    with turns.turn_to_read(LONG, 1):
        pass


def test_long_texts_of_other_guilds_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.01)
    with (
        turns.turn_to_read(LONG, 1),
        pytest.raises(UnreadableListError, match="reading other lists"),
        turns.turn_to_read(LONG, 2),
    ):
        pass
    with turns.turn_to_read(LONG, 2):
        pass


def test_few_long_texts_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 0)
    monkeypatch.setattr(turns, "WAIT_SECONDS", PATIENCE_SECONDS)
    with (
        turns.turn_to_read(LONG, 1),
        pytest.raises(UnreadableListError, match="reading other lists"),
        turns.turn_to_read(LONG, 2),
    ):
        pass


# --- Texts ----------------------------------------------------------------------------------------
def test_too_many_lines_are_refused_before_they_are_separated() -> None:
    with pytest.raises(UnreadableListError, match="more than 50,000 lines, empty ones included"):
        members_in("\n" * 50_001)
    assert members_in("123456789" + "\r\n" * 50_000).members


def test_too_many_members_are_refused() -> None:
    text = "\n".join(str(number) for number in range(100_000_000, 100_020_001))

    with pytest.raises(UnreadableListError, match=r"more than 20,000 members\. Split it"):
        members_in(text)


@pytest.mark.parametrize("names", ["column", "123456789"])
def test_too_many_columns_are_refused(names: str) -> None:
    line = ",".join([names] * 300_000)

    with pytest.raises(UnreadableListError, match=r"more than 256 columns\. Keep only"):
        members_in(line)


def test_empty_columns_do_not_count() -> None:
    assert members_in("id" + "," * 20_000 + "\n123456789" + "," * 20_000).members


def test_unclosed_quotation_marks_are_not_read_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []

    class Counted:
        def sub(self, _by: str, line: str) -> str:
            read.append(len(line))
            return line

    monkeypatch.setattr(parse, "_SPACE_AFTER_QUOTE", Counted())
    text = 'a","\n' * 40_000

    with pytest.raises(UnreadableListError, match="too many quotation marks"):
        members_in(text)
    assert sum(read) < 2 * limits.LIMITS.rereading


def test_a_quotation_mark_joins_at_most_a_hundred_lines() -> None:
    inside = "\n".join(str(number) for number in range(200_000_000, 200_000_150))

    listed = members_in(f'id;name\n123456789;"Amber\n{inside}"\n')

    assert [bad.line for bad in listed.bad] == [2]
    assert len(listed.members) == 150


@pytest.mark.parametrize(
    "cell",
    [
        "a" + " " * 100_000 + "b",
        "\N{MAN}\u200d" * 30_000,
        "\U000e0041" * 100_000,
        "a" + "\u0327\u0301" * 50_000,
    ],
    ids=["spaces", "joiners", "tags", "marks"],
)
def test_a_very_long_nickname_is_refused_before_it_is_cleaned(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cleaned(text: str) -> str:
        assert len(text) <= limits.LIMITS.cell
        return text

    monkeypatch.setattr("giftcodes.roster.cells.clean_name", cleaned)

    listed = members_in(f"123456789;Amber\n234567890;{cell}\n")

    assert [member.player_id for member in listed.members] == ["123456789"]
    assert "characters; 80 are allowed" in str(listed.bad[0])


@pytest.mark.parametrize("column", ["id", "realm", "consented"])
def test_a_long_number_is_refused(column: str) -> None:
    cells = {"id": "123456789", "realm": "1042", "consented": "2026-05-01"}
    cells[column] = "1." + "1" * 100_000 + "x"

    listed = members_in("id;realm;consented\n" + ";".join(cells.values()))

    assert not listed.members
    assert len(str(listed.bad[0])) < 200


def test_only_two_workbooks_wait_and_others_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each workbook that waits holds up a thread of the site."""
    go, seconds = threading.Event(), 60.0
    monkeypatch.setattr(workbook, "WAIT_SECONDS", seconds)

    def read(*_arguments: Any) -> tuple[int, bytes]:
        go.wait(seconds)
        return 0, json.dumps({"csv": "300000001"}).encode()

    monkeypatch.setattr(limited_process, "run", read)
    with ThreadPoolExecutor(3) as pool:
        read_or_wait = [pool.submit(workbook.csv_of_workbook, b"") for _ in range(3)]
        wait_for(lambda: workbook._places._value == 0, "three workbooks to be read or to wait")
        try:
            for _ in range(5):
                with pytest.raises(UnreadableListError, match="Wait a minute"):
                    workbook.csv_of_workbook(b"")
            assert not any(one.done() for one in read_or_wait)
        finally:
            go.set()
        assert [one.result(seconds) for one in read_or_wait] == ["300000001"] * 3
    assert workbook.csv_of_workbook(b"") == "300000001"
