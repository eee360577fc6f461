"""Games: the budget, pausing and resuming, and the feed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from giftcodes.models import Feed, GiftCode, PauseKind, RateBudget
from giftcodes.services import providers
from simulator import Simulator
from tests.admin.conftest import Browser, TaskQueue


@pytest.fixture
def budget(browser: Browser) -> RateBudget:
    """The budget of the simulator. Opening the list creates the rows."""
    browser.open("ratebudget_changelist")
    return RateBudget.objects.get(pk="simulator")


def test_every_game_in_the_settings_is_listed_before_its_first_request(
    browser: Browser, settings: Any
) -> None:
    for page, model in (("ratebudget_changelist", RateBudget), ("feed_changelist", Feed)):
        browser.open(page)
        browser.open(page)
        assert set(model.objects.values_list("provider", flat=True)) == set(settings.PROVIDERS)
        assert model.objects.count() == len(settings.PROVIDERS)


def test_the_budget_shows_how_much_of_the_limit_is_used(
    browser: Browser, budget: RateBudget
) -> None:
    RateBudget.objects.filter(pk=budget.pk).update(
        used=12, window_ends_at=timezone.now() + timezone.timedelta(seconds=9)
    )
    assert "12 of 30" in browser.open("ratebudget_changelist").content.decode()


def test_a_budget_whose_window_is_over_shows_nothing_as_used(
    browser: Browser, budget: RateBudget
) -> None:
    RateBudget.objects.filter(pk=budget.pk).update(used=12, window_ends_at=timezone.now())
    assert "0 of 30" in browser.open("ratebudget_changelist").content.decode()


def test_the_reason_of_a_pause_names_the_person_who_paused_the_game(
    browser: Browser, budget: RateBudget
) -> None:
    messages = browser.press("pause_providers", budget)
    budget.refresh_from_db()
    assert (budget.pause_kind, budget.pause_reason) == (
        PauseKind.OPERATOR,
        "Paused by admin in the admin.",
    )
    assert messages == [
        ("success", "Simulator is paused until you resume it. Requests under way finish.")
    ]


def test_pausing_a_paused_game_says_that_it_is_paused_and_why(
    browser: Browser, budget: RateBudget
) -> None:
    providers.pause("simulator", reason="Maintenance.")
    assert browser.press("pause_providers", budget) == [
        ("warning", "Simulator is paused already. Maintenance.")
    ]


def test_a_game_is_resumed_and_dispatch_is_enqueued(
    browser: Browser, budget: RateBudget, task_queue: TaskQueue
) -> None:
    providers.pause("simulator", reason="Maintenance.")
    assert browser.press("resume_providers", budget) == [("success", "Simulator is resumed.")]
    budget.refresh_from_db()
    assert budget.pause_kind == PauseKind.NONE
    assert task_queue.enqueued == [("dispatch", ["simulator"])]


def test_resuming_a_game_that_is_not_paused_gives_a_warning(
    browser: Browser, budget: RateBudget, task_queue: TaskQueue
) -> None:
    assert browser.press("resume_providers", budget) == [("warning", "Simulator is not paused.")]
    assert task_queue.enqueued == []


# --- The feed -------------------------------------------------------------------------------------
@pytest.fixture
def feed(browser: Browser) -> Feed:
    browser.open("feed_changelist")
    return Feed.objects.get(provider="simulator")


@pytest.fixture
def published(simulator: Simulator, settings: Any) -> Simulator:
    """A feed that answers."""
    here = replace(settings.PROVIDERS["simulator"], feed_url=simulator.feed_url)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    return simulator


def test_poll_now_shows_what_the_feed_answered_and_fans_out(
    browser: Browser, feed: Feed, published: Simulator, task_queue: TaskQueue
) -> None:
    published.publish("FROST2026")
    messages = browser.press("poll_now", feed)
    assert messages == [("success", "Simulator: 1 code(s) listed, 1 new.")]
    assert task_queue.enqueued == [("fan_out", [GiftCode.objects.get().pk, "poll"])]


def test_poll_now_on_several_feeds_is_handed_to_the_workers(
    browser: Browser, feed: Feed, published: Simulator, task_queue: TaskQueue
) -> None:
    messages = browser.press("poll_now", feed, Feed.objects.get(provider="whiteout"))
    assert task_queue.enqueued == [("poll_feed", [feed.pk])]
    assert sorted(level for level, _words in messages) == ["success", "warning"]


def test_poll_now_for_a_game_without_a_feed_says_what_is_missing(
    browser: Browser, feed: Feed
) -> None:
    messages = browser.press("poll_now", feed)
    assert messages == [
        ("warning", "Simulator has no feed to poll: SIMULATOR_FEED_URL is not set.")
    ]


def test_a_main_feed_is_switched_off_and_on_by_buttons(browser: Browser, feed: Feed) -> None:
    browser.press("switch_off", feed)
    feed.refresh_from_db()
    assert not feed.enabled
    browser.press("switch_on", feed)
    feed.refresh_from_db()
    assert feed.enabled
