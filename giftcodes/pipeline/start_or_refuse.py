"""Start a run: take the lock or refuse the duplicate, in one short transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db import OperationalError, transaction
from django.utils.translation import gettext
from psycopg.errors import LockNotAvailable

from giftcodes.domain import log_lines, tracing
from giftcodes.domain.sentences import Sentence
from giftcodes.models import (
    DirectoryLookup,
    EventKind,
    GiftCode,
    Redemption,
    RunState,
    Trigger,
)
from giftcodes.models.directory import providers_with_directory
from giftcodes.models.participants import bring_in_members
from giftcodes.models.roles import is_user_limited
from giftcodes.models.start_rules import start_obstacle
from giftcodes.sql import fetch, statement

#: A row lock is held for a few ms. A transaction that holds it for longer than this was stopped or
#: cut off, so callers do not wait for it.
LOCK_TIMEOUT_MS = 250
#: How many times a call looks at the row. If the row is locked, the call waits, and looks again.
LOOKS = 3


class StartKind(StrEnum):
    STARTED = "started"
    JOINED = "joined"
    REFUSED = "refused"
    BUSY = "busy"
    NOT_ALLOWED = "not_allowed"
    NOTHING_TO_DO = "nothing_to_do"


@dataclass(frozen=True, slots=True)
class StartResult:
    """The result of a call of `start`, with a sentence for a person."""

    kind: StartKind
    redemption_id: int
    message: str

    @property
    def has_work(self) -> bool:
        """Whether there is something to dispatch or to finish."""
        return self.kind in (StartKind.STARTED, StartKind.JOINED)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of `start`."""

    redemption_id: int
    trigger: Trigger
    user_id: int | None
    by: str
    acts_as_officer: bool

    @property
    def is_limited(self) -> bool:
        """Whether the person may reopen only what an officer may.

        A person in Discord who has no account is an officer because of their Discord role.
        """
        if not self.trigger.is_person:
            return False
        is_by_role = self.trigger is Trigger.DISCORD and self.user_id is None
        return self.acts_as_officer or is_by_role or is_user_limited(self.user_id)


class _Look(NamedTuple):
    """What the statement `look` found.

    Args:
        is_locked: whether this call has locked the row. If so, the other fields are None.
        guild, code, issue, held_until: set only if `is_locked` is false. Then the redemption is
            running, these are its values, and the refusal of the call has been journalled.
    """

    is_locked: bool
    guild: str
    code: str
    issue: int
    held_until: datetime | None


def start(
    *,
    guild_id: int,
    gift_code_id: int,
    trigger: Trigger,
    user_id: int | None = None,
    by: str = "",
    acts_as_officer: bool = False,
) -> StartResult:
    """Start the run of a code for a guild, unless it is running already.

    If the redemption's row is missing, it is first inserted and committed. Then one durable
    transaction looks at the row. If no run is in progress, the row is locked and a run begins.
    Otherwise the duplicate is refused and journalled. No network call happens under the lock.

    Args:
        guild_id: the guild's id.
        gift_code_id: the code's id.
        trigger: what requests the run. A person's trigger reopens more rows
            (docs/reference/outcomes.md), and an administrator's more than an officer's.
        user_id: the user who asks, if there is one.
        by: who asks, if that is a person without an account. The journal names this person.
        acts_as_officer: whether the limits for officers hold, even for an administrator.

    Returns:
        The result. `REFUSED`: a run is in progress. `BUSY`: another transaction held the row
        for too long. Both are journalled unless the trigger is housekeeping
        (`Trigger.is_housekeeping`). Housekeeping is never refused: if a run is in progress, late
        members join it.

    Raises:
        django.db.IntegrityError: there is no such guild, or no such code.
        RuntimeError: called inside a transaction, which would hold the lock until its end.
    """
    redemption_id = Redemption.objects.ensure(guild_id=guild_id, gift_code_id=gift_code_id)
    if not trigger.is_housekeeping:
        # This comes before a person's trigger reopens rows, because `want` finds the members by
        # the state `needs_correction`. It only marks them as due: another task looks them up soon.
        DirectoryLookup.objects.want(providers_with_directory(), guild_id=guild_id)
    call = _Call(redemption_id, trigger, user_id, by, acts_as_officer)
    with tracing.span("start", redemption_id=redemption_id, trigger=trigger.value):
        result = _start(call)
        tracing.note(result=result.kind.value)
    return result


def refuse_running(
    pairs: Collection[tuple[int, int]], *, trigger: Trigger, user_id: int | None
) -> dict[tuple[int, int], str]:
    """Refuse and journal those of the requested runs that are in progress, in one statement.

    Args:
        pairs: the guild id and the code id of each run.
        trigger: what requests the runs.
        user_id: the user who asks, if there is one.

    Returns:
        The sentence for a person, by the guild id and the code id of each refused run. Runs that
        another transaction is changing just now are left out: `start` decides about them.

    Raises:
        RuntimeError: called inside a transaction, which would hold the shared locks until its end.
    """
    with transaction.atomic(durable=True):
        rows = fetch(
            statement("start_or_refuse", "refuse_running"),
            guilds=[guild_id for guild_id, _code_id in pairs],
            codes=[code_id for _guild_id, code_id in pairs],
            trigger=trigger.value,
            user=user_id,
        )
    refused: dict[tuple[int, int], str] = {}
    for guild_id, code_id, guild, code, issue in rows:
        words = str(GiftCode(code=code, issue=issue))
        log_lines.duplicate(guild, words, trigger=trigger.value, user=str(user_id or ""))
        refused[guild_id, code_id] = log_lines.duplicate_text(guild, words)
    return refused


def _start(call: _Call) -> StartResult:
    for _ in range(LOOKS):
        if result := _try_to_start(call):
            return result
    return _give_up(call)


def _try_to_start(call: _Call) -> StartResult | None:
    """Start the run or refuse it. Returns None if another transaction holds the row."""
    try:
        with transaction.atomic(durable=True):
            look = _look(call)
            if look is None:
                return None
            held_until = look.held_until
            if look.is_locked:
                redemption = (
                    Redemption.objects.for_update()
                    .select_related("guild", "gift_code")
                    .get(pk=call.redemption_id)
                )
                result = _start_locked(redemption, call)
                held_until = redemption.gift_code.held_until
    except OperationalError as error:
        # The error is caught outside the transaction, which accepts no more statements after it.
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise
    if held_until is not None and call.trigger.is_person:
        # A person who starts a run is taken to have looked at the code's unclear answers, so the
        # code is released. `release` limits how often. This happens after the commit, because a
        # transaction that holds a redemption's lock must not lock a code.
        GiftCode.objects.filter(redemptions=call.redemption_id).release()
    if not look.is_locked:
        return _refused(call, look.guild, str(GiftCode(code=look.code, issue=look.issue)))
    if result.kind is StartKind.STARTED:
        guild, code = redemption.guild.name, str(redemption.gift_code)
        log_lines.locked(guild, code)
        log_lines.started(guild, code, members=redemption.member_redemptions.open().count())
    return result


def _look(call: _Call) -> _Look | None:
    """Lock the row, or journal a refusal. Returns None if another transaction held the row."""
    rows = fetch(
        statement("start_or_refuse", "look"),
        id=call.redemption_id,
        is_housekeeping=call.trigger.is_housekeeping,
        trigger=call.trigger.value,
        user=call.user_id,
        by=call.by,
        lock_timeout=f"{LOCK_TIMEOUT_MS}ms",
    )
    return _Look(*rows[0]) if rows else None


def _refused(call: _Call, guild: str, code: str) -> StartResult:
    log_lines.duplicate(guild, code, trigger=call.trigger.value, user=str(call.user_id or ""))
    return StartResult(StartKind.REFUSED, call.redemption_id, log_lines.duplicate_text(guild, code))


def _give_up(call: _Call) -> StartResult:
    """Refuse after the last look. If a run is in progress now, the call is a normal duplicate."""
    redemption = Redemption.objects.select_related("guild", "gift_code").get(pk=call.redemption_id)
    names = {"code": str(redemption.gift_code), "guild": str(redemption.guild)}
    words = Sentence.of("run_busy", **names)
    busy = StartResult(StartKind.BUSY, redemption.pk, words)
    if call.trigger.is_housekeeping:
        return busy
    runs = redemption.state == RunState.RUNNING
    redemption.journal(
        EventKind.REFUSED,
        trigger=call.trigger,
        user_id=call.user_id,
        detail=call.by if runs else words,
    )
    result = _refused(call, redemption.guild.name, str(redemption.gift_code))
    return result if runs else busy


def _start_locked(redemption: Redemption, call: _Call) -> StartResult:
    """Join or start the run, or say why not. The row is locked, and the call is no duplicate."""
    guild, code, trigger = redemption.guild.name, str(redemption.gift_code), call.trigger
    if obstacle := start_obstacle(redemption, trigger):
        return StartResult(StartKind.NOT_ALLOWED, redemption.pk, obstacle.words)
    added = bring_in_members([redemption.pk], trigger, is_limited=call.is_limited)
    if redemption.state == RunState.RUNNING:
        return _join(redemption, added=added, trigger=trigger)
    if redemption.state != RunState.PENDING and not redemption.member_redemptions.open().exists():
        words = gettext(
            "Nothing to do for guild %(guild)s with code %(code)s: no member is left to be tried "
            "(%(served)s)."
        )
        served = redemption.shares_of(redemption.tally()).words
        names = {"guild": guild, "code": code, "served": served}
        return StartResult(StartKind.NOTHING_TO_DO, redemption.pk, words % names)
    redemption.begin_run(trigger=trigger, user_id=call.user_id, by=call.by)
    words = gettext("Started for guild %(guild)s with code %(code)s.") % {
        "guild": guild,
        "code": code,
    }
    return StartResult(StartKind.STARTED, redemption.pk, words)


def _join(redemption: Redemption, *, added: int, trigger: Trigger) -> StartResult:
    """Let late members join the run in progress that housekeeping has found."""
    if not added:
        return StartResult(
            StartKind.NOTHING_TO_DO, redemption.pk, gettext("All members are in the run already.")
        )
    words = Sentence.of("members_joined", number=added)
    redemption.journal(EventKind.JOINED, trigger=trigger, detail=words)
    return StartResult(StartKind.JOINED, redemption.pk, words)
