"""Pause a game by hand, and let it go on: the operator's kill switch."""

from __future__ import annotations

from django.db import transaction

from giftcodes.domain import log_lines
from giftcodes.models import Alarm, PauseKind, RateBudget


def pause(provider: str, *, reason: str) -> bool:
    """Send no more requests to a game until somebody resumes it. Requests under way finish.

    Returns:
        False where an operator has paused it already.
    """
    RateBudget.objects.get_or_create(provider=provider)
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().get(pk=provider)
        if budget.pause_kind == PauseKind.OPERATOR:
            return False
        budget.pause(PauseKind.OPERATOR, reason, now=None)
        budget.save()
    log_lines.warning(f"⏸️ {provider} is paused by an operator: {reason}", provider=provider)
    return True


def resume(provider: str) -> bool:
    """End any pause of a game.

    Returns:
        False where it was not paused.
    """
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().filter(pk=provider).first()
        if budget is None or not budget.pause_kind:
            return False
        budget.resume()
        budget.save()
        Alarm.objects.pause_is_over(provider)
    log_lines.info(f"▶️ {provider} is resumed by an operator.", provider=provider)
    return True
