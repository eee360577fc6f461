"""`manage.py discord_bot`: the process of the Discord bot."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from giftcodes.discord_bot.database import THREADS
from giftcodes.discord_bot.process import Process


class Command(BaseCommand):
    """Be the Discord bot until SIGTERM, whenever there is a token."""

    help = (
        "Run the Discord bot until Ctrl-C. Without a token it waits for one. If another process is "
        "the bot already, it waits for the end of that process."
    )
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the bot."""
        # Each use closes its connection, so a pool would only keep unused connections.
        connection.settings_dict.get("OPTIONS", {}).pop("pool", None)
        asyncio.run(_run())


async def _run() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="database"))
    task = asyncio.ensure_future(Process().run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
