"""`manage.py restore`."""

from __future__ import annotations

import datetime as dt
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.management.base import CommandError
from django.test import override_settings

from giftcodes import encryption
from giftcodes.cli.progress import ReportProgress
from redeemer.backups.dumps import read_dump, write_dump
from redeemer.backups.replacing import replace_database
from redeemer.localserver.home import Home, SecretStore
from tests.backups.dumping import ROOT, Site, site, template, unseen
from tests.commands.conftest import Said, run

__all__ = ["site", "template"]

#: Adds a feed with a secret in the column that is named.
_ADD_FEED = """
    INSERT INTO giftcodes_feed (
        provider, {}, enabled, next_poll_at, failures, error, listed, skipped, skipped_lines,
        etag, last_modified
    ) VALUES ('simulator', %s, true, now(), 0, '', 0, 0, '[]', '', '')
"""


@pytest.fixture
def file(site: Site) -> Path:
    """A backup of the site. After the backup, the site's guild Wolves is renamed to Bears."""
    file = site.folder / "redeemer.dump"
    write_dump(site.address, file)
    site.query("UPDATE giftcodes_guild SET name = 'Bears' WHERE name = 'Wolves'")
    return file


@pytest.fixture
def restore(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Restore within this process, with additional environment variables.

    The command does not use Django's connection.
    """

    def restore(*words: Any, **environment: str) -> Said:
        for name, value in (site.environment | environment).items():
            monkeypatch.setenv(name, value)
        return run("restore", *words)

    return restore


def names(site: Site) -> set[str]:
    return {name for (name,) in site.query("SELECT name FROM giftcodes_guild")}


def test_every_row_and_sequence_is_as_it_was_and_a_new_row_gets_a_new_id(site: Site) -> None:
    file = site.folder / "redeemer.dump"
    assert site.manage("backup", file).returncode == 0
    before = site.content()
    site.query("UPDATE giftcodes_guild SET name = 'Bears' WHERE name = 'Wolves'")
    site.query("DELETE FROM giftcodes_member")

    done = site.manage("restore", "--yes", file)

    assert (done.returncode, done.stderr) == (0, "")
    assert site.content() == before
    highest = site.query("SELECT max(id) FROM giftcodes_guild")[0][0]
    assert (
        site.manage("add_guild", "Otters", "--provider", "simulator", "--realm", "1").returncode
        == 0
    )
    assert site.query("SELECT id FROM giftcodes_guild WHERE name = 'Otters'")[0][0] > highest


def test_the_old_database_is_kept_and_the_command_that_is_shown_drops_it(
    site: Site, file: Path
) -> None:
    shown = site.manage("restore", "--yes", file).stdout

    found = re.search(r"kept as (\S+)\.", shown)
    assert found
    assert names(replace(site, address=site.address.with_name(found[1]))) == {"Bears", "Śnieg"}
    command = shlex.split(shown.splitlines()[-1])
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True, timeout=300)
    assert site.databases() == [site.address.name]


def test_if_there_is_no_database_yet_it_is_created(site: Site, file: Path) -> None:
    there = replace(site, address=site.address.with_name(f"{site.address.name}_elsewhere"))

    assert replace_database(there.address, read_dump(file), unseen) is None

    assert names(there) == {"Wolves", "Śnieg"}
    assert there.databases() == [there.address.name]


def test_an_empty_database_is_not_kept(site: Site, file: Path) -> None:
    site.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    assert replace_database(site.address, read_dump(file), unseen) is None

    assert site.databases() == [site.address.name]


def test_an_older_schema_is_brought_up_to_date(site: Site) -> None:
    *_, before, newest = site.query(
        "SELECT name FROM django_migrations WHERE app = 'giftcodes' ORDER BY name"
    )
    assert site.manage("migrate", "giftcodes", *before).returncode == 0
    assert newest not in site.query("SELECT name FROM django_migrations WHERE app = 'giftcodes'")
    write_dump(site.address, site.folder / "redeemer.dump")

    replace_database(site.address, read_dump(site.folder / "redeemer.dump"), unseen)

    assert newest in site.query("SELECT name FROM django_migrations WHERE app = 'giftcodes'")


def test_a_newer_schema_is_refused(site: Site, restore: Callable[..., Said]) -> None:
    site.query(
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('giftcodes', '0999_future', now())"
    )
    write_dump(site.address, site.folder / "redeemer.dump")

    said = restore("--yes", site.folder / "redeemer.dump")

    assert said.status == 1
    assert "this one does not know giftcodes.0999_future. Update Redeemer first." in said.err


def test_a_file_that_is_cut_off_anywhere_is_refused(site: Site, file: Path) -> None:
    whole, cut = file.read_bytes(), site.folder / "cut.dump"
    for size in [6, 100, *range(4_000, len(whole), len(whole) // 12), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(CommandError, match="is cut off or damaged"):
            read_dump(cut)


@pytest.mark.parametrize("content", [b"", b"PG", b"-- PostgreSQL database dump", b"\x89PNG\r\n"])
def test_a_file_that_is_not_a_dump_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(CommandError, match="is not a backup"):
        read_dump(tmp_path / "file")


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CommandError, match="cannot be read: "):
            read_dump(path)


def test_the_home_folder_of_an_unknown_user_is_reported_in_one_line(site: Site) -> None:
    for command in ("backup", "restore"):
        done = site.manage(command, "~nobody-here/redeemer.dump")

        assert done.returncode == 1
        assert done.stderr.endswith(
            "CommandError: ~nobody-here/redeemer.dump: there is no such home folder.\n"
        )


def test_the_dump_of_another_program_is_refused(site: Site) -> None:
    site.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE notes (text text)")
    write_dump(site.address, site.folder / "redeemer.dump")

    with pytest.raises(CommandError, match="another program's database"):
        read_dump(site.folder / "redeemer.dump")


def _fails_loading(site: Site, file: Path) -> None:
    cut = site.folder / "cut.dump"
    cut.write_bytes(file.read_bytes()[:-3_000])
    replace_database(site.address, replace(read_dump(file), file=cut), unseen)


def _fails_migrating(site: Site, file: Path) -> None:
    site.query("DELETE FROM django_migrations WHERE app = 'auth' AND name = '0001_initial'")
    write_dump(site.address, file)
    replace_database(site.address, read_dump(file), unseen)


def _fails_changing_places(site: Site, file: Path) -> None:
    """Another session connects while the new database is made."""
    with pytest.MonkeyPatch.context() as patch, site.address.connect():
        patch.setattr("redeemer.backups.replacing.refuse_while_connected", lambda _address: None)
        replace_database(site.address, read_dump(file), unseen)


def _meets_another_session(site: Site, file: Path) -> None:
    with site.address.connect():
        replace_database(site.address, read_dump(file), unseen)


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (_fails_loading, "The backup cannot be loaded: "),
        (_fails_migrating, "The migrations failed: "),
        (_fails_changing_places, "The databases cannot change places: "),
        (_meets_another_session, r"is in use \(redeemer-backup\)"),
    ],
)
def test_a_step_that_fails_leaves_everything_as_it_was(
    site: Site, file: Path, fails: Callable[[Site, Path], None], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as refusal:
        fails(site, file)

    assert "\n" not in str(refusal.value)
    assert names(site) == {"Bears", "Śnieg"}
    assert site.databases() == [site.address.name]


def test_ctrl_c_leaves_everything_as_it_was(site: Site, file: Path) -> None:
    @contextmanager
    def interrupted(what: str) -> Iterator[ReportProgress]:
        yield lambda _part: None
        if what == "Loading the data":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_database(site.address, read_dump(file), interrupted)

    assert names(site) == {"Bears", "Śnieg"}
    assert site.databases() == [site.address.name]


def test_a_database_that_a_killed_restore_left_is_replaced(site: Site, file: Path) -> None:
    with site.address.connect_to_server() as server:
        server.execute(f'CREATE DATABASE "{site.address.name}_restoring"')

    replace_database(site.address, read_dump(file), unseen)

    assert names(site) == {"Wolves", "Śnieg"}


def test_two_restores_within_one_second_keep_both_databases(site: Site, file: Path) -> None:
    with time_machine.travel(dt.datetime(2026, 6, 1, 3, 15, tzinfo=dt.UTC), tick=False):
        kept = [replace_database(site.address, read_dump(file), unseen) for _ in range(2)]

    suffix = "_before_20260601_031500"
    assert kept == [f"{site.address.name}{suffix}", f"{site.address.name}{suffix}_2"]
    assert {*kept, site.address.name} == set(site.databases())


def test_a_second_restore_at_the_same_time_is_refused(site: Site, file: Path) -> None:
    dump, refused = read_dump(file), []

    def second(what: str) -> nullcontext[ReportProgress]:
        if what == "Bringing the schema up to date":
            with (
                site.address.with_name(f"{site.address.name}_restoring").connect(),
                pytest.raises(CommandError, match="another restore is running") as refusal,
            ):
                replace_database(site.address, dump, unseen)
            refused.append(refusal)
        return nullcontext(lambda _part: None)

    replace_database(site.address, dump, second)

    assert len(refused) == 1
    assert names(site) == {"Wolves", "Śnieg"}


def test_a_restore_is_refused_while_another_session_is_connected(
    site: Site, restore: Callable[..., Said], file: Path
) -> None:
    with psycopg.connect(site.address.url, application_name="redeemer"):
        said = restore("--yes", file)

    assert said.status == 1
    assert "is in use (redeemer). Stop the workers, beat and the site" in said.err


def test_a_restore_is_refused_while_a_worker_takes_ticks_even_without_a_connection(
    site: Site, restore: Callable[..., Said], file: Path
) -> None:
    site.query("INSERT INTO giftcodes_heartbeat (name) VALUES ('tick')")

    said = restore("--yes", file)

    assert said.status == 1
    assert re.search(r"A worker took a tick \d s ago\. Stop the workers", said.err)


def test_an_old_tick_does_not_prevent_a_restore(
    site: Site, restore: Callable[..., Said], file: Path
) -> None:
    site.query(
        "INSERT INTO giftcodes_heartbeat (name, at) VALUES ('tick', now() - interval '11 s')"
    )

    assert restore("--yes", file).status == 0


def test_another_key_is_refused_because_it_would_lose_the_opt_outs(
    site: Site, restore: Callable[..., Said]
) -> None:
    site.query("INSERT INTO giftcodes_optout (player_hash) VALUES ('x')")
    _add_channels(site, SECRET_KEY="one")
    file = site.folder / "redeemer.dump"
    site.manage("backup", file, SECRET_KEY="one")

    refused = restore("--yes", file, SECRET_KEY="another")
    without_key = restore("--yes", file, SECRET_KEY="")
    same = restore("--yes", file, SECRET_KEY="one")
    replaced = restore("--yes", file, SECRET_KEY="another", OLD_SECRET_KEY="one")
    with_any_key = restore("--yes", "--any-key", file, SECRET_KEY="another", OLD_SECRET_KEY="")

    said = (refused, without_key, same, replaced, with_any_key)
    assert [one.status for one in said] == [1, 1, 0, 0, 0], with_any_key.err
    assert "another SECRET_KEY than that of this installation: its 1 opt-out(s)" in refused.err
    assert "Set SECRET_KEY in the environment or in .env" in refused.err
    assert with_any_key.err.startswith(
        "The backup was made with another SECRET_KEY: its 1 opt-out(s) are not recognised"
    )
    assert "contains secrets that cannot be decrypted" in with_any_key.err
    assert "cannot be decrypted" not in same.err + replaced.err


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO giftcodes_storedsetting (name, value) VALUES ('WHITEOUT_SALT', %s)",
        _ADD_FEED.format("address"),
        _ADD_FEED.format("api_key"),
    ],
    ids=["salt", "feed's address", "feed's key"],
)
def test_another_key_warns_that_what_was_entered_in_the_browser_is_lost(
    site: Site, restore: Callable[..., Said], statement: str
) -> None:
    site.query(statement, _encrypted(SECRET_KEY="one"))
    file = site.folder / "redeemer.dump"
    site.manage("backup", file, SECRET_KEY="one")

    said = restore("--yes", file, SECRET_KEY="another")

    assert said.status == 0, said.err
    assert "the salts and keys under “Connect a game”" in said.err


def test_a_line_separator_in_a_name_ends_no_row_of_the_backup(
    site: Site, restore: Callable[..., Said]
) -> None:
    site.query(_ADD_FEED.format("name"), "north\u2028south")
    file = site.folder / "redeemer.dump"
    site.manage("backup", file)

    said = restore("--yes", file)

    assert said.status == 0, said.err


def test_a_restore_without_the_key_in_encryption_keys_warns_also_with_the_same_secret_key(
    site: Site, restore: Callable[..., Said]
) -> None:
    _add_channels(site, SECRET_KEY="one", ENCRYPTION_KEYS=["two"])
    file = site.folder / "redeemer.dump"
    site.manage("backup", file, SECRET_KEY="one", ENCRYPTION_KEYS="two")

    without = restore("--yes", file, SECRET_KEY="one", ENCRYPTION_KEYS="")
    with_key = restore("--yes", file, SECRET_KEY="one", ENCRYPTION_KEYS="three, two")
    with_that_key_alone = restore("--yes", file, SECRET_KEY="another", ENCRYPTION_KEYS="two")

    said = (without, with_key, with_that_key_alone)
    assert [one.status for one in said] == [0, 0, 0], [one.err for one in said]
    assert ["cannot be decrypted" in one.err for one in said] == [True, False, False]


def test_without_opt_outs_and_encrypted_values_any_key_is_accepted(
    restore: Callable[..., Said], file: Path
) -> None:
    said = restore("--yes", file, SECRET_KEY="another")
    assert (said.status, "SECRET_KEY" in said.err) == (0, False)


def test_unencrypted_addresses_of_an_older_backup_are_encrypted_with_this_site_s_key(
    site: Site, restore: Callable[..., Said]
) -> None:
    """This holds also if the key is only in the file of `make up`."""
    assert site.manage("migrate", "giftcodes", "0025").returncode == 0
    site.query(
        "INSERT INTO giftcodes_channel (guild_id, address) "
        "SELECT id, 'json://example.org/aVerySecretToken' FROM giftcodes_guild"
    )
    file = site.folder / "redeemer.dump"
    write_dump(site.address, file)

    without = restore("--yes", file, SECRET_KEY="")
    assert without.status == 1
    assert "SECRET_KEY is not set" in without.err
    assert "The database is as it was" in without.err

    home = Home(Path(site.environment["REDEEMER_HOME"]))
    home.prepare()
    key = SecretStore(home.secrets).get_or_create("secret_key")
    assert restore("--yes", file, SECRET_KEY="").status == 0
    found = site.query("SELECT address FROM giftcodes_channel")
    assert len(found) == 2
    with override_settings(SECRET_KEY=key):
        decrypted = {encryption.decrypt(address) for (address,) in found}
    assert decrypted == {"json://example.org/aVerySecretToken"}


def test_without_a_terminal_the_option_yes_is_required(
    site: Site, restore: Callable[..., Said], file: Path
) -> None:
    said = restore(file)

    assert said.status == 1
    assert "add --yes" in said.err
    assert names(site) == {"Bears", "Śnieg"}


@pytest.mark.parametrize(
    ("answer", "expected"), [("yes", "Wolves"), ("no", "Bears"), ("", "Bears")]
)
def test_a_person_is_asked_for_confirmation(
    site: Site, file: Path, answer: str, expected: str
) -> None:
    shown = _on_terminal(site, file, answer)

    assert "The present database is replaced, but kept under another name." in shown
    assert ("Loading the data" in shown) == (expected == "Wolves")
    assert expected in names(site)


def _on_terminal(site: Site, file: Path, answer: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "restore", str(file)],
        cwd=ROOT,
        env=site.environment | {"TERM": "xterm-256color", "COLUMNS": "160"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answer.encode() + b"\n")
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:  # At the end of a terminal, reading raises this error.
        pass
    finally:
        os.close(ours)
        process.wait(120)
    return " ".join(shown.decode().split())


def _encrypted(**keys: Any) -> str:
    """A secret, as a site with these settings stores it."""
    with override_settings(**{"OLD_SECRET_KEY": "", "ENCRYPTION_KEYS": [], **keys}):
        return encryption.encrypt("json://example.org/aVerySecretToken")


def _add_channels(site: Site, **keys: Any) -> None:
    site.query(
        "INSERT INTO giftcodes_channel (guild_id, address) SELECT id, %s FROM giftcodes_guild",
        _encrypted(**keys),
    )
