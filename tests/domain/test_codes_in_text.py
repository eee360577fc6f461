"""What looks like a gift code in a message."""

from __future__ import annotations

import pytest

from giftcodes.domain.codes_in_text import codes_in, words_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Code: WOS0408", ["WOS0408"]),
        ("New gift code `gogoWOS` until Friday", ["gogoWOS"]),
        ("**OFFICIALSTORE**", ["OFFICIALSTORE"]),
        ("hello\nfreedom\nenjoy it", ["hello", "freedom"]),
        ("KSwelcome is out, also VIP777.", ["VIP777", "KSwelcome"]),
        ("codes:\n- `ABC123`\n- `abc123`\n- XYZ789", ["ABC123", "XYZ789"]),
        ("https://example.com/GIFT2026 <@123456789012345678> :smile1:", []),
        ("1000 gems, 5x speedup, 24h left, see you", []),
        ("ＷＯＳ０４０８", ["WOS0408"]),
        ("", []),
    ],
)
def test_what_looks_like_a_code_is_found(text: str, found: list[str]) -> None:
    assert codes_in(text, most=25) == found


def test_known_codes_come_first_however_they_look() -> None:
    assert codes_in("take FRESH99 and sunshine today", known={"sunshine"}, most=25) == [
        "sunshine",
        "FRESH99",
    ]


def test_there_is_a_limit() -> None:
    text = " ".join(f"CODE{number}X" for number in range(100))
    assert len(codes_in(text, most=25)) == 25
    assert len(words_in("A1B2C3D4 " * 100_000)) <= 2
