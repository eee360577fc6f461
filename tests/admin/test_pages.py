"""Every page opens, history is read-only, and more rows on a page take no more queries."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from simple_history.models import HistoricalChanges

from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, Redemption, RedemptionEvent
from tests.admin import past
from tests.admin.conftest import Browser, address
from tests.factories import guild

# The URLs load the pages, which the parameters below name.
import_module(settings.ROOT_URLCONF)

#: These models have no list. Most are shown on other pages: join links and join requests on a page
#: of the guild, a personal link on its member's page, the settings of a game and their tests on the
#: page “Connect a game”, the Discord bot on its own page, its servers on the guild's page, and the
#: feeds that list a code on the page of the code. Password links and the rules for officers have
#: their own pages, and tokens of the API are shown on the guild's page. Cursors of periodic steps,
#: counts of uses, requested runs, repeated answers of the API and the figures of /metrics are shown
#: nowhere.
WITHOUT_LIST = {
    *("JoinLink", "JoinRequest", "PlayerLink", "PublicPage", "SelfServiceEvent"),
    *("OfficerRules", "PasswordLink", "Cursor", "Throttle", "RunRequest"),
    "KeptFigure",
    *("StoredSetting", "ConnectionCheck", "CodeSighting"),
    *("DiscordBot", "DiscordServer", "DiscordAccount", "DiscordCode"),
    *("ApiToken", "ApiAnswer"),
}
# Without the models of versions, which are shown in the history of their row.
MODELS = sorted(
    (
        model
        for model in apps.get_app_config("giftcodes").get_models()
        if not issubclass(model, HistoricalChanges) and model.__name__ not in WITHOUT_LIST
    ),
    key=lambda model: model.__name__,
)
HISTORY = {
    "MemberImport",
    "Redemption",
    "MemberRedemption",
    "Attempt",
    "RedemptionEvent",
    "Alarm",
    "AlarmNotice",
    "RateBudget",
    "Announcement",
    "Heartbeat",
    "OptOut",
    "CodeProposal",
    "PrunedFigure",
    "Directory",
    "DirectoryLookup",
}
ENDLESS = [model for model in MODELS if model.__name__ not in ("RateBudget", "Feed", "Directory")]


def name(model: type[Model]) -> str:
    return str(model._meta.model_name)


def test_every_model_has_a_page() -> None:
    assert {model for model in admin.site._registry if model._meta.app_label == "giftcodes"} == set(
        MODELS
    )


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_a_list_opens_while_it_is_empty_and_says_so(browser: Browser, model: type[Model]) -> None:
    response = browser.open(f"{name(model)}_changelist")
    assert response.status_code == 200
    if not model._default_manager.exists():
        assert 'class="empty"' in response.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=name)
def test_a_list_opens_with_rows_and_each_row_opens(browser: Browser, model: type[Model]) -> None:
    past.live(2)
    browser.open("ratebudget_changelist")
    assert browser.open(f"{name(model)}_changelist").status_code == 200
    for row in model._default_manager.all()[:3]:
        assert browser.open(f"{name(model)}_change", row.pk).status_code == 200


@pytest.mark.parametrize("model", [m for m in MODELS if m.__name__ in HISTORY], ids=name)
def test_history_cannot_be_added_changed_or_deleted(browser: Browser, model: type[Model]) -> None:
    past.live(1)
    browser.open("ratebudget_changelist")
    row = model._default_manager.all()[0]
    before = model._default_manager.values().get(pk=row.pk)
    assert browser.open(f"{name(model)}_add").status_code == 403
    assert (
        browser.post(
            f"{name(model)}_change", row.pk, data={"state": "pending", "used": "9"}
        ).status_code
        == 403
    )
    assert browser.post(f"{name(model)}_delete", row.pk, data={"post": "yes"}).status_code == 403
    assert model._default_manager.values().get(pk=row.pk) == before


@pytest.mark.slow
@pytest.mark.parametrize("model", ENDLESS, ids=name)
def test_a_list_costs_the_same_with_three_rows_and_with_thirty(
    browser: Browser, model: type[Model]
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.open(f"{name(model)}_changelist")
        return len(queries)

    past.live(3)
    cost()  # The first page of a session takes a few more queries.
    few = cost()
    past.live(27)
    assert cost() == few
    assert model._default_manager.count() >= 30


def _of_packages(times: int) -> None:
    """Create rows of every third-party model that has a list, each with its own related rows."""
    for number in range(times):
        group = Group.objects.create(name=f"Group {next(_numbers)}")
        group.permissions.set(Permission.objects.all()[:2])
        user = User.objects.create_user(f"user{next(_numbers)}", is_staff=True)
        user.groups.add(group)
        guild().officers.add(user)
        when = timezone.now() + dt.timedelta(seconds=next(_numbers))
        clocked = ClockedSchedule.objects.create(clocked_time=when)
        PeriodicTask.objects.create(
            name=f"clocked {next(_numbers)}", task="x", clocked=clocked, one_off=True
        )
        every = IntervalSchedule.objects.create(every=next(_numbers), period="seconds")
        PeriodicTask.objects.create(name=f"every {next(_numbers)}", task="x", interval=every)
        crontab = CrontabSchedule.objects.create(
            minute=str(number % 60), hour=str(next(_numbers) % 24)
        )
        PeriodicTask.objects.create(name=f"crontab {next(_numbers)}", task="x", crontab=crontab)
        solar = SolarSchedule.objects.create(
            event="sunset", latitude=next(_numbers) % 90, longitude=number
        )
        PeriodicTask.objects.create(name=f"solar {next(_numbers)}", task="x", solar=solar)
        AccessAttempt.objects.create(
            username=f"u{next(_numbers)}",
            ip_address="10.0.0.1",
            user_agent="x",
            failures_since_start=1,
        )
        AccessLog.objects.create(username=f"u{number}", ip_address="10.0.0.1", user_agent="x")
        LogEntry.objects.log_actions(user.pk, [user], CHANGE, "Changed.")


_numbers = count(100)
PACKAGED = [model for model in admin.site._registry if model._meta.app_label != "giftcodes"]


@pytest.mark.old_changes
@pytest.mark.slow
@pytest.mark.parametrize("model", PACKAGED, ids=lambda model: model._meta.label_lower)
def test_a_list_of_a_package_costs_the_same_with_three_rows_and_with_thirty(
    browser: Browser, model: type[Model]
) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{name(model)}_changelist")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.client.get(url).status_code == 200
        return len(queries)

    before = model._default_manager.count()
    _of_packages(3)
    cost()
    few = cost()
    _of_packages(27)
    assert cost() == few
    assert model._default_manager.count() >= before + 30


def test_the_page_of_a_redemption_costs_the_same_with_a_long_journal(browser: Browser) -> None:
    row = past.redemption(members=2)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.open("redemption_change", row.pk).status_code == 200
        return len(queries)

    row.journal("locked")  # type: ignore[arg-type]
    cost()
    few = cost()
    for _ in range(60):
        row.journal("refused")  # type: ignore[arg-type]
    assert cost() == few


def test_the_page_of_a_redemption_counts_its_members_by_state_with_links(browser: Browser) -> None:
    row = past.redemption(members=3)
    MemberRedemption.objects.filter(pk=row.member_redemptions.first().pk).update(state="failed")  # type: ignore[union-attr]
    page = browser.open("redemption_change", row.pk).content.decode()
    found = re.findall(rf'href="({address("memberredemption_changelist")}[?][^"]*)"', page)
    (link,) = (unescape(url) for url in found if "state__exact=redeemed" in url)
    assert "redeemed: 2" in page
    assert "failed: 1" in page

    redeemed = MemberRedemption.objects.filter(state="redeemed").values("member")
    Member.objects.filter(pk=redeemed.first()["member"]).update(active=False)  # type: ignore[index]
    assert "redeemed: 1" in browser.open("redemption_change", row.pk).content.decode()
    assert browser.client.get(link).context["cl"].result_count == 1


def test_the_journal_on_a_redemption_is_newest_first_and_limited(browser: Browser) -> None:
    row = past.redemption()
    for number in range(60):
        row.journal("refused", detail=f"entry {number:03d}")  # type: ignore[arg-type]
    page = browser.open("redemption_change", row.pk).content.decode()
    assert page.index("entry 059") < page.index("entry 058")
    assert "entry 010" in page
    assert "entry 009" not in page


def test_the_page_of_a_member_redemption_shows_the_reason_and_the_attempts(
    browser: Browser,
) -> None:
    member_redemption = past.redemption().member_redemptions.get()
    member_redemption.reason = "The game knows no such player."
    member_redemption.save(update_fields=["reason"])
    past.attempt(member_redemption)
    page = browser.open("memberredemption_change", member_redemption.pk).content.decode()
    assert member_redemption.reason in page
    assert "SUCCESS" in page


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("member_changelist", "nick1"),
        ("memberredemption_changelist", "player"),
        ("attempt_changelist", "player"),
        ("redemption_changelist", "player"),
        ("redemption_changelist", "guild"),
        ("memberredemption_changelist", "code"),
        ("redemptionevent_changelist", "guild"),
        ("attempt_changelist", "code"),
    ],
)
def test_a_search_finds_one_of_many(browser: Browser, page: str, words: str) -> None:
    past.live(3)
    row = Redemption.objects.order_by("pk")[1]
    Guild.objects.filter(pk=row.guild_id).update(name="Ravens")
    GiftCode.objects.filter(pk=row.gift_code_id).update(code="ZEBRA", folded="zebra")
    known = {"player": row.member_redemptions.get().player_id, "guild": "raven", "code": "zebra"}
    found = browser.open(page, q=known.get(words, words)).context["cl"].result_list
    assert len(found) == 1


def test_lists_can_be_filtered_by_state_guild_and_game(browser: Browser) -> None:
    past.live(3)
    row = Redemption.objects.order_by("pk")[1]
    mine = {"redemption__guild__id__exact": row.guild_id}
    wanted: list[tuple[str, dict[str, Any], int]] = [
        ("redemption_changelist", {"guild__id__exact": row.guild_id}, 1),
        ("redemption_changelist", {"state__exact": "complete"}, 3),
        ("redemption_changelist", {"gift_code__provider__exact": "simulator"}, 3),
        ("memberredemption_changelist", {**mine, "state__exact": "redeemed"}, 1),
        ("memberredemption_changelist", {"redemption__id__exact": row.pk}, 1),
        ("redemptionevent_changelist", mine, 1),
        ("redemptionevent_changelist", {"gift_code__id__exact": row.gift_code_id}, 1),
        (
            "attempt_changelist",
            {"member_redemption__redemption__guild__id__exact": row.guild_id},
            1,
        ),
        ("giftcode_changelist", {"state__exact": "closed"}, 0),
        ("alarm_changelist", {"standing": "yes"}, 3),
        ("alarm_changelist", {"standing": "no"}, 0),
    ]
    for page, filters, number in wanted:
        response = browser.open(page, **filters)
        assert response.status_code == 200, (page, filters)
        assert len(response.context["cl"].result_list) == number, (page, filters)


def test_an_event_of_a_code_without_a_redemption_is_shown(browser: Browser) -> None:
    row = past.redemption()
    event = RedemptionEvent.objects.create(gift_code=row.gift_code, kind="code_reopened")
    assert browser.open("redemptionevent_changelist").status_code == 200
    assert browser.open("redemptionevent_change", event.pk).status_code == 200


def test_a_guild_shows_the_number_of_its_eligible_members(browser: Browser) -> None:
    wolves = guild(members=3)
    wolves.members.filter(pk=wolves.members.first().pk).update(active=False)  # type: ignore[union-attr]
    (row,) = browser.open("guild_changelist").context["cl"].result_list
    assert row.members_number == 2
