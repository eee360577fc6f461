"""Roles: what somebody may do here, as one choice instead of flags and permissions (docs/reference/admin.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, User
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The groups that migration 0006 seeds.
OFFICERS = "Guild officers"
VIEWERS = "Viewers"


class Role(TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator: sees and does everything")
    OFFICER = "officer", _("Guild officer: sees and acts on the own guilds only")
    VIEWER = "viewer", _("Viewer: sees every guild, changes nothing")
    CUSTOM = "custom", _("Only what the further groups allow")
    NOBODY = "nobody", _("May not log in")


GROUPS = {Role.OFFICER: OFFICERS, Role.VIEWER: VIEWERS}


def role_of(user: User) -> Role:
    """The role that somebody has."""
    if user.is_superuser:
        return Role.ADMINISTRATOR
    if not user.is_staff:
        return Role.NOBODY
    names = set(user.groups.filter(name__in=GROUPS.values()).values_list("name", flat=True))
    return next((role for role, name in GROUPS.items() if name in names), Role.CUSTOM)


def give_flags(user: User, role: Role) -> None:
    """Set the flags of a role; `give_group` has the rest, when the user is saved."""
    user.is_superuser = role is Role.ADMINISTRATOR
    user.is_staff = role is not Role.NOBODY


def give_group(user: User, role: Role) -> None:
    """Put somebody into the group of the role, and out of those of the others."""
    user.groups.remove(
        *Group.objects.filter(name__in=GROUPS.values()).exclude(name=GROUPS.get(role, ""))
    )
    if role in GROUPS:
        user.groups.add(Group.objects.get(name=GROUPS[role]))


def let_in(officers: Iterable[User]) -> list[User]:
    """Whoever was made an officer, and could not log in before, gets the role.

    Returns:
        Those who got it.
    """
    fresh = [user for user in officers if role_of(user) is Role.NOBODY]
    for user in fresh:
        give_flags(user, Role.OFFICER)
        user.save(update_fields=["is_superuser", "is_staff"])
        give_group(user, Role.OFFICER)
    return fresh
