"""Why a player does not have a code, in words for the player.

The sentences of `sentences.redemptions` are for people who work with the admin. The texts here are
for the player's own page and for the answer that an officer sends. Each is a part of a sentence,
without a capital.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import Outcome

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

_NOT_YET: dict[str, Words] = {
    Outcome.LEVEL_TOO_LOW: _("your level is too low"),
    Outcome.SPEND_TOO_LOW: _("it is for players who have spent more in the game"),
    Outcome.VIP_TOO_LOW: _("your VIP level is too low"),
    Outcome.LEVEL_OR_SPEND_TOO_LOW: _(
        "your level is too low, or it is for players who have spent more in the game"
    ),
    Outcome.ACCOUNT_TOO_YOUNG: _("your account is too young"),
    Outcome.CLAIM_LIMIT: _("the game says that it was claimed too often"),
}
#: The same conditions for a list that an officer reads.
_IN_SHORT: dict[str, Words] = {
    Outcome.LEVEL_TOO_LOW: _("level too low"),
    Outcome.SPEND_TOO_LOW: _("spent too little in the game"),
    Outcome.VIP_TOO_LOW: _("VIP level too low"),
    Outcome.LEVEL_OR_SPEND_TOO_LOW: _("level too low, or spent too little in the game"),
    Outcome.ACCOUNT_TOO_YOUNG: _("account too young"),
    Outcome.CLAIM_LIMIT: _("claim limit reached"),
}
_ENDED: dict[str, Words] = {
    Outcome.CODE_NOT_FOUND: _("the game does not know this code"),
    Outcome.CODE_EXPIRED: _("the code has expired"),
    Outcome.CLAIM_LIMIT: _("the game gives this code to no more players"),
}


def why_not_yet(outcome: str) -> str:
    """Which condition of a code the player does not meet. Empty if the answer names none."""
    return str(_NOT_YET.get(outcome, ""))


def unmet_in_short(outcome: str) -> str:
    """Which condition of a code a player does not meet, such as `level too low`.

    The text is for officers. It is empty if the answer names no condition.
    """
    return str(_IN_SHORT.get(outcome, ""))


def why_ended(outcome: str, ended_on: dt.date | None = None) -> str:
    """Why a code has ended, from the answer or the date that ended it. Empty if neither did.

    Args:
        outcome: the game's answer. Empty if there was none.
        ended_on: the day of an end that a person or the feed set.
    """
    if not outcome and ended_on:
        return gettext("the code expired on %s") % date_format(ended_on)
    return str(_ENDED.get(outcome, ""))


def sentence(reason: str) -> str:
    """A reason as a sentence of its own."""
    return f"{capfirst(reason)}." if reason else ""
