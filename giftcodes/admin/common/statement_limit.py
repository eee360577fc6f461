"""More time for the statements of actions on thousands of rows.

In the site's process each statement has a limit (WEB_STATEMENT_SECONDS), so that no page occupies
a thread for long. An action whose statements are known to take longer asks for more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

#: The limit for a statement of a long action, in seconds.
LONG = 600.0


@contextmanager
def statements_may_take(seconds: float) -> Iterator[None]:
    """Inside the block each statement may take so long. Without a limit nothing changes.

    Args:
        seconds: the limit for one statement.
    """
    before = _set(f"{round(seconds * 1000)}ms", only_if_limited=True)
    try:
        yield
    finally:
        # A session that broke is replaced by one with the limit of the settings.
        if before and connection.connection is not None and not connection.needs_rollback:
            _set(before)


def _set(limit: str, *, only_if_limited: bool = False) -> str:
    """Set the limit. Returns the one before; empty: there was none, and none was set."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        (before,) = cursor.fetchone()
        if only_if_limited and before == "0":
            return ""
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [limit])
    return str(before)
