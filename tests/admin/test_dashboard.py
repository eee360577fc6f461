"""The dashboard: runs, numbers, games, alarms, first steps and the chart, at a fixed cost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.monitoring.chart import DAYS, HEIGHT, KINDS, chart, draw, kind_of
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import (
    Alarm,
    Attempt,
    Feed,
    Heartbeat,
    MemberRedemption,
    RateBudget,
    Redemption,
)
from tests.admin import past
from tests.admin.conftest import Browser, address
from tests.factories import gift_code, guild


def parts(browser: Browser) -> dict[str, str]:
    answer = browser.client.get(reverse("admin:live"))
    assert answer.status_code == 200
    return {name: " ".join(html.split()) for name, html in answer.json()["parts"].items()}


# --- What runs ------------------------------------------------------------------------------------
def test_a_run_is_shown_with_its_progress_and_a_link(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending", members=4)
    MemberRedemption.objects.filter(pk=row.member_redemptions.first().pk).update(state="redeemed")  # type: ignore[union-attr]
    shown = parts(browser)["running"]
    assert "1 of 4 have it</span>" in shown
    assert 'aria-label="1 of 4 have it, 3 are waiting"' in shown
    assert f'href="{address("redemption_change", row.pk)}"' in shown


def test_the_page_holds_what_the_live_view_answers(browser: Browser) -> None:
    past.redemption(state="running", member_state="pending")
    page = " ".join(browser.client.get("/admin/").content.decode().split())
    assert parts(browser)["running"] in page


def test_more_runs_than_fit_are_counted_and_linked(browser: Browser) -> None:
    for _ in range(11):
        past.redemption(state="running", member_state="pending")
    shown = parts(browser)["running"]
    assert shown.count("share-bar") == 8
    assert "and 3 more runs" in shown


def test_it_is_fetched_often_during_a_run_and_rarely_otherwise(browser: Browser) -> None:
    url = reverse("admin:live")
    assert browser.client.get(url).json()["again_in_seconds"] == 10
    past.redemption(state="running", member_state="pending")
    assert browser.client.get(url).json()["again_in_seconds"] == 2


def test_the_name_of_a_guild_is_text_and_never_markup(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending")
    row.guild.name = "<img src=x onerror=alert(1)>"
    row.guild.save(update_fields=["name"])
    shown = parts(browser)["running"]
    assert "&lt;img" in shown
    assert "<img" not in shown


# --- Numbers, alarms, games -----------------------------------------------------------------------
def test_refused_duplicates_of_a_day_are_counted_and_lead_to_the_journal(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending")
    for _ in range(3):
        row.journal("refused")  # type: ignore[arg-type]
    shown = parts(browser)["numbers"]
    assert f'href="{address("redemptionevent_changelist")}?kind__exact=refused"' in shown
    assert "<strong>3</strong> <span>duplicates refused" in shown


def test_alarms_are_shown_with_their_words(browser: Browser) -> None:
    assert "No alarms, and no member needs you." in parts(browser)["alarms"]
    for number in range(7):
        Alarm.objects.create(
            kind=Alarm.Kind.NO_PROGRESS, subject=str(number), message=f"No progress {number}."
        )
    shown = parts(browser)["alarms"]
    assert "No progress 6." in shown
    assert "and 2 more" in shown


def test_a_paused_game_says_why_and_a_feed_its_last_error(browser: Browser, settings: Any) -> None:
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        "simulator": type(config)(**{**_fields(config), "feed_url": "http://127.0.0.1:9/feed"})
    }
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Maintenance.", used=12
    )
    Feed.objects.create(provider="simulator", failures=3, error="The feed did not answer.")
    shown = parts(browser)["games"]
    assert "Maintenance. The pause lasts until a person resumes the game." in shown
    assert "12 of 30 requests used" in shown
    assert "3 failures in a row: The feed did not answer." in shown
    assert "next poll" in shown


def _fields(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_it_says_when_no_worker_runs(browser: Browser) -> None:
    assert "No worker is running" in parts(browser)["numbers"]
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": timezone.now()})
    assert "No worker is running" not in parts(browser)["numbers"]


# --- First steps ----------------------------------------------------------------------------------
def test_an_empty_system_says_what_to_do_first_and_moves_on(browser: Browser) -> None:
    def following() -> str:
        shown = parts(browser)["steps"]
        return shown.split('aria-current="step"')[1].split("</strong>")[0]

    assert "Connect a game" in following()
    RateBudget.objects.create(provider="simulator", last_answer_at=timezone.now())
    assert "Add a guild" in following()
    wolves = guild()
    assert "Add its members" in following()
    guild(members=1)
    assert "Wait for a code" in following()
    gift_code()
    assert "See the first code redeemed" in following()
    assert wolves


def test_the_first_steps_are_gone_once_a_code_was_redeemed(browser: Browser) -> None:
    past.redemption(member_state="redeemed")
    assert parts(browser)["steps"] == ""


# --- The chart ------------------------------------------------------------------------------------
def test_answers_are_counted_by_day_and_by_what_they_mean(db: None) -> None:
    member_redemption = past.redemption().member_redemptions.get()
    for token, (outcome, days) in enumerate(
        [
            ("success", 0),
            ("received", 0),
            ("wrong_realm", 0),
            ("code_expired", 3),
            ("too_frequent", 3),
            ("success", 30),
        ]
    ):
        row = past.attempt(member_redemption, token=token)
        Attempt.objects.filter(pk=row.pk).update(
            outcome=outcome, answered_at=timezone.now() - dt.timedelta(days=days)
        )
    days = chart().days
    assert len(days) == DAYS
    assert days[-1].numbers == (2, 1, 0, 0)
    assert days[-4].numbers == (0, 0, 1, 1)
    assert sum(day.total for day in days) == 5


def test_every_outcome_belongs_to_a_kind() -> None:
    assert {kind_of(outcome) for outcome in Outcome} == set(KINDS)


def test_the_highest_bar_has_the_whole_height_and_an_empty_day_none() -> None:
    full, empty = draw(
        [(dt.date(2026, 1, 1), (3, 1, 0, 0)), (dt.date(2026, 1, 2), (0, 0, 0, 0))]
    ).days
    assert sum(segment.height for segment in full.segments) == HEIGHT
    assert [segment.kind for segment in full.segments] == ["good", "bad"]
    assert empty.segments == ()


def test_the_chart_has_a_table_with_the_same_numbers(browser: Browser) -> None:
    past.attempt(past.redemption().member_redemptions.get())
    Attempt.objects.update(answered_at=timezone.now())
    html = browser.client.get(reverse("admin:live_chart")).json()["parts"]["chart"]
    assert "<svg" in html
    assert "<td>1</td>" in html


# --- Who, and at what cost ------------------------------------------------------------------------
def test_the_dashboard_costs_the_same_with_three_rows_and_with_thirty(browser: Browser) -> None:
    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.client.get(url).status_code == 200
        return len(queries)

    urls = ["/admin/", reverse("admin:live"), reverse("admin:live_chart")]
    past.live(3)
    Redemption.objects.update(state="running")
    before = [cost(url) for url in urls] and [cost(url) for url in urls]
    past.live(27)
    Redemption.objects.update(state="running")
    assert [cost(url) for url in urls] == before
    assert max(before) <= 25


@pytest.mark.parametrize("page", ["live", "live_chart"])
def test_without_the_permission_for_redemptions_nothing_is_shown(
    django_user_model: Any, db: None, page: str
) -> None:
    past.redemption(state="running", member_state="pending")
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(reverse(f"admin:{page}")).status_code == 403
    assert "you may not see" in client.get("/admin/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_redemption"))
    client.force_login(type(user).objects.get(pk=user.pk))
    assert client.get(reverse(f"admin:{page}")).status_code == 200
    assert Client().get(reverse(f"admin:{page}")).status_code == 302


def test_the_side_bar_shows_only_pages_that_the_person_may_open(
    django_user_model: Any, db: None
) -> None:
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_guild", "view_giftcode"])
    )
    client = Client()
    client.force_login(user)
    sections = client.get("/admin/").context["sidebar_navigation"]
    assert [str(item["title"]) for section in sections for item in section["items"]] == [
        "Home",
        "Guilds",
        "Codes",
        "Activity",
    ]


def test_only_an_administrator_is_asked_to_start_the_worker(browser: Browser) -> None:
    assert "Start one with: make up" in parts(browser)["numbers"]
    officer = User.objects.create_user("otto", is_staff=True)
    officer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_guild", "view_redemption"])
    )
    guild().officers.add(officer)
    browser.client.force_login(officer)

    shown = parts(browser)["numbers"]

    assert "make up" not in shown
    assert "Ask the operator of this site to start one." in shown
