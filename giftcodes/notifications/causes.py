"""The causes of alarms: what needs a person, and how long it must last until an alarm is raised."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from django.db.models import Case, Count, Exists, Max, OuterRef, Q, QuerySet, When

from giftcodes import encryption
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import HAVING, NEEDING_YOU
from giftcodes.domain.transitions import SETTLED, State, values
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
    MemberRedemption,
    RateBudget,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.clock import clock_plus
from giftcodes.models.code_sighting import MOST_WRONG
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.directory import providers_with_directory
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.models.outbox import UNFINISHED
from giftcodes.models.start_rules import providers_on
from giftcodes.models.trial import trials
from giftcodes.queries.discord import BotStanding, bot

#: How long a cause must last until its alarm is raised.
PATIENCE = {
    Alarm.Kind.CODE_ODD: dt.timedelta(0),
    Alarm.Kind.FEED_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.FEED_WRONG: dt.timedelta(0),
    Alarm.Kind.UNCOVERED: dt.timedelta(minutes=30),
    Alarm.Kind.NO_MEMBERS: dt.timedelta(minutes=30),
    Alarm.Kind.CHANNEL_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.DIRECTORY_KEY: dt.timedelta(0),
    Alarm.Kind.DIRECTORY_FAILING: dt.timedelta(days=1),
    Alarm.Kind.UNSERVED: dt.timedelta(minutes=30),
    # `UNCORRECTED_FOR` counts from `Member.refused_since` instead. A time in this table would begin
    # again after the system was down.
    Alarm.Kind.UNCORRECTED: dt.timedelta(0),
    # discord.py repairs short interruptions by itself, and a start takes some seconds.
    Alarm.Kind.DISCORD_BOT: dt.timedelta(minutes=3),
}
#: How long a member must need a correction until the guild's alarm is raised.
UNCORRECTED_FOR = dt.timedelta(days=3)
#: For this long after its end, a code can cause the alarm about a guild that got nothing from it.
CLOSED_WITHIN = dt.timedelta(days=7)
#: The message about a guild that gets nothing names at most this many codes.
CODES_NAMED = 3
#: A feed that has had no answer for this long, and for three times its own interval, is suspected,
#: even if no failure was recorded.
QUIET_AFTER = dt.timedelta(minutes=15)


class Finding(NamedTuple):
    """A cause of an alarm that exists now."""

    kind: Alarm.Kind
    subject: str
    message: Sentence


def find() -> list[Finding]:
    """Find every cause that exists now, however new it is, in a fixed number of statements."""
    return [finding for look_for in _CAUSES for finding in look_for()]


def _silent_feeds() -> Iterator[Finding]:
    with_main = {c.name for c in games().values() if c.has_feed}
    kind, now = Alarm.Kind.FEED_SILENT, database_now()
    for feed in Feed.objects.filter(enabled=True, provider__in=providers_on()):
        if feed.is_pushed or (feed.is_main and feed.provider not in with_main):
            continue
        quiet_after = max(QUIET_AFTER, 3 * dt.timedelta(seconds=feed.interval_seconds))
        is_quiet = feed.answered_at is None or feed.answered_at < now - quiet_after
        if feed.failures or is_quiet:
            why = feed.error or Sentence.of("feed_not_polled")
            names = {"feed": _feed_words(feed), "time": _patience(kind)}
            yield Finding(kind, str(feed.pk), Sentence.of("feed_silent", **names, why=why))


def _distrusted_feeds() -> Iterator[Finding]:
    for feed in Feed.objects.filter(
        enabled=True, distrusted_at__isnull=False, provider__in=providers_on()
    ):
        yield Finding(
            Alarm.Kind.FEED_WRONG,
            str(feed.pk),
            Sentence.of("feed_distrusted", feed=_feed_words(feed), number=MOST_WRONG),
        )


def _feed_words(feed: Feed) -> Sentence:
    title = title_of(feed.provider)
    if feed.is_main:
        return Sentence.of("feed_of_game", game=title)
    return Sentence.of("feed_by_name", name=feed.name, game=title)


def _odd_codes() -> Iterator[Finding]:
    for code in GiftCode.objects.filter(
        held_until__isnull=False,
        state__in=[CodeState.ACTIVE, CodeState.PROBING],
        provider__in=providers_on(),
    ):
        yield Finding(
            Alarm.Kind.CODE_ODD,
            str(code.pk),
            Sentence.of("code_odd", code=code.code, answer=code.odd_answer),
        )


def _guilds_without_members() -> Iterator[Finding]:
    members = Member.objects.eligible().filter(guild=OuterRef("pk"))
    for guild in _automatic_guilds().filter(~Exists(members)):
        yield Finding(
            Alarm.Kind.NO_MEMBERS,
            str(guild.pk),
            Sentence.of("guild_without_members", guild=guild.name),
        )


def _uncovered_guilds() -> Iterator[Finding]:
    pauses = RateBudget.objects.filter(provider=OuterRef("provider")).exclude(pause_kind="")
    runs = Redemption.objects.filter(
        gift_code=OuterRef("pk"), guild=OuterRef(OuterRef("pk"))
    ).exclude(state=RunState.PENDING)
    without_run = GiftCode.objects.filter(
        ~Exists(runs), provider=OuterRef("provider"), state=CodeState.ACTIVE
    ).exclude(pk__in=list(trials()))
    kind = Alarm.Kind.UNCOVERED
    for guild in _automatic_guilds().filter(~Exists(pauses), Exists(without_run)):
        yield Finding(
            kind,
            str(guild.pk),
            Sentence.of("guild_uncovered", guild=guild.name, time=_patience(kind)),
        )


def _unserved_guilds() -> Iterator[Finding]:
    """Guilds whose members got nothing from a code that other guilds have.

    Such a guild's player IDs or realm are probably wrong. A code counts for a guild only if the
    game knew none of the guild's players when it was asked for this code, and if no player still
    waits for the first request. Players who are already marked as unknown may wait.
    """
    rows = MemberRedemption.objects.remaining().filter(redemption=OuterRef("pk"))
    known = rows.filter(state__in=values(SETTLED | {State.NOT_ELIGIBLE}))
    wrong = rows.filter(Q(state__in=values(NEEDING_YOU)) | Q(member__refused_at__isnull=False))
    unasked = rows.open().filter(outcome="", member__refused_at__isnull=True)
    others = MemberRedemption.objects.filter(
        gift_code=OuterRef("gift_code"), state__in=values(HAVING)
    ).exclude(redemption=OuterRef("pk"))
    is_recent = Q(state__in=OPEN_STATES) | Q(
        closed_at__gt=clock_plus(-CLOSED_WITHIN.total_seconds())
    )
    codes = GiftCode.objects.filter(
        is_recent, proven_at__isnull=False, provider__in=providers_on()
    ).exclude(state=CodeState.DELETED)
    # The order keeps this fast for a million members. Most runs under way still have a member who
    # was not asked, and an index finds that quickly. Only the other runs are searched for known
    # members.
    is_unknown = Case(
        When(Exists(unasked), then=False),
        When(Exists(known), then=False),
        default=Exists(wrong),
    )
    got_nothing = (
        Redemption.objects.filter(
            is_unknown,
            Exists(others),
            gift_code__in=codes,
            guild__active=True,
        )
        .select_related("guild", "gift_code")
        .order_by("guild_id", "gift_code__first_seen_at", "pk")
    )
    by_guild: dict[int, list[Redemption]] = defaultdict(list)
    for redemption in got_nothing:
        by_guild[redemption.guild_id].append(redemption)
    served_at = _last_served(by_guild)
    for guild_id, redemptions in by_guild.items():
        last = served_at.get(guild_id)
        without = [
            row.gift_code for row in redemptions if not last or row.gift_code.first_seen_at > last
        ]
        if without:
            yield Finding(
                Alarm.Kind.UNSERVED,
                str(guild_id),
                Sentence.of(
                    "guild_unserved", guild=redemptions[0].guild.name, codes=_names(without)
                ),
            )


def _last_served(guild_ids: Collection[int]) -> dict[int, dt.datetime]:
    """When a member of each of these guilds last got a code."""
    if not guild_ids:
        return {}
    rows = MemberRedemption.objects.filter(
        redemption__guild__in=guild_ids, state__in=values(HAVING), settled_at__isnull=False
    )
    return dict(
        rows.order_by().values_list("redemption__guild_id").annotate(last=Max("settled_at"))
    )


def _names(codes: Sequence[GiftCode]) -> Sentence:
    """The newest of these codes, in words. The codes are given oldest first."""
    newest = [str(code) for code in reversed(codes)][:CODES_NAMED]
    more = len(codes) - len(newest)
    if len(codes) == 1:
        return Sentence.of("one_code", code=newest[0])
    if more:
        return Sentence.of("many_codes", codes=Sentence.list_of(newest), more=more)
    return Sentence.of("some_codes", codes=Sentence.list_of(newest))


def _uncorrected_members() -> Iterator[Finding]:
    waiting = Member.objects.needing_correction().filter(
        guild__active=True, refused_since__lt=clock_plus(-UNCORRECTED_FOR.total_seconds())
    )
    counted = waiting.order_by("guild_id").values_list("guild_id", "guild__name")
    for guild_id, name, number in counted.annotate(number=Count("pk")):
        yield Finding(
            Alarm.Kind.UNCORRECTED,
            str(guild_id),
            Sentence.of(
                "members_uncorrected", number=number, guild=name, days=UNCORRECTED_FOR.days
            ),
        )


def _silent_channels() -> Iterator[Finding]:
    refused = (
        Announcement.objects.filter(channel=OuterRef("pk"), state__in=UNFINISHED)
        .exclude(kind=Announcement.Kind.TEST)
        .exclude(error="")
    )
    # `refused_since` comes first, so that PostgreSQL looks only for messages of channels that
    # refuse them.
    is_silent = Q(refused_since__isnull=False) & Q(Exists(refused))
    is_unreadable = ~Q(key__in=encryption.prefixes())
    kind = Alarm.Kind.CHANNEL_SILENT
    channels = Channel.objects.on().with_key().filter(is_unreadable | is_silent)
    for channel in channels.select_related("guild"):
        names = channel.names
        if not channel.is_readable:
            why = Sentence.of("address_unreadable")
            words = Sentence.of("channel_takes_nothing", **names, why=why)
        elif channel.refused_since:
            time = _patience(kind)
            words = Sentence.of("channel_silent", **names, time=time, why=channel.error)
        else:
            continue
        yield Finding(kind, str(channel.pk), words)


def _directories_without_key() -> Iterator[Finding]:
    for directory in _directories().filter(key_refused=True):
        yield Finding(
            Alarm.Kind.DIRECTORY_KEY,
            directory.provider,
            Sentence.of(
                "directory_without_key", game=title_of(directory.provider), why=directory.error
            ),
        )


def _failing_directories() -> Iterator[Finding]:
    lookups = DirectoryLookup.objects.filter(provider=OuterRef("provider"))
    kind = Alarm.Kind.DIRECTORY_FAILING
    for directory in _directories().filter(Exists(lookups), failures__gt=0, key_refused=False):
        yield Finding(
            kind,
            directory.provider,
            Sentence.of(
                "directory_failing",
                game=title_of(directory.provider),
                time=_patience(kind),
                why=directory.error,
            ),
        )


def _bot_not_connected() -> Iterator[Finding]:
    found = bot()
    if found.standing in (BotStanding.NO_TOKEN, BotStanding.CONNECTED):
        return
    kind = Alarm.Kind.DISCORD_BOT
    yield Finding(
        kind,
        "discord",
        Sentence.of("bot_not_connected", time=_patience(kind), why=found.words),
    )


def _automatic_guilds() -> QuerySet[Guild]:
    return Guild.objects.filter(active=True, automatic=True, provider__in=providers_on())


def _directories() -> QuerySet[Directory]:
    return Directory.objects.filter(provider__in=providers_with_directory())


def _patience(kind: Alarm.Kind) -> Sentence:
    """How long a cause of this kind must last, in words: `30 minutes`, `1 hour`, `1 day`."""
    minutes = int(PATIENCE[kind].total_seconds()) // 60
    for unit, length in (("days", 24 * 60), ("hours", 60)):
        if minutes % length == 0:
            return Sentence.of(unit, number=minutes // length)
    return Sentence.of("minutes", number=minutes)


_CAUSES: tuple[Callable[[], Iterator[Finding]], ...] = (
    _silent_feeds,
    _distrusted_feeds,
    _odd_codes,
    _guilds_without_members,
    _uncovered_guilds,
    _unserved_guilds,
    _uncorrected_members,
    _silent_channels,
    _directories_without_key,
    _failing_directories,
    _bot_not_connected,
)
