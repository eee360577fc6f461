"""Pause and resume a game by hand: the operator's kill switch."""

from __future__ import annotations

from django.db import transaction

from giftcodes.domain import log_lines
from giftcodes.domain.sentences import english
from giftcodes.models import Alarm, PauseKind, RateBudget


def pause(provider: str, *, reason: str) -> bool:
    """Send no more requests to a game until it is resumed. Requests under way finish.

    Returns:
        Whether this call paused the game. False if an operator had paused it already.
    """
    RateBudget.objects.get_or_create(provider=provider)
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().get(pk=provider)
        if budget.pause_kind == PauseKind.OPERATOR:
            return False
        budget.pause(PauseKind.OPERATOR, reason, now=None)
        budget.save()
    log_lines.warning(
        f"⏸️ {provider} is paused by an operator: {english(reason)}", provider=provider
    )
    return True


def resume(provider: str) -> bool:
    """End any pause of a game.

    Returns:
        Whether a pause was ended. False if the game was not paused.
    """
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().filter(pk=provider).first()
        if budget is None or not budget.pause_kind:
            return False
        budget.resume()
        budget.save()
        Alarm.objects.clear_pause(provider)
    log_lines.info(f"▶️ {provider} is resumed by an operator.", provider=provider)
    return True
