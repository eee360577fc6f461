"""For a setting that cannot work, `check` gives an error that names it and says what is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connection

from giftcodes.models.stored_setting import store

SECRET = "aSecretPassword"


def problems(prefix: str = "giftcodes.") -> list[CheckMessage]:
    return [one for one in run_checks() if str(one.id).startswith(prefix)]


@pytest.fixture(autouse=True)
def _no_debug(settings: Any) -> None:
    settings.DEBUG = False
    assert problems("giftcodes.E") == []


BAD: list[tuple[str, Any, str]] = [
    ("CELERY_BROKER_URL", f"http://:{SECRET}@x", "REDIS_URL"),
    ("CELERY_BROKER_URL", f"{SECRET}", "REDIS_URL"),
    ("CELERY_BROKER_URL", f"redis://:{SECRET}@host:port/0", "REDIS_URL"),
    ("CELERY_BROKER_URL", f"redis://:{SECRET}@[::1/0", "REDIS_URL"),
    ("ALLOWED_HOSTS", ["https://codes.example.org"], "ALLOWED_HOSTS"),
    ("ALLOWED_HOSTS", ["codes.example.org:8000"], "ALLOWED_HOSTS"),
    ("ALLOWED_HOSTS", ["codes.example.org bears.example.org"], "ALLOWED_HOSTS"),
    ("ALLOWED_HOSTS", ["::1"], "ALLOWED_HOSTS"),
    ("ALLOWED_HOSTS", [], "ALLOWED_HOSTS"),
    ("CHANNEL_SCHEMES", ["exec"], "CHANNEL_SCHEMES"),
    ("CHANNEL_SCHEMES", ["signal whatsapp"], "CHANNEL_SCHEMES"),
    ("CHANNEL_SCHEMES", ["signal", "signall"], "CHANNEL_SCHEMES"),
    ("GAME_PRIVATE_HOSTS", ["10.0.0.0/99"], "GAME_PRIVATE_HOSTS"),
    ("METRICS_TOKEN", SECRET, "METRICS_TOKEN"),
    ("METRICS_TOKEN", "0" * 40, "METRICS_TOKEN"),
    ("BIND", "127.0.0.1:8000", "BIND"),
    ("BIND", "http://0.0.0.0", "BIND"),
    ("HTTP_CONNECT_SECONDS", 1e300, "HTTP_CONNECT_SECONDS"),
    ("ANNOUNCE_SECONDS", 0.0, "ANNOUNCE_SECONDS"),
    ("IN_FLIGHT_MAX", 10**15, "IN_FLIGHT_MAX"),
]


@pytest.mark.parametrize(("name", "value", "word"), BAD)
def test_a_value_that_cannot_work_is_an_error(
    settings: Any, name: str, value: Any, word: str
) -> None:
    setattr(settings, name, value)

    (problem,) = problems("giftcodes.E")

    assert word in problem.msg
    assert SECRET not in f"{problem.msg} {problem.hint}"


GOOD: list[tuple[str, Any]] = [
    ("CELERY_BROKER_URL", "rediss://:p%40w@host.example:6380/1?ssl_cert_reqs=required"),
    ("CELERY_BROKER_URL", "redis://[::1]:6379/0"),
    ("CELERY_BROKER_URL", "redis+socket:///run/valkey.sock"),
    ("CELERY_BROKER_URL", "sentinel://one:26379;sentinel://two:26379"),
    ("ALLOWED_HOSTS", ["codes.example.org", ".example.org", "[::1]", "192.0.2.1", "my_host"]),
    ("CHANNEL_SCHEMES", ["signal", "WhatsApp://"]),
    ("METRICS_TOKEN", "4f1c0a6be2b74d6c9f5b0d6a7f3e1c88"),
    ("BIND", "0.0.0.0"),
    ("BIND", "::"),
    ("BIND", "[::1]"),
    ("BIND", "fe80::1%eth0"),
    ("BIND", "my-host.example.org"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_value_that_works_is_accepted(settings: Any, name: str, value: Any) -> None:
    setattr(settings, name, value)

    assert problems("giftcodes.E") == []


@pytest.mark.parametrize("salt", ["", "salt"])
@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("api_url", "ftp://x", "WHITEOUT_API_URL"),
        ("api_url", "https://", "WHITEOUT_API_URL"),
        ("api_url", "https://host:port/", "WHITEOUT_API_URL"),
        ("feed_url", "nonsense", "WHITEOUT_FEED_URL"),
        ("feed_url", "https://[x/", "WHITEOUT_FEED_URL"),
        ("feed_url", "https://a b/", "WHITEOUT_FEED_URL"),
        ("directory_url", "https://[x/{id}", "WHITEOUT_DIRECTORY_URL"),
        ("feed_key", "ключ", "WHITEOUT_FEED_KEY"),
        ("directory_key", " aSecretPassword", "WHITEOUT_DIRECTORY_KEY"),
    ],
)
def test_an_address_or_key_that_cannot_be_used_is_an_error(
    settings: Any, field: str, value: str, word: str, salt: str
) -> None:
    """It is an error even if the game is off."""
    config = replace(
        settings.PROVIDERS["whiteout"], salt=salt, directory_url="https://x.example/{id}"
    )
    settings.PROVIDERS = {**settings.PROVIDERS, "whiteout": replace(config, **{field: value})}

    (problem,) = problems("giftcodes.E")

    assert word in problem.msg
    assert "key" not in field or value.strip() not in f"{problem.msg} {problem.hint}"


def test_allowing_every_host_is_a_warning_except_for_development(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert [one.id for one in problems("giftcodes.") if "ALLOWED_HOSTS" in one.msg] == [
        "giftcodes.W003"
    ]
    settings.DEBUG = True
    assert not any("ALLOWED_HOSTS" in one.msg for one in problems())


# --- What was entered in the browser --------------------------------------------------------------
def of_the_database() -> list[str]:
    return [str(one.id) for one in run_checks(databases=["default"])]


@pytest.mark.django_db
def test_there_is_no_warning_if_a_game_is_connected_in_the_browser(settings: Any) -> None:
    settings.PROVIDERS = {
        name: replace(config, salt="") for name, config in settings.PROVIDERS.items()
    }
    assert "giftcodes.W001" in of_the_database()
    store({"WHITEOUT_SALT": SECRET}, user_id=None)
    assert "giftcodes.W001" not in of_the_database()
    store({"WHITEOUT_ON": "0"}, user_id=None)
    assert "giftcodes.W001" in of_the_database()


@pytest.mark.django_db
def test_a_setting_whose_key_is_lost_is_named_and_not_shown() -> None:
    store({"WHITEOUT_SALT": SECRET}, user_id=None)
    assert "giftcodes.W004" not in of_the_database()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_storedsetting SET value = 'enc1:00000000:x'")
    (found,) = [one for one in run_checks(databases=["default"]) if one.id == "giftcodes.W004"]
    assert "WHITEOUT_SALT" in found.msg


@pytest.mark.django_db
def test_before_the_migration_there_is_nothing_to_check() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE giftcodes_storedsetting RENAME TO another")
    assert "giftcodes.W004" not in of_the_database()
