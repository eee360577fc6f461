"""Names of people, guilds and codes in messages: they format nothing, and mention no one."""

from __future__ import annotations

import datetime as dt

from giftcodes.clients.channels.safe_text import Markup
from giftcodes.clients.channels.safe_text import safe as safe_text
from giftcodes.domain.text import one_line

_MOST, _MOST_OF_SENTENCE = 100, 1_000


def safe(name: object) -> str:
    """A name as plain text of one line, without mentions, links and markup."""
    return safe_text(one_line(str(name), _MOST), Markup.MARKDOWN)


def safe_words(words: object) -> str:
    """Sentences that may contain names, such as the result of a service: see `safe`."""
    return safe_text(one_line(str(words), _MOST_OF_SENTENCE), Markup.MARKDOWN)


def moment(at: dt.datetime | None) -> str:
    """A time, which Discord shows as `in 5 minutes` in the language of the reader."""
    return f"<t:{int(at.timestamp())}:R>" if at else ""
