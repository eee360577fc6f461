"""The first steps after the installation: from no guild to the first redeemed code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import list_url, model_url
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, Redemption
from giftcodes.queries import scope
from giftcodes.queries.connections import ConnectionState

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
        url: the page on which it is done. It is empty if the person may not open this page.
    """

    title: Words
    how: Words | str
    is_done: bool
    url: str = ""


def first_steps(person: Any, games: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps for a person. There are none after the first code has been redeemed.

    Args:
        person: the person who looks at them.
        games: the value `providers` of `queries.overview`.
    """
    if not scope.sees_all(person):
        return _steps_of_officer(person)
    if MemberRedemption.objects.settled().exists():
        return []
    return [
        _connect_a_game(games, may_open=person.is_superuser),
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


#: The states of a game's connection. The state that needs the least work comes first.
_BEST_FIRST = (
    ConnectionState.CONNECTED,
    ConnectionState.FEED_FAILS,
    ConnectionState.TESTING,
    ConnectionState.UNTESTED,
    ConnectionState.UNREACHABLE,
    ConnectionState.OFF,
)


def _connect_a_game(games: Sequence[dict[str, Any]], *, may_open: bool) -> Step:
    """The step for the game that is nearest to being connected, with a link if `may_open`."""
    best = min(games, key=lambda game: _BEST_FIRST.index(_state(game)))
    state = _state(best)
    if state is ConnectionState.OFF:
        url = reverse("admin:connect_game")
    else:
        url = reverse("admin:connect_one_game", args=[best["name"]])
    words = _CONNECTION_WORDS[state]
    return Step(
        _("Connect a game"),
        words % {"game": best["title"], "reason": best["connection"]["reason"]},
        state is ConnectionState.CONNECTED,
        url if may_open else "",
    )


def _state(game: dict[str, Any]) -> ConnectionState:
    return ConnectionState(game["connection"]["state"])


_CONNECTION_WORDS = {
    ConnectionState.CONNECTED: _("%(game)s is connected."),
    ConnectionState.FEED_FAILS: _("%(game)s is connected, but its feed fails. %(reason)s"),
    ConnectionState.TESTING: _("The connection to %(game)s is being tested."),
    ConnectionState.UNTESTED: _(
        "%(game)s is set up, and has not given an answer yet. Test the connection."
    ),
    ConnectionState.UNREACHABLE: _("%(game)s cannot be used. %(reason)s"),
    ConnectionState.OFF: _(
        "Enter the game's salt in the browser: it is used at once. The simulator counts as a game, "
        "too, and is for trying things out."
    ),
}


def _steps_of_officer(person: Any) -> list[Step]:
    """The steps for an officer. Connecting games and adding guilds is left to operators."""
    if not scope.visible(Guild.objects.all(), person).exists():
        return []  # The page explains first how to become an officer of a guild.
    if scope.visible(MemberRedemption.objects.settled(), person).exists():
        return []
    return [
        Step(
            _("Add the members of your guild"),
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
