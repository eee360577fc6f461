"""Officers in the simulated Discord."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User

from giftcodes.models import DiscordAccount, EventKind, Guild, RedemptionEvent
from giftcodes.models.roles import OFFICERS
from tests.discord_bot.stage import Person, Stage

_PERMISSIONS = (
    *("view_guild", "change_guild", "view_member", "add_member", "change_member", "delete_member"),
    *("view_giftcode", "add_giftcode", "view_redemption", "change_redemption"),
    "view_memberredemption",
)


def account(name: str, *guilds: Guild) -> User:
    """The account of an officer of these guilds."""
    user = User.objects.create_user(name, is_staff=True)
    # Tests with threads empty all tables, so the group of the migrations is gone.
    group, _made = Group.objects.get_or_create(name=OFFICERS)
    group.permissions.set(Permission.objects.filter(codename__in=_PERMISSIONS))
    user.groups.add(group)
    for one in guilds:
        one.officers.add(user)
    return user


def is_account(person: Person, user: User) -> None:
    """Link a person to an account, as `/iam` does."""
    DiscordAccount.objects.create(user=user, discord_user=person.id, name=user.username)


def by_account(stage: Stage, name: str, *guilds: Guild) -> Person:
    """An officer of these guilds, who has an account."""
    person = stage.person(name)
    is_account(person, account(name, *guilds))
    return person


def by_role(stage: Stage, name: str, guild: Guild) -> Person:
    """A member of the role of the officers. It links the first server to the guild."""
    chiefs = stage.home.role(f"chiefs of {guild.name}")
    stage.link(guild, chiefs)
    return stage.person(name, chiefs)


def officer(stage: Stage, how: str, guild: Guild) -> Person:
    """An officer of the guild `by_role` or `by_account`."""
    if how == "role":
        return by_role(stage, "rolf", guild)
    stage.link(guild)
    return by_account(stage, "otto", guild)


def starts(of: Guild) -> int:
    """How many runs of a guild have begun."""
    return RedemptionEvent.objects.filter(redemption__guild=of, kind=EventKind.LOCKED).count()
