"""The first steps after the installation: from no guild to the first redeemed code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import list_url, model_url
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, Redemption

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

_ADD_MEMBERS = _(
    "Paste a list with their player IDs: a chat message, a screenshot's text or a spreadsheet."
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. If it has no address, it is done outside the admin."""

    title: Words
    how: Words
    is_done: bool
    url: str = ""


def first_steps(person: Any) -> list[Step]:
    """The steps for a person. There are none after the first code has been redeemed."""
    if not scope.sees_all(person):
        return _steps_of_officer(person)
    if MemberRedemption.objects.settled().exists():
        return []
    return [
        Step(
            _("Connect a game"),
            _(
                "Set its salt in the settings, and restart. The simulator counts as a game, too: "
                "it is for trying things out."
            ),
            any(config.is_on for config in settings.PROVIDERS.values()),
        ),
        Step(
            _("Add a guild"),
            _("Its name, its game, and the state or kingdom of most of its members."),
            Guild.objects.active().exists(),
            model_url(Guild, "add"),
        ),
        Step(
            _("Add its members"),
            _ADD_MEMBERS,
            Member.objects.eligible().exists(),
            reverse("admin:member_import"),
        ),
        Step(
            _("Wait for a code, or add one"),
            _("The feed adds codes automatically. A code that you add is redeemed at once."),
            GiftCode.objects.exists(),
            model_url(GiftCode, "add"),
        ),
        Step(
            _("See the first code redeemed"),
            _("This happens automatically, and you can follow it here."),
            False,
            list_url(Redemption),
        ),
    ]


def _steps_of_officer(person: Any) -> list[Step]:
    """The steps for an officer, without games and guilds, which only operators add."""
    if not scope.visible(Guild.objects.all(), person).exists():
        return []  # The page says first how to become an officer of a guild.
    if scope.visible(MemberRedemption.objects.settled(), person).exists():
        return []
    return [
        Step(
            _("Add its members"),
            _ADD_MEMBERS,
            scope.visible(Member.objects.eligible(), person).exists(),
            reverse("admin:member_import"),
        ),
        Step(
            _("See the first code redeemed"),
            _("The feed adds codes, and you can add one. You can follow the redemption here."),
            False,
            list_url(Redemption),
        ),
    ]


def next_of(steps: list[Step]) -> Any:
    """The first step that is not done, or None if all steps are done."""
    return next((step for step in steps if not step.is_done), None)
