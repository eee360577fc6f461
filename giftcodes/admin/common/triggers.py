"""What requested a run, in words that a guild leader knows.

The database and the logs keep the names of `Trigger`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.choice_filter import ChoicesInWords
from giftcodes.admin.common.html import NOTHING
from giftcodes.models import Trigger

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

_WORDS: dict[Trigger, Words] = {
    Trigger.POLL: _("the feed"),
    Trigger.ADMIN: _("a person"),
    Trigger.DISCORD: _("a person in Discord"),
    Trigger.CATCH_UP: _("catching up"),
    Trigger.SWEEP: _("the regular check"),
    Trigger.PROBE: _("a test of the code"),
}


def trigger_words(trigger: str) -> str:
    """What requested a run. A dash if nothing is stored."""
    return str(_WORDS.get(Trigger(trigger), Trigger(trigger).label)) if trigger else NOTHING


class TriggerFilter(ChoicesInWords):
    """A filter by what requested the run."""

    def words(self, value: str) -> str:
        return trigger_words(value)
