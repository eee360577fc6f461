"""Pages show times, and forms read them, in the viewer's time zone.

The browser sends the name of the zone in a cookie (giftcodes/static/giftcodes/frame.js).
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
    """Activates the viewer's time zone, or the zone in the settings if there is no valid cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the viewer's time zone, and restore the thread's own zone afterwards."""
        with timezone.override(_valid_zone(request.COOKIES.get(COOKIE, ""))):
            return self._get_response(request)


def _valid_zone(name: str) -> str | None:
    """Return `name` if it is a known zone. Otherwise return None, for the settings' zone."""
    try:
        return name if name and name in _zones() else None
    except DatabaseError:
        # The page itself reports the error.
        return None


@cache
def _zones() -> frozenset[str]:
    """Return the zones that both Python and PostgreSQL know.

    Their lists differ. PostgreSQL groups rows by day in a zone, and fails if it lacks the zone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
