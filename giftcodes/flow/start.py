"""Start a run: take the lock, refuse the duplicate, in one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from giftcodes import story
from giftcodes.models import (
    CodeState,
    EventKind,
    GiftCode,
    Redemption,
    RunState,
    Trigger,
)

#: A row lock is held for a few ms. Who holds it for longer than this is stopped or cut off, and nobody waits for that.
PATIENCE_MS = 250
#: Whoever finds the row taken waits for its holder, and then looks again.
LOOKS = 3

# The refusal, whole, as one transaction of one statement (docs/decisions/0008). Where the row is free and does not run,
# nothing is done. Otherwise it runs, or somebody is about to start it: the shared row lock waits for whoever changes
# the row, then its state is judged, and the journal's line is written. Shared: refusals do not hinder each other.
# `patience` is joined, so that it holds before the lock is waited for.
_REFUSE = """
WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true)
), free AS MATERIALIZED (
    SELECT id FROM giftcodes_redemption
    WHERE guild_id = %(guild)s AND gift_code_id = %(code)s AND state <> 'running'
    FOR NO KEY UPDATE SKIP LOCKED
), seen AS MATERIALIZED (
    SELECT r.id, r.state, r.run_number, r.gift_code_id, g.name, c.code, c.issue
    FROM patience
    CROSS JOIN giftcodes_redemption r
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
    WHERE r.guild_id = %(guild)s AND r.gift_code_id = %(code)s AND NOT EXISTS (SELECT FROM free)
    FOR SHARE OF r
), journal AS (
    INSERT INTO giftcodes_redemptionevent (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
    SELECT id, gift_code_id, 'refused', run_number, %(trigger)s, %(user)s, ''
    FROM seen WHERE state = 'running'
)
SELECT id, name, code, issue FROM seen WHERE state = 'running'
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

    guild_id: int
    gift_code_id: int
    trigger: Trigger
    user_id: int | None


def start(*, guild_id: int, gift_code_id: int, trigger: Trigger, user_id: int | None = None) -> StartResult:
    """Start the run of a code for a guild, unless it runs already.

    A duplicate is refused by one statement under the shared row lock. Where nothing runs, the row is inserted and
    committed, and one durable transaction locks it without waiting, looks at its state again, and either refuses or
    sets `running`. No network call happens under either lock.

    Args:
        guild_id: the guild's id.
        gift_code_id: the code's id.
        trigger: what asks. A person's trigger reopens more (docs/design.md, “Outcomes”).
        user_id: the user who pressed, where there is one.

    Returns:
        What became of it. `REFUSED`: a run is in progress. `BUSY`: somebody held the row for longer than anybody waits.
        Both are journalled. Housekeeping (`Trigger.is_quiet`) is not refused: it joins the run.

    Raises:
        django.db.IntegrityError: there is no such guild, or no such code.
        RuntimeError: called inside a transaction, which would hold the lock for as long as it lasts.
    """
    _refuse_foreign_transactions()
    call = _Call(guild_id=guild_id, gift_code_id=gift_code_id, trigger=trigger, user_id=user_id)
    for _ in range(LOOKS):
        if result := _refuse(call) or _decide(call):
            return result
    return _give_up(call)


def _refuse_foreign_transactions() -> None:
    """What is decided below commits by itself. This costs nothing: no statement, no BEGIN."""
    with transaction.atomic(durable=True):
        pass


def _refuse(call: _Call) -> StartResult | None:
    """Refuse and journal the duplicate; None: nothing runs, or somebody holds the row for longer than anybody waits."""
    if call.trigger.is_quiet:
        return None
    parameters: dict[str, str | int | None] = {
        "guild": call.guild_id,
        "code": call.gift_code_id,
        "trigger": call.trigger.value,
        "user": call.user_id,
        "patience": f"{PATIENCE_MS}ms",
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(_REFUSE, parameters)
            found = cursor.fetchone()
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise
    if found is None:
        return None
    redemption_id, guild, code, issue = found
    return _refused(redemption_id, guild, str(GiftCode(code=code, issue=issue)), call)


def _decide(call: _Call) -> StartResult | None:
    """Under the row lock: start, join, or say why not. None: somebody else holds it."""
    redemption_id = Redemption.objects.ensure(guild_id=call.guild_id, gift_code_id=call.gift_code_id)
    with transaction.atomic(durable=True):
        if not Redemption.objects.try_lock(redemption_id):
            return None
        redemption = Redemption.objects.locked().select_related("guild", "gift_code").get(pk=redemption_id)
        guild, code = redemption.guild.name, str(redemption.gift_code)
        is_duplicate = redemption.state == RunState.RUNNING and not call.trigger.is_quiet
        if is_duplicate:
            redemption.journal(EventKind.REFUSED, trigger=call.trigger, user_id=call.user_id)
        else:
            result = _judge(redemption, trigger=call.trigger, user_id=call.user_id)
    if is_duplicate:
        return _refused(redemption_id, guild, code, call)
    if result.kind is StartKind.STARTED:
        story.locked(guild, code)
        story.started(guild, code, members=redemption.members.open().count())
    return result


def _refused(redemption_id: int, guild: str, code: str, call: _Call) -> StartResult:
    story.duplicate(guild, code, trigger=call.trigger.value, user=str(call.user_id or ""))
    return StartResult(StartKind.REFUSED, redemption_id, story.duplicate_text(guild, code))


def _give_up(call: _Call) -> StartResult:
    """Somebody held the row at each look. If that is because it runs, then that is the answer."""
    rows = Redemption.objects.select_related("guild", "gift_code")
    redemption = rows.get(guild_id=call.guild_id, gift_code_id=call.gift_code_id)
    words = f"{redemption} is being changed just now. Try again."
    if call.trigger.is_quiet:
        return StartResult(StartKind.BUSY, redemption.pk, words)
    runs = redemption.state == RunState.RUNNING
    redemption.journal(EventKind.REFUSED, trigger=call.trigger, user_id=call.user_id, detail="" if runs else words)
    result = _refused(redemption.pk, redemption.guild.name, str(redemption.gift_code), call)
    return result if runs else StartResult(StartKind.BUSY, redemption.pk, words)


def _judge(redemption: Redemption, *, trigger: Trigger, user_id: int | None) -> StartResult:
    """Under the row lock, and no duplicate: join, run, or say why not."""
    guild, code = redemption.guild.name, str(redemption.gift_code)
    obstacle = _obstacle(redemption, trigger)
    if obstacle:
        return StartResult(StartKind.NOT_ALLOWED, redemption.pk, obstacle)
    added = redemption.bring_in_members(trigger)
    redemption.cover_members()
    if redemption.state == RunState.RUNNING:
        return _join(redemption, added=added, trigger=trigger)
    if redemption.state != RunState.PENDING and not redemption.members.open().exists():
        settled = redemption.members.settled().count()
        return StartResult(
            StartKind.NOTHING_TO_DO,
            redemption.pk,
            f"Nothing to do for guild {guild} with code {code}: nobody is left to be tried ({settled} have it).",
        )
    redemption.lock(trigger=trigger, user_id=user_id)
    return StartResult(StartKind.STARTED, redemption.pk, f"Started for guild {guild} with code {code}.")


def _obstacle(redemption: Redemption, trigger: Trigger) -> str:
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
        return StartResult(StartKind.NOTHING_TO_DO, redemption.pk, "Everybody is in the run already.")
    redemption.journal(EventKind.JOINED, trigger=trigger, detail=f"{added} member(s) joined the run.")
    return StartResult(StartKind.JOINED, redemption.pk, f"{added} member(s) joined the run.")
