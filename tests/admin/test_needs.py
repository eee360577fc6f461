"""The list of what needs a person, on the home page: the most urgent first, nothing twice."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.codes.proposals import SHOWN as PROPOSALS_SHOWN
from giftcodes.admin.common.html import guild_url
from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models import (
    Alarm,
    Announcement,
    Attempt,
    Channel,
    CodeProposal,
    ConnectionCheck,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    JoinRequest,
    Member,
    MemberImport,
    MemberRedemption,
    PlayerLink,
    RateBudget,
    Redemption,
)
from giftcodes.models.games import fingerprint
from giftcodes.services.imports import import_members
from tests.admin import past
from tests.admin.conftest import Browser, address, messages_of
from tests.factories import (
    REALM,
    answered,
    astray,
    gift_code,
    guild,
    member,
    member_redemption,
    player_id,
)
from tests.member_lists import read_members

WEBHOOK = "https://discord.com/api/webhooks/1/aVerySecretToken"


@pytest.fixture(autouse=True)
def _beat(db: None) -> None:
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": timezone.now()})


def needs(client: Client) -> str:
    """The list of what needs a person, without the words that only a screen reader reads."""
    answer = client.get(reverse("admin:live"))
    assert answer.status_code == 200
    html = re.sub(r'<span class="sr-only">.*?</span>', "", answer.json()["parts"]["needs"])
    return unescape(" ".join(html.split()))


def titles(client: Client) -> list[str]:
    """The titles of the lines, in their order, without the marks around names."""
    found = re.findall(r'class="need-head"><strong>(.*?)</strong>', needs(client))
    return [title.replace("\u2068", "").replace("\u2069", "") for title in found]


def officer_of(*guilds: Guild, without: tuple[str, ...] = ()) -> Client:
    """The browser of an officer with the usual permissions, except those in `without`."""
    user = User.objects.create_user(f"officer{User.objects.count()}", is_staff=True)
    codenames = {
        "view_guild",
        "view_redemption",
        "view_member",
        "change_member",
        "add_member",
        "view_channel",
        "view_giftcode",
    }
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames - set(without)))
    for one in guilds:
        one.officers.add(user)
    client = Client()
    client.force_login(user)
    return client


# --- The list -------------------------------------------------------------------------------------
def test_when_nothing_needs_a_person_the_page_says_so(browser: Browser) -> None:
    assert "Nothing needs you now." in needs(browser.client)
    assert titles(browser.client) == []


def test_the_most_urgent_line_comes_first_and_nothing_is_listed_twice(browser: Browser) -> None:
    Heartbeat.objects.filter(name="tick").delete()
    owls = guild("Owls", members=9)
    code = gift_code("FROST")
    astray(owls, code)
    _unknown("WRONG", of=owls)
    channel = Channel.objects.create(
        guild=owls, address=WEBHOOK, refused_since=_ago(hours=2), error="Not found."
    )
    _request(owls)
    _proposal("NEWONE")
    RateBudget.objects.create(
        provider="simulator",
        pause_kind="unknown",
        pause_reason="No clear answer.",
        paused_until=timezone.now() + dt.timedelta(seconds=40),
    )
    for kind, subject in (
        ("provider_paused", "simulator"),
        ("beat_silent", "beat"),
        ("channel_silent", str(channel.pk)),
        ("uncorrected", str(owls.pk)),
        ("no_members", str(guild("Empty").pk)),
    ):
        Alarm.objects.create(kind=kind, subject=subject, message=f"The alarm {kind}.")
    assert titles(browser.client) == [
        "No worker is running",
        "Simulator is paused, so no code is redeemed",
        "Owls: the game does not know 1 of 10 members",
        "The code WRONG does not exist",
        "1 player asks to join Owls",
        "proposer proposes the code NEWONE",
        "Owls: the channel “Discord” takes no messages",
        "The alarm no_members.",
    ]
    assert 'tone-attention">8</span>' in needs(browser.client)


def test_each_line_says_what_to_do_and_its_links_work(browser: Browser) -> None:
    owls = guild("Owls", members=2)
    for _ in range(3):
        astray(owls, gift_code())
    _unknown("WRONG", of=owls)
    _request(owls)
    _proposal("NEWONE")
    Channel.objects.create(guild=owls, address=WEBHOOK, refused_since=_ago(hours=2), error="Gone.")
    astray(guild("Bears", members=9), gift_code(), nickname="Bo")
    for kind, subject in (
        ("no_members", guild().pk),
        ("code_odd", gift_code().pk),
        ("no_progress", past.redemption().pk),
        ("feed_silent", Feed.objects.main_of("simulator").pk),
        ("directory_failing", "simulator"),
    ):
        Alarm.objects.create(kind=kind, subject=str(subject), message=f"The alarm {kind}.")
    links = set(re.findall(r'href="(/[^"]*)"', needs(browser.client)))
    assert len(links) > 12
    for link in links:
        assert browser.client.get(link).status_code == 200, link


def test_many_lines_of_one_kind_are_counted_and_linked(browser: Browser) -> None:
    for number in range(7):
        Alarm.objects.create(
            kind=Alarm.Kind.NO_PROGRESS, subject=str(number), message=f"No progress {number}."
        )
        _unknown(f"WRONG{number}", of=guild())
        _request(guild())
        astray(guild(members=9), gift_code())
    for number in range(PROPOSALS_SHOWN + 1):
        _proposal(f"NEW{number}")
    shown = needs(browser.client)
    assert "2 more alarms" in shown
    assert "More codes that do not exist" in shown
    assert "Players ask to join 2 more guilds" in shown
    assert "3 more guilds have members to correct" in shown
    assert "1 more proposed code" in shown
    assert shown.count('name="realm"') == 3


# --- Games and the system -------------------------------------------------------------------------
def test_a_failing_feed_is_listed_once_and_only_while_no_other_feed_works(
    browser: Browser, settings: Any
) -> None:
    game = replace(settings.PROVIDERS["simulator"], feed_url="http://127.0.0.1:9/feed")
    settings.PROVIDERS = {"simulator": game}
    guild("Owls", members=1)
    RateBudget.objects.create(provider="simulator", last_answer_at=timezone.now())
    feed = Feed.objects.create(provider="simulator", failures=9, error="Down.")
    words = ["The feed of Simulator fails, so no new code is found"]
    assert titles(browser.client) == words
    other = Feed.objects.create(
        provider="simulator", name="second", kind="community", answered_at=timezone.now()
    )
    assert titles(browser.client) == []
    Feed.objects.filter(pk=other.pk).update(enabled=False)
    assert titles(browser.client) == words
    Alarm.objects.create(kind="feed_silent", subject=str(feed.pk), message="It is silent.")
    assert titles(browser.client) == ["It is silent."]


def test_the_line_of_a_paused_game_says_how_long_it_is_paused_and_can_resume_it(
    browser: Browser,
) -> None:
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Maintenance."
    )
    shown = needs(browser.client)
    assert "Maintenance. It stays paused until a person resumes it." in shown
    form = _form_with(shown, "resume_providers")
    response = browser.client.post(form["action"], form["fields"])
    assert response["Location"] == reverse("admin:index")
    assert not RateBudget.objects.get(pk="simulator").pause_kind
    assert "Nothing needs you now." in needs(browser.client)


def test_a_game_that_is_off_needs_a_person_only_if_a_guild_plays_it(browser: Browser) -> None:
    assert titles(browser.client) == []
    guild("Owls", provider="whiteout")
    assert titles(browser.client) == [
        "Whiteout Survival is not connected, and 1 guild waits for it"
    ]


def test_a_game_whose_last_test_failed_needs_a_person(browser: Browser, settings: Any) -> None:
    finding = Finding.of(
        FindingKind.SERVICE_DOWN, host="game.test", detail="no route", api_url="API_URL"
    )
    ConnectionCheck.objects.create(
        name="simulator",
        config_hash=fingerprint(settings.PROVIDERS["simulator"]),
        finished_at=timezone.now(),
        findings=[{"topic": Topic.SERVICE.value, **finding.to_json()}],
    )
    assert titles(browser.client) == ["Simulator cannot be used"]
    assert "is down (no route). Check the game's address" in needs(browser.client)
    url = reverse("admin:connect_one_game", args=["simulator"])
    assert f'<a href="{url}">Test the connection</a>' in needs(browser.client)


def test_the_page_says_that_no_worker_runs(browser: Browser) -> None:
    Heartbeat.objects.filter(name="tick").delete()
    assert "Start a worker with: make up" in needs(browser.client)
    officer = officer_of(guild())
    assert "Ask the operator of this site to start a worker." in needs(officer)
    assert "make up" not in needs(officer)


# --- Members --------------------------------------------------------------------------------------
def test_a_member_is_corrected_on_the_home_page_which_then_opens_again(browser: Browser) -> None:
    owls = guild("Owls", members=9)
    Member.objects.filter(guild=owls).update(realm=77)
    codes = [gift_code(), gift_code()]
    bo = astray(owls, *codes, nickname="Bo")
    shown = needs(browser.client)
    assert f"Unknown in State {REALM}. 2 codes wait." in shown.replace("Kingdom", "State")
    assert "(9 guild-mates)" in shown
    form = _form_with(shown, "membership")
    assert form["fields"]["realm"] == str(REALM)
    response = browser.client.post(form["action"], {**form["fields"], "realm": "77"})
    assert response["Location"] == reverse("admin:index")
    assert "2 codes are asked for again." in messages_of(response)[0][1]
    bo.refresh_from_db()
    assert bo.realm == 77
    assert titles(browser.client) == []


def test_a_realm_that_the_game_refused_for_a_member_is_not_offered_again(browser: Browser) -> None:
    owls = guild("Owls", members=9)
    Member.objects.filter(guild=owls).update(realm=77)
    bo = astray(owls, gift_code(), nickname="Bo")
    assert "(9 guild-mates)" in needs(browser.client)
    answered(bo.member_redemptions.get(), realm=77, outcome="wrong_realm")
    shown = needs(browser.client)
    assert "guild-mate" not in shown
    assert "77 and 1042. The player ID may be wrong: check it, too." in shown


def test_a_realm_that_most_members_were_refused_in_is_not_offered_to_the_guild(
    browser: Browser,
) -> None:
    owls, code = guild("Owls"), gift_code()
    member(owls, realm=77)
    lost = [astray(owls, code) for _ in range(3)]
    assert 'name="offered" value="77"' in needs(browser.client)
    for one in lost:
        answered(one.member_redemptions.get(), realm=77, outcome="wrong_realm")
    shown = needs(browser.client)
    assert 'id="guild-realm-' in shown
    assert 'name="offered"' not in shown


def test_a_refused_realm_is_shown_again_where_it_was_entered(browser: Browser) -> None:
    bo = astray(guild(members=9), gift_code())
    form = _form_with(needs(browser.client), "membership")
    response = browser.client.post(form["action"], {**form["fields"], "realm": "x"})
    assert response["Location"] == reverse("admin:index")
    page = browser.client.get(response["Location"]).content.decode()
    assert f'value="x" aria-invalid="true" aria-describedby="wrong-member-{bo.pk}"' in page
    assert ">Write digits only.</p>" in page
    bo.refresh_from_db()
    assert bo.realm is None


def test_a_member_who_has_left_is_made_inactive_on_the_home_page(browser: Browser) -> None:
    bo = astray(guild(members=9), gift_code())
    form = _form_with(needs(browser.client), "deactivate")
    response = browser.client.post(form["action"], form["fields"])
    assert response["Location"] == reverse("admin:index")
    bo.refresh_from_db()
    assert not bo.active
    assert titles(browser.client) == []


def test_the_line_says_if_the_game_has_no_player_with_the_id_at_all(browser: Browser) -> None:
    bo = astray(guild(members=9), gift_code())
    MemberRedemption.objects.filter(member=bo).update(outcome="no_such_player")
    assert "The game has no player with this ID. 1 code waits." in needs(browser.client)


def test_the_line_says_how_many_members_have_been_unknown_for_days(browser: Browser) -> None:
    bo = astray(guild(members=9), gift_code())
    assert "has been unknown for" not in needs(browser.client)
    Member.objects.filter(pk=bo.pk).update(refused_since=_ago(days=4))
    assert "1 of them has been unknown for 3 days or longer." in needs(browser.client)


def test_if_most_members_are_unknown_the_guild_is_corrected_on_the_home_page(
    browser: Browser,
) -> None:
    owls = guild("Owls", members=1)
    Member.objects.filter(guild=owls).update(realm=77)
    code = gift_code()
    for _ in range(3):
        astray(owls, code)
    shown = needs(browser.client)
    assert titles(browser.client) == ["Owls: the game does not know 3 of 4 members"]
    assert f"{REALM} is wrong for the guild." in shown
    assert shown.count('name="realm"') == 1
    assert '<button type="submit" name="offered" value="77"' in shown
    assert "need need-bad" in shown
    form = _form_with(shown, "realm")
    assert form["fields"]["realm"] == str(REALM)
    response = browser.client.post(form["action"], {**form["fields"], "realm": "abc"})
    assert response["Location"] == reverse("admin:index")
    assert ">Write digits only.</p>" in browser.client.get("/admin/").content.decode()
    assert ">Write digits only.</p>" not in browser.client.get("/admin/").content.decode()
    response = browser.client.post(form["action"], {**form["fields"], "offered": "77"})
    assert response["Location"] == reverse("admin:index")
    owls.refresh_from_db()
    assert owls.realm == 77
    assert titles(browser.client) == []


def test_if_a_second_number_is_refused_for_the_guild_the_player_ids_are_blamed(
    browser: Browser,
) -> None:
    owls = guild("Owls", members=1)
    code = gift_code()
    for _number in range(3):
        row = MemberRedemption.objects.get(member=astray(owls, code))
        _refused(row, realm=REALM)
    assert f"{REALM} is wrong for the guild." in needs(browser.client)

    for row in MemberRedemption.objects.all():
        _refused(row, realm=1050)
    shown = needs(browser.client)
    assert "in State 1042 and 1050. So the player IDs are probably wrong" in shown
    assert "is wrong for the guild." not in shown
    assert shown.count('name="realm"') == 1
    codes = browser.client.get(reverse("admin:giftcodes_guild_codes", args=[owls.pk]))
    assert "So the player IDs are probably wrong" in codes.content.decode()
    run = address("redemption_change", Redemption.objects.get(gift_code=code).pk)
    assert "So the player IDs are probably wrong" in browser.client.get(run).content.decode()
    guilds = browser.client.get(reverse("admin:giftcodes_guild_changelist")).content.decode()
    assert "check the player IDs: 3 unknown" in guilds
    assert "check the state" not in guilds

    member_redemption(row.member, gift_code(state="closed"), "redeemed")
    assert f"{REALM} is wrong for the guild." in needs(browser.client)
    guilds = browser.client.get(reverse("admin:giftcodes_guild_changelist")).content.decode()
    assert "check the state: 3 unknown" in guilds


def _refused(row: MemberRedemption, *, realm: int) -> None:
    Attempt.objects.create(
        member_redemption=row,
        gift_code=row.gift_code,
        player_id=row.player_id,
        realm=realm,
        token=realm,
        outcome="wrong_realm",
    )


def test_the_page_says_what_came_of_a_correction(browser: Browser) -> None:
    owls = guild("Owls", members=9)
    bo = astray(owls, gift_code(), nickname="Bo")
    form = _form_with(needs(browser.client), "membership")
    browser.client.post(form["action"], {**form["fields"], "realm": "1043"})
    row = MemberRedemption.objects.get(member=bo)
    answer = browser.client.get(reverse("admin:live")).json()
    assert answer["again_in_seconds"] == 2
    assert "The game is asked in State 1043 now." in needs(browser.client)

    row.state, row.settled_at = "redeemed", timezone.now()
    row.save()
    assert "Got it: 1 code." in needs(browser.client)
    assert "tone-good" in needs(browser.client)
    assert "Nothing needs you now." in needs(browser.client)

    MemberRedemption.objects.update(state="needs_correction", asked_realm=1043)
    Member.objects.filter(pk=bo.pk).update(refused_realm=1043)
    assert "The game does not know the player in State 1043 either." in needs(browser.client)

    session = browser.client.session
    session["corrected"] = [{"member": bo.pk, "at": _ago(minutes=11).isoformat(), "asked": [bo.pk]}]
    session.save()
    assert "1043 either." not in needs(browser.client)


def test_the_page_says_what_came_of_the_correction_of_a_guild(browser: Browser) -> None:
    owls = guild("Owls")
    code = gift_code()
    for _number in range(3):
        astray(owls, code)
    form = _form_with(needs(browser.client), "realm")
    browser.client.post(form["action"], {**form["fields"], "realm": "77"})
    assert "The game is asked in State 77 now: 3 members wait." in needs(browser.client)

    MemberRedemption.objects.update(state="needs_correction", asked_realm=77)
    first, *_others = owls.members.order_by("pk")
    owls.members.exclude(pk=first.pk).update(refused_realm=77)
    assert "The game does not know 2 of 3 members in State 77." in needs(browser.client)

    MemberRedemption.objects.update(state="redeemed", settled_at=timezone.now())
    owls.members.update(refused_realm=None, refused_at=None)
    assert "Got it: 3 codes." in needs(browser.client)


def test_only_members_who_were_asked_because_of_the_correction_count(browser: Browser) -> None:
    owls, bears = guild("Owls"), guild("Bears", members=2)
    code = gift_code()
    for _number in range(3):
        astray(owls, code)
    form = _form_with(needs(browser.client), "realm")
    browser.client.post(form["action"], {**form["fields"], "realm": "77"})
    bo, *others = owls.members.order_by("pk")

    MemberRedemption.objects.update(state="redeemed", settled_at=timezone.now())
    for one in bears.members.all():
        Member.objects.filter(pk=one.pk).update(guild=owls)
        one.refresh_from_db()
        member_redemption(one, code, "already_received", settled_at=timezone.now())
    later = gift_code("LATER")
    member_redemption(bo, later, "redeemed", settled_at=timezone.now())
    assert "Got it: 3 codes." in needs(browser.client)

    Member.objects.filter(pk__in=[one.pk for one in others]).update(active=False)
    assert "Got it: 1 code." in needs(browser.client)
    Member.objects.filter(pk=bo.pk).update(active=False)
    shown = needs(browser.client)
    assert "Got it" not in shown
    assert "corrected" not in shown


def test_a_correction_for_which_no_code_waited_is_not_reported(browser: Browser) -> None:
    owls = guild("Owls", members=3)
    code = gift_code()
    for one in owls.members.all():
        member_redemption(one, code, "redeemed", settled_at=_ago(hours=1))
    browser.client.post(guild_url(owls.pk), {"realm": "77"})
    owls.refresh_from_db()
    assert owls.realm == 77
    assert "corrected" not in needs(browser.client)


def test_a_correction_is_not_shown_to_a_person_who_no_longer_sees_the_member(
    browser: Browser,
) -> None:
    bo = astray(guild("Owls", members=9), gift_code())
    officer = officer_of(guild("Bears"))
    user = User.objects.get(guilds__name="Bears")
    user.user_permissions.add(Permission.objects.get(codename="view_memberredemption"))
    session = officer.session
    session["corrected"] = [{"member": bo.pk, "at": timezone.now().isoformat(), "asked": [bo.pk]}]
    session.save()
    assert f"{REALM} either." not in needs(officer)
    user.guilds.add(bo.guild)
    assert f"{REALM} either." in needs(officer)


def test_an_officer_who_may_not_change_the_guild_sees_no_field_for_it(db: None) -> None:
    owls = guild("Owls")
    for _ in range(3):
        astray(owls, gift_code())
    assert "<form" not in needs(officer_of(owls))


def _imported(owls: Guild) -> MemberImport:
    """An import that brought three members whom the game does not know."""
    ids = [player_id() for _ in range(3)]
    import_members(owls.pk, read_members("\n".join(ids).encode()).members)
    now = timezone.now()
    owls.members.update(refused_realm=owls.realm, refused_at=now, refused_since=now)
    return MemberImport.objects.get(guild=owls)


def test_the_import_that_brought_unknown_members_can_be_undone_from_the_advice(
    browser: Browser,
) -> None:
    owls = guild("Owls")
    made = _imported(owls)
    link = f'<a href="{address("memberimport_change", made.pk)}">Undo this import'
    overview = guild_url(owls.pk)
    assert link in needs(browser.client)
    assert link in browser.client.get(overview).content.decode()

    officer = officer_of(owls)
    assert "Undo this import" not in needs(officer), "the officer may not see imports"
    seen = Permission.objects.get(codename="view_memberimport")
    owls.officers.get().user_permissions.add(seen)
    assert link in needs(officer)

    MemberImport.objects.update(undone_at=timezone.now())
    assert "Undo this import" not in needs(browser.client)
    assert "Undo this import" not in browser.client.get(overview).content.decode()


def test_an_import_that_brought_only_few_of_the_unknown_members_is_not_offered(
    browser: Browser,
) -> None:
    owls = guild("Owls")
    _imported(owls)
    for _ in range(4):
        astray(owls)
    assert "the game does not know 7 of 7 members" in needs(browser.client)
    assert "Undo this import" not in needs(browser.client)


@pytest.mark.parametrize("is_raised", [True, False])
@pytest.mark.parametrize("kind", [Alarm.Kind.UNSERVED, Alarm.Kind.UNCORRECTED])
def test_an_alarm_about_the_members_of_a_guild_without_members_is_over(
    browser: Browser, kind: Alarm.Kind, is_raised: bool
) -> None:
    owls = guild("Owls")
    bo = member(owls, active=False)
    Alarm.objects.create(kind=kind, subject=str(owls.pk), message="No member got it.")
    if not is_raised:
        Alarm.objects.update(raised_at=None)
    overview = guild_url(owls.pk)
    assert titles(browser.client) == []
    assert "No member got it." not in browser.client.get(overview).content.decode()
    Member.objects.filter(pk=bo.pk).update(active=True)
    if is_raised:
        assert "No member got it." in needs(browser.client)


@pytest.mark.parametrize("is_raised", [True, False])
def test_a_guild_that_got_nothing_is_urgent_even_if_its_alarm_is_only_suspected(
    browser: Browser, is_raised: bool
) -> None:
    owls = guild("Owls", members=9)
    astray(owls, gift_code())
    alarm = Alarm.objects.create(
        kind=Alarm.Kind.UNSERVED, subject=str(owls.pk), message="No member got it."
    )
    if not is_raised:
        Alarm.objects.filter(pk=alarm.pk).update(raised_at=None)
    shown = needs(browser.client)
    assert len(titles(browser.client)) == 1
    assert "The guild got nothing from a code that other guilds got." in shown
    assert "No member got it." not in shown
    assert "need need-bad" in shown


def test_a_long_message_of_an_alarm_is_not_a_headline(browser: Browser) -> None:
    owls, words = guild("Owls", members=1), "No member got it, for reasons. " * 5
    Alarm.objects.create(kind=Alarm.Kind.UNSERVED, subject=str(owls.pk), message=words)
    assert titles(browser.client) == ["Guild gets nothing from a code"]
    assert words.strip() in needs(browser.client)
    page = browser.client.get(guild_url(owls.pk)).content.decode()
    assert "<strong>Guild gets nothing from a code</strong>" in page


def test_a_suspected_alarm_gets_no_line_of_its_own(browser: Browser) -> None:
    owls = guild("Owls", members=1)
    Alarm.objects.create(
        kind=Alarm.Kind.UNSERVED, subject=str(owls.pk), message="Nobody.", raised_at=None
    )
    assert titles(browser.client) == []


def test_a_suspected_or_cleared_alarm_of_any_other_kind_is_not_shown(browser: Browser) -> None:
    Alarm.objects.create(kind="no_members", subject="1", message="M.", raised_at=None)
    Alarm.objects.create(kind="no_members", subject="2", message="M.", cleared_at=timezone.now())
    assert titles(browser.client) == []


# --- Codes ----------------------------------------------------------------------------------------
def test_a_code_that_does_not_exist_needs_a_person_for_a_week(browser: Browser) -> None:
    code = _unknown("WRONG", of=guild())
    shown = needs(browser.client)
    assert "The code WRONG does not exist" in shown
    assert "Check its spelling, and add the right code." in shown
    for changed in ({"closed_at": _ago(days=8)}, {"state": "deleted"}, {"proven_at": _ago(days=1)}):
        before = {name: getattr(code, name) for name in changed}
        GiftCode.objects.filter(pk=code.pk).update(**changed)
        assert titles(browser.client) == [], changed
        GiftCode.objects.filter(pk=code.pk).update(**before)


def test_a_later_try_of_a_code_that_does_not_exist_does_not_make_the_line_look_new(
    browser: Browser,
) -> None:
    owls = guild()
    code = _unknown("WRONG", of=owls)
    row = member_redemption(member(owls), code, "cancelled")
    first, later = _ago(minutes=11), timezone.now()
    for token, at in enumerate((first, later), 1):
        answered(row, realm=REALM, outcome="code_not_found", token=token, answered_at=at)
    GiftCode.objects.filter(pk=code.pk).update(closed_at=later)
    shown = re.search(
        r'WRONG does not exist</strong> <time[^>]*datetime="([^"]*)"', needs(browser.client)
    )
    assert shown
    assert dt.datetime.fromisoformat(shown[1]) == first


def test_the_line_says_that_a_code_of_the_feed_may_have_been_published_too_early(
    browser: Browser,
) -> None:
    _unknown("EARLY", of=guild(), source="feed", next_probe_at=timezone.now())
    assert "If it was published too early, it is tried again automatically." in needs(
        browser.client
    )


def test_members_without_a_clear_answer_are_counted_by_code(browser: Browser) -> None:
    owls, code = guild(), gift_code("FROST")
    for _ in range(2):
        member_redemption(member(owls), code, "failed")
    member_redemption(member(owls), gift_code("OTHER"), "failed")
    assert "FROST: the game gave no clear answer for 2 members" in titles(browser.client)
    link = re.search(rf'href="([^"]*failed[^"]*={code.pk})"', needs(browser.client))
    assert link is not None
    rows = browser.client.get(unescape(link[1]))
    assert rows.context["cl"].result_count == 2
    Redemption.objects.update(state="running")
    assert titles(browser.client) == []


# --- Decisions ------------------------------------------------------------------------------------
def test_a_proposal_is_decided_on_the_home_page(browser: Browser) -> None:
    _proposal("NEWONE")
    form = _form_with(needs(browser.client), "reject")
    response = browser.client.post(form["action"], {**form["fields"], "answer": "Too old."})
    assert response["Location"] == reverse("admin:index")
    assert CodeProposal.objects.get().answer == "Too old."
    assert titles(browser.client) == []


# --- Channels -------------------------------------------------------------------------------------
def test_a_channel_that_gets_no_messages_needs_a_person_at_once(browser: Browser) -> None:
    owls = guild("Owls", members=1)
    row = Channel.objects.create(
        guild=owls, address=WEBHOOK, refused_since=timezone.now(), error="Not found.", is_on=False
    )
    assert titles(browser.client) == [], "The channel is switched off."
    Channel.objects.filter(pk=row.pk).update(is_on=True)
    words = ["Owls: the channel “Discord” takes no messages"]
    assert titles(browser.client) == words
    assert "Not found." in needs(browser.client)
    assert "aVerySecretToken" not in needs(browser.client)
    overview = browser.client.get(guild_url(owls.pk)).content.decode()
    assert "The channel “Discord” gets no messages" in overview
    assert titles(officer_of(owls)) == words
    assert titles(officer_of(guild("Bears"))) == []
    assert titles(officer_of(owls, without=("view_channel",))) == []


def test_a_new_channel_whose_test_did_not_arrive_needs_a_person(browser: Browser) -> None:
    row = Channel.objects.create(guild=guild("Owls"), address=WEBHOOK)
    assert titles(browser.client) == [], "Nothing was sent."
    Announcement.objects.create(channel=row, kind="test", state="failed", error="Not found.")
    assert titles(browser.client) == ["Owls: the channel “Discord” takes no messages"]
    assert "Correct the address, and send another test." in needs(browser.client)
    Channel.objects.filter(pk=row.pk).update(delivered_at=timezone.now())
    assert titles(browser.client) == [], "A message has arrived."


def test_the_number_of_statements_does_not_depend_on_the_number_of_channels(
    browser: Browser,
) -> None:
    def statements(channels: int) -> int:
        for _number in range(channels):
            Channel.objects.create(
                guild=guild(members=1), address=WEBHOOK, refused_since=timezone.now(), error="Down."
            )
        with CaptureQueriesContext(connection) as captured:
            assert needs(browser.client).count("takes no messages") >= channels
        return len(captured)

    first = statements(1)
    assert statements(3) == first


def test_a_channel_that_only_pauses_needs_no_person(browser: Browser) -> None:
    later = timezone.now() + dt.timedelta(minutes=1)
    Channel.objects.create(
        guild=guild("Owls"), address=WEBHOOK, not_before=later, delivered_at=timezone.now()
    )
    assert titles(browser.client) == []


def test_a_new_channel_whose_first_test_waits_in_a_pause_needs_no_person_on_any_page(
    browser: Browser,
) -> None:
    owls = guild("Owls", members=1)
    later = timezone.now() + dt.timedelta(minutes=1)
    row = Channel.objects.create(guild=owls, address=WEBHOOK, not_before=later)
    test = Announcement.objects.create(channel=row, kind="test", error="Send less often.")
    assert titles(browser.client) == []
    overview = browser.client.get(guild_url(owls.pk)).content.decode()
    assert "The channel “Discord” gets no messages" not in overview
    assert "not reached yet" not in overview

    Announcement.objects.filter(pk=test.pk).update(state="failed")
    assert titles(browser.client) == ["Owls: the channel “Discord” takes no messages"]
    overview = browser.client.get(guild_url(owls.pk)).content.decode()
    assert "The channel “Discord” gets no messages" in overview


def test_a_channel_that_is_gone_is_listed_only_by_its_alarm(browser: Browser) -> None:
    row = Channel.objects.create(guild=guild("Owls"), address=WEBHOOK)
    Alarm.objects.create(kind="channel_gone", subject=str(row.pk), message="It is gone.")
    assert titles(browser.client) == ["It is gone."]
    assert f'href="{guild_url(row.guild_id, "channels")}"' in needs(browser.client)


def test_an_alarm_about_a_channel_that_was_deleted_still_has_a_page(browser: Browser) -> None:
    alarm = Alarm.objects.create(kind="channel_gone", subject="0", message="It is gone.")
    assert f'href="{address("alarm_change", alarm.pk)}"' in needs(browser.client)


# --- Officers -------------------------------------------------------------------------------------
def test_an_officer_sees_only_what_concerns_their_own_guilds(browser: Browser) -> None:
    own, strange = guild("Owls", members=9), guild("Strangers", members=9)
    for one in (own, strange):
        astray(one, gift_code(), nickname=f"Bo of {one.name}")
        _unknown("OWN" if one == own else "OTHER", of=one)
        _request(one)
        Channel.objects.create(
            guild=one, address=WEBHOOK, refused_since=_ago(hours=2), error=f"E {one.name}."
        )
        Alarm.objects.create(
            kind="no_members", subject=str(one.pk), message=f"Alarm of {one.name}."
        )
    _proposal("NEWONE")
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Paused by someone."
    )
    assert "Strangers" in needs(browser.client)
    client = officer_of(own)
    assert titles(client) == [
        "Owls: the game does not know 1 of 10 members",
        "The code OWN does not exist",
        "1 player asks to join Owls",
        "Owls: the channel “Discord” takes no messages",
        "Alarm of Owls.",
    ]
    page = client.get("/admin/").content.decode()
    for secret in ("Strangers", "The code OTHER", "NEWONE", "Paused by someone."):
        assert secret not in page, secret


def test_without_the_permission_to_change_members_there_is_no_field(browser: Browser) -> None:
    owls = guild("Owls", members=9)
    astray(owls, gift_code())
    client = officer_of(owls, without=("change_member", "add_member"))
    assert titles(client) == ["Owls: the game does not know 1 of 10 members"]
    assert "<form" not in needs(client)


# --- Helpers --------------------------------------------------------------------------------------
def _ago(**time: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(**time)


def _unknown(text: str, *, of: Guild, **fields: Any) -> GiftCode:
    """A code that the game does not know, which was asked for in a guild."""
    code = gift_code(
        text,
        state="closed",
        closed_outcome="code_not_found",
        closed_at=timezone.now(),
        **fields,
    )
    Redemption.objects.create(guild=of, gift_code=code, state="complete", run_number=1)
    return code


def _request(of: Guild) -> JoinRequest:
    link, _token = PlayerLink.objects.issue(guild_id=of.pk)
    return JoinRequest.objects.create(
        guild=of,
        link=link,
        player_id="300000001",
        nickname="Pia",
        realm=REALM,
        consented_on=timezone.localdate(),
    )


def _proposal(code: str) -> CodeProposal:
    officer, _is_new = User.objects.get_or_create(username="proposer")
    return CodeProposal.objects.create(provider="simulator", code=code, proposed_by=officer)


def _form_with(html: str, word: str) -> dict[str, Any]:
    """The first form that has a field with this name, or with this value."""
    for form in re.findall(r"<form.*?</form>", html):
        inputs = [
            dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", form)
        ]
        fields = {one["name"]: one.get("value", "") for one in inputs}
        fields.pop("csrfmiddlewaretoken", None)
        if word in fields or word in fields.values():
            action = re.search(r'action="([^"]*)"', form)
            assert action
            return {"action": action[1], "fields": fields}
    raise AssertionError(f"There is no form with {word}.")
