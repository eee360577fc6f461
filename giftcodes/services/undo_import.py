"""Undo an import: what it did to each member is taken back, unless somebody has changed it since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction

from giftcodes.models import Guild, Member, MemberImport, MemberRedemption, database_now
from giftcodes.models.history import delete_with_versions, update_with_versions, versions_before
from giftcodes.models.imports import IMPORTED_FIELDS

#: Members who are taken back at once.
BATCH = 1_000


@dataclass(slots=True)
class UndoResult:
    """What became of the members of an import.

    Args:
        deleted: player IDs that were new, and were asked for by nobody: they are gone.
        retired: player IDs that were new, and have a history: they are inactive.
        restored: player IDs that are as they were before.
        kept: player IDs of which something was changed since, and what: that stays.
        obstacle: why nothing was done; empty: it was.
    """

    deleted: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    obstacle: str = ""


@transaction.atomic
def undo_import(import_id: int, *, user_id: int | None, dry_run: bool = False) -> UndoResult:
    """Take an import back, in one transaction. A member who joined by it and was redeemed for keeps the history.

    Args:
        import_id: the import.
        user_id: who asks.
        dry_run: say what would happen, and change nothing.

    Raises:
        MemberImport.DoesNotExist: there is no such import.
    """
    guild_id = MemberImport.objects.values_list("guild_id", flat=True).get(pk=import_id)
    # It takes its turn with the imports of the guild.
    Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
    made = MemberImport.objects.get(pk=import_id)
    if made.undone_at:
        return UndoResult(obstacle="This import was undone already.")
    result = UndoResult()
    for member_ids in _batches(made):
        _take_back(made, member_ids, result, is_real=not dry_run)
    if not dry_run:
        made.undone_at, made.undone_by_id = database_now(), user_id
        made.save()
    return result


def _batches(made: MemberImport) -> Iterator[list[int]]:
    """The members that the import has touched, in the order in which members are locked."""
    touched = (
        Member.history.filter(member_import=made)
        .order_by("id")
        .values_list("id", flat=True)
        .distinct()
    )
    member_ids = iter(list(touched))
    while batch := list(islice(member_ids, BATCH)):
        yield batch


def _take_back(
    made: MemberImport, member_ids: list[int], result: UndoResult, *, is_real: bool
) -> None:
    """Take a batch back, or say only what would happen: a fixed number of statements, however many members it has."""
    versions = Member.history.filter(member_import=made, id__in=member_ids).order_by("history_id")
    left = {version.id: version for version in versions}
    # Locked as for a deletion: no run takes them in meanwhile.
    members = list(Member.objects.select_for_update().filter(pk__in=member_ids).order_by("pk"))
    before = versions_before(
        Member, [version for version in left.values() if version.history_type != "+"]
    )
    redeemed_for = set(
        MemberRedemption.objects.filter(member__in=members).values_list("member_id", flat=True)
    )
    unwanted, changed = [], []
    for member in members:
        version = left[member.pk]
        touched = [
            name for name in IMPORTED_FIELDS if getattr(member, name) != getattr(version, name)
        ]
        if version.history_type == "+" and not touched and member.pk not in redeemed_for:
            unwanted.append(member)
            result.deleted.append(member.player_id)
        elif _set_back(member, version, before.get(member.pk), touched, result):
            changed.append(member)
    if is_real:
        reason = f"Import {made.pk} undone."
        delete_with_versions(unwanted, reason=reason)
        update_with_versions(changed, IMPORTED_FIELDS, default_change_reason=reason)


def _set_back(
    member: Member, version: Any, before: Any, touched: list[str], result: UndoResult
) -> bool:
    """Set what the import set to what it was. Returns whether anything has changed."""
    is_new = version.history_type == "+"
    was = {"active": False} if is_new else {name: getattr(before, name) for name in IMPORTED_FIELDS}
    ours = [name for name, value in was.items() if getattr(version, name) != value]
    ours_still = [name for name in ours if name not in touched]
    for name in ours_still:
        setattr(member, name, was[name])
    if not_ours := [name for name in ours if name in touched]:
        names = [str(field.verbose_name) for field in Member._meta.fields if field.name in not_ours]
        result.kept.append((member.player_id, ", ".join(names)))
    if ours_still:
        (result.retired if is_new else result.restored).append(member.player_id)
    return bool(ours_still)
