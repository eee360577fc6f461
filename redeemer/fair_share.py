"""Limits the requests from one logged-in person that a web process answers at the same time.

Without this limit, one session could occupy all threads with slow pages, and no one else would get
an answer. The officers of a guild count as one person. Otherwise an officer could get more threads
with each account that the officer makes by an invitation.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from giftcodes.api import door
from giftcodes.queries import scope
from redeemer import error_pages
from redeemer.site_threads import THREADS

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: How many requests of one person, or of the officers of one guild, are answered at the same time.
#: A page and its live parts need up to three; the rest of the threads is left to other people.
MOST_OF_PERSON = max(3, THREADS // 2)
#: A program is refused if this many requests of its person or guild are being answered. So programs
#: do not lock people out of the pages.
MOST_OF_PROGRAMS = MOST_OF_PERSON // 2


class FairShareMiddleware:
    """Refuses a request if too many requests of the same person or guild are being answered.

    `MOST_OF_PERSON` is the limit for pages, and `MOST_OF_PROGRAMS` for the API.

    The count is kept in memory, because it is about the threads of this process. In MIDDLEWARE,
    this class belongs after the middleware that finds the person and the one that logs requests.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Store the next middleware or the view, which Django passes."""
        self._get_response = get_response
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, or return a 429 that says what to do."""
        names = _names(request)
        if not names:
            return self._get_response(request)
        is_program = request.path.startswith(door.PREFIX)
        if not self._begin(names, MOST_OF_PROGRAMS if is_program else MOST_OF_PERSON):
            if is_program:
                return door.too_many_at_once()
            return error_pages.too_many_at_once(request)
        try:
            return self._get_response(request)
        finally:
            self._end(names)

    def _begin(self, names: list[str], most: int) -> bool:
        with self._lock:
            if any(self._running[name] >= most for name in names):
                return False
            self._running.update(names)
            return True

    def _end(self, names: list[str]) -> None:
        with self._lock:
            self._running.subtract(names)
            for name in names:
                if not self._running[name]:
                    del self._running[name]


def _names(request: HttpRequest) -> list[str]:
    """The names under which a request is counted. Empty without a login and without a token."""
    if request.path.startswith(door.PREFIX):
        caller = door.api_caller(request)
        return _counted(caller.user) if caller else []
    # Only the pages of the admin need a login. For the others, the session must not be read.
    return _counted(request.user) if request.path.startswith("/admin/") else []


def _counted(person: Any) -> list[str]:
    """The names under which a request of a person is counted. Empty without a login."""
    if person.pk is None:
        return []
    guilds = scope.guild_ids(person) or []
    return [f"person {person.pk}", *(f"guild {guild}" for guild in guilds)]
