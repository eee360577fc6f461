"""Times are shown, and read from forms, in the viewer's time zone.

The browser names it in a cookie (giftcodes/static/giftcodes/frame.js).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

COOKIE = "timezone"


class ViewerTimeZoneMiddleware:
    """Activates the viewer's zone; without a valid cookie, the zone of the settings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the viewer's zone, and restore the thread's zone."""
        with timezone.override(_valid_zone(request.COOKIES.get(COOKIE, ""))):
            return self._get_response(request)


def _valid_zone(name: str) -> str | None:
    """The name, if it is the name of a zone; None means the zone of the settings."""
    try:
        return name if name and name in _zones() else None
    except DatabaseError:
        # The page itself reports the error.
        return None


@cache
def _zones() -> frozenset[str]:
    """The zones that Python and PostgreSQL both know.

    Their lists differ. PostgreSQL counts the days, and fails with a name that it does not know.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
