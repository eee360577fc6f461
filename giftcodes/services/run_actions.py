"""Stop a run, and take a stop back before it has taken effect."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from giftcodes.models import CancelKind, EventKind, Redemption, RunState, Trigger, database_now


@dataclass(frozen=True, slots=True)
class StopResult:
    """Whether it did anything, and the words for it."""

    done: bool
    message: str


def stop(redemption_id: int, *, trigger: Trigger, user_id: int | None = None) -> StopResult:
    """Ask a run to stop. Requests under way finish first; `finish` then unlocks it.

    Raises:
        Redemption.DoesNotExist: there is no such row.
    """
    with transaction.atomic():
        redemption = (
            Redemption.objects.for_update()
            .select_related("guild", "gift_code")
            .get(pk=redemption_id)
        )
        if redemption.state == RunState.PENDING:
            redemption.member_redemptions.cancel(CancelKind.STOPPED)
            redemption.state = RunState.STOPPED
            redemption.save(update_fields=["state"])
        elif redemption.state != RunState.RUNNING:
            return StopResult(
                False, f"{redemption} does not run: it is {redemption.get_state_display()}."
            )
        elif redemption.is_stopping:
            return StopResult(False, f"{redemption} is being stopped already.")
        else:
            redemption.stop_requested_at = database_now()
            redemption.save(update_fields=["stop_requested_at"])
        redemption.journal(EventKind.STOP_REQUESTED, trigger=trigger, user_id=user_id)
    return StopResult(True, f"{redemption} stops; requests under way finish first.")


def take_back_stop(
    redemption_id: int, *, trigger: Trigger, user_id: int | None = None
) -> StopResult:
    """Let a run that is being stopped go on."""
    with transaction.atomic():
        redemption = (
            Redemption.objects.for_update()
            .select_related("guild", "gift_code")
            .get(pk=redemption_id)
        )
        if not redemption.is_stopping:
            return StopResult(False, f"{redemption} is not being stopped.")
        redemption.stop_requested_at = None
        redemption.save(update_fields=["stop_requested_at"])
        redemption.journal(EventKind.RESUMED, trigger=trigger, user_id=user_id)
    return StopResult(True, f"{redemption} goes on.")
