"""`/redeem` and `/stop`: what a run will do, its start, its progress and its stop."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.discord_bot.answers import (
    MOST_CHOICE,
    MOST_CHOICES,
    Answer,
    Button,
    Menu,
    Refused,
    Style,
    in_lines,
    shortened,
)
from giftcodes.discord_bot.names import safe, safe_words
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.presses import press
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.estimates import formatting
from giftcodes.estimates.cost_preview import Preview, preview
from giftcodes.estimates.forecast import Outlook
from giftcodes.estimates.left_out import left_out, remark, unknown_words
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import GiftCode, Redemption, RunState, Trigger
from giftcodes.models.start_rules import code_obstacle, guild_obstacle
from giftcodes.queries.guild_board import run_of, run_of_code, runs_of
from giftcodes.queries.served import RedemptionServed
from giftcodes.services.code_entry import code_of_guild
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import REDEEM, SEE_RUNS, Officer
from giftcodes.services.run_actions import ActionKind, ActionResult, resume_run, start_run, stop_run
from giftcodes.services.run_refusals import refusals

_MOST_RUNNING = MOST_CHOICES


# --- Before a run ---------------------------------------------------------------------------------
def preview_of(officer: Officer, code: GiftCode, *, said: str = "") -> Answer:
    """What a run will do, with a button that starts it. Nothing is changed.

    Args:
        officer: the officer.
        code: a code of the game of the officer's guild.
        said: a sentence that comes first, such as what was done with the code before.
    """
    guild = officer.guild
    title = _("Code %(code)s for %(guild)s") % {"code": code, "guild": safe(guild.name)}
    lines = [safe_words(said)] if said else []
    if obstacle := guild_obstacle(guild) or code_obstacle(code):
        return Answer(in_lines([*lines, safe_words(obstacle.words)]), title)
    cost = preview(guild_id=guild.pk, gift_code_id=code.pk, seen=officer.seen)
    if cost.is_running and (run := run_of_code(guild, code.pk)):
        return _of_run(run, said=said)
    lines += preview_lines(officer, code.pk, cost)
    lines.append(_("Nothing is asked twice: members who have the code are left out."))
    style = Style.FIRST if cost.requests else Style.USUAL
    button = Button(_("Redeem now"), "redeem", (guild.pk, code.pk), style)
    return Answer(in_lines(lines), title, (button,))


def preview_lines(officer: Officer, code_id: int, cost: Preview) -> list[str]:
    """What a run would do, as the preview of “Redeem now” on the site shows it.

    That is the members, the requests, the estimated time and who is left out.

    Args:
        officer: the officer who asks.
        code_id: the code. 0 if it is not stored yet.
        cost: what the run would do.
    """
    pair = (officer.guild.pk, code_id)
    out = left_out([pair])
    members = ngettext("%d member", "%d members", cost.members) % cost.members
    having = ngettext("%d has it", "%d have it", cost.having) % cost.having
    time = formatting.left(cost.outlook) if cost.requests else _("none")
    found = [
        f"**{members}**, {having}",
        _("Requests to the game: **%d**") % cost.requests,
        _("Estimated time: **%s**") % time,
    ]
    if words := remark(pair, cost, out):
        found.append(_("Remark: %s") % words)
    found += unknown_words(out, [pair], is_limited=officer.is_limited)
    if not cost.requests:
        found.append(_("No request would be sent now."))
    return found


# --- The start ------------------------------------------------------------------------------------
@press("redeem", values=2)
def redeem_now(asker: Asker, guild_id: str, code_id: str) -> Answer:
    """Start the run. A run that is under way is not started twice."""
    officer = officer_of(asker, guild_id, REDEEM)
    code = code_of_guild(officer.guild, row_id(code_id))
    if code is None:
        raise Refused(_("This code is not known any more."))
    return start(officer, code)


def start(officer: Officer, code: GiftCode, *, said: str = "") -> Answer:
    """Start a run for an officer, and say what came of it.

    Args:
        officer: the officer, who may start runs.
        code: a code of the game of the officer's guild.
        said: a sentence that comes first.
    """
    guild = officer.guild
    result = start_run(
        guild.pk, code.pk, trigger=Trigger.DISCORD, user_id=officer.user_id, by=officer.by
    )
    _dispatch(result)
    words = result.message
    if result.running_id:
        words = refusals([result.running_id])[result.running_id]
    words = f"{said} {words}".strip()
    run = run_of_code(guild, code.pk)
    if run is None:
        return Answer(safe_words(words))
    if result.done:
        officer.log([run.redemption], Sentence.of("did_start"))
    return _of_run(run, said=words)


def _dispatch(result: ActionResult) -> None:
    if result.to_dispatch:
        tasks.enqueue_on_commit(tasks.dispatch, result.to_dispatch)


# --- During a run ---------------------------------------------------------------------------------
def _of_run(run: RedemptionServed, *, said: str = "") -> Answer:
    """A run with its progress, and the buttons that are possible now."""
    row = run.redemption
    values = (row.guild_id, row.pk)
    names = {"code": row.gift_code, "guild": safe(row.guild.name)}
    title = _("Code %(code)s for %(guild)s") % names
    lines = [safe_words(said)] if said else []
    lines.append(run_line(run))
    if run.result.advice:
        lines.append(run.result.advice)
    parts = [Button(_("Refresh"), "run", values)]
    if row.is_stopping or row.state == RunState.STOPPED:
        parts.append(Button(_("Resume"), "resume", values, Style.FIRST))
    elif row.state == RunState.RUNNING:
        parts.append(Button(_("Stop"), "stop", (*values, row.run_number), Style.DANGER))
    if run.served.needs_you:
        parts.append(Button(_("Who needs you"), "missing", (row.guild_id, 1)))
    return Answer(in_lines(lines), title, tuple(parts))


def run_line(run: RedemptionServed) -> str:
    """A run in one line, such as `🎁 Running: 41 of 50 have it (about 3 min left)`."""
    row = run.redemption
    left = ""
    if row.state == RunState.RUNNING:
        left = left_words(run, read_outlooks().by_redemption.get(row.pk))
    return f"{run.result.icon} {run.result.title}: {run.served.all_words}{left}"


def left_words(run: RedemptionServed, outlook: Outlook | None) -> str:
    """The time that is left for a run, such as ` (about 3 min left)`. Empty if nothing is known."""
    return f" ({formatting.still(outlook)})" if outlook and run.served.total else ""


@press("run", values=2)
def show_run(asker: Asker, guild_id: str, redemption_id: str) -> Answer:
    """Show how far a run is."""
    return _of_run(run_shown(officer_of(asker, guild_id, SEE_RUNS), redemption_id))


def run_shown(officer: Officer, redemption_id: str) -> RedemptionServed:
    """The run that a button is about.

    Raises:
        Refused: the officer's guild has no such run.
    """
    found = run_of(officer.guild, row_id(redemption_id) or 0)
    if found is None:
        raise Refused(_("This guild has no such run any more."))
    return found


# --- The stop -------------------------------------------------------------------------------------
def stop(asker: Asker, chosen: str) -> Answer:
    """Show what runs in a guild, with a button that stops it."""
    officer = officer_of(asker, chosen, REDEEM)
    guild = officer.guild
    running = runs_of(guild, most_running=_MOST_RUNNING, most_recent=0).running
    if not running:
        return Answer(_("Nothing runs in **%s** now.") % safe(guild.name))
    if len(running) == 1:
        return _of_run(running[0])
    choices = tuple(
        (
            shortened(f"{one.redemption.gift_code} · {one.served.words}", MOST_CHOICE),
            str(one.redemption.pk),
        )
        for one in running
    )
    words = _("Several runs are under way in **%s**. Choose one.") % safe(guild.name)
    return Answer(words, parts=(Menu(_("Choose a run"), "run", choices, (guild.pk,)),))


@press("stop", values=3)
def stop_now(asker: Asker, guild_id: str, redemption_id: str, run_number: str) -> Answer:
    """Stop this run, but not a later run of the redemption. Requests under way finish first."""
    officer = officer_of(asker, guild_id, REDEEM)
    row = run_shown(officer, redemption_id).redemption
    result = stop_run(
        row,
        trigger=Trigger.DISCORD,
        user_id=officer.user_id,
        by=officer.by,
        run_number=row_id(run_number) or 0,
    )
    return _told(officer, row, result, Sentence.of("did_stop"))


@press("resume", values=2)
def resume_now(asker: Asker, guild_id: str, redemption_id: str) -> Answer:
    """Continue a run that is stopped or being stopped."""
    officer = officer_of(asker, guild_id, REDEEM)
    row = run_shown(officer, redemption_id).redemption
    result = resume_run(row, trigger=Trigger.DISCORD, user_id=officer.user_id, by=officer.by)
    return _told(officer, row, result, Sentence.of("did_resume"))


def _told(officer: Officer, row: Redemption, result: ActionResult, done: Sentence) -> Answer:
    """Record an action on a run, and show the run after it."""
    _dispatch(result)
    if result.kind is ActionKind.DONE:
        officer.log([row], done)
    said = result.message
    if result.running_id:
        said = refusals([result.running_id])[result.running_id]
    return _of_run(run_shown(officer, str(row.pk)), said=said)
