"""The body that another program sends to a webhook."""

from __future__ import annotations

import json

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, unique

MAX_PUSHED_BYTES = 65_536


def read_pushed(body: bytes) -> Listing:
    """Read the codes in a body."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem="The body is not JSON.")
    entries = sent.get("codes", [sent]) if isinstance(sent, dict) else []
    found, skipped = [], []
    for entry in entries if isinstance(entries, list) else []:
        code = entry.get("code") if isinstance(entry, dict) else None
        if isinstance(code, str) and CODE.fullmatch(code):
            found.append(PublishedCode(code, None))
        else:
            skipped.append(f"not a code: {entry}")
    return Listing(codes=unique(found), skipped=tuple(skipped))
