"""Why an answer is incomplete, as a sentence."""

from __future__ import annotations

from giftcodes.clients.http.transport import Response, Truncation
from giftcodes.domain.sentences import Sentence

_KEYS = {
    Truncation.TOO_SLOW: "answer_too_slow",
    Truncation.TOO_LONG: "answer_too_long",
    Truncation.BROKEN_OFF: "answer_broken_off",
}


def why_cut(response: Response) -> Sentence | None:
    """Why the body of an answer is incomplete. None if it is complete."""
    key = _KEYS.get(response.truncation)
    return Sentence.of(key) if key else None
