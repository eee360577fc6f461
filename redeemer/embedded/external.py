"""Servers that somebody else runs, named by DATABASE_URL and REDIS_URL: looked at before anything is started."""

from __future__ import annotations

import contextlib

import psycopg
import redis

from redeemer.embedded.errors import CannotStartError

_SECONDS = 5


def check_database(url: str) -> None:
    """
    Args:
        url: as in DATABASE_URL. What only Django understands of it is left to Django.

    Raises:
        CannotStartError: nobody answers there, or not to us.
    """
    with contextlib.suppress(psycopg.ProgrammingError):
        try:
            psycopg.connect(url, connect_timeout=_SECONDS).close()
        except psycopg.OperationalError as error:
            raise CannotStartError(f"DATABASE_URL does not lead to a database: {_in_one_line(error)}") from error


def check_broker(url: str) -> None:
    """
    Args:
        url: as in REDIS_URL.

    Raises:
        CannotStartError: it is no such address, or nobody answers there, or not to us.
    """
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStartError(f"REDIS_URL does not lead to Redis or Valkey: {_in_one_line(error)}") from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
