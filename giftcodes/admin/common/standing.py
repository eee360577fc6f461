"""What is known about a member and a code, in words: the state, and the reason.

When a code has ended, no state asks for help any more, and no reason promises another request.
"""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from giftcodes.admin.common.html import badge
from giftcodes.domain.served import is_missed
from giftcodes.domain.transitions import State
from giftcodes.models import GiftCode
from giftcodes.models.game_words import spoken
from giftcodes.models.member_redemption import STATE_LABELS


def state_now(state: State, code: GiftCode) -> tuple[State, Any]:
    """The state whose colour a page shows, and the state in words."""
    if not is_missed(state, code.ending):
        return state, STATE_LABELS[state]
    if code.is_unknown:
        return State.CANCELLED, _("the game does not know this code")
    return State.CANCELLED, _("the code has ended")


def state_badge(state: State, code: GiftCode) -> SafeString:
    """The state as a badge."""
    return badge(*state_now(state, code))


def reason_now(reason: str, state: State, code: GiftCode) -> str:
    """A stored reason with the game's word for a realm, and without advice if it is too late."""
    return spoken(reason, code.provider, is_over=is_missed(state, code.ending))
