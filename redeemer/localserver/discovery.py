"""The lock of a running installation, and how other commands find its servers.

The settings import this module, so it must not need Django.
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
from redeemer.paths import START_COMMAND

#: The database host in the settings when no server is running. The driver's error shows this name,
#: which says what to do.
NO_SERVER_HOST = f"/no-server-is-running/start-it-with-{START_COMMAND.replace(' ', '-')}"
#: This key of the environment file is not a variable. It means that the database is the embedded
#: one.
EMBEDDED_DATABASE = "own_database"

#: How long a start waits for the lock, which `is_running` may be holding for a moment.
_LOCK_TIMEOUT_SECONDS = 0.5
#: The prefix of libpq's variables (https://www.postgresql.org/docs/18/libpq-envars.html).
_LIBPQ_PREFIX = "PG"


@contextlib.contextmanager
def instance_lock(lock: Path, address: str) -> Iterator[None]:
    """Hold the lock of an installation. The kernel releases it when its holder dies.

    Args:
        lock: the file that is locked.
        address: the site's address. It is written into the file, and the error of a second start
            shows it.

    Raises:
        CannotStartError: another process holds the lock. The message shows the address of that
            process.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        # In an earlier release every user could read the file, and so lock it.
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise CannotStartError(
            f"Cannot open {lock} ({error.strerror}): did another user start this installation?"
        ) from error
    try:
        if not _acquire(descriptor):
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
            raise CannotStartError(
                f"Already running: {holder or lock}. To run a second installation, set "
                "REDEEMER_HOME and PORT."
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
    """Return whether a supervisor holds `lock`. The kernel unlocks the file when the holder dies.

    The result is also True if this user cannot find out, because the installation belongs to
    another user.
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

    Variables that have a value keep it. An empty value counts as missing. If `DATABASE_URL` names
    another database, that database belongs to another installation, and nothing is added, so that
    two installations are never mixed. If the database is the embedded one, libpq's variables are
    removed, because they describe another server. This function never raises an error.
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
    """Return the DATABASE_URL of the installation that runs in `home`, or None if it is unknown."""
    return _read(home.environment).get("DATABASE_URL")


def remove_libpq_variables(environment: MutableMapping[str, str]) -> None:
    """Remove the variables of PostgreSQL's client library.

    If an address leaves out a part, libpq takes the part from PGSSLMODE, PGSERVICE, PGHOSTADDR,
    PGOPTIONS or a similar variable. If a shell sets these variables, they describe another server.
    The embedded server does not use TLS, is not in a service file, and needs only its address.

    Args:
        environment: the variables, from which those of libpq are removed.
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
