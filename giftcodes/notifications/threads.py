"""The thread of a run: it is opened on the run's message, and lists who needs something.

Two requests are needed, and each has a claim of its own: the first opens the thread, the second
posts the list in it. To open a thread twice is impossible, because on Discord a message has at most
one thread, whose number is that of the message. So the first request is repeated until it has an
answer. The second one is a new message like any other: if its answer never comes, the message is
*unknown*, and not sent again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext

from giftcodes.clients.channels import (
    BotChannel,
    ButtonStyle,
    Message,
    MessageButton,
    Severity,
)
from giftcodes.clients.channels.discord import escaped, length
from giftcodes.clients.channels.discord_by_bot import ThreadClient
from giftcodes.domain.press_ids import WHO_NEEDS_YOU, press_id
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Announcement,
    Channel,
    DeliveryState,
    Member,
    Redemption,
    database_now,
)
from giftcodes.models.game_words import spoken
from giftcodes.models.site_settings import sending_rules
from giftcodes.need_words import guild_advice, need_words
from giftcodes.notifications.outbox import CONNECT_SECONDS
from giftcodes.notifications.run_message import shown_name, utc_words
from giftcodes.queries.needs import guilds_to_correct

#: The most members that are listed, and the most characters of their lines together. Discord allows
#: 4,096 characters in a message, and the other sentences need the rest.
MOST_LISTED, _MOST_CHARACTERS = 50, 3_000


@dataclass(frozen=True, slots=True)
class Needs:
    """Which members of a run need a person.

    Args:
        guild, code: their names.
        at: when this was read.
        unknown: how many members the game does not know.
        unclear: for how many members the game gave no clear answer.
        advice: what to do if the guild itself must be corrected. Otherwise empty.
        lines: the name of each of the first members, with what the member needs.
    """

    guild: str
    code: str
    at: dt.datetime
    unknown: int = 0
    unclear: int = 0
    advice: str = ""
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def number(self) -> int:
        """How many members need a person."""
        return self.unknown + self.unclear


def needs_of(redemption: Redemption) -> Needs:
    """Which members of a run need a person now, with the words of the pages and of `/missing`.

    Args:
        redemption: the redemption, with its guild and its code.
    """
    guild, code, now = redemption.guild, redemption.gift_code, database_now()
    if code.is_over:
        return Needs(guild.name, str(code), now)
    rows = redemption.member_redemptions.remaining()
    wrong = rows.filter(state=State.NEEDS_CORRECTION).order_by()
    found, _left_out = guilds_to_correct(
        Member.objects.filter(pk__in=wrong.values("member")),
        most=1,
        most_members=MOST_LISTED,
        long_before=now,
    )
    lines = [(str(one.member), need_words(one)) for each in found for one in each.first]
    unclear = rows.filter(state=State.FAILED)
    lines += [
        (str(row.member), spoken(row.reason, guild.provider))
        for row in unclear.select_related("member").order_by("pk")[:MOST_LISTED]
    ]
    return Needs(
        guild=guild.name,
        code=str(code),
        at=now,
        unknown=sum(each.number for each in found),
        unclear=unclear.count(),
        advice="".join(guild_advice(each) for each in found if each.is_whole),
        lines=tuple(lines[:MOST_LISTED]),
    )


def list_message(needs: Needs, guild_id: int) -> Message:
    """The list of those who need something, for the thread. It mentions no one.

    This is a pure function.

    Args:
        needs: who needs what.
        guild_id: the guild, for the button.
    """
    parts = [_head(needs), needs.advice, "\n".join(_listed(needs)), "\n".join(_what_to_do(needs))]
    button = MessageButton(
        gettext("Who needs you"), press_id(WHO_NEEDS_YOU, (guild_id,)), ButtonStyle.FIRST
    )
    return Message(
        title=thread_name(needs),
        text="\n\n".join(part for part in parts if part),
        severity=Severity.ATTENTION if needs.number else Severity.GOOD,
        buttons=(button,),
    )


def thread_name(needs: Needs) -> str:
    """The name of the thread, and the title of the list."""
    names = {"code": visible(needs.code), "guild": isolated(visible(needs.guild))}
    return gettext("Who needs you: %(code)s for %(guild)s") % names


def _head(needs: Needs) -> str:
    if not needs.number:
        return gettext("Nobody needs you any more.")
    words = ngettext(
        "%(number)d member needs you. This list shows how it was at %(time)s, and does not change. "
        "The button shows who needs you now.",
        "%(number)d members need you. This list shows how it was at %(time)s, and does not change. "
        "The button shows who needs you now.",
        needs.number,
    )
    return words % {"number": needs.number, "time": utc_words(needs.at)}


def _listed(needs: Needs) -> list[str]:
    """The members with what each needs, as many as fit, and the number of the others."""
    shown: list[str] = []
    room = _MOST_CHARACTERS
    for name, what in needs.lines:
        line = f"• {shown_name(name)}: {what}"
        room -= length(escaped(line)) + 1
        if room < 0:
            break
        shown.append(line)
    # If the guild must be corrected, the members whom the game does not know are not listed.
    more = (needs.unclear if needs.advice else needs.number) - len(shown)
    return shown + ([gettext("… and %d more.") % more] if more else [])


def _what_to_do(needs: Needs) -> list[str]:
    found = []
    if needs.unknown and not needs.advice:
        found.append(
            gettext(
                "To correct a member, press the button. After a correction, every code is tried "
                "again at once. If a member has left, make the member inactive."
            )
        )
    if needs.unclear:
        found.append(
            gettext(
                "For members without a clear answer, press “Redeem now” below the message of the "
                "run: they are asked again."
            )
        )
    return found


# --- Requests -------------------------------------------------------------------------------------
def of_same_run(row: Announcement, channel: Channel) -> QuerySet[Announcement]:
    """The announcements of the same run that were sent to the channel's present address."""
    return Announcement.objects.filter(
        channel=channel,
        redemption=row.redemption_id,
        run_number=row.run_number,
        channel_hash=channel.hash,
    )


def message_to_open_on(row: Announcement, channel: Channel) -> str:
    """The number of the message that announces the end of the run in this channel.

    Returns:
        The number. It is empty if there is no such message, or if the channel's address has
        changed since.
    """
    ends = of_same_run(row, channel).filter(
        kind=Announcement.Kind.COMPLETE, state=DeliveryState.DONE
    )
    return ends.values_list("message_id", flat=True).first() or ""


def client_for(channel: Channel, thread_id: str = "") -> ThreadClient | None:
    """The client of a channel, or of a thread in it. None if the bot does not post there.

    Args:
        channel: the channel.
        thread_id: the number of the thread.
    """
    there = channel.bot_channel
    if there is None:
        return None
    total = settings.ANNOUNCE_SECONDS
    return ThreadClient(
        BotChannel(there.server_id, int(thread_id)) if thread_id else there,
        total_seconds=total,
        connect_seconds=min(CONNECT_SECONDS, total),
        rules=sending_rules(channel),
    )
