"""Alarms: raise and clear them by their causes, and send the operator one notice of each change."""

from __future__ import annotations

import datetime as dt
import operator
from dataclasses import dataclass
from functools import reduce

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from giftcodes import site_address
from giftcodes.clients.channels import (
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.domain import log_lines
from giftcodes.domain.lists import joined
from giftcodes.domain.sentences import Sentence, english, stored
from giftcodes.models import Alarm, AlarmNotice, Clock, Cursor, DeliveryState, database_now
from giftcodes.models.clock import clock_plus
from giftcodes.models.site_settings import operator_channel, operator_rules
from giftcodes.notifications import causes, outbox
from giftcodes.notifications.causes import PATIENCE, Finding
from giftcodes.queries.heartbeat import SILENT_SECONDS, silent_seconds

#: If the last check is older than this, the system was down. Then the suspected alarms (whose cause
#: has not lasted long enough yet) are deleted, and their causes must last their full time again.
BLIND_AFTER = dt.timedelta(minutes=5)
#: The most notices in one message, lines in its text, and characters in a line.
BATCH, LINES, LINE_LENGTH = 1_000, 15, 240
#: The most rows in one statement, because PostgreSQL accepts at most 65,535 parameters. If
#: there are more alarms to raise or clear, the next pass raises or clears the rest.
_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Changes:
    """How many alarms were raised, and how many cleared."""

    raised: int
    cleared: int


def evaluate() -> Changes:
    """Look for all causes once, in a fixed number of statements.

    This is called by a task that Celery beat schedules. So each call proves that beat works, and
    clears the alarm `BEAT_SILENT`.
    """
    with transaction.atomic():
        _forget_after_a_gap()
        found = causes.find()
        over = _compare_with(found)
        raised = _raise_what_lasted()
        cleared = Alarm.objects.filter(pk__in=over[:_ROWS]).clear_all() if over else 0
    if cleared:
        log_lines.info(f"🔔 {cleared} alarm(s) are over.")
    return Changes(raised, cleared)


def check_beat(*, running_seconds: float) -> bool:
    """Raise an alarm and send its notice if beat has been silent for too long.

    The site's process calls this. A task cannot, because beat or the workers may be down.

    Args:
        running_seconds: how long the caller has been running. Right after a restart of the whole
            system, the last tick is old only because the workers have just started, too. So no
            alarm is raised until the caller has run for long enough.

    Returns:
        Whether the alarm is new.
    """
    silent = silent_seconds()
    if min(silent, running_seconds) < SILENT_SECONDS:
        return False
    kind = Alarm.Kind.BEAT_SILENT
    if Alarm.objects.standing().filter(kind=kind).exists():
        return False
    message = Sentence.of("beat_silent", seconds=f"{silent:.0f}", command=settings.START_COMMAND)
    is_new = Alarm.objects.raise_once(kind, "beat", message)
    if is_new:
        log_lines.warning(f"🔔 {english(message)}")
        send_notices()
    return is_new


def _forget_after_a_gap() -> None:
    if not Cursor.move_to_now("alarms", longest_gap=BLIND_AFTER):
        Alarm.objects.filter(raised_at__isnull=True).delete()


def _compare_with(found: list[Finding]) -> list[int]:
    """Add a suspected alarm for each new cause, and delete suspected alarms without a cause.

    Returns:
        The ids of the raised alarms whose cause is over.
    """
    here = {(finding.kind.value, finding.subject): finding.message for finding in found}
    known = list(Alarm.objects.filter(cleared_at__isnull=True))
    gone = [alarm for alarm in known if (alarm.kind, alarm.subject) not in here]
    _refresh_messages(known, here)
    forgotten = [alarm.pk for alarm in gone if alarm.raised_at is None]
    for begin in range(0, len(forgotten), _ROWS):
        some = forgotten[begin : begin + _ROWS]
        Alarm.objects.filter(pk__in=some, raised_at__isnull=True).delete()
    Alarm.objects.bulk_create(
        [Alarm(**finding._asdict(), raised_at=None) for finding in found],
        ignore_conflicts=True,
        batch_size=_ROWS,
    )
    judged_here = {*PATIENCE, Alarm.Kind.BEAT_SILENT}
    return [alarm.pk for alarm in gone if alarm.raised_at and alarm.kind in judged_here]


def _refresh_messages(known: list[Alarm], here: dict[tuple[str, str], Sentence]) -> None:
    """Keep the messages of alarms up to date, because some say a number that changes."""
    changed = []
    for alarm in known:
        message = here.get((alarm.kind, alarm.subject), alarm.message)
        if stored(message) != stored(alarm.message):
            alarm.message = message
            changed.append(alarm)
    if changed:
        Alarm.objects.bulk_update(changed[:_ROWS], ["message"], batch_size=_ROWS)


def _raise_what_lasted() -> int:
    """Raise the suspected alarms whose cause has lasted long enough. Returns how many."""
    lasted = reduce(
        operator.or_,
        (
            Q(kind=kind, suspected_at__lt=clock_plus(-patience.total_seconds()))
            for kind, patience in PATIENCE.items()
        ),
    )
    suspected = Alarm.objects.select_for_update().filter(lasted, raised_at__isnull=True)
    messages = dict(suspected.order_by("pk").values_list("pk", "message")[:_ROWS])
    if messages:
        Alarm.objects.filter(pk__in=messages).update(raised_at=Clock())
        AlarmNotice.objects.queue(messages, AlarmNotice.Kind.RAISED)
    for message in list(messages.values())[:LINES]:
        log_lines.warning(f"🔔 {english(message)}")
    return len(messages)


# --- The operator's channel ----------------------------------------------------------------------
def has_notices() -> bool:
    """Whether a notice waits, and the operator has a channel."""
    waiting = AlarmNotice.objects.filter(state=DeliveryState.WAITING)
    return bool(operator_channel()) and waiting.exists()


def send_notices() -> int:
    """Send the waiting notices in one message.

    If it is unknown whether the message was posted, the message is not sent again.

    Returns:
        How many notices were in the message.
    """
    if not operator_channel():
        return 0
    claims = _claim()
    if not claims:
        return 0
    notices = list(AlarmNotice.objects.filter(pk__in=claims).select_related("alarm").order_by("pk"))
    _record(claims, _deliver(_message(notices)), tries=max(notice.tries for notice in notices))
    return len(claims)


@transaction.atomic(durable=True)
def _claim() -> dict[int, int]:
    """Claim the waiting notices, oldest first.

    No notice is claimed while others are being sent, or during a back-off.

    Returns:
        The token of each claimed notice, by its id.
    """
    outbox.recover(AlarmNotice)
    waiting = AlarmNotice.objects.select_for_update().filter(state=DeliveryState.WAITING)
    notices = list(waiting.order_by("pk")[:BATCH])
    now = database_now()
    if any(
        notice.lease_until or (notice.next_attempt_at and notice.next_attempt_at > now)
        for notice in notices
    ):
        return {}
    return outbox.claim(AlarmNotice, [notice.pk for notice in notices], sending_at=Clock())


def _message(notices: list[AlarmNotice]) -> Message:
    raised = sum(notice.kind == AlarmNotice.Kind.RAISED for notice in notices)
    lines = [_line(notice) for notice in notices[:LINES]]
    if more := len(notices) - len(lines):
        lines.append(gettext("… and %d more.") % more)
    return Message(
        title=_title(raised, len(notices) - raised),
        text="\n".join(lines),
        url=site_address.link("/admin/giftcodes/alarm/"),
        severity=Severity.ALARM if raised else Severity.GOOD,
    )


def _title(raised: int, cleared: int) -> str:
    parts = []
    if raised:
        parts.append(gettext("🔔 Raised: %d") % raised)
    if cleared:
        parts.append(gettext("✅ Over: %d") % cleared)
    return joined(parts)


def _line(notice: AlarmNotice) -> str:
    sign = "🔔" if notice.kind == AlarmNotice.Kind.RAISED else gettext("✅ Over:")
    return f"{sign} {shortened(notice.alarm.message, LINE_LENGTH)}"


def _deliver(message: Message) -> Delivery:
    try:
        client = outbox.channel_client(operator_channel(), operator_rules())
    except BadAddressError as error:
        words = Sentence.of("operator_channel_wrong", why=error.sentence)
        return Delivery(DeliveryOutcome.REFUSED, error=words)
    return client.create(message)


def _record(claims: dict[int, int], delivery: Delivery, *, tries: int) -> None:
    ours = outbox.held(AlarmNotice, claims)
    if delivery.outcome is DeliveryOutcome.DELIVERED:
        ours.update(
            state=outbox.FINAL_STATES[delivery.outcome],
            sent_at=Clock(),
            error="",
            lease_until=None,
            next_attempt_at=None,
        )
        return
    log_lines.warning(f"🔔 The operator's channel: {delivery.error}")
    if delivery.outcome is not DeliveryOutcome.LATER:
        outbox.give_up(ours, outbox.FINAL_STATES[delivery.outcome], delivery.error)
        return
    delay = max(outbox.delay_seconds(tries + 1), delivery.wait_seconds)
    ours.update(
        sending_at=None,
        lease_until=None,
        tries=tries + 1,
        error=delivery.error,
        next_attempt_at=clock_plus(delay),
    )
