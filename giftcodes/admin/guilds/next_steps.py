"""The steps that a new guild needs: its members, a channel, and another officer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import guild_url
from giftcodes.admin.guilds.channel_state import states_of
from giftcodes.admin.members.import_page import IMPORT_TITLE, import_url, may_import
from giftcodes.models import Guild, Invitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words

#: The steps are offered to guilds younger than this. An older guild has managed without them.
YOUNG = dt.timedelta(days=30)
#: The key of the session with the IDs of guilds whose steps the person has hidden, newest first.
_HIDDEN = "hidden_steps"
_MOST_HIDDEN = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, with the address where it is done. A guild works without optional steps.

    Args:
        title: what to do.
        how: what it is, or what it is good for.
        url: the address where it is done.
        is_done: whether it is done.
        is_optional: whether codes are redeemed without it.
        trouble: what went wrong with it, in a few words. Empty if nothing did.
    """

    title: Words
    how: Words
    url: str
    is_done: bool
    is_optional: bool = True
    trouble: Words | str = ""


def steps_of(request: HttpRequest, guild: Guild) -> list[Step]:
    """The steps that a person may take for a young guild.

    Empty if all of them are done, or if those that are left are optional and the person has hidden
    them.

    Args:
        request: the request of the person who looks at the guild.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    if not guild.active or timezone.now() - guild.created_at > YOUNG:
        return []
    steps = list(_steps(request.user, guild))
    is_hidden = guild.pk in request.session.get(_HIDDEN, []) and may_hide(steps)
    return steps if any(not step.is_done for step in steps) and not is_hidden else []


def may_hide(steps: list[Step]) -> bool:
    """Whether the steps that are not done are optional, so that a person may hide them."""
    return all(step.is_done or step.is_optional for step in steps)


def hide(request: HttpRequest, guild: Guild) -> None:
    """Hide the optional steps of a guild from this person, until the person logs in again."""
    others = [pk for pk in request.session.get(_HIDDEN, []) if pk != guild.pk]
    request.session[_HIDDEN] = [guild.pk, *others][:_MOST_HIDDEN]


def next_of(steps: list[Step]) -> Step | None:
    """The first step that is not done, or None."""
    return next((step for step in steps if not step.is_done), None)


def needed_of(steps: list[Step]) -> Step | None:
    """The first step that is not done, if codes are not redeemed without it. Else None."""
    step = next_of(steps)
    return step if step and not step.is_optional else None


def _steps(person: Any, guild: Guild) -> Iterator[Step]:
    others = Guild.officers.through.objects.exclude(user=person)
    invitations = Invitation.guilds.through.objects.filter(invitation__withdrawn_at=None)
    this = {"guild": OuterRef("pk")}
    has_others, has_invited = Guild.objects.values_list(
        Exists(others.filter(**this)),
        Exists(invitations.filter(**this)),
    ).get(pk=guild.pk)
    if may_import(person):
        yield Step(
            IMPORT_TITLE,
            _("From a chat message, a screenshot's text or a spreadsheet: you check each line."),
            import_url(guild.pk),
            is_done=bool(guild.members_number),  # type: ignore[attr-defined]
            is_optional=False,
        )
    if person.has_perm("giftcodes.add_channel"):
        yield _channel_step(guild)
    if person.has_perm("giftcodes.add_invitation"):
        yield Step(
            _("Invite an officer"),
            _("A link by which another person looks after this guild, too."),
            guild_url(guild.pk, "officers"),
            is_done=has_others or has_invited,
        )


def _channel_step(guild: Guild) -> Step:
    """The step of the channel. It is done once a message has arrived in one of the channels."""
    states = states_of(list(guild.channels.all())).values()
    is_done = any(state.channel.delivered_at for state in states)
    is_silent = any(state.is_silent for state in states)
    how = _("A Discord channel that gets one message for each code.")
    if states:
        how = _("No message has arrived in your channel yet. Send a test.")
    return Step(
        _("Tell your chat"),
        how,
        guild_url(guild.pk, "channels"),
        is_done=is_done,
        trouble=_("not reached yet") if is_silent else "",
    )
