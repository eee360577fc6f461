"""Codes that an officer added, and that the game has not yet accepted.

Such a code may be invented, and a guild's requests do not always show this: if the game does not
know most of the guild's players, its answers are about the players, and not about the code. So a
code that is not proven is asked for only in the guilds of the officer. If the officer has no
account, but a role in Discord, it is asked for only in the guild of this role.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from giftcodes.models.code import GiftCode, Source
from giftcodes.models.guild import Guild
from giftcodes.models.roles import EVERY_GUILD

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def is_own_trial(code: GiftCode, user_id: int) -> bool:
    """Whether a user added a code that the game has not accepted and that no feed has.

    If the user is an officer, an active code of this kind is on trial in the officer's guilds.
    """
    return (
        code.source == Source.ADMIN
        and code.proven_at is None
        and code.last_seen_at is None
        and GiftCode.history.filter(id=code.pk, history_type="+", history_user_id=user_id).exists()
    )


def trials(gift_code_id: int | None = None) -> dict[int, list[int]]:
    """The active codes that are on trial, each with the guilds in which it is asked for.

    A code is not on trial if an administrator or the command line added it, or if a feed has it.

    Args:
        gift_code_id: look only at this code. None for all codes.

    Returns:
        The ids of the guilds by code id.
    """
    unproven = GiftCode.objects.active().filter(
        source=Source.ADMIN, proven_at__isnull=True, last_seen_at__isnull=True
    )
    if gift_code_id is not None:
        unproven = unproven.filter(pk=gift_code_id)
    by_role = unproven.filter(trial_guild__isnull=False).order_by()
    found = {pk: [guild_id] for pk, guild_id in by_role.values_list("pk", "trial_guild")}
    added = GiftCode.history.filter(
        id__in=unproven.order_by().values("pk"), history_type="+", history_user__isnull=False
    )
    adders = dict(added.order_by().values_list("id", "history_user"))
    if not adders:
        return found
    users: Any = get_user_model().objects
    seeing_all = users.with_perm(EVERY_GUILD, is_active=None, backend=_BACKEND)
    unlimited = set(seeing_all.filter(pk__in=adders.values()).values_list("pk", flat=True))
    guilds: dict[int, list[int]] = {pk: [] for pk in adders.values()}
    of_officers = Guild.objects.filter(officers__in=guilds).order_by()
    for user_id, guild_id in of_officers.values_list("officers", "pk"):
        guilds[user_id].append(guild_id)
    of_accounts = {code: guilds[user] for code, user in adders.items() if user not in unlimited}
    return of_accounts | found
