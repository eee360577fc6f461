"""Is a game's service up? What the answer to a question without a player and without a code says.

The fact is in docs/reference/protocol.md, section 1: a good answer proves that the service can be
reached, and not the salt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from giftcodes.clients.http import Response, Truncation


class Health(StrEnum):
    """What is known of the service after one question."""

    UP = "up"
    #: It answered, and does not accept the signature of the question.
    REFUSED = "refused"
    #: No answer, or an error of the server's.
    DOWN = "down"
    #: An answer that says neither.
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Checkup:
    """One answer. `detail` holds no secret."""

    health: Health
    http_status: int | None
    latency_ms: int
    detail: str = ""


def health_url(api_url: str) -> str:
    """Where the question goes: `…/api/gift_code` gives `…/api/gift_code_config`, anything else an empty text."""
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/")
    if not path.endswith("/gift_code"):
        return ""
    return urlunsplit(parts._replace(path=f"{path}_config", query="", fragment=""))


def judge(reply: Response) -> tuple[Health, str]:
    """What an answer says of the service, and the words for it."""
    if reply.status >= 500:
        return Health.DOWN, "The server reports an error."
    if reply.status == 429:
        return Health.UNCLEAR, "It refuses more questions of this kind for now."
    if not 200 <= reply.status < 300:
        return Health.UNCLEAR, "It may not have this endpoint any more."
    if reply.cut is not Truncation.NOT_CUT:
        return Health.UNCLEAR, reply.cut.value
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return Health.UNCLEAR, "The answer is not JSON, but perhaps a proxy's page."
    msg = answer.get("msg")
    words = " ".join(msg.split()).rstrip(". ") if isinstance(msg, str) else ""
    if words.lower() == "sign error":
        return Health.REFUSED, words
    return Health.UP, words
