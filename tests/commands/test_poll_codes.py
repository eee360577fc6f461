"""`poll_codes`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from giftcodes.models import Feed, GiftCode, Trigger, database_now
from giftcodes.models.feed import FeedKind
from tests.clients.http.raw_server import RawServer, answering, http
from tests.commands.conftest import World, run
from tests.factories import guild


def test_new_codes_are_stored_and_handed_to_every_guild(world: World) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    world.game.publish("FROST")

    said = run("poll_codes", "simulator")
    world.drain()

    assert (said.status, said.out) == (0, "✓ Simulator: 1 code(s) listed, 1 new.\n")
    assert len(world.grants) == 2


def test_each_new_code_is_enqueued_for_fan_out_with_the_trigger_poll(world: World) -> None:
    world.game.publish("FROST")

    run("poll_codes")

    enqueued = [(task.name, args) for task, args, _ in world.rings]
    assert enqueued == [("giftcodes.tasks.fan_out", (GiftCode.objects.get().pk, Trigger.POLL))]


def test_a_feed_that_is_not_due_is_asked_all_the_same(world: World) -> None:
    Feed.objects.create(provider="simulator", next_poll_at=database_now().replace(year=2099))

    said = run("poll_codes", "simulator")

    assert said.out == "✓ Simulator: 0 code(s) listed, 0 new.\n"


def test_a_game_may_be_named_in_capitals_and_its_added_feeds_are_polled(world: World) -> None:
    Feed.objects.create(provider="simulator", name="Wiki", kind=FeedKind.COMMUNITY)

    said = run("poll_codes", "Simulator")

    assert "✓ Simulator: 0 code(s) listed, 0 new." in said.lines
    assert "No usable answer from the feed of: Simulator, feed “Wiki”." in said.err


def test_a_game_that_is_switched_off_says_so(world: World, settings: Any) -> None:
    off = replace(settings.PROVIDERS["simulator"], is_enabled=False)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": off}

    said = run("poll_codes", "simulator")

    assert said.out == "✗ Simulator has no feed to poll: SIMULATOR_ON is off.\n"


def test_the_command_fails_if_a_feed_fails(world: World) -> None:
    world.game.stop()

    said = run("poll_codes")

    assert said.status == 1
    assert said.out.startswith("✗ The poll of Simulator failed: The feed could not be reached")
    assert "No usable answer from the feed of: Simulator." in said.err


def test_a_feed_that_asks_for_two_hours_is_left_alone_for_two_hours(
    world: World, settings: Any
) -> None:
    before = database_now()
    server = RawServer(answering(http(b"", status="429 Slow", headers="Retry-After: 7200\r\n")))
    here = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": replace(here, feed_url=server.url)}

    said = run("poll_codes", "simulator")
    server.stop()

    assert "It is repeated in 7200 s." in said.out
    assert Feed.objects.get().next_poll_at >= before + timedelta(seconds=7_200)


@pytest.mark.django_db
def test_a_game_without_a_feed_says_what_to_set() -> None:
    said = run("poll_codes", "whiteout")

    assert said.status == 1
    assert "Whiteout Survival has no feed to poll: WHITEOUT_SALT is not set." in said.out


@pytest.mark.django_db
def test_it_is_an_error_if_no_game_has_a_feed(settings: Any) -> None:
    settings.PROVIDERS = {
        name: config for name, config in settings.PROVIDERS.items() if not config.has_feed
    }

    said = run("poll_codes")

    assert said.status == 1
    assert "No game has a feed" in said.err
