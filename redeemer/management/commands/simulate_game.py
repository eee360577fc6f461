"""`manage.py simulate_game`: the bundled simulator, as a command. All of it is in `simulator`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from simulator import cli


class Command(BaseCommand):
    """Start the simulator and stay until SIGTERM or Ctrl-C. It needs no database and no real salt."""

    help = cli.DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options that the simulator has without Django."""
        cli.add_arguments(parser)

    def handle(self, *_args: object, **options: Any) -> None:
        """Simulate; exit 1 with one line when that cannot start."""
        status = cli.run(options)
        if status:
            sys.exit(status)
