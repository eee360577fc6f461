"""The response of a page if one of its statements took too long, and the database cancelled it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from redeemer import error_pages

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class StatementLimitMiddleware:
    """Explains a cancelled statement of a view to the user.

    If a statement of a middleware is cancelled, `redeemer.error_pages.server_error` explains it.
    redeemer.wsgi sets the limit, which is `WEB_STATEMENT_SECONDS`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Store the next middleware or the view, which Django passes."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return a 503 that says what to do, if the database cancelled a statement of this page."""
        return error_pages.too_slow(request) if error_pages.is_cancelled(exception) else None
