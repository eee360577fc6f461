"""Finish a run: unlock it when no row is open or, if it was stopped, when no row is in flight."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from giftcodes.domain import log_lines
from giftcodes.domain.run_end import RunEnd
from giftcodes.domain.served import Phase, Result
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import CancelKind, Redemption, RunState, database_now
from giftcodes.models.announcement import queue_complete


def finish(redemption_id: int) -> bool:
    """Unlock the run if it is over. This may be repeated.

    The run is checked first without a lock, and then again under the row lock.

    Returns:
        Whether this call unlocked the run.
    """
    if not _seems_over(redemption_id):
        return False
    with transaction.atomic(durable=True):
        redemption = (
            Redemption.objects.for_update()
            .select_related("guild", "gift_code")
            .get(pk=redemption_id)
        )
        if not _is_over(redemption):
            return False
        state = RunState.COMPLETE
        if redemption.stop_requested_at is not None:
            redemption.member_redemptions.cancel(CancelKind.STOPPED)
            state = RunState.STOPPED
        tally = redemption.tally()
        end = _end_of(redemption, state, tally)
        redemption.end_run(state, now=database_now(), detail=end.stored)
        queue_complete(redemption, tally)
    _log_end(redemption, tally)
    return True


def _seems_over(redemption_id: int) -> bool:
    redemption = Redemption.objects.filter(pk=redemption_id).first()
    return redemption is not None and _is_over(redemption)


def _is_over(redemption: Redemption) -> bool:
    if redemption.state != RunState.RUNNING:
        return False
    if redemption.stop_requested_at is not None:
        return not redemption.member_redemptions.in_flight().exists()
    return not redemption.member_redemptions.open().exists()


def _end_of(redemption: Redemption, state: RunState, tally: dict[State, int]) -> RunEnd:
    served = redemption.shares_of(tally)
    code = redemption.gift_code
    redeemed = redemption.member_redemptions.filter(
        state=State.REDEEMED, settled_at__gte=F("redemption__locked_at")
    )
    result = Result.of(served, phase=Phase(state), ending=code.ending, ended_on=code.ended_on)
    return RunEnd(result, redeemed.count())


def _log_end(redemption: Redemption, tally: dict[State, int]) -> None:
    guild, code = redemption.guild.name, str(redemption.gift_code)
    success = tally.get(State.REDEEMED, 0)
    settled = sum(tally.get(state, 0) for state in SETTLED)
    if redemption.state == RunState.STOPPED:
        log_lines.info(f"⏹️ Auto-Redeem Stopped (Guild: {guild}, Code: {code}, Success: {success})")
    else:
        log_lines.complete(
            guild,
            code,
            success=success,
            already=settled - success,
            failed=sum(tally.values()) - settled,
            result=redemption.result(redemption.shares_of(tally)),
        )
    log_lines.unlocked(guild, code)
