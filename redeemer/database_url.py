"""DATABASE_URL: read by libpq itself, so that it means here what it means to PostgreSQL's own programs."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from redeemer.environment import SettingError

_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}
_FORM = "postgres://user:password@host/name"
#: What libpq does not know, and earlier versions of Redeemer took.
_OF_DJANGO = {
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
    """The connection parameters in a URL, by their names in libpq.

    Args:
        url: as in DATABASE_URL. A reserved character of a part is written with a percent sign: a folder of sockets as
            `%2Fvar%2Frun`, which may also stand in `?host=/var/run`. A password may hold them as they are.

    Raises:
        SettingError: it is no such URL. The text does not show it, because a password is in it.
    """
    return _read(url)[0]


def django_settings(url: str) -> dict[str, Any]:
    """What Django's DATABASES says for a URL, without ENGINE.

    Raises:
        SettingError: as `parameters`.
    """
    found, more = _read(url)
    settings: dict[str, Any] = {
        of_django: found.pop(name, "") for name, of_django in _DJANGO_NAMES.items()
    }
    if not settings["NAME"]:
        raise SettingError(f"DATABASE_URL does not name a database. Write {_FORM}")
    return settings | more | {"OPTIONS": found}


def at(url: str, name: str) -> str:
    """The URL of another database of the same server.

    Raises:
        SettingError: as `parameters`.
    """
    others = {keyword: value for keyword, value in parameters(url).items() if keyword != "dbname"}
    return f"postgresql:///{quote(name, safe='')}?{urlencode(others, quote_via=quote)}"


def _read(url: str) -> tuple[dict[str, str], dict[str, Any]]:
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise SettingError(f"DATABASE_URL must be a postgres:// address, in the form {_FORM}")
    before, _, query = rest.partition("?")
    account, at, place = before.rpartition("@")
    if "@" in query and not at:
        raise SettingError(
            "DATABASE_URL cannot be read: in the password, write ? as %3F and @ as %40."
        )
    # The other options go to libpq as they are.
    options: list[str] = []
    more: dict[str, Any] = {}
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name.lower() in _OF_DJANGO:
            more |= _of_django(name.lower(), value)
        else:
            options.append(option)
    asked = f"?{'&'.join(options)}" if options else ""
    try:
        found = conninfo_to_dict(f"postgresql://{_encoded(account)}{at}{place}{asked}")
    except psycopg.Error:
        # libpq shows the part that it cannot read, which may be the password.
        problem = f"DATABASE_URL cannot be read. Write {_FORM}, with reserved characters as %40 for @ or %2F for /."
    else:
        _check_port(str(found.get("port", "")))
        return {name: str(value) for name, value in found.items()}, more
    raise SettingError(problem)


def _check_port(ports: str) -> None:
    """libpq takes any text here, which would be shown in its error; it may be the end of a password."""
    if not all(re.fullmatch(r"[0-9]*", port) for port in ports.split(",")):
        raise SettingError(
            f"DATABASE_URL: the port must be a number. Write {_FORM}, with / in the password as %2F."
        )


def _encoded(account: str) -> str:
    """The user and the password, so that libpq reads every character of them as it is."""
    parts = account.split(":", 1)
    return ":".join(quote(unquote(part), safe="") for part in parts)


def _of_django(name: str, value: str) -> dict[str, Any]:
    if name == "conn_max_age":
        if not re.fullmatch(r"[0-9]+", value):
            raise SettingError("DATABASE_URL: conn_max_age must be a whole number of seconds.")
        return {"CONN_MAX_AGE": int(value)}
    if name == "disable_server_side_cursors":
        return {"DISABLE_SERVER_SIDE_CURSORS": value.lower() in {"1", "true", "yes", "on"}}
    return {}
