"""Who added a code, for the code's own pages and for pages about its first run in a guild.

The rows of a guild do not store this name, because the officers of the guild must not read the name
of another guild's officer.
"""

from __future__ import annotations

from collections.abc import Iterable

from giftcodes.models import GiftCode
from giftcodes.queries import scope


def adders_of(code_ids: Iterable[int], person: scope.Person) -> dict[int, str]:
    """The names of the persons who added these codes, by the code's id, in one statement.

    Only the person who added a code, and people who see all guilds, may read the name.
    """
    ids = set(code_ids)
    if not ids:
        return {}
    added = GiftCode.history.filter(id__in=ids, history_type="+", history_user__isnull=False)
    if not scope.sees_all(person):
        added = added.filter(history_user=person)
    return dict(added.values_list("id", "history_user__username"))
