"""One request to the feed, on a real server."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable
from datetime import date
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftcodes.clients.feeds import FeedReading, FeedStatus, PublishedCode, fetch
from giftcodes.clients.feeds.base import MAX_CODES, MAX_SPELLINGS
from giftcodes.clients.feeds.community import read_list
from giftcodes.clients.http.destinations import NO_PRIVATE_HOSTS
from tests.clients.conftest import FEED_KEY, config_for
from tests.clients.http.raw_server import SLOW_SECONDS, RawServer, Talk, answering, http

Serve = Callable[..., RawServer]

LIST = json.dumps({"codes": ["Frost2026 05.07.2026", "OLD1 1.1.2025"]}).encode()
FROST, OLD = PublishedCode("Frost2026", date(2026, 7, 5)), PublishedCode("OLD1", date(2025, 1, 1))


def poll(url: str, *, seconds: float = 60.0, key: str = FEED_KEY, **validators: str) -> FeedReading:
    config = config_for("", feed_url=url, feed_key=key)
    return fetch(config, total_seconds=seconds, connect_seconds=seconds, **validators)


def poll_once(serve: Serve, body: bytes, **options: str) -> FeedReading:
    return poll(serve(answering(http(body, **options))).url)


def listing(*lines: object) -> bytes:
    return json.dumps({"codes": lines}).encode()


def test_a_list_is_requested_with_the_key_and_then_read(serve: Serve) -> None:
    server = serve(answering(http(LIST)))
    reading = poll(server.url)

    assert reading == FeedReading(FeedStatus.OK, codes=(FROST, OLD))
    (request,) = server.requests
    assert request.line == "GET /api HTTP/1.1"
    assert request.headers["x-api-key"] == FEED_KEY
    assert request.headers["user-agent"].startswith("Redeemer/")
    assert not {"if-none-match", "if-modified-since"} & request.headers.keys()


def test_an_empty_list_is_not_a_failure(serve: Serve) -> None:
    assert poll_once(serve, listing()) == FeedReading(FeedStatus.OK)


def test_an_error_that_is_null_is_ignored(serve: Serve) -> None:
    assert poll_once(serve, b'{"codes": ["A1"], "error": null}').status is FeedStatus.OK


def test_an_unchanged_list_need_not_be_sent_again(serve: Serve) -> None:
    marks = 'ETag: "v1"\r\nLast-Modified: Mon, 06 Jul 2026 12:00:00 GMT\r\n'
    server = serve(answering(http(LIST, headers=marks), http(b"", status="304 Not Modified")))
    first = poll(server.url)
    second = poll(server.url, etag=first.etag, last_modified=first.last_modified)

    assert (first.etag, first.last_modified) == ('"v1"', "Mon, 06 Jul 2026 12:00:00 GMT")
    assert server.requests[1].headers["if-none-match"] == first.etag
    assert server.requests[1].headers["if-modified-since"] == first.last_modified
    assert second.status is FeedStatus.NOT_MODIFIED
    assert (second.etag, second.last_modified) == (first.etag, first.last_modified)


def test_not_modified_as_the_answer_to_a_request_without_validators_is_a_failure(
    serve: Serve,
) -> None:
    assert poll_once(serve, b"", status="304 Not Modified").status is FeedStatus.FAILED


def test_a_failure_keeps_the_validators(serve: Serve) -> None:
    reading = poll(
        serve(answering(http(b"", status="503 X"))).url, etag='"v1"', last_modified="Mon"
    )
    assert (reading.status, reading.etag, reading.last_modified) == (
        FeedStatus.FAILED,
        '"v1"',
        "Mon",
    )


def test_validators_that_no_header_can_carry_are_dropped(serve: Serve) -> None:
    server = serve(
        answering(http(LIST, headers="ETag: \xe4\r\nLast-Modified: " + "x" * 101 + "\r\n"))
    )
    reading = poll(server.url, etag='"a\r\nX-Evil: 1"', last_modified="\u20ac")
    assert (reading.status, reading.etag, reading.last_modified) == (FeedStatus.OK, "", "")
    assert not {"if-none-match", "if-modified-since", "x-evil"} & server.requests[0].headers.keys()


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("Frost2026 05.07.2026", FROST),
        ("  Frost2026   5.7.2026 ", FROST),
        ("Frost2026", PublishedCode("Frost2026", None)),
        ("a" * 32, PublishedCode("a" * 32, None)),
        ("7", PublishedCode("7", None)),
        ("\u202aCODE\u202c 05.07.2026", PublishedCode("CODE", date(2026, 7, 5))),
        ("\ufeffCO\u00adDE\u200b", PublishedCode("CODE", None)),
        ("ＣＯＤＥ\u3000\u0660\u0665.07.2026", PublishedCode("CODE", date(2026, 7, 5))),
    ],
)
def test_a_good_line_is_read(line: str, published: PublishedCode) -> None:
    assert read_list(listing(line)).codes == (published,)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "a" * 33,
        "A-B 05.07.2026",
        "GRÖSSE 05.07.2026",
        "CODE 31.02.2026",
        "CODE 05.13.2026",
        "CODE 2026-07-05",
        "CODE 05.07.26",
        "CODE 05.07.9999",
        "CODE 05.07.2026 extra",
        "COD\0E 05.07.2026",
        "CODE\n05.07.2026 x",
        None,
        7,
        True,
        ["CODE"],
        {"code": "CODE"},
    ],
)
def test_a_malformed_line_is_skipped_and_counted(serve: Serve, line: object) -> None:
    reading = poll_once(serve, listing("Good1 05.07.2026", line, "Good2 06.07.2026"))
    assert [published.code for published in reading.codes] == ["Good1", "Good2"]
    assert reading.skipped_count == len(reading.skipped) == 1


def test_a_code_that_is_listed_again_keeps_its_first_spelling_and_its_latest_day() -> None:
    lines = [
        "Frost 05.07.2026",
        "Other",
        "FROST 07.07.2026",
        "frost",
        "frost 01.01.2026",
        "other 01.02.2026",
    ]
    assert read_list(listing(*lines)).codes == (
        PublishedCode("Frost", date(2026, 7, 7), other_spellings=("FROST", "frost")),
        PublishedCode("Other", date(2026, 2, 1), other_spellings=("other",)),
    )


def test_of_a_list_with_every_spelling_of_a_code_a_few_are_kept() -> None:
    letters = "abcdefghijklm"
    spellings = map("".join, itertools.product(*zip(letters, letters.upper(), strict=True)))

    (code,) = read_list(listing(*spellings)).codes

    assert code.code == letters
    assert len(code.other_spellings) == MAX_SPELLINGS - 1


def test_a_list_of_more_codes_than_there_can_be_is_a_failure(serve: Serve) -> None:
    most = [f"CODE{number}" for number in range(MAX_CODES)]
    assert len(poll_once(serve, listing(*most)).codes) == MAX_CODES

    reading = poll_once(serve, listing(*most, "MORE"))

    assert (reading.status, reading.codes) == (FeedStatus.FAILED, ())
    assert "more than 2000 codes" in reading.error


def test_the_first_skipped_lines_are_shown_and_all_are_counted(serve: Serve) -> None:
    reading = poll_once(
        serve, listing(*[f"bad line number {n} \0\ud800 {'x' * 5000}" for n in range(50)])
    )
    assert (reading.status, reading.codes, reading.skipped_count) == (FeedStatus.OK, (), 50)
    assert len(reading.skipped) == 20
    assert "bad line number 19" in reading.skipped[19]
    for reason in reading.skipped:
        assert len(reason) <= 200
        assert "\0" not in reason
        reason.encode()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("200 OK", b'{"error": "restarting"}', "restarting"),
        ("200 OK", b'{"detail": "Invalid key"}', "Invalid key"),
        ("200 OK", b'{"codes": ["A"], "error": "half a list"}', "half a list"),
        ("200 OK", b"<html>hello</html>", "not JSON"),
        ("200 OK", b"", "not JSON"),
        ("200 OK", b"\xff\xfe\xfa", "not JSON"),
        ("200 OK", b"[" * 100_000, "not JSON"),
        ("200 OK", b'["A 05.07.2026"]', "not in the form of a feed"),
        ("200 OK", b'{"exists": true}', "no list of codes"),
        ("200 OK", b'{"codes": {"A": 1}}', "no list of codes"),
        ("200 OK", b'{"codes": null}', "no list of codes"),
        (
            "401 Unauthorized",
            b'{"detail": "bad key"}',
            "Check WHITEOUT_FEED_KEY in the settings. The feed says: bad key",
        ),
        ("403 Forbidden", b"<html>", "WHITEOUT_FEED_KEY"),
        ("404 Not Found", b"", "WHITEOUT_FEED_URL"),
        ("400 Bad Request", LIST, "WHITEOUT_FEED_URL"),
        ("301 Moved", LIST, "redirect (HTTP 301), which is not followed. Check WHITEOUT_FEED_URL"),
        ("429 Slow", b"", "fewer requests"),
        ("502 Bad Gateway", b"<html>", "HTTP 502"),
        ("503 Maintenance", LIST, "HTTP 503"),
    ],
)
def test_a_failure_has_a_description(serve: Serve, status: str, body: bytes, words: str) -> None:
    reading = poll_once(serve, body, status=status)
    assert reading.status is FeedStatus.FAILED
    assert words in reading.error
    assert (reading.codes, reading.skipped_count) == ((), 0)


@pytest.mark.parametrize(
    ("status", "key", "words"),
    [
        ("404 Not Found", FEED_KEY, "Check the address of the feed under “Connect a game”."),
        ("401 Unauthorized", "", "Check the key of the feed under “Connect a game”."),
        ("401 Unauthorized", FEED_KEY, "Check WHITEOUT_FEED_KEY in the settings."),
    ],
)
def test_the_advice_names_the_place_where_the_value_was_entered(
    serve: Serve, status: str, key: str, words: str
) -> None:
    url = serve(answering(http(b"", status=status))).url
    config = config_for("", feed_url=url, feed_key=key, from_browser=frozenset({"feed_url"}))
    reading = fetch(config, total_seconds=60.0, connect_seconds=60.0)
    assert reading.error.endswith(words)


def test_a_failure_says_how_long_to_wait(serve: Serve) -> None:
    assert (
        poll_once(serve, b"", status="429 Slow", headers="Retry-After: 90\r\n").retry_after_seconds
        == 90
    )


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    elsewhere = serve(answering(http(LIST)))
    poll_once(serve, b"", status="302 Found", headers=f"Location: {elsewhere.url}\r\n")
    assert elsewhere.connections == 0


def test_the_key_is_in_no_text(serve: Serve) -> None:
    echo = f"{FEED_KEY} {FEED_KEY.upper()}"
    for body, status in (
        (f'{{"error": "{echo}"}}'.encode(), "403 X"),
        (listing(echo, "x y z" * 11 + echo), "200 OK"),
    ):
        reading = poll_once(serve, body, status=status)
        assert "[hidden]" in repr(reading)
        assert "feed-k" not in repr(reading).lower()


def test_a_secret_in_the_address_is_in_no_text(serve: Serve) -> None:
    secret = "a token+of/32 signs"
    in_url = quote(secret, safe="")
    said = {"error": f"The token {secret} is wrong, see /feed?lang=en&token={in_url}"}
    url = serve(answering(http(json.dumps(said).encode()))).url

    for address in (f"{url}?lang=en&token={in_url}", url.replace("//", f"//me:{in_url}@")):
        error = poll(address).error
        assert "The token [hidden] is wrong, see /feed?lang=en&token=[hidden]" in error


@pytest.mark.parametrize("key", ["key\n", " feed", "schlüssel", "k\0"])
def test_a_key_that_no_header_can_carry_is_reported(serve: Serve, key: str) -> None:
    server = serve(answering(http(LIST)))
    reading = poll(server.url, key=key)
    assert reading.status is FeedStatus.FAILED
    assert "WHITEOUT_FEED_KEY" in reading.error
    assert server.requests == []


def test_a_list_that_drips_is_cut_off_when_the_time_is_over(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
        talk.drip(LIST * 100)

    started = time.monotonic()
    reading = poll(serve(script).url, seconds=1)
    assert time.monotonic() - started < SLOW_SECONDS / 2
    assert reading.status is FeedStatus.FAILED
    assert "in time" in reading.error


@pytest.mark.parametrize("way", [Talk.hang_up, Talk.reset])
def test_a_lost_connection_is_reported(serve: Serve, way: Callable[[Talk], None]) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        way(talk)

    reading = poll(serve(script).url)
    assert reading.status is FeedStatus.FAILED
    assert "did not answer" in reading.error


def test_a_list_of_two_mebibytes_is_read_and_a_longer_one_refused(serve: Serve) -> None:
    full = LIST + b" " * (2 * 1024 * 1024 - len(LIST))
    assert poll_once(serve, full).codes == (FROST, OLD)
    assert "longer" in poll_once(serve, full + b" ").error


def test_an_unreachable_feed_is_reported_with_what_to_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reading = poll(f"http://127.0.0.1:{port}/")
    assert "could not be reached" in reading.error
    assert "WHITEOUT_FEED_URL" in reading.error


@pytest.mark.parametrize("url", ["", "no address", "ftp://127.0.0.1/", "http://[::1"])
def test_an_invalid_address_is_reported(url: str) -> None:
    reading = poll(url)
    assert reading.status is FeedStatus.FAILED
    assert "WHITEOUT_FEED_URL" in reading.error


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
FEED_LIKE = st.fixed_dictionaries(
    {}, optional={"codes": JSON | st.lists(JSON), "error": JSON, "detail": JSON}
)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    body=st.binary(max_size=200)
    | (JSON | FEED_LIKE).map(lambda answer: json.dumps(answer).encode()),
    status=st.integers(200, 599),
    key=st.text(max_size=10),
    etag=st.text(max_size=10),
)
def test_any_answer_gives_a_reading(
    serve: Serve, body: bytes, status: int, key: str, etag: str
) -> None:
    server = serve(answering(http(body, status=f"{status} X", headers="Connection: close\r\n")))
    reading = poll(server.url, key=key, etag=etag)
    server.stop()
    assert (reading.status is FeedStatus.FAILED) == bool(reading.error)
    for text in (reading.error or "", reading.etag, reading.last_modified, *reading.skipped):
        assert "\0" not in text
        text.encode()
    for published in reading.codes:
        assert published.code.isascii()
        assert published.code.isalnum()


def test_a_feed_in_a_private_network_names_the_setting_that_allows_it(serve: Serve) -> None:
    server = serve(answering(http(LIST)))
    config = config_for("", feed_url=server.url, feed_hosts=NO_PRIVATE_HOSTS)

    reading = fetch(config, total_seconds=60, connect_seconds=60)

    assert reading.error is not None
    assert "If the host is yours, add it to the setting GAME_PRIVATE_HOSTS." in reading.error
