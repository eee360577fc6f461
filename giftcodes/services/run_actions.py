"""Start, stop and resume runs for a person, and return the result of each.

`start_run`, `stop_run`, `resume_run` and `skip_code` may not be called inside a transaction: the
lock, and the journal entry of a refusal, are separate transactions, which must be committed before
a result is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from giftcodes.domain import log_lines
from giftcodes.models import (
    CancelKind,
    EventKind,
    GiftCode,
    Guild,
    Redemption,
    RunState,
    Trigger,
    database_now,
)
from giftcodes.pipeline.finish import finish
from giftcodes.pipeline.start_or_refuse import StartKind, start


class ActionKind(Enum):
    """The result of an action: done, nothing to do, refused, or failed but worth another try."""

    DONE = auto()
    NOTHING = auto()
    REFUSED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The result of an action on one run.

    Args:
        kind: the result.
        message: a sentence for a person.
        to_dispatch: the game whose dispatch must be enqueued. Empty if there is none.
        running_id: the id of the redemption whose run is under way already, if that is the reason
            of a refusal. None otherwise.
    """

    kind: ActionKind
    message: str
    to_dispatch: str = ""
    running_id: int | None = None

    @property
    def done(self) -> bool:
        return self.kind is ActionKind.DONE


def start_run(
    guild_id: int,
    gift_code_id: int,
    *,
    trigger: Trigger,
    user_id: int | None,
    by: str = "",
    acts_as_officer: bool = False,
) -> ActionResult:
    """Start a run, and finish it if no request has to be sent.

    Args:
        guild_id: the guild.
        gift_code_id: the code.
        trigger: where the request came from.
        user_id: the user who asks, if there is one.
        by: who asks, if that is a person without an account.
        acts_as_officer: whether the limits for officers hold, even for an administrator.
    """
    try:
        result = start(
            guild_id=guild_id,
            gift_code_id=gift_code_id,
            trigger=trigger,
            user_id=user_id,
            by=by,
            acts_as_officer=acts_as_officer,
        )
    except OperationalError as error:
        # An expected failure is returned, not raised, so that the caller goes on with other runs.
        log_lines.warning(
            "The database refused to start a run.",
            guild=guild_id,
            code=gift_code_id,
            error=type(error).__name__,
        )
        return ActionResult(
            ActionKind.FAILED,
            _("The database was busy or down and did not start a run. Try again."),
        )
    if result.kind is StartKind.NOTHING_TO_DO:
        return ActionResult(ActionKind.NOTHING, result.message)
    if not result.has_work:
        is_running = result.kind is StartKind.REFUSED
        return ActionResult(
            ActionKind.REFUSED,
            result.message,
            running_id=result.redemption_id if is_running else None,
        )
    if finish(result.redemption_id):
        words = _("%s It is complete: there is no member left to redeem for.")
        return ActionResult(ActionKind.DONE, words % result.message)
    provider = Redemption.objects.values_list("gift_code__provider", flat=True).get(
        pk=result.redemption_id
    )
    return ActionResult(ActionKind.DONE, result.message, to_dispatch=provider)


def stop_run(
    redemption: Redemption,
    *,
    trigger: Trigger,
    user_id: int | None,
    by: str = "",
    run_number: int | None = None,
) -> ActionResult:
    """Stop a run: at once if it has no request under way, otherwise after the last answer.

    Args:
        redemption: the redemption.
        trigger, user_id, by: explained at `start_run`.
        run_number: the run that is meant. A later run goes on. If it is None, the current run is
            stopped.
    """
    result = stop(redemption.pk, trigger=trigger, user_id=user_id, by=by, run_number=run_number)
    if not result.done:
        return result
    finish(redemption.pk)
    redemption.refresh_from_db(fields=["state"])
    if redemption.state == RunState.STOPPED:
        return ActionResult(ActionKind.DONE, _("%s is stopped.") % redemption)
    return result


def resume_run(
    redemption: Redemption,
    *,
    trigger: Trigger,
    user_id: int | None,
    by: str = "",
    acts_as_officer: bool = False,
) -> ActionResult:
    """Take back a stop that has not taken effect yet, or start a stopped redemption again.

    The arguments are explained at `start_run`.
    """
    if redemption.is_stopping:
        result = take_back_stop(redemption.pk, trigger=trigger, user_id=user_id, by=by)
        if result.done:
            return result
        # The stop has taken effect in the meantime.
        redemption.refresh_from_db(fields=["state", "stop_requested_at"])
    if redemption.state == RunState.STOPPED:
        return start_run(
            redemption.guild_id,
            redemption.gift_code_id,
            trigger=trigger,
            user_id=user_id,
            by=by,
            acts_as_officer=acts_as_officer,
        )
    words = _("There is nothing to resume: %(redemption)s is %(state)s.")
    return ActionResult(ActionKind.REFUSED, words % _names(redemption))


def skip_code(
    guild_id: int, gift_code_id: int, *, trigger: Trigger, user_id: int | None
) -> ActionResult:
    """Stop redeeming a code for a guild, until a person starts it again.

    The redemption is stopped in any state, even before its first run or after its last one. So new
    members of the guild do not get the code either.
    """
    guild, code = Guild.objects.get(pk=guild_id), GiftCode.objects.get(pk=gift_code_id)
    names = {"guild": guild, "code": code}
    if guild.provider != code.provider:
        return ActionResult(
            ActionKind.REFUSED, _("Code %(code)s belongs to another game than %(guild)s.") % names
        )
    redemption_id = Redemption.objects.ensure(guild_id=guild_id, gift_code_id=gift_code_id)
    with transaction.atomic():
        redemption = _locked(redemption_id)
        if redemption.state == RunState.STOPPED or redemption.is_stopping:
            words = _("Guild %(guild)s skips code %(code)s already.")
            return ActionResult(ActionKind.NOTHING, words % names)
        if redemption.state == RunState.RUNNING:
            redemption.stop_requested_at = database_now()
            redemption.save(update_fields=["stop_requested_at"])
        else:
            redemption.member_redemptions.cancel(CancelKind.STOPPED)
            redemption.state = RunState.STOPPED
            redemption.save(update_fields=["state"])
        redemption.journal(EventKind.STOP_REQUESTED, trigger=trigger, user_id=user_id)
    finish(redemption_id)
    return ActionResult(ActionKind.DONE, _("Guild %(guild)s skips code %(code)s.") % names)


def stop(
    redemption_id: int,
    *,
    trigger: Trigger,
    user_id: int | None = None,
    by: str = "",
    run_number: int | None = None,
) -> ActionResult:
    """Ask a run to stop. Requests under way finish first; then `finish` unlocks the run.

    The arguments are explained at `stop_run`.

    Raises:
        Redemption.DoesNotExist: there is no such row.
    """
    with transaction.atomic():
        redemption = _locked(redemption_id)
        if run_number not in (None, redemption.run_number):
            words = _("That run is over, and a later run of %s is not stopped by this button.")
            return ActionResult(ActionKind.REFUSED, words % redemption)
        if redemption.state == RunState.PENDING:
            redemption.member_redemptions.cancel(CancelKind.STOPPED)
            redemption.state = RunState.STOPPED
            redemption.save(update_fields=["state"])
        elif redemption.state != RunState.RUNNING:
            words = _("There is nothing to stop: %(redemption)s is %(state)s.")
            return ActionResult(ActionKind.REFUSED, words % _names(redemption))
        elif redemption.is_stopping:
            words = _("%s is being stopped already: requests under way finish first.")
            return ActionResult(ActionKind.REFUSED, words % redemption)
        else:
            redemption.stop_requested_at = database_now()
            redemption.save(update_fields=["stop_requested_at"])
        redemption.journal(EventKind.STOP_REQUESTED, trigger=trigger, user_id=user_id, detail=by)
    words = _("%s is being stopped: requests under way finish first.")
    return ActionResult(ActionKind.DONE, words % redemption)


def take_back_stop(
    redemption_id: int, *, trigger: Trigger, user_id: int | None = None, by: str = ""
) -> ActionResult:
    """Continue a run that is being stopped."""
    with transaction.atomic():
        redemption = _locked(redemption_id)
        if not redemption.is_stopping:
            return ActionResult(ActionKind.REFUSED, _("%s is not being stopped.") % redemption)
        redemption.stop_requested_at = None
        redemption.save(update_fields=["stop_requested_at"])
        redemption.journal(EventKind.RESUMED, trigger=trigger, user_id=user_id, detail=by)
    return ActionResult(
        ActionKind.DONE,
        _("%s goes on.") % redemption,
        to_dispatch=redemption.gift_code.provider,
    )


def _locked(redemption_id: int) -> Redemption:
    return (
        Redemption.objects.for_update().select_related("guild", "gift_code").get(pk=redemption_id)
    )


def _names(redemption: Redemption) -> dict[str, str]:
    """The names for a sentence: the redemption, and its state in words."""
    return {"redemption": str(redemption), "state": str(redemption.get_state_display())}
