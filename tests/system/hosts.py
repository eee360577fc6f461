"""Two hosts on one machine, each with its own address.

They are unnamed network namespaces, each with a cable (a veth pair) to this machine. A namespace
exists as long as a process in it, and its cable as long as the namespace. However the tests end,
the kernel kills these processes, so nothing remains. Where the rights or the programs for
namespaces are missing, two loopback addresses are used instead. Such hosts cannot be unplugged.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redeemer.localserver.spawn import spawn_with_parent_death_signal
from tests.steady_network import changing_network

_SECONDS = 10


@dataclass(frozen=True)
class Host:
    """A host for processes.

    Args:
        name: the name of the host.
        address: the source address of its connections.
        prefix: the command that runs another command on the host.
        environment: variables for every process on the host.
        cable: this machine's end of the host's cable. If empty, the host cannot be unplugged.
    """

    name: str
    address: str
    prefix: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    cable: str = ""

    def unplug(self) -> None:
        """Disconnect the host. Neither side gets an error."""
        _ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        """Connect the host again."""
        _ip("link", "set", self.cable, "up")


@dataclass(frozen=True)
class Network:
    """Two hosts, and the address of this machine at which both find the servers."""

    server: str
    a: Host
    b: Host


@contextmanager
def two_hosts() -> Iterator[Network]:
    """Create two namespaces, or use loopback addresses if that is not possible."""
    with changing_network(), ExitStack() as stack:
        try:
            network = stack.enter_context(_namespaces())
        except (OSError, subprocess.SubprocessError):
            network = Network("127.0.0.1", _loopback("a", "127.0.0.2"), _loopback("b", "127.0.0.3"))
        yield network


def _loopback(name: str, address: str) -> Host:
    folder = Path(__file__).parent / "source_address"
    return Host(name, address, environment={"PYTHONPATH": str(folder), "SOURCE_ADDRESS": address})


@contextmanager
def _namespaces() -> Iterator[Network]:
    """
    Raises:
        OSError: a program is missing.
        subprocess.SubprocessError: a program does not have the rights that it needs.
    """
    # 198.18.0.0/15 is reserved for network tests (RFC 2544). Each test run has its own subnet.
    subnet = f"198.{18 + os.getpid() // 256 % 2}.{os.getpid() % 256}"
    server = f"{subnet}.1"
    with ExitStack() as stack:
        a = stack.enter_context(_namespace("a", here=server, there=f"{subnet}.2"))
        b = stack.enter_context(_namespace("b", here=f"{subnet}.5", there=f"{subnet}.6"))
        _run(*b.prefix, "ip", "route", "add", server, "via", f"{subnet}.5")
        network = Network(server, a, b)
        _check(network)
        yield network


def _check(network: Network) -> None:
    """Check that both hosts can connect to this machine. A firewall may prevent it.

    Raises:
        subprocess.SubprocessError: a host could not connect.
    """
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
    with socket.create_server((network.server, 0)) as listener:
        for host in (network.a, network.b):
            _run(
                *host.prefix,
                sys.executable,
                "-c",
                connect,
                network.server,
                str(listener.getsockname()[1]),
            )


@contextmanager
def _namespace(name: str, *, here: str, there: str) -> Iterator[Host]:
    """Create a namespace and its cable, with the addresses of this end and the host's end."""
    cable = f"rd{os.getpid()}{name}"
    holder = spawn_with_parent_death_signal(
        ["unshare", "--net", "--", "sleep", "infinity"],
        environment={"PATH": os.environ["PATH"]},
        folder=Path("/"),
        output=subprocess.DEVNULL,
    )
    prefix = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
    try:
        _wait_for_namespace(holder)
        _ip(
            "link", "add", cable, "type", "veth", "peer", "name", "uplink", "netns", str(holder.pid)
        )
        _ip("addr", "add", f"{here}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        _run(*prefix, "ip", "link", "set", "lo", "up")
        _run(*prefix, "ip", "addr", "add", f"{there}/30", "dev", "uplink")
        _run(*prefix, "ip", "link", "set", "uplink", "up")
        yield Host(name, there, prefix=prefix, cable=cable)
    finally:
        holder.kill()
        holder.wait()
        # The kernel removes the cable only some time after the namespace. This removes it at once.
        subprocess.run(
            ["ip", "link", "del", cable], capture_output=True, check=False, timeout=_SECONDS
        )


def _wait_for_namespace(holder: subprocess.Popen[bytes]) -> None:
    """
    Raises:
        subprocess.SubprocessError: the namespace was not created.
    """
    ours = Path("/proc/self/ns/net").readlink()
    end = time.monotonic() + _SECONDS
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == ours:
        if holder.poll() is not None or time.monotonic() > end:
            message = "This user may not create network namespaces."
            raise subprocess.SubprocessError(message)
        time.sleep(0.02)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
