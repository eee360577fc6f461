"""DATABASE_URL, parsed by libpq, so that it means the same as in PostgreSQL's own programs."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from redeemer.environment import SettingError

_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}
_FORM = "postgres://user:password@host/name"
#: Options that libpq does not know, and that earlier releases of Redeemer accepted.
_DJANGO_OPTIONS = {
    "conn_max_age",
    "conn_health_checks",
    "disable_server_side_cursors",
    "atomic_requests",
    "autocommit",
}
_DJANGO_NAMES = {
    "dbname": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}


def parameters(url: str) -> dict[str, str]:
    """Return the connection parameters in a URL, by their libpq names.

    Args:
        url: the value of DATABASE_URL. In the password, `?` must be percent-encoded, and `%` if two
            hexadecimal digits follow it. In the other parts, every reserved character must be. The
            folder of a socket is written as the host `%2Fvar%2Frun`, or as `?host=/var/run`.

    Raises:
        SettingError: `url` is not valid. The error text does not show it, because it contains a
            password.
    """
    return _parse(url)[0]


def django_settings(url: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for a URL, without ENGINE.

    Raises:
        SettingError: the URL is not valid, or does not name a database.
    """
    found, options = _parse(url)
    settings: dict[str, Any] = {
        django_name: found.pop(name, "") for name, django_name in _DJANGO_NAMES.items()
    }
    if not settings["NAME"]:
        raise SettingError(f"DATABASE_URL does not name a database. Write {_FORM}")
    return settings | options | {"OPTIONS": found}


def with_name(url: str, name: str) -> str:
    """Return the URL of another database on the same server.

    Raises:
        SettingError: `url` is not valid.
    """
    others = {keyword: value for keyword, value in parameters(url).items() if keyword != "dbname"}
    return f"postgresql:///{quote(name, safe='')}?{urlencode(others, quote_via=quote)}"


def _parse(url: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the parameters for libpq and the options for Django."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise SettingError(f"DATABASE_URL must be a postgres:// address, in the form {_FORM}")
    before, _, query = rest.partition("?")
    account, at, place = before.rpartition("@")
    if "@" in query and not at:
        raise SettingError(
            "DATABASE_URL cannot be read: in the password, write ? as %3F and @ as %40."
        )
    # Django's options are taken out. All others are passed to libpq unchanged.
    libpq_options: list[str] = []
    django_options: dict[str, Any] = {}
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name.lower() in _DJANGO_OPTIONS:
            django_options |= _django_option(name.lower(), value)
        else:
            libpq_options.append(option)
    query = f"?{'&'.join(libpq_options)}" if libpq_options else ""
    try:
        found = conninfo_to_dict(f"postgresql://{_encoded(account)}{at}{place}{query}")
    except psycopg.Error:
        # libpq's error shows the part that it cannot parse, which may be the password.
        problem = (
            f"DATABASE_URL cannot be read. Write {_FORM}, and encode reserved characters: @ as %40 "
            "and / as %2F."
        )
    else:
        _check_port(str(found.get("port", "")))
        return {name: str(value) for name, value in found.items()}, django_options
    raise SettingError(problem)


def _check_port(ports: str) -> None:
    """Refuse a port that is not a number.

    Such a port may be the end of a password, and libpq would show it in an error message.
    """
    if not all(re.fullmatch(r"[0-9]*", port) for port in ports.split(",")):
        raise SettingError(
            f"DATABASE_URL: the port must be a number. Write {_FORM}, and encode / in the password "
            "as %2F."
        )


def _encoded(account: str) -> str:
    """Return the user and the password with every reserved character percent-encoded.

    A `%` without two hexadecimal digits after it stands for itself.

    Raises:
        SettingError: an encoded character is not UTF-8.
    """
    parts = account.split(":", 1)
    try:
        return ":".join(quote(unquote(part, errors="strict"), safe="") for part in parts)
    except UnicodeDecodeError:
        # The error is not chained, because it contains the password.
        problem = (
            "DATABASE_URL: the user or the password has an encoded character that is not UTF-8. "
            "Write % as %25."
        )
    raise SettingError(problem)


def _django_option(name: str, value: str) -> dict[str, Any]:
    if name == "conn_max_age":
        if not re.fullmatch(r"[0-9]+", value):
            raise SettingError("DATABASE_URL: conn_max_age must be a whole number of seconds.")
        return {"CONN_MAX_AGE": int(value)}
    if name == "disable_server_side_cursors":
        return {"DISABLE_SERVER_SIDE_CURSORS": value.lower() in {"1", "true", "yes", "on"}}
    return {}
