"""Announce: send what waits in the outbox, and keep the message of each run up to date.

claim (a few at a time, one for each channel) -> intend (a new message: written before it is sent) -> call -> record
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.urls import reverse

from giftcodes import site_address
from giftcodes.clients.channels import (
    Announcer,
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    announcer_for,
)
from giftcodes.domain import failpoints, log_lines
from giftcodes.domain.backoff import retry_delay_seconds
from giftcodes.domain.transitions import State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read
from giftcodes.models import (
    Alarm,
    Announcement,
    Channel,
    Clock,
    DeliveryState,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import CONNECT_SECONDS, LEASE_MARGIN_SECONDS, LONGEST_DELAY_SECONDS
from giftcodes.notifications.run_message import NAMED, RunReport, run_post

#: Between two edits of a message.
EDIT_SECONDS = failpoints.seconds("EDIT_SECONDS", 5.0)
#: The same for an old message. How many edits of it Discord takes is not published (its code 30046).
OLD_AFTER, OLD_EDIT_SECONDS = dt.timedelta(hours=1), 60.0
MOST_TRIES = 10
#: A message that takes no edit is tried again so much later, while its run goes on.
FROZEN_SECONDS = 600.0
#: After the last claim of a run, its figures may change for so long.
STILL_CHANGING = "20 seconds"
#: Any number that nobody else takes: one claims at a time.
_CLAIMING = 7_310_001

_UNFINISHED = (DeliveryState.WAITING, DeliveryState.SENT)

# An end that edits the message of its start has a `message_id` while it is sent. Unlike a new message, it is repeated.
_RECOVER = """
WITH recovered AS (
    UPDATE giftcodes_announcement SET
        state = CASE WHEN state = 'waiting' AND sending_at IS NOT NULL AND message_id = ''
            THEN 'unknown' ELSE state END,
        error = CASE WHEN state = 'waiting' AND sending_at IS NOT NULL AND message_id = ''
            THEN %(words)s ELSE error END,
        lease_until = NULL
    WHERE lease_until < clock_timestamp()
    RETURNING id, kind, state
)
SELECT id FROM recovered WHERE kind = 'complete' AND state = 'unknown'
"""

_CLAIM = """
WITH busy AS MATERIALIZED (
    SELECT r.guild_id
    FROM giftcodes_announcement a JOIN giftcodes_redemption r ON r.id = a.redemption_id
    WHERE a.lease_until IS NOT NULL
), due AS (
    SELECT DISTINCT ON (r.guild_id) a.id, a.state, a.next_attempt_at
    FROM giftcodes_announcement a
    JOIN giftcodes_redemption r ON r.id = a.redemption_id
    JOIN giftcodes_channel ch ON ch.guild_id = r.guild_id
    WHERE a.state IN ('waiting', 'sent') AND a.next_attempt_at <= clock_timestamp() AND a.lease_until IS NULL
      AND (ch.not_before IS NULL OR ch.not_before <= clock_timestamp())
      AND NOT EXISTS (SELECT FROM busy WHERE busy.guild_id = r.guild_id)
      AND CASE
        WHEN a.state = 'sent' THEN  -- Its end, if there is one, is the other row's.
            r.state = 'running' AND r.run_number = a.run_number
            AND r.last_served_at > a.edited_at - %(still)s::interval
        WHEN a.kind = 'started' THEN true
        ELSE NOT EXISTS (
            SELECT FROM giftcodes_announcement s
            WHERE s.redemption_id = a.redemption_id AND s.run_number = a.run_number
              AND s.kind = 'started' AND s.state = 'waiting')
      END
    ORDER BY r.guild_id, (a.state = 'waiting') DESC, a.id
), chosen AS (
    SELECT id FROM due ORDER BY (state = 'waiting') DESC, next_attempt_at
    LIMIT greatest(0, %(most)s - (SELECT count(*) FROM busy))
)
UPDATE giftcodes_announcement a
SET token = token + 1, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM chosen WHERE a.id = chosen.id
RETURNING a.id, a.token
"""

_DROP = """
UPDATE giftcodes_announcement a SET state = 'dropped', error = 'The guild has no channel any more.'
FROM giftcodes_redemption r
WHERE r.id = a.redemption_id AND a.state IN ('waiting', 'sent') AND a.lease_until IS NULL
  AND NOT EXISTS (SELECT FROM giftcodes_channel ch WHERE ch.guild_id = r.guild_id)
"""

# However the end of a run was announced, or was not: the message of its start is not edited any more.
_SETTLE = """
UPDATE giftcodes_announcement s SET state = 'done', next_attempt_at = NULL, error = coalesce(nullif(s.error, ''),
    'It is not edited any more: the end of the run is in another message, or was not announced.')
FROM giftcodes_redemption r
WHERE r.id = s.redemption_id AND s.state = 'sent' AND s.lease_until IS NULL
  AND (r.state <> 'running' OR r.run_number <> s.run_number)
  AND NOT EXISTS (
      SELECT FROM giftcodes_announcement e
      WHERE e.redemption_id = s.redemption_id AND e.run_number = s.run_number
        AND e.kind = 'complete' AND e.state = 'waiting')
"""


@dataclass(frozen=True, slots=True)
class _Job:
    """One message to be sent, with all that is needed for it."""

    row: Announcement
    channel: Channel
    announcer: Announcer
    post: Message
    #: The row whose message is edited; None: a new message.
    edited: Announcement | None

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(repr(self.post).encode()).hexdigest()

    @property
    def is_end_by_edit(self) -> bool:
        """Whether the end of a run is written into the message of its start."""
        return self.edited is not None and self.edited.pk != self.row.pk


def claim() -> list[tuple[int, int]]:
    """Choose whose message is next. Never more are under way than `ANNOUNCE_MAX`, and one for each channel.

    Returns:
        (id, token) of each claim.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_CLAIMING])
        (is_ours,) = cursor.fetchone()
        if not is_ours:
            return []
        words = "The worker that sent it died before the answer came. It is not sent again."
        cursor.execute(_RECOVER, {"words": words})
        for (pk,) in cursor.fetchall():
            _alarm_of_doubt(pk, words)
        cursor.execute(_DROP)
        cursor.execute(_SETTLE)
        cursor.execute(
            _CLAIM,
            {
                "still": STILL_CHANGING,
                "most": settings.ANNOUNCE_MAX,
                "lease": settings.ANNOUNCE_SECONDS + LEASE_MARGIN_SECONDS,
            },
        )
        return list(cursor.fetchall())


def send(announcement_id: int, token: int) -> bool:
    """Send one claimed message, outside of any transaction, and record what became of it.

    Returns:
        Whether the claim was still good.
    """
    begun = time.monotonic()
    job = _intend(announcement_id, token)
    if job is None:
        return False
    if (
        job.edited
        and job.edited.content_hash == job.content_hash
        and job.row.kind == Announcement.Kind.STARTED
    ):
        _record(job, Delivery(DeliveryOutcome.DELIVERED, message_id=job.edited.message_id))
        return True
    # Held up between the intent and here for longer than the margin: the claim may be over.
    if time.monotonic() - begun > LEASE_MARGIN_SECONDS / 2:
        _held(job.row).filter(state__in=_UNFINISHED).update(
            sending_at=job.row.sending_at,
            lease_until=None,
            next_attempt_at=clock_plus(EDIT_SECONDS),
        )
        return False
    announcer = job.announcer
    _record(
        job,
        announcer.edit(job.edited.message_id, job.post)
        if job.edited
        else announcer.create(job.post),
    )
    return True


# --- Before the call --------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def _intend(announcement_id: int, token: int) -> _Job | None:
    """Prepare the message. That a new one, or the end of a run, is about to be sent is written and committed first."""
    held = Announcement.objects.filter(
        pk=announcement_id,
        token=token,
        state__in=_UNFINISHED,
        lease_until__gt=clock_plus(settings.ANNOUNCE_SECONDS + LEASE_MARGIN_SECONDS / 2),
    )
    row = (
        held.select_for_update(of=("self",))
        .select_related("redemption__guild", "redemption__gift_code")
        .first()
    )
    if row is None:
        return None
    channel = Channel.objects.filter(guild=row.redemption.guild_id).first()
    if channel is None:
        held.update(lease_until=None)
        return None
    try:
        announcer = announcer_for(
            channel.address,
            total_seconds=settings.ANNOUNCE_SECONDS,
            connect_seconds=CONNECT_SECONDS,
        )
    except BadAddressError as error:
        _fail(row, channel, DeliveryState.FAILED, str(error))
        return None
    edited = _message_of(row, channel, announcer)
    if edited is None:
        held.update(sending_at=Clock(), message_id="")
    elif edited.pk != row.pk:
        held.update(sending_at=Coalesce(F("sending_at"), Clock()), message_id=edited.message_id)
    return _Job(row, channel, announcer, run_post(_report(row)), edited)


def _message_of(row: Announcement, channel: Channel, announcer: Announcer) -> Announcement | None:
    """The row whose message is to be edited; None: there is none, or it is not in this channel."""
    if not announcer.can_edit:
        return None
    if row.kind == Announcement.Kind.STARTED:
        return row if row.message_id else None
    started = Announcement.objects.filter(
        redemption=row.redemption_id,
        run_number=row.run_number,
        kind=Announcement.Kind.STARTED,
        state=DeliveryState.SENT,
        channel_hash=channel.hash,
    )
    return started.exclude(message_id="").first()


def _report(row: Announcement) -> RunReport:
    redemption: Redemption = row.redemption
    is_over = row.kind == Announcement.Kind.COMPLETE
    is_last_run = redemption.run_number == row.run_number
    page = reverse("admin:giftcodes_redemption_change", args=[redemption.pk])
    return RunReport(
        guild=redemption.guild.name,
        code=str(redemption.gift_code),
        tally=redemption.tally(),
        is_over=is_over,
        is_stopped=is_over and is_last_run and redemption.state == RunState.STOPPED,
        in_trouble=_in_trouble(redemption) if is_over else (),
        estimate="" if is_over else _estimate(redemption),
        url=site_address.link(page),
    )


def _in_trouble(redemption: Redemption) -> tuple[tuple[str, str], ...]:
    rows = redemption.member_redemptions.filter(
        state__in=[State.NEEDS_CORRECTION, State.FAILED]
    ).select_related("member")
    return tuple((str(row.member), row.reason) for row in rows.order_by("state", "pk")[:NAMED])


def _estimate(redemption: Redemption) -> str:
    """When the run is done, in words that change seldom: each change is an edit. Empty where there is no telling."""
    outlook = read().by_redemption.get(redemption.pk)
    return "" if outlook is None or outlook.seconds is None else words.left(outlook)


# --- After the call ---------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def _record(job: _Job, delivery: Delivery) -> None:
    row, channel = job.row, job.channel
    if delivery.wait_seconds:
        _as_asked(channel).update(not_before=clock_plus(delivery.wait_seconds))
    match delivery.fate:
        case DeliveryOutcome.DELIVERED:
            _delivered(job, delivery)
        case DeliveryOutcome.GONE | DeliveryOutcome.REFUSED | DeliveryOutcome.FROZEN if (
            job.is_end_by_edit
        ):
            _announce_end_by_itself(job, delivery)
        case DeliveryOutcome.FROZEN:
            # The run goes on, and so do the channel's other messages.
            _held(row).update(
                error=delivery.error, lease_until=None, next_attempt_at=clock_plus(FROZEN_SECONDS)
            )
        case DeliveryOutcome.GONE:
            _fail(row, channel, DeliveryState.GONE, delivery.error)
        case DeliveryOutcome.REFUSED:
            _fail(row, channel, DeliveryState.FAILED, delivery.error)
        case DeliveryOutcome.UNKNOWN if job.edited is None:
            _doubt(row, f"{delivery.error} It is not sent again.")
        case _:
            _try_again(job, delivery)


def _held(row: Announcement) -> Any:
    """The row, if the claim is still ours. A late answer may tell what became of a message that was given up."""
    return Announcement.objects.filter(
        pk=row.pk, token=row.token, state__in=[*_UNFINISHED, DeliveryState.UNKNOWN]
    )


def _as_asked(channel: Channel) -> Any:
    """The channel, unless it has another address by now, of which this answer says nothing."""
    return Channel.objects.filter(pk=channel.pk, address=channel.address)


def _delivered(job: _Job, delivery: Delivery) -> None:
    row, channel = job.row, job.channel
    is_kept_up = (
        row.kind == Announcement.Kind.STARTED
        and bool(delivery.message_id)
        and job.announcer.can_edit
    )
    is_ours = _held(row).update(
        state=DeliveryState.SENT if is_kept_up else DeliveryState.DONE,
        message_id=delivery.message_id,
        channel_hash=channel.hash,
        content_hash=job.content_hash,
        sent_at=row.sent_at or Clock(),
        edited_at=Clock(),
        next_attempt_at=clock_plus(_edit_seconds(row)) if is_kept_up else None,
        tries=0,
        error="",
        lease_until=None,
    )
    if is_ours and job.edited and job.is_end_by_edit:
        Announcement.objects.filter(pk=job.edited.pk).update(
            state=DeliveryState.DONE,
            content_hash=job.content_hash,
            edited_at=Clock(),
            next_attempt_at=None,
            error="",
        )
    if not job.edited or job.edited.content_hash != job.content_hash:
        _as_asked(channel).update(error="", delivered_at=Clock(), refused_since=None)
        if Alarm.objects.clear(Alarm.Kind.CHANNEL_GONE, str(row.redemption.guild_id)):
            log_lines.info(f"📣 The channel of guild {row.redemption.guild} works again.")


def _edit_seconds(row: Announcement) -> float:
    """Until the next edit."""
    is_old = row.sent_at is not None and database_now() - row.sent_at > OLD_AFTER
    return max(EDIT_SECONDS, OLD_EDIT_SECONDS) if is_old else EDIT_SECONDS


def _announce_end_by_itself(job: _Job, delivery: Delivery) -> None:
    """The message of the start takes no edit: the end of the run gets a message of its own, if no edit can have it."""
    row = job.row
    is_gone = delivery.fate is DeliveryOutcome.GONE
    if row.sending_at is not None and not is_gone:
        _doubt(row, f"{delivery.error} An edit before it had no answer. It is not sent again.")
        return
    if (
        _held(row).update(sending_at=None, message_id="", lease_until=None, next_attempt_at=Clock())
        and job.edited
    ):
        state = DeliveryState.GONE if is_gone else DeliveryState.DONE
        Announcement.objects.filter(pk=job.edited.pk).update(
            state=state, error=delivery.error, next_attempt_at=None
        )


def _doubt(row: Announcement, error: str) -> None:
    """It may have been posted. If it is the end of a run, a person must look."""
    is_ours = _held(row).update(state=DeliveryState.UNKNOWN, error=error, lease_until=None)
    if is_ours and row.kind == Announcement.Kind.COMPLETE:
        _alarm_of_doubt(row.pk, error)


def _alarm_of_doubt(announcement_id: int, error: str) -> None:
    rows = Announcement.objects.select_related("redemption__guild", "redemption__gift_code")
    redemption = rows.get(pk=announcement_id).redemption
    guild = redemption.guild
    message = f"The channel of guild {guild} may not show that the run of {redemption.gift_code} is over: {error}"
    if Alarm.objects.raise_once(Alarm.Kind.CHANNEL_GONE, str(guild.pk), message):
        log_lines.warning(f"📣 {message}")


def _try_again(job: _Job, delivery: Delivery) -> None:
    """Back off. Being asked to wait is no failure, but the longer a channel refuses, the less often it is asked."""
    row, channel = job.row, job.channel
    tries = row.tries + (delivery.wait_seconds == 0)
    if tries >= MOST_TRIES:
        _fail(row, channel, DeliveryState.FAILED, f"{delivery.error} Given up after {tries} tries.")
        return
    delay = retry_delay_seconds(tries, jitter=random.random(), cap=LONGEST_DELAY_SECONDS)  # noqa: S311
    if channel.refused_since:
        refused_seconds = (database_now() - channel.refused_since).total_seconds()
        delay = max(delay, min(refused_seconds, LONGEST_DELAY_SECONDS))
    # After an edit without an answer, the message may say it. The time of the first such edit is kept.
    doubt = (
        {}
        if delivery.fate is DeliveryOutcome.UNKNOWN
        else {"sending_at": row.sending_at if job.edited else None}
    )
    _held(row).update(
        tries=tries,
        error=delivery.error,
        next_attempt_at=clock_plus(delay),
        lease_until=None,
        **doubt,
    )
    # It is the channel that rests, so that its other messages wait as well, and none at a new address.
    _as_asked(channel).update(
        error=delivery.error,
        not_before=clock_plus(max(delay, delivery.wait_seconds)),
        refused_since=Coalesce(F("refused_since"), Clock()),
    )


def _fail(row: Announcement, channel: Channel, state: DeliveryState, error: str) -> None:
    """No more of this message. Redeeming goes on; a person must look at the channel."""
    _held(row).update(state=state, error=error, next_attempt_at=None, lease_until=None)
    _as_asked(channel).update(error=error, refused_since=None)
    guild = channel.guild
    message = f"The channel of guild {guild} takes no messages: {error} Redeeming is not touched."
    if Alarm.objects.raise_once(Alarm.Kind.CHANNEL_GONE, str(guild.pk), message):
        log_lines.warning(f"📣 {message}")
