"""Weekly messages: a summary for the channels that want one, and direct messages of the bot.

A summary is a row of the outbox. It is queued once a week for each channel. A direct message is not
in the outbox: before it is sent, the time of the next message for the same link is set to a week
later, and committed. So a message whose fate is unknown is never sent again, and no one gets two
messages for one link in a week.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, ngettext

from giftcodes import channel_rules, site_address
from giftcodes.clients.channels import (
    BotChannel,
    ButtonStyle,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    MessageButton,
    Severity,
)
from giftcodes.clients.channels.discord_by_bot import BotClient
from giftcodes.domain import log_lines
from giftcodes.domain.lists import joined
from giftcodes.domain.press_ids import NO_MESSAGES, SHOW_CODES, press_id
from giftcodes.domain.text import isolated, visible
from giftcodes.models import (
    Announcement,
    Channel,
    Clock,
    CodeState,
    PlayerLink,
    Redemption,
    database_now,
)
from giftcodes.models.channel import next_summary
from giftcodes.models.clock import clock_plus
from giftcodes.models.game_words import place_noun
from giftcodes.models.site_settings import discord_token
from giftcodes.notifications.outbox import CONNECT_SECONDS
from giftcodes.player_words import Group, line_of
from giftcodes.queries.guild_board import unclear, waiting_requests
from giftcodes.queries.my_codes import codes_of
from giftcodes.queries.served import with_results

_WEEK = dt.timedelta(days=7)
#: A member for whom nothing waits is looked at again after this time.
_LOOK_AGAIN = dt.timedelta(days=1)
#: A message that was certainly not sent is tried again after this time.
_TRY_AGAIN = dt.timedelta(hours=1)
#: The most codes in a message. The others are counted.
MOST_CODES = 15
#: How many channels, and how many members, one run of the task serves at most.
MOST_CHANNELS, MOST_MEMBERS = 500, 20


# --- The summary of a guild -----------------------------------------------------------------------
def queue_summaries() -> int:
    """Queue the summary of each channel whose time has come, and set the time of the next one.

    Both happen in one transaction. If the system was down for weeks, one summary follows.

    Returns:
        How many were queued.
    """
    with transaction.atomic():
        due = Channel.objects.on().filter(next_summary_at__lte=Clock(), guild__active=True)
        locked = due.order_by("next_summary_at", "pk").select_for_update(
            skip_locked=True, of=("self",)
        )
        ids = list(locked.values_list("pk", flat=True)[:MOST_CHANNELS])
        Announcement.objects.bulk_create(
            [Announcement(kind=Announcement.Kind.SUMMARY, channel_id=pk) for pk in ids]
        )
        Channel.objects.filter(pk__in=ids).update(next_summary_at=next_summary(database_now()))
    return len(ids)


def summary_message(row: Announcement) -> Message:
    """The summary of the week before the row was queued.

    Args:
        row: an announcement of the kind `summary`, whose channel exists.
    """
    channel = row.channel
    assert channel is not None  # The caller has checked it.
    guild = channel.guild
    redemptions = (
        Redemption.objects.filter(guild=guild, gift_code__first_seen_at__gt=row.created_at - _WEEK)
        .exclude(gift_code__state=CodeState.DELETED)
        .select_related("gift_code", "guild")
        .order_by("-gift_code__first_seen_at", "-pk")
    )
    found = with_results(redemptions)
    lines = [
        f"{one.result.icon} {visible(str(one.redemption.gift_code))}: {one.served.all_words}"
        for one in found[:MOST_CODES]
    ]
    if more := len(found) - len(lines):
        lines.append(gettext("… and %d more.") % more)
    if not found:
        lines.append(gettext("No new code came this week."))
    needs = _needs(channel)
    words = gettext("Needs you: %s.") % joined(needs) if needs else gettext("Nobody needs you.")
    number = ngettext("%d code", "%d codes", len(found)) % len(found)
    title = gettext("📅 This week for %(guild)s: %(codes)s")
    return Message(
        title=title % {"guild": isolated(visible(guild.name)), "codes": number},
        text="\n".join([*lines, "", words]),
        url=site_address.link(f"/admin/giftcodes/guild/{guild.pk}/change/"),
        severity=Severity.ATTENTION if needs else Severity.NEUTRAL,
    )


def _needs(channel: Channel) -> list[str]:
    """What needs an officer of the guild now, in numbers. Zeros are left out."""
    guild = channel.guild
    unknown = guild.members.needing_correction().count()
    doubtful = unclear(guild)
    asking = waiting_requests(guild)
    parts = [
        (
            unknown,
            ngettext(
                "%d member whom the game does not know",
                "%d members whom the game does not know",
                unknown,
            ),
        ),
        (
            doubtful,
            ngettext(
                "%d member without a clear answer", "%d members without a clear answer", doubtful
            ),
        ),
        (asking, ngettext("%d request to join", "%d requests to join", asking)),
    ]
    return [words % number for number, words in parts if number]


# --- Direct messages ------------------------------------------------------------------------------
def due_links() -> list[int]:
    """The ids of the links whose Discord users may get a message now. Empty without a bot."""
    if not discord_token():
        return []
    due = PlayerLink.objects.filter(
        next_message_at__lte=Clock(),
        ends_at__gt=Clock(),
        discord_user__isnull=False,
        member__isnull=False,
        guild__active=True,
    )
    return list(due.order_by("next_message_at", "pk").values_list("pk", flat=True)[:MOST_MEMBERS])


def tell_player(link_id: int) -> bool:
    """Send a message to the Discord user of a link, if something waits for this person.

    Returns:
        Whether a request was made.
    """
    if not (token := discord_token()):
        return False
    message, user_id = _intend(link_id)
    if message is None:
        return False
    delivery = _post(user_id, message, replace(channel_rules.for_guilds(), bot_token=token))
    link = PlayerLink.objects.filter(pk=link_id, next_message_at__isnull=False)
    match delivery.outcome:
        case DeliveryOutcome.LATER:
            seconds = max(_TRY_AGAIN.total_seconds(), delivery.wait_seconds)
            link.update(next_message_at=clock_plus(seconds))
        case DeliveryOutcome.GONE:
            link.update(next_message_at=None)
    if delivery.error:
        log_lines.warning(
            "🤖 A direct message may not have arrived.", link=link_id, error=delivery.error
        )
    return True


@transaction.atomic(durable=True)
def _intend(link_id: int) -> tuple[Message | None, int]:
    """The message, if there is something to tell. The next one is then a week away."""
    links = PlayerLink.objects.filter(
        pk=link_id, next_message_at__lte=Clock(), discord_user__isnull=False
    )
    link = links.select_for_update(of=("self",)).select_related("member", "guild").first()
    if link is None:
        return None, 0
    message = message_for(link)
    wait = _LOOK_AGAIN if message is None else _WEEK
    links.update(next_message_at=clock_plus(wait.total_seconds()))
    return message, link.discord_user or 0


def message_for(link: PlayerLink) -> Message | None:
    """What waits for a player, in the language of the guild. None if nothing does.

    Args:
        link: a link with its guild and its member.
    """
    with link.guild.speaking():
        return _message_for(link)


def _message_for(link: PlayerLink) -> Message | None:
    member = link.member
    if member is None or not member.active or member.opted_out:
        return None
    member.guild = link.guild
    place, realm = place_noun(link.guild.provider), member.realm or link.guild.realm
    waiting = [
        line
        for line in (line_of(mine, place, realm) for mine in codes_of(member))
        if line.group is Group.NEEDS_YOU
    ]
    if not waiting:
        return None
    lines = [
        f"• {visible(str(line.mine.code))}: {str(line.title).rstrip('.')}."
        for line in waiting[:MOST_CODES]
    ]
    if more := len(waiting) - len(lines):
        lines.append(gettext("… and %d more.") % more)
    number = len(waiting)
    return Message(
        title=ngettext("%d code waits for you", "%d codes wait for you", number) % number,
        text="\n".join(
            [
                f"{isolated(visible(str(member)))} · {isolated(visible(link.guild.name))}",
                *lines,
                "",
                gettext(
                    "Press “Show my codes” to see what you can do, such as correcting your %s. "
                    "Such a message comes once a week at most."
                )
                % place,
            ]
        ),
        severity=Severity.ATTENTION,
        buttons=(
            MessageButton(
                gettext("Show my codes"), press_id(SHOW_CODES, (link.pk,)), ButtonStyle.FIRST
            ),
            MessageButton(gettext("No more messages"), press_id(NO_MESSAGES, (link.pk,))),
        ),
    )


def _post(user_id: int, message: Message, rules: ChannelRules) -> Delivery:
    def client(channel_id: int) -> BotClient:
        total = settings.ANNOUNCE_SECONDS
        return BotClient(
            BotChannel(0, channel_id),
            total_seconds=total,
            connect_seconds=min(CONNECT_SECONDS, total),
            rules=rules,
        )

    opened = client(0).open_direct(user_id)
    if opened.outcome is DeliveryOutcome.UNKNOWN:
        # Opening the channel sends no message, so it can be repeated.
        return Delivery(DeliveryOutcome.LATER, error=opened.error)
    if opened.outcome is not DeliveryOutcome.DELIVERED:
        return opened
    return client(int(opened.message_id)).create(message)
