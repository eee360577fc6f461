"""The end of a code as the feed gives it, beside the end that a person sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from giftcodes.models import CodeState, Feed, GiftCode, RedemptionEvent, Trigger, database_now
from giftcodes.pipeline import code_lifecycle
from giftcodes.pipeline.poll import poll
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, states

PAST = "2020-01-01T00:00:00Z"
FAR = datetime(2090, 1, 1, tzinfo=UTC)
FARTHER = datetime(2091, 1, 1, tzinfo=UTC)
HAND = datetime(2080, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _format(world: World, settings: Any) -> None:
    here = replace(settings.PROVIDERS["simulator"], feed_format="kingshot.net")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    world.game.merge({"options": {"feed_format": "kingshot.net"}})


def lists(world: World, end: datetime | str | None, code: str = "FROST") -> None:
    """Let the feed list a code with this end. In the game, the code has no end."""
    when = end.isoformat() if isinstance(end, datetime) else end
    listed = {"code": code, "createdAt": "2026-07-05T10:00:00Z", "expiresAt": when}
    world.game.merge({"codes": {code: {}}, "remove_from_feed": [code], "feed": [listed]})


def the_code() -> GiftCode:
    return GiftCode.objects.get()


def test_a_new_code_has_the_end_that_the_feed_gives_and_is_redeemed(world: World) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    world.game.publish("FROST", expires_at=FAR.timestamp())

    world.poll()
    assert (the_code().expires_at, the_code().state) == (FAR, CodeState.ACTIVE)
    world.breathe()

    assert len(world.grants) == 2


def test_a_new_code_whose_end_is_past_is_stored_closed_and_not_asked_for(world: World) -> None:
    world.knows(guild(members=2))
    lists(world, PAST)

    world.poll()

    assert the_code().state == CodeState.CLOSED
    assert the_code().reason == (
        "The feed says that it ended at 2020-01-01 00:00 UTC, before it was first seen. "
        "It was not redeemed."
    )
    assert world.requests == []


def test_a_code_without_an_end_takes_the_one_that_the_feed_gives_later(world: World) -> None:
    gift_code("FROST")
    lists(world, FAR)

    world.poll()

    assert the_code().expires_at == FAR


def test_a_later_end_in_the_feed_is_taken_over(world: World) -> None:
    lists(world, FAR)
    world.poll()
    lists(world, FARTHER)

    world.poll()

    assert the_code().expires_at == FARTHER


def test_an_end_that_the_feed_does_not_give_any_more_is_kept(world: World) -> None:
    lists(world, FAR)
    world.poll()
    lists(world, None)

    world.poll()

    assert the_code().expires_at == FAR


def test_an_end_that_a_person_set_is_never_overwritten(world: World) -> None:
    gift_code("FROST", expires_at=HAND)
    lists(world, FAR)

    world.poll()

    assert the_code().expires_at == HAND


def test_an_end_of_the_feed_that_a_person_changed_is_never_overwritten(world: World) -> None:
    lists(world, FAR)
    world.poll()
    GiftCode.objects.update(expires_at=HAND)
    lists(world, FARTHER)

    world.poll()

    assert the_code().expires_at == HAND


def test_an_end_of_the_feed_that_a_person_cleared_is_not_set_again(world: World) -> None:
    lists(world, FAR)
    world.poll()
    GiftCode.objects.update(expires_at=None)
    lists(world, FARTHER)

    world.poll()

    assert the_code().expires_at is None


def test_the_reason_of_a_code_that_ended_says_that_the_feed_gave_the_end(world: World) -> None:
    lists(world, database_now() + timedelta(hours=1))
    world.poll()
    world.pass_time(3_601)

    world.sweep()

    assert the_code().state == CodeState.CLOSED
    assert the_code().reason.endswith("UTC, as the feed says.")


def test_a_code_that_was_closed_at_its_end_is_open_again_when_the_feed_extends_the_end(
    world: World,
) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    lists(world, PAST)
    world.poll()
    lists(world, FAR)

    world.poll()
    assert (the_code().state, the_code().expires_at) == (CodeState.ACTIVE, FAR)
    world.breathe()

    assert len(world.grants) == 2
    assert RedemptionEvent.objects.filter(kind="code_reopened", trigger=Trigger.POLL).count() == 1


def test_the_result_of_a_poll_counts_new_codes_apart_from_those_that_are_open_again(
    world: World,
) -> None:
    lists(world, PAST)
    assert poll("simulator", force=True).message == "Simulator: 1 code(s) listed, 1 new."
    lists(world, FAR)

    extended = poll("simulator", force=True)

    assert extended.message == "Simulator: 1 code(s) listed, 0 new, 1 open again."
    assert extended.fresh_code_ids == [the_code().pk]


def test_members_whom_the_end_left_out_are_asked_for_when_the_feed_extends_the_end(
    world: World,
) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    code = gift_code("FROST")
    redemption = world.begin(wolves, code)
    end = database_now() - timedelta(seconds=1)
    GiftCode.objects.update(expires_at=end, feed_end=end)
    world.sweep()
    assert set(states(redemption).values()) == {"cancelled"}
    lists(world, FAR)

    world.poll()
    world.breathe()

    assert set(states(redemption).values()) == {"redeemed"}


def test_a_code_that_a_person_closed_stays_closed_when_the_feed_extends_its_end(
    world: World,
) -> None:
    lists(world, FAR)
    world.poll()
    code_lifecycle.close(the_code().pk, reason="Not wanted.")
    lists(world, FARTHER)

    world.poll()

    assert (the_code().state, the_code().expires_at) == (CodeState.CLOSED, FAR)


def test_a_code_that_was_reopened_after_its_end_is_not_closed_again_by_the_same_end(
    world: World,
) -> None:
    lists(world, PAST)
    world.poll()
    assert code_lifecycle.reopen(the_code().pk, trigger=Trigger.ADMIN) == ""

    world.poll()
    world.sweep()

    assert (the_code().state, the_code().expires_at) == (CodeState.ACTIVE, None)


def test_a_later_end_in_the_feed_is_taken_over_by_a_code_that_was_reopened_after_its_end(
    world: World,
) -> None:
    lists(world, PAST)
    world.poll()
    assert code_lifecycle.reopen(the_code().pk, trigger=Trigger.ADMIN) == ""
    lists(world, FAR)

    world.poll()

    assert (the_code().state, the_code().expires_at) == (CodeState.ACTIVE, FAR)


def test_a_code_that_is_issued_again_is_a_new_issue_and_the_old_one_stays_closed(
    world: World,
) -> None:
    lists(world, PAST)
    world.poll()
    listed = {"code": "FROST", "createdAt": "2026-08-05T10:00:00Z", "expiresAt": FAR.isoformat()}
    world.game.merge({"remove_from_feed": ["FROST"], "feed": [listed]})

    world.poll()

    old, new = GiftCode.objects.order_by("issue")
    assert (old.state, new.state, new.expires_at) == (CodeState.CLOSED, CodeState.ACTIVE, FAR)


def test_a_dropped_date_is_noted_at_the_feed(world: World) -> None:
    lists(world, "9999-12-31T00:00:00Z")

    assert poll("simulator", force=True).ok

    assert Feed.objects.get().skipped_lines == [
        "FROST: its end cannot be read and is taken as unknown: 9999-12-31T00:00:00Z"
    ]
    assert Feed.objects.get().skipped == 0
    assert (the_code().expires_at, the_code().state) == (None, CodeState.ACTIVE)
