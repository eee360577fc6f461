"""Members whom the game does not know: a line for each guild, with forms to correct a few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.common.html import guild_url, list_url
from giftcodes.admin.home.corrections import correction_of, guild_correction_of
from giftcodes.admin.home.need import Alarms, More, Need, Urgency, joined
from giftcodes.admin.home.undo_links import undo_links
from giftcodes.domain.served import Tone
from giftcodes.models import Alarm, Guild, Member
from giftcodes.models.game_words import place_noun
from giftcodes.need_words import guild_advice
from giftcodes.notifications.causes import UNCORRECTED_FOR
from giftcodes.queries import scope
from giftcodes.queries.needs import GuildToCorrect, guilds_to_correct

#: At most this many guilds are shown, and at most this many forms to correct a member. The forms
#: are counted over all guilds together.
GUILDS_SHOWN, MEMBERS_SHOWN = 4, 3


def guilds_in_need(person: Any, alarms: Alarms, more: More) -> Iterator[Need]:
    """The guilds with members whom the game does not know, in nine SQL statements at most."""
    if not person.has_perm("giftcodes.view_member"):
        return
    found, left_out = guilds_to_correct(
        scope.visible(Member.objects.all(), person),
        most=GUILDS_SHOWN,
        most_members=MEMBERS_SHOWN,
        long_before=timezone.now() - UNCORRECTED_FOR,
    )
    undo = undo_links(found, person)
    for one in found:
        alarms.take(Alarm.Kind.UNCORRECTED, one.guild.pk)
        unserved = alarms.take(Alarm.Kind.UNSERVED, one.guild.pk)
        yield _guild(one, person, undo.get(one.guild.pk), is_unserved=unserved is not None)
    if left_out:
        words = ngettext(
            "%d more guild has members to correct",
            "%d more guilds have members to correct",
            left_out,
        )
        more.append((list_url(Member, needs="correction"), words % left_out))


def _guild(
    one: GuildToCorrect, person: Any, undo: tuple[str, str] | None, *, is_unserved: bool
) -> Need:
    guild = one.guild
    words = ngettext(
        "%(guild)s: the game does not know %(number)d of %(members)d member",
        "%(guild)s: the game does not know %(number)d of %(members)d members",
        one.members,
    )
    title = words % {"guild": guild, "number": one.number, "members": one.members}
    members_url = guild_url(guild.pk, "members", needs="correction")
    if one.is_whole:
        members = (members_url, _("These members"))
        return Need(
            Urgency.GUILD,
            title,
            joined(_unserved(is_unserved=is_unserved), guild_advice(one)),
            Tone.BAD,
            guild_url(guild.pk),
            _("The page of the guild"),
            (members, *([undo] if undo else [])),
            since=one.since,
            guild=guild_correction_of(one, person),
        )
    shown = tuple(correction_of(row, person) for row in one.first)
    rest = one.number - len(shown)
    link = ngettext("%d more member", "%d more members", rest) % rest if shown else ""
    return Need(
        Urgency.GUILD if is_unserved else Urgency.MEMBERS,
        title,
        joined(_unserved(is_unserved=is_unserved), _long(one), _correct_words(guild)),
        Tone.BAD if is_unserved else Tone.ATTENTION,
        members_url if rest else "",
        link or _("These members"),
        since=one.since,
        corrections=shown,
    )


def _unserved(*, is_unserved: bool) -> str:
    if not is_unserved:
        return ""
    return _("The guild got nothing from a code that other guilds got.")


def _long(one: GuildToCorrect) -> str:
    """Advice about members who have been unknown for a long time: they may have left the guild."""
    if not one.long:
        return ""
    words = ngettext(
        "%(number)d of them has been unknown for %(days)d days or longer. If the member has left "
        "the guild, make the member inactive.",
        "%(number)d of them have been unknown for %(days)d days or longer. If they have left the "
        "guild, make them inactive.",
        one.long,
    )
    return words % {"number": one.long, "days": UNCORRECTED_FOR.days}


def _correct_words(guild: Guild) -> str:
    words = _("Correct the player ID or the %s, and every code is tried again at once.")
    return words % place_noun(guild.provider)
