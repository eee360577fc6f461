"""Times in the zone of whoever looks: the browser tells it in a cookie (frame.js), and nothing else has to be set."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from django.db import DatabaseError, connection
from django.utils import timezone

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE = "timezone"


class ZoneMiddleware:
    """Shows times, and reads those of forms, in the zone that the browser named; else in that of the settings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request in its zone."""
        with timezone.override(zone_of(request)):
            return self._get_response(request)


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The zone that the browser named; None: it named none, or none that there is."""
    name = request.COOKIES.get(COOKIE, "")
    try:
        return ZoneInfo(name) if name and name in _names() else None
    except DatabaseError:  # The page itself says what is wrong.
        return None


@cache
def _names() -> frozenset[str]:
    """Those that Python and PostgreSQL both know: PostgreSQL counts days in it, and fails where it has not got it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
