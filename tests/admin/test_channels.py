"""The channels of a guild: the form, the preview, a test, and the block for the guild's page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.admin.guilds.channel_form import SecretInput
from giftcodes.admin.guilds.channel_state import said_of, states_of
from giftcodes.admin.guilds.channels_tab import channels_tab
from giftcodes.models import Announcement, Channel, Guild, database_now
from giftcodes.models.channel import MOST_CHANNELS
from tests.admin.conftest import Browser, TaskQueue, errors
from tests.admin.test_officers import Guilds, amber, guilds
from tests.factories import guild

__all__ = ["amber", "guilds"]

TOKEN = "aVerySecretToken-_123"
ADDRESS = f"https://discord.com/api/webhooks/4711/{TOKEN}"
OTHER = ADDRESS.replace("4711", "4712")
ROLE = "123456789012345678"


def channel(of: Guild | None = None, **fields: Any) -> Channel:
    return Channel.objects.create(**{"guild": of or guild("Wolves"), "address": ADDRESS, **fields})


def shown(text: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


# --- The form -------------------------------------------------------------------------------------
def test_a_guild_has_several_channels_each_with_its_own_choice(browser: Browser) -> None:
    wolves = guild("Wolves")
    browser.save("channel_add", guild=wolves.pk, address=ADDRESS, tells="runs", role_id=ROLE)
    browser.save("channel_add", guild=wolves.pk, address=OTHER, tells="needed")
    browser.save(
        "channel_add", guild=wolves.pk, name="Mail", address="json://1.1.1.1/", tells="all"
    )

    rows = wolves.channels.values_list("name", "tells", "role_id", "is_on").order_by("pk")
    assert list(rows) == [
        ("Discord", "runs", ROLE, True),
        ("Discord 2", "needed", "", True),
        ("Mail", "all", "", True),
    ]


def test_the_page_of_a_new_channel_offers_a_test(browser: Browser) -> None:
    response = browser.post("channel_add", data={"guild": guild().pk, "address": ADDRESS})

    response = browser.client.get(response["Location"])
    (message,) = response.context["messages"]
    assert str(message).endswith("is saved. Send a test now, to see whether messages arrive.")
    page = response.content.decode()
    assert 'value="send_test"' in page


def test_the_address_field_is_visible_and_has_a_label_and_a_border(browser: Browser) -> None:
    page = browser.open("channel_add").content.decode()
    field = re.search(r"<input[^>]*name=\"address\"[^>]*>", page)
    assert field is not None
    assert 'type="text"' in field[0]
    assert "border" in field[0]
    assert 'for="id_address"' in page
    assert "Copy Webhook URL" in page


def test_the_address_field_never_shows_its_value() -> None:
    assert TOKEN not in str(SecretInput().render("address", ADDRESS, {"id": "id_address"}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "https://discord.com/channels/1/2"}, "not the address of a Discord webhook"),
        ({"address": "hello"}, "not the address of a Discord webhook"),
        (
            {"address": f"https://discord.com.evil.example/api/webhooks/1/{TOKEN}"},
            "only looks like",
        ),
        ({"address": f"http://discord.com/api/webhooks/1/{TOKEN}"}, "must begin with https://"),
        ({"address": "json://127.0.0.1/"}, "private network"),
        ({"role_id": "@everyone"}, "17 to 20 digits"),
        ({"role_id": "12345"}, "17 to 20 digits"),
        ({"address": "json://1.1.1.1/", "role_id": ROLE}, "Only a Discord channel"),
        ({"tells": "everything"}, "not one of the available choices"),
        ({"name": "Officers"}, "has a channel of this name already"),
        ({"address": OTHER}, "has this address already"),
    ],
)
def test_a_mistake_is_explained_and_the_address_is_not_repeated(
    browser: Browser, fields: dict[str, str], words: str, settings: Any
) -> None:
    settings.CHANNEL_PRIVATE_HOSTS = []
    wolves = guild("Wolves")
    channel(wolves, name="Officers", address=OTHER)

    data = {"guild": wolves.pk, "address": ADDRESS, "tells": "runs", "role_id": "", **fields}
    response = browser.post("channel_add", data=data)

    assert words in errors(response)
    assert TOKEN not in response.content.decode()
    assert wolves.channels.count() == 1


def test_the_number_of_a_guild_s_channels_is_limited(browser: Browser) -> None:
    wolves = guild("Wolves")
    for number in range(MOST_CHANNELS):
        channel(wolves, name=str(number), address=f"{ADDRESS}{number}")

    response = browser.post("channel_add", data={"guild": wolves.pk, "address": OTHER})

    assert "at most 10 channels" in response.content.decode()
    assert wolves.channels.count() == MOST_CHANNELS
    last = wolves.channels.latest("pk")
    browser.save("channel_change", last.pk, name="Still changed", address="")


def test_two_guilds_may_use_the_same_address_and_name(browser: Browser) -> None:
    channel(guild("Bears"))
    browser.save("channel_add", guild=guild("Wolves").pk, name="Discord", address=ADDRESS)
    assert Channel.objects.count() == 2


def test_a_change_of_the_name_keeps_the_address_and_its_state(browser: Browser) -> None:
    row = channel(error="Refused.", refused_since=database_now())

    browser.save("channel_change", row.pk, name="Officers", address="", tells="all", role_id=ROLE)

    row.refresh_from_db()
    assert (row.name, row.tells, row.role_id) == ("Officers", "all", ROLE)
    assert (row.address, row.error) == (ADDRESS, "Refused.")


# --- The preview ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tells", "titles"),
    [
        ("runs", ["🎁 Auto-Redeem Started", "✅ Done, everyone has it", "⚠️ Done, 3 need you"]),
        (
            "all",
            [
                "🎁 Auto-Redeem Started",
                "✅ Done, everyone has it",
                "⚠️ Done, 3 need you",
                "🔔 Members need a correction for days",
            ],
        ),
        ("needed", ["⚠️ Done, 3 need you", "🔔 Members need a correction for days"]),
    ],
)
def test_the_preview_shows_what_this_channel_is_told(
    browser: Browser, tells: str, titles: list[str]
) -> None:
    row = channel(tells=tells, role_id=ROLE)

    page = browser.open("channel_change", row.pk).content.decode()

    found = re.findall(r'class="embed-title[^"]*">([^<]+)<', page)
    assert [re.split(r": EXAMPLE| \(Wolves", title)[0] for title in found] == titles
    assert page.count("discord-role") == len(titles)
    assert "1,000 gems, 2 keys" in page
    assert (
        "Amber (201234567), Bjorn (207654321): Player ID and state do not belong together" in page
    )
    assert "\\" not in "".join(re.findall(r'class="embed-text">([^<]+)<', page))


def test_the_preview_of_another_service_is_plain_text(browser: Browser) -> None:
    row = channel(address="json://1.1.1.1/")
    page = browser.open("channel_change", row.pk).content.decode()
    assert 'class="plain-message"' in page
    assert 'class="discord"' not in page


def test_the_preview_of_a_new_channel_names_the_guild_that_was_chosen(browser: Browser) -> None:
    wolves = guild("Wolves <b>")
    page = browser.open("channel_add", guild=wolves.pk).content.decode()
    assert "EXAMPLE2026 for Wolves &lt;b&gt;" in page
    assert page.count("embed-title") == 4


# --- The state ------------------------------------------------------------------------------------
NOW = database_now


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "tone", "words"),
    [
        ({}, "neutral", "nothing sent yet"),
        ({"delivered_at": 0}, "good", "works"),
        ({"is_on": False, "delivered_at": 0}, "neutral", "off"),
        ({"error": "Gone.", "delivered_at": -5}, "bad", "takes no messages"),
        ({"error": "No.", "refused_since": -5, "not_before": 60}, "attention", "paused"),
        ({"error": "No.", "refused_since": -5, "not_before": -1}, "attention", "refuses"),
        ({"not_before": 60, "delivered_at": -5}, "attention", "paused"),
    ],
)
def test_the_state_is_said_in_words_with_a_tone(
    fields: dict[str, Any], tone: str, words: str
) -> None:
    moments = {
        name: NOW() + timedelta(minutes=value)
        for name, value in fields.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    said = said_of(channel(**{**fields, **moments}))
    assert (said.tone, said.words) == (tone, words)


def test_the_list_takes_as_many_queries_for_many_channels_as_for_one(browser: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.open("channel_changelist").status_code == 200
        return len(queries)

    channel()
    cost()
    one = cost()
    for number in range(5):
        row = channel(guild(), name=f"Channel {number}")
        Announcement.objects.create(channel=row, kind="test")
    assert cost() == one


def test_an_error_that_the_channel_and_its_test_share_is_said_once(browser: Browser) -> None:
    error = "Discord could not be reached."
    row = channel(refused_since=database_now(), error=error)
    Announcement.objects.create(channel=row, kind="test", state="failed", error=error)
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert page.count(error) == 1
    Announcement.objects.update(error="The webhook no longer exists.")
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert page.count(error) == page.count("The webhook no longer exists.") == 1


# --- A test, and the switch -----------------------------------------------------------------------
def test_a_test_is_queued_and_its_result_appears_on_the_page(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = channel()

    ((level, words),) = browser.press("send_test", row)

    assert (level, words) == ("success", "The test for Discord of Wolves is being sent.")
    assert task_queue.arguments("announce") == [[]]
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert "test is being sent" in page
    live = reverse("admin:live_channels", args=[row.guild_id])
    assert browser.client.get(live).json()["again_in_seconds"] == 2

    Announcement.objects.update(state="gone", error="The webhook no longer exists (HTTP 404).")
    answer = browser.client.get(live).json()
    part = shown(answer["parts"][f"channel-{row.pk}"])
    assert "test refused" in part
    assert "The webhook no longer exists (HTTP 404)." in part
    assert answer["again_in_seconds"] == 10

    Announcement.objects.update(state="done", error="", sent_at=database_now())
    assert "test delivered" in shown(browser.open("channel_change", row.pk).content.decode())


def test_the_page_says_that_no_worker_has_sent_the_test(browser: Browser) -> None:
    row = channel()
    browser.press("send_test", row)
    Announcement.objects.update(created_at=database_now() - timedelta(minutes=1))
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert "test waits" in page
    assert "No worker has sent it yet." in page

    Channel.objects.update(not_before=database_now() + timedelta(minutes=5))
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert "The test is sent when the pause ends:" in page


def test_too_many_tests_are_refused_and_the_message_says_when_the_next_is_possible(
    browser: Browser,
) -> None:
    row = channel()
    for _ in range(5):
        browser.press("send_test", row)
        Announcement.objects.update(state="done")
    ((level, words),) = browser.press("send_test", row)
    assert level == "warning"
    assert re.search(r"The next one is possible in \d+ seconds?\.", words)


def test_a_channel_is_switched_off_and_on(browser: Browser) -> None:
    row = channel()
    browser.press("switch_off", row)
    row.refresh_from_db()
    assert not row.is_on
    assert 'value="switch_on"' in browser.open("channel_change", row.pk).content.decode()
    browser.press("switch_on", row)
    row.refresh_from_db()
    assert row.is_on
    history = browser.open("channel_history", row.pk).content.decode()
    assert "Switched off." in history


def test_only_a_post_request_sends_a_test(browser: Browser) -> None:
    row = channel()
    browser.client.get(
        reverse("admin:giftcodes_channel_changelist"),
        {"action": "send_test", "_selected_action": row.pk},
    )
    assert not Announcement.objects.exists()


# --- The block for the page of a guild ------------------------------------------------------------
def tab(person: Any, of: Guild) -> str:
    request = RequestFactory().get("/admin/")
    request.user = person
    return str(channels_tab(request, of))


def test_the_block_shows_each_channel_with_its_state_and_its_buttons(admin_user: Any) -> None:
    wolves = guild("Wolves")
    assert "This guild has no channel yet." in tab(admin_user, wolves)
    channel(wolves, name="News", delivered_at=database_now())
    channel(wolves, name="Officers", address=OTHER, tells="needed", is_on=False)
    channel(guild("Bears"), name="Not ours")

    html = tab(admin_user, wolves)

    words = shown(html)
    for expected in ("News", "works", "Officers", "off", "Only when a person is needed"):
        assert expected in words
    assert "Not ours" not in words
    assert TOKEN not in html
    assert html.count('value="send_test"') == 2
    assert (html.count('value="switch_off"'), html.count('value="switch_on"')) == (1, 1)
    assert f"/admin/giftcodes/channel/add/?guild={wolves.pk}" in html
    assert html.count("csrfmiddlewaretoken") == 2


def test_the_block_takes_as_many_queries_for_many_channels_as_for_one(admin_user: Any) -> None:
    wolves = guild("Wolves")
    channel(wolves)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            tab(admin_user, wolves)
        return len(queries)

    one = cost()
    for number in range(5):
        row = channel(wolves, name=f"Channel {number}", address=f"{ADDRESS}{number}")
        Announcement.objects.create(channel=row, kind="test")
    assert cost() == one


def test_each_channel_shows_only_its_own_test(db: None) -> None:
    first, second = channel(), channel(guild("Bears"))
    Announcement.objects.create(channel=first, kind="test", state="done")
    states = states_of([first, second])
    assert states[first.pk].test is not None
    assert states[second.pk].test is None


# --- Officers -------------------------------------------------------------------------------------
def test_an_officer_tests_and_switches_only_the_channels_of_their_own_guild(
    amber: Browser, guilds: Guilds
) -> None:
    ours = channel(guilds.wolves)
    theirs = channel(guilds.strangers, name="Hidden")

    amber.press("send_test", ours)
    for action in ("send_test", "switch_off"):
        amber.post(
            "channel_changelist",
            data={"action": action, "_selected_action": [theirs.pk], "index": 0},
        )

    assert list(Announcement.objects.values_list("channel", flat=True)) == [ours.pk]
    theirs.refresh_from_db()
    assert theirs.is_on
    assert "Hidden" not in amber.open("channel_changelist").content.decode()
    live = reverse("admin:live_channels", args=[guilds.strangers.pk])
    assert amber.client.get(live).status_code == 404
    assert "Hidden" not in amber.open("channel_add", guild=guilds.strangers.pk).content.decode()
    page = amber.open("channel_add", guild=guilds.strangers.pk).content.decode()
    assert "EXAMPLE2026 for Your guild" in page


def test_a_viewer_reads_the_state_but_sends_no_test(admin_user: Any, db: None) -> None:
    from django.contrib.auth.models import Permission, User

    viewer = User.objects.create_user("viewer", is_staff=True)
    wolves = guild("Wolves")
    channel(wolves)
    assert tab(viewer, wolves) == ""
    for name in ("view_channel", "view_every_guild"):
        viewer.user_permissions.add(Permission.objects.get(codename=name))
    viewer = User.objects.get(pk=viewer.pk)

    html = tab(viewer, wolves)

    assert "nothing sent yet" in html
    assert "send_test" not in html
    assert "/add/" not in html


def test_the_page_says_in_words_that_the_host_of_a_test_is_unknown(browser: Browser) -> None:
    row = channel()
    words = "Discord could not be reached (the name discord.example cannot be found)."
    Announcement.objects.create(channel=row, kind="test", state="failed", error=words)
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert "could not be reached" in page
    assert words in page
    assert "test refused" not in page
    assert "nothing sent yet" not in page
    assert "The service could not be reached, so the address may be right." in page
    assert "Correct the address" not in page


def test_after_a_refused_test_the_page_asks_for_another_address(browser: Browser) -> None:
    row = channel()
    words = "The webhook no longer exists (HTTP 404)."
    Announcement.objects.create(channel=row, kind="test", state="gone", error=words)
    page = shown(browser.open("channel_change", row.pk).content.decode())
    assert "No message has arrived yet. Correct the address" in page


# --- Webhooks for programs ------------------------------------------------------------------------
def test_a_webhook_gets_a_secret_which_is_shown_once(browser: Browser) -> None:
    wolves = guild("Wolves")
    typed = "webhook+https://hooks.invalid/hook"
    form = {"guild": wolves.pk, "name": "", "address": typed, "tells": "runs", "role_id": ""}
    browser.save("channel_add", **form)
    row = Channel.objects.get()
    first = row.signed_address
    assert first is not None
    assert (row.name, first.url) == ("Webhook", "https://hooks.invalid/hook")
    assert first.secret.startswith("wh-")
    page = browser.open("channel_change", row.pk).content.decode()
    assert "Make a new secret" in page
    assert first.secret not in page

    data = {"action": "new_secret", "_selected_action": [row.pk], "index": 0}
    shown = browser.post("channel_changelist", data=data)
    row.refresh_from_db()
    second = row.signed_address
    assert second is not None
    assert second.secret in shown.content.decode()
    assert second.secret != first.secret
    assert "no-store" in shown.headers["Cache-Control"]

    # Another address keeps the secret, and the same one twice is refused.
    browser.save("channel_change", row.pk, **{**form, "name": "Webhook", "address": f"{typed}/2"})
    row.refresh_from_db()
    moved = row.signed_address
    assert moved is not None
    assert (moved.url, moved.secret) == ("https://hooks.invalid/hook/2", second.secret)
    again = browser.post("channel_add", data={**form, "name": "B", "address": f"{typed}/2"})
    assert "has this address already" in again.content.decode()


def test_a_channel_of_a_service_has_no_secret_to_show(browser: Browser) -> None:
    row = Channel.objects.create(
        guild=guild("Wolves"), address="https://discord.com/api/webhooks/1/secret"
    )
    before = row.address
    assert ("info", "Choose one channel whose address begins with webhook+https://.") in (
        browser.press("new_secret", row)
    )
    row.refresh_from_db()
    assert row.address == before
