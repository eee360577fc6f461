"""The findings of a connection check. Each has a kind, values, and a sentence.

Commands and pages show the same findings. A table stores the kind and the values, so that each
person reads the sentence in their own language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.sentences import Sentence, read, stored


class Topic(StrEnum):
    """What was checked, in the order of the checks."""

    SALT = "Salt"
    SERVICE = "Service"
    GAME = "Game"
    PAUSE = "Pause"
    FEED = "Feed"
    CHANNEL = "Channel"


TOPIC_LABELS = {
    Topic.SALT: _("Salt"),
    Topic.SERVICE: _("Service"),
    Topic.GAME: _("Game"),
    Topic.PAUSE: _("Pause"),
    Topic.FEED: _("Feed"),
    Topic.CHANNEL: _("Channel"),
}


class FindingKind(StrEnum):
    SALT_SET = "salt_set"
    SALT_MISSING = "salt_missing"
    GAME_OFF = "game_off"
    SERVICE_UP = "service_up"
    SERVICE_REFUSES = "service_refuses"
    SERVICE_DOWN = "service_down"
    SERVICE_UNCLEAR = "service_unclear"
    NOT_TRIED = "not_tried"
    NO_ADDRESS = "no_address"
    OPERATOR_PAUSE = "operator_pause"
    LIMIT_USED_UP = "limit_used_up"
    LIMIT_USED_UP_FOR = "limit_used_up_for"
    SIGNATURE_ACCEPTED = "signature_accepted"
    SIGNATURE_REFUSED = "signature_refused"
    FIELD_MISSING = "field_missing"
    GAME_REFUSES = "game_refuses"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    UNCLEAR = "unclear"
    PAUSED = "paused"
    PAUSED_UNTIL = "paused_until"
    NO_FEED = "no_feed"
    FEED_FAILED = "feed_failed"
    FEED_LISTS = "feed_lists"
    FEED_SKIPS = "feed_skips"
    FEED_BUSY = "feed_busy"
    FEED_EMPTY = "feed_empty"
    FEED_NAMES = "feed_names"
    FEED_UNREAD = "feed_unread"
    NO_CHANNEL = "no_channel"
    MESSAGE_SENT = "message_sent"
    MESSAGE_REFUSED = "message_refused"
    MESSAGE_UNKNOWN = "message_unknown"


_GOOD, _BAD, _NEITHER = True, False, None

#: Whether each finding is good, and its sentence. `%(salt)s`, `%(on)s`, `%(api_url)s`
#: and `%(feed_url)s` stand for the name of a setting.
_FINDINGS: dict[FindingKind, tuple[bool | None, Any]] = {
    FindingKind.SALT_SET: (_GOOD, _("%(salt)s is set.")),
    FindingKind.SALT_MISSING: (
        _BAD,
        _(
            "%(salt)s is not set: the game is off. Enter it in the browser under “Connect a game”, "
            "or put it into .env."
        ),
    ),
    FindingKind.GAME_OFF: (
        _BAD,
        _(
            "The game is switched off. Switch it on in the browser under “Connect a game”, or set "
            "%(on)s to 1."
        ),
    ),
    FindingKind.SERVICE_UP: (
        _GOOD,
        _(
            "%(host)s is up (it answers in %(ms)s ms). This proves that the service can be "
            "reached, but not that the salt is right."
        ),
    ),
    FindingKind.SERVICE_REFUSES: (
        _BAD,
        _(
            "%(host)s can be reached, but refuses our signature (“%(detail)s”): %(salt)s is wrong, "
            "or has changed."
        ),
    ),
    FindingKind.SERVICE_DOWN: (
        _BAD,
        _("%(host)s is down (%(detail)s). Check %(api_url)s and the network."),
    ),
    FindingKind.SERVICE_UNCLEAR: (
        _NEITHER,
        _(
            "%(host)s does not say whether it is up (%(detail)s). This proves nothing about the "
            "salt."
        ),
    ),
    FindingKind.NOT_TRIED: (
        _NEITHER,
        _(
            "no code was tried, because the service is down. It is not known whether the salt is "
            "right."
        ),
    ),
    FindingKind.NO_ADDRESS: (_BAD, _("%(api_url)s is not set.")),
    FindingKind.OPERATOR_PAUSE: (
        _BAD,
        _("%(title)s is not asked: an operator has paused it (%(reason)s)."),
    ),
    FindingKind.LIMIT_USED_UP: (
        _BAD,
        _(
            "%(title)s is not asked: its request limit is used up at the moment. Run this again "
            "in a few seconds."
        ),
    ),
    FindingKind.LIMIT_USED_UP_FOR: (
        _BAD,
        _(
            "%(title)s is not asked: its request limit is used up at the moment. Run this again "
            "in %(seconds)s s."
        ),
    ),
    FindingKind.SIGNATURE_ACCEPTED: (
        _GOOD,
        _(
            "%(host)s answers in %(ms)s ms, and accepts our signature (%(said)s): the salt is "
            "right."
        ),
    ),
    FindingKind.SIGNATURE_REFUSED: (
        _BAD,
        _("%(host)s refuses our signature (%(said)s): %(salt)s is wrong, or has changed."),
    ),
    FindingKind.FIELD_MISSING: (
        _BAD,
        _(
            "%(host)s says that our request lacks a field (%(said)s): the game's protocol has "
            "changed."
        ),
    ),
    FindingKind.GAME_REFUSES: (_BAD, _("%(host)s refuses us. %(reason)s")),
    FindingKind.UNREACHABLE: (
        _BAD,
        _("%(host)s cannot be reached (%(detail)s). Check %(api_url)s and the network."),
    ),
    FindingKind.THROTTLED: (
        _BAD,
        _(
            "%(host)s refuses more requests for now (HTTP 429). Does another program with our IP "
            "address send it requests, too? Run this again in a minute."
        ),
    ),
    FindingKind.UNCLEAR: (
        _BAD,
        _(
            "%(host)s gives no clear answer (%(detail)s). Check %(api_url)s, or run this again "
            "later."
        ),
    ),
    FindingKind.PAUSED: (_BAD, _("paused until it is resumed in the admin: %(reason)s")),
    FindingKind.PAUSED_UNTIL: (
        _BAD,
        _("%(reason)s Paused. In %(seconds)s s one request tests the game."),
    ),
    FindingKind.NO_FEED: (_NEITHER, _("%(feed_url)s is not set: codes are added by hand.")),
    FindingKind.FEED_FAILED: (_BAD, "%(error)s"),
    FindingKind.FEED_LISTS: (_GOOD, _("%(number)s code(s) listed.")),
    FindingKind.FEED_SKIPS: (
        _GOOD,
        _("%(number)s code(s) listed; %(skipped)s line(s) could not be read."),
    ),
    FindingKind.FEED_BUSY: (
        _NEITHER,
        _("The feed was asked a moment ago. Test again in a few seconds to see its answer."),
    ),
    FindingKind.FEED_EMPTY: (
        _NEITHER,
        _("The feed answers, and lists no code. That may be right, or its options may be wrong."),
    ),
    FindingKind.FEED_NAMES: (_NEITHER, _("%(codes)s. New to Redeemer: %(new)s.")),
    FindingKind.FEED_UNREAD: (_NEITHER, _("%(skipped)s line(s) were skipped: %(first)s")),
    FindingKind.NO_CHANNEL: (_NEITHER, _("No channel is set: alarms are shown only on the pages.")),
    FindingKind.MESSAGE_SENT: (_GOOD, _("The test message was sent. Look for it in the channel.")),
    FindingKind.MESSAGE_REFUSED: (_BAD, _("The channel refuses the test message. %(error)s")),
    FindingKind.MESSAGE_UNKNOWN: (
        _NEITHER,
        _("It is not known whether the test message arrived (%(error)s). Look in the channel."),
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Args:
        kind: what was found.
        values: the values in the sentence. None of them is a secret.
    """

    kind: FindingKind
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: FindingKind, **values: Any) -> Self:
        """A finding with these values, as texts. A `Sentence` stays one."""
        return cls(
            kind,
            {
                name: value if isinstance(value, Sentence) else str(value)
                for name, value in values.items()
            },
        )

    @property
    def ok(self) -> bool | None:
        """Whether the result is good. None if it is neither good nor bad."""
        return _FINDINGS[self.kind][0]

    @property
    def is_down(self) -> bool:
        """Whether the service is down. If so, further questions are useless."""
        return self.kind is FindingKind.SERVICE_DOWN

    @property
    def words(self) -> str:
        """The sentence, with the names of the settings."""
        return self.words_with({})

    def words_with(self, names: Mapping[str, Any]) -> str:
        """The sentence, with other names for some of its values.

        Args:
            names: what to write in place of a value, by the value's name. A page for people writes
                “the salt” in place of the setting's name.
        """
        sentence = str(_FINDINGS[self.kind][1])
        known = {name: str(word) for name, word in names.items() if name in self.values}
        words = sentence % {**self.values, **known}
        return str(capfirst(words)) if known and sentence.startswith("%(") else words

    def to_json(self) -> dict[str, Any]:
        """The finding as a table stores it."""
        values = {name: stored(value) for name, value in self.values.items()}
        return {"kind": self.kind.value, "values": values}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """A finding that a table stored."""
        values = {name: read(value) for name, value in found["values"].items()}
        return cls(FindingKind(found["kind"]), values)
