-- name: granted
-- Only a few unsettled rows have been claimed before, which the planner cannot know. So the
-- attempts of each row are looked up separately.
SELECT m.id
FROM giftcodes_memberredemption m
CROSS JOIN LATERAL (
    SELECT FROM giftcodes_attempt a
    WHERE a.member_redemption_id = m.id AND a.outcome = 'success' LIMIT 1
) granted
WHERE m.state IN ({unsettled}) AND m.token > 0 AND m.covered_by_id IS NULL

-- name: stalled
SELECT r.id
FROM giftcodes_redemption r
JOIN giftcodes_guild g ON g.id = r.guild_id
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.state = ANY(%(open_codes)s)
JOIN giftcodes_ratebudget b ON b.provider = g.provider AND b.pause_kind = ''
JOIN giftcodes_cursor awake
  ON awake.name = 'awake' AND awake.at < clock_timestamp() - %(after)s
WHERE r.state = 'running' AND r.stop_requested_at IS NULL
  AND greatest(r.locked_at, r.last_served_at, c.held_until) < clock_timestamp() - %(after)s
  AND (b.window_ends_at IS NULL OR b.window_ends_at < clock_timestamp() - %(after)s)
  AND EXISTS (
      SELECT FROM giftcodes_memberredemption m
      WHERE m.redemption_id = r.id AND m.state = 'pending'
        AND m.next_attempt_at < clock_timestamp() - %(after)s
        -- A row is not due while the same player's row in another guild is asking the game for this
        -- code, or has its answer.
        AND NOT EXISTS (
            SELECT FROM giftcodes_memberredemption duplicate
            WHERE duplicate.gift_code_id = m.gift_code_id AND duplicate.player_id = m.player_id
              AND duplicate.covered_by_id IS NULL AND duplicate.state IN ({holding})))
