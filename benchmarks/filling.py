"""Fills a database with a million rows, and measures the time and memory of a Python process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

#: In every second guild, this many members are also in the previous guild, and got each code there.
DUPLICATES = 5

_FILL = (
    """
    INSERT INTO giftcodes_guild (id, name, provider, realm, active, automatic, priority, notes,
                                 created_at)
    SELECT g, 'Guild ' || g, 'simulator', 1042, true, true, 0, '', now() - interval '30 days'
    FROM generate_series(1, %(guilds)s) g
    """,
    """
    INSERT INTO giftcodes_member (id, guild_id, player_id, nickname, active, opted_out, joined_at)
    SELECT (g - 1) * %(members)s + m, g,
           (200000000 + m + %(members)s
                * CASE WHEN m <= %(duplicates)s AND g %% 2 = 0 THEN g - 2 ELSE g - 1 END)::text,
           'Player', true, false, now() - interval '30 days'
    FROM generate_series(1, %(guilds)s) g, generate_series(1, %(members)s) m
    """,
    """
    INSERT INTO giftcodes_giftcode (id, provider, code, folded, issue, source, rewards,
                                    first_seen_at, state, reason, closed_outcome, doubt_outcome,
                                    doubt_player_id, probes, proven_at)
    SELECT c, 'simulator', 'FROST' || c, 'frost' || c, 1, 'feed', '', now() - interval '10 days',
           'active', '', '', '', '', 0, now() - interval '10 days'
    FROM generate_series(1, %(codes)s) c
    """,
    """
    INSERT INTO giftcodes_redemption (id, guild_id, gift_code_id, state, run_number, trigger,
                                      locked_at, unlocked_at)
    SELECT (c - 1) * %(guilds)s + g, g, c, 'complete', 1, 'poll', now() - interval '9 days',
           now() - interval '8 days'
    FROM generate_series(1, %(codes)s) c, generate_series(1, %(guilds)s) g
    """,
    """
    INSERT INTO giftcodes_redemptionevent (redemption_id, gift_code_id, kind, run_number, trigger,
                                           detail, at)
    SELECT id, gift_code_id, kind, 1, 'poll', '',
           CASE kind WHEN 'locked' THEN locked_at ELSE unlocked_at END
    FROM giftcodes_redemption,
         unnest(ARRAY['locked', 'unlocked']) WITH ORDINALITY AS k (kind, place)
    ORDER BY id, place
    """,
    # Covered rows are inserted last, because they refer to the rows that cover them.
    """
    INSERT INTO giftcodes_memberredemption (redemption_id, member_id, gift_code_id, player_id,
                                            state, outcome, reason, next_attempt_at, settled_at,
                                            token)
    SELECT r.id, m.id, r.gift_code_id, m.player_id, 'redeemed', 'success', 'Redeemed.', NULL,
           now() - interval '8 days', 1
    FROM giftcodes_redemption r
    JOIN giftcodes_member m ON m.guild_id = r.guild_id
    WHERE NOT (r.guild_id %% 2 = 0 AND (m.id - 1) %% %(members)s < %(duplicates)s)
    ORDER BY r.id, m.id
    """,
    """
    INSERT INTO giftcodes_attempt (member_redemption_id, gift_code_id, player_id, realm, token,
                                   sent_at, answered_at, outcome, http_status, err_code, msg,
                                   latency_ms)
    SELECT id, gift_code_id, player_id, 1042, 1, settled_at - interval '1 s',
           settled_at - interval '1 ms', 'success', 200, '20000', 'SUCCESS', 40
    FROM giftcodes_memberredemption
    ORDER BY id
    """,
    # Without statistics, PostgreSQL would run the next statement with a slow join: it would compare
    # all member redemptions of a code with each other.
    "ANALYZE",
    """
    INSERT INTO giftcodes_memberredemption (redemption_id, member_id, gift_code_id, player_id,
                                            state, reason, next_attempt_at, settled_at,
                                            covered_by_id)
    SELECT r.id, m.id, r.gift_code_id, m.player_id, 'already_received', 'Covered.', NULL,
           now() - interval '8 days', proof.id
    FROM giftcodes_redemption r
    JOIN giftcodes_member m ON m.guild_id = r.guild_id
    JOIN giftcodes_memberredemption proof
        ON proof.gift_code_id = r.gift_code_id AND proof.player_id = m.player_id
    WHERE r.guild_id %% 2 = 0 AND (m.id - 1) %% %(members)s < %(duplicates)s
    ORDER BY r.id, m.id
    """,
)


def fill(*, guilds: int = 1_000, members: int = 100, codes: int = 10) -> None:
    """Insert guilds whose members all have every code. All runs are complete."""
    numbers = {"guilds": guilds, "members": members, "codes": codes, "duplicates": DUPLICATES}
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, numbers)
        for table in ("guild", "member", "giftcode", "redemption", "memberredemption", "attempt"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('giftcodes_{table}', 'id'), max(id)) "
                f"FROM giftcodes_{table}"
            )
        # Autovacuum would do this within a minute.
        cursor.execute("VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class Measured:
    """A process's output, its elapsed seconds, and its peak memory in MB."""

    output: str
    seconds: float
    peak_mb: float


def measure(*arguments: str) -> Measured:
    """Run Python with these arguments and with the database of this test.

    Raises:
        AssertionError: the process failed.
    """
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "redeemer.settings",
    }
    started_at = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - started_at
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    return Measured(output, took, usage.ru_maxrss / 1024)
