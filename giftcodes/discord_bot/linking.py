"""`/link`, `/officers` and `/iam`: connect a server with a guild, and a person with an account."""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes.discord_bot.answers import Answer, Refused
from giftcodes.discord_bot.choosing import guild_of
from giftcodes.discord_bot.names import safe
from giftcodes.domain import log_lines
from giftcodes.services import discord_links
from giftcodes.services.discord_links import Asker

#: The number and the name of a role.
Role = tuple[int, str]


def link(asker: Asker, code: str, server_name: str, role: Role | None) -> Answer:
    """Link this server to the guild whose code was entered."""
    server = discord_links.link_server(code, asker, server_name=server_name, role=role)
    log_lines.info(
        f"A Discord server was linked to guild {server.guild.name}.",
        server=server.server_id,
        discord_user=asker.user_id,
    )
    words = _(
        "This server is linked to guild **%(guild)s**. Members join with `/join`, and see their "
        "codes with `/codes`."
    ) % {"guild": safe(server.guild.name)}
    return Answer(f"{words}\n{_officers(server.role_name)}")


def choose_role(asker: Asker, role: Role | None, no_role: bool, chosen: str) -> Answer:
    """Say or choose the role whose members are officers of a guild in this server.

    Args:
        asker: the person, who must manage the server.
        role: the new role. None keeps the role.
        no_role: whether no role makes a person an officer from now on.
        chosen: which guild, if the server has several.

    Raises:
        Refused: there is a role, and `no_role`, too.
    """
    if role is not None and no_role:
        raise Refused(_("Choose a role or “nobody”, but not both. Nothing was changed."))
    guild = guild_of(asker, chosen)
    if role is None and not no_role:
        server = discord_links.server_of(guild.pk, asker)
        return Answer(f"**{safe(guild.name)}**: {_officers(server.role_name)}")
    server = discord_links.set_role(guild.pk, asker, role=role)
    log_lines.info(
        f"The role of the officers of guild {guild.name} was changed in a Discord server.",
        server=server.server_id,
        discord_user=asker.user_id,
    )
    return Answer(f"**{safe(guild.name)}**: {_officers(server.role_name)}")


def _officers(role_name: str) -> str:
    if role_name:
        return _("Members of the role **%s** are officers of the guild in this server.") % safe(
            role_name
        )
    return _(
        "No role makes a person an officer here. Choose one with `/officers`, or let officers link "
        "their accounts with `/iam`."
    )


def i_am(asker: Asker, code: str) -> Answer:
    """Link the Discord user to the account that made the code."""
    user = discord_links.link_account(code, asker)
    log_lines.info("An account was linked to a Discord user.", user=user.pk)
    words = _(
        "You are linked to the account **%s**. In Discord, you may now do what this account may do."
    )
    return Answer(words % safe(user.get_username()))
