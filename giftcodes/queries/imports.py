"""The imports that brought members whom the game does not know."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count

from giftcodes.models import Member


def imports_to_undo(unknown: Mapping[int, int]) -> dict[int, int]:
    """For each guild, the last import that brought most of its unknown members.

    Imports that were undone are left out. This takes one statement, or none without guilds.

    Args:
        unknown: the number of members whom the game does not know, by the guild's id.

    Returns:
        The id of the import, by the guild's id. Guilds without such an import are left out.
    """
    if not unknown:
        return {}
    members = Member.objects.needing_correction().filter(guild__in=unknown).order_by()
    brought = (
        Member.history.filter(
            id__in=members.values("pk"),
            member_import__guild__in=unknown,
            member_import__undone_at__isnull=True,
        )
        .order_by("member_import_id")
        .values_list(
            "member_import_id",
            "member_import__guild_id",
            "member_import__added",
            "member_import__reactivated",
        )
        .annotate(number=Count("id", distinct=True))
    )
    return {
        guild_id: import_id
        for import_id, guild_id, added, reactivated, number in brought
        # An import that only corrected members did not bring them.
        if min(number, added + reactivated) * 2 > unknown[guild_id]
    }
