"""Remove our secrets from texts that other services send."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"


class Redactor:
    """Replaces secrets in a text, including quoted, escaped and URL-encoded ones."""

    def __init__(self, *secrets: str) -> None:
        spellings = {
            spelling for secret in secrets if secret.strip() for spelling in _spellings(secret)
        }
        longest_first = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
        self._pattern = re.compile(longest_first, re.IGNORECASE) if spellings else None

    def __call__(self, text: str) -> str:
        """Replace each secret in a text. Redact before you cut: a cut secret is not recognised."""
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
