from __future__ import annotations

import time

import pytest
from requests.structures import CaseInsensitiveDict

from giftcodes.clients.http.headers import count, reset_after_seconds, retry_after_seconds, sendable

DATE = "Mon, 06 Jul 2026 12:00:00 GMT"
NOON = 1783339200  # the same moment


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("-1", None),
        ("", None),
        ("30, 30", None),
        ("1e3", None),
        ("9" * 10, None),
        ("\xb2", None),
    ],
)
def test_a_limit_is_a_plain_number_or_nothing(value: str, number: int | None) -> None:
    assert count({"X-RateLimit-Limit": value}, "X-RateLimit-Limit") == number


GARBAGE = [
    "",
    "soon",
    "-5",
    "nan",
    "inf",
    "1e9",
    "9" * 400,
    "12 s",
    "\u0663",
    "Mon, 99 Foo 2026",
    "\0",
]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("62", 62),
        ("1.5", 1.5),
        ("Mon, 06 Jul 2026 12:01:02 GMT", 62),
        ("Mon, 06 Jul 2026 12:01:02 -0000", 62),
        ("Mon, 06 Jul 2026 11:59:59 GMT", None),
        ("7200", 7_200),
        ("86401", 86_400),
        ("64573000", 86_400),
        ("Mon, 06 Jul 2099 12:00:00 GMT", 86_400),
        ("Mon, 01 Jan 0001 00:00:00 +2359", None),
        *[(value, None) for value in GARBAGE],
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock_and_counts_as_at_most_a_day(
    value: str, seconds: float | None
) -> None:
    assert retry_after_seconds({"Retry-After": value, "Date": DATE}) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("45", 45),
        (str(NOON + 45), 45),
        (str((NOON + 45) * 1000), 45),
        (str(NOON - 1), None),
        (str(NOON + 90_000), None),
        ("4000000", None),
        ("86401", None),
        *[(value, None) for value in GARBAGE],
    ],
)
def test_the_reset_is_a_delay_or_a_moment_by_the_servers_clock(
    value: str, seconds: float | None
) -> None:
    assert reset_after_seconds({"X-RateLimit-Reset": value, "Date": DATE}) == seconds


def test_without_a_readable_date_from_the_server_our_own_clock_is_used() -> None:
    seconds = reset_after_seconds(
        {"X-RateLimit-Reset": str(int(time.time()) + 1_000), "Date": "today"}
    )
    assert seconds is not None
    assert 900 < seconds <= 1_000


def test_without_rate_headers_there_is_no_limit_and_no_wait() -> None:
    nothing: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    assert retry_after_seconds(nothing) is None
    assert reset_after_seconds(nothing) is None
    assert count(nothing, "X-RateLimit-Limit") is None


def test_only_a_validator_that_a_header_can_carry_is_kept() -> None:
    assert sendable(' W/"abc" ', 200) == 'W/"abc"'
    assert sendable("a\r\nX-Evil: 1", 200) == ""
    assert sendable("\u20ac", 200) == ""
    assert sendable("x" * 201, 200) == ""


def test_a_date_without_a_zone_is_not_read_in_our_own_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        seconds = retry_after_seconds(
            {"Retry-After": "Mon, 06 Jul 2026 12:01:02 -0000", "Date": DATE}
        )
    time.tzset()
    assert seconds == 62
