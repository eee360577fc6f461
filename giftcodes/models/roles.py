"""Roles of users: one choice instead of flags, groups and permissions (docs/reference/admin.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, User
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from giftcodes.models.guild import Guild

#: The permission of people who see all guilds.
EVERY_GUILD = "giftcodes.view_every_guild"
#: The groups that migration 0005 creates.
OFFICERS = "Guild officers"
VIEWERS = "Viewers"
_ONLY_GUILD = "_only_guild"


class Role(TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator: sees and does everything")
    OFFICER = "officer", _("Guild officer: sees and acts on their own guilds only")
    VIEWER = "viewer", _("Viewer: sees every guild, changes nothing")
    CUSTOM = "custom", _("Custom: may do only what the further groups allow")
    NONE = "nobody", _("May not log in")


GROUPS = {Role.OFFICER: OFFICERS, Role.VIEWER: VIEWERS}


def act_for_guild(person: Any, guild_id: int) -> None:
    """Limit this user object to what an officer of one guild may see and do.

    An API token of a guild acts for its maker in this way. Nothing is stored.
    """
    setattr(person, _ONLY_GUILD, guild_id)


def only_guild_of(person: Any) -> int | None:
    """The guild to which `act_for_guild` has limited this object, if any."""
    guild_id: int | None = getattr(person, _ONLY_GUILD, None)
    return guild_id


def sees_every_guild(person: Any) -> bool:
    """Whether a person sees all guilds: administrators and viewers do."""
    return only_guild_of(person) is None and bool(person.has_perm(EVERY_GUILD))


def may_act_for(user: User, guild: Guild) -> bool:
    """Whether a user may log in, and is an officer of the guild or sees all guilds."""
    if not user.is_active or not user.is_staff:
        return False
    return user.has_perm(EVERY_GUILD) or guild.officers.filter(pk=user.pk).exists()


def is_limited(person: Any) -> bool:
    """Whether the limits for officers hold for a person. None is the command line."""
    return person is not None and not sees_every_guild(person)


def is_user_limited(user_id: int | None) -> bool:
    """Whether the limits for officers hold for a user. None is the command line."""
    return user_id is not None and is_limited(User.objects.get(pk=user_id))


def role_of(user: User) -> Role:
    """The role of a user."""
    if user.is_superuser:
        return Role.ADMINISTRATOR
    if not user.is_staff:
        return Role.NONE
    names = set(user.groups.filter(name__in=GROUPS.values()).values_list("name", flat=True))
    return next((role for role, name in GROUPS.items() if name in names), Role.CUSTOM)


def give_flags(user: User, role: Role) -> None:
    """Set the flags of a role. After the user is saved, `give_group` sets the group."""
    user.is_superuser = role is Role.ADMINISTRATOR
    user.is_staff = role is not Role.NONE


def give_group(user: User, role: Role) -> None:
    """Add a user to the group of the role, and remove them from the groups of other roles."""
    user.groups.remove(
        *Group.objects.filter(name__in=GROUPS.values()).exclude(name=GROUPS.get(role, ""))
    )
    if role in GROUPS:
        user.groups.add(Group.objects.get(name=GROUPS[role]))


def promote_to_officers(officers: Iterable[User]) -> list[User]:
    """Give the officer role to each of these users who cannot log in yet.

    Returns:
        The users who got the role.
    """
    fresh = [user for user in officers if role_of(user) is Role.NONE]
    for user in fresh:
        give_flags(user, Role.OFFICER)
        user.save(update_fields=["is_superuser", "is_staff"])
        give_group(user, Role.OFFICER)
    return fresh
