-- Announcements: find the messages to send next.

-- name: choose
-- At most one message for each channel that is free: first a test, then new messages, then edits
-- during a run. A channel that is switched off gets tests only.
-- The guilds take turns, so that no guild waits behind many messages of another one. A message's
-- turn is its place among the messages of its guild, after those that are under way. Of messages
-- with the same turn, that of the guild that was served last goes last. Among the others, new
-- messages go before edits, and otherwise the guild that was served least recently goes first. If
-- several messages may be under way at once, no guild takes all places.
WITH busy AS MATERIALIZED (
    SELECT a.channel_id, ch.guild_id
    FROM giftcodes_announcement a
    LEFT JOIN giftcodes_channel ch ON ch.id = a.channel_id
    WHERE a.lease_until IS NOT NULL
), served AS MATERIALIZED (
    SELECT name, at, at = max(at) OVER () AS is_last
    FROM giftcodes_cursor
    WHERE starts_with(name, %(served)s)
), due AS (
    SELECT DISTINCT ON (a.channel_id) a.id, a.kind, a.state, a.next_attempt_at, ch.guild_id
    FROM giftcodes_announcement a
    JOIN giftcodes_channel ch ON ch.id = a.channel_id
    LEFT JOIN giftcodes_redemption r ON r.id = a.redemption_id
    WHERE a.state IN ({unfinished}) AND a.lease_until IS NULL
      AND a.next_attempt_at <= clock_timestamp()
      AND (ch.is_on OR a.kind = 'test')
      AND (ch.not_before IS NULL OR ch.not_before <= clock_timestamp())
      AND NOT EXISTS (SELECT FROM busy WHERE busy.channel_id = a.channel_id)
      AND CASE
        WHEN a.state = 'sent' THEN  -- Only during the run: a `complete` message announces its end.
            r.state = 'running' AND r.run_number = a.run_number
            AND r.last_served_at > a.edited_at - %(still)s
        WHEN a.kind = 'complete' THEN NOT EXISTS (
            SELECT FROM giftcodes_announcement s
            WHERE s.redemption_id = a.redemption_id AND s.run_number = a.run_number
              AND s.channel_id = a.channel_id AND s.kind = 'started' AND s.state = 'waiting')
        WHEN a.kind = 'thread' THEN NOT EXISTS (  -- It is opened on the message of the end.
            SELECT FROM giftcodes_announcement e
            WHERE e.redemption_id = a.redemption_id AND e.run_number = a.run_number
              AND e.channel_id = a.channel_id AND e.kind = 'complete' AND e.state = 'waiting')
        ELSE true
      END
    ORDER BY a.channel_id, (a.kind = 'test') DESC, (a.state = 'waiting') DESC, a.id
), turns AS (
    SELECT due.*, row_number() OVER (
        PARTITION BY guild_id
        ORDER BY (kind = 'test') DESC, (state = 'waiting') DESC, next_attempt_at, id
    ) + (SELECT count(*) FROM busy WHERE busy.guild_id = due.guild_id) AS turn
    FROM due
)
SELECT turns.id, turns.guild_id
FROM turns
LEFT JOIN served ON served.name = %(served)s || turns.guild_id
WHERE turn <= greatest(1, %(most)s - 1)
ORDER BY turn, coalesce(served.is_last, false), (state = 'waiting') DESC, served.at NULLS FIRST,
    next_attempt_at
LIMIT greatest(0, %(most)s - (SELECT count(*) FROM busy))
