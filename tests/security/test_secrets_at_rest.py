"""A dump of the database shows no secret, and a lost key crashes nothing."""

from __future__ import annotations

import base64
import importlib
import io
import re
import subprocess
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client, override_settings
from django.urls import reverse

from giftcodes import encryption, tasks
from giftcodes.checks.secrets import check_encryption_keys, check_key_strength
from giftcodes.models import Alarm, Announcement, Channel, Feed, Guild, JoinLink, Member, OptOut
from giftcodes.models.encrypted import Unreadable, encrypt_again
from giftcodes.models.feed import FeedKind
from giftcodes.models.games import games
from giftcodes.notifications import announcements, causes
from giftcodes.queries.player_data import data_of
from giftcodes.services import imports, players
from redeemer.backups.address import Address
from redeemer.backups.programs import client_to_dump
from redeemer.sessions import stored_key
from redeemer.startup_errors import require_secret_key
from tests.admin import past
from tests.databases import url_of
from tests.factories import guild
from tests.member_lists import read_members

migration = importlib.import_module("giftcodes.migrations.0026_encrypted_addresses")
sessions_migration = importlib.import_module("giftcodes.migrations.0027_hashed_sessions")
TOKEN = "aVerySecretToken-_456"
ADDRESS = f"https://discord.com/api/webhooks/4711/{TOKEN}"
OLD_KEY = "only-for-tests-an-old-key-0123456789"
NEW_KEY = "only-for-tests-a-new-key-0123456789"


def stored() -> list[str]:
    """The addresses of the channels, as the table holds them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM giftcodes_channel ORDER BY id")
        return [address for (address,) in cursor.fetchall()]


def dump() -> str:
    """The whole database, as pg_dump writes it."""
    address = Address(url_of(str(connection.settings_dict["NAME"])))
    with address.connect() as opened:
        major = opened.info.server_version // 10_000
    program = client_to_dump(major, needs_tls=False).program("pg_dump")
    done = subprocess.run(
        [program, "--no-password"],
        env=address.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def messages_in_the_broker() -> str:
    """The messages that wait for a worker, with their bodies decoded, and the names of all keys."""
    broker: Any = redis.Redis.from_url(django_settings.CELERY_BROKER_URL)
    with closing(broker):
        raw = b"".join(part for key in ("control", "redeem") for part in broker.lrange(key, 0, -1))
        bodies = [base64.b64decode(body) for body in re.findall(rb'"body": ?"([^"]+)"', raw)]
        return (raw + b"".join([*broker.keys("*"), *bodies])).decode()


def join_as_a_player(client: Client, wolves: Guild) -> dict[str, str]:
    """A player joins, and an officer makes a personal link. Returns the tokens of the links."""
    joins = reverse("admin:joining", args=[wolves.pk])
    assert client.post(joins, {"act": "make", "approval": "no"}).status_code == 302
    link = JoinLink.objects.get()
    form = {"player_id": "300000001", "realm": "1042", "nickname": "Anna", "consent": "on"}
    joined = Client().post(reverse("players:join", args=[link.token]), form)
    made = client.post(reverse("admin:personal_link", args=[Member.objects.latest("pk").pk]))
    found = re.search(r"pl-[a-z0-9]{28}", made.content.decode())
    assert found
    return {
        "join link": link.token,
        "link of the player": joined["Location"].split("/")[2],
        "link of the officer": found[0],
    }


# --- The dump -------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_dump_without_the_key_shows_no_secret(settings: Any) -> None:
    """The dump is made after a person has used the site, and messages and feeds have failed."""
    secrets = {
        "address": TOKEN,
        "second address": "anotherSecretToken-_789",
        "salt": "SaltOfTheGame",
        "feed key": "KeyOfTheFeed",
        "directory key": "KeyOfTheDirectory",
        "operator": "OperatorsToken",
        "entered salt": "SaltOfTheBrowser",
        "entered key": "KeyOfTheBrowser",
        "address of a feed": "PathOfTheFeed",
        "key of a feed": "KeyOfTheAddedFeed",
        "site": settings.SECRET_KEY,
        "password": "correct-horse-battery",
        "wrong password": "wrong-horse-battery",
    }
    settings.PROVIDERS = {
        name: replace(
            config,
            salt=secrets["salt"],
            feed_url="http://127.0.0.1:9/codes",
            feed_key=secrets["feed key"],
            directory_url="http://127.0.0.1:9/players/{id}",
            directory_key=secrets["directory key"],
        )
        for name, config in settings.PROVIDERS.items()
    }
    open_game = replace(settings.PROVIDERS["kingshot"], salt="", feed_url="", feed_key="")
    settings.PROVIDERS = {**settings.PROVIDERS, "kingshot": open_game}
    settings.OPERATOR_CHANNEL = f"https://127.0.0.1:9/api/webhooks/1/{secrets['operator']}"
    settings.ANNOUNCE_SECONDS = 1.0
    User.objects.create_superuser("admin", password=secrets["password"])
    client = Client()
    login = {"username": "admin", "password": secrets["wrong password"]}
    assert client.post(reverse("admin:login"), login).status_code == 200
    login["password"] = secrets["password"]
    assert client.post(reverse("admin:login"), login).status_code == 302
    wolves = guild("Wolves")
    form = {"guild": wolves.pk, "address": f"http://127.0.0.1:9/api/webhooks/1/{TOKEN}"}
    assert client.post(reverse("admin:giftcodes_channel_add"), form).status_code == 302
    channel = Channel.objects.get()
    row = past.redemption()
    row.guild = wolves
    row.save()
    Announcement.objects.create(
        redemption=row, channel=channel, run_number=1, kind=Announcement.Kind.COMPLETE
    )
    tasks.enqueue_on_commit(tasks.send_announcement, 1, 1)
    for claim in announcements.claim():
        announcements.send(*claim)
    form["address"] = f"http://127.0.0.1:9/api/webhooks/1/{secrets['second address']}"
    change = reverse("admin:giftcodes_channel_change", args=[channel.pk])
    assert client.post(change, form).status_code == 302
    entered = {"salt": secrets["entered salt"], "feed_key": secrets["entered key"], "act": "save"}
    connect = reverse("admin:connect_one_game", args=["kingshot"])
    assert client.post(connect, entered).status_code == 302
    added = {
        "provider": "simulator",
        "name": "second",
        "address": f"http://127.0.0.1:9/{secrets['address of a feed']}",
        "api_key": secrets["key of a feed"],
        "trust": "trusted",
        "interval_seconds": 60,
    }
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    add = reverse("admin:giftcodes_feed_add")
    assert client.post(f"{add}?kind=community", added).status_code == 302
    feeds = reverse("admin:giftcodes_feed_changelist")
    pushed = Feed.objects.create(provider="simulator", name="hook", kind=FeedKind.PUSHED)
    for feed in Feed.objects.filter(provider="simulator").exclude(pk=pushed.pk):
        press = {"action": "poll_now", "_selected_action": feed.pk, "index": 0}
        assert client.post(feeds, press).status_code == 302
    press = {"action": "new_token", "_selected_action": pushed.pk, "index": 0}
    secrets["token of a feed"] = client.post(feeds, press).context["token"]
    Alarm.objects.raise_once(Alarm.Kind.BAD_ROW, "1", "A row.")
    call_command("status", stdout=io.StringIO())

    secrets["session"] = client.cookies["sessionid"].value
    secrets |= join_as_a_player(client, wolves)

    text = dump() + messages_in_the_broker()

    channel.refresh_from_db()
    assert channel.address.endswith(secrets["second address"])
    assert Announcement.objects.get().error
    assert "Wolves" in text
    assert "giftcodes_channel" in text
    assert "giftcodes.tasks.send_announcement" in text
    assert "giftcodes.tasks.check_connection" in text
    assert games()["kingshot"].salt == secrets["entered salt"]
    assert stored_key(secrets["session"]) in text
    assert [name for name, secret in secrets.items() if secret in text] == []


# --- Upgrades -------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db
def test_an_upgrade_encrypts_the_addresses_and_a_downgrade_decrypts_them(monkeypatch: Any) -> None:
    monkeypatch.setattr(migration, "_BATCH", 3)
    state = MigrationLoader(connection).project_state(("giftcodes", "0025_words_again"))
    before = state.apps.get_model("giftcodes", "Channel")
    of = state.apps.get_model("giftcodes", "Guild")
    texts = [f"{ADDRESS}{number}" for number in range(8)]
    for number, text in enumerate(texts):
        wolves = of.objects.create(name=f"Wolves {number}", provider="simulator", realm=1)
        before.objects.create(guild=wolves, address=text)
    assert stored() == texts

    migration.encrypt(state.apps, None)
    kept = stored()
    assert all(text.startswith(encryption.prefixes()[0]) for text in kept)
    assert [channel.address for channel in Channel.objects.order_by("pk")] == texts
    migration.encrypt(state.apps, None)
    assert stored() == kept

    migration.decrypt(state.apps, None)
    assert stored() == texts
    # Plain texts are read, too: an earlier release may have written a row during the migration.
    assert [channel.address for channel in Channel.objects.order_by("pk")] == texts
    assert Channel.objects.encrypt_again() == len(texts)
    assert all(encryption.is_encrypted(text) for text in stored())


@pytest.mark.django_db
@override_settings(SECRET_KEY="")
def test_without_channels_the_upgrade_needs_no_key() -> None:
    state = MigrationLoader(connection).project_state(("giftcodes", "0025_words_again"))
    migration.encrypt(state.apps, None)
    before = state.apps.get_model("giftcodes", "Channel")
    before.objects.create(guild_id=guild().pk, address=ADDRESS)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        migration.encrypt(state.apps, None)


@pytest.mark.django_db
def test_people_stay_logged_in_when_sessions_are_hashed(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:index")).status_code == 200
    key = admin_client.cookies["sessionid"].value
    assert Session.objects.get().session_key == stored_key(key)
    Session.objects.update(session_key=key)
    assert admin_client.get(reverse("admin:index")).status_code == 302

    admin_client.cookies["sessionid"] = key
    with connection.cursor() as cursor:
        cursor.execute(sessions_migration.HASH)
    assert admin_client.get(reverse("admin:index")).status_code == 200
    assert Session.objects.get().session_key == stored_key(key)


@pytest.mark.django_db
def test_a_login_changes_the_session_and_a_logout_deletes_it(client: Client) -> None:
    User.objects.create_superuser("admin", password="correct-horse")
    client.session.save()
    form = {"username": "admin", "password": "correct-horse"}
    assert client.post(reverse("admin:login"), form).status_code == 302
    key = client.cookies["sessionid"].value
    assert client.get(reverse("admin:index")).status_code == 200
    assert list(Session.objects.values_list("pk", flat=True)) == [stored_key(key)]

    stolen = Client()
    stolen.cookies["sessionid"] = stored_key(key)
    assert stolen.get(reverse("admin:index")).status_code == 302

    client.post(reverse("admin:logout"))
    assert not Session.objects.exists()


# --- The field ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_equal_addresses_are_stored_differently_and_cannot_be_compared() -> None:
    for _ in range(2):
        Channel.objects.create(guild=guild(), address=ADDRESS)
    one, two = stored()
    assert one != two
    assert TOKEN not in one + two
    assert {channel.address for channel in Channel.objects.all()} == {ADDRESS}
    for lookup in ("", "__exact", "__startswith", "__regex", "__in", "__gt", "__lower"):
        with pytest.raises(FieldError):
            Channel.objects.filter(**{f"address{lookup}": ADDRESS}).exists()


@pytest.mark.django_db
def test_djangos_dump_holds_no_secret_and_can_be_loaded() -> None:
    channel = Channel.objects.create(guild=guild(), address=ADDRESS)
    dumped = serializers.serialize("json", [channel])
    assert TOKEN not in dumped

    Channel.objects.all().delete()
    for row in serializers.deserialize("json", dumped):
        row.save()
    assert Channel.objects.get().address == ADDRESS


@pytest.mark.django_db
def test_a_stored_address_that_was_changed_is_unreadable() -> None:
    Channel.objects.create(guild=guild(), address=ADDRESS)
    (text,) = stored()
    forged = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_channel SET address = %s", [forged])
    assert not Channel.objects.get().is_readable


# --- Keys -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_lost_key_loses_the_address_until_the_key_is_back() -> None:
    Channel.objects.create(guild=guild("Wolves"), address=ADDRESS)
    before = stored()

    for other in (NEW_KEY, ""):
        with override_settings(SECRET_KEY=other):
            channel = Channel.objects.get()
            assert (channel.is_readable, channel.address) == (False, "")
            assert isinstance(channel.address, Unreadable)
            channel.save()
            assert stored() == before

    assert Channel.objects.get().address == ADDRESS


@pytest.mark.django_db
def test_a_lost_key_raises_an_alarm_for_the_channel(settings: Any) -> None:
    row = past.redemption()
    channel = Channel.objects.create(guild=row.guild, address=ADDRESS)
    assert causes.find() == [] or all(
        finding.kind != Alarm.Kind.CHANNEL_SILENT for finding in causes.find()
    )
    settings.SECRET_KEY = NEW_KEY
    (finding,) = [one for one in causes.find() if one.kind == Alarm.Kind.CHANNEL_SILENT]
    assert "Put the old key back, or enter the address again." in finding.message
    assert finding.subject == str(channel.pk)


@pytest.mark.django_db(transaction=True)
def test_a_message_without_a_readable_address_is_given_up_with_an_alarm(settings: Any) -> None:
    row = past.redemption()
    channel = Channel.objects.create(guild=row.guild, address=ADDRESS)
    Announcement.objects.create(
        redemption=row, channel=channel, run_number=1, kind=Announcement.Kind.COMPLETE
    )
    settings.SECRET_KEY = NEW_KEY
    for claim in announcements.claim():
        announcements.send(*claim)
    assert Announcement.objects.get().state == "failed"
    alarm = Alarm.objects.get(kind=Alarm.Kind.CHANNEL_GONE)
    assert "Its address cannot be decrypted" in alarm.message


@pytest.mark.django_db
def test_the_page_asks_again_for_an_address_if_the_stored_one_cannot_be_read(
    admin_client: Client, settings: Any
) -> None:
    channel = Channel.objects.create(guild=guild(), address=ADDRESS)
    page = reverse("admin:giftcodes_channel_change", args=[channel.pk])
    settings.ENCRYPTION_KEYS = []
    encrypted_elsewhere = encryption._derived(OLD_KEY)
    with connection.cursor() as cursor:
        text = encrypted_elsewhere.prefix + encrypted_elsewhere.fernet.encrypt(b"x").decode()
        cursor.execute("UPDATE giftcodes_channel SET address = %s", [text])

    for shown in (page, reverse("admin:giftcodes_channel_changelist")):
        assert "Its address cannot be decrypted" in admin_client.get(shown).content.decode()
    refused = admin_client.post(page, {"address": ""})
    assert refused.status_code == 200
    assert "This field is required" in refused.content.decode()
    assert stored() == [text]

    assert admin_client.post(page, {"address": ADDRESS}).status_code == 302
    assert Channel.objects.get().address == ADDRESS


@pytest.mark.django_db
def test_a_new_key_takes_over_and_the_old_one_can_be_removed(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD_KEY]
    wolves, bears = guild(), guild()
    Channel.objects.create(guild=wolves, address=ADDRESS)
    settings.ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    Channel.objects.create(guild=bears, address=ADDRESS)
    old, new = stored()
    assert old[: encryption.PREFIX_LENGTH] != new[: encryption.PREFIX_LENGTH]

    tasks.prune()
    assert [text[: encryption.PREFIX_LENGTH] for text in stored()] == encryption.prefixes()[:1] * 2
    assert stored()[1] == new

    settings.ENCRYPTION_KEYS = [NEW_KEY]
    assert {channel.address for channel in Channel.objects.all()} == {ADDRESS}
    assert Channel.objects.encrypt_again() == 0


@pytest.mark.django_db
def test_an_empty_secret_is_not_encrypted_again() -> None:
    Feed.objects.main_of("simulator")
    for name in ("address", "api_key"):
        assert encrypt_again(Feed.objects.all(), name) == 0


@pytest.mark.django_db
def test_an_encryption_key_takes_over_from_the_secret_key(settings: Any) -> None:
    Channel.objects.create(guild=guild(), address=ADDRESS)
    settings.ENCRYPTION_KEYS = [NEW_KEY]
    assert Channel.objects.get().address == ADDRESS
    assert Channel.objects.encrypt_again() == 1
    settings.SECRET_KEY = OLD_KEY
    assert Channel.objects.get().address == ADDRESS


def test_a_short_key_is_refused_without_showing_it(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [NEW_KEY, "short-key"]
    (problem,) = check_encryption_keys()
    assert problem.id == "giftcodes.E016"
    assert "short-key" not in str(problem)
    settings.ENCRYPTION_KEYS = [NEW_KEY]
    assert check_encryption_keys() == []


WEAK_KEYS = [
    "abc",
    "x" * 31,
    "x" * 80,
    "abab" * 20,
    "django-insecure-0k2h8d7s5f4g3a2q1w9e8r7t6y5u4i3o2p1",
]


@pytest.mark.parametrize("key", WEAK_KEYS)
def test_a_site_with_a_key_that_can_be_guessed_does_not_start(settings: Any, key: str) -> None:
    """The message says how to replace the key, and does not repeat it."""
    settings.SECRET_KEY = key
    with pytest.raises(ImproperlyConfigured, match="OLD_SECRET_KEY") as caught:
        require_secret_key()
    (problem,) = check_key_strength()
    for text in (str(caught.value), str(problem)):
        assert "can be guessed" in text
        assert "openssl rand -hex 32" in text
        assert key not in text
    assert problem.id == "giftcodes.E017"


@pytest.mark.parametrize(
    "key", ["0123456789abcdef" * 4, "qB3_x-7VtZ0kLw9RmYd2HsEuJ5nCfA1pGoT8iXvQ4bM", NEW_KEY]
)
def test_a_generated_key_is_accepted(settings: Any, key: str) -> None:
    settings.SECRET_KEY = key
    require_secret_key()
    assert check_key_strength() == []


@pytest.mark.django_db
def test_addresses_and_opt_outs_are_still_read_after_the_key_was_replaced(settings: Any) -> None:
    settings.SECRET_KEY = "weak"
    wolves = guild()
    Channel.objects.create(guild=wolves, address=ADDRESS)
    players.opt_out(wolves.provider, "300000001")

    settings.SECRET_KEY, settings.OLD_SECRET_KEY = NEW_KEY, "weak"

    assert Channel.objects.get().address == ADDRESS
    assert Channel.objects.encrypt_again() == 1
    with pytest.raises(ValidationError, match="has opted out"):
        Member(guild=wolves, player_id="300000001").clean()
    lines = read_members(b"player_id\n300000001\n").members
    assert imports.import_members(wolves.pk, lines).opted_out == ["300000001"]
    assert data_of(wolves.provider, "300000001")["opted_out"]
    assert not players.opt_out(wolves.provider, "300000001").changed
    assert players.opt_in(wolves.provider, "300000001").changed
    assert not OptOut.objects.exists()
    settings.OLD_SECRET_KEY = ""
    assert Channel.objects.get().address == ADDRESS
