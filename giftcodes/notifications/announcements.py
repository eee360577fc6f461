"""Announcements: post a message about each run in its guild's channel, and keep it up to date.

claim (a few at a time, one for each channel) -> intend (note a new message before it is sent)
-> call -> record
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from giftcodes import channel_rules
from giftcodes.clients.channels import (
    BadAddressError,
    ChannelClient,
    Delivery,
    DeliveryOutcome,
    Message,
)
from giftcodes.domain import failpoints, log_lines
from giftcodes.domain.transitions import literals
from giftcodes.models import (
    Alarm,
    Announcement,
    Channel,
    Clock,
    DeliveryState,
    Guild,
    RunState,
    database_now,
)
from giftcodes.models.channel import UNREADABLE
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import UNFINISHED
from giftcodes.notifications import outbox
from giftcodes.notifications.outbox import LEASE_MARGIN_SECONDS, LONGEST_DELAY_SECONDS
from giftcodes.notifications.run_message import compose, report_of
from giftcodes.sql import fetch, statement

#: The time between two edits of a message.
EDIT_SECONDS = failpoints.seconds("EDIT_SECONDS", 5.0)
#: The age from which a message is old, and the time between two edits of an old message. Discord
#: limits the edits of old messages (its error 30046), but does not publish the limit.
OLD_AFTER, OLD_EDIT_SECONDS = dt.timedelta(hours=1), 60.0
MOST_TRIES = 10
#: During a run, an edit that the channel does not accept for now is tried again after this time.
FROZEN_SECONDS = 600.0
#: The figures of a run may change for this long after its last claim.
STILL_CHANGING = dt.timedelta(seconds=20)
#: The key of the advisory lock under which announcements are claimed, by one process at a time.
_CLAIM_LOCK = 7_310_001

_NO_CHANNEL = "The guild no longer has a channel."
_NOT_EDITED = (
    "It is no longer edited: the end of the run is in another message, or was not announced."
)


@dataclass(frozen=True, slots=True)
class _Job:
    """One message to send, and all that is needed to send it.

    Args:
        row: the claimed announcement.
        channel: the guild's channel.
        client: the client that sends to the channel.
        message: the message to send.
        edited: the row whose message is edited. None if a new message is posted.
    """

    row: Announcement
    channel: Channel
    client: ChannelClient
    message: Message
    edited: Announcement | None

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(repr(self.message).encode()).hexdigest()

    @property
    def is_end_by_edit(self) -> bool:
        """Whether the end of a run is written into the message of its start."""
        return self.edited is not None and self.edited.pk != self.row.pk


def claim() -> list[tuple[int, int]]:
    """Claim the messages that are next.

    At most `ANNOUNCE_MAX` messages are under way at once, and at most one for each channel.

    Returns:
        (id, token) of each claim.
    """
    with transaction.atomic(durable=True):
        ((is_ours,),) = fetch("SELECT pg_try_advisory_xact_lock(%(lock)s)", lock=_CLAIM_LOCK)
        if not is_ours:
            return []
        for row in outbox.recover(Announcement):
            if row.kind == Announcement.Kind.COMPLETE:
                _alarm_of_doubt(row.pk, outbox.SENDER_DIED)
        _drop_without_channel()
        _settle_starts()
        chosen = fetch(
            statement("announcements", "choose", unfinished=literals(UNFINISHED)),
            still=STILL_CHANGING,
            most=settings.ANNOUNCE_MAX,
        )
        return list(outbox.claim(Announcement, [pk for (pk,) in chosen]).items())


def _drop_without_channel() -> None:
    channels = Channel.objects.filter(guild=OuterRef("redemption__guild"))
    outbox.give_up(
        _unclaimed().filter(~Exists(channels), state__in=UNFINISHED),
        DeliveryState.DROPPED,
        _NO_CHANNEL,
    )


def _settle_starts() -> None:
    """Stop editing start messages whose run is over, unless the run's end waits to be announced."""
    ends = Announcement.objects.filter(
        redemption=OuterRef("redemption"),
        run_number=OuterRef("run_number"),
        kind=Announcement.Kind.COMPLETE,
        state=DeliveryState.WAITING,
    )
    is_running = Q(redemption__state=RunState.RUNNING, redemption__run_number=F("run_number"))
    _unclaimed().filter(~is_running, ~Exists(ends), state=DeliveryState.SENT).update(
        state=DeliveryState.DONE,
        next_attempt_at=None,
        error=Coalesce(NullIf("error", Value("")), Value(_NOT_EDITED)),
    )


def _unclaimed() -> QuerySet[Announcement]:
    return Announcement.objects.filter(lease_until__isnull=True)


def send(announcement_id: int, token: int) -> bool:
    """Send one claimed message, outside of any transaction, and record the result.

    Returns:
        Whether the claim was still valid.
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
    # If the claim may be over by now, send nothing, and leave the message for later.
    if time.monotonic() - begun > LEASE_MARGIN_SECONDS / 2:
        _held(job.row).filter(state__in=UNFINISHED).update(
            sending_at=job.row.sending_at,
            lease_until=None,
            next_attempt_at=clock_plus(EDIT_SECONDS),
        )
        return False
    _record(
        job,
        job.client.edit(job.edited.message_id, job.message)
        if job.edited
        else job.client.create(job.message),
    )
    return True


# --- Before the call ------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def _intend(announcement_id: int, token: int) -> _Job | None:
    """Prepare the message. If it is new or ends a run, commit that it is about to be sent.

    Returns:
        The job. None if the claim is over, or the guild has no channel that can take the message.
    """
    held = Announcement.objects.filter(
        pk=announcement_id,
        token=token,
        state__in=UNFINISHED,
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
    if not channel.is_readable:
        _fail(row, channel, DeliveryState.FAILED, UNREADABLE)
        return None
    try:
        client = outbox.channel_client(channel.address, channel_rules.for_guilds())
    except BadAddressError as error:
        _fail(row, channel, DeliveryState.FAILED, str(error))
        return None
    edited = _message_of(row, channel, client)
    if edited is None:
        held.update(sending_at=Clock(), message_id="")
    elif edited.pk != row.pk:
        held.update(sending_at=Coalesce(F("sending_at"), Clock()), message_id=edited.message_id)
    return _Job(row, channel, client, compose(report_of(row)), edited)


def _message_of(row: Announcement, channel: Channel, client: ChannelClient) -> Announcement | None:
    """The row whose message is edited. None if no message in this channel can be edited."""
    if not client.can_edit:
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


# --- After the call -------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def _record(job: _Job, delivery: Delivery) -> None:
    row, channel = job.row, job.channel
    if delivery.wait_seconds:
        _as_asked(channel).update(not_before=clock_plus(delivery.wait_seconds))
    outcome = delivery.outcome
    is_refused = outcome in (DeliveryOutcome.GONE, DeliveryOutcome.REFUSED)
    if outcome is DeliveryOutcome.DELIVERED:
        _delivered(job, delivery)
    elif job.is_end_by_edit and (is_refused or outcome is DeliveryOutcome.FROZEN):
        _post_end_separately(job, delivery)
    elif outcome is DeliveryOutcome.FROZEN:
        # The run goes on, and so do the channel's other messages.
        _held(row).update(
            error=delivery.error, lease_until=None, next_attempt_at=clock_plus(FROZEN_SECONDS)
        )
    elif is_refused:
        _fail(row, channel, outbox.FINAL_STATES[outcome], delivery.error)
    elif outcome is DeliveryOutcome.UNKNOWN and job.edited is None:
        _doubt(row, f"{delivery.error} It is not sent again.")
    else:
        _try_again(job, delivery)


def _held(row: Announcement) -> QuerySet[Announcement]:
    return outbox.held(Announcement, {row.pk: row.token})


def _as_asked(channel: Channel) -> QuerySet[Channel]:
    """The channel, or no row if its address has changed since the request.

    The answer says nothing about a new address. The addresses are compared in Python, under a row
    lock, because SQL cannot compare encrypted texts.
    """
    now = Channel.objects.select_for_update().filter(pk=channel.pk).first()
    is_same = now is not None and now.address == channel.address
    return Channel.objects.filter(pk=channel.pk) if is_same else Channel.objects.none()


def _delivered(job: _Job, delivery: Delivery) -> None:
    row, channel = job.row, job.channel
    is_kept_up = (
        row.kind == Announcement.Kind.STARTED and bool(delivery.message_id) and job.client.can_edit
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
    """The time until the next edit."""
    is_old = row.sent_at is not None and database_now() - row.sent_at > OLD_AFTER
    return max(EDIT_SECONDS, OLD_EDIT_SECONDS) if is_old else EDIT_SECONDS


def _post_end_separately(job: _Job, delivery: Delivery) -> None:
    """Post the end as a separate message, because the start's message cannot be edited.

    If an earlier edit may have worked, the end is not posted, because it could be announced twice.
    """
    row = job.row
    is_gone = delivery.outcome is DeliveryOutcome.GONE
    if row.sending_at is not None and not is_gone:
        _doubt(
            row,
            f"{delivery.error} An earlier edit had no answer, and may have announced the end of"
            " the run. The end is not announced again.",
        )
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
    """Give up a message that may have been posted. If it announces an end, also raise an alarm."""
    is_ours = outbox.give_up(_held(row), DeliveryState.UNKNOWN, error)
    if is_ours and row.kind == Announcement.Kind.COMPLETE:
        _alarm_of_doubt(row.pk, error)


def _alarm_of_doubt(announcement_id: int, error: str) -> None:
    rows = Announcement.objects.select_related("redemption__guild", "redemption__gift_code")
    redemption = rows.get(pk=announcement_id).redemption
    guild, code = redemption.guild, redemption.gift_code
    words = f"shows that the run of {code} is over: {error}"
    _raise_alarm(guild, f"It is unknown whether the channel of guild {guild} {words}")


def _raise_alarm(guild: Guild, message: str) -> None:
    if Alarm.objects.raise_once(Alarm.Kind.CHANNEL_GONE, str(guild.pk), message):
        log_lines.warning(f"📣 {message}")


def _try_again(job: _Job, delivery: Delivery) -> None:
    """Back off. A channel's request to wait does not count as a failure.

    A channel that keeps refusing is tried less often.
    """
    row, channel = job.row, job.channel
    tries = row.tries + (delivery.wait_seconds == 0)
    if tries >= MOST_TRIES:
        _fail(row, channel, DeliveryState.FAILED, f"{delivery.error} Given up after {tries} tries.")
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
    _held(row).update(
        tries=tries,
        error=delivery.error,
        next_attempt_at=clock_plus(delay),
        lease_until=None,
        **begun,
    )
    # The channel rests, so that its other messages wait, too. If it has a new address, none wait.
    _as_asked(channel).update(
        error=delivery.error,
        not_before=clock_plus(max(delay, delivery.wait_seconds)),
        refused_since=Coalesce(F("refused_since"), Clock()),
    )


def _fail(row: Announcement, channel: Channel, state: DeliveryState, error: str) -> None:
    """Give the message up. Redeeming goes on, but a person must look at the channel."""
    outbox.give_up(_held(row), state, error)
    _as_asked(channel).update(error=error, refused_since=None)
    guild = channel.guild
    message = f"The channel of guild {guild} takes no messages: {error} Redeeming goes on."
    _raise_alarm(guild, message)
