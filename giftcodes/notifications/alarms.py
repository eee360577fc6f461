"""Alarms: find what needs a person, set-based, and tell the operator once when it begins and once when it is over."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from giftcodes import site_address
from giftcodes.clients.channels import (
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    announcer_for,
    shortened,
)
from giftcodes.domain import log_lines
from giftcodes.domain.backoff import retry_delay_seconds
from giftcodes.models import Alarm, AlarmNotice, Clock, DeliveryState
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import CONNECT_SECONDS, LEASE_MARGIN_SECONDS, LONGEST_DELAY_SECONDS

#: How long it must have been so, until it is an alarm.
PATIENCE = {
    Alarm.Kind.CODE_ODD: dt.timedelta(0),
    Alarm.Kind.FEED_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.UNCOVERED: dt.timedelta(minutes=30),
    Alarm.Kind.NO_MEMBERS: dt.timedelta(minutes=30),
    Alarm.Kind.CHANNEL_SILENT: dt.timedelta(hours=1),
    Alarm.Kind.DIRECTORY_KEY: dt.timedelta(),
    Alarm.Kind.DIRECTORY_FAILING: dt.timedelta(days=1),
}
#: Who has not looked for so long was down, and so was everything: what was suspected before counts from now.
BLIND_AFTER = dt.timedelta(minutes=5)
#: A feed that has not answered for so long is suspected, although nobody notes a failure.
QUIET_AFTER = dt.timedelta(minutes=15)
#: Notices in one message, lines of it, and characters of a line.
BATCH, LINES, LINE_LENGTH = 1_000, 15, 240

_FINDINGS = """
SELECT 'feed_silent', f.provider,
       'The feed of ' || f.provider || ' has failed or been silent for an hour: '
       || coalesce(nullif(f.error, ''), 'nobody asks it.')
FROM giftcodes_feed f
WHERE f.enabled AND f.provider = ANY(%(feeds)s)
  AND (f.failures > 0 OR f.answered_at IS NULL OR f.answered_at < clock_timestamp() - %(quiet)s)
UNION ALL
SELECT 'code_odd', c.id::text,
       'Code ' || c.code || ' gets answers that are not known here, last: ' || c.odd_answer
       || '. It is held back, and other codes go on. Look at its requests. Close it, or press Redeem now to try again.'
FROM giftcodes_giftcode c
WHERE c.held_until IS NOT NULL AND c.state IN ('active', 'probing') AND c.provider = ANY(%(games)s)
UNION ALL
SELECT 'no_members', g.id::text,
       'Guild ' || g.name || ' redeems automatically, and has no member. Add its members, or switch it off.'
FROM giftcodes_guild g
WHERE g.active AND g.automatic AND g.provider = ANY(%(games)s)
  AND NOT EXISTS (SELECT FROM giftcodes_member m WHERE m.guild_id = g.id AND m.active AND NOT m.opted_out)
UNION ALL
SELECT 'uncovered', g.id::text,
       'Guild ' || g.name || ' has waited for 30 minutes for a run of an active code, although its game works.'
FROM giftcodes_guild g
WHERE g.active AND g.automatic AND g.provider = ANY(%(games)s)
  AND NOT EXISTS (SELECT FROM giftcodes_ratebudget b WHERE b.provider = g.provider AND b.pause_kind <> '')
  AND EXISTS (
      SELECT FROM giftcodes_giftcode c
      WHERE c.provider = g.provider AND c.state = 'active'
        AND NOT EXISTS (
            SELECT FROM giftcodes_redemption r
            WHERE r.gift_code_id = c.id AND r.guild_id = g.id AND r.state <> 'pending'))
UNION ALL
SELECT 'channel_silent', g.id::text,
       'The channel of guild ' || g.name || ' has taken no message for an hour: ' || ch.error
       || ' It is tried again. Redeeming is not touched.'
FROM giftcodes_channel ch JOIN giftcodes_guild g ON g.id = ch.guild_id
WHERE ch.refused_since IS NOT NULL
  AND EXISTS (
      SELECT FROM giftcodes_announcement a JOIN giftcodes_redemption r ON r.id = a.redemption_id
      WHERE r.guild_id = g.id AND a.state IN ('waiting', 'sent') AND a.error <> '')
UNION ALL
SELECT 'directory_key', d.provider,
       'The directory of players of ' || d.provider || ' refuses our key, and nobody is looked up: ' || d.error
FROM giftcodes_directory d
WHERE d.provider = ANY(%(directories)s) AND d.key_refused
UNION ALL
SELECT 'directory_failing', d.provider,
       'The directory of players of ' || d.provider || ' has given no good answer for a day: ' || d.error
FROM giftcodes_directory d
WHERE d.provider = ANY(%(directories)s) AND d.failures > 0 AND NOT d.key_refused
  AND EXISTS (SELECT FROM giftcodes_directorylookup l WHERE l.provider = d.provider)
"""

_SUSPECT = """
INSERT INTO giftcodes_alarm (kind, subject, message, raised_at)
SELECT kind, subject, message, NULL FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(messages)s::text[])
    AS found (kind, subject, message)
ON CONFLICT DO NOTHING
"""

_FORGET = """
DELETE FROM giftcodes_alarm a
WHERE a.raised_at IS NULL AND NOT EXISTS (
    SELECT FROM unnest(%(kinds)s::text[], %(subjects)s::text[]) AS found (kind, subject)
    WHERE found.kind = a.kind AND found.subject = a.subject)
"""

_OVER = """
SELECT a.id FROM giftcodes_alarm a
WHERE a.cleared_at IS NULL AND a.raised_at IS NOT NULL AND (
    a.kind = 'beat_silent' OR a.kind = ANY(%(looked_for)s) AND NOT EXISTS (
        SELECT FROM unnest(%(kinds)s::text[], %(subjects)s::text[]) AS found (kind, subject)
        WHERE found.kind = a.kind AND found.subject = a.subject))
"""

_RAISE = """
UPDATE giftcodes_alarm a SET raised_at = clock_timestamp()
FROM unnest(%(kinds)s::text[], %(patience)s::interval[]) AS wait (kind, patience)
WHERE a.raised_at IS NULL AND a.kind = wait.kind AND a.suspected_at < clock_timestamp() - wait.patience
RETURNING a.id, a.message
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """How many alarms were raised, and how many cleared."""

    raised: int
    cleared: int


def evaluate() -> Findings:
    """Look at everything once, in a fixed number of statements. Rung by beat: that it runs clears beat's own alarm."""
    found = _find()
    columns = {
        "kinds": [kind for kind, _, _ in found],
        "subjects": [subject for _, subject, _ in found],
        "messages": [message for _, _, message in found],
        "looked_for": [kind.value for kind in PATIENCE],
    }
    with transaction.atomic():
        _notice_blindness()
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, columns)
            cursor.execute(_SUSPECT, columns)
            cursor.execute(_OVER, columns)
            over = [row[0] for row in cursor.fetchall()]
        raised = _raise()
        cleared = Alarm.objects.filter(pk__in=over).clear_all() if over else 0
    if cleared:
        log_lines.info(f"🔔 {cleared} alarm(s) are over.")
    return Findings(raised, cleared)


def beat_is_silent(age_seconds: float) -> bool:
    """Whoever finds that nothing ticks raises the alarm, and sends it: there may be nobody else to do it.

    Args:
        age_seconds: of the last tick.

    Returns:
        Whether the alarm is new.
    """
    kind = Alarm.Kind.BEAT_SILENT
    if Alarm.objects.standing().filter(kind=kind).exists():
        return False
    words = f"No worker has taken a tick of beat for {age_seconds:.0f} s: nothing is redeemed. Look at `make up`."
    is_new = Alarm.objects.raise_once(kind, "beat", words)
    if is_new:
        log_lines.warning(f"🔔 {words}")
        send_notices()
    return is_new


def _find() -> list[tuple[str, str, str]]:
    configs = settings.PROVIDERS.values()
    parameters: dict[str, Any] = {
        "feeds": [config.name for config in configs if config.is_on and config.has_feed],
        "games": [config.name for config in configs if config.is_on],
        "directories": [config.name for config in configs if config.has_directory],
        "quiet": QUIET_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FINDINGS, parameters)
        return list(cursor.fetchall())


def _notice_blindness() -> None:
    """Note this look; where the last one is long ago, forget what was suspected then."""
    blind_after: Any = BLIND_AFTER
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH before AS (SELECT at FROM giftcodes_heartbeat WHERE name = 'alarms'),
            noted AS (
                INSERT INTO giftcodes_heartbeat (name) VALUES ('alarms')
                ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
            )
            DELETE FROM giftcodes_alarm
            WHERE raised_at IS NULL AND coalesce((SELECT at FROM before) < clock_timestamp() - %s, true)
            """,
            [blind_after],
        )


def _raise() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _RAISE,
            {"kinds": [kind.value for kind in PATIENCE], "patience": list(PATIENCE.values())},
        )
        raised = cursor.fetchall()
    AlarmNotice.objects.queue([pk for pk, _ in raised], AlarmNotice.Kind.RAISED)
    for _, message in raised[:LINES]:
        log_lines.warning(f"🔔 {message}")
    return len(raised)


# --- To the operator's channel ----------------------------------------------------------------------------------------
def has_notices() -> bool:
    """Whether something waits for the operator."""
    return (
        bool(settings.OPERATOR_CHANNEL)
        and AlarmNotice.objects.filter(state=DeliveryState.WAITING).exists()
    )


def send_notices() -> int:
    """Send what waits for the operator, in one message. Once: an unknown answer is not followed by a repeat.

    Returns:
        How many notices were in it.
    """
    if not settings.OPERATOR_CHANNEL:
        return 0
    claims = _claim()
    if not claims:
        return 0
    notices = list(AlarmNotice.objects.filter(pk__in=claims).select_related("alarm").order_by("pk"))
    _record(claims, _deliver(_post(notices)), tries=max(notice.tries for notice in notices))
    return len(claims)


@transaction.atomic(durable=True)
def _claim() -> dict[int, int]:
    """Claim all that waits, in order; none while somebody else sends, or the channel is being left alone.

    Returns:
        Token by id.
    """
    with connection.cursor() as cursor:
        # An own claim that is over may have been posted.
        cursor.execute(
            "UPDATE giftcodes_alarmnotice SET state = 'unknown', lease_until = NULL, "
            "error = 'Whoever sent it died before the answer came. It is not sent again.' "
            "WHERE state = 'waiting' AND lease_until < clock_timestamp()"
        )
        cursor.execute(
            """
            WITH waiting AS MATERIALIZED (
                SELECT id, lease_until, next_attempt_at FROM giftcodes_alarmnotice WHERE state = 'waiting'
                ORDER BY id LIMIT %(batch)s FOR UPDATE
            )
            UPDATE giftcodes_alarmnotice n
            SET token = n.token + 1, sending_at = clock_timestamp(),
                lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
            FROM waiting WHERE n.id = waiting.id AND NOT EXISTS (
                SELECT FROM waiting WHERE lease_until IS NOT NULL OR next_attempt_at > clock_timestamp())
            RETURNING n.id, n.token
            """,
            {"batch": BATCH, "lease": settings.ANNOUNCE_SECONDS + LEASE_MARGIN_SECONDS},
        )
        return dict(cursor.fetchall())


def _post(notices: list[AlarmNotice]) -> Message:
    raised = sum(notice.kind == AlarmNotice.Kind.RAISED for notice in notices)
    lines = [_line(notice) for notice in notices[:LINES]]
    more = len(notices) - len(lines)
    return Message(
        title=_title(raised, len(notices) - raised),
        text="\n".join([*lines, *([f"… and {more} more, in the admin."] if more else [])]),
        url=site_address.link("/admin/giftcodes/alarm/"),
        tone=Severity.ALARM if raised else Severity.GOOD,
    )


def _title(raised: int, cleared: int) -> str:
    parts = [f"🔔 Raised: {raised}"] if raised else []
    return ", ".join([*parts, f"✅ Over: {cleared}"] if cleared else parts)


def _line(notice: AlarmNotice) -> str:
    sign = "🔔" if notice.kind == AlarmNotice.Kind.RAISED else "✅ Over:"
    return f"{sign} {shortened(notice.alarm.message, LINE_LENGTH)}"


def _deliver(post: Message) -> Delivery:
    try:
        announcer = announcer_for(
            settings.OPERATOR_CHANNEL,
            total_seconds=settings.ANNOUNCE_SECONDS,
            connect_seconds=CONNECT_SECONDS,
        )
    except BadAddressError as error:
        return Delivery(DeliveryOutcome.REFUSED, error=f"OPERATOR_CHANNEL: {error}")
    return announcer.create(post)


def _record(claims: dict[int, int], delivery: Delivery, *, tries: int) -> None:
    mine = AlarmNotice.objects.filter(
        pk__in=claims, state__in=[DeliveryState.WAITING, DeliveryState.UNKNOWN]
    )
    if delivery.fate is DeliveryOutcome.DELIVERED:
        mine.update(
            state=DeliveryState.DONE,
            sent_at=Clock(),
            error="",
            lease_until=None,
            next_attempt_at=None,
        )
        return
    log_lines.warning(f"🔔 The operator's channel: {delivery.error}")
    if delivery.fate is DeliveryOutcome.LATER:
        delay = retry_delay_seconds(tries + 1, jitter=random.random(), cap=LONGEST_DELAY_SECONDS)  # noqa: S311
        mine.update(
            sending_at=None,
            lease_until=None,
            tries=tries + 1,
            error=delivery.error,
            next_attempt_at=clock_plus(max(delay, delivery.wait_seconds)),
        )
        return
    ends = {
        DeliveryOutcome.UNKNOWN: DeliveryState.UNKNOWN,
        DeliveryOutcome.GONE: DeliveryState.GONE,
        DeliveryOutcome.REFUSED: DeliveryState.FAILED,
    }
    mine.update(
        state=ends[delivery.fate], error=delivery.error, lease_until=None, next_attempt_at=None
    )
