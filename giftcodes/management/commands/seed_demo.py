"""`manage.py seed_demo`."""

from __future__ import annotations

from typing import Any

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.services.demo import DemoError, fill_demo_guild


class Command(ServerCommand):
    help = (
        "Create the demo guild, and fill it with the bundled simulator's players. Members that "
        "exist are not changed. `up` runs this when no real game is set up."
    )
    expected_errors = (DemoError,)

    def run(self, **_options: Any) -> None:
        guild, result = fill_demo_guild()
        self.screen.line(
            f"{guild.name}: {guild.members.count()} member(s), {len(result.added)} of them new."
        )
        if result.added:
            tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
