"""Start a run: take the lock, refuse the duplicate, in one short transaction."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from giftcodes import story
from giftcodes.models import (
    CodeState,
    EventKind,
    Redemption,
    RunState,
    Trigger,
    database_now,
)

#: A lock on the row is held for milliseconds; who finds it taken looks again twice.
LOOKS = 3
#: All that a refusal needs to know: refusing is what happens when many call at once, so it is cheap.
_GLANCE = ("state", "run_number", "guild__name", "gift_code__code", "gift_code__issue")


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


def start(*, guild_id: int, gift_code_id: int, trigger: Trigger, user_id: int | None = None) -> StartResult:
    """Start the run of a code for a guild, unless it runs already.

    The row is inserted and committed first. Then one durable transaction locks it without waiting, looks at its state,
    and either refuses or sets `running`. No network call happens under the lock.

    Args:
        guild_id: the guild's id.
        gift_code_id: the code's id.
        trigger: what asks. A person's trigger reopens more (docs/design.md, “Outcomes”).
        user_id: the user who pressed, where there is one.

    Returns:
        What became of it. `REFUSED`: a run is in progress; the refusal is journalled in a transaction of its own.

    Raises:
        Guild.DoesNotExist, GiftCode.DoesNotExist: there is no such row.
    """
    redemption_id = Redemption.objects.ensure(guild_id=guild_id, gift_code_id=gift_code_id)
    result = _look(redemption_id, trigger=trigger, user_id=user_id)
    for _ in range(LOOKS - 1):
        if result is not None:
            break
        time.sleep(random.uniform(0.004, 0.012))  # noqa: S311
        result = _look(redemption_id, trigger=trigger, user_id=user_id)
    if result is None:
        result = _busy(redemption_id)
    if result.kind in (StartKind.REFUSED, StartKind.BUSY) and not trigger.is_quiet:
        _journal_refusal(result, trigger=trigger, user_id=user_id)
    return result


def _busy(redemption_id: int) -> StartResult:
    """Somebody held the row at each look. If that is because it runs, then that is the answer."""
    redemption = Redemption.objects.select_related("guild", "gift_code").get(pk=redemption_id)
    if redemption.state == RunState.RUNNING:
        return _refused(redemption)
    return StartResult(StartKind.BUSY, redemption_id, f"{redemption} is being changed just now. Try again.")


def _look(redemption_id: int, *, trigger: Trigger, user_id: int | None) -> StartResult | None:
    """One try for the lock; None: somebody holds the row."""
    try:
        with transaction.atomic(durable=True):
            glance = Redemption.objects.locked(nowait=True).only(*_GLANCE).select_related("guild", "gift_code")
            seen = glance.get(pk=redemption_id)
            if seen.state == RunState.RUNNING and not trigger.is_quiet:
                return _refused(seen)
            redemption = Redemption.objects.select_related("guild", "gift_code").get(pk=redemption_id)
            result = _decide(redemption, trigger=trigger, user_id=user_id)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise
    if result.kind is StartKind.STARTED:
        guild, code = redemption.guild.name, str(redemption.gift_code)
        story.locked(guild, code)
        story.started(guild, code, members=redemption.members.open().count())
    return result


def _refused(redemption: Redemption) -> StartResult:
    words = story.duplicate_text(redemption.guild.name, str(redemption.gift_code))
    return StartResult(StartKind.REFUSED, redemption.pk, words)


def _decide(redemption: Redemption, *, trigger: Trigger, user_id: int | None) -> StartResult:
    """Under the row lock, and no duplicate: join, run, or say why not."""
    guild, code = redemption.guild.name, str(redemption.gift_code)
    obstacle = _obstacle(redemption, trigger)
    if obstacle:
        return StartResult(StartKind.NOT_ALLOWED, redemption.pk, obstacle)
    added = redemption.admit_members() + redemption.reopen_members(trigger)
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
    redemption.lock(trigger=trigger, user_id=user_id, now=database_now())
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


def _journal_refusal(result: StartResult, *, trigger: Trigger, user_id: int | None) -> None:
    """Write the refusal down, after the transaction that refused, and say it once."""
    glance = Redemption.objects.only(*_GLANCE, "gift_code_id").select_related("guild", "gift_code")
    redemption = glance.get(pk=result.redemption_id)
    detail = "" if result.kind is StartKind.REFUSED else result.message
    redemption.journal(EventKind.REFUSED, trigger=trigger, user_id=user_id, detail=detail)
    story.duplicate(redemption.guild.name, str(redemption.gift_code), trigger=trigger.value, user=str(user_id or ""))
