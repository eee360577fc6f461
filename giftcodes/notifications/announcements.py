"""Announcements: send each message to a guild's channel, and keep the message of a run up to date.

claim (a few at a time, one for each channel) -> intend (note a new message before it is sent)
-> call -> record (recording.py)
"""

from __future__ import annotations

import datetime as dt
import time

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from giftcodes.clients.channels import BadAddressError, ChannelClient, Delivery, DeliveryOutcome
from giftcodes.clients.channels.discord_by_bot import ThreadClient
from giftcodes.domain.sentences import Sentence, stored
from giftcodes.domain.transitions import literals
from giftcodes.models import (
    Announcement,
    Channel,
    Clock,
    Cursor,
    DeliveryState,
    DiscordServer,
    RunState,
)
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import UNFINISHED
from giftcodes.models.site_settings import sending_rules
from giftcodes.notifications import outbox, threads
from giftcodes.notifications.channel_messages import message_of
from giftcodes.notifications.outbox import LEASE_MARGIN_SECONDS
from giftcodes.notifications.recording import (
    EDIT_SECONDS,
    Job,
    alarm_of_doubt,
    fail,
    held,
    record,
)
from giftcodes.sql import fetch, statement

#: After the last claim of a member in a run, the run's figures may change for this long.
STILL_CHANGING = dt.timedelta(seconds=20)
#: The key of the advisory lock under which announcements are claimed, by one process at a time.
_CLAIM_LOCK = 7_310_001
#: The name of a guild's cursor is this text and the guild's id. The cursor says when a message of
#: the guild was last claimed.
_SERVED = "told:"
#: The longest time for a test. A later answer is as bad as none, and other messages wait meanwhile.
TEST_SECONDS = 3.0

#: The rows that a message is made of.
_RELATED = ("channel__guild", "redemption__guild", "redemption__gift_code", "alarm")


# --- Claims ---------------------------------------------------------------------------------------
def claim() -> list[tuple[int, int]]:
    """Claim the messages that are next.

    At most `ANNOUNCE_MAX` messages are under way at once, and at most one for each channel. The
    guilds take turns.

    Returns:
        (id, token) of each claim.
    """
    with transaction.atomic(durable=True):
        ((is_ours,),) = fetch("SELECT pg_try_advisory_xact_lock(%(lock)s)", lock=_CLAIM_LOCK)
        if not is_ours:
            return []
        doubtful = [row.pk for row in outbox.recover(Announcement)]
        for row in Announcement.objects.filter(pk__in=doubtful).select_related(*_RELATED):
            alarm_of_doubt(row, Sentence.of("sender_died"))
        _drop_without_channel()
        _settle_starts()
        chosen = fetch(
            statement("announcements", "choose", unfinished=literals(UNFINISHED)),
            still=STILL_CHANGING,
            most=settings.ANNOUNCE_MAX,
            served=_SERVED,
        )
        Cursor.move_all_to_now({f"{_SERVED}{guild_id}" for _pk, guild_id in chosen})
        return list(outbox.claim(Announcement, [pk for pk, _guild_id in chosen]).items())


def has_work() -> bool:
    """Whether a message must be posted or edited, or a claim may have to be ended."""
    return Announcement.objects.filter(
        Q(state__in=UNFINISHED) | Q(lease_until__isnull=False)
    ).exists()


def _drop_without_channel() -> None:
    """Give up messages whose channel was deleted or is off, but keep tests of one that is off."""
    channels = Channel.objects.on().filter(pk=OuterRef("channel"))
    is_test = Q(kind=Announcement.Kind.TEST, channel__isnull=False)
    outbox.give_up(
        _unclaimed().filter(~Exists(channels), ~is_test, state__in=UNFINISHED),
        DeliveryState.DROPPED,
        Sentence.of("channel_off"),
    )


def _settle_starts() -> None:
    """Stop editing start messages whose run is over, unless the run's end waits to be announced."""
    ends = Announcement.objects.filter(
        redemption=OuterRef("redemption"),
        run_number=OuterRef("run_number"),
        channel=OuterRef("channel"),
        kind=Announcement.Kind.COMPLETE,
        state=DeliveryState.WAITING,
    )
    is_running = Q(redemption__state=RunState.RUNNING, redemption__run_number=F("run_number"))
    _unclaimed().filter(~is_running, ~Exists(ends), state=DeliveryState.SENT).update(
        state=DeliveryState.DONE,
        next_attempt_at=None,
        error=Coalesce(NullIf("error", Value("")), Value(stored(Sentence.of("no_longer_edited")))),
    )


def _unclaimed() -> QuerySet[Announcement]:
    return Announcement.objects.filter(lease_until__isnull=True)


# --- Sending --------------------------------------------------------------------------------------
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
        record(job, Delivery(DeliveryOutcome.DELIVERED, message_id=job.edited.message_id))
        return True
    # If the claim may be over by now, send nothing, and leave the message for later.
    if time.monotonic() - begun > LEASE_MARGIN_SECONDS / 2:
        held(job.row).filter(state__in=UNFINISHED).update(
            sending_at=job.row.sending_at,
            lease_until=None,
            next_attempt_at=clock_plus(EDIT_SECONDS),
        )
        return False
    record(job, _request(job))
    return True


def _request(job: Job) -> Delivery:
    if job.opens_on:
        assert isinstance(job.client, ThreadClient)  # `_thread_job` has chosen it.
        return job.client.open_thread(job.opens_on, job.message.title)
    if job.edited:
        return job.client.edit(job.edited.message_id, job.message)
    return job.client.create(job.message)


@transaction.atomic(durable=True)
def _intend(announcement_id: int, token: int) -> Job | None:
    """Prepare the message. If it is new or ends a run, record in the row that it is being sent.

    Returns:
        The job. None if the claim is over, or the channel cannot take the message.
    """
    ours = Announcement.objects.filter(
        pk=announcement_id,
        token=token,
        state__in=UNFINISHED,
        lease_until__gt=clock_plus(settings.ANNOUNCE_SECONDS + LEASE_MARGIN_SECONDS / 2),
    )
    row = ours.select_for_update(of=("self",)).select_related(*_RELATED).first()
    if row is None:
        return None
    channel = row.channel
    is_test = row.kind == Announcement.Kind.TEST
    if channel is None or not (channel.is_on or is_test):
        ours.update(lease_until=None)
        return None
    if obstacle := _obstacle(channel):
        fail(row, channel, DeliveryState.FAILED, obstacle)
        return None
    if row.kind == Announcement.Kind.THREAD:
        return _thread_job(row, channel)
    try:
        client = outbox.channel_client(
            channel.address,
            sending_rules(channel),
            most_seconds=TEST_SECONDS if is_test else None,
        )
    except BadAddressError as error:
        fail(row, channel, DeliveryState.FAILED, error.sentence)
        return None
    edited = _edited_row(row, channel, client)
    if edited is None:
        ours.update(sending_at=Clock(), message_id="")
    elif edited.pk != row.pk:
        ours.update(sending_at=Coalesce(F("sending_at"), Clock()), message_id=edited.message_id)
    return Job(row, channel, client, message_of(row), edited)


def _thread_job(row: Announcement, channel: Channel) -> Job | None:
    """The next request for a thread: it opens the thread, or posts the list in it.

    Only the list is recorded as being sent, because it could be posted twice. A thread cannot be
    opened twice.

    Returns:
        The job. None if there is no thread to open.
    """
    assert row.redemption is not None  # A constraint of the table requires it for this kind.
    with channel.guild.speaking():
        needs = threads.needs_of(row.redemption)
        message = threads.list_message(needs, channel.guild_id)
    opens_on = "" if row.message_id else threads.message_to_open_on(row, channel)
    client = threads.client_for(channel, row.message_id)
    words = "" if row.message_id or needs.number else Sentence.of("thread_not_needed")
    if client is None or not (row.message_id or opens_on):
        words = Sentence.of("thread_without_message")
    if client is None or words:
        outbox.give_up(held(row), DeliveryState.DROPPED, words)
        return None
    if row.message_id:
        held(row).update(sending_at=Clock())
    return Job(row, channel, client, message, None, opens_on)


def _obstacle(channel: Channel) -> str:
    """Why nothing may be sent to a channel. Empty if there is no reason."""
    if not channel.is_readable:
        return Sentence.of("address_unreadable")
    by_bot = channel.bot_channel
    if by_bot is None:
        return ""
    linked = DiscordServer.objects.filter(guild=channel.guild_id, server_id=by_bot.server_id)
    return "" if linked.exists() else Sentence.of("server_not_linked")


def _edited_row(row: Announcement, channel: Channel, client: ChannelClient) -> Announcement | None:
    """The row whose message is edited. None if a new message must be posted instead."""
    if not client.can_edit:
        return None
    if row.kind == Announcement.Kind.STARTED:
        return row if row.message_id else None
    if row.kind != Announcement.Kind.COMPLETE:
        return None
    started = threads.of_same_run(row, channel).filter(
        kind=Announcement.Kind.STARTED, state=DeliveryState.SENT
    )
    return started.exclude(message_id="").first()
