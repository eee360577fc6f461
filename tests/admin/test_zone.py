"""Times are shown, and read from forms, in the zone of whoever looks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from giftcodes.models import GiftCode
from tests.admin.conftest import Browser
from tests.factories import gift_code

NOON_UTC = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)


def page(browser: Browser, code: GiftCode, zone: str = "") -> str:
    if zone:
        browser.client.cookies["timezone"] = zone
    text: str = browser.open("giftcode_change", code.pk).content.decode()
    return text


def test_times_are_those_of_the_viewer_and_the_page_says_so(browser: Browser) -> None:
    code = gift_code(first_seen_at=NOON_UTC)
    assert "2026-06-01 12:00:00" in page(browser, code)

    shown = page(browser, code, "Asia/Tokyo")

    assert "2026-06-01 21:00:00" in shown
    assert "Times are in Asia/Tokyo." in shown


def test_a_time_in_a_form_is_one_of_the_viewer(browser: Browser) -> None:
    code = gift_code()
    browser.client.cookies["timezone"] = "Asia/Tokyo"

    browser.save("giftcode_change", code.pk, expires_at_0="2026-12-01", expires_at_1="12:00:00", rewards="")

    code.refresh_from_db()
    assert code.expires_at == dt.datetime(2026, 12, 1, 3, 0, tzinfo=dt.UTC)
    assert 'value="12:00:00"' in page(browser, code)


@pytest.mark.parametrize("junk", ["../../etc/passwd", "Mars/Olympus", "UTC\x01", "x" * 5_000, "%00", "a b", "Europe"])
def test_a_zone_that_there_is_not_is_that_of_the_server(browser: Browser, junk: str) -> None:
    code = gift_code(first_seen_at=NOON_UTC)
    shown = page(browser, code, junk)
    assert "2026-06-01 12:00:00" in shown
    assert "Times are in UTC." in shown


def test_the_zone_of_one_request_is_not_that_of_the_next(browser: Browser) -> None:
    page(browser, gift_code(), "Asia/Tokyo")
    assert timezone.get_current_timezone_name() == "UTC"
