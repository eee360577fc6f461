"""The site: its name and order, the note of a demo, NUL characters, and permissions of actions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from giftcodes.models import GiftCode, RateBudget, Redemption
from tests.admin.conftest import Browser, TaskQueue, address, messages_of
from tests.admin.past import redemption
from tests.factories import gift_code, guild


def test_the_index_lists_the_pages_in_the_order_of_the_day_s_work(browser: Browser) -> None:
    apps = browser.client.get("/admin/").context["app_list"]
    names = [model["object_name"] for model in apps[0]["models"]]
    assert names[:5] == ["Guild", "Announcement", "Channel", "Member", "MemberImport"]
    assert names[5:9] == ["OptOut", "GiftCode", "CodeProposal", "Redemption"]
    assert apps[0]["app_label"] == "giftcodes"
    assert {app["app_label"] for app in apps[1:]} == {"auth", "axes", "django_celery_beat"}


def test_the_page_of_the_app_lists_all_its_models(browser: Browser) -> None:
    (app,) = browser.client.get("/admin/giftcodes/").context["app_list"]
    assert len(app["models"]) == 21


def test_the_site_is_called_redeemer_before_and_after_the_login(browser: Browser) -> None:
    for page in (Client().get("/admin/login/"), browser.client.get("/admin/")):
        content = page.content.decode()
        assert "Redeemer</title>" in " ".join(content.split()).replace(" </title>", "</title>")
        assert ">Redeemer<" in "".join(content.split())


def test_the_site_says_that_it_is_a_demo_until_a_real_game_is_connected(
    browser: Browser, settings: Any
) -> None:
    assert "Demo: only the bundled simulator" in browser.client.get("/admin/").content.decode()
    real = replace(settings.PROVIDERS["whiteout"], salt="real")
    settings.PROVIDERS = {**settings.PROVIDERS, "whiteout": real}
    assert "Demo: only the bundled simulator" not in browser.client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    "page", ["guild", "member", "giftcode", "redemption", "memberredemption", "attempt", "alarm"]
)
def test_a_nul_in_the_search_box_is_an_error_on_the_page(browser: Browser, page: str) -> None:
    response = browser.open(f"{page}_changelist", q="a\0b")
    assert response.status_code == 200
    assert "Null characters are not allowed" in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "giftcodes/giftcode/?state__exact=%00",
        "giftcodes/giftcode/?provider__exact=a%00",
        "giftcodes/redemption/?guild__id__exact=%00",
        "giftcodes/redemption/?%00=1",
        "giftcodes/ratebudget/%00/change/",
        "giftcodes/guild/%00/change/",
        "auth/user/?username=%00",
        "autocomplete/?term=%00&app_label=giftcodes&model_name=member&field_name=guild",
    ],
)
def test_a_nul_anywhere_else_in_an_address_is_a_bad_request(browser: Browser, path: str) -> None:
    assert browser.client.get(f"/admin/{path}").status_code == 400


def test_a_nul_among_chosen_rows_is_a_bad_request(browser: Browser) -> None:
    data = {"action": "pause_providers", "_selected_action": "a\0", "index": 0}
    assert browser.client.post(address("ratebudget_changelist"), data).status_code == 400


def test_a_wrong_filter_is_no_server_error(browser: Browser) -> None:
    wrong = {"guild__id__exact=x": 400, "guild__id__exact=99999999999999999999": 200, "nope=1": 400}
    for query, status in wrong.items():
        response = browser.client.get(f"{address('redemption_changelist')}?{query}")
        assert response.status_code == status


# --- Who may press what ---------------------------------------------------------------------------
@pytest.fixture
def onlooker(django_user_model: Any, task_queue: TaskQueue) -> Client:
    """The browser of a user who may see everything and change nothing."""
    user = django_user_model.objects.create_user("onlooker", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="giftcodes", codename__startswith="view_")
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("redemption", "redeem_now"),
        ("redemption", "stop"),
        ("redemption", "resume"),
        ("giftcode", "redeem_now"),
        ("giftcode", "close_codes"),
        ("giftcode", "reopen_codes"),
        ("giftcode", "delete_codes"),
        ("guild", "redeem_now"),
        ("guild", "deactivate"),
        ("ratebudget", "pause_providers"),
        ("feed", "poll_now"),
    ],
)
def test_without_permission_to_change_no_action_runs(
    onlooker: Client, task_queue: TaskQueue, page: str, action: str
) -> None:
    row = redemption(member_state="failed")
    RateBudget.objects.create(provider="simulator")
    onlooker.get(address("feed_changelist"))
    chosen: Any = {"redemption": row.pk, "giftcode": row.gift_code_id, "guild": row.guild_id}.get(
        page, "simulator"
    )
    assert f'value="{action}"' not in onlooker.get(address(f"{page}_changelist")).content.decode()
    response = onlooker.post(
        address(f"{page}_changelist"), {"action": action, "_selected_action": chosen, "index": 0}
    )
    assert response.status_code in (200, 302)
    row.refresh_from_db()
    assert (row.state, row.guild.active, row.gift_code.state) == ("complete", True, "active")
    assert not RateBudget.objects.exclude(pause_kind="").exists()
    assert task_queue.enqueued == []


def test_without_permission_to_change_there_are_no_buttons(onlooker: Client) -> None:
    page = onlooker.get(address("redemption_change", redemption().pk))
    assert page.status_code == 200
    assert 'name="action"' not in page.content.decode()


def test_a_message_says_that_an_action_needs_a_chosen_row(browser: Browser) -> None:
    gift_code(), guild()
    response = browser.post("giftcode_changelist", data={"action": "close_codes", "index": 0})
    assert "Items must be selected" in messages_of(response)[0][1]
    assert GiftCode.objects.active().exists()
    assert not Redemption.objects.exists()
