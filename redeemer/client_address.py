"""The address of a client, as the outermost of our own proxies saw it.

This module needs neither Django nor its settings, because the web server uses it before it passes
a request to Django.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

#: Internet providers give each customer at least a /64.
_IPV6_CUSTOMER_BITS = 64
#: The headers in which a proxy describes the request as it reached the proxy.
_FOR_APPLICATIONS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
)
#: All headers that only a proxy adds.
_OF_PROXIES = (*_FOR_APPLICATIONS, "HTTP_VIA", "HTTP_X_FORWARDED_SERVER", "HTTP_X_REAL_IP")
#: This key in a request's WSGI environment says that the request had a proxy's headers. They may
#: have been removed since.
_WAS_PASSED_ON = "redeemer.was_passed_on"
_ENTRY = re.compile(
    r'"?(?:'
    r'\[(?P<bracketed>[^\[\]"]+)\](?::[0-9]{1,5})?'
    r"|(?P<dotted>[0-9.]+)(?::[0-9]{1,5})?"
    r'|(?P<bare>[^\[\]"]+)'
    r')"?'
)


def address_of(forwarded: str, peer: str, *, proxies: int) -> str | None:
    """Return the address of a client, without a port.

    Each proxy appends the address of its own client, so only the last `proxies` entries can be
    trusted. The client may have written the others. An invalid entry counts as missing.

    Args:
        forwarded: the value of X-Forwarded-For, or an empty string.
        peer: the address of the other end of the connection.
        proxies: the number of our own proxies.

    Returns:
        The address. None if it is not known.
    """
    entries = forwarded.split(",")
    outermost = _address(entries[-proxies]) if 0 < proxies <= len(entries) else None
    address = outermost or _address(peer)
    return str(address) if address else None


def was_passed_on(environ: Mapping[str, Any]) -> bool:
    """Return whether a proxy, or a client that pretends to be one, passed a request on.

    Args:
        environ: the WSGI environment of the request.
    """
    return _WAS_PASSED_ON in environ or any(name in environ for name in _OF_PROXIES)


def without_forged_headers(application: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an application of a site without a proxy, and remove the headers that proxies send.

    Any client can send these headers. `was_passed_on` still says whether the request had any.
    """

    def passing(environ: dict[str, Any], start_response: Any) -> Any:
        if was_passed_on(environ):
            environ[_WAS_PASSED_ON] = True
        for name in _FOR_APPLICATIONS:
            environ.pop(name, None)
        return application(environ, start_response)

    return passing


def customer_of(address: str | None) -> str | None:
    """Return what belongs to one customer: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        address: a result of `address_of`.
    """
    if address is None or ":" not in address:
        return address
    return str(IPv6Network((address, _IPV6_CUSTOMER_BITS), strict=False).network_address)


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
