"""The commands as processes: without a server, into a pipe that closes, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from giftcodes.models import Member
from tests.factories import gift_code, guild
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, "manage.py"]

#: The commands that need the database, with valid arguments.
COMMANDS = [
    ["check_provider", "simulator"],
    ["add_guild", "Wolves", "--provider", "simulator", "--realm", "1"],
    ["import_members", "-", "--guild", "Wolves"],
    ["poll_codes", "simulator"],
    ["redeem", "FROST", "--guild", "Wolves"],
    ["stop", "FROST", "--guild", "Wolves"],
    ["export_history"],
    ["backup"],
    ["status"],
    ["status", "--json"],
]


@pytest.fixture
def environment(transactional_db: None) -> dict[str, str]:
    """An environment with which a process uses the test's database."""
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return {
        **os.environ,
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DATABASE_POOL": "1",
    }


def manage(
    environment: dict[str, str], *words: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        **{"input": "", **options},
    )


def test_status_for_programs_is_json_and_nothing_else(environment: dict[str, str]) -> None:
    done = manage(environment, "status", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["redemptions"]["running"] == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_server_there_is_one_line_that_says_what_to_do(command: list[str]) -> None:
    done = manage({**os.environ, "DATABASE_URL": ""}, *command)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "CommandError: No server is running: start it with `make up`, or set DATABASE_URL."
    )
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_is_reported_after_the_first_attempt(
    environment: dict[str, str],
) -> None:
    done = manage(
        {**environment, "DATABASE_URL": "postgres://nobody:hidden@127.0.0.1:9/none"}, "status"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database does not answer (")
    assert (
        "Connection refused" in done.stderr
    )  # A pool would try again, and then say how long it has waited.
    assert "hidden" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_error_for_an_empty_database_says_to_migrate(environment: dict[str, str]) -> None:
    base = environment["DATABASE_URL"].rpartition("/")[0]

    done = manage({**environment, "DATABASE_URL": f"{base}/postgres"}, "status")

    assert done.returncode == 1
    assert (
        done.stderr == "CommandError: The database is not up to date: run `manage.py migrate`, "
        "or restart `make up`.\n"
    )


def test_members_can_be_imported_from_a_pipe(environment: dict[str, str]) -> None:
    guild("Wolves")

    done = manage(
        environment, "import_members", "-", "--guild", "Wolves", input="300000001\n300000002\n"
    )

    assert (done.returncode, done.stdout) == (0, "Imported 2, already there 0, bad 0.\n")
    assert Member.objects.count() == 2


def test_without_a_broker_there_is_a_warning_and_the_run_starts(
    environment: dict[str, str],
) -> None:
    guild("Wolves", members=1)
    gift_code("FROST")

    done = manage(
        {**environment, "REDIS_URL": "redis://127.0.0.1:9/0"},
        "redeem",
        "FROST",
        "--guild",
        "Wolves",
    )

    assert (done.returncode, done.stdout) == (0, "Started for guild Wolves with code FROST.\n")
    assert "The broker did not take a message; the next tick does the work." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_ends_quietly_if_the_reader_of_its_output_goes_away(
    environment: dict[str, str],
) -> None:
    guild("Wolves", members=5_000)
    done = manage(environment, "redeem", "FROST", "--guild", "Wolves")
    assert done.returncode == 0
    command = f"{sys.executable} manage.py export_history | head -n 2"

    piped = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert len(piped.stdout.splitlines()) == 2
    assert piped.stderr == ""


def test_ctrl_c_shows_no_traceback(environment: dict[str, str]) -> None:
    guild("Wolves", members=1)
    process = subprocess.Popen(
        [*MANAGE, "redeem", "FROST", "--guild", "Wolves", "--wait"],
        cwd=ROOT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process that a shell starts in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    while "0 of 1" not in process.stdout.readline():
        assert process.poll() is None

    process.send_signal(2)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 130
    assert "No longer waiting. The run goes on" in said
    assert "Traceback" not in said


@pytest.fixture
def on_terminal(environment: dict[str, str]) -> Callable[..., str]:
    """Run a command on a terminal, and return its output."""

    def on_terminal(*words: str, **more: str) -> str:
        ours, theirs = pty.openpty()
        env = {**environment, "TERM": "xterm-256color", "COLUMNS": "160", **more}
        process = subprocess.Popen(
            [*MANAGE, *words],
            cwd=ROOT,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            close_fds=True,
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65_536):
                shown += chunk
        except OSError:  # Reading a terminal at its end is an error.
            pass
        finally:
            os.close(ours)
            process.wait(PATIENCE_SECONDS)
        return shown.decode()

    return on_terminal


def test_a_terminal_shows_tables_and_colours(on_terminal: Callable[..., str]) -> None:
    shown = on_terminal("status")

    assert "┃" in shown
    assert "\x1b[" in shown
    assert "Simulator" in shown


def test_if_the_variable_no_color_is_set_a_terminal_shows_no_colours(
    on_terminal: Callable[..., str],
) -> None:
    shown = on_terminal("status", NO_COLOR="1")

    assert "┃" in shown
    assert "\x1b[3" not in shown  # Foreground colours.
    assert "\x1b[9" not in shown


def test_a_guilds_name_is_never_markup(on_terminal: Callable[..., str]) -> None:
    guild("[red]Wolves[/nothing]", members=1)
    on_terminal("redeem", "FROST", "--guild", "[red]Wolves[/nothing]")

    assert "[red]Wolves[/nothing]" in on_terminal("status")
