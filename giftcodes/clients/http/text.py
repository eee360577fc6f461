"""Foreign text made safe to store (no NUL, no lone surrogate), to show, and without our secrets."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def plain_text(text: str, limit: int) -> str:
    """The text with what cannot be printed replaced, cut to `limit` characters. Line ends and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else _REPLACEMENT for c in text[:limit])


def one_line(text: str, limit: int) -> str:
    """The same in one line, with runs of white space as one blank: it cannot forge a line of a log."""
    return plain_text(" ".join(text[: 4 * limit].split()), limit)


class Redactor:
    """Takes secrets out of a text, also where they were quoted, escaped or put in an address."""

    def __init__(self, *secrets: str) -> None:
        spellings = {
            spelling for secret in secrets if secret.strip() for spelling in _spellings(secret)
        }
        longest_first = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
        self._pattern = re.compile(longest_first, re.IGNORECASE) if spellings else None

    def __call__(self, text: str) -> str:
        """The text with each secret replaced. Redact before cutting: half a secret is not found."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


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
