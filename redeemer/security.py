"""Client IP detection, and the responses to rejected requests (decision 12)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import structlog
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.utils import timezone
from django.views import defaults
from django.views.csrf import csrf_failure

from redeemer.logins import of_network

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_BAD_FILTERS = (DisallowedModelAdminLookup, DisallowedModelAdminToField)
#: Internet providers give each customer at least a /64.
_IPV6_CUSTOMER_BITS = 64
_ENTRY = re.compile(
    r'"?(?:'
    r'\[(?P<bracketed>[^\[\]"]+)\](?::[0-9]{1,5})?'
    r"|(?P<dotted>[0-9.]+)(?::[0-9]{1,5})?"
    r'|(?P<bare>[^\[\]"]+)'
    r')"?'
)


def client_address(request: HttpRequest) -> str | None:
    """The address that the outermost of our proxies saw, without a port; None if it is not known.

    Each proxy appends the address of its own client, so that only the last `PROXIES` entries can be
    trusted. The client may have written those before them. An invalid entry counts as missing.
    """
    proxies: int = settings.PROXIES
    entries = request.headers.get("X-Forwarded-For", "").split(",")
    forwarded = _address(entries[-proxies]) if 0 < proxies <= len(entries) else None
    address = forwarded or _address(request.META.get("REMOTE_ADDR", ""))
    return str(address) if address else None


def lockout_address(request: HttpRequest) -> str | None:
    """The key by which failed logins are counted.

    An IPv4 address, or the /64 of an IPv6 address, which belongs to one customer.
    """
    found = client_address(request)
    if found is None or ":" not in found:
        return found
    return str(IPv6Network((found, _IPV6_CUSTOMER_BITS), strict=False).network_address)


def _address(entry: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry of X-Forwarded-For.

    `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:443`, each also in quotes, with or
    without a zone. An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) is the IPv4 address.
    """
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        return None
    try:
        found = ip_address(
            (match["bracketed"] or match["dotted"] or match["bare"]).partition("%")[0]
        )
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def bind_client_address(request: HttpRequest, **_signal: Any) -> None:
    """Add `client_address` to a request's log lines, and never an address that the client wrote."""
    structlog.contextvars.bind_contextvars(ip=client_address(request))


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: Any = None
) -> HttpResponse:
    """The response after too many failed logins, with the time when the next one is accepted."""
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
    """Explain a form with too much data, and an address with a filter that no list offers.

    Any other bad request gets Django's own response.
    """
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        return render(request, "admin/too_much.html", {"most": most}, status=413)
    if isinstance(exception, _BAD_FILTERS):
        return render(request, "admin/bad_filter.html", {"list_url": request.path}, status=400)
    return defaults.bad_request(request, exception)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Explain a missing cookie: without TLS, browsers send no secure cookie, and no login works."""
    if reason == REASON_NO_CSRF_COOKIE and settings.CSRF_COOKIE_SECURE and not request.is_secure():
        return render(request, "admin/no_cookie.html", status=403)
    return csrf_failure(request, reason)
