"""The Discord bot on the pages: its state and token, the servers of a guild, own Discord users."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from giftcodes.domain.tokens import token_hash
from giftcodes.models import (
    Alarm,
    BotState,
    DiscordAccount,
    DiscordBot,
    DiscordCode,
    DiscordServer,
    Guild,
    PlayerLink,
    StoredSetting,
)
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.models.site_settings import discord_token
from giftcodes.models.stored_setting import forget_stored_values
from giftcodes.notifications import alarms
from giftcodes.services import joining
from giftcodes.services.discord_links import Asker, link_account, link_server, make_code
from giftcodes.services.links import choose_password, make_password_link
from tests.admin.test_roles import groups, person
from tests.factories import guild, member

__all__ = ["groups"]

pytestmark = pytest.mark.django_db
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.only-for-tests-0123456789-abcdefghij"


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves")


@pytest.fixture
def bears() -> Guild:
    return guild("Bears")


@pytest.fixture
def otto(groups: None, wolves: Guild) -> Client:
    return person("otto", OFFICERS, wolves)


@pytest.fixture
def viewer(groups: None) -> Client:
    return person("viewer", VIEWERS)


def connected(state: BotState = BotState.CONNECTED) -> None:
    """The bot runs, in this state."""
    DiscordBot.objects.claim("a process", seconds=600)
    DiscordBot.objects.tell("a process", state, name="Robin#1")
    DiscordBot.objects.keep_application(123_456)


# --- The page of the administrator ----------------------------------------------------------------
def test_an_administrator_enters_the_token_which_is_never_shown_again(admin_client: Client) -> None:
    forget_stored_values()
    page = reverse("admin:discord_bot")
    assert "no token is set" in admin_client.get(page).content.decode()

    for wrong, words in (
        ("123456789012345678", "not the token of a bot"),
        ("", "Paste the token"),
    ):
        answer = admin_client.post(page, {"act": "save", "token": wrong})
        assert words in answer.content.decode()
        assert not StoredSetting.objects.exists()
    answer = admin_client.post(page, {"act": "save", "token": f" Bot {TOKEN}\n"}, follow=True)

    forget_stored_values()
    assert discord_token() == TOKEN
    shown = answer.content.decode()
    assert "connects within some seconds" in shown
    assert "Not connected: no process runs the bot." in shown
    assert "only-for-tests" not in shown
    connected()
    shown = admin_client.get(page).content.decode()
    assert "Connected as Robin#1." in shown
    assert "client_id=123456&amp;scope=bot%20applications.commands&amp;permissions=0" in shown
    admin_client.post(page, {"act": "remove"})
    forget_stored_values()
    assert discord_token() == ""


def test_the_environment_goes_first(admin_client: Client, settings: Any) -> None:
    settings.DISCORD_TOKEN = TOKEN
    page = reverse("admin:discord_bot")
    shown = admin_client.get(page).content.decode()
    assert "Set by the environment variable DISCORD_TOKEN" in shown
    assert "only-for-tests" not in shown
    assert 'name="token"' not in shown
    admin_client.post(page, {"act": "save", "token": TOKEN})
    assert not StoredSetting.objects.exists()


def test_only_administrators_open_it(otto: Client, viewer: Client) -> None:
    for who in (otto, viewer):
        assert who.get(reverse("admin:discord_bot")).status_code == 403
        assert who.post(reverse("admin:discord_bot")).status_code == 403


def test_the_overviews_say_whether_the_bot_is_connected(
    admin_client: Client, settings: Any
) -> None:
    settings.DISCORD_TOKEN = TOKEN
    connected(BotState.TOKEN_REFUSED)
    for name in ("admin:system", "admin:connect_game"):
        assert "Discord refuses the token" in admin_client.get(reverse(name)).content.decode()


# --- The alarm ------------------------------------------------------------------------------------
def test_a_bot_without_a_connection_raises_one_alarm_that_ends_with_the_connection(
    settings: Any,
) -> None:
    def standing() -> list[str]:
        alarms.evaluate()
        Alarm.objects.update(suspected_at="2020-01-01T00:00:00Z")
        alarms.evaluate()
        found = Alarm.objects.standing().filter(kind=Alarm.Kind.DISCORD_BOT)
        return list(found.values_list("message", flat=True))

    assert standing() == []  # No token, no bot, no alarm.
    settings.DISCORD_TOKEN = TOKEN
    assert "no process runs the bot" in standing()[0]
    connected(BotState.TOKEN_REFUSED)
    (message,) = standing()
    assert "for 3 minutes" in message
    assert "refuses the token" in message
    assert "only-for-tests" not in message
    connected()
    assert standing() == []


# --- The guild's page -----------------------------------------------------------------------------
def press(who: Client, of: Guild, act: str, **sent: object) -> str:
    address = reverse("admin:discord_of_guild", args=[of.pk])
    answer = who.post(address, {"act": act, **sent}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def code_in(page: str) -> str:
    found = re.search(r'value="(dc-[a-z0-9]+)"', page)
    assert found, page[:2_000]
    return found[1]


def test_an_officer_makes_a_code_that_is_shown_once_and_links_a_server(
    otto: Client, wolves: Guild, settings: Any
) -> None:
    settings.DISCORD_TOKEN = TOKEN
    boss = Asker(7, "Boss", 500, frozenset(), manages_server=True)
    page = press(otto, wolves, "server code")
    code = code_in(page)
    assert "types /link" in page
    tab = reverse("admin:giftcodes_guild_officers", args=[wolves.pk])
    assert code not in otto.get(tab).content.decode()

    link_server(code, boss, server_name="The <b>Den</b>", role=(70, "Chiefs"))

    shown = otto.get(tab).content.decode()
    assert "The &lt;b&gt;Den&lt;/b&gt;" in shown
    assert "members of the role Chiefs are officers there" in shown
    server = DiscordServer.objects.get()
    assert "no longer linked" in press(otto, wolves, "unlink", server=server.pk)
    assert not DiscordServer.objects.exists()
    assert "not linked any more" in press(otto, wolves, "unlink", server=server.pk)
    history = otto.get(reverse("admin:giftcodes_guild_history", args=[wolves.pk]))
    assert "Ended the link of the Discord server" in history.content.decode()


def test_an_officer_links_their_own_account(otto: Client, wolves: Guild, settings: Any) -> None:
    settings.DISCORD_TOKEN = TOKEN
    code = code_in(press(otto, wolves, "account code"))
    link_account(code, Asker(7, "Otto (@otto)"))
    tab = reverse("admin:giftcodes_guild_officers", args=[wolves.pk])
    assert "In Discord you are Otto (@otto)." in otto.get(tab).content.decode()
    press(otto, wolves, "unlink account")
    assert not DiscordAccount.objects.exists()


@pytest.mark.parametrize("act", ["server code", "account code", "unlink"])
def test_nobody_acts_for_a_guild_that_is_not_theirs(
    otto: Client, viewer: Client, bears: Guild, act: str
) -> None:
    server = DiscordServer.objects.create(guild=bears, server_id=1, name="Cave")
    address = reverse("admin:discord_of_guild", args=[bears.pk])
    sent = {"act": act, "server": server.pk}
    assert otto.post(address, sent).status_code == 404
    assert viewer.post(address, sent).status_code == 403
    assert DiscordServer.objects.exists()
    assert not DiscordCode.objects.exists()


def test_an_officer_cannot_unlink_the_server_of_another_guild(
    otto: Client, wolves: Guild, bears: Guild
) -> None:
    server = DiscordServer.objects.create(guild=bears, server_id=1, name="Cave")
    assert "Cave" not in press(otto, wolves, "unlink", server=server.pk)
    assert DiscordServer.objects.exists()


def test_a_guild_without_a_bot_says_who_sets_it_up(otto: Client, wolves: Guild) -> None:
    tab = reverse("admin:giftcodes_guild_officers", args=[wolves.pk])
    assert "This site has no Discord bot" in otto.get(tab).content.decode()


def test_a_get_makes_no_code(otto: Client, wolves: Guild) -> None:
    address = reverse("admin:discord_of_guild", args=[wolves.pk])
    assert otto.get(address, {"act": "server code"}).status_code == 302
    assert not DiscordCode.objects.exists()


# --- Players --------------------------------------------------------------------------------------
def test_officers_see_who_asks_in_discord_and_who_has_a_player(otto: Client, wolves: Guild) -> None:
    wish = joining.Wish("300000001", "Anna", 1042)
    joining.ask_in_discord(wolves.pk, wish, discord_user=7, discord_name="Anna (@anna)")
    tab = reverse("admin:giftcodes_guild_joining", args=[wolves.pk])
    assert "in Discord as Anna (@anna)" in otto.get(tab).content.decode()

    bram = member(wolves)
    PlayerLink.objects.issue(
        guild_id=wolves.pk, member=bram, discord_user=8, discord_name="Bram (@bram)"
    )
    page = reverse("admin:personal_link", args=[bram.pk])
    assert "Bram (@bram)" in otto.get(page).content.decode()
    answer = otto.post(page, {"act": "end discord"})
    assert "no longer has this player" in answer.content.decode()
    assert not PlayerLink.objects.filter(member=bram).exists()


@pytest.mark.parametrize("how", ["link", "page", "command"])
def test_a_new_password_ends_the_link_to_a_discord_user(
    otto: Client, groups: None, wolves: Guild, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A thief of a session keeps nothing, neither a link nor a code for one."""
    amber = User.objects.create_superuser("amber", password="old-and-odd-99")
    users = [User.objects.get(username="otto"), amber]
    for number, user in enumerate(users):
        DiscordAccount.objects.create(user=user, discord_user=number + 1, name="A thief")
        make_code(user, None)
        make_code(user, wolves)
    new = "new-and-odd-99"
    if how == "link":
        choose_password(token_hash(make_password_link(amber, made_by=amber)), password=new)
    elif how == "page":
        client = Client()
        client.force_login(amber)
        fields = {"old_password": "old-and-odd-99", "new_password1": new, "new_password2": new}
        assert client.post(reverse("admin:password_change"), fields).status_code == 302
    else:
        monkeypatch.setattr("getpass.getpass", lambda **_options: new)
        call_command("changepassword", "amber")

    assert [one.user.username for one in DiscordAccount.objects.all()] == ["otto"]
    assert {one.made_by.username for one in DiscordCode.objects.all()} == {"otto"}
