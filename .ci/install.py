"""Install pinned requirements into .venv, for the Makefile: `install.py STAMP REQUIREMENTS …`.

Two at a time wait for each other, and one that was interrupted is begun again: the stamp is the last thing written.
pip holds the lock as well: it may live on for a while after this process was killed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
#: There while packages are being written: found at the start, it means that somebody was interrupted.
UNFINISHED = VENV / ".installing"


def main(stamp: Path, *requirements: Path) -> int:
    """Install, unless another process has done it while this one waited. Returns an exit status."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        if is_current(stamp, *requirements):
            return 0
        if UNFINISHED.exists() or not is_usable():
            say("Making .venv")
            if status := subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):  # noqa: S603 - nothing from outside
                return status
        UNFINISHED.touch()
        if status := install(*requirements):
            say("The packages could not be installed: see above. The next `make` begins again.")
            return status
        UNFINISHED.unlink()
        stamp.touch()
    return 0


def is_current(stamp: Path, *requirements: Path) -> bool:
    """Whether `requirements` are installed as they are now."""
    if not stamp.exists() or UNFINISHED.exists():
        return False
    return all(stamp.stat().st_mtime >= path.stat().st_mtime for path in requirements)


def is_usable() -> bool:
    """Whether .venv has a Python that is new enough, and pip."""
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([PYTHON, "-c", question], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


def install(*requirements: Path) -> int:
    """Let pip install, and check every file against its hash. Returns pip's exit status."""
    lines = [
        line for path in requirements for line in path.read_text(encoding="utf-8").splitlines()
    ]
    names = {
        line.partition("==")[0]
        for line in lines
        if "==" in line and not line.lstrip().startswith("#")
    }
    say(f"Installing up to {len(names)} packages; the first time this takes a minute.")
    # --no-deps: the files are complete, and older pips look for a package with extras in newer releases than pinned.
    options = [
        "--require-hashes",
        "--no-deps",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
    ]
    files = [part for path in requirements for part in ("-r", path)]
    return subprocess.call([PYTHON, "-m", "pip", "install", *options, *files], close_fds=False)  # noqa: S603


def say(line: str) -> None:
    """Tell the person, in the order of what happens."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
