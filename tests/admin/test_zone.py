"""Times are shown, and read from forms, in the zone that the browser names."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from giftcodes.models import Attempt, GiftCode, RedemptionEvent
from redeemer import zone
from tests.admin import past
from tests.admin.conftest import Browser
from tests.factories import gift_code

NOON = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
JUNK = [
    "../../etc/passwd",
    "Asia/Tokyo\0",
    "x" * 4000,
    "Europe",
    "localtime",
    "Zürich",
    "asia/tokyo",
    "",
]


def answer() -> None:
    """Store an answer of this moment. PostgreSQL computes its day for the chart."""
    past.attempt(past.redemption().member_redemptions.get())
    Attempt.objects.update(answered_at=timezone.now())


@pytest.fixture
def in_tokyo(browser: Browser) -> Browser:
    browser.client.cookies["timezone"] = "Asia/Tokyo"
    return browser


def test_lists_and_pages_are_in_the_viewers_zone_and_say_which_it_is(in_tokyo: Browser) -> None:
    code = gift_code(expires_at=NOON)
    for page in (in_tokyo.open("giftcode_changelist"), in_tokyo.open("giftcode_change", code.pk)):
        shown = page.content.decode()
        assert "Times are in Asia/Tokyo." in shown
        assert "21:00:00" in shown
        assert "12:00:00" not in shown


def test_a_time_that_is_entered_is_read_in_the_viewers_zone_and_shown_again_as_it_was_entered(
    in_tokyo: Browser,
) -> None:
    fields = {"provider": "simulator", "code": "FROST", "published_on": "", "rewards": ""}
    in_tokyo.save("giftcode_add", **fields, expires_at_0="2026-12-24", expires_at_1="12:00")
    code = GiftCode.objects.get()
    assert code.expires_at == dt.datetime(2026, 12, 24, 3, 0, tzinfo=dt.UTC)
    page = in_tokyo.open("giftcode_change", code.pk).content.decode()
    assert 'value="2026-12-24"' in page
    assert 'value="12:00:00"' in page


def test_live_parts_are_in_the_same_zone_as_their_page(
    in_tokyo: Browser,
) -> None:
    row = past.redemption()
    row.journal("locked")  # type: ignore[arg-type]
    RedemptionEvent.objects.update(at=NOON)
    parts = in_tokyo.client.get(f"/admin/live/redemption/{row.pk}/").json()["parts"]
    assert "2026-03-01 21:00:00" in parts["journal"]
    assert "2026-03-01T21:00:00+09:00" in parts["journal"]


def test_the_chart_has_the_days_of_the_viewers_zone(in_tokyo: Browser) -> None:
    """These two zones never have the same day."""
    answer()
    for name in ("Etc/GMT+12", "Pacific/Kiritimati"):
        in_tokyo.client.cookies["timezone"] = name
        chart = in_tokyo.client.get("/admin/live/chart/").json()["parts"]["chart"]
        today = timezone.localdate(timezone=zoneinfo.ZoneInfo(name))
        newest = chart.partition("<tbody>")[2].partition("</td>")[0]
        assert f"{today.day} {today:%B}</th><td>1" in newest


@pytest.mark.parametrize("name", JUNK)
def test_a_cookie_that_names_no_zone_means_the_servers_zone_and_never_an_error(
    browser: Browser, name: str
) -> None:
    answer()
    browser.client.cookies["timezone"] = name
    for page in ("/admin/", "/admin/live/chart/", "/admin/axes/accesslog/"):
        response = browser.client.get(page)
        assert response.status_code == 200
        assert page == "/admin/live/chart/" or "Times are in UTC." in response.content.decode()


@pytest.fixture
def python_alone_knows(tmp_path: Path) -> Iterator[str]:
    """A zone that is in Python's list but not in PostgreSQL's, as a very new zone may be."""
    (tmp_path / "Mars").write_bytes(
        files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    )
    zoneinfo.reset_tzpath(to=[tmp_path])
    zone._zones.cache_clear()
    yield "Mars"
    zoneinfo.reset_tzpath()
    zone._zones.cache_clear()


def test_a_zone_that_postgresql_does_not_know_is_not_used(
    browser: Browser, python_alone_knows: str
) -> None:
    assert zoneinfo.ZoneInfo(python_alone_knows).key == python_alone_knows
    answer()
    browser.client.cookies["timezone"] = python_alone_knows
    assert browser.client.get("/admin/live/chart/").status_code == 200


def test_without_a_cookie_times_are_in_the_zone_of_the_settings(
    browser: Browser, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert "Times are in Europe/Berlin." in browser.client.get("/admin/").content.decode()


def test_the_zone_does_not_hold_for_the_next_request_in_the_same_thread(in_tokyo: Browser) -> None:
    in_tokyo.open("giftcode_changelist")
    assert timezone.get_current_timezone_name() == "UTC"
    del in_tokyo.client.cookies["timezone"]
    assert "Times are in UTC." in in_tokyo.open("giftcode_changelist").content.decode()


def test_a_zone_that_was_named_while_the_database_was_away_is_accepted_afterwards(
    db: None,
) -> None:
    def away(*_statement: Any) -> None:
        raise OperationalError

    zone._zones.cache_clear()
    client = Client()
    client.cookies["timezone"] = "Asia/Tokyo"
    with connection.execute_wrapper(away):
        assert client.get("/healthz").json()["error"] == "The database does not answer."
    assert zone._valid_zone("Asia/Tokyo") == "Asia/Tokyo"
