from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from giftcodes.clients.http.redactor import Redactor, secrets_in
from giftcodes.domain.text import one_line, plain_text


def test_what_cannot_be_stored_or_printed_is_replaced() -> None:
    assert plain_text("a\0\ud800\x1b\u202eb\n\tc", 100) == "a\ufffd\ufffd\ufffd\ufffdb\n\tc"
    assert plain_text("Größe 🎁", 100) == "Größe 🎁"
    assert plain_text("abc", 2) == "ab"


def test_one_line_cannot_forge_a_second_line() -> None:
    assert one_line(" a\r\n✅ Redeemed\u2028b\x85 ", 100) == "a ✅ Redeemed b"


@pytest.mark.parametrize(
    "spelling",
    [
        'p"\nä +/',
        'P"\nÄ +/',
        repr('p"\nä +/'),
        json.dumps('p"\nä +/'),
        quote('p"\nä +/', safe=""),
        "key=p%22%0A%C3%A4+%2B%2F&x",
    ],
)
def test_a_secret_is_found_in_every_spelling(spelling: str) -> None:
    assert "ä" not in Redactor('p"\nä +/')(f"before {spelling} after").lower()
    assert "[hidden]" in Redactor('p"\nä +/')(f"before {spelling} after")


@pytest.mark.parametrize(
    "address",
    ["https://amber:pass/word@example.org/feed", "https://amber:pass?word@example.org/feed"],
)
def test_no_part_of_an_address_that_cannot_be_read_is_shown(address: str) -> None:
    hide = Redactor(*secrets_in(address))

    shown = hide(f"Failed to parse {address}: port 'pass' is no number; word@example.org")
    assert "pass" not in shown
    assert "word" not in shown


def test_an_empty_secret_hides_nothing() -> None:
    assert Redactor("", " ")("a b") == "a b"
