"""Client IP detection, and the response after too many failed logins (decision 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.utils import timezone

from redeemer import error_pages
from redeemer.client_address import address_of, customer_of
from redeemer.logins import of_network

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


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
    return error_pages.locked_out(request, until, is_guarded=is_guarded)
