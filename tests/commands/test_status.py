"""The command `status`: its text, and its JSON for programs."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from giftcodes.models import Alarm, Channel, Feed, Heartbeat, RateBudget, Trigger, database_now
from redeemer.games import GAMES
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild


def found() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("status", "--json").out)
    return answer


def simulator() -> dict[str, Any]:
    (game,) = [game for game in found()["providers"] if game["name"] == "simulator"]
    return game


@pytest.mark.django_db
def test_the_json_for_programs_has_exactly_these_keys() -> None:
    answer = found()

    assert set(answer) == {
        *(
            "at",
            "beat",
            "providers",
            "redemptions",
            "running",
            "recent",
            "alarms",
            "channels_that_rest",
            "refused_last_24_h",
        )
    }
    assert set(answer["beat"]) == {"is_alive", "last_tick_at", "age_seconds"}
    assert answer["redemptions"] == {"pending": 0, "running": 0, "complete": 0, "stopped": 0}
    assert [game["name"] for game in answer["providers"]] == [game.name for game in GAMES]
    assert set(answer["providers"][0]) == {
        "name",
        "title",
        "is_on",
        "connection",
        "pause",
        "budget",
        "feed",
        "added_feeds",
        "queue",
    }
    expected = {"requests", "seconds", "finished_at", "words"}
    assert set(answer["providers"][0]["queue"]) == {"redemptions", *expected}


def test_a_run_shows_how_far_it_is(world: World) -> None:
    wolves = guild("Wolves", members=3)
    redemption = world.begin(wolves, gift_code("FROST"))
    redemption.member_redemptions.filter(
        pk=redemption.member_redemptions.order_by("pk")[0].pk
    ).update(state="redeemed")

    (run_now,) = found()["running"]
    shown = run("status").out

    assert (run_now["guild"], run_now["code"], run_now["trigger"]) == ("Wolves", "FROST", "admin")
    assert (run_now["done"], run_now["total"]) == (1, 3)
    assert run_now["by_state"] == {"pending": 2, "redeemed": 1}
    assert run_now["served"]["has"] == 1
    assert run_now["result"]["tone"] == "busy"
    assert found()["redemptions"]["running"] == 1
    (line,) = [line for line in shown.splitlines() if "Wolves" in line]
    assert re.split(r" {2,}", line) == [
        "",
        "Wolves",
        "FROST",
        "1 of 3",
        "2 are waiting",
        "0",
        run_now["outlook"]["words"],
    ]


def test_the_refused_duplicates_of_the_last_day_are_counted(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    redemption = world.begin(wolves, code)
    for _ in range(3):
        world.begin(wolves, code, Trigger.POLL)
    oldest = redemption.events.filter(kind="refused").order_by("pk")[0]
    redemption.events.filter(pk=oldest.pk).update(at=database_now() - timedelta(hours=25))

    assert found()["refused_last_24_h"] == 2
    assert "Duplicates refused in the last 24 h: 2." in run("status").lines


@pytest.mark.django_db
def test_a_pause_shows_why_and_until_when() -> None:
    until = database_now() + timedelta(seconds=40)
    RateBudget.objects.create(
        provider="simulator",
        pause_kind="signature",
        pause_reason="The salt is wrong.",
        paused_until=until,
    )

    assert simulator()["pause"] == {
        "kind": "signature",
        "reason": "The salt is wrong.",
        "until": until.isoformat(timespec="seconds"),
    }
    assert ": The salt is wrong." in run("status").out


@pytest.mark.django_db
def test_a_window_that_is_over_shows_no_used_requests() -> None:
    now = database_now()
    budget = RateBudget.objects.create(
        provider="simulator", used=7, window_ends_at=now + timedelta(seconds=9)
    )
    assert simulator()["budget"]["used"] == 7
    assert simulator()["budget"]["limit"] == 30

    budget.window_ends_at = now - timedelta(seconds=1)
    budget.save()

    assert simulator()["budget"] == {
        "used": 0,
        "limit": 30,
        "seconds": 10.0,
        "window_ends_at": None,
    }


def test_a_feed_in_trouble_shows_its_error(world: World) -> None:
    Feed.objects.create(
        provider="simulator", failures=3, error="The feed's server failed (HTTP 503)."
    )

    assert simulator()["feed"]["failures"] == 3
    assert "3 failure(s): The feed's server failed (HTTP 503)." in run("status").out


@pytest.mark.django_db
def test_a_game_that_is_off_says_what_is_missing() -> None:
    assert "off (It has no salt, which signs the requests)" in run("status").out


@pytest.mark.django_db
def test_standing_alarms_are_shown_and_cleared_ones_are_not() -> None:
    Alarm.objects.raise_once("no_progress", "1", "Nothing moves.")
    Alarm.objects.raise_once("no_progress", "2", "Over.")
    Alarm.objects.clear("no_progress", "2")

    assert [alarm["message"] for alarm in found()["alarms"]] == ["Nothing moves."]
    assert "Nothing moves." in run("status").out
    assert "Over." not in run("status").out


@pytest.mark.django_db
def test_a_channel_that_rests_says_until_when_and_why() -> None:
    now = database_now()
    later = now + timedelta(hours=2)
    for name, refused_since, not_before in [
        ("Wolves", now, later),
        ("Bears", now - timedelta(hours=3), now - timedelta(seconds=1)),
        ("Foxes", None, later),  # It accepted its last message, and only waits before the next.
    ]:
        Channel.objects.create(
            guild=guild(name),
            address="https://discord.com/api/webhooks/1/aVerySecretToken",
            refused_since=refused_since,
            not_before=not_before,
            error="Discord asks for fewer messages.",
        )

    (channel,) = found()["channels_that_rest"]
    assert (channel["guild"], channel["rests_until"]) == (
        "Wolves",
        later.isoformat(timespec="seconds"),
    )
    shown = run("status").out
    assert "✗ The channel “Discord” of guild Wolves rests until" in shown
    assert "Discord asks for fewer messages." in shown
    assert "Bears" not in shown
    assert "aVerySecretToken" not in shown


@pytest.mark.django_db
def test_beat_is_judged_by_the_age_of_its_last_tick() -> None:
    assert found()["beat"] == {"is_alive": False, "last_tick_at": None, "age_seconds": None}
    assert "✗ No worker has run yet: start `make up`." in run("status").lines

    beat = Heartbeat.objects.create(name="tick")
    assert found()["beat"]["is_alive"]
    assert "✓ Beat's last tick was" in run("status").out

    Heartbeat.objects.filter(pk=beat.pk).update(at=database_now() - timedelta(minutes=5))
    assert not found()["beat"]["is_alive"]
    assert found()["beat"]["age_seconds"] >= 300
    assert "✗ No worker has been running since" in run("status").out


@pytest.mark.django_db
def test_no_secret_is_shown(settings: Any) -> None:
    said = run("status", "--json").out + run("status").out

    assert settings.PROVIDERS["simulator"].salt not in said


def test_status_takes_as_many_queries_for_many_runs_as_for_one(
    world: World, django_assert_max_num_queries
) -> None:
    for _ in range(12):
        world.begin(guild(members=2), gift_code())

    with django_assert_max_num_queries(18):
        run("status")
