"""The site during and after an outage of PostgreSQL, with the settings' pool."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chaos.servers import Running
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.servers import pick_port
from tests.settings.copied import Copy

pytestmark = pytest.mark.slow

_GENEROUS_SECONDS = 120.0
#: Long enough to show this fault: a pool doubled its wait after each failed connection, and needed
#: another 82 s to resume after an outage of 70 s. A short outage does not show the fault.
_LONG_SECONDS = 70.0
_AGAIN_SECONDS = 60
_PASSWORD = "only-for-tests"


class Site:
    """The site of a copy of the project, with its own PostgreSQL."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="redeemer-outage-")))
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter it.
        server = Postgres(folder, port=pick_port(), password=_PASSWORD, owner_password=_PASSWORD)
        self.postgres = Running(server, folder / "postgres.log")
        stack.callback(self.postgres.stop)
        self.postgres.start()
        copy = Copy(folder / "copy")
        copy.file.write_text(
            f"DATABASE_URL={server.url}\nSECRET_KEY={'only-for-tests-' * 4}\nSIMULATOR_SALT=x\n"
        )
        assert copy.manage("migrate", "--no-input").returncode == 0
        port = pick_port()
        self._url = f"http://127.0.0.1:{port}/healthz"
        process = copy.begin("-m", "redeemer.serving", "--bind", f"127.0.0.1:{port}")
        stack.callback(process.wait)
        stack.callback(process.send_signal, signal.SIGTERM)
        self.wait_until(
            lambda: self.health()[1].get("beat_age_seconds", "") is None, _GENEROUS_SECONDS
        )

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /healthz. Status 0: the site does not listen yet."""
        try:
            with urllib.request.urlopen(self._url, timeout=_GENEROUS_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except urllib.error.URLError:
            return 0, {}

    def reaches_database(self) -> bool:
        """Whether /healthz has a value from the database."""
        return "beat_age_seconds" in self.health()[1]

    def wait_until(self, condition: Any, seconds: float) -> float:
        """Wait until the condition holds. Returns the seconds that it took."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < seconds, "it did not happen in time"
            time.sleep(0.1)
        return time.monotonic() - begun


@pytest.fixture
def site() -> Iterator[Site]:
    """A running site."""
    with ExitStack() as stack:
        yield Site(stack)


@pytest.mark.system
def test_healthz_says_503_while_the_database_is_down_and_recovers(
    site: Site,
) -> None:
    site.postgres.stop()

    with ThreadPoolExecutor(6) as asking:
        answers = list(asking.map(lambda _: site.health(), range(12)))

    assert {status for status, _ in answers} == {503}
    assert {answer["error"] for _, answer in answers} == {"The database does not answer."}

    site.postgres.start()

    site.wait_until(site.reaches_database, _GENEROUS_SECONDS)


@pytest.mark.long
def test_after_a_long_outage_work_goes_on_within_seconds(site: Site) -> None:
    site.postgres.stop()
    ends_at = time.monotonic() + _LONG_SECONDS
    while time.monotonic() < ends_at:
        begun = time.monotonic()
        assert site.health()[0] == 503
        print(f"answered after {time.monotonic() - begun:.1f} s")
    site.postgres.start()

    waited = site.wait_until(site.reaches_database, _AGAIN_SECONDS)

    print(f"reached again after {waited:.1f} s")
