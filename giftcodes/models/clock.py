"""The database's clock. Workers' clocks decide nothing: leases, windows and pauses are judged by this one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Func, Value
from django.db.models.expressions import Combinable


class Clock(Func):
    """The moment itself, in SQL. Django's `Now()` is the statement's or transaction's start, which is too early."""

    template = "clock_timestamp()"

    def __init__(self) -> None:
        super().__init__(output_field=DateTimeField())


def clock_plus(seconds: float) -> Combinable:
    """The moment so many seconds from now, as an expression."""
    return ExpressionWrapper(
        Clock() + Value(timedelta(seconds=seconds)), output_field=DateTimeField()
    )


def database_now() -> datetime:
    """Ask the database for the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: Any = cursor.fetchone()
    moment: datetime = row[0]
    return moment
