"""Move members to another guild of the same game. Codes that they have are not redeemed again.

A guild's notes about a member stay in that guild, because the other guild has other officers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from giftcodes.models import Guild, Member
from giftcodes.models.guild import own_realm

#: The change reasons of the versions. They name the other guild by its id, because not every reader
#: of a history is allowed to see that guild: giftcodes.admin.common.versions shows its name or
#: "another guild".
MOVED_FROM = "Moved from guild #{}."
MOVED_TO = "Moved to guild #{}."


@dataclass(slots=True)
class MoveResult:
    """The result of a move.

    Args:
        moved: the members in the new guild.
        refused: members who were not moved, and why.
        left: the ids of the guilds that members have left.
    """

    moved: list[Member] = field(default_factory=list)
    refused: list[tuple[Member, str]] = field(default_factory=list)
    left: set[int] = field(default_factory=set)


@transaction.atomic
def move_members(member_ids: Iterable[int], *, guild_id: int, dry_run: bool = False) -> MoveResult:
    """Make members inactive in their guild, and active in another one, in one transaction.

    A member keeps the realm: it is stored with the member if the new guild's realm differs.

    Args:
        member_ids: the members.
        guild_id: the new guild.
        dry_run: report what would happen, and change nothing.

    Raises:
        Guild.DoesNotExist: there is no such guild.
    """
    result = MoveResult()
    ids = list(member_ids)
    # The guilds are locked so that imports wait. They are locked in a fixed order so that opposite
    # moves cannot deadlock.
    concerned = {guild_id, *Member.objects.filter(pk__in=ids).values_list("guild_id", flat=True)}
    guilds = {
        guild.pk: guild
        for guild in Guild.objects.select_for_update(no_key=True)
        .filter(pk__in=concerned)
        .order_by("pk")
    }
    if guild_id not in guilds:
        raise Guild.DoesNotExist
    for member in Member.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"):
        _move(member, guilds[member.guild_id], guilds[guild_id], result)
    if dry_run:
        transaction.set_rollback(True)
    return result


def _move(member: Member, old: Guild, new: Guild, result: MoveResult) -> None:
    if obstacle := _obstacle(member, old, new):
        result.refused.append((member, obstacle))
        return
    moved = new.members.filter(player_id=member.player_id).first() or Member(
        guild=new, player_id=member.player_id
    )
    moved.nickname = member.nickname or moved.nickname
    moved.realm = own_realm(new, member.realm or old.realm)
    moved.consented_on = member.consented_on or moved.consented_on
    moved.active = True
    moved._change_reason = MOVED_FROM.format(old.pk)  # type: ignore[attr-defined]
    moved.save()
    member.active = False
    member._change_reason = MOVED_TO.format(new.pk)  # type: ignore[attr-defined]
    member.save(update_fields=["active"])
    result.moved.append(moved)
    result.left.add(old.pk)


def _obstacle(member: Member, old: Guild, new: Guild) -> str:
    """Why a member cannot move, in words. Empty if nothing prevents it."""
    if new == old:
        return f"is in guild {new} already"
    if new.provider != old.provider:
        return "plays another game than the guild"
    if not new.active:
        return f"cannot move: guild {new} is inactive"
    if member.opted_out:
        return "has opted out"
    if not member.active:
        return f"has left guild {old}. Import or add the player to guild {new}"
    return ""
