"""Who is knocking, and what somebody hears who has knocked too often (docs/decisions/0013)."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from axes.models import AccessAttempt
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import UnreadablePostError
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.utils import timezone
from django.views import defaults
from django.views.csrf import csrf_failure

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


#: So much of a request that is refused is read and dropped: 20 MB.
_CHUNK_BYTES, _MOST_CHUNKS = 65_536, 320


def client_address(request: HttpRequest) -> str | None:
    """The address that the outermost of our proxies saw.

    Each proxy appends the address of its own caller, so that only the last `PROXIES` entries are ours to believe:
    whatever stands before them was written by the caller.
    """
    proxies: int = settings.PROXIES
    heard = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if proxies and len(heard) >= proxies and _is_address(heard[-proxies]):
        return heard[-proxies]
    caller: str = request.META.get("REMOTE_ADDR", "")
    return caller or None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def locked_out(request: HttpRequest, _response: HttpResponse | None, _credentials: Any = None) -> HttpResponse:
    """Too many failed logins from one address: say until when it has to wait."""
    last = AccessAttempt.objects.filter(ip_address=client_address(request)).order_by("-attempt_time").first()
    until = (last.attempt_time if last else timezone.now()) + settings.AXES_COOLOFF_TIME
    return render(request, "admin/locked_out.html", {"until": until}, status=429)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What a browser sent is too much for a form: say what to do. Any other bad request gets Django's own answer."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        _read_to_the_end(request)
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        return render(request, "admin/too_much.html", {"most": most}, status=413)
    return defaults.bad_request(request, exception)


def _read_to_the_end(request: HttpRequest) -> None:
    """A browser that is still sending when the connection is closed shows an error of its own instead of our answer."""
    with suppress(UnreadablePostError):
        for _ in range(_MOST_CHUNKS):
            if not request.read(_CHUNK_BYTES):
                return


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A browser sends no secure cookie to a page without TLS, and nobody can log in: say what to set."""
    if reason == REASON_NO_CSRF_COOKIE and settings.CSRF_COOKIE_SECURE and not request.is_secure():
        return render(request, "admin/no_cookie.html", status=403)
    return csrf_failure(request, reason)
