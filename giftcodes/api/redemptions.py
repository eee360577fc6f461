"""Runs: list, progress, who is missing, start and stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest
from ninja import Router, Status

from giftcodes import tasks
from giftcodes.api import schemas
from giftcodes.api.common import (
    ERRORS,
    OptionalId,
    PageNumber,
    RowId,
    caller_of,
    log,
    page_of,
    progress,
    visible_guild,
    visible_row,
)
from giftcodes.api.problems import Problem, ProblemKind, wait
from giftcodes.domain.sentences import Sentence
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import GiftCode, Guild, Redemption, RunState, Trigger
from giftcodes.models.fields import without_notes
from giftcodes.queries import scope
from giftcodes.queries.guild_board import run_of_code, runs_of
from giftcodes.queries.missing import missing_in
from giftcodes.queries.served import RedemptionServed, with_results
from giftcodes.services.code_entry import code_of_guild
from giftcodes.services.discord_officers import REDEEM, SEE_MEMBERS, SEE_RUNS
from giftcodes.services.run_actions import (
    ActionKind,
    ActionResult,
    resume_run,
    start_run,
    stop_run,
)
from giftcodes.services.run_refusals import refusals

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from giftcodes.services.api_tokens import Caller

router = Router(tags=["redemptions"])
#: The maximum number of runs under way in one answer.
MOST_RUNNING = 100
_DONE = {200: schemas.Done, 202: schemas.Done, **ERRORS}


@router.get("redemptions", response={200: schemas.RedemptionPage, **ERRORS}, summary="List runs")
def list_redemptions(
    request: HttpRequest,
    page: PageNumber,
    guild_id: OptionalId,
    code_id: OptionalId,
    state: Literal["", "pending", "running", "complete", "stopped"] = "",
) -> dict[str, Any]:
    """The redemptions of the guilds that the token may see, the newest first."""
    caller = caller_of(request, SEE_RUNS)
    rows = scope.visible(_rows(), caller.user)
    if guild_id:
        rows = rows.filter(guild=guild_id)
    if code_id:
        rows = rows.filter(gift_code=code_id)
    if state:
        rows = rows.filter(state=state)
    shown, numbers = page_of(rows.order_by("-pk"), page)
    return {**numbers, "items": list(map(_redemption, with_results(shown)))}


@router.get(
    "redemptions/{redemption_id}", response={200: schemas.RunOut, **ERRORS}, summary="One run"
)
def get_redemption(request: HttpRequest, redemption_id: RowId) -> dict[str, Any]:
    """A redemption with its progress, its result, and the estimate of the time that is left."""
    row = visible_row(_rows(), caller_of(request, SEE_RUNS), redemption_id)
    return _runs(with_results([row]))[0]


@router.get(
    "redemptions/{redemption_id}/missing",
    response={200: schemas.MissingPage, **ERRORS},
    summary="Who does not have the code",
)
def list_missing(request: HttpRequest, redemption_id: RowId, page: PageNumber) -> dict[str, Any]:
    """The members without the code, those who need a person first, each with the reason."""
    caller = caller_of(request, SEE_RUNS)
    caller_of(request, SEE_MEMBERS)
    shown, numbers = page_of(missing_in(visible_row(_rows(), caller, redemption_id)), page)
    items = [{"member": one.member, "share": one.share.value, "why": one.why} for one in shown]
    return {**numbers, "items": items}


@router.get(
    "guilds/{guild_id}/progress",
    response={200: schemas.RunList, **ERRORS},
    summary="What runs now",
)
def get_progress(request: HttpRequest, guild_id: RowId) -> dict[str, Any]:
    """The runs of a guild that are under way, the oldest first, each with its estimate."""
    guild = visible_guild(caller_of(request, SEE_RUNS), guild_id)
    return {"items": _runs(runs_of(guild, most_running=MOST_RUNNING, most_recent=0).running)}


@router.post("guilds/{guild_id}/redemptions", response=_DONE, summary="Start a run")
def start(request: HttpRequest, guild_id: RowId, body: schemas.Start) -> Status[dict[str, Any]]:
    """Redeem a code for a guild now. A run that is under way is not started twice.

    The status is 202 if the run was started, 200 if there is nothing to do, and 409 if a run is
    under way already or is not possible. With 409, `redemption` has the run and its progress.
    """
    caller = caller_of(request, REDEEM)
    guild = visible_guild(caller, guild_id)
    code = code_of_guild(guild, body.code_id)
    if code is None:
        words = "The game of this guild has no code with this id."
        raise Problem(ProblemKind.NOT_FOUND, words)
    result = start_run(
        guild.pk,
        code.pk,
        trigger=Trigger.ADMIN,
        user_id=caller.user.pk,
        by=caller.by,
        acts_as_officer=caller.is_limited,
    )
    return _told(caller, guild, code, result, Sentence.of("did_start"))


@router.post("redemptions/{redemption_id}/stop", response=_DONE, summary="Stop a run")
def stop(request: HttpRequest, redemption_id: RowId, body: schemas.Stop) -> Status[dict[str, Any]]:
    """Stop a run. Requests under way finish first. Only a person starts it again."""
    caller = caller_of(request, REDEEM)
    row = visible_row(_rows(), caller, redemption_id)
    result = stop_run(
        row,
        trigger=Trigger.ADMIN,
        user_id=caller.user.pk,
        by=caller.by,
        run_number=body.run_number,
    )
    return _told(caller, row.guild, row.gift_code, result, Sentence.of("did_stop"))


@router.post("redemptions/{redemption_id}/resume", response=_DONE, summary="Resume a run")
def resume(request: HttpRequest, redemption_id: RowId) -> Status[dict[str, Any]]:
    """Continue a run that is stopped or being stopped."""
    caller = caller_of(request, REDEEM)
    row = visible_row(_rows(), caller, redemption_id)
    result = resume_run(
        row,
        trigger=Trigger.ADMIN,
        user_id=caller.user.pk,
        by=caller.by,
        acts_as_officer=caller.is_limited,
    )
    return _told(caller, row.guild, row.gift_code, result, Sentence.of("did_resume"))


def _told(
    caller: Caller, guild: Guild, code: GiftCode, result: ActionResult, done: Sentence
) -> Status[dict[str, Any]]:
    """Record an action on a run, and describe the run after it.

    Raises:
        Problem: the action was refused, or failed.
    """
    if result.to_dispatch:
        tasks.enqueue_on_commit(tasks.dispatch, result.to_dispatch)
    if result.kind is ActionKind.FAILED:
        raise wait(5, result.message, ProblemKind.BUSY)
    run = run_of_code(guild, code.pk)
    if result.kind is ActionKind.REFUSED:
        raise _refused(result, run)
    assert run is not None  # The action has stored it.
    if result.done:
        log(caller, [run.redemption], done)
    status = 202 if result.done else 200
    return Status(status, {"detail": result.message, "redemption": _runs([run])[0]})


def _refused(result: ActionResult, run: RedemptionServed | None) -> Problem:
    kind, detail = ProblemKind.NOT_POSSIBLE, result.message
    if result.running_id:
        kind = ProblemKind.RUN_UNDER_WAY
        detail = refusals([result.running_id])[result.running_id]
    more = {"redemption": _runs([run])[0]} if run else {}
    return Problem(kind, detail, more=more)


def _rows() -> QuerySet[Redemption]:
    return without_notes(Redemption.objects.select_related("guild", "gift_code"))


def _runs(found: list[RedemptionServed]) -> list[dict[str, Any]]:
    """Redemptions with their results and estimates, as `schemas.RunOut`."""
    is_running = any(one.redemption.state == RunState.RUNNING for one in found)
    outlooks = read_outlooks().by_redemption if is_running else {}
    return [
        {
            **_redemption(one),
            "result": str(one.result.title),
            "seconds_left": outlook.seconds
            if (outlook := outlooks.get(one.redemption.pk))
            else None,
        }
        for one in found
    ]


def _redemption(one: RedemptionServed) -> dict[str, Any]:
    row = one.redemption
    return {
        "id": row.pk,
        "guild": {"id": row.guild_id, "name": row.guild.name},
        "code": {"id": row.gift_code_id, "code": row.gift_code.code, "issue": row.gift_code.issue},
        "state": row.phase.value,
        "run_number": row.run_number,
        "started_at": row.locked_at,
        "finished_at": row.unlocked_at,
        "progress": progress(one.served),
    }
