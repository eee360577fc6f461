"""Lookups in a directory, on a real server. The forms of the answers are assumed, not confirmed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from giftcodes.clients.directories import DirectoryAnswer, LookupStatus, look_up
from giftcodes.clients.directories.mightpulse import read_player
from giftcodes.domain.text import clean_name
from tests.clients.conftest import config_for
from tests.clients.http.raw_server import RawServer, Talk, answering, http

Serve = Callable[..., RawServer]

KEY, PLAYER = "directory-key-4711", "12345678"
FLAT = {"name": "Anna", "kingdom": 1042}


def ask(
    url: str, *, key: str = KEY, seconds: float = 60.0, player: str = PLAYER
) -> DirectoryAnswer:
    config = config_for("", directory_url=f"{url}/players/{{id}}?include=base", directory_key=key)
    return look_up(config, player, total_seconds=seconds, connect_seconds=seconds)


def said(serve: Serve, body: Any, **options: str) -> DirectoryAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(serve(answering(http(raw, **options))).url)


def test_a_player_is_asked_for_with_the_key_in_a_header_and_not_in_the_address(
    serve: Serve,
) -> None:
    server = serve(answering(http(json.dumps(FLAT).encode())))

    assert ask(server.url) == DirectoryAnswer(LookupStatus.FOUND, name="Anna", realm=1042)

    (request,) = server.requests
    assert request.line == f"GET /api/players/{PLAYER}?include=base HTTP/1.1"
    assert request.headers["x-api-key"] == KEY
    assert request.body == b""


@pytest.mark.parametrize(
    "body",
    [
        FLAT,
        {"nickname": "Anna", "kid": 1042},
        {"nickname": "Anna", "kid": "1042"},
        {"name": "Anna", "server": 1042},
        {"name": "Anna", "state": "1042"},
        {"name": "Anna", "state": "active", "kingdom": 1042},
        {"data": FLAT},
        {"data": {"base": FLAT}},
        {"player": FLAT, "status": "ok"},
        {"data": {"player": {"id": PLAYER, "base": FLAT}}},
        {"data": {"id": int(PLAYER), "name": "Anna", "base": {"kid": 1042, "kingdom": "1042"}}},
        {"name": " An\nna\u0000 ".replace("n\nn", "nn"), "kid": 1042},
    ],
)
def test_answers_in_these_forms_are_read(serve: Serve, body: Any) -> None:
    assert said(serve, body) == DirectoryAnswer(LookupStatus.FOUND, name="Anna", realm=1042)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("\u202eAn\u2067na\u200b", "Anna"),
        ("Zoe\u0308 🏳️\u200d🌈\u202e", "Zoë 🏳️\u200d🌈"),
        ("a" * 78 + "👨\u200d👩", "a" * 78 + "👨"),
    ],
    ids=["reordered", "an emoji that needs its joiner", "cut off at a joiner"],
)
def test_a_name_has_no_invisible_characters(written: str, name: str) -> None:
    """Players choose their names, and each name appears in pages, logs and messages."""
    answer = read_player({"name": written, "kid": 1042}, PLAYER)

    assert answer == DirectoryAnswer(LookupStatus.FOUND, name=name, realm=1042)
    assert clean_name(answer.name) == answer.name, "the stored name would differ from the answer"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        [],
        [FLAT],
        "Anna",
        None,
        {},
        {"data": None},
        {"data": [FLAT]},
        {"error": "maintenance"},
        {"name": "Anna"},
        {"kingdom": 1042},
        {"name": "", "kingdom": 1042},
        {"name": 7, "kingdom": 1042},
        {"name": "Anna", "kingdom": 0},
        {"name": "Anna", "kingdom": -7},
        {"name": "Anna", "kingdom": 10.5},
        {"name": "Anna", "kingdom": True},
        {"name": "Anna", "kingdom": "north"},
        {"name": "Anna", "kingdom": 10**12},
        {"name": "Anna", "kingdom": "٣٣"},
        {"name": "Anna", "kingdom": 1042, "kid": 1043},
        {"id": "99999999", **FLAT},
        {"data": {"player_id": 99999999, **FLAT}},
    ],
)
def test_an_answer_in_any_other_form_is_unreadable(serve: Serve, body: Any) -> None:
    answer = said(serve, body)

    assert (answer.status, answer.name, answer.realm) == (LookupStatus.UNREADABLE, "", None)
    assert answer.error


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("400 Bad Request", LookupStatus.UNREADABLE),
        ("302 Found", LookupStatus.UNREADABLE),
        ("401 Unauthorized", LookupStatus.KEY_REFUSED),
        ("403 Forbidden", LookupStatus.KEY_REFUSED),
        ("404 Not Found", LookupStatus.NOT_FOUND),
        ("429 Too Many Requests", LookupStatus.THROTTLED),
        ("500 Oops", LookupStatus.UNREACHABLE),
        ("503 Unavailable", LookupStatus.UNREACHABLE),
    ],
)
def test_the_http_status_decides_before_the_body(
    serve: Serve, status: str, expected: LookupStatus
) -> None:
    assert said(serve, FLAT, status=status).status is expected


def test_a_404_for_the_page_does_not_mean_that_the_player_is_not_found(serve: Serve) -> None:
    answer = said(serve, b"<html>404</html>", status="404 Not Found")

    assert answer.status is LookupStatus.UNREADABLE
    assert "WHITEOUT_DIRECTORY_URL" in answer.error


def test_what_a_429_says_about_waiting_is_handed_on(serve: Serve) -> None:
    answer = said(serve, {}, status="429 Too Many Requests", headers="Retry-After: 90\r\n")

    assert answer.retry_after_seconds == 90


def test_an_answer_that_breaks_off_cannot_be_read(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + json.dumps(FLAT).encode())

    assert ask(serve(script).url).status is LookupStatus.UNREADABLE


def test_a_directory_that_is_missing_or_silent_is_unreachable(serve: Serve) -> None:
    silent = serve(lambda talk: (talk.hear(), talk.hold()))

    assert ask("http://127.0.0.1:9").status is LookupStatus.UNREACHABLE
    assert ask(silent.url, seconds=0.2).status is LookupStatus.UNREACHABLE


@pytest.mark.parametrize("key", ["key with\nline", "schlüssel-4711", " blank-4711"])
def test_a_key_that_no_header_can_carry_is_not_sent(serve: Serve, key: str) -> None:
    server = serve(answering(http(b"{}")))

    answer = ask(server.url, key=key)

    assert answer.status is LookupStatus.KEY_REFUSED
    assert "WHITEOUT_DIRECTORY_KEY" in answer.error
    assert server.requests == []


def test_only_a_player_id_is_put_into_an_address(serve: Serve) -> None:
    server = serve(answering(http(b"{}")))

    assert ask(server.url, player="../admin").status is LookupStatus.UNREADABLE
    assert ask(server.url, player="erased-0123").status is LookupStatus.UNREADABLE
    assert server.requests == []


def test_a_key_that_the_directory_repeats_is_hidden(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"name": f"Anna {'x' * 60} {KEY}", "kid": 1042}

    answers = [said(serve, echo), said(serve, {"error": KEY}), ask(f"http://127.0.0.1:9/{KEY}")]
    answers.append(
        said(serve, KEY.encode(), status="401 Unauthorized", headers=f"Set-Cookie: {KEY}\r\n")
    )

    assert "directory-k" not in repr(answers)
    assert KEY not in caplog.text
    assert KEY not in repr(config_for("", directory_key=KEY))
