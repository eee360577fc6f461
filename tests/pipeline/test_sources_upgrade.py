"""The upgrade to several feeds keeps each game's feed, its alarms and its history."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from giftcodes.models import Alarm, CodeSighting, Feed, GiftCode
from giftcodes.models.feed import FeedKind
from giftcodes.pipeline.poll import poll

BEFORE, AFTER = ("giftcodes", "0042_threads"), ("giftcodes", "0043_sources")
END = dt.datetime(2090, 1, 1, tzinfo=dt.UTC)


def migrate(to: tuple[str, str]) -> Any:
    """Migrate to a state, within the test's transaction. Returns the models of that state."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return MigrationExecutor(connection).migrate([to]).apps


def names(model: Any, **filters: Any) -> list[str]:
    return list(model.objects.filter(**filters).order_by("pk").values_list("subject", flat=True))


@pytest.mark.slow
@pytest.mark.django_db
def test_each_feed_becomes_the_main_feed_of_its_game() -> None:
    old = migrate(BEFORE)
    make = {
        name: old.get_model("giftcodes", name).objects for name in ("Feed", "GiftCode", "Alarm")
    }
    now = timezone.now()
    make["Feed"].create(provider="simulator", etag="x", answered_at=now, failures=2, enabled=False)
    make["Feed"].create(provider="whiteout")
    code = {"provider": "simulator", "first_seen_at": now - dt.timedelta(days=3)}
    make["GiftCode"].create(
        **code, code="A", folded="a", source="feed", last_seen_at=now, feed_end=END
    )
    make["GiftCode"].create(**code, code="B", folded="b", source="admin", last_seen_at=now)
    make["GiftCode"].create(**code, code="C", folded="c", source="admin")
    make["GiftCode"].create(
        **code, code="D", folded="d", source="feed", last_seen_at=now - dt.timedelta(days=1)
    )
    make["Alarm"].create(kind="feed_silent", subject="simulator", message="Silent.")
    make["Alarm"].create(kind="feed_silent", subject="gone", message="Silent.")
    make["Alarm"].create(kind="captcha", subject="simulator", message="Captcha.")
    person = User.objects.create_user("anna")
    log = old.get_model("admin", "LogEntry").objects.create(
        user_id=person.pk,
        content_type_id=ContentType.objects.get(app_label="giftcodes", model="feed").pk,
        object_id="simulator",
        action_flag=2,
    )

    migrate(AFTER)

    feed = Feed.objects.get(provider="simulator")
    assert (feed.kind, feed.name, feed.etag, feed.failures) == (FeedKind.MAIN, "main", "x", 2)
    assert (feed.enabled, feed.is_trusted) == (False, True)
    assert feed.judged_from is not None
    assert Feed.objects.get(provider="whiteout").judged_from is None
    rows = {row.gift_code.code: row for row in CodeSighting.objects.select_related("gift_code")}
    assert set(rows) == {"A", "B", "D"}
    assert [(rows[name].is_first, rows[name].is_listed) for name in "ABD"] == [
        (True, True),
        (False, True),
        (True, False),
    ]
    assert (rows["A"].expires_at, rows["A"].first_seen_at) == (END, now - dt.timedelta(days=3))
    assert names(Alarm, kind="feed_silent") == [str(feed.pk), "0"]
    assert list(Alarm.objects.standing().filter(subject="0")) == []
    assert names(Alarm, kind="captcha") == ["simulator"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_id FROM django_admin_log WHERE id = %s", [log.pk])
        assert cursor.fetchone() == (str(feed.pk),)
    # The rows can be used, and a second feed can be added.
    assert not poll("whiteout").asked
    Feed.objects.create(provider="simulator", name="second", kind=FeedKind.RSS)
    CodeSighting.objects.create(
        feed=Feed.objects.get(name="second"),
        gift_code=GiftCode.objects.get(code="C"),
        first_seen_at=now,
        last_seen_at=now,
    )

    back = migrate(BEFORE)

    feeds = back.get_model("giftcodes", "Feed").objects
    assert sorted(feeds.values_list("pk", flat=True)) == ["simulator", "whiteout"]
    assert names(back.get_model("giftcodes", "Alarm"), kind="feed_silent")[0] == "simulator"
    migrate(AFTER)
