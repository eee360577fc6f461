"""What connects Discord with this site: servers with guilds, users with accounts, and officers.

`officer_right` is the one rule about who is an officer in Discord. It is checked again
for each command and each button that is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from giftcodes.models import (
    ApiToken,
    Clock,
    DiscordAccount,
    DiscordCode,
    DiscordServer,
    Guild,
    Throttle,
)
from giftcodes.models.roles import may_act_for
from giftcodes.services import channels
from giftcodes.services.self_service_limits import seconds_until_code

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: How many codes for Discord one account may make in an hour.
MOST_CODES = 20
_HOUR = 3_600


class DiscordRefused(Exception):  # noqa: N818 - an expected result, not a fault
    """Something in Discord is refused. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A Discord user who uses the bot, as Discord describes the user at this moment.

    Args:
        user_id: Discord's number of the user.
        name: the user's name, for officers and pages.
        server_id: the server in which the user acts. None in a direct message.
        role_ids: the user's roles in this server.
        manages_server: whether the user has the permission *Manage Server* there.
    """

    user_id: int
    name: str
    server_id: int | None = None
    role_ids: frozenset[int] = frozenset()
    manages_server: bool = False


# --- Servers --------------------------------------------------------------------------------------
def make_code(user: User, guild: Guild | None) -> str | None:
    """Make a one-time code. Returns None if the user made too many codes in the last hour.

    Args:
        user: the user who makes the code, who may change the guild.
        guild: the guild that the code links. None for a code that links the user's own account.
    """
    assert user.pk is not None
    if Throttle.objects.take("make Discord code", str(user.pk), most=MOST_CODES, seconds=_HOUR):
        return None
    return DiscordCode.objects.issue(user_id=user.pk, guild_id=guild.pk if guild else None)


def link_server(
    code: str, asker: Asker, *, server_name: str, role: tuple[int, str] | None
) -> DiscordServer:
    """Link the server in which a person enters a code to the code's guild.

    Args:
        code: what the person entered.
        asker: the person. They must have *Manage Server* there.
        server_name: the name of the server.
        role: the number and the name of the role of the officers. None keeps the role.

    Raises:
        DiscordRefused: nothing was linked.
    """
    _insist_on_manager(asker)
    _count_code(asker)
    with transaction.atomic():
        return _link_server(code, asker, server_name, role)


def _link_server(
    code: str, asker: Asker, server_name: str, role: tuple[int, str] | None
) -> DiscordServer:
    row = _taken(code, is_for_guild=True)
    guild = row.guild
    assert guild is not None
    if not may_act_for(row.made_by, guild):
        raise DiscordRefused(
            _(
                "The person who made this code is no longer an officer of the guild. Ask another "
                "officer for a new code."
            )
        )
    assert asker.server_id is not None
    fields: dict[str, object] = {"name": server_name[:100], "linked_by": row.made_by}
    if role is not None:
        fields |= _role_fields(role, asker)
    server, _is_new = DiscordServer.objects.update_or_create(
        guild=guild, server_id=asker.server_id, defaults=fields
    )
    return server


def server_of(guild_id: int, asker: Asker) -> DiscordServer:
    """The link of this server to a guild, for a person who manages the server.

    Raises:
        DiscordRefused: there is no link, or the person does not manage the server.
    """
    _insist_on_manager(asker)
    assert asker.server_id is not None
    rows = DiscordServer.objects.select_related("guild")
    server = rows.filter(guild=guild_id, server_id=asker.server_id).first()
    if server is None:
        raise DiscordRefused(not_linked_words())
    return server


@transaction.atomic
def set_role(guild_id: int, asker: Asker, *, role: tuple[int, str] | None) -> DiscordServer:
    """Choose the role whose members are officers of a guild in this server. None means no role.

    Raises:
        DiscordRefused: nothing was changed.
    """
    server = server_of(guild_id, asker)
    fields = _role_fields(role, asker) if role else {"role_id": None, "role_name": ""}
    for name, value in fields.items():
        setattr(server, name, value)
    server.save(update_fields=list(fields))
    return server


def unlink_server(guild: Guild, server_pk: int) -> DiscordServer | None:
    """End the link of a server to a guild. Returns the link that was ended.

    Players keep what they have in Discord: `/codes`, `/leave` and `/mydata`. The guild's channels
    in this server are switched off.
    """
    server = DiscordServer.objects.filter(guild=guild, pk=server_pk).first()
    if server is not None:
        server.delete()
        there = [
            channel
            for channel in guild.channels.select_related("guild")
            if channel.bot_channel and channel.bot_channel.server_id == server.server_id
        ]
        channels.switch(there, is_on=False)
    return server


def note_name(server_id: int, name: str) -> None:
    """Keep the new name of a server, for the pages."""
    DiscordServer.objects.filter(server_id=server_id).update(name=name[:100])


def note_role(server_id: int, role_id: int, name: str | None) -> None:
    """Keep the new name of a role. None means that the role was deleted: it makes no officers."""
    rows = DiscordServer.objects.filter(server_id=server_id, role_id=role_id)
    if name is None:
        rows.update(role_id=None, role_name="")
    else:
        rows.update(role_name=name[:100])


def not_linked_words() -> str:
    """The sentence that a server, or a guild in it, is not linked."""
    return _(
        "No active guild of that name is linked to this server. Ask an officer of the guild to "
        "make a code on the guild's page. A person who manages this server enters it with /link."
    )


# --- Accounts -------------------------------------------------------------------------------------
def link_account(code: str, asker: Asker) -> User:
    """Link a Discord user to the account that made the code. Earlier links of both end.

    Raises:
        DiscordRefused: nothing was linked.
    """
    _count_code(asker)
    with transaction.atomic():
        return _link_account(code, asker)


def _link_account(code: str, asker: Asker) -> User:
    row = _taken(code, is_for_guild=False)
    user = row.made_by
    if not user.is_active or not user.is_staff:
        raise DiscordRefused(
            _("The account of this code may not log in any more. Ask an administrator.")
        )
    DiscordAccount.objects.filter(Q(user=user) | Q(discord_user=asker.user_id)).delete()
    DiscordAccount.objects.create(user=user, discord_user=asker.user_id, name=asker.name[:100])
    return user


def unlink_account(user: User) -> bool:
    """End the link of an account to its Discord user. Returns whether there was one."""
    number, _of_kinds = DiscordAccount.objects.filter(user=user).delete()
    return bool(number)


class NewPasswordUnlinks:
    """A new password ends an account's link to Discord and its tokens, as it ends its sessions.

    Otherwise a person who had the account for a moment could keep its rights in Discord or in the
    API. Django calls `password_changed` of each password validator (AUTH_PASSWORD_VALIDATORS). This
    one has no rule.
    """

    def validate(self, _password: str, _user: User | None = None) -> None:
        """Accept every password."""

    def get_help_text(self) -> str:
        """What happens, for the pages that list the rules."""
        return _(
            "A new password revokes the account's API tokens and ends its link to a Discord user: "
            "make new tokens, and use /iam again."
        )

    def password_changed(self, _password: str, user: User | None = None) -> None:
        """End the link, and the codes for Discord and the tokens that the user has made."""
        if user is not None:
            unlink_account(user)
            DiscordCode.objects.filter(made_by=user).delete()
            ApiToken.objects.live().filter(made_by=user).update(revoked_at=Clock())


# --- Officers -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OfficerRight:
    """Why a Discord user may act as an officer.

    Args:
        user: the account that the Discord user is linked to. None for a member of the role.
    """

    user: User | None


def officer_right(guild_id: int, asker: Asker, permission: str) -> OfficerRight | None:
    """Whether a Discord user is an officer of this guild at this moment, and why.

    A linked account counts everywhere in Discord, with its own permissions. The role counts only in
    the server for which it was chosen, and only while this server is linked to the guild.

    Args:
        guild_id: the guild.
        asker: the Discord user.
        permission: what the account must be allowed, such as `giftcodes.change_redemption`. The
            members of the role may do what the group of officers may.

    Returns:
        None if the person is no officer of this guild.
    """
    guild = Guild.objects.filter(pk=guild_id).first()
    if guild is None:
        return None
    account = DiscordAccount.objects.select_related("user").filter(discord_user=asker.user_id)
    user = next((row.user for row in account), None)
    if user is not None and may_act_for(user, guild) and user.has_perm(permission):
        return OfficerRight(user)
    if asker.server_id is None or not asker.role_ids:
        return None
    by_role = DiscordServer.objects.filter(
        guild=guild, server_id=asker.server_id, role_id__in=asker.role_ids
    )
    return OfficerRight(None) if by_role.exists() else None


def _count_code(asker: Asker) -> None:
    """Count an entered code. This needs a transaction of its own, because refusals count, too."""
    if seconds_until_code(asker.user_id):
        raise DiscordRefused(_("You entered too many codes. Try again in an hour."))


def _taken(code: str, *, is_for_guild: bool) -> DiscordCode:
    row = DiscordCode.objects.take(code, is_for_guild=is_for_guild)
    if row is None:
        raise DiscordRefused(
            _(
                "This code does not work. A code works once, for an hour, with the command that "
                "the page names: /link or /iam. Check that you copied all of it, or get a new one "
                "from the guild's page, under “Officers”."
            )
        )
    return row


def _insist_on_manager(asker: Asker) -> None:
    if asker.server_id is None or not asker.manages_server:
        raise DiscordRefused(
            _("Only a person with the permission “Manage Server” of this server may do this.")
        )


def _role_fields(role: tuple[int, str], asker: Asker) -> dict[str, object]:
    role_id, name = role
    if role_id == asker.server_id:
        raise DiscordRefused(
            _("@everyone cannot be the role of the officers. Choose a role that you give to them.")
        )
    return {"role_id": role_id, "role_name": name[:100]}
