"""The real triggers at the same moment: a poll, an officer on a page, and a command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from giftcodes import tasks
from giftcodes.models import GiftCode, Redemption, RunState
from simulator import Simulator
from tests.commands.conftest import run
from tests.factories import guild
from tests.lock.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5


@pytest.fixture
def feed(simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A feed to poll. Enqueued tasks run at once, in the caller. Dispatch does not run at all."""
    here = replace(
        settings.PROVIDERS["simulator"], api_url=simulator.api_url, feed_url=simulator.feed_url
    )
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def run_at_once(task: Any, *args: Any) -> None:
        if task is not tasks.dispatch:
            transaction.on_commit(lambda: task(*args))

    monkeypatch.setattr(tasks, "enqueue_on_commit", run_at_once)
    return simulator


def test_a_poll_a_command_and_a_code_added_by_hand_at_the_same_moment_are_one_run(
    feed: Simulator, elsewhere: Callable[[Callable[[], Any]], Elsewhere]
) -> None:
    wolves = guild("Wolves", members=20)
    officer = User.objects.create_superuser("officer", password="x")
    for number in range(ROUNDS):
        code = f"FROST{number}"
        feed.merge({"codes": {code: {}}, "feed": [f"{code} 24.11.2026"]})
        client = Client()
        client.force_login(officer)
        form = {"provider": "simulator", "code": code, "rewards": "", "published_on": ""}
        form |= {"expires_at_0": "", "expires_at_1": ""}
        meeting = threading.Barrier(3)

        def together(
            act: Callable[[], Any], meeting: threading.Barrier = meeting
        ) -> Callable[[], Any]:
            return lambda: (meeting.wait(), act())[1]

        polled, added, typed = (
            elsewhere(together(act))
            for act in (
                lambda: tasks.poll("simulator", force=True),
                lambda client=client, form=form: client.post(
                    "/admin/giftcodes/giftcode/add/", form
                ),
                lambda code=code: run("redeem", code, "--guild", "Wolves"),
            )
        )
        polled.wait()
        # The code is added, or known already: either way the answer is a page, and no error.
        assert added.wait().status_code in (200, 302)
        assert typed.wait().status in (0, 2)

        redemption = Redemption.objects.get(
            guild=wolves, gift_code=GiftCode.objects.get(folded=code.casefold())
        )
        assert (redemption.state, redemption.run_number) == (RunState.RUNNING, 1)
        assert redemption.events.filter(kind="locked").count() == 1
        assert redemption.member_redemptions.count() == 20


def test_redeem_now_pressed_twice_at_the_same_moment_runs_once_and_refuses_once(
    feed: Simulator, elsewhere: Callable[[Callable[[], Any]], Elsewhere]
) -> None:
    guild("Wolves", members=20)
    officer = User.objects.create_superuser("officer", password="x")
    code = GiftCode.objects.create(provider="simulator", code="FROST")
    meeting = threading.Barrier(2)

    def press() -> str:
        client = Client()
        client.force_login(officer)
        meeting.wait()
        data = {"action": "redeem_now", "_selected_action": [code.pk], "index": 0, "confirm": "yes"}
        return client.post("/admin/giftcodes/giftcode/", data, follow=True).content.decode()

    pages = [one.wait() for one in [elsewhere(press), elsewhere(press)]]

    redemption = Redemption.objects.get()
    assert sorted(redemption.events.values_list("kind", "user")) == [
        ("locked", officer.pk),
        ("refused", officer.pk),
    ]
    words = "FROST for Wolves is running already"
    assert sorted(words in page for page in pages) == [False, True]
