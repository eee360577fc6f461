"""When a code is expected to end: one rule, in all places that sort codes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from giftcodes.clients.feeds import PublishedCode
from giftcodes.estimates.cost_preview import previews
from giftcodes.estimates.queue_snapshot import queues_at
from giftcodes.models import (
    CodeState,
    GiftCode,
    MemberRedemption,
    RateBudget,
    Redemption,
    database_now,
)
from giftcodes.pipeline.dispatch import dispatch
from giftcodes.pipeline.poll import FeedLineKind, decide
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World

DAY = dt.timedelta(days=1)


def _codes() -> list[GiftCode]:
    """Codes in the order in which they are expected to end."""
    now = database_now()
    today = now.astimezone(dt.UTC).date()

    def code(name: str, seen_days_ago: int, **fields: Any) -> GiftCode:
        return gift_code(name, first_seen_at=now - seen_days_ago * DAY, proven_at=now, **fields)

    return [
        code("ENDS", 3, expires_at=now + dt.timedelta(minutes=50)),
        # A new code does not wait behind old ones.
        code("NEW", 0, published_on=today - DAY),
        code("FAR", 0, published_on=dt.date(2100, 1, 1)),
        code("TOMORROW", 0, published_on=today + DAY),
        # Its assumed end is a midnight, which must not be closer than the next hour.
        code("OLD", 2, published_on=today - 5 * DAY),
        code("SEEN", 4),
        code("FUTURE", 3, published_on=today + 365 * DAY),
        code("AGAIN", 90, published_on=today - 2 * DAY),
        code("LATE", 2, expires_at=now + 5 * DAY + dt.timedelta(hours=30)),
    ]


@pytest.mark.django_db
def test_codes_have_one_order_in_lists_estimates_and_dispatch(world: World, settings: Any) -> None:
    expected = [code.code for code in _codes()]
    assert [code.code for code in GiftCode.objects.in_order()] == expected

    wolves = guild(members=1)
    codes = {code.pk: code.code for code in GiftCode.objects.order_by("?")}
    pairs = [(wolves.pk, pk) for pk in codes]
    assert len(previews(pairs)) == len(codes)
    cheapest = sorted(previews(pairs).items(), key=lambda item: item[1].outlook.seconds or 0)
    assert [codes[code_id] for (_, code_id), _ in cheapest] == expected

    for pk in codes:
        world.begin(wolves, GiftCode.objects.get(pk=pk))
    run_of = {row.pk: codes[row.gift_code_id] for row in Redemption.objects.all()}
    assert [run_of[run.id] for run in queues_at(database_now())["simulator"].runs] == expected

    sent = []
    settings.IN_FLIGHT_MAX = 1
    for _ in expected:
        (claim,) = dispatch("simulator")
        row = MemberRedemption.objects.get(pk=claim.member_redemption_id)
        sent.append(row.gift_code.code)
        MemberRedemption.objects.filter(pk=row.pk).update(state="failed", next_attempt_at=None)
        RateBudget.objects.update(window_ends_at=None, permits_until=None, used=0)
    assert sent == expected


@pytest.mark.slow
@pytest.mark.django_db
def test_a_new_code_does_not_wait_behind_the_requests_of_old_ones(
    world: World, settings: Any
) -> None:
    """It has happened that a new code waited for 129 s behind 418 requests of old codes."""
    wolves = guild(members=40)
    old = [
        gift_code(f"OLD{number}", first_seen_at=database_now() - 3 * DAY, proven_at=database_now())
        for number in range(10)
    ]
    new = gift_code("NEW")
    world.knows(wolves)
    for code in (*old, new):
        world.has(code)
        world.begin(wolves, code)

    world.tick()
    for _ in range(4):
        world.breathe()

    asked = [request["code"] for request in world.requests]
    assert asked[0] == "NEW"
    last = max(place for place, code in enumerate(asked) if code == "NEW")
    others = [code for code in asked[:last] if code != "NEW"]
    assert len(others) <= settings.IN_FLIGHT_MAX, "only those claimed while NEW was tried"


def _known(**fields: Any) -> GiftCode:
    seen = dt.datetime.now(dt.UTC) - 10 * DAY
    return gift_code(
        state=CodeState.CLOSED, closed_outcome="code_expired", first_seen_at=seen, **fields
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("known", "listed", "news"),
    [
        # The year was mistyped: the code counts as published when it was first seen, ten days ago.
        (365, 365, FeedLineKind.KNOWN),
        (365, -1, FeedLineKind.REISSUED),
        (365, 0, FeedLineKind.REISSUED),
        (365, -11, FeedLineKind.KNOWN),
        (365, None, FeedLineKind.KNOWN),
        # A day in the future does not mean a new issue, however often the code is listed with it.
        (-20, 365, FeedLineKind.KNOWN),
        (None, 365, FeedLineKind.KNOWN),
        (None, -1, FeedLineKind.REISSUED),
        # A feed may be a day ahead.
        (-1, 1, FeedLineKind.REISSUED),
        (1, 1, FeedLineKind.KNOWN),
        (-1, -1, FeedLineKind.KNOWN),
    ],
)
def test_a_day_in_the_future_counts_as_the_day_a_code_was_first_seen(
    known: int | None, listed: int | None, news: FeedLineKind
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    code = _known(published_on=None if known is None else today + known * DAY)
    line = PublishedCode(code.code, None if listed is None else today + listed * DAY)
    assert decide(line, code) is news


def test_a_code_listed_with_a_day_next_year_is_stored_once_and_reissued_when_it_comes_again(
    world: World,
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    next_year = today + 365 * DAY
    world.game.merge({"feed": [f"WINTER {next_year:%d.%m.%Y}"]})
    world.poll()
    world.poll()
    code = GiftCode.objects.get()
    GiftCode.objects.update(
        state=CodeState.CLOSED,
        closed_outcome="code_expired",
        first_seen_at=code.first_seen_at - DAY,
    )
    world.poll()
    assert GiftCode.objects.count() == 1

    world.game.merge({"remove_from_feed": ["WINTER"]})
    world.game.merge({"feed": [f"WINTER {today:%d.%m.%Y}"]})
    world.poll()

    assert sorted(GiftCode.objects.values_list("code", "issue")) == [("WINTER", 1), ("WINTER", 2)]
