"""The folder of one installation: its paths, its secrets, and how private files are written.

The settings import this module, so it must not need Django.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redeemer.localserver.errors import CannotStartError
from redeemer.paths import CODE, UnknownHomeError, home_folder

#: The repository, for tests and tools. They never run from a wheel.
REPOSITORY = CODE
#: The beginnings of the names of all files and folders that an installation creates in its home.
_OWN_NAMES = (
    "admin-password",
    "backups",
    "log",
    "postgres",
    "run",
    "secrets.json",
    "simulator.jsonl",
    "valkey",
)


@dataclass(frozen=True)
class Home:
    """The paths under `REDEEMER_HOME`. Only `prepare` changes anything on the disk."""

    folder: Path

    @classmethod
    def from_environment(cls) -> Home:
        """Return the home that `REDEEMER_HOME` or the default names (redeemer.paths).

        Raises:
            CannotStartError: the folder cannot be found.
        """
        try:
            return cls(home_folder())
        except UnknownHomeError as error:
            raise CannotStartError(str(error)) from error

    @property
    def lock(self) -> Path:
        """The file that is locked while a supervisor runs. It contains the site's address.

        Only the installation's own user can open it. A user who can read a file can also lock it,
        and then the next start would be refused.
        """
        return self.folder / "run" / "up.lock"

    @property
    def environment(self) -> Path:
        """The file that says how to reach the running servers. Only its owner may read it."""
        return self.folder / "run" / "environment.json"

    @property
    def secrets(self) -> Path:
        """The file with the secrets that were generated for this installation."""
        return self.folder / "secrets.json"

    @property
    def admin_password(self) -> Path:
        """The file with the password that the first administrator was created with."""
        return self.folder / "admin-password"

    @property
    def logs(self) -> Path:
        """The folder for the output of the embedded servers, which helps to find a problem."""
        return self.folder / "log"

    @property
    def backups(self) -> Path:
        """The default folder for backups."""
        return self.folder / "backups"

    def prepare(self) -> None:
        """Create the folders, and close those below the home to other users.

        A new home is closed, too, so that other users cannot list it. The same is done to an
        existing home that an earlier release left open, if it contains only what Redeemer creates.
        Any other existing home keeps its mode.

        Raises:
            CannotStartError: this user cannot write here, or the path contains a control character.
        """
        if any(ord(letter) < ord(" ") or ord(letter) == 127 for letter in str(self.folder)):
            raise CannotStartError(
                "REDEEMER_HOME has a line end or another control character in it: name another "
                "folder."
            )
        for folder in (self.folder, self.lock.parent, self.logs):
            is_ours = folder != self.folder or not folder.exists() or self._holds_only_ours()
            try:
                make_folder(folder)
                if is_ours:
                    _close(folder, is_passage=folder == self.folder)
            except OSError as error:
                raise CannotStartError(
                    f"Cannot make {folder} ({error.strerror}). {_CHOOSE_HOME}"
                ) from error
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise CannotStartError(
                    f"Cannot write to {folder}: it belongs to another user. {_CHOOSE_HOME}"
                )

    def _holds_only_ours(self) -> bool:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return False
        return self.secrets.name in names and all(name.startswith(_OWN_NAMES) for name in names)


_CHOOSE_HOME = (
    "Set REDEEMER_HOME to a folder of your own, or run this as the user who owns the folder."
)


class SecretStore:
    """The values that are generated once for an installation, such as passwords and keys.

    They are stored by name in one file that only its owner can read.
    """

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file. It need not exist.

        Raises:
            CannotStartError: the file exists but cannot be used. It is not replaced, because
                existing data were created with the passwords in it.
        """
        self._path = path
        self._values: dict[str, str] = {}
        try:
            self._values = {
                str(name): str(value) for name, value in json.loads(path.read_text("utf-8")).items()
            }
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as error:
            raise CannotStartError(
                f"Cannot read {path}, which holds this installation's passwords: {error}"
            ) from error

    def get(self, name: str) -> str | None:
        """Return the value of `name`, or None if there is none."""
        return self._values.get(name)

    def set(self, name: str, value: str) -> str:
        """Store `value` under `name`, and return it."""
        if self._values.get(name) != value:
            self._values[name] = value
            write_private(self._path, json.dumps(self._values, indent=1))
        return value

    def get_or_create(self, name: str) -> str:
        """Return the value of `name`. The first call generates 64 random hexadecimal digits."""
        return self._values.get(name) or self.set(name, secrets.token_hex(32))


def _close(folder: Path, *, is_passage: bool) -> None:
    """Remove the rights of other users from a folder that belongs to this user.

    Args:
        folder: an existing folder.
        is_passage: whether other users keep the right to pass through the folder if root calls
            this. The server needs that right, because root runs the server as another user.
    """
    found = folder.stat()
    left = found.st_mode & (0o711 if is_passage and os.geteuid() == 0 else 0o700)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != left:
        folder.chmod(left)


def make_folder(folder: Path) -> None:
    """Create `folder` and its missing parents. The modes of existing folders are not changed.

    Other users can enter the folders that root creates, whatever root's umask is, because root runs
    PostgreSQL as another user.

    Raises:
        OSError: the folder cannot be created.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o755, exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(missing.stat().st_mode | 0o111)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


# `giftcodes.cli.atomic_file` also replaces a file in one step. It is for exports: it can write to
# pipes, and its errors are those of a command. It cannot be used here, because it needs Django,
# which is not ready when this module is imported. `giftcodes` cannot use this function instead,
# because it must not import `redeemer`.
@contextmanager
def private_draft(path: Path) -> Iterator[Path]:
    """Yield an empty file beside `path`. When the block ends, that file replaces `path`.

    Only its owner can read the file. A reader of `path` sees either the old content or the new one.
    Afterwards the content is safe on the disk. If the block raises an error, the new file is
    removed and `path` is unchanged.

    Raises:
        OSError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.fchmod(descriptor, 0o600)  # The umask may have removed the owner's rights.
        os.close(descriptor)
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace the content of `path` in one step. Only its owner can read the file."""
    with private_draft(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
