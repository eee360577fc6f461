"""What the channel clients share: the message, its delivery, and the interface of a client.

A client translates messages for its service. It keeps no state and does not sleep.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from giftcodes.clients.http.destinations import NO_PRIVATE_HOSTS, PrivateHosts
from giftcodes.domain.sentences import Sentence

ERROR_LENGTH = 300
#: The keys of the sentences that say that no connection to the service was made.
UNREACHED_KEYS = frozenset({"discord_unreached", "service_unreached"})
#: The wait after an HTTP 429 that does not say how long to wait. A short wait is enough, because
#: the outbox has its own back-off, which is longer and grows.
UNNAMED_WAIT_SECONDS = 1.0
_JOINER = "\u200d"
_LOOSE_ENDS = " \t\r\n,;:-"


class Severity(StrEnum):
    """The severity of a message, for channels that can show it."""

    RUNNING = "running"
    GOOD = "good"
    NEUTRAL = "neutral"
    ATTENTION = "attention"
    ALARM = "alarm"


class ButtonStyle(StrEnum):
    """The colour of a button."""

    USUAL = "usual"
    FIRST = "first"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class MessageButton:
    """A button below a message.

    Args:
        label: the words on it.
        custom_id: what the service keeps with the button, and tells us when it is pressed.
        style: its colour.
    """

    label: str
    custom_id: str
    style: ButtonStyle = ButtonStyle.USUAL


@dataclass(frozen=True, slots=True)
class Message:
    """A message in plain text. Clients escape their service's markup, and shorten what is too long.

    Args:
        title: one line.
        text: one or more lines.
        facts: pairs of a name and a value, for example of a count. They are shown as a list.
        url: a page with details. Empty if there is none.
        severity: the severity, for channels that can show it.
        role_id: the ID of the role that the message mentions, for Discord. Empty if there is none.
        pings: whether the people who have the role are pinged. If not, the role is only shown.
        buttons: the buttons below the message, at most five. Only the Discord bot can send them.
        event: what the message says, for programs: a JSON object with an `id`. Only webhooks for
            programs send it.
    """

    title: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    severity: Severity = Severity.RUNNING
    role_id: str = ""
    pings: bool = True
    buttons: tuple[MessageButton, ...] = ()
    event: str = field(default="", repr=False)


class DeliveryOutcome(StrEnum):
    """The outcome of a request to a channel."""

    DELIVERED = "delivered"
    #: The message can be sent again: it was certainly not posted, or a repetition does no harm.
    LATER = "later"
    #: The whole channel no longer exists.
    GONE = "gone"
    #: The message was deleted, so it cannot be edited. The channel accepts other messages.
    DELETED = "deleted"
    #: The channel refuses this message. A retry does not help.
    REFUSED = "refused"
    #: The message was certainly not edited, and cannot be edited for now. The channel accepts other
    #: messages.
    FROZEN = "frozen"
    #: The message may or may not have been posted. An edit can be retried, but a new message must
    #: not be.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of sending one message.

    Args:
        outcome: whether the message was delivered and, if not, whether a retry makes sense.
        message_id: identifies a delivered message for edits. Empty if it cannot be edited.
        error: what went wrong and what to do, for people. It contains no secret.
        wait_seconds: how long the channel asks us to wait before the next request.
    """

    outcome: DeliveryOutcome
    message_id: str = ""
    error: str = ""
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """The rules for the address of a channel.

    Args:
        private_hosts: the private hosts at which a channel may be.
        more_schemes: Apprise's schemes that are allowed besides those in `services.SERVICES`, in
            lower case.
        bot_token: the token of the Discord bot, which is a secret. With None, addresses of channels
            in which the bot posts are not allowed. With an empty text, they are allowed, but
            nothing can be sent.
    """

    private_hosts: PrivateHosts = NO_PRIVATE_HOSTS
    more_schemes: frozenset[str] = frozenset()
    bot_token: str | None = field(default=None, repr=False)


STRICT_RULES = ChannelRules()


class ChannelClient(Protocol):
    """A client of one channel. Its methods never raise or sleep, and keep to their time limit."""

    can_edit: bool
    #: The host that a person typed in the address. Empty if the service's host is fixed.
    host: str

    def create(self, message: Message) -> Delivery:
        """Post a new message, once."""
        ...

    def edit(self, message_id: str, message: Message) -> Delivery:
        """Replace a message."""
        ...


class BadAddressError(ValueError):
    """The address does not belong to a channel.

    Args:
        sentence: why, and what to do. It does not contain the address.
    """

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def shortened(text: str, limit: int, *, length: Callable[[str], int] = len) -> str:
    """Return the text, or its beginning with an ellipsis if it is too long.

    A word, number or code is cut only if it alone is too long.

    Args:
        text: the text to show.
        limit: the maximum length of the result, ellipsis included.
        length: measures a text in the unit of `limit`.
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
    """Return the best place to cut, at `end` or before.

    The best place is after a word. If that would lose more than half of the text, it is a place
    that splits no number, code or Latin word. If there is none, it is between any two characters.
    """
    places = range(end, 0, -1)
    words = next((at for at in places if text[at].isspace() and not text[at - 1].isspace()), 0)
    if words > end // 2:
        return words
    between = next((at for at in places if _is_between(text, at)), 0)
    return max(words, between) or next((at for at in places if not _joins(text, at)), 0)


def _is_between(text: str, at: int) -> bool:
    """Return whether a cut at `at` splits no number, code, Latin word or combined character."""
    return not (
        text[at - 1].isascii() and text[at].isascii() and text[at].isalnum()
    ) and not _joins(text, at)


def _joins(text: str, at: int) -> bool:
    """Return whether the character at `at`, such as an accent, combines with the one before it."""
    sign = text[at]
    is_part = (
        unicodedata.combining(sign)
        or sign in (_JOINER, "\ufe0f")
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
    )
    return bool(is_part) or text[at - 1] == _JOINER
