"""What the checks share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error

#: The tag of the checks of settings. The workers run only these.
SETTINGS = "settings"


def errors(
    error_id: str, problems: Iterable[str], *, hint: str | None = None
) -> list[CheckMessage]:
    """An error for each problem, all with the same hint."""
    return [Error(problem, hint=hint, id=error_id) for problem in problems]


def is_web_address(url: str) -> bool:
    """Whether this is a complete address that begins with http:// or https://."""
    return is_address(url, {"http", "https"})


def is_address(url: str, schemes: Iterable[str]) -> bool:
    """Whether an address has one of the schemes, a host, a valid port and no white space."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(host) and not re.search(r"[\s<>\"]", url)
