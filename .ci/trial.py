"""Install a wheel into an empty environment, and run it there, for the Makefile: `trial.py WHEEL`.

The trial has its own home folder and an empty working directory, so nothing of the repository can
be in use. It needs the package index, as every installation does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

_INSTALL_SECONDS = 600
_COMMAND_SECONDS = 120
_UP_SECONDS = 180
_STOP_SECONDS = 60


class TrialError(Exception):
    """The wheel does not work. The text says what failed."""


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment with a wheel and the packages that it needs, as a user would.

    Returns:
        The path of the command `redeemer` in it.

    Raises:
        TrialError: the packages cannot be installed.
    """
    _run([sys.executable, "-m", "venv", str(folder)], folder.parent, os.environ, _COMMAND_SECONDS)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    _run([*pip, "--quiet", str(wheel)], folder.parent, os.environ, _INSTALL_SECONDS)
    return folder / "bin" / "redeemer"


def try_out(command: Path, version: str, folder: Path) -> None:
    """Run an installed command: its version, its checks, and everything until the site is healthy.

    Args:
        command: the path of the command `redeemer`.
        version: what it must say about itself.
        folder: an empty folder. Other users must be able to enter it, as for PostgreSQL.

    Raises:
        TrialError: something failed.
    """
    work, home = folder / "work", folder / "home"
    for made in (work, home):
        made.mkdir(mode=0o755)
    port = _free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": str(port)}
    said = _run([str(command), "--version"], work, environment, _COMMAND_SECONDS).strip()
    if said != version:
        raise TrialError(f"`redeemer --version` says {said}, not {version}.")
    _run([str(command), "check"], work, environment, _COMMAND_SECONDS)
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - no outside input
            [str(command), "up"],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_healthy(process, port, log)
        _run([str(command), "status"], work, environment, _COMMAND_SECONDS)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    if status != 0:
        raise TrialError(f"`redeemer up` ended with status {status}.\n{_tail(log)}")
    if left := [str(path) for path in work.iterdir()]:
        raise TrialError(f"Files were written into the working directory: {', '.join(left)}")


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _UP_SECONDS
    while not _is_healthy(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise TrialError(f"`redeemer up` did not become healthy.\n{_tail(log)}")
        time.sleep(0.2)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(command: list[str], folder: Path, environment: Mapping[str, str], seconds: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no outside input
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"{' '.join(command)} takes longer than {seconds:.0f} s.") from error
    if done.returncode != 0:
        raise TrialError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-20:])


def main(wheel: Path) -> int:
    """Try a wheel out, and return the exit status."""
    with tempfile.TemporaryDirectory(prefix="trial-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            try_out(install(wheel.absolute(), folder / "venv"), wheel.name.split("-")[1], folder)
        except TrialError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(f"{wheel.name} works in an empty environment.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
