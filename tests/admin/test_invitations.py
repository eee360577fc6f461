"""Invitations: accounts and guilds by a link that works once."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Any

import pytest
from axes.models import AccessLog
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.domain.tokens import token_hash
from giftcodes.models import Guild, Invitation
from giftcodes.models.link import MOST_REFUSALS
from giftcodes.models.roles import OFFICERS, Role, role_of
from giftcodes.services import links
from tests.admin import crawl
from tests.admin.accounts import FORM, accept, invite, link_in, newest, open_link, user
from tests.admin.conftest import Browser, errors, messages_of
from tests.factories import guild

_ADD = "admin:giftcodes_invitation_add"


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    """Create the groups of the migrations again, because some tests empty the tables."""
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    importlib.import_module("giftcodes.migrations.0032_invitations").grant(apps, None)


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves")


def officer_of(*guilds: Guild, name: str = "amber") -> Client:
    """The browser of an officer who is logged in."""
    one = User.objects.create_user(name, is_staff=True)
    one.groups.add(Group.objects.get(name=OFFICERS))
    for of in guilds:
        of.officers.add(one)
    client = Client()
    client.force_login(one)
    return client


# --- Making and accepting -------------------------------------------------------------------------
def test_an_administrator_invites_an_officer_who_chooses_name_and_password(
    browser: Browser, wolves: Guild
) -> None:
    link = invite(browser.client, wolves, role="officer")
    new, page = open_link(link)
    assert "Wolves" in page.content.decode()
    assert page.wsgi_request.path == "/invitation/", "the address no longer has the secret"

    response = new.post(reverse("invitation"), FORM)

    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert role_of(user()) is Role.OFFICER
    assert user().has_usable_password()
    assert list(wolves.officers.all()) == [user()]
    assert AccessLog.objects.filter(username="bram").exists()
    home = new.get("/admin/").content.decode()
    assert "Your account is ready. You are an officer of" in home
    assert reverse("admin:giftcodes_guild_overview", args=[wolves.pk]) in home
    row = newest()
    assert (row.accepted_by, str(row.made_by)) == (user(), "admin")


@pytest.mark.parametrize("role", ["administrator", "viewer"])
def test_an_administrator_invites_to_every_role(browser: Browser, role: str) -> None:
    _client, response = accept(invite(browser.client, role=role))
    assert response.status_code == 302
    assert role_of(user()) is Role(role)


def test_an_invitation_to_a_role_without_guilds_cannot_name_a_guild(
    browser: Browser, wolves: Guild
) -> None:
    data = {"role": "viewer", "guilds": [wolves.pk], "invited": "", "days": "7"}
    response = browser.client.post(reverse(_ADD), data)
    assert "This role has no guilds." in errors(response)
    assert not Invitation.objects.exists()


def test_only_a_hash_is_kept_and_the_link_is_shown_once(browser: Browser, wolves: Guild) -> None:
    link = invite(browser.client, wolves, role="officer")
    secret = link.strip("/").rpartition("/")[2]
    assert newest().secret_hash == token_hash(secret)
    assert secret not in str(list(Invitation.objects.values()))
    pages = crawl.read(browser.client, [*crawl.lists(), *crawl.pages_of(newest())])
    assert crawl.leaks(pages, [secret, newest().secret_hash]) == []
    response = browser.client.post(
        reverse(_ADD), {"role": "viewer", "invited": "", "days": "7", "guilds": []}
    )
    assert "no-store" in response["Cache-Control"]
    page = response.content.decode()
    assert "nobody can look it up later" in page
    assert "hash" not in page.partition("<main")[2].partition("</main>")[0]


def test_the_list_says_who_invited_whom_and_takes_as_many_queries_for_many_as_for_few(
    browser: Browser, wolves: Guild
) -> None:
    accept(invite(browser.client, wolves, role="officer"))
    listing = reverse("admin:giftcodes_invitation_changelist")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = browser.client.get(listing).content.decode()
        assert ">bram<" in page
        return len(queries)

    cost()
    few = cost()
    for _ in range(8):
        invite(browser.client, wolves, guild(), role="officer")
    assert cost() == few
    page = browser.client.get(reverse("admin:auth_user_change", args=[user().pk]))
    assert f"/invitation/{newest().pk - 8}/change/" in page.content.decode()
    assert ">admin</a>" in page.content.decode()


# --- A link works once, and not after its end -----------------------------------------------------
def test_a_link_works_once(browser: Browser, wolves: Guild) -> None:
    link = invite(browser.client, wolves, role="officer")
    accept(link)
    _client, page = open_link(link)
    assert page.status_code == 410
    assert "This link was used already" in page.content.decode()
    assert accept(link, username="second")[1].status_code == 410
    assert not User.objects.filter(username="second").exists()


def test_opening_a_link_does_not_use_it_up(browser: Browser, wolves: Guild) -> None:
    """Chats open each link to show a preview."""
    link = invite(browser.client, wolves, role="officer")
    for _ in range(3):
        assert open_link(link)[1].status_code == 200
    assert accept(link)[1].status_code == 302


def test_an_ended_link_says_so_even_to_a_person_who_opened_it_before(
    browser: Browser, wolves: Guild
) -> None:
    link = invite(browser.client, wolves, role="officer")
    waiting, _page = open_link(link)
    Invitation.objects.update(ends_at=timezone.now() - dt.timedelta(seconds=1))
    for response in (open_link(link)[1], waiting.post(reverse("invitation"), FORM)):
        assert response.status_code == 410
        assert "This link has ended." in response.content.decode()
    assert not User.objects.filter(username="bram").exists()


def test_a_withdrawn_link_says_so_and_a_renewed_one_replaces_it(
    browser: Browser, wolves: Guild
) -> None:
    link = invite(browser.client, wolves, role="officer")
    waiting, _page = open_link(link)
    messages = browser.press("withdraw", newest())
    assert "its link no longer works" in messages[0][1]
    assert "This link was withdrawn." in open_link(link)[1].content.decode()

    data = {"action": "renew", "_selected_action": newest().pk, "index": 0}
    fresh = link_in(browser.post("invitation_changelist", data=data))

    assert "This link is not known." in open_link(link)[1].content.decode()
    assert waiting.post(reverse("invitation"), FORM).status_code == 410, "the form of the old link"
    assert accept(fresh)[1].status_code == 302
    data = {"action": "renew", "_selected_action": newest().pk, "index": 0}
    response = browser.post("invitation_changelist", data=data)
    assert "was accepted already" in messages_of(response)[0][1]
    assert "not open" in browser.press("withdraw", newest())[-1][1]


@pytest.mark.parametrize("fall", ["inactive", "no officer", "no role"])
def test_a_link_ends_when_its_maker_loses_the_right_to_make_it(wolves: Guild, fall: str) -> None:
    link = invite(officer_of(wolves), wolves)
    maker = user("amber")
    if fall == "inactive":
        User.objects.filter(pk=maker.pk).update(is_active=False)
    elif fall == "no officer":
        wolves.officers.clear()
    else:
        maker.groups.clear()
    _client, page = open_link(link)
    assert page.status_code == 410
    assert "may no longer make such links" in page.content.decode()


def test_an_invitation_does_not_give_a_guild_that_its_maker_has_lost(wolves: Guild) -> None:
    bears = guild("Bears")
    link = invite(officer_of(wolves, bears), wolves, bears)
    bears.officers.clear()
    _client, page = open_link(link)
    assert "Bears" not in page.content.decode()
    accept(link)
    assert list(user().guilds.all()) == [wolves]  # type: ignore[attr-defined]


# --- Names and passwords --------------------------------------------------------------------------
def same(password: str) -> dict[str, str]:
    """The password, typed twice."""
    return {"password1": password, "password2": password}


def test_a_bad_form_says_what_to_do(browser: Browser, wolves: Guild) -> None:
    link = invite(browser.client, wolves, role="officer")
    for fields, words in (
        ({"password2": "other-and-odd-9"}, "The two passwords are not the same."),
        (same("12345"), "too short"),
        ({"username": "bramantino", **same("bramantino1")}, "too similar"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": "x" * 151}, "at most 150"),
        ({"username": "ADMIN"}, "This user name is taken."),
    ):
        _client, response = accept(link, **fields)
        assert response.status_code == 200
        assert words in response.content.decode(), words
    assert User.objects.count() == 1


def test_the_error_about_a_taken_name_appears_only_if_everything_else_is_right(
    browser: Browser, wolves: Guild
) -> None:
    link = invite(browser.client, wolves, role="officer")
    _client, response = accept(link, username="admin", password1="1", password2="1")
    assert "taken" not in response.content.decode()


def test_a_link_that_was_tried_too_often_ends(browser: Browser, wolves: Guild) -> None:
    link = invite(browser.client, wolves, role="officer")
    client, _page = open_link(link)
    for _ in range(MOST_REFUSALS):
        assert client.post(reverse("invitation"), {**FORM, "username": "admin"}).status_code == 200
    response = client.post(reverse("invitation"), FORM)
    assert response.status_code == 410
    assert "tried too often" in response.content.decode()


def test_a_new_link_gives_no_further_tries(browser: Browser, wolves: Guild) -> None:
    invite(browser.client, wolves, role="officer")
    Invitation.objects.update(refusals=MOST_REFUSALS - 1)
    data = {"action": "renew", "_selected_action": newest().pk, "index": 0}
    link = link_in(browser.post("invitation_changelist", data=data))
    client, _page = open_link(link)
    client.post(reverse("invitation"), {**FORM, "username": "admin"})

    assert client.post(reverse("invitation"), FORM).status_code == 410
    response = browser.post("invitation_changelist", data=data)
    assert "Make a new invitation" in messages_of(response)[0][1]


def test_an_unknown_link_is_refused_and_starts_no_session(db: None) -> None:
    client, page = open_link("/invitation/nonsense/")
    assert page.status_code == 410
    assert "This link is not known." in page.content.decode()
    assert "sessionid" not in client.cookies
    assert Client().get("/invitation/").status_code == 410
    assert Client().post("/invitation/", FORM).status_code == 410


def test_forms_need_the_csrf_token(browser: Browser, wolves: Guild) -> None:
    link = invite(browser.client, wolves, role="officer")
    client = Client(enforce_csrf_checks=True)
    client.get(link, follow=True)
    assert client.post(reverse("invitation"), FORM).status_code == 403
    assert not User.objects.filter(username="bram").exists()


# --- Officers -------------------------------------------------------------------------------------
def test_an_officer_invites_only_officers_and_only_for_their_own_guilds(wolves: Guild) -> None:
    strangers = guild("Strangers")
    client = officer_of(wolves)
    page = client.get(reverse(_ADD), {"guild": strangers.pk}).content.decode()
    assert "Strangers" not in page
    assert f'<option value="{wolves.pk}" selected' in page
    assert 'name="role"' not in page

    data = {"guilds": [strangers.pk], "invited": "", "days": "7"}
    assert "not one of the available choices" in errors(client.post(reverse(_ADD), data))
    assert "This field is required" in errors(client.post(reverse(_ADD), {**data, "guilds": []}))
    assert not Invitation.objects.exists()

    accept(invite(client, wolves, role="administrator"))
    assert role_of(user()) is Role.OFFICER


def test_an_officer_neither_sees_nor_changes_the_invitations_of_others(
    browser: Browser, wolves: Guild
) -> None:
    strangers = guild("Strangers")
    invite(browser.client, strangers, role="officer", invited="Nobody-of-yours")
    foreign = newest()
    client = officer_of(wolves)
    listing = reverse("admin:giftcodes_invitation_changelist")
    assert "Nobody-of-yours" not in client.get(listing).content.decode()
    for page in crawl.pages_of(foreign):
        assert client.get(page).status_code == 404
    for action in ("renew", "withdraw"):
        client.post(listing, {"action": action, "_selected_action": foreign.pk, "index": 0})
    after = Invitation.objects.get(pk=foreign.pk)
    assert (after.secret_hash, after.withdrawn_at) == (foreign.secret_hash, None)


def test_an_officer_s_own_invitation_for_a_guild_that_they_lost_is_not_shown(wolves: Guild) -> None:
    bears = guild("Bears")
    client = officer_of(wolves, bears)
    invite(client, bears)
    bears.officers.clear()
    page = client.get(reverse("admin:giftcodes_invitation_changelist")).content.decode()
    assert "Bears" not in page
    assert (
        client.get(reverse("admin:giftcodes_invitation_change", args=[newest().pk])).status_code
        == 404
    )


def test_an_officer_of_no_guild_and_a_viewer_cannot_invite(db: None) -> None:
    assert officer_of().get(reverse(_ADD)).status_code == 403
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="Viewers"))
    client = Client()
    client.force_login(viewer)
    assert client.get(reverse(_ADD)).status_code == 403
    assert client.get(reverse("admin:giftcodes_invitation_changelist")).status_code == 403


def test_the_number_of_an_officer_s_open_invitations_is_limited(
    wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_OPEN", 1)
    client = officer_of(wolves)
    invite(client, wolves)
    data = {"guilds": [wolves.pk], "invited": "", "days": "7"}
    response = client.post(reverse(_ADD), data)
    assert "too many open invitations" in response.content.decode()
    Invitation.objects.update(withdrawn_at=timezone.now())
    invite(client, wolves)


def test_the_officers_of_a_guild_make_a_limited_number_of_invitations_in_a_week(
    browser: Browser, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_OF_GUILD", 1)
    bears = guild("Bears")
    accept(invite(officer_of(wolves), wolves))
    other = officer_of(wolves, bears, name="cinder")
    data = {"guilds": [wolves.pk], "invited": "", "days": "7"}

    page = other.post(reverse(_ADD), data).content.decode()

    assert "officers of guild" in page
    assert "ask an administrator to invite the person" in page
    assert Invitation.objects.count() == 1
    invite(other, bears)
    invite(browser.client, wolves, role="officer")


def test_a_refused_invitation_for_several_guilds_counts_for_none_of_them(
    wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_OF_GUILD", 1)
    yaks = guild("Yaks")  # By name and by id it comes after the wolves.
    client = officer_of(wolves, yaks)
    accept(invite(client, yaks))
    data = {"guilds": [wolves.pk, yaks.pk], "invited": "", "days": "7"}

    page = client.post(reverse(_ADD), data).content.decode()

    assert "officers of guild" in page
    assert "Yaks" in page
    invite(client, wolves)


def test_the_page_of_a_guild_offers_to_invite_an_officer(browser: Browser, wolves: Guild) -> None:
    offer = f"{reverse(_ADD)}?guild={wolves.pk}"
    for client in (browser.client, officer_of(wolves)):
        page = client.get(reverse("admin:giftcodes_guild_officers", args=[wolves.pk]))
        assert offer in page.content.decode()


# --- Existing accounts ----------------------------------------------------------------------------
def test_an_officer_who_is_logged_in_gets_the_guild_after_a_confirmation(
    browser: Browser, wolves: Guild
) -> None:
    bears = guild("Bears")
    link = invite(browser.client, bears, role="officer")
    client = officer_of(wolves)
    _client, page = open_link(link, client)
    assert "You are logged in as" in page.content.decode()
    assert not bears.officers.exists(), "the person is asked first"
    assert client.post(reverse("invitation"), FORM).status_code == 200
    assert not bears.officers.exists(), "only the button makes the person an officer"

    response = client.post(reverse("invitation"), {"join": "yes"})

    assert response.status_code == 302
    assert list(bears.officers.all()) == [user("amber")]
    assert newest().accepted_by == user("amber")
    assert open_link(link, client)[1].status_code == 410


def test_logging_in_on_the_way_keeps_the_invitation(browser: Browser, wolves: Guild) -> None:
    User.objects.create_user("amber", password="x", is_staff=True)
    client, page = open_link(invite(browser.client, wolves, role="officer"))
    assert "/admin/login/?next=/invitation/" in page.content.decode()
    form = {"username": "amber", "password": "x", "next": "/invitation/"}
    page = client.post("/admin/login/?next=/invitation/", form, follow=True)
    assert "You are logged in as" in page.content.decode()
    client.post(reverse("invitation"), {"join": "yes"})
    assert list(wolves.officers.all()) == [user("amber")]


@pytest.mark.parametrize(
    ("group", "role", "words"),
    [
        (OFFICERS, "administrator", "for a new account"),
        ("Viewers", "officer", "Your account is a viewer"),
    ],
)
def test_an_invitation_changes_no_role_of_an_existing_account(
    browser: Browser, wolves: Guild, group: str, role: str, words: str
) -> None:
    one = User.objects.create_user("amber", is_staff=True)
    one.groups.add(Group.objects.get(name=group))
    before = role_of(one)
    client = Client()
    client.force_login(one)
    link = invite(browser.client, *([wolves] if role == "officer" else []), role=role)
    _client, page = open_link(link, client)
    assert words in page.content.decode()
    client.post(reverse("invitation"), {"join": "yes"})
    one.refresh_from_db()
    assert (role_of(one), newest().used_at) == (before, None)


def test_a_person_who_is_an_officer_of_the_guild_already_does_not_use_the_link_up(
    browser: Browser, wolves: Guild
) -> None:
    client = officer_of(wolves)
    link = invite(browser.client, wolves, role="officer")
    _client, page = open_link(link, client)
    assert "already" in page.content.decode()
    client.post(reverse("invitation"), {"join": "yes"})
    assert newest().used_at is None
    assert accept(link)[1].status_code == 302


# --- Passwords ------------------------------------------------------------------------------------
def password_link(browser: Browser, of: User) -> str:
    return link_in(browser.client.post(reverse("admin:auth_user_password_link", args=[of.pk])))


def new_password(client: Client, password: str = "new-and-odd-99") -> Any:
    return client.post(reverse("password"), {"password1": password, "password2": password})


def test_an_administrator_makes_a_link_for_a_new_password(browser: Browser, db: None) -> None:
    amber = User.objects.create_user("amber", password="forgotten", is_staff=True)
    elsewhere = Client()
    elsewhere.force_login(amber)
    page = browser.client.get(reverse("admin:auth_user_change", args=[amber.pk])).content.decode()
    assert "Make a password link" in page
    assert "algorithm" not in page
    assert "pbkdf2" not in page
    first, second = password_link(browser, amber), password_link(browser, amber)
    assert open_link(first)[1].status_code == 410, "the newer link replaces it"

    client, page = open_link(second)
    assert "amber" in page.content.decode()
    assert "too short" in new_password(client, "1").content.decode()
    assert new_password(client).status_code == 302

    amber.refresh_from_db()
    assert amber.check_password("new-and-odd-99")
    assert client.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302, "logged out everywhere else"
    assert open_link(second)[1].status_code == 410


def test_a_password_link_fails_if_its_user_is_inactive_or_its_maker_is_no_administrator(
    browser: Browser, db: None
) -> None:
    amber = User.objects.create_user("amber", is_staff=True)
    link = password_link(browser, amber)
    client, _page = open_link(link)
    for change in (
        {"username": "amber", "is_active": False},
        {"username": "admin", "is_superuser": False},
    ):
        User.objects.filter(username=change["username"]).update(**change)
        assert new_password(client).status_code == 410
        User.objects.update(is_active=True)
        User.objects.filter(username="admin").update(is_superuser=True)
    assert new_password(client).status_code == 302


def test_only_administrators_make_password_links(browser: Browser, wolves: Guild) -> None:
    target = user("admin")
    client = officer_of(wolves)
    page = reverse("admin:auth_user_password_link", args=[target.pk])
    assert client.post(page).status_code == 404
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="Viewers"))
    client.force_login(viewer)
    assert client.post(page).status_code == 403
    assert browser.client.get(page).status_code == 302, "a link is made by a button only"
    User.objects.filter(username="amber").update(is_active=False)
    response = browser.client.post(
        reverse("admin:auth_user_password_link", args=[user("amber").pk])
    )
    assert "not active" in messages_of(response)[0][1]


# --- Users ----------------------------------------------------------------------------------------
def test_people_are_added_by_an_invitation(browser: Browser) -> None:
    response = browser.client.get(reverse("admin:auth_user_add"))
    assert (response.status_code, response["Location"]) == (302, reverse(_ADD))
    old = reverse("admin:auth_user_password_change", args=[user("admin").pk])
    response = browser.client.get(old)
    assert response["Location"] == reverse("admin:auth_user_change", args=[user("admin").pk])
    listing = browser.client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert reverse("admin:officer_rules") in listing


def test_a_name_that_is_taken_is_refused(browser: Browser) -> None:
    amber = User.objects.create_user("amber", is_staff=True)
    form = {"username": "admin", "is_active": "on", "role": "viewer"}
    response = browser.client.post(reverse("admin:auth_user_change", args=[amber.pk]), form)
    assert "already exists" in errors(response)
