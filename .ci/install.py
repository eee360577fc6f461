"""Install pinned requirements into .venv, for the Makefile: `install.py STAMP REQUIREMENTS`.

Two at a time wait for each other, and one that was interrupted is begun again: the stamp is the last thing written.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
#: There while packages are being written: found at the start, it means that somebody was interrupted.
UNFINISHED = VENV / ".installing"


def main(stamp: Path, requirements: Path) -> int:
    """Install, unless another process has done it while this one waited. Returns an exit status."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current(stamp, requirements):
            stamp.touch()  # For make, which compares it with the other stamp too.
            return 0
        if UNFINISHED.exists() or not is_usable():
            say("Making .venv")
            if status := subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):  # noqa: S603 - nothing from outside
                return status
        UNFINISHED.touch()
        if status := install(requirements):
            say("The packages could not be installed: see above. The next `make` begins again.")
            return status
        UNFINISHED.unlink()
        stamp.touch()
    return 0


def is_current(stamp: Path, requirements: Path) -> bool:
    """Whether `requirements` are installed as they are now."""
    return stamp.exists() and not UNFINISHED.exists() and stamp.stat().st_mtime >= requirements.stat().st_mtime


def is_usable() -> bool:
    """Whether .venv has a Python that is new enough, and pip."""
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", question], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def install(requirements: Path) -> int:
    """Let pip install, and check every file against its hash. Returns pip's exit status."""
    count = sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())
    say(f"Installing up to {count} packages from {requirements}; the first time this takes a minute.")
    options = ["--require-hashes", "--disable-pip-version-check", "--no-input", "--quiet"]
    return subprocess.call([PYTHON, "-m", "pip", "install", *options, "-r", requirements])  # noqa: S603


def say(line: str) -> None:
    """Tell the person, in the order of what happens."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
