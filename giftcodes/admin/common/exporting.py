"""At most one export for each person at a time, because an export reads many rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.utils.translation import gettext as _

from giftcodes.sql import fetch

#: The first part of the key of the advisory lock. The second part is the person's id.
_EXPORT_LOCK = 1_155_002


@contextmanager
def only_export(request: Any) -> Iterator[bool]:
    """Hold the person's turn to export, in a transaction, until the file is written.

    The turn is a lock in the database. So it counts for all processes of the site, and it ends with
    the transaction, even if the process dies.

    Yields:
        Whether it is the person's turn. If not, the next page says so.
    """
    with transaction.atomic():
        ((is_free,),) = fetch(
            "SELECT pg_try_advisory_xact_lock(%(lock)s, %(person)s)",
            lock=_EXPORT_LOCK,
            person=request.user.pk,
        )
        if not is_free:
            messages.error(
                request,
                _("Your last export is still being written. Wait for it, then try again."),
            )
        yield bool(is_free)
