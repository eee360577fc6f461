"""What a code's state means for the player, and what the player can do.

The texts of `giftcodes.domain.outcomes` are for people who work with the admin, not for players.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.player_reasons import sentence, why_ended, why_not_yet
from giftcodes.domain.served import HAVING
from giftcodes.domain.transitions import OPEN, SETTLED, State
from giftcodes.models import CancelKind
from giftcodes.queries.my_codes import MyCode

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words


class Group(Enum):
    """The parts of the page, in their order. The value is the name of the part's colour."""

    NEEDS_YOU = "needs"
    ON_THE_WAY = "way"
    NOT_YET = "notyet"
    HAVE = "have"
    GONE = "gone"


HEADINGS: dict[Group, Words] = {
    Group.NEEDS_YOU: _("Needs you"),
    Group.ON_THE_WAY: _("On the way"),
    Group.NOT_YET: _("Not for your account yet"),
    Group.HAVE: _("You have these"),
    Group.GONE: _("Not received"),
}


#: A sentence below the heading, which holds for each code of the part.
NOTES: dict[Group, Words] = {
    Group.ON_THE_WAY: _("You need not do anything."),
    Group.NOT_YET: _("They are tried again every day while they work."),
    Group.HAVE: _("The rewards are in your mail in the game."),
}


class _Text(NamedTuple):
    group: Group
    title: Words | str
    reason: Words | str = ""
    advice: Words | str = ""


_WAITING = _Text(Group.ON_THE_WAY, _("Waiting for its turn"))

_STATES: dict[State, _Text] = {
    State.PENDING: _WAITING,
    State.IN_FLIGHT: _Text(Group.ON_THE_WAY, _("Being redeemed right now")),
    State.UNCONFIRMED: _Text(
        Group.ON_THE_WAY,
        _("Being checked"),
        _("The game gave no clear answer, so it is asked again."),
    ),
    State.REDEEMED: _Text(Group.HAVE, _("Redeemed for you")),
    State.ALREADY_RECEIVED: _Text(Group.HAVE, _("You have it already")),
    State.SAME_TYPE: _Text(
        Group.HAVE,
        _("You have another code of this group"),
        _("The game gives each player one code of the group."),
    ),
    State.FAILED: _Text(
        Group.NEEDS_YOU,
        _("No clear answer from the game"),
        _("The game was asked several times and did not say whether you have the code."),
        _("Look into your mail in the game. If the code is not there, tell an officer."),
    ),
}
_CANCELLED: dict[str, _Text] = {
    CancelKind.STOPPED: _Text(
        Group.GONE, _("Stopped by an officer"), "", _("Ask an officer to continue it.")
    ),
    CancelKind.LEFT: _Text(Group.GONE, _("You were not in the guild at that time")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A code as the page shows it.

    Args:
        mine: the code and the member's state.
        group: the part of the page.
        title: the state, in a few words.
        reason: why, or an empty string.
        advice: what the player can do, or an empty string.
        wants_realm: whether a correction of the realm helps.
    """

    mine: MyCode
    group: Group
    title: Words | str
    reason: Words | str = ""
    advice: Words | str = ""
    wants_realm: bool = False

    @property
    def counts(self) -> bool:
        """Whether the code is one of the codes that the player could have."""
        return self.group is Group.HAVE or not self.mine.code.is_unknown


@dataclass(frozen=True, slots=True)
class Cause:
    """The codes of one part of the page that have the same state for the same reason.

    Args:
        title, reason, advice, wants_realm: as those of each line.
        lines: the codes, at least one.
    """

    title: Words | str
    reason: Words | str = ""
    advice: Words | str = ""
    wants_realm: bool = False
    lines: list[Line] = field(default_factory=list)


def causes_of(lines: Iterable[Line]) -> list[Cause]:
    """Group codes by state and reason. The groups are in the order of their first codes."""
    found: dict[tuple[str, str, str], Cause] = {}
    for line in lines:
        cause = found.setdefault(
            (str(line.title), str(line.reason), str(line.advice)),
            Cause(line.title, line.reason, line.advice, line.wants_realm),
        )
        cause.lines.append(line)
    return list(found.values())


def not_found_words(
    realm_word: str, realm: int, refused: Collection[int], *, player_id: str
) -> list[str]:
    """What to tell a player whom the game does not know, in one or two paragraphs.

    Args:
        realm_word: what the game calls a realm, such as `state`.
        realm: the number of the member's realm.
        refused: the realms in which the game does not know the member. If there are several, the
            player ID may be wrong, which only an officer can mend.
        player_id: the member's player ID.
    """
    numbers = get_text_list([str(number) for number in sorted({realm, *refused})], _("and"))
    values = {"word": realm_word, "numbers": numbers, "player": player_id}
    said = gettext("The game did not find your account in %(word)s %(numbers)s.") % values
    if len(refused) < 2:
        words = gettext("Correct your %(word)s, and the codes are tried again.") % values
        return [f"{said} {words}"]
    words = gettext(
        "So the player ID may be wrong. Compare %(player)s with the ID in your profile in the "
        "game. If it differs, tell an officer of the guild the right ID: only an officer can add "
        "it."
    )
    rest = gettext("If the ID is right, correct your %(word)s below.")
    return [f"{said} {words % values}", rest % values]


def line_of(mine: MyCode, realm_word: str, realm: int) -> Line:
    """A code in words.

    Args:
        mine: the code and the member's state.
        realm_word: what the game calls a realm, such as `state`.
        realm: the number of the member's realm.
    """
    if mine.code.is_unknown and mine.state not in HAVING:
        return Line(mine, Group.GONE, _("The game does not know this code."))
    if mine.state is State.NEEDS_CORRECTION:
        return _wrong_realm(mine, realm_word, realm)
    text = _text(mine)
    return Line(mine, text.group, text.title, text.reason, text.advice)


def _text(mine: MyCode) -> _Text:
    if mine.state is State.NOT_ELIGIBLE:
        reason = sentence(why_not_yet(mine.outcome))
        if mine.is_over:
            return _Text(Group.GONE, _("Not for your account"), reason)
        return _Text(Group.NOT_YET, reason or _("Not for your account yet"))
    if mine.state is State.CANCELLED:
        closed = sentence(why_ended(mine.code.closed_outcome or mine.outcome, mine.code.ended_on))
        default = _Text(Group.GONE, _("The code ended before it was your turn"), closed)
        return _CANCELLED.get(mine.cancel_kind, default)
    if mine.state is None or mine.state in OPEN | SETTLED or not mine.is_over:
        return _STATES.get(mine.state or State.PENDING, _WAITING)
    if not mine.code.is_over:
        return _Text(Group.GONE, _("Not received"), _STATES[mine.state].reason)
    return _Text(
        Group.GONE,
        _("Not received"),
        sentence(why_ended(mine.code.closed_outcome, mine.code.ended_on)),
    )


def _wrong_realm(mine: MyCode, realm_word: str, realm: int) -> Line:
    values = {"word": realm_word, "number": mine.asked_realm or "?"}
    reason = gettext("The game does not know your player ID in %(word)s %(number)s.") % values
    if mine.is_over:
        return Line(mine, Group.GONE, _("Your account was not found"), reason)
    if mine.is_corrected:
        words = gettext("Being tried in %(word)s %(number)s")
        title = words % {"word": realm_word.capitalize(), "number": realm}
        return Line(mine, Group.ON_THE_WAY, title)
    advice = gettext("Correct your %(word)s") % values
    return Line(mine, Group.NEEDS_YOU, _("Your account was not found"), reason, advice, True)
