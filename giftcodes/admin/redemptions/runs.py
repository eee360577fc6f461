"""Start, stop and resume runs from a page, and report the result of each.

Nothing here may be called inside a transaction (services.run_actions). Django runs the actions of a
list outside a transaction, but forms inside one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from giftcodes import tasks
from giftcodes.models import Redemption, Trigger
from giftcodes.services.run_actions import (
    ActionKind,
    ActionResult,
    resume_run,
    start_run,
    stop_run,
)
from giftcodes.services.run_requests import request_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from giftcodes.admin.common.action_report import Report

#: Up to this many runs are started while the person waits, which takes a few milliseconds for each.
#: If there are more, workers start them.
AT_ONCE = 50
#: The maximum number of runs for one action.
MOST = 1_000


def redeem_now(pairs: Iterable[tuple[int, int]], *, user_id: int | None, report: Report) -> None:
    """Start the runs of these guilds and codes.

    Args:
        pairs: the guild id and the code id of each run.
        user_id: the id of the person who starts the runs.
        report: gets a line for each result.
    """
    wanted = list(dict.fromkeys(pairs))
    if len(wanted) > MOST:
        report.refused(
            _("That would be %(number)d redemptions at once. Choose fewer: at most %(most)d.")
            % {"number": len(wanted), "most": MOST}
        )
    elif len(wanted) > AT_ONCE:
        result = request_runs(wanted, user_id=user_id)
        for sentence in result.refused:
            report.refused(sentence)
        if result.requested:
            tasks.enqueue_on_commit(tasks.start_requested)
            words = _(
                "%d redemptions were requested. The journal shows the result of each, and which "
                "ones are refused."
            )
            report.done(words % result.requested)
    else:
        for guild_id, code_id in wanted:
            _report(start_run(guild_id, code_id, trigger=Trigger.ADMIN, user_id=user_id), report)


def stop_now(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Stop runs."""
    for redemption in redemptions:
        _report(stop_run(redemption, trigger=Trigger.ADMIN, user_id=user_id), report)


def resume(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Continue runs that are stopped or being stopped."""
    for redemption in redemptions:
        _report(resume_run(redemption, trigger=Trigger.ADMIN, user_id=user_id), report)


def _report(result: ActionResult, report: Report) -> None:
    add_line = {
        ActionKind.DONE: report.done,
        ActionKind.NOTHING: report.nothing,
        ActionKind.REFUSED: report.refused,
        ActionKind.FAILED: report.failed,
    }[result.kind]
    add_line(result.message)
    if result.to_dispatch:
        tasks.enqueue_on_commit(tasks.dispatch, result.to_dispatch)
