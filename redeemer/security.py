"""Client IP detection, and the responses to rejected requests (decision 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.utils import timezone
from django.views import defaults
from django.views.csrf import csrf_failure

from giftcodes.domain.text import one_line
from redeemer.client_address import address_of, customer_of
from redeemer.logins import of_network

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_REASON_LENGTH = 200
_BAD_FILTERS = (DisallowedModelAdminLookup, DisallowedModelAdminToField)


def client_address(request: HttpRequest) -> str | None:
    """Return the address that the outermost of our proxies saw, without a port.

    Returns:
        The address. None if it is not known.
    """
    forwarded = request.headers.get("X-Forwarded-For", "")
    return address_of(forwarded, request.META.get("REMOTE_ADDR", ""), proxies=settings.PROXIES)


def lockout_address(request: HttpRequest) -> str | None:
    """Return the key by which failed logins are counted.

    It is an IPv4 address, or the /64 network of an IPv6 address, which belongs to one customer.
    """
    return customer_of(client_address(request))


def bind_client_address(request: HttpRequest, **_signal: Any) -> None:
    """Add the result of `client_address`, which a client cannot forge, to a request's log lines."""
    structlog.contextvars.bind_contextvars(ip=client_address(request))


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: Any = None
) -> HttpResponse:
    """Return the response after too many failed logins.

    It shows the time at which the next login is accepted.
    """
    address = lockout_address(request)
    is_guarded = getattr(request, "account_is_guarded", False)
    if is_guarded:
        of_account = AccessAttempt.objects.filter(
            username=get_client_username(request, credentials)
        )
        attempts = of_network(of_account, address)
    else:
        attempts = AccessAttempt.objects.filter(ip_address=address)
    last = attempts.order_by("-attempt_time").first()
    until = (last.attempt_time if last else timezone.now()) + settings.AXES_COOLOFF_TIME
    context = {"until": until, "is_guarded": is_guarded}
    return render(request, "admin/locked_out.html", context, status=429)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Explain a form with too much data, a filter that the list does not offer, or a wrong host.

    Any other bad request gets Django's own response. The line in the log about the end of the
    request gets the reason.
    """
    if "request_id" in structlog.contextvars.get_contextvars():
        structlog.contextvars.bind_contextvars(reason=one_line(str(exception), _REASON_LENGTH))
    if isinstance(exception, DisallowedHost):
        host = one_line(request.META.get("HTTP_HOST", ""), _REASON_LENGTH)
        return render(None, "admin/bad_host.html", {"host": host}, status=400)
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        return render(request, "admin/too_much.html", {"most": most}, status=413)
    if isinstance(exception, _BAD_FILTERS):
        return render(request, "admin/bad_filter.html", {"list_url": request.path}, status=400)
    return defaults.bad_request(request, exception)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Explain a missing cookie: without TLS browsers send no secure cookies, so logins fail."""
    if reason == REASON_NO_CSRF_COOKIE and settings.CSRF_COOKIE_SECURE and not request.is_secure():
        return render(request, "admin/no_cookie.html", status=403)
    return csrf_failure(request, reason)
