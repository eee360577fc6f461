"""Make text safe for each kind of service: it mentions no person and has no links or markup.

Messages contain names, which players choose themselves. Every text of a message, except for the
message's own link, passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from giftcodes.clients.channels.base import shortened
from giftcodes.domain.text import printable_sentence

ZERO_WIDTH_SPACE = "\u200b"
#: Places where a service would see a mention, a link or markup: `@all`, `<!channel>`, `://`,
#: `evil.example`, `mailto:x`, `[text](…)`. A zero-width space after the match prevents that.
_STARTS = re.compile(
    r"@|<(?=\S)|:(?=//)|(?<=\w)\.(?=[^\W\d_])|\b(?:mailto|tel|javascript|data):|\](?=[(\[])",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"([\\*_~`|>#\[\]<])")


class Markup(StrEnum):
    """How a service reads a text."""

    #: As plain text, or as markup for which Apprise escapes the text.
    PLAIN = "plain"
    #: As Markdown in which a backslash escapes a character.
    MARKDOWN = "markdown"


def safe(text: str, markup: Markup) -> str:
    """Change a text so that a service shows it without mentions, links and markup.

    Invisible characters are removed, and control characters are replaced. Line ends stay.
    """
    text = printable_sentence(text.encode("utf-8", "replace").decode())
    text = _STARTS.sub(rf"\g<0>{ZERO_WIDTH_SPACE}", text)
    return _MARKUP.sub(r"\\\1", text) if markup is Markup.MARKDOWN else text


def cut(text: str, limit: int, *, length: Callable[[str], int] = len) -> str:
    """Return a safe text, or its beginning with an ellipsis if it is too long.

    Backslashes before the ellipsis are removed, because the last one could escape it.

    Args:
        text: a result of `safe`.
        limit: the maximum length of the result, ellipsis included.
        length: measures a text in the unit of `limit`.
    """
    if length(text) <= limit:
        return text
    kept = shortened(text, limit, length=length).removesuffix("…")
    return f"{kept.rstrip(chr(92))}…" if limit > 0 else ""
