"""The response of a page if one of its statements took too long, and the database cancelled it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import OperationalError
from django.shortcuts import render
from psycopg.errors import QueryCanceled

from giftcodes.domain import log_lines

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class StatementLimitMiddleware:
    """Explains a cancelled statement to the user.

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
        if not is_cancelled(exception):
            return None
        log_lines.warning("⏱ A page was given up: its statement took too long.", path=request.path)
        context = {"seconds": f"{settings.WEB_STATEMENT_SECONDS:g}", "list_url": request.path}
        return render(request, "admin/too_slow.html", context, status=503)


def is_cancelled(exception: BaseException) -> bool:
    """Whether the database cancelled the statement, as it does when the time limit is reached."""
    return isinstance(exception, OperationalError) and isinstance(
        exception.__cause__, QueryCanceled
    )
