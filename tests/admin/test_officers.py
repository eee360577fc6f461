"""Officers do the whole job for their guilds: codes, opt-outs, channels."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.codes import admin as codes_admin
from giftcodes.models import (
    Channel,
    CodeProposal,
    CodeState,
    GiftCode,
    Guild,
    Member,
    OptOut,
    Redemption,
    RunState,
)
from giftcodes.models.officer_rules import NewCodes, new_codes, set_new_codes
from giftcodes.models.roles import OFFICERS
from giftcodes.pipeline.catch_up import find_behind
from giftcodes.pipeline.fan_out import fan_out
from giftcodes.roster import ListedMember
from giftcodes.services.changes import words_of
from giftcodes.services.imports import import_members
from tests.admin import crawl
from tests.admin.conftest import Browser, Messages, TaskQueue, address, errors, messages_of
from tests.factories import gift_code, guild, member

NEW = {"provider": "simulator", "code": "FROST", "rewards": ""}
#: A new code with what an administrator must check.
CHECKED = {**NEW, "rewards": "Gems", "expires_at_0": "2099-01-01", "expires_at_1": "10:00"}
DISCORD = "https://discord.com/api/webhooks/1/secret"


@dataclass(frozen=True, slots=True)
class Guilds:
    wolves: Guild
    strangers: Guild


@pytest.fixture
def guilds(db: None) -> Guilds:
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    importlib.import_module("giftcodes.migrations.0032_invitations").grant(apps, None)
    wolves, strangers = guild("Wolves", automatic=True), guild("Strangers", automatic=True)
    member(wolves, "200"), member(strangers, "777000111")
    return Guilds(wolves, strangers)


def officer(of: Guild, name: str, committing: Any) -> Browser:
    one = User.objects.create_user(name, is_staff=True)
    one.groups.add(Group.objects.get(name=OFFICERS))
    of.officers.add(one)
    client = Client()
    client.force_login(one)
    return Browser(client, committing)


@pytest.fixture
def amber(
    guilds: Guilds, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any
) -> Browser:
    """An officer of Wolves."""
    return officer(guilds.wolves, "amber", django_capture_on_commit_callbacks)


@pytest.fixture
def stranger(amber: Browser, guilds: Guilds, django_capture_on_commit_callbacks: Any) -> Browser:
    """An officer of Strangers."""
    return officer(guilds.strangers, "stranger", django_capture_on_commit_callbacks)


# --- Adding codes ---------------------------------------------------------------------------------
def test_an_officer_adds_a_code_that_is_redeemed_at_once(
    amber: Browser, task_queue: TaskQueue
) -> None:
    amber.save("giftcode_add", **NEW)
    code = GiftCode.objects.get()
    assert (code.code, code.state) == ("FROST", CodeState.ACTIVE)
    assert task_queue.arguments("fan_out") == [[code.pk, "admin", None]], (
        "the officer is named to no other guild"
    )
    page = amber.open("giftcode_change", code.pk).content.decode()
    assert "The code is about to be asked for." in page
    assert "1 member in 1 guild" in page, "members of other guilds are not counted"


def test_an_officer_adds_codes_of_their_own_games_without_dates_and_rewards(
    amber: Browser, guilds: Guilds
) -> None:
    page = amber.open("giftcode_add").content.decode()
    for field in ("expires_at", "published_on", "rewards"):
        assert field not in page
    assert "kingshot" not in page
    response = amber.post("giftcode_add", data={**NEW, "provider": "kingshot"})
    assert "not one of the available choices" in errors(response)
    amber.save("giftcode_add", **CHECKED)
    code = GiftCode.objects.get()
    assert (code.expires_at, code.rewards) == (None, "")


def test_what_was_entered_for_a_proposal_is_not_saved_if_none_is_necessary_any_more(
    amber: Browser, guilds: Guilds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes_admin, "must_propose", lambda _person: True)
    assert "rewards" in amber.open("giftcode_add").content.decode()
    amber.save("giftcode_add", **CHECKED)
    code = GiftCode.objects.get()
    assert (code.expires_at, code.rewards) == (None, "")


@pytest.mark.parametrize(
    ("state", "words"),
    [("active", "Open its page"), ("closed", "ask an administrator to reopen it")],
)
def test_the_error_about_a_known_code_says_what_an_officer_can_do(
    amber: Browser, state: str, words: str
) -> None:
    gift_code("FROST", state=state)
    assert words in errors(amber.post("giftcode_add", data=NEW))


def test_the_history_of_a_code_names_no_officer_of_another_guild(
    amber: Browser, stranger: Browser, browser: Browser
) -> None:
    stranger.save("giftcode_add", **NEW)
    code = GiftCode.objects.get()
    pages = crawl.read(amber.client, crawl.pages_of(code))
    assert crawl.leaks(pages, ["stranger"]) == []
    assert "another person" in pages[address("giftcode_history", code.pk)]
    for one in (stranger, browser):
        assert "stranger" in one.open("giftcode_history", code.pk).content.decode()


def test_the_journal_names_no_officer_who_offered_another_spelling(
    amber: Browser, stranger: Browser
) -> None:
    stranger.save("giftcode_add", **{**NEW, "code": "frost"})
    GiftCode.objects.update(state="closed", closed_outcome="code_not_found")
    stranger.save("giftcode_add", **NEW)
    code = GiftCode.objects.get()
    assert code.code == "FROST"
    pages = crawl.read(amber.client, [address("redemptionevent_changelist"), *crawl.pages_of(code)])
    assert crawl.leaks(pages, ["stranger"]) == []


# --- Proposing codes ------------------------------------------------------------------------------
@pytest.fixture
def _propose(guilds: Guilds) -> None:
    """Let an administrator decide about new codes of officers."""
    set_new_codes(NewCodes.PROPOSE)


@pytest.mark.usefixtures("_propose")
def test_a_proposal_is_approved_in_one_click_and_the_officer_is_told(
    amber: Browser, browser: Browser, task_queue: TaskQueue
) -> None:
    messages = amber.save("giftcode_add", **NEW, expires_at_0="2099-01-01", expires_at_1="10:00")
    assert "An administrator decides about it." in messages[0][1]
    assert not GiftCode.objects.exists()
    assert task_queue.arguments("fan_out") == []
    proposal = CodeProposal.objects.get()
    assert "waits for an administrator" in amber.client.get("/admin/").content.decode()
    home = browser.client.get("/admin/").content.decode()
    assert "amber proposes the code FROST" in home

    browser.press("approve", proposal, back="/admin/")

    code = GiftCode.objects.get()
    assert (code.code, code.expires_at) == ("FROST", proposal.expires_at)
    assert len(task_queue.arguments("fan_out")) == 1
    assert "proposes the code" not in browser.client.get("/admin/").content.decode()
    told = amber.client.get("/admin/").content.decode()
    assert "Codes that you proposed" in told
    assert ">approved<" in told
    assert address("giftcode_change", code.pk) in told


@pytest.mark.usefixtures("_propose")
def test_a_rejection_has_a_reason_that_the_officer_reads(amber: Browser, browser: Browser) -> None:
    amber.save("giftcode_add", **NEW)
    browser.press("reject", CodeProposal.objects.get(), answer="It is a fake.")
    assert "It is a fake." in amber.client.get("/admin/").content.decode()
    assert not GiftCode.objects.exists()
    messages = browser.press("approve", CodeProposal.objects.get())
    assert "Another person has decided" in messages[0][1]
    assert not GiftCode.objects.exists()


@pytest.mark.usefixtures("_propose")
def test_a_code_that_two_officers_proposed_is_decided_once(
    amber: Browser, stranger: Browser, browser: Browser
) -> None:
    amber.save("giftcode_add", **NEW)
    assert "proposed code FROST already" in amber.save("giftcode_add", **NEW)[0][1]
    stranger.save("giftcode_add", **NEW)
    assert CodeProposal.objects.count() == 2
    browser.press("approve", CodeProposal.objects.order_by("pk")[0])
    assert set(CodeProposal.objects.values_list("state", flat=True)) == {"approved"}


@pytest.mark.usefixtures("_propose")
def test_a_proposed_code_that_the_feed_has_added_meanwhile_needs_no_decision(
    amber: Browser, browser: Browser
) -> None:
    amber.save("giftcode_add", **NEW)
    code = gift_code("FROST")
    assert "proposes the code" not in browser.client.get("/admin/").content.decode()
    assert "added in the meantime" in amber.client.get("/admin/").content.decode()
    browser.press("approve", CodeProposal.objects.get())
    assert GiftCode.objects.get() == code


@pytest.mark.usefixtures("_propose")
def test_another_spelling_is_proposed_too(amber: Browser, browser: Browser) -> None:
    code = gift_code("frost", state="closed", closed_outcome="code_not_found")
    amber.save("giftcode_add", **NEW)
    code.refresh_from_db()
    assert (code.code, code.state) == ("frost", "closed")
    browser.press("approve", CodeProposal.objects.get())
    code.refresh_from_db()
    assert (code.code, code.is_open) == ("FROST", True)


@pytest.mark.usefixtures("_propose")
def test_an_officer_cannot_decide_and_sees_only_their_own_proposals(
    amber: Browser, stranger: Browser, task_queue: TaskQueue
) -> None:
    stranger.save("giftcode_add", **NEW)
    proposal = CodeProposal.objects.get()
    for page in crawl.pages_of(proposal):
        assert amber.client.get(page).status_code == 404
    listing = address("codeproposal_changelist")
    assert "FROST" not in amber.client.get(listing).content.decode()
    for one in (amber, stranger):
        for action in ("approve", "reject"):
            one.post(
                "codeproposal_changelist",
                data={"action": action, "_selected_action": proposal.pk, "index": 0},
            )
    proposal.refresh_from_db()
    assert proposal.state == "waiting"
    assert 'value="approve"' not in stranger.client.get(listing).content.decode()


@pytest.mark.usefixtures("_propose")
def test_an_administrator_adds_codes_without_a_proposal(browser: Browser) -> None:
    dates = {"published_on": "", "expires_at_0": "", "expires_at_1": ""}
    browser.save("giftcode_add", **NEW, **dates)
    assert GiftCode.objects.exists()


def test_only_administrators_set_the_rule_about_new_codes_in_the_browser(
    amber: Browser, browser: Browser
) -> None:
    page = reverse("admin:officer_rules")
    assert amber.client.get(page).status_code == 403
    assert amber.client.post(page, {"new_codes": "propose"}).status_code == 403
    assert new_codes() == NewCodes.ADD
    assert browser.client.post(page, {"new_codes": "propose"}).status_code == 302
    assert new_codes() == NewCodes.PROPOSE
    assert browser.client.post(page, {"new_codes": "nonsense"}).status_code == 200
    assert new_codes() == NewCodes.PROPOSE


def test_the_environment_overrides_the_rule_set_in_the_browser_and_the_page_says_so(
    browser: Browser, settings: Any
) -> None:
    settings.OFFICER_CODES = "propose"
    assert new_codes() == NewCodes.PROPOSE
    response = browser.client.post(reverse("admin:officer_rules"), {"new_codes": "add"})
    assert "The setting OFFICER_CODES decides this." in response.content.decode()
    settings.OFFICER_CODES = ""
    assert new_codes() == NewCodes.ADD


# --- Skipping codes -------------------------------------------------------------------------------
def skip(browser: Browser, code: GiftCode, *guilds: Guild) -> Messages:
    return browser.press("skip_codes", code, guilds=[one.pk for one in guilds], confirm="yes")


@pytest.mark.parametrize("state", ["none", "pending", "running", "complete"])
def test_a_skipped_code_stays_stopped_for_the_officer_s_guild_and_goes_on_for_others(
    amber: Browser, guilds: Guilds, state: str
) -> None:
    code = gift_code("FROST")
    fan_out(code.pk)
    if state == "none":
        Redemption.objects.filter(guild=guilds.wolves).first().member_redemptions.all().delete()  # type: ignore[union-attr]
        Redemption.objects.filter(guild=guilds.wolves).delete()
    else:
        rows = Redemption.objects.filter(guild=guilds.wolves)
        rows.get().member_redemptions.all().delete()
        rows.update(state=state, run_number=0 if state == "pending" else 1, trigger="poll")
    theirs = Redemption.objects.get(guild=guilds.strangers)

    messages = skip(amber, code, guilds.wolves)

    assert "Guild Wolves skips code FROST." in messages[0][1].replace("\u2068", "").replace(
        "\u2069", ""
    )
    own = Redemption.objects.get(guild=guilds.wolves)
    assert own.state == RunState.STOPPED
    member(guilds.wolves, "201")
    assert (guilds.wolves.pk, code.pk) not in fan_out(code.pk) + find_behind()
    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    after = Redemption.objects.get(guild=guilds.strangers)
    assert (after.state, after.run_number) == (theirs.state, theirs.run_number)
    assert own.events.get(kind="stop").user == User.objects.get(username="amber")
    assert "already" in skip(amber, code, guilds.wolves)[0][1]

    amber.press("redeem_now", own)
    own.refresh_from_db()
    assert own.state == RunState.RUNNING


def test_the_page_that_asks_before_skipping_offers_only_the_officer_s_guilds(
    amber: Browser, guilds: Guilds
) -> None:
    code = gift_code("FROST")
    assert 'value="skip_codes"' in amber.open("giftcode_change", code.pk).content.decode()
    data = {"action": "skip_codes", "_selected_action": code.pk, "index": 0}
    page = amber.post("giftcode_changelist", data=data).content.decode()
    assert "Wolves" in page
    assert "checked" in page, "the only guild is chosen"
    assert "Strangers" not in page
    response = amber.post(
        "giftcode_changelist", data={**data, "confirm": "yes", "guilds": [guilds.strangers.pk]}
    )
    assert "Select a valid choice" in response.content.decode()
    assert (
        "Choose at least one guild."
        in amber.post("giftcode_changelist", data={**data, "confirm": "yes"}).content.decode()
    )
    assert not Redemption.objects.exists()


def test_an_officer_cannot_close_delete_reopen_or_reissue_a_code(amber: Browser) -> None:
    code = gift_code("FROST")
    for action in ("close_codes", "delete_codes", "reopen_codes", "reissue_codes"):
        data = {"action": action, "_selected_action": code.pk, "index": 0, "confirm": "yes"}
        amber.post("giftcode_changelist", data=data)
        code.refresh_from_db()
        assert code.state == CodeState.ACTIVE


def test_a_page_that_an_officer_only_reads_says_nothing_about_filling_it_in(
    amber: Browser, browser: Browser
) -> None:
    code = gift_code("FROST", published_on=timezone.localdate(), expires_at=timezone.now())
    for_administrator = browser.open("giftcode_change", code.pk).content.decode()
    assert "Leave it empty if you do not know." in for_administrator
    assert "Back to the list" not in for_administrator

    page = " ".join(amber.open("giftcode_change", code.pk).content.decode().split())
    assert ">Published</label>" in page
    assert ">Rewards</label>" not in page
    assert "Leave it empty" not in page
    way_back = page.split("Back to the list")[0].rsplit("<a ", 1)[1]
    assert f'href="{reverse("admin:giftcodes_giftcode_changelist")}"' in way_back
    assert "> Close <" not in page


# --- Opt-outs -------------------------------------------------------------------------------------
def wish(browser: Browser, player_id: str, name: str = "") -> str:
    data = {"provider": "simulator", "player_id": player_id, "wish": name, "sure": "yes"}
    with browser._committing(execute=True):
        page: str = browser.client.post(reverse("admin:player"), data, follow=True).content.decode()
    return page


def test_an_officer_records_an_opt_out_that_holds_in_their_own_guilds(
    amber: Browser, guilds: Guilds, task_queue: TaskQueue
) -> None:
    theirs = member(guilds.strangers, "200", nickname="Other-name")
    own = guilds.wolves.members.get()
    link = f"{reverse('admin:player')}?member={own.pk}"
    assert link in amber.open("member_change", own.pk).content.decode()
    direct = amber.client.get(link).content.decode()
    assert 'value="200"' in direct
    assert 'value="opt_out"' in direct
    assert "Look up" not in direct
    assert "Opt out 200" in direct
    codes_of_player = reverse("admin:player_codes", args=[own.pk])
    assert link in amber.client.get(codes_of_player).content.decode()
    assert crawl.leaks({"page": direct}, ["Strangers", "Other-name"]) == []
    page = wish(amber, "200")
    assert "holds in your guilds only" in page
    assert "Wolves" in page
    assert crawl.leaks({"page": page}, ["Strangers", "Other-name"]) == []

    page = wish(amber, "200", "opt_out")

    assert "no longer redeemed for player 200" in page
    assert set(Member.objects.filter(player_id="200", opted_out=False)) == {theirs}
    assert not theirs.history.filter(opted_out=True).exists()
    assert not OptOut.objects.exists()
    assert task_queue.arguments("catch_up") == [[[own.guild_id]]]
    listed = [ListedMember(1, "200")]
    assert import_members(own.guild_id, listed).opted_out == ["200"]
    assert not import_members(guilds.strangers.pk, listed).opted_out
    assert "Opted out." in map(words_of, LogEntry.objects.filter(user__username="amber"))
    after = amber.client.get(link).content.decode()
    assert 'value="opt_out"' not in after
    assert "has opted out" in after
    assert "– active" not in after
    assert link not in amber.client.get(codes_of_player).content.decode()
    assert link not in amber.open("member_change", own.pk).content.decode()
    assert crawl.leaks({"page": page}, ["Strangers", "Other-name"]) == []


@pytest.mark.parametrize("name", ["opt_in", "export", "erase"])
def test_an_officer_can_record_no_wish_except_an_opt_out(
    amber: Browser, guilds: Guilds, name: str
) -> None:
    wish(amber, "200", "opt_out")
    page = wish(amber, "200", name)
    assert f'value="{name}"' not in page
    assert Member.objects.filter(player_id="200", opted_out=True).exists()


def test_the_history_of_a_member_names_no_officer_of_another_guild(
    amber: Browser, stranger: Browser, browser: Browser, guilds: Guilds
) -> None:
    """An opt-out was recorded by an officer of one guild.

    An earlier release noted the officer's name in every guild of the player.
    """
    own = guilds.wolves.members.get()
    version = own.history.last() or own.history.create(
        id=own.pk, guild=own.guild, player_id="200", history_type="~", history_date=timezone.now()
    )
    version.history_user = User.objects.get(username="stranger")
    version.history_change_reason = "Noted."
    version.save()

    page = amber.open("member_history", own.pk).content.decode()

    assert "Noted." in page
    assert "another person" in page
    assert "stranger" not in page
    assert "stranger" in browser.open("member_history", own.pk).content.decode()


def test_the_history_of_a_member_names_former_officers(
    amber: Browser, guilds: Guilds, django_capture_on_commit_callbacks: Any
) -> None:
    former = officer(guilds.wolves, "zephyrine", django_capture_on_commit_callbacks)
    wish(former, "200", "opt_out")
    guilds.wolves.officers.remove(User.objects.get(username="zephyrine"))
    own = guilds.wolves.members.get()
    assert "zephyrine" in amber.open("member_history", own.pk).content.decode()


def test_an_administrator_ends_an_opt_out_of_one_guild(
    amber: Browser, browser: Browser, guilds: Guilds
) -> None:
    wish(amber, "200", "opt_out")
    page = wish(browser, "200")
    assert "opted out of this guild" in page
    assert 'value="opt_in"' in page
    assert 'value="opt_out"' in page
    wish(browser, "200", "opt_in")
    assert not Member.objects.filter(opted_out=True).exists()


@pytest.mark.parametrize("player_id", ["777000111", "999"])
def test_players_of_other_guilds_and_unknown_players_are_refused_in_the_same_words(
    amber: Browser, browser: Browser, player_id: str
) -> None:
    """The page shows neither that the player is known nor that they opted out."""
    wish(browser, "777000111", "opt_out")
    for name in ("", "opt_out"):
        page = wish(amber, player_id, name)
        assert "None of your guilds has a member with this ID." in page
        assert "opted out" not in page
    assert OptOut.objects.count() == 1


def test_a_member_of_another_guild_is_not_filled_into_the_form(
    amber: Browser, guilds: Guilds
) -> None:
    theirs = guilds.strangers.members.get()
    page = amber.client.get(reverse("admin:player"), {"member": theirs.pk}).content.decode()
    assert "777000111" not in page


# --- Channels -------------------------------------------------------------------------------------
def test_an_officer_sets_changes_and_removes_the_channel_of_their_own_guild(
    amber: Browser, guilds: Guilds
) -> None:
    page = amber.open("channel_add").content.decode()
    assert f'<option value="{guilds.wolves.pk}" selected' in page
    amber.save("channel_add", guild=guilds.wolves.pk, address=DISCORD)
    channel = Channel.objects.get()
    page = amber.open("channel_change", channel.pk).content.decode()
    assert "secret" not in page
    amber.save("channel_change", channel.pk, address=f"{DISCORD}2")
    assert Channel.objects.get().address == f"{DISCORD}2"
    assert amber.post("channel_delete", channel.pk, data={"post": "yes"}).status_code == 302
    assert not Channel.objects.exists()


def test_an_officer_reaches_no_channel_of_another_guild(amber: Browser, guilds: Guilds) -> None:
    response = amber.post("channel_add", data={"guild": guilds.strangers.pk, "address": DISCORD})
    assert "not one of the available choices" in errors(response)
    theirs = Channel.objects.create(guild=guilds.strangers, address=DISCORD)
    for page in ("channel_change", "channel_delete"):
        assert amber.open(page, theirs.pk).status_code == 404
        data = {"post": "yes", "address": f"{DISCORD}2"}
        assert amber.post(page, theirs.pk, data=data).status_code == 404
    assert Channel.objects.get().address == DISCORD


# --- Home -----------------------------------------------------------------------------------------
def test_an_officer_without_a_guild_reads_what_to_do(amber: Browser, guilds: Guilds) -> None:
    guilds.wolves.officers.clear()
    page = amber.client.get("/admin/").content.decode()
    assert "you have no guild yet" in page
    assert "your user name is “amber”" in page
    assert amber.open("giftcode_add").status_code == 403
    guilds.wolves.officers.add(User.objects.get(username="amber"))
    assert "you have no guild yet" not in amber.client.get("/admin/").content.decode()


def test_the_reason_of_a_rejection_is_stored_as_one_line(amber: Browser, browser: Browser) -> None:
    set_new_codes(NewCodes.PROPOSE)
    amber.save("giftcode_add", **NEW)
    response = browser.post(
        "codeproposal_changelist",
        data={
            "action": "reject",
            "_selected_action": CodeProposal.objects.get().pk,
            "index": 0,
            "answer": "a\nb" + "x" * 500,
        },
    )
    assert "is rejected" in messages_of(response)[0][1]
    answer = CodeProposal.objects.get().answer
    assert "\n" not in answer
    assert len(answer) == 200
