"""What an officer may do in a day: new codes, and corrections of states or kingdoms."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import (
    CodeProposal,
    GiftCode,
    Guild,
    JoinRequest,
    Member,
    PlayerLink,
    Throttle,
)
from giftcodes.models.code_proposal import ProposalState
from giftcodes.roster import ListedMember
from giftcodes.services import code_proposals, corrections, join_decisions, joining, personal_links
from giftcodes.services.code_proposals import TooManyProposalsError, propose
from giftcodes.services.corrections import TooManyCorrectionsError, correct_members
from giftcodes.services.imports import import_members, undo_import
from tests.admin.conftest import Browser, TaskQueue, errors
from tests.admin.test_joining import press
from tests.admin.test_officers import officer
from tests.factories import gift_code, guild, member, on_trial

NEW = {"provider": "simulator", "rewards": ""}


@pytest.fixture
def wolves(db: None) -> Guild:
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    importlib.import_module("giftcodes.migrations.0032_invitations").grant(apps, None)
    return guild("Wolves", automatic=True, members=2)


@pytest.fixture
def amber(wolves: Guild, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any) -> Browser:
    """An officer of Wolves."""
    return officer(wolves, "amber", django_capture_on_commit_callbacks)


@pytest.fixture
def amber_user(amber: Browser) -> User:
    return User.objects.get(username="amber")


def a_day_passes() -> None:
    Throttle.objects.update(resets_at=timezone.now() - timedelta(seconds=1))


# --- Codes ----------------------------------------------------------------------------------------
def test_new_codes_beyond_the_limit_of_an_officer_become_proposals(
    amber: Browser, task_queue: TaskQueue
) -> None:
    most = code_proposals.CODES_OF_OFFICER
    assert (
        f"You can add {most} new codes in 24 hours" in amber.open("giftcode_add").content.decode()
    )
    for number in range(most):
        amber.save("giftcode_add", **NEW, code=f"MADEUP{number}")
    page = amber.open("giftcode_add").content.decode()
    assert f"You have added {most} new codes in 24 hours, so an administrator decides" in page
    assert "add codes yourself again in about 1 day" in page

    told = [words for _level, words in amber.save("giftcode_add", **NEW, code="FROST")]

    assert "You have added 5 new codes in 24 hours, so this one is proposed." in told
    assert any("An administrator decides about it." in words for words in told)
    assert CodeProposal.objects.get().code == "FROST"
    assert GiftCode.objects.count() == len(task_queue.arguments("fan_out")) == most
    a_day_passes()
    amber.save("giftcode_add", **NEW, code="SNOW")
    assert GiftCode.objects.filter(code="SNOW").exists()


def test_another_spelling_counts_like_a_new_code(amber: Browser) -> None:
    spellings = ["frost", "Frost", "fRost", "frOst", "froSt", "frosT"]
    for spelling in spellings[: code_proposals.CODES_OF_OFFICER]:
        amber.save("giftcode_add", **NEW, code=spelling)
        GiftCode.objects.update(state="closed", closed_outcome="code_not_found")
    assert GiftCode.objects.get().code == "froSt"

    amber.save("giftcode_add", **NEW, code=spellings[-1])

    code = GiftCode.objects.get()
    assert (code.code, code.state) == ("froSt", "closed")
    assert CodeProposal.objects.get().code == spellings[-1]


@pytest.mark.parametrize(
    ("state", "outcome"), [("deleted", ""), ("closed", ""), ("closed", "code_expired")]
)
def test_an_officer_cannot_bring_back_a_code_by_typing_other_capitals(
    amber: Browser, task_queue: TaskQueue, state: str, outcome: str
) -> None:
    amber.save("giftcode_add", **NEW, code="FROST")
    GiftCode.objects.update(state=state, closed_outcome=outcome)
    enqueued = task_queue.enqueued

    answer = errors(amber.post("giftcode_add", data={**NEW, "code": "frost"}))

    assert "ask an administrator" in answer
    code = GiftCode.objects.get()
    assert (code.code, code.state) == ("FROST", state)
    assert not CodeProposal.objects.exists()
    assert task_queue.enqueued == enqueued


@pytest.mark.parametrize("whose", ["the feed's", "an administrator's", "another officer's"])
@pytest.mark.parametrize("state", ["active", "closed"])
def test_an_officer_only_proposes_a_spelling_of_a_code_of_others(
    amber: Browser, browser: Browser, task_queue: TaskQueue, whose: str, state: str
) -> None:
    outcome = "code_not_found" if state == "closed" else ""
    code = gift_code("frost", state=state, closed_outcome=outcome, probes=3, source="feed")
    if whose == "an administrator's":
        GiftCode.objects.update(source="admin")
    elif whose == "another officer's":
        on_trial(code)

    told = [words for _level, words in amber.save("giftcode_add", **NEW, code="FROST")]

    assert any("an administrator decides about your spelling" in words for words in told)
    code.refresh_from_db()
    assert (code.code, code.state, code.other_spellings) == ("frost", state, [])
    assert code.probes == 3
    assert task_queue.arguments("fan_out") == []
    proposal = CodeProposal.objects.get()
    code_proposals.approve(proposal.pk, user_id=User.objects.get(is_superuser=True).pk)
    code.refresh_from_db()
    assert "FROST" in [code.code, *code.other_spellings]


def test_the_page_of_an_unproven_code_says_where_it_is_asked_for(
    amber: Browser, browser: Browser
) -> None:
    words = "it is asked for only in the guilds of this officer"
    amber.save("giftcode_add", **NEW, code="FROST")
    code = GiftCode.objects.get()
    assert words in browser.open("giftcode_change", code.pk).content.decode()
    GiftCode.objects.update(proven_at=timezone.now())
    assert words not in browser.open("giftcode_change", code.pk).content.decode()


def test_a_refused_form_does_not_count_as_a_new_code(amber: Browser) -> None:
    gift_code("FROST")
    for _ in range(code_proposals.CODES_OF_OFFICER + 1):
        assert "known already" in errors(amber.post("giftcode_add", data={**NEW, "code": "FROST"}))
    amber.save("giftcode_add", **NEW, code="SNOW")
    assert GiftCode.objects.filter(code="SNOW").exists()


def test_an_administrator_adds_any_number_of_codes(browser: Browser, wolves: Guild) -> None:
    dates = {"published_on": "", "expires_at_0": "", "expires_at_1": ""}
    for number in range(code_proposals.CODES_OF_OFFICER + 2):
        browser.save("giftcode_add", **NEW, **dates, code=f"FROST{number}")
    assert not CodeProposal.objects.exists()


def test_the_number_of_an_officer_s_waiting_proposals_is_limited(
    amber: Browser, amber_user: User, settings: Any
) -> None:
    settings.OFFICER_CODES = "propose"
    for number in range(code_proposals.MOST_WAITING):
        amber_user.code_proposals.create(provider="simulator", code=f"MADEUP{number}")
    form = {**NEW, "expires_at_0": "", "expires_at_1": ""}

    response = amber.post("giftcode_add", data={**form, "code": "FROST"})

    assert "20 codes that you proposed wait for an administrator already" in errors(response)
    assert 'value="FROST"' in response.content.decode(), "nothing of the form is lost"
    with pytest.raises(TooManyProposalsError):
        propose(
            provider="simulator", code="FROST", expires_at=None, rewards="", user_id=amber_user.pk
        )
    assert (
        "proposed code MADEUP1 already" in amber.save("giftcode_add", **form, code="MADEUP1")[0][1]
    )
    decided = CodeProposal.objects.filter(code="MADEUP2")
    decided.update(state=ProposalState.REJECTED)
    amber.save("giftcode_add", **form, code="FROST")
    assert CodeProposal.objects.filter(code="FROST").exists()


# --- The guild's realm ----------------------------------------------------------------------------
def settings_form(realm: int, notes: str = "") -> dict[str, Any]:
    return {"realm": realm, "automatic": "on", "notes": notes}


def test_a_guild_s_realm_is_changed_at_most_three_times_a_day_on_all_pages_together(
    amber: Browser, wolves: Guild
) -> None:
    amber.save("guild_overview", wolves.pk, realm=2001)
    amber.save("guild_change", wolves.pk, **settings_form(2002))
    amber.save("guild_overview", wolves.pk, offered=2003)

    (told,) = amber.save("guild_overview", wolves.pk, realm=2004)
    saved = amber.save("guild_change", wolves.pk, **settings_form(2005, notes="Kept"))

    assert told[0] == "error"
    assert "was not changed: in 24 hours, it may be changed at most 3 times" in told[1]
    assert "It can be changed again in about 1 day." in told[1]
    assert told in saved
    wolves.refresh_from_db()
    assert (wolves.realm, wolves.notes) == (2003, "Kept")
    assert not any("asked again" in words for level, words in saved if level != "error")
    a_day_passes()
    amber.save("guild_overview", wolves.pk, realm=2004)
    wolves.refresh_from_db()
    assert wolves.realm == 2004


def test_changes_of_another_guild_s_realm_are_counted_separately(
    amber: Browser, amber_user: User, wolves: Guild
) -> None:
    bears = guild("Bears")
    bears.officers.add(amber_user)
    for realm in range(2001, 2005):
        amber.save("guild_overview", wolves.pk, realm=realm)
    amber.save("guild_overview", bears.pk, realm=2001)
    bears.refresh_from_db()
    assert bears.realm == 2001


def test_an_administrator_changes_a_guild_s_realm_at_will(browser: Browser, wolves: Guild) -> None:
    for realm in range(2001, 2006):
        browser.save("guild_overview", wolves.pk, realm=realm)
    wolves.refresh_from_db()
    assert wolves.realm == 2005


# --- The realms of members ------------------------------------------------------------------------
def use_up(of: Guild) -> None:
    corrections.count_of_members(of, corrections.OF_MEMBERS_AT_LEAST)


def by_bulk_action(amber: Browser, one: Member) -> str:
    return str(amber.press("set_realm", one, realm=2001))


def by_page_of_player(amber: Browser, one: Member) -> str:
    page = reverse("admin:player_codes", args=[one.pk])
    response = amber.client.post(page, {"membership": one.pk, "realm": 2001})
    assert response.status_code == 302
    return amber.client.get(response["Location"]).content.decode()


def by_form(amber: Browser, one: Member) -> str:
    form = {"nickname": "Kept", "realm": 2001, "active": "on", "notes": ""}
    told = str(amber.save("member_change", one.pk, **form))
    one.refresh_from_db()
    assert one.nickname == "Kept"
    return told


def by_import(amber: Browser, one: Member) -> str:
    page = reverse("admin:member_import")
    text = f"player_id,nickname,realm\n{one.player_id},Ash,2001\n"
    form = {"guild": one.guild_id, "listing": text, "apply": "1", "shown_page": "1"}
    response = amber.client.post(page, form)
    if response.status_code == 302:
        return ""
    assert text.strip() in response.content.decode().replace("\r\n", "\n")
    return response.content.decode()


WAYS: list[Callable[[Browser, Member], str]] = [
    by_bulk_action,
    by_page_of_player,
    by_form,
    by_import,
]


@pytest.mark.parametrize("way", WAYS)
def test_no_page_corrects_more_realms_of_members_than_the_limit_of_the_guild_allows(
    amber: Browser, wolves: Guild, way: Callable[[Browser, Member], str]
) -> None:
    one = wolves.members.all()[0]
    use_up(wolves)

    told = way(amber, one)

    assert "at most 100 such corrections are made for this guild" in told
    assert "0 corrections are left now. The full number is possible again in about 1 day." in told
    one.refresh_from_db()
    assert one.realm is None
    a_day_passes()
    assert "at most 100" not in way(amber, one)
    one.refresh_from_db()
    assert one.realm == 2001


def test_either_all_or_none_of_a_guild_s_chosen_members_are_changed(
    wolves: Guild, amber_user: User, admin_user: User
) -> None:
    other = member(guild("Bears"))
    corrections.count_of_members(wolves, 99)
    everybody = [one.pk for one in [*wolves.members.all(), other]]

    done = correct_members(everybody, 2001, person=amber_user)

    assert done.changed == [other]
    assert "1 correction is left now" in done.refused[0]
    assert len(correct_members(everybody[:1], 2001, person=amber_user).changed) == 1
    assert len(correct_members(everybody, 2002, person=admin_user).changed) == 3


def test_a_large_guild_may_have_three_corrections_for_each_active_member(
    amber_user: User, wolves: Guild
) -> None:
    many = guild("Many", members=40)
    everybody = list(many.members.values_list("pk", flat=True))
    for realm in range(2001, 2004):
        assert len(correct_members(everybody, realm, person=amber_user).changed) == 40
    assert "at most 120" in correct_members(everybody, 2004, person=amber_user).refused[0]


def test_a_correction_that_changes_nothing_is_not_counted(amber_user: User, wolves: Guild) -> None:
    everybody = list(wolves.members.values_list("pk", flat=True))
    correct_members(everybody, wolves.realm, person=amber_user)
    assert not Throttle.objects.exists()


def test_the_corrections_of_an_import_count_again_when_it_is_undone(
    amber_user: User, wolves: Guild
) -> None:
    known = wolves.members.all()[0]
    listed = [ListedMember(line=1, player_id=known.player_id, realm=2001)]
    made = import_members(wolves.pk, listed, user_id=amber_user.pk)
    assert Throttle.objects.get().used == 1
    corrections.count_of_members(wolves, 99)

    refused = undo_import(made.import_id or 0, user_id=amber_user.pk)

    assert "at most 100" in refused.obstacle
    known.refresh_from_db()
    assert known.realm == 2001
    assert undo_import(made.import_id or 0, user_id=None).restored == [known.player_id]


def test_the_command_line_imports_any_number_of_corrections(wolves: Guild) -> None:
    use_up(wolves)
    known = wolves.members.all()[0]
    import_members(wolves.pk, [ListedMember(line=1, player_id=known.player_id, realm=2001)])
    known.refresh_from_db()
    assert known.realm == 2001


def test_personal_links_share_the_limit_of_the_guild(wolves: Guild, amber_user: User) -> None:
    one = wolves.members.all()[0]
    personal_links.make_for(one, user_id=amber_user.pk)
    link = PlayerLink.objects.get(member=one)
    use_up(wolves)
    with pytest.raises(TooManyCorrectionsError):
        personal_links.correct_realm(link, 2001)
    a_day_passes()
    assert personal_links.correct_realm(link, 2001).changed


def test_a_former_member_comes_back_with_another_realm_only_within_the_limit(
    amber: Browser, amber_user: User, wolves: Guild
) -> None:
    ash = member(wolves, "300000001", active=False)
    link = joining.make_join_link(wolves.pk)
    joining.ask_to_join(link, joining.Wish(ash.player_id, "Ash", 2001))
    asked = JoinRequest.objects.get()
    use_up(wolves)

    told = press(amber, wolves, "approve", one=asked.pk)

    assert "1 request still waits" in told
    ash.refresh_from_db()
    assert (ash.active, ash.realm) == (False, None)
    a_day_passes()
    decision = join_decisions.approve(
        wolves.pk, [asked.pk], user_id=amber_user.pk, may_end_opt_outs=False
    )
    assert decision.approved == [ash]
    assert Throttle.objects.get().used == 1
