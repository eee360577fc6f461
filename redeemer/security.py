"""Client IP detection, and the response after too many failed logins (decision 12)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import structlog
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.utils import timezone

from redeemer import error_pages
from redeemer.logins import of_network

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

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
    """Return the address that the outermost of our proxies saw, without a port.

    Each proxy appends the address of its own client, so only the last `PROXIES` entries can be
    trusted. The client may have written the others. An invalid entry counts as missing.

    Returns:
        The address. None if it is not known.
    """
    proxies: int = settings.PROXIES
    entries = request.headers.get("X-Forwarded-For", "").split(",")
    forwarded = _address(entries[-proxies]) if 0 < proxies <= len(entries) else None
    address = forwarded or _address(request.META.get("REMOTE_ADDR", ""))
    return str(address) if address else None


def lockout_address(request: HttpRequest) -> str | None:
    """Return the key by which failed logins are counted.

    It is an IPv4 address, or the /64 network of an IPv6 address, which belongs to one customer.
    """
    found = client_address(request)
    if found is None or ":" not in found:
        return found
    return str(IPv6Network((found, _IPV6_CUSTOMER_BITS), strict=False).network_address)


def _address(entry: str) -> IPv4Address | IPv6Address | None:
    """Return the address in an entry of X-Forwarded-For.

    An entry may be `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:443`, and each of
    these may be in quotes and may have a zone. For an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`),
    the IPv4 address is returned.
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
