"""The tokens of links appear in no log line and in no error."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from giftcodes.domain.tokens import TokenKind, hide_tokens, new_token, token_hash
from giftcodes.models import JoinLink, Member
from giftcodes.players import my_page
from redeemer.body_limits import max_body_bytes
from redeemer.logging import configure
from tests.players.conftest import join_address, personal


@pytest.fixture(params=["console", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The output of all loggers, in each log format."""
    how = dict(configure(log_format=request.param, level="INFO")["formatters"]["structured"])
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(how.pop("()")(**how))
    root = logging.getLogger()
    others, root.handlers = root.handlers, [handler]
    yield handler.stream
    root.handlers = others
    configure(log_format="console", level="INFO")


def test_a_token_is_long_and_its_hash_does_not_contain_it() -> None:
    tokens = {new_token(TokenKind.PLAYER) for _ in range(50)}
    assert len(tokens) == 50
    for token in tokens:
        assert len(token) == 31
        assert token[3:] not in token_hash(token)
        assert hide_tokens(f"GET /my/{token}/?x=1") == "GET /my/pl-…/?x=1"
        assert hide_tokens(f"/my/{token[:12]}") == "/my/pl-…"
        assert hide_tokens(token.upper()) == "PL-…"


@pytest.mark.django_db
def test_no_log_line_has_a_token(
    lines: io.StringIO, open_link: JoinLink, anna: Member, monkeypatch: Any
) -> None:
    """Requests that are not found, not allowed, refused (by CSRF check or host), or that fail."""
    mine = personal(anna)
    paths = [join_address(open_link), mine]
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for path in paths:
        strict.get(path[:-3] + "/")
        strict.put(path)
        strict.post(path, {"act": "leave"})
        strict.get(path, HTTP_HOST="evil.example")

    def fails(_member: Any) -> Any:
        msg = f"It failed for {mine}"
        raise ValueError(msg)

    monkeypatch.setattr(my_page, "codes_of", fails)
    assert strict.get(mine).status_code == 500
    logging.getLogger("waitress").warning("Slow client: %s", mine)
    logging.getLogger("sentry.like").error("Failed", extra={"path": mine})

    text = lines.getvalue()
    assert "Not Found: /my/pl-…" in text
    assert "It failed for /my/pl-…" in text
    assert "Internal Server Error: /my/pl-…" in text
    for path in paths:
        assert path.split("/")[2][3:12] not in text


def test_the_forms_of_players_have_a_small_limit() -> None:
    for path in ("/join/jn-x/", "/my/pl-x/", "/codes/x/"):
        assert max_body_bytes(path) == 8_192
