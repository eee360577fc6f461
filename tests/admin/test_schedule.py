"""The schedule: read-only, in words."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from giftcodes.admin.monitoring.schedule import every, is_late, last_run_words, when_of
from giftcodes.models import Heartbeat
from tests.admin.conftest import Browser

LIST = "admin:django_celery_beat_periodictask_changelist"


@pytest.mark.parametrize(
    ("number", "period", "words"),
    [
        (250_000, "microseconds", "4 times a second"),
        (1_000_000, "microseconds", "every second"),
        (15_000_000, "microseconds", "every 15 seconds"),
        (1_500_000, "microseconds", "every 1.5 seconds"),
        (300_000, "microseconds", "every 0.3 seconds"),
        (1, "seconds", "every second"),
        (15, "seconds", "every 15 seconds"),
        (1, "minutes", "every minute"),
        (60, "seconds", "every minute"),
        (86_400, "seconds", "every day"),
        (90, "minutes", "every 90 minutes"),
        (5, "hours", "every 5 hours"),
        (1, "days", "every day"),
        (2, "moons", "2 moons"),
    ],
)
def test_a_period_is_shown_in_words(number: int, period: str, words: str) -> None:
    assert every(number, period) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hour": "4", "minute": "10"}, "at 04:10 (UTC)"),
        ({"minute": "5"}, "5 minutes after every full hour"),
    ],
)
def test_a_time_of_day_is_shown_in_words(fields: dict[str, str], words: str) -> None:
    assert when_of(PeriodicTask(crontab=CrontabSchedule(**fields))) == words


def test_other_kinds_of_entries_are_shown_in_words_too(db: None) -> None:
    clocked = ClockedSchedule(clocked_time=dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC))
    assert when_of(PeriodicTask(clocked=clocked)) == "once, at 2026-05-01 12:00 UTC"
    monday = CrontabSchedule(hour="4", minute="10", day_of_week="1")
    assert "Monday" in when_of(PeriodicTask(crontab=monday))
    assert when_of(PeriodicTask()) == "–"


@pytest.fixture
def task(db: None) -> PeriodicTask:
    interval, _made = IntervalSchedule.objects.get_or_create(every=250_000, period="microseconds")
    return PeriodicTask.objects.create(name="Any", task="giftcodes.tasks.tick", interval=interval)


def test_the_list_has_words_and_no_button(browser: Browser, task: PeriodicTask) -> None:
    page = browser.client.get(reverse(LIST)).content.decode()
    assert "4 times a second" in page
    assert "icrosecond" not in page
    assert "Solar" not in page
    assert 'name="action"' not in page


def test_the_list_says_what_a_task_does_and_names_an_unknown_one(
    browser: Browser, task: PeriodicTask
) -> None:
    PeriodicTask.objects.create(name="My own", task="mine.work", interval=task.interval)
    page = browser.client.get(reverse(LIST)).content.decode()
    assert "Sends the requests that are due to the games." in page
    assert "My own" in page
    assert "giftcodes.tasks" not in page
    pulse = browser.client.get(reverse("admin:giftcodes_heartbeat_changelist")).content.decode()
    assert ">tick<" not in pulse


def test_the_last_run_is_as_new_as_the_heartbeat_says(browser: Browser, task: PeriodicTask) -> None:
    PeriodicTask.objects.update(last_run_at=timezone.now() - dt.timedelta(seconds=100))
    assert last_run_words(task) is None
    task.refresh_from_db()
    assert last_run_words(task) == "in the last 2 minutes"
    Heartbeat.beat("tick")
    at = Heartbeat.objects.get().at
    page = browser.client.get(reverse(LIST)).content.decode()
    assert f'datetime="{at:%Y-%m-%dT%H:%M:%S}' in page


def test_a_task_without_a_run_for_long_is_late(task: PeriodicTask) -> None:
    task.last_run_at = timezone.now() - dt.timedelta(seconds=200)
    assert not is_late(task)
    task.last_run_at = timezone.now() - dt.timedelta(minutes=5)
    assert is_late(task)
    assert "data-relative" in str(last_run_words(task))


def test_nobody_changes_the_schedule(browser: Browser, task: PeriodicTask) -> None:
    before = list(PeriodicTask.objects.order_by("pk").values())
    name = "admin:django_celery_beat_periodictask"
    change, delete = (reverse(f"{name}_{kind}", args=[task.pk]) for kind in ("change", "delete"))
    assert browser.client.get(change).status_code == 200
    assert browser.client.get(reverse(f"{name}_add")).status_code == 403
    for url in (change, delete):
        assert browser.client.post(url, {"post": "yes", "name": "Mine"}).status_code == 403
    for action in ("disable_tasks", "toggle_tasks", "run_tasks", "delete_selected"):
        data = {"action": action, "_selected_action": task.pk, "index": 0}
        browser.client.post(reverse(LIST), data)
    assert list(PeriodicTask.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("kind", ["interval", "crontab", "clocked", "solar"])
def test_the_pages_of_periods_lead_to_the_schedule(browser: Browser, kind: str) -> None:
    for rest in ("", "add/", "1/change/"):
        response = browser.client.get(f"/admin/django_celery_beat/{kind}schedule/{rest}")
        assert response.status_code == 302
        assert response.headers["Location"] == reverse(LIST)
    assert not {IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule} & set(
        admin.site._registry
    )
