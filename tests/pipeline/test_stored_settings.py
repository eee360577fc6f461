"""Every step uses a salt that was entered in the browser, without a further SQL statement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.models import Attempt, StoredSetting, stored_setting
from giftcodes.models.games import games
from giftcodes.models.start_rules import providers_on
from giftcodes.models.stored_setting import forget_stored_values, keep_stored_values, store
from giftcodes.pipeline import redeem as redeem_step
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, statements
from tests.simulator.fixtures import SALT


@pytest.fixture
def open_world(world: World, settings: Any) -> World:
    """The game is configured by stored settings alone, not by the environment."""
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    here = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(here, salt="", api_url="", feed_url="", from_environment=frozenset()),
    }
    store(
        {
            "SIMULATOR_SALT": SALT,
            "SIMULATOR_API_URL": world.game.api_url,
            "SIMULATOR_FEED_URL": world.game.feed_url,
        },
        user_id=None,
    )
    forget_stored_values()
    return world


def test_a_code_is_polled_and_redeemed_with_what_was_entered(open_world: World) -> None:
    wolves = guild(members=2)
    open_world.knows(wolves)
    open_world.has("FROST")
    open_world.game.publish("FROST")
    tasks.poll("simulator", force=True)
    open_world.drain()
    assert len(open_world.grants) == 2


def test_redeeming_for_a_member_does_not_read_the_stored_settings_again(open_world: World) -> None:
    """Every claim, request and answer uses the values that were read a moment ago."""
    wolves = guild(members=3)
    open_world.knows(wolves)
    open_world.begin(wolves, gift_code(proven_at="2026-01-01T00:00:00Z"))
    keep_stored_values(stored_setting.refresh_stored_values())
    seen = statements(lambda: tasks.dispatch("simulator"))
    assert not [sql for sql in seen if "storedsetting" in sql]
    task, args, kwargs = open_world.rings[0]
    seen = statements(lambda: task(*args, **kwargs))
    assert Attempt.objects.filter(answered_at__isnull=False).count() == 1
    assert not [sql for sql in seen if "storedsetting" in sql]


def test_a_change_is_seen_when_the_kept_values_are_too_old(
    open_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(stored_setting.time, "monotonic", lambda: clock[0])
    forget_stored_values()
    assert "simulator" in providers_on()
    StoredSetting.objects.filter(pk="SIMULATOR_SALT").delete()
    clock[0] += stored_setting.KEPT_SECONDS - 0.1
    assert "simulator" in providers_on()
    clock[0] += 0.2
    assert "simulator" not in providers_on()


def test_asking_for_the_games_many_times_takes_one_statement(open_world: World) -> None:
    forget_stored_values()
    seen = statements(lambda: [games() for _ in range(50)])
    assert len(seen) == 1


def test_a_game_that_was_disconnected_after_the_claim_gets_no_request(open_world: World) -> None:
    wolves = guild(members=1)
    open_world.knows(wolves)
    redemption = open_world.begin(wolves, gift_code(proven_at="2026-01-01T00:00:00Z"))
    row = open_world.claim(redemption)
    store({"SIMULATOR_SALT": None}, user_id=None)
    forget_stored_values()

    redeem_step.redeem_member(row.pk, row.token)

    row.refresh_from_db()
    assert open_world.requests == []
    assert (row.state, row.tries) == ("pending", 0)
    tasks.dispatch("simulator")
    assert not open_world.rings


def test_a_private_host_that_is_not_allowed_gets_no_request(
    open_world: World, settings: Any
) -> None:
    settings.GAME_PRIVATE_HOSTS = []
    wolves = guild(members=1)
    open_world.knows(wolves)
    open_world.begin(wolves, gift_code(proven_at="2026-01-01T00:00:00Z"))
    open_world.drain(10)
    assert open_world.requests == []
    assert "private network" in str(tasks.poll_step.poll("simulator", force=True).message)
