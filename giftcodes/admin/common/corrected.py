"""What has come of a person's own corrections, for the pages on which they make them.

The session keeps which members and guilds the person has corrected in the last minutes and, for
each correction, the members whom the game was to be asked about. What the game has answered about
these members since then is read from the database. Members who came later, and later codes, do not
count.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
from giftcodes.queries import scope

if TYPE_CHECKING:
    from django.http import HttpRequest

    from giftcodes.models.guild import MemberQuerySet
    from giftcodes.models.member_redemption import MemberRedemptionQuerySet

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
    """Counts of the members about whom the game had to be asked because of a correction.

    Args:
        members: how many of them are still there.
        unknown: how many of them the game does not know in their present realm.
        waiting: for how many of them the game has still to answer.
        got: how many codes they have got since the correction.
    """

    members: int
    unknown: int
    waiting: int
    got: int


def keep(request: HttpRequest, row: Member | Guild) -> None:
    """Note that the person has corrected a member or a guild just now.

    Call this after the change is stored, and before the catch-up runs.
    """
    at = database_now()
    asked = _rows_of(_corrected(row), at).filter(_is_waiting())
    entry = {
        _kind(row): row.pk,
        "at": at.isoformat(),
        "asked": sorted(set(asked.order_by().values_list("member", flat=True))),
    }
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
    row = _row_of(entry, person)
    if row is None:
        return None
    its_guild = row.guild if isinstance(row, Member) else row
    if guild not in (None, its_guild):
        return None
    asked = _corrected(row).filter(pk__in=entry.get("asked", []))
    numbers = _numbers(asked, at)
    if not numbers.members:
        return None
    if isinstance(row, Member):
        number = its_guild.realm if row.realm is None else row.realm
        tone, words = _of_member(numbers, f"{place_word(its_guild.provider)} {number}")
        return Outcome(tone, str(row), player_url(row.pk), words)
    tone, words = _of_guild(numbers, f"{place_word(row.provider)} {row.realm}")
    return Outcome(tone, str(row), guild_url(row.pk), words)


def _row_of(entry: dict[str, Any], person: Any) -> Member | Guild | None:
    """The corrected member or guild, if this person may see it."""
    if "member" in entry:
        rows = scope.visible(Member.objects.select_related("guild"), person)
        return rows.filter(pk=entry["member"]).first()
    return scope.visible(Guild.objects.filter(pk=entry["guild"]), person).first()


def _corrected(row: Member | Guild) -> MemberQuerySet:
    """The members whose realm a correction of this row changed, if codes are redeemed for them."""
    if isinstance(row, Member):
        return Member.objects.eligible().filter(pk=row.pk)
    return Member.objects.eligible().filter(guild=row, realm__isnull=True)


def _is_waiting() -> Q:
    """A condition for rows that wait for the game's answer about a member in the present realm."""
    realm_now = Coalesce("member__realm", "member__guild__realm")
    is_corrected = Q(state=State.NEEDS_CORRECTION, asked_realm__isnull=False) & ~Q(
        asked_realm=realm_now
    )
    return Q(gift_code__state=CodeState.ACTIVE) & (Q(state__in=values(OPEN)) | is_corrected)


def _rows_of(members: MemberQuerySet, at: dt.datetime) -> MemberRedemptionQuerySet:
    """The rows that these members had when they were corrected."""
    rows = MemberRedemption.objects.filter(member__in=members, created_at__lte=at)
    return rows.exclude(redemption__state=RunState.STOPPED)


def _numbers(members: MemberQuerySet, since: dt.datetime) -> _Numbers:
    """The numbers of these members, in three statements."""
    is_waiting = _is_waiting()
    is_new = Q(settled_at__gte=since, state__in=values(HAVING))
    numbers = (
        _rows_of(members, since)
        .filter(is_waiting | is_new)
        .aggregate(
            waiting=Count("member", distinct=True, filter=is_waiting),
            got=Count("pk", filter=is_new),
        )
    )
    return _Numbers(members.count(), members.needing_correction().count(), **numbers)


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
