"""A copy of the project in a separate folder, for tests that need their own `.env`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from redeemer.localserver.home import REPOSITORY
from tests import reaper


class Copy:
    """The project in a separate folder, with its own `.env` and nothing in the environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / ".env"
        self.output = folder / "output"
        skip = shutil.ignore_patterns("__pycache__")
        for name in ("redeemer", "giftcodes", "templates"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=skip)
        shutil.copy(REPOSITORY / "manage.py", folder)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of the processes that the copy starts."""
        return {
            "PATH": os.environ["PATH"],
            "REDEEMER_HOME": str(self._folder / "home"),
            **reaper.mark(),
            **more,
        }

    def begin(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Python program. Its output goes to the file `output`."""
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=self._folder,
                env=self.environment(**environment),
                stdout=output,
                stderr=output,
            )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program to its end."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=self._folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py to its end."""
        return self.run("manage.py", *words, **environment)

    def value(self, expression: str, **environment: str) -> str:
        """The value, as printed, of an expression that uses the settings."""
        code = f"from django.conf import settings; print({expression})"
        done = self.run("-c", code, DJANGO_SETTINGS_MODULE="redeemer.settings", **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")
