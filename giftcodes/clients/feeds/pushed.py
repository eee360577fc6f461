"""What another program sends to the webhook of a source: JSON, or text with one code per line."""

from __future__ import annotations

import json

from giftcodes.clients.feeds.base import Listing
from giftcodes.clients.feeds.entries import Entry, listing_of
from giftcodes.domain.sentences import Sentence

#: The largest body, in bytes.
MAX_PUSHED_BYTES = 64 * 1024
#: The highest number of codes in a body.
MAX_PUSHED_CODES = 100
#: JSON that a program sends by mistake, and that looks like a code.
_CONSTANTS = {"true", "false", "null"}


def read_pushed(body: bytes) -> Listing:
    """Read a body. A body without entries is a problem. The listing may have no code."""
    text = body.decode("utf-8", "replace").strip()
    if text in _CONSTANTS:
        entries = []
    elif text[:1] in ("{", "["):
        entries = _of_json(text)
    else:
        entries = [Entry(line) for line in text.splitlines() if line.strip()]
    if not entries:
        return Listing(problem=Sentence.of("body_of_other_form"))
    if len(entries) > MAX_PUSHED_CODES:
        return Listing(problem=Sentence.of("body_too_many_codes", number=MAX_PUSHED_CODES))
    return listing_of(entries)


def _of_json(text: str) -> list[Entry]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if isinstance(found, dict):
        found = found["codes"] if isinstance(found.get("codes"), list) else [found]
    return [
        Entry(one.get("code"), one.get("published"), one.get("expires"))
        if isinstance(one, dict)
        else Entry(one)
        for one in found
    ]
