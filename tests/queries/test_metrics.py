"""The numbers of /metrics are those of the database, and counters never fall."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import (
    Alarm,
    Announcement,
    Attempt,
    Cursor,
    Feed,
    Heartbeat,
    KeptFigure,
    PrunedFigure,
    RateBudget,
)
from giftcodes.pipeline import figures, prune
from giftcodes.queries.metrics import METRICS, metrics
from giftcodes.sql import fetch, statement
from tests.factories import answered, gift_code, guild, member, member_redemption
from tests.lock.conftest import Elsewhere, elsewhere
from tests.pipeline.conftest import World, statements, world

__all__ = ["elsewhere", "world"]

GAME = "simulator"


def attempts() -> dict[str, float]:
    """The number of attempts of the game, by outcome, without zeros."""
    found = metrics()["redeemer_attempts"]
    return {outcome: number for (_, outcome), number in found.items() if number}


def answer(outcome: str, **fields: Any) -> Attempt:
    row = member_redemption(member(guild()), gift_code(), "redeemed")
    return answered(row, realm=1, outcome=outcome, **fields)


def age(**by: float) -> None:
    """Let the attempts and the cursor become older."""
    ago = timedelta(**by)
    Attempt.objects.update(sent_at=F("sent_at") - ago, answered_at=F("answered_at") - ago)
    Cursor.objects.update(at=F("at") - ago)


def test_a_run_is_counted_with_its_queue_its_attempts_and_its_pace(world: World) -> None:
    wolves, code = guild(members=3), gift_code()
    world.knows(wolves)
    world.has(code)
    figures.keep()
    run = world.begin(wolves, code)
    world.claim(run)

    before = metrics()
    queue, runs = before["redeemer_queue"], before["redeemer_runs"]
    assert sum(queue.values()) == 3
    assert queue[GAME, "in_flight"] >= 1
    assert runs[GAME, "running"] == 1
    assert before["redeemer_game_on"][GAME,] == 1

    world.pass_time(120)
    world.sweep()
    world.tick()
    figures.keep()
    after = metrics()
    assert set(after["redeemer_queue"].values()) == {0}
    assert attempts() == {"success": 3}
    assert after["redeemer_runs"][GAME, "complete"] == 1
    assert after["redeemer_runs"][GAME, "running"] == 0
    assert after["redeemer_members"][GAME,] == 3
    assert after["redeemer_guilds"][GAME,] == 1
    assert after["redeemer_codes"][GAME, "active"] == 1


def test_a_long_queue_is_shown_as_it_was_counted_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giftcodes.queries.metrics.MOST_WAITING", 4)
    world.begin(guild(members=4), gift_code())
    assert metrics()["redeemer_queue"][GAME, "pending"] == 4
    figures.keep()

    world.begin(guild(members=3), gift_code())
    assert metrics()["redeemer_queue"][GAME, "pending"] == 4
    figures.keep()
    assert metrics()["redeemer_queue"][GAME, "pending"] == 7


def test_attempts_are_exact_although_they_are_added_to_the_figures_only_later(db: None) -> None:
    assert metrics()["redeemer_attempts"] == {}, "Nothing was counted yet."
    answer("success")
    figures.keep()
    assert KeptFigure.objects.filter(of="attempts").count() == 0
    assert attempts() == {"success": 1}

    age(minutes=5)
    answer("throttled")
    figures.keep()

    assert KeptFigure.objects.get(of="attempts").number == 1
    assert attempts() == {"success": 1, "throttled": 1}
    age(minutes=5)
    figures.keep()
    figures.keep()
    assert attempts() == {"success": 1, "throttled": 1}


def test_figures_that_were_kept_while_a_request_reads_are_not_counted_twice(
    db: None,
) -> None:
    answer("success")
    figures.keep()
    read_before = Cursor.objects.get(name="figures").at
    # Meanwhile a worker has added the attempt to the figures.
    Attempt.objects.update(answered_at=read_before + timedelta(seconds=1))
    Cursor.objects.update(at=read_before + timedelta(seconds=2))
    KeptFigure.objects.create(of="attempts", provider=GAME, what="success", number=1)

    rows = fetch(statement("metrics", "attempts"), after=read_before, cursor="figures")

    assert rows == [(GAME, "success", 1)]


def test_attempts_do_not_become_fewer_when_old_ones_are_deleted(db: None, settings: Any) -> None:
    settings.KEEP_ATTEMPTS_DAYS = 1
    answer("throttled")
    answer("success")
    figures.keep()
    # Nothing keeps figures for two days.
    Attempt.objects.update(
        sent_at=F("sent_at") - timedelta(days=2), answered_at=F("answered_at") - timedelta(days=2)
    )
    Cursor.objects.update(at=F("at") - timedelta(days=3))
    before = attempts()
    assert before == {"throttled": 1, "success": 1}

    tasks.prune()

    assert Attempt.objects.count() == 1
    assert attempts() == before


def test_after_an_upgrade_attempts_that_were_deleted_before_are_counted_too(
    db: None, settings: Any
) -> None:
    settings.KEEP_ATTEMPTS_DAYS = 1
    answer("throttled")
    answer("success")
    age(days=2)
    prune.prune()
    assert PrunedFigure.objects.get().number == 1

    figures.keep()
    figures.keep()

    assert attempts() == {"throttled": 1, "success": 1}


def test_two_processes_that_keep_the_figures_at_once_count_nothing_twice(
    elsewhere: Callable[[Any], Elsewhere],
) -> None:
    figures.keep()
    for _ in range(3):
        answer("success")
    Attempt.objects.update(answered_at=F("answered_at") - timedelta(minutes=5))
    Cursor.objects.update(at=F("at") - timedelta(minutes=10))
    with transaction.atomic():
        Cursor.objects.select_for_update().get(name="figures")
        others = [elsewhere(figures.keep) for _ in range(2)]
        assert all(other.is_waiting for other in others)
    for other in others:
        other.wait()

    assert KeptFigure.objects.get(of="attempts").number == 3
    assert attempts() == {"success": 3}


def test_a_pause_and_the_pace_are_shown(db: None) -> None:
    RateBudget.objects.create(
        provider=GAME, used=7, reported_limit=30, pause_kind="captcha", pause_reason="It asks."
    )

    found = metrics()

    assert found["redeemer_permits_used"][GAME,] == 7
    assert found["redeemer_permits_limit"][GAME,] == 30
    paused = {kind for (_, kind), is_so in found["redeemer_game_paused"].items() if is_so}
    assert paused == {"captcha"}


def test_ages_are_those_of_the_last_tick_sweep_and_check_of_alarms(world: World) -> None:
    assert metrics()["redeemer_process_alive"]["control",] == 0
    tasks.tick()
    tasks.sweep()
    tasks.alarms()
    tasks.keep_figures()
    assert metrics()["redeemer_process_alive"]["control",] == 1

    Heartbeat.objects.update(at=F("at") - timedelta(seconds=40))
    Cursor.objects.update(at=F("at") - timedelta(seconds=100))

    found = metrics()
    ages = {step: seconds for (step,), seconds in found["redeemer_step_age_seconds"].items()}
    assert set(ages) >= {"tick", "sweep", "alarms", "keep_figures"}
    assert ages["tick"] >= 40
    assert ages["sweep"] >= 100
    assert found["redeemer_process_alive"]["control",] == 0


def test_a_feed_is_shown_with_its_ages_and_failures_unless_it_is_switched_off(
    world: World,
) -> None:
    world.poll()
    Feed.objects.update(answered_at=F("answered_at") - timedelta(seconds=500), failures=4)

    found = metrics()
    assert found["redeemer_feed_answer_age_seconds"][GAME, "main"] >= 500
    assert found["redeemer_feed_poll_age_seconds"][GAME, "main"] < 500
    assert found["redeemer_feed_failures"][GAME, "main"] == 4

    Feed.objects.update(enabled=False)
    found = metrics()
    assert found["redeemer_feed_polled"][GAME, "main"] == 0
    assert (GAME, "main") not in found["redeemer_feed_failures"]


def test_each_added_feed_is_shown_by_its_name_except_a_webhook(world: World) -> None:
    for name, kind in (("second", "rss"), ("hook", "pushed")):
        Feed.objects.create(provider=GAME, name=name, kind=kind, failures=2)

    found = metrics()
    assert found["redeemer_feed_failures"][GAME, "second"] == 2
    assert set(found["redeemer_feed_polled"]) == {(GAME, "main"), (GAME, "second")}


def test_alarms_and_messages_are_counted_by_kind(db: None) -> None:
    Alarm.objects.raise_once(Alarm.Kind.BEAT_SILENT, "beat", "Beat does not tick.")
    Alarm.objects.raise_once(Alarm.Kind.CAPTCHA, GAME, "It asks.")
    Alarm.objects.clear(Alarm.Kind.CAPTCHA, GAME)
    Alarm.objects.create(kind=Alarm.Kind.UNSERVED, subject="1", message="Only so.", raised_at=None)
    Announcement.objects.create(kind="test")
    Announcement.objects.create(kind="test", state="failed")
    figures.keep()

    found = metrics()

    assert {kind for (kind,), number in found["redeemer_alarms"].items() if number} == {
        "beat_silent"
    }
    assert set(found["redeemer_alarms"]) == {(kind,) for kind in Alarm.Kind.values}
    assert found["redeemer_messages"]["guilds", "waiting"] == 1
    assert found["redeemer_messages"]["guilds", "failed"] == 1
    assert found["redeemer_messages"]["operator", "waiting"] == 0


def test_no_label_has_the_name_of_a_guild_or_a_player(world: World) -> None:
    wolves, code = guild("Secret Wolves", members=1), gift_code("SECRETCODE")
    world.knows(wolves)
    world.redeem(wolves, code)
    tasks.alarms()
    figures.keep()

    names = {label for found in metrics().values() for labels in found for label in labels}

    player = wolves.members.get().player_id
    assert not {name for name in names if "Secret" in name or "SECRET" in name or player in name}
    assert {metric.labels for metric in METRICS.values()} == {
        ("version", "python"),
        ("step",),
        ("process",),
        ("kind",),
        ("game",),
        ("game", "feed"),
        ("game", "kind"),
        ("game", "state"),
        ("game", "outcome"),
        ("to", "delivery"),
    }


def test_the_number_of_statements_does_not_grow_with_what_there_is(world: World) -> None:
    figures.keep()
    few = len(statements(metrics))
    for _ in range(5):
        world.redeem(guild(members=2), gift_code())
    figures.keep()

    assert len(statements(metrics)) == few
    assert few <= 16


def test_each_metric_is_described_and_has_the_labels_that_it_says(world: World) -> None:
    tasks.tick()
    tasks.keep_figures()
    found = metrics()

    assert list(found) == list(METRICS)
    for name, samples in found.items():
        assert name.startswith("redeemer_")
        assert METRICS[name].help.endswith(".")
        assert {len(labels) for labels in samples} <= {len(METRICS[name].labels)}, name
