"""Import a list of players into a guild, and undo an import: each in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext
from simple_history.utils import bulk_create_with_history

from giftcodes.domain.lists import joined
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import isolated
from giftcodes.models import (
    Guild,
    Member,
    MemberImport,
    MemberRedemption,
    OptOut,
    PlayerLink,
    SelfServiceEvent,
    Source,
    database_now,
)
from giftcodes.models.guild import GuildFullError, own_realm
from giftcodes.models.history import (
    delete_with_versions,
    keep_first_versions,
    update_with_versions,
    versions_before,
)
from giftcodes.models.imports import IMPORTED_FIELDS
from giftcodes.models.opted_out import player_hashes
from giftcodes.models.roles import is_user_limited
from giftcodes.roster import ListedMember, MemberList
from giftcodes.services.corrections import TooManyCorrectionsError, count_of_members

#: The number of members that are written at once.
BATCH = 1_000
_WORDS = {"nickname": "nickname", "realm": "realm", "consented_on": "consented on"}
_NOTHING = {"nickname": "none", "realm": "none", "consented_on": "no day"}

Item = TypeVar("Item")


@dataclass(slots=True)
class ImportResult:
    """What an import did with the players of a list.

    Args:
        added: player IDs of new members.
        already_there: how many of the players were active members before, whether changed or not.
        changes: for the player ID of each changed member, the changed fields: name, old value and
            new value, as text. An empty text means no value.
        reactivated: player IDs of members who had left.
        opted_out: player IDs that were left out because of an opt-out.
        import_id: identifies the import, to undo it later. None if nothing was changed.
    """

    added: list[str] = field(default_factory=list)
    already_there: int = 0
    changes: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    reactivated: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    import_id: int | None = None

    @property
    def more(self) -> int:
        """How many more active members the guild has."""
        return len(self.added) + len(self.reactivated)

    @property
    def corrected(self) -> int:
        """How many known members got another realm."""
        return sum("realm" in {name for name, *_ in changes} for changes in self.changes.values())

    @property
    def updated(self) -> list[tuple[str, str]]:
        """The player ID of each member whose fields were changed, and the changes in words."""
        return [
            (
                player_id,
                joined(
                    f"{_WORDS[name]} {isolated(old) or _NOTHING[name]} → {isolated(new)}"
                    for name, old, new in changes
                ),
            )
            for player_id, changes in self.changes.items()
        ]

    @property
    def has_changes(self) -> bool:
        """Whether any member was added, changed or reactivated."""
        return bool(self.added or self.changes or self.reactivated)


def import_members(
    guild_id: int,
    listed: Sequence[ListedMember],
    *,
    source: Source = Source.COMMAND,
    user_id: int | None = None,
    dry_run: bool = False,
    also_report: Sequence[ListedMember] = (),
    is_limited: bool = False,
    by: str = "",
) -> ImportResult:
    """Add new members to a guild, reactivate those who had left, and correct those who are members.

    A field that a line leaves empty is not changed. A realm that equals the guild's is stored as
    None. Catch-up redeems for new members later.

    Args:
        guild_id: the guild.
        listed: the lines of the list, with each player once.
        source: where the request came from.
        user_id: the user who asked, if known.
        dry_run: report what would happen, and change nothing.
        also_report: further lines whose effects a dry run reports. They are not imported, so they
            count against no limit.
        is_limited: whether the limits for officers hold, even without a user.
        by: who asked, for the members' histories, if that is a person without an account.

    Raises:
        Guild.DoesNotExist: there is no such guild.
        GuildFullError: the guild would have too many active members, or too many players would be
            added to it in seven days. Nothing was changed.
        TooManyCorrectionsError: the user may not correct so many realms now. Nothing was changed.
        ValueError: a player is listed twice.
    """
    every = [*listed, *also_report]
    if len({line.player_id for line in every}) < len(every):
        raise ValueError("A player is listed twice.")
    result = ImportResult()
    with transaction.atomic():
        # Imports into one guild take turns.
        guild = Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
        made = MemberImport(
            guild=guild, source=source, user_id=user_id, added=0, updated=0, reactivated=0
        )
        if not dry_run:
            # A dry run inserts no row, because that would use up an id, and ids show how many
            # imports other guilds make.
            made.save()
        room = guild.room()
        for batch in _batches(listed):
            # Of a list that does not fit, the rest is only counted: writing it would take long.
            is_real = not dry_run and result.more <= room
            _import_batch(made, batch, result, is_real=is_real, by=by)
        if result.more > room:
            raise GuildFullError(guild.full_words(more=result.more, room=room))
        if result.added and not guild.may_add(result.added):
            raise GuildFullError(guild.too_many_added_words())
        if dry_run:
            for batch in _batches(also_report):
                _import_batch(made, batch, result, is_real=False, by=by)
            return result
        if is_limited or is_user_limited(user_id):
            count_of_members(guild, result.corrected)
        made.added, made.updated = len(result.added), len(result.changes)
        made.reactivated = len(result.reactivated)
        made.save()
        if result.has_changes:
            result.import_id = made.pk
        else:
            transaction.set_rollback(True)
    return result


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _import_batch(
    made: MemberImport,
    batch: list[ListedMember],
    result: ImportResult,
    *,
    is_real: bool,
    by: str,
) -> None:
    """Import a batch, or only report what would happen, in a fixed number of statements."""
    guild = made.guild
    ids = [line.player_id for line in batch]
    rows = guild.members.filter(player_id__in=ids).order_by("pk")
    if is_real:
        rows = rows.select_for_update(no_key=True)
    known = {row.player_id: row for row in rows}
    if is_real:
        keep_first_versions(known.values())
    opted_out = _opted_out(guild, ids) | {row.player_id for row in known.values() if row.opted_out}
    new: list[Member] = []
    changed: list[Member] = []
    for line in batch:
        row = known.get(line.player_id)
        if line.player_id in opted_out:
            result.opted_out.append(line.player_id)
        elif row is None:
            new.append(_new(guild, line))
            result.added.append(line.player_id)
        elif _correct(guild, row, line, result):
            changed.append(row)
    if not is_real:
        return
    about: dict[str, Any] = {
        "default_user": made.user,
        "default_change_reason": _reason(by),
        "custom_historical_attrs": {"member_import_id": made.pk},
    }
    bulk_create_with_history(new, Member, **about)
    update_with_versions(changed, IMPORTED_FIELDS, **about)


def _reason(by: str) -> Sentence:
    done = Sentence.of("member_imported")
    return Sentence.of("done_by", done=done, by=by) if by else done


def _opted_out(guild: Guild, player_ids: list[str]) -> set[str]:
    """The IDs of the players in this list who have opted out in all guilds."""
    hashes = {
        found: player_id
        for player_id in player_ids
        for found in player_hashes(guild.provider, player_id)
    }
    return {
        hashes[found] for found in OptOut.objects.filter(pk__in=hashes).values_list("pk", flat=True)
    }


def _new(guild: Guild, line: ListedMember) -> Member:
    return Member(
        guild=guild,
        player_id=line.player_id,
        nickname=line.nickname,
        realm=own_realm(guild, line.realm),
        consented_on=line.consented_on,
    )


def _correct(guild: Guild, row: Member, line: ListedMember, result: ImportResult) -> bool:
    """Set the fields that the line names. Returns whether the row has changed."""
    changes: list[tuple[str, str, str]] = []
    if line.nickname and line.nickname != row.nickname:
        changes.append(("nickname", row.nickname, line.nickname))
        row.nickname = line.nickname
    if line.realm is not None and own_realm(guild, line.realm) != row.realm:
        changes.append(("realm", str(row.realm or guild.realm), str(line.realm)))
        row.realm = own_realm(guild, line.realm)
    if line.consented_on and line.consented_on != row.consented_on:
        old = "" if row.consented_on is None else str(row.consented_on)
        changes.append(("consented_on", old, str(line.consented_on)))
        row.consented_on = line.consented_on
    if changes:
        result.changes[row.player_id] = changes
    if row.active:
        result.already_there += 1
        return bool(changes)
    row.active = True
    result.reactivated.append(row.player_id)
    return True


def summary(listed: MemberList, result: ImportResult) -> str:
    """The numbers in one line: `47, already there 2, bad 3` if 47 members were added.

    The other numbers follow if they are not 0.
    """
    parts = [
        str(len(result.added)),
        f"already there {result.already_there}",
        f"bad {len(listed.bad)}",
    ]
    others: dict[str, Sized] = {
        "updated": result.changes,
        "reactivated": result.reactivated,
        "opted out": result.opted_out,
        "repeated": listed.repeated,
    }
    return ", ".join(parts + [f"{name} {len(found)}" for name, found in others.items() if found])


@dataclass(slots=True)
class UndoResult:
    """What an undo did to the members of an import.

    Args:
        deleted: player IDs of members whom the import added and to whom no other row, such as a
            redemption, refers.
        retired: player IDs of members whom the import added and who are inactive now: other rows
            refer to them, or they were changed after the import.
        restored: player IDs of members whose fields have their earlier values again.
        kept: player IDs, each with the fields that were changed after the import and left alone.
        obstacle: why the import could not be undone. Empty if it was undone.
        corrected: how many members got their earlier realm again.
        names: each member of the import in words, by player ID: the nickname and the player ID.
    """

    deleted: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    obstacle: str = ""
    corrected: int = 0
    names: dict[str, str] = field(default_factory=dict)


def undo_import(import_id: int, *, user_id: int | None, dry_run: bool = False) -> UndoResult:
    """Undo an import, in one transaction.

    Fields that were changed after the import stay as they are. A member whom the import added and
    who has redemptions or a personal link, or has opted out, becomes inactive and keeps the
    history.

    Args:
        import_id: the import.
        user_id: the user who asked, if known.
        dry_run: report what would happen, and change nothing.

    Raises:
        MemberImport.DoesNotExist: there is no such import.
    """
    try:
        return _undo(import_id, user_id=user_id, dry_run=dry_run)
    except TooManyCorrectionsError as error:
        return UndoResult(obstacle=str(error))


@transaction.atomic
def _undo(import_id: int, *, user_id: int | None, dry_run: bool) -> UndoResult:
    guild_id = MemberImport.objects.values_list("guild_id", flat=True).get(pk=import_id)
    # Imports into a guild, and undoing them, take turns.
    guild = Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
    made = MemberImport.objects.get(pk=import_id)
    if made.undone_at:
        return UndoResult(obstacle=gettext("This import was undone already."))
    result = UndoResult()
    for member_ids in _touched(made):
        _undo_batch(made, member_ids, result, is_real=not dry_run)
    if not dry_run:
        if is_user_limited(user_id):
            count_of_members(guild, result.corrected)
        made.undone_at, made.undone_by_id = database_now(), user_id
        made.save()
    return result


def _touched(made: MemberImport) -> Iterator[list[int]]:
    """The ids of the members that the import changed, in batches and in the usual lock order."""
    touched = (
        Member.history.filter(member_import=made)
        .order_by("id")
        .values_list("id", flat=True)
        .distinct()
    )
    return _batches(list(touched))


def _undo_batch(
    made: MemberImport, member_ids: list[int], result: UndoResult, *, is_real: bool
) -> None:
    """Undo a batch, or only report what would happen, in a fixed number of statements."""
    versions = Member.history.filter(member_import=made, id__in=member_ids).order_by("history_id")
    left = {version.id: version for version in versions}
    # The members are locked for deletion (FOR UPDATE), so that no run can include them meanwhile.
    members = list(Member.objects.select_for_update().filter(pk__in=member_ids).order_by("pk"))
    before = versions_before(
        Member, [version for version in left.values() if version.history_type != "+"]
    )
    in_use: set[int] = set()
    for model in (MemberRedemption, PlayerLink, SelfServiceEvent):
        rows = model._default_manager.filter(member__in=members).order_by()
        in_use.update(rows.values_list("member_id", flat=True))
    # Without the row, the next import would bring back a player who opted out in this guild.
    in_use.update(member.pk for member in members if member.opted_out)
    unwanted, changed = [], []
    for member in members:
        result.names[member.player_id] = str(member)
        version = left[member.pk]
        touched = [
            name for name in IMPORTED_FIELDS if getattr(member, name) != getattr(version, name)
        ]
        if version.history_type == "+" and not touched and member.pk not in in_use:
            unwanted.append(member)
            result.deleted.append(member.player_id)
        elif _set_back(member, version, before.get(member.pk), touched, result):
            changed.append(member)
    if is_real:
        reason = Sentence.of("import_undone", number=made.pk)
        delete_with_versions(unwanted, reason=reason)
        update_with_versions(changed, IMPORTED_FIELDS, default_change_reason=reason)


def _set_back(
    member: Member, version: Any, before: Any, touched: list[str], result: UndoResult
) -> bool:
    """Restore the fields that the import set. Returns whether any of them changed."""
    is_new = version.history_type == "+"
    was = {"active": False} if is_new else {name: getattr(before, name) for name in IMPORTED_FIELDS}
    ours = [name for name, value in was.items() if getattr(version, name) != value]
    ours_still = [name for name in ours if name not in touched]
    for name in ours_still:
        setattr(member, name, was[name])
    if not_ours := [name for name in ours if name in touched]:
        names = [str(field.verbose_name) for field in Member._meta.fields if field.name in not_ours]
        result.kept.append((member.player_id, joined(names)))
    result.corrected += "realm" in ours_still
    if ours_still:
        (result.retired if is_new else result.restored).append(member.player_id)
    return bool(ours_still)
