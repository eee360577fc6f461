"""Find the servers of a running `make up`, so that every command reaches them without being told."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

from redeemer.localserver import libpq
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home

#: Stands where a host stands in the settings when there is no server: the driver's error then says what to do.
NO_SERVER_HOST = "/no-server-is-running/start-it-with-make-up"

#: In the note of what runs, beside the variables: the database is the embedded one.
OWN_DATABASE = "own_database"


def load_running_environment() -> None:
    """Put the addresses and secrets of a running `make up` into the environment, where it has no value yet.

    An empty value counts as none. If `DATABASE_URL` names another database, then that is another installation, and
    nothing is taken: half of one and half of the other would be worse than neither. If the database is the embedded
    one, libpq's variables are taken out: they mean another server. Never raises.
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
    if found.pop(OWN_DATABASE, ""):
        libpq.forget(os.environ)
    for name, value in found.items():
        if not os.environ.get(name):
            os.environ[name] = value


def database_of_running(home: Home) -> str | None:
    """The DATABASE_URL of what runs in `home`, None if it is not to be known."""
    return _read(home.environment).get("DATABASE_URL")


def is_running(lock: Path) -> bool:
    """Whether a living supervisor holds `lock`. A file that a dead one left behind is not locked."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
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


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        if not os.environ.get("DATABASE_URL"):
            sys.stderr.write(
                f"A `make up` of another user is running here, and {path} is only for that user.\n"
            )
        return {}
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: value for name, value in found.items() if isinstance(value, str) and "\0" not in value
    }
