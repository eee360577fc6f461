"""The home page: runs, codes, games, first steps and the chart, in a fixed number of queries."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS
from giftcodes.admin.home import codes
from giftcodes.admin.home.chart import DAYS, HEIGHT, chart, draw
from giftcodes.admin.home.dashboard import SLOW_SECONDS, chart_again_in_seconds
from giftcodes.clients.games.config import Rate
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.served import Share, share_of_answer
from giftcodes.models import (
    Attempt,
    EventKind,
    Feed,
    GiftCode,
    Guild,
    MemberRedemption,
    PrunedFigure,
    RateBudget,
    Redemption,
    RedemptionEvent,
    database_now,
)
from tests.admin import past
from tests.admin.conftest import Browser, address
from tests.factories import astray, gift_code, guild, member, member_redemption


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
    assert "</span>3 are waiting</li>" in shown, "The words stand beside the colour."
    assert f'href="{address("redemption_change", row.pk)}"' in shown


@pytest.mark.parametrize(
    ("config", "feed", "of_guild", "words"),
    [
        ({"salt": ""}, {}, {}, "No code is redeemed until the game is connected."),
        ({}, {}, {"active": False}, "No code is redeemed until there is an active guild."),
        ({}, {"answered_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, {}, "The next code starts"),
        ({}, {"failures": 9, "error": "Down."}, {}, "The feed fails, so new codes are not found."),
        ({"feed_url": ""}, {}, {}, "Codes are added by hand. The next one starts automatically."),
    ],
    ids=["game off", "no guild", "well", "feed fails", "no feed"],
)
def test_if_nothing_runs_the_page_says_whether_the_next_code_will_start(
    browser: Browser,
    settings: Any,
    config: dict[str, Any],
    feed: dict[str, Any],
    of_guild: dict[str, Any],
    words: str,
) -> None:
    game = replace(settings.PROVIDERS["simulator"], feed_url="http://127.0.0.1:9/feed")
    settings.PROVIDERS = {"simulator": replace(game, **config)}
    RateBudget.objects.create(provider="simulator", last_answer_at=timezone.now())
    Feed.objects.create(provider="simulator", **feed)
    row = guild(members=1, **of_guild)
    shown = parts(browser)["running"]
    assert f"Nothing is running now. {words}" in shown
    overview = browser.client.get(reverse("admin:giftcodes_guild_overview", args=[row.pk]))
    if row.active:
        assert words in overview.content.decode()
    else:
        assert "because the guild is switched off" in overview.content.decode()


_AUTOMATIC = "The next code starts automatically."
_FAILS = "The feed fails, so new codes are not found."
_BY_HAND = "Codes are added by hand. The next one starts automatically."
_LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("main", "added", "words"),
    [
        ({"failures": 9, "error": "Down."}, {"answered_at": _LONG_AGO}, _AUTOMATIC),
        ({"failures": 9, "error": "Down."}, {"answered_at": _LONG_AGO, "failures": 3}, _FAILS),
        ({"failures": 9, "error": "Down."}, {"answered_at": _LONG_AGO, "enabled": False}, _FAILS),
        ({"enabled": False}, {"failures": 1}, _FAILS),
        ({"enabled": False}, {"answered_at": _LONG_AGO, "enabled": False}, _BY_HAND),
        ({"enabled": False}, {"answered_at": _LONG_AGO, "trust": "person"}, _BY_HAND),
        ({"enabled": False}, {"kind": "pushed"}, _BY_HAND),
        ({"enabled": False}, {"kind": "pushed", "answered_at": _LONG_AGO}, _AUTOMATIC),
    ],
    ids=[
        "the added feed works",
        "both fail",
        "the added feed is off",
        "the added feed fails",
        "both are off",
        "the added feed is not trusted",
        "a webhook without a code so far",
        "a webhook works",
    ],
)
def test_whether_the_next_code_will_start_depends_on_all_feeds_of_the_game(
    browser: Browser, settings: Any, main: dict[str, Any], added: dict[str, Any], words: str
) -> None:
    game = replace(settings.PROVIDERS["simulator"], feed_url="http://127.0.0.1:9/feed")
    settings.PROVIDERS = {"simulator": game}
    RateBudget.objects.create(provider="simulator", last_answer_at=timezone.now())
    Feed.objects.create(provider="simulator", **main)
    Feed.objects.create(**{"provider": "simulator", "name": "second", "kind": "rss", **added})
    guild(members=1)
    assert f"Nothing is running now. {words}" in parts(browser)["running"]


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


def test_the_live_view_is_fetched_often_during_a_run_and_rarely_otherwise(browser: Browser) -> None:
    url = reverse("admin:live")
    assert browser.client.get(url).json()["again_in_seconds"] == 10
    past.redemption(state="running", member_state="pending")
    assert browser.client.get(url).json()["again_in_seconds"] == 2


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_interval_of_a_live_page_is_a_number_in_each_language(
    browser: Browser, language: str
) -> None:
    page = browser.client.get("/admin/", headers={"Accept-Language": language})
    assert 'data-again="10"' in page.content.decode()


def test_without_javascript_the_times_of_home_are_dates(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending")
    Redemption.objects.filter(pk=row.pk).update(locked_at=_LONG_AGO)
    paused = {"pause_kind": "unknown", "paused_until": timezone.now() + dt.timedelta(hours=1)}
    RateBudget.objects.update_or_create(provider="simulator", defaults=paused)
    shown = parts(browser)
    assert '<time datetime="2026-01-01T00:00:00+00:00" data-relative>2026-01-01' in shown["running"]
    for name in ("running", "games", "needs"):
        assert "<time" in shown[name], name
        assert not re.search(r">\d{4}-\d\d-\d\dT", shown[name]), name


def test_the_name_of_a_guild_is_text_and_never_markup(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending")
    row.guild.name = "<img src=x onerror=alert(1)>"
    row.guild.save(update_fields=["name"])
    shown = parts(browser)["running"]
    assert "&lt;img" in shown
    assert "<img" not in shown


# --- What ended last ------------------------------------------------------------------------------
def test_the_ended_runs_of_a_code_for_several_guilds_are_one_entry(browser: Browser) -> None:
    code = gift_code("FROST")
    for number in range(3):
        _ended_run(code, members=2, state="redeemed" if number else "needs_correction")
    shown = parts(browser)["ended"]
    assert shown.count("<strong>FROST</strong>") == 1
    assert "for 3 guilds" in shown
    assert "4 of 6 have it, 2 need you" in shown
    assert "done, 2 need you" in shown


def test_many_small_runs_of_catch_up_are_one_entry(browser: Browser) -> None:
    other = _ended_run(gift_code("FROST"), members=2, state="redeemed")
    owls = guild("Owls", members=1)
    for _ in range(20):
        row = _ended_run(gift_code(), of=owls, state="redeemed", trigger="catch_up", run_number=2)
        _started_at(row, timezone.now())
    earlier = timezone.now() - dt.timedelta(days=1)
    MemberRedemption.objects.filter(member__guild=owls).update(created_at=earlier)
    shown = parts(browser)["ended"]
    assert "<strong>20 codes</strong> asked again for members of" in shown
    assert "<bdi>Owls</bdi>" in shown
    assert shown.count('class="run-head"') == 2
    assert "<strong>FROST</strong>" in shown
    assert other.guild.name in shown


def test_the_entry_of_codes_for_new_members_says_how_many_members_have_them(
    browser: Browser,
) -> None:
    foxes = guild("Foxes", members=3)
    for number in range(4):
        state = "redeemed" if number < 3 else "needs_correction"
        row = _ended_run(gift_code(), of=foxes, state=state, trigger="catch_up", run_number=2)
        _started_at(row, timezone.now())
    shown = parts(browser)["ended"]
    assert "<strong>4 codes</strong> for new members of" in shown
    assert "0 of 3 have them" in shown
    assert "some members need you" in shown

    MemberRedemption.objects.update(state="redeemed")
    assert "3 of 3 have them" in parts(browser)["ended"]
    assert "tone-good" in parts(browser)["ended"]

    MemberRedemption.objects.update(state="not_eligible")
    assert "nobody got one" in parts(browser)["ended"]
    assert "tone-attention" in parts(browser)["ended"], "the tone of a code that nobody could get"
    assert "tone-bad" not in parts(browser)["ended"]

    MemberRedemption.objects.update(state="needs_correction")
    assert "nobody got one" in parts(browser)["ended"]
    assert "tone-bad" in parts(browser)["ended"]

    GiftCode.objects.update(state="closed", closed_outcome="code_expired")
    assert "tone-bad" in parts(browser)["ended"], "nobody got one before the codes ended"

    foxes.members.update(opted_out=True)
    assert "Foxes" not in parts(browser)["ended"], "none of the members is there any more"
    assert "No run has ended yet." in parts(browser)["ended"]


def test_members_who_were_asked_before_are_not_new(browser: Browser) -> None:
    foxes = guild("Foxes", members=2)
    for _ in range(2):
        row = _ended_run(gift_code(), of=foxes, state="redeemed", trigger="catch_up", run_number=2)
        _started_at(row, timezone.now())
    old = timezone.now() - dt.timedelta(days=1)
    MemberRedemption.objects.update(created_at=old)
    MemberRedemption.objects.filter(member=foxes.members.first()).update(updated_at=old)
    shown = parts(browser)["ended"]
    assert "<strong>2 codes</strong> asked again for members of" in shown
    assert "1 of 1 has them" in shown


def test_members_of_a_run_that_ended_a_moment_before_are_not_new(browser: Browser) -> None:
    foxes = guild("Foxes", members=3)
    code = gift_code()
    row = _ended_run(code, of=foxes, state="redeemed", trigger="catch_up", run_number=2)
    RedemptionEvent.objects.create(
        redemption=row, gift_code=code, kind=EventKind.UNLOCKED, run_number=1
    )
    corrected = MemberRedemption.objects.filter(member=foxes.members.first())
    corrected.update(updated_at=database_now())
    _started_at(row, database_now())
    shown = parts(browser)["ended"]
    assert "<strong>1 code</strong> asked again for members of" in shown
    assert "1 of 1 has it" in shown
    assert "everyone has it" in shown

    corrected.update(updated_at=F("created_at"))
    member_redemption(member(foxes), code, "redeemed")
    shown = parts(browser)["ended"]
    assert "<strong>1 code</strong> for new members of" in shown
    assert "1 of 1 has it" in shown


def _started_at(row: Redemption, at: dt.datetime) -> None:
    Redemption.objects.filter(pk=row.pk).update(locked_at=at)


def test_the_first_runs_of_a_new_guild_are_one_entry_that_says_what_came_of_them(
    browser: Browser,
) -> None:
    owls = guild("Owls", members=2)
    for _ in range(3):
        _ended_run(gift_code(), of=owls, state="needs_correction", trigger="catch_up")
    shown = parts(browser)["ended"]
    assert "<strong>3 codes</strong>" in shown
    assert "nobody got one" in shown
    assert "tone-good" not in shown


def _ended_run(
    code: GiftCode,
    *,
    state: str,
    of: Guild | None = None,
    members: int = 1,
    trigger: str = "poll",
    run_number: int = 1,
) -> Redemption:
    of = of or guild(members=members)
    for one in of.members.all():
        member_redemption(one, code, state)
    row = Redemption.objects.get(guild=of, gift_code=code)
    row.trigger, row.run_number, row.unlocked_at = trigger, run_number, timezone.now()
    row.save()
    return row


# --- The newest codes -----------------------------------------------------------------------------
def test_the_newest_codes_show_how_many_members_have_them(browser: Browser) -> None:
    code = gift_code("FROST")
    owls = guild()
    for state in ("redeemed", "redeemed", "not_eligible", "needs_correction"):
        member_redemption(member(owls), code, state)
    shown = parts(browser)["codes"]
    assert f'href="{address("giftcode_change", code.pk)}"' in shown
    assert "2 of 4 have it</span>" in shown
    assert 'aria-label="2 of 4 have it, 1 is not eligible, 1 needs you"' in shown
    for words in ("2 have it", "1 is not eligible", "1 needs you"):
        assert f"</span>{words}</li>" in shown


def test_six_codes_are_shown_and_all_are_counted_by_state(browser: Browser) -> None:
    for number in range(8):
        gift_code(f"CODE{number}X")
    gift_code("GONE", state="deleted")
    shown = parts(browser)["codes"]
    assert shown.count("first seen") == 6
    assert "CODE7X" in shown
    assert "GONE" not in shown
    assert f'href="{address("giftcode_changelist")}?state__exact=active">8 active</a>' in shown
    assert "Not redeemed for your guilds." in shown


def test_a_code_that_does_not_exist_is_shown_without_any_green(browser: Browser) -> None:
    _nobody_got("WRONG", closed_outcome="code_not_found", state="closed")
    page = browser.client.get("/admin/").content.decode()
    assert "the code does not exist" in page
    assert not _greens(page)


def test_a_guild_whose_players_are_all_unknown_is_shown_without_any_green(
    browser: Browser,
) -> None:
    code = gift_code("FROST")
    owls = guild("Owls")
    for _ in range(4):
        astray(owls, code)
    page = browser.client.get("/admin/").content.decode()
    assert "nobody got it" in page
    assert not _greens(page)


def _nobody_got(text: str, **fields: Any) -> GiftCode:
    row = past.redemption(member_state="cancelled", members=3)
    code = row.gift_code
    GiftCode.objects.filter(pk=code.pk).update(code=text, closed_at=timezone.now(), **fields)
    Redemption.objects.filter(pk=row.pk).update(unlocked_at=timezone.now())
    MemberRedemption.objects.filter(redemption=row).update(cancel_kind="code_closed")
    return code


def _greens(page: str) -> list[str]:
    """The classes of a page that are shown in green."""
    content = page[page.index('<main id="content"') :]
    greens = "tone-good", "badge-on", "badge-success", "badge-redeemed", "share-has"
    return [name for name in greens if name in content]


def test_with_very_many_redemptions_the_members_are_counted_by_a_separate_request(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "MOST_COUNTED", 2)
    code = gift_code("FROST")
    for _ in range(3):
        _ended_run(code, state="redeemed")
    assert "codes" not in parts(browser)
    page = browser.client.get("/admin/").content.decode()
    assert f'data-live="{reverse("admin:live_codes")}" data-now' in page
    assert "of 3 have it" not in page[page.index("recent-heading") : page.index("ended-heading")]
    for address_ in (reverse("admin:live_codes"), "/admin/?count=1"):
        assert "3 of 3 have it" in browser.client.get(address_).content.decode()


# --- Games ----------------------------------------------------------------------------------------
def test_refused_duplicates_of_a_day_are_counted_and_lead_to_the_journal(browser: Browser) -> None:
    assert "refused" not in parts(browser)["running"]
    row = past.redemption(state="running", member_state="pending")
    for _ in range(3):
        row.journal("refused")  # type: ignore[arg-type]
    shown = parts(browser)["running"]
    assert f'href="{address("redemptionevent_changelist")}?kind__exact=refused"' in shown
    assert "3 duplicate starts were refused in 24 hours" in shown


def test_the_pace_is_said_in_words(browser: Browser, settings: Any) -> None:
    game = replace(settings.PROVIDERS["simulator"], rate=Rate(30, 60))
    settings.PROVIDERS = {"simulator": game}
    row = past.redemption(state="running", member_state="pending", members=4)
    shown = parts(browser)["games"]
    assert "Sends at most 30 requests a minute." in shown
    assert "4 requests wait: " in shown
    assert "The next one is sent" not in shown
    ends_at = timezone.now() + dt.timedelta(seconds=12)
    RateBudget.objects.create(provider="simulator", used=30, window_ends_at=ends_at)
    shown = parts(browser)["games"]
    assert "The next one is sent <time" in shown
    assert "30 of 30 requests used" in shown
    row.member_redemptions.update(state="redeemed")
    assert "No request waits." in parts(browser)["games"]
    settings.PROVIDERS = {"simulator": replace(game, rate=Rate(1, 10))}
    assert "Sends at most 1 request every 10 seconds." in parts(browser)["games"]
    settings.PROVIDERS = {"simulator": replace(game, rate=None)}
    assert "Sends requests as fast as the game answers." in parts(browser)["games"]


def test_the_page_shows_how_long_a_game_is_paused_and_the_last_error_of_a_feed(
    browser: Browser, settings: Any
) -> None:
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        "simulator": type(config)(**{**_fields(config), "feed_url": "http://127.0.0.1:9/feed"})
    }
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Maintenance.", used=12
    )
    Feed.objects.create(provider="simulator", failures=3, error="The feed did not answer.")
    shown = parts(browser)["games"]
    assert "The pause lasts until a person resumes the game." in shown
    assert "12 of 30 requests used" in shown
    assert "3 failures in a row: The feed did not answer." in shown
    assert "next poll" in shown


def _fields(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


# --- First steps ----------------------------------------------------------------------------------
def test_the_first_steps_of_an_empty_system_move_on_as_they_are_done(browser: Browser) -> None:
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


def test_a_game_that_cannot_be_reached_is_not_said_to_be_connected(browser: Browser) -> None:
    RateBudget.objects.create(
        provider="simulator",
        pause_kind="unknown",
        pause_reason="No clear answer.",
        paused_until=timezone.now() + dt.timedelta(minutes=5),
    )
    shown = parts(browser)["steps"]
    first = shown[: shown.index("Add a guild")]
    assert "cannot be used. No clear answer." in first
    assert "done" not in first
    assert 'aria-current="step"' in first


def test_all_links_of_a_fresh_system_work_and_looking_creates_no_row(browser: Browser) -> None:
    page = browser.client.get("/admin/").content.decode()
    assert not RateBudget.objects.exists()
    assert not Feed.objects.exists()
    content = page[page.index('<main id="content"') :]
    links = set(re.findall(r'href="(/[^"]*)"', content))
    assert address("guild_add") in links
    assert reverse("admin:member_import") in links
    assert address("ratebudget_change", "simulator") in links
    for link in links:
        assert browser.client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_the_first_steps_lead_to_the_page_that_connects_the_game(browser: Browser) -> None:
    RateBudget.objects.create(provider="simulator", pause_kind="unknown", pause_reason="No.")
    url = reverse("admin:connect_one_game", args=["simulator"])
    assert f'<a href="{url}">Connect a game</a>' in parts(browser)["steps"]


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
    days = chart(None).days
    assert len(days) == DAYS
    assert days[-1].numbers == (2, 0, 1, 0, 0)
    assert days[-4].numbers == (0, 0, 0, 1, 1)
    assert sum(day.total for day in days) == 5


def test_the_chart_counts_pruned_answers_only_for_those_who_see_all_guilds(
    browser: Browser, client: Client
) -> None:
    PrunedFigure.objects.create(
        provider="simulator", day=timezone.localdate(), of="attempt", what="success", number=7
    )
    officer = User.objects.create_user("officer", is_staff=True)
    officer.user_permissions.add(Permission.objects.get(codename="view_redemption"))
    guild(members=1).officers.add(officer)
    client.force_login(officer)
    url = reverse("admin:live_chart")
    assert "7 answers in 14 days" in browser.client.get(url).json()["parts"]["chart"]
    assert "7 answers" not in client.get(url).json()["parts"]["chart"]


@pytest.mark.parametrize(
    ("outcome", "share"),
    [
        (Outcome.SUCCESS, Share.HAS),
        (Outcome.RECEIVED, Share.HAS),
        (Outcome.SAME_TYPE, Share.CANNOT),
        (Outcome.LEVEL_TOO_LOW, Share.NOT_ELIGIBLE),
        (Outcome.CLAIM_LIMIT, Share.NOT_ELIGIBLE),
        (Outcome.WRONG_REALM, Share.NEEDS_YOU),
        (Outcome.NO_SUCH_PLAYER, Share.NEEDS_YOU),
        (Outcome.CODE_EXPIRED, Share.CANNOT),
        (Outcome.SERVER_BUSY, Share.WAITING),
        (Outcome.TOO_FREQUENT, Share.WAITING),
    ],
)
def test_an_answer_has_the_share_that_the_bars_give_its_member(
    outcome: Outcome, share: Share
) -> None:
    assert share_of_answer(outcome) is share


def test_every_answer_has_a_share() -> None:
    assert {share_of_answer(outcome) for outcome in Outcome} == set(Share)


def test_the_chart_is_fetched_as_often_as_the_other_parts_unless_counting_is_slow() -> None:
    assert chart_again_in_seconds(0.001, is_busy=True) == BUSY_SECONDS
    assert chart_again_in_seconds(0.001, is_busy=False) == IDLE_SECONDS
    assert chart_again_in_seconds(1.0, is_busy=True) == 50
    assert chart_again_in_seconds(60.0, is_busy=True) == SLOW_SECONDS


def test_the_highest_bar_has_the_whole_height_and_an_empty_day_has_no_bar() -> None:
    full, empty = draw(
        [(dt.date(2026, 1, 1), (3, 0, 1, 0, 0)), (dt.date(2026, 1, 2), (0, 0, 0, 0, 0))]
    ).days
    assert sum(segment.height for segment in full.segments) == HEIGHT, (
        "The axis ends at 4, the day's total."
    )
    assert [segment.share for segment in full.segments] == ["has", "needs_you"]
    assert empty.segments == ()


@pytest.mark.parametrize(
    ("most", "numbers"),
    [
        (1, [0, 1]),
        (5, [0, 2, 4, 6]),
        (21, [0, 10, 20, 30]),
        (410, [0, 200, 400, 600]),
        (99_999, [0, 50_000, 100_000]),
    ],
)
def test_the_axis_has_a_few_round_numbers(most: int, numbers: list[int]) -> None:
    shown = draw([(dt.date(2026, 1, 1), (most, 0, 0, 0, 0))])
    assert [tick.number for tick in shown.ticks] == numbers
    assert shown.ticks[0].y == HEIGHT
    assert shown.ticks[-1].y == 0
    (bar,) = shown.days[0].segments
    assert bar.height == pytest.approx(HEIGHT * most / numbers[-1], abs=0.01)


def test_the_chart_is_said_in_words_too(browser: Browser) -> None:
    past.attempt(past.redemption().member_redemptions.get())
    Attempt.objects.update(answered_at=timezone.now())
    html = browser.client.get(reverse("admin:live_chart")).json()["parts"]["chart"]
    title = html.split('<title id="chart-words">')[1].split("</title>")[0]
    assert title.startswith("1 answer in 14 days: has it 1,")
    assert html.count('class="tick-number"') == 2


def test_without_scripts_the_answers_are_counted_on_request(browser: Browser) -> None:
    past.attempt(past.redemption().member_redemptions.get())
    Attempt.objects.update(answered_at=timezone.now())
    assert '<a href="?count=1">' in browser.client.get("/admin/").content.decode()
    page = browser.client.get("/admin/?count=1").content.decode()
    assert "chart-table" in page


def test_the_chart_has_a_table_with_the_same_numbers(browser: Browser) -> None:
    past.attempt(past.redemption().member_redemptions.get())
    Attempt.objects.update(answered_at=timezone.now())
    html = browser.client.get(reverse("admin:live_chart")).json()["parts"]["chart"]
    assert "<svg" in html
    assert "<td>1</td>" in html


# --- Permissions, and the number of queries -------------------------------------------------------
def test_the_dashboard_costs_the_same_with_three_rows_and_with_thirty(browser: Browser) -> None:
    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.client.get(url).status_code == 200
        return len(queries)

    urls = ["/admin/", *(reverse(f"admin:{name}") for name in ("live", "live_codes", "live_chart"))]
    past.live(3)
    Redemption.objects.update(state="running")
    before = [cost(url) for url in urls] and [cost(url) for url in urls]
    past.live(27)
    Redemption.objects.update(state="running")
    assert [cost(url) for url in urls] == before
    assert max(before) <= 45


@pytest.mark.parametrize("page", ["live", "live_codes", "live_chart"])
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
