"""Connect a game in the browser: what is stored, what is shown, and who may do it."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from giftcodes import tasks
from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models import ConnectionCheck, Feed, Guild, PauseKind, RateBudget, StoredSetting
from giftcodes.models.games import games
from giftcodes.models.roles import Role, give_flags, give_group
from giftcodes.models.stored_setting import forget_stored_values, store
from simulator import Simulator
from tests.admin.conftest import TaskQueue, messages_of
from tests.simulator.fixtures import SALT

NEW_SALT = "aSaltThatNobodySees"
FEED_KEY = "aKeyThatNobodySees"
WEBHOOK = "https://discord.com/api/webhooks/4711/aTokenThatNobodySees"
SECRETS = (NEW_SALT, FEED_KEY, "aTokenThatNobodySees")


@pytest.fixture(autouse=True)
def _local(settings: Any) -> None:
    """The environment sets nothing of a game, and games may be on this machine."""
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(config, salt="", api_url="", from_environment=frozenset()),
    }
    settings.OPERATOR_CHANNEL = settings.SITE_URL = ""
    forget_stored_values()


@pytest.fixture
def send(
    admin_client: Client, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any
) -> Any:
    """Press a button on the page of a game, or of all games if `name` is empty."""
    del task_queue

    def press(act: str, name: str = "simulator", **fields: str) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(address(name), {"act": act, **fields})

    return press


def address(name: str = "simulator") -> str:
    return reverse("admin:connect_one_game", args=[name]) if name else reverse("admin:connect_game")


def errors_of(response: Any, form: str = "form") -> dict[str, list[str]]:
    assert response.status_code == 200, messages_of(response)
    found: dict[str, list[str]] = dict(response.context[form].errors)
    return found


def html(client: Client, name: str = "simulator") -> str:
    return client.get(address(name)).content.decode()


# --- What is stored -------------------------------------------------------------------------------
def test_a_salt_is_stored_encrypted_and_switches_the_game_on(
    send: Any, simulator: Simulator, admin_user: User
) -> None:
    assert not games()["simulator"].is_on
    response = send("save", salt=f' "{NEW_SALT}" ', api_url=simulator.api_url)
    assert response.status_code == 302
    said = "Set: salt, address of the game. The connection is being tested."
    assert messages_of(response) == [("info", said)]
    config = games()["simulator"]
    assert config.is_on
    assert (config.salt, config.api_url) == (NEW_SALT, simulator.api_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, value, set_by_id FROM giftcodes_storedsetting ORDER BY name")
        rows = cursor.fetchall()
    assert [row[0] for row in rows] == ["SIMULATOR_API_URL", "SIMULATOR_SALT"]
    assert all(row[1].startswith("enc1:") and row[2] == admin_user.pk for row in rows)
    assert not any(NEW_SALT in row[1] or simulator.api_url in row[1] for row in rows)


def test_an_empty_field_keeps_what_is_stored(send: Any) -> None:
    store({"SIMULATOR_SALT": NEW_SALT}, user_id=None)
    assert messages_of(send("save", salt="")) == [
        ("info", "Nothing was entered, so nothing has changed.")
    ]
    assert StoredSetting.objects.get().value == NEW_SALT


def test_what_is_stored_can_be_removed(send: Any) -> None:
    store({"SIMULATOR_SALT": NEW_SALT, "SIMULATOR_API_URL": "http://127.0.0.1:9/"}, user_id=None)
    assert messages_of(send("remove_salt")) == [("success", "Removed: salt.")]
    assert list(StoredSetting.objects.values_list("pk", flat=True)) == ["SIMULATOR_API_URL"]
    assert not games()["simulator"].is_on


def test_a_game_is_switched_off_and_on_and_keeps_its_salt(send: Any) -> None:
    store({"SIMULATOR_SALT": NEW_SALT, "SIMULATOR_API_URL": "http://127.0.0.1:9/"}, user_id=None)
    forget_stored_values()
    assert messages_of(send("off")) == [("success", "Switched off.")]
    assert not games()["simulator"].is_on
    said = "Switched on. The connection is being tested."
    assert messages_of(send("on"))[-1] == ("info", said)
    assert games()["simulator"].is_on
    assert games()["simulator"].salt == NEW_SALT


def test_a_new_feed_starts_without_the_failures_of_the_old_one(send: Any) -> None:
    Feed.objects.create(provider="simulator", failures=7, error="Old.", etag="x", last_modified="y")
    send("save", feed_url="http://127.0.0.1:9/feed")
    feed = Feed.objects.get()
    assert (feed.failures, feed.error, feed.etag, feed.last_modified) == (0, "", "", "")


def test_a_new_salt_is_probed_at_once_and_not_only_when_the_pause_ends(send: Any) -> None:
    budget = RateBudget(provider="simulator")
    budget.pause(PauseKind.SIGNATURE, "Sign Error.", now=None)
    budget.save()
    send("save", salt=NEW_SALT)
    budget.refresh_from_db()
    assert budget.pause_kind == PauseKind.SIGNATURE
    assert budget.paused_until is not None


# --- What is refused ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("salt", "https://host/api", "This is an address. Did you mean one of the fields below?"),
        ("salt", "two words", "A salt has no spaces. Did you copy more than the salt?"),
        ("feed_key", "https://host/", "This is an address. Did you mean the address of the feed?"),
        ("feed_key", "kéy", "Copy the key again"),
        ("feed_url", "feed.example.org/x", "Did you mean https://feed.example.org/x?"),
        ("feed_url", "https://feed.example.org", "Did you mean https://feed.example.org/feed?"),
        ("feed_url", "ftp://feed.example.org/x", "This is not a complete address."),
        ("feed_url", "https://me:secret@feed.example.org/", "must not contain a password"),
        ("feed_url", "http://[::1]/x", "leads to this machine or into a private network"),
        ("api_url", "http://10.0.0.1/api/gift_code", "leads to this machine or into a private"),
        ("api_url", "http://127.0.0.1:9", "Did you mean http://127.0.0.1:9/api/gift_code?"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_advice(
    send: Any, field: str, value: str, words: str
) -> None:
    (found,) = errors_of(send("save", **{field: value}))[field]
    assert words in found
    assert "secret" not in found
    assert not StoredSetting.objects.exists()


@pytest.mark.parametrize(
    ("secret", "url"), [("feed_key", "feed_url"), ("salt", "api_url")], ids=["feed", "game"]
)
def test_a_kept_secret_is_not_sent_to_another_host(send: Any, secret: str, url: str) -> None:
    first, other = "http://127.0.0.1:9/a", "http://127.0.0.1:10/a"
    send("save", **{secret: FEED_KEY, url: first})
    assert errors_of(send("save", **{url: other})) == {
        secret: ["Enter this secret again, because the host of its address has changed."]
    }
    assert send("save", **{url: first + "/b"}).status_code == 302
    send(f"remove_{url}")
    assert list(errors_of(send("save", **{url: other}))) == [secret]
    assert send("save", **{secret: FEED_KEY, url: other}).status_code == 302
    assert getattr(games()["simulator"], url) == other


# --- The environment overrides what is stored -----------------------------------------------------
def test_the_environment_overrides_what_is_stored_and_the_page_says_so(
    send: Any, admin_client: Client, settings: Any
) -> None:
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {"simulator": replace(config, salt="of-the-environment")}
    store({"SIMULATOR_SALT": NEW_SALT, "SIMULATOR_API_URL": "http://127.0.0.1:9/"}, user_id=None)
    forget_stored_values()
    shown = html(admin_client)
    assert "Set by the environment variable SIMULATOR_SALT; change it there" in shown
    assert "The environment sets the secret that belongs to this address" in shown
    assert 'name="salt"' not in shown
    assert games()["simulator"].salt == "of-the-environment"
    assert games()["simulator"].api_url == ""
    assert messages_of(send("remove_salt"))[0][0] == "warning"
    send("save", salt="another", api_url="http://127.0.0.1:9/api/gift_code")
    assert StoredSetting.objects.get(pk="SIMULATOR_SALT").value == NEW_SALT


def test_a_switch_that_the_environment_sets_has_no_button(
    send: Any, admin_client: Client, settings: Any
) -> None:
    config = settings.PROVIDERS["simulator"]
    fixed = replace(config, is_enabled=False, from_environment=frozenset({"is_enabled"}))
    settings.PROVIDERS = {"simulator": fixed}
    shown = html(admin_client)
    assert "The environment variable SIMULATOR_ON switches the game on or off" in shown
    assert 'value="on"' not in shown
    send("on")
    assert not StoredSetting.objects.exists()


# --- What is shown --------------------------------------------------------------------------------
def test_no_page_shows_a_secret_and_the_history_names_only_the_field(
    send: Any, admin_client: Client, simulator: Simulator, task_queue: TaskQueue
) -> None:
    send("save", salt=NEW_SALT, api_url=simulator.api_url, feed_key=FEED_KEY)
    send("save_channel", "", address=WEBHOOK)
    urls = [address(), address(""), reverse("admin:live_connection", args=["simulator"])]
    for model in ("ratebudget", "logentry"):
        label = "admin" if model == "logentry" else "giftcodes"
        urls.append(reverse(f"admin:{label}_{model}_changelist"))
    urls.append(reverse("admin:giftcodes_ratebudget_history", args=["simulator"]))
    pages = [admin_client.get(url).content.decode() for url in urls]
    assert not [secret for secret in SECRETS for page in pages if secret in page]
    assert re.search(r"Set on .* by admin\. Its fingerprint is [0-9a-f]{6}", pages[0])
    assert "Set: salt, API key of the feed, address of the game." in pages[-1]
    assert "OPERATOR_CHANNEL" in pages[-2]
    kept = [*LogEntry.objects.values_list("change_message", "object_repr"), task_queue.enqueued]
    assert not [secret for secret in SECRETS if secret in str(kept)]


def test_a_refused_secret_is_not_sent_back(send: Any) -> None:
    response = send("save", salt=NEW_SALT, feed_url="nonsense")
    assert NEW_SALT not in response.content.decode()


def test_a_value_whose_key_is_lost_counts_as_not_set(admin_client: Client) -> None:
    store({"SIMULATOR_SALT": NEW_SALT}, user_id=None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_storedsetting SET value = 'enc1:00000000:x'")
    forget_stored_values()
    assert games()["simulator"].salt == ""
    assert "cannot be decrypted" in html(admin_client)


# --- The test of the connection -------------------------------------------------------------------
def test_saving_asks_a_worker_for_a_test_and_the_page_shows_what_the_test_found(
    send: Any, admin_client: Client, simulator: Simulator, task_queue: TaskQueue
) -> None:
    send("save", salt=SALT, api_url=simulator.api_url, feed_url=simulator.feed_url)
    assert task_queue.enqueued == [("check_connection", ["simulator", 1])]
    live = reverse("admin:live_connection", args=["simulator"])
    assert "Being tested" in html(admin_client) or "no worker runs" in html(admin_client)
    assert admin_client.get(live).json()["again_in_seconds"] == 1

    tasks.check_connection("simulator", 1)

    answer = admin_client.get(live).json()
    assert answer["again_in_seconds"] is None
    shown = answer["parts"]["connection"]
    assert "Connected" in shown
    assert "accepts our signature" in shown
    assert "Next: add a guild" in html(admin_client)
    assert len(simulator.ledger()["requests"]) == 1


def test_a_wrong_salt_is_reported_in_plain_words(
    send: Any, admin_client: Client, simulator: Simulator
) -> None:
    send("save", salt="wrong", api_url=simulator.api_url)
    tasks.check_connection("simulator", 1)
    shown = html(admin_client)
    assert "Cannot be used" in shown
    assert "the salt is wrong, or has changed" in shown
    assert "SIMULATOR_SALT" not in shown
    assert "Salt<" not in shown.partition('class="findings"')[2].partition("</ul>")[0]


def test_a_game_whose_feed_fails_is_not_simply_connected(
    send: Any, admin_client: Client, simulator: Simulator
) -> None:
    wrong = simulator.feed_url.replace("/feed", "/nothing-here")
    send("save", salt=SALT, api_url=simulator.api_url, feed_url=wrong)
    tasks.check_connection("simulator", 1)
    shown = html(admin_client)
    assert "Connected, but its feed fails" in shown
    advice = "Check the address of the feed under “Connect a game”."
    assert "Check the address of the feed below." in shown
    assert advice not in shown
    assert "SIMULATOR_FEED_URL in" not in shown
    home = admin_client.get("/admin/").content.decode()
    steps = home.split('class="panel steps"')[1].split("<li")[1]
    assert "step-done" not in steps
    assert advice in steps
    assert "The feed of Simulator fails, so no new code is found" in home
    live = reverse("admin:live_games")
    assert "1 feed fails" in admin_client.get(live).json()["parts"]["connect_game"]
    send("save", feed_url=simulator.feed_url)
    tasks.check_connection("simulator", 2)
    assert "Connected<" in html(admin_client)


def test_a_game_that_does_not_answer_is_reported(send: Any, admin_client: Client) -> None:
    send("save", salt=SALT, api_url="http://127.0.0.1:9/api/gift_code")
    tasks.check_connection("simulator", 1)
    assert "127.0.0.1:9 is down" in html(admin_client)
    assert "Cannot be used" in html(admin_client)


def test_two_presses_ask_for_one_test_and_a_changed_salt_for_another(
    send: Any, simulator: Simulator, task_queue: TaskQueue
) -> None:
    send("save", salt=NEW_SALT, api_url=simulator.api_url)
    send("test")
    assert task_queue.arguments("check_connection") == [["simulator", 1]]
    send("save", salt=SALT)
    assert task_queue.arguments("check_connection") == [["simulator", 1], ["simulator", 2]]
    tasks.check_connection("simulator", 1)
    assert simulator.ledger()["requests"] == []
    tasks.check_connection("simulator", 2)
    tasks.check_connection("simulator", 2)
    assert len(simulator.ledger()["requests"]) == 1
    assert ConnectionCheck.objects.get().is_good is True


def test_the_page_says_that_no_worker_runs_the_test(send: Any, admin_client: Client) -> None:
    send("save", salt=SALT, api_url="http://127.0.0.1:9/api/gift_code")
    assert "no worker runs" in html(admin_client)


# --- Alarms and the address of the site -----------------------------------------------------------
def test_the_operators_channel_and_the_sites_address_are_used_at_once(send: Any) -> None:
    from giftcodes import site_address
    from giftcodes.models.site_settings import operator_channel

    assert send("save_channel", "", address=WEBHOOK).status_code == 302
    assert send("save_site", "", address="https://codes.example.org/").status_code == 302
    assert operator_channel() == WEBHOOK
    assert site_address.link("/admin/") == "https://codes.example.org/admin/"
    send("remove_channel", "")
    send("remove_site", "")
    assert operator_channel() == ""
    assert site_address.link("/admin/") == ""


@pytest.mark.parametrize(
    ("act", "value", "words"),
    [
        ("save_channel", "https://example.org/hook", "not the address of a Discord webhook"),
        ("save_channel", "json://10.0.0.1/x", "private network"),
        ("save_channel", "", "Paste the address"),
        ("save_site", "codes.example.org", "Did you mean https://codes.example.org?"),
        ("save_site", "https://x.example/?a", "cannot be the beginning of a link"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    send: Any, act: str, value: str, words: str
) -> None:
    form = "channel_form" if act == "save_channel" else "site_form"
    (found,) = errors_of(send(act, "", address=value), form)["address"]
    assert words in found
    assert not StoredSetting.objects.exists()


def test_the_environment_decides_about_the_channel_and_the_address(
    send: Any, admin_client: Client, settings: Any
) -> None:
    settings.OPERATOR_CHANNEL, settings.SITE_URL = WEBHOOK, "https://codes.example.org"
    shown = html(admin_client, "")
    for name in ("OPERATOR_CHANNEL", "SITE_URL"):
        assert f"Set by the environment variable {name}; change it there" in shown
    for act in ("save_channel", "save_site", "remove_channel", "remove_site"):
        assert send(act, "", address="https://other.example.org").status_code == 302
    assert not StoredSetting.objects.exists()


# --- Who may open the pages -----------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.OFFICER, Role.VIEWER, Role.CUSTOM])
def test_only_administrators_open_the_pages(client: Client, role: Role, db: None) -> None:
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    user = User.objects.create_user("somebody")
    give_flags(user, role)
    user.save()
    give_group(user, role)
    Guild.objects.create(name="Wolves", provider="simulator", realm=1).officers.add(user)
    client.force_login(user)
    for url in (address(), address(""), reverse("admin:live_connection", args=["simulator"])):
        assert client.get(url).status_code == 403
        assert client.post(url, {"act": "save", "salt": NEW_SALT}).status_code == 403
    assert not StoredSetting.objects.exists()
    assert reverse("admin:connect_game") not in client.get("/admin/").content.decode()


def test_a_game_that_does_not_exist_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(address("chess")).status_code == 404
    live = reverse("admin:live_connection", args=["chess"])
    assert admin_client.get(live).status_code == 404


# --- What other pages say about the connection ----------------------------------------------------
def test_the_first_steps_say_how_far_the_connection_is(
    send: Any, admin_client: Client, simulator: Simulator
) -> None:
    def step() -> str:
        steps = admin_client.get("/admin/").content.decode().split('class="panel steps"')[1]
        return steps.split("<li")[1]

    assert 'aria-current="step"' in step()
    assert reverse("admin:connect_game") in step()
    send("save", salt=SALT, api_url=simulator.api_url)
    assert "is being tested" in step()
    ConnectionCheck.objects.finish(
        "simulator",
        1,
        [(Topic.GAME, Finding.of(FindingKind.SIGNATURE_REFUSED, host="h", said="s", salt="X"))],
    )
    assert "cannot be used" in step()
    assert "the salt is wrong, or has changed" in step()
    send("test")
    tasks.check_connection("simulator", 2)
    assert "step-done" in step()


def test_the_list_of_games_says_whether_each_is_connected(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    store({"SIMULATOR_SALT": SALT, "SIMULATOR_API_URL": "http://127.0.0.1:9/x"}, user_id=None)
    forget_stored_values()
    shown = admin_client.get(reverse("admin:giftcodes_ratebudget_changelist")).content.decode()
    assert "not tested yet" in shown
    assert "It has no salt, which signs the requests." in shown
    one = reverse("admin:giftcodes_ratebudget_change", args=["simulator"])
    assert address() in admin_client.get(one).content.decode()
