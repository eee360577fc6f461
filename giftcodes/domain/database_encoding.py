"""Names of players are in any script: the database has to hold all characters."""

from __future__ import annotations


def wrong_encoding(encoding: str | None) -> str:
    """Why a database with this encoding cannot be used, and what to do; empty if it can.

    Args:
        encoding: as the server reports it in `server_encoding`; None where a pooler does not pass it on.
    """
    if encoding in {None, "UTF8"}:
        return ""
    return (
        f"The database of DATABASE_URL has the encoding {encoding}; it must be UTF8. Make another one with "
        "CREATE DATABASE redeemer ENCODING 'UTF8' TEMPLATE template0, and name it in DATABASE_URL."
    )
