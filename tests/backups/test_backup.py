"""`manage.py backup`."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.core.management.base import CommandError

from redeemer.backups import programs
from redeemer.backups.address import Address
from redeemer.backups.dumps import check_value, write_dump
from redeemer.backups.programs import Client, client_to_dump, client_to_load
from tests.backups.dumping import ROOT, Site, site, template
from tests.waiting import PATIENCE_SECONDS

__all__ = ["site", "template"]


def test_the_default_file_is_private_and_has_the_time_in_its_name(
    site: Site,
) -> None:
    done = site.manage("backup")

    (file,) = (site.folder / "home" / "backups").iterdir()
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"redeemer-\d{8}T\d{6}Z\.dump", file.name)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert str(file) in done.stdout


def test_a_folder_gets_a_file_with_the_time_in_its_name(site: Site) -> None:
    assert site.manage("backup", site.folder).returncode == 0

    assert len(list(site.folder.glob("redeemer-*.dump"))) == 1


def test_an_older_file_of_the_same_name_is_replaced_and_becomes_private(site: Site) -> None:
    file = site.folder / "redeemer.dump"
    file.write_text("yesterday's")
    file.chmod(0o644)

    write_dump(site.address, file)

    assert file.read_bytes().startswith(b"PGDMP")
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(site.folder.iterdir()) == [file]


def test_a_full_disk_leaves_no_partial_file_and_does_not_change_the_old_one(site: Site) -> None:
    file = site.folder / "redeemer.dump"
    file.write_text("yesterday's")

    done = subprocess.run(
        [sys.executable, "manage.py", "backup", str(file)],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        check=False,
    )

    assert done.returncode == 1
    assert re.fullmatch(r"CommandError: .* No backup was made\.\n", done.stderr)
    assert list(site.folder.iterdir()) == [file]
    assert file.read_text() == "yesterday's"


@pytest.mark.parametrize("place", ["missing/redeemer.dump", "file/redeemer.dump"])
def test_a_path_that_cannot_be_written_is_reported_in_one_line(site: Site, place: str) -> None:
    (site.folder / "file").touch()

    done = site.manage("backup", site.folder / place)

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: There is no folder ")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_leaves_no_file_and_shows_no_password(site: Site) -> None:
    done = site.manage(
        "backup", site.folder, DATABASE_URL="postgres://nobody:hidden@127.0.0.1:9/none"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database does not answer (")
    assert "hidden" not in done.stderr
    assert list(site.folder.iterdir()) == []


def test_no_secret_is_in_a_command_line_and_a_terminated_backup_leaves_no_partial_file(
    site: Site,
) -> None:
    with site.address.connect() as own, own.transaction():
        own.execute("LOCK TABLE giftcodes_guild IN ACCESS EXCLUSIVE MODE")  # pg_dump waits.
        process = subprocess.Popen(
            [sys.executable, "manage.py", "backup", str(site.folder)],
            cwd=ROOT,
            env=site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        _wait_for_pg_dump(process, site.folder)
        lines = [" ".join(found.cmdline()) for found in _family(process)]
        half = list(site.folder.iterdir())
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert [line for line in lines if "only-for-tests" in line] == []
    assert "only-for-tests" not in said
    assert [path.suffix for path in half] == [".part"]
    assert process.returncode == 128 + signal.SIGTERM
    assert list(site.folder.iterdir()) == []


def test_a_dump_has_the_check_value_of_its_key_and_not_the_key(site: Site) -> None:
    file = site.folder / "redeemer.dump"

    site.manage("backup", file, SECRET_KEY="a-key-to-be-found")

    shown = subprocess.run(
        [client_to_load().program("pg_restore"), "--file=-", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert check_value("a-key-to-be-found") in shown
    assert "a-key-to-be-found" not in shown


def test_without_a_key_opt_outs_cannot_be_backed_up(site: Site) -> None:
    site.query("INSERT INTO giftcodes_optout (player_hash) VALUES ('x')")

    done = site.manage("backup", site.folder, SECRET_KEY="")

    assert done.returncode == 1
    assert "SECRET_KEY is not set here" in done.stderr
    assert list(site.folder.iterdir()) == []


def test_a_changed_key_is_reported_if_there_are_opt_outs(site: Site) -> None:
    site.query("INSERT INTO giftcodes_optout (player_hash) VALUES ('x')")
    site.manage("backup", site.folder, SECRET_KEY="one")

    done = site.manage("backup", site.folder, SECRET_KEY="another")

    assert done.returncode == 0
    assert done.stderr.startswith("SECRET_KEY is different from that of the last backup.")


def test_a_dump_has_no_sessions(site: Site) -> None:
    site.query("INSERT INTO django_session VALUES ('the-key-of-a-session', 'x', now())")
    write_dump(site.address, site.folder / "redeemer.dump")

    shown = subprocess.run(
        [client_to_load().program("pg_restore"), "--file=-", str(site.folder / "redeemer.dump")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "django_session" in shown
    assert "the-key-of-a-session" not in shown


def test_if_the_server_is_newer_than_every_pg_dump_the_error_says_what_to_install() -> None:
    with pytest.raises(
        CommandError, match=r"The server is PostgreSQL 99.*postgresql-client-99"
    ) as refusal:
        client_to_dump(99, needs_tls=False)
    assert "\n" not in str(refusal.value)


def test_the_nearest_version_of_pg_dump_is_taken_and_must_speak_tls_if_tls_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        Client(18, speaks_tls=False, folder=Path("/bundled")),
        Client(15, speaks_tls=True, folder=Path("/fifteen")),
        Client(17, speaks_tls=True, folder=Path("/seventeen")),
    ]
    monkeypatch.setattr(programs, "_installed", lambda: iter(found))

    assert client_to_dump(16, needs_tls=False).major == 17
    assert client_to_dump(18, needs_tls=False).major == 18
    assert client_to_load(needs_tls=True).major == 17
    with pytest.raises(CommandError, match="that speaks TLS"):
        client_to_dump(18, needs_tls=True)


def test_an_address_does_not_show_its_password_and_passes_it_in_the_environment() -> None:
    address = Address("postgres://user:p%40ss@db.example:6432/site?sslmode=require&conn_max_age=5")

    environment = address.environment()

    assert "p%40ss" not in repr(address)
    assert environment["PGPASSWORD"] == "p@ss"
    assert environment["PGSSLMODE"] == "require"
    assert (environment["PGHOST"], environment["PGPORT"], environment["PGDATABASE"]) == (
        "db.example",
        "6432",
        "site",
    )
    assert address.with_name("an other/one").name == "an other/one"


def _wait_for_pg_dump(process: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (
        list(folder.iterdir()) and any("pg_dump" in found.name() for found in _family(process))
    ):
        assert process.poll() is None
        assert time.monotonic() < deadline, "pg_dump did not begin to write in time."
        time.sleep(0.05)


def _family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]
