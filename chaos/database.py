"""Reads and prepares the database of the system under test with SQL, without using its code."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
REALM = 1042


class Database:
    """A connection to the database. It is opened again if it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Row] | None = None

    def execute(self, statement: str, *parameters: Any) -> list[Row]:
        """Execute a statement. Returns its rows, or an empty list if it returns none.

        Raises:
            psycopg.OperationalError: the database is down.
        """
        cursor = self._execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *parameters: Any) -> Any:
        """Execute a statement that returns one row with one column. Returns its value."""
        ((value,),) = (row.values() for row in self.execute(statement, *parameters))
        return value

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> psycopg.Cursor[Row]:
        for is_last in (False, True):
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(
                        self._url,
                        autocommit=True,
                        row_factory=dict_row,
                        connect_timeout=3,
                        application_name="chaos",
                    )
                return self._connection.execute(statement, parameters)  # type: ignore[call-overload,no-any-return]
            except psycopg.OperationalError:
                self.close()
                if is_last:
                    raise
        raise AssertionError

    # --- Before the start -------------------------------------------------------------------------
    def set_beat_interval(self, task: str, seconds: float) -> None:
        """Set how often beat enqueues a task."""
        schedule = (
            "FROM django_celery_beat_intervalschedule WHERE every = %s AND period = 'seconds'"
        )
        every, name = int(seconds), f"giftcodes.tasks.{task}"
        self.execute(
            "INSERT INTO django_celery_beat_intervalschedule (every, period) "
            f"SELECT %s, 'seconds' WHERE NOT EXISTS (SELECT {schedule})",
            every,
            every,
        )
        self.execute(
            "UPDATE django_celery_beat_periodictask "
            f"SET interval_id = (SELECT min(id) {schedule}) WHERE task = %s",
            every,
            name,
        )

    # --- Guilds and codes -------------------------------------------------------------------------
    def add_guild(self, name: str, players: list[str], realm: int = REALM) -> int:
        """Add a guild with automatic redeeming and these members. Returns its id."""
        guild_id: int = self.value(
            "INSERT INTO giftcodes_guild "
            "(name, provider, realm, active, automatic, priority, notes, created_at) "
            "VALUES (%s, 'simulator', %s, true, true, 0, '', now()) RETURNING id",
            name,
            realm,
        )
        self.execute(
            "INSERT INTO giftcodes_member "
            "(guild_id, player_id, nickname, active, opted_out, joined_at) "
            "SELECT %s, player, '', true, false, now() FROM unnest(%s::text[]) player",
            guild_id,
            players,
        )
        return guild_id

    def deactivate_all(self) -> None:
        """Make all guilds of earlier scenarios inactive, and close their codes."""
        self.execute("UPDATE giftcodes_guild SET active = false")
        self.close_codes()

    def close_codes(self) -> None:
        """Close all codes as an operator would, so that they are no longer redeemed."""
        self.execute(
            "UPDATE giftcodes_giftcode SET state = 'closed', reason = 'The round is over.', "
            "closed_at = now(), next_probe_at = NULL WHERE state <> 'closed'"
        )

    def poll_now(self) -> None:
        """Make the feed's next poll due now."""
        self.execute(
            "UPDATE giftcodes_feed SET next_poll_at = clock_timestamp() "
            "WHERE provider = 'simulator'"
        )

    # --- Progress ---------------------------------------------------------------------------------
    def unanswered(self) -> set[int]:
        """Return the ids of the attempts without a recorded answer."""
        return {
            row["id"] for row in self.execute("SELECT id FROM giftcodes_attempt WHERE outcome = ''")
        }

    def progress(self, codes: list[str]) -> Row:
        """Count the member redemptions of these codes, and their unfinished runs.

        The keys are `rows` (all member redemptions), `open`, `expired` (claims whose lease has
        expired), `settled`, and `unfinished` (runs).
        """
        (row,) = self.execute(
            """
            SELECT count(*) AS rows,
                   count(*) FILTER (
                       WHERE m.state IN ('pending', 'in_flight', 'unconfirmed')
                   ) AS open,
                   count(*) FILTER (
                       WHERE m.state = 'in_flight' AND m.lease_until < clock_timestamp()
                   ) AS expired,
                   count(*) FILTER (
                       WHERE m.state IN ('redeemed', 'already_received', 'same_type')
                   ) AS settled
            FROM giftcodes_memberredemption m
            JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.code = ANY(%s)
            """,
            codes,
        )
        row["unfinished"] = self.value(
            "SELECT count(*) FROM giftcodes_redemption r "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE c.code = ANY(%s) AND r.state IN ('pending', 'running')",
            codes,
        )
        return row
