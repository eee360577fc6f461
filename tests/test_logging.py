"""Log lines show names unchanged, but no characters that hide or reorder parts of the line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from giftcodes.domain import log_lines
from redeemer.logging import configure

HIDDEN = "\u202e\u2066\u061c\u200b\u00ad"


@pytest.fixture(params=["console", "json"])
def lines(request: pytest.FixtureRequest, settings: Any) -> Iterator[io.StringIO]:
    """The output of all loggers, in each log format."""
    how = dict(configure(log_format=request.param, level="INFO")["formatters"]["structured"])
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(how.pop("()")(**how))
    root = logging.getLogger()
    # Only this handler: pytest would send the text to its controller, which accepts only Unicode.
    others, root.handlers = root.handlers, [handler]
    yield handler.stream
    root.handlers = others
    configure(log_format="console", level="INFO")


def test_a_name_in_our_log_lines_hides_and_reorders_nothing(lines: io.StringIO) -> None:
    log_lines.answered(
        f"{HIDDEN}Amber (1)",
        f"SUC{HIDDEN}CESS",
        settled=True,
        guild=f"Wol{HIDDEN}ves",
        code="FROST",
    )
    log_lines.warning(
        "Players.", names=[f"{HIDDEN}Birch"], by={"who": (f"Cinder{HIDDEN}",)}, number=7
    )

    text = lines.getvalue()
    assert "✅ Redeemed for Amber (1): SUCCESS" in text
    assert "Wolves" in text
    assert not set(HIDDEN) & set(text)
    assert not any(f"\\u{ord(sign):04x}" in text for sign in HIDDEN)


def test_a_right_to_left_name_has_no_isolating_characters_in_a_log(lines: io.StringIO) -> None:
    log_lines.locked("\u2068אבג\u2069", "FROST")

    assert "🔒 Locked auto-redeem for guild אבג with code FROST" in lines.getvalue()


def test_lines_and_errors_of_libraries_are_treated_in_the_same_way(lines: io.StringIO) -> None:
    error = ValueError(f"{HIDDEN}Amber\x1b[31m")
    logging.getLogger("some.library").error("It failed for %s", f"Wol{HIDDEN}ves", exc_info=error)

    text = lines.getvalue()
    assert "It failed for Wolves" in text
    assert "ValueError" in text
    assert not {*HIDDEN, "\x1b"} & set(text)


def test_emoji_and_the_line_breaks_of_an_error_stay(lines: io.StringIO) -> None:
    log_lines.info("🏳️\u200d🌈 Amber\tgoes on", what="first\nsecond")

    text = lines.getvalue()
    event = json.loads(text)["event"] if text.startswith("{") else text
    assert "🏳️\u200d🌈 Amber\tgoes on" in event
    assert "first\\nsecond" in text or "first\nsecond" in text


@pytest.mark.parametrize("page", ["invitation", "password-link"])
def test_the_secret_in_the_address_of_a_link_reaches_no_log_line(
    lines: io.StringIO, page: str
) -> None:
    address = f"/{page}/a-Secret_9/"
    logging.getLogger("django.request").warning("Gone: %s", address)
    log_lines.warning("Asked.", request=f"GET {address}", more=[{"path": address}])
    error = ValueError(address)
    logging.getLogger("django.request").error("Failed.", exc_info=error)

    told = lines.getvalue()

    assert f"/{page}/…" in told
    assert "a-Secret_9" not in told


def test_a_long_path_is_cut_in_each_line(lines: io.StringIO) -> None:
    """Django and django-structlog each write the path of a request that finds no page."""
    path = "/" + "a" * 30_000
    structlog.get_logger("django_structlog").warning(
        "request_finished", request=f"GET {path}", user_agent="b" * 8_000, correlation_id="c" * 999
    )
    logging.getLogger("django.request").warning("%s: %s", "Not Found", path)

    text = lines.getvalue()
    assert f"GET {path[:190]}" in text
    assert f"Not Found: {path[:180]}" in text
    assert len(text) < 2_000


def test_a_long_line_of_a_library_is_cut_and_its_traceback_is_not(lines: io.StringIO) -> None:
    error = ValueError("x" * 4_000)
    logging.getLogger("some.library").error("y" * 9_000, exc_info=error)

    text = lines.getvalue()
    assert "x" * 4_000 in text
    assert "y" * 1_999 + "…" in text


def test_a_path_of_a_stranger_makes_short_lines(
    lines: io.StringIO, client: Client, db: None
) -> None:
    assert client.get("/" + "a" * 30_000).status_code == 404
    assert "Not Found" in lines.getvalue()
    assert len(lines.getvalue()) < 2_000
