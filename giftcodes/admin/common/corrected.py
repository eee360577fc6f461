"""What has come of a person's own corrections, for the pages on which they make them.

The session keeps which members and guilds the person has corrected in the last minutes. What the
game answered since then is read from the database.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import guild_url, player_url
from giftcodes.domain.served import HAVING, SIGNS, Tone
from giftcodes.domain.transitions import OPEN, State, values
from giftcodes.models import (
    CodeState,
    Guild,
    Member,
    MemberRedemption,
    RunState,
    database_now,
)
from giftcodes.models.game_words import place_word

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

_KEY = "corrected"
#: A correction is shown for this long, and at most this many of them are shown.
KEPT_FOR = dt.timedelta(minutes=10)
MOST = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has come of one correction.

    Args:
        tone: busy until the game has answered, then good or not.
        name: the member or the guild.
        url: its page.
        words: what has come of it, in a sentence.
    """

    tone: Tone
    name: str
    url: str
    words: str

    @property
    def sign(self) -> str:
        """One character that repeats the tone."""
        return SIGNS[self.tone]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The numbers of corrected members.

    Args:
        members: their number.
        unknown: how many of them the game does not know in their present realm.
        waiting: for how many of them the game has still to answer.
        got: how many codes they have got since the correction.
    """

    members: int
    unknown: int
    waiting: int
    got: int


def keep(request: HttpRequest, row: Member | Guild) -> None:
    """Note that the person has corrected a member or a guild just now."""
    entry = {_kind(row): row.pk, "at": database_now().isoformat()}
    others = [one for one in request.session.get(_KEY, []) if one.get(_kind(row)) != row.pk]
    request.session[_KEY] = [entry, *others][:MOST]


def outcomes(request: HttpRequest, *, guild: Guild | None = None) -> list[Outcome]:
    """What has come of the person's corrections of the last minutes, the newest first.

    Each correction takes a fixed number of SQL statements. Without corrections, there are none.

    Args:
        request: the request of the person.
        guild: limits the result to this guild and its members.
    """
    kept = request.session.get(_KEY, [])
    permissions = ("giftcodes.view_member", "giftcodes.view_memberredemption")
    if not kept or not request.user.has_perms(permissions):
        return []
    oldest = database_now() - KEPT_FOR
    found = []
    for entry in kept:
        at = dt.datetime.fromisoformat(entry["at"])
        if at > oldest and (one := _outcome(entry, at, request.user, guild)):
            found.append(one)
    return found


def _outcome(
    entry: dict[str, Any], at: dt.datetime, person: Any, guild: Guild | None
) -> Outcome | None:
    """What has come of one correction. None if it is not to be shown to this person now."""
    if "member" in entry:
        rows = scope.visible(Member.objects.select_related("guild"), person)
        member = rows.filter(pk=entry["member"]).first()
        if member is None or guild not in (None, member.guild):
            return None
        number = member.guild.realm if member.realm is None else member.realm
        numbers = _numbers(Member.objects.filter(pk=member.pk), at)
        tone, words = _of_member(numbers, f"{place_word(member.guild.provider)} {number}")
        return Outcome(tone, str(member), player_url(member.pk), words)
    corrected = scope.visible(Guild.objects.filter(pk=entry["guild"]), person).first()
    if corrected is None or guild not in (None, corrected):
        return None
    numbers = _numbers(Member.objects.filter(guild=corrected, realm__isnull=True), at)
    tone, words = _of_guild(numbers, f"{place_word(corrected.provider)} {corrected.realm}")
    return Outcome(tone, str(corrected), guild_url(corrected.pk), words)


def _numbers(members: QuerySet[Member], since: dt.datetime) -> _Numbers:
    """The numbers of these members, in three statements."""
    counted = members.eligible()  # type: ignore[attr-defined]
    realm_now = Coalesce("member__realm", "member__guild__realm")
    is_corrected = Q(state=State.NEEDS_CORRECTION, asked_realm__isnull=False) & ~Q(
        asked_realm=realm_now
    )
    is_waiting = Q(gift_code__state=CodeState.ACTIVE) & (Q(state__in=values(OPEN)) | is_corrected)
    is_new = Q(settled_at__gte=since, state__in=values(HAVING))
    rows = (
        MemberRedemption.objects.filter(member__in=counted)
        .exclude(redemption__state=RunState.STOPPED)
        .filter(is_waiting | is_new)
    )
    numbers = rows.aggregate(
        waiting=Count("member", distinct=True, filter=is_waiting), got=Count("pk", filter=is_new)
    )
    unknown = members.needing_correction().count()  # type: ignore[attr-defined]
    return _Numbers(counted.count(), unknown, **numbers)


def _of_member(numbers: _Numbers, place: str) -> tuple[Tone, str]:
    if numbers.unknown:
        return Tone.BAD, _("The game does not know the player in %s either.") % place
    if numbers.waiting:
        return Tone.BUSY, _("The game is asked in %s now.") % place
    return _got(numbers)


def _of_guild(numbers: _Numbers, place: str) -> tuple[Tone, str]:
    if numbers.waiting:
        words = ngettext(
            "The game is asked in %(place)s now: %(number)d member waits.",
            "The game is asked in %(place)s now: %(number)d members wait.",
            numbers.waiting,
        )
        return Tone.BUSY, words % {"place": place, "number": numbers.waiting}
    if numbers.unknown:
        words = ngettext(
            "The game does not know %(unknown)d of %(number)d member in %(place)s.",
            "The game does not know %(unknown)d of %(number)d members in %(place)s.",
            numbers.members,
        )
        names = {"unknown": numbers.unknown, "number": numbers.members, "place": place}
        return Tone.BAD if numbers.unknown == numbers.members else Tone.ATTENTION, words % names
    return _got(numbers)


def _got(numbers: _Numbers) -> tuple[Tone, str]:
    if numbers.got:
        words = ngettext("Got it: %d code.", "Got it: %d codes.", numbers.got)
        return Tone.GOOD, words % numbers.got
    return Tone.NEUTRAL, _("No code has come of it. Open the page to see why.")


def _kind(row: Member | Guild) -> str:
    return str(row._meta.model_name)
