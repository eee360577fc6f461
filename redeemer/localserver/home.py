"""The folder of one installation: its paths, its secrets, and how private files are written.

The settings import this module, so that it needs no Django.
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

REPOSITORY = Path(__file__).resolve().parents[2]
#: How the names of what an installation makes in its home begin.
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
    """Paths under `REDEEMER_HOME`. Only `prepare` touches the disk."""

    folder: Path

    @classmethod
    def from_environment(cls) -> Home:
        """The folder that `REDEEMER_HOME` names, or `var`, relative to the repository.

        Raises:
            CannotStartError: it begins with `~`, and that user or its home folder is not known.
        """
        name = os.environ.get("REDEEMER_HOME") or "var"
        try:
            return cls(REPOSITORY / Path(name).expanduser())
        except RuntimeError as error:
            raise CannotStartError(
                f"REDEEMER_HOME is {name!r}, and there is no such user or no HOME: write the "
                "whole path."
            ) from error

    @property
    def lock(self) -> Path:
        """Locked while a supervisor lives; holds its address.

        Only the installation's own user can open it: who can read a file can also lock it, and the
        next start would be refused.
        """
        return self.folder / "run" / "up.lock"

    @property
    def environment(self) -> Path:
        """How to reach the running servers; only the installation's own user may read it."""
        return self.folder / "run" / "environment.json"

    @property
    def secrets(self) -> Path:
        """The secrets that were generated for this installation."""
        return self.folder / "secrets.json"

    @property
    def admin_password(self) -> Path:
        """The password that the first administrator was created with."""
        return self.folder / "admin-password"

    @property
    def logs(self) -> Path:
        """The output of the embedded servers, which is needed only to find a problem."""
        return self.folder / "log"

    @property
    def backups(self) -> Path:
        """The default folder for backups."""
        return self.folder / "backups"

    def prepare(self) -> None:
        """Make the folders, and close those below the home to other users.

        A new home is closed, too: other users cannot list it. So is one that an earlier release
        left open, if it holds nothing but ours. Another folder that was chosen keeps its mode.

        Raises:
            CannotStartError: this user cannot write here, or no program could use such a path.
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
    """Values generated once for an installation: passwords, the secret key, the demo's settings.

    They are kept by name in one file that only its owner can read.
    """

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file; it need not exist.

        Raises:
            CannotStartError: it exists and cannot be used. It is not replaced, because existing
                data were made with the passwords in it.
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
        """The value of `name`."""
        return self._values.get(name)

    def set(self, name: str, value: str) -> str:
        """Store `value` under `name`. Returns it."""
        if self._values.get(name) != value:
            self._values[name] = value
            write_private(self._path, json.dumps(self._values, indent=1))
        return value

    def get_or_create(self, name: str) -> str:
        """The value of `name`. The first call generates it: 64 random hexadecimal digits."""
        return self._values.get(name) or self.set(name, secrets.token_hex(32))


def _close(folder: Path, *, is_passage: bool) -> None:
    """Take the rights of other users away from a folder of this user.

    Args:
        folder: an existing folder.
        is_passage: leave the right to go through it, for the server that root runs as another user.
    """
    found = folder.stat()
    left = found.st_mode & (0o711 if is_passage and os.geteuid() == 0 else 0o700)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != left:
        folder.chmod(left)


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents. The modes of existing folders are not changed.

    Other users can enter the folders that root makes, whatever root's umask is, because PostgreSQL
    runs as another user.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o755, exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(missing.stat().st_mode | 0o111)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


# `giftcodes.cli.atomic_file` also replaces a file in one step, for exports: through pipes, and with
# errors for a command line. It needs Django, which is not there yet when this module is imported;
# and `giftcodes` must not import `redeemer`.
@contextmanager
def private_draft(path: Path) -> Iterator[Path]:
    """An empty draft beside `path`, for its owner only, which replaces `path` when the block ends.

    A reader of `path` sees the old content or the new one. The content is safe on the disk
    afterwards. If the block raises, the draft is removed and `path` is unchanged.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.fchmod(descriptor, 0o600)  # The umask may have removed more.
        os.close(descriptor)
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace the content of `path` in one step, readable by its owner only."""
    with private_draft(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
