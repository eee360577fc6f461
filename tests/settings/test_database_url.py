"""DATABASE_URL means the same as in PostgreSQL's own programs."""

from __future__ import annotations

import pytest

from redeemer.database_url import django_settings, parameters, with_name
from redeemer.environment import SettingError


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgres://u@%2Fsocket%2Fdir/db", {"user": "u", "host": "/socket/dir", "dbname": "db"}),
        ("postgres:///db?host=/socket", {"host": "/socket", "dbname": "db"}),
        ("postgres://u@/db?host=%2Fsocket", {"user": "u", "host": "/socket", "dbname": "db"}),
        (
            "postgresql://u:p%40s%2F@h:6432/db",
            {"user": "u", "password": "p@s/", "host": "h", "port": "6432"},
        ),
        (
            "postgres://u:p@s/s#w%@h/db",
            {"user": "u", "password": "p@s/s#w%", "host": "h", "dbname": "db"},
        ),
        ("postgres://u:$a*b@h/db", {"password": "$a*b"}),
        ("postgres://u:p%zz%40@h/db", {"password": "p%zz@"}),
        ("postgres://u@[::1]:5/db", {"host": "::1", "port": "5"}),
        ("postgres://h1:1,h2:2/db", {"host": "h1,h2", "port": "1,2"}),
        (
            "postgres://h/db?sslmode=require&sslrootcert=/a%20b",
            {"sslmode": "require", "sslrootcert": "/a b"},
        ),
        ("pgsql://h/an%20other%2Fone", {"dbname": "an other/one"}),
        ("postgres://h/db?conn_max_age=60", {"host": "h", "dbname": "db"}),
    ],
)
def test_a_url_is_read(url: str, found: dict[str, str]) -> None:
    assert found.items() <= parameters(url).items()


@pytest.mark.parametrize(
    "url",
    [
        "hush",
        "mysql://u:hush@h/db",
        "sqlite:///hush",
        "postgres:/u:hush@h/db",
        "postgres://u:hu/sh",
        "postgres://h/db?nosuch=hush",
        "postgres://u:hush@h:port/db",
        "postgres://u:hu?hush@h/db",
        "postgres://u:hush@[::1/db",
        "postgres://u:p@h/db?host=%zzhush",
        "postgres://u:hush%ff@h/db",
    ],
)
def test_an_invalid_url_gives_an_error_of_one_line_without_the_password(url: str) -> None:
    with pytest.raises(SettingError, match=r"^DATABASE_URL") as refusal:
        parameters(url)

    assert "hush" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.__context__ is None


def test_django_gets_its_own_parameters_and_all_others_as_options() -> None:
    assert django_settings("postgres://u:p@h:1/db?sslmode=require&conn_max_age=60") == {
        "NAME": "db",
        "USER": "u",
        "PASSWORD": "p",
        "HOST": "h",
        "PORT": "1",
        "CONN_MAX_AGE": 60,
        "OPTIONS": {"sslmode": "require"},
    }


def test_a_url_without_a_database_is_refused_for_the_site() -> None:
    with pytest.raises(SettingError, match="does not name a database"):
        django_settings("postgres://u:hush@h")


@pytest.mark.parametrize(
    "url", ["postgres://u:p%40s/@h:1/db?sslmode=require", "postgres://u@%2Fsocket/db"]
)
def test_the_url_of_another_database_differs_only_in_the_name(url: str) -> None:
    assert parameters(with_name(url, "an other/one")) == {
        **parameters(url),
        "dbname": "an other/one",
    }
