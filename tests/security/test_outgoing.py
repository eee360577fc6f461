"""Attacks through addresses that a person may enter, and through names that players choose."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from giftcodes.checks.network import check_private_hosts
from giftcodes.models import Alarm, Channel
from giftcodes.notifications.alarms import send_notices
from tests.admin.conftest import errors
from tests.clients.channels.apprise_service import apprise_service
from tests.clients.channels.recorder import http_recorder
from tests.clients.channels.standin import TOKEN, running
from tests.factories import gift_code, guild
from tests.notifications.test_announcements import deliveries, send_due
from tests.pipeline.conftest import World, world

__all__ = ["world"]

pytest.importorskip("apprise")

SECRET = "aSecretWord"
#: A public address that no test connects to.
PUBLIC = "93.184.215.14"


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def no_private_hosts(settings: Any) -> None:
    settings.CHANNEL_PRIVATE_HOSTS = []


def refusal(client: Client, address: str) -> str:
    """The error of the form for a new channel, which must refuse the address."""
    data = {"guild": guild().pk, "address": address}
    response = client.post(reverse("admin:giftcodes_channel_add"), data)

    assert response.status_code == 200
    assert not Channel.objects.exists()
    assert SECRET not in response.content.decode()
    return errors(response)


# --- Private hosts --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    [
        f"json://{SECRET}@127.0.0.1:6379/",
        f"json://{SECRET}@169.254.169.254/latest/meta-data/",
        f"jsons://{SECRET}@[::1]/",
        f"json://{SECRET}@localhost:8000/",
        f"https://127.1/api/webhooks/1/{SECRET}",
        f"https://2130706433/api/webhooks/1/{SECRET}",
        f"ntfy://{SECRET}@127.0.0.1/topic",
        f"mmost://10.0.0.1/{SECRET}aaaaaaaaaaaaaaaaaaa",
        f"matrix://user:{SECRET}@192.168.1.1/#room",
        f"gotify://127.0.0.1/{SECRET}",
        f"rocket://user:{SECRET}@127.0.0.1/#room",
        f"mailto://user:{SECRET}@example.org?smtp=127.0.0.1&from=a@example.org",
        f"https://169.254.169.254/api/webhooks/1/{SECRET}",
        f"http://127.0.0.1:6379/api/webhooks/1/{SECRET}",
    ],
)
def test_an_address_of_a_private_host_is_refused_in_clear_words(
    admin_client: Client, no_private_hosts: None, address: str
) -> None:
    words = refusal(admin_client, address)

    assert "this machine or into a private network" in words
    assert "CHANNEL_PRIVATE_HOSTS" in words


def test_a_private_host_that_a_setting_allows_is_accepted(
    admin_client: Client, settings: Any
) -> None:
    settings.CHANNEL_PRIVATE_HOSTS = ["10.0.0.0/8"]
    data = {"guild": guild().pk, "address": f"json://{SECRET}@10.0.0.1/"}

    assert admin_client.post(reverse("admin:giftcodes_channel_add"), data).status_code == 302
    assert Channel.objects.exists()


@pytest.mark.parametrize("kind", ["discord", "json"])
def test_a_host_name_that_later_resolves_to_a_private_address_is_not_connected_to(
    world: World, no_private_hosts: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The address of the host name changes after the name was checked."""
    look_up = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        host = "127.0.0.1" if host == "rebinding.example.org" else host
        return look_up(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with http_recorder() as recorder:
        address = {
            "discord": f"https://rebinding.example.org:{recorder.port}/api/webhooks/1/{TOKEN}",
            "json": f"json://{SECRET}@rebinding.example.org:{recorder.port}/",
        }[kind]
        wolves = guild(members=1)
        Channel.objects.create(guild=wolves, address=address)

        redemption = world.begin(wolves, gift_code())
        send_due(world)

        assert recorder.paths == []
    assert deliveries(redemption) == [("started", "failed")]
    alarm = Alarm.objects.standing().get()
    assert "this machine or into a private network" in alarm.message
    assert SECRET not in alarm.message


def test_a_stored_address_that_is_not_allowed_any_more_is_an_alarm(world: World) -> None:
    wolves = guild(members=1)
    Channel.objects.create(guild=wolves, address=f"xml://{SECRET}@{PUBLIC}/")

    redemption = world.begin(wolves, gift_code())
    send_due(world)

    assert deliveries(redemption) == [("started", "failed")]
    alarm = Alarm.objects.standing().get()
    assert "takes no messages: Addresses of this service are not allowed" in alarm.message
    assert "CHANNEL_SCHEMES" in alarm.message
    assert SECRET not in alarm.message


def test_the_operators_own_channel_may_be_at_a_private_host(
    no_private_hosts: None, settings: Any, db: None
) -> None:
    """Only the operator can set this channel, and could set CHANNEL_PRIVATE_HOSTS as well."""
    with running() as discord:
        settings.OPERATOR_CHANNEL = discord.address(9)
        Alarm.objects.raise_once(Alarm.Kind.BEAT_SILENT, "beat", "Nothing is redeemed.")

        send_notices()

        assert len(discord.of(9)) == 1


@pytest.mark.parametrize(("entry", "number"), [("http://ntfy.lan", 1), ("ntfy.lan", 0)])
def test_an_entry_that_is_not_a_host_is_an_error_of_the_system_check(
    settings: Any, entry: str, number: int
) -> None:
    settings.CHANNEL_PRIVATE_HOSTS = [entry]

    found = check_private_hosts()

    assert [problem.id for problem in found] == ["giftcodes.E014"] * number
    assert all(entry in problem.msg for problem in found)


def test_a_redirect_is_not_followed(world: World) -> None:
    wolves = guild(members=1)
    with http_recorder() as inner, http_recorder() as outer:
        outer.redirect_to = f"http://127.0.0.1:{inner.port}/internal"
        Channel.objects.create(guild=wolves, address=f"json://127.0.0.1:{outer.port}/")

        redemption = world.begin(wolves, gift_code())
        send_due(world)

        assert (outer.paths, inner.paths) == (["POST /"], [])
    assert deliveries(redemption) == [("started", "unknown")]


def test_a_proxy_of_the_environment_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect to hosts that are forbidden to us, and from another address."""
    wolves = guild(members=1)
    with http_recorder() as proxy, apprise_service() as service:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        Channel.objects.create(guild=wolves, address=service.address)

        redemption = world.begin(wolves, gift_code())
        send_due(world)

        assert proxy.paths == []
        assert len(service.bodies) == 1
    assert deliveries(redemption) == [("started", "done")]


# --- Schemes and arguments ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    [
        f"workflows://host/{SECRET}/x?template=/etc/passwd",
        f"syslog://{SECRET}",
        f"dbus://{SECRET}",
        f"xml://{SECRET}@{PUBLIC}/",
        f"form://{SECRET}@{PUBLIC}/",
        f"apprise://{PUBLIC}/{SECRET}",
        f"mqtt://{PUBLIC}/{SECRET}",
        f"file:///etc/{SECRET}",
    ],
)
def test_a_service_that_is_not_known_is_refused(admin_client: Client, address: str) -> None:
    words = refusal(admin_client, address)

    assert "Addresses of this service are not allowed" in words
    assert "CHANNEL_SCHEMES" in words


@pytest.mark.parametrize(
    ("address", "argument"),
    [
        (f"json://{SECRET}@{PUBLIC}/?method=DELETE", "method"),
        (f"json://{SECRET}@{PUBLIC}/?MeThOd=DELETE", "method"),
        (f"json://{SECRET}@{PUBLIC}/?a=b;method=DELETE", "a"),
        (f"json://{SECRET}@{PUBLIC}/?+X-Api-Key=1", "…"),
        (f"json://{SECRET}@{PUBLIC}/?%2BHost=internal", "+host"),
        (f"json://{SECRET}@{PUBLIC}/?-q=1", "-q"),
        (f"json://{SECRET}@{PUBLIC}/?:message=1", ":message"),
        (f"json://{SECRET}@{PUBLIC}/?redirect=yes", "redirect"),
        (f"json://{SECRET}@{PUBLIC}/?retry=5", "retry"),
        (f"json://{SECRET}@{PUBLIC}/?optional=yes", "optional"),
        (f"json://{SECRET}@{PUBLIC}/?format=html", "format"),
        (f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}?template=/etc/passwd", "template"),
        (f"tgram://123456789:{SECRET}_hijklmnop/1/?template=/etc/passwd", "template"),
        (f"ntfy://{SECRET}@{PUBLIC}/t?attach=http://127.0.0.1/", "attach"),
        (f"mailto://a:{SECRET}@example.org?pgp=yes&pgppub=/etc/passwd", "pgp"),
    ],
)
def test_an_argument_that_would_change_the_request_is_refused(
    admin_client: Client, address: str, argument: str
) -> None:
    assert f"the argument “{argument}”, which is not allowed" in refusal(admin_client, address)


def test_a_service_that_a_setting_adds_takes_no_dangerous_argument_either(
    admin_client: Client, settings: Any
) -> None:
    settings.CHANNEL_SCHEMES = ["xml://"]
    for argument in ("method=DELETE", "%2BHost=x", "redirect=yes"):
        assert "which is not allowed" in refusal(
            admin_client, f"xml://{SECRET}@{PUBLIC}/?{argument}"
        )

    settings.CHANNEL_SCHEMES = ["xml", "workflows"]
    template = f"workflows://example.org/{SECRET}aaaa/{'s' * 40}?template=/etc/passwd"
    assert "the argument “template”" in refusal(admin_client, template)

    data = {"guild": guild().pk, "address": f"xml://{SECRET}@{PUBLIC}/"}
    assert admin_client.post(reverse("admin:giftcodes_channel_add"), data).status_code == 302


# --- Names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["{address}", "discord://1/{token}"])
def test_a_name_pings_nobody_on_discord_even_through_an_address_for_apprise(
    world: World, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    with running() as discord:
        origin = discord.address().partition("/api/")[0]
        monkeypatch.setattr("giftcodes.clients.channels.discord.ORIGIN", origin)
        wolves = guild("@everyone https://evil.example \u202ednuof", members=1)
        Channel.objects.create(
            guild=wolves, address=form.format(address=discord.address(), token=TOKEN)
        )

        world.begin(wolves, gift_code())
        send_due(world)

        (message,) = discord.of(1)
        assert message.versions[0]["allowed_mentions"] == {"parse": []}
        assert not {"@everyone", "https://", "\u202e"} & set(message.titles[0].split())


# --- The page to return to ------------------------------------------------------------------------
ELSEWHERE = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https://evil.example/",
    "https:evil.example",
    "http:///evil.example",
    "https://testserver@evil.example/",
    "\x00//evil.example",
]


@pytest.mark.parametrize("back", ELSEWHERE)
def test_no_page_links_or_redirects_to_an_address_from_a_form_field(
    admin_client: Client, world: World, back: str
) -> None:
    wolves = guild(members=1)
    code = gift_code()
    member = wolves.members.get()
    pages = {
        "giftcodes_giftcode_changelist": ("redeem_now", code.pk),
        "giftcodes_member_changelist": ("move", member.pk),
    }
    for page, (action, pk) in pages.items():
        data = {"action": action, "_selected_action": pk, "index": 0, "back": back}
        response = admin_client.post(reverse(f"admin:{page}"), data)
        assert response.status_code == 200, (page, response)
        content = response.content.decode()
        assert "Do nothing" in content
        assert "alert(1)" not in content
        assert "evil.example" not in content
        assert "data:text/html" not in content
        assert "vbscript" not in content


@pytest.mark.parametrize("next_page", ELSEWHERE)
@pytest.mark.parametrize("page", ["admin:login", "admin:logout"])
def test_a_login_and_a_logout_lead_to_no_other_site(
    client: Client, admin_user: Any, page: str, next_page: str
) -> None:
    if page == "admin:logout":
        client.force_login(admin_user)
    data = {"username": "admin", "password": "password", "next": next_page}

    response = client.post(reverse(page), data)

    target = response.headers.get("Location", "/")
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))
    assert "evil.example" not in target
