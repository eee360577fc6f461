"""Record what became of a message to a guild's channel: delivered, tried again, or given up."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from giftcodes.clients.channels import ChannelClient, Delivery, DeliveryOutcome, Message
from giftcodes.domain import failpoints, log_lines
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models import Alarm, Announcement, Channel, Clock, DeliveryState, database_now
from giftcodes.models.clock import clock_plus
from giftcodes.notifications import outbox
from giftcodes.notifications.outbox import LONGEST_DELAY_SECONDS

#: The time between two edits of a message.
EDIT_SECONDS = failpoints.seconds("EDIT_SECONDS", 5.0)
#: The age from which a message is old, and the time between two edits of an old message. Discord
#: limits the edits of old messages (its error 30046), but does not publish the limit.
OLD_AFTER, OLD_EDIT_SECONDS = dt.timedelta(hours=1), 60.0
MOST_TRIES, MOST_TEST_TRIES = 10, 3
#: After a new message without a clear answer, the channel rests for this time, so that a server
#: that is slow to answer does not keep the senders busy.
REST_SECONDS = failpoints.seconds("REST_SECONDS", 30.0)
#: During a run, an edit that the channel does not accept for now is tried again after this time.
FROZEN_SECONDS = 600.0
#: Outcomes that concern only the edited message. The channel takes other messages.
_OF_THE_MESSAGE = frozenset({DeliveryOutcome.DELETED, DeliveryOutcome.FROZEN})


@dataclass(frozen=True, slots=True)
class Job:
    """One message to send, and all that is needed to send it.

    Args:
        row: the claimed announcement.
        channel: the channel that gets the message.
        client: the client that sends to the channel.
        message: the message to send.
        edited: the row whose message is edited. None if a new message is posted.
        opens_on: the number of the message on which a thread is opened. If it is not empty, no
            message is sent.
    """

    row: Announcement
    channel: Channel
    client: ChannelClient
    message: Message
    edited: Announcement | None
    opens_on: str = ""

    @property
    def is_repeatable(self) -> bool:
        """Whether the request can be repeated without an answer to the last one."""
        return self.edited is not None or bool(self.opens_on)

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(repr(self.message).encode()).hexdigest()

    @property
    def is_end_by_edit(self) -> bool:
        """Whether the end of a run is written into the message of its start."""
        return self.edited is not None and self.edited.pk != self.row.pk


@transaction.atomic(durable=True)
def record(job: Job, delivery: Delivery) -> None:
    """Record the result of the request, unless the message was claimed again in the meantime."""
    row, channel = job.row, job.channel
    if delivery.wait_seconds:
        _rest(channel, delivery.wait_seconds)
    outcome = delivery.outcome
    is_refused = outcome in (DeliveryOutcome.GONE, DeliveryOutcome.REFUSED)
    is_thread = row.kind == Announcement.Kind.THREAD
    if outcome is DeliveryOutcome.DELIVERED and job.opens_on:
        # The thread is open now. The next claim posts the list of members in it (`threads`).
        held(row).update(
            message_id=delivery.message_id,
            tries=0,
            error="",
            lease_until=None,
            next_attempt_at=Clock(),
        )
    elif outcome is DeliveryOutcome.DELIVERED:
        _delivered(job, delivery)
    elif job.is_end_by_edit and (is_refused or outcome in _OF_THE_MESSAGE):
        _post_end_separately(job, delivery)
    elif outcome is DeliveryOutcome.DELETED or (is_thread and outcome is DeliveryOutcome.GONE):
        # A person deleted the message or the thread. The channel takes messages: no alarm.
        outbox.give_up(held(row), outbox.FINAL_STATES[outcome], delivery.error)
    elif outcome is DeliveryOutcome.FROZEN:
        # The run goes on, and so do the channel's other messages.
        held(row).update(
            error=delivery.error, lease_until=None, next_attempt_at=clock_plus(FROZEN_SECONDS)
        )
    elif is_refused:
        fail(row, channel, outbox.FINAL_STATES[outcome], delivery.error)
    elif outcome is DeliveryOutcome.UNKNOWN and not job.is_repeatable:
        if _doubt(row, Sentence.of("not_sent_again", why=delivery.error)):
            _rest(channel, max(REST_SECONDS, delivery.wait_seconds))
    elif row.kind == Announcement.Kind.TEST:
        _test_again(row, channel, delivery)
    else:
        _try_again(job, delivery)


def held(row: Announcement) -> QuerySet[Announcement]:
    """The announcement, or no row if our claim is over."""
    return outbox.held(Announcement, {row.pk: row.token})


def fail(row: Announcement, channel: Channel, state: DeliveryState, error: str) -> None:
    """Give a message up. Redeeming goes on, but a person must look at the channel.

    A test raises no alarm, because the person who sent it sees the error. A thread has an alarm of
    its own, because the channel may take other messages.
    """
    outbox.give_up(held(row), state, error)
    if row.kind == Announcement.Kind.TEST:
        return
    if row.kind == Announcement.Kind.THREAD:
        words = Sentence.of("channel_without_thread", **channel.names, why=error)
        _raise_alarm(channel, words, Alarm.Kind.NO_THREAD)
        return
    _as_asked(channel).update(error=error, refused_since=None)
    _raise_alarm(channel, Sentence.of("channel_takes_nothing", **channel.names, why=error))


def alarm_of_doubt(row: Announcement, error: str) -> None:
    """Raise an alarm if it is unknown whether a channel shows that a run is over."""
    channel = row.channel
    if row.kind != Announcement.Kind.COMPLETE or channel is None or row.redemption is None:
        return
    code = str(row.redemption.gift_code)
    _raise_alarm(channel, Sentence.of("end_in_doubt", **channel.names, code=code, why=error))


def _as_asked(channel: Channel) -> QuerySet[Channel]:
    """The channel, or no row if its address has changed since the request.

    The answer says nothing about a new address. The addresses are compared in Python, under a row
    lock, because SQL cannot compare encrypted texts.
    """
    now = Channel.objects.select_for_update().filter(pk=channel.pk).first()
    is_same = now is not None and now.address == channel.address
    return Channel.objects.filter(pk=channel.pk) if is_same else Channel.objects.none()


def _delivered(job: Job, delivery: Delivery) -> None:
    row, channel = job.row, job.channel
    is_kept_up = (
        row.kind == Announcement.Kind.STARTED and bool(delivery.message_id) and job.client.can_edit
    )
    is_ours = held(row).update(
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
    if row.kind == Announcement.Kind.THREAD:
        # The thread says nothing about the channel.
        Alarm.objects.clear(Alarm.Kind.NO_THREAD, str(channel.pk))
    elif not job.edited or job.edited.content_hash != job.content_hash:
        _as_asked(channel).update(error="", delivered_at=Clock(), refused_since=None)
        if Alarm.objects.clear(Alarm.Kind.CHANNEL_GONE, str(channel.pk)):
            log_lines.info(f"📣 The {channel.full_name} works again.")


def _edit_seconds(row: Announcement) -> float:
    """The time until the next edit."""
    is_old = row.sent_at is not None and database_now() - row.sent_at > OLD_AFTER
    return max(EDIT_SECONDS, OLD_EDIT_SECONDS) if is_old else EDIT_SECONDS


def _post_end_separately(job: Job, delivery: Delivery) -> None:
    """Post the end as a separate message, because the start's message cannot be edited.

    If an earlier edit may have worked, and the edited message is not gone, the end is not posted,
    because it could be announced twice.
    """
    row = job.row
    is_gone = delivery.outcome in (DeliveryOutcome.DELETED, DeliveryOutcome.GONE)
    if row.sending_at is not None and not is_gone:
        _doubt(row, Sentence.of("edit_may_have_worked", why=delivery.error))
        return
    if (
        held(row).update(sending_at=None, message_id="", lease_until=None, next_attempt_at=Clock())
        and job.edited
    ):
        state = DeliveryState.GONE if is_gone else DeliveryState.DONE
        Announcement.objects.filter(pk=job.edited.pk).update(
            state=state, error=delivery.error, next_attempt_at=None
        )


def _doubt(row: Announcement, error: str) -> bool:
    """Give up a message that may have been posted. If it announces an end, also raise an alarm.

    Returns:
        Whether the claim was still ours.
    """
    is_ours = bool(outbox.give_up(held(row), DeliveryState.UNKNOWN, error))
    if is_ours:
        alarm_of_doubt(row, error)
    return is_ours


def _rest(channel: Channel, seconds: float) -> None:
    """Send nothing to the channel for some seconds."""
    _as_asked(channel).update(not_before=clock_plus(seconds))


def _raise_alarm(
    channel: Channel, message: str, kind: Alarm.Kind = Alarm.Kind.CHANNEL_GONE
) -> None:
    """Raise an alarm, unless the channel was deleted or switched off during the request."""
    if not Channel.objects.on().filter(pk=channel.pk).exists():
        return
    if Alarm.objects.raise_once(kind, str(channel.pk), message):
        log_lines.warning(f"📣 {english(message)}")


def _test_again(row: Announcement, channel: Channel, delivery: Delivery) -> None:
    """Send a test later if the service asks for a pause. Otherwise give up: a person is waiting."""
    tries = row.tries + 1
    if not delivery.wait_seconds or tries >= MOST_TEST_TRIES:
        fail(row, channel, DeliveryState.FAILED, delivery.error)
        return
    held(row).update(
        tries=tries,
        error=delivery.error,
        sending_at=None,
        lease_until=None,
        next_attempt_at=clock_plus(delivery.wait_seconds),
    )


def _try_again(job: Job, delivery: Delivery) -> None:
    """Back off. A channel's request to wait does not count as a failure.

    A channel that keeps refusing is tried less often.
    """
    row, channel = job.row, job.channel
    tries = row.tries + (delivery.wait_seconds == 0)
    if tries >= MOST_TRIES:
        words = Sentence.of("given_up", why=delivery.error, tries=tries)
        fail(row, channel, DeliveryState.FAILED, words)
        return
    delay = outbox.delay_seconds(tries)
    if channel.refused_since:
        refused_seconds = (database_now() - channel.refused_since).total_seconds()
        delay = max(delay, min(refused_seconds, LONGEST_DELAY_SECONDS))
    # An edit without an answer may have worked, so the time of the first such edit is kept. After a
    # refusal, `sending_at` becomes what it was before the request.
    begun: dict[str, Any] = {}
    if delivery.outcome is not DeliveryOutcome.UNKNOWN:
        begun["sending_at"] = row.sending_at if job.edited else None
    held(row).update(
        tries=tries,
        error=delivery.error,
        next_attempt_at=clock_plus(delay),
        lease_until=None,
        **begun,
    )
    # Unless its address has changed, pause the channel, so that its other messages wait, too.
    _as_asked(channel).update(
        error=delivery.error,
        not_before=clock_plus(max(delay, delivery.wait_seconds)),
        refused_since=Coalesce(F("refused_since"), Clock()),
    )
