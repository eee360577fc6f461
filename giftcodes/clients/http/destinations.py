"""Which addresses we connect to when a person typed the host.

The public internet, always. A private network, this machine and special addresses only where a
setting allows them: otherwise a person who may type an address could reach services that only this
machine can reach, such as the metadata service of a cloud.

The check is made with the very address of the connection, so that a name cannot have another
address by then.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Prefixes of NAT64 (RFC 6052, RFC 8215): the last 32 bits are an IPv4 address.
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
#: Once what fc00::/7 is today (RFC 3879).
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")


class ForbiddenAddressError(OSError):
    """The address is not public, and no setting allows it. The text does not contain it."""

    def __init__(self) -> None:
        super().__init__("the host is this machine, or in a private network")


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """The hosts in private networks that we may connect to.

    Args:
        networks: addresses and networks.
        names: host names, in lower case. A name allows the addresses that it has at that moment.
    """

    networks: tuple[_Network, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> PrivateHosts:
        """The hosts of a setting.

        Args:
            entries: each a host name, an IP address, or a network such as `192.168.1.0/24`.

        Raises:
            ValueError: an entry is none of these. The text says which.
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
            address: an IP address, as the socket gets it.

        Raises:
            ForbiddenAddressError: it is not public, and not allowed here.
        """
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            raise ForbiddenAddressError from None
        if not _is_public(ip) and not self._allows(ip):
            raise ForbiddenAddressError

    def _allows(self, ip: _Address) -> bool:
        plain = _forms(ip)
        if any(form in network for form in plain for network in self.networks):
            return True
        return any(form in _addresses(name) for name in self.names for form in plain)


NO_PRIVATE_HOSTS = PrivateHosts()
#: For addresses that only the operator can set: every host is allowed.
EVERY_HOST = PrivateHosts((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; False for a text that is none."""
    try:
        return _is_public(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False


def _is_public(ip: _Address) -> bool:
    return all(
        form.is_global and not (form.is_multicast or form.is_reserved or form in _SITE_LOCAL)
        for form in _forms(ip)
    )


def _forms(ip: _Address) -> tuple[_Address, ...]:
    """The address, or the IPv4 address in it: mapped, translated by NAT64, or both ends of 6to4."""
    if isinstance(ip, ipaddress.IPv4Address):
        return (ip,)
    if ip.ipv4_mapped is not None:
        return (ip.ipv4_mapped,)
    if any(ip in network for network in _NAT64):
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
