"""Guilds with rows of every kind, and five kinds of people. The officer may see one guild."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from giftcodes.domain.sentences import Sentence
from giftcodes.models import (
    Alarm,
    Announcement,
    Attempt,
    Channel,
    Directory,
    DirectoryLookup,
    DiscordServer,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    Member,
    MemberImport,
    MemberRedemption,
    OptOut,
    PlayerLink,
    PublicPage,
    Redemption,
    RedemptionEvent,
    Source,
    Trigger,
)
from giftcodes.models.roles import OFFICERS, VIEWERS, Role
from giftcodes.services import joining
from giftcodes.services.code_proposals import propose
from giftcodes.services.joining import Wish
from giftcodes.services.links import invite
from giftcodes.services.members import move_members
from tests.admin import past
from tests.factories import gift_code, guild, member

#: A part of each text that only people of the other guild may read. No request contains it.
MARKER = "zqxjk"
#: A part of the officer's own texts, which people without a role must not read either.
OWN_MARKER = "hhbwz"
#: The beginning of the player IDs of the other guild, and of its realm.
MARKED_DIGITS = "7770001"
#: A part of each channel's address. No page shows such an address to anybody.
SECRET = "wvvkqz"

_SEEDS = (
    ("giftcodes.migrations.0005_roles", "seed"),
    ("giftcodes.migrations.0010_see_imports", "let_see"),
    ("giftcodes.migrations.0018_directory_schedule", "let_see"),
    ("giftcodes.migrations.0032_invitations", "grant"),
)


@dataclass(slots=True)
class World:
    """The rows, and a client for each kind of person: anonymous, plain staff, viewer and others."""

    own: Guild
    other: Guild
    #: The tokens of players' links and the names of public pages, by the first part of the path.
    keys: dict[str, list[str]] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)


#: The path from each model to its guild.
_PATHS: dict[type[Model], str] = {
    Guild: "pk",
    Member: "guild",
    MemberImport: "guild",
    Channel: "guild",
    Redemption: "guild",
    MemberRedemption: "redemption__guild",
    Attempt: "member_redemption__redemption__guild",
    RedemptionEvent: "redemption__guild",
    Announcement: "redemption__guild",
}


def rows_of(guilds: Sequence[Guild]) -> dict[str, list[Any]]:
    """All rows of these guilds, for a comparison."""
    ids = [one.pk for one in guilds]
    return {
        model.__name__: list(
            model._default_manager.filter(**{f"{path}__in": ids})
            .order_by("pk")
            .values_list(*_columns(model))
        )
        for model, path in _PATHS.items()
    }


def _columns(model: type[Model]) -> list[str]:
    return [column.name for column in model._meta.concrete_fields]


def build() -> World:
    """Make all rows: two guilds of one game, a guild of another game, and one with links."""
    for module, function in _SEEDS:
        getattr(importlib.import_module(module), function)(apps, None)
    own = guild(f"Wolves {OWN_MARKER}", notes="Our notes.")
    other = guild(f"Guild {MARKER}", notes=f"Notes {MARKER}", realm=7770001)
    far = guild(f"Far {MARKER}", provider="kingshot", realm=7770001)
    shared, mine = gift_code("SHARED", rewards="Gems"), gift_code("MINE")
    foreign = gift_code(f"CODE{MARKER}", provider="kingshot", rewards=f"Gems {MARKER}")
    for number in range(3):
        member(own, f"2000{number}", nickname=f"Amber{number} {OWN_MARKER}", notes="Ours.")
        for strange in (other, far):
            member(
                strange,
                f"{MARKED_DIGITS}{strange.pk % 100:02d}{number}",
                nickname=f"Nick{number} {MARKER}",
                notes=f"About {MARKER}",
                realm=7770001 if number else None,
            )
    for of, code in ((own, shared), (own, mine), (other, shared), (far, foreign)):
        _run(of, code)
    _player_of_both(own, other, shared)
    _moved(own, other)
    _evidence(other, shared)
    RedemptionEvent.objects.create(gift_code=shared, kind="code_reopened")
    OptOut.objects.create(player_hash="0" * 64)
    Feed.objects.get_or_create(provider="simulator", defaults={"error": f"Failed {MARKER}"})
    Directory.objects.get_or_create(provider="simulator")
    Heartbeat.objects.get_or_create(name="tick")
    Alarm.objects.create(
        kind=Alarm.Kind.PROVIDER_PAUSED, subject="simulator", message=f"Paused, says {MARKER}."
    )
    return World(own, other, _keys_of_players(other), _clients(own, other))


def _keys_of_players(other: Guild) -> dict[str, list[str]]:
    """Add a guild with links for players. One of these players is in the other guild, too.

    Returns the tokens of the links, and the name of the public page.
    """
    pack = guild("Pack")
    joins = joining.make_join_link(pack.pk, needs_approval=False)
    both, alone = member(pack, "300000001", nickname="Both"), member(pack, "300000002")
    member(other, "300000001", nickname=f"Both {MARKER}", notes=f"About {MARKER}")
    links = [
        PlayerLink.objects.issue(guild_id=pack.pk, member=one, is_confirmed=is_confirmed)
        for one, is_confirmed in ((both, False), (alone, True))
    ]
    waiting, _has_joined = joining.ask_to_join(joins, Wish("300000001", "Somebody", 1042))
    return {
        "join": [joins.token],
        "my": [*(token for _link, token in links), waiting],
        "codes": [PublicPage.objects.create(guild=pack).public_id],
    }


def _run(of: Guild, code: GiftCode) -> None:
    """A redemption with all its related rows, whose texts have the guild's marker."""
    mark = of.name
    row = Redemption.objects.create(
        guild=of, gift_code=code, state="running", run_number=1, trigger=Trigger.POLL
    )
    for one in of.members.all():
        of_member = MemberRedemption.objects.create(
            redemption=row,
            member=one,
            gift_code=code,
            player_id=one.player_id,
            state="failed",
            reason=f"Refused, says {mark}.",
        )
        attempt = past.attempt(of_member)
        attempt.msg, attempt.body, attempt.answered_at = f"msg {mark}", mark, timezone.now()
        attempt.save()
        DirectoryLookup.objects.get_or_create(
            provider=of.provider, player_id=one.player_id, defaults={"name": one.nickname}
        )
    row.journal("refused", trigger=Trigger.ADMIN, detail=f"Refused, says {mark}.")  # type: ignore[arg-type]
    MemberImport.objects.create(guild=of, source=Source.COMMAND, added=1, updated=0, reactivated=0)
    DiscordServer.objects.get_or_create(
        guild=of,
        server_id=of.pk,
        defaults={"name": f"Server of {mark}", "role_id": of.pk, "role_name": f"Role of {mark}"},
    )
    channel, is_new = Channel.objects.get_or_create(
        guild=of,
        defaults={
            "name": f"Channel of {mark}",
            "address": f"https://discord.com/api/webhooks/{of.pk}/{SECRET}{of.pk}",
            "error": f"Refused, says {mark}",
            "tells": "all",
        },
    )
    Announcement.objects.create(
        redemption=row,
        channel=channel,
        run_number=1,
        kind=Announcement.Kind.COMPLETE,
        error=f"Failed, says {mark}",
    )
    if is_new:
        Announcement.objects.create(
            channel=channel,
            kind=Announcement.Kind.TEST,
            state="failed",
            error=f"Refused, says {mark}",
        )
        Alarm.objects.raise_once(
            Alarm.Kind.CHANNEL_GONE, str(channel.pk), f"The channel of {of} is gone."
        )
        Alarm.objects.raise_once(Alarm.Kind.NO_MEMBERS, str(of.pk), f"{of} has no members.")
    for kind, subject in ((Alarm.Kind.NO_PROGRESS, row.pk), (Alarm.Kind.UNCOVERED, of.pk)):
        Alarm.objects.get_or_create(
            kind=kind, subject=str(subject), defaults={"message": f"About {of}."}
        )


def _player_of_both(own: Guild, other: Guild, code: GiftCode) -> None:
    """Add a player of both guilds, who has the code through the other guild."""
    proof, covered = (
        MemberRedemption.objects.create(
            redemption=Redemption.objects.get(guild=of, gift_code=code),
            member=member(of, "555"),
            gift_code=code,
            player_id="555",
            state=state,
        )
        for of, state in ((other, "redeemed"), (own, "pending"))
    )
    MemberRedemption.objects.filter(pk=covered.pk).update(
        state="already_received", covered_by=proof, reason=Sentence.of("covered")
    )


def _moved(own: Guild, other: Guild) -> None:
    """Add a member who came from the other guild, and a member who went there."""
    came = member(other, "20010", nickname="Came", notes=f"About {MARKER}", realm=1042)
    went = member(own, "20011", nickname="Went")
    move_members([came.pk], guild_id=own.pk)
    move_members([went.pk], guild_id=other.pk)


def _evidence(other: Guild, code: GiftCode) -> None:
    """A member of the other guild is the reason for doubts about a code that both guilds have."""
    theirs = other.members.order_by("pk")[0]
    GiftCode.objects.filter(pk=code.pk).update(
        doubt_player_id=theirs.player_id, doubt_guild=other, odd_players=[theirs.player_id]
    )


def _clients(own: Guild, other: Guild) -> dict[str, Client]:
    admin = User.objects.create_superuser("administrator")
    officer = _user("officer", OFFICERS)
    own.officers.add(officer)
    stranger = _user(f"user-{MARKER}", OFFICERS)
    other.officers.add(stranger)
    for person, of, mark in ((officer, own, OWN_MARKER), (stranger, other, MARKER)):
        invite(made_by=person, role=Role.OFFICER, guilds=[of], invited=f"Friend {mark}")
        propose(
            provider=of.provider,
            code=f"P{mark}",
            expires_at=None,
            rewards=f"Says {mark}",
            user_id=person.pk,
        )
    rows: list[Model] = [other, *Member.objects.filter(guild=other)]
    LogEntry.objects.log_actions(admin.pk, rows, CHANGE, f"Words of {MARKER}.")  # type: ignore[arg-type]
    users = {
        "plain staff": _user("staff"),
        "viewer": _user("viewer", VIEWERS),
        "officer": officer,
        "administrator": admin,
    }
    clients = {"anonymous": _client()}
    for role, user in users.items():
        clients[role] = _client()
        clients[role].force_login(user)
    return clients


def _user(name: str, *groups: str) -> User:
    user = User.objects.create_user(name, password=None, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def _client() -> Client:
    return Client(raise_request_exception=False)
