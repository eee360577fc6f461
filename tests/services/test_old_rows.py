"""Sessions, logins, messages and alarms are deleted when they are old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from giftcodes import tasks
from giftcodes.models import (
    Alarm,
    AlarmNotice,
    Announcement,
    Channel,
    DeliveryState,
    Guild,
    Redemption,
)
from giftcodes.services import old_rows
from tests.factories import gift_code, guild

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kept_for_ten_days(settings: Any) -> None:
    settings.KEEP_JOURNAL_DAYS = 10


def ago(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


@pytest.fixture
def channel() -> Channel:
    row: Channel = Channel.objects.create(guild=guild("Wolves"), name="main", address="json://x")
    return row


def run_of(of: Guild, state: str = "complete") -> Redemption:
    row: Redemption = Redemption.objects.create(
        guild=of, gift_code=gift_code(), state=state, run_number=1
    )
    return row


def message(about: Channel, *, days: float, **fields: Any) -> Announcement:
    """A message of this age, which was delivered unless a field says something else."""
    row: Announcement = Announcement.objects.create(
        **{"channel": about, "state": DeliveryState.DONE, "created_at": ago(days), **fields}
    )
    return row


def alarm(subject: str, *, cleared_days_ago: float | None) -> Alarm:
    cleared_at = None if cleared_days_ago is None else ago(cleared_days_ago)
    row: Alarm = Alarm.objects.create(
        kind=Alarm.Kind.NO_MEMBERS, subject=subject, message="No members.", cleared_at=cleared_at
    )
    return row


def test_sessions_are_deleted_when_they_have_ended() -> None:
    for _ in range(2):
        client = Client()
        session = client.session
        session["is"] = "open"
        session.save()
    Session.objects.filter(pk=Session.objects.first().pk).update(expire_date=ago(0.01))  # type: ignore[union-attr]

    tasks.prune()

    assert Session.objects.get().expire_date > timezone.now()


def test_logins_are_kept_as_long_as_the_journal_and_failed_logins_while_they_count() -> None:
    for model, ages in ((AccessLog, (11, 9)), (AccessAttempt, (0.02, 0.005))):
        for days in ages:
            more = {"failures_since_start": 1} if model is AccessAttempt else {}
            row = model.objects.create(username=f"u{days}", ip_address="127.0.0.1", **more)
            model.objects.filter(pk=row.pk).update(attempt_time=ago(days))

    tasks.prune()

    assert [row.username for row in AccessLog.objects.all()] == ["u9"]
    assert [row.username for row in AccessAttempt.objects.all()] == ["u0.005"]


def test_an_old_message_is_deleted_unless_something_still_needs_it(channel: Channel) -> None:
    over, under_way = run_of(channel.guild), run_of(channel.guild, "running")
    standing = alarm("1", cleared_days_ago=None)
    started = {"kind": "started", "run_number": 1}
    message(channel, days=11, **started, redemption=over)
    message(channel, days=11, kind="summary")
    kept = [
        message(channel, days=9, kind="complete", run_number=1, redemption=over),
        message(channel, days=11, **started, redemption=under_way),
        message(channel, days=11, kind="raised", alarm=standing),
        message(channel, days=11, kind="summary", state=DeliveryState.WAITING),
        message(channel, days=11, kind="test", lease_until=timezone.now()),
    ]

    tasks.prune()

    assert list(Announcement.objects.order_by("pk")) == kept


def test_an_alarm_is_deleted_with_its_messages_when_it_was_over_long_ago(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_rows, "_BATCH", 2)
    for number in range(5):
        row = alarm(f"old {number}", cleared_days_ago=11)
        AlarmNotice.objects.create(alarm=row, kind="raised", state=DeliveryState.WAITING)
        message(channel, days=1, kind="over", alarm=row)
    kept = {alarm("over", cleared_days_ago=9), alarm("standing", cleared_days_ago=None)}

    tasks.prune()

    assert set(Alarm.objects.all()) == kept
    assert not AlarmNotice.objects.exists()
    assert not Announcement.objects.exists()


def test_nothing_but_what_has_ended_is_deleted_if_the_journal_is_kept_forever(
    channel: Channel, settings: Any
) -> None:
    settings.KEEP_JOURNAL_DAYS = 0
    message(channel, days=4_000, kind="summary")
    alarm("old", cleared_days_ago=4_000)
    login = AccessLog.objects.create(username="u", ip_address="127.0.0.1")
    AccessLog.objects.filter(pk=login.pk).update(attempt_time=ago(4_000))

    tasks.prune()

    assert Announcement.objects.exists()
    assert Alarm.objects.exists()
    assert AccessLog.objects.exists()
