"""The client's result for every kind of answer, on a real server."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from giftcodes import __version__
from giftcodes.clients.games import RateReport
from giftcodes.clients.games.century import signature
from giftcodes.domain.outcomes import Outcome
from tests.clients.conftest import FEED_KEY, SALT, client_of, redeem
from tests.clients.http.raw_server import SLOW_SECONDS, RawServer, Talk, answering, http

Serve = Callable[..., RawServer]

RECEIVED = b'{"code":1,"data":[],"msg":"RECEIVED.","err_code":40008}'
SUCCESS = b'{"code":0,"data":[],"msg":"SUCCESS","err_code":20000}'


def test_a_request_is_signed_and_names_its_origin_and_redeemer(serve: Serve) -> None:
    server = serve(answering(http(SUCCESS)))

    assert redeem(client_of(server.url)).outcome is Outcome.SUCCESS

    (request,) = server.requests
    form = request.form
    sign = form.pop("sign")
    assert request.line == "POST /api HTTP/1.1"
    assert form.keys() == {"fid", "cdk", "kid", "time"}
    assert (form["fid"], form["cdk"], form["kid"]) == ("12345678", "Frost2026", "245")
    assert sign == signature(form, SALT)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["origin"] == "https://gift.example"
    assert request.headers["referer"] == "https://gift.example/"
    assert request.headers["user-agent"] == f"Redeemer/{__version__}"
    assert "cookie" not in request.headers


def test_the_version_in_requests_is_that_of_the_project() -> None:
    file = tomllib.loads(Path("pyproject.toml").read_text())
    assert "version" in file["project"]["dynamic"]
    assert file["tool"]["hatch"]["version"] == {"path": "giftcodes/__init__.py"}
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", __version__)


def test_an_answer_carries_the_games_words_and_its_limits(serve: Serve) -> None:
    limits = "X-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 12\r\n"
    answer = redeem(client_of(serve(answering(http(RECEIVED, headers=limits))).url))

    assert (answer.outcome, answer.http_status) == (Outcome.RECEIVED, 200)
    assert (answer.msg, answer.err_code, answer.body, answer.detail) == (
        "RECEIVED.",
        "40008",
        "",
        "",
    )
    assert answer.rate == RateReport(limit=30, remaining=12)
    assert 0 <= answer.latency_ms < 1000


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        ("429 Too Many Requests", b"", Outcome.THROTTLED),
        ("429 Too Many Requests", b'{"message": "Too Many Attempts."}', Outcome.THROTTLED),
        ("429 Too Many Requests", SUCCESS, Outcome.THROTTLED),
        ("500 Internal Server Error", SUCCESS, Outcome.SERVER_ERROR),
        ("502 Bad Gateway", b"<html>", Outcome.SERVER_ERROR),
        ("503 Service Unavailable", b"", Outcome.SERVER_ERROR),
        ("599 Whatever", RECEIVED, Outcome.SERVER_ERROR),
        ("403 Forbidden", b"<html>blocked</html>", Outcome.FORBIDDEN),
        ("401 Unauthorized", b"", Outcome.FORBIDDEN),
        ("403 Forbidden", b'{"code": 1, "msg": "Sign Error.", "err_code": 0}', Outcome.SIGN_ERROR),
        ("404 Not Found", b'{"message": "no route"}', Outcome.UNREADABLE),
        (
            "400 Bad Request",
            b'{"code":1,"msg":"params error.","err_code":""}',
            Outcome.PARAMS_ERROR,
        ),
        ("400 Bad Request", b'{"code":1,"msg":"odd","err_code":1}', Outcome.UNRECOGNISED),
        ("400 Bad Request", SUCCESS, Outcome.UNRECOGNISED),
        ("400 Bad Request", RECEIVED, Outcome.UNRECOGNISED),
        ("204 No Content", b"", Outcome.UNREADABLE),
        ("302 Found", SUCCESS, Outcome.UNREADABLE),
        ("304 Not Modified", b"", Outcome.UNREADABLE),
        ("200 OK", b"", Outcome.UNREADABLE),
        ("200 OK", b"<html>SUCCESS</html>", Outcome.UNREADABLE),
        ("200 OK", b'{"code":1,"msg":"odd","err_code":1}', Outcome.UNRECOGNISED),
    ],
)
def test_the_http_status_is_judged_before_the_body(
    serve: Serve, status: str, body: bytes, outcome: Outcome
) -> None:
    answer = redeem(client_of(serve(answering(http(body, status=status))).url))
    assert answer.outcome is outcome
    assert answer.http_status == int(status[:3])


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    elsewhere = serve(answering(http(SUCCESS)))

    def script(talk: Talk) -> None:
        talk.hear()
        head = (
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.url}\r\n"
            "Content-Length: 10\r\n\r\n"
        )
        talk.say(head.encode())
        talk.say(b"0123456789")

    answer = redeem(client_of(serve(script).url))
    assert (answer.outcome, answer.http_status) == (Outcome.UNREADABLE, 307)
    assert elsewhere.requests == []


def test_only_unknown_answers_keep_their_body(serve: Serve) -> None:
    def body_of(body: bytes, status: str = "200 OK") -> str:
        return redeem(client_of(serve(answering(http(body, status=status))).url)).body

    assert body_of(b"<html>x</html>") == "<html>x</html>"
    assert body_of(b'{"code":1,"msg":"odd","err_code":1}') == '{"code":1,"msg":"odd","err_code":1}'
    assert body_of(b"down", "502 Bad Gateway") == "down"
    assert body_of(RECEIVED) == ""
    assert body_of(b"slow down", "429 Too Many Requests") == ""


def test_texts_can_be_stored_by_postgresql_and_are_cut_to_their_maximum_length(
    serve: Serve,
) -> None:
    body = json.dumps(
        {"code": 1, "msg": "a\0b\ud800c\nd" + "x" * 500, "err_code": "e\0" + "9" * 99}
    ).encode()
    answer = redeem(client_of(serve(answering(http(body + b"\0" * 3000))).url))
    assert answer.outcome is Outcome.UNREADABLE
    assert "\0" not in answer.body
    assert len(answer.body) == 2000

    answer = redeem(client_of(serve(answering(http(body))).url))
    assert answer.outcome is Outcome.UNRECOGNISED
    assert answer.msg.startswith("a\ufffdb\ufffdc dxxx")
    assert (len(answer.msg), len(answer.err_code)) == (200, 20)
    for text in (answer.msg, answer.err_code, answer.body):
        assert "\0" not in text
        text.encode()


def test_an_answer_that_echoes_secrets_shows_none_of_them(serve: Serve) -> None:
    seen: dict[str, str] = {}

    def script(talk: Talk) -> None:
        while request := talk.hear():
            seen["sign"] = request.form["sign"]
            echoed = (
                f"{SALT} {FEED_KEY} {seen['sign']} {seen['sign'].upper()} {request.body.decode()}"
            )
            talk.say(
                http(json.dumps({"code": 1, "msg": echoed, "err_code": seen["sign"]}).encode())
            )

    answer = redeem(client_of(serve(script).url))
    everything = repr(answer).casefold()
    assert answer.outcome is Outcome.UNRECOGNISED
    assert "[hidden]" in answer.msg
    for secret in (SALT, "pepper", FEED_KEY, seen["sign"]):
        assert secret.casefold() not in everything


def test_an_error_code_that_is_a_secret_is_hidden_too(serve: Serve) -> None:
    body = json.dumps({"code": 1, "msg": "odd", "err_code": SALT}).encode()
    assert redeem(client_of(serve(answering(http(body))).url)).err_code == "[hidden]"


def test_no_half_of_a_secret_is_left_where_the_body_is_cut(serve: Serve) -> None:
    body = b"x" * 1990 + SALT.encode()
    assert "pepper" not in redeem(client_of(serve(answering(http(body))).url)).body


def test_an_answer_that_is_too_long_is_unreadable(serve: Serve) -> None:
    server = serve(answering(http(RECEIVED + b" " * 70_000)))
    answer = redeem(client_of(server.url))
    assert answer.outcome is Outcome.UNREADABLE
    assert "longer" in answer.detail
    redeem(client_of(server.url))


def test_an_endless_answer_is_cut_at_once(serve: Serve) -> None:
    sent = 0

    def script(talk: Talk) -> None:
        nonlocal sent
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while not talk._server.closing.is_set():
            talk.say(b"x" * 10_000)
            sent += 10_000

    answer = redeem(client_of(serve(script).url, seconds=SLOW_SECONDS))
    assert answer.outcome is Outcome.UNREADABLE
    # The kernel's buffers hold less than this. Without the cut, far more would be sent.
    assert sent < 50_000_000


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Encoding: gzip\r\n", gzip.compress(b"0" * 50_000_000)),
        ("Content-Encoding: gzip, gzip\r\n", gzip.compress(gzip.compress(b"0" * 50_000_000))),
    ],
)
def test_a_compressed_bomb_is_cut(serve: Serve, headers: str, body: bytes) -> None:
    answer = redeem(client_of(serve(answering(http(body, headers=headers))).url))
    assert answer.outcome is Outcome.UNREADABLE
    assert "longer" in answer.detail


def test_many_compressed_bytes_that_give_nothing_are_cut(serve: Serve) -> None:
    empty = gzip.compress(b"") * 500_000  # 10 MB that decompress to nothing
    answer = redeem(
        client_of(serve(answering(http(empty, headers="Content-Encoding: gzip\r\n"))).url)
    )
    assert answer.outcome is Outcome.UNREADABLE
    assert "longer" in answer.detail


def test_a_compressed_answer_is_read(serve: Serve) -> None:
    packed = http(gzip.compress(SUCCESS), headers="Content-Encoding: gzip\r\n")
    assert redeem(client_of(serve(answering(packed)).url)).outcome is Outcome.SUCCESS


def test_a_chunked_answer_is_read(serve: Serve) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(SUCCESS), SUCCESS)
    server = serve(answering(chunked))
    client = client_of(server.url)
    assert [redeem(client).outcome, redeem(client).outcome] == [Outcome.SUCCESS] * 2
    assert server.connections == 1


def test_a_body_that_is_not_compressed_as_its_header_says_is_unreadable(serve: Serve) -> None:
    answer = redeem(
        client_of(serve(answering(http(SUCCESS, headers="Content-Encoding: gzip\r\n"))).url)
    )
    assert answer.outcome is Outcome.UNREADABLE


def test_a_body_that_breaks_off_is_unreadable(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(http(SUCCESS)[:-5])

    answer = redeem(client_of(serve(script).url))
    assert (answer.outcome, answer.http_status) == (Outcome.UNREADABLE, 200)
    assert "broke off" in answer.detail


def test_a_code_that_cannot_be_encoded_is_not_sent(serve: Serve) -> None:
    server = serve(answering(http(SUCCESS)))
    answer = client_of(server.url).redeem(player_id="1", code="\ud800", realm=1)
    assert answer.outcome is Outcome.UNREACHABLE
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["", "no address", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a b/"]
)
def test_an_invalid_address_is_unreachable(url: str) -> None:
    assert redeem(client_of(url)).outcome is Outcome.UNREACHABLE
