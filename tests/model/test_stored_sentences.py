"""Columns have the keys of sentences, and each reader gets the words in their own language."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from giftcodes.clients.channels import BadAddressError, channel_client_for
from giftcodes.clients.channels.base import ChannelRules
from giftcodes.domain.findings import Finding, FindingKind
from giftcodes.domain.sentences import Sentence, read, stored
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Alarm,
    CancelKind,
    Feed,
    MemberRedemption,
    PauseKind,
    RateBudget,
    Redemption,
)
from giftcodes.pipeline.code_lifecycle import cancel_waiting, close
from giftcodes.services import providers
from giftcodes.services.members import move_members
from giftcodes.sql import fetch
from tests.admin.test_needs import officer_of
from tests.commands.conftest import run
from tests.factories import gift_code, guild, member_redemption
from tests.i18n.pseudo import LANGUAGE, Pseudo, install

pytestmark = pytest.mark.django_db

TOO_LOW = "The player's level is too low for this code. It will be retried every day."


@pytest.fixture
def foreign(settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """One more language, in which every text has brackets."""
    install(settings, monkeypatch, Pseudo())
    return LANGUAGE


def row(**fields: Any) -> MemberRedemption:
    of = guild(members=1)
    member = of.members.get()
    return member_redemption(member, gift_code(), State.NOT_ELIGIBLE, **fields)


def column(model: Any, name: str, pk: object) -> str:
    """The value in the database."""
    key = model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {model._meta.db_table} WHERE {key} = %s", [pk])
        return str(cursor.fetchone()[0])


def test_a_row_has_the_key_and_shows_the_sentence() -> None:
    pk = row(reason=Sentence.of("level_too_low")).pk

    assert column(MemberRedemption, "reason", pk) == '§["level_too_low"]'
    assert MemberRedemption.objects.get(pk=pk).reason == TOO_LOW
    assert list(MemberRedemption.objects.values_list("reason", flat=True)) == [TOO_LOW]
    assert MemberRedemption.objects.filter(reason=Sentence.of("level_too_low")).exists()


def test_a_row_that_is_saved_by_a_foreign_reader_keeps_its_key(foreign: str) -> None:
    pk = row(reason=Sentence.of("level_too_low")).pk

    with override(foreign):
        read = MemberRedemption.objects.get(pk=pk)
        read.save()

    assert read.reason == f"⟦{TOO_LOW}⟧"
    assert column(MemberRedemption, "reason", pk) == '§["level_too_low"]'


def test_a_reason_of_an_earlier_release_stays_as_it_is(foreign: str) -> None:
    pk = row(reason=TOO_LOW).pk

    with override(foreign):
        assert MemberRedemption.objects.get(pk=pk).reason == TOO_LOW
    assert column(MemberRedemption, "reason", pk) == TOO_LOW


def test_a_statement_writes_the_key(foreign: str) -> None:
    with override(foreign):
        ((written,),) = fetch("SELECT %(reason)s::text", reason=Sentence.of("level_too_low"))

    assert written == '§["level_too_low"]'


def test_a_closed_code_passes_its_reason_on(foreign: str) -> None:
    one = row()
    MemberRedemption.objects.update(state=State.PENDING)
    Redemption.objects.update(state="running")
    close(one.gift_code_id, reason=Sentence.of("code_closed_by", user="ada"))
    cancel_waiting(one.gift_code_id)

    one.refresh_from_db()
    assert one.cancel_kind == CancelKind.CODE_CLOSED
    assert one.reason == "Closed by ada in the admin. No request was sent."
    with override(foreign):
        one.refresh_from_db()
        assert one.reason == "⟦⟦Closed by ada in the admin.⟧ No request was sent.⟧"
        assert one.gift_code.events.get(redemption=None).detail == "⟦Closed by ada in the admin.⟧"


def test_the_reason_of_a_pause_is_read_with_other_tables(foreign: str) -> None:
    providers.pause("simulator", reason=Sentence.of("game_paused_by", user="ada"))

    (values,) = fetch(f"SELECT {RateBudget.columns('b')} FROM giftcodes_ratebudget b")
    with override(foreign):
        budget = RateBudget.of_columns(values)

    assert budget.pause_kind == PauseKind.OPERATOR
    assert budget.pause_reason == "⟦Paused by ada in the admin.⟧"


def test_a_sentence_in_a_finding_is_translated(foreign: str) -> None:
    kept = Finding.of(FindingKind.GAME_REFUSES, host="a", reason=Sentence.of("captcha")).to_json()

    with override(foreign):
        words = Finding.from_json(kept).words

    assert words.startswith("⟦a refuses us. ⟦The game asks for a captcha.")


@pytest.mark.parametrize(
    ("term", "is_found"),
    [("Wolves", True), ("no members", True), ("NO Wolves", True), ("minutes", False)],
)
def test_alarms_are_found_by_the_words_of_their_messages(
    admin_client: Client, term: str, is_found: bool
) -> None:
    words = Sentence.of("guild_without_members", guild="Wolves")
    Alarm.objects.raise_once(Alarm.Kind.NO_MEMBERS, "1", words)

    page = admin_client.get(reverse("admin:giftcodes_alarm_changelist"), {"q": term})

    assert ("has no members. Add" in page.content.decode()) is is_found


def test_alarms_are_found_by_a_part_of_their_message(admin_client: Client) -> None:
    time = Sentence.of("minutes", number=30)
    words = Sentence.of("guild_uncovered", guild="Wolves", time=time)
    Alarm.objects.raise_once(Alarm.Kind.UNCOVERED, "1", words)

    page = admin_client.get(reverse("admin:giftcodes_alarm_changelist"), {"q": "minutes"})

    assert "has waited for 30 minutes" in page.content.decode()


def test_programs_read_english(foreign: str) -> None:
    Alarm.objects.raise_once(Alarm.Kind.CAPTCHA, "simulator", Sentence.of("captcha"))

    with override(foreign):
        (alarm,) = json.loads(run("status", "--json").out)["alarms"]

    assert alarm["message"].startswith("The game asks for a captcha.")


def test_a_page_shows_a_reason_in_the_language_of_its_reader(
    foreign: str, admin_client: Client
) -> None:
    one = row(reason=Sentence.of("wrong_realm"))
    page = reverse("admin:giftcodes_memberredemption_change", args=[one.pk])

    with override(foreign):
        shown = admin_client.get(page, headers={"accept-language": foreign}).content.decode()

    assert "⟦Player ID and ⟦state⟧ do not belong together" in shown


def test_the_error_and_the_lines_of_a_feed_are_read_in_each_language(foreign: str) -> None:
    feed = Feed.objects.main_of("simulator")
    check = Sentence.of("check_setting", setting="SIMULATOR_FEED_KEY")
    feed.error = Sentence.of("feed_refused_key", status=401, check=check)
    feed.skipped_lines = [Sentence.of("line_not_code", line="a b"), "a line of an earlier release"]
    feed.save()

    with override(foreign):
        feed = Feed.objects.get()
        feed.save()
        assert feed.error.startswith("⟦The feed refused our key (HTTP 401). ⟦Check SIMULATOR_FEED")
        assert feed.skipped_lines == [
            "⟦not 1 to 32 letters and digits: a b⟧",
            "a line of an earlier release",
        ]
    feed.refresh_from_db()
    assert feed.skipped_lines[0] == "not 1 to 32 letters and digits: a b"
    assert column(Feed, "error", feed.pk).startswith('§["feed_refused_key",{"status":401')


def test_a_feed_of_an_earlier_release_has_no_lines() -> None:
    feed = Feed.objects.main_of("simulator")
    Feed.objects.update(skipped_lines="")

    feed.refresh_from_db()
    assert feed.skipped_lines == []


def test_the_reason_of_a_version_is_read_in_each_language(
    foreign: str, admin_client: Client
) -> None:
    wolves, bears = guild("Wolves", members=1), guild("Bears")
    anna = wolves.members.get()
    move_members([anna.pk], guild_id=bears.pk)
    page = reverse("admin:giftcodes_member_history", args=[anna.pk])

    shown = admin_client.get(page, headers={"accept-language": foreign}).content.decode()

    assert "⟦Moved to Bears.⟧" in shown
    version = anna.history.first()
    assert version.history_change_reason == f"Moved to #{bears.pk}."


def test_a_move_names_no_guild_that_the_reader_may_not_see() -> None:
    wolves, bears = guild("Wolves", members=1), guild("Bears")
    move_members([wolves.members.get().pk], guild_id=bears.pk)
    page = reverse("admin:giftcodes_member_history", args=[bears.members.get().pk])

    shown = officer_of(bears).get(page).content.decode()

    assert "Moved from another guild." in shown
    assert "Wolves" not in shown


def test_what_a_person_did_is_read_in_each_language(foreign: str, admin_client: Client) -> None:
    feed = Feed.objects.main_of("simulator")
    data = {"action": "switch_off", "_selected_action": [feed.pk]}
    in_foreign = {"accept-language": foreign}
    admin_client.post(reverse("admin:giftcodes_feed_changelist"), data, headers=in_foreign)

    changes = admin_client.get(reverse("admin:admin_logentry_changelist"), headers=in_foreign)
    history = admin_client.get(
        reverse("admin:giftcodes_feed_history", args=[feed.pk]), headers=in_foreign
    )

    entry = LogEntry.objects.get()
    assert entry.change_message == '§["did_switch_off"]'
    assert entry.object_repr == str(feed)
    assert "⟦Switched off.⟧" in changes.content.decode()
    assert "⟦Switched off.⟧" in history.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "https://discord.com/api/webhooks/1/",
        "http://discord.com/api/webhooks/1/token",
        "https://discord.com.example.org/api/webhooks/1/token",
        "discord://1",
        "webhook+https://[",
        "webhook+https://user@example.org/",
        "webhook+http://example.org/hook",
        "webhook+https://example.org/hook",
        "redeemer+discord://1",
        "tgram://x",
        "mailto://example.org",
        "ntfy://example.org/topic?template=x",
        "telegram",
    ],
)
def test_why_an_address_is_refused_is_read_in_each_language(foreign: str, address: str) -> None:
    with pytest.raises(BadAddressError) as caught:
        channel_client_for(address, total_seconds=1, connect_seconds=1, rules=ChannelRules())

    kept = stored(caught.value.sentence)
    assert kept.startswith("§")
    assert str(caught.value) == read(kept)
    with override(foreign):
        assert read(kept).startswith("⟦")
