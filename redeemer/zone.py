"""Times are shown, and read from forms, in the zone of whoever looks: the browser names it in a cookie (frame.js)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

COOKIE = "timezone"


class ViewersZone:
    """Middleware. Without a cookie, or with one that names no zone, the zone is that of the settings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the viewer's zone, and leave the thread as it was."""
        with timezone.override(_known(request.COOKIES.get(COOKIE, ""))):
            return self._get_response(request)


def _known(name: str) -> str | None:
    """The name, if it is one of a zone; None means the zone of the settings."""
    try:
        return name if name and name in _zones() else None
    except DatabaseError:
        # The page itself says what is wrong.
        return None


@cache
def _zones() -> frozenset[str]:
    """The zones that Python and PostgreSQL both know: each has a list of its own, and days are counted by PostgreSQL,
    which fails with a name that it has not got."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
