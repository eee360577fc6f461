"""The database's clock, by which leases, windows and pauses end. Workers' clocks may differ."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Func, Value
from django.db.models.expressions import Combinable


class Clock(Func):
    """The current time in SQL. Django's `Now()` is too early: it is the transaction's start."""

    template = "clock_timestamp()"

    def __init__(self) -> None:
        super().__init__(output_field=DateTimeField())


def clock_plus(seconds: float) -> Combinable:
    """An expression for the moment this many seconds from now."""
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
