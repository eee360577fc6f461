"""Names of people, guilds and codes in messages: they format nothing, and mention nobody."""

from __future__ import annotations

from giftcodes.clients.channels.safe_text import Markup
from giftcodes.clients.channels.safe_text import safe as safe_text
from giftcodes.domain.text import one_line

_MOST = 100


def safe(name: object) -> str:
    """A name as plain text of one line, without mentions, links and markup."""
    return safe_text(one_line(str(name), _MOST), Markup.MARKDOWN)
