"""Forms to correct a member or a guild in place. The page of the player or guild saves them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from giftcodes.admin.common.html import guild_url, model_url, player_url
from giftcodes.admin.home.need import Button
from giftcodes.models import Guild, Member
from giftcodes.models.game_words import place_word
from giftcodes.need_words import guild_advice, need_words
from giftcodes.queries import scope
from giftcodes.queries.needs import GuildToCorrect, MemberToCorrect, guilds_to_correct
from giftcodes.queries.player_codes import place_of


def correction_of(row: MemberToCorrect, person: Any, *, back: str = "") -> dict[str, Any]:
    """The values of the form to correct a member.

    Args:
        row: the member.
        person: the person who sees the member. The form has a field only if they may correct
            members.
        back: the address of the page that shows the form. An empty address stands for Home.
    """
    member = row.member
    return {
        "member": member,
        "url": player_url(member.pk),
        "back": back or reverse("admin:index"),
        "place": place_word(member.guild.provider),
        "number": str(place_of(member)),
        "words": need_words(row),
        "offers": [(str(number), mates) for number, mates in row.offers],
        "may_correct": person.has_perm("giftcodes.change_member"),
        "may_add": person.has_perm("giftcodes.add_member"),
        "button": Button.of(_("Make inactive"), Member, "deactivate", member.pk, back=back)
        if person.has_perm("giftcodes.delete_member")
        else None,
        "add_url": model_url(
            Member, "add", query={"guild": member.guild_id, "nickname": member.nickname}
        ),
    }


def guild_correction_of(
    one: GuildToCorrect, person: Any, *, back: str = ""
) -> dict[str, Any] | None:
    """The values of the form to correct the state or kingdom of a whole guild.

    Args:
        one: the guild.
        person: the person who sees the guild. If they may not change guilds, the result is None.
        back: the address of the page that shows the form. An empty address stands for Home.
    """
    if not person.has_perm("giftcodes.change_guild"):
        return None
    return {
        "guild": one.guild,
        "url": guild_url(one.guild.pk),
        "back": back or reverse("admin:index"),
        "place": place_word(one.guild.provider),
        "number": str(one.guild.realm),
        "offers": [(str(number), members) for number, members in one.offers],
    }


def advice_for_guild(guild: Guild, person: Any) -> str:
    """The advice of `guild_advice` for any guild, in seven statements at most.

    It is empty if most members are known, if the guild is not active, or if this person may not
    see members.
    """
    if not (guild.active and person.has_perm("giftcodes.view_member")):
        return ""
    members = scope.visible(Member.objects.filter(guild=guild), person)
    found, _left_out = guilds_to_correct(
        members, most=1, most_members=0, long_before=timezone.now()
    )
    return guild_advice(found[0]) if found and found[0].is_whole else ""
