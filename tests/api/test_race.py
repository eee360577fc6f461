"""Many programs start the same run at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from giftcodes.models import EventKind, Redemption, RedemptionEvent
from tests.admin.conftest import TaskQueue
from tests.api.conftest import Program, kind, token_of
from tests.factories import gift_code, guild
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
_CALLERS = 10


def answers_at_once(token: str, path: str, body: Any, **headers: str) -> list[Any]:
    """The answers to the same POST of many threads, each with a connection of its own."""
    meeting = threading.Barrier(_CALLERS)

    def call() -> Any:
        try:
            program = Program(token)
            program.get("guilds")
            meeting.wait(PATIENCE_SECONDS)
            return program.post(path, body, **headers)
        finally:
            connection.close()

    with ThreadPoolExecutor(_CALLERS) as pool:
        calls = [pool.submit(call) for _ in range(_CALLERS)]
        return [one.result(PATIENCE_SECONDS) for one in calls]


@pytest.fixture
def token(admin_user: User, task_queue: TaskQueue) -> str:
    return token_of(admin_user, None)


def test_of_ten_starts_at_once_one_starts_the_run_and_nine_are_refused(token: str) -> None:
    wolves, code = guild("Wolves", members=5), gift_code()

    answers = answers_at_once(token, f"guilds/{wolves.pk}/redemptions", {"code_id": code.pk})

    assert Counter(one.status_code for one in answers) == {202: 1, 409: _CALLERS - 1}
    row = Redemption.objects.get()
    refused = [one for one in answers if one.status_code == 409]
    assert {one.json()["redemption"]["id"] for one in refused} == {row.pk}
    assert row.run_number == 1
    assert RedemptionEvent.objects.filter(kind=EventKind.LOCKED).count() == 1


def test_of_ten_requests_with_one_key_at_once_one_is_done(token: str) -> None:
    body = {"game": "simulator", "code": "ONCE"}

    answers = answers_at_once(token, "codes", body, **{"Idempotency-Key": "k"})

    # A late one gets the answer of the first again.
    assert {one.status_code for one in answers} <= {201, 409}
    fresh = [one for one in answers if "Idempotency-Replayed" not in one.headers]
    assert Counter(one.status_code for one in fresh)[201] == 1
    assert {kind(one) for one in answers if one.status_code == 409} <= {"key-under-way"}
