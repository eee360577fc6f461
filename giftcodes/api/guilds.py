"""The guilds of a token, and who has which of their codes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from giftcodes.api import schemas
from giftcodes.api.common import ERRORS, PageNumber, RowId, caller_of, page_of, visible_guild
from giftcodes.domain.served import share_of
from giftcodes.models import Guild
from giftcodes.models.fields import without_notes
from giftcodes.queries import scope
from giftcodes.queries.coverage import codes_of, members_of, standings
from giftcodes.services.discord_officers import SEE_MEMBERS, SEE_RUNS

router = Router(tags=["guilds"])
SEE_GUILD = "giftcodes.view_guild"
#: The maximum number of codes. Their order is that of the page: open ones first, then the newest.
MOST_CODES = 50


@router.get("guilds", response={200: schemas.GuildPage, **ERRORS}, summary="List guilds")
def list_guilds(request: HttpRequest, page: PageNumber) -> dict[str, Any]:
    """The guilds that the token may see, by name."""
    caller = caller_of(request, SEE_GUILD)
    rows = scope.visible(without_notes(Guild.objects.order_by("name", "pk")), caller.user)
    shown, numbers = page_of(rows, page)
    return {**numbers, "items": list(map(_guild, shown))}


@router.get("guilds/{guild_id}", response={200: schemas.GuildOut, **ERRORS}, summary="One guild")
def get_guild(request: HttpRequest, guild_id: RowId) -> dict[str, Any]:
    """A guild."""
    return _guild(visible_guild(caller_of(request, SEE_GUILD), guild_id))


@router.get(
    "guilds/{guild_id}/coverage",
    response={200: schemas.Coverage, **ERRORS},
    summary="Who has which code",
)
def get_coverage(request: HttpRequest, guild_id: RowId, page: PageNumber) -> dict[str, Any]:
    """The members for whom codes are redeemed: for each, in which share of each code they are.

    Open codes come first, then the newest closed ones, at most 50 in all.
    """
    caller = caller_of(request, SEE_RUNS)
    caller_of(request, SEE_MEMBERS)
    guild = visible_guild(caller, guild_id)
    covered = codes_of(guild, most=MOST_CODES)
    members, numbers = page_of(members_of(guild), page)
    codes = [one.code for one in covered]
    known = standings(members, codes)
    return {
        **numbers,
        "codes": [
            {
                "id": one.code.pk,
                "code": one.code.code,
                "issue": one.code.issue,
                "redemption_id": one.redemption_id,
                "has": one.has,
                "total": one.total,
            }
            for one in covered
        ],
        "items": [
            {
                "id": member.pk,
                "player_id": member.player_id,
                "nickname": member.nickname,
                "codes": {
                    str(code.pk): share_of(standing.state, code.ending).value
                    for code in codes
                    if (standing := known.get((member.pk, code.pk)))
                },
            }
            for member in members
        ],
    }


def _guild(row: Guild) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "game": row.provider,
        "realm": row.realm,
        "active": row.active,
        "automatic": row.automatic,
    }
