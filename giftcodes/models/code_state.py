"""The states of a code, what it needs to know about an answer, and what an answer changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import Outcome


class CodeState(models.TextChoices):
    ACTIVE = "active", _("active")
    PROBING = "probing", _("being probed")
    CLOSED = "closed", _("closed")
    DELETED = "deleted", _("deleted")


#: In these states, requests for a code may be sent.
OPEN_STATES = (CodeState.ACTIVE.value, CodeState.PROBING.value)


class CodeChange(models.TextChoices):
    """What an answer changed about a code."""

    NOTHING = "nothing"
    PROVEN = "proven"
    REOPENED = "reopened"
    DOUBTED = "doubted"
    CLOSED = "closed"
    RESPELLED = "respelled"
    ODD = "odd"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What a code needs to know about one answer.

    Args:
        outcome: what the answer means.
        words: the answer as the game gave it, in short, for a person.
        spelling: the spelling of the code in the request.
        player_id, guild_id: the player and the guild of the request.
        claim_limits: if the outcome is CLAIM_LIMIT, how many players and how many guilds have met
            the limit since the code was last granted. This answer is included.
        game_answered_at: when the game last gave a known answer for any code. None if it never did.
        now: the database's time.
    """

    outcome: Outcome
    words: str
    spelling: str
    player_id: str
    guild_id: int
    now: dt.datetime
    claim_limits: tuple[int, int] = (0, 0)
    game_answered_at: dt.datetime | None = None
