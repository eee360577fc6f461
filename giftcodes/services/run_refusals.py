"""Why a run was not started a second time, and how far it is, in words for the person who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import Redemption, RunState
from giftcodes.queries.served import served_in

if TYPE_CHECKING:
    from giftcodes.domain.served import Served
    from giftcodes.estimates.forecast import Outlook


def refusals(redemption_ids: list[int]) -> dict[int, str]:
    """Why these runs were not started a second time, by the redemption's id.

    Each sentence says how far its run is, or that the run has ended in the meantime. The number of
    SQL statements is fixed.
    """
    if not redemption_ids:
        return {}
    rows = list(
        Redemption.objects.filter(pk__in=redemption_ids).select_related("guild", "gift_code")
    )
    numbers = served_in(rows)
    outlooks = read_outlooks().by_redemption
    return {row.pk: refusal_words(row, numbers[row.pk], outlooks.get(row.pk)) for row in rows}


def refusal_words(redemption: Redemption, served: Served, outlook: Outlook | None) -> str:
    """Why a run was not started a second time, and how far it is.

    Args:
        redemption: the redemption, with its guild and its code.
        served: the numbers of its members.
        outlook: the estimate, if there is one.
    """
    names = {"redemption": redemption, "served": served.words}
    if redemption.state != RunState.RUNNING:
        words = _("%(redemption)s was running until just now: %(served)s. Nothing is asked twice.")
    elif redemption.is_stopping:
        words = _("%(redemption)s is being stopped: %(served)s. “Resume” continues it.")
    else:
        names["left"] = _left(outlook)
        words = _("%(redemption)s is running already: %(served)s%(left)s. Nothing is asked twice.")
    return words % names


def _left(outlook: Outlook | None) -> str:
    """The time left, as the end of a sentence. Empty if it is unknown."""
    if outlook is None or outlook.seconds is None:
        return ""
    if outlook.seconds == 0:
        return _(", and it is about to end")
    if outlook.is_paused or not outlook.is_proven:
        return _(". Left: %s") % formatting.left(outlook)
    return _(", %s left") % formatting.left(outlook)
