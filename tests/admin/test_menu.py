"""The menu, the pages behind its entries, the tabs and the breadcrumbs, for each kind of person."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from giftcodes.admin_menu import MENU
from giftcodes.models import Alarm, DirectoryLookup, Feed, Guild, Member
from tests.admin import past
from tests.admin.conftest import Browser, address
from tests.factories import astray, gift_code, guild, member
from tests.security.people import Person, everyone

#: The lists of earlier releases, by the names of their addresses. Later releases must keep them.
OLD_LISTS = {
    f"giftcodes_{name}"
    for name in (
        *("guild", "member", "giftcode", "redemption", "memberredemption", "ratebudget", "feed"),
        *("directory", "alarm", "redemptionevent", "attempt", "announcement", "memberimport"),
        *("optout", "heartbeat", "prunedfigure"),
    )
} | {
    "axes_accesslog",
    "axes_accessattempt",
    "auth_user",
    "auth_group",
    "django_celery_beat_periodictask",
}


@pytest.fixture
def people(db: None) -> dict[str, Person]:
    past.live(1)
    return everyone(Guild.objects.order_by("pk").first())  # type: ignore[arg-type]


def entries(client: Client) -> list[str]:
    """The entries of the side bar."""
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    return [str(item["title"]) for group in groups for item in group["items"]]


def links(client: Client, url: str) -> set[str]:
    """The addresses that a page links to."""
    return set(re.findall(r'href="([^"?#]+)', client.get(url).content.decode()))


def test_each_kind_of_person_sees_only_entries_with_pages_that_they_may_open(
    people: dict[str, Person],
) -> None:
    first = ["Home", "Guilds", "Members", "Codes", "Coverage", "Activity"]
    assert entries(people["administrator"].client) == [
        *first,
        "Games and feeds",
        "People",
        "System",
    ]
    assert entries(people["viewer"].client) == [*first, "Games and feeds", "System"]
    assert entries(people["officer"].client) == [*first, "People"]
    assert entries(people["staff"].client) == ["Home"]


@pytest.mark.parametrize("role", ["administrator", "viewer", "officer"])
def test_every_page_of_an_entry_opens_with_one_more_click(
    people: dict[str, Person], role: str
) -> None:
    client, user = people[role].client, people[role].user
    home = links(client, reverse("admin:index"))
    for entry in MENU:
        pages = entry.pages_for(user)
        if not pages:
            continue
        url = entry.url_for(user)
        assert url in home
        reached = links(client, url) | {url}
        for page in pages:
            assert page.url in reached, (role, page.name)
            assert client.get(page.url).status_code == 200, (role, page.name)


def test_no_list_has_been_lost() -> None:
    assert {page.name for entry in MENU for page in entry.pages} >= OLD_LISTS


@pytest.mark.parametrize("hub", [entry.hub for entry in MENU if entry.hub])
def test_the_page_of_an_entry_shows_only_the_pages_that_the_person_may_open(
    people: dict[str, Person], hub: str
) -> None:
    entry = next(entry for entry in MENU if entry.hub == hub)
    for role, person in people.items():
        response = person.client.get(reverse(f"admin:{hub}"))
        allowed = entry.pages_for(person.user)
        assert response.status_code == (200 if allowed else 403), role
        if allowed:
            shown = response.content.decode()
            for page in entry.pages:
                assert (f'class="panel" href="{page.url}"' in shown) is (page in allowed), role
                assert (escape(str(page.purpose)) in shown) is (page in allowed), role


def current(client: Client, url: str) -> list[str]:
    """The entries of the side bar that are marked as the current one."""
    groups = client.get(url).context["sidebar_navigation"]
    return [str(item["title"]) for group in groups for item in group["items"] if item["active"]]


def test_each_page_marks_its_entry_in_the_menu(browser: Browser) -> None:
    for name, entry in (
        ("index", "Home"),
        ("giftcodes_memberimport_changelist", "Members"),
        ("member_import", "Members"),
        ("player", "Members"),
        ("giftcodes_channel_changelist", "Guilds"),
        ("matrix", "Coverage"),
        ("activity", "Activity"),
        ("giftcodes_alarm_changelist", "Activity"),
        ("games", "Games and feeds"),
        ("giftcodes_feed_changelist", "Games and feeds"),
        ("system", "System"),
        ("axes_accesslog_changelist", "System"),
        ("giftcodes_invitation_add", "People"),
    ):
        assert current(browser.client, reverse(f"admin:{name}")) == [entry], name


def test_a_page_of_a_guild_does_not_belong_to_the_entry_system(browser: Browser) -> None:
    wolves = guild("Wolves")
    url = reverse("admin:api_of_guild", args=[wolves.pk])
    made = browser.client.post(url, {"act": "make", "name": "Sheet", "scope": "act", "days": "30"})
    assert made.status_code == 200
    groups = made.context["sidebar_navigation"]
    assert not [item for group in groups for item in group["items"] if item["active"]]
    assert "System" not in crumbs(made)


def trail(browser: Browser, url: str) -> list[str]:
    """The breadcrumbs, and the heading."""
    return crumbs(browser.client.get(url))


def crumbs(response: Any) -> list[str]:
    """The breadcrumbs, and the heading, of an answer."""
    found = re.search(r'<div class="trail">(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    return [
        re.sub(r"<[^>]+>", "", one).strip()
        for one in re.findall(r"<li>(.*?)</li>|<h1>(.*?)</h1>", found[1], re.DOTALL)
        for one in one
        if one
    ]


def test_breadcrumbs_name_the_entry_and_the_list_and_the_row(browser: Browser) -> None:
    wolves = guild("Wolves")
    for url, expected in {
        address("guild_changelist"): ["Guilds"],
        address("guild_change", wolves.pk): ["Guilds", "Wolves"],
        address("guild_history", wolves.pk): ["Guilds", "Wolves", "History"],
        address("guild_delete", wolves.pk): ["Guilds", "Wolves", "Delete"],
        address("guild_add"): ["Guilds", "Add guild"],
        address("redemptionevent_changelist"): ["Activity", "Journal"],
        reverse("admin:activity"): ["Activity"],
        reverse("admin:matrix"): ["Coverage"],
    }.items():
        assert [re.sub("[\u2066-\u2069]", "", one) for one in trail(browser, url)] == expected, url


def test_the_breadcrumbs_do_not_change_the_capitals_of_a_code(browser: Browser) -> None:
    code = gift_code("frost2026")
    assert trail(browser, address("giftcode_change", code.pk)) == ["Codes", "frost2026"]


def test_tabs_lead_to_the_lists_of_the_same_entry(browser: Browser) -> None:
    (group,) = [
        group
        for group in browser.open("member_changelist").context["tab_list"]
        if "giftcodes.member" in group["models"]
    ]
    assert [(str(tab["title"]), tab["active"]) for tab in group["items"]] == [
        ("Members", True),
        ("Imports", False),
        ("Opt-outs", False),
    ]


def test_the_list_of_members_offers_the_import_and_the_page_for_a_player_s_wish(
    browser: Browser, people: dict[str, Person]
) -> None:
    both = [reverse("admin:member_import"), reverse("admin:player")]
    listing = address("member_changelist")
    assert [link[0] for link in browser.client.get(listing).context["list_links"]] == both
    officer = people["officer"].client.get(listing).context["list_links"]
    assert [link[0] for link in officer] == both
    assert people["viewer"].client.get(listing).context["list_links"] == []


# --- What people did ------------------------------------------------------------------------------
def test_each_entry_of_the_log_names_the_person_and_the_row_and_what_was_done(
    browser: Browser,
) -> None:
    amber = member(guild("Wolves"), nickname="Amber")
    browser.press("deactivate", amber, shown="yes")
    page = browser.client.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "Made inactive." in page
    assert f'href="{address("member_change", amber.pk)}"' in page
    assert "admin" in page


def changes(browser: Browser, **query: str) -> list[str]:
    """The words of each row in the list of what people did, without the time and the person."""
    page = browser.client.get(reverse("admin:admin_logentry_changelist"), query)
    cells = re.findall(
        r"field-(?:row|words)_shown[^>]*>(.*?)</td>", page.content.decode(), re.DOTALL
    )
    words = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]
    return [f"{row} | {done}" for row, done in zip(words[::2], words[1::2], strict=True)]


def at_once() -> None:
    """Let all entries have the same time, however long the action took."""
    newest = LogEntry.objects.latest("action_time")
    LogEntry.objects.update(action_time=newest.action_time)


@pytest.mark.old_changes
def test_an_action_on_many_rows_is_one_entry_that_names_each(
    browser: Browser, admin_user: User
) -> None:
    wolves = guild("Wolves")
    pack = [member(wolves, nickname=f"Cub{number}") for number in range(3)]
    browser.press("deactivate", *pack, shown="yes")
    at_once()
    (one,) = changes(browser)
    assert one.startswith("3 members ")
    assert one.endswith("| Made inactive. Active: yes → no")
    assert all(cub.nickname in one for cub in pack)
    page = browser.client.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert all(f'href="{address("member_change", cub.pk)}"' in page for cub in pack)
    assert len(changes(browser, o="1")) == 3, "a sorted list shows each entry"

    LogEntry.objects.update(action_time=timezone.now() - timedelta(seconds=3))
    LogEntry.objects.log_actions(admin_user.pk, pack[:1], CHANGE, "Made inactive.")
    assert [words.partition(" ")[0] for words in changes(browser)] == ["Member", "3"]


def test_values_that_differ_are_in_the_list_of_the_rows(browser: Browser) -> None:
    wolves = guild("Wolves", realm=1042)
    pack = [member(wolves, nickname="Ash"), member(wolves, nickname="Elm", realm=1050)]
    browser.press("set_realm", *pack, realm="1044")
    at_once()
    (one,) = changes(browser)
    assert one.endswith("| Set the state or kingdom.")
    assert "State or kingdom: 1050 → 1044" in one


def test_an_officer_sees_only_what_was_done_in_their_own_guilds(
    browser: Browser, people: dict[str, Person]
) -> None:
    own = Guild.objects.get(officers=people["officer"].user)
    mine, theirs = member(own, nickname="Mine"), member(guild("Strangers"), nickname="Theirs")
    browser.press("deactivate", mine, shown="yes")
    browser.press("deactivate", theirs, shown="yes")
    url = reverse("admin:admin_logentry_changelist")
    page = people["officer"].client.get(url).content.decode()
    assert "Mine" in page
    assert "Theirs" not in page
    assert "Theirs" in people["viewer"].client.get(url).content.decode()
    assert people["staff"].client.get(url).status_code == 403


@pytest.mark.old_changes
def test_an_entry_about_a_person_is_shown_only_to_those_who_may_see_people(
    browser: Browser, people: dict[str, Person], django_user_model: Any
) -> None:
    newcomer = django_user_model.objects.create_user("newcomer")
    owner = people["administrator"].user
    LogEntry.objects.log_actions(owner.pk, [newcomer], CHANGE, "Changed.")
    url = reverse("admin:admin_logentry_changelist")
    assert "newcomer" in browser.client.get(url).content.decode()
    assert "newcomer" not in people["viewer"].client.get(url).content.decode()


@pytest.mark.parametrize("hub", [entry.hub for entry in MENU if entry.hub])
def test_each_card_says_how_its_page_is_now(browser: Browser, hub: str) -> None:
    live = browser.client.get(reverse(f"admin:live_{hub}")).json()["parts"]
    entry = next(entry for entry in MENU if entry.hub == hub)
    assert set(live) == {page.name for page in entry.pages}
    page = browser.client.get(reverse(f"admin:{hub}")).content.decode()
    for name, words in live.items():
        assert words.strip(), name
        assert f'data-part="{name}"' in page


@pytest.mark.parametrize("hub", [entry.hub for entry in MENU if entry.hub])
def test_the_cards_cost_the_same_with_more_rows(browser: Browser, hub: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.client.get(reverse(f"admin:live_{hub}")).status_code == 200
        return len(queries)

    past.live(1)
    cost()
    few = cost()
    past.live(5)
    assert cost() == few


def card(browser: Browser, hub: str, name: str) -> str:
    """What a card says about its page now."""
    html = browser.client.get(reverse(f"admin:live_{hub}")).json()["parts"][name]
    return " ".join(strip_tags(html).split())


def test_the_card_of_feeds_knows_a_webhook_if_no_other_feed_is_set_up(
    browser: Browser, settings: Any
) -> None:
    off = replace(settings.PROVIDERS["simulator"], feed_url="")
    settings.PROVIDERS = {"simulator": off}
    assert "No feed is set up" in card(browser, "games", "giftcodes_feed")
    Feed.objects.create(provider="simulator", name="hook", kind="pushed")
    assert "Nothing has happened yet" in card(browser, "games", "giftcodes_feed")
    Feed.objects.filter(name="hook").update(answered_at=timezone.now())
    assert "Last answer" in card(browser, "games", "giftcodes_feed")
    Feed.objects.filter(name="hook").update(distrusted_at=timezone.now())
    assert "1 feed is no longer trusted" in card(browser, "games", "giftcodes_feed")


def test_the_card_of_lookups_speaks_of_one_player_and_of_several(browser: Browser) -> None:
    for number, words in ((1, "1 player, 1 not"), (2, "2 players, 2 not")):
        DirectoryLookup.objects.create(
            provider="simulator", player_id=f"30000000{number}", said="not_found"
        )
        assert words in card(browser, "games", "giftcodes_directorylookup")


def test_the_cards_sound_no_good_news_while_members_need_a_person(
    people: dict[str, Person],
) -> None:
    own = Guild.objects.order_by("pk").first()
    assert own is not None
    Alarm.objects.standing().clear_all()
    Member.objects.update(refused_at=None, refused_realm=None)
    astray(own), astray(guild("Strangers"))

    def cards(role: str) -> dict[str, str]:
        found = people[role].client.get(reverse("admin:live_activity")).json()["parts"]
        return {name: " ".join(html.split()) for name, html in found.items()}

    for role, number in (("administrator", "2 members need"), ("officer", "1 member needs")):
        shown = cards(role)
        assert f"No open alarm, but {number} you" in shown["giftcodes_alarm"]
        assert "tone-attention" in shown["giftcodes_alarm"]
        assert f"{number} you" in shown["giftcodes_memberredemption"]
    Member.objects.update(refused_at=None, refused_realm=None)
    assert "tone-good" in cards("administrator")["giftcodes_alarm"]
    assert "need you" not in cards("administrator")["giftcodes_memberredemption"]


def test_the_cards_of_an_officer_count_only_their_own_guilds(
    people: dict[str, Person],
) -> None:
    own, other = Guild.objects.order_by("pk").first(), guild("Strangers")
    assert own is not None
    Alarm.objects.standing().clear_all()
    for one in (own, other):
        Alarm.objects.raise_once(Alarm.Kind.NO_MEMBERS, str(one.pk), f"{one} has no members.")
    url = reverse("admin:live_activity")
    said = {role: people[role].client.get(url).json()["parts"] for role in ("viewer", "officer")}
    assert "2 open alarms" in said["viewer"]["giftcodes_alarm"]
    assert "1 open alarm<" in said["officer"]["giftcodes_alarm"]


@pytest.mark.old_changes
def test_the_list_of_changes_shows_each_value_before_and_after(
    browser: Browser, admin_user: User
) -> None:
    wolves = guild("Wolves", realm=1042)
    one, other = member(wolves), member(wolves)
    url = reverse("admin:giftcodes_guild_overview", args=[wolves.pk])
    browser.client.post(url, {"realm": "1043"})
    data = {"action": "set_realm", "index": 0, "realm": "1044", "_selected_action": [one.pk]}
    browser.client.post(reverse("admin:giftcodes_member_changelist"), data)

    def said() -> list[str]:
        page = browser.client.get(reverse("admin:admin_logentry_changelist")).content.decode()
        return re.findall(r"field-words_shown[^>]*>\s*([^<]*?)\s*<", page)

    assert said() == [
        "Set the state or kingdom. State or kingdom: the guild&#x27;s → 1044",
        "Set the state or kingdom. State or kingdom: 1042 → 1043",
    ]
    LogEntry.objects.log_actions(admin_user.pk, [other], CHANGE, "Looked at.")
    assert said()[0] == "Looked at.", "it left no version"


def test_more_changes_take_no_more_queries(browser: Browser) -> None:
    def cost() -> int:
        wolves = guild(realm=1042)
        url = reverse("admin:giftcodes_guild_overview", args=[wolves.pk])
        browser.client.post(url, {"realm": "1043"})
        with CaptureQueriesContext(connection) as queries:
            browser.client.get(reverse("admin:admin_logentry_changelist"))
        return len(queries)

    cost()
    assert cost() == cost()
