"""Call services from the bot's event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

P = ParamSpec("P")
Result = TypeVar("Result")


async def in_database(work: Callable[P, Result], *arguments: P.args, **options: P.kwargs) -> Result:
    """Do the work in a thread, which gets a connection of its own, and closes it afterwards."""

    def alone() -> Result:
        try:
            return work(*arguments, **options)
        finally:
            connection.close()

    return await sync_to_async(alone, thread_sensitive=False)()
