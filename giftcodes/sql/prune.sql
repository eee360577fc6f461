-- name: count_gone
-- A part of each statement below, so that deleting and counting are one statement. The figures are
-- written in the order of days, so that two prunes wait for each other and never deadlock.
    INSERT INTO giftcodes_prunedfigure AS f (provider, day, of, what, number)
    SELECT provider, day, %(of)s, what, count(*) FROM gone GROUP BY 1, 2, 4 ORDER BY 2, 1, 4
    ON CONFLICT (day, provider, of, what) DO UPDATE SET number = f.number + excluded.number

-- name: attempts
-- An attempt before a RECEIVED is kept, even if its own late answer proves nothing: because of that
-- attempt, the RECEIVED may count as redeemed.
WITH old AS MATERIALIZED (
    SELECT a.id
    FROM giftcodes_attempt a
    WHERE a.outcome IN ({prunable}) AND a.id >= %(first_id)s
      AND a.sent_at < %(before)s AND a.answered_at < %(before)s
      AND NOT EXISTS (
        SELECT FROM giftcodes_attempt later
        WHERE later.gift_code_id = a.gift_code_id AND later.player_id = a.player_id
          AND later.id > a.id AND later.outcome = 'received')
    ORDER BY a.id
    LIMIT %(batch)s
    FOR UPDATE OF a SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_attempt a USING old, giftcodes_giftcode c
    WHERE a.id = old.id AND c.id = a.gift_code_id
    RETURNING c.provider, (a.answered_at AT TIME ZONE %(zone)s)::date AS day, a.outcome AS what
), counted AS ({count_gone})
SELECT max(id) AS last_id, false AS has_more_of_last, count(*) AS deleted FROM old

-- name: entries
-- Journal entries that do not begin or end a run.
WITH old AS MATERIALIZED (
    SELECT e.id
    FROM giftcodes_redemptionevent e
    WHERE e.kind NOT IN ('locked', 'unlocked') AND e.id >= %(first_id)s AND e.at < %(before)s
    ORDER BY e.id
    LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_redemptionevent e USING old, giftcodes_giftcode c
    WHERE e.id = old.id AND c.id = e.gift_code_id
    RETURNING c.provider, (e.at AT TIME ZONE %(zone)s)::date AS day, e.kind AS what
), counted AS ({count_gone})
SELECT max(id) AS last_id, false AS has_more_of_last, count(*) AS deleted FROM old

-- name: runs
-- The runs of a redemption are deleted oldest first, each with both its entries, and the last run
-- is kept. So wherever pruning is interrupted, the starts and ends in the journal alternate, and
-- the last one agrees with the redemption's state.
-- The row lock of a redemption keeps two prunes from deleting the same runs. `first_id` and
-- `last_id` are ids of redemptions. If runs of the last redemption were deleted, more of its runs
-- may have to be deleted.
WITH ended AS MATERIALIZED (
    SELECT r.id, e.run_number
    FROM giftcodes_redemptionevent e
    JOIN giftcodes_redemption r ON r.id = e.redemption_id AND r.run_number > e.run_number
    WHERE e.kind = 'unlocked' AND e.at < %(before)s AND r.id >= %(first_id)s
    ORDER BY r.id, e.run_number
    LIMIT %(batch)s
), held AS MATERIALIZED (
    SELECT r.id FROM giftcodes_redemption r
    WHERE r.id IN (SELECT id FROM ended) ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_redemptionevent e USING ended, held, giftcodes_giftcode c
    WHERE held.id = ended.id AND e.redemption_id = ended.id AND e.run_number = ended.run_number
      AND e.kind IN ('locked', 'unlocked') AND c.id = e.gift_code_id
    RETURNING c.provider, (e.at AT TIME ZONE %(zone)s)::date AS day, e.kind AS what, e.redemption_id
), counted AS ({count_gone}),
last AS (SELECT max(id) AS id FROM ended)
SELECT last.id AS last_id,
       EXISTS (SELECT FROM gone WHERE gone.redemption_id = last.id) AS has_more_of_last,
       (SELECT count(*) FROM gone) AS deleted
FROM last
