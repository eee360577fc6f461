"""The site's process raises the alarm that beat is silent, since without beat no task runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError

from chaos.servers import Running
from giftcodes.notifications import alarms
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.servers import pick_port
from redeemer.serving import BeatWatch
from tests.settings.copied import Copy
from tests.waiting import wait_for

_GENEROUS_SECONDS = 60.0
#: They replace 15 s between two checks, and 30 s of silence until the alarm.
_SHORT_TIMES = "BEAT_CHECK_SECONDS=0.2,BEAT_SILENT_SECONDS=1"


@pytest.fixture
def database() -> Iterator[tuple[Copy, str]]:
    """A copy of the project, and the address of its migrated database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="redeemer-beat-")))
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter it.
        server = Postgres(
            folder, port=pick_port(), password="only-for-tests", owner_password="only-for-tests"
        )
        running = Running(server, folder / "postgres.log")
        stack.callback(running.stop)
        running.start()
        copy = Copy(folder / "copy")
        copy.file.write_text(
            f"DATABASE_URL={server.url}\nSECRET_KEY={'only-for-tests-' * 4}\nSIMULATOR_SALT=x\n"
        )
        assert copy.manage("migrate", "--no-input").returncode == 0
        yield copy, server.url


@pytest.mark.system
def test_a_site_without_beat_raises_the_alarm_without_any_request(
    database: tuple[Copy, str],
) -> None:
    copy, url = database
    bind = f"127.0.0.1:{pick_port()}"
    faults = {"REDEEMER_FAULTS": "1", "REDEEMER_FAULT_TIMES": _SHORT_TIMES}
    site = copy.begin("-m", "redeemer.serving", "--bind", bind, **faults)
    try:
        wait_for(lambda: _raised(url) == ["beat_silent"], "the alarm", seconds=_GENEROUS_SECONDS)
        assert site.poll() is None
    finally:
        site.terminate()
        assert site.wait(_GENEROUS_SECONDS) == 0


def _raised(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT kind FROM giftcodes_alarm WHERE raised_at IS NOT NULL")
        return [kind for (kind,) in rows]


@pytest.mark.django_db
def test_checks_that_fail_in_a_row_are_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Any] = [DatabaseError("away"), DatabaseError("away"), None, DatabaseError("away")]

    def check(**_: Any) -> None:
        if error := results.pop(0):
            raise error

    monkeypatch.setattr(alarms, "check_beat", check)
    monkeypatch.setattr("django.db.connection.close", lambda: None)  # The test needs it open.
    watch = BeatWatch()

    lines = []
    for _ in range(4):
        watch.check()
        lines.append(caplog.text.count("could not be checked"))

    assert lines == [1, 1, 1, 2]


@pytest.mark.django_db
def test_a_connection_that_cannot_be_closed_does_not_end_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(alarms, "check_beat", lambda **_: None)
    monkeypatch.setattr("django.db.connection.close", close)

    BeatWatch().check()
