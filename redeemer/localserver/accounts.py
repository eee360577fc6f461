"""The user that PostgreSQL runs as. It refuses root, so root runs it as a user with fewer rights."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from redeemer.localserver.errors import CannotStartError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> Account:
        """From an entry of the password database."""
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def can_reach(self, path: Path) -> bool:
        """Whether every folder above `path` lets this user through."""
        return all(
            self._may(stat.S_IXOTH, folder) for folder in path.resolve().parents if folder.exists()
        )

    def can_run(self, program: Path) -> bool:
        """Whether this user can reach, read and run `program`."""
        return self.can_reach(program) and self._may(stat.S_IROTH | stat.S_IXOTH, program)

    def _may(self, rights_of_others: int, path: Path) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        wanted = rights_of_others << shift
        return found.st_mode & wanted == wanted


def account_for_servers(data: Path) -> Account | None:
    """Whom to run PostgreSQL as: None for an ordinary user (itself), else the data's owner or a system user.

    Raises:
        CannotStartError: this is root, and the machine has no user to run it as.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return _by_number(owner)
    for name in _CANDIDATES:
        try:
            return Account.of(pwd.getpwnam(name))
        except KeyError:
            continue
    raise CannotStartError(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody`: run as another user."
    )


def _by_number(uid: int) -> Account:
    try:
        return Account.of(pwd.getpwuid(uid))
    except KeyError:
        return Account(str(uid), uid, uid)
