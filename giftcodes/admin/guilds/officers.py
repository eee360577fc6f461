"""The tab “Officers” of a guild: who looks after the guild, and its invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from giftcodes.admin.access import api_tokens
from giftcodes.admin.access.invitations import DAYS
from giftcodes.admin.common.html import guild_url, list_url, model_url, page_url
from giftcodes.admin.guilds import discord_tab
from giftcodes.models import Guild, Invitation, database_now
from giftcodes.models.link import LinkState
from giftcodes.models.roles import Role
from giftcodes.queries import scope
from giftcodes.services.links import INVITATION_DAYS, guilds_to_offer

if TYPE_CHECKING:
    from django.http import HttpRequest

#: How many ended invitations the tab shows. The list of invitations has the others.
ENDED_SHOWN = 5

TEMPLATE = "admin/giftcodes/guild/officers.html"


def context(request: HttpRequest, guild: Guild) -> dict[str, Any]:
    """The context of the tab, in a fixed number of queries."""
    person = request.user
    sees_people = person.has_perm("auth.view_user")
    invitations = _invitations(person, guild)
    return {
        "template": TEMPLATE,
        "officers": [
            {
                "name": user.get_username(),
                "full_name": user.get_full_name(),
                "is_you": user.pk == person.pk,
                "is_off": not user.is_active,
                "url": page_url(user) if sees_people else "",
            }
            for user in guild.officers.order_by("username")
        ],
        "may_choose": scope.sees_all(person) and person.has_perm("giftcodes.change_guild"),
        "may_invite": may_invite_to(guild, person),
        "may_see_invitations": person.has_perm("giftcodes.view_invitation"),
        "may_withdraw": person.has_perm("giftcodes.change_invitation"),
        "open_invitations": [one for one in invitations if one["is_open"]],
        "ended_invitations": [one for one in invitations if not one["is_open"]][:ENDED_SHOWN],
        "days": DAYS,
        "usual_days": INVITATION_DAYS,
        "role": Role.OFFICER.value if person.is_superuser else "",
        "invite_url": model_url(Invitation, "add", query={"guild": guild.pk}),
        "invitations_url": list_url(Invitation),
        "settings_url": guild_url(guild.pk, "change"),
        "back": guild_url(guild.pk, "officers"),
        **discord_tab.block(person, guild),
        **api_tokens.block(person, guild),
    }


def may_invite_to(guild: Guild, person: Any) -> bool:
    """Whether a person may invite officers of this guild."""
    may_invite = person.has_perm("giftcodes.add_invitation")
    return bool(may_invite and guilds_to_offer(person).filter(pk=guild.pk).exists())


def _invitations(person: Any, guild: Guild) -> list[dict[str, Any]]:
    """The unused invitations to the guild that a person may see, the newest first."""
    if not person.has_perm("giftcodes.view_invitation"):
        return []
    now = database_now()
    rows = scope.visible(Invitation.objects.filter(guilds=guild, used_at=None), person)
    return [
        {
            "row": row,
            "url": page_url(row),
            "state": row.state(now).label,
            "is_open": row.state(now) is LinkState.OPEN,
        }
        for row in rows.select_related("made_by").order_by("-pk")
    ]
