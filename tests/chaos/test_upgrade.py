"""`make upgrade-check` notices what it is there to notice."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from chaos import upgrade
from chaos.channel import Channel
from chaos.upgrade import Site, export
from tests.waiting import wait_for


class SlowSite(http.server.ThreadingHTTPServer):
    """A site that answers after `answer` is set, with `status`."""

    def __init__(self) -> None:
        self.answer, self.was_asked = threading.Event(), threading.Event()
        self.status = 200
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.was_asked.set()
                site.answer.wait(60)
                self.send_response(site.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def site() -> Iterator[SlowSite]:
    with SlowSite() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.answer.set()
        found.shutdown()


@pytest.fixture
def watch(site: SlowSite) -> Iterator[Site]:
    found = Site(site.server_port)
    yield found
    found.end()


def test_the_time_until_a_late_page_counts(site: SlowSite, watch: Site) -> None:
    watch.watch()
    wait_for(site.was_asked.is_set, "the first request")
    time.sleep(0.5)
    site.answer.set()

    wait_for(lambda: watch.pages > 0, "a page")
    assert watch.longest_seconds >= 0.5


def test_an_answer_with_an_error_is_no_page(site: SlowSite, watch: Site) -> None:
    site.status = 500
    site.answer.set()
    watch.watch()

    wait_for(lambda: watch.longest_seconds > 0.5, "half a second without a page")
    assert watch.pages == 0


def test_a_channel_counts_its_messages() -> None:
    channel = Channel()
    requests.post(channel.address.replace("json", "http", 1), json={"text": "hello"}, timeout=10)
    channel.close()

    assert channel.messages == 1


def test_errors_in_a_log_are_counted_and_other_lines_are_not(tmp_path: Path) -> None:
    log = tmp_path / "control.log"
    log.write_text(
        "2026-11-28T08:11:41.1Z [\x1b[31merror    \x1b[0m] broken\n"
        "2026-11-28T08:11:42.2Z [error    ] broken\n"
        "2026-11-28T08:11:43.3Z [info     ] ✅ An Error in a text\n"
        "psycopg.errors.NotNullViolation: null value\n"
    )

    assert upgrade._errors(log) == {
        "[error    ] broken": 2,
        "psycopg.errors.NotNullViolation: null value": 1,
    }


def test_the_files_of_a_commit_are_written(tmp_path: Path) -> None:
    export("HEAD", tmp_path)

    assert (tmp_path / "manage.py").is_file()
    assert not (tmp_path / ".git").exists()


def test_a_commit_that_is_not_here_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        export("0" * 40, tmp_path)


def test_without_a_release_to_come_from_there_is_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FROM", raising=False)
    monkeypatch.setattr(upgrade, "_newest_tag", lambda: "")

    assert upgrade.main() == 2
    assert "FROM=commit" in capsys.readouterr().out
