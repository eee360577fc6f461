"""All data of one player, for the player to read."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F

from giftcodes.models import (
    Attempt,
    DirectoryLookup,
    JoinRequest,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    SelfServiceEvent,
    database_now,
)
from giftcodes.models.opted_out import player_hashes

_MEMBER = ("player_id", "nickname", "realm", "active", "opted_out", "consented_on", "notes")

#: The fields of an answer from a directory of players.
_LOOKUP = ("asked_at", "answered_at", "said", "name", "realm", "realm_since", "due_at")


#: The fields of a request to join that waits for an officer, and of a personal link.
_REQUEST = ("asked_at", "nickname", "realm", "consented_on")
_LINK = ("made_at", "ends_at", "is_confirmed", "opted_out_at")


def data_of(provider: str, player_id: str, *, guild_id: int | None = None) -> dict[str, Any]:
    """The data of a player, as plain values for JSON. It names no other person, such as a user.

    Args:
        provider: the game.
        player_id: the player ID, in decimal digits.
        guild_id: only what this guild has about the player. None for all guilds.
    """
    members = Member.objects.filter(guild__provider=provider, player_id=player_id).order_by("pk")
    redemptions = MemberRedemption.objects.filter(
        gift_code__provider=provider, player_id=player_id
    ).order_by("pk")
    requests = JoinRequest.objects.filter(guild__provider=provider, player_id=player_id)
    if guild_id is not None:
        members = members.filter(guild=guild_id)
        redemptions = redemptions.filter(redemption__guild=guild_id)
        requests = requests.filter(guild=guild_id)
    return {
        "game": provider,
        "player_id": player_id,
        "exported_at": database_now(),
        "opted_out": OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).exists(),
        "members": [_member(member) for member in members.select_related("guild")],
        "requests_to_join": list(
            requests.order_by("pk").values(*_REQUEST, of_guild=F("guild__name"))
        ),
        "directory": list(
            DirectoryLookup.objects.filter(provider=provider, player_id=player_id).values(*_LOOKUP)
        ),
        "redemptions": [_redemption(dict(row)) for row in redemptions.values("pk", **_REDEMPTION)],
    }


def in_json(data: dict[str, Any]) -> str:
    """The data as JSON text. Times are UTC."""
    return json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def is_known(data: dict[str, Any]) -> bool:
    """Whether there is any data about the player."""
    kinds = ("members", "requests_to_join", "redemptions", "directory", "opted_out")
    return any(data[kind] for kind in kinds)


_REDEMPTION = {
    "guild": F("redemption__guild__name"),
    "code": F("gift_code__code"),
    "issue": F("gift_code__issue"),
    "state_now": F("state"),
    "why": F("reason"),
    "realm_asked_for": F("asked_realm"),
    "first_noted_at": F("created_at"),
    "settled": F("settled_at"),
}
_ATTEMPT = ("sent_at", "answered_at", "realm", "outcome", "http_status", "err_code", "msg", "body")


def _member(member: Member) -> dict[str, Any]:
    kind = ContentType.objects.get_for_model(Member)
    logged = LogEntry.objects.filter(content_type=kind, object_id=str(member.pk)).order_by("pk")
    return {
        "guild": member.guild.name,
        **{name: getattr(member, name) for name in _MEMBER},
        "joined_at": member.joined_at,
        "realm_refused_by_the_game": member.refused_realm,
        "refused_at": member.refused_at,
        "refused_since": member.refused_since,
        "versions": list(member.history.order_by("history_id").values("history_date", *_MEMBER)),
        "actions": [{"at": log.action_time, "what": log.get_change_message()} for log in logged],
        "personal_links": list(
            PlayerLink.objects.filter(member=member).order_by("pk").values(*_LINK)
        ),
        "self_service": list(
            SelfServiceEvent.objects.filter(member=member).order_by("pk").values("at", "kind")
        ),
    }


def _redemption(row: dict[str, Any]) -> dict[str, Any]:
    attempts = Attempt.objects.filter(member_redemption=row.pop("pk")).order_by("pk")
    return {**row, "attempts": list(attempts.values(*_ATTEMPT))}
