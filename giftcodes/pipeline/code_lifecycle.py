"""Close, probe and reopen codes, and cancel the rows that wait for a closed code.

`GiftCode.apply_response` applies what the game says about a code.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from giftcodes.domain import log_lines
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.transitions import State
from giftcodes.models import (
    CancelKind,
    CodeSighting,
    CodeState,
    EventKind,
    GiftCode,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
    database_now,
)
from giftcodes.models.clock import clock_plus
from giftcodes.models.code_spellings import LIFE_FIELDS, REOPENED_FIELDS
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.member_redemption import REFUSED_FOR
from giftcodes.models.participants import settle_duplicates

BATCH = 500


def cancel_waiting(gift_code_id: int) -> list[int]:
    """Cancel the rows that wait for a code that is no longer open. No request is sent for them.

    Rows in flight are left to finish.

    Returns:
        The ids of the redemptions that may be over now.
    """
    code = GiftCode.objects.get(pk=gift_code_id)
    if code.is_open:
        return []
    touched: list[int] = []
    while batch := _cancel_batch(code):
        touched.extend(batch)
    return touched


@transaction.atomic
def _cancel_batch(code: GiftCode) -> list[int]:
    waiting = MemberRedemption.objects.pending().filter(redemption=OuterRef("pk"))
    ids = list(
        Redemption.objects.filter(Exists(waiting), gift_code=code)
        .order_by("pk")
        .values_list("pk", flat=True)[:BATCH]
    )
    redemptions = list(Redemption.objects.filter(pk__in=ids).for_update())
    # The code is read again under the locks, because it may have been reopened.
    code.refresh_from_db()
    if code.is_open or not redemptions:
        return []
    MemberRedemption.objects.filter(redemption__in=ids).cancel(
        CancelKind.CODE_CLOSED, _unasked_reason(code)
    )
    RedemptionEvent.objects.bulk_create(
        RedemptionEvent(
            redemption=row,
            gift_code=code,
            kind=EventKind.CODE_CLOSED,
            run_number=row.run_number,
            detail=code.reason,
        )
        for row in redemptions
    )
    Redemption.objects.filter(pk__in=ids, state=RunState.PENDING).update(state=RunState.COMPLETE)
    return ids


def _unasked_reason(code: GiftCode) -> Sentence:
    if not code.reason:
        return Sentence.of("no_request_sent")
    return Sentence.of("code_closed_unasked", why=code.reason)


def reopen(gift_code_id: int, *, trigger: Trigger, user_id: int | None = None) -> str:
    """Open a closed code again.

    Returns:
        An empty string, or the reason why the code was not reopened.
    """
    with transaction.atomic():
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
        if code.state == CodeState.ACTIVE:
            return f"Code {code} is active."
        if code.newer_issues().exists():
            return f"Code {code} has been issued again; reopen the newest issue."
        code.reopen(database_now())
        code.save(update_fields=REOPENED_FIELDS)
        _journal_reopened(code, trigger=trigger, user_id=user_id)
    log_lines.info(f"🔁 Code {code} is open again.", code=str(code), trigger=trigger.value)
    return ""


def note_reopened(gift_code_id: int) -> None:
    """Journal that a closed code is open again.

    The game has answered that the code works, and `GiftCode.apply_response` has reopened it.
    """
    code = GiftCode.objects.get(pk=gift_code_id)
    _journal_reopened(code, trigger=Trigger.PROBE, user_id=None)
    log_lines.info(f"🔁 Code {code} works again.", code=str(code))


def _journal_reopened(code: GiftCode, *, trigger: Trigger, user_id: int | None) -> None:
    RedemptionEvent.objects.create(
        gift_code=code, kind=EventKind.CODE_REOPENED, trigger=trigger, user_id=user_id
    )


def close(
    gift_code_id: int, *, reason: str, user_id: int | None = None, forever: bool = False
) -> str:
    """Close a code by hand.

    Args:
        gift_code_id: the code.
        reason: a sentence for a person.
        user_id: the user, if there is one.
        forever: mark the code as deleted, so that the feed cannot bring it back.

    Returns:
        An empty string, or the reason why nothing was done.
    """
    with transaction.atomic():
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
        goal = CodeState.DELETED if forever else CodeState.CLOSED
        if code.state == goal or (code.state == CodeState.DELETED and not forever):
            return f"Code {code} is {code.get_state_display()} already."
        code.close(reason, outcome=None, now=database_now())
        code.state = goal
        code.save(update_fields=LIFE_FIELDS)
        RedemptionEvent.objects.create(
            gift_code=code,
            kind=EventKind.CODE_CLOSED,
            trigger=Trigger.ADMIN,
            user_id=user_id,
            detail=reason,
        )
    return ""


def close_ended(isolation: FailureIsolation) -> list[int]:
    """Close the codes whose end has come, without asking the game.

    A person or the feed has set that end.

    Args:
        isolation: the caller's `FailureIsolation`.

    Returns:
        The ids of the closed codes.
    """
    open_codes = GiftCode.objects.filter(state__in=OPEN_STATES)
    ended = open_codes.filter(expires_at__lte=database_now()).values_list("pk", flat=True)
    return [pk for pk in ended if isolation.call(f"code {pk}", _close_ended, pk)]


def _close_ended(gift_code_id: int) -> bool:
    with transaction.atomic():
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
        now = database_now()
        if not code.is_open or code.expires_at is None or code.expires_at > now:
            return False
        if code.has_end_of_feed and CodeSighting.objects.lists_without_end(code):
            # One feed says that the code has ended, and another one still lists it without an end.
            # So the end is removed, and the game decides, with the answers for two members. In this
            # way, one feed with wrong ends cannot close a code too early.
            code.expires_at = code.feed_end = None
            code.save(update_fields=["expires_at", "feed_end"])
            return False
        key = "code_ended_by_feed" if code.has_end_of_feed else "code_ended_by_hand"
        reason = Sentence.of(key, at=f"{code.expires_at:%Y-%m-%d %H:%M}")
        code.close(reason, outcome=None, now=now)
        code.save(update_fields=LIFE_FIELDS)
        RedemptionEvent.objects.create(
            gift_code=code, kind=EventKind.CODE_CLOSED, trigger=Trigger.SWEEP, detail=reason
        )
    log_lines.info(f"⌛ Code {code} has ended.", code=str(code))
    return True


def probe_due(isolation: FailureIsolation) -> list[int]:
    """Probe the closed codes whose next probe is due, by opening one row of each code again.

    A code in the state `probing` without an open row is probed again, too.

    Args:
        isolation: the caller's `FailureIsolation`.

    Returns:
        The ids of the redemptions that run for a probe.
    """
    open_rows = MemberRedemption.objects.open().filter(gift_code=OuterRef("pk"))
    due = GiftCode.objects.filter(state=CodeState.CLOSED, next_probe_at__lte=database_now())
    orphaned = GiftCode.objects.filter(~Exists(open_rows), state=CodeState.PROBING)
    ids = [*due.values_list("pk", flat=True), *orphaned.values_list("pk", flat=True)]
    probed = (isolation.call(f"code {pk}", _probe, pk) for pk in ids)
    return [pk for pk in probed if pk is not None]


def _probe(gift_code_id: int) -> int | None:
    """Open one row of a code again, for a member whom the game knows.

    The row with the fewest claims is chosen. Of several such rows, it is the one that changed
    longest ago.

    Returns:
        The id of the redemption that runs for the probe. None if the code is not probed.
    """
    closed = Q(state=State.CANCELLED, cancel_kind=CancelKind.CODE_CLOSED)
    limited = Q(state=State.NOT_ELIGIBLE, outcome=Outcome.CLAIM_LIMIT)
    with transaction.atomic(durable=True):
        candidate = (
            MemberRedemption.objects.filter(
                closed | limited,
                gift_code_id=gift_code_id,
                member__active=True,
                member__opted_out=False,
                redemption__guild__active=True,
            )
            .exclude(redemption__state=RunState.STOPPED)
            .exclude(member__refused_at__gt=clock_plus(-REFUSED_FOR.total_seconds()))
            .order_by("token", "updated_at", "pk")
            .first()
        )
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
        if code.state not in (CodeState.CLOSED, CodeState.PROBING):
            return None
        if candidate is None or code.newer_issues().exists():
            _give_up_probing(code)
            return None
        code.state, code.next_probe_at = CodeState.PROBING, None
        code.save(update_fields=["state", "next_probe_at"])
        redemption = Redemption.objects.for_update().get(pk=candidate.redemption_id)
        MemberRedemption.objects.filter(pk=candidate.pk, state=candidate.state).requeue()
        settle_duplicates(redemption_ids=[redemption.pk])
        if redemption.state != RunState.RUNNING:
            redemption.begin_run(trigger=Trigger.PROBE, user_id=None)
    log_lines.info(
        f"🔎 Code {code} is tried once more.", code=str(code), member=candidate.player_id
    )
    return redemption.pk


def _give_up_probing(code: GiftCode) -> None:
    """Stop probing a code for which no member can be asked, or which has a newer issue.

    It stays closed until it is reopened or published again.
    """
    code.give_up_probing()
    code.save(update_fields=LIFE_FIELDS)
