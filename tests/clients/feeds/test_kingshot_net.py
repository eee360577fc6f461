"""The list of kingshot.net, which contains the ends of codes, and variations of this list."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftcodes.clients.feeds import FORMATS, FeedReading, FeedStatus, PublishedCode, fetch
from giftcodes.clients.feeds.kingshot_net import read_list
from giftcodes.clients.feeds.moments import FIRST, LAST
from tests.clients.conftest import config_for
from tests.clients.http.raw_server import RawServer, answering, http

Serve = Callable[..., RawServer]

END = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


def body(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"giftCodes": entries}, **more}).encode()


def entry(**fields: Any) -> dict[str, Any]:
    return {"code": "FROST", "createdAt": "2026-07-05T10:00:00.000Z", **fields}


def poll(url: str, **changes: Any) -> FeedReading:
    config = config_for("", feed_url=url, feed_format="kingshot.net", **changes)
    return fetch(config, total_seconds=60, connect_seconds=60)


def test_a_list_is_requested_and_read_with_the_ends_of_its_codes(serve: Serve) -> None:
    reading = poll(serve(answering(http(body(entry(expiresAt="2026-08-01T12:00:00.000Z"))))).url)

    assert reading == FeedReading(
        FeedStatus.OK, codes=(PublishedCode("FROST", date(2026, 7, 5), END),)
    )


def test_a_dropped_end_is_noted_and_the_code_is_kept(serve: Serve) -> None:
    reading = poll(serve(answering(http(body(entry(expiresAt="9999-12-31T00:00:00Z"))))).url)

    assert reading.codes == (PublishedCode("FROST", date(2026, 7, 5), None),)
    assert reading.skipped_count == 0
    assert reading.notes == (
        "FROST: its end cannot be read and is taken as unknown: 9999-12-31T00:00:00Z",
    )


def test_no_secret_is_shown_in_a_note(serve: Serve) -> None:
    reading = poll(serve(answering(http(body(entry(expiresAt="feed-key-4711"))))).url)

    assert len(reading.notes) == 1
    assert "feed-key" not in reading.notes[0]


def test_an_unknown_format_is_refused_and_the_known_formats_are_named() -> None:
    config = config_for("http://127.0.0.1:9/", feed_format="rss")

    reading = fetch(config, total_seconds=1, connect_seconds=1)

    assert reading.status is FeedStatus.FAILED
    assert (
        reading.error == "WHITEOUT_FEED_FORMAT has an unknown value. "
        "Known formats: community, kingshot.net."
    )


@pytest.mark.parametrize(
    "value",
    [
        "2026-08-01T12:00:00Z",
        "2026-08-01T12:00:00.000Z",
        "2026-08-01T14:00:00+02:00",
        "2026-08-01 12:00:00",
        " 2026-08-01T12:00:00 ",
        1785585600,
        1785585600.0,
        1785585600000,
        "1785585600",
        "1785585600000",
    ],
)
def test_an_end_in_any_of_these_forms_is_the_same_moment(value: object) -> None:
    listing = read_list(body(entry(expiresAt=value)))

    assert (listing.codes[0].expires_at, listing.notes) == (END, ())


def test_an_end_that_is_a_day_lasts_to_the_end_of_that_day() -> None:
    assert read_list(body(entry(expiresAt="2026-07-31"))).codes[0].expires_at == datetime(
        2026, 8, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "fields", [{}, {"expiresAt": None}, {"expiresAt": ""}, {"expiresAt": "  "}]
)
def test_a_missing_end_is_unknown_and_needs_no_note(fields: dict[str, Any]) -> None:
    listing = read_list(body(entry(**fields)))

    assert (listing.codes[0].expires_at, listing.notes) == (None, ())


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2026-02-30T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:01Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        0,
        -1,
        10**400,
        1e300,
        float("nan"),
        float("inf"),
        True,
        [],
        {"date": "2026-08-01"},
    ],
)
def test_an_impossible_end_is_dropped_with_a_note(value: object) -> None:
    listing = read_list(body(entry(expiresAt=value)))

    assert [code.code for code in listing.codes] == ["FROST"]
    assert listing.codes[0].expires_at is None
    assert [note.key for note in listing.notes] == ["line_end_unknown"]


@pytest.mark.parametrize("value", ["long ago", 7, False, "1970-01-01"])
def test_an_impossible_day_of_publishing_is_dropped_with_a_note(value: object) -> None:
    listing = read_list(body(entry(createdAt=value, expiresAt="2026-08-01T12:00:00Z")))

    assert listing.codes == (PublishedCode("FROST", None, END),)
    assert len(listing.notes) == 1


@pytest.mark.parametrize("edge", [FIRST, LAST])
def test_the_bounds_are_possible_moments(edge: datetime) -> None:
    assert read_list(body(entry(expiresAt=edge.isoformat()))).codes[0].expires_at == edge


@pytest.mark.parametrize(
    "odd", ["FROST", None, 5, [], {}, {"code": None}, {"code": 12}, {"code": "A B"}, {"code": ""}]
)
def test_an_entry_that_is_not_a_code_is_skipped_with_a_reason(odd: object) -> None:
    listing = read_list(body(odd, entry()))

    assert [code.code for code in listing.codes] == ["FROST"]
    assert len(listing.skipped) == 1


def test_other_fields_are_ignored() -> None:
    assert (
        len(
            read_list(
                body(entry(id=7, isActive=True, rewards=[{"gems": 1}]), meta={"page": 1})
            ).codes
        )
        == 1
    )


def test_a_code_that_is_listed_again_keeps_its_first_spelling_and_its_latest_end() -> None:
    later = (END + timedelta(days=1)).isoformat()

    listing = read_list(
        body(
            entry(code="Frost", expiresAt=END.isoformat()),
            entry(expiresAt=later),
            entry(code="frost"),
        )
    )

    assert listing.codes == (
        PublishedCode(
            "Frost", date(2026, 7, 5), END + timedelta(days=1), other_spellings=("FROST", "frost")
        ),
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"status": "success"}',
        b'{"data": []}',
        b'{"data": {"giftCodes": {}}}',
        b'{"data": {"giftCodes": "FROST"}}',
        b'{"codes": ["FROST 05.07.2026"]}',
        b'{"status": "error", "data": {"giftCodes": []}}',
        b'{"status": false, "data": {"giftCodes": []}}',
        b'{"message": "maintenance", "data": null}',
        b"[" * 100_000,
    ],
)
def test_an_answer_in_another_form_is_a_problem_and_not_an_empty_list(answer: bytes) -> None:
    assert read_list(answer).problem


def test_the_words_of_an_error_are_kept() -> None:
    assert read_list(b'{"status": "error", "message": "maintenance"}').words == "maintenance"


def test_an_empty_list_is_not_a_failure() -> None:
    assert read_list(body()).problem is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(code=_JSON, created=_JSON, end=_JSON)
def test_any_entry_is_read_or_skipped(code: object, created: object, end: object) -> None:
    listing = read_list(body({"code": code, "createdAt": created, "expiresAt": end}))

    assert len(listing.codes) + len(listing.skipped) == 1
    assert all(
        found.expires_at is None or FIRST <= found.expires_at <= LAST for found in listing.codes
    )


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_reads_any_bytes(name: str) -> None:
    assert FORMATS[name](b"\xff\xfe\x00").problem
