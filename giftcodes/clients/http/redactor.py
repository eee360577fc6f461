"""Remove our secrets from texts that other services send."""

from __future__ import annotations

import json
import re
from functools import cached_property
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

HIDDEN = "[hidden]"
_SHORTEST_VALUE = 8


class Redactor:
    """Replaces secrets in a text, including quoted, escaped and URL-encoded ones."""

    def __init__(self, *secrets: str) -> None:
        self._spellings = {
            spelling for secret in secrets if secret.strip() for spelling in _spellings(secret)
        }
        self._shortest = min(map(len, self._spellings), default=0)

    def __call__(self, text: str) -> str:
        """Replace each secret in a text. Redact before you cut: a cut secret is not recognised."""
        if not self._spellings or len(text) < self._shortest:
            return text
        return self._pattern.sub(HIDDEN, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The spellings as one pattern. Most texts are too short to need it, and it takes time."""
        longest_first = sorted(self._spellings, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def secrets_in(url: str) -> set[str]:
    """The parts of an address that may be secrets: its password, and the values of its query.

    Values of fewer than `_SHORTEST_VALUE` characters are left out: other words contain them, too.
    Of an address that cannot be read, such as one with a slash in its password, all parts may be
    secrets.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return {url, *re.findall(r"[^:/?#@&=]+", url.partition("//")[2])}
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    written = [parts.password or "", *(value for value in values if len(value) >= _SHORTEST_VALUE)]
    return {form for text in written for form in (text, unquote(text), unquote_plus(text))}


def _spellings(secret: str) -> set[str]:
    spellings = {
        secret,
        secret.strip(),
        repr(secret)[1:-1],
        repr(secret.encode("utf-8", "replace"))[2:-1],
        json.dumps(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    return {spelling for spelling in spellings if spelling}
