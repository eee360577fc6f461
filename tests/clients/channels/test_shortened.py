"""Texts that are too long are cut where that does not mislead."""

from __future__ import annotations

import pytest

from giftcodes.clients.channels.base import shortened


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("The realm is wrong.", 19, "The realm is wrong."),
        ("The realm is wrong.", 18, "The realm is…"),
        ("The realm is wrong.", 13, "The realm is…"),
        ("The realm is wrong.", 12, "The realm…"),
        ("The player 123456789 is unknown.", 18, "The player…"),
        ("Tried by 3wQYbxQw3 today", 15, "Tried by…"),
        ("line one\nline two and more", 14, "line one\nline…"),
        ("領主領主領主領主領主", 6, "領主領主領…"),
        ("領主領主123456", 8, "領主領主…"),
        ("x" * 20, 5, "xxxx…"),
        ("a, b", 3, "a…"),
        ("word", 0, ""),
        ("word", 1, "…"),
        ("", 5, ""),
    ],
)
def test_a_cut_text_ends_with_a_whole_word_number_or_code(
    text: str, limit: int, shown: str
) -> None:
    assert shortened(text, limit) == shown


@pytest.mark.parametrize("sign", ["👨‍👩‍👧", "👍🏽", "e\u0301", "❤️"])
@pytest.mark.parametrize("limit", range(1, 12))
def test_a_sign_of_several_characters_is_not_cut_in_two(sign: str, limit: int) -> None:
    kept = shortened(sign * 30, limit).removesuffix("…")

    assert kept == sign * (len(kept) // len(sign))


@pytest.mark.parametrize("limit", range(12))
def test_the_limit_is_in_the_channels_own_unit(limit: int) -> None:
    shown = shortened(
        "🎁🎁🎁 🎁🎁🎁", limit, length=lambda text: len(text.encode("utf-16-le")) // 2
    )

    assert len(shown.encode("utf-16-le")) // 2 <= limit
