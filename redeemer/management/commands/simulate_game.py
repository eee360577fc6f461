"""`manage.py simulate_game`: the bundled simulator (the package `simulator`) as a command."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from simulator import cli


class Command(BaseCommand):
    """Run the simulator until SIGTERM or Ctrl-C. It needs no database and no real salt."""

    help = cli.DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of the simulator's own command line."""
        cli.add_arguments(parser)

    def handle(self, *_args: object, **options: Any) -> None:
        """Run the simulator. If it cannot start, print one line and exit with status 1."""
        status = cli.run(options)
        if status:
            sys.exit(status)
