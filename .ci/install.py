"""Install pinned requirements into .venv, for the Makefile: `install.py STAMP REQUIREMENTS …`.

Concurrent calls wait for each other. The stamp is written last, so the next call repeats an
installation that was interrupted. pip may keep running for a while after this process has been
killed, so it inherits the lock, and the next call waits for it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
#: Exists while packages are being installed. If it exists at the start, an earlier installation was
#: interrupted.
INSTALLING = VENV / ".installing"


def main(stamp: Path, *requirements: Path) -> int:
    """Install, unless another process did so while this one waited. Returns an exit status."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        if is_current(stamp, *requirements):
            return 0
        if INSTALLING.exists() or not is_usable():
            say("Making .venv")
            make_venv = [sys.executable, "-m", "venv", "--clear", VENV]
            if status := subprocess.call(make_venv):  # noqa: S603 - no outside input
                return status
        INSTALLING.touch()
        if status := install(*requirements):
            say("The packages could not be installed: see above. The next `make` tries again.")
            return status
        INSTALLING.unlink()
        stamp.touch()
    return 0


def is_current(stamp: Path, *requirements: Path) -> bool:
    """Return whether the packages were installed after the last change of any requirements file."""
    if not stamp.exists() or INSTALLING.exists():
        return False
    return all(stamp.stat().st_mtime >= path.stat().st_mtime for path in requirements)


def is_usable() -> bool:
    """Whether .venv has pip and a Python that is recent enough."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


def install(*requirements: Path) -> int:
    """Install with pip, which checks every file against its hash. Returns pip's exit status."""
    lines = [
        line for path in requirements for line in path.read_text(encoding="utf-8").splitlines()
    ]
    names = {
        line.partition("==")[0]
        for line in lines
        if "==" in line and not line.lstrip().startswith("#")
    }
    say(f"Installing up to {len(names)} packages; the first time this takes a minute.")
    # --no-deps, because the files list every package. Without it, older versions of pip would look
    # for releases newer than the pinned one if a package has extras.
    options = [
        "--require-hashes",
        "--no-deps",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
    ]
    files = [part for path in requirements for part in ("-r", path)]
    command = [PYTHON, "-m", "pip", "install", *options, *files]
    return subprocess.call(command, close_fds=False)  # noqa: S603


def say(line: str) -> None:
    """Write to stderr, which is unbuffered, so that the lines stay in order with pip's output."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
