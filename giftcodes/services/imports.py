"""Import members: a list of players into a guild, in one transaction. Nobody is taken in twice, or unwillingly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from simple_history.utils import bulk_create_with_history

from giftcodes.domain.text import isolated
from giftcodes.models import Guild, Member, MemberImport, OptOut, Source
from giftcodes.models.guild import own_realm
from giftcodes.models.history import keep_first_versions, update_with_versions
from giftcodes.models.imports import IMPORTED_FIELDS
from giftcodes.models.privacy import player_hash
from giftcodes.roster import ListedMember, MemberList

BATCH = 1_000


@dataclass(slots=True)
class ImportResult:
    """What became of the players of a list.

    Args:
        added: who is new.
        already_there: how many were members before, changed or not.
        updated: player ID and what has changed, in words, of members that the list knew better.
        reactivated: who had left, and is a member again.
        opted_out: who asked not to be redeemed for, and is left out.
        import_id: by which it can be undone; None: nothing was changed.
    """

    added: list[str] = field(default_factory=list)
    already_there: int = 0
    updated: list[tuple[str, str]] = field(default_factory=list)
    reactivated: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    import_id: int | None = None

    @property
    def has_changes(self) -> bool:
        """Somebody was added, corrected or taken back."""
        return bool(self.added or self.updated or self.reactivated)


def import_members(
    guild_id: int,
    listed: Sequence[ListedMember],
    *,
    source: Source = Source.COMMAND,
    user_id: int | None = None,
    dry_run: bool = False,
) -> ImportResult:
    """Take players into a guild: new ones are added, those who left come back, those who are there are corrected.

    What a line leaves open stays as it is. A realm that is the guild's own is stored as none. Redeeming for them is
    the catch-up's part.

    Args:
        guild_id: the guild.
        listed: each player once.
        source: where it was asked for.
        user_id: who asked, where that is known.
        dry_run: say what would happen, and change nothing.

    Raises:
        Guild.DoesNotExist: there is no such guild.
        ValueError: a player is listed twice.
    """
    if len({line.player_id for line in listed}) < len(listed):
        raise ValueError("A player is listed twice.")
    result = ImportResult()
    with transaction.atomic():
        # Two imports into one guild take turns.
        guild = Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
        made = MemberImport.objects.create(
            guild=guild, source=source, user_id=user_id, added=0, updated=0, reactivated=0
        )
        for batch in _batches(listed):
            _import_batch(made, batch, result)
        made.added, made.updated, made.reactivated = (
            len(result.added),
            len(result.updated),
            len(result.reactivated),
        )
        made.save()
        if dry_run or not result.has_changes:
            transaction.set_rollback(True)
        else:
            result.import_id = made.pk
    return result


def _batches(listed: Sequence[ListedMember]) -> Iterator[list[ListedMember]]:
    lines = iter(listed)
    while batch := list(islice(lines, BATCH)):
        yield batch


def _import_batch(made: MemberImport, batch: list[ListedMember], result: ImportResult) -> None:
    guild = made.guild
    ids = [line.player_id for line in batch]
    rows = guild.members.select_for_update(no_key=True).filter(player_id__in=ids).order_by("pk")
    known = {row.player_id: row for row in rows}
    keep_first_versions(known.values())
    unwilling = _unwilling(guild, ids) | {row.player_id for row in known.values() if row.opted_out}
    new: list[Member] = []
    changed: list[Member] = []
    for line in batch:
        row = known.get(line.player_id)
        if line.player_id in unwilling:
            result.opted_out.append(line.player_id)
        elif row is None:
            new.append(_new(guild, line))
            result.added.append(line.player_id)
        elif _correct(guild, row, line, result):
            changed.append(row)
    about: dict[str, Any] = {
        "default_user": made.user,
        "default_change_reason": "Imported.",
        "custom_historical_attrs": {"member_import_id": made.pk},
    }
    bulk_create_with_history(new, Member, **about)
    update_with_versions(changed, IMPORTED_FIELDS, **about)


def _unwilling(guild: Guild, player_ids: list[str]) -> set[str]:
    """Who of these has opted out."""
    hashes = {player_hash(guild.provider, player_id): player_id for player_id in player_ids}
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
    """Set what the line knows better. Returns whether the row has changed."""
    changes: list[str] = []
    if line.nickname and line.nickname != row.nickname:
        changes.append(f"nickname {isolated(row.nickname) or 'none'} → {isolated(line.nickname)}")
        row.nickname = line.nickname
    if line.realm is not None and own_realm(guild, line.realm) != row.realm:
        changes.append(f"realm {row.realm or guild.realm} → {line.realm}")
        row.realm = own_realm(guild, line.realm)
    if line.consented_on and line.consented_on != row.consented_on:
        changes.append(f"consented on {row.consented_on or 'no day'} → {line.consented_on}")
        row.consented_on = line.consented_on
    if changes:
        result.updated.append((row.player_id, ", ".join(changes)))
    if row.active:
        result.already_there += 1
        return bool(changes)
    row.active = True
    result.reactivated.append(row.player_id)
    return True


def summary(listed: MemberList, result: ImportResult) -> str:
    """The numbers in a line: `47, already there 2, bad 3`, and what else there was."""
    parts = [
        str(len(result.added)),
        f"already there {result.already_there}",
        f"bad {len(listed.bad)}",
    ]
    others: dict[str, Sequence[object]] = {
        "updated": result.updated,
        "reactivated": result.reactivated,
        "opted out": result.opted_out,
        "repeated": listed.repeated,
    }
    return ", ".join(parts + [f"{name} {len(found)}" for name, found in others.items() if found])
