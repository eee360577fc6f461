"""One logged-in person for each role of a site."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from giftcodes.models import Guild
from giftcodes.models.roles import OFFICERS, VIEWERS

#: The migrations that give the roles their permissions, which are lost when tests empty the tables.
_SEEDS = (("0005_roles", "seed"), ("0010_see_imports", "let_see"), ("0032_invitations", "grant"))


@dataclass(frozen=True, slots=True)
class Person:
    """A user and the browser of this user."""

    user: User
    client: Client


def everyone(*guilds: Guild) -> dict[str, Person]:
    """A person of each role.

    Args:
        guilds: the guilds of the officer.
    """
    for module, seed in _SEEDS:
        getattr(importlib.import_module(f"giftcodes.migrations.{module}"), seed)(apps, None)
    officer = _user("officer", OFFICERS)
    for guild in guilds:
        guild.officers.add(officer)
    watcher = _user("watcher")
    watcher.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    users = {
        "administrator": User.objects.create_superuser("administrator"),
        "viewer": _user("viewer", VIEWERS),
        "officer": officer,
        # Sees every list, and no row that belongs to a guild.
        "watcher": watcher,
        "staff": _user("staff"),
    }
    return {role: _logged_in(user) for role, user in users.items()}


def _user(name: str, group: str = "") -> User:
    user = User.objects.create_user(name, is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def _logged_in(user: User) -> Person:
    client = Client()
    client.force_login(user)
    return Person(user, client)
