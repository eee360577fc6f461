"""The database starts in any state that SIGKILL can leave."""

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

from redeemer.localserver import leftovers
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.servers import pick_port, wait_until_ready
from tests.localserver.running import fresh_home
from tests.waiting import PATIENCE_SECONDS, wait_for


def _postgres(home: Path) -> Postgres:
    return Postgres(
        home,
        port=pick_port(),
        password="only-for-tests",
        owner_password="only-for-tests",
        settings=THROW_AWAY,
    )


def _started(postgres: Postgres) -> subprocess.Popen[bytes]:
    postgres.prepare()
    log = postgres.folder / "log"
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


def test_the_database_starts_while_the_old_server_is_a_zombie() -> None:
    """A dead server stays a zombie if its parent does not reap it, as in many containers."""
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


def test_a_start_ends_backends_whose_server_has_died() -> None:
    """The backend of a long query does not notice that its server has died."""
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


def test_an_unfinished_data_folder_is_made_again() -> None:
    with fresh_home() as home:
        postgres = _postgres(home)
        (postgres.folder / "postgres.part" / "base").mkdir(parents=True)
        (postgres.folder / "postgres.part" / "PG_VERSION").write_text("18\n")
        (postgres.folder / "postgres.password").write_text("left behind")
        postgres.data.mkdir(exist_ok=True)

        with _running(postgres):
            assert not (postgres.folder / "postgres.part").exists()
            assert not (postgres.folder / "postgres.password").exists()


def test_a_folder_that_may_have_been_a_database_is_unchanged_and_one_line_says_what_to_do() -> None:
    with fresh_home() as home:
        postgres = _postgres(home)
        (postgres.data / "base").mkdir(parents=True)

        with pytest.raises(
            CannotStartError, match=r"it has no PG_VERSION.*move it away"
        ) as refusal:
            postgres.prepare()

        assert "\n" not in str(refusal.value)
        assert (postgres.data / "base").is_dir()
        assert not (postgres.folder / "postgres.part").exists()


def test_the_pid_file_of_a_zombie_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["/bin/true"])
    _wait_until(dead.pid, state=psutil.STATUS_ZOMBIE)
    (tmp_path / "pid").write_text(f"{dead.pid}\n")

    leftovers.end_leftover(
        tmp_path / "pid", mark="x", first_signal=signal.SIGTERM, second_signal=signal.SIGQUIT
    )

    assert not (tmp_path / "pid").exists()
    dead.wait()


def test_a_frozen_server_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_TIMEOUT_SECONDS", 0.3)
    frozen = subprocess.Popen(["/bin/sleep", "600.125"])
    wait_for(lambda: "600.125" in leftovers.command_line(frozen.pid), "the command line")
    os.kill(frozen.pid, signal.SIGSTOP)
    _wait_until(frozen.pid, state=psutil.STATUS_STOPPED)
    (tmp_path / "pid").write_text(f"{frozen.pid}\n")
    try:
        leftovers.end_leftover(
            tmp_path / "pid",
            mark="600.125",
            first_signal=signal.SIGINT,
            second_signal=signal.SIGQUIT,
        )

        assert frozen.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    finally:
        frozen.kill()
        frozen.wait()
