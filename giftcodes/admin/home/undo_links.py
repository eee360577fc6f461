"""Links to imports that brought members whom the game does not know, so that they can be undone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from giftcodes.admin.common.html import model_url
from giftcodes.models import MemberImport
from giftcodes.queries.imports import imports_to_undo
from giftcodes.queries.needs import GuildToCorrect

_NEEDED = ("giftcodes.view_memberimport", "giftcodes.add_member", "giftcodes.change_member")


def undo_links(guilds: Iterable[GuildToCorrect], person: Any) -> dict[int, tuple[str, str]]:
    """For guilds most of whose members are unknown, a link to the import to undo, and its words.

    This takes one statement at most.

    Args:
        guilds: guilds that the person may see.
        person: the person who sees the links. There are none if the person may not undo imports.

    Returns:
        The links by the guild's id. Guilds without such an import are left out.
    """
    if not person.has_perms(_NEEDED):
        return {}
    unknown = {one.guild.pk: one.number for one in guilds if one.is_whole}
    return {
        guild_id: (model_url(MemberImport, "change", import_id), _("Undo this import"))
        for guild_id, import_id in imports_to_undo(unknown).items()
    }
