"""The site while PostgreSQL is away, and after it has come back: with the pool of the settings."""

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
from redeemer.localserver import ports
from redeemer.localserver.postgres import Postgres
from tests.settings.copied import Copy

pytestmark = pytest.mark.slow

_GENEROUS_SECONDS = 120.0
#: Doubled waits came to 82 s after an outage of 70 s; a short one does not show them.
_LONG_SECONDS = 70.0
_AGAIN_SECONDS = 60
_PASSWORD = "only-for-tests"


class Site:
    """The site of a copy, on a PostgreSQL that may be stopped."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="redeemer-outage-")))
        folder.chmod(0o755)  # The database's user goes through it.
        server = Postgres(folder, port=ports.pick(), password=_PASSWORD)
        self.postgres = Running(server, folder / "postgres.log")
        stack.callback(self.postgres.stop)
        self.postgres.start()
        copy = Copy(folder / "copy")
        copy.file.write_text(
            f"DATABASE_URL={server.url}\nSECRET_KEY={'only-for-tests-' * 4}\nSIMULATOR_SALT=x\n"
        )
        assert copy.manage("migrate", "--no-input").returncode == 0
        port = ports.pick()
        self._url = f"http://127.0.0.1:{port}/healthz"
        process = copy.begin("-m", "redeemer.serving", "--bind", f"127.0.0.1:{port}")
        stack.callback(process.wait)
        stack.callback(process.send_signal, signal.SIGTERM)
        self.wait_until(
            lambda: self.health()[1].get("beat_age_seconds", "") is None, _GENEROUS_SECONDS
        )

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and answer of /healthz. A status of 0: the site does not listen yet."""
        try:
            with urllib.request.urlopen(self._url, timeout=_GENEROUS_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except urllib.error.URLError:
            return 0, {}

    def reaches_database(self) -> bool:
        """Whether /healthz has an answer of the database's."""
        return "beat_age_seconds" in self.health()[1]

    def wait_until(self, condition: Any, seconds: float) -> float:
        """Wait until something is so; returns after how many seconds it was."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < seconds, "it did not happen in time"
            time.sleep(0.1)
        return time.monotonic() - begun


@pytest.fixture
def site() -> Iterator[Site]:
    """A site that answers."""
    with ExitStack() as stack:
        yield Site(stack)


@pytest.mark.system
def test_healthz_says_503_while_the_database_is_away_and_goes_on_when_it_is_back(
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
