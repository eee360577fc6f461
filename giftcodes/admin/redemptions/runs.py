"""Start, stop and resume runs for a person, and say of each what came of it.

Nothing here may be called inside a transaction: `start` has to commit before it is reported (its lock, and the journal
of a refusal, are transactions of their own). Django runs the actions of a list outside of one; its forms it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import OperationalError
from django.utils.translation import gettext as _

from giftcodes import tasks
from giftcodes.domain import log_lines
from giftcodes.models import CodeState, GiftCode, Guild, Redemption, RunState, Trigger
from giftcodes.pipeline.finish import finish
from giftcodes.pipeline.start import StartKind, StartResult, start
from giftcodes.services.run_actions import stop, take_back_stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from giftcodes.admin.common.action_report import Report

#: So many are started while the person waits, a few milliseconds each; more are handed to the workers.
AT_ONCE = 50
#: And so many are handed over at one press.
MOST = 1_000


def guild_obstacle(guild: Guild) -> str:
    """Why nothing can be redeemed for a guild now; empty: it can."""
    if not guild.active:
        return _("Guild %s is inactive. Activate it first.") % guild
    return provider_obstacle(guild.provider)


def code_obstacle(code: GiftCode) -> str:
    """Why a code can be redeemed for nobody now; empty: it can."""
    if code.state == CodeState.ACTIVE:
        return provider_obstacle(code.provider)
    if code.state == CodeState.PROBING:
        return (
            _("Code %s is being probed: one member is asked whether it works. Wait for the answer.")
            % code
        )
    words = _("Code %(code)s is %(state)s. %(reason)s Reopen it first.")
    return words % {"code": code, "state": code.get_state_display(), "reason": code.reason}


def provider_obstacle(provider: str) -> str:
    """Why a game cannot be asked at all; empty: it can, now or when its pause is over."""
    config = settings.PROVIDERS.get(provider)
    if config is None:
        return _("The game %s is not in the settings any more.") % provider
    if not config.is_on:
        return _("%(title)s is off: %(name)s_SALT is not set.") % {
            "title": config.title,
            "name": provider.upper(),
        }
    return ""


def redeem_now(pairs: Iterable[tuple[int, int]], *, user_id: int | None, report: Report) -> None:
    """Start the runs of these guilds and codes, and report what the row lock said of each.

    Args:
        pairs: (guild id, code id).
        user_id: who pressed.
        report: takes a line for each.
    """
    wanted = list(dict.fromkeys(pairs))
    if len(wanted) > MOST:
        report.refused(
            _("That would be %(number)d redemptions at once. Choose fewer: at most %(most)d.")
            % {"number": len(wanted), "most": MOST}
        )
    elif len(wanted) > AT_ONCE:
        for guild_id, code_id in wanted:
            tasks.enqueue_on_commit(tasks.redeem, guild_id, code_id, Trigger.ADMIN, user_id)
        report.done(
            _(
                "%d redemptions were asked for. What comes of them, and what is refused, appears in the journal."
            )
            % len(wanted)
        )
    else:
        for guild_id, code_id in wanted:
            _begin(guild_id, code_id, user_id=user_id, report=report)


def _begin(guild_id: int, code_id: int, *, user_id: int | None, report: Report) -> None:
    try:
        result = start(
            guild_id=guild_id, gift_code_id=code_id, trigger=Trigger.ADMIN, user_id=user_id
        )
    except OperationalError as error:
        # The others go on, and the person learns of each.
        log_lines.warning(
            "The database refused to start a run.",
            guild=guild_id,
            code=code_id,
            error=type(error).__name__,
        )
        report.failed(
            _("The database was busy or away and did not start a run. Press Redeem now again.")
        )
        return
    _report_start(result, report)


def _report_start(result: StartResult, report: Report) -> None:
    if result.kind is StartKind.NOTHING_TO_DO:
        report.nothing(result.message)
    elif not result.has_work:
        report.refused(result.message)
    elif finish(result.redemption_id):
        report.done(_("%s It is complete: nobody is left to be asked.") % result.message)
    else:
        report.done(result.message)
        tasks.enqueue_on_commit(tasks.dispatch, tasks.provider_of(result.redemption_id))


def stop_now(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Stop runs. Who has nothing in flight is stopped at once; the others after their last answer."""
    for redemption in redemptions:
        result = stop(redemption.pk, trigger=Trigger.ADMIN, user_id=user_id)
        if not result.done:
            report.refused(result.message)
            continue
        finish(redemption.pk)
        redemption.refresh_from_db(fields=["state"])
        is_over = redemption.state == RunState.STOPPED
        report.done(_("%s is stopped.") % redemption if is_over else result.message)


def resume(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Take stops back that have not taken effect, and start again what is stopped."""
    for redemption in redemptions:
        if redemption.is_stopping:
            result = take_back_stop(redemption.pk, trigger=Trigger.ADMIN, user_id=user_id)
            if result.done:
                report.done(result.message)
                tasks.enqueue_on_commit(tasks.dispatch, redemption.gift_code.provider)
                continue
            # It took effect a moment ago.
            redemption.refresh_from_db(fields=["state", "stop_requested_at"])
        if redemption.state == RunState.STOPPED:
            _begin(redemption.guild_id, redemption.gift_code_id, user_id=user_id, report=report)
        else:
            words = _("%(redemption)s is not stopped: it is %(state)s.")
            report.refused(
                words % {"redemption": redemption, "state": redemption.get_state_display()}
            )
