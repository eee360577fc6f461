"""Which addresses we connect to when a person typed the host.

Public addresses are always allowed. Private networks, this machine and special addresses are
allowed only if a setting allows them. Otherwise, a person who may type an address could reach
services that only this machine can reach, such as a cloud's metadata service.

The check uses the exact address of the connection, so a name cannot resolve to another address
between the check and the connection.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The prefix of NAT64 addresses whose last 32 bits are an IPv4 address (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: The prefix of NAT64 addresses within one network (RFC 8215). The place of the IPv4 address in
#: them depends on that network, so they all count as private.
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
#: The private addresses of IPv6 before fc00::/7 replaced them (RFC 3879).
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")


class ForbiddenAddressError(OSError):
    """The address is not public, and no setting allows it. The error's text does not contain it."""

    def __init__(self) -> None:
        super().__init__("the host is this machine, or in a private network")


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """The hosts in private networks that we may connect to.

    Args:
        networks: addresses and networks.
        names: host names, in lower case. A name allows the addresses to which it resolves at the
            time of the check.
    """

    networks: tuple[_Network, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> PrivateHosts:
        """Read the hosts from the value of a setting.

        Args:
            entries: each is a host name, an IP address, or a network such as `192.168.1.0/24`.

        Raises:
            ValueError: an entry is none of these. The error's text contains the entry.
        """
        networks, names = [], []
        for entry in filter(None, (entry.strip() for entry in entries)):
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                names.append(_name(entry))
        return cls(tuple(networks), frozenset(names))

    def check(self, address: str) -> None:
        """Check an address just before a connection to it.

        Args:
            address: an IP address, as it is passed to the socket.

        Raises:
            ForbiddenAddressError: the address is not public, and is not one of these hosts.
        """
        if not self.allow(address):
            raise ForbiddenAddressError

    def allow(self, address: str) -> bool:
        """Return whether a text is a public IP address, or the IP address of one of these hosts."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return _is_public(ip) or self._include(ip)

    def _include(self, ip: _Address) -> bool:
        plain = _forms(ip)
        if any(form in network for form in plain for network in self.networks):
            return True
        return any(form in _addresses(name) for name in self.names for form in plain)


NO_PRIVATE_HOSTS = PrivateHosts()
#: For addresses that only the operator can set: every host is allowed.
EVERY_HOST = PrivateHosts((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))


def _is_public(ip: _Address) -> bool:
    return all(
        form.is_global
        and not (form.is_multicast or form.is_reserved)
        and not any(form in network for network in (_SITE_LOCAL, _LOCAL_NAT64))
        for form in _forms(ip)
    )


def _forms(ip: _Address) -> tuple[_Address, ...]:
    """Return the addresses to check in place of `ip`.

    For a mapped or NAT64 address, this is the IPv4 address in it. For a 6to4 address, these are
    the address itself and the IPv4 address in it. For any other address, it is that address.
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return (ip,)
    if ip.ipv4_mapped is not None:
        return (ip.ipv4_mapped,)
    if ip in _NAT64:
        return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
    return (ip,) if ip.sixtofour is None else (ip, ip.sixtofour)


def _name(entry: str) -> str:
    name = entry.lower().rstrip(".")
    if not name or not all(part and part.replace("-", "").isalnum() for part in name.split(".")):
        message = f"{entry!r} is not a host name, an IP address or a network."
        raise ValueError(message)
    return name


def _addresses(name: str) -> Iterator[_Address]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return
    for *_, address in found:
        yield from _forms(ipaddress.ip_address(str(address[0]).partition("%")[0]))
