"""Long texts: they are refused when they are saved, and no list loads them."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from giftcodes.models import Guild, Member
from giftcodes.models.encrypted import EncryptedTextField
from giftcodes.models.fields import MOST_NOTES, NotesField
from giftcodes.services.members import set_on_members
from tests.admin.conftest import Browser, errors
from tests.admin.past import redemption
from tests.factories import guild, member

LONG = "a" * (MOST_NOTES + 1)
GUILD: dict[str, Any] = {
    "name": "Wolves",
    "provider": "simulator",
    "realm": 7,
    "active": "on",
    "priority": 0,
}


@pytest.mark.parametrize("text", [LONG, "\N{MAN}\u200d" * MOST_NOTES], ids=["ascii", "emoji"])
def test_notes_that_are_too_long_are_refused(browser: Browser, text: str) -> None:
    response = browser.post("guild_add", data={**GUILD, "notes": text})

    assert "Shorten it to at most 10,000" in errors(response)
    assert not Guild.objects.exists()


def test_rewards_of_a_code_that_are_too_long_are_refused(browser: Browser) -> None:
    data = {"provider": "simulator", "code": "FROST", "rewards": LONG}
    assert "Shorten it to at most 10,000" in errors(browser.post("giftcode_add", data=data))


def test_a_line_break_of_a_browser_counts_as_one_character(browser: Browser) -> None:
    browser.save("guild_add", **GUILD, notes="\r\n".join("a" * (MOST_NOTES // 2)) + "a")
    assert Guild.objects.exists()


def test_longer_notes_of_an_earlier_version_stay_and_can_only_become_shorter(
    browser: Browser,
) -> None:
    wolves = guild("Wolves", notes=LONG + "b")
    page = browser.open("guild_change", wolves.pk).content.decode()
    assert LONG in page
    data = {**GUILD, "realm": 8}

    browser.save("guild_change", wolves.pk, **data, notes=LONG + "b")
    browser.save("guild_change", wolves.pk, **data, notes=LONG)
    response = browser.post("guild_change", wolves.pk, data={**data, "notes": LONG + "b"})

    assert "Shorten it to at most 10,000" in errors(response)
    wolves.refresh_from_db()
    assert (wolves.realm, wolves.notes) == (8, LONG)


def test_a_long_value_is_shortened_in_the_history(browser: Browser) -> None:
    amber = member(guild(), notes="old")
    amber.notes = "x" * 5_000
    amber.save()

    page = browser.open("member_history", amber.pk).content.decode()

    assert "x" * 300 + "… (5,000 characters)" in page
    assert "x" * 301 not in page


def test_no_list_and_no_choice_loads_notes(browser: Browser) -> None:
    """Opens each list of the app, and the choice of a guild in the form of a member."""
    row = redemption(members=2)
    Guild.objects.update(notes="note")
    Member.objects.update(notes="note")
    loaded: list[str] = []
    pages = [
        f"{model._meta.model_name}_changelist"
        for model in admin.site._registry
        if model._meta.app_label == "giftcodes"
    ]
    for page in pages:
        with CaptureQueriesContext(connection) as queries:
            assert browser.open(page).status_code == 200
        loaded += [f"{page}: {query['sql']}" for query in queries if '"notes"' in query["sql"]]
    choice = {"app_label": "giftcodes", "model_name": "member", "field_name": "guild"}
    with CaptureQueriesContext(connection) as queries:
        assert browser.client.get("/admin/autocomplete/", choice).status_code == 200
    loaded += [query["sql"] for query in queries if '"notes"' in query["sql"]]
    assert row.pk
    assert not loaded
    assert len(pages) > 10


def test_actions_on_many_members_load_the_notes_of_no_guild(db: None) -> None:
    wolves = guild(members=3, notes="note")
    with CaptureQueriesContext(connection) as queries:
        changed, _same = set_on_members(
            wolves.members.values_list("pk", flat=True), "realm", lambda row: row.guild.realm + 1
        )

    assert len(changed) == 3
    assert not [query for query in queries if '"giftcodes_guild"."notes"' in query["sql"]]


#: Text fields without a limit. Only Redeemer writes them: it composes the text from names, or
#: limits what it takes from others (`one_line`, `plain_text`).
WRITTEN_BY_THE_PROGRAM = {
    "AlarmNotice.error",
    "Alarm.message",
    "Announcement.error",
    "ApiAnswer.body",
    "Attempt.body",
    "Channel.error",
    "Directory.error",
    "Feed.error",
    "Feed.skipped_lines",
    "GiftCode.odd_answer",
    "GiftCode.reason",
    "MemberRedemption.reason",
    "RateBudget.pause_reason",
    "RedemptionEvent.detail",
}


def test_each_text_field_without_a_limit_is_listed_above() -> None:
    unlimited = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("giftcodes").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.TextField)
        and not isinstance(field, NotesField | EncryptedTextField)
        and not model.__name__.startswith("Historical")
    }
    assert unlimited == WRITTEN_BY_THE_PROGRAM
