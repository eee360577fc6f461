"""Text that pings no person, is no link and has no markup, for each kind of service.

Players choose their names, and names are in messages. Every text of a message except its own link
passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from giftcodes.clients.channels.base import shortened
from giftcodes.domain.text import printable_sentence

_ZERO_WIDTH_SPACE = "\u200b"
#: Where a service would begin a mention, a link or an element of its markup: `@all`, `<!channel>`,
#: `://`, `evil.example`, `mailto:x`, `[text](…)`. A space without width after it prevents that.
_STARTS = re.compile(
    r"@|<(?=\S)|:(?=//)|(?<=\w)\.(?=[^\W\d_])|\b(?:mailto|tel|javascript|data):|\](?=[(\[])",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"([\\*_~`|>#\[\]<])")


class Markup(StrEnum):
    """How a service reads a text."""

    #: As plain text, or Apprise escapes it for the service.
    PLAIN = "plain"
    #: As Markdown in which a backslash escapes.
    MARKDOWN = "markdown"


def safe(text: str, markup: Markup) -> str:
    """The text as a service shows it without mentions, links and markup.

    Invisible and control characters are removed or replaced first; line ends stay.
    """
    text = printable_sentence(text.encode("utf-8", "replace").decode())
    text = _STARTS.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)
    return _MARKUP.sub(r"\\\1", text) if markup is Markup.MARKDOWN else text


def cut(text: str, limit: int, *, length: Callable[[str], int] = len) -> str:
    """A safe text, or its beginning with an ellipsis, which no backslash escapes.

    Args:
        text: made by `safe`.
        limit: the maximum length of the result, ellipsis included.
        length: measures a text in the unit of `limit`.
    """
    if length(text) <= limit:
        return text
    kept = shortened(text, limit, length=length).removesuffix("…")
    return f"{kept.rstrip(chr(92))}…" if limit > 0 else ""
