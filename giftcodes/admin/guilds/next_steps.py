"""The steps that a new guild needs: its members, a channel, and another officer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import guild_url
from giftcodes.admin.members.import_page import IMPORT_TITLE, import_url, may_import
from giftcodes.models import Channel, Guild, Invitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.utils.functional import _StrPromise as Words

#: The steps are offered to guilds younger than this. An older guild has managed without them.
YOUNG = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, with the address where it is done."""

    title: Words
    how: Words
    url: str
    is_done: bool


def steps_of(person: Any, guild: Guild) -> list[Step]:
    """The steps that a person may take for a young guild. Empty if all of them are done.

    Args:
        person: the person who looks at the guild.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    if not guild.active or timezone.now() - guild.created_at > YOUNG:
        return []
    steps = list(_steps(person, guild))
    return steps if any(not step.is_done for step in steps) else []


def next_of(steps: list[Step]) -> Step | None:
    """The first step that is not done, or None."""
    return next((step for step in steps if not step.is_done), None)


def _steps(person: Any, guild: Guild) -> Iterator[Step]:
    others = Guild.officers.through.objects.exclude(user=person)
    invitations = Invitation.guilds.through.objects.filter(invitation__withdrawn_at=None)
    this = {"guild": OuterRef("pk")}
    has_channel, has_others, has_invited = Guild.objects.values_list(
        Exists(Channel.objects.filter(**this)),
        Exists(others.filter(**this)),
        Exists(invitations.filter(**this)),
    ).get(pk=guild.pk)
    if may_import(person):
        yield Step(
            IMPORT_TITLE,
            _("From a chat message, a screenshot's text or a spreadsheet: you check each line."),
            import_url(guild.pk),
            is_done=bool(guild.members_number),  # type: ignore[attr-defined]
        )
    if person.has_perm("giftcodes.add_channel"):
        yield Step(
            _("Tell your chat"),
            _("A Discord channel that gets one message for each code."),
            guild_url(guild.pk, "channels"),
            is_done=has_channel,
        )
    if person.has_perm("giftcodes.add_invitation"):
        yield Step(
            _("Invite an officer"),
            _("A link by which another person looks after this guild, too."),
            guild_url(guild.pk, "officers"),
            is_done=has_others or has_invited,
        )
