"""Two hosts on one machine, each with an address of its own.

They are network namespaces without a name, each with a cable (a veth pair) to this machine. A namespace lives as long
as a process in it, and its cable as long as the namespace; all of these processes die with the tests, however those
end. So nothing can be left behind. Where the rights or the programs for that are missing, two loopback addresses stand
in: everything is the same then but the network, which cannot be unplugged.
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

_SECONDS = 10


@dataclass(frozen=True)
class Host:
    """Where processes run.

    Args:
        name: of the host.
        address: where its connections come from.
        prefix: goes before a command that is to run on it.
        environment: of every process on it.
        cable: this machine's end of its network; empty: it cannot be unplugged.
    """

    name: str
    address: str
    prefix: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    cable: str = ""

    def unplug(self) -> None:
        """Cut it off: nobody is told anything."""
        _ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        """Let the network come back."""
        _ip("link", "set", self.cable, "up")


@dataclass(frozen=True)
class Network:
    """Two hosts, and the address of this machine at which both find the servers."""

    server: str
    a: Host
    b: Host


@contextmanager
def two_hosts() -> Iterator[Network]:
    """Namespaces where they are to be had, else loopback addresses."""
    with ExitStack() as stack:
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
        subprocess.SubprocessError: one of them is not allowed to do it.
    """
    # 198.18.0.0/15 is set aside for tests of networks (RFC 2544). Two runs at the same time have subnets of their own.
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
    """Let both hosts connect to this machine once: a firewall may be between.

    Raises:
        subprocess.SubprocessError: one of them could not.
    """
    knock = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
    with socket.create_server((network.server, 0)) as listener:
        for host in (network.a, network.b):
            _run(
                *host.prefix,
                sys.executable,
                "-c",
                knock,
                network.server,
                str(listener.getsockname()[1]),
            )


@contextmanager
def _namespace(name: str, *, here: str, there: str) -> Iterator[Host]:
    """A namespace and its cable: `here` is the address of this machine's end, `there` that of the host."""
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
        # With the namespace its cable goes, a moment later. This does not wait for that moment.
        subprocess.run(
            ["ip", "link", "del", cable], capture_output=True, check=False, timeout=_SECONDS
        )


def _wait_for_namespace(holder: subprocess.Popen[bytes]) -> None:
    """
    Raises:
        subprocess.SubprocessError: no namespace is made.
    """
    ours = Path("/proc/self/ns/net").readlink()
    end = time.monotonic() + _SECONDS
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == ours:
        if holder.poll() is not None or time.monotonic() > end:
            message = "There is no right to make network namespaces."
            raise subprocess.SubprocessError(message)
        time.sleep(0.02)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
