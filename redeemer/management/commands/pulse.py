"""`manage.py pulse`: for health checks, which want an exit status."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.models import database_now
from giftcodes.queries.heartbeat import STALE_SECONDS, is_beating, pulse_age_seconds


class Command(ServerCommand):
    """Beat rings four times a second, a worker takes it, and the database answers: all of that, or an error."""

    help = (
        f"Exit status 0 if a worker took beat's tick in the last {STALE_SECONDS:g} seconds, else 1."
    )
    requires_system_checks: list[str] = []

    def run(self, **_options: Any) -> None:
        """Say how old the last tick is.

        Raises:
            CommandError: there is none, or it is too old.
        """
        age = pulse_age_seconds(database_now())
        if age is None:
            raise CommandError("No tick yet: beat or the control worker has not run.")
        if not is_beating(age):
            raise CommandError(
                f"The last tick was {age:.0f} s ago: beat or the control worker is away."
            )
        self.screen.line(f"The last tick was {age:.1f} s ago.")
