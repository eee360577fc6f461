"""Catch up: find members who have no row for a code yet, or who may be tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from giftcodes.models import (
    CancelKind,
    CodeState,
    Member,
    MemberRedemption,
    Redemption,
    RunState,
)
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.trial import trials
from giftcodes.sql import fetch

_WITHOUT_REDEMPTION = """
SELECT g.id, c.id
FROM giftcodes_guild g
JOIN giftcodes_giftcode c ON c.provider = g.provider AND c.state = 'active'
WHERE g.active AND g.automatic AND (%(guilds)s::bigint[] IS NULL OR g.id = ANY(%(guilds)s))
  AND NOT EXISTS (
      SELECT FROM giftcodes_redemption r WHERE r.guild_id = g.id AND r.gift_code_id = c.id)
  AND (c.id <> ALL(%(on_trial)s::bigint[]) OR EXISTS (
      SELECT FROM unnest(%(codes)s::bigint[], %(theirs)s::bigint[]) AS trial (code, guild)
      WHERE trial.code = c.id AND trial.guild = g.id))
"""


@dataclass(frozen=True, slots=True)
class Again:
    """What the next catch-up tries again after a correction.

    Args:
        codes: the number of different codes.
        members: the number of members for whom at least one of these codes is tried again.
    """

    codes: int
    members: int


def find_behind(guild_ids: list[int] | None = None) -> list[tuple[int, int]]:
    """Find guilds and active codes for which a member has no row, or a row that may be tried again.

    If a code is on trial (`giftcodes.models.trial`), guilds outside the trial get no redemption.

    Args:
        guild_ids: look only at these guilds. None for all guilds.

    Returns:
        (guild id, code id) of each redemption that must be started or joined, sorted by code and
        guild.
    """
    without_row = ~Exists(
        MemberRedemption.objects.filter(redemption=OuterRef(OuterRef("pk")), member=OuterRef("pk"))
    )
    missing = Member.objects.eligible().filter(without_row, guild=OuterRef("guild"))
    again = MemberRedemption.objects.reopenable(is_person=False).filter(redemption=OuterRef("pk"))
    behind = _redeemable().filter(Exists(missing) | Exists(again))
    if guild_ids is not None:
        behind = behind.filter(guild__in=guild_ids)
    on_trial = trials()
    pairs = [(code, guild) for code, guilds in on_trial.items() for guild in guilds]
    found = [
        *fetch(
            _WITHOUT_REDEMPTION,
            guilds=guild_ids,
            on_trial=list(on_trial),
            codes=[code for code, _guild in pairs],
            theirs=[guild for _code, guild in pairs],
        ),
        *behind.order_by().values_list("guild_id", "gift_code_id"),
    ]
    return sorted(found, key=lambda pair: (pair[1], pair[0]))


def find_again(member_ids: Iterable[int]) -> Again:
    """Count the codes that the next catch-up will try again for these corrected members."""
    rows = MemberRedemption.objects.reopenable(is_person=False).filter(
        member__in=list(member_ids), redemption__in=_redeemable()
    )
    counted = rows.order_by().aggregate(
        codes=Count("gift_code", distinct=True), members=Count("member", distinct=True)
    )
    return Again(**counted)


def _redeemable() -> QuerySet[Redemption]:
    """The redemptions that catch-up may start or join."""
    return Redemption.objects.filter(
        guild__active=True,
        guild__provider=F("gift_code__provider"),
        gift_code__state=CodeState.ACTIVE,
    ).exclude(state=RunState.STOPPED)


def withdraw_leavers(isolation: FailureIsolation) -> list[int]:
    """Cancel waiting rows of members who left or opted out, and of guilds that were switched off.

    Args:
        isolation: the caller's `FailureIsolation`.

    Returns:
        The ids of the redemptions that may be over now.
    """
    left = Q(member__active=False) | Q(member__opted_out=True) | Q(member__guild__active=False)
    rows = MemberRedemption.objects.pending().filter(left).order_by("redemption_id")
    ids = list(rows.values_list("redemption_id", flat=True).distinct())
    for pk in ids:
        isolation.call(f"redemption {pk}", _withdraw, pk)
    return ids


@transaction.atomic
def _withdraw(redemption_id: int) -> None:
    redemption = Redemption.objects.for_update().select_related("guild").get(pk=redemption_id)
    leavers = MemberRedemption.objects.filter(redemption=redemption)
    if redemption.guild.active:
        leavers = leavers.exclude(member__active=True, member__opted_out=False)
    leavers.cancel(CancelKind.LEFT)
