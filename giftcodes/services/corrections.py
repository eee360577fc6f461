"""Corrections of realms, and how many of them a guild may have in a day.

After a correction, the game is asked again for what it refused, so endless corrections of one guild
would use up the requests of all guilds. The database counts the corrections of each guild and
day. Administrators and the command line are not limited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext, ngettext

from giftcodes.domain.numbers import grouped
from giftcodes.estimates.formatting import about
from giftcodes.models import Guild, Member, Throttle
from giftcodes.models.fields import without_notes
from giftcodes.models.guild import own_realm
from giftcodes.models.roles import is_limited
from giftcodes.models.throttle import Refusal
from giftcodes.services.members import set_on_members

#: How often the realm of a guild itself may be corrected in a day.
OF_GUILD = 3
#: How many corrections of members a guild may have in a day: this many for each active member, but
#: at least `OF_MEMBERS_AT_LEAST` in all.
OF_EACH_MEMBER = 3
OF_MEMBERS_AT_LEAST = 100
_DAY = 24 * 3_600


class TooManyCorrectionsError(ValueError):
    """The guild has too few corrections left today. The text says the limit and when to try again.

    Args:
        words: the text.
        seconds: the seconds until the full number is possible again. 0 if even the full number
            would be too small.
    """

    def __init__(self, words: str, seconds: int) -> None:
        super().__init__(words)
        self.seconds = seconds


@dataclass(slots=True)
class Corrected:
    """The result of a correction of members.

    Args:
        changed: the members with a new realm.
        same: the members who had this realm already.
        refused: a sentence for each guild whose limit was reached. None of its members was changed.
    """

    changed: list[Member] = field(default_factory=list)
    same: list[Member] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def count_of_guild(guild: Guild, person: Any) -> None:
    """Count a correction of the guild's own realm, in the transaction that stores it.

    Raises:
        TooManyCorrectionsError: the limit is reached. Nothing was counted.
    """
    if not is_limited(person):
        return
    refusal = Throttle.objects.take_many(
        "guild realm", str(guild.pk), number=1, most=OF_GUILD, seconds=_DAY
    )
    if refusal:
        words = gettext(
            "The state or kingdom of guild %(guild)s was not changed: in 24 hours, it may be "
            "changed at most %(most)d times, because each time the game is asked again for all "
            "members. It can be changed again in %(time)s. If it cannot wait, ask an administrator."
        )
        values = {"guild": guild, "most": OF_GUILD, "time": about(refusal.seconds)}
        raise TooManyCorrectionsError(words % values, refusal.seconds)


def count_of_member(member: Member, person: Any) -> None:
    """Count the correction of a member, in the transaction that stores it.

    Raises:
        TooManyCorrectionsError: the limit is reached. Nothing was counted.
    """
    if is_limited(person):
        # The member is locked before the correction is counted. Corrections of many members do the
        # same, so that two corrections cannot deadlock.
        Member.objects.select_for_update(no_key=True).get(pk=member.pk)
        count_of_members(member.guild, 1)


def count_of_members(guild: Guild, number: int) -> None:
    """Count corrections of members by an officer, in the transaction that stores them.

    Args:
        guild: the guild of the members.
        number: how many of them get another realm.

    Raises:
        TooManyCorrectionsError: the limit is reached. Nothing was counted.
    """
    if not number:
        return
    active = guild.members.filter(active=True).count()
    most = max(OF_MEMBERS_AT_LEAST, OF_EACH_MEMBER * active)
    refusal = Throttle.objects.take_many(
        "member realms", str(guild.pk), number=number, most=most, seconds=_DAY
    )
    if refusal:
        raise TooManyCorrectionsError(_words(guild, most, refusal), refusal.seconds)


def _words(guild: Guild, most: int, refusal: Refusal) -> str:
    first = gettext(
        "The state or kingdom of members of guild %(guild)s was not changed: in 24 hours, at most "
        "%(most)s such corrections are made for this guild, because the game is asked again after "
        "each."
    ) % {"guild": guild, "most": grouped(most)}
    left = ngettext(
        "%s correction is left now.", "%s corrections are left now.", refusal.left
    ) % grouped(refusal.left)
    again = ""
    if refusal.seconds:
        again = gettext("The full number is possible again in %s.") % about(refusal.seconds)
    ask = gettext("If it cannot wait, ask an administrator.")
    return " ".join(filter(None, [first, left, again, ask]))


@transaction.atomic
def correct_guild(guild: Guild, realm: int, *, person: Any, by: str = "") -> None:
    """Set the realm of a guild.

    Args:
        guild: the guild.
        realm: the new realm.
        person: who corrects it.
        by: who corrects it, for the history, if that is a person without an account.

    Raises:
        TooManyCorrectionsError: the limit is reached. Nothing was changed.
    """
    count_of_guild(guild, person)
    guild.realm = realm
    if by:
        guild._change_reason = by  # type: ignore[attr-defined]
    guild.save(update_fields=["realm"])


@transaction.atomic
def correct_members(
    member_ids: Iterable[int], realm: int | None, *, person: Any, **about: Any
) -> Corrected:
    """Set the realm of members.

    Args:
        member_ids: the members.
        realm: the realm. None means the realm of each member's guild.
        person: who corrects them. If this is an officer, either all or none of the members of one
            guild are changed.
        about: the user and the reason for the versions: options of `history.update_with_versions`.
    """
    ids = list(member_ids)
    refused: list[str] = []
    if is_limited(person):
        ids, refused = _allowed(ids, realm)
    changed, same = set_on_members(ids, "realm", lambda one: own_realm(one.guild, realm), **about)
    return Corrected(changed, same, refused)


def correct_member_of(
    guild: Guild, member_id: int, realm: int, *, person: Any, **about: Any
) -> Corrected:
    """Set the realm of a member of this guild: see `correct_members`.

    A member of another guild is not found, and nothing is changed.
    """
    found = guild.members.filter(pk=member_id).values_list("pk", flat=True)
    return correct_members(found, realm, person=person, **about)


def _allowed(ids: list[int], realm: int | None) -> tuple[list[int], list[str]]:
    """The members who may be changed, and the sentences about the guilds of the others."""
    # They are locked in the same order as in `set_on_members`, which locks them again.
    rows = Member.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=ids)
    members = list(rows.order_by("guild_id", "pk"))
    concerned = Guild.objects.filter(pk__in={member.guild_id for member in members})
    guilds = {guild.pk: guild for guild in without_notes(concerned)}
    numbers = Counter(
        one.guild_id for one in members if one.realm != own_realm(guilds[one.guild_id], realm)
    )
    refused: dict[int, str] = {}
    for guild_id in sorted(numbers):
        try:
            count_of_members(guilds[guild_id], numbers[guild_id])
        except TooManyCorrectionsError as error:
            refused[guild_id] = str(error)
    return [one.pk for one in members if one.guild_id not in refused], list(refused.values())
