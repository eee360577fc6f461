"""The lock of a running installation, and how other commands find its servers.

The settings import this module, so that it needs no Django.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home

#: The database host in the settings when no server runs: the driver's error then says what to do.
NO_SERVER_HOST = "/no-server-is-running/start-it-with-make-up"
#: A key of the environment file that is not a variable: the database is the embedded one.
EMBEDDED_DATABASE = "own_database"

#: `is_running` holds the lock itself for a moment.
_LOCK_TIMEOUT_SECONDS = 0.5
#: The prefix of libpq's variables (https://www.postgresql.org/docs/18/libpq-envars.html).
_LIBPQ_PREFIX = "PG"


@contextlib.contextmanager
def instance_lock(lock: Path, address: str) -> Iterator[None]:
    """Hold the lock of an installation. The kernel releases it when its holder dies.

    Args:
        lock: the file that is locked.
        address: written into the file, for the error of a second start.

    Raises:
        CannotStartError: another process holds it; the message has that process's address.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        os.fchmod(descriptor, 0o600)  # An earlier release let every user read it, and so lock it.
    except OSError as error:
        raise CannotStartError(
            f"Cannot open {lock} ({error.strerror}): was it started by another user before?"
        ) from error
    try:
        if not _acquire(descriptor):
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
            raise CannotStartError(
                f"Already running: {holder or lock}. For a second one, set REDEEMER_HOME and PORT."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{address} (process {os.getpid()})\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int) -> bool:
    deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def is_running(lock: Path) -> bool:
    """Whether a living supervisor holds `lock`. The file of a dead one is not locked.

    True also if this user cannot find out, because the installation belongs to another user.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except PermissionError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(descriptor)


def load_running_environment() -> None:
    """Add the addresses and secrets of a running `make up` to the environment.

    Variables that have a value keep it; an empty value counts as none. If `DATABASE_URL` names
    another database, it belongs to another installation, and nothing is added, so that two
    installations are never mixed. If the database is the embedded one, libpq's variables are
    removed, because they name another server. Never raises.
    """
    try:
        home = Home.from_environment()
    except CannotStartError:
        return
    if not is_running(home.lock):
        return
    found = _read(home.environment)
    own = os.environ.get("DATABASE_URL")
    if own and own != found.get("DATABASE_URL"):
        return
    if found.pop(EMBEDDED_DATABASE, ""):
        remove_libpq_variables(os.environ)
    for name, value in found.items():
        if not os.environ.get(name):
            os.environ[name] = value


def database_of_running(home: Home) -> str | None:
    """The DATABASE_URL of the installation that runs in `home`; None if it is not known."""
    return _read(home.environment).get("DATABASE_URL")


def remove_libpq_variables(environment: MutableMapping[str, str]) -> None:
    """Remove the variables of PostgreSQL's client library. `os.environ` changes this process.

    libpq takes the parts that an address leaves out from PGSSLMODE, PGSERVICE, PGHOSTADDR,
    PGOPTIONS and similar variables. In a shell they describe another server. The embedded one
    speaks no TLS, is in no service file, and is reached by its address alone.
    """
    for name in [name for name in environment if name.startswith(_LIBPQ_PREFIX)]:
        del environment[name]


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        if not os.environ.get("DATABASE_URL"):
            sys.stderr.write(
                f"This installation belongs to another user, and only that user can read {path}: "
                "run this as that user.\n"
            )
        return {}
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: value for name, value in found.items() if isinstance(value, str) and "\0" not in value
    }
