"""Links into the site, for messages to people."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings


def link(path: str) -> str:
    """The address of a page as people reach it; empty if SITE_URL is not set, or is none.

    Args:
        path: begins with a slash.
    """
    return f"{settings.SITE_URL}{path}" if is_valid(settings.SITE_URL) else ""


def is_valid(address: str) -> bool:
    """Whether announcers take it as the begin of a link."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"} and bool(host) and not re.search(r"[\s<>\"?#]", address)
    )
