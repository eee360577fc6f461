"""The health check of a game's service: a request without a player or a code.

A good answer proves that the service can be reached, but not that the salt is right
(docs/reference/protocol.md, section 1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from giftcodes.clients.http import Response, Truncation


class Health(StrEnum):
    """The health of the service, as one answer shows it."""

    UP = "up"
    #: The service answered, and refused the signature of the request.
    REFUSED = "refused"
    #: No answer, or a server error.
    DOWN = "down"
    #: The answer does not show whether the service is up.
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The result of a health check. `detail` contains no secret."""

    health: Health
    http_status: int | None
    latency_ms: int
    detail: str = ""


def health_url(api_url: str) -> str:
    """Return the URL of the health check: for `…/gift_code`, it is `…/gift_code_config`.

    For any other URL, the result is empty.
    """
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/")
    if not path.endswith("/gift_code"):
        return ""
    return urlunsplit(parts._replace(path=f"{path}_config", query="", fragment=""))


def read_health(response: Response) -> tuple[Health, str]:
    """Return the health that an answer shows, and a description of it."""
    if response.status >= 500:
        return Health.DOWN, "The server reports an error."
    if response.status == 429:
        return Health.UNCLEAR, "The server refuses further health checks for now."
    if not 200 <= response.status < 300:
        return Health.UNCLEAR, "The server may no longer have this endpoint."
    if response.truncation is not Truncation.NONE:
        return Health.UNCLEAR, response.truncation.value
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return Health.UNCLEAR, "The answer is not JSON. It may be a proxy's page."
    msg = answer.get("msg")
    words = " ".join(msg.split()).rstrip(". ") if isinstance(msg, str) else ""
    if words.lower() == "sign error":
        return Health.REFUSED, words
    return Health.UP, words
