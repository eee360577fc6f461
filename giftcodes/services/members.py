"""Changes of many members at once, and moves to another guild of the same game.

The codes that a member has are not redeemed again after a move.

A guild's notes about a member stay in that guild, because the new guild has other officers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import gettext
from simple_history.utils import bulk_create_with_history

from giftcodes.domain.numbers import grouped
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild, Member
from giftcodes.models.fields import without_notes
from giftcodes.models.guild import own_realm
from giftcodes.models.history import keep_first_versions, update_with_versions
from giftcodes.models.imports import IMPORTED_FIELDS

#: How many members are moved by one statement.
BATCH = 1_000

# The versions that `_move` writes name the other guild by its id in the change reason, because not
# every reader of a history is allowed to see that guild: giftcodes.admin.common.versions shows its
# name or "another guild".


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
def set_on_members(
    member_ids: Iterable[int], name: str, value_of: Callable[[Member], Any], **about: Any
) -> tuple[list[Member], list[Member]]:
    """Set a field of members, and write a version of each changed member, in few statements.

    Args:
        member_ids: the members.
        name: the name of the field.
        value_of: returns the new value for a member, whose guild is loaded.
        about: who changes it, as options of `history.update_with_versions`.

    Returns:
        The members who were changed, and those who had the value already.
    """
    members = list(
        Member.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=list(member_ids))
        .order_by("guild_id", "pk")
    )
    # Each guild is loaded once, not with each of its members.
    prefetch_related_objects(members, Prefetch("guild", without_notes(Guild.objects.all())))
    changed = [member for member in members if getattr(member, name) != value_of(member)]
    keep_first_versions(changed)
    for member in changed:
        setattr(member, name, value_of(member))
    update_with_versions(changed, [name], **about)
    pks = {member.pk for member in changed}
    return changed, [member for member in members if member.pk not in pks]


@transaction.atomic
def activate_members(
    member_ids: Iterable[int], **about: Any
) -> tuple[list[Member], list[Member], list[str]]:
    """Make members active again, up to the limit of each guild.

    Args:
        member_ids: the members.
        about: who changes it, as options of `history.update_with_versions`.

    Returns:
        The members who were changed, those who were active already, and a sentence for each guild
        that had no room for all of its members. These members stay inactive.
    """
    ids = list(member_ids)
    rows = Member.objects.filter(pk__in=ids)
    # Imports and moves lock the guilds, too, so that together they keep the limit.
    concerned = Guild.objects.filter(pk__in=rows.order_by().values("guild"))
    refused = []
    for guild in without_notes(concerned).select_for_update(no_key=True).order_by("pk"):
        more = set(rows.filter(guild=guild, active=False).values_list("pk", flat=True))
        if len(more) > (room := guild.room()):
            refused.append(guild.full_words(more=len(more), room=room))
            ids = [pk for pk in ids if pk not in more]
    changed, same = set_on_members(ids, "active", lambda _member: True, **about)
    return changed, same, refused


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
    movable: list[Member] = []
    members = Member.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    there = set(guilds[guild_id].members.filter(active=True).values_list("player_id", flat=True))
    unwilling = set(
        guilds[guild_id].members.filter(opted_out=True).values_list("player_id", flat=True)
    )
    for member in members:
        obstacle = _obstacle(member, guilds[member.guild_id], guilds[guild_id], there)
        if not obstacle and member.player_id in unwilling:
            obstacle = gettext("has opted out in guild %s") % guilds[guild_id]
        if obstacle:
            result.refused.append((member, obstacle))
        else:
            movable.append(member)
            there.add(member.player_id)
    for first in range(0, len(movable), BATCH):
        _move(movable[first : first + BATCH], guilds, guilds[guild_id], result, is_real=not dry_run)
    return result


def _move(
    members: list[Member],
    guilds: dict[int, Guild],
    new: Guild,
    result: MoveResult,
    *,
    is_real: bool,
) -> None:
    """Move a batch, or only report what would happen, in a fixed number of statements.

    Args:
        members: the members to move, locked.
        guilds: the guilds that are locked, by their ids.
        new: the new guild.
        result: gets the moved members.
        is_real: whether to write anything.
    """
    players = [member.player_id for member in members]
    rows = new.members.select_for_update(no_key=True).filter(player_id__in=players).order_by("pk")
    known = {row.player_id: row for row in rows}
    if is_real:
        keep_first_versions([*members, *known.values()])
    # A player who leaves two guilds for this one gets one row.
    created: dict[str, Member] = {}
    for member in members:
        old = guilds[member.guild_id]
        row = known.get(member.player_id) or created.setdefault(
            member.player_id, Member(guild=new, player_id=member.player_id)
        )
        row.nickname = member.nickname or row.nickname
        row.realm = own_realm(new, member.realm or old.realm)
        row.consented_on = member.consented_on or row.consented_on
        row.active = True
        row._change_reason = Sentence.of("member_moved_from", guild=f"#{old.pk}")  # type: ignore[attr-defined]
        member.active = False
        member._change_reason = Sentence.of("member_moved_to", guild=f"#{new.pk}")  # type: ignore[attr-defined]
        result.moved.append(row)
        result.left.add(old.pk)
    if is_real:
        bulk_create_with_history(list(created.values()), Member)
        update_with_versions(known.values(), IMPORTED_FIELDS)
        update_with_versions(members, ["active"])


def _obstacle(member: Member, old: Guild, new: Guild, there: set[str]) -> str:
    """Why a member cannot move, in words. Empty if nothing prevents it.

    Args:
        member: the member.
        old, new: the guilds.
        there: the player IDs of those who are active in the new guild, and of those who move.
    """
    if new == old:
        return gettext("is in guild %s already") % new
    if new.provider != old.provider:
        return gettext("plays another game than the guild")
    if not new.active:
        return gettext("cannot move: guild %s is inactive") % new
    if member.opted_out:
        return gettext("has opted out")
    if not member.active:
        words = gettext("has left guild %(old)s. Import or add the player to guild %(new)s")
        return words % {"old": old, "new": new}
    if member.player_id not in there and len(there) >= settings.MEMBERS_PER_GUILD:
        words = gettext(
            "cannot move: guild %(guild)s may have at most %(most)s active members "
            "(MEMBERS_PER_GUILD)"
        )
        return words % {"guild": new, "most": grouped(settings.MEMBERS_PER_GUILD)}
    return ""
