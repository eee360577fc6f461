"""All data of one player, for the player to read."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F

from giftcodes.domain.sentences import read
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

if TYPE_CHECKING:
    from django.db.models import QuerySet

_MEMBER = ("player_id", "nickname", "realm", "active", "opted_out", "consented_on", "notes")

#: The fields of an answer from a directory of players.
_LOOKUP = ("asked_at", "answered_at", "said", "name", "realm", "realm_since", "due_at")


#: The fields of a request to join that waits for an officer, and of a personal link.
_REQUEST = ("asked_at", "nickname", "realm", "consented_on")
_LINK = (
    *("made_at", "ends_at", "is_confirmed", "opted_out_at"),
    *("discord_user", "discord_name", "next_message_at"),
)


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
        "opted_out": _has_opted_out(provider, player_id)
        if guild_id is None
        else members.filter(opted_out=True).exists(),
        "members": [_member(member) for member in members.select_related("guild")],
        "requests_to_join": list(
            requests.order_by("pk").values(
                *_REQUEST,
                of_guild=F("guild__name"),
                discord_user=F("link__discord_user"),
                discord_name=F("link__discord_name"),
            )
        ),
        "directory": _lookups(provider, player_id, members if guild_id is not None else None),
        "redemptions": [_redemption(dict(row)) for row in redemptions.values("pk", **_REDEMPTION)],
    }


def _has_opted_out(provider: str, player_id: str) -> bool:
    return OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).exists()


def _lookups(
    provider: str, player_id: str, members: QuerySet[Member] | None
) -> list[dict[str, Any]]:
    """The answers of the directory.

    Args:
        provider: the game.
        player_id: the player ID.
        members: None for all guilds, or the membership in one guild. In the second case, requests
            from before this guild recorded the consent are left out, because they may have
            been made for another guild.
    """
    lookups = DirectoryLookup.objects.filter(provider=provider, player_id=player_id)
    if members is None:
        return list(lookups.values(*_LOOKUP))
    member = members.filter(consented_on__isnull=False, active=True, opted_out=False).first()
    if member is None:
        return []
    since = consent_recorded_at(member)
    found = list(lookups.filter(asked_at__gte=since).values(*_LOOKUP))
    for lookup in found:
        if lookup["answered_at"] is None or lookup["answered_at"] < since:
            lookup.update(answered_at=None, said="", name="", realm=None, realm_since=None)
        elif lookup["realm_since"] is not None and lookup["realm_since"] < since:
            lookup["realm_since"] = None
    return found


def consent_recorded_at(member: Member) -> dt.datetime:
    """When this guild recorded the member's consent.

    This is the time of the first version with the consent, because the day of consent that a person
    enters may be earlier.
    """
    versions = member.history.order_by("history_date", "history_id")
    without = versions.filter(consented_on__isnull=True).last()
    with_consent = versions.filter(consented_on__isnull=False)
    if without is not None:
        with_consent = with_consent.filter(history_id__gt=without.history_id)
    first = with_consent.first()
    recorded: dt.datetime = first.history_date if first else member.joined_at
    return max(recorded, member.joined_at)


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
        "actions": [
            {"at": log.action_time, "what": str(read(log.get_change_message()))} for log in logged
        ],
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
