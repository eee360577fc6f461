"""Unusual computers: umasks, environments, users without a name, little shared memory, paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from redeemer.localserver import postgres
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import REPOSITORY, Home, write_private
from redeemer.localserver.installation import database_only
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.servers import pick_port, wait_until_ready
from redeemer.localserver.valkey import Valkey
from tests.localserver.running import as_user, environment_for, fresh_home

only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts PostgreSQL as another user"
)
#: A user id without an account.
_NAMELESS = 54_321


def _ask(home: Path, question: str) -> object:
    """Start the database of a home, run one query, and stop it."""
    with (
        database_only(Home(home), "a test", lambda _line: None) as url,
        psycopg.connect(url) as connection,
    ):
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o077, 0o027])
def test_a_umask_that_closes_new_folders_does_not_keep_the_database_out_of_a_new_home(
    mask: int,
) -> None:
    with fresh_home() as folder, _umask(mask):
        home = folder / "new" / "home"

        assert _ask(home, "SELECT 1") == 1
        assert (home / "postgres" / "PG_VERSION").exists()


@only_root
def test_a_folder_that_an_earlier_start_left_closed_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fresh_home() as folder:
        monkeypatch.setattr(postgres, "_SYSTEM_FOLDER", folder)
        with _umask(0o077):
            (folder / "home").mkdir()
            closed = postgres.system_folder(folder / "home")
            closed.chmod(0o700)
            (closed / "postgres.part").mkdir()

            assert _ask(folder / "home", "SELECT 1") == 1
        assert (closed / "postgres" / "PG_VERSION").exists()


def test_existing_folders_keep_their_modes_and_a_new_home_is_closed() -> None:
    with fresh_home() as folder:
        (folder / "home").mkdir(mode=0o750)

        Home(folder / "home").prepare()
        Home(folder / "home" / "new").prepare()

        assert _mode(folder / "home") == 0o750
        # Root starts PostgreSQL as another user, who must enter the home but need not list it.
        assert _mode(folder / "home" / "new") == (0o711 if os.geteuid() == 0 else 0o700)


def test_a_private_file_is_readable_for_its_owner_under_every_umask(tmp_path: Path) -> None:
    with _umask(0o777):
        write_private(tmp_path / "file", "secret")

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_libpq_variables_do_not_misdirect_our_own_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in LIBPQ.items():
        monkeypatch.setenv(name, value)
    with fresh_home() as home:
        assert _ask(home, "SHOW default_transaction_read_only") == "off"


#: Each of these variables would keep a client from the embedded server, or from writing to it.
LIBPQ = {
    "PGSSLMODE": "verify-full",
    "PGSERVICE": "elsewhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "none",
    "PGCHANNELBINDING": "require",
}


#: Variables that another project set in the shell. Celery would prefer them to the settings.
ANOTHER_PROJECT = {
    "CELERY_BROKER_URL": "redis://192.0.2.1:6379/0",
    "CELERY_CONFIG_MODULE": "elsewhere.celeryconfig",
}


def test_celerys_own_variables_do_not_send_messages_to_another_broker() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from redeemer.celery import app; print(app.connection_for_write().hostname)",
        ],
        cwd=REPOSITORY,
        env=environment_for(Path("/nowhere"), 8000)
        | ANOTHER_PROJECT
        | {"REDIS_URL": "redis://127.0.0.1:9/0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("127.0.0.1\n", "")


@only_root
def test_for_a_user_without_a_name_one_line_says_what_to_do() -> None:
    with fresh_home() as home:
        os.chown(home, _NAMELESS, _NAMELESS)

        said = as_user(_NAMELESS, lambda: str(_ask(home, "SELECT 1")))

        assert said.startswith(f"CannotStartError: User {_NAMELESS} has no name on this computer")
        assert "useradd" in said
        assert "\n" not in said


@only_root
def test_a_user_without_a_name_can_run_an_existing_database() -> None:
    with fresh_home() as home:
        _ask(home, "SELECT 1")
        for path in (home, *home.rglob("*")):
            os.chown(path, _NAMELESS, _NAMELESS)

        assert as_user(_NAMELESS, lambda: str(_ask(home, "SELECT 1"))) == "1"


def _can_mount() -> bool:
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("options", ["size=8k", "size=64k", "size=1m", "size=4k,ro"])
def test_the_database_starts_with_little_shared_memory_or_none(options: str) -> None:
    if not _can_mount():
        pytest.skip("this user cannot mount a smaller /dev/shm")
    with fresh_home() as home:
        done = subprocess.run(
            [
                "unshare",
                "--mount",
                "sh",
                "-c",
                _MOUNT,
                options,
                sys.executable,
                "-c",
                _PARALLEL,
                str(home),
            ],
            cwd=REPOSITORY,
            env=environment_for(home, pick_port()),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert (done.stdout, done.stderr) == ("10000\n", "")


_MOUNT = 'mount -t tmpfs -o "$0" tmpfs /dev/shm && exec "$@"'
_PARALLEL = """
import sys
from pathlib import Path
import psycopg
from redeemer.localserver.installation import database_only
from redeemer.localserver.home import Home
home = Home(Path(sys.argv[1]))
with database_only(home, "a test", print) as url, psycopg.connect(url) as connection:
    connection.execute("CREATE TABLE many AS SELECT generate_series(1, 10000)")
    connection.execute("SET debug_parallel_query = on")
    print(connection.execute("SELECT count(*) FROM many").fetchone()[0])
"""


def test_posix_shared_memory_is_used_where_there_is_enough(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)

    assert postgres.shared_memory_type(tmp_path) == "posix"
    elsewhere = "mmap" if sys.platform == "linux" else "posix"
    assert postgres.shared_memory_type(tmp_path / "missing") == elsewhere


#: Characters that a shell, or the configuration of PostgreSQL or Valkey, may interpret. The last
#: one is not UTF-8.
ODD_NAME = " a \"b\" 'c' $HOME `d` \\ \\n %s {e} #f ü " + os.fsdecode(b"\xe9")


def test_a_database_works_in_a_folder_of_any_name() -> None:
    with fresh_home() as folder:
        home = folder / ODD_NAME

        assert _ask(home, "SELECT 1") == 1
        assert _ask(home, "SELECT 2") == 2  # The second start finds the data.
        assert [path.name for path in folder.iterdir()] == [ODD_NAME]


def test_a_broker_works_in_a_folder_of_any_name() -> None:
    with fresh_home() as folder:
        (folder / ODD_NAME).mkdir()
        valkey = Valkey(folder / ODD_NAME, port=pick_port(), password="only-for-tests")
        valkey.prepare()
        with (folder / "log").open("wb") as output:
            process = valkey.launch(output)
        try:
            wait_until_ready(valkey, lambda: process.poll() is None, folder / "log")
            with redis.Redis.from_url(valkey.url) as client:
                client.set("key", "value")
            assert (valkey.data / "appendonlydir").is_dir()
            assert (valkey.data / "valkey.pid").is_file()
        finally:
            process.terminate()
            process.wait(120)


@pytest.mark.parametrize("name", ["two\nlines", "a\ttab", "a\x7fdelete"])
def test_a_name_with_a_control_character_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        CannotStartError, match="REDEEMER_HOME has a line end or another control character"
    ) as refusal:
        Home(tmp_path / name).prepare()

    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@only_root
def test_programs_are_copied_to_a_folder_whose_name_initdb_can_handle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fresh_home() as folder:
        monkeypatch.setattr(postgres, "_SYSTEM_FOLDER", folder)
        asked = list[Path]()
        monkeypatch.setattr(
            "redeemer.localserver.postgres.postgres_programs",
            lambda _account, where: asked.append(where()) or where(),
        )
        (folder / "a `name`").mkdir()
        Postgres(
            folder / "a `name`", port=pick_port(), password="x", owner_password="x"
        )._programs()

        assert asked == [postgres.system_folder(folder / "a `name`")]
