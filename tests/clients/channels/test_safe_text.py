"""Texts that ping no person, are no link and have no markup."""

from __future__ import annotations

import pytest

from giftcodes.clients.channels.safe_text import Markup, cut, safe

ZERO = "\u200b"


@pytest.mark.parametrize(
    "text",
    [
        "▰▰▱▱ 50 % (5 of 10)\nNeeds a person:",
        "Done: about 14:20, in 1.5 s, v1.2.3. The realm is wrong.",
        "A < B, 3 > 2, a: b",
        "\u2068אבג\u2069 (2): No.",
        "Zoë 🏳️\u200d🌈",
        "…",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe(text, Markup.PLAIN) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("@all", f"@{ZERO}all"),
        ("<!channel>", f"<{ZERO}!channel>"),
        ("http://x", f"http:{ZERO}//x"),
        ("evil.example", f"evil.{ZERO}example"),
        ("例.中国", f"例.{ZERO}中国"),
        ("MailTo:x", f"MailTo:{ZERO}x"),
        ("[a](b)", f"[a]{ZERO}(b)"),
        ("@\u200ball", f"@{ZERO}all"),
        ("a\u202eb\x00c\u2028d", "ab\ufffdc\ufffdd"),
        ("a\ud800b", "a?b"),
    ],
)
def test_a_text_that_would_ping_or_link_or_reorder_is_defused(text: str, plain: str) -> None:
    assert safe(text, Markup.PLAIN) == plain


def test_markdown_is_escaped() -> None:
    assert safe("*a* _b_ `c` ~d~ |e| > # [f] \\", Markup.MARKDOWN) == (
        r"\*a\* \_b\_ \`c\` \~d\~ \|e\| \> \# \[f\] \\"
    )


@pytest.mark.parametrize("limit", range(12))
def test_no_backslash_is_left_before_the_ellipsis(limit: int) -> None:
    shown = cut(safe("ab*" * 9, Markup.MARKDOWN), limit)

    assert len(shown) <= limit
    assert not shown.endswith("\\…")
