"""A test of a connection is requested once, done once, and never lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import F

from giftcodes import encryption, tasks
from giftcodes.domain.findings import FindingKind
from giftcodes.models import ConnectionCheck, Feed, PauseKind, RateBudget, database_now
from giftcodes.models.connection_check import LOST_AFTER_SECONDS
from giftcodes.models.games import games
from giftcodes.models.site_settings import OPERATOR_CHANNEL
from giftcodes.models.stored_setting import StoredSetting, store
from giftcodes.queries.connections import ConnectionState, connection_of, connections
from giftcodes.services import connections as service
from tests.clients.channels.standin import StandIn, running
from tests.pipeline.conftest import World, statements


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


def state() -> ConnectionState:
    return connection_of(games()["simulator"]).state


def found() -> list[FindingKind]:
    return [finding.kind for _topic, finding in ConnectionCheck.objects.get().found]


def let_pass(seconds: float) -> None:
    ConnectionCheck.objects.update(asked_at=F("asked_at") - dt.timedelta(seconds=seconds))


def test_a_test_whose_message_was_lost_is_done_by_the_next_sweep(world: World) -> None:
    assert service.request_check("simulator", user_id=None) == 1
    world.sweep()
    assert state() is ConnectionState.TESTING
    let_pass(6)
    world.sweep()
    assert state() is ConnectionState.CONNECTED


def test_a_test_whose_worker_died_can_be_asked_for_again(world: World) -> None:
    service.request_check("simulator", user_id=None)
    ConnectionCheck.objects.claim("simulator", 1)
    assert service.request_check("simulator", user_id=None) is None
    let_pass(LOST_AFTER_SECONDS + 1)
    world.sweep()
    assert world.requests == []
    assert state() is ConnectionState.UNTESTED
    assert service.request_check("simulator", user_id=None) == 2
    assert service.run_check("simulator", 2)
    # The first worker was not dead, after all.
    assert not ConnectionCheck.objects.finish("simulator", 1, [])
    assert state() is ConnectionState.CONNECTED


def test_a_test_never_waits_for_the_feed_and_shows_its_last_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "giftcodes.services.feeds.time.sleep", lambda _seconds: pytest.fail("slept")
    )
    world.game.publish("FROST")
    world.poll()
    asked = len(world.game.ledger()["feed"])
    service.request_check("simulator", user_id=None)
    service.run_check("simulator", 1)
    assert found()[-1] is FindingKind.FEED_LISTS
    assert len(world.game.ledger()["feed"]) == asked
    Feed.objects.update(answered_at=None, polled_at=database_now())
    service.request_check("simulator", user_id=None)
    service.run_check("simulator", 2)
    assert found()[-1] is FindingKind.FEED_BUSY


def test_a_later_answer_for_a_member_outweighs_a_failed_test(world: World) -> None:
    world.game.stop()
    service.request_check("simulator", user_id=None)
    service.run_check("simulator", 1)
    assert state() is ConnectionState.UNREACHABLE
    RateBudget.objects.filter(pk="simulator").update(last_answer_at=database_now())
    RateBudget.objects.get_or_create(
        provider="simulator", defaults={"last_answer_at": database_now()}
    )
    # The game works again. Its feed, which the test asked too, has not answered since.
    assert state() is ConnectionState.FEED_FAILS


def test_a_game_that_refuses_us_is_not_connected_whatever_it_answered_before(world: World) -> None:
    budget = RateBudget(provider="simulator", last_answer_at=database_now())
    budget.pause(PauseKind.SIGNATURE, "The game refused our signature.", now=database_now())
    budget.save()
    one = connection_of(games()["simulator"])
    assert (one.state, one.reason) == (
        ConnectionState.UNREACHABLE,
        "The game refused our signature.",
    )


def test_a_game_whose_feed_fails_is_not_simply_connected(world: World) -> None:
    world.poll()
    RateBudget.objects.update_or_create(pk="simulator", defaults={"last_answer_at": database_now()})
    assert state() is ConnectionState.CONNECTED
    # A feed that has answered before counts as failing only after three failures in a row.
    Feed.objects.update(failures=2, error="The feed's server failed (HTTP 502).")
    assert state() is ConnectionState.CONNECTED
    Feed.objects.update(failures=3)
    one = connection_of(games()["simulator"])
    assert (one.state, one.reason) == (
        ConnectionState.FEED_FAILS,
        "The feed's server failed (HTTP 502).",
    )
    Feed.objects.update(enabled=False)
    assert state() is ConnectionState.CONNECTED
    Feed.objects.update(enabled=True, failures=1, answered_at=None)
    assert state() is ConnectionState.FEED_FAILS


def test_all_games_take_four_statements(world: World) -> None:
    assert len(statements(connections)) == 4
    assert {one.config.name for one in connections()} == set(games())


def test_the_operators_channel_gets_one_test_message(
    world: World, discord: StandIn, settings: Any
) -> None:
    settings.OPERATOR_CHANNEL = discord.address(1)
    settings.ANNOUNCE_SECONDS = 3.0
    token = service.request_check(OPERATOR_CHANNEL, user_id=None)
    assert token == 1
    tasks.check_connection(OPERATOR_CHANNEL, token)
    tasks.check_connection(OPERATOR_CHANNEL, token)
    (message,) = discord.of(1)
    assert message.now["title"] == "✅ Test message"
    assert found() == [FindingKind.MESSAGE_SENT]


def test_a_refusal_by_the_channel_is_reported_without_its_address(
    world: World, settings: Any
) -> None:
    settings.OPERATOR_CHANNEL = "https://127.0.0.1:9/api/webhooks/1/aVerySecretToken"
    settings.ANNOUNCE_SECONDS = 1.0
    service.request_check(OPERATOR_CHANNEL, user_id=None)
    service.run_check(OPERATOR_CHANNEL, 1)
    assert found() == [FindingKind.MESSAGE_REFUSED]
    assert "aVerySecretToken" not in str(ConnectionCheck.objects.get().findings)


@pytest.mark.django_db
def test_a_new_key_encrypts_stored_settings_again(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["only-for-tests-an-old-key-0123456789"]
    store({"WHITEOUT_SALT": "a-salt"}, user_id=None)
    settings.ENCRYPTION_KEYS.insert(0, "only-for-tests-a-new-key-0123456789")
    tasks.prune()
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert StoredSetting.objects.get().value == "a-salt"
    assert encryption.prefixes()
