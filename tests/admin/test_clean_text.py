"""Entered text is cleaned before it is stored, and stored text is safe where it is shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CharField, TextField
from django.urls import reverse

from giftcodes.models import Alarm, Channel, GiftCode, Guild, Member, OptOut
from giftcodes.models.opted_out import player_hash
from giftcodes.notifications.alarms import evaluate
from tests.admin.conftest import Browser, TaskQueue, errors
from tests.factories import gift_code, guild, member

pytestmark = pytest.mark.django_db
#: Characters that no page, message or export may contain. The isolate that Redeemer itself adds
#: (U+2068) is not among them: it is always closed (U+2069).
REORDERING = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2066\u2067]")
HEBREW = "אבג"


def member_form(of: Guild, **fields: Any) -> dict[str, Any]:
    return {
        "guild": of.pk,
        "player_id": "123456789",
        "nickname": "Ann",
        "realm": "",
        "active": "on",
        **fields,
    }


def guild_form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Wolves",
        "provider": "simulator",
        "realm": "7",
        "active": "on",
        "priority": "0",
        **fields,
    }


def written(table: str, column: str, text: str) -> None:
    """Store a text uncleaned, as an older release would have stored it."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE giftcodes_{table} SET {column} = %s", [text])


# --- Text that comes in ---------------------------------------------------------------------------
@pytest.mark.slow
def test_a_member_is_stored_without_invisible_characters_and_with_ascii_digits(
    browser: Browser,
) -> None:
    wolves = guild()
    data = member_form(
        wolves,
        player_id="\u2066١٢٣٤٥٦٧٨٩\u2069",
        nickname="\u202eZoe\u0308 🏳️\u200d🌈\u200b",
        realm="۷",
    )
    browser.save("member_add", **data, notes="a\u202eb")

    found = Member.objects.get()
    assert (found.player_id, found.nickname, found.realm, found.notes) == (
        "123456789",
        "Zoë 🏳️\u200d🌈",
        7,
        "ab",
    )


def test_a_player_id_in_other_digits_is_the_same_player(browser: Browser) -> None:
    wolves = guild()
    member(wolves, "123456789")

    response = browser.post(
        "member_add", data=member_form(wolves, player_id="１２３４５６７８９\u00ad")
    )

    assert "is a member of this guild already" in errors(response)


def test_a_guild_is_stored_without_invisible_characters(browser: Browser) -> None:
    browser.save(
        "guild_add",
        **guild_form(name="\ufeffWol\u202eves\u061c", realm="۱۰۴۲", priority="-\u200b3"),
    )

    found = Guild.objects.get()
    assert (found.name, found.realm, found.priority) == ("Wolves", 1042, -3)


def test_a_name_that_differs_only_in_invisible_characters_is_refused(browser: Browser) -> None:
    guild("Wolves")

    response = browser.post("guild_add", data=guild_form(name="Wol\u200bves"))

    assert "There is a guild of this name already" in errors(response)


def test_a_code_is_stored_without_invisible_characters(
    browser: Browser, task_queue: TaskQueue
) -> None:
    browser.save(
        "giftcode_add",
        provider="simulator",
        code="\u202aFROST\u00ad２０２６\ufe0f",
        rewards="",
        expires_at_0="",
    )

    assert (GiftCode.objects.get().code, GiftCode.objects.get().folded) == (
        "FROST2026",
        "frost2026",
    )


def test_the_address_of_a_channel_is_stored_without_invisible_characters(browser: Browser) -> None:
    address = "https://discord.com/api/webhooks/123456789/abcdef"

    browser.save("channel_add", guild=guild().pk, address=f"\u200b{address}\u2060")

    assert Channel.objects.get().address == address


@pytest.mark.parametrize("typed", ["1.000", "1,000", "1 000", "1_000", "+1000"])
@pytest.mark.parametrize("page", ["member_add", "guild_add"])
def test_a_number_in_a_form_is_never_shortened(browser: Browser, page: str, typed: str) -> None:
    form = guild_form(name="Bears") if page == "guild_add" else member_form(guild("Wolves"))

    response = browser.post(page, data={**form, "realm": typed})

    assert "Write 1000 if that is meant." in errors(response)
    assert not Guild.objects.filter(name="Bears").exists()
    assert not Member.objects.exists()


def test_a_priority_is_never_shortened(browser: Browser) -> None:
    assert "Write 1000 if that is meant." in errors(
        browser.post("guild_add", data=guild_form(priority="1.000"))
    )


def test_a_realm_for_several_members_is_never_shortened(browser: Browser) -> None:
    ann = member(guild(), realm=7)
    data = {"action": "set_realm", "_selected_action": [ann.pk], "index": 0}

    assert (
        "Write 1000 if that is meant."
        in browser.post("member_changelist", data={**data, "realm": "1.000"}).content.decode()
    )
    browser.press("set_realm", ann, realm="۹۹")

    ann.refresh_from_db()
    assert ann.realm == 99


def test_an_opt_out_finds_the_player_in_spite_of_invisible_characters_around_the_id(
    browser: Browser, task_queue: TaskQueue
) -> None:
    data = {"provider": "simulator", "player_id": "\u202a١٢٣٤٥٦٧٨٩\u202c", "wish": "opt_out"}

    browser.client.post(reverse("admin:player"), data)

    assert OptOut.objects.filter(pk=player_hash("simulator", "123456789")).exists()


@pytest.mark.parametrize(
    "typed",
    [
        "123456789",
        "\u202a123456789\u202c",
        "١٢٣٤٥٦٧٨٩",
        "１２３",
        "Zoe\u0308",
        "\u200bzoë",
        "ann ۱۲",
        "Ann\u00ad",
    ],
)
def test_a_search_finds_the_member_in_spite_of_other_digits_and_invisible_characters(
    browser: Browser, typed: str
) -> None:
    wolves = guild()
    member(wolves, "123456789", nickname="Zoë Ann ۱۲")
    member(wolves, "987654321", nickname="Quincey Morris")
    gift_code()

    for page in (
        browser.open("member_changelist", q=typed),
        browser.client.get(reverse("admin:matrix"), {"guild": wolves.pk, "who": typed}),
    ):
        assert "Zoë Ann" in page.content.decode()
        assert "Quincey Morris" not in page.content.decode()


#: Text columns that hold no text of people, feeds, games and directories, or whose text is cleaned
#: by their own form or client.
OTHER_COLUMNS = {
    "Alarm.subject",
    "AlarmNotice.error",
    "Announcement.channel_hash",
    "Announcement.content_hash",
    "Announcement.error",
    "Announcement.message_id",
    "ApiAnswer.body",
    "ApiAnswer.content_type",
    "ApiAnswer.key_hash",
    "ApiAnswer.request_hash",
    "Attempt.body",
    "Attempt.err_code",
    "Attempt.msg",
    "Attempt.player_id",
    "Channel.address",
    "CodeProposal.code",
    "ConnectionCheck.config_hash",
    "ConnectionCheck.name",
    "Cursor.name",
    "Directory.error",
    "DirectoryLookup.player_id",
    "DiscordBot.commands_hash",
    "DiscordBot.holder",
    "DiscordCode.code_hash",
    "Heartbeat.name",
    "JoinLink.token_hash",
    "JoinRequest.asked_from",
    "KeptFigure.provider",
    "KeptFigure.what",
    "MemberRedemption.outcome",
    "MemberRedemption.player_id",
    "OptOut.player_hash",
    "PlayerLink.token_hash",
    "PrunedFigure.provider",
    "PrunedFigure.what",
    "PublicPage.public_id",
    "RateBudget.pause_reason",
    "StoredSetting.name",
    "Throttle.key",
}


def test_each_text_column_is_cleaned_or_takes_no_text_from_outside() -> None:
    plain = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("giftcodes").get_models()
        for field in model._meta.fields
        if type(field) in (CharField, TextField)
        and field.editable
        and not field.choices
        and field.name != "history_change_reason"
    }

    assert plain <= OTHER_COLUMNS


# --- Text that goes out ---------------------------------------------------------------------------
@pytest.fixture
def stored(db: None) -> Member:
    """A member and a guild as an older release has stored them."""
    ann = member(guild("Wolves"), "123456789", nickname="Ann", realm=8)
    ann.nickname = "Bea"
    ann.save()
    gift_code("FROST")
    written("guild", "name", "\u202eWol\u2067ves\u200b")
    written("member", "nickname", "\u202eAnn\u2067a\u200b")
    written("historicalmember", "nickname", "\u202eAnn\u2067a\u200b")
    return Member.objects.get()


def test_stored_characters_that_reorder_a_page_are_shown_nowhere(
    browser: Browser, stored: Member
) -> None:
    code = GiftCode.objects.get()
    pages = [
        browser.open("member_changelist"),
        browser.open("member_change", stored.pk),
        browser.open("member_history", stored.pk),
        browser.open("member_delete", stored.pk),
        browser.open("guild_changelist"),
        browser.client.get(reverse("admin:matrix")),
        browser.client.get(reverse("admin:plan"), {"guild": stored.guild_id, "code": code.pk}),
        browser.client.get("/admin/import/"),
        browser.client.post(
            reverse("admin:player"), {"provider": "simulator", "player_id": stored.player_id}
        ),
    ]
    for page in pages:
        assert not REORDERING.search(page.content.decode()), page.request["PATH_INFO"]
    assert "Anna" in pages[0].content.decode()
    assert "Wolves" in pages[4].content.decode()
    assert "Anna" in pages[6].content.decode()


def test_stored_characters_that_reorder_a_page_are_exported_nowhere(
    browser: Browser, stored: Member
) -> None:
    data = {"action": "export_csv", "_selected_action": [stored.pk], "index": 0}
    members = browser.post("member_changelist", data=data).content.decode()
    coverage = (
        browser.client.get(reverse("admin:matrix_export"), {"guild": stored.guild_id})
        .getvalue()
        .decode()
    )
    wish = {"provider": "simulator", "player_id": stored.player_id, "wish": "export"}
    kept = browser.client.post(reverse("admin:player"), wish).content.decode()

    for text in (members, coverage, kept):
        assert "Anna" in text
        assert not REORDERING.search(text)


def test_an_alarm_about_a_guild_shows_no_stored_character_that_reorders_it(
    browser: Browser,
) -> None:
    guild("Wolves", automatic=True)
    written("guild", "name", "\u202eWolves")
    evaluate()
    evaluate()

    alarm = Alarm.objects.get(kind=Alarm.Kind.NO_MEMBERS)
    assert "Wolves" in alarm.message
    assert not REORDERING.search(alarm.message)


def test_a_right_to_left_name_does_not_reorder_the_sentence_around_it(
    browser: Browser,
) -> None:
    ann = member(guild(HEBREW), "123456789", nickname=HEBREW)

    messages = browser.press("deactivate", ann, shown="yes")

    name = f"\u2068{HEBREW}\u2069"
    assert str(ann.guild) == name
    assert messages == [
        ("success", f"{name} (123456789) is inactive now. Nothing was deleted: the history stays.")
    ]
    assert f">{HEBREW}<" in browser.open("member_changelist").content.decode()
