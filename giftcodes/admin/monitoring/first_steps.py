"""From "no guild" to "first code redeemed": what to do next, until it has been done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common import scope
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Without an address it is done outside of the admin, or by the machine."""

    title: Words
    how: Words
    is_done: bool
    url: str = ""


def first_steps(person: Any) -> list[Step]:
    """The steps that somebody can take, or none once a code has been redeemed."""
    if not scope.sees_all(person):
        return _steps_of_officer(person)
    if MemberRedemption.objects.settled().exists():
        return []
    return [
        Step(
            _("Connect a game"),
            _(
                "Set its salt in the settings and start again. The simulator counts: it is for trying things out."
            ),
            any(config.is_on for config in settings.PROVIDERS.values()),
        ),
        Step(
            _("Add a guild"),
            _("Its name, its game, and the state or kingdom that most of its members are in."),
            Guild.objects.active().exists(),
            reverse("admin:giftcodes_guild_add"),
        ),
        Step(
            _("Add its members"),
            _(
                "Their player IDs, one by one here, or a whole list with: manage.py import_members FILE --guild NAME."
            ),
            Member.objects.eligible().exists(),
            reverse("admin:giftcodes_member_add"),
        ),
        Step(
            _("Wait for a code, or add one"),
            _("The feed brings codes by itself. One that you add by hand is redeemed at once."),
            GiftCode.objects.exists(),
            reverse("admin:giftcodes_giftcode_add"),
        ),
        Step(
            _("See the first code redeemed"),
            _("It happens by itself, and shows here while it does."),
            False,
            reverse("admin:giftcodes_redemption_changelist"),
        ),
    ]


def _steps_of_officer(person: Any) -> list[Step]:
    """Guilds and games are the operator's to add."""
    if scope.visible(MemberRedemption.objects.settled(), person).exists():
        return []
    return [
        Step(
            _("Be named an officer of a guild"),
            _("Ask the administrator: you see the guilds that name you, and nothing else."),
            scope.visible(Guild.objects.all(), person).exists(),
        ),
        Step(
            _("Add its members"),
            _("Their player IDs, one by one."),
            scope.visible(Member.objects.eligible(), person).exists(),
            reverse("admin:giftcodes_member_add"),
        ),
        Step(
            _("See the first code redeemed"),
            _("Codes come by themselves, and it shows here while they are redeemed."),
            False,
            reverse("admin:giftcodes_redemption_changelist"),
        ),
    ]


def next_of(steps: list[Step]) -> Any:
    """The first step that is not done; None: there is none."""
    return next((step for step in steps if not step.is_done), None)
