"""Start, stop and resume runs from a page, and report the result of each.

No function here may be called inside a transaction (services.run_actions says why). Django runs the
actions of a list outside a transaction, but saves forms inside one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from giftcodes import tasks
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Redemption, Trigger
from giftcodes.services.changes import record_change
from giftcodes.services.run_actions import (
    ActionKind,
    ActionResult,
    resume_run,
    start_run,
    stop_run,
)
from giftcodes.services.run_refusals import refusals
from giftcodes.services.run_requests import request_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from giftcodes.admin.common.action_report import Report

#: Up to this many runs are started while the person waits, which takes a few milliseconds for each.
#: If there are more, workers start them.
AT_ONCE = 50
#: The maximum number of runs for one action.
MOST = 1_000


def redeem_now(pairs: Iterable[tuple[int, int]], *, user_id: int | None, report: Report) -> int:
    """Start the runs of these guilds and codes.

    Args:
        pairs: the guild id and the code id of each run.
        user_id: the id of the person who starts the runs.
        report: gets a line for each result.

    Returns:
        How many runs were started or requested.
    """
    report.is_about_starts = True
    wanted = list(dict.fromkeys(pairs))
    if len(wanted) > MOST:
        report.refused(
            _("That would be %(number)d redemptions at once. Choose fewer: at most %(most)d.")
            % {"number": len(wanted), "most": MOST}
        )
    elif len(wanted) > AT_ONCE:
        requests = request_runs(wanted, user_id=user_id)
        for sentence in requests.refused:
            report.refused(sentence)
        number = requests.requested
        if number:
            tasks.enqueue_on_commit(tasks.start_requested)
            words = _(
                "%d redemptions were requested. The journal shows the result of each, and which "
                "ones are refused."
            )
            report.done(words % number)
            _log_pairs(wanted, user_id, Sentence.of("did_press_redeem"))
        return number
    else:
        results = [
            start_run(guild_id, code_id, trigger=Trigger.ADMIN, user_id=user_id)
            for guild_id, code_id in wanted
        ]
        started = [pair for pair, result in zip(wanted, results, strict=True) if result.done]
        _log_pairs(started, user_id, Sentence.of("did_start"))
        found = refusals([one.running_id for one in results if one.running_id])
        for result in results:
            _report(result, report, words=found.get(result.running_id or 0, ""))
        return len(started)
    return 0


def stop_now(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Stop runs."""
    for redemption in redemptions:
        result = stop_run(redemption, trigger=Trigger.ADMIN, user_id=user_id)
        _log_done(result, redemption, user_id, Sentence.of("did_stop"))
        _report(result, report)


def resume(redemptions: Iterable[Redemption], *, user_id: int | None, report: Report) -> None:
    """Continue runs that are stopped or being stopped."""
    for redemption in redemptions:
        result = resume_run(redemption, trigger=Trigger.ADMIN, user_id=user_id)
        _log_done(result, redemption, user_id, Sentence.of("did_resume"))
        _report(result, report)


def _log_pairs(pairs: list[tuple[int, int]], user_id: int | None, done: Sentence) -> None:
    """Record what a person did with the redemptions of these guilds and codes, in two statements.

    Pairs without a redemption yet are left out: the journal gets an entry when each starts.
    """
    wanted = set(pairs)
    rows = Redemption.objects.filter(
        guild__in={guild_id for guild_id, _code in pairs},
        gift_code__in={code_id for _guild, code_id in pairs},
    ).select_related("guild", "gift_code")
    _log([row for row in rows if (row.guild_id, row.gift_code_id) in wanted], user_id, done)


def _log_done(
    result: ActionResult, redemption: Redemption, user_id: int | None, done: Sentence
) -> None:
    if result.done:
        _log([redemption], user_id, done)


def _log(rows: list[Redemption], user_id: int | None, done: Sentence) -> None:
    if user_id is not None:
        record_change(user_id, rows, done)


def _report(result: ActionResult, report: Report, *, words: str = "") -> None:
    """Add a line for a result: `words`, or else the result's message, which is also in the log."""
    add_line = {
        ActionKind.DONE: report.done,
        ActionKind.NOTHING: report.nothing,
        ActionKind.REFUSED: report.refused,
        ActionKind.FAILED: report.failed,
    }[result.kind]
    add_line(words or result.message)
    if result.to_dispatch:
        tasks.enqueue_on_commit(tasks.dispatch, result.to_dispatch)
