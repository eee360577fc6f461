"""The page of a guild: its tabs, who may open them, what each offers, and what they cost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.guilds.next_steps import YOUNG
from giftcodes.admin.guilds.tabs import TABS
from giftcodes.models import Alarm, Announcement, Channel, Guild, Invitation, Member, Redemption
from giftcodes.services import joining
from giftcodes.services.joining import Wish
from tests.admin import past
from tests.admin.conftest import Browser, TaskQueue, address, messages_of
from tests.factories import astray, gift_code, guild, member, member_redemption
from tests.security.people import Person, everyone

NAMES = [tab.name for tab in TABS]
FORM: dict[str, Any] = {"name": "Wolves", "provider": "simulator", "realm": 1042, "priority": 0}


def tab(name: str, of: Guild) -> str:
    return address(f"guild_{name}", of.pk)


def shown(browser: Browser, name: str, of: Guild, **query: Any) -> str:
    response = browser.client.get(tab(name, of), query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def submit(browser: Browser, url: str, **data: Any) -> Any:
    """Send a form of a page, and enqueue its tasks."""
    with browser._committing(execute=True):
        return browser.client.post(url, data)


def words_of(response: Any) -> str:
    return " ".join(words for _level, words in messages_of(response))


@pytest.fixture
def wolves(db: None) -> Guild:
    return guild("Wolves")


@pytest.fixture
def people(wolves: Guild) -> dict[str, Person]:
    return everyone(wolves)


# --- Who opens which tab --------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*NAMES, "live"])
def test_each_tab_opens_only_for_people_who_may_open_it(
    people: dict[str, Person], wolves: Guild, name: str
) -> None:
    strangers = guild("Strangers")
    expected = {
        "administrator": 200,
        "officer": 200,
        "viewer": 403 if name == "joining" else 200,
        "watcher": 403 if name == "joining" else 200,
        "staff": 404 if name == "change" else 403,
    }
    for role, status in expected.items():
        assert people[role].client.get(tab(name, wolves)).status_code == status, role
    assert people["officer"].client.get(tab(name, strangers)).status_code == 404
    assert people["officer"].client.post(tab(name, strangers)).status_code == 404
    for nowhere in ("x", "0", "9" * 30, "1/2"):
        url = tab(name, wolves).replace(f"/{wolves.pk}/", f"/{nowhere}/")
        assert people["administrator"].client.get(url).status_code == 404, nowhere


@pytest.mark.parametrize("name", NAMES)
def test_each_tab_is_a_link_and_the_open_one_is_marked(
    browser: Browser, wolves: Guild, name: str
) -> None:
    page = shown(browser, name, wolves)
    for other in NAMES:
        marked = ' aria-current="page"' if other == name else ""
        assert f'<li><a href="{tab(other, wolves)}"{marked}>' in page, other
    assert "Wolves" in page.partition("<h1>")[2].partition("</h1>")[0]
    assert reverse("admin:giftcodes_guild_changelist") in page


def test_a_person_sees_only_the_tabs_that_they_may_open(
    people: dict[str, Person], wolves: Guild
) -> None:
    page = people["viewer"].client.get(tab("overview", wolves)).content.decode()
    assert f'href="{tab("joining", wolves)}"' not in page
    assert f'href="{tab("members", wolves)}"' in page


def test_the_list_and_links_lead_to_the_overview(browser: Browser, wolves: Guild) -> None:
    page = browser.open("guild_changelist").content.decode()
    assert f'href="{tab("overview", wolves)}' in page
    assert f'href="{tab("members", wolves)}"' in page
    gone = browser.client.get(f"/admin/giftcodes/guild/{wolves.pk}/")
    assert gone["Location"] == address("guild_change", wolves.pk)


def _rows_of_all_kinds(of: Guild, code: Any) -> None:
    """Add one more row of everything that the page shows."""
    astray(of, code)
    astray(of, code, realm=1050)
    for state in ("redeemed", "pending", "failed", "not_eligible"):
        member_redemption(member(of, realm=1043), code, state)
    joining.ask_to_join(of.join_link, Wish(str(300_000_000 + code.pk), "Anna", 1042))
    officer = User.objects.create_user(f"officer{code.pk}")
    of.officers.add(officer)
    row = Invitation.objects.create(
        made_by=officer,
        secret_hash=str(code.pk),
        ends_at=timezone.now() + dt.timedelta(days=code.pk % 2),
    )
    row.guilds.add(of)
    run = Redemption.objects.get(gift_code=code, guild=of)
    Alarm.objects.create(kind=Alarm.Kind.NO_PROGRESS, subject=str(run.pk), message="Stuck.")


def test_what_needs_a_person_is_updated_without_a_reload(browser: Browser, wolves: Guild) -> None:
    def parts() -> dict[str, str]:
        found = browser.client.get(tab("live", wolves)).json()["parts"]
        return {name: " ".join(html.split()) for name, html in found.items()}

    for _number in range(3):
        member(wolves)
    assert "Nothing needs you now." in parts()["needs"]
    assert "<dd>3</dd>" in parts()["facts"]
    assert "redeem_now" not in parts()["redeem"]

    ann = astray(wolves, gift_code("FROST"))

    shown_now = parts()
    assert "The game does not know 1 of 4 members" in shown_now["needs"]
    assert f'id="realm-{ann.pk}"' in shown_now["needs"]
    assert f'name="back" value="{tab("overview", wolves)}"' in shown_now["needs"]
    assert "Nothing needs you now." not in shown_now["needs"]
    assert "<dd>4</dd>" in shown_now["facts"]
    assert 'value="redeem_now"' in shown_now["redeem"]

    joining.make_join_link(wolves.pk)
    joining.ask_to_join(wolves.join_link, Wish("300000001", "Anna", 1042))
    assert "1 player asks to join" in parts()["needs"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "live"])
def test_a_tab_costs_the_same_with_few_rows_and_with_many(browser: Browser, name: str) -> None:
    wolves = guild("Wolves", realm=1042)
    joining.make_join_link(wolves.pk)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.client.get(tab(name, wolves)).status_code == 200
        return len(queries)

    for number in range(12):
        code = gift_code(state="closed" if number % 3 == 2 else "active")
        _rows_of_all_kinds(wolves, code)
        run = Redemption.objects.filter(gift_code=code)
        run.update(state="running" if number % 2 else "complete", locked_at=timezone.now())
        if number == 2:
            cost()
            few = cost()
    assert cost() == few
    assert few <= 45


# --- A new guild, and its next steps --------------------------------------------------------------
def test_adding_a_guild_ends_on_its_page_with_the_next_step(browser: Browser) -> None:
    response = browser.post("guild_add", data={**FORM, "active": "on"})
    wolves = Guild.objects.get()
    assert response["Location"] == tab("overview", wolves)
    page = browser.client.get(response["Location"])
    titles = [str(step.title) for step in page.context["steps"]]
    assert titles == ["Paste a member list", "Tell your chat", "Invite an officer"]
    assert page.context["next_step"].url == f"{reverse('admin:member_import')}?guild={wolves.pk}"
    assert "The guild has no active members." in page.content.decode()


def test_each_finished_step_offers_the_next_one_and_the_last_one_ends_the_list(
    browser: Browser, wolves: Guild
) -> None:
    def next_step(name: str) -> str:
        step = browser.client.get(tab(name, wolves)).context["next_step"]
        return str(step.title) if step else ""

    assert next_step("members") == "Paste a member list"
    assert "Next step:" in shown(browser, "codes", wolves)
    listing = {"guild": wolves.pk, "listing": "300000001 Amber\n", "apply": "yes"}
    response = submit(browser, reverse("admin:member_import"), **listing)
    assert response["Location"] == tab("members", wolves)
    assert "Next step:" in browser.client.get(response["Location"]).content.decode()
    assert next_step("members") == "Tell your chat"
    for name in ("members", "codes", "officers"):
        assert "Next step:" not in shown(browser, name, wolves), "it may be left out"
    channel = Channel.objects.create(
        guild=wolves, address="https://discord.com/api/webhooks/1/x", delivered_at=timezone.now()
    )
    assert next_step("channels") == "Invite an officer"
    Channel.objects.filter(pk=channel.pk).update(refused_since=timezone.now(), error="Down.")
    assert next_step("channels") == "Invite an officer", "the channel worked once"
    browser.client.post(
        f"{address('invitation_add')}?guild={wolves.pk}",
        {"guilds": wolves.pk, "role": "officer", "invited": "Bram", "days": "7"},
    )
    assert Invitation.objects.get().guilds.get() == wolves
    assert next_step("officers") == ""
    page = shown(browser, "overview", wolves)
    assert "Next for this guild" not in page
    assert "Next step:" not in page


def test_the_next_steps_stand_above_only_while_no_code_is_redeemed_without_them(
    browser: Browser, wolves: Guild
) -> None:
    def places() -> tuple[int, int]:
        page = shown(browser, "overview", wolves)
        assert page.count("Next for this guild") == 1
        return page.index('id="needs-heading"'), page.index("Next for this guild")

    def is_calm() -> bool:
        page = shown(browser, "overview", wolves)
        return "press press-first" not in page[places()[1] :].partition("</ol>")[0]

    needs, steps = places()
    assert steps < needs, "the guild has no members"
    assert not is_calm()
    bo = astray(wolves, gift_code())
    needs, steps = places()
    assert needs < steps
    assert is_calm()
    Member.objects.filter(pk=bo.pk).update(refused_at=None, refused_realm=None)
    needs, steps = places()
    assert needs < steps, "the cards keep their places when nothing needs a person any more"
    assert not is_calm()


def test_a_person_hides_the_optional_steps_of_a_guild_for_themselves(
    browser: Browser, people: dict[str, Person], wolves: Guild
) -> None:
    assert "Hide these steps" not in shown(browser, "overview", wolves), "the members are missing"
    member(wolves)
    assert "Hide these steps" in shown(browser, "overview", wolves)

    response = submit(browser, tab("overview", wolves), hide_steps="yes")

    assert response["Location"] == tab("overview", wolves)
    assert "Next for this guild" not in shown(browser, "overview", wolves)
    assert "Next step:" not in shown(browser, "codes", wolves)
    assert people["officer"].client.get(tab("overview", wolves)).context["steps"]
    wolves.members.update(active=False)
    assert "Paste a member list" in shown(browser, "overview", wolves), "it is not optional"


def test_an_older_guild_is_shown_no_next_steps(browser: Browser, wolves: Guild) -> None:
    assert "Next for this guild" in shown(browser, "overview", wolves)
    Guild.objects.update(created_at=timezone.now() - YOUNG - dt.timedelta(hours=1))
    assert "Next for this guild" not in shown(browser, "overview", wolves)


def test_a_viewer_is_offered_no_step(people: dict[str, Person], wolves: Guild) -> None:
    assert people["viewer"].client.get(tab("overview", wolves)).context["steps"] == []
    officer = people["officer"].client.get(tab("overview", wolves)).context["steps"]
    assert [step.is_done for step in officer] == [False, False, False]


def test_a_channel_that_no_message_has_reached_is_not_done_and_needs_a_person(
    browser: Browser, wolves: Guild
) -> None:
    member(wolves)
    channel = Channel.objects.create(
        guild=wolves, address="https://discord.com/api/webhooks/1/x", name="War room"
    )
    page = shown(browser, "overview", wolves)
    assert "No message has arrived in your channel yet. Send a test." in page
    assert "not reached yet" not in page
    assert "gets no messages" not in page, "nothing was sent"

    refused = {"refused_since": timezone.now(), "error": "Discord could not be reached."}
    Channel.objects.filter(pk=channel.pk).update(**refused)
    row = Redemption.objects.create(guild=wolves, gift_code=gift_code(), run_number=1)
    for kind in ("started", "complete"):
        Announcement.objects.create(redemption=row, channel=channel, run_number=1, kind=kind)
    page = shown(browser, "overview", wolves)
    assert "not reached yet" in page
    assert "The channel “War room” gets no messages" in page
    assert "Discord could not be reached." in page
    assert "2 messages wait." in page
    assert "Nothing needs you now." not in page
    assert page.index('id="needs-heading"') < page.index("Next for this guild")

    Channel.objects.filter(pk=channel.pk).update(is_on=False)
    assert "gets no messages" not in shown(browser, "overview", wolves)
    Channel.objects.filter(pk=channel.pk).update(
        is_on=True, refused_since=None, error="", delivered_at=timezone.now()
    )
    page = shown(browser, "overview", wolves)
    assert "gets no messages" not in page
    assert "not reached yet" not in page


# --- Overview -------------------------------------------------------------------------------------
def test_the_overview_shows_codes_with_their_results_and_what_runs(
    browser: Browser, wolves: Guild
) -> None:
    amber, bram = member(wolves, nickname="Amber"), member(wolves, nickname="Bram")
    done, bad, runs = gift_code("DONE"), gift_code("BAD", state="closed"), gift_code("RUNS")
    for one in (amber, bram):
        member_redemption(one, done, "redeemed")
        member_redemption(one, bad, "cancelled")
        member_redemption(one, runs, "pending")
    type(bad).objects.filter(pk=bad.pk).update(closed_outcome="code_not_found")
    Redemption.objects.filter(gift_code=runs).update(state="running", locked_at=timezone.now())

    page = browser.client.get(tab("overview", wolves))

    assert [str(one["row"].gift_code) for one in page.context["running"]] == ["RUNS"]
    assert [str(one["row"].gift_code) for one in page.context["recent"]] == ["BAD", "DONE"]
    text = " ".join(page.content.decode().split())
    assert "2 of 2 have it" in text
    assert "the code does not exist" in text
    assert "Nothing needs you now." in text
    live = browser.client.get(tab("live", wolves)).json()
    assert live["again_in_seconds"] == 2
    assert "RUNS" in live["parts"]["running"]


def test_the_same_advice_is_given_once_for_all_codes(browser: Browser, wolves: Guild) -> None:
    frost, snow = gift_code("FROST"), gift_code("SNOW")
    for _number in range(3):
        astray(wolves, frost, snow)
    for name in ("TYPO", "WRONG"):
        code = gift_code(name, state="closed", closed_outcome="code_not_found")
        member_redemption(member(wolves), code, "cancelled")
    members, spelling = "The player IDs, or the state or", "Check its spelling."

    overview = shown(browser, "overview", wolves)
    assert (overview.count(members), overview.count(spelling)) == (0, 1)
    assert "Probably State 1042 is wrong for the guild." in overview
    codes = shown(browser, "codes", wolves)
    assert (codes.count(members), codes.count(spelling)) == (0, 1)
    assert codes.count("Probably State 1042 is wrong for the guild.") == 1

    wolves.members.update(refused_at=None)
    assert shown(browser, "overview", wolves).count(members) == 1


def test_the_overview_says_what_came_of_corrections_in_this_guild(
    browser: Browser, wolves: Guild
) -> None:
    code = gift_code()
    bears = guild("Bears", members=3)
    for of in (wolves, bears):
        of.members.update(realm=1043)
        row = astray(of, code)
        submit(browser, reverse("admin:player_codes", args=[row.pk]), membership=row.pk, realm=1043)
    wolves_row = wolves.members.get()
    text = browser.client.get(tab("live", wolves)).json()["parts"]["needs"]
    assert text.count("The game is asked in State 1043 now.") == 1
    assert wolves_row.player_id in text


def test_a_member_is_corrected_on_the_overview(
    browser: Browser, wolves: Guild, task_queue: TaskQueue
) -> None:
    for number in range(3):
        member(wolves, nickname=f"Here {number}")
    member(wolves, realm=1043)
    member(wolves, realm=1043)
    member(wolves, realm=1044)  # One guild-mate is too few for an offer.
    ann = astray(wolves, gift_code("FROST"), gift_code("SNOW"), nickname="Ann")
    page = browser.client.get(tab("overview", wolves))
    (one,) = page.context["corrections"]
    assert one["offers"] == [("1043", 2)]
    assert "Unknown in State 1042. 2 codes wait." in page.content.decode()

    response = submit(
        browser,
        one["url"],
        membership=ann.pk,
        back=page.context["back"],
        realm=1042,
        offered=1043,
    )

    assert response["Location"] == tab("overview", wolves)
    assert "is in State 1043 now. 2 codes are asked for again." in words_of(response)
    ann.refresh_from_db()
    assert ann.realm == 1043
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    assert "Nothing needs you now." in shown(browser, "overview", wolves)


def test_an_entry_that_is_no_number_is_shown_again_where_it_was_entered(
    browser: Browser, wolves: Guild
) -> None:
    for _number in range(3):
        member(wolves)
    ann = astray(wolves, gift_code("FROST"))
    page = browser.client.get(tab("overview", wolves))
    (one,) = page.context["corrections"]
    back = page.context["back"]

    response = submit(browser, one["url"], membership=ann.pk, back=back, realm="<abc")

    assert response["Location"] == tab("overview", wolves)
    page = browser.client.get(tab("overview", wolves))
    text = " ".join(page.content.decode().split())
    assert [message.level_tag for message in page.context["messages"]] == ["error"]
    assert "Nothing was changed. Enter the number of the state" in text
    invalid = f'value="&lt;abc" aria-invalid="true" aria-describedby="wrong-member-{ann.pk}"'
    assert invalid in text
    assert f'<p class="wrong" id="wrong-member-{ann.pk}">Write digits only.</p>' in text
    ann.refresh_from_db()
    assert ann.realm is None
    assert "aria-invalid" not in shown(browser, "overview", wolves)


def test_the_same_entry_for_a_whole_guild_is_shown_again_too(
    browser: Browser, wolves: Guild
) -> None:
    code = gift_code("FROST")
    for _number in range(4):
        astray(wolves, code)
    where = tab("overview", wolves)
    for entered, error in (("abc", "Write digits only."), ("", "Enter a number.")):
        assert submit(browser, where, realm=entered, back=where)["Location"] == where
        text = shown(browser, "overview", wolves)
        assert f'value="{entered}" aria-invalid="true"' in text
        assert f'<p class="wrong" id="wrong-guild-{wolves.pk}">{error}</p>' in text
    assert "aria-invalid" not in shown(browser, "overview", wolves)


def test_if_the_realm_of_the_guild_seems_wrong_it_is_asked_for_instead_of_the_members_realms(
    browser: Browser, wolves: Guild, task_queue: TaskQueue
) -> None:
    code = gift_code("FROST")
    for _number in range(4):
        astray(wolves, code)
    member(wolves)
    member(wolves, realm=1050), member(wolves, realm=1050)
    page = browser.client.get(tab("overview", wolves))
    assert page.context["corrections"] == []
    text = " ".join(page.content.decode().split())
    assert "The game does not know 4 of 7 members" in text
    assert 'name="offered" value="1050"' in text

    response = submit(browser, tab("overview", wolves), realm="1042", offered="1050")

    assert response["Location"] == tab("overview", wolves)
    wolves.refresh_from_db()
    assert wolves.realm == 1050
    said = words_of(response)
    assert "1 code is asked for again for 4 members." in said
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    history = browser.open("guild_history", wolves.pk).content.decode()
    assert "Set the state or kingdom." in history


@pytest.mark.parametrize(
    ("realm", "words"),
    [("", "Nothing was changed. Enter"), ("x", "Enter the number"), ("1042", "1042 already")],
)
def test_the_message_says_why_an_entered_realm_changes_nothing(
    browser: Browser, wolves: Guild, task_queue: TaskQueue, realm: str, words: str
) -> None:
    assert words in words_of(submit(browser, tab("overview", wolves), realm=realm))
    assert task_queue.enqueued == []


def test_a_viewer_corrects_nothing(people: dict[str, Person], wolves: Guild) -> None:
    astray(wolves, gift_code())
    viewer = people["viewer"].client
    page = viewer.get(tab("overview", wolves))
    assert [one["may_correct"] for one in page.context["corrections"]] == [False]
    assert 'name="realm"' not in page.content.decode()
    assert viewer.post(tab("overview", wolves), {"realm": "7"}).status_code == 403
    wolves.refresh_from_db()
    assert wolves.realm == 1042


def test_the_overview_shows_requests_to_join_unclear_answers_and_alarms(
    browser: Browser, wolves: Guild
) -> None:
    joining.ask_to_join(joining.make_join_link(wolves.pk), Wish("300000009", "Anna", 1042))
    row = member_redemption(member(wolves), gift_code(), "failed")
    foreign = past.redemption()
    for subject, words in ((row.redemption_id, "Ours."), (foreign.pk, "Theirs.")):
        Alarm.objects.create(kind=Alarm.Kind.NO_PROGRESS, subject=str(subject), message=words)
    page = shown(browser, "overview", wolves)
    for words in ("1 player asks to join", "no clear answer for 1 member", "Ours."):
        assert words in page, words
    assert "Theirs." not in page


def test_each_tab_of_an_inactive_guild_says_that_it_is_inactive(browser: Browser) -> None:
    bears = guild("Bears", active=False)
    for name in NAMES:
        assert "This guild is inactive" in shown(browser, name, bears), name


# --- Members --------------------------------------------------------------------------------------
def test_the_tab_lists_searches_and_filters_only_the_guild_s_members(
    browser: Browser, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code(), nickname="Ann")
    member(wolves, nickname="Bram")
    member(guild("Bears"), nickname="Ann of Bears")

    def names(**query: Any) -> list[str]:
        page = browser.client.get(tab("members", wolves), query)
        return sorted(row.nickname for row in page.context["cl"].result_list)

    assert names() == ["Ann", "Bram"]
    assert names(q="ann") == names(needs="correction") == ["Ann"]
    page = shown(browser, "members", wolves)
    assert "1 needs correction" in page
    assert f'href="{reverse("admin:player_codes", args=[ann.pk])}"' in page
    assert f'href="{reverse("admin:matrix")}?guild={wolves.pk}"' in page
    for query in ({"guild__id__exact": "1"}, {"notes__regex": "."}):
        assert browser.client.get(tab("members", wolves), query).status_code == 400


def test_members_who_have_left_or_opted_out_come_last_on_the_tab(
    browser: Browser, wolves: Guild
) -> None:
    for name, fields in (
        ("Ann", {"active": False}),
        ("Bea", {"opted_out": True}),
        ("Cyd", {}),
        ("Dan", {}),
    ):
        member(wolves, nickname=name, **fields)
    response = browser.client.get(tab("members", wolves))
    names = [row.nickname for row in response.context["cl"].result_list]
    assert names == ["Cyd", "Dan", "Bea", "Ann"]
    assert "1 member is inactive, and comes last in the list." in response.content.decode()


def test_an_action_on_the_tab_acts_on_the_guild_s_members_only(
    browser: Browser, wolves: Guild
) -> None:
    ours, theirs = member(wolves), member(guild("Bears"))
    data = {
        "action": "deactivate",
        "shown": "yes",
        "_selected_action": [ours.pk, theirs.pk],
        "index": 0,
    }
    response = submit(browser, tab("members", wolves), **data)
    assert response["Location"] == tab("members", wolves)
    assert list(Member.objects.filter(active=False)) == [ours]
    data = {
        "action": "deactivate",
        "shown": "yes",
        "_selected_action": ours.pk,
        "select_across": "1",
        "index": 0,
    }
    submit(browser, tab("members", wolves), **data)
    theirs.refresh_from_db()
    assert theirs.active


def test_an_action_that_asks_first_leads_back_to_the_tab(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves)
    data = {"action": "set_realm", "_selected_action": ann.pk, "index": 0}
    asked = submit(browser, tab("members", wolves), **data)
    assert f'href="{tab("members", wolves)}">Do nothing' in asked.content.decode()
    response = submit(browser, tab("members", wolves), **data, realm="7", confirm="yes")
    assert response["Location"] == tab("members", wolves)
    ann.refresh_from_db()
    assert ann.realm == 7


def test_a_player_is_added_on_the_tab(
    browser: Browser, wolves: Guild, task_queue: TaskQueue
) -> None:
    page = browser.client.get(tab("members", wolves))
    assert 'class="press press-first"' in page.content.decode()
    form = {"guild": wolves.pk, "active": "on", "player_id": "300000001", "nickname": "Ann"}
    response = submit(browser, page.context["add_url"], **form, realm="")
    assert response["Location"] == tab("members", wolves)
    assert wolves.members.get().nickname == "Ann"
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    again = submit(browser, page.context["add_url"], **form, realm="")
    assert "is a member of this guild already" in again.content.decode()


def test_the_form_for_a_member_has_the_guild_chosen_beforehand(
    browser: Browser, people: dict[str, Person], wolves: Guild
) -> None:
    def chosen(client: Any, **query: Any) -> Any:
        page = client.get(address("member_add"), query)
        return page.context["adminform"].form.initial.get("guild")

    assert chosen(browser.client) == wolves.pk, "there is only one guild"
    bears = guild("Bears")
    assert chosen(browser.client) is None
    assert chosen(people["officer"].client) == wolves.pk, "the officer has only one guild"
    assert chosen(browser.client, guild=bears.pk) == bears.pk
    assert chosen(people["officer"].client, guild=bears.pk) is None
    filters = f"guild__id__exact={bears.pk}"
    assert chosen(browser.client, _changelist_filters=filters) == bears.pk
    assert chosen(browser.client, guild="9" * 30) is None


def test_save_and_add_another_keeps_the_guild(browser: Browser, wolves: Guild) -> None:
    form = {"guild": wolves.pk, "active": "on", "player_id": "300000001", "_addanother": "yes"}
    response = submit(browser, address("member_add"), **form)
    assert response["Location"] == f"{address('member_add')}?guild={wolves.pk}"


# --- Codes ----------------------------------------------------------------------------------------
def test_each_code_shows_how_many_members_have_it_and_the_possible_actions(
    browser: Browser, wolves: Guild
) -> None:
    ann, bram = member(wolves), member(wolves)
    new, half, over = gift_code("NEW"), gift_code("HALF"), gift_code("OVER", state="closed")
    gift_code("KINGS", provider="kingshot")
    member_redemption(ann, half, "redeemed"), member_redemption(bram, half, "failed")
    member_redemption(ann, over, "redeemed")
    context = browser.client.get(tab("codes", wolves)).context
    first, second = context["open_lines"]
    assert (str(first["code"]), first["served"].words) == ("HALF", "1 of 2 have it")
    assert [name for name, _label in first["actions"]] == ["retry"]
    assert (str(second["code"]), second["served"].words) == ("NEW", "0 of 2 have it")
    assert second["may_start"]
    assert [str(line["code"]) for line in context["ended_lines"]] == ["OVER"]
    page = shown(browser, "codes", wolves)
    assert "KINGS" not in page
    assert f'value="{wolves.pk}-{new.pk}"' in page


def test_a_code_is_redeemed_skipped_and_resumed_on_the_tab(browser: Browser, wolves: Guild) -> None:
    member(wolves)
    code, back = gift_code("NEW"), tab("codes", wolves)
    of_code = {"_selected_action": code.pk, "index": 0, "confirm": "yes", "back": back}

    response = submit(
        browser, address("giftcode_changelist"), action="skip_codes", guilds=wolves.pk, **of_code
    )
    assert response["Location"] == back
    row = Redemption.objects.get()
    assert row.state == "stopped"
    (line,) = browser.client.get(back).context["open_lines"]
    assert line["is_skipped"]
    assert [name for name, _label in line["actions"]] == ["resume"]

    of_row = {"action": "resume", "_selected_action": row.pk, "index": 0, "back": back}
    assert submit(browser, address("redemption_changelist"), **of_row)["Location"] == back
    row.refresh_from_db()
    assert row.state == "running"

    other = gift_code("OTHER")
    response = submit(
        browser,
        address("giftcode_changelist"),
        **{**of_code, "_selected_action": other.pk},
        action="redeem_now",
        chosen="yes",
        pair=f"{wolves.pk}-{other.pk}",
    )
    assert response["Location"] == back
    assert Redemption.objects.get(gift_code=other).state == "running"


def test_a_viewer_sees_codes_without_buttons(people: dict[str, Person], wolves: Guild) -> None:
    member_redemption(member(wolves), gift_code(), "failed")
    gift_code()
    page = people["viewer"].client.get(tab("codes", wolves)).content.decode()
    assert 'name="action"' not in page
    assert "Add a code" not in page


def test_the_tab_of_a_guild_without_codes_says_what_happens(
    browser: Browser, wolves: Guild
) -> None:
    assert "No code works now." in shown(browser, "codes", wolves)
    Guild.objects.update(automatic=False)
    assert "automatic redeeming is off" in shown(browser, "codes", wolves)


# --- Channels, officers, settings -----------------------------------------------------------------
def test_the_tab_shows_the_channels_of_the_guild_and_a_link_to_add_one(
    browser: Browser, wolves: Guild
) -> None:
    assert f"{address('channel_add')}?guild={wolves.pk}" in shown(browser, "channels", wolves)
    mine = Channel.objects.create(
        guild=wolves, address=f"https://discord.com/api/webhooks/1/{past.SECRET}", error="Gone."
    )
    page = shown(browser, "channels", wolves)
    assert address("channel_change", mine.pk) in page
    assert "Gone." in page
    assert past.SECRET not in page


def test_an_officer_sees_the_other_officers_and_invites_by_a_link(
    people: dict[str, Person], wolves: Guild
) -> None:
    client = people["officer"].client
    wolves.officers.add(User.objects.create_user("bram", first_name="Bram"))
    page = client.get(tab("officers", wolves)).content.decode()
    assert "bram" in page
    assert address("invitation_add") in page
    assert "/admin/auth/user/" not in page, "officers may not open the pages of users"
    form = {"guilds": wolves.pk, "invited": "Cleo", "days": "7"}
    made = client.post(f"{address('invitation_add')}?guild={wolves.pk}", form)
    assert "Copy this link now" in made.content.decode()
    row = Invitation.objects.get()
    assert "Cleo" in client.get(tab("officers", wolves)).content.decode()

    data = {"action": "withdraw", "_selected_action": row.pk, "index": 0}
    response = client.post(
        address("invitation_changelist"), {**data, "back": tab("officers", wolves)}
    )
    assert response["Location"] == tab("officers", wolves)
    page = client.get(response["Location"]).content.decode()
    assert "No invitation is open." in page


def test_an_invitation_of_another_officer_is_not_shown(
    people: dict[str, Person], wolves: Guild
) -> None:
    other = User.objects.create_user("other")
    row = Invitation.objects.create(
        made_by=other,
        invited="Secret friend",
        secret_hash="x",
        ends_at=timezone.now() + dt.timedelta(days=1),
    )
    row.guilds.add(wolves)
    for role, is_shown in (("administrator", True), ("officer", False), ("viewer", False)):
        page = people[role].client.get(tab("officers", wolves)).content.decode()
        assert ("Secret friend" in page) is is_shown, role


def test_saving_the_settings_stays_on_the_tab_and_says_how_many_codes_are_asked_for_again(
    browser: Browser, wolves: Guild
) -> None:
    astray(wolves, gift_code(), gift_code())
    member(wolves, realm=1050)
    page = browser.open("guild_change", wolves.pk)
    help_text = page.context["adminform"].form.fields["realm"].help_text
    assert "Some members have their own state or kingdom: 1050 (1 member)." in help_text
    form = {**FORM, "active": "on", "realm": 1050}
    response = browser.post("guild_change", wolves.pk, data=form)
    assert response["Location"] == tab("change", wolves)
    assert "2 codes are asked for again." in words_of(response)
    assert browser.client.get(response["Location"]).status_code == 200
    said = browser.save("guild_change", wolves.pk, **{**form, "priority": 3})
    assert [words for _level, words in said if "asked for again" in words] == []


def test_an_officer_cannot_change_the_name_of_the_guild(
    people: dict[str, Person], wolves: Guild
) -> None:
    client = people["officer"].client
    page = client.get(tab("change", wolves))
    assert list(page.context["adminform"].form.fields) == [
        "realm",
        "language",
        "automatic",
        "notes",
    ]


# --- Links to the page, and the menu --------------------------------------------------------------
def test_a_search_for_a_player_leads_to_the_codes_of_the_player(
    browser: Browser, people: dict[str, Person], wolves: Guild
) -> None:
    ann = member(wolves, "410000105")
    codes = reverse("admin:player_codes", args=[ann.pk])
    for client in (browser.client, people["officer"].client):
        page = client.get(reverse("admin:search"), {"s": "410000105"}).content.decode()
        assert f'href="{codes}"' in page


def test_on_each_tab_the_menu_entry_for_guilds_is_marked(browser: Browser, wolves: Guild) -> None:
    for name in NAMES:
        page = browser.client.get(tab(name, wolves))
        groups = page.context["sidebar_navigation"]
        marked = [str(one["title"]) for group in groups for one in group["items"] if one["active"]]
        assert marked == ["Guilds"], name
