"""The causes of alarms: what needs a person, and how long it must last until an alarm is raised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from giftcodes import encryption
from giftcodes.models import (
    Alarm,
    Announcement,
    Channel,
    CodeState,
    Directory,
    DirectoryLookup,
    Feed,
    GiftCode,
    Guild,
    Member,
    RateBudget,
    Redemption,
    RunState,
)
from giftcodes.models.channel import UNREADABLE
from giftcodes.models.clock import clock_plus
from giftcodes.models.directory import providers_with_directory
from giftcodes.models.game_words import title_of
from giftcodes.models.outbox import UNFINISHED
from giftcodes.models.start_rules import providers_on

#: How long a cause must last until its alarm is raised.
PATIENCE = {
    Alarm.Kind.CODE_ODD: dt.timedelta(0),
    Alarm.Kind.FEED_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.UNCOVERED: dt.timedelta(minutes=30),
    Alarm.Kind.NO_MEMBERS: dt.timedelta(minutes=30),
    Alarm.Kind.CHANNEL_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.DIRECTORY_KEY: dt.timedelta(0),
    Alarm.Kind.DIRECTORY_FAILING: dt.timedelta(days=1),
}
#: A feed that has had no answer for this long is suspected, even if no failure was recorded.
QUIET_AFTER = dt.timedelta(minutes=15)


class Finding(NamedTuple):
    """A cause of an alarm that exists now."""

    kind: Alarm.Kind
    subject: str
    message: str


def find() -> list[Finding]:
    """Find every cause that exists now, however new it is, with one statement for each kind."""
    return [finding for look_for in _CAUSES for finding in look_for()]


def _silent_feeds() -> Iterator[Finding]:
    with_feed = [c.name for c in settings.PROVIDERS.values() if c.has_feed]
    is_quiet = Q(answered_at__isnull=True) | Q(
        answered_at__lt=clock_plus(-QUIET_AFTER.total_seconds())
    )
    kind = Alarm.Kind.FEED_SILENT
    for feed in Feed.objects.filter(
        Q(failures__gt=0) | is_quiet, enabled=True, provider__in=with_feed
    ):
        error = feed.error or "it is not polled."
        yield Finding(
            kind,
            feed.provider,
            f"The feed of {title_of(feed.provider)} has failed or been silent for "
            f"{_patience(kind)}: {error}",
        )


def _odd_codes() -> Iterator[Finding]:
    for code in GiftCode.objects.filter(
        held_until__isnull=False,
        state__in=[CodeState.ACTIVE, CodeState.PROBING],
        provider__in=providers_on(),
    ):
        yield Finding(
            Alarm.Kind.CODE_ODD,
            str(code.pk),
            f"The game's answer for code {code.code} is unclear: {code.odd_answer}. The code is "
            "held back, and other codes go on. Look at the code's requests. Then close the code, "
            "or press “Redeem now” to try again.",
        )


def _guilds_without_members() -> Iterator[Finding]:
    members = Member.objects.eligible().filter(guild=OuterRef("pk"))
    for guild in _automatic_guilds().filter(~Exists(members)):
        yield Finding(
            Alarm.Kind.NO_MEMBERS,
            str(guild.pk),
            f"Guild {guild.name} redeems automatically, but has no members. Add its members, or "
            "switch the guild off.",
        )


def _uncovered_guilds() -> Iterator[Finding]:
    pauses = RateBudget.objects.filter(provider=OuterRef("provider")).exclude(pause_kind="")
    runs = Redemption.objects.filter(
        gift_code=OuterRef("pk"), guild=OuterRef(OuterRef("pk"))
    ).exclude(state=RunState.PENDING)
    without_run = GiftCode.objects.filter(
        ~Exists(runs), provider=OuterRef("provider"), state=CodeState.ACTIVE
    )
    kind = Alarm.Kind.UNCOVERED
    for guild in _automatic_guilds().filter(~Exists(pauses), Exists(without_run)):
        yield Finding(
            kind,
            str(guild.pk),
            f"Guild {guild.name} has waited for {_patience(kind)} for a run of an active code, "
            "although its game works.",
        )


def _silent_channels() -> Iterator[Finding]:
    refused = Announcement.objects.filter(
        redemption__guild=OuterRef("guild"), state__in=UNFINISHED
    ).exclude(error="")
    # In this order, PostgreSQL looks for messages of refusing channels only.
    is_silent = Q(refused_since__isnull=False) & Q(Exists(refused))
    is_unreadable = ~Q(key__in=encryption.prefixes())
    kind = Alarm.Kind.CHANNEL_SILENT
    for channel in (
        Channel.objects.with_key().filter(is_unreadable | is_silent).select_related("guild")
    ):
        name = channel.guild.name
        if not channel.is_readable:
            words = f"The channel of guild {name} takes no messages: {UNREADABLE}"
        elif channel.refused_since:
            words = (
                f"The channel of guild {name} has taken no message for {_patience(kind)}: "
                f"{channel.error} It is tried again."
            )
        else:
            continue
        yield Finding(kind, str(channel.guild_id), f"{words} Redeeming goes on.")


def _directories_without_key() -> Iterator[Finding]:
    for directory in _directories().filter(key_refused=True):
        yield Finding(
            Alarm.Kind.DIRECTORY_KEY,
            directory.provider,
            f"The directory of players of {title_of(directory.provider)} refuses our key, and no "
            f"player is looked up: {directory.error}",
        )


def _failing_directories() -> Iterator[Finding]:
    lookups = DirectoryLookup.objects.filter(provider=OuterRef("provider"))
    kind = Alarm.Kind.DIRECTORY_FAILING
    for directory in _directories().filter(Exists(lookups), failures__gt=0, key_refused=False):
        yield Finding(
            kind,
            directory.provider,
            f"The directory of players of {title_of(directory.provider)} has given no good answer "
            f"for {_patience(kind)}: {directory.error}",
        )


def _automatic_guilds() -> QuerySet[Guild]:
    return Guild.objects.filter(active=True, automatic=True, provider__in=providers_on())


def _directories() -> QuerySet[Directory]:
    return Directory.objects.filter(provider__in=providers_with_directory())


def _patience(kind: Alarm.Kind) -> str:
    """How long a cause of this kind must last, in words: `30 minutes`, `1 hour`, `1 day`."""
    minutes = int(PATIENCE[kind].total_seconds()) // 60
    for unit, length in (("day", 24 * 60), ("hour", 60)):
        if minutes % length == 0:
            return f"{minutes // length} {unit}{'s' * (minutes != length)}"
    return f"{minutes} minutes"


_CAUSES: tuple[Callable[[], Iterator[Finding]], ...] = (
    _silent_feeds,
    _odd_codes,
    _guilds_without_members,
    _uncovered_guilds,
    _silent_channels,
    _directories_without_key,
    _failing_directories,
)
