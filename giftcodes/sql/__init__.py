"""SQL statements that are too long for Python files. Each .sql file here holds several, by name.

A statement begins with the line `-- name: ` and its name, and ends before the next one. Comment
lines directly below the name describe it and are not sent. A part that Python supplies (such as an
expression that several statements share) is written as `{name}` in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection

from giftcodes.domain.sentences import Sentence

Row = TypeVar("Row")

_FOLDER = Path(__file__).parent
_HEADING = re.compile(r"^-- name: (\w+)\n(?:--.*\n)*", re.MULTILINE)
_PART = re.compile(r"{(\w+)}")


@cache
def _statements(file: str) -> dict[str, str]:
    text = (_FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    _before, *parts = _HEADING.split(text)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


@cache
def statement(file: str, name: str, **parts: str) -> str:
    """Return a statement with its parts inserted.

    Args:
        file: the file's name without `.sql`.
        name: the statement's name in the file.
        parts: the SQL for each `{name}` in the statement. A value from outside must be a parameter
            instead.

    Raises:
        KeyError: there is no such statement, or a part is missing.
    """
    return _PART.sub(lambda found: parts[found[1]], _statements(file)[name])


def fetch(sql: str, **parameters: Any) -> list[Any]:
    """Execute a statement and return its rows.

    A `Sentence` among the parameters is written as a `SentenceField` writes it.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, _written(parameters))
        return list(cursor.fetchall())


def fetch_as(row: Callable[..., Row], sql: str, **parameters: Any) -> list[Row]:
    """Execute a statement and return the result of `row(*columns)` for each of its rows."""
    return [row(*columns) for columns in fetch(sql, **parameters)]


def execute(sql: str, **parameters: Any) -> int:
    """Execute a statement that returns no rows, and return how many rows it changed.

    A `Sentence` among the parameters is written as a `SentenceField` writes it.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, _written(parameters))
        return int(cursor.rowcount)


def _written(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.stored if isinstance(value, Sentence) else value
        for name, value in parameters.items()
    }
