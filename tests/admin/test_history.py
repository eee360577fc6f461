"""The history of a row: its changes, with their authors and values."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from giftcodes.admin.common import versions
from giftcodes.admin.common.versions import entries_of
from giftcodes.domain.sentences import Sentence, stored
from giftcodes.models import Guild, Member
from tests.admin.conftest import Browser
from tests.factories import REALM, gift_code, guild, member

SECRET = "aVerySecretToken"


def words(response: Any) -> str:
    """The text of a page."""
    assert response.status_code == 200
    return re.sub(r"\s+", " ", strip_tags(response.content.decode().replace("<", " <")))


def test_a_change_is_shown_with_its_person_and_both_values(browser: Browser) -> None:
    amber = member(guild("Wolves"), nickname="Amber")
    form = {"nickname": "Ash", "realm": "1050", "active": "on"}
    browser.save("member_change", amber.pk, **form)

    page = words(browser.open("member_history", amber.pk))

    assert "admin nickname Amber → Ash state or kingdom the guild&#x27;s → 1050" in page
    assert "command line Added." in page


def test_an_action_and_what_it_changed_are_one_entry(browser: Browser) -> None:
    amber = member(guild(), nickname="Amber")
    browser.press("deactivate", amber, shown="yes")

    newest = entries_of(amber, User.objects.get(username="admin"))[0][0]

    assert (newest.who, newest.words) == ("admin", "Made inactive.")
    assert [(change.name, change.old, change.new) for change in newest.changes] == [
        ("active", "yes", "no")
    ]


def test_an_action_that_changes_no_recorded_field_is_an_entry_too(browser: Browser) -> None:
    code = gift_code("FROST")
    browser.press("close_codes", code)

    assert "admin Closed by admin in the admin." in words(browser.open("giftcode_history", code.pk))


def test_a_new_officer_is_named(browser: Browser) -> None:
    wolves = guild("Wolves")
    wolves.officers.set([User.objects.create_user("bram"), User.objects.create_user("anna")])
    wolves.officers.remove(User.objects.get(username="bram"))

    page = words(browser.open("guild_history", wolves.pk))

    assert "officers – → anna, bram" in page
    assert "officers anna, bram → anna" in page


def test_officers_of_a_guild_without_an_earlier_version_are_named(browser: Browser) -> None:
    anna, bram = User.objects.create_user("anna"), User.objects.create_user("bram")
    (wolves,) = Guild.objects.bulk_create([Guild(name="Wolves", provider="simulator", realm=1)])
    Guild.officers.through.objects.create(guild=wolves, user=anna)

    bram.guilds.add(wolves)

    assert "officers anna → anna, bram" in words(browser.open("guild_history", wolves.pk))


def test_the_address_of_a_channel_is_in_no_version(browser: Browser) -> None:
    wolves = guild("Wolves")
    form = {"guild": wolves.pk, "address": f"https://discord.com/api/webhooks/1/{SECRET}"}
    browser.save("channel_add", **form)

    assert SECRET not in words(browser.open("guild_history", wolves.pk))
    assert SECRET not in words(browser.open("channel_history", wolves.channels.get().pk))


def test_markup_in_a_value_stays_text(browser: Browser) -> None:
    wolves = guild(notes="")
    wolves.notes = "<script>alert(1)</script>"
    wolves.save()

    assert b"<script>alert" not in browser.open("guild_history", wolves.pk).content


def test_the_history_of_a_row_without_versions_says_so(browser: Browser) -> None:
    Member.objects.bulk_create([Member(guild=guild(), player_id="123456789")])

    assert "No changes are known." in words(browser.open("member_history", Member.objects.get().pk))


@pytest.mark.slow
def test_a_long_history_costs_the_same_and_is_cut_off(browser: Browser) -> None:
    wolves = guild()

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.open("guild_history", wolves.pk)
        return len(queries)

    def change(times: int) -> None:
        for number in range(times):
            wolves.realm = REALM + 1 + number
            wolves.save()

    change(3)
    few = cost()
    change(250)
    assert cost() <= few
    assert "Older entries are kept, but not shown." in words(
        browser.open("guild_history", wolves.pk)
    )


def test_older_actions_are_mentioned_although_newer_ones_are_about_fields(
    browser: Browser, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "MOST_ENTRIES", 3)
    wolves = guild()

    def log(what: str, times: int) -> None:
        message = stored(Sentence.of(what)) if what else "[]"
        for _ in range(times):
            LogEntry.objects.log_actions(admin_user.pk, [wolves], CHANGE, message)

    def page() -> str:
        return words(browser.open("guild_history", wolves.pk))

    log("", 3)
    assert "Older entries" not in page()
    log("did_poll", 1)
    log("", 3)
    assert "Polled." in page()
    log("did_switch_on", 3)
    log("", 3)
    assert "Older entries are kept, but not shown." in page()


def test_the_history_opens_for_every_kind_of_row(browser: Browser) -> None:
    wolves = guild()
    for page, pk in (
        ("guild", wolves.pk),
        ("member", member(wolves).pk),
        ("giftcode", gift_code().pk),
    ):
        assert browser.open(f"{page}_history", pk).status_code == 200
    assert browser.open("guild_history", 0).status_code == 404
    assert Guild.history.exists()
