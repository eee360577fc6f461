"""Which folder PostgreSQL's data go to. Usually the home; a user with fewer rights may not be able to get there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from redeemer.localserver.accounts import Account
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import make_folder

#: Where a system keeps what its services must find again after a restart of the machine.
_SYSTEM_FOLDER = Path("/var/lib")


def place_for(home: Path, account: Account | None) -> Path:
    """A folder that `account` can reach: `home`, else one below /var/lib that is named after `home`.

    It is made if need be. Modes of folders that were there before are not changed, but for our own below /var/lib.

    Raises:
        CannotStartError: neither can be had, or there are data in `home` that `account` cannot reach any more.
    """
    if account is None or account.can_reach(home / "postgres"):
        return home
    if (home / "postgres" / "PG_VERSION").exists():
        raise CannotStartError(
            f"The data in {home / 'postgres'} are out of reach of user {account.name}: a folder above is closed to it."
        )
    try:
        place = system_place(home)
    except OSError as error:
        raise CannotStartError(
            f"User {account.name}, whom PostgreSQL runs as, cannot reach {home}, and {error.filename} cannot be made "
            f"({error.strerror}). {_WHERE_TO}"
        ) from error
    if not account.can_reach(place / "postgres"):
        raise CannotStartError(
            f"User {account.name}, whom PostgreSQL runs as, can reach neither {home} nor {place}. {_WHERE_TO}"
        )
    return place


def system_place(home: Path) -> Path:
    """The folder below /var/lib that is named after `home`. It is ours alone: other users can pass through it.

    Raises:
        OSError: it cannot be made.
    """
    place = (
        _SYSTEM_FOLDER / f"redeemer-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:8]}"
    )
    make_folder(place)
    if (mode := place.stat().st_mode) & 0o111 != 0o111 and place.stat().st_uid == os.geteuid():
        place.chmod(mode | 0o111)  # Made by an earlier release, under a umask that closed it.
    return place


_WHERE_TO = "Set REDEEMER_HOME to a folder that is open to it."
