"""The database starts from whatever a kill leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from redeemer.localserver import leftovers, ports
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.server import wait_until_ready
from tests.localserver.running import fresh_home
from tests.waiting import PATIENCE_SECONDS, wait_for


def _postgres(home: Path) -> Postgres:
    return Postgres(home, port=ports.pick(), password="only-for-tests", settings=THROW_AWAY)


def _started(postgres: Postgres) -> subprocess.Popen[bytes]:
    postgres.prepare()
    log = postgres.place / "log"
    with log.open("ab") as output:
        process = postgres.launch(output)
    try:
        wait_until_ready(postgres, lambda: process.poll() is None, log)
    except CannotStartError:
        process.kill()
        process.wait()
        raise
    return process


@contextmanager
def _running(postgres: Postgres) -> Iterator[subprocess.Popen[bytes]]:
    process = _started(postgres)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)


def _wait_until(pid: int, *, state: str) -> None:
    wait_for(lambda: psutil.Process(pid).status() == state, f"process {pid} to be {state}")


def test_it_starts_while_the_old_server_still_has_its_number_although_it_is_dead() -> None:
    """Where its parent does not take note of its end, as in many containers, that stays so."""
    with fresh_home() as home:
        dead = _started(_postgres(home))
        for process in [
            psutil.Process(dead.pid),
            *psutil.Process(dead.pid).children(recursive=True),
        ]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_until(dead.pid, state=psutil.STATUS_ZOMBIE)

        with _running(_postgres(home)) as process:
            assert process.poll() is None
        dead.wait()


def test_it_ends_what_works_in_its_data_without_a_server() -> None:
    """A connection in the middle of a long question does not notice that its server is gone."""
    with fresh_home() as home:
        first = _postgres(home)
        process = _started(first)
        connection = psycopg.connect(first.url, autocommit=True)
        busy = psutil.Process(connection.info.backend_pid)
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
        _wait_until(busy.pid, state=psutil.STATUS_RUNNING)
        process.kill()
        process.wait()
        survived = busy.is_running()

        with _running(_postgres(home)) as process:
            assert process.poll() is None
        assert survived
        assert not busy.is_running() or busy.status() == psutil.STATUS_ZOMBIE
        connection.close()


def test_a_data_folder_that_is_half_made_is_made_again() -> None:
    with fresh_home() as home:
        postgres = _postgres(home)
        (postgres.place / "postgres.part" / "base").mkdir(parents=True)
        (postgres.place / "postgres.part" / "PG_VERSION").write_text("18\n")
        (postgres.place / "postgres.password").write_text("left behind")
        postgres.data.mkdir(exist_ok=True)

        with _running(postgres):
            assert not (postgres.place / "postgres.part").exists()
            assert not (postgres.place / "postgres.password").exists()


def test_a_folder_that_may_have_been_a_database_is_left_alone_with_a_line_that_says_what_to_do() -> (
    None
):
    with fresh_home() as home:
        postgres = _postgres(home)
        (postgres.data / "base").mkdir(parents=True)

        with pytest.raises(
            CannotStartError, match=r"it has no PG_VERSION.*move it away"
        ) as refusal:
            postgres.prepare()

        assert "\n" not in str(refusal.value)
        assert (postgres.data / "base").is_dir()
        assert not (postgres.place / "postgres.part").exists()


def test_the_number_of_a_dead_process_that_is_still_taken_is_forgotten(tmp_path: Path) -> None:
    dead = subprocess.Popen(["/bin/true"])
    _wait_until(dead.pid, state=psutil.STATUS_ZOMBIE)
    (tmp_path / "pid").write_text(f"{dead.pid}\n")

    leftovers.end(tmp_path / "pid", mark="x", polite=signal.SIGTERM, firm=signal.SIGQUIT)

    assert not (tmp_path / "pid").exists()
    dead.wait()


def test_a_frozen_server_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_PATIENCE_SECONDS", 0.3)
    frozen = subprocess.Popen(["/bin/sleep", "600.125"])
    wait_for(lambda: "600.125" in leftovers.command_line(frozen.pid), "its command line")
    os.kill(frozen.pid, signal.SIGSTOP)
    _wait_until(frozen.pid, state=psutil.STATUS_STOPPED)
    (tmp_path / "pid").write_text(f"{frozen.pid}\n")
    try:
        leftovers.end(tmp_path / "pid", mark="600.125", polite=signal.SIGINT, firm=signal.SIGQUIT)

        assert frozen.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    finally:
        frozen.kill()
        frozen.wait()
