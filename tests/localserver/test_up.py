"""`make up` as a user sees it, with real processes."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from redeemer.localserver.home import Home
from tests.localserver.running import Up, fresh_home, manage, run_up
from tests.localserver.test_machine import ANOTHER_PROJECT, LIBPQ, ODD_NAME
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A running `make up` in a folder with an odd name, started from another project's shell.

    The tests inspect it, and leave it running.
    """
    with fresh_home() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in (LIBPQ | ANOTHER_PROJECT).items():
            patch.setenv(name, value)
        running = Up(folder / ODD_NAME)
        try:
            yield running
        finally:
            running.clean_up()


def test_the_first_password_is_in_a_private_file_and_not_in_the_log(up: Up) -> None:
    password = Home(up.home).admin_password.read_text().strip()

    assert password not in up.output
    assert "admin-password" in up.output
    assert Home(up.home).admin_password.stat().st_mode & 0o777 == 0o600


def test_without_a_real_game_the_output_says_that_it_is_a_demo(up: Up) -> None:
    assert "DEMO" in up.output


def test_a_second_start_is_refused_with_the_address_of_the_first(up: Up) -> None:
    second = run_up(up.home, up.port)

    assert second.returncode == 1
    assert second.stdout == ""
    assert re.fullmatch(rf"Already running: http://127\.0\.0\.1:{up.port} .*\n", second.stderr)


def test_a_taken_port_is_reported_in_one_line(up: Up) -> None:
    with fresh_home() as home:
        other = run_up(home, up.port)

    assert other.returncode == 1
    assert other.stdout == ""
    assert re.fullmatch(rf"Port {up.port} is taken .*\n", other.stderr)


def test_other_commands_find_the_database_of_make_up(up: Up) -> None:
    assert manage(["migrate", "--check"], up.environment).returncode == 0


def test_the_workers_of_make_up_take_the_ticks_of_its_beat(up: Up) -> None:
    up.wait_for(lambda: manage(["pulse"], up.environment).returncode == 0)


def test_no_secret_is_in_a_command_line_or_the_log(up: Up) -> None:
    secrets = [
        value
        for name, value in _kept(up.home).items()
        if len(value) > 30 and name != "postgres_data"
    ]
    lines = [" ".join(process.cmdline()) for process in up.descendants()]

    assert len(secrets) >= 4
    assert [line for secret in secrets for line in [*lines, up.output] if secret in line] == []


def test_a_killed_child_is_started_again_and_a_line_says_so(up: Up) -> None:
    up.child("[celery beat]").kill()

    up.wait_for(lambda: "beat was ended by signal 9 (Killed); it is started again in" in up.output)
    up.wait_for(lambda: up.has_child("[celery beat]"))


def test_a_killed_database_comes_back_on_the_same_port(up: Up) -> None:
    up.child(f"-D {up.home / 'postgres'}").kill()

    up.wait_for(lambda: "postgresql was ended by signal 9" in up.output)
    up.wait_for(lambda: manage(["migrate", "--check"], up.environment).returncode == 0)


def test_after_sigkill_no_process_is_left_and_the_next_start_uses_the_same_data() -> None:
    with fresh_home() as home:
        first = Up(home)
        try:
            assert first.end(signal.SIGKILL) == -signal.SIGKILL
            assert first.survivors(seconds=PATIENCE_SECONDS) == []
        finally:
            first.clean_up()

        second = Up(home)
        try:
            assert Home(home).admin_password.read_text().strip() not in second.output
            assert second.end(signal.SIGTERM) == 0
            assert second.survivors(seconds=0) == []
            assert not Home(home).environment.exists()
        finally:
            second.clean_up()


def _kept(home: Path) -> dict[str, str]:
    return dict(json.loads(Home(home).secrets.read_text()))
