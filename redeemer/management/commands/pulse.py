"""`manage.py pulse`: an exit status for health checks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.models import database_now
from giftcodes.queries.heartbeat import STALE_SECONDS, is_beating, pulse_age_seconds


class Command(ServerCommand):
    """Succeed if beat sends ticks, a worker takes them, and the database answers."""

    help = (
        f"Exit status 0 if a worker took beat's tick in the last {STALE_SECONDS:g} seconds, else 1."
    )
    requires_system_checks: list[str] = []

    def run(self, **_options: Any) -> None:
        """Show the age of the last tick.

        Raises:
            CommandError: there has been no tick, or the last one is too old.
        """
        age = pulse_age_seconds(database_now())
        if age is None:
            raise CommandError("No tick yet: beat or the control worker has not run.")
        if not is_beating(age):
            raise CommandError(
                f"The last tick was {age:.0f} s ago: beat or the control worker is not running."
            )
        # The age is negative if the tick came after the time to which it is compared.
        self.screen.line(f"The last tick was {max(0.0, age):.1f} s ago.")
