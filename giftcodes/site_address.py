"""Links to pages of the site, for messages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from giftcodes.models.site_settings import site_url


def link(path: str) -> str:
    """The full URL of a page, or an empty string if the site's address is not set or not valid.

    Args:
        path: the path of the page, which starts with a slash.
    """
    start = site_url()
    return f"{start}{path}" if is_valid(start) else ""


def is_valid(address: str) -> bool:
    """Whether channels accept this address as the start of a link. It must not name a user."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"} and bool(host) and not re.search(r"[\s<>\"?#@]", address)
    )
