"""Members in the admin: what is saved, what is refused, and that no member is deleted."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes.admin.common.html import player_url
from giftcodes.models import Member
from tests.admin.conftest import Browser, TaskQueue, address, errors
from tests.admin.past import redemption
from tests.factories import astray, gift_code, guild, member, member_redemption


def form(**fields: Any) -> dict[str, Any]:
    return {
        "player_id": "123456789",
        "nickname": "Ann",
        "realm": "",
        "active": "on",
        "consented_on": "",
        **fields,
    }


def test_after_a_new_member_the_guild_catches_up(browser: Browser, task_queue: TaskQueue) -> None:
    wolves = guild()
    browser.save("member_add", **form(guild=wolves.pk))
    assert Member.objects.get().player_id == "123456789"
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]


@pytest.mark.parametrize("wrong", ["12 34", "abc", "-5", "", "12", "123,456,789"])
def test_a_player_id_is_digits(browser: Browser, wrong: str) -> None:
    response = browser.post("member_add", data=form(guild=guild().pk, player_id=wrong))
    assert response.status_code == 200
    assert errors(response)
    assert not Member.objects.exists()


def test_a_nul_in_a_nickname_is_an_error_of_the_form(browser: Browser) -> None:
    response = browser.post("member_add", data=form(guild=guild().pk, nickname="An\0n"))
    assert response.status_code == 200
    assert "Null characters are not allowed" in errors(response)


def test_a_player_who_is_in_the_guild_already_is_named_with_a_link(browser: Browser) -> None:
    ann = member(guild(), "123456789", nickname="Ann")
    response = browser.post("member_add", data=form(guild=ann.guild_id))
    assert f'<a href="{address("member_change", ann.pk)}">Ann (123456789)</a>' in errors(response)


def test_the_error_about_a_player_who_has_left_says_to_make_the_member_active(
    browser: Browser,
) -> None:
    ann = member(guild(), "123456789", active=False)
    response = browser.post("member_add", data=form(guild=ann.guild_id))
    assert "make the member active" in errors(response)


def test_a_nickname_with_markup_is_escaped_in_the_error(browser: Browser) -> None:
    ann = member(guild(), "123456789", nickname="<b>Ann")
    response = browser.post("member_add", data=form(guild=ann.guild_id))
    assert "&lt;b&gt;Ann" in errors(response)
    assert "<b>Ann" not in response.content.decode()


def test_the_same_player_may_be_in_two_guilds(browser: Browser) -> None:
    member(guild(), "123456789")
    browser.save("member_add", **form(guild=guild().pk))
    assert Member.objects.filter(player_id="123456789").count() == 2


def test_after_a_corrected_realm_the_guild_catches_up(
    browser: Browser, task_queue: TaskQueue
) -> None:
    ann = member(guild(), nickname="Ann")
    browser.save("member_change", ann.pk, **form(realm=99))
    ann.refresh_from_db()
    assert ann.realm == 99
    assert task_queue.arguments("catch_up") == [[[ann.guild_id]]]


def test_the_player_id_and_the_guild_of_a_member_cannot_be_changed(browser: Browser) -> None:
    wolves, bears = guild(), guild()
    ann = member(wolves, "123456789")
    browser.save(
        "member_change", ann.pk, **form(player_id="987654321", guild=bears.pk, nickname="Bea")
    )
    ann.refresh_from_db()
    assert (ann.player_id, ann.guild, ann.nickname) == ("123456789", wolves, "Bea")


def test_the_list_shows_the_member_s_own_realm_or_that_of_the_guild(browser: Browser) -> None:
    wolves = guild(realm=7)
    member(wolves, nickname="Ann")
    member(wolves, nickname="Bea", realm=8)
    page = browser.open("member_changelist").content.decode()
    assert ">7</td>" in page
    assert ">8 (own)</td>" in page


def test_the_list_leads_to_the_page_of_the_player_from_which_the_form_is_reached(
    browser: Browser,
) -> None:
    ann = member(guild(), nickname="Ann")
    page = browser.open("member_changelist").content.decode()
    form = address("member_change", ann.pk)
    assert page.count(f'href="{player_url(ann.pk)}') == 3, "the player ID, the nickname, the codes"
    assert form not in page
    assert f'href="{form}"' in browser.client.get(player_url(ann.pk)).content.decode()


def test_deleting_a_member_makes_the_member_inactive_and_says_so(
    browser: Browser, task_queue: TaskQueue
) -> None:
    ann = redemption().guild.members.get()
    messages = browser.save("member_delete", ann.pk, post="yes")
    ann.refresh_from_db()
    assert not ann.active
    assert ann.member_redemptions.exists()
    assert messages == [
        ("success", f"{ann} is inactive now. Nothing was deleted: the history stays.")
    ]
    assert task_queue.arguments("catch_up") == [[[ann.guild_id]]]


def test_the_bulk_actions_make_members_inactive_and_active_again(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves = guild(members=2)
    members = list(wolves.members.all())
    browser.press("deactivate", *members, shown="yes")
    assert not wolves.members.eligible().exists()
    messages = browser.press("activate", *members)
    assert wolves.members.eligible().count() == 2
    assert [level for level, _words in messages] == ["success", "success"]
    assert task_queue.arguments("catch_up") == [[[wolves.pk]], [[wolves.pk]]]


# --- Who needs a correction -----------------------------------------------------------------------
def test_the_list_can_show_only_members_who_need_a_correction(browser: Browser) -> None:
    wolves = guild()
    ann, bea = astray(wolves, nickname="Ann"), astray(wolves, nickname="Bea")
    member(wolves, nickname="Cyd")
    Member.objects.filter(pk=bea.pk).update(realm=1043)  # Bea has been corrected.
    found = browser.open("member_changelist", needs="correction").context["cl"].result_list
    assert found == [ann]
    assert len(browser.open("member_changelist").context["cl"].result_list) == 3


def test_the_list_says_how_many_codes_each_member_has(browser: Browser) -> None:
    ann = astray(guild(), gift_code(), gift_code())
    member_redemption(ann, gift_code(), "redeemed")
    page = browser.open("member_changelist").content.decode()
    assert ">1 of 3<" in page
    assert "2 need you" in page


def test_the_list_costs_the_same_with_more_members_and_codes(browser: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.open("member_changelist")
        return len(queries)

    wolves, codes = guild(), [gift_code() for _ in range(4)]
    astray(wolves, codes[0])
    cost()
    few = cost()
    for _ in range(6):
        astray(wolves, *codes)
    assert cost() == few


def test_a_correction_in_the_form_says_how_many_codes_are_asked_for_again(
    browser: Browser,
) -> None:
    ann = astray(guild(), gift_code(), gift_code())
    messages = browser.save("member_change", ann.pk, **form(realm=1043))
    assert ("success", "2 codes are asked for again.") in messages
    messages = browser.save("member_change", ann.pk, **form(realm=1043, nickname="Amy"))
    assert "asked for again" not in str(messages)


def test_the_form_names_the_realms_of_guild_mates(browser: Browser) -> None:
    ann = astray(guild())
    member(ann.guild, realm=1050), member(ann.guild, realm=1050)
    page = browser.open("member_change", ann.pk).content.decode()
    assert "Guild-mates are in 1050 (2 members)." in page


def test_the_list_marks_members_who_need_a_person_or_are_not_eligible(browser: Browser) -> None:
    wolves, code = guild(), gift_code()
    needing = astray(wolves, code)
    elsewhere = astray(wolves)  # Another guild served this member.
    member_redemption(elsewhere, code, "already_received")
    small = member(wolves)
    member_redemption(small, code, "not_eligible", outcome="level_too_low")
    member_redemption(small, gift_code(state="closed"), "not_eligible", outcome="account_too_young")
    has_one = member(wolves)
    member_redemption(has_one, code, "redeemed")
    member_redemption(has_one, gift_code(), "not_eligible", outcome="level_too_low")

    admin = site._registry[Member]
    rows = browser.open("member_changelist").context["cl"].result_list
    shown = {row.pk: unescape(admin.codes_shown(row)).split("</a> ")[1] for row in rows}  # type: ignore[attr-defined]
    assert "1 needs you" in shown[needing.pk]
    assert "needs correction" in shown[elsewhere.pk]
    assert "does not know the player ID in State 1042." in shown[elsewhere.pk]
    assert "not eligible yet" in shown[small.pk]
    assert ">level too low<" in shown[small.pk]
    assert shown[has_one.pk] == ""
    marked = browser.open("member_changelist", needs="correction").context["cl"].result_list
    assert {row.pk for row in marked} == {needing.pk, elsewhere.pk}
