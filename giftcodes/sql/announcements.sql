-- Announcements: find the messages to send next.

-- name: choose
-- One message for each channel that is free: first a test, then new messages, then edits during a
-- run. A channel that is switched off gets tests only.
WITH busy AS MATERIALIZED (
    SELECT channel_id FROM giftcodes_announcement WHERE lease_until IS NOT NULL
), due AS (
    SELECT DISTINCT ON (a.channel_id) a.id, a.kind, a.state, a.next_attempt_at
    FROM giftcodes_announcement a
    JOIN giftcodes_channel ch ON ch.id = a.channel_id
    LEFT JOIN giftcodes_redemption r ON r.id = a.redemption_id
    WHERE a.state IN ({unfinished}) AND a.lease_until IS NULL
      AND a.next_attempt_at <= clock_timestamp()
      AND (ch.is_on OR a.kind = 'test')
      AND (ch.not_before IS NULL OR ch.not_before <= clock_timestamp())
      AND NOT EXISTS (SELECT FROM busy WHERE busy.channel_id = a.channel_id)
      AND CASE
        WHEN a.state = 'sent' THEN  -- The row `complete` announces the end.
            r.state = 'running' AND r.run_number = a.run_number
            AND r.last_served_at > a.edited_at - %(still)s
        WHEN a.kind = 'complete' THEN NOT EXISTS (
            SELECT FROM giftcodes_announcement s
            WHERE s.redemption_id = a.redemption_id AND s.run_number = a.run_number
              AND s.channel_id = a.channel_id AND s.kind = 'started' AND s.state = 'waiting')
        ELSE true
      END
    ORDER BY a.channel_id, (a.kind = 'test') DESC, (a.state = 'waiting') DESC, a.id
)
SELECT id FROM due
ORDER BY (kind = 'test') DESC, (state = 'waiting') DESC, next_attempt_at
LIMIT greatest(0, %(most)s - (SELECT count(*) FROM busy))
