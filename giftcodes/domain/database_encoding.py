"""The encoding of the database. It must be UTF8, because player names can be in any script."""

from __future__ import annotations


def wrong_encoding(encoding: str | None) -> str:
    """Return why a database with this encoding cannot be used, and what to do.

    The result is empty if the database can be used.

    Args:
        encoding: the server's `server_encoding`. None if a pooler does not report it.
    """
    if encoding in {None, "UTF8"}:
        return ""
    return (
        f"The database of DATABASE_URL has the encoding {encoding}; it must be UTF8. Create "
        "another one with CREATE DATABASE redeemer ENCODING 'UTF8' TEMPLATE template0, and name "
        "it in DATABASE_URL."
    )
