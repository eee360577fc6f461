"""What a person can do with a guild's channels: send a test, switch them on or off, delete them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from giftcodes.models import Alarm, Announcement, Channel, DeliveryState, Throttle
from giftcodes.models.channel import MOST_CHANNELS
from giftcodes.models.outbox import UNFINISHED

#: How many tests a guild sends at most to all its channels together, and in how many seconds.
MOST_TESTS, TEST_SECONDS = 5, 300
#: A name that is taken gets a number. Only numbers below this are tried.
_MOST_NAMES = 100


@dataclass(frozen=True, slots=True)
class QueuedTest:
    """What became of the request to send a test.

    Args:
        is_queued: whether a test was queued.
        is_waiting: whether an earlier test is still being sent.
        wait_seconds: after how many seconds the guild may send the next test. 0 means now.
    """

    is_queued: bool = False
    is_waiting: bool = False
    wait_seconds: int = 0


@transaction.atomic
def queue_test(channel_id: int) -> QueuedTest:
    """Queue a test message, and delete the channel's finished tests.

    The number of tests is limited for each guild, because all guilds share the sending workers.

    Args:
        channel_id: the id of an existing channel, which may be switched off.
    """
    # Two people may press the button at the same moment.
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel_id)
    tests = channel.announcements.filter(kind=Announcement.Kind.TEST)
    if tests.filter(state__in=UNFINISHED).exists():
        return QueuedTest(is_waiting=True)
    seconds = Throttle.objects.take(
        "channel-test", str(channel.guild_id), most=MOST_TESTS, seconds=TEST_SECONDS
    )
    if seconds:
        return QueuedTest(wait_seconds=seconds)
    tests.filter(lease_until__isnull=True).exclude(state=DeliveryState.WAITING).delete()
    Announcement.objects.create(channel=channel, kind=Announcement.Kind.TEST)
    return QueuedTest(is_queued=True)


def switch(channels: Iterable[Channel], *, is_on: bool) -> list[Channel]:
    """Switch channels on or off.

    A channel that is switched off gets tests only. Its waiting messages are given up, and its
    alarms end.

    Returns:
        The channels whose state changed.
    """
    changed = []
    for channel in channels:
        rows = Channel.objects.filter(pk=channel.pk, is_on=not is_on)
        if rows.update(is_on=is_on):
            changed.append(channel)
            if not is_on:
                clear_alarms(channel)
    return changed


def remove(channel: Channel) -> None:
    """Delete a channel with its tests, and clear the alarms about it. Other messages stay."""
    channel.announcements.filter(kind=Announcement.Kind.TEST).delete()
    clear_alarms(channel)
    channel.delete()


@transaction.atomic
def new_secret(channel_id: int) -> str | None:
    """Make a new secret for a webhook for programs. The old one ends.

    Returns:
        The secret. It is shown once. None if the channel is no such webhook.
    """
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel_id)
    address = channel.signed_address
    if address is None:
        return None
    fresh = address.with_new_secret()
    channel.address = fresh.stored
    channel.save(update_fields=["address"])
    return fresh.secret


def too_many_words(others: Collection[Channel]) -> str:
    """Why a guild with these channels may not have one more. Empty if it may."""
    if len(others) < MOST_CHANNELS:
        return ""
    words = _("A guild may have at most %(most)d channels. Change or delete one of them.")
    return words % {"most": MOST_CHANNELS}


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the name with a number if it is taken."""
    numbered = (name, *(f"{name} {number}" for number in range(2, _MOST_NAMES)))
    return next((one for one in numbered if one not in taken), name)


def clear_alarms(channel: Channel) -> None:
    """Clear the alarms about a channel that is deleted or switched off."""
    for kind in (Alarm.Kind.CHANNEL_GONE, Alarm.Kind.CHANNEL_SILENT, Alarm.Kind.NO_THREAD):
        Alarm.objects.clear(kind, str(channel.pk))


def clear_alarm_of_threads(channel: Channel) -> None:
    """If a channel opens no threads, clear the alarm that it could not open one."""
    if not channel.opens_threads:
        Alarm.objects.clear(Alarm.Kind.NO_THREAD, str(channel.pk))
