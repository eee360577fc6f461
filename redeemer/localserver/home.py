"""The folder of one installation: where its servers keep their data, its secrets, and the note of what runs."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from redeemer.localserver.errors import CannotStartError

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """Paths under `REDEEMER_HOME`. Only `prepare` touches the disk."""

    folder: Path

    @classmethod
    def from_environment(cls) -> Home:
        """The folder `REDEEMER_HOME` names, `var` if it names none. A relative one counts from the repository.

        Raises:
            CannotStartError: it begins with `~`, and this machine does not know whose folder that is.
        """
        name = os.environ.get("REDEEMER_HOME") or "var"
        try:
            return cls(REPOSITORY / Path(name).expanduser())
        except RuntimeError as error:
            raise CannotStartError(
                f"REDEEMER_HOME is {name!r}, and there is no such user or no HOME: write the whole path."
            ) from error

    @property
    def lock(self) -> Path:
        """Locked while a supervisor lives; holds its address. Anybody may read it."""
        return self.folder / "run" / "up.lock"

    @property
    def environment(self) -> Path:
        """What the running servers are reached by: for the installation's own user only."""
        return self.folder / "run" / "environment.json"

    @property
    def secrets(self) -> Path:
        """The secrets made once for this installation."""
        return self.folder / "secrets.json"

    @property
    def admin_password(self) -> Path:
        """The password that the first administrator was made with."""
        return self.folder / "admin-password"

    @property
    def logs(self) -> Path:
        """What the embedded servers say, which nobody needs before there is trouble."""
        return self.folder / "log"

    @property
    def backups(self) -> Path:
        """Where backups go that are not told where to."""
        return self.folder / "backups"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            CannotStartError: this user cannot write here, or no program could use a folder of that name.
        """
        if any(ord(letter) < ord(" ") or ord(letter) == 127 for letter in str(self.folder)):
            raise CannotStartError(
                "REDEEMER_HOME has a line end or another control character in it: name another folder."
            )
        for folder in (self.folder, self.lock.parent, self.logs):
            try:
                make_folder(folder)
            except OSError as error:
                raise CannotStartError(
                    f"Cannot make {folder} ({error.strerror}). {_WHERE_TO}"
                ) from error
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise CannotStartError(
                    f"Cannot write to {folder}: it is not this user's. {_WHERE_TO}"
                )


_WHERE_TO = "Set REDEEMER_HOME to a folder of your own, or run this as the user whose folder it is."


def make_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it, if it is not there. Folders that are there stay as they are.

    Whatever root's umask is, other users can pass through what root makes: PostgreSQL runs as one of them.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o755, exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(missing.stat().st_mode | 0o111)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def write_private(path: Path, text: str) -> None:
    """Put `text` into `path` in one step, readable by nobody else: a reader sees the old text or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)  # A umask may have taken away more.
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
