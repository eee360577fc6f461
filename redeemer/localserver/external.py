"""Servers that somebody else runs, named by DATABASE_URL and REDIS_URL: looked at before anything is started."""

from __future__ import annotations

import psycopg
import redis
from psycopg.conninfo import make_conninfo

from giftcodes.domain.database_encoding import wrong_encoding
from redeemer import database_url
from redeemer.environment import SettingError
from redeemer.localserver.errors import CannotStartError

_SECONDS = 5


def check_database(url: str) -> None:
    """
    Args:
        url: as in DATABASE_URL.

    Raises:
        CannotStartError: it is no such address, nobody answers there, or not to us, or the database cannot hold all
            characters.
    """
    try:
        address = make_conninfo(
            **{"connect_timeout": str(_SECONDS), **database_url.parameters(url)}
        )
        with psycopg.connect(address) as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except SettingError as error:
        raise CannotStartError(str(error)) from error
    except psycopg.Error as error:
        raise CannotStartError(
            f"DATABASE_URL does not lead to a database: {_in_one_line(error)}"
        ) from error
    if problem := wrong_encoding(encoding):
        raise CannotStartError(problem)


def check_broker(url: str) -> None:
    """
    Args:
        url: as in REDIS_URL.

    Raises:
        CannotStartError: it is no such address, or nobody answers there, or not to us.
    """
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStartError(
            f"REDIS_URL does not lead to Redis or Valkey: {_in_one_line(error)}"
        ) from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
