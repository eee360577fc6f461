"""Several feeds of one game: one code, its sightings, its end, and whom Redeemer believes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.clients.feeds import PublishedCode
from giftcodes.clients.feeds.base import MAX_SPELLINGS
from giftcodes.models import (
    CodeProposal,
    CodeSighting,
    CodeState,
    Feed,
    GiftCode,
    database_now,
)
from giftcodes.models.code_sighting import MOST_WRONG
from giftcodes.models.feed import FeedKind, FeedTrust
from giftcodes.pipeline.poll import poll_feed, receive, seconds_until_due
from giftcodes.pipeline.poll.trust import MOST_UNDECIDED
from giftcodes.services.code_proposals import approve
from simulator import Simulator
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World

FAR = datetime(2090, 1, 1, tzinfo=UTC)
FARTHER = datetime(2091, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
DAY = date(2026, 7, 5)


@pytest.fixture
def other(world: World, settings: Any) -> Iterator[Simulator]:
    """A second service that lists codes."""
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    with Simulator() as service:
        yield service


def feed(name: str, address: str = "http://127.0.0.1:9/", **fields: Any) -> Feed:
    return Feed.objects.create(
        provider="simulator",
        name=name,
        kind=fields.pop("kind", FeedKind.COMMUNITY),
        address=address,
        **fields,
    )


def asked_again(world: World, seconds: float = 3_600 * 8) -> None:
    """Let all tries of a code that the game does not know pass."""
    for _ in range(4):
        world.pass_time(seconds)
        world.sweep()
        world.breathe()


def hears(
    one: Feed, *codes: str, end: datetime | None = None, day: date | None = DAY, whole: bool = True
) -> list[int]:
    """Let a feed list these codes, as one poll does."""
    from giftcodes.pipeline.poll import store

    one.refresh_from_db()
    lines = [PublishedCode(code, day, end) for code in codes]
    stored = store(one, lines, now=database_now(), is_whole=whole)
    if one.judged_from is None:
        Feed.objects.filter(pk=one.pk).update(judged_from=database_now())
    return stored.fresh_code_ids


@pytest.fixture
def heard(world: World) -> Callable[..., None]:
    """Let a feed list codes, and do the work that follows."""

    def hear(one: Feed, *codes: str, **details: Any) -> None:
        tasks.fan_out_each(hears(one, *codes, **details))
        world.drain()

    return hear


# --- One code, several feeds ----------------------------------------------------------------------
def test_each_due_feed_is_polled_and_a_code_of_any_of_them_is_redeemed(
    world: World, other: Simulator
) -> None:
    world.knows(guild(members=2))
    world.has("SNOW")
    other.merge({"feed": ["SNOW 05.07.2026"]})
    added = feed("second", other.feed_url)

    tasks.poll()
    world.drain()
    world.breathe()

    assert sorted(code for _player, code in world.grants) == ["SNOW", "SNOW"]
    added.refresh_from_db()
    assert (added.listed, added.failures, added.error) == (1, 0, "")
    assert added.answered_at is not None


def test_a_code_in_two_feeds_is_one_code_and_says_who_had_it_first(world: World) -> None:
    guild(members=1)
    first, second = feed("first"), feed("second")

    hears(first, "FROST", end=FAR)
    hears(second, "FROST", day=None)
    hears(first, "FROST", end=FAR)

    assert GiftCode.objects.count() == 1
    rows = CodeSighting.objects.order_by("first_seen_at")
    assert [(row.feed, row.is_first, row.published_on, row.expires_at) for row in rows] == [
        (first, True, DAY, FAR),
        (second, False, None, None),
    ]
    assert rows[0].last_seen_at > rows[1].last_seen_at > rows[0].first_seen_at


def test_a_feed_that_is_down_delays_no_other_feed(world: World, other: Simulator) -> None:
    world.game.publish("FROST")
    dead = feed("dead", "http://127.0.0.1:9/feed")
    other.merge({"feed": ["SNOW 05.07.2026"]})
    feed("second", other.feed_url)

    tasks.poll(force=True)
    queued = [task.name for task, *_rest in world.rings]
    assert queued.count("giftcodes.tasks.poll_feed") == 2, "each added feed has its own message"
    world.drain()

    assert set(GiftCode.objects.values_list("code", flat=True)) == {"FROST", "SNOW"}
    dead.refresh_from_db()
    assert dead.failures == 1
    assert "could not be reached" in dead.error
    assert "on the page of the feed" in dead.error


def test_a_feed_that_is_off_not_due_or_a_webhook_is_not_asked(
    world: World, other: Simulator
) -> None:
    later = database_now() + timedelta(hours=1)
    feed("off", other.feed_url, enabled=False)
    feed("later", other.feed_url, next_poll_at=later)
    feed("pushed", kind=FeedKind.PUSHED)

    tasks.poll()
    world.drain()

    assert other.ledger()["feed"] == []


def test_beat_sees_the_feed_that_is_due_first(world: World) -> None:
    tasks.poll()
    soon = feed("soon", next_poll_at=database_now() + timedelta(seconds=20))
    feed("pushed", kind=FeedKind.PUSHED)

    wait = seconds_until_due()

    assert wait is not None
    assert 10 < wait <= 20
    Feed.objects.filter(pk=soon.pk).update(enabled=False)
    wait = seconds_until_due()
    assert wait is not None
    assert wait > 20


def test_a_deleted_feed_is_polled_by_no_message_that_is_late(world: World) -> None:
    gone = feed("gone")
    Feed.objects.all().delete()

    tasks.poll_feed(gone.pk)

    assert not Feed.objects.exists()


# --- Ends -----------------------------------------------------------------------------------------
def test_two_feeds_that_disagree_about_an_end_do_not_change_it_back_and_forth(
    world: World,
) -> None:
    early, late = feed("early"), feed("late")
    seen = []

    for _ in range(20):
        hears(early, "FROST", end=FAR)
        seen.append(GiftCode.objects.get().expires_at)
        hears(late, "FROST", end=FARTHER)
        seen.append(GiftCode.objects.get().expires_at)

    assert seen == [FAR, *[FARTHER] * 39]
    assert GiftCode.objects.get().feed_end == FARTHER


def test_the_end_of_a_feed_that_is_off_not_trusted_or_without_the_code_does_not_count(
    world: World,
) -> None:
    early, late = feed("early"), feed("late")
    for change in (
        lambda: Feed.objects.filter(pk=late.pk).update(enabled=False),
        lambda: Feed.objects.filter(pk=late.pk).update(trust=FeedTrust.PERSON),
        lambda: hears(late, "OTHER"),
    ):
        hears(early, "FROST", end=FAR)
        hears(late, "FROST", end=FARTHER)
        assert GiftCode.objects.get(code="FROST").expires_at == FARTHER
        change()
        hears(early, "FROST", end=FAR)
        assert GiftCode.objects.get(code="FROST").expires_at == FAR
        Feed.objects.update(enabled=True, trust=FeedTrust.TRUSTED)


def test_a_feed_with_a_wrong_end_does_not_end_a_code_that_another_feed_still_lists(
    world: World, heard: Callable[..., None]
) -> None:
    honest, wrong = feed("honest"), feed("wrong")
    world.knows(guild(members=2))
    world.has("FROST")
    hears(honest, "FROST")
    hears(wrong, "FROST", end=database_now() + timedelta(minutes=1))
    world.pass_time(61)
    world.sweep()
    assert GiftCode.objects.get().state == CodeState.ACTIVE
    assert GiftCode.objects.get().expires_at is None

    heard(honest, "FROST")
    world.catch_up()
    world.breathe()

    assert len(world.grants) == 2


@pytest.mark.parametrize("end", [None, FAR], ids=["without an end", "with a later end"])
def test_a_code_that_one_feed_lists_as_ended_is_tried_when_another_feed_lists_it(
    world: World, heard: Callable[..., None], end: datetime | None
) -> None:
    world.knows(guild(members=2))
    world.has("FROST")
    heard(feed("wrong"), "FROST", end=PAST)
    assert GiftCode.objects.get().state == CodeState.CLOSED

    heard(feed("honest"), "FROST", end=end)
    world.breathe()

    assert len(world.grants) == 2


# --- Trust ----------------------------------------------------------------------------------------
def test_a_code_that_the_game_does_not_know_is_asked_for_two_members_of_all_guilds(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=20), guild(members=20))

    heard(feed("wrong"), "LIE")
    world.breathe()

    assert len(world.requests) == 2
    assert world.grants == []


def test_a_real_code_has_all_its_tries_although_a_wrong_feed_used_up_its_own(
    world: World, heard: Callable[..., None]
) -> None:
    wrong, honest = feed("wrong"), feed("honest")
    world.knows(guild(members=3))
    heard(wrong, "FROST")
    asked_again(world)
    code = GiftCode.objects.get()
    assert (code.state, code.next_probe_at) == (CodeState.CLOSED, None)

    heard(honest, "FROST")
    world.breathe()
    assert GiftCode.objects.get().next_probe_at is not None, "it is tried again, as a new code is"
    world.has("FROST")
    world.pass_time(601)
    world.sweep()
    world.breathe()
    world.breathe()

    assert len(world.grants) == 3


def test_a_feed_that_lists_a_wrong_code_again_and_again_reopens_it_once(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=3))
    one, two = feed("one"), feed("two")
    for _ in range(5):
        heard(one, "LIE")
        heard(two, "LIE")
        asked_again(world)

    asked = len(world.requests)
    assert asked <= 2 * 5, "two requests and three probes for each feed"


def test_a_feed_that_spells_a_wrong_code_in_many_ways_costs_few_requests(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=3))
    one, two = feed("one"), feed("two")

    def lists(*words: str) -> int:
        for word in words:
            heard(one, f"{word}code")
            asked_again(world)
        return len(world.requests)

    asked = lists("LIES", "lies", "Lies", "lIes")
    assert asked <= MAX_SPELLINGS * 5, "each spelling costs two requests and three probes"
    assert lists("liEs", "lieS", "LiEs") == asked

    # The right spelling of another feed is tried all the same.
    world.game.merge({"codes": {"LIeScode": {}}})
    heard(two, "LIeScode")
    asked_again(world)
    assert len(world.grants) == 3


def test_a_feed_tries_only_a_few_codes_at_once_that_nobody_else_lists(
    world: World, heard: Callable[..., None]
) -> None:
    codes = [f"LIE{number}" for number in range(12)]
    flood = feed("flood")

    hears(flood, *codes)
    assert GiftCode.objects.count() == MOST_UNDECIDED
    hears(flood, *codes)
    assert GiftCode.objects.count() == MOST_UNDECIDED
    hears(feed("other"), *codes[:3])
    hears(flood, *codes)

    assert GiftCode.objects.count() == MOST_UNDECIDED + 3


def test_codes_without_a_clear_answer_do_not_block_a_feed_for_longer_than_an_hour(
    world: World,
) -> None:
    flood = feed("flood")
    hears(flood, *(f"CODE{number}" for number in range(MOST_UNDECIDED)))
    world.pass_time(3_601)

    hears(flood, "FROST")

    assert GiftCode.objects.filter(code="FROST").exists()


def test_the_list_is_fetched_again_as_a_whole_while_codes_wait(
    world: World, other: Simulator
) -> None:
    other.merge({"options": {"etag": True}})
    other.merge({"feed": [f"CODE{number} 05.07.2026" for number in range(MOST_UNDECIDED + 1)]})
    flood = feed("flood", other.feed_url)

    poll_feed(flood.pk, force=True)
    flood.refresh_from_db()
    assert (flood.held, flood.etag) == (1, "")
    world.pass_time(3_601)
    result = poll_feed(flood.pk, force=True)

    flood.refresh_from_db()
    assert len(result.fresh_code_ids) == 1
    assert flood.held == 0
    assert flood.etag != ""


def _lies(world: World, heard: Callable[..., None], liar: Feed, number: int) -> None:
    for nth in range(number):
        heard(liar, f"LIE{nth}", whole=False)
        world.breathe()
        world.breathe()


def test_a_feed_that_lies_again_and_again_loses_its_trust_and_raises_an_alarm(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=3))
    liar = feed("liar")
    hears(liar)
    _lies(world, heard, liar, MOST_WRONG)

    heard(liar, "LAST")

    liar.refresh_from_db()
    assert liar.trust == FeedTrust.PERSON
    assert liar.distrusted_at is not None
    assert not GiftCode.objects.filter(code="LAST").exists()
    assert CodeProposal.objects.get().proposer == str(liar)


def test_one_right_code_keeps_the_trust_and_a_copied_one_does_not(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=3))
    world.has("REAL")
    world.has("COPIED")
    liar, honest = feed("liar"), feed("honest")
    heard(honest, "COPIED")
    world.breathe()
    hears(liar)
    _lies(world, heard, liar, MOST_WRONG - 1)
    heard(liar, "COPIED", whole=False)
    assert CodeSighting.objects.wrong_in_a_row(liar) == MOST_WRONG - 1

    heard(liar, "REAL", whole=False)
    world.breathe()

    liar.refresh_from_db()
    assert CodeSighting.objects.wrong_in_a_row(liar) == 0
    assert liar.is_trusted


def test_the_first_answer_of_a_feed_does_not_count_against_it(
    world: World, heard: Callable[..., None]
) -> None:
    """It may list codes that are years old, which the game has forgotten."""
    world.knows(guild(members=3))
    old = feed("old")
    heard(old, *(f"OLD{number}" for number in range(MOST_WRONG)))
    for _ in range(8):
        world.breathe()
    assert GiftCode.objects.filter(closed_outcome="code_not_found").count() == MOST_WRONG

    old.refresh_from_db()
    assert CodeSighting.objects.wrong_in_a_row(old) == 0


def test_a_code_of_a_feed_that_is_not_trusted_waits_for_a_person_and_is_then_redeemed(
    world: World, heard: Callable[..., None]
) -> None:
    world.knows(guild(members=2))
    world.has("FROST")
    strange = feed("strange", trust=FeedTrust.PERSON)
    heard(strange, "FROST", end=FAR)
    heard(strange, "FROST", end=FAR)
    assert world.requests == []
    proposal = CodeProposal.objects.get()
    assert (proposal.code, proposal.expires_at, proposal.feed) == ("FROST", FAR, strange)

    decision = approve(proposal.pk, user_id=None)
    assert decision.gift_code is not None
    tasks.fan_out(decision.gift_code.pk)
    world.drain()
    world.breathe()

    assert len(world.grants) == 2
    assert CodeSighting.objects.get().feed == strange
    assert CodeSighting.objects.get().is_first


def test_a_feed_that_is_not_trusted_changes_no_known_code(world: World) -> None:
    strange = feed("strange", trust=FeedTrust.PERSON)
    known = gift_code("FROST")

    hears(strange, "frost", end=FAR, day=date(2026, 11, 27))

    known.refresh_from_db()
    assert (known.code, known.other_spellings, known.expires_at) == ("FROST", [], None)
    assert (known.published_on, known.last_seen_at) == (None, None)
    assert CodeSighting.objects.get().gift_code == known
    assert not CodeProposal.objects.exists()


def test_codes_that_a_program_sends_are_new_ones_and_take_none_away(world: World) -> None:
    hook = feed("hook", kind=FeedKind.PUSHED)
    receive(hook, [PublishedCode("FROST", None, FAR)])

    stored = receive(hook, [PublishedCode("SNOW", None)])

    assert stored.new == ["SNOW"]
    assert CodeSighting.objects.filter(is_listed=True).count() == 2
    hook.refresh_from_db()
    assert hook.answered_at is not None
