"""The first steps after the installation: from no guild to the first redeemed code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import list_url, model_url
from giftcodes.admin.home.games import connect_url
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, RateBudget, Redemption

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

_ADD_MEMBERS = _(
    "Paste a list with their player IDs: a chat message, a screenshot's text or a spreadsheet."
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Args:
        title: what to do.
        how: how it is done. It is shown until the step is done.
        is_done: whether it is done.
        url: the page on which it is done. Without one, it is done outside the site.
        trouble: why it is not done yet, although a person has done their part.
    """

    title: Words
    how: Words
    is_done: bool
    url: str = ""
    trouble: str = ""


def first_steps(person: Any, games: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps for a person. There are none after the first code has been redeemed.

    Args:
        person: the person who looks at them.
        games: the games as `queries.overview` has them.
    """
    if not scope.sees_all(person):
        return _steps_of_officer(person)
    if MemberRedemption.objects.settled().exists():
        return []
    return [
        _connect(games),
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


def _connect(games: Sequence[dict[str, Any]]) -> Step:
    """The step for the game. It is done while one game is on, and nothing says that it is away."""
    on = [game for game in games if game["is_on"]]
    troubles = [trouble for game in on if (trouble := _trouble(game))]
    is_done = len(troubles) < len(on)
    if on:
        how = _("Its page says more. Everything continues as soon as the game answers.")
    elif connect_url():
        how = _("Enter its salt, and the address of its feed. Both are checked at once.")
    else:
        how = _(
            "Set its salt in the settings, and restart. The simulator counts as a game, too: it is "
            "for trying things out."
        )
    page = model_url(RateBudget, "change", on[0]["name"]) if on else ""
    return Step(
        _("Connect a game"),
        how,
        is_done,
        connect_url() or page,
        trouble="" if is_done else " ".join(troubles),
    )


def _trouble(game: dict[str, Any]) -> str:
    """Why a game that is on does not work now. Empty if nothing is known against it."""
    reason = ""
    if game["pause"]:
        reason = game["pause"]["reason"]
    elif game["feed"] and game["feed"]["failures"]:
        reason = game["feed"]["error"]
    if not reason:
        return ""
    return gettext("%(game)s cannot be reached now: %(reason)s") % {
        "game": game["title"],
        "reason": reason,
    }


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
