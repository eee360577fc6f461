"""One message to a channel, and what became of it. An announcer translates; it keeps no state and does not sleep."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

ERROR_LENGTH = 300
_JOINER = "\u200d"
_LOOSE_ENDS = " \t\r\n,;:-"


class Severity(StrEnum):
    """How a message feels, where a channel can show that."""

    RUNNING = "running"
    GOOD = "good"
    ATTENTION = "attention"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Message:
    """A message in plain words: announcers escape what their channel would take for markup, and cut what is too long.

    Args:
        title: one line.
        text: some lines.
        facts: name and value of each figure.
        url: a page with more; empty: none.
        tone: how it feels.
    """

    title: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    tone: Severity = Severity.RUNNING


class DeliveryOutcome(StrEnum):
    """What became of a request to a channel."""

    DELIVERED = "delivered"
    #: Certainly nothing was posted: it may be tried again.
    LATER = "later"
    #: The message, or the whole channel, is not there any more.
    GONE = "gone"
    #: The channel will not take this message, however often it is sent.
    REFUSED = "refused"
    #: The message certainly was not changed, and cannot be for now. The channel takes other messages.
    FROZEN = "frozen"
    #: It may have been posted, or not. A new message must not be tried again; an edit may.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message. `error` is for people, and holds no secret.

    Args:
        fate: the class of it.
        message_id: by which a delivered message can be edited; empty: it cannot.
        error: what went wrong, and what to do.
        wait_seconds: the channel wants to be left alone for so long.
    """

    fate: DeliveryOutcome
    message_id: str = ""
    error: str = ""
    wait_seconds: float = 0.0


class Announcer(Protocol):
    """A channel. Neither method raises, sleeps, or takes longer than its time."""

    can_edit: bool

    def create(self, post: Message) -> Delivery:
        """Message a new message, once."""
        ...

    def edit(self, message_id: str, post: Message) -> Delivery:
        """Replace what a message says."""
        ...


class BadAddressError(ValueError):
    """No channel has such an address. The text never repeats it."""


def shortened(text: str, limit: int, *, length: Callable[[str], int] = len) -> str:
    """The text, or its beginning and an ellipsis. No word, number or code is cut in two, unless it alone is too long.

    Args:
        text: to be shown.
        limit: the most that may come back, ellipsis included.
        length: measures a text in the unit of the limit.
    """
    if length(text) <= limit:
        return text
    if limit < 1:
        return ""
    end = min(len(text), limit)
    while end and length(text[:end]) > limit - 1:
        end -= 1
    return text[: _last_break(text, end)].rstrip(_LOOSE_ENDS) + "…"


def _last_break(text: str, end: int) -> int:
    """Where to cut, at `end` or before it: after a word; where that loses too much, before a number or code; else
    between two signs."""
    places = range(end, 0, -1)
    words = next((at for at in places if text[at].isspace() and not text[at - 1].isspace()), 0)
    if words > end // 2:
        return words
    between = next((at for at in places if _is_between(text, at)), 0)
    return max(words, between) or next((at for at in places if not _joins(text, at)), 0)


def _is_between(text: str, at: int) -> bool:
    """Whether a cut there goes through no number, no code and no Latin word, and through no sign."""
    return not (
        text[at - 1].isascii() and text[at].isascii() and text[at].isalnum()
    ) and not _joins(text, at)


def _joins(text: str, at: int) -> bool:
    """Whether the character there is drawn as one sign with what is before it: an accent, a colour, a family."""
    sign = text[at]
    is_part = (
        unicodedata.combining(sign)
        or sign in (_JOINER, "\ufe0f")
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
    )
    return bool(is_part) or text[at - 1] == _JOINER
