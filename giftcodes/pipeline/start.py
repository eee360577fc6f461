"""Start a run: take the lock, refuse the duplicate, in one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from giftcodes.domain import log_lines
from giftcodes.models import (
    CodeState,
    DirectoryLookup,
    EventKind,
    GiftCode,
    Redemption,
    RunState,
    Trigger,
)
from giftcodes.models.member_redemption import bring_in_members, settle_duplicates

#: A row lock is held for a few ms. Who holds it for longer than this is stopped or cut off, and nobody waits for that.
PATIENCE_MS = 250
#: Whoever finds the row taken waits for its holder, and then looks again.
LOOKS = 3

# The first look, which is all that a refusal takes (decision 8). `free`: the row does not run, and is locked
# from here on; housekeeping takes a running one too. Otherwise it runs, or somebody is about to start it: the shared
# lock waits for whoever changes the row, the state is judged, and the journal's line is written. Shared: refusals do
# not hinder each other. `patience` is joined, so that it holds before the lock is waited for.
_LOOK = """
WITH free AS MATERIALIZED (
    SELECT id FROM giftcodes_redemption WHERE id = %(id)s AND (state <> 'running' OR %(is_housekeeping)s)
    FOR NO KEY UPDATE SKIP LOCKED
), patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true)
), seen AS MATERIALIZED (
    SELECT r.id, r.state, r.run_number, r.gift_code_id, g.name, c.code, c.issue, c.held_until
    FROM patience
    CROSS JOIN giftcodes_redemption r
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
    WHERE r.id = %(id)s AND NOT %(is_housekeeping)s AND NOT EXISTS (SELECT FROM free)
    FOR SHARE OF r
), journal AS (
    INSERT INTO giftcodes_redemptionevent (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
    SELECT id, gift_code_id, 'refused', run_number, %(trigger)s, %(user)s, ''
    FROM seen WHERE state = 'running'
)
SELECT true, NULL, NULL, NULL, NULL FROM free
UNION ALL SELECT false, name, code, issue, held_until FROM seen WHERE state = 'running'
"""


class StartKind(StrEnum):
    STARTED = "started"
    JOINED = "joined"
    REFUSED = "refused"
    BUSY = "busy"
    NOT_ALLOWED = "not_allowed"
    NOTHING_TO_DO = "nothing_to_do"


@dataclass(frozen=True, slots=True)
class StartResult:
    """What became of the call, and the words for it."""

    kind: StartKind
    redemption_id: int
    message: str

    @property
    def has_work(self) -> bool:
        """There is something to dispatch, or to finish."""
        return self.kind in (StartKind.STARTED, StartKind.JOINED)


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked for, and by whom."""

    redemption_id: int
    trigger: Trigger
    user_id: int | None


def start(
    *, guild_id: int, gift_code_id: int, trigger: Trigger, user_id: int | None = None
) -> StartResult:
    """Start the run of a code for a guild, unless it runs already.

    The row is inserted and committed first. Then one durable transaction looks at it: either it is locked, not running,
    and a run begins; or it runs, and the duplicate is refused and journalled. No network call happens under the lock.

    Args:
        guild_id: the guild's id.
        gift_code_id: the code's id.
        trigger: what asks. A person's trigger reopens more (docs/reference/outcomes.md).
        user_id: the user who pressed, where there is one.

    Returns:
        What became of it. `REFUSED`: a run is in progress. `BUSY`: somebody held the row for longer than anybody waits.
        Both are journalled. Housekeeping (`Trigger.is_housekeeping`) is not refused: it joins the run.

    Raises:
        django.db.IntegrityError: there is no such guild, or no such code.
        RuntimeError: called inside a transaction, which would hold the lock for as long as it lasts.
    """
    redemption_id = Redemption.objects.ensure(guild_id=guild_id, gift_code_id=gift_code_id)
    if not trigger.is_housekeeping:
        # Before a person's trigger opens their rows again: who needs correction is looked up soon, by another task.
        games = [config.name for config in settings.PROVIDERS.values() if config.has_directory]
        DirectoryLookup.objects.want(games, guild_id=guild_id)
    call = _Call(redemption_id, trigger, user_id)
    for _ in range(LOOKS):
        if result := _look(call):
            return result
    return _give_up(call)


def _look(call: _Call) -> StartResult | None:
    """Start, or refuse; None: somebody held the row, and has let it go without a run, or still holds it."""
    try:
        with transaction.atomic(durable=True):
            found = _ask(call)
            if found is None:
                return None
            is_ours, guild, code, issue, held_until = found
            if is_ours:
                redemption = (
                    Redemption.objects.for_update()
                    .select_related("guild", "gift_code")
                    .get(pk=call.redemption_id)
                )
                result = _judge(redemption, trigger=call.trigger, user_id=call.user_id)
                held_until = redemption.gift_code.held_until
    except OperationalError as error:
        # Caught outside of the transaction: nothing more could be asked inside of it.
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise
    if held_until is not None and call.trigger.is_person:
        # A person has looked at the unclear answers. Apart from the lock, whose order it is not in.
        GiftCode.objects.filter(redemptions=call.redemption_id).release()
    if not is_ours:
        return _refused(call, guild, str(GiftCode(code=code, issue=issue)))
    if result.kind is StartKind.STARTED:
        guild, code = redemption.guild.name, str(redemption.gift_code)
        log_lines.locked(guild, code)
        log_lines.started(guild, code, members=redemption.member_redemptions.open().count())
    return result


def _ask(call: _Call) -> Any:
    """The row of `_LOOK`, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            _LOOK,
            {
                "id": call.redemption_id,
                "is_housekeeping": call.trigger.is_housekeeping,
                "trigger": call.trigger.value,
                "user": call.user_id,
                "patience": f"{PATIENCE_MS}ms",
            },
        )
        return cursor.fetchone()


def _refused(call: _Call, guild: str, code: str) -> StartResult:
    log_lines.duplicate(guild, code, trigger=call.trigger.value, user=str(call.user_id or ""))
    return StartResult(StartKind.REFUSED, call.redemption_id, log_lines.duplicate_text(guild, code))


def _give_up(call: _Call) -> StartResult:
    """Somebody held the row at each look. If that is because it runs, then that is the answer."""
    redemption = Redemption.objects.select_related("guild", "gift_code").get(pk=call.redemption_id)
    words = f"{redemption} is being changed just now. Try again."
    if call.trigger.is_housekeeping:
        return StartResult(StartKind.BUSY, redemption.pk, words)
    runs = redemption.state == RunState.RUNNING
    redemption.journal(
        EventKind.REFUSED, trigger=call.trigger, user_id=call.user_id, detail="" if runs else words
    )
    result = _refused(call, redemption.guild.name, str(redemption.gift_code))
    return result if runs else StartResult(StartKind.BUSY, redemption.pk, words)


def _judge(redemption: Redemption, *, trigger: Trigger, user_id: int | None) -> StartResult:
    """Under the row lock, and no duplicate: join, run, or say why not."""
    guild, code = redemption.guild.name, str(redemption.gift_code)
    obstacle = obstacle_to(redemption, trigger)
    if obstacle:
        return StartResult(StartKind.NOT_ALLOWED, redemption.pk, obstacle)
    added = bring_in_members(redemption, trigger)
    settle_duplicates(redemption_ids=[redemption.pk])
    if redemption.state == RunState.RUNNING:
        return _join(redemption, added=added, trigger=trigger)
    if redemption.state != RunState.PENDING and not redemption.member_redemptions.open().exists():
        settled = redemption.member_redemptions.settled().count()
        return StartResult(
            StartKind.NOTHING_TO_DO,
            redemption.pk,
            f"Nothing to do for guild {guild} with code {code}: nobody is left to be tried ({settled} have it).",
        )
    redemption.begin_run(trigger=trigger, user_id=user_id)
    return StartResult(
        StartKind.STARTED, redemption.pk, f"Started for guild {guild} with code {code}."
    )


def obstacle_to(redemption: Redemption, trigger: Trigger) -> str:
    """Why no run may start now, in words; empty: it may."""
    guild, gift_code = redemption.guild, redemption.gift_code
    if not guild.active:
        return f"Guild {guild} is inactive. Activate it first."
    if guild.provider != gift_code.provider:
        return f"Code {gift_code} belongs to another game than guild {guild}."
    if not settings.PROVIDERS[guild.provider].is_on:
        return f"{settings.PROVIDERS[guild.provider].title} is off: {guild.provider.upper()}_SALT is not set."
    if gift_code.state != CodeState.ACTIVE:
        hint = "Reopen it first." if gift_code.state == CodeState.CLOSED else ""
        return f"Code {gift_code} is {gift_code.get_state_display()}. {gift_code.reason} {hint}".strip()
    if redemption.state == RunState.STOPPED and not trigger.is_person:
        return f"Stopped by a person for guild {guild} with code {gift_code}; only a person starts it again."
    if redemption.is_stopping:
        return f"Being stopped for guild {guild} with code {gift_code}."
    return ""


def _join(redemption: Redemption, *, added: int, trigger: Trigger) -> StartResult:
    """Housekeeping found a run in progress: late members join it."""
    if not added:
        return StartResult(
            StartKind.NOTHING_TO_DO, redemption.pk, "Everybody is in the run already."
        )
    redemption.journal(
        EventKind.JOINED, trigger=trigger, detail=f"{added} member(s) joined the run."
    )
    return StartResult(StartKind.JOINED, redemption.pk, f"{added} member(s) joined the run.")
