"""Limits how many requests of one logged-in person a web process answers at the same time.

Without this limit, one session could occupy all threads with slow pages, and nobody else would get
an answer.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from redeemer import error_pages
from redeemer.serving import THREADS

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: How many requests of one person are answered at the same time. A page and its live parts need
#: up to three; the rest of the threads is left to other people.
MOST_OF_PERSON = max(3, THREADS // 2)


class FairShareMiddleware:
    """Refuses a request if MOST_OF_PERSON others of the same person are being answered.

    The count is kept in memory, because it is about the threads of this process. In MIDDLEWARE,
    this class belongs after the middleware that finds the person and the one that logs requests.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Store the next middleware or the view, which Django passes."""
        self._get_response = get_response
        self._lock = threading.Lock()
        self._running: Counter[int] = Counter()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, or return a 429 that says what to do."""
        # Only the pages of the admin need a login. For the others, the session must not be read.
        person = request.user.pk if request.path.startswith("/admin/") else None
        if person is None:
            return self._get_response(request)
        if not self._begin(person):
            return error_pages.too_many_at_once(request)
        try:
            return self._get_response(request)
        finally:
            self._end(person)

    def _begin(self, person: int) -> bool:
        with self._lock:
            if self._running[person] >= MOST_OF_PERSON:
                return False
            self._running[person] += 1
            return True

    def _end(self, person: int) -> None:
        with self._lock:
            self._running[person] -= 1
            if not self._running[person]:
                del self._running[person]
