"""Which addresses we connect to when a person typed the host."""

from __future__ import annotations

import socket

import pytest

from giftcodes.clients.http import ForbiddenHostError, NotSentError, Transport
from giftcodes.clients.http.destinations import (
    EVERY_HOST,
    NO_PRIVATE_HOSTS,
    ForbiddenAddressError,
    PrivateHosts,
)
from giftcodes.clients.http.guard import guarded

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.5.5",
    "192.168.1.1",
    "192.0.2.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "64:ff9b:1:0:7f:0:100::",
    "2002:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", [*PRIVATE, "localhost", "", "/run/socket"])
def test_what_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert not NO_PRIVATE_HOSTS.allow(address)
    with pytest.raises(ForbiddenAddressError):
        PrivateHosts().check(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "162.159.128.233", "2606:4700::1", "64:ff9b::101:101"]
)
def test_the_public_internet_is_allowed(address: str) -> None:
    assert NO_PRIVATE_HOSTS.allow(address)
    PrivateHosts().check(address)


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("192.168.1.0/24", "192.168.1.77"),
        ("192.168.1.5/24", "192.168.1.77"),
        ("[fd00::5]", "fd00::5"),
        (" LocalHost. ", "127.0.0.1"),
    ],
)
def test_a_setting_allows_a_private_host_and_no_other(entry: str, address: str) -> None:
    hosts = PrivateHosts.of([entry, ""])

    hosts.check(address)
    for other in ("10.9.9.9", "169.254.169.254", "fd00::6"):
        with pytest.raises(ForbiddenAddressError):
            hosts.check(other)


@pytest.mark.parametrize("address", PRIVATE[:4])
def test_the_rule_for_every_host_allows_private_hosts_too(address: str) -> None:
    EVERY_HOST.check(address)


@pytest.mark.parametrize("entry", ["http://ntfy.lan", "ntfy..lan", "a b", "10.0.0.0/33", "host:80"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not a host name, an IP address or a network"):
        PrivateHosts.of([entry])


def listener() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def has_visitor(sock: socket.socket) -> bool:
    try:
        sock.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost"])
def test_a_request_to_a_private_host_is_not_sent(host: str) -> None:
    with listener() as sock:
        transport = Transport(
            total_seconds=60, connect_seconds=60, max_bytes=100, private_hosts=PrivateHosts()
        )
        with pytest.raises(ForbiddenHostError) as caught:
            transport.exchange("GET", f"http://{host}:{sock.getsockname()[1]}/", headers={})

        assert "127.0.0.1" not in str(caught.value)
        assert not has_visitor(sock)


@pytest.mark.parametrize("last", ["127.0.0.1", "127.0.0.2"])
def test_a_host_whose_allowed_address_does_not_answer_is_down_and_not_forbidden(
    monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    hosts = sorted(["127.0.0.1", "127.0.0.2"], key=lambda host: host == last)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 9)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    transport = Transport(
        total_seconds=60,
        connect_seconds=60,
        max_bytes=100,
        private_hosts=PrivateHosts.of(["127.0.0.1"]),
    )

    with pytest.raises(NotSentError) as caught:
        transport.exchange("GET", "http://some.example:9/", headers={})

    assert not isinstance(caught.value, ForbiddenHostError)


def test_the_guard_holds_for_every_socket_of_its_thread() -> None:
    with listener() as sock:
        with guarded(PrivateHosts()) as guard:
            with pytest.raises(ForbiddenAddressError):
                socket.create_connection(sock.getsockname(), timeout=60)
            udp, local = socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)
            with udp, pytest.raises(ForbiddenAddressError):
                udp.sendto(b"x", ("127.0.0.1", 9))
            with local, pytest.raises(ForbiddenAddressError):
                local.connect("no-such-socket")
        assert (guard.has_refused, guard.has_connected) == (True, False)
        assert not has_visitor(sock)

        with guarded(PrivateHosts.of(["127.0.0.1"])) as guard:
            socket.create_connection(sock.getsockname(), timeout=60).close()
        assert (guard.has_refused, guard.has_connected) == (False, True)


def test_connections_are_allowed_again_after_the_guard_ends() -> None:
    with listener() as sock:
        with guarded(PrivateHosts()):
            pass
        socket.create_connection(sock.getsockname(), timeout=60).close()
        assert has_visitor(sock)
