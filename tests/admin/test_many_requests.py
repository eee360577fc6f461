"""“Redeem now” for more runs than a request starts itself: workers start them, a few at a time."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes import tasks
from giftcodes.models import (
    Alarm,
    Redemption,
    RedemptionEvent,
    RunRequest,
    RunState,
    Trigger,
    database_now,
)
from giftcodes.models.run_request import CLAIM
from tests.admin.conftest import Browser, TaskQueue
from tests.admin.past import redemption
from tests.factories import gift_code, guild


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request start at most two runs itself, and a worker at most three at a time."""
    monkeypatch.setattr("giftcodes.admin.redemptions.runs.AT_ONCE", 2)
    monkeypatch.setattr(tasks, "REQUESTS", 3)


def _with_members_to_try(number: int, **fields: Any) -> list[Redemption]:
    """Create complete redemptions, each with one member who can be tried again."""
    rows = [redemption(member_state="failed") for _ in range(number)]
    Redemption.objects.update(**fields)
    return rows


def test_a_request_for_many_runs_is_one_message(browser: Browser, task_queue: TaskQueue) -> None:
    rows = _with_members_to_try(8)

    messages = browser.press("redeem_now", *rows)

    assert [level for level, _words in messages] == ["success"]
    assert "8 redemptions were requested" in messages[0][1]
    assert task_queue.enqueued == [("start_requested", [])]
    assert RunRequest.objects.count() == 8


def test_runs_that_cannot_start_are_refused_and_nothing_is_enqueued(
    browser: Browser, task_queue: TaskQueue, admin_user: User
) -> None:
    closed, inactive = redemption(), redemption()
    closed.gift_code.state = "closed"
    closed.gift_code.save()
    inactive.guild.active = False
    inactive.guild.save()
    running = redemption(state=RunState.RUNNING, member_state="pending")

    messages = browser.press("redeem_now", closed, inactive, running)

    assert {level for level, _words in messages} == {"warning"}
    words = "\n".join(words for _level, words in messages)
    assert f"Code {closed.gift_code} is closed" in words
    assert f"Guild {inactive.guild} is inactive" in words
    assert "skipping duplicate" in words
    assert not task_queue.enqueued
    assert not RunRequest.objects.exists()
    (event,) = RedemptionEvent.objects.all()
    assert (event.redemption, event.kind, event.trigger) == (running, "refused", "admin")
    assert event.user == admin_user


def test_a_second_request_for_the_same_run_is_refused(
    browser: Browser, task_queue: TaskQueue
) -> None:
    rows = _with_members_to_try(3)
    browser.press("redeem_now", *rows)

    messages = browser.press("redeem_now", *rows)

    (level, words), *more = messages
    assert (level, more) == ("warning", []), "three refusals are one message, folded"
    assert words.count("is requested already.") == 3
    assert len(task_queue.enqueued) == 1
    assert RunRequest.objects.count() == 3


def test_refusing_many_takes_a_fixed_number_of_statements(browser: Browser) -> None:
    def statements(number: int) -> int:
        rows = [redemption(state=RunState.RUNNING, member_state="pending") for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            browser.press("redeem_now", *rows)
        return len(queries)

    assert statements(3) == statements(9)


@pytest.mark.django_db(transaction=True)
def test_workers_start_a_few_runs_and_let_other_messages_run(task_queue: TaskQueue) -> None:
    person = User.objects.create_superuser("anna")
    rows = _with_members_to_try(4)
    pairs = [(row.guild_id, row.gift_code_id) for row in rows]
    RunRequest.objects.add(pairs, user_id=person.pk)

    tasks.start_requested()

    started = Redemption.objects.running()
    assert [row.pk for row in started.order_by("pk")] == [row.pk for row in rows[:3]]
    assert {row.triggered_by for row in started} == {person}
    assert [name for name, _ in task_queue.enqueued] == ["dispatch", "start_requested"]

    tasks.start_requested()

    assert Redemption.objects.running().count() == 4
    assert not RunRequest.objects.exists()
    assert task_queue.arguments("start_requested") == [[]]


@pytest.mark.django_db(transaction=True)
def test_a_request_for_a_run_that_has_begun_since_is_refused_and_journalled(
    task_queue: TaskQueue,
) -> None:
    row = redemption(state=RunState.RUNNING, member_state="pending")
    RunRequest.objects.add([(row.guild_id, row.gift_code_id)], user_id=None)

    tasks.start_requested()

    assert list(row.events.values_list("kind", "trigger")) == [("refused", "admin")]
    assert not RunRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_sweep_continues_requests_whose_message_was_lost(task_queue: TaskQueue) -> None:
    wolves, code = guild(members=1), gift_code()
    RunRequest.objects.add([(wolves.pk, code.pk)], user_id=None)

    tasks.sweep()
    assert task_queue.arguments("start_requested") == [[]]

    # A worker has claimed the request and died.
    RunRequest.objects.update(claimed_at=database_now())
    tasks.start_requested()
    assert RunRequest.objects.exists()

    RunRequest.objects.update(claimed_at=database_now() - CLAIM * 2)
    tasks.start_requested()
    assert Redemption.objects.get().state == RunState.RUNNING
    assert not RunRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_start_fails_is_tried_again_and_its_alarm_is_raised_until_then(
    task_queue: TaskQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    wolves, bears, code = guild(members=1), guild(members=1), gift_code()
    RunRequest.objects.add([(wolves.pk, code.pk)], user_id=None)
    start_run = tasks.start_run

    def failing(guild_id: int, code_id: int, trigger: Trigger, user_id: int | None) -> str:
        if guild_id == wolves.pk:
            raise RuntimeError("broken")
        return start_run(guild_id, code_id, trigger, user_id)

    with monkeypatch.context() as patches:
        patches.setattr(tasks, "start_run", failing)
        tasks.start_requested()
        # Another request is handled while the first one is still claimed.
        RunRequest.objects.add([(bears.pk, code.pk)], user_id=None)
        tasks.start_requested()

    failed = RunRequest.objects.get()
    assert failed.guild == wolves
    assert list(Alarm.objects.standing().values_list("subject", flat=True)) == [
        f"requested runs: {failed}"
    ]
    assert Redemption.objects.running().get().guild == bears

    RunRequest.objects.update(claimed_at=database_now() - CLAIM * 2)
    tasks.start_requested()

    assert not RunRequest.objects.exists()
    assert not Alarm.objects.standing().exists()
    assert Redemption.objects.running().count() == 2
