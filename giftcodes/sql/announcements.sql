-- Announcements: find the messages to send next.

-- name: choose
-- One message for each guild whose channel is free: first new messages, then edits during a run.
WITH busy AS MATERIALIZED (
    SELECT r.guild_id
    FROM giftcodes_announcement a JOIN giftcodes_redemption r ON r.id = a.redemption_id
    WHERE a.lease_until IS NOT NULL
), due AS (
    SELECT DISTINCT ON (r.guild_id) a.id, a.state, a.next_attempt_at
    FROM giftcodes_announcement a
    JOIN giftcodes_redemption r ON r.id = a.redemption_id
    JOIN giftcodes_channel ch ON ch.guild_id = r.guild_id
    WHERE a.state IN ({unfinished}) AND a.lease_until IS NULL
      AND a.next_attempt_at <= clock_timestamp()
      AND (ch.not_before IS NULL OR ch.not_before <= clock_timestamp())
      AND NOT EXISTS (SELECT FROM busy WHERE busy.guild_id = r.guild_id)
      AND CASE
        WHEN a.state = 'sent' THEN  -- The row `complete` announces the end.
            r.state = 'running' AND r.run_number = a.run_number
            AND r.last_served_at > a.edited_at - %(still)s
        WHEN a.kind = 'started' THEN true
        ELSE NOT EXISTS (
            SELECT FROM giftcodes_announcement s
            WHERE s.redemption_id = a.redemption_id AND s.run_number = a.run_number
              AND s.kind = 'started' AND s.state = 'waiting')
      END
    ORDER BY r.guild_id, (a.state = 'waiting') DESC, a.id
)
SELECT id FROM due
ORDER BY (state = 'waiting') DESC, next_attempt_at
LIMIT greatest(0, %(most)s - (SELECT count(*) FROM busy))
