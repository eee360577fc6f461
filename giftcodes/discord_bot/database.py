"""Call services from the bot's event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from giftcodes.sql import execute

P = ParamSpec("P")
Result = TypeVar("Result")

#: How many commands use the database at the same time. Each has a connection of its own.
THREADS = 4
#: The threads for the lease. Only the process that holds it is the bot, so its renewal must not
#: wait behind commands.
_LEASE_THREADS = ThreadPoolExecutor(2, thread_name_prefix="lease")


async def in_database(work: Callable[P, Result], *arguments: P.args, **options: P.kwargs) -> Result:
    """Do the work in a thread, which gets a connection of its own, and closes it afterwards.

    The database cancels a statement that takes longer than a statement for a web page may take.
    """
    return await _in_thread(None, work, *arguments, **options)


async def in_lease_thread(
    work: Callable[P, Result], *arguments: P.args, **options: P.kwargs
) -> Result:
    """Do work for the lease: as `in_database`, but in a thread that no command uses."""
    return await _in_thread(_LEASE_THREADS, work, *arguments, **options)


async def _in_thread(
    threads: ThreadPoolExecutor | None,
    work: Callable[P, Result],
    *arguments: P.args,
    **options: P.kwargs,
) -> Result:
    def alone() -> Result:
        try:
            limit = round(settings.WEB_STATEMENT_SECONDS * 1_000)
            execute(f"SET statement_timeout TO {limit}")
            return work(*arguments, **options)
        finally:
            connection.close()

    return await sync_to_async(alone, thread_sensitive=False, executor=threads)()
