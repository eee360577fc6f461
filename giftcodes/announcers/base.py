"""One message to a channel, and what became of it. An announcer translates; it keeps no state and does not sleep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

ERROR_LENGTH = 300


class Tone(StrEnum):
    """How a message feels, where a channel can show that."""

    RUNNING = "running"
    GOOD = "good"
    ATTENTION = "attention"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Post:
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
    tone: Tone = Tone.RUNNING


class Fate(StrEnum):
    """What became of a request to a channel."""

    DELIVERED = "delivered"
    #: Certainly nothing was posted: it may be tried again.
    LATER = "later"
    #: The message, or the whole channel, is not there any more.
    GONE = "gone"
    #: The channel will not take this message, however often it is sent.
    REFUSED = "refused"
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

    fate: Fate
    message_id: str = ""
    error: str = ""
    wait_seconds: float = 0.0


class Announcer(Protocol):
    """A channel. Neither method raises, sleeps, or takes longer than its time."""

    can_edit: bool

    def create(self, post: Post) -> Delivery:
        """Post a new message, once."""
        ...

    def edit(self, message_id: str, post: Post) -> Delivery:
        """Replace what a message says."""
        ...


class BadAddressError(ValueError):
    """No channel has such an address. The text never repeats it."""
